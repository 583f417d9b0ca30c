"""`train --resume`: the folder of a run that was broken off becomes that of one that was not."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import tinygrad_xent as tx
from tinygrad_xent.cli import main, train
from tinygrad_xent.cli.resuming import _replaced
from tinygrad_xent.cli.saying import typed
from tinygrad_xent.training.checkpoint import read_checkpoint

ROOT = Path(__file__).parents[1]
OPTIONS = "--data moons --hidden 8 --epochs 6 --dropout 0.1 --schedule cosine --validation 0.2"
WORDS = [*OPTIONS.split(), "--patience", "5", "--seed", "3"]


class Crash(Exception):
    """The machine stops."""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Without plots; and Ctrl-C as a program has it."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def at(monkeypatch):
    """Do something when the command is told of an epoch."""
    watch = train._watch_epoch

    def at(epoch, act):
        def told(row, *rest):
            watch(row, *rest)
            if row.epoch == epoch:
                act()

        monkeypatch.setattr(train, "_watch_epoch", told)

    return at


def crash():
    raise Crash


def press():
    signal.raise_signal(signal.SIGINT)


def run(*words):
    assert main(["train", *words, "--quiet"]) == 0


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib.figure", None)
        assert main(["train", *WORDS, "--movie", "--quiet", "--out", str(out)]) == 0
    return files(out)


@pytest.mark.parametrize("act", [crash, press])
@pytest.mark.parametrize("epoch", [0, 1, 4, 6])
def test_the_folder_is_that_of_a_run_that_was_not_broken_off(act, epoch, whole, at, tmp_path):
    out = tmp_path / "run"
    at(epoch, act)
    if act is crash:
        with pytest.raises(Crash):
            run(*WORDS, "--movie", "--out", str(out))
    else:
        run(*WORDS, "--movie", "--out", str(out))
    at(-1, crash)
    run("--resume", str(out))
    assert files(out) == whole
    run("--resume", str(out), "--seed", "3", "--out", str(out))  # once more, and nothing changes
    assert files(out) == whole


@pytest.mark.parametrize("resumed", [False, True])
def test_a_run_that_was_broken_off_is_not_lost_by_beginning_another(
    resumed, whole, at, tmp_path, capsys
):
    out = tmp_path / "a run"
    if resumed:  # after Ctrl-C, from where its folder was whole
        at(1, press)
        run(*WORDS, "--movie", "--out", str(out))
    at(4, crash)
    with pytest.raises(Crash):
        run(*(["--resume", str(out)] if resumed else [*WORDS, "--movie", "--out", str(out)]))
    at(-1, crash)
    before = files(out)
    assert main(["train", *WORDS, "--out", str(out)]) == 1
    again = typed(["tinygrad-xent", "train", "--resume", str(out)])
    says = f"broken off; to go on with it: {again}; to lose it and"
    assert says in capsys.readouterr().err
    assert files(out) == before
    assert main(["train", "--resume", str(out), "--overwrite"]) == 1
    assert "give one of them" in capsys.readouterr().err
    assert files(out) == before
    run(*WORDS, "--movie", "--out", str(out), "--overwrite")
    assert files(out) == whole


def test_a_run_that_kept_nothing_or_has_ended_is_replaced(whole, at, tmp_path):
    out = tmp_path / "run"
    at(0, crash)  # before there is a checkpoint
    with pytest.raises(Crash):
        run(*WORDS, "--movie", "--out", str(out))
    at(2, press)
    run(*WORDS, "--movie", "--out", str(out))
    at(-1, crash)
    run(*WORDS, "--movie", "--out", str(out))
    assert files(out) == whole


def test_it_says_where_it_goes_on_and_that_it_is_finished(at, tmp_path, capsys):
    out = tmp_path / "a run"
    at(2, press)
    assert main(["train", *WORDS, "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert f"to go on from there: tinygrad-xent train --resume {typed([str(out)])}\n" in said.err
    at(-1, crash)
    assert main(["train", "--resume", str(out)]) == 0
    said = capsys.readouterr()
    assert re.search(r"^resumed in epoch 3$", said.out, re.MULTILINE)
    assert "step 0" not in said.out
    assert said.err == ""
    assert main(["train", "--resume", str(out)]) == 0
    said = capsys.readouterr()
    assert "nothing is left to train: all 6 epochs are done; the weights are" in said.out
    assert "; --epochs N goes on\n" in said.out


def test_the_second_ctrl_c_says_how_to_go_on_too(at, tmp_path, capsys):
    def twice():
        press()
        press()

    at(2, twice)
    assert main(["train", *WORDS, "--quiet", "--out", str(tmp_path / "run")]) == 130
    says = f"to go on from there: tinygrad-xent train --resume {typed([str(tmp_path / 'run')])}\n"
    assert capsys.readouterr().err == f"{says}tinygrad-xent: stopped\n"


@pytest.mark.parametrize(
    ("system", "said"), [("posix", "--resume 'my runs/a'"), ("nt", '--resume "my runs/a"')]
)
def test_the_command_is_quoted_as_its_shell_wants_it(system, said, monkeypatch):
    monkeypatch.setattr("tinygrad_xent.cli.saying.os", SimpleNamespace(name=system))
    assert typed(["train", "--resume", "my runs/a"]) == f"train {said}"


def test_more_epochs(tmp_path, capsys):
    words = ["--data", "moons", "--hidden", "8", "--movie"]
    run(*words, "--epochs", "3", "--seed", "1", "--out", str(tmp_path / "one"))
    run("--resume", str(tmp_path / "one"), "--epochs", "5")
    run(*words, "--epochs", "5", "--seed", "1", "--out", str(tmp_path / "two"))
    assert files(tmp_path / "one") == files(tmp_path / "two")
    before = files(tmp_path / "one")
    assert main(["train", "--resume", str(tmp_path / "one"), "--epochs", "2"]) == 1
    assert "--epochs 2: the run in " in capsys.readouterr().err
    assert files(tmp_path / "one") == before


def test_before_anything_was_kept_it_begins(whole, monkeypatch, tmp_path):
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(train, "fit", lambda *args, **options: crash())
        with pytest.raises(Crash):
            run(*WORDS, "--movie", "--out", str(out))
    assert set(files(out)) == {"run.json"}
    run("--resume", str(out))
    assert files(out) == whole


def test_a_new_run_in_the_folder_of_another_begins_anew(at, tmp_path):
    out = tmp_path / "run"
    at(2, crash)
    with pytest.raises(Crash):
        run(*WORDS, "--out", str(out))
    (out / ".checkpoint.0123456789abcdef.safetensors").write_bytes(b"half")
    at(0, crash)
    with pytest.raises(Crash):
        run("--data", "iris", "--overwrite", "--out", str(out))
    assert set(files(out)) == {"run.json"}  # a checkpoint would belong to the other
    assert json.loads(files(out)["run.json"])["words"] == ["train", "--data", "iris"]


def test_how_often(at, tmp_path):
    out = tmp_path / "run"
    at(5, crash)
    with pytest.raises(Crash):
        run(*WORDS, "--checkpoint-every", "2", "--out", str(out))
    assert len(read_checkpoint(out / "checkpoint.safetensors")[0]["history"]) == 5
    assert json.loads(files(out)["run.json"])["words"] == [
        "train",
        *WORDS,
        "--checkpoint-every",
        "2",
    ]
    at(5, crash)  # resumed without saying it again, it is still every second epoch
    with pytest.raises(Crash):
        run("--resume", str(out))
    assert len(read_checkpoint(out / "checkpoint.safetensors")[0]["history"]) == 5


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--seed 4", "--seed 4 contradicts the run in {out}, which has 3"),
        ("--data iris", "--data iris contradicts the run in {out}, which has moons"),
        ("--hidden 8,8", "--hidden 8,8 contradicts the run in {out}, which has 8"),
        ("--lr 0.25", "--lr 0.25 contradicts the run in {out}, which has none"),
        ("--class-weights balanced", "--class-weights balanced contradicts the run in {out}"),
        ("--movie", "--movie contradicts the run in {out}, which has none"),
        ("--out elsewhere", "--out elsewhere: the run goes on where it is, in {out}"),
        ("--epochs 2", "--epochs 2: the run in {out} has begun 6 already"),
    ],
)
def test_what_contradicts_is_refused_by_name(words, says, tmp_path, capsys):
    out = tmp_path / "run"
    run(*WORDS, "--out", str(out))
    before = files(out)
    capsys.readouterr()
    assert main(["train", "--resume", str(out), *words.split()]) == 1
    err = capsys.readouterr().err
    assert says.format(out=out) in err
    assert err.count("\n") == 1
    assert files(out) == before


def test_fewer_epochs_than_the_one_in_progress_change_nothing(monkeypatch, tmp_path, capsys):
    class Pressed:
        def on_batch(self, batch):
            if (batch.epoch, batch.batch) == (4, 0):
                press()

    def fit(*data, callbacks, **options):
        return tx.fit(*data, callbacks=[*callbacks, Pressed()], **options)

    monkeypatch.setattr(train, "fit", fit)
    run(*WORDS, "--out", str(tmp_path))
    before = files(tmp_path)
    assert main(["train", "--resume", str(tmp_path), "--epochs", "3"]) == 1
    assert f"--epochs 3: the run in {tmp_path} has begun 4 already" in capsys.readouterr().err
    assert files(tmp_path) == before


def test_where_there_is_no_run(tmp_path, capsys):
    for folder in (tmp_path, tmp_path / "nowhere"):
        assert main(["train", "--resume", str(folder)]) == 1
        assert f"--resume {folder}: there is no run.json in it" in capsys.readouterr().err
    for content in ("", "[]", '{"words": 3}', '{"words": [3]}', "\0", "[" * 100_000):
        (tmp_path / "run.json").write_text(content, encoding="utf-8")
        assert main(["train", "--resume", str(tmp_path)]) == 1
        assert f"{tmp_path / 'run.json'}: damaged: " in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["run.json"]


def test_a_damaged_checkpoint_is_one_line(tmp_path, capsys):
    run(*WORDS, "--out", str(tmp_path))
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    capsys.readouterr()
    assert main(["train", "--resume", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert f"{path}: damaged, or not a safetensors file" in err
    assert err.count("\n") == 1


def test_other_data_under_the_same_name(monkeypatch, tmp_path, capsys):
    run(*WORDS, "--out", str(tmp_path))
    split = train.parts

    def other(options):
        rows, test = split(options)
        rows.x[:] += 1e-3
        return rows, test

    monkeypatch.setattr(train, "parts", other)
    capsys.readouterr()
    assert main(["train", "--resume", str(tmp_path), "--quiet"]) == 1
    assert "is the checkpoint of another run. data: got '320 x 2 float32" in capsys.readouterr().err


def test_a_file_that_has_moved_is_said_anew(tmp_path, capsys):
    rows = "".join(f"{k % 7},{k % 3},{'ab'[k % 2]}\n" for k in range(30))
    (tmp_path / "first.csv").write_text(rows, encoding="utf-8")
    out, data = tmp_path / "out", str(tmp_path / "first.csv")
    run("--data", data, "--epochs", "3", "--hidden", "4", "--quiet", "--out", str(out))
    (tmp_path / "first.csv").rename(tmp_path / "second.csv")
    capsys.readouterr()
    again = ["train", "--resume", str(out), "--epochs", "4", "--quiet"]
    before = files(out)
    assert main(again) == 1
    assert "first.csv" in capsys.readouterr().err
    assert files(out) == before
    assert main([*again, "--data", str(tmp_path / "second.csv")]) == 0
    (tmp_path / "second.csv").write_text(rows.replace("0,0,a", "0,1,a"), encoding="utf-8")
    assert main(["train", "--resume", str(out), "--epochs", "5", "--quiet"]) == 1
    assert "is the checkpoint of another run. data: got" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("train --epochs 3 --seed 1", "train --epochs 9 --seed 1"),
        ("train --epochs=3", "train --epochs 9"),
        ("train --ep 3 --seed 1", "train --epochs 9 --seed 1"),
        ("train --seed 1", "train --seed 1 --epochs 9"),
    ],
)
def test_epochs_take_the_place_of_those_before(words, wanted):
    assert _replaced(words.split(), "--epochs", "9") == wanted.split()


def kill_tool():
    spec = importlib.util.spec_from_file_location("kill", ROOT / "tests" / "tools" / "kill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_killed_at_random_moments(tmp_path):
    counts = kill_tool().kill(
        tmp_path, 5, seed=str(tmp_path), pictures=False, least=5,
        words="--data iris --epochs 30 --batch-size 8 --dropout 0.2 --seed 3",
    )  # fmt: skip
    assert counts["kills"] == 5
    assert counts["runs that ended as the untouched one"] >= 1


def test_the_tool_sees_a_file_that_is_half_written(tmp_path):
    kill = kill_tool()
    folder = tmp_path / "run"
    folder.mkdir()
    trials = object.__new__(kill.Trials)
    trials.counts, trials.files = kill.Counter(), {"report.txt": b"whole\n"}
    (folder / "report.txt").write_bytes(b"whole\n")
    trials.look(folder, True)
    (folder / "report.txt").write_bytes(b"who")
    with pytest.raises(kill.Trouble, match=r"report\.txt is not that of the untouched run"):
        trials.look(folder, True)


def test_as_a_program(tmp_path):
    words = [sys.executable, "-m", "tinygrad_xent", "train"]
    for more in ([*WORDS, "--out", "run"], ["--resume", "run"]):
        done = subprocess.run(
            [*words, *more, "--quiet"], cwd=tmp_path, capture_output=True, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=120,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, "run\n", "")
    assert len(tx.load_model(tmp_path / "run" / "model.safetensors")) == 4
