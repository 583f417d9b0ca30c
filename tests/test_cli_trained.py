"""predict and evaluate: a trained model on rows of one's own."""

import csv
import json
import re
import sys

import numpy as np
import pytest
from scipy.special import softmax

import tinygrad_xent as tx
from tinygrad_xent.cli import main


@pytest.fixture(scope="module")
def penguins(tmp_path_factory):
    """A model on penguins, as train writes it, and the test part of its data."""
    out = tmp_path_factory.mktemp("penguins")
    words = ["train", "--data", "penguins", "--epochs", "8", "--seed", "3", "--hidden", "5"]
    assert main([*words, "--quiet", "--out", str(out)]) == 0
    test = tx.data.load("penguins").split(test=0.2, seed=3)[1]
    return out / "model.safetensors", test


def by_hand(model, x):
    """q in float64 from the arrays of the file, by SciPy."""
    about, state = tx.read_metadata(model), tx.load_model(model).state_dict()
    h = (x - np.array(about["input_mean"])) / np.array(about["input_std"])
    h = np.maximum(h @ state["0.weight"] + state["0.bias"], 0)
    return softmax(h @ state["2.weight"] + state["2.bias"], axis=1)


def test_the_folder_of_a_run_names_its_model(penguins, tmp_path, capsys):
    model, _ = penguins
    told = []
    for given in (model, model.parent):
        assert main(["evaluate", "--model", str(given)]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    assert main(["evaluate", "--model", str(tmp_path)]) == 1
    assert "model.safetensors: no such model file" in capsys.readouterr().err


def test_a_table_without_names_says_how_to_leave_its_labels_out(tmp_path, capsys):
    rows = [(k, 7 * k % 11, k % 2) for k in range(30)]
    data = write(tmp_path / "plain.csv", None, rows)
    out = tmp_path / "run"
    assert main(["train", "--data", data, "--epochs", "1", "--quiet", "--out", str(out)]) == 0
    words = ["predict", "--model", str(out), "--data", data, "--out", str(tmp_path / "p.csv")]
    assert main(words) == 1
    assert "label (--label) says which one holds the labels" in capsys.readouterr().err
    assert main([*words, "--label", "x2"]) == 0
    assert len(table(tmp_path / "p.csv")) == 31


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write(path, header, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows] if header else rows)
    return str(path)


def run(capsys, *words):
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def refused(capsys, *words):
    code, out, error = run(capsys, *words)
    assert code == 1
    assert out == ""
    assert error.count("\n") == 1
    return error


def test_predictions_of_a_table_are_those_by_hand(penguins, tmp_path, capsys):
    model, test = penguins
    order = [2, 0, 3, 1]  # columns are found by their names, others passed over
    header = ["island", *(test.features[j] for j in order)]
    rows = [["Dream", *(f"{x[j]:.9g}" for j in order)] for x in test.x]
    source, out = write(tmp_path / "new.csv", header, rows), tmp_path / "out.csv"
    code, text, _ = run(capsys, "predict", "--model", model, "--data", source, "--out", out)
    assert code == 0
    head, *lines = table(out)
    assert head == ["row", "predicted", *test.classes]
    assert [int(line[0]) for line in lines] == list(range(2, 2 + len(test)))  # lines of the file
    q = by_hand(model, test.x.astype(np.float64))
    np.testing.assert_allclose(np.array([line[2:] for line in lines], float), q, atol=2e-6)
    found = [test.classes[k] for k in q.argmax(axis=1)]
    assert [line[1] for line in lines] == found
    assert text.startswith(f"{len(test)} rows of {source}\n")
    for name in test.classes:
        count, mean = re.search(rf"^{name} +(\d+) +([\d.]+)$", text, re.M).groups()
        assert int(count) == found.count(name)
        sure = q.max(axis=1)[[f == name for f in found]]
        assert float(mean) == pytest.approx(sure.mean(), abs=6e-4)
    least = int(q.max(axis=1).argmin())
    assert (
        f"least sure: row {least + 2}, {found[least]} with q = {q.max(axis=1)[least]:.3f}" in text
    )
    assert text.endswith(f"written to {out}\n")


