"""The heart: the fused loss is right, stable and exact where others lose digits; q - p; errors."""

import warnings

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special

import tinygrad_xent as tx

LOGITS = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6),
    elements=st.floats(-30, 30, allow_subnormal=False),
)


def leaf(z, dtype=np.float64):
    return tx.Tensor(np.asarray(z, dtype), requires_grad=True)


def labels_for(z, seed=0):
    return np.random.default_rng(seed).integers(0, z.shape[1], len(z))


def exact(z, p, digits=60):
    """Loss and q - p of one row at many digits."""
    with mpmath.workdps(digits):
        e = [mpmath.exp(mpmath.mpf(float(v))) for v in z]
        s = mpmath.fsum(e)
        loss = mpmath.fsum(
            mpmath.mpf(float(pk)) * (mpmath.log(s) - mpmath.mpf(float(v)))
            for pk, v in zip(p, z, strict=True)
            if pk
        )
        mass = mpmath.fsum(mpmath.mpf(float(pk)) for pk in p)
        return loss, [mass * ek / s - mpmath.mpf(float(pk)) for ek, pk in zip(e, p, strict=True)]


@given(LOGITS)
def test_gradient_is_q_minus_p_over_n(z0):
    z, y = leaf(z0), labels_for(z0)
    tx.cross_entropy(z, y).backward()
    p = np.eye(z0.shape[1])[y]
    np.testing.assert_allclose(
        z.grad, (special.softmax(z0, axis=1) - p) / len(z0), rtol=1e-9, atol=1e-15
    )
    np.testing.assert_allclose(z.grad.sum(axis=1), 0, atol=1e-15)


@given(LOGITS, st.sampled_from(["mean", "sum", "none"]), st.booleans())
def test_fused_equals_its_unfused_twin(z0, reduction, soft):
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(z0.shape[1]), len(z0)) if soft else labels_for(z0)
    fused, unfused = leaf(z0), leaf(z0)
    a = tx.cross_entropy(fused, p, reduction=reduction)
    b = tx.unfused_cross_entropy(unfused, p, reduction=reduction)
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-12)
    seed = rng.standard_normal(a.shape)
    a.backward(seed)
    b.backward(seed)
    np.testing.assert_allclose(fused.grad, unfused.grad, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("gap", [0.5, 5, 12, 20, 40, 200, 600])
@pytest.mark.parametrize("soft", [False, True])
def test_small_losses_keep_their_digits(gap, soft):
    """Where the label has by far the largest logit, the loss is tiny and must not round to 0."""
    z = np.array([[0.0, gap, -1.0]])
    p = np.array([[0.0, 1.0, 0.0]])
    t = leaf(z)
    loss = tx.cross_entropy(t, p if soft else [1])
    loss.backward()
    wanted, gradient = exact(z[0], p[0], digits=700)
    assert loss.item() > 0
    # exp(z - max) has a relative error of |z - max| roundings; abs=0, for everything here is tiny.
    digits = {"rel": 1e-15 * (4 + gap), "abs": 0}
    assert loss.item() == pytest.approx(float(wanted), **digits)
    for got, g in zip(t.grad[0], gradient, strict=True):
        assert got == pytest.approx(float(g), **digits)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 1e6, -1e6, 1e8, -1e8])
def test_equal_logits_cost_log_k_at_any_offset(dtype, offset):
    z = leaf(np.full((2, 5), offset), dtype)
    loss = tx.cross_entropy(z, [0, 4])
    loss.backward()
    assert loss.item() == pytest.approx(np.log(5), rel=1e-6)
    np.testing.assert_allclose(z.grad[0], np.array([-0.8, 0.2, 0.2, 0.2, 0.2]) / 2, rtol=1e-6)


def test_extreme_logits_where_the_naive_road_breaks():
    z = leaf([[1000.0, 0.0, -1000.0]])
    loss = tx.cross_entropy(z, [2])
    loss.backward()
    assert loss.item() == 2000.0
    np.testing.assert_array_equal(z.grad, [[1.0, 0.0, -1.0]])


