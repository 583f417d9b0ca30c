"""Claims of ours, beyond the four articles."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

import tinygrad_xent as tx
from tinygrad_xent import calibration, likelihood
from tinygrad_xent.likelihood import Bernoulli, Categorical, Gaussian, Poisson

from .by_hand import SIGMAS, leaf, log_softmax, logits, numbers, pairs, slopes, softmax, trained
from .rows import breaks


def covariance_of_labels(q):
    return np.diag(q) - np.outer(q, q)


@breaks(
    "ops/cross_entropy.py",
    "if isinstance(z, Value) or isinstance(p, Value):",
    "if isinstance(p, Value):",
)
@breaks("likelihood/facts.py", "keepdims=True) - pairs", "keepdims=True) + pairs")
@given(logits, st.integers(0, 99))
def hessian(z, seed):
    p = np.random.default_rng(seed).dirichlet(np.ones(len(z)))
    wanted = covariance_of_labels(softmax(z))
    found = tx.hessian(lambda z: tx.cross_entropy(z, p), z).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-13)
    np.testing.assert_allclose(likelihood.label_covariance(softmax(z)), wanted, atol=1e-14)
    for k, row in enumerate(found):
        by_differences = slopes(lambda z, k=k: softmax(z)[k] - p[k], z)
        np.testing.assert_allclose(row, by_differences, atol=1e-8)
    assert np.linalg.eigvalsh(found).min() > -1e-14  # convex
    np.testing.assert_allclose(found.sum(axis=1), 0, atol=1e-14)  # and flat along 1


@breaks("likelihood/facts.py", "step = 1 - target / q", "step = q - target")
@breaks(  # E q qᵀ, as Fisher is sometimes misquoted
    "likelihood/categorical.py",
    "label_covariance(self.mean)",
    "self.mean[..., :, None] * self.mean[..., None, :]",
)
@given(logits)
def fisher_is_hessian(z):
    """F = E (q - e_y)(q - e_y)ᵀ over labels y of the model's own."""
    q = softmax(z)
    errors = q - np.eye(len(z))
    fisher = np.einsum("y,yi,yj->ij", q, errors, errors)
    np.testing.assert_allclose(fisher, covariance_of_labels(q), atol=1e-14)
    np.testing.assert_allclose(Categorical(logits=z).fisher(), fisher, atol=1e-14)

    p = np.array([0.442, 0.199, 0.359])
    w, off = np.log([0.3, 0.3, 0.4]), []
    for _ in range(4):
        newton = w - np.linalg.pinv(covariance_of_labels(softmax(w))) @ (softmax(w) - p)
        w = likelihood.natural_gradient_step(w, p)
        np.testing.assert_allclose(w, newton, atol=1e-12)
        off.append(abs(softmax(w) - p).max())
    assert off[-1] < 1e-12
    assert all(b < 3 * a**2 + 1e-15 for a, b in pairwise(off))  # digits double


@breaks("likelihood/facts.py", "return label_covariance(p) / batch", "return label_covariance(p)")
@breaks(
    "likelihood/facts.py", ".multinomial(batch, target / target.sum())", ".multinomial(batch, q)"
)
def noise_of_a_label():
    p, batch, n = np.array([0.5, 0.3, 0.15, 0.05]), 4, 8000
    wanted = covariance_of_labels(p) / batch
    np.testing.assert_allclose(likelihood.gradient_covariance(p, batch), wanted, atol=1e-15)
    assert np.trace(wanted) == pytest.approx((1 - p @ p) / batch, rel=1e-12)
    rng = np.random.default_rng(0)
    for z in (np.zeros(4), np.array([3.0, 0.0, -1.0, 1.0])):  # whatever the model
        drawn = np.array([likelihood.sampled_gradient(z, rng, batch, p) for _ in range(n)])
        assert (abs(np.cov(drawn.T) - wanted) < SIGMAS / math.sqrt(n) * wanted.max()).all()


@breaks("ops/elementary.py", "return g * (y * (1 - y))", "return g")
def sigmoid_with_mse_saturates():
    def squares(z):
        return tx.mse_loss(tx.sigmoid(z), np.array([1.0]), half=True)

    def surprise(z):
        return tx.binary_cross_entropy_with_logits(z, np.array([1.0]))

    slopes_of, steps = [], []
    for loss in (squares, surprise):
        z = leaf([-10.0])
        loss(z).backward()
        slopes_of.append(z.grad[0])
        z, count = leaf([-5.0]), 0
        while 1 / (1 + math.exp(-z.numpy()[0])) < 0.9 and count < 1000:
            z.grad = None
            loss(z).backward()
            z.data = z.data - z.grad
            count += 1
        steps.append(count)
    q = 1 / (1 + math.exp(10))
    assert slopes_of == pytest.approx([(q - 1) * q * (1 - q), q - 1], rel=1e-12)
    assert slopes_of == pytest.approx([-4.5e-5, -0.99995], rel=1e-2)
    assert steps[0] > 10 * steps[1] > 0


