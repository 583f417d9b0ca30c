"""The command, as a user runs it: what it prints, what it writes, and what a mistake is told."""

import csv
import json
import re
import struct
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The main job, run once as a program of its own."""
    folder = tmp_path_factory.mktemp("run")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tinygrad_xent", "--seed", "1", "--out", "out"],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=None,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "out", done.stdout


def test_it_writes_a_run_folder(run):
    out, text = run
    wanted = {"model.safetensors", "checkpoint.safetensors", "run.json"}
    wanted |= {"history.csv", "curves.png", "graph.svg", "graph.dot"}
    wanted |= {"backprop.html", "index.html", "report.txt"}
    wanted |= {"confusion.png", "reliability.png", "weights.png"}  # these columns are pixels
    assert {path.name for path in out.iterdir()} == wanted
    assert all(name in text for name in wanted)


def test_it_says_what_the_first_loss_and_a_uniform_guess_cost(run):
    _, text = run
    loss = float(re.search(r"step 0: loss ([\d.]+), a uniform guess costs ln 10 = 2.303", text)[1])
    assert abs(loss - np.log(10)) < 0.15


def test_it_learns(run):
    out, text = run
    accuracy = float(re.search(r"test accuracy ([\d.]+)", text)[1])
    assert accuracy >= 0.96
    with (out / "history.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:5] == [
        "epoch",
        "train_loss",
        "train_accuracy",
        "test_loss",
        "test_accuracy",
    ]
    assert [int(row["epoch"]) for row in rows] == list(range(41))
    assert float(rows[-1]["test_accuracy"]) == pytest.approx(accuracy, abs=5e-4)
    assert float(rows[-1]["train_loss"]) < 0.1 < float(rows[0]["train_loss"])
    worst = re.search(r"worst pair: (\d) taken for (\d), (\d+) of (\d+) times", text)
    assert worst[1] != worst[2]


def test_the_table_shows_q_minus_p_and_the_same_gradient(run):
    _, text = run
    rows = re.findall(r"^ +(\d) +([\d.]+) +([01]) +(-?[\d.]+) +(-?[\d.]+)$", text, re.MULTILINE)
    table = np.array(rows, float)
    assert table.shape == (10, 5)
    label, q, p, difference, gradient = table.T
    np.testing.assert_array_equal(label, range(10))
    np.testing.assert_allclose(q.sum(), 1, atol=1e-5)
    assert p.sum() == 1
    np.testing.assert_allclose(difference, q - p, atol=2e-6)
    np.testing.assert_allclose(gradient, difference, atol=2e-6)
    assert float(re.search(r"largest difference .*: ([\d.e-]+)", text)[1]) < 1e-6


def test_the_graph_shows_q_minus_p(run):
    out, text = run
    svg = "|".join(ElementTree.parse(out / "graph.svg").getroot().itertext())
    assert "ḡ (q - p) / N" in svg
    assert "-Σ p log q / N" in svg
    assert all(name in svg for name in ("0.weight", "2.bias", "(1, 64) f32"))
    largest = max(re.findall(r"-0\.\d{6}", text), key=lambda s: -float(s))
    assert f"{float(largest):.3g}" in svg


def test_the_model_can_be_used_again_on_inputs_scaled_as_it_was_trained(run):
    out, text = run
    about = tx.read_metadata(out / "model.safetensors")
    _, test = tx.data.load("digits").split(test=0.2, seed=1)
    x = (test.x - np.array(about["input_mean"])) / about["input_std"]
    model = tx.load_model(out / "model.safetensors")
    result = tx.evaluate(model, x.astype(np.float32), test.y)
    assert f"test accuracy {result.accuracy:.3f}" in text
    assert about["classes"] == list("0123456789")


def test_the_model_file_has_pytorchs_names_and_layout(run):
    out, _ = run
    content = (out / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    shapes = {k: v["shape"] for k, v in header.items() if k != "__metadata__"}
    assert shapes == {
        "0.weight": [32, 64],
        "0.bias": [32],
        "2.weight": [10, 32],
        "2.bias": [10],
    }


@pytest.mark.parametrize("name", ["curves", "confusion", "reliability", "weights"])
def test_a_picture_is_one(run, name):
    out, _ = run
    assert (out / f"{name}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_report_is_printed_and_kept(run):
    out, text = run
    report = (out / "report.txt").read_text(encoding="utf-8")
    head, table, notes = report.split("\n\n")
    assert table in text
    assert re.search(r"test accuracy ([\d.]+)", text)[1] in head
    assert re.search(r"worst pair: (.*)", text)[1] in notes
    assert len(table.splitlines()) == 1 + 10 + 2


def test_the_same_seed_gives_the_same_files(run, tmp_path, monkeypatch):
    out, _ = run
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--seed", "1", "--quiet"]) == 0
    again = tmp_path / "runs" / "digits-1"
    for path in out.iterdir():
        name = path.name
        if name == "index.html":  # which tells the command as it was typed
            continue
        assert (again / name).read_bytes() == (out / name).read_bytes()


def test_options_and_quiet(tmp_path, capsys):
    out = tmp_path / "moons"
    words = ["train", "--data", "moons", "--hidden", "8,4", "--epochs", "3", "--lr", "0.05"]
    words += [
        "--batch-size",
        "16",
        "--optimizer",
        "sgd",
        "--seed",
        "2",
        "--out",
        str(out),
        "--quiet",
    ]
    assert main(words) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (f"{out}\n", "")
    model = tx.load_model(out / "model.safetensors")
    assert model.sizes == (2, 8, 4, 2)
    assert len((out / "history.csv").read_text(encoding="utf-8").splitlines()) == 5


@pytest.mark.parametrize("name", [n for n in tx.data.names() if n != "digits"])
def test_every_data_set_trains(name, tmp_path, capsys):
    assert main(["--data", name, "--epochs", "2", "--hidden", "", "--out", str(tmp_path)]) == 0
    classes = len(tx.data.load(name).classes)
    assert f"a uniform guess costs ln {classes}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--epochs", "0"], "argument --epochs: '0' is not a whole number of at least 1"),
        (["--epochs", "1.5"], "--epochs"),
        (["--lr", "0"], "'0' is not a number greater than 0"),
        (["--lr", "nan"], "--lr"),
        (["--batch-size", "-3"], "--batch-size"),
        (["--hidden", "32,x"], "'32,x' is not a list of layer sizes such as 32,16"),
        (["--hidden", "0"], "--hidden"),
        (["--optimizer", "lion"], "invalid choice: 'lion'"),
        (["--test-fraction", "1"], "'1' is not a fraction between 0 and 1"),
        (["--split", "head"], "invalid choice: 'head'"),
        (["--seed", "-1"], "--seed"),
        (["--colour"], "--colour"),
        (["fly"], "invalid choice: 'fly'"),
        (["train", "--out", __file__], "is not a folder"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(words, says, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    captured = capsys.readouterr()
    assert stop.value.code == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert says in captured.err


def test_a_model_that_no_memory_holds_is_one_line_and_exit_code_1(tmp_path, capsys):
    words = ["--data", "iris", "--hidden", str(10**15), "--out", str(tmp_path / "run")]
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith("tinygrad-xent: error: Unable to allocate")
    assert error.count("\n") == 1


def test_a_runaway_learning_rate_is_one_line_and_exit_code_1(tmp_path, capsys):
    words = ["--lr", "1e9", "--optimizer", "sgd", "--quiet", "--out", str(tmp_path)]
    assert main(words) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "try a smaller learning rate" in captured.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-h"], "train"),
        (["train", "-h"], "--batch-size"),
        (["engines", "-h"], "what to install"),
        (["--version"], tx.__version__),
    ],
)
def test_help_and_version(words, says, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 0
    assert says in capsys.readouterr().out


def test_without_matplotlib_or_an_engine_the_rest_is_still_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr("tinygrad_xent.draw.engines.engines", lambda format: [])
    assert main(["--data", "iris", "--epochs", "1", "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    wanted = {"model.safetensors", "history.csv", "graph.dot", "graph.svg", "backprop.html"}
    wanted |= {"report.txt", "index.html", "checkpoint.safetensors", "run.json"}
    assert {p.name for p in tmp_path.iterdir()} == wanted
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for name in ("curves", "confusion", "reliability"):
        assert "pip install" in re.search(f"no {name}.png: .*", text)[0]
        assert f"{name}.png is missing: plots need matplotlib: pip install" in page
    assert "<img" in page  # the graph
    assert "q = softmax(z)" in (tmp_path / "graph.svg").read_text(encoding="utf-8")


def test_engines_says_what_there_is_and_what_to_install(capsys, monkeypatch):
    monkeypatch.setenv("TINYGRAD_XENT_DOT", "no-such-dot")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("tinygrad_xent.draw.engines._pygraphviz", lambda: None)
    assert main(["engines"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    rows = dict(line.split(maxsplit=1) for line in captured.out.splitlines() if line)
    assert rows["engine"].split() == ["version", "writes", "where"]
    assert "no-such-dot: there is no such executable" in rows["TINYGRAD_XENT_DOT"]
    assert "pip install pygraphviz" in rows["pygraphviz"]
    assert "https://graphviz.org" in rows["dot"]
    assert rows["built-in"].split(maxsplit=2) == ["-", "svg", "part of tinygrad_xent"]
    assert rows["svg"] in ("graphviz-pure", "built-in")
    assert rows["pdf"].startswith("install Graphviz")


def test_a_console_that_knows_few_letters_is_no_obstacle(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_xent", "--data", "iris", "--epochs", "1", "--out", "o"],
        cwd=tmp_path,
        capture_output=True,
        env={
            "PYTHONIOENCODING": "ascii",
            "PYTHONPATH": ":".join(filter(None, sys.path)),
            "PATH": "",
        },
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()


# ---- data -------------------------------------------------------------------------------------

TABLE = "cm;kg;who;size\n" + "".join(
    f"{150 + 4 * k};{50 + k % 5};Ada;{'tall' if k > 9 else 'short'}\n" for k in range(20)
)
READ = ["--label", "size", "--ignore", "who", "--drop-missing"]


@pytest.fixture
def people(tmp_path, monkeypatch):
    """A table of one's own, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text(TABLE + "?;50;Bob;tall\n", encoding="utf-8")
    return "people.csv"