def test_columns_by_position_and_missing_cells(penguins, tmp_path, capsys):
    model, test = penguins
    rows = [[*map(str, x)] for x in test.x[:5].tolist()]
    source, out = write(tmp_path / "bare.csv", None, rows), tmp_path / "out.csv"
    assert run(capsys, "predict", "--model", model, "--data", source, "--out", out)[0] == 0
    assert [line[0] for line in table(out)[1:]] == list("12345")
    rows[2][1] = "NA"
    source = write(tmp_path / "holes.csv", list(test.features), rows)
    words = ["predict", "--model", model, "--data", source, "--out", tmp_path / "none.csv"]
    error = refused(capsys, *words)
    assert test.features[1] in error
    assert "4" in error
    assert not (tmp_path / "none.csv").exists()
    code, text, _ = run(capsys, *words, "--drop-missing")
    assert code == 0
    assert "; 1 left out, with missing cells" in text
    assert [line[0] for line in table(tmp_path / "none.csv")[1:]] == ["2", "3", "5", "6"]


def test_without_data_the_test_part_of_its_set_is_taken(penguins, tmp_path, capsys, monkeypatch):
    model, test = penguins
    monkeypatch.chdir(tmp_path)
    code, text, _ = run(capsys, "predict", "--model", model)
    assert code == 0
    assert text.startswith(f"the {len(test)} rows of the test part of penguins\n")
    lines = table(tmp_path / "predictions.csv")[1:]
    q = by_hand(model, test.x.astype(np.float64))
    np.testing.assert_allclose(np.array([line[2:] for line in lines], float), q, atol=2e-6)
    code, text, _ = run(capsys, "evaluate", "--model", model)
    assert code == 0
    report = (model.parent / "report.txt").read_text(encoding="utf-8")
    assert (
        text == f"the {len(test)} rows of the test part of penguins\n\n{report}"
    )  # as in training


def test_evaluate_a_table(penguins, tmp_path, capsys):
    model, test = penguins
    rows = [[test.classes[y], *map(str, x)] for x, y in zip(test.x.tolist(), test.y, strict=True)]
    source = write(tmp_path / "some.csv", ["species", *test.features], rows[:-1])
    out = tmp_path / "judged"
    words = ["evaluate", "--model", model, "--data", source, "--label", "species", "--out", out]
    code, text, _ = run(capsys, *words)
    assert code == 0
    q = by_hand(model, test.x[:-1].astype(np.float64))
    right = q.argmax(axis=1) == test.y[:-1]
    loss = -np.log(q[np.arange(len(q)), test.y[:-1]]).mean()
    assert f"accuracy {right.mean():.3f}, loss {loss:.3f} nats" in text
    assert {path.name for path in out.iterdir()} == {
        *("report.txt", "confusion.png", "reliability.png")
    }
    assert (out / "report.txt").read_text(encoding="utf-8") in text
    assert text.endswith(f"written to {out}: report.txt, confusion.png, reliability.png\n")
    # One class only, and the labels by their number.
    some = [row for row in rows if row[0] == test.classes[1]]
    source = write(tmp_path / "one.csv", ["species", *test.features], some)
    code, text, _ = run(capsys, "evaluate", "--model", model, "--data", source, "--label", "0")
    assert code == 0
    assert f"without rows, so that recall is nan: {test.classes[0]}, {test.classes[2]}" in text


