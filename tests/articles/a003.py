"""Konvergen.AI: Cross-entropy and Maximum Likelihood Estimation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

import tinygrad_xent as tx
from tinygrad_xent import calibration, information
from tinygrad_xent.likelihood import Categorical, Poisson

from .by_hand import SIGMAS, leaf, log_softmax, pairs, pmfs, trained
from .rows import breaks

P = np.array([0.6, 0.25, 0.1, 0.05])


@breaks(
    "information.py",
    "_in_units(sum(entr(p), axis), scale)",
    "_in_units(-sum(entr(p), axis), scale)",
)
@given(pmfs)
def entropy(p):
    assert information.entropy(p) == pytest.approx(stats.entropy(p), rel=1e-12)
    uniform = np.full(len(p), 1 / len(p))
    assert information.entropy(uniform) == pytest.approx(math.log(len(p)), rel=1e-14)
    assert 0 <= information.entropy(p) <= math.log(len(p)) + 1e-12


@breaks("ops/special.py", "y = -x * np.log(np.where(x > 0, x, 1))", "y = -x * np.log(x + 1e-12)")
@breaks("ops/special.py", "np.log(np.where((x == 0) & (y == y), 1, y))", "np.log(y + 1e-12)")
def certainty_has_none():
    """A small number added under the logarithm is the usual way not to take the limit."""
    x = 10.0 ** -np.arange(1, 300)
    assert (np.diff(-x * np.log(x)) < 0).all()
    assert -x[-1] * np.log(x[-1]) < 1e-290
    certain = np.array([0.0, 1.0, 0.0])
    assert information.entropy(certain) == 0
    assert information.cross_entropy(certain, certain) == 0
    q = leaf(certain)
    information.cross_entropy(certain, q).backward()
    np.testing.assert_array_equal(q.grad, [0.0, -1.0, 0.0])
    z = leaf([[0.0, 3.0, -np.inf]])  # a class that cannot be and is not wanted
    loss = tx.cross_entropy(z, [[0.5, 0.5, 0.0]])
    loss.backward()
    assert loss.item() == pytest.approx(math.log1p(math.exp(3)) - 1.5, rel=1e-13)
    assert np.isfinite(z.grad).all()


@breaks("information.py", '"bits": 2.0', '"bits": math.e')
def entropy_of_a_coin():
    p = np.linspace(0, 1, 101)
    h = information.entropy(np.stack([p, 1 - p], axis=1), units="bits")
    wanted = (special.entr(p) + special.entr(1 - p)) / math.log(2)
    np.testing.assert_allclose(h, wanted, rtol=1e-12)
    assert (p[h.argmax()], h.max()) == pytest.approx((0.5, 1), rel=1e-15)
    np.testing.assert_allclose(h, h[::-1], rtol=1e-9, atol=1e-15)
    assert h[0] == h[-1] == 0


@breaks("likelihood/categorical.py", "(z + noise).argmax", "(z - noise).argmax")
def entropy_is_an_expectation():
    x = Categorical(probs=P).sample(0, 40_000)
    surprise = np.log(1 / P)[x]
    off = surprise.mean() - information.entropy(P)
    assert abs(off) < SIGMAS * surprise.std() / math.sqrt(len(x))
    np.testing.assert_allclose(-Categorical(probs=P).log_prob(x), surprise, rtol=1e-12)


@breaks("information.py", "_in_units(_kl(p, q, axis), scale)", "_in_units(_kl(q, p, axis), scale)")
@given(pairs)
def kl_is_inefficiency(pair):
    """Bits beyond what is needed, if the lengths of the code words are those for q.

    The article calls KL a distance, which it is not: the other way round it is another number.
    """
    p, q = pair
    extra = -p @ np.log2(q) - stats.entropy(p, base=2)  # -log2 q is the ideal length
    kl = information.kl_divergence(p, q, units="bits")
    assert kl == pytest.approx(extra, rel=1e-9, abs=1e-13)

    halves, equal = np.array([1 / 2, 1 / 4, 1 / 8, 1 / 8]), np.full(4, 1 / 4)
    # Words 0, 10, 110, 111 take 1.75 bits on average, words of two bits 2; and where all four are
    # as frequent, the first take 2.25 bits and the second 2.
    assert information.kl_divergence(halves, equal, units="bits") == pytest.approx(0.25, rel=1e-14)
    assert information.kl_divergence(equal, halves, units="bits") == pytest.approx(0.25, rel=1e-14)
    thirds = np.array([2 / 3, 1 / 3])
    there = information.kl_divergence(thirds, [0.5, 0.5])
    back = information.kl_divergence([0.5, 0.5], thirds)
    assert (there, back) == pytest.approx((5 / 3 * math.log(2) - math.log(3), math.log(9 / 8) / 2))


@breaks(
    "ops/losses.py",
    "p * (log(where(never, 1.0, p)) - log_q)",
    "p * (log(where(never, 1.0, p)) + log_q)",
)
@breaks("calibration.py", "divergence = kl_divergence(p, q)", "divergence = kl_divergence(q, p)")
@given(pairs)
def kl_is_cross_entropy_less_entropy(pair):
    p, q = pair
    wanted = -p @ np.log(q) + p @ np.log(p)
    kl = tx.kl_div(np.log(q)[None], p[None], reduction="batchmean")
    assert kl == pytest.approx(wanted, rel=1e-9, abs=1e-13)
    parts = calibration.decompose(p, q)
    assert parts.kl == pytest.approx(wanted, rel=1e-9, abs=1e-13)
    assert sum(parts) == pytest.approx(-p @ np.log(q), rel=1e-12)


@breaks("likelihood/distribution.py", "ops.prod(", "ops.mean(")
def product_over_samples():
    """Throws are independent, so each entry of their joint distribution is a product."""
    joint = np.multiply.outer(np.multiply.outer(P, P), P)
    d = Categorical(probs=P)
    for throws in itertools.product(range(4), repeat=3):
        assert d.likelihood(np.array(throws)) == pytest.approx(joint[throws], rel=1e-12)
    counts = np.array([2, 0, 3, 1])
    rates = np.arange(1, 61) / 20
    products = [np.prod(stats.poisson.pmf(counts, rate)) for rate in rates]
    likelihoods = [Poisson(rate).likelihood(counts) for rate in rates]
    np.testing.assert_allclose(likelihoods, products, rtol=1e-11)
    assert rates[np.argmax(likelihoods)] == pytest.approx(counts.mean())


@breaks(  # the geometric mean, which does not underflow and is no probability of the data
    "likelihood/distribution.py",
    "ops.prod(ops.exp(self.log_prob(data)))",
    "ops.exp(ops.mean(self.log_prob(data)))",
)
def products_underflow():
    """Not at 1e-30, as the article has it, but 0.1 to the 324 is nothing (to the 46 in float32)."""
    for dtype, last in ((np.float64, 323), (np.float32, 45)):
        assert np.prod(np.full(last, 0.1, dtype)) > 0
        tenths = Categorical(probs=np.full(10, 0.1, dtype))
        assert tenths.likelihood(np.zeros(30, int)) == pytest.approx(1e-30, rel=1e-4)
        assert 0 < tenths.likelihood(np.zeros(last, int)) < np.finfo(dtype).tiny
        assert tenths.likelihood(np.zeros(last + 1, int)) == 0


@breaks(
    "likelihood/distribution.py", "ops.sum(self.log_prob(data))", "ops.log(self.likelihood(data))"
)
def sums_of_logs():
    y = np.random.default_rng(0).integers(0, 2, 5000)
    theta = np.linspace(0.01, 0.99, 99)
    k = y.sum()
    wanted = k * np.log(theta) + (5000 - k) * np.log1p(-theta)
    with np.errstate(divide="ignore"):  # what a logarithm of the product would warn of
        sums = [tx.likelihood.Bernoulli(probs=t).log_likelihood(y) for t in theta]
    np.testing.assert_allclose(sums, wanted, rtol=1e-12)
    assert theta[np.argmax(sums)] == pytest.approx(round(k / 5000, 2))
    few = y[:20]
    product = theta ** few.sum() * (1 - theta) ** (20 - few.sum())
    sums = [tx.likelihood.Bernoulli(probs=t).log_likelihood(few) for t in theta]
    assert np.argmax(sums) == np.argmax(product)


@breaks("ops/targets.py", "return sum(losses) / losses.shape[0]", "return sum(losses)")
@given(st.integers(0, 99))
def mean_over_the_examples(seed):
    y = np.random.default_rng(seed).integers(0, 2, 12)
    z = np.linspace(-3, 3, 61)
    p = np.bincount(y, minlength=2) / 12
    means, sums = [], []
    for log_q in log_softmax(np.stack([0 * z, z], axis=1)):
        rows = np.tile(log_q, (12, 1))
        means.append(tx.nll_loss(rows, y))
        sums.append(tx.nll_loss(rows, y, reduction="sum"))
        assert means[-1] == pytest.approx(-p @ log_q, rel=1e-12)  # an expectation under p_example
        assert sums[-1] == pytest.approx(-log_q[y].sum(), rel=1e-12)
    assert np.argmin(means) == np.argmin(sums)


@breaks("likelihood/distribution.py", "loss = -ops.mean(build", "loss = ops.mean(build")
def is_minimising_cross_entropy():
    y = np.random.default_rng(0).choice(4, 300, p=P)
    p = np.bincount(y) / 300
    fitted, losses = Categorical.fit_by_descent(y, steps=300)
    assert losses[0] == pytest.approx(math.log(4), rel=1e-12)  # H(p_example, uniform)
    assert losses[-1] == pytest.approx(stats.entropy(p), rel=1e-9)  # H(p_example, p_example)
    np.testing.assert_allclose(fitted.mean, p, atol=1e-5)
    for q in np.random.default_rng(1).dirichlet(np.ones(4), 200):
        assert -p @ np.log(q) > losses[-1]


@breaks("data/dataset.py", "self._take(order[~held_out[order]])", "self._take(order)")
def best_on_the_training_examples():
    """To the end what was trained on gets more likely; what was held out stopped long before."""
    run = trained()
    train = [epoch.train_loss for epoch in run.history]
    test = [epoch.test_loss for epoch in run.history]
    assert train[-1] < train[run.best] / 5 < train[0] / 50
    assert run.best < 40
    assert test[-1] > 1.1 * test[run.best]
    assert run.loss(run.train) < 0.01 < run.loss(run.test)
    assert run.accuracy(run.train) == 1
