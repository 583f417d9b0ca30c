"""Parsiad Azimzadeh: Motivating the cross-entropy loss."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

import tinygrad_xent as tx
from tinygrad_xent import information
from tinygrad_xent.likelihood import Categorical

from .by_hand import (
    SIGMAS,
    batches,
    leaf,
    log_softmax,
    logits,
    normalised,
    pairs,
    pmfs,
    slopes,
    softmax,
    trained,
)
from .rows import breaks

DIE = np.array([0.5, 0.3, 0.15, 0.05])


@breaks("likelihood/categorical.py", ".gumbel(size=", ".normal(size=")
def die_with_k_sides():
    """The chance of a p-value below 1e-6 is one in a million, and the seed is fixed."""
    x = Categorical(probs=DIE).sample(0, 40_000)
    seen = np.bincount(x, minlength=4)
    assert stats.chisquare(seen, 40_000 * DIE).pvalue > 1e-6
    throws = np.zeros((4, 4))
    np.add.at(throws, (x[0::2], x[1::2]), 1)  # a throw and the next: independent
    assert stats.chi2_contingency(throws).pvalue > 1e-6


@breaks("ops/targets.py", "p[np.arange(len(y)), y] = 1", "p[:, y] = 1")
@given(st.integers(1, 40), st.integers(0, 99))
def frequencies_are_means(n, seed):
    y = np.random.default_rng(seed).integers(0, 3, n)
    wanted = [sum(label == k for label in y.tolist()) / n for k in range(3)]
    np.testing.assert_allclose(tx.one_hot(y, 3).mean(axis=0), wanted, rtol=1e-14)
    np.testing.assert_allclose(Categorical.fit(y, classes=3).mean, wanted, rtol=1e-14)


@breaks("likelihood/categorical.py", "size=(n, *z.shape)", "size=(n, 1)")
def law_of_large_numbers():
    """The error is √((1 - Σ q²) / N) in the mean square: four times the throws halve it."""
    d = Categorical(probs=DIE)
    for n in (400, 1600, 6400):
        runs = d.sample(n, 200 * n).reshape(200, n)
        errors = [Categorical.fit(run, classes=4).mean - DIE for run in runs]
        rms = math.sqrt(np.sum(np.square(errors), axis=1).mean())
        assert rms == pytest.approx(math.sqrt((1 - DIE @ DIE) / n), rel=0.15)


@breaks("likelihood/categorical.py", "ops.log_softmax(self.logits)", "ops.softmax(self.logits)")
@given(pmfs, st.integers(1, 40), st.integers(0, 99))
def likelihood_of_counts(q, n, seed):
    y = np.random.default_rng(seed).integers(0, len(q), n)
    counts = np.bincount(y, minlength=len(q))  # N p(k)
    assert Categorical(probs=q).likelihood(y) == pytest.approx(np.prod(q**counts), rel=1e-11)
    wanted = n * (counts / n @ np.log(q))
    assert Categorical(probs=q).log_likelihood(y) == pytest.approx(wanted, rel=1e-12)


@breaks(  # add-one smoothing
    "likelihood/categorical.py",
    "np.bincount(y, minlength=classes) / len(y)",
    "(np.bincount(y, minlength=classes) + 1) / (len(y) + classes)",
)
@breaks("ops/elementary.py", "return g / x\n", "return g * x\n")
def counting_is_maximum_likelihood():
    """KKT: -p/q + λ = 0. That is enough for a minimum because -log is convex; see random q."""
    y = tx.data.load("penguins").y
    p = np.array([(y == k).sum() for k in range(3)]) / len(y)
    q = Categorical.fit(y).mean
    np.testing.assert_allclose(q, p, rtol=1e-13)
    at = leaf(q)
    (-(tx.log(at)[y]).mean()).backward()
    np.testing.assert_allclose(at.grad, [-1.0, -1.0, -1.0], rtol=1e-12)  # λ = 1
    for other in np.random.default_rng(0).dirichlet(np.ones(3), 200):
        assert p @ np.log(other) < p @ np.log(p)

    z = leaf(np.zeros((1, 3)))  # a model that is a bias and nothing else
    for _ in range(400):
        loss = tx.cross_entropy(z + np.zeros((len(y), 1)), y)
        z.grad = None
        loss.backward()
        z.data = z.data - z.grad
    np.testing.assert_allclose(softmax(z.numpy())[0], p, atol=1e-9)
    assert loss.item() == pytest.approx(-p @ np.log(p), rel=1e-9)


@breaks("information.py", "0.0 - sum(xlogy(p, q), axis)", "0.0 - sum(xlogy(p, q), 0)")
def expectation_of_surprise():
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]])
    q = np.array([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2], [0.3, 0.3, 0.4]])
    wanted = [
        -sum(a * math.log(b) for a, b in zip(*rows, strict=True)) for rows in zip(p, q, strict=True)
    ]
    np.testing.assert_allclose(information.cross_entropy(p, q), wanted, rtol=1e-13)
    seen = -np.log(q[0])[np.random.default_rng(0).choice(3, 20_000, p=p[0])]
    off = abs(seen.mean() - information.cross_entropy(p[0], q[0]))
    assert off < SIGMAS * seen.std() / math.sqrt(20_000)


@breaks("information.py", "nats if scale == 1 else nats / scale", "nats * scale")
@breaks("ops/cross_entropy.py", 'loss / math.log(positive_number(op, "base", base))', "loss / base")
@given(pairs)
def base_gives_units(pair):
    p, q = pair
    bits, bans = -p @ np.log2(q), -p @ np.log10(q)
    assert information.cross_entropy(p, q, units="bits") == pytest.approx(bits, rel=1e-12)
    assert information.cross_entropy(p, q, units="bans") == pytest.approx(bans, rel=1e-12)
    assert information.entropy(p, base=2) == pytest.approx(stats.entropy(p, base=2), rel=1e-12)
    assert tx.cross_entropy(np.log(q), p, base=2) == pytest.approx(bits, rel=1e-9)
    # A unit is a factor and moves no minimum.
    grid = np.linspace(0.01, 0.99, 99)
    coins = np.stack([grid, 1 - grid], axis=1)
    for units in ("nats", "bits", "bans"):
        costs = information.cross_entropy(np.array([0.3, 0.7]), coins, units=units)
        assert grid[costs.argmin()] == pytest.approx(0.3)


@breaks("ops/cross_entropy.py", "return sums(losses) / (len(losses)", "return sums(losses) / (1")
@given(logits, st.integers(1, 30), st.integers(0, 99))
def cross_entropy_is_minus_log_likelihood(z, n, seed):
    y = np.random.default_rng(seed).integers(0, len(z), n)
    per_sample = log_softmax(z)[y].sum() / n
    loss = tx.cross_entropy(np.tile(z, (n, 1)), y)
    assert loss == pytest.approx(-per_sample, rel=1e-10, abs=1e-12)


@breaks("information.py", "xlogy(p, q)", "xlogy(q, p)")
def cross_entropy_is_not_symmetric():
    p, q = [0.5, 0.5], [0.9, 0.1]
    there, back = information.cross_entropy(p, q), information.cross_entropy(q, p)
    assert there == pytest.approx(-math.log(0.9 * 0.1) / 2, rel=1e-13)  # 1.204
    assert back == pytest.approx(math.log(2), rel=1e-13)
    assert there > back


@breaks("ops/divergence.py", "far = a * log_ratio - (a - b)", "far = b * log_ratio - (a - b)")
@given(pairs)
def kl_is_a_difference(pair):
    p, q = pair
    kl = information.kl_divergence(p, q)
    assert kl == pytest.approx(special.rel_entr(p, q).sum(), rel=1e-9, abs=1e-14)
    difference = -p @ np.log(q) - (-p @ np.log(p))
    assert kl == pytest.approx(difference, rel=1e-9, abs=1e-14)


@breaks(
    "ops/divergence.py", "return -g.reshape(self.kept(p)) * (", "return g.reshape(self.kept(p)) * ("
)
@given(pairs)
def same_minimum_as_kl(pair):
    p, q = pair
    z = leaf(np.log(q) + 1)
    kl = information.kl_divergence(p, tx.softmax(z))
    kl.backward()
    np.testing.assert_allclose(z.grad, q - p, atol=1e-13)  # that of cross-entropy
    cross_entropy = tx.cross_entropy(z, p).item()
    assert cross_entropy - kl.item() == pytest.approx(stats.entropy(p), rel=1e-9)


@breaks("ops/divergence.py", "t, ratio = (b - a) / a, a / b", "t, ratio = (b - a) / a, b / a")
@given(pairs)
def kl_is_not_negative(pair):
    """So q = p *minimises* cross-entropy; the article's "maximizes" is meant of the likelihood."""
    p, q = pair
    kl = information.kl_divergence(p, q)
    assert kl >= 0
    if abs(p - q).max() > 1e-6:
        assert kl >= np.sum(abs(p - q)) ** 2 / 2 * (1 - 1e-9)  # Pinsker's inequality
    assert information.kl_divergence(p, p) == 0