def test_without_a_console_there_is_no_stdout(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["engines"]) == 0


def test_a_table_of_ones_own_trains(people, capsys):
    assert main(["train", "--data", people, *READ, "--epochs", "2"]) == 0
    said = capsys.readouterr().out
    assert "read from people.csv; 1 of 21 rows left out, with missing cells" in said
    assert "people: 16 rows to train on, 4 to test, 2 classes" in said
    assert "short" in said
    about = tx.read_metadata("runs/people-0/model.safetensors")
    assert about["classes"] == ["short", "tall"]
    assert about["features"] == ["cm", "kg"]
    assert (about["label"], about["data"]) == ("size", "people.csv")
    train = tx.data.read(people, label="size", ignore=["who"], drop_missing=True).split(0.2, 0)[0]
    assert about["input_mean"] == train.x.mean(axis=0, dtype=float).tolist()
    np.testing.assert_allclose(about["input_std"], train.x.std(axis=0, dtype=float), rtol=1e-12)


def test_the_tail_and_a_fraction_of_ones_own(people, capsys):
    words = ["--data", people, *READ, "--epochs", "1", "--split", "tail", "--test-fraction", "0.4"]
    assert main(words) == 0
    assert "people: 12 rows to train on, 8 to test" in capsys.readouterr().out
    assert main([*words, "--limit", "15", "--columns", "cm,kg"]) == 0
    assert "people: 9 rows to train on, 6 to test" in capsys.readouterr().out


