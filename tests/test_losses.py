"""The other losses: their definitions, what they do at the edges, and what they refuse."""

import math
import warnings

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

import tinygrad_xent as tx

INF = np.inf


def leaf(x, dtype=np.float64):
    return tx.Tensor(np.asarray(x, dtype), requires_grad=True)


# --- binary --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "loss", "slope"),
    [
        (-INF, 0.0, 0.0, 0.0),
        (INF, 1.0, 0.0, 0.0),
        (INF, 0.0, INF, 1.0),
        (-INF, 1.0, INF, -1.0),
        (INF, 0.9, INF, 0.1),
        (800.0, 1.0, 0.0, 0.0),
        (-800.0, 1.0, 800.0, -1.0),
        (800.0, 0.0, 800.0, 1.0),
        (0.0, 0.5, math.log(2), 0.0),
    ],
)
def test_logits_of_certain_outcomes(x, y, loss, slope):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        t = leaf(x)
        value = tx.binary_cross_entropy_with_logits(t, y)
        value.backward()
    assert value.item() == pytest.approx(loss, rel=1e-15)
    assert t.grad == pytest.approx(slope, abs=1e-15)


@given(st.floats(-700, 700), st.sampled_from([0.0, 1.0]))
def test_binary_losses_keep_their_digits(x, y):
    t = leaf(x)
    loss = tx.binary_cross_entropy_with_logits(t, y)
    loss.backward()
    with mpmath.workdps(650):
        sigma = 1 / (1 + mpmath.exp(-mpmath.mpf(x)))
        wanted = -mpmath.log(sigma if y else 1 - sigma)
        slope = sigma - y
    assert loss.item() == pytest.approx(float(wanted), rel=1e-15, abs=0)
    assert t.grad == pytest.approx(float(slope), rel=1e-15, abs=0)


def test_binary_is_cross_entropy_of_two_classes():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 5, 20), rng.integers(0, 2, 20)
    two = tx.cross_entropy(np.stack([np.zeros(20), x], axis=1), y)
    assert tx.binary_cross_entropy_with_logits(x, y) == pytest.approx(two, rel=1e-14)
    assert tx.binary_cross_entropy(special.expit(x), y) == pytest.approx(two, rel=1e-9)


def test_bce_accepts_labels_of_any_kind_and_lists():
    for y in ([1, 0], np.array([1, 0], np.uint8), np.array([True, False]), tx.Tensor([1.0, 0.0])):
        loss = tx.binary_cross_entropy_with_logits(leaf([0.0, 0.0], np.float32), y)
        assert loss.dtype == np.float32
        assert loss.item() == pytest.approx(math.log(2), rel=1e-6)


# --- divergence ----------------------------------------------------------------------------------


@pytest.mark.parametrize("log_target", [False, True])
def test_kl_div_where_p_is_zero(log_target):
    p = np.array([[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])
    log_q = np.array([[-INF, math.log(0.5), math.log(0.5)], [0.0, -INF, -INF]])
    with np.errstate(divide="ignore"):
        target = leaf(np.log(p) if log_target else p)
    q = leaf(log_q)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss = tx.kl_div(q, target, reduction="batchmean", log_target=log_target)
        loss.backward()
    assert loss.item() == 0.0
    np.testing.assert_allclose(q.grad, -p / 2)
    assert np.isfinite(target.grad).all()
    np.testing.assert_array_equal(target.grad[p == 0], 0.0)


def test_kl_div_is_cross_entropy_less_entropy():
    rng = np.random.default_rng(0)
    z, p = rng.normal(size=(5, 4)), rng.dirichlet(np.ones(4), 5)
    kl = tx.kl_div(tx.log_softmax(z), p, reduction="batchmean")
    wanted = tx.cross_entropy(z, p) - stats.entropy(p, axis=1).mean()
    assert kl == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_allclose(
        tx.kl_div(tx.log_softmax(z), p, reduction="none").sum(axis=1),
        stats.entropy(p, special.softmax(z, axis=1), axis=1),
        rtol=1e-12,
    )


# --- squares and Gaussians -----------------------------------------------------------------------


def test_half_the_squared_error_has_the_gradient_x_minus_y():
    x, y = leaf([1.0, 5.0, -2.0]), leaf([0.5, 5.0, 1.0])
    tx.mse_loss(x, y, reduction="sum", half=True).backward()
    np.testing.assert_array_equal(x.grad, x.numpy() - y.numpy())
    np.testing.assert_array_equal(y.grad, y.numpy() - x.numpy())


def test_gaussian_nll_is_minus_the_log_density():
    rng = np.random.default_rng(0)
    mean, target, var = (
        rng.normal(size=(4, 3)),
        rng.normal(size=(4, 3)),
        rng.uniform(0.5, 2, (4, 3)),
    )
    ours = tx.gaussian_nll_loss(mean, target, var, full=True, reduction="none")
    np.testing.assert_allclose(ours, -stats.norm.logpdf(target, mean, np.sqrt(var)), rtol=1e-12)
    one = tx.gaussian_nll_loss(mean, target, 1.0, reduction="sum")
    assert one == pytest.approx(tx.mse_loss(mean, target, reduction="sum", half=True), rel=1e-12)


def test_a_variance_below_eps_counts_as_eps():
    v = leaf([0.0])
    loss = tx.gaussian_nll_loss(np.zeros(1), np.ones(1), v, eps=0.25)
    loss.backward()
    assert loss.item() == pytest.approx((math.log(0.25) + 4) / 2)
    np.testing.assert_allclose(v.grad, [(4 - 16) / 2])


# --- nll -----------------------------------------------------------------------------------------


def test_nll_of_log_softmax_is_cross_entropy():
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(2, 3, 4)), rng.integers(0, 3, (2, 4))
    for options in ({}, {"weight": [1.0, 2.0, 0.5]}, {"ignore_index": 1}, {"reduction": "none"}):
        a, b = leaf(z), leaf(z)
        one = tx.nll_loss(tx.log_softmax(a, axis=1), y, **options)
        two = tx.cross_entropy(b, y, **options)
        np.testing.assert_allclose(one.numpy(), two.numpy(), rtol=1e-12)
        one.backward(np.ones(one.shape))
        two.backward(np.ones(two.shape))
        np.testing.assert_allclose(a.grad, b.grad, rtol=1e-10, atol=1e-15)


