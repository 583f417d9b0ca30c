"""The other losses: their definitions, what they do at the edges, and what they refuse."""

import math
import re
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


@pytest.mark.parametrize(
    ("q", "y", "loss", "by_q", "by_y"),
    [
        (0.0, 1.0, 100.0, -1e12, 100.0),
        (1.0, 0.0, 100.0, 1e12, -100.0),
        (0.0, 0.0, 0.0, 0.0, 100.0),
        (1.0, 1.0, 0.0, 0.0, -100.0),
        (0.0, 0.25, 25.0, -0.25e12, 100.0),
        (1e-50, 1.0, 100.0, -1e12, 100.0),
    ],
)
def test_a_certain_probability_costs_100_as_in_pytorch(q, y, loss, by_q, by_y):
    a, b = leaf(q), leaf(y)
    value = tx.binary_cross_entropy(a, b)
    value.backward()
    assert [value.item(), a.grad, b.grad] == pytest.approx([loss, by_q, by_y], rel=1e-12)


@pytest.mark.parametrize("q", [-1e-9, 1 + 1e-9, 7.0])
def test_a_probability_is_from_0_to_1(q):
    with pytest.raises(ValueError, match="binary_cross_entropy: a probability is"):
        tx.binary_cross_entropy(np.array([0.0, 1.0, q]), np.ones(3))


def reduced(losses, reduction):
    return losses if reduction == "none" else getattr(losses, reduction)()


REDUCTIONS = ["mean", "sum", "none"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    "w", [[[0.5, 2.0, 0.0], [1.0, 3.0, 0.25]], [0.5, 2.0, 3.0], 4], ids=["each", "column", "one"]
)
def test_weights_of_elements(reduction, w):
    """A mean of squares is divided by the weights, those of coins by the number, as in PyTorch."""
    rng = np.random.default_rng(1)
    x, y, all_w = rng.normal(size=(2, 3)), rng.uniform(size=(2, 3)), np.broadcast_to(w, (2, 3))
    options = {"weight": w, "reduction": reduction}
    wanted = reduced(
        all_w * (-y * special.log_expit(x) - (1 - y) * special.log_expit(-x)), reduction
    )
    ours = tx.binary_cross_entropy_with_logits(x, y, pos_weight=None, **options)
    np.testing.assert_allclose(ours, wanted, rtol=1e-13)
    np.testing.assert_allclose(
        tx.binary_cross_entropy(special.expit(x), y, **options), wanted, rtol=1e-13
    )
    options["weight"] = all_w.tolist()
    wanted = reduced(all_w * (x - y) ** 2, reduction)
    if reduction == "mean":
        wanted *= 6 / all_w.sum()
    np.testing.assert_allclose(tx.mse_loss(x, y, **options), wanted, rtol=1e-13)


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


@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)], ids=str)
@pytest.mark.parametrize("log_target", [False, True])
def test_reductions_of_kl_div(reduction, shape, log_target):
    rng = np.random.default_rng(2)
    p, q = rng.uniform(size=shape), rng.uniform(size=shape)
    elements = np.asarray(special.kl_div(p, q) + p - q)
    wanted = elements.sum() / (shape or (1,))[0]
    if reduction != "batchmean":
        wanted = reduced(elements, reduction)
    target = np.log(p) if log_target else p
    ours = tx.kl_div(np.log(q), target, reduction=reduction, log_target=log_target)
    np.testing.assert_allclose(ours, wanted, rtol=1e-13)


# --- squares and Gaussians -----------------------------------------------------------------------


def test_half_the_squared_error_has_the_gradient_x_minus_y():
    x, y = leaf([1.0, 5.0, -2.0]), leaf([0.5, 5.0, 1.0])
    tx.mse_loss(x, y, reduction="sum", half=True).backward()
    np.testing.assert_array_equal(x.grad, x.numpy() - y.numpy())
    np.testing.assert_array_equal(y.grad, y.numpy() - x.numpy())


def test_formulas_of_the_squared_error():
    whole, half = (
        tx.mse_loss(leaf([1.0]), [2.0], reduction="none", half=half).op for half in (False, True)
    )
    assert [whole.formula(i) for i in (None, 0, 1)] == ["(x - y)²", "ḡ 2 (x - y)", "-ḡ 2 (x - y)"]
    assert type(whole)().formula() == whole.formula()  # what the reference page shows
    assert [half.formula(i) for i in (None, 0, 1)] == ["(x - y)² / 2", "ḡ (x - y)", "-ḡ (x - y)"]


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