@breaks("ops/activations.py", "np.logaddexp(0, self.beta * x)", "np.logaddexp(0, -self.beta * x)")
@breaks(
    "ops/softmax.py",
    "y = top + _log_sum_exp(_below(top, x), axis)",
    "y = _log_sum_exp(_below(top, x), axis)",
)
@given(numbers, st.sampled_from([0, 1]))
def bernoulli_is_two_classes(z, y):
    wanted = math.log1p(math.exp(z)) - y * z
    pair = np.array([z, 0.0])
    assert tx.softplus(np.array(z)) - y * z == pytest.approx(wanted, rel=1e-9, abs=1e-11)
    assert tx.logsumexp(pair) - y * z == pytest.approx(wanted, rel=1e-9, abs=1e-11)
    assert -Bernoulli(logits=z).log_prob(y) == pytest.approx(wanted, rel=1e-9, abs=1e-11)
    assert tx.cross_entropy(pair, 1 - y) == pytest.approx(wanted, rel=1e-9, abs=1e-11)


@breaks(
    "likelihood/distribution.py",
    "self.mean - ops.mean(self.statistic(data), axis=0)",
    "ops.mean(self.statistic(data), axis=0) - self.mean",
)
@breaks(
    "likelihood/counts.py", "positive = n * (t - ops.expm1(t))", "positive = n * t - ops.expm1(t)"
)
@given(st.floats(-2, 2), st.integers(0, 99))
def mean_less_statistic(eta, seed):
    rng = np.random.default_rng(seed)
    coin, counts, x = rng.integers(0, 2, 9), rng.poisson(2.0, 9), rng.normal(size=9)
    precision = math.exp(eta)
    families = (
        (Bernoulli, eta, coin, 1 / (1 + math.exp(-eta)) - coin.mean()),
        (Poisson, eta, counts, math.exp(eta) - counts.mean()),
        (
            Gaussian,
            [eta * precision, -precision / 2],
            x,
            [eta - x.mean(), eta**2 + 1 / precision - (x**2).mean()],
        ),
    )
    for family, natural, data, wanted in families:
        theta = leaf(natural)
        (-family.from_natural(theta).log_prob(data).mean()).backward()
        np.testing.assert_allclose(theta.grad, wanted, rtol=1e-9, atol=1e-11)
        by_rule = family.from_natural(np.array(natural)).nll_gradient(data)
        np.testing.assert_allclose(by_rule, wanted, rtol=1e-9, atol=1e-11)


@breaks("nn/layers.py", "ops.linear(x, self.weight, self.bias)", "ops.linear(x, self.weight)")
@breaks("calibration.py", "float((gaps * count[some]).sum() / count.sum())", "float(gaps.mean())")
def calibrated_on_average():
    """The slope in the bias is the mean of q - p, so that where training ends the two agree."""
    data = tx.data.load("blobs", n=300, noise=1.5)
    keep = (data.y != 0) | (np.arange(300) % 3 == 0)
    x, y = data.x[keep].astype(np.float64) + 1, data.y[keep]
    layer = tx.nn.Linear(2, 3, rng=0, dtype=np.float64)
    optimizer = tx.optim.SGD(layer.parameters(), lr=0.5)
    for _ in range(800):
        optimizer.zero_grad()
        tx.cross_entropy(layer(x), y).backward()
        optimizer.step()
    q = softmax(layer(x).numpy())
    frequencies = np.bincount(y) / len(y)
    assert frequencies.max() - frequencies.min() > 0.2
    np.testing.assert_allclose(q.mean(axis=0), frequencies, atol=1e-3)

    run = trained()  # and confidence is another matter: on what it has not seen it is too sure
    q = softmax(run.logits(run.test.x))
    sure, right = q.max(axis=1), q.argmax(axis=1) == run.test.y
    assert sure.mean() > right.mean() + 0.01
    bins = np.ceil(sure * 10) - 1
    gaps = [abs((sure - right)[bins == k].sum()) for k in range(10)]
    error = calibration.expected_calibration_error(q, run.test.y)
    assert error == pytest.approx(sum(gaps) / len(right), rel=1e-9)


