"""Stack Exchange, 2022: is cross-entropy weird as a cost function?"""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

import tinygrad_xent as tx
from tinygrad_xent.likelihood import Bernoulli, Categorical, Gaussian

from .by_hand import leaf, log_softmax, logits, numbers, pmfs, slopes, softmax, trained
from .rows import breaks

HEADS = np.array([1] * 7 + [0] * 3)
coins = st.floats(1e-6, 1 - 1e-6)


@breaks("ops/losses.py", "(self.factor / 2)", "self.factor")
def squares_measure_the_error():
    rng = np.random.default_rng(0)
    x = rng.normal(size=20)
    y = 3 * x - 1 + rng.normal(size=20)
    a, b = leaf(0.5), leaf(0.0)
    loss = tx.mse_loss(a * x + b, y, reduction="sum")
    loss.backward()
    off = 0.5 * x - y
    assert loss.item() == pytest.approx(off @ off, rel=1e-12)
    assert (a.grad, b.grad) == pytest.approx((2 * off @ x, 2 * off.sum()), rel=1e-12)
    optimizer = tx.optim.SGD([a, b], lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        tx.mse_loss(a * x + b, y, reduction="sum").backward()
        optimizer.step()
    assert (a.item(), b.item()) == pytest.approx(np.polyfit(x, y, 1), rel=1e-9)


@breaks("information.py", "0.0 - sum(xlogy(p, q), axis)", "sum(xlogy(p, q), axis)")
def minus_log_of_one_half():
    p, q = [0.0, 0.0, 1.0], [0.2, 0.3, 0.5]
    assert tx.information.cross_entropy(p, q) == pytest.approx(0.6931471805599453, rel=1e-15)
    assert tx.information.cross_entropy(p, q, units="bits") == 1
    assert tx.cross_entropy(np.log([q]), [2]) == pytest.approx(0.6931471805599453, rel=1e-14)


@breaks("backprop.py", "earlier[1] = earlier[1] + term", "earlier[1] = term")
@breaks("optim/sgd.py", "moved = g * _minus(self.lr, g)", "moved = -g * _minus(self.lr, g)")
def updated_by_the_chain_rule():
    a = leaf(1.0)
    b = a + a
    (b + b).backward()
    assert a.grad == 4  # 8 for who walks the paths without a topological order

    x, y = np.random.default_rng(0).normal(size=(6, 3)), [0, 1, 2, 1, 0, 2]

    def cost(w):
        h = tx.tanh(x @ w)
        return tx.unfused_cross_entropy(h @ w[:, ::-1] + h, y)

    w = leaf(np.random.default_rng(1).normal(size=(3, 3)))
    optimizer = tx.optim.SGD([w], lr=0.1)
    costs = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = cost(w)
        loss.backward()
        wanted = slopes(lambda w: cost(tx.Tensor(w)).item(), w.numpy())
        np.testing.assert_allclose(w.grad, wanted, rtol=1e-6, atol=1e-8)
        optimizer.step()
        costs.append(loss.item())
    assert (np.diff(costs) < 0).all()


@breaks("ops/softmax_xent.py", "loss -= d_y", "loss += d_y")
@given(logits, st.integers(0, 99))
def least_cost_is_most_likely(direction, seed):
    y = np.random.default_rng(seed).integers(0, len(direction), 12)
    path = np.linspace(-2, 2, 41)[:, None] * direction  # models q = softmax(theta times direction)
    costs = [tx.cross_entropy(np.tile(z, (12, 1)), y, reduction="sum") for z in path]
    log_likelihoods = log_softmax(path)[:, y].sum(axis=1)
    np.testing.assert_allclose(costs, -log_likelihoods, rtol=1e-9, atol=1e-9)
    assert log_likelihoods[np.argmin(costs)] == pytest.approx(log_likelihoods.max(), abs=1e-9)


@breaks(
    "likelihood/distribution.py",
    "ops.prod(ops.exp(self.log_prob(data)))",
    "ops.sum(ops.exp(self.log_prob(data)))",
)
def likelihood_and_its_log():
    theta = np.linspace(0.01, 0.99, 99)
    likelihood = [Bernoulli(probs=t).likelihood(HEADS) for t in theta]
    logarithm = [Bernoulli(probs=t).log_likelihood(HEADS) for t in theta]
    np.testing.assert_allclose(likelihood, theta**7 * (1 - theta) ** 3, rtol=1e-12)
    assert theta[np.argmax(likelihood)] == theta[np.argmax(logarithm)] == pytest.approx(0.7)


# Still a pmf over y, but of another coin: the integral sees it.
@breaks("likelihood/counts.py", "logits = log_of(q) - log_of(1 - q)", "logits = log_of(q)")
@breaks("ops/losses.py", "(1 - y) * np.logaddexp(0, x), w", "(1 - y) * np.logaddexp(0, -x), w")
def likelihood_is_no_distribution():
    for theta in (0.1, 0.7):
        outcomes = itertools.product((0, 1), repeat=4)
        total = sum(Bernoulli(probs=theta).likelihood(np.array(y)) for y in outcomes)
        assert total == pytest.approx(1, rel=1e-12)
    over_theta, _ = integrate.quad(lambda theta: Bernoulli(probs=theta).likelihood(HEADS), 0, 1)
    assert over_theta == pytest.approx(1 / 1320, rel=1e-9)  # the Beta function, 7! 3! / 11!


@breaks("ops/losses.py", "w * y * np.logaddexp(0, -x)", "w * y * np.logaddexp(0, x)")
@given(coins)
def bernoulli_pmf(p):
    for y in (0, 1):
        pmf = Bernoulli(probs=p).pmf(y)
        assert pmf == pytest.approx(p**y * (1 - p) ** (1 - y), rel=1e-9)
        assert pmf == pytest.approx(stats.bernoulli.pmf(y, p), rel=1e-9)


@breaks("ops/elementary.py", "np.where(x >= 0, 1, e) / (1 + e)", "np.where(x >= 0, e, 1) / (1 + e)")
@given(st.floats(-1e4, 1e4))
def output_is_a_probability(z):
    f = tx.sigmoid(np.array([z]))
    assert 0 <= f <= 1
    np.testing.assert_allclose(f, special.expit([z]), rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(f, tx.softmax(np.array([z, 0.0]))[:1], rtol=1e-13, atol=1e-300)


@breaks("ops/losses.py", "- (1 - y) * _log_from(", "+ (1 - y) * _log_from(")
@breaks("ops/losses.py", "- w * y * sigmoid(-x))", "- w * y * sigmoid(x))")
@given(numbers, st.sampled_from([0.0, 1.0]))
def binary_cross_entropy(z, y):
    f = special.expit(z)
    log_likelihood = y * -np.logaddexp(0, -z) + (1 - y) * -np.logaddexp(0, z)
    of_probs = tx.binary_cross_entropy(np.array([f]), np.array([y]))
    assert of_probs == pytest.approx(-log_likelihood, rel=1e-6, abs=1e-12)
    t = leaf([z])
    of_logits = tx.binary_cross_entropy_with_logits(t, np.array([y]))
    of_logits.backward()
    assert of_logits.item() == pytest.approx(-log_likelihood, rel=1e-12)
    assert t.grad == pytest.approx(special.expit(z) - y, abs=1e-12)
    two_classes = tx.cross_entropy(np.array([[0.0, z]]), [int(y)])
    assert two_classes == pytest.approx(-log_likelihood, rel=1e-12)


@breaks(
    "ops/special.py",
    "return g * x / np.where((x == 0) & (y == 0), 1.0, y)",
    "return g / np.where((x == 0) & (y == 0), 1.0, y)",
)
@given(pmfs, st.integers(0, 5))
def one_addend_lives(q0, k):
    k %= len(q0)
    p, q = np.eye(len(q0))[k], leaf(q0)
    loss = tx.information.cross_entropy(p, q)
    loss.backward()
    assert loss.item() == pytest.approx(-np.log(q0[k]), rel=1e-12)
    assert q.grad[k] == pytest.approx(-1 / q0[k], rel=1e-12)
    assert np.count_nonzero(q.grad) == 1  # the path of a dead addend is dead

    impossible = leaf([0.0, 0.5, 0.5])  # 0 log 0 is dead too
    loss = tx.information.cross_entropy([0.0, 1.0, 0.0], impossible)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2))
    np.testing.assert_array_equal(impossible.grad, [0, -2, 0])


