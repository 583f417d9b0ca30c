"""fit and evaluate: against the same training written out in NumPy, and what mistakes are told."""

import csv
import math
import re
import sys

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

import tinygrad_xent as tx
from tinygrad_xent import nn
from tinygrad_xent.training import Epoch, Evaluation, History

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 4)), RNG.integers(0, 3, 30)


def model(seed=0, dtype=None):
    return nn.MLP([4, 8, 3], rng=seed, dtype=dtype)


def content(model):
    return [p.numpy().tobytes() for p in model.parameters()]


class Flat(nn.Module):
    """Takes images (N, h, w)."""

    def __init__(self, pixels):
        self.layer = nn.Linear(pixels, 3, rng=0)

    def forward(self, x):
        return self.layer(x.reshape(len(x), -1))


# --- fit --------------------------------------------------------------------------------------


def test_two_epochs_of_softmax_regression_by_hand():
    trained = nn.MLP([4, 3], rng=0, dtype=np.float64)
    w, b = trained[0].weight.numpy(), trained[0].bias.numpy()
    # All rows in one batch: their order does not matter.
    history = tx.fit(trained, (X, Y), epochs=2, batch_size=30, optimizer="sgd", lr=0.5)
    p, losses, accuracies = np.eye(3)[Y], [], []
    for _ in range(2):
        z = X @ w + b
        losses.append(-log_softmax(z, axis=1)[np.arange(30), Y].mean())
        accuracies.append((z.argmax(axis=1) == Y).mean())
        q = softmax(z, axis=1)
        w, b = w - 0.5 * X.T @ (q - p) / 30, b - 0.5 * (q - p).mean(axis=0)
    np.testing.assert_allclose(trained[0].weight.numpy(), w, rtol=1e-12)
    np.testing.assert_allclose(trained[0].bias.numpy(), b, rtol=1e-12)
    assert [row.epoch for row in history] == [0, 1, 2]
    # Epoch 0 and the only batch of epoch 1 both see the first weights.
    np.testing.assert_allclose([r.train_loss for r in history], [losses[0], *losses], rtol=1e-12)
    assert [r.train_accuracy for r in history] == [accuracies[0], *accuracies]
    assert all(math.isnan(r.test_loss) and math.isnan(r.test_accuracy) for r in history)


def test_the_mean_over_batches_counts_rows():
    fixed = nn.MLP([4, 3], rng=0, dtype=np.float64)
    before = content(fixed)
    optimizer = tx.optim.SGD(fixed.parameters(), lr=0.0)  # so every batch meets the same weights
    history = tx.fit(fixed, (X, Y), epochs=1, batch_size=8, optimizer=optimizer)  # 8, 8, 8, 6
    assert content(fixed) == before
    assert history[1].train_loss == pytest.approx(history[0].train_loss, rel=1e-12)
    assert history[1].train_accuracy == pytest.approx(history[0].train_accuracy, rel=1e-12)


def test_the_same_seed_gives_the_same_weights_to_the_last_bit():
    def run(seed, init=0):
        trained = model(init)
        history = tx.fit(trained, (X, Y), test=(X, Y), epochs=3, batch_size=7, seed=seed)
        return content(trained), str(list(history))  # as text: nan is not nan

    assert run(0) == run(0)
    assert run(0)[0] != run(1)[0]
    assert run(0)[0] != run(0, init=1)[0]


@pytest.mark.parametrize(("optimizer", "lr"), [("sgd", 0.1), ("adam", 3e-3), ("adamw", 3e-3)])
def test_learning_rates_that_are_not_given(optimizer, lr):
    by_default, given = model(), model()
    tx.fit(by_default, (X, Y), epochs=1, optimizer=optimizer)
    tx.fit(given, (X, Y), epochs=1, optimizer=optimizer, lr=lr)
    assert content(by_default) == content(given)


def test_an_optimizer_of_ones_own():
    own, named = model(), model()
    tx.fit(own, (X, Y), epochs=2, optimizer=tx.optim.AdamW(own.parameters(), lr=0.01))
    tx.fit(named, (X, Y), epochs=2, optimizer="adamw", lr=0.01)
    assert content(own) == content(named)


def test_an_optimizer_of_some_parameters_leaves_the_others():
    trained = model()
    body, head = content(trained[0]), content(trained[2])
    tx.fit(trained, (X, Y), epochs=1, optimizer=tx.optim.SGD(trained[2].parameters(), lr=0.1))
    assert content(trained[0]) == body
    assert content(trained[2]) != head


def test_learns_iris():
    train, test = tx.data.load("iris").split(test=0.2, seed=0)
    trained = nn.MLP([4, 16, 3], rng=0)
    history = tx.fit(trained, train, test=test, epochs=40)
    assert history[0].test_accuracy < 0.7
    assert history[-1].test_accuracy >= 0.9
    assert history[-1].train_loss < 0.4 < history[0].train_loss