@breaks("ops/targets.py", "+ label_smoothing / classes", "+ label_smoothing / (classes - 1)")
@given(st.integers(0, 9), st.integers(0, 99))
def label_smoothing(y, seed):
    p = np.full(10, 0.01)
    p[y] = 0.91  # eps = .1 of ten classes, the true one has its share too
    z = leaf(np.random.default_rng(seed).normal(size=(1, 10)))
    loss = tx.cross_entropy(z, [y], label_smoothing=0.1)
    loss.backward()
    assert loss.item() == pytest.approx(-(p * log_softmax(z.numpy())).sum(), rel=1e-12)
    np.testing.assert_allclose(z.grad[0], softmax(z.numpy())[0] - p, atol=1e-13)

    def smoothed(z):
        t = leaf(z[None])
        loss = tx.cross_entropy(t, [y], label_smoothing=0.1)
        loss.backward()
        return loss.item(), t.grad[0]

    found = optimize.minimize(smoothed, np.zeros(10), jac=True, tol=1e-10)
    assert found.fun == pytest.approx(stats.entropy(p), rel=1e-6)  # .5003
    assert found.fun == pytest.approx(0.5003, abs=1e-4)
    gaps = found.x[y] - np.delete(found.x, y)
    np.testing.assert_allclose(gaps, math.log(91), atol=1e-4)  # 4.5109


@breaks(
    "ops/cross_entropy.py",
    "    return z / (\n        temperature",
    "    return z * (\n        temperature",
)
@breaks("calibration.py", "1 / _zero_of_slope(z, aim)", "_zero_of_slope(z, aim)")
@given(pairs, st.floats(0.3, 4))
def temperature(pair, t):
    p, z0 = pair[0], np.log(pair[1])
    z, hot = leaf(z0), leaf(t)
    loss = tx.cross_entropy(z, p, temperature=hot)
    loss.backward()
    assert loss.item() == pytest.approx(-p @ log_softmax(z0 / t), rel=1e-11)
    np.testing.assert_allclose(z.grad, (softmax(z0 / t) - p) / t, atol=1e-12)
    by_differences = slopes(lambda t: -p @ log_softmax(z0 / t), t)
    assert hot.grad == pytest.approx(by_differences, rel=1e-6, abs=1e-7)

    z, y = 3 * np.array([[1.0, 0.0, -1.0], [0.5, 1.0, 0.0], [0.0, 0.3, 1.0]]), np.array([0, 0, 2])

    def nll(t):
        return -log_softmax(z / t)[np.arange(3), y].mean()

    best = calibration.fit_temperature(z, y)  # too sure, of one label wrongly: T > 1
    assert best > 1
    assert nll(best) < min(nll(1.0), nll(best / 1.02), nll(best * 1.02))


@breaks("nn/initialise.py", "bound = 1 / math.sqrt(fan_in)", "bound = math.sqrt(fan_in)")
def ln_k_at_the_start():
    assert trained().history[0].train_loss == pytest.approx(math.log(10), abs=0.15)
    x = np.random.default_rng(0).random((50, 8))
    for k in (2, 3, 10):
        y = np.arange(50) % k
        guess = tx.nn.MLP([8, 16, k], initialise=tx.nn.initialise.zeros)
        assert tx.evaluate(guess, x, y).loss == pytest.approx(math.log(k), rel=1e-6)
        starts = [tx.evaluate(tx.nn.MLP([8, 16, k], rng=seed), x, y).loss for seed in range(5)]
        np.testing.assert_allclose(starts, math.log(k), atol=0.25)


@breaks(
    "ops/cross_entropy.py", "math.log(math.e + classes - 1) - 1", "math.log(math.e + classes) - 1"
)
@breaks(
    "ops/cross_entropy.py", "isinstance(logits, Value) and type(logits._op) is", "type(logits) is"
)
@given(st.integers(2, 12), st.integers(0, 99))
def softmax_twice(k, seed):
    floor = math.log(math.e + k - 1) - 1  # q = e_y, and all other logits 0
    sharp = np.zeros((1, k))
    sharp[0, 1] = 800.0
    for z, least in ((np.random.default_rng(seed).normal(0, 5, (1, k)), False), (sharp, True)):
        with pytest.warns(tx.LikelyMistake, match=f"{floor:.3f}"):
            loss = tx.cross_entropy(tx.softmax(leaf(z)), [1]).item()
        assert loss >= floor - 1e-12
        if least:
            assert loss == pytest.approx(floor, rel=1e-12)