@pytest.mark.parametrize("soft", [False, True])
def test_minus_infinity_masks_a_class(soft):
    z0 = np.array([[1.0, -np.inf, 2.0]])
    p = np.array([[1.0, 0.0, 0.0]])
    z = leaf(z0)
    loss = tx.cross_entropy(z, p if soft else [0])
    loss.backward()
    q = special.softmax([1.0, 2.0])
    assert loss.item() == pytest.approx(-np.log(q[0]), rel=1e-14)
    np.testing.assert_allclose(z.grad, [[q[0] - 1, 0.0, q[1]]], rtol=1e-14)


def test_minus_infinity_at_the_label_is_infinitely_surprising():
    z = leaf([[0.0, -np.inf]])
    loss = tx.cross_entropy(z, [1])
    loss.backward()
    assert loss.item() == np.inf
    np.testing.assert_array_equal(z.grad, [[1.0, -1.0]])


def test_a_nan_row_spoils_only_itself():
    z = leaf([[0.0, np.nan], [0.0, 0.0]])
    losses = tx.cross_entropy(z, [0, 0], reduction="none")
    losses.backward([1.0, 1.0])
    assert np.isnan(losses.numpy()[0])
    assert losses.numpy()[1] == pytest.approx(np.log(2))
    np.testing.assert_array_equal(z.grad[1], [-0.5, 0.5])


def test_rows_that_do_not_sum_to_one_have_gradient_mass_times_q_minus_p():
    z0, p = np.array([[0.3, -1.0, 2.0]]), np.array([[0.5, 1.0, 1.5]])
    z = leaf(z0)
    tx.cross_entropy(z, p).backward()
    np.testing.assert_allclose(z.grad, 3 * special.softmax(z0, axis=1) - p, rtol=1e-13)