def test_evaluate_without_matplotlib(penguins, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, text, _ = run(capsys, "evaluate", "--model", penguins[0], "--out", tmp_path)
    assert code == 0
    assert "no confusion.png: plots need matplotlib: pip install" in text
    assert text.endswith(f"written to {tmp_path}: report.txt\n")


def test_a_set_that_the_model_does_not_know(penguins, capsys):
    error = refused(capsys, "evaluate", "--model", penguins[0], "--data", "iris")
    assert (
        "iris: 4 columns and the classes setosa, versicolor, virginica; the model wants 4" in error
    )
    assert "13 columns" in refused(capsys, "predict", "--model", penguins[0], "--data", "wine")


def test_what_is_wrong_with_a_table_is_said(penguins, tmp_path, capsys):
    model, test = penguins
    rows = [[*map(str, x), "Adelie"] for x in test.x[:4].tolist()]
    names = [*test.features, "species"]
    wrong = write(tmp_path / "wrong.csv", ["a", *names[1:]], rows)
    error = refused(capsys, "predict", "--model", model, "--data", wrong)
    assert f"columns are not there: '{test.features[0]}'" in error
    stranger = write(tmp_path / "stranger.csv", names, [*rows, [*rows[0][:-1], "dodo"]])
    words = ["evaluate", "--model", model, "--data", stranger, "--label", "species"]
    assert "dodo" in refused(capsys, *words)
    bad = write(tmp_path / "bad.csv", names, [*rows, ["inf", *rows[0][1:]]])
    assert "bad.csv" in refused(capsys, "predict", "--model", model, "--data", bad)
    assert "no-such.csv" in refused(capsys, "predict", "--model", model, "--data", "no-such.csv")
    same = ["predict", "--model", model, "--data", wrong, "--out"]
    good = write(tmp_path / "good.csv", names, rows)
    before = (tmp_path / "good.csv").read_bytes()
    same = ["predict", "--model", model, "--data", good, "--out", good]
    assert "wanted another file" in refused(capsys, *same)
    same[-1] = model
    assert "wanted another file" in refused(capsys, *same)
    assert (tmp_path / "good.csv").read_bytes() == before


GOOD = {
    "classes": ["a", "b"],
    "input_mean": [0.0, 1.0],
    "input_std": [1.0, 2.0],
    "features": ["u", "v"],
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"input_mean": None}, "does not hold input_mean, the statistics of its columns; wanted"),
        ({"input_std": None}, "does not hold input_std"),
        ({"classes": None}, "does not hold its classes as a list of names; wanted a model that"),
        ({"classes": ["a", "b", "c"]}, "3 different classes in it, but 2 logits"),
        ({"classes": ["a", "a"]}, "1 different classes in it, but 2 logits"),
        ({"classes": [1, 2]}, "does not hold its classes"),
        ({"classes": "ab"}, "does not hold its classes"),
        ({"features": ["u"]}, "1 features in it, but 2 input means"),
        ({"features": 5}, "does not hold its features"),
        ({"input_mean": ["x", "y"]}, "input_mean in it is no list of numbers"),
        ({"input_mean": [[0.0, 1.0]]}, "input_mean in it is no list of numbers"),
        ({"input_mean": [0.0, float("nan")]}, "input_mean in it is no list of numbers"),
        ({"input_mean": {"a": 1}}, "input_mean in it is no list of numbers"),
        ({"input_std": [1.0, 0.0]}, "do not belong together"),
        ({"input_std": [1.0]}, "do not belong together"),
        (
            {"input_mean": [0.0] * 3, "input_std": [1.0] * 3, "features": ["u", "v", "w"]},
            "the model does not take its 3 columns",
        ),
        ({"data": ["digits"]}, "does not come with its data; say which: --data"),
        ({"data": "../secret"}, "does not come with its data"),
    ],
)
def test_a_model_that_does_not_say_what_it_takes(change, says, tmp_path, capsys):
    about = {key: value for key, value in (GOOD | change).items() if value is not None}
    path = tmp_path / "model.safetensors"
    tx.save(tx.nn.MLP([2, 2], rng=0), path, metadata=about)
    for command in ("predict", "evaluate"):
        error = refused(capsys, command, "--model", path)
        assert says in error
        assert "model.safetensors" in error


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_no_model(command, tmp_path, capsys):
    assert "no such model file" in refused(capsys, command, "--model", tmp_path / "none")
    (tmp_path / "noise").write_bytes(bytes(100))
    assert "damaged" in refused(capsys, command, "--model", tmp_path / "noise")
    with pytest.raises(SystemExit):
        main([command])
    assert "--model" in capsys.readouterr().err


def test_names_of_classes_are_kept_in_the_file_and_shown_as_text(tmp_path, capsys):
    classes = ['a,b\n"c"\x1b[31m', "=1+1 \u202e"]
    path, out = tmp_path / "model.safetensors", tmp_path / "out.csv"
    tx.save(tx.nn.MLP([2, 2], rng=0), path, metadata=GOOD | {"classes": classes})
    source = write(tmp_path / "new.csv", ["u", "v"], [["1", "2"], ["3", "4"]])
    code, text, _ = run(capsys, "predict", "--model", path, "--data", source, "--out", out)
    assert code == 0
    assert table(out)[0] == ["row", "predicted", *classes]
    assert not set("\x1b\u202e") & set(text)
    assert json.loads(json.dumps(classes)) == tx.read_metadata(path)["classes"]


@pytest.mark.parametrize("split", [[], ["--split", "tail"], ["--test-fraction", "0.4"]])
def test_of_a_file_the_model_was_trained_on_the_test_part_is_taken(split, tmp_path, capsys):
    wine = tx.data.load("wine")
    order = np.random.default_rng(0).permutation(len(wine))
    rows = [[*map(str, wine.x[i].tolist()), wine.classes[wine.y[i]]] for i in order]
    source = write(tmp_path / "my wine.csv", [*wine.features, "grower"], rows)
    out, words = tmp_path / "run", ["--data", source, "--label", "grower"]
    train = ["train", *words, "--epochs", "2", "--quiet", "--out", str(out), *split]
    assert main(train) == 0
    capsys.readouterr()
    model = ["--model", out / "model.safetensors"]
    code, text, _ = run(capsys, "evaluate", *model, "--data", source)  # the label it knows
    assert code == 0
    report = (out / "report.txt").read_text(encoding="utf-8")
    n = int(report.split()[0])
    assert text == f"the {n} rows of the test part of {source}\n\n{report}"
    # With other rows in it, it is not the file that was split.
    write(tmp_path / "my wine.csv", [*wine.features, "grower"], rows[:-1])
    code, text, _ = run(capsys, "evaluate", *model, "--data", source)
    assert text.startswith(f"{len(rows) - 1} rows of {source}\nthe model was trained on data of")
    code, text, _ = run(capsys, "predict", *model, "--data", source, "--out", tmp_path / "p.csv")
    assert text.startswith(f"{len(rows) - 1} rows of {source}\n")
    assert len(table(tmp_path / "p.csv")) == len(rows)
    assert refused(capsys, "evaluate", *model)  # its data do not come with it


