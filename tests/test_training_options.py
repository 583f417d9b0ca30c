"""What fit is told: validation and patience, schedules, clipping, decay, smoothing, weights."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

import tinygrad_xent as tx
from tinygrad_xent import nn
from tinygrad_xent.optim import schedules
from tinygrad_xent.training import LEARNING_RATES, OPTIMIZERS, Batch, StopTraining
from tinygrad_xent.training.objective import balanced
from tinygrad_xent.training.rows import checked_rows, split_off

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 4)), RNG.integers(0, 3, 30)
X2, Y2 = RNG.normal(size=(11, 4)), RNG.integers(0, 3, 11)


def model(seed=0, dtype=np.float64, **options):
    return nn.MLP([4, 8, 3], rng=seed, dtype=dtype, **options)


def content(model):
    return [p.numpy().tobytes() for p in model.parameters()]


def loss_of(model, x, y):
    """Without evaluate."""
    z = model(tx.Tensor(x)).numpy()
    return -log_softmax(z, axis=1)[np.arange(len(y)), y].mean()


# --- the loss that is minimised --------------------------------------------------------------


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0], "balanced"])
def test_smoothing_and_class_weights_by_hand(smoothing, weights, compile):
    trained = nn.MLP([4, 3], rng=0, dtype=np.float64)
    w, b = trained[0].weight.numpy(), trained[0].bias.numpy()
    history = tx.fit(
        trained, (X, Y), epochs=2, batch_size=30, optimizer="sgd", lr=0.5, compile=compile,
        label_smoothing=smoothing, class_weights=weights,
    )  # fmt: skip
    counts = np.array([(k == Y).sum() for k in range(3)])
    v = {"None": np.ones(3), "balanced": 30 / (3 * counts)}.get(str(weights), weights)
    v = np.asarray(v)
    # PyTorch's: p = v ⊙ smoothed one-hot rows, and the mean divides by Σ v_y.
    p = v * ((1 - smoothing) * np.eye(3)[Y] + smoothing / 3) / v[Y].sum()
    losses = []
    for _ in range(2):
        z = X @ w + b
        losses.append(-(p * log_softmax(z, axis=1)).sum())
        dz = p.sum(axis=1, keepdims=True) * softmax(z, axis=1) - p
        w, b = w - 0.5 * X.T @ dz, b - 0.5 * dz.sum(axis=0)
    np.testing.assert_allclose(trained[0].weight.numpy(), w, rtol=1e-11)
    np.testing.assert_allclose(trained[0].bias.numpy(), b, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose([r.train_loss for r in history], [losses[0], *losses], rtol=1e-11)


def test_the_mean_over_batches_counts_class_weights():
    fixed = model()
    options = {"label_smoothing": 0.2, "class_weights": [0.1, 5.0, 1.0], "batch_size": 7}
    still = tx.optim.SGD(fixed.parameters(), lr=0.0)
    history = tx.fit(fixed, (X, Y), epochs=1, optimizer=still, **options)
    assert history[1].train_loss == pytest.approx(history[0].train_loss, rel=1e-12)


@pytest.mark.parametrize("weights", ["balanced", [1.0, 2.0, 3.0], [1, 2, 3]])
@pytest.mark.parametrize("compile", [False, True])
def test_float32_stays_float32_under_weights(weights, compile):
    trained = model(dtype=np.float32)
    tx.fit(trained, (X, Y), epochs=1, class_weights=weights, clip_norm=0.1, compile=compile)
    assert {p.dtype for p in trained.parameters()} == {np.dtype(np.float32)}


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_balanced_classes_count_the_same(labels):
    weights = balanced(np.array(labels), 6)
    sums = {sum(weights[y] for y in labels if y == k) for k in set(labels)}
    np.testing.assert_allclose(list(sums), len(labels) / len(set(labels)))
    assert weights[5] == 1.0


# --- validation and patience -----------------------------------------------------------------


def test_validation_rows_are_judged_in_every_epoch_and_not_trained_on():
    alone, watched = model(), model()
    tx.fit(alone, (X, Y), epochs=4, lr=0.01)
    seen = []
    history = tx.fit(
        watched, (X, Y), validation=(X2, Y2), epochs=4, lr=0.01,
        on_epoch=lambda row: seen.append(loss_of(watched, X2, Y2)),
    )  # fmt: skip
    assert content(alone) == content(watched)
    np.testing.assert_allclose([row.validation_loss for row in history], seen, rtol=1e-12)
    right = (watched(tx.Tensor(X2)).argmax(axis=1) == Y2).mean()
    assert history[-1].validation_accuracy == right
    assert history.best == min(history, key=lambda row: row.validation_loss)
    assert history.stopped == "all 4 epochs are done; the weights are those of epoch 4, the last"
    assert math.isnan(history[-1].test_loss)


@given(
    st.lists(st.integers(0, 3), min_size=2, max_size=60), st.floats(0.01, 0.99), st.integers(0, 9)
)
def test_a_fraction_of_each_class_is_held_out(labels, fraction, seed):
    x, y = np.arange(2 * len(labels), dtype=float).reshape(-1, 2), np.array(labels)
    rows = checked_rows((x, y), nn.MLP([2, 4], rng=0), "fit")
    if max(labels.count(k) for k in labels) == 1:
        with pytest.raises(ValueError, match="every class has a single row"):
            split_off(rows, fraction, np.random.default_rng(seed))
        return
    parts = split_off(rows, fraction, np.random.default_rng(seed))
    found = [np.concatenate([piece for piece, _ in part.in_order(7)]) for part in parts]
    assert sorted(np.concatenate(found)[:, 0]) == sorted(x[:, 0])
    for k in set(labels):
        n, out = labels.count(k), (parts[1].y == k).sum()
        assert out == (min(max(round(n * fraction), 1), n - 1) if n > 1 else 0)
    for part, numbers in zip(parts, found, strict=True):
        np.testing.assert_array_equal(part.y, y[(numbers[:, 0] / 2).astype(int)])


def test_a_held_out_fraction_is_that_of_the_seed():
    def run(seed):
        trained = model()
        history = tx.fit(trained, (X, Y), validation=0.3, epochs=2, seed=seed)
        return content(trained), str(list(history))

    assert run(0) == run(0)
    assert run(0) != run(1)


def losses_fall_then_rise(monkeypatch, losses):
    """Validation losses as given, one per epoch from 0."""
    from tinygrad_xent.training import loop

    given, real = iter(losses), loop.evaluated

    def judged(model, rows, *args):
        result = real(model, rows, *args)
        return result._replace(loss=next(given)) if len(rows) == len(X2) else result

    monkeypatch.setattr(loop, "evaluated", judged)


@pytest.mark.parametrize(
    ("losses", "patience", "last", "best"),
    [
        ([9, 8, 7, 8, 7.5, 7.2, 1], 3, 5, 2),
        ([9, 8, 7, 8, 6, 7, 7, 0], 2, 6, 4),
        ([9, 8, 8, 8, 0], 2, 3, 1),  # the same again is not lower
        ([1, 2, 3, 0], 2, 2, 0),
        ([9, 8, math.nan, math.nan, 0], 2, 3, 1),
        ([9, 8, 7, 6, 5, 4], 9, 5, 5),
        ([9, 8, 7, 6, 7, 8], 9, 5, 3),  # not stopped early, and still the best is kept
    ],
)
def test_patience(monkeypatch, losses, patience, last, best):
    losses_fall_then_rise(monkeypatch, losses)
    trained, weights = model(), []
    history = tx.fit(
        trained, (X, Y), validation=(X2, Y2), patience=patience, epochs=len(losses) - 1,
        on_epoch=lambda row: weights.append(content(trained)),
    )  # fmt: skip
    assert history[-1].epoch == last
    assert history.best.epoch == best
    assert content(trained) == weights[best]
    assert history.stopped.endswith(f"the weights are those of epoch {best}, the best")
    if last < len(losses) - 1:
        assert history.stopped.startswith(
            f"stopped after epoch {last}: no lower validation loss for {patience}"
        )
    assert f"best epoch {best}" in repr(history)


def test_best_is_none_without_validation():
    assert tx.fit(model(), (X, Y), epochs=1).best is None
    assert tx.History().best is None
    assert tx.History().stopped == ""


# --- the learning rate -----------------------------------------------------------------------


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_schedule_multiplies_the_learning_rate_of_each_step(optimizer, compile):
    factors = [1.0, 0.5, 2.0, 0.25, 1e-3, 3.0, 0.0, 1.0]
    asked = []

    def schedule(t, total):
        asked.append((t, total))
        return np.float64(factors[t])

    trained, by_hand = model(dtype=np.float32), model(dtype=np.float32)
    history = tx.fit(
        trained, (X, Y), epochs=2, batch_size=8, lr=0.1, optimizer=optimizer, schedule=schedule,
        compile=compile,
    )  # fmt: skip
    assert asked == [(t, 8) for t in range(8)]
    moved_by = OPTIMIZERS[optimizer](by_hand.parameters(), lr=0.1)
    rng, t = np.random.default_rng(0), 0
    for _ in range(2):
        order = rng.permutation(30)
        for start in range(0, 30, 8):
            rows = order[start : start + 8]
            by_hand.zero_grad()
            tx.cross_entropy(by_hand(X[rows].astype(np.float32)), Y[rows]).backward()
            moved_by.lr = 0.1 * factors[t]
            moved_by.step()
            t += 1
    assert content(trained) == content(by_hand)
    rates = [row.learning_rate for row in history]
    assert math.isnan(rates[0])
    assert rates[1:] == [0.1 * 0.25, 0.1]


def test_schedules_by_name_and_the_rate_of_before_afterwards():
    named, made = model(), model()
    moved_by = tx.optim.SGD(named.parameters(), lr=0.1)
    one = tx.fit(named, (X, Y), epochs=3, optimizer=moved_by, schedule="cosine")
    tx.fit(made, (X, Y), epochs=3, optimizer="sgd", lr=0.1, schedule=schedules.cosine())
    assert content(named) == content(made)
    assert moved_by.lr == 0.1
    # One batch an epoch: (1 + cos(π t / 3)) / 2 at t = 0, 1, 2.
    np.testing.assert_allclose([row.learning_rate for row in one[1:]], [0.1, 0.075, 0.025])


def test_without_a_schedule_the_rate_is_the_callbacks_to_change():
    trained = model()
    moved_by = tx.optim.SGD(trained.parameters(), lr=0.1)

    def halve(row):
        moved_by.lr /= 2

    history = tx.fit(trained, (X, Y), epochs=2, optimizer=moved_by, callbacks=[halve])
    assert [row.learning_rate for row in history[1:]] == [0.05, 0.025]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_weight_decay_and_default_rates_are_the_optimizers(optimizer):
    given, made = model(), model()
    tx.fit(given, (X, Y), epochs=2, optimizer=optimizer, weight_decay=0.5)
    rate = LEARNING_RATES[optimizer]
    own = OPTIMIZERS[optimizer](made.parameters(), rate, weight_decay=0.5)
    tx.fit(made, (X, Y), epochs=2, optimizer=own)
    assert content(given) == content(made)


@pytest.mark.parametrize("compile", [False, True])
def test_clip_norm_is_the_longest_step_of_gradient_descent(compile):
    trained, before = model(), []
    start = np.concatenate([p.numpy().ravel() for p in trained.parameters()])

    class Lengths:
        def on_batch(self, batch):
            now = np.concatenate([p.numpy().ravel() for p in trained.parameters()])
            before.append(now)

    tx.fit(
        trained, (100 * X, Y), epochs=3, batch_size=10, optimizer="sgd", lr=0.5, clip_norm=0.1,
        callbacks=[Lengths()], compile=compile,
    )  # fmt: skip
    steps = np.diff([start, *before], axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    np.testing.assert_allclose(lengths.max(), 0.05, rtol=1e-5)
    assert (lengths <= 0.05 + 1e-12).all()


# --- callbacks -------------------------------------------------------------------------------


class Diary:
    def __init__(self, trained):
        self.trained, self.epochs, self.batches, self.modes = trained, [], [], set()

    def on_epoch(self, row):
        self.epochs.append(row)
        self.modes.add(("epoch", self.trained.training))

    def on_batch(self, batch):
        self.batches.append(batch)
        self.modes.add(("batch", self.trained.training))


def test_callbacks_are_told_of_epochs_and_batches():
    trained = model()
    diary, rows = Diary(trained), []
    history = tx.fit(trained, (X, Y), epochs=2, batch_size=8, callbacks=[diary, rows.append])
    assert diary.epochs == rows == list(history)
    assert [tuple(b[:4]) for b in diary.batches] == [
        (epoch, k, 4, 4 * (epoch - 1) + k) for epoch in (1, 2) for k in range(4)
    ]
    sizes = [8, 8, 8, 6]
    for row in history[1:]:
        told = [b for b in diary.batches if b.epoch == row.epoch]
        mean = sum(b.loss * n for b, n in zip(told, sizes, strict=True)) / 30
        assert mean == pytest.approx(row.train_loss, rel=1e-13)
        right = sum(b.accuracy * n for b, n in zip(told, sizes, strict=True)) / 30
        assert right == pytest.approx(row.train_accuracy)
        assert {b.learning_rate for b in told} == {0.003}
    assert diary.modes == {("epoch", False), ("batch", True)}
    assert isinstance(diary.batches[0], Batch)


def test_a_callback_ends_training_after_an_epoch():
    told = []

    def stop(row):
        if row.epoch == 2:
            raise StopTraining("that will do")

    history = tx.fit(model(), (X, Y), epochs=9, callbacks=[stop, told.append])
    assert len(history) == 3
    assert told == list(history)  # also those after it
    assert history.stopped == (
        "stopped after epoch 2: that will do; the weights are those of epoch 2, the last"
    )


@pytest.mark.parametrize(("number", "batches"), [(1, 2), (3, 4)])
def test_a_callback_ends_training_within_an_epoch(number, batches):
    class Stop:
        def on_batch(self, batch):
            if (batch.epoch, batch.batch) == (2, number):
                raise StopTraining

    trained = model()
    options = {"batch_size": 8, "validation": (X2, Y2)}
    history = tx.fit(trained, (X, Y), epochs=9, callbacks=[Stop()], **options)
    assert [row.epoch for row in history] == [0, 1, 2]
    assert history.stopped.startswith(
        f"stopped: a callback asked for it, in epoch 2, after {batches} of 4 batches"
    )
    assert history[-1].validation_loss == pytest.approx(loss_of(trained, X2, Y2), rel=1e-12)


def test_other_errors_of_callbacks_are_the_users():
    def broken(row):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        tx.fit(model(), (X, Y), callbacks=[broken])


# --- modes -----------------------------------------------------------------------------------


def test_the_model_is_afterwards_in_the_mode_of_before():
    trained = model(dropout=0.5).eval()
    trained[0].train()
    tx.fit(trained, (X, Y), epochs=1)
    assert [m.training for _, m in trained.named_modules()] == [False, True, False, False, False]
    tx.evaluate(trained.train(), X, Y)
    assert all(m.training for _, m in trained.named_modules())
    with pytest.raises(KeyError):
        tx.fit(trained, (X, Y), callbacks=[lambda row: {}["no"]])
    assert all(m.training for _, m in trained.named_modules())


def test_dropout_in_training_and_not_in_evaluation():
    trained = model(dropout=0.5)
    still = tx.optim.SGD(trained.parameters(), lr=0.0)
    options = {"validation": (X, Y), "test": (X, Y), "optimizer": still, "epochs": 3}
    history = tx.fit(trained, (X, Y), **options)
    whole = {row.validation_loss for row in history} | {row.test_loss for row in history}
    assert whole == {history[0].train_loss}  # nothing is left out
    assert len({row.train_loss for row in history}) == 4
    assert tx.evaluate(trained, X, Y).loss == history[0].train_loss
    assert history[0].train_loss == pytest.approx(loss_of(trained.eval(), X, Y), rel=1e-12)


def test_a_compiled_step_refuses_dropout():
    with pytest.raises(tx.TraceError, match="random ones, would become constants"):
        tx.fit(model(dropout=0.5), (X, Y), compile=True)


# --- what is wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": 0.0}, "fit: validation is 0.0; wanted a share between 0 and 1, or rows"),
        ({"validation": 1}, "fit: validation is 1.0; wanted a share"),
        ({"validation": math.nan}, "fit: validation must be a finite number, got nan"),
        ({"validation": (X, Y[:3])}, "fit: validation: x has shape (30, 4) and y (3,)"),
        ({"patience": 3}, "fit: patience needs validation rows; wanted validation=0.2 or a Data"),
        ({"patience": 0, "validation": 0.2}, "fit: patience must be a whole number >= 1, got 0"),
        ({"schedule": "sine"}, "schedule: got 'sine'; wanted one of step, cosine"),
        ({"schedule": 0.1}, "schedule: got 0.1; wanted a function of the step"),
        ({"schedule": schedules.cosine}, "wanted what it gives when it is called: cosine(...)"),
        ({"schedule": lambda t, n: -1.0}, "fit: the schedule is -1.0 at step 0; wanted a number"),
        ({"schedule": lambda t, n: None}, "fit: the schedule is None at step 0"),
        ({"schedule": lambda t, n: math.nan}, "fit: the schedule is nan at step 0"),
        ({"clip_norm": 0.0}, "fit: clip_norm is 0.0; wanted a number > 0"),
        ({"clip_norm": math.inf}, "fit: clip_norm must be a finite number, got inf"),
        ({"label_smoothing": 1.1}, "fit: label_smoothing is 1.1; wanted a number, 0 to 1"),
        ({"label_smoothing": "a"}, "fit: label_smoothing is 'a'"),
        ({"class_weights": "even"}, "got class_weights 'even'; wanted 'balanced' or K numbers"),
        ({"class_weights": [1, 2]}, "class_weights are [1, 2]; wanted 'balanced' or a number > 0"),
        ({"class_weights": [1, 0, 1]}, "a number > 0 for each of 3 classes"),
        ({"class_weights": [1, math.inf, 1]}, "a number > 0 for each of 3 classes"),
        ({"class_weights": {0: 1}}, "a number > 0 for each of 3 classes"),
        ({"weight_decay": -1.0}, "Adam: weight_decay is -1.0"),
        ({"callbacks": [3]}, "fit: got callback 3; wanted a function of an Epoch, or an object"),
        ({"callbacks": [Diary]}, "fit: got callback <class"),
        ({"callbacks": print}, "fit: callbacks is <built-in function print>; wanted a list of fun"),
        ({"seed": None}, "fit: seed must be a whole number >= 0 or a numpy.random.Generator"),
        ({"seed": -1}, "fit: seed must be a whole number >= 0"),
    ],
)
def test_wrong_options_are_named_and_nothing_is_trained(options, message):
    trained = model()
    before = content(trained)
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        tx.fit(trained, (X, Y), **options)
    assert content(trained) == before
    assert trained.training


@pytest.mark.parametrize("factor", [None, -1.0, math.inf])
def test_a_wrong_schedule_is_named_with_a_checkpoint_too(factor, tmp_path):
    with pytest.raises(ValueError, match=f"fit: the schedule is {factor} at step 0; wanted"):
        tx.fit(model(), (X, Y), schedule=lambda t, n: factor, checkpoint=tmp_path / "c")


def test_an_optimizer_of_ones_own_has_its_own_decay():
    trained = model()
    own = tx.optim.SGD(trained.parameters())
    with pytest.raises(ValueError, match="weight_decay was given beside an Optimizer"):
        tx.fit(trained, (X, Y), optimizer=own, weight_decay=0.1)


@settings(max_examples=10)
@given(st.data())
def test_any_options_together_give_finite_weights_and_a_whole_history(data):
    draw = data.draw
    options = {
        "validation": draw(st.sampled_from([None, 0.2, (X2, Y2)])),
        "test": draw(st.sampled_from([None, (X2, Y2)])),
        "optimizer": draw(st.sampled_from(list(OPTIMIZERS))),
        "schedule": draw(st.sampled_from([None, "cosine", "step", schedules.warm_up(0.3)])),
        "weight_decay": draw(st.sampled_from([None, 0.1])),
        "clip_norm": draw(st.sampled_from([None, 0.5])),
        "label_smoothing": draw(st.sampled_from([0.0, 0.1])),
        "class_weights": draw(st.sampled_from([None, "balanced", [1, 2, 3]])),
        "seed": draw(st.integers(0, 5)),
        "compile": draw(st.booleans()),
    }
    patience = draw(st.sampled_from([None, 1])) if options["validation"] is not None else None
    runs = []
    for compile in {False, options.pop("compile")}:
        trained = model(dtype=np.float32)
        history = tx.fit(
            trained, (X, Y), epochs=3, batch_size=11, patience=patience, compile=compile, **options
        )
        assert 2 <= len(history) <= 4
        assert "; the weights are those of epoch " in history.stopped
        assert all(np.isfinite(p.numpy()).all() for p in trained.parameters())
        runs.append((content(trained), str(list(history))))
    assert runs[0] == runs[-1]