def test_nll_of_minus_infinity_elsewhere_and_where_ignored():
    z = leaf([[0.0, -INF], [-INF, -INF], [np.nan, 0.0]])
    loss = tx.nll_loss(z, [0, -1, -1], ignore_index=-1)
    loss.backward()
    assert loss.item() == 0.0
    np.testing.assert_array_equal(z.grad, [[-1, 0], [0, 0], [0, 0]])


# --- dtypes and errors ---------------------------------------------------------------------------

X = np.full((2, 3), 0.25)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_no_loss_changes_the_dtype(dtype, reduction):
    x, y = X.astype(dtype), (X + 0.25).astype(dtype)
    for f in (
        tx.mse_loss,
        tx.kl_div,
        tx.binary_cross_entropy,
        tx.binary_cross_entropy_with_logits,
        lambda x, y, reduction: tx.gaussian_nll_loss(x, y, 0.5, full=True, reduction=reduction),
        lambda x, y, reduction: tx.nll_loss(x, [0, 1], weight=[1.0, 2, 3], reduction=reduction),
    ):
        t = leaf(x, dtype)
        loss = f(t, tx.Tensor(y), reduction=reduction)
        assert loss.dtype == dtype
        loss.backward(np.ones(loss.shape))
        assert t.grad.dtype == dtype


WRONG = [
    (lambda: tx.mse_loss(X, X, reduction="avg"), "mse_loss: reduction='avg'"),
    (lambda: tx.mse_loss(X, X, weight=np.ones(3)), r"mse_loss: weight of shape \(3,\); .*\(2, 3\)"),
    (lambda: tx.kl_div(X, X, reduction="avg"), "kl_div: reduction='avg'; wanted 'batchmean'"),
    (
        lambda: tx.binary_cross_entropy(X + 1, X),
        "binary_cross_entropy: a probability is 1.25; wanted 0 to 1; for logits",
    ),
    (
        lambda: tx.binary_cross_entropy(X, X[0]),
        r"binary_cross_entropy: the target has shape \(3,\); wanted \(2, 3\)",
    ),
    (
        lambda: tx.binary_cross_entropy_with_logits(X, X[:, :1]),
        r"binary_cross_entropy_with_logits: the target has shape \(2, 1\); wanted \(2, 3\)",
    ),
    (lambda: tx.gaussian_nll_loss(X, X, -X), "gaussian_nll_loss: a variance is -0.25"),
    (lambda: tx.gaussian_nll_loss(X, X, np.ones(3)), r"gaussian_nll_loss: var has shape \(3,\)"),
    (lambda: tx.nll_loss(X, X), "nll_loss: target of dtype float64; wanted class indices"),
    (lambda: tx.nll_loss(X, [0, 3]), r"nll_loss: target\[1\] is 3"),
]


@pytest.mark.parametrize(("call", "words"), WRONG, ids=[words[:40] for _, words in WRONG])
def test_errors(call, words):
    with pytest.raises((ValueError, TypeError, IndexError), match=words):
        call()
