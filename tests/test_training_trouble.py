"""Hostile numbers: the right result or a clear error, and never weights that are not finite."""

import math
import re

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent import nn
from tinygrad_xent.training import OPTIMIZERS

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 4)), RNG.integers(0, 3, 30)


def model(dtype=np.float32, **options):
    return nn.MLP([4, 8, 3], rng=0, dtype=dtype, **options)


def content(model):
    return [p.numpy().tobytes() for p in model.parameters()]


class Weights:
    """The weights before each batch, and the optimizer steps that were taken."""

    def __init__(self, trained):
        self.trained, self.seen = trained, [content(trained)]

    def on_batch(self, batch):
        self.seen.append(content(self.trained))


def with_number(x, place, number):
    x = np.array(x, dtype=np.float64)
    x[place] = number
    return x


# --- weights that run away --------------------------------------------------------------------


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_op_epoch_and_step_are_named_and_the_weights_are_good_again(optimizer, compile):
    trained = model()
    weights = Weights(trained)
    with pytest.raises(FloatingPointError, match=r"^fit: (the loss|a weight) is ") as caught:
        tx.fit(
            trained, (100 * X, Y), epochs=9, batch_size=10, optimizer=optimizer, lr=1e25,
            compile=compile, callbacks=[weights],
        )  # fmt: skip
    message = str(caught.value)
    epoch, batch, step = map(
        int, re.search(r"in epoch (\d+), batch (\d+) \(step (\d+)\)", message).groups()
    )
    assert step == 3 * (epoch - 1) + batch
    assert "try a smaller learning rate than 1e+25. " in message
    assert message.endswith("The weights are the last whose loss was finite")
    named = re.search(r"1e\+25\. (\w+)(?: gave|:)|the step, (θ[^;]*), is not\.", message)
    assert named, message
    led_here = message.startswith("fit: the loss") and step > 0
    assert content(trained) == weights.seen[step - 1 if led_here else step]
    assert all(np.isfinite(p.numpy()).all() for p in trained.parameters())


def test_the_op_that_overflows_is_the_one_that_is_named():
    class Exploding(nn.MLP):
        def forward(self, x):
            return tx.exp(super().forward(x))

    trained = Exploding([4, 3], rng=0)
    with pytest.raises(FloatingPointError, match=r"1000\. exp gave inf at \(\d+, \d\)"):
        tx.fit(trained, (X, Y), optimizer="sgd", lr=1e3)


def test_a_gradient_that_is_not_finite_is_named_with_its_op():
    class Steep(nn.MLP):
        def forward(self, x):
            return tx.sqrt(tx.relu(super().forward(x)))  # the slope of sqrt at 0 is infinite

    trained = Steep([4, 3], rng=0)
    before = content(trained)
    with pytest.raises(
        FloatingPointError,
        match=r"a weight is nan in epoch 1, batch 0 \(step 0\).* sqrt: the gradient for x is inf",
    ):
        tx.fit(trained, (X, Y), epochs=1)
    assert content(trained) == before


def test_with_validation_the_best_weights_come_back():
    trained, weights = model(), []

    def schedule(t, total):
        return 1.0 if t < 20 else 1e30

    with pytest.raises(FloatingPointError, match=r"The weights are those of epoch (\d), the best"):
        tx.fit(
            trained, (X, Y), validation=(X, Y), epochs=30, lr=0.01, batch_size=10,
            schedule=schedule, on_epoch=lambda row: weights.append((row, content(trained))),
        )  # fmt: skip
    best = min(weights, key=lambda seen: seen[0].validation_loss)
    assert best[0].epoch > 2
    assert content(trained) == best[1]


@pytest.mark.parametrize("bad", [4, 5, 6])  # in, at the end of, and at the start of an epoch
def test_dropout_is_replayed_as_it_was(bad):
    trained = model(dropout=0.5)
    weights = Weights(trained)
    with pytest.raises(FloatingPointError, match=r"the loss is nan in ") as caught:
        tx.fit(
            trained, (X, Y), epochs=9, batch_size=10, optimizer="sgd", callbacks=[weights],
            schedule=lambda t, n: 1.0 if t < bad - 1 else 1e39, lr=0.1,
        )  # fmt: skip
    assert f"epoch {1 + bad // 3}, batch {bad % 3} (step {bad})" in str(caught.value)
    assert "gave -inf at" in str(caught.value) or "gave inf at" in str(caught.value)
    assert content(trained) == weights.seen[bad - 1]  # before the step that was too long


def test_an_optimizer_that_does_not_say_its_state():
    class Mine(tx.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, lr)
            self.memory = np.zeros(3)

        def moved(self, theta, g, state):
            return theta - self.lr * g

    trained = model()
    tx.fit(trained, (X, Y), epochs=1, optimizer=Mine(trained.parameters(), 0.1))
    with pytest.raises(FloatingPointError, match=r"is (nan|-?inf) in epoch \d"):
        tx.fit(trained, (X, Y), epochs=9, optimizer=Mine(trained.parameters(), 1e30))


# --- data -------------------------------------------------------------------------------------

ONE = np.zeros(30, dtype=np.int64)
FLAT = np.ones((30, 4))

