"""Jacob Jackson, 2020: A Justification of the Cross Entropy Loss."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

import tinygrad_xent as tx
from tinygrad_xent import information
from tinygrad_xent.likelihood import sampled_gradient, smooth_max, soft_argmax

from .by_hand import (
    SIGMAS,
    batches,
    leaf,
    log_softmax,
    logits,
    normalised,
    pairs,
    slopes,
    softmax,
)
from .rows import breaks

eighths = st.integers(-800, 800).map(lambda n: n / 8)  # their squares are exact


def half_squares(x, y):
    return tx.mse_loss(x, y, half=True)


def fourth(d):
    return d**4


def sines(d):
    return tx.sin(d) ** 2 + tx.sin(math.pi * d) ** 2


def slope(loss, at):
    (found,) = tx.grad(loss(d := leaf(at)), d)
    return found.item()


@breaks("ops/losses.py", "self.factor * (x - y)", "self.factor * (y - x)")
@given(eighths, eighths)
def mse_is_zero_only_at_the_target(x0, y):
    x = leaf(x0)
    loss = half_squares(x, y)
    loss.backward()
    assert loss.item() == (x0 - y) ** 2 / 2
    assert (loss.item() == 0) == (x0 == y)
    by_differences = slopes(lambda x: half_squares(x, np.array(y)), np.array(x0))
    assert x.grad == pytest.approx(by_differences, abs=1e-6)


@breaks("ops/arithmetic.py", "self.n * x ** (self.n - 1)", "x ** (self.n - 1)")
@breaks("ops/trigonometry.py", "return g * np.cos(x)", "return -g * np.cos(x)")
def others_are_zero_there_too():
    """Near 22/7 and 355/113 the sines are almost 0 as well, and descent stalls before: a trap."""
    d = np.arange(-40, 41) / 8
    for loss in (fourth, sines):
        values = np.array([loss(leaf(x)).item() for x in d])
        assert values[d == 0] == 0
        assert (values[d != 0] > 0).all()
        for x in d:
            assert slope(loss, x) == pytest.approx(
                slopes(lambda d, loss=loss: loss(tx.Tensor(d)).item(), x), rel=1e-6, abs=1e-7
            )
    assert sines(leaf(22.0)).item() == pytest.approx(math.sin(22) ** 2, rel=1e-9)  # 7.8e-5
    assert sines(leaf(355.0)).item() == pytest.approx(math.sin(355) ** 2, rel=1e-6)  # 9.1e-10

    ends = []
    for loss in (lambda d: half_squares(d, 0.0), fourth, sines):
        x = 1.0
        for _ in range(200):
            x -= 0.1 * slope(loss, x)
        ends.append(x)
    assert ends == [
        pytest.approx(0.9**200, rel=1e-9),
        pytest.approx(0.078, abs=1e-3),
        pytest.approx(0.951, abs=1e-3),
    ]


@breaks("ops/losses.py", "self.factor = 1 if half else 2", "self.factor = 2")
def only_mse_has_slope_x_minus_y():
    d = np.array([-3.0, -0.7, -0.1, 0.2, 0.9, 2.5])
    wanted = {
        half_squares: d,
        fourth: 4 * d**3,
        sines: np.sin(2 * d) + math.pi * np.sin(2 * math.pi * d),
        abs: np.sign(d),
    }
    for loss, slopes_of in wanted.items():
        of_d = (lambda d: half_squares(d, 0.0)) if loss is half_squares else loss
        found = [slope(of_d, x) for x in d]
        np.testing.assert_allclose(found, slopes_of, rtol=1e-12)
        assert np.allclose(found, d) == (loss is half_squares)
    curvature = tx.hessian(lambda d: half_squares(d, 0.0), 2.5)
    assert curvature.item() == 1


@breaks("ops/losses.py", "np.square(x - y)", "np.abs(x - y)")
@given(eighths, eighths)
def mse_from_its_slope(x, y):
    built, _ = integrate.quad(lambda t: t - y, y, x)
    assert half_squares(np.array(x), np.array(y)) == pytest.approx(built, rel=1e-9, abs=1e-9)


@breaks("information.py", "abs(sums - 1) <= ", "sums - 1 <= ")
@breaks("information.py", "wrong |= ~(lowest >= 0)", "wrong |= ~(lowest >= -1)")
@given(pairs)
def p_and_q_are_pmfs(pair):
    p, q = pair
    wanted = -np.sum(p * np.log(q))
    assert information.cross_entropy(p, q) == pytest.approx(wanted, rel=1e-12)
    negative = np.append(q, [-0.5, 0.5])
    for wrong in (0.9 * q, 1.1 * q, negative):
        with pytest.raises(ValueError, match="wanted probabilities"):
            information.cross_entropy(np.full(len(wrong), 1 / len(wrong)), wrong)


@breaks("information.py", "xlogy(p, q)", "p * q")
@given(pairs)
def least_at_p(pair):
    p, q = pair
    at_p, at_q = information.cross_entropy(p, p), information.cross_entropy(p, q)
    assert at_p == pytest.approx(-p @ np.log(p), rel=1e-12)
    if abs(p - q).max() > 1e-6:
        assert at_q > at_p
    free = leaf(q)
    information.cross_entropy(p, free).backward()
    by_differences = slopes(lambda q: -p @ np.log(q), q, h=1e-7)
    np.testing.assert_allclose(free.grad, by_differences, rtol=1e-4)
    # At q = p all slopes are equal: no direction in which Σ q stays 1 leads down.
    free = leaf(p)
    information.cross_entropy(p, free).backward()
    np.testing.assert_allclose(free.grad, -1, rtol=1e-12)


@breaks("likelihood/facts.py", "q - counts / batch)", "q - counts)")
def gradient_from_samples():
    z0, p = np.array([1.0, -0.5, 0.3, 0.0]), np.array([0.1, 0.2, 0.3, 0.4])
    per_label = []
    for label in range(4):
        z = leaf(z0)
        tx.cross_entropy(z, label).backward()
        per_label.append(z.grad)
    # H is linear in p, so the mean over labels is the gradient at p, without an error.
    np.testing.assert_allclose(p @ per_label, softmax(z0) - p, atol=1e-14)
    rng = np.random.default_rng(0)
    drawn = np.array([sampled_gradient(z0, rng, 8, p) for _ in range(3000)])
    off = abs(drawn.mean(axis=0) - (softmax(z0) - p))
    assert (off < SIGMAS * np.sqrt(p * (1 - p) / (8 * 3000))).all()


@breaks("ops/softmax_xent.py", "flat[at] - one - s", "flat[at] - one")
def only_one_label_is_known():
    """Three kinds of example, of each 3000: each is seen with one label, drawn from its own p."""
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]])
    rng = np.random.default_rng(0)
    kinds = np.repeat(np.arange(3), 3000)
    labels = (p[kinds].cumsum(axis=1) < rng.random((9000, 1))).sum(axis=1)
    w = leaf(np.zeros((3, 3)))
    for _ in range(120):
        w.grad = None
        tx.cross_entropy(w[kinds], labels).backward()
        w.data = w.data - 6 * w.grad
    counted = np.array([np.bincount(labels[kinds == k]) / 3000 for k in range(3)])
    np.testing.assert_allclose(softmax(w.numpy()), counted, atol=1e-6)
    # That is the solution of the soft targets, but for the chance in the labels.
    assert (abs(softmax(w.numpy()) - p) < SIGMAS * np.sqrt(p * (1 - p) / 3000)).all()


@breaks("information.py", "sum((q - p) ** 2, -1)", "sum(abs(q - p), -1)")
@breaks("information.py", "/ sqrt(sum(q * q, -1))", "/ sum(q * q, -1)")
def other_scores_qualify():
    """Of all q on a grid the mean score is least at p; of the improper ones, in a corner."""
    p, n = np.array([0.5, 0.3, 0.2]), 20
    grid = np.array([(i, j, n - i - j) for i in range(n + 1) for j in range(n + 1 - i)]) / n
    everyone = np.repeat(grid, 3, axis=0), np.tile([0, 1, 2], len(grid))
    labels = np.eye(3)[everyone[1]]
    for score, by_hand in (
        (information.brier, ((everyone[0] - labels) ** 2).sum(axis=1)),
        (
            information.spherical,
            1 - (everyone[0] * labels).sum(axis=1) / np.sqrt((everyone[0] ** 2).sum(axis=1)),
        ),
    ):
        scores = score(*everyone, reduction="none")
        np.testing.assert_allclose(scores, by_hand, atol=1e-14)
        np.testing.assert_allclose(grid[(scores.reshape(-1, 3) @ p).argmin()], p)
        means = score(grid, np.tile(p, (len(grid), 1)), reduction="none")
        np.testing.assert_allclose(means, scores.reshape(-1, 3) @ p, atol=1e-14)
    absolute = abs(everyone[0] - labels).sum(axis=1).reshape(-1, 3) @ p
    np.testing.assert_array_equal(grid[absolute.argmin()], [1, 0, 0])
    np.testing.assert_array_equal(grid[(-grid @ p).argmin()], [1, 0, 0])  # linear


@breaks("ops/softmax.py", "e = np.exp(_below(_top(x, self.axis), x))", "e = np.exp(x)")
@given(logits)
def q_is_softmax(z):
    np.testing.assert_allclose(tx.softmax(z), np.exp(z) / np.exp(z).sum(), rtol=1e-12)
    np.testing.assert_allclose(tx.log_softmax(z), log_softmax(z), rtol=1e-11, atol=1e-13)
    with np.errstate(all="ignore"):
        extreme = tx.softmax(np.array([1000.0, 1000.0, -1000.0]))
    np.testing.assert_array_equal(extreme, [0.5, 0.5, 0.0])


@breaks("ops/softmax_xent.py", "loss -= surprise\n", "loss += surprise\n")
@breaks(
    "ops/softmax.py",
    "y = top + _log_sum_exp(_below(top, x), axis)",
    "y = _log_sum_exp(_below(top, x), axis)",
)
@given(batches, st.integers(0, 99))
def four_lines(z, seed):
    p = np.random.default_rng(seed).dirichlet(np.ones(z.shape[1]), len(z))
    lse = np.log(np.exp(z).sum(axis=1))
    lines = (
        -(p * np.log(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))).sum(axis=1),
        -(p * (z - lse[:, None])).sum(axis=1),
        p.sum(axis=1) * lse - (p * z).sum(axis=1),
        lse - (p * z).sum(axis=1),
    )
    fused = tx.cross_entropy(z, p, reduction="none")
    last = tx.logsumexp(z, axis=1) - (p * z).sum(axis=1)
    for line in lines:
        np.testing.assert_allclose(fused, line, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(last, line, rtol=1e-9, atol=1e-12)


@breaks("ops/softmax.py", "exp(z - y.reshape(self.kept(z)))", "exp(z)")
@breaks(
    "likelihood/facts.py",
    "ops.logsumexp(_cooled(z - top, temperature), axis=axis) * temperature",
    "ops.logsumexp(_cooled(z - top, temperature), axis=axis)",
)
@given(logits)
def slope_of_logsumexp(z0):
    z = leaf(z0)
    tx.logsumexp(z).backward()
    np.testing.assert_allclose(z.grad, softmax(z0), rtol=1e-11)
    by_differences = slopes(lambda z: np.log(np.exp(z).sum()), z0)
    np.testing.assert_allclose(z.grad, by_differences, atol=1e-8)
    for t in (5.0, 1.0, 0.1):
        soft = t * (np.log(np.exp((z0 - z0.max()) / t).sum())) + z0.max()
        assert smooth_max(z0, t) == pytest.approx(soft, rel=1e-11, abs=1e-12)
        assert 0 <= smooth_max(z0, t) - z0.max() <= t * math.log(len(z0)) + 1e-12
        np.testing.assert_allclose(soft_argmax(z0, t), softmax(z0 / t), rtol=1e-10, atol=1e-300)
    ordered = np.array([3.5, 2.0, -1.0])
    assert smooth_max(ordered, 1e-3) == 3.5
    np.testing.assert_array_equal(soft_argmax(ordered, 1e-3), [1, 0, 0])


@breaks("ops/softmax_xent.py", "flat[at] - one - s", "flat[at] - s")
@breaks("ops/elementary.py", "return g / x\n", "return g * x\n")
@given(batches, st.integers(0, 99))
def q_minus_p(z0, seed):
    y = np.random.default_rng(seed).integers(0, z0.shape[1], len(z0))
    fused, composed = leaf(z0), leaf(z0)
    tx.cross_entropy(fused, y, reduction="sum").backward()
    tx.unfused_cross_entropy(composed, y, reduction="sum").backward()
    wanted = softmax(z0) - np.eye(z0.shape[1])[y]
    np.testing.assert_allclose(fused.grad, wanted, atol=1e-13)
    np.testing.assert_allclose(composed.grad, wanted, atol=1e-9)
    np.testing.assert_allclose(fused.grad.sum(axis=1), 0, atol=1e-14)
    by_differences = slopes(lambda z: -log_softmax(z)[np.arange(len(y)), y].sum(), z0)
    np.testing.assert_allclose(fused.grad, by_differences, atol=1e-8)


@breaks(
    "ops/softmax.py",
    "return q * (g - (g * q).sum(axis=self.axis, keepdims=True))",
    "return q * (1 - q) * g",
)
@given(pairs)
def logits_not_probabilities(pair):
    """So q - p belongs to cross-entropy *and* softmax: of another link another loss has it."""
    p, q0 = pair
    q = leaf(q0)
    information.cross_entropy(p, q).backward()
    np.testing.assert_allclose(q.grad, -p / q0, rtol=1e-12)  # at q it is not q - p
    assert abs(q.grad - (q0 - p)).max() > 1e-3
    _, through = tx.vjp(tx.softmax, np.log(q0), -p / q0)  # at the logits it is
    np.testing.assert_allclose(through.numpy(), q0 - p, atol=1e-12)


@breaks("ops/linear.py", "return _product(x.T, g)", "return _product(x.T, g) / len(x)")
@given(st.integers(0, 99))
def as_mse_to_regression(seed):
    """One layer, two losses, one gradient: xᵀ(said - wanted) / N."""
    rng = np.random.default_rng(seed)
    x, w0, wanted = rng.normal(size=(6, 3)), rng.normal(size=(3, 4)), rng.normal(size=(6, 4))
    p = normalised(rng.random((6, 4)))
    for said, target, loss in (
        (x @ w0, wanted, lambda z: tx.mse_loss(z, wanted, reduction="sum", half=True) / 6),
        (softmax(x @ w0), p, lambda z: tx.cross_entropy(z, p)),
    ):
        w, b = leaf(w0), leaf(np.zeros(4))
        loss(tx.linear(x, w, b)).backward()
        np.testing.assert_allclose(w.grad, x.T @ (said - target) / 6, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(b.grad, (said - target).mean(axis=0), rtol=1e-9, atol=1e-12)