@pytest.mark.parametrize("shape", [(), (2, 3, 4), (2, 3), (2, 3, 1), (2, 1, 4), (1, 1, 1)], ids=str)
def test_one_variance_may_be_that_of_several_elements(shape):
    rng = np.random.default_rng(3)
    mean, target, var = (
        rng.normal(size=(2, 3, 4)),
        rng.normal(size=(2, 3, 4)),
        rng.uniform(size=shape),
    )
    v = leaf(var)
    loss = tx.gaussian_nll_loss(mean, target, v, full=True, eps=0.5, reduction="none")
    loss.sum().backward()
    lifted = np.maximum(var, 0.5)
    lifted = np.broadcast_to(lifted[..., None] if shape == (2, 3) else lifted, (2, 3, 4))
    np.testing.assert_allclose(
        loss.numpy(), -stats.norm.logpdf(target, mean, np.sqrt(lifted)), rtol=1e-13
    )
    slopes = (1 / lifted - ((mean - target) / lifted) ** 2) / 2
    kept = (*shape, 1) if shape == (2, 3) else (1,) * (3 - len(shape)) + shape
    axes = tuple(k for k in range(3) if kept[k] == 1)
    np.testing.assert_allclose(v.grad, slopes.sum(axis=axes).reshape(shape), rtol=1e-12)


@pytest.mark.parametrize("shape", [(4,), (2,), (2, 1), (2, 3, 2), (2, 2, 4), (1, 2, 3, 4)], ids=str)
def test_a_variance_of_another_shape(shape):
    x = np.zeros((2, 3, 4))
    words = re.escape(
        f"gaussian_nll_loss: var has shape {shape}; wanted that of the mean, (2, 3, 4)"
    )
    with pytest.raises(ValueError, match=words):
        tx.gaussian_nll_loss(x, x, np.ones(shape))


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


@pytest.mark.parametrize(
    "f", [tx.mse_loss, tx.kl_div, lambda x, y: tx.gaussian_nll_loss(x, y, 1.0)]
)
def test_a_number_may_be_the_target_of_all_but_not_a_row(f):
    assert f(leaf(X), 0.5).shape == ()
    with pytest.warns(tx.LikelyMistake, match=r"\(2, 3\) and \(3,\) broadcast to \(2, 3\)"):
        f(leaf(X), X[0])


def test_numbers_become_floats_of_the_dtype_beside_them_and_floats_stay():
    single = leaf([1.0, 2.0], np.float32)
    for target in ([0, 1], [0.5, 1.5], 1, 0.5, np.arange(2), np.array([False, True])):
        assert tx.mse_loss(single, target).dtype == np.float32
        assert tx.mse_loss(target, single).dtype == np.float32
    assert tx.mse_loss(single, np.array([0.5, 1.5])).dtype == np.float64
    assert tx.mse_loss([1, 2], [0, 0]) == 2.5
    assert tx.mse_loss(tx.Tensor([1, 2], dtype=int), [0, 0]).item() == 2.5


@pytest.mark.parametrize(
    "f",
    [
        *(tx.mse_loss, tx.kl_div, tx.binary_cross_entropy, tx.binary_cross_entropy_with_logits),
        *(tx.nll_loss, tx.cross_entropy, tx.unfused_cross_entropy, tx.gaussian_nll_loss),
    ],
    ids=lambda f: f.__name__,
)
def test_a_reduction_that_there_is_not(f):
    target = {tx.gaussian_nll_loss: (X, X), tx.nll_loss: ([0, 1],)}.get(f, (X,))
    with pytest.raises(ValueError, match=f"^{f.__name__}: reduction='average'; wanted .*'mean'"):
        f(X, *target, reduction="average")


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
    (lambda: tx.nll_loss(X, [0.0, 1.0]), "nll_loss: target of dtype float64; wanted class indices"),
    (lambda: tx.nll_loss(X, [0, 3]), r"nll_loss: target\[1\] is 3"),
]


@pytest.mark.parametrize(("call", "words"), WRONG, ids=[words[:40] for _, words in WRONG])
def test_errors(call, words):
    with pytest.raises((ValueError, TypeError, IndexError), match=words):
        call()