WELL = {
    "subnormals": (X * 1e-40, Y),
    "subnormals of float64": (X * 1e-310, Y),
    "constant features": (FLAT, Y),
    "all zero": (0 * X, Y),
    "one class of three": (X, ONE),
    "a class without rows": (X, np.where(Y == 1, 2, Y)),
    "one row": (X[:1], Y[:1]),
    "negative zero": (-0.0 * np.abs(X), Y),
    "labels of uint8": (X, Y.astype(np.uint8)),
    "labels of uint64": (X, Y.astype(np.uint64)),
    "not contiguous": (np.asfortranarray(X)[::-1], Y),
    "read only": (np.broadcast_to(X[0], (30, 4)), Y),
    "1e6 and 1e-6": (X * np.array([1e6, 1e-6, 1, 1]), Y),
}


@pytest.mark.parametrize("name", WELL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weights", [None, "balanced"])
def test_odd_data_train(name, dtype, weights):
    x, y = WELL[name]
    trained = model(dtype)
    history = tx.fit(
        trained, (x, y), test=(X, Y), epochs=3, batch_size=7, class_weights=weights,
        label_smoothing=0.1 if weights else 0.0, clip_norm=1.0 if weights else None,
    )  # fmt: skip
    assert all(math.isfinite(row.train_loss) for row in history)
    assert all(np.isfinite(p.numpy()).all() for p in trained.parameters())
    assert np.isfinite(history[-1][1:5]).all()
    assert tx.evaluate(trained, x, y).confusion.sum() == len(x)


def test_constant_features_teach_the_frequencies():
    trained = model(np.float64)
    history = tx.fit(trained, (FLAT, Y), epochs=300, batch_size=30, lr=0.02)
    share = np.bincount(Y) / 30
    assert history[-1].train_loss == pytest.approx(-(share * np.log(share)).sum(), abs=1e-4)


def test_one_class_is_learned_by_heart():
    trained = model()
    history = tx.fit(trained, (X, ONE), epochs=60, lr=0.05)
    assert history[-1].train_loss < 1e-3
    assert history[-1].train_accuracy == 1.0


def test_a_model_of_one_class_has_nothing_to_learn():
    history = tx.fit(nn.MLP([4, 1], rng=0), (X, ONE), epochs=2, validation=0.5)
    assert {(row.train_loss, row.validation_loss) for row in history} == {(0.0, 0.0)}


ILL = {
    "nan": ((with_number(X, (7, 2), math.nan), Y), "x is nan in row 7, column 2"),
    "inf": ((with_number(X, (0, 0), math.inf), Y), "x is inf in row 0, column 0"),
    "-inf": ((with_number(X, (29, 3), -math.inf), Y), "x is -inf in row 29, column 3"),
    "1e308": ((with_number(X, (3, 1), 1e308), Y), "row 3, column 1, too large for float32"),
    "zero rows": ((X[:0], Y[:0]), "wanted at least one row and column"),
    "no columns": ((X[:, :0], Y), "wanted at least one row and column"),
    "label -1": ((X, with_number(Y, 3, -1).astype(int)), "the label of row 3 is -1; wanted 0 to 2"),
    "label 3": ((X, with_number(Y, 3, 3).astype(int)), "the label of row 3 is 3; wanted 0 to 2"),
    "label nan": ((X, with_number(Y, 3, math.nan)), "y has dtype float64; wanted class indices"),
    "label True": ((X, Y > 0), "y has dtype bool; wanted class indices"),
    "labels of 2**63": ((X, np.full(30, 2**63, np.uint64)), "the label of row 0 is 9223372036854"),
    "texts": ((X, Y.astype(str)), "y has dtype <U"),
    "objects": ((X.astype(object), Y), "x has dtype object; wanted real numbers"),
    "complex": ((X * 1j, Y), "x has dtype complex128; wanted real numbers"),
    "dates": ((X.astype("datetime64[s]"), Y), "x has dtype datetime64[s]; wanted real numbers"),
}


@pytest.mark.parametrize("name", ILL)
@pytest.mark.parametrize("place", ["data", "validation", "test", "evaluate"])
def test_ill_data_are_named_before_anything_is_trained(name, place):
    data, message = ILL[name]
    trained = model()
    before = content(trained)
    uses = {
        "data": lambda: tx.fit(trained, data, epochs=1),
        "validation": lambda: tx.fit(trained, (X, Y), validation=data, epochs=1),
        "test": lambda: tx.fit(trained, (X, Y), test=data, epochs=1),
        "evaluate": lambda: tx.evaluate(trained, *data),
    }
    with pytest.raises((ValueError, IndexError), match=re.escape(message)) as caught:
        uses[place]()
    assert str(caught.value).startswith(
        {"data": "fit: ", "evaluate": "evaluate: "}.get(place, f"fit: {place}: ")
    )
    assert content(trained) == before


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e20, 1e30, 1e37, 1e300])
def test_huge_features_end_in_finite_weights_or_one_clear_error(dtype, size):
    if dtype is np.float32 and size > 3e38:
        return
    trained = model(dtype)
    try:
        tx.fit(trained, (X * size, Y), epochs=3, batch_size=10)
    except FloatingPointError as error:
        assert re.match("fit: (the loss|a weight) is -?(nan|inf) ", str(error))  # noqa: PT017
    assert all(np.isfinite(p.numpy()).all() for p in trained.parameters())


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_fraction_of_few_rows(rows):
    x, y = X[:rows], np.zeros(rows, dtype=int)
    if rows == 1:
        with pytest.raises(ValueError, match="every class has a single row, which is needed"):
            tx.fit(model(), (x, y), validation=0.5)
        return
    history = tx.fit(model(), (x, y), validation=0.5, epochs=1)
    assert math.isfinite(history[-1].validation_loss)