def test_learns_moons_which_no_line_separates():
    moons = tx.data.load("moons")
    line, bent = nn.MLP([2, 2], rng=0), nn.MLP([2, 16, 2], "tanh", rng=0)
    for trained in (line, bent):
        tx.fit(trained, moons, epochs=30, optimizer="adam", lr=0.02)
    loss, accuracy, _ = tx.evaluate(bent, moons)
    assert accuracy > 0.93
    assert loss < tx.evaluate(line, moons).loss - 0.05


def test_on_epoch_sees_every_row_as_it_comes():
    seen = []
    trained = model()
    start = content(trained)
    history = tx.fit(
        trained,
        (X, Y),
        epochs=3,
        on_epoch=lambda row: seen.append((row, content(trained) == start)),
    )
    assert [row for row, _ in seen] == list(history)
    assert [untrained for _, untrained in seen] == [True, False, False, False]


def test_warnings_in_on_epoch_are_the_users():
    def careless(row):
        np.log(np.zeros(1))

    with pytest.raises(RuntimeWarning, match="divide by zero"):
        tx.fit(model(), (X, Y), epochs=1, on_epoch=careless)


@pytest.mark.parametrize("test", [None, (X, Y)])
def test_progress_without_a_terminal(test, capsys):
    tx.fit(model(), (X, Y), test=test, epochs=2, progress=True)
    out, err = capsys.readouterr()
    assert "epoch 2/2" in out
    assert "loss" in out
    assert "\x1b" not in out
    assert err == ""


def test_quiet_unless_asked(capsys):
    tx.fit(model(), (X, Y), epochs=1)
    assert capsys.readouterr() == ("", "")


def test_progress_without_rich_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    with pytest.raises(ImportError, match="pip install rich"):
        tx.fit(model(), (X, Y), epochs=1, progress=True)


# --- data of every kind -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint8, np.int64, bool])
@pytest.mark.parametrize("model_dtype", [np.float32, np.float64])
def test_rows_take_the_dtype_of_the_model(dtype, model_dtype):
    trained = model(dtype=model_dtype)
    x = (np.abs(X) * 3).astype(dtype)
    before = x.copy()
    tx.fit(trained, (x, Y.astype(np.uint8)), epochs=1, batch_size=16)
    assert {p.dtype for p in trained.parameters()} == {np.dtype(model_dtype)}
    np.testing.assert_array_equal(x, before)


def test_lists_pairs_and_tensors_are_data_too():
    wanted = model()
    tx.fit(wanted, (X, Y), epochs=1)
    for data in ((X.tolist(), Y.tolist()), [X, Y], (tx.Tensor(X), Y)):
        trained = model()
        tx.fit(trained, data, epochs=1)
        assert content(trained) == content(wanted)


def test_images():
    x = RNG.integers(0, 255, (12, 2, 3)).astype(np.uint8)
    trained = Flat(6)
    tx.fit(trained, (x, Y[:12]), epochs=2, lr=1e-4)
    assert tx.evaluate(trained, x, Y[:12]).confusion.sum() == 12


def test_more_rows_in_a_batch_than_there_are():
    assert len(tx.fit(model(), (X, Y), epochs=1, batch_size=1000)) == 2


# --- what goes wrong --------------------------------------------------------------------------


def with_number(x, place, number):
    x = x.copy()
    x[place] = number
    return x


IMAGES = np.zeros((5, 2, 3))

WRONG_DATA = [
    ((with_number(X, (7, 2), np.nan), Y), ValueError, "x is nan in row 7, column 2; wanted finite"),
    ((with_number(X, (3, 0), -np.inf), Y), ValueError, "x is -inf in row 3, column 0"),
    ((with_number(X, (3, 1), 1e300), Y), ValueError, "row 3, column 1, too large for float32"),
    ((X, with_number(Y, 4, 3)), IndexError, "the label of row 4 is 3; wanted 0 to 2, as the model"),
    ((X, with_number(Y, 9, -1)), IndexError, "the label of row 9 is -1; wanted 0 to 2"),
    ((X, Y[:-1]), ValueError, "x has shape (30, 4) and y (29,)"),
    ((X, Y[:, None]), ValueError, "x has shape (30, 4) and y (30, 1)"),
    ((X[:, 0], Y), ValueError, "x has shape (30,)"),
    ((X[:0], Y[:0]), ValueError, "x has shape (0, 4) and y (0,); wanted at least one row"),
    ((X[:, :0], Y), ValueError, "x has shape (30, 0)"),
    ((X[:, :3], Y), ValueError, "3 and 4 differ"),
    ((X, Y.astype(float)), ValueError, "y has dtype float64; wanted class indices"),
    ((X.astype(str), Y), ValueError, "x has dtype <U"),
    ((X + 1j, Y), ValueError, "x has dtype complex128; wanted real numbers"),
    (X, ValueError, "got ndarray; wanted a Dataset or a pair (x, y)"),
    ((X, Y, Y), ValueError, "got tuple; wanted a Dataset or a pair (x, y)"),
]