def test_the_gradient_of_the_target_is_minus_log_q():
    z0 = np.array([[0.3, -1.0, 2.0], [0.0, 0.0, 1.0]])
    p = leaf([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    tx.cross_entropy(tx.Tensor(z0), p).backward()
    np.testing.assert_allclose(p.grad, -special.log_softmax(z0, axis=1) / 2, rtol=1e-13)


def test_both_orders_through_logits_and_target_together():
    rng = np.random.default_rng(0)
    z, p = rng.standard_normal((3, 4)), rng.dirichlet(np.ones(4), 3)
    for reduction in ("mean", "sum", "none"):
        tx.check_gradients(lambda z, p, r=reduction: tx.cross_entropy(z, p, reduction=r), z, p)


@given(LOGITS)
def test_the_hessian_is_diag_q_minus_q_q(z0):
    z = leaf(z0[:1])
    (g,) = tx.grad(tx.cross_entropy(z, [0]), z, create_graph=True)
    q = special.softmax(z0[0])
    rows = [tx.grad(g[0, k], z)[0].numpy()[0] for k in range(len(q))]
    np.testing.assert_allclose(rows, np.diag(q) - np.outer(q, q), atol=1e-12)


@pytest.mark.parametrize("dtype", list("bBhHiIlLqQ"))
def test_every_integer_dtype_of_labels(dtype):
    z = leaf([[0.0, 1.0, 2.0]])
    assert tx.cross_entropy(z, np.array([2], dtype)).item() == pytest.approx(0.40760596444437)


def test_lists_tensors_and_single_examples():
    z0 = np.array([0.0, 1.0, 2.0])
    wanted = pytest.approx(0.40760596444437)
    assert tx.cross_entropy(leaf([z0]), [2]).item() == wanted
    assert tx.cross_entropy(leaf([z0]), tx.Tensor(np.array([2]))).item() == wanted
    assert tx.cross_entropy(leaf(z0), 2).item() == wanted
    assert tx.cross_entropy(leaf(z0), np.array(2)).item() == wanted
    assert tx.cross_entropy(leaf(z0), [0.0, 0.0, 1.0]).item() == wanted
    assert tx.cross_entropy([z0.tolist()], [2]) == wanted
    z = leaf(z0)
    tx.cross_entropy(z, 2).backward()
    assert z.grad.shape == (3,)
    assert tx.cross_entropy(z, 2, reduction="none").shape == ()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("soft", [False, True])
def test_classes_on_axis_one_of_many(reduction, soft):
    rng = np.random.default_rng(0)
    z0 = rng.standard_normal((2, 3, 4, 5))
    y = rng.integers(0, 3, (2, 4, 5))
    p = np.moveaxis(np.eye(3)[y], -1, 1)
    z = leaf(z0)
    loss = tx.cross_entropy(z, p if soft else y, reduction=reduction)
    losses = -(p * special.log_softmax(z0, axis=1)).sum(axis=1)
    wanted = {"mean": losses.mean(), "sum": losses.sum(), "none": losses}[reduction]
    assert loss.shape == np.shape(wanted)
    np.testing.assert_allclose(loss.numpy(), wanted, rtol=1e-13)
    loss.backward(np.ones(loss.shape))
    n = 40 if reduction == "mean" else 1
    np.testing.assert_allclose(
        z.grad, (special.softmax(z0, axis=1) - p) / n, rtol=1e-12, atol=1e-16
    )


def test_none_takes_a_gradient_for_each_row():
    z0 = np.array([[0.0, 1.0], [2.0, 0.0]])
    z = leaf(z0)
    tx.cross_entropy(z, [0, 1], reduction="none").backward([10.0, -1.0])
    q = special.softmax(z0, axis=1)
    np.testing.assert_allclose(z.grad, (q - np.eye(2)) * [[10.0], [-1.0]], rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_the_logits(dtype):
    z = leaf([[0.0, 1.0], [3.0, 2.0]], dtype)
    for target in ([0, 1], np.array([[0.5, 0.5], [0.0, 1.0]])):
        loss = tx.cross_entropy(z, target)
        z.grad = None
        loss.backward()
        assert loss.dtype == z.grad.dtype == dtype


def test_float16_sums_are_not_made_in_float16():
    """65,536 losses of 2.3 are more than float16 can hold."""
    z = np.zeros((65536, 10), np.float16)
    assert float(tx.cross_entropy(z, np.zeros(65536, int))) == pytest.approx(np.log(10), rel=1e-3)


def test_duplicating_the_batch_changes_no_mean_and_halves_each_rows_gradient():
    z0, y = np.random.default_rng(0).standard_normal((4, 3)), [0, 1, 2, 0]
    one, two = leaf(z0), leaf(np.concatenate([z0, z0]))
    a, b = tx.cross_entropy(one, y), tx.cross_entropy(two, y + y)
    a.backward()
    b.backward()
    assert a.item() == pytest.approx(b.item(), rel=1e-15)
    np.testing.assert_allclose(two.grad[:4] * 2, one.grad, rtol=1e-14)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("order", ["C", "F", "strided", "reversed"])
def test_any_memory_order_of_logits_and_target(order, soft):
    rng = np.random.default_rng(0)
    z0, y = rng.standard_normal((5, 4)), rng.integers(0, 4, 5)
    p0 = rng.dirichlet(np.ones(4), 5) if soft else np.eye(4)[y]
    lay = {
        "C": np.ascontiguousarray,
        "F": np.asfortranarray,
        "strided": lambda a: np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3],
        "reversed": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    }[order]
    wanted = -(p0 * special.log_softmax(z0, axis=1)).sum(axis=1).mean()
    for f in (tx.cross_entropy, tx.unfused_cross_entropy):
        z = leaf(0 * z0)
        z._rebind(lay(z0))
        loss = f(z, lay(p0) if soft else y)
        loss.backward()
        assert loss.item() == pytest.approx(wanted, rel=1e-13)
        np.testing.assert_allclose(z.grad, (special.softmax(z0, axis=1) - p0) / 5, atol=1e-16)


def test_non_contiguous_logits():
    z0 = np.random.default_rng(0).standard_normal((3, 8))
    z = leaf(z0.T)
    tx.cross_entropy(z.T[:, ::2], [0, 1, 2]).backward()
    plain = leaf(z0[:, ::2].copy())
    tx.cross_entropy(plain, [0, 1, 2]).backward()
    np.testing.assert_array_equal(z.grad.T[:, ::2], plain.grad)
    np.testing.assert_array_equal(z.grad.T[:, 1::2], 0)


Z = np.zeros((4, 3))


@pytest.mark.parametrize(
    ("logits", "target", "error", "words"),
    [
        (Z, [0, 1, 2, 3], IndexError, r"target\[3\] is 3; wanted a class from 0 to 2"),
        (Z, [0, -1, 2, 2], IndexError, r"target\[1\] is -1"),
        (Z, [1, 2, 3, 3], IndexError, "counted from 1"),
        (Z, np.array([0, 1, 2, 200], np.uint8), IndexError, r"target\[3\] is 200"),
        (Z, np.array([0, 1, 2, 2**63 + 1], np.uint64), IndexError, r"target\[3\]"),
        (Z, [[0], [1], [2], [0]], ValueError, r"\(4, 1\).*squeeze\(-1\)"),
        (Z, np.eye(4, 3, dtype=int), ValueError, r"one-hot integers\?.*astype\(float\)"),
        (Z, [0, 1, 2], ValueError, r"shape \(3,\).*of shape \(4,\)"),
        (Z, np.eye(3), ValueError, r"\(3, 3\)"),
        (Z, [0.0, 1.0, 2.0, 0.0], TypeError, r"astype\(int\)"),
        (Z, [True, False, True, True], TypeError, "dtype bool"),
        (Z, ["a", "b", "c", "d"], TypeError, "wanted class indices"),
        (Z, None, TypeError, "dtype object"),
        (np.zeros((4, 3), int), [0, 1, 2, 0], TypeError, "int64; wanted floats"),
        (np.zeros(()), 0, TypeError, r"shape \(\)"),
        (np.zeros((0, 3)), np.zeros(0, int), ValueError, "batch is empty"),
        (np.zeros((4, 0)), np.zeros(4, int), ValueError, "no classes"),
    ],
)
@pytest.mark.parametrize("f", [tx.cross_entropy, tx.unfused_cross_entropy])
def test_errors(f, logits, target, error, words):
    with pytest.raises(error, match=rf"(?s){f.__name__}: .*{words}"):
        f(tx.Tensor(logits), target)


def test_wrong_reduction():
    with pytest.raises(ValueError, match="reduction='average'; wanted 'mean', 'sum' or 'none'"):
        tx.cross_entropy(Z, [0, 1, 2, 0], reduction="average")


def test_an_empty_batch_has_an_empty_loss_and_a_sum_of_zero():
    z = leaf(np.zeros((0, 3)))
    empty = np.zeros(0, int)
    assert tx.cross_entropy(z, empty, reduction="none").shape == (0,)
    assert tx.cross_entropy(z, empty, reduction="sum").item() == 0.0


def test_no_warning_for_ordinary_input():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tx.cross_entropy(leaf([[800.0, -800.0, 0.0]]), [1]).backward()


def test_one_hot():
    np.testing.assert_array_equal(tx.one_hot(np.array([2, 0]), 3), [[0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize(
    ("options", "loss", "rule"),
    [
        ({}, "-Σ p log q / N,  q = softmax(z)", "ḡ (q - p) / N"),
        ({"reduction": "sum"}, "-Σ p log q,  q = softmax(z)", "ḡ (q - p)"),
        ({"reduction": "none"}, "-Σ p log q,  q = softmax(z)", "ḡ (q - p)"),
        (
            {"weight": np.ones(3)},
            "-Σ w p log q / Σ w,  q = softmax(z)",
            "ḡ w (q - p) / Σ w",
        ),
        (
            {"weight": np.ones(3), "reduction": "sum"},
            "-Σ w p log q,  q = softmax(z)",
            "ḡ w (q - p)",
        ),
    ],
)
def test_the_formulas_say_what_was_asked_for(options, loss, rule):
    z = tx.Tensor(np.zeros((2, 3)), requires_grad=True)
    op = tx.cross_entropy(z, [0, 1], **options).op
    assert (op.formula(), op.formula(0)) == (loss, rule)


@pytest.mark.parametrize("target", [[1, 0], [[0.5, 0.5], [1.0, 0.0]]])
def test_the_long_road_takes_plain_arrays_and_names_its_steps(target):
    z = np.array([[1.0, 2.0], [0.5, -0.5]])
    np.testing.assert_allclose(
        tx.unfused_cross_entropy(z, target), tx.cross_entropy(z, target), rtol=1e-14
    )
    loss = tx.unfused_cross_entropy(leaf(z), target)
    names = {value.name for value in tx.backprop.order(loss)} - {None}
    wanted = "logit_maxes norm_logits counts counts_sum counts_sum_inv probs logprobs"
    assert names == set(wanted.split())