@breaks(
    "likelihood/distribution.py", "ops.sum(self.log_prob(data))", "ops.mean(self.log_prob(data))"
)
@given(pmfs, st.integers(1, 60), st.integers(0, 99))
def products_become_sums(q, n, seed):
    y = np.random.default_rng(seed).integers(0, len(q), n)
    d = Categorical(probs=q)
    assert d.log_likelihood(y) == pytest.approx(np.log(np.prod(q[y])), rel=1e-12)
    assert d.likelihood(y) == pytest.approx(np.prod(q[y]), rel=1e-12)
    # And where the product has lost its digits, the sum has them all.
    coin = Bernoulli(probs=0.5)
    assert coin.log_likelihood(np.ones(2000, int)) == pytest.approx(-2000 * math.log(2), rel=1e-14)


@breaks(  # add-one smoothing, which is another estimate
    "likelihood/counts.py",
    "cls(probs=cls(logits=0.0).statistic(x).mean(axis=0))",
    "cls(probs=(cls(logits=0.0).statistic(x).sum(axis=0) + 1) / (len(x) + 2))",
)
@breaks("optim/adam.py", "theta - as_number(self.lr) / (1", "theta + as_number(self.lr) / (1")
def most_likely_bernoulli():
    y = np.random.default_rng(0).integers(0, 2, 50)
    assert 0 < y.mean() < 1
    fitted = Bernoulli.fit(y)
    assert fitted.mean == pytest.approx(y.mean(), rel=1e-14)
    assert Bernoulli.fit_by_descent(y)[0].mean == pytest.approx(y.mean(), rel=1e-6)
    best = stats.bernoulli.logpmf(y, float(fitted.mean)).sum()
    for theta in np.linspace(0.01, 0.99, 99):
        assert stats.bernoulli.logpmf(y, theta).sum() <= best + 1e-12


