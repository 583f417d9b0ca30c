"""Distributions: their probabilities, fits and samples, and the facts behind q - p."""

import itertools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import optimize, stats

import tinygrad_xent as tx
from tinygrad_xent.likelihood import (
    Bernoulli,
    Categorical,
    Gaussian,
    Poisson,
    gradient_covariance,
    label_covariance,
    natural_gradient_step,
    sampled_gradient,
    smooth_max,
    soft_argmax,
)

INF = np.inf
P = np.array([0.442, 0.199, 0.359])
SIGMAS = 6  # chance of a false alarm per number compared: 2e-9, and the seeds are fixed besides
numbers = st.floats(-20, 20, allow_subnormal=False)
logits = hnp.arrays(np.float64, st.tuples(st.integers(1, 5)), elements=numbers)


def leaf(x):
    return tx.Tensor(np.asarray(x, np.float64), requires_grad=True)


# One row per family: η, some data, and scipy's logarithm of the probability of x at η.
FAMILIES = {
    "categorical": (
        Categorical,
        np.array([1.0, -0.5, 0.3, 0.0]),
        np.array([0, 3, 2, 2, 1, 0]),
        lambda x, z: np.log(np.exp(z) / np.exp(z).sum())[x],
    ),
    "bernoulli": (
        Bernoulli,
        np.array(0.7),
        np.array([1, 0, 1, 1, 0]),
        lambda x, z: stats.bernoulli.logpmf(x, 1 / (1 + np.exp(-z))),
    ),
    "gaussian": (
        Gaussian,
        np.array([1.2, -0.8]),
        np.array([0.3, -1.0, 2.5, 2.0]),
        lambda x, eta: stats.norm.logpdf(x, -eta[0] / eta[1] / 2, np.sqrt(-0.5 / eta[1])),
    ),
    "poisson": (
        Poisson,
        np.array(1.3),
        np.array([0, 4, 2, 7, 1]),
        lambda x, z: stats.poisson.logpmf(x, np.exp(z)),
    ),
}


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


# --- what every family does ----------------------------------------------------------------------


def test_log_prob_is_scipys(family):
    cls, eta, x, wanted = family
    np.testing.assert_allclose(cls.from_natural(eta).log_prob(x), wanted(x, eta), rtol=1e-12)


def test_likelihoods_are_sum_and_product(family):
    cls, eta, x, wanted = family
    d = cls.from_natural(eta)
    assert d.log_likelihood(x) == pytest.approx(wanted(x, eta).sum(), rel=1e-12)
    assert d.likelihood(x) == pytest.approx(np.exp(wanted(x, eta)).prod(), rel=1e-12)
    density = d.pdf if cls is Gaussian else d.pmf
    np.testing.assert_allclose(density(x), np.exp(wanted(x, eta)), rtol=1e-12)


def test_log_prob_is_differentiable_twice(family):
    cls, eta, x, _ = family
    tx.check_gradients(lambda eta: cls.from_natural(eta).log_prob(x), leaf(eta), order=2)