def test_other_names_of_columns_and_ways_of_writing(penguins, tmp_path, capsys):
    model, test = penguins
    rows = [";".join(["x", *(str(v).replace(".", ",") for v in x)]) for x in test.x[:3].tolist()]
    source = tmp_path / "new.txt"
    source.write_text("\n".join(["id;a;b;c;d", *rows]), encoding="cp1252")
    words = ["predict", "--model", model, "--data", source, "--out", tmp_path / "p.csv"]
    more = ["--columns", "a,b,c,d", "--decimal", ",", "--delimiter", ";", "--encoding", "cp1252"]
    assert run(capsys, *words, *more)[0] == 0
    q = by_hand(model, test.x[:3].astype(np.float64))
    lines = table(tmp_path / "p.csv")[1:]
    np.testing.assert_allclose(np.array([line[2:] for line in lines], float), q, atol=2e-6)
    assert "3 --columns; wanted 4" in refused(capsys, *words, "--columns", "a,b,c")
    assert "--ignore is not needed" in refused(capsys, *words, *more, "--ignore", "id")


def test_images_of_bytes(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (6, 2, 3)).astype(np.uint8)
    np.savez(tmp_path / "images.npz", X=x, y=np.array([0, 1, 0, 1, 1, 1]))
    rows = tx.data.read(tmp_path / "images.npz")
    scale = tx.data.Standardiser.fit(rows.x)
    about = {"classes": rows.classes, "features": rows.features, "data": "images.npz"}
    about |= {"input_mean": scale.mean.tolist(), "input_std": scale.std.tolist()}
    path, out = tmp_path / "model.safetensors", tmp_path / "out.csv"
    model = tx.nn.MLP([6, 4, 2], rng=0)
    tx.save(model, path, metadata=about)
    source = tmp_path / "images.npz"
    assert run(capsys, "predict", "--model", path, "--data", source, "--out", out)[0] == 0
    q = by_hand(path, x.reshape(6, 6).astype(np.float64))
    np.testing.assert_allclose(np.array([r[2:] for r in table(out)[1:]], float), q, atol=2e-6)
    code, text, _ = run(capsys, "evaluate", "--model", path, "--data", source)
    assert code == 0
    assert "some of these rows it may know" in text
    assert f"accuracy {(q.argmax(axis=1) == [0, 1, 0, 1, 1, 1]).mean():.3f}" in text


def test_arrays_are_judged_by_a_model_of_a_table(penguins, tmp_path, capsys):
    model, test = penguins
    label = [test.classes[k] for k in test.y]
    code, text, _ = run(capsys, "evaluate", "--model", model)
    report = text.partition("\n")[2]
    for name, order in (("bare", [0, 1, 2, 3]), ("named", [2, 0, 3, 1])):
        path = tmp_path / f"{name}.npz"
        own = {"features": [test.features[j] for j in order]} if name == "named" else {}
        np.savez(path, X=test.x[:, order], y=label, **own)
        code, text, error = run(capsys, "evaluate", "--model", model, "--data", path)
        assert (code, error) == (0, "")
        assert text.partition("\n")[2] == report
    assert "not a table" in refused(
        capsys, "evaluate", "--model", model, "--data", path, "--label", "species"
    )


def test_options_of_a_set_of_the_package_are_heeded_or_refused(penguins, tmp_path, capsys):
    model, _ = penguins
    words = ["--model", model, "--data", "penguins"]
    code, text, _ = run(capsys, "predict", *words, "--limit", "7", "--out", tmp_path / "seven.csv")
    assert (code, text.splitlines()[0]) == (0, "all 7 rows of penguins")
    assert run(capsys, "evaluate", *words, "--limit", "7")[1].startswith("7 rows of penguins")
    for command in ("evaluate", "predict"):
        said = refused(capsys, command, *words, "--drop-missing")
        assert "--drop-missing is for tables; penguins is a set of the package" in said