@breaks(
    "likelihood/gaussian.py",
    "-0.5 * ((x - self.mu) / self.sigma) ** 2",
    "-0.5 * (x - self.mu) ** 2 / self.sigma",
)
@breaks("likelihood/gaussian.py", "cls(x.mean(axis=0), x.std", "cls(np.median(x, axis=0), x.std")
@given(st.floats(-3, 3), st.floats(0.2, 3), st.integers(0, 99))
def gaussian_gives_squares(mu0, sigma, seed):
    x = np.random.default_rng(seed).normal(size=7)
    squares = ((mu0 - x) ** 2).mean()
    mu = leaf(mu0)
    surprise = -Gaussian(mu, sigma).log_likelihood(x) / 7
    surprise.backward()
    constant = math.log(sigma * math.sqrt(2 * math.pi))
    assert surprise.item() == pytest.approx(squares / (2 * sigma**2) + constant, rel=1e-9)
    assert mu.grad == pytest.approx((mu0 - x.mean()) / sigma**2, rel=1e-9, abs=1e-12)
    assert Gaussian.fit(x).mu == pytest.approx(x.mean(), rel=1e-9, abs=1e-12)
    # And for the categorical it is cross-entropy:
    y = np.random.default_rng(seed).integers(0, 3, 7)
    z = np.array([mu0, sigma, 0.0])
    wanted = -np.log(softmax(z)[y]).sum()
    assert -Categorical(logits=z).log_likelihood(y) == pytest.approx(wanted, rel=1e-12)


@breaks("ops/arithmetic.py", "return g * x\n", "return g * y\n")
@breaks("ops/elementary.py", "return g * (y * (1 - y))", "return g * y")
def a_simple_case_by_hand():
    """L = -log f, f = sigmoid(a), a = w x + b: dL/df = -1/f, df/da = f (1 - f), da/dw = x."""
    w, x, b = leaf(2.0), leaf(-1.5), leaf(0.3)
    f = tx.sigmoid(w * x + b)
    (-tx.log(f)).backward()
    said = 1 / (1 + math.exp(2.7))
    d_a = -1 / said * said * (1 - said)
    assert f.item() == pytest.approx(said, rel=1e-14)
    assert (w.grad, x.grad, b.grad) == pytest.approx((d_a * -1.5, d_a * 2, d_a), rel=1e-13)


@breaks(
    "training/loop.py",
    "result = evaluated(run.model, plan.test)",
    "result = evaluated(run.model, plan.rows)",
)
def loss_is_no_error_rate():
    """Of one run, on what it has not been trained on: the loss gets worse, the accuracy better."""
    run = trained()
    best, last = run.history[run.best], run.history[-1]
    assert last.test_loss > 1.1 * best.test_loss
    assert last.test_accuracy > best.test_accuracy
    assert last.test_loss == pytest.approx(run.loss(run.test), rel=1e-9)
    assert last.test_accuracy == pytest.approx(run.accuracy(run.test), rel=1e-12)
