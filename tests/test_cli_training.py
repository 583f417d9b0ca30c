"""The options of `train` that say how it trains."""

import csv
import inspect
import re

import pytest

import tinygrad_xent as tx
from tinygrad_xent.cli import main, parser_of_all
from tinygrad_xent.cli.training_options import compiled, fit_options


def rows(folder):
    with (folder / "history.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_everything_on(tmp_path, capsys):
    out = tmp_path / "run"
    words = "--data iris --hidden 16,8 --epochs 60 --lr 0.05 --optimizer rmsprop --schedule cosine "
    words += "--warm-up 0.1 --clip 1 --weight-decay 0.001 --dropout 0.2 --label-smoothing 0.05 "
    words += f"--class-weights balanced --validation 0.2 --patience 4 --seed 3 --out {out}"
    assert main(["train", *words.split()]) == 0
    text = capsys.readouterr().out
    stopped = (
        r"stopped after epoch (\d+): no lower validation loss for 4 epochs; .* (\d+), the best"
    )
    found = re.search(stopped, text)
    last, best = map(int, found.groups())
    history = rows(out)
    assert len(history) == last + 1 < 61
    losses = [float(row["validation_loss"]) for row in history]
    assert losses.index(min(losses)) == best == last - 4
    rates = [float(row["learning_rate"]) for row in history[1:]]
    assert rates[0] < max(rates) <= 0.05
    model = tx.load_model(out / "model.safetensors")
    assert [type(layer).__name__ for layer in model][2::3] == ["Dropout", "Dropout"]
    assert not model.training
    assert "dropout" not in (out / "graph.dot").read_text(encoding="utf-8")  # the model in use
    # Those are the weights of the best epoch.
    said = float(re.search(r"test loss ([\d.]+)", text)[1])
    assert said == pytest.approx(float(history[best]["test_loss"]), abs=6e-4)


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("--clip 0.5", {"clip_norm": 0.5}),
        ("--weight-decay 0", {"weight_decay": 0.0}),
        ("--weight-decay 0.00", {"weight_decay": 0.0}),
        ("--weight-decay 0.1", {"weight_decay": 0.1}),
        ("--label-smoothing 0.1", {"label_smoothing": 0.1}),
        ("--class-weights balanced", {"class_weights": "balanced"}),
        ("--schedule step", {"schedule": "step"}),
        ("--validation 0.25 --patience 2", {"validation": 0.25, "patience": 2}),
        ("--optimizer adagrad --lr 0.5", {"optimizer": "adagrad", "lr": 0.5}),
        ("--epochs 3 --batch-size 7 --seed 9", {"epochs": 3, "batch_size": 7, "seed": 9}),
        ("--epochs 1", {"clip_norm": None, "weight_decay": None, "lr": None, "validation": None}),
    ],
)
def test_what_fit_is_told(words, arguments):
    found = fit_options(parser_of_all().parse_args(["train", *words.split()]))
    assert {name: found[name] for name in arguments} == arguments
    assert found.keys() <= inspect.signature(tx.fit).parameters.keys()


def test_warming_up_comes_before_the_schedule():
    words = ["train", "--warm-up", "2", "--schedule", "linear"]
    schedule = fit_options(parser_of_all().parse_args(words))["schedule"]
    assert [schedule(t, 6) for t in range(6)] == [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]


def test_the_same_seed_twice(tmp_path, capsys):
    words = "--data iris --epochs 3 --dropout 0.5 --validation 0.3 --quiet"
    for name in ("one", "two"):
        assert main([*words.split(), "--out", str(tmp_path / name)]) == 0
    for file in ("history.csv", "model.safetensors"):
        one, two = ((tmp_path / name / file).read_bytes() for name in ("one", "two"))
        assert one == two
    assert "nan" not in {row["validation_accuracy"] for row in rows(tmp_path / "one")}
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--patience 3", "--patience needs --validation, such as --validation 0.2"),
        ("--patience 0 --validation 0.2", "--patience: '0' is not a whole number of at least 1"),
        ("--validation 1", "--validation: '1' is not a share, from 0 to less than 1"),
        ("--dropout half", "--dropout: 'half' is not a share, from 0 to less than 1"),
        ("--label-smoothing -0.1", "--label-smoothing: '-0.1' is not a share"),
        ("--clip 0", "--clip: '0' is not a number greater than 0"),
        ("--weight-decay -1", "--weight-decay: '-1' is not a number of at least 0"),
        ("--warm-up 2.5", "--warm-up: '2.5' is not a number of steps, or a share of all"),
        ("--schedule sine", "--schedule: invalid choice: 'sine' (choose from"),
        ("--optimizer lion", "--optimizer: invalid choice: 'lion' (choose from"),
        ("--class-weights even", "--class-weights: invalid choice: 'even'"),
    ],
)
def test_a_mistake_is_one_line(words, message, capsys, tmp_path):
    out = tmp_path / "run"
    try:
        code = main(["train", "--data", "iris", *words.split(), "--out", str(out)])
    except SystemExit as left:
        code = left.code
    err = capsys.readouterr().err
    assert code in (1, 2)
    assert message in err
    assert err.count("\n") == 1
    assert not out.exists()


def test_the_help_names_every_option(capsys):
    with pytest.raises(SystemExit):
        main(["train", "-h"])
    text = capsys.readouterr().out
    for name in ("epochs", "batch-size", "optimizer", "lr", "schedule", "warm-up", "weight-decay",
                 "clip", "dropout", "label-smoothing", "class-weights", "validation",
                 "patience"):  # fmt: skip
        assert f"--{name} " in text


def test_compiled_or_not_the_weights_are_the_same(tmp_path):
    words = ["--data", "moons", "--epochs", "4", "--quiet", "--schedule", "cosine", "--clip", "1"]
    words += ["--label-smoothing", "0.1", "--class-weights", "balanced", "--validation", "0.2"]
    kept = []
    for choice in ("yes", "no"):
        out = tmp_path / choice
        assert main(["train", *words, "--compile", choice, "--out", str(out)]) == 0
        kept.append((out / "model.safetensors").read_bytes())
    assert kept[0] == kept[1]


@pytest.mark.parametrize(
    ("words", "rows", "wanted"),
    [
        ("", 100, False),
        ("--epochs 1000", 96, True),  # 1000 epochs of 3 batches
        ("--epochs 999", 96, False),
        ("--epochs 1000", 97, True),
        ("--epochs 1000 --dropout 0.5", 97, False),
        ("--epochs 1 --compile yes", 1, True),
        ("--epochs 9999 --compile no", 9999, False),
    ],
)
def test_a_program_is_written_where_it_pays(words, rows, wanted):
    assert compiled(parser_of_all().parse_args(["train", *words.split()]), rows) is wanted


def test_a_step_with_dropout_is_not_compiled(capsys, tmp_path):
    words = ["--dropout", "0.5", "--compile", "yes", "--epochs", "1", "--out", str(tmp_path)]
    assert main(["train", "--quiet", *words]) == 1
    err = capsys.readouterr().err
    assert "--compile yes and --dropout: a program cannot draw random numbers" in err
    assert err.count("\n") == 1