def test_an_npz_with_its_own_test_part_trains_on_its_pixels(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).integers(0, 256, (12, 3, 3), dtype=np.uint8)
    y = np.arange(12) % 2
    np.savez("spots.npz", x_train=x, y_train=y, x_test=x[:4], y_test=y[:4])
    assert main(["--data", "spots.npz", "--epochs", "1"]) == 0
    assert "spots: 12 rows to train on, 4 to test" in capsys.readouterr().out
    assert tx.read_metadata("runs/spots-0/model.safetensors")["label"] is None
    assert main(["data", "spots.npz"]) == 0
    said = capsys.readouterr().out
    assert "spots: 12 rows of 9 columns, uint8" in said
    assert "classes: 0 (6), 1 (6)\ntest part: 4 rows: 0 (2), 1 (2)" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--data", "digit"], "unknown data set: 'digit'; did you mean 'digits'?"),
        (["--data", "no.csv"], "no.csv: there is no such file or folder"),
        (["--data", "people.csv"], "column 'who': 'Ada' is not a number"),
        (
            ["--data", "people.csv", "--ignore", "who"],
            "line 22, column 'cm': '?' is a missing cell",
        ),
        (["--data", "people.csv", *READ, "--limit", "5"], "all 5 rows are of the class 'short'"),
        (["--data", "iris", "--label", "x"], "--label is for tables; iris is a set of the package"),
        (["data", "people.csv", "--label", "x"], "people.csv: label 'x': no such column"),
    ],
)
def test_wrong_data_is_one_line_and_exit_code_1(people, words, says, capsys):
    assert main(words) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert says in captured.err