@pytest.mark.parametrize(("data", "error", "message"), WRONG_DATA)
@pytest.mark.parametrize(
    "use",
    [
        lambda model, data: tx.fit(model, data, epochs=1),
        lambda model, data: tx.fit(model, (X, Y), test=data, epochs=1),
        lambda model, data: tx.evaluate(model, data),
    ],
    ids=["fit", "fit: test", "evaluate"],
)
def test_wrong_data_are_named_and_nothing_is_trained(use, data, error, message):
    trained = model()
    before = content(trained)
    with pytest.raises(error, match=re.escape(message)):
        use(trained, data)
    assert content(trained) == before


def test_which_data_are_wrong_is_said():
    bad = (with_number(X, (0, 0), np.nan), Y)
    with pytest.raises(ValueError, match=r"^fit: x is nan"):
        tx.fit(model(), bad)
    with pytest.raises(ValueError, match=r"^fit: test: x is nan"):
        tx.fit(model(), (X, Y), test=bad)
    with pytest.raises(ValueError, match=r"^evaluate: x is nan"):
        tx.evaluate(model(), *bad)


def test_a_nan_in_an_image_is_named_by_its_place():
    x = with_number(IMAGES, (3, 1, 2), np.nan)
    with pytest.raises(ValueError, match=r"x is nan in row 3, at \[1, 2\]; wanted finite numbers"):
        tx.fit(Flat(6), (x, Y[:5]))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "fit: epochs must be a whole number >= 1, got 0"),
        ({"epochs": 2.5}, ValueError, "fit: epochs must be a whole number >= 1, got 2.5"),
        ({"batch_size": 0}, ValueError, "fit: batch_size must be a whole number >= 1, got 0"),
        (
            {"optimizer": "rprop"},
            ValueError,
            "'rprop'; wanted an Optimizer or one of sgd, adam",
        ),
        ({"optimizer": tx.optim.SGD}, ValueError, "wanted an Optimizer or one of"),
        ({"lr": -1.0}, ValueError, "Adam: lr is -1.0"),
    ],
)
def test_wrong_options_are_named(options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        tx.fit(model(), (X, Y), **options)


def test_an_optimizer_must_be_the_models_and_has_its_own_lr():
    trained = model()
    with pytest.raises(ValueError, match="lr was given beside an Optimizer, which has its own"):
        tx.fit(trained, (X, Y), lr=0.1, optimizer=tx.optim.SGD(trained.parameters()))
    with pytest.raises(ValueError, match="the Optimizer has none of this model's parameters"):
        tx.fit(trained, (X, Y), optimizer=tx.optim.SGD(model().parameters()))


def test_a_model_must_have_parameters_and_give_logits():
    with pytest.raises(ValueError, match="Adam: got no parameters"):
        tx.fit(nn.Sequential(nn.ReLU()), (X, Y))

    class Mean(nn.MLP):
        def forward(self, x):
            return super().forward(x).mean(axis=1)

    with pytest.raises(ValueError, match=r"the model gives \(1,\) for one row; wanted logits, \(1"):
        tx.fit(Mean([4, 3]), (X, Y))


# The suite turns warnings into errors: none of NumPy's may come before ours.
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("test", [None, (X, Y)])
def test_weights_that_run_away_are_one_clear_error(optimizer, test):
    message = (
        r"fit: (the loss|a weight) is -?(nan|inf) (in|after) epoch \d+.*: the weights have run"
    )
    with pytest.raises(
        FloatingPointError, match=message + r" away; .* smaller .* rate than 1e\+30"
    ):
        tx.fit(model(), (X, Y), test=test, epochs=20, optimizer=optimizer, lr=1e30)


def test_the_batch_is_named_and_its_step_not_taken():
    class Explodes(nn.MLP):
        calls = 0

        def forward(self, x):
            self.calls += 1
            z = super().forward(x)
            # One row asks for K, one batch is epoch 0; then batches 0 and 1 of epoch 1 are fine.
            return z * (np.inf if self.calls == 5 else 1.0)

    trained, twin = Explodes([4, 3], rng=0), nn.MLP([4, 3], rng=0)
    with pytest.raises(
        FloatingPointError, match=r"the loss is nan in epoch 1, batch 2 \(step 2\): .* than 0\.1"
    ):
        tx.fit(trained, (X, Y), optimizer="sgd", batch_size=10)
    order = np.random.default_rng(0).permutation(30)
    optimizer = tx.optim.SGD(twin.parameters(), lr=0.1)
    for rows in (order[:10], order[10:20]):
        twin.zero_grad()
        tx.cross_entropy(twin(X[rows].astype(np.float32)), Y[rows]).backward()
        optimizer.step()
    assert content(trained) == content(twin)


def test_the_last_step_of_all_is_watched_too():
    with pytest.raises(
        FloatingPointError, match=r"a weight is -?inf in epoch 1, batch 0 \(step 0\)"
    ):
        tx.fit(model(), (X * 1000, Y), epochs=1, batch_size=30, optimizer="sgd", lr=1e38)


@pytest.mark.parametrize("weight", [np.nan, np.inf, 3e38])
def test_weights_that_are_hopeless_at_the_start_are_not_the_learning_rates_fault(weight):
    broken = model()
    for p in broken.parameters():
        p.data[...] = weight
    with pytest.raises(FloatingPointError, match="is nan before training: are the weights finite"):
        tx.fit(broken, (X, Y))


# --- evaluate ---------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, 4096])
def test_evaluate_against_scipy(batch_size):
    judged = model(dtype=np.float64)
    state = judged.state_dict()
    z = np.maximum(X @ state["0.weight"] + state["0.bias"], 0) @ state["2.weight"] + state["2.bias"]
    confusion = np.zeros((3, 3), int)
    for label, logits in zip(Y, z, strict=True):
        confusion[label, logits.argmax()] += 1
    result = tx.evaluate(judged, X, Y, batch_size=batch_size)
    assert result.loss == pytest.approx(-log_softmax(z, axis=1)[np.arange(30), Y].mean(), rel=1e-13)
    assert result.accuracy == np.trace(confusion) / 30
    np.testing.assert_array_equal(result.confusion, confusion)
    assert type(result.loss) is type(result.accuracy) is float


def test_evaluate_keeps_the_digits_of_many_float32_losses():
    n = 100_000
    guess = nn.MLP([2, 3], initialise=nn.initialise.zeros)
    loss = tx.evaluate(guess, np.zeros((n, 2)), np.zeros(n, int), batch_size=n).loss
    # Each loss is ln 3 rounded to float32, and so is their mean.
    assert loss == pytest.approx(float(np.float32(math.log(3))), rel=1e-12)


def test_evaluate_takes_a_dataset_and_leaves_the_model_alone():
    iris = tx.data.load("iris")
    judged = model()
    before = content(judged)
    assert tx.evaluate(judged, iris).loss == tx.evaluate(judged, iris.x, iris.y).loss
    assert content(judged) == before
    assert all(p.grad is None for p in judged.parameters())
    with pytest.raises(ValueError, match="size must be a whole number"):
        tx.evaluate(judged, iris, batch_size=0)


def test_worst_pair():
    confusion = np.array([[50, 3, 2], [1, 0, 9], [4, 8, 70]])
    assert Evaluation(0.5, 0.8, confusion).worst_pair() == (1, 2, 9)
    assert Evaluation(0.5, 0.8, confusion.T).worst_pair() == (2, 1, 9)
    assert Evaluation(0.0, 1.0, np.diag([3, 4])).worst_pair()[2] == 0


# --- History ----------------------------------------------------------------------------------


def test_history_is_saved_as_csv(tmp_path):
    history = tx.fit(model(), (X, Y), test=(X, Y), epochs=2)
    history.save(tmp_path / "run.csv")
    with open(tmp_path / "run.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0][:5] == ["epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    assert rows[0][5:] == ["validation_loss", "validation_accuracy", "learning_rate"]
    assert [row[0] for row in rows[1:]] == ["0", "1", "2"]
    numbers = [[float(number) for number in row] for row in rows[1:]]
    np.testing.assert_array_equal(numbers, [list(row) for row in history])
    table = np.genfromtxt(tmp_path / "run.csv", delimiter=",", names=True)
    assert table["test_loss"][-1] == history[-1].test_loss


def test_a_failed_save_leaves_the_old_csv(tmp_path, monkeypatch):
    path = tmp_path / "run.csv"
    path.write_text("precious")
    history = History([Epoch(0, 1.0, 0.5), "not a row"])
    history.append(object())
    with pytest.raises(csv.Error):
        history.save(path)
    assert path.read_text() == "precious"
    assert [found.name for found in tmp_path.iterdir()] == ["run.csv"]


def test_history_says_how_it_went():
    rows = [Epoch(0, 1.1, 0.3), Epoch(1, 0.25, 0.9)]
    assert repr(History()) == "History(no epochs)"
    assert repr(History(rows)) == "History(1 epochs, loss 1.100 to 0.250)"
    tested = History([row._replace(test_loss=1.0, test_accuracy=0.875) for row in rows])
    assert repr(tested) == "History(1 epochs, loss 1.100 to 0.250, test accuracy 0.875)"