def test_the_gradient_is_mean_minus_statistic(family):
    cls, eta, x, _ = family
    d = cls.from_natural(eta)
    theta = leaf(eta)
    (-cls.from_natural(theta).log_prob(x).mean()).backward()
    np.testing.assert_allclose(theta.grad, d.nll_gradient(x), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(d.nll_gradient(x), d.mean - d.statistic(x).mean(0), rtol=1e-14)


def test_fisher_is_the_hessian_whatever_the_data(family):
    cls, eta, x, _ = family
    for one in x[:2]:
        h = tx.hessian(lambda eta, one=one: -cls.from_natural(eta).log_prob(one), eta)
        np.testing.assert_allclose(h.numpy(), cls.from_natural(eta).fisher(), rtol=1e-9, atol=1e-14)


def test_mean_and_fisher_are_those_of_the_statistic(family):
    """Under the distribution itself: summed over outcomes, or integrated on a grid."""
    cls, eta, _, _ = family
    d = cls.from_natural(eta)
    if cls is Gaussian:
        x = np.linspace(-15, 15, 20001)
        weight = d.pdf(x) * (x[1] - x[0])
    else:
        x = np.arange({Categorical: 4, Bernoulli: 2, Poisson: 80}[cls])
        weight = d.pmf(x)
    assert weight.sum() == pytest.approx(1, abs=1e-12)
    t = d.statistic(x).reshape(len(x), -1)
    mean = weight @ t
    covariance = (weight[:, None] * (t - mean)).T @ (t - mean)
    np.testing.assert_allclose(mean, np.ravel(d.mean), rtol=1e-11)
    np.testing.assert_allclose(covariance.ravel(), np.ravel(d.fisher()), rtol=1e-9, atol=1e-12)


def test_natural_parameters_there_and_back(family):
    cls, eta, _, _ = family
    d = cls.from_natural(eta)
    np.testing.assert_allclose(d.natural, eta, rtol=1e-14)
    assert repr(d).startswith(f"{cls.__name__}(")


def test_fit_matches_the_moments_and_numerical_optimisation(family):
    cls, _, x, _ = family
    fitted = cls.fit(x)
    gradient = fitted.nll_gradient(x)
    np.testing.assert_allclose(gradient, np.zeros_like(gradient), atol=1e-14)
    if cls is Gaussian:  # η₂ < 0
        found = optimize.minimize(
            lambda t: -Gaussian(t[0], np.exp(t[1])).log_likelihood(x), [0.0, 0.0], tol=1e-10
        )
        np.testing.assert_allclose(found.x, [fitted.mu, np.log(fitted.sigma)], atol=1e-5)
    else:
        start = np.zeros(np.size(fitted.natural))
        shape = np.shape(fitted.natural)
        found = optimize.minimize(
            lambda t: -cls.from_natural(t.reshape(shape)).log_likelihood(x), start, tol=1e-10
        )
        mean = cls.from_natural(found.x.reshape(shape)).mean
        np.testing.assert_allclose(mean, fitted.mean, atol=1e-5)
    assert found.fun >= -fitted.log_likelihood(x) - 1e-12


def test_descent_ends_at_the_closed_form(family):
    cls, _, x, _ = family
    fitted, losses = cls.fit_by_descent(x)
    np.testing.assert_allclose(fitted.mean, cls.fit(x).mean, rtol=1e-6)
    assert losses.shape == (500,)
    assert losses[-1] == pytest.approx(-cls.fit(x).log_likelihood(x) / len(x), rel=1e-10)
    assert losses[-1] < losses[0]


def test_descent_does_not_mind_the_units():
    x = 1e6 + 1e-2 * np.random.default_rng(0).standard_normal((50, 2))
    fitted, _ = Gaussian.fit_by_descent(x)
    closed = Gaussian.fit(x)
    np.testing.assert_allclose(fitted.mu, closed.mu, atol=1e-8)
    np.testing.assert_allclose(fitted.sigma, closed.sigma, rtol=1e-6)
    counts = np.random.default_rng(0).poisson(1000.0, 30)
    fitted, _ = Poisson.fit_by_descent(counts)
    assert fitted.mean == pytest.approx(counts.mean(), rel=1e-6)


def test_samples_have_the_mean_of_the_statistic(family):
    """Within SIGMAS standard errors, known from the Fisher information."""
    cls, eta, _, _ = family
    d, n = cls.from_natural(eta), 20_000
    x = d.sample(0, n)
    assert x.shape == (n,)
    variance = np.diag(np.atleast_2d(d.fisher()))
    off = np.abs(d.statistic(x).mean(0) - d.mean)
    assert (off <= SIGMAS * np.sqrt(variance / n)).all()
    np.testing.assert_array_equal(x, d.sample(np.random.default_rng(0), n))


@pytest.mark.parametrize("name", ["categorical", "bernoulli", "poisson"])
def test_samples_by_chi_square(name):
    """The chance of a p-value below 1e-6 is one in a million, and the seed is fixed."""
    cls, eta, _, _ = FAMILIES[name]
    d, n = cls.from_natural(eta), 20_000
    x = d.sample(1, n)
    outcomes = np.arange({Categorical: 4, Bernoulli: 2, Poisson: 12}[cls])
    expected = n * d.pmf(outcomes)
    seen = np.bincount(x, minlength=len(outcomes))
    rest = n - expected.sum()
    expected = np.append(expected, rest) if rest > 5 else expected * n / expected.sum()
    counted = seen[: len(outcomes)]
    seen = np.append(counted, n - counted.sum()) if rest > 5 else counted
    expected *= seen.sum() / expected.sum()
    assert stats.chisquare(seen, expected).pvalue > 1e-6


def test_gaussian_samples_by_kolmogorov_smirnov():
    x = Gaussian(3.0, 2.0).sample(2, 20_000)
    assert stats.kstest((x - 3) / 2, "norm").pvalue > 1e-6


@given(
    st.sampled_from([Bernoulli, Poisson]),
    hnp.array_shapes(min_dims=0, max_dims=3, max_side=3),
    st.integers(0, 3),
)
def test_batches_are_rows_computed_apart(cls, shape, seed):
    rng = np.random.default_rng(seed)
    eta, x = rng.normal(size=shape), rng.integers(0, 2, (4, *shape))
    d = cls.from_natural(eta)
    y = d.log_prob(x)
    assert np.shape(y) == (4, *shape)
    assert np.shape(d.natural) == np.shape(d.mean) == np.shape(d.fisher()) == shape
    assert d.sample(seed, 5).shape == (5, *shape)
    assert np.shape(cls.fit(x).mean) == shape
    for at in np.ndindex(shape):
        alone = cls.from_natural(eta[at]).log_prob(x[(slice(None), *at)])
        np.testing.assert_allclose(y[(slice(None), *at)], alone, rtol=1e-13)


@given(hnp.array_shapes(min_dims=1, max_dims=3, max_side=3), st.integers(0, 3))
def test_batches_of_vectors(shape, seed):
    rng = np.random.default_rng(seed)
    z, y = rng.normal(size=(*shape, 3)), rng.integers(0, 3, (4, *shape))
    d = Categorical(logits=z)
    assert d.log_prob(y).shape == (4, *shape)
    assert d.fisher().shape == (*shape, 3, 3)
    assert d.statistic(y).shape == (4, *shape, 3)
    assert d.sample(seed, 5).shape == (5, *shape)
    assert d.nll_gradient(y).shape == z.shape
    g = Gaussian(z, np.exp(z[..., :1]))
    x = rng.normal(size=(4, *z.shape))
    assert g.log_prob(x).shape == x.shape
    assert g.natural.shape == g.mean.shape == (*z.shape, 2)
    assert g.fisher().shape == (*z.shape, 2, 2)
    assert g.sample(seed, 5).shape == (5, *z.shape)
    assert Gaussian.fit(x).mu.shape == z.shape
    for at in np.ndindex(shape):
        alone = Categorical(logits=z[at])
        np.testing.assert_allclose(d.fisher()[at], alone.fisher(), rtol=1e-14)
        column = (slice(None), *at)
        np.testing.assert_allclose(d.log_prob(y)[column], alone.log_prob(y[column]), rtol=1e-13)


def test_float32_stays_float32(family):
    cls, eta, x, _ = family
    y = cls.from_natural(tx.Tensor(eta, dtype=np.float32)).log_prob(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.numpy(), cls.from_natural(eta).log_prob(x), rtol=2e-5)


# --- where digits are lost -----------------------------------------------------------------------


def test_the_likelihood_underflows_and_its_logarithm_does_not():
    q = np.array([0.2, 0.3, 0.5])
    d = Categorical(probs=q)
    y = d.sample(0, 1000)
    assert d.likelihood(y) == 0.0
    with mpmath.workdps(50):
        exact = mpmath.fprod(mpmath.mpf(float(q[k])) for k in y)
        assert 0 < exact < mpmath.mpf("1e-400")
        assert float(mpmath.log(exact)) == pytest.approx(d.log_likelihood(y), rel=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_last_product_before_nothing(dtype):
    """0.1 to the 323 is still something in float64, in float32 0.1 to the 45; one more is 0."""
    last = {np.float64: 323, np.float32: 45}[dtype]
    tenths = Categorical(probs=np.full(10, 0.1, dtype))
    assert tenths.likelihood(np.zeros(last, int)) > 0
    assert tenths.likelihood(np.zeros(last + 1, int)) == 0
    assert tenths.log_likelihood(np.zeros(400, int)) == pytest.approx(-400 * math.log(10), rel=1e-5)


@pytest.mark.parametrize("z", [-800.0, -40.0, -1e-9, 0.0, 40.0, 800.0])
def test_a_coin_keeps_its_digits(z):
    with mpmath.workdps(400):
        for x, sign in ((1, -1), (0, 1)):
            exact = -mpmath.log1p(mpmath.exp(sign * mpmath.mpf(z)))
            assert Bernoulli(logits=z).log_prob(x) == pytest.approx(float(exact), rel=1e-14, abs=0)
        exact = mpmath.exp(-abs(z)) / (1 + mpmath.exp(-abs(z))) ** 2
        assert Bernoulli(logits=z).fisher() == pytest.approx(float(exact), rel=1e-14, abs=0)


@pytest.mark.parametrize("rate", [1e-8, 0.3, 15.0, 17.0, 1e3, 1e6, 1e12])
def test_a_count_keeps_its_digits(rate):
    """Absolute error 1e-12 √rate, where the plain formula has 1e-16 rate log rate."""
    with mpmath.workdps(50):
        for k in {0, 1, 15, 16, int(rate), int(rate + 3 * math.sqrt(rate))}:
            exact = k * mpmath.log(mpmath.mpf(rate)) - rate - mpmath.loggamma(k + 1)
            got = Poisson(rate).log_prob(k)
            size = abs(float(exact)) if abs(k - rate) > 4 * math.sqrt(rate) else 0
            allowed = 1e-14 * size + 1e-14 * (1 + math.sqrt(rate) * math.log(rate + 3))
            assert abs(got - float(exact)) <= allowed


def test_impossible_classes_and_certain_coins():
    d = Categorical(logits=[0.0, -INF, 0.0])
    np.testing.assert_allclose(d.log_prob([0, 1, 2]), [-math.log(2), -INF, -math.log(2)])
    assert set(d.sample(0, 200)) == {0, 2}
    np.testing.assert_array_equal(Categorical(probs=[0.0, 1.0]).log_prob([0, 1]), [-INF, 0.0])
    np.testing.assert_array_equal(Bernoulli(probs=[0.0, 1.0]).log_prob([0, 1]), [0.0, 0.0])
    np.testing.assert_array_equal(Bernoulli(probs=[0.0, 1.0]).log_prob([1, 0]), [-INF, -INF])
    np.testing.assert_array_equal(Poisson(0.0).log_prob([0, 1]), [0.0, -INF])
    assert set(Poisson(0.0).sample(0, 20)) == {0}
    np.testing.assert_array_equal(Poisson.fit([0, 0]).mean, 0.0)
    np.testing.assert_array_equal(Categorical.fit([0, 0], classes=3).mean, [1.0, 0.0, 0.0])


def test_a_bernoulli_is_a_categorical_with_logits_0_and_z():
    z = np.linspace(-30, 30, 13)
    pair = Categorical(logits=np.stack([0 * z, z], -1))
    for x in (0, 1):
        np.testing.assert_allclose(Bernoulli(logits=z).log_prob(x), pair.log_prob(x), rtol=1e-13)


# --- the facts -----------------------------------------------------------------------------------


def test_the_most_likely_categorical_is_the_counts_and_kkt_holds():
    y = np.random.default_rng(0).choice(3, 342, p=P)
    p = np.bincount(y) / 342
    q = Categorical.fit(y).mean
    np.testing.assert_allclose(q, p, rtol=1e-15)
    theta = leaf(q)  # of the plain -Σ p log q, in which q may be anything
    (-(p * tx.log(theta)).sum()).backward()
    np.testing.assert_allclose(theta.grad + 1, 0, atol=1e-15)  # -p / q + λ, λ = 1
    best = Categorical.fit(y).log_likelihood(y)
    for other in np.random.default_rng(1).dirichlet(np.ones(3), 100):
        assert Categorical(probs=other).log_likelihood(y) < best


def test_the_gradient_at_probabilities_stays_on_the_simplex():
    q = leaf([0.2, 0.3, 0.5])
    (-Categorical(probs=q).log_prob([0, 0, 1, 2])).mean().backward()
    np.testing.assert_allclose(q.grad, 1 - np.array([0.5, 0.25, 0.25]) / q.data, rtol=1e-14)


def test_the_gaussians_gradient_is_that_of_squared_error():
    x, mu, sigma = np.array([1.0, -2.0, 0.5]), np.array([0.3, 0.1, 0.5]), 0.7
    a, b = leaf(mu), leaf(mu)
    (-Gaussian(a, sigma).log_likelihood(x)).backward()
    tx.mse_loss(b, x, reduction="sum", half=True).backward()
    np.testing.assert_allclose(a.grad, b.grad / sigma**2, rtol=1e-14)
    np.testing.assert_allclose(a.grad, (mu - x) / sigma**2, rtol=1e-14)
    tx.check_gradients(
        lambda mu, s, x: Gaussian(mu, tx.exp(s)).log_prob(x), leaf(mu), leaf(0.2), leaf(x), order=2
    )


@given(logits, st.integers(0, 2**32))
def test_the_hessian_of_cross_entropy_does_not_know_p(z, seed):
    p = np.random.default_rng(seed).dirichlet(np.ones(len(z)))
    q = tx.softmax(z)
    hessian = tx.hessian(lambda z: tx.cross_entropy(z, p), z).numpy()
    fisher = Categorical(logits=z).fisher()
    np.testing.assert_allclose(hessian, fisher, atol=1e-14)
    np.testing.assert_allclose(fisher, np.diag(q) - np.outer(q, q), atol=1e-15)
    errors = q - np.eye(len(z))  # one for each label
    np.testing.assert_allclose(fisher, errors.T @ np.diag(q) @ errors, atol=1e-15)
    np.testing.assert_allclose(fisher.sum(1), 0, atol=1e-15)
    assert np.linalg.eigvalsh(fisher).min() >= -1e-15


def test_the_variance_of_a_near_certain_label_keeps_its_digits():
    q = tx.softmax(np.array([45.0, 0.0]))
    np.testing.assert_allclose(np.diag(label_covariance(q)), math.exp(-45), rtol=1e-14)


def test_the_sampled_gradient_is_unbiased_with_the_covariance_said():
    """Each entry within SIGMAS standard errors over 4000 batches; the noise ignores z."""
    z, batch, times = np.array([0.5, -1.0, 2.0]), 5, 4000
    rng = np.random.default_rng(0)
    g = np.array([sampled_gradient(z, rng, batch, P) for _ in range(times)])
    said = gradient_covariance(P, batch)
    off = g.mean(0) - (tx.softmax(z) - P)
    assert (abs(off) <= SIGMAS * np.sqrt(np.diag(said) / times)).all()
    # A product of two centred entries varies by about the product of their variances.
    bound = SIGMAS * np.sqrt(3 * np.outer(np.diag(said), np.diag(said)) / times)
    assert (abs(np.cov(g.T) - said) <= bound).all()
    assert np.trace(said) == pytest.approx((1 - (P**2).sum()) / batch, rel=1e-14)
    np.testing.assert_allclose(gradient_covariance(P, 10), label_covariance(P) / 10)
    np.testing.assert_allclose(
        sampled_gradient(z, 7, batch, P) - sampled_gradient(np.zeros(3), 7, batch, P),
        tx.softmax(z) - 1 / 3,
        atol=1e-15,
    )


def test_the_covariance_is_exact_over_all_batches():
    """Summed over the nine pairs of labels, with their probabilities: no sampling, no bound."""
    q = np.array([0.1, 0.6, 0.3])
    pairs = [
        (P[a] * P[b], q - (np.eye(3)[a] + np.eye(3)[b]) / 2) for a in range(3) for b in range(3)
    ]
    mean = sum(w * g for w, g in pairs)
    np.testing.assert_allclose(mean, q - P, atol=1e-15)
    covariance = sum(w * np.outer(g - mean, g - mean) for w, g in pairs)
    np.testing.assert_allclose(covariance, gradient_covariance(P, 2), atol=1e-16)


def test_the_sampled_gradient_is_the_engines():
    z = leaf([[0.5, -1.0, 2.0]])
    g = sampled_gradient(z.data[0], 3, 8, P)
    seen = tx.softmax(z.data) - g  # the frequencies of the labels drawn
    np.testing.assert_allclose(seen * 8, np.round(seen * 8), atol=1e-14)
    tx.cross_entropy(z, seen).backward()
    np.testing.assert_allclose(z.grad[0], g, atol=1e-15)


@given(logits, st.integers(0, 2**32))
def test_the_natural_gradient_step_is_newtons(z, seed):
    z = z / 4  # the matrix of the comparison must be invertible but for its flat direction
    p = np.random.default_rng(seed).dirichlet(np.ones(len(z)))
    q = tx.softmax(z)
    newton = np.linalg.pinv(Categorical(logits=z).fisher(), rcond=1e-10, hermitian=True) @ (q - p)
    step = natural_gradient_step(z, p)
    np.testing.assert_allclose(step, z - newton, rtol=1e-6, atol=1e-8)
    assert step.mean() == pytest.approx(z.mean(), abs=1e-9)


def test_newton_doubles_the_digits():
    """On the frequencies of 342 penguins, from equal shares: .06, 1e-3, 7e-7, 2e-13, 0."""
    p = np.array([151, 68, 123]) / 342
    optimum = np.log(p) - np.log(p).mean()
    z, errors = np.zeros(3), []
    for _ in range(5):
        z = natural_gradient_step(z, p)
        errors.append(abs(z - optimum).max())
    assert errors[0] < 0.2
    assert errors[-1] < 1e-14
    assert all(b <= a**2 + 1e-15 for a, b in itertools.pairwise(errors))


# --- argmax : max = softmax : logsumexp ----------------------------------------------------------


@given(logits, st.sampled_from([1e-300, 1e-3, 0.3, 1.0, 50.0]))
def test_smooth_max_and_soft_argmax(z, temperature):
    smooth, share = smooth_max(z, temperature), soft_argmax(z, temperature)
    assert z.max() <= smooth <= z.max() + temperature * math.log(len(z)) + 1e-13 * (1 + abs(smooth))
    assert share.sum() == pytest.approx(1)
    theta = leaf(z)
    smooth_max(theta, temperature).backward()
    np.testing.assert_allclose(theta.grad, share, atol=1e-15)  # one is the other's gradient


def test_the_square_closes_as_the_temperature_falls():
    z = np.array([1.0, 3.5, 2.0, 3.5])
    gaps = [smooth_max(z, T) - 3.5 for T in (10.0, 1.0, 0.1, 0.01)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] == pytest.approx(0.01 * math.log(2), rel=1e-12)  # T log 2, for the tie
    np.testing.assert_allclose(soft_argmax(z, 0.01), [0, 0.5, 0, 0.5], atol=1e-15)
    assert smooth_max(z, 0) == 3.5
    np.testing.assert_array_equal(soft_argmax(z, 0), [0, 0.5, 0, 0.5])
    theta = leaf(z)
    smooth_max(theta, 0).backward()
    np.testing.assert_array_equal(theta.grad, soft_argmax(z, 0))  # also at T = 0
    np.testing.assert_allclose(soft_argmax(z, 1e9), 0.25, atol=1e-8)
    huge = np.array([1e200, 0.0])  # over T it would overflow
    assert smooth_max(huge, 1e-200) == 1e200
    np.testing.assert_array_equal(soft_argmax([1e200, 0.0, 1e200], 1e-200), [0.5, 0, 0.5])


def test_temperature_over_another_axis_and_to_second_order():
    z = np.random.default_rng(0).normal(size=(3, 2))
    np.testing.assert_allclose(smooth_max(z, 0.5, axis=0), smooth_max(z.T, 0.5), rtol=1e-14)
    np.testing.assert_allclose(soft_argmax(z, 0.5, axis=0), soft_argmax(z.T, 0.5).T, rtol=1e-14)
    tx.check_gradients(lambda z: smooth_max(z, 0.5, axis=0), leaf(z), order=2)
    tx.check_gradients(lambda z: soft_argmax(z, 0.5), leaf(z), order=2)


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: Categorical(), TypeError, "one of logits and probs"),
        (lambda: Categorical(logits=[0.0], probs=[1.0]), TypeError, "one of"),
        (lambda: Categorical(probs=[0.5, 0.6]), ValueError, "sum of probs is 1.1; wanted 1"),
        (lambda: Categorical(probs=[1.5, -0.5]), ValueError, r"probs\[1\] is -0.5"),
        (lambda: Categorical(probs=[np.nan, 1.0]), ValueError, "nan"),
        (lambda: Categorical(logits=[np.nan, 1.0]), ValueError, "nan"),
        (lambda: Categorical(logits=[-INF, -INF]), ValueError, "possible class"),
        (lambda: Categorical(logits=3.0), ValueError, r"shape \(\)"),
        (lambda: Categorical(probs=0.5), ValueError, r"shape \(\)"),
        (lambda: Categorical(logits=np.zeros((2, 0))), ValueError, r"\(2, 0\)"),
        (lambda: Categorical(logits=[0.0, 0.0]).log_prob(2), ValueError, "0 to 1"),
        (lambda: Categorical(logits=[0.0, 0.0]).log_prob(-1), ValueError, "is -1"),
        (lambda: Categorical(logits=[0.0, 0.0]).log_prob(0.0), TypeError, "integers"),
        (lambda: Categorical.fit([]), ValueError, "at least one observation"),
        (lambda: Categorical.fit([0.5]), TypeError, "integers"),
        (lambda: Categorical.fit([0, -1]), ValueError, r"data\[1\] is -1"),
        (lambda: Categorical.fit([0, 3], classes=3), ValueError, "0 to 2"),
        (lambda: Categorical.fit([[0, 1]]), TypeError, r"\(1, 2\)"),
        (lambda: Bernoulli(), TypeError, "one of"),
        (lambda: Bernoulli(probs=1.1), ValueError, "1.1; wanted 0 to 1"),
        (lambda: Bernoulli(logits=np.nan), ValueError, "nan"),
        (lambda: Bernoulli(probs=0.5).log_prob([0, 2]), ValueError, r"x\[1\] is 2; wanted 0 or 1"),
        (lambda: Bernoulli.fit([]), ValueError, "at least one"),
        (lambda: Bernoulli.fit([0.5]), ValueError, "0 or 1"),
        (lambda: Gaussian(np.nan), ValueError, "mu is nan"),
        (lambda: Gaussian(0.0, [1.0, 0.0]), ValueError, r"sigma\[1\] is 0.0"),
        (lambda: Gaussian.from_natural([1.0, 0.5]), ValueError, "below 0"),
        (lambda: Gaussian.from_natural([1.0]), ValueError, r"\(1,\)"),
        (lambda: Gaussian.fit([1.0, 1.0]), ValueError, "all 2 observations are equal"),
        (lambda: Gaussian.fit([1.0, np.inf]), ValueError, r"data\[1\] is inf"),
        (lambda: Gaussian.fit([]), ValueError, "at least one"),
        (lambda: Gaussian.fit(["a"]), TypeError, "numbers"),
        (lambda: Poisson(), TypeError, "one of"),
        (lambda: Poisson(-1.0), ValueError, "not negative"),
        (lambda: Poisson(INF), ValueError, "finite"),
        (lambda: Poisson(log_rate=INF), ValueError, "-inf"),
        (lambda: Poisson(1.0).log_prob(-1), ValueError, "is -1"),
        (lambda: Poisson(1.0).log_prob(0.5), ValueError, "is 0.5"),
        (lambda: Poisson.fit([-1]), ValueError, "wanted 0, 1, 2"),
        (lambda: Poisson.fit_by_descent([1], steps=0), ValueError, "steps=0"),
        (lambda: sampled_gradient(np.zeros(3), 0, 0, P), ValueError, "batch=0"),
        (lambda: sampled_gradient(np.zeros(2), 0, 1, P), ValueError, r"\(2,\)"),
        (lambda: sampled_gradient(np.zeros(3), 0, 1, 2 * P), ValueError, "sum of p"),
        (lambda: gradient_covariance(P, 0), ValueError, "batch=0"),
        (lambda: natural_gradient_step([0.0, -800.0], [0.5, 0.5]), ValueError, "above 0"),
        (lambda: natural_gradient_step([0.0, 0.0], [1.5, -0.5]), ValueError, "below 0"),
        (lambda: smooth_max([1.0], -1), ValueError, "temperature=-1"),
        (lambda: soft_argmax([1.0], INF), ValueError, "temperature=inf"),
    ],
)
def test_refused(call, error, says):
    with pytest.raises(error, match=says):
        call()
