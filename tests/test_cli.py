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
        (["--data", "mnist"], "invalid choice: 'mnist'"),
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