def test_limit_of_a_set_of_the_package(tmp_path, capsys):
    assert main(["--data", "digits", "--limit", "50", "--epochs", "1", "--out", str(tmp_path)]) == 0
    assert re.search(
        "digits: 40 rows to train on, 10 to test|digits: [34]", capsys.readouterr().out
    )


def test_data_lists_the_sets(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGRAD_XENT_DATA", str(tmp_path))
    (tmp_path / "mnist.npz").touch()
    monkeypatch.setattr("tinygrad_xent.cli.data.located", {"mnist": tmp_path / "mnist.npz"}.get)
    assert main(["data"]) == 0
    said = capsys.readouterr().out
    rows = {line.split("  ")[0]: line.split() for line in said.splitlines() if line}
    assert list(rows)[1:10] == list(tx.data.names())
    assert rows["digits"] == ["digits", "1797", "64", "10", "46", "kB", "BSD-3-Clause"]
    assert rows["fashion-mnist"][:4] == ["fashion-mnist", "60000+10000", "784", "10"]
    assert f"mnist: found, {tmp_path / 'mnist.npz'}" in said
    assert "fashion-mnist: not found. Four ways to get it:" in said
    assert f"looked for in {tmp_path / 'fashion-mnist'}" in said


def test_data_describes_a_table(people, capsys):
    assert main(["data", people]) == 0
    said = capsys.readouterr().out
    assert "people.csv: a table of 21 rows and 4 columns, with names, cells parted by ';'" in said
    cells = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line}
    assert cells["cm"] == ["numbers", "1", "150", "..", "226"]
    assert cells["who"] == ["text", "0", "Ada", "(20),", "Bob", "(1)"]
    assert cells["size"] == ["text", "0", "short", "(10),", "tall", "(11)"]
    assert "rows with a missing cell: 1\nlabel: 'size', the last column" in said
    assert main(["data", "iris"]) == 0
    assert "classes: setosa (50), versicolor (50), virginica (50)" in capsys.readouterr().out