@breaks(
    "ops/softmax.py", "e / e.sum(axis=self.axis, keepdims=True)", "e / e.sum(axis=0, keepdims=True)"
)
@given(batches, st.floats(-100, 100))
def softmax_gives_beliefs(z, shift):
    q = tx.softmax(z)
    assert (q > 0).all()
    np.testing.assert_allclose(q.sum(axis=1), 1, rtol=1e-13)
    np.testing.assert_allclose(q, softmax(z), rtol=1e-11)
    np.testing.assert_allclose(tx.softmax(z + shift), q, rtol=1e-11)
    belief = tx.softmax(tx.nn.MLP([z.shape[1], 4, 3], rng=0)(z)).numpy()
    np.testing.assert_allclose(belief.sum(axis=1), 1, rtol=1e-6)


@breaks("ops/cross_entropy.py", "return g / (n if", "return g / (1 if")
@breaks("ops/softmax_xent.py", "    d -= p\n", "    d += p\n")
@given(batches, st.integers(0, 99))
def loss_of_a_data_set(z0, seed):
    n, k = z0.shape
    y = np.random.default_rng(seed).integers(0, k, n)
    wanted = -log_softmax(z0)[np.arange(n), y].mean()
    for target in (y, np.eye(k)[y]):
        z = leaf(z0)
        loss = tx.cross_entropy(z, target)
        loss.backward()
        assert loss.item() == pytest.approx(wanted, rel=1e-10, abs=1e-13)
        np.testing.assert_allclose(z.grad, (softmax(z0) - np.eye(k)[y]) / n, atol=1e-13)
        by_differences = slopes(lambda z, p=target: tx.cross_entropy(z, p), z0)
        np.testing.assert_allclose(z.grad, by_differences, atol=1e-8)
    # Seeing everything twice changes neither the loss nor the gradient of what is shared.
    twice = tx.cross_entropy(np.concatenate([z0, z0]), np.concatenate([y, y]))
    assert twice == pytest.approx(wanted, rel=1e-10, abs=1e-13)


@breaks("data/batching.py", "y.take(rows, axis=0)", "y.take(np.sort(rows), axis=0)")
@breaks(
    "training/evaluation.py",
    "np.add.at(confusion, (rows.y, found), 1)",
    "np.add.at(confusion, (found, rows.y), 1)",
)
def ten_classes_of_images():
    run = trained()
    result = tx.evaluate(run.model, run.test)
    predicted = run.logits(run.test.x).argmax(axis=1)
    assert run.logits(run.test.x).shape == (len(run.test), 10)
    assert result.accuracy == (predicted == run.test.y).mean() > 0.92
    pairs = np.bincount(10 * run.test.y + predicted, minlength=100).reshape(10, 10)
    np.testing.assert_array_equal(result.confusion, pairs)
    beliefs = normalised(np.exp(run.logits(run.test.x)))
    np.testing.assert_allclose(beliefs, tx.softmax(run.model(run.test.x)).numpy(), atol=1e-9)
