"""Every option of cross_entropy against its definition, and the bugs that users of others met."""

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import tinygrad_xent as tx
from tinygrad_xent.op import apply
from tinygrad_xent.ops.cross_entropy import CrossEntropy

REDUCTIONS = ["mean", "sum", "none"]
INF = np.inf


def leaf(z, dtype=np.float64):
    return tx.Tensor(np.asarray(z, dtype), requires_grad=True)


def definition(
    z, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0, axis=None
):
    """Loss and gradient at z, row by row in loops, as one would explain them on paper."""
    axis = (0 if z.ndim == 1 else 1) if axis is None else axis
    classes = z.shape[axis]
    w = np.ones(classes) if weight is None else np.asarray(weight)
    rows = np.moveaxis(z, axis, -1).reshape(-1, classes)
    hard = target.dtype.kind in "iu"
    targets = target.reshape(-1) if hard else np.moveaxis(target, axis, -1).reshape(-1, classes)
    losses, gradients, total = [], [], 0.0
    for row, t in zip(rows, targets, strict=True):
        if hard and t == ignore_index:
            losses.append(0.0)
            gradients.append(np.zeros(classes))
            continue
        p = np.eye(classes)[t] if hard else t
        a = w * ((1 - label_smoothing) * p + label_smoothing / classes)
        lse = special.logsumexp(row)
        losses.append(sum(a[k] * (lse - row[k]) for k in range(classes) if a[k]))
        gradients.append(a.sum() * special.softmax(row) - a)
        total += w[t] if hard else 1.0
    losses, gradients = np.array(losses), np.array(gradients).reshape(-1, classes)
    outer = np.delete(np.array(z.shape), axis)
    if reduction == "none":
        loss = losses.reshape(outer)
    elif reduction == "sum":
        loss = losses.sum()
    else:
        loss, gradients = losses.sum() / total, gradients / total
    back = np.moveaxis(gradients.reshape(*outer, classes), -1, axis)
    return loss, back


def draw(shape, axis, kind, seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 3, shape)
    classes = shape[axis]
    if kind == "rows":
        return z, rng.uniform(0, 1, shape), classes, rng
    outer = tuple(n for k, n in enumerate(shape) if k != axis)
    y = rng.integers(0, classes, outer)
    if kind == "ignored" and y.size > 1:
        y[(0,) * y.ndim] = -100
    return z, y, classes, rng


@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple),
    data=st.data(),
    kind=st.sampled_from(["labels", "rows", "ignored"]),
    reduction=st.sampled_from(REDUCTIONS),
    eps=st.sampled_from([0.0, 0.1, 1.0]),
    weighted=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_all_options_together_follow_the_definition(
    shape, data, kind, reduction, eps, weighted, seed
):
    axis = data.draw(st.integers(0, len(shape) - 1))
    z, target, classes, rng = draw(shape, axis, kind, seed)
    # Negative weights must work too; their sum is kept from 0, where a mean has no meaning.
    w = rng.uniform(-1, 3, classes) + 4 * (np.arange(classes) == 0) if weighted else None
    options = {"weight": w, "reduction": reduction, "label_smoothing": eps, "axis": axis}
    loss, gradient = definition(z, target, **options)
    for f in (tx.cross_entropy, tx.unfused_cross_entropy):
        t = leaf(z)
        ours = f(t, target, **options)
        np.testing.assert_allclose(ours.numpy(), loss, rtol=1e-9, atol=1e-9)
        ours.backward(np.ones(ours.shape))
        np.testing.assert_allclose(t.grad, gradient, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("eps", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["labels", "rows", "ignored"])
def test_both_orders_of_every_combination(reduction, eps, weighted, kind):
    z, target, classes, rng = draw((4, 3), 1, kind, 0)
    w = rng.uniform(0.5, 2, classes) if weighted else None
    options = {"weight": w, "reduction": reduction, "label_smoothing": eps}
    if kind == "rows":
        tx.check_gradients(lambda z, p: tx.cross_entropy(z, p, **options), z, target, order=2)
    else:
        tx.check_gradients(lambda z: tx.cross_entropy(z, target, **options), z, order=2)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("eps", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore", [-100, 0, 2, 7])
@pytest.mark.parametrize("f", [tx.cross_entropy, tx.nll_loss])
def test_an_ignored_row_is_as_if_absent(reduction, eps, weighted, ignore, f):
    z, y, classes, rng = draw((6, 3), 1, "labels", 3)
    y = np.array([0, 1, 2, 1, 1, 1])
    y[[1, 4]] = ignore
    options = {"weight": rng.uniform(0.5, 2, classes) if weighted else None}
    if f is tx.cross_entropy:
        options["label_smoothing"] = eps
    options |= {"reduction": reduction, "ignore_index": ignore}
    kept = y != ignore
    whole, part = leaf(z), leaf(z[kept])
    a, b = f(whole, y, **options), f(part, y[kept], **options)
    a.backward(np.ones(a.shape))
    b.backward(np.ones(b.shape))
    a, b = a.numpy(), b.numpy()
    if reduction == "none":
        np.testing.assert_array_equal(a[~kept], 0.0)
        a = a[kept]
    np.testing.assert_allclose(a, b, rtol=1e-14)
    np.testing.assert_allclose(whole.grad[kept], part.grad, rtol=1e-13, atol=1e-17)
    np.testing.assert_array_equal(whole.grad[~kept], 0.0)


@pytest.mark.parametrize("junk", [np.nan, INF, -INF, 1e308])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("eps", [0.0, 0.2])
def test_an_ignored_row_may_hold_anything(junk, reduction, eps):
    z = leaf([[1.0, 2.0], [junk, junk], [junk, 0.0]])
    y = [1, -100, -100]
    loss = tx.cross_entropy(z, y, reduction=reduction, label_smoothing=eps)
    (g,) = tx.grad(loss, z, np.ones(loss.shape), create_graph=True)
    (h,) = tx.grad(tx.sum(g * np.arange(6.0).reshape(3, 2)), z)
    for derivative in (g, h):
        assert np.isfinite(derivative.numpy()[0]).all()
        np.testing.assert_array_equal(derivative.numpy()[1:], 0.0)
    assert np.isfinite(loss.numpy()).all()
    loss.backward(np.ones(loss.shape))
    np.testing.assert_array_equal(z.grad[1:], 0.0)


@pytest.mark.parametrize("f", [tx.cross_entropy, tx.nll_loss, tx.unfused_cross_entropy])
@pytest.mark.parametrize("options", [{}, {"weight": [0.5, 2.0]}, {"label_smoothing": 0.1}], ids=str)
def test_all_rows_ignored_is_nan_with_a_warning_and_no_gradient(f, options):
    if f is tx.nll_loss and "label_smoothing" in options:
        return
    z = leaf([[1.0, 2.0], [np.nan, 0.0]])
    with pytest.warns(RuntimeWarning, match="every row is ignored"):
        loss = f(z, [-100, -100], **options)
    assert np.isnan(loss.item())
    loss.backward()
    np.testing.assert_array_equal(z.grad, 0.0)
    assert f(z, [-100, -100], reduction="sum", **options).item() == 0.0
    np.testing.assert_array_equal(f(z, [-100] * 2, reduction="none", **options).numpy(), 0.0)


def test_weights_that_sum_to_nothing():
    z = leaf([[1.0, 2.0], [0.0, 0.0]])
    with pytest.warns(RuntimeWarning, match="weight 0"):
        loss = tx.cross_entropy(z, [0, 0], weight=[0.0, 1.0])
    loss.backward()
    assert np.isnan(loss.item())
    np.testing.assert_array_equal(z.grad, 0.0)


def test_smoothing_spreads_over_all_classes_the_true_one_included():
    """The smoothed target is (1 - eps + eps/K, eps/K, ...), where the gradient vanishes."""
    eps, classes = 0.3, 3
    target = np.array([[1 - eps + eps / classes, eps / classes, eps / classes]])
    z = leaf(np.log(target))
    tx.cross_entropy(z, [0], label_smoothing=eps).backward()
    np.testing.assert_allclose(z.grad, 0.0, atol=1e-16)


def test_smoothing_uses_the_number_of_classes_of_the_class_axis():
    z = np.random.default_rng(0).normal(size=(2, 3, 5))
    y = np.zeros((2, 3), int)
    ours = tx.cross_entropy(z, y, axis=-1, label_smoothing=0.5)
    rows = tx.cross_entropy(z.reshape(6, 5), y.reshape(6), label_smoothing=0.5)
    assert ours == pytest.approx(rows, rel=1e-14)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_minus_infinity_is_a_mask_in_value_gradient_and_second_order(soft, reduction):
    """The masked class might as well not be there."""
    z = np.array([[1.0, -INF, 2.0, 0.5], [-INF, 0.3, -INF, 1.0]])
    y = np.array([2, 3])
    p = np.array([[0.2, 0.0, 0.5, 0.3], [0.0, 0.6, 0.0, 0.4]])
    target = p if soft else y
    v = np.random.default_rng(0).normal(size=z.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        t = leaf(z)
        loss = tx.cross_entropy(t, target, reduction=reduction)
        (g,) = tx.grad(loss, t, np.ones(loss.shape), create_graph=True)
        (h,) = tx.grad(tx.sum(g * v), t)
    for row in range(2):
        there = np.isfinite(z[row])
        s = leaf(z[row][there])
        own = p[row][there] if soft else int(np.flatnonzero(np.flatnonzero(there) == y[row])[0])
        single = tx.cross_entropy(s, own, reduction="sum")
        (gs,) = tx.grad(single, s, create_graph=True)
        (hs,) = tx.grad(tx.sum(gs * v[row][there]), s)
        n = 2 if reduction == "mean" else 1
        np.testing.assert_allclose(g.numpy()[row][there], gs.numpy() / n, rtol=1e-13)
        np.testing.assert_allclose(h.numpy()[row][there], hs.numpy() / n, rtol=1e-12, atol=1e-16)
        np.testing.assert_array_equal(g.numpy()[row][~there], 0.0)
        np.testing.assert_array_equal(h.numpy()[row][~there], 0.0)
        if reduction == "none":
            assert loss.numpy()[row] == pytest.approx(single.item(), rel=1e-14)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("row", [[-INF, -INF], [INF, 0.0], [np.nan, 0.0]], ids=str)
def test_a_row_without_a_distribution_is_nan_and_spoils_only_itself(row):
    z = leaf([row, [1.0, 2.0]])
    losses = tx.cross_entropy(z, [0, 0], reduction="none")
    losses.backward([1.0, 1.0])
    assert np.isnan(losses.numpy()[0])
    assert np.isnan(z.grad[0]).any()
    assert np.isfinite(losses.numpy()[1])
    assert np.isfinite(z.grad[1]).all()


@pytest.mark.parametrize(("base", "unit"), [(2, "bits"), (10, "bans"), (math.e, "nats")])
def test_base(base, unit):
    z = leaf([[0.0, 0.0, 0.0, 0.0]])
    loss = tx.cross_entropy(z, [1], base=base)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(4, base), rel=1e-14), unit
    np.testing.assert_allclose(
        z.grad, np.array([[0.25, -0.75, 0.25, 0.25]]) / math.log(base), rtol=1e-14
    )


def test_temperature_and_softcap_and_z_loss():
    rng = np.random.default_rng(0)
    z, y = rng.normal(0, 20, (5, 4)), np.array([0, 1, -100, 3, 2])
    capped = 30 * np.tanh(z / 30) / 2.5
    kept = y != -100
    loss, _ = definition(capped[kept], y[kept])
    penalty = 0.01 * (special.logsumexp(capped[kept], axis=1) ** 2).mean()
    ours = tx.cross_entropy(z, y, softcap=30.0, temperature=2.5, z_loss=0.01)
    assert ours == pytest.approx(loss + penalty, rel=1e-12)
    for reduction in REDUCTIONS:
        tx.check_gradients(
            lambda z, t, r=reduction: tx.cross_entropy(
                z, y, softcap=30.0, temperature=t, z_loss=0.01, base=2, reduction=r
            ),
            z,
            np.array(2.5),
            order=2,
        )
    none = tx.cross_entropy(z, y, z_loss=0.01, reduction="none")
    assert none[2] == 0.0


@pytest.mark.parametrize("y", [[0, 2, 1], [0, -100, 1]])
def test_the_penalty_of_z_loss_is_reduced_as_losses_are(y):
    z = np.random.default_rng(3).normal(size=(3, 4))
    kept = np.array(y) >= 0
    penalties = 0.5 * np.log(np.exp(z).sum(axis=1)) ** 2 * kept
    for reduction, total in (("sum", penalties.sum()), ("mean", penalties.sum() / kept.sum())):
        with_it, without = (
            tx.cross_entropy(z, y, z_loss=weight, reduction=reduction) for weight in (0.5, 0.0)
        )
        np.testing.assert_allclose(with_it - without, total, rtol=1e-12)


def test_z_loss_adds_two_lambda_lse_q_to_the_gradient():
    z0 = np.array([[1.0, 2.0, 3.0]])
    z, plain = leaf(z0), leaf(z0)
    tx.cross_entropy(z, [0], z_loss=0.1).backward()
    tx.cross_entropy(plain, [0]).backward()
    added = 2 * 0.1 * special.logsumexp(z0) * special.softmax(z0)
    np.testing.assert_allclose(z.grad - plain.grad, added, rtol=1e-13)


def test_the_rows_of_none_take_their_own_gradients():
    z, y, classes, rng = draw((5, 3), 1, "ignored", 0)
    w, upstream = rng.uniform(0.5, 2, classes), rng.normal(size=5)
    t = leaf(z)
    tx.cross_entropy(t, y, weight=w, label_smoothing=0.1, reduction="none").backward(upstream)
    _, gradient = definition(z, y, w, label_smoothing=0.1, reduction="none")
    np.testing.assert_allclose(t.grad, gradient * upstream[:, None], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.2}, {"weight": [1.0, 2.0, 3.0]}])
def test_the_target_gets_its_gradient_through_smoothing_and_weights(options):
    z, p, _, _ = draw((4, 3), 1, "rows", 0)
    t = leaf(p)
    tx.cross_entropy(z, t, reduction="sum", **options).backward()
    surprise = -special.log_softmax(z, axis=1)
    wanted = (1 - options.get("label_smoothing", 0)) * options.get("weight", np.ones(3)) * surprise
    np.testing.assert_allclose(t.grad, wanted, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(
    "options",
    [{"weight": np.ones(3)}, {"label_smoothing": 0.1}, {"base": 2}, {"temperature": 2.0},
     {"softcap": 5.0}, {"z_loss": 0.1}, {"ignore_index": -1}],
    ids=str,
)  # fmt: skip
def test_no_option_changes_the_dtype(dtype, soft, options):
    z = leaf(np.random.default_rng(0).normal(size=(4, 3)), dtype)
    target = np.full((4, 3), 1 / 3) if soft else np.array([0, 1, 2, 0])
    loss = tx.cross_entropy(z, target, **options)
    assert loss.dtype == dtype
    loss.backward()
    assert z.grad.dtype == dtype


def test_linear_cross_entropy_is_the_composition():
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(2, 5, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    y = rng.integers(0, 3, (2, 5))
    y[0, 0] = -100
    for options in itertools.starmap(
        lambda r, e, w: {"reduction": r, "label_smoothing": e, "weight": w},
        itertools.product(REDUCTIONS, [0.0, 0.1], [None, [1.0, 2.0, 3.0]]),
    ):
        ours, apart = [leaf(x), leaf(w), leaf(b)], [leaf(x), leaf(w), leaf(b)]
        a = tx.linear_cross_entropy(ours[0], ours[1], y, ours[2], **options)
        c = tx.cross_entropy(apart[0] @ apart[1] + apart[2], y, axis=-1, **options)
        np.testing.assert_allclose(a.numpy(), c.numpy(), rtol=1e-12, atol=1e-14)
        a.backward(np.ones(a.shape))
        c.backward(np.ones(c.shape))
        for s, t in zip(ours, apart, strict=True):
            np.testing.assert_allclose(s.grad, t.grad, rtol=1e-12, atol=1e-14)


# --- guards --------------------------------------------------------------------------------------


def test_softmax_before_cross_entropy_is_a_likely_mistake():
    z = leaf(np.random.default_rng(0).normal(size=(4, 10)))
    with pytest.warns(tx.LikelyMistake, match=r"= 1\.461") as caught:
        loss = tx.cross_entropy(tx.softmax(z), [0, 1, 2, 3])
    assert caught[0].filename == __file__
    # And so it is: even certainty of the right class costs that much.
    certain = tx.Tensor(1e3 * np.eye(10)[:4])
    with pytest.warns(tx.LikelyMistake):
        loss = tx.cross_entropy(tx.softmax(leaf(certain.numpy())), [0, 1, 2, 3])
    assert loss.item() == pytest.approx(math.log(math.e + 9) - 1, rel=1e-12)
    with pytest.warns(tx.LikelyMistake, match="softmax"):
        tx.nll_loss(tx.softmax(z), [0, 1, 2, 3])
    with pytest.warns(tx.LikelyMistake, match="softmax"):
        tx.kl_div(tx.softmax(z), np.full((4, 10), 0.1))
    with pytest.warns(tx.LikelyMistake, match="sigmoid"):
        tx.binary_cross_entropy_with_logits(tx.sigmoid(z), np.ones((4, 10)))


def test_the_guard_counts_the_classes_on_their_axis():
    # ln(e + K - 1) - 1 by hand: K = 10 and K = 3
    with pytest.warns(tx.LikelyMistake, match=r"10 classes .* = 1\.461"):
        tx.cross_entropy(tx.softmax(leaf(np.zeros(10))), 3)
    with pytest.warns(tx.LikelyMistake, match=r"3 classes .* = 0\.551"):
        tx.cross_entropy(tx.softmax(leaf(np.zeros((3, 5))), axis=0), np.zeros(5, int), axis=0)
    with pytest.warns(tx.LikelyMistake, match=r"3 classes .* = 0\.551"):
        tx.cross_entropy(tx.softmax(leaf(np.zeros((5, 3, 2))), axis=1), np.zeros((5, 2), int))


def test_a_row_that_is_left_out_needs_no_second_class():
    z = leaf([[3.0], [4.0]])
    losses = [
        f(z, [0, -100], reduction="none") for f in (tx.cross_entropy, tx.unfused_cross_entropy)
    ]
    losses.append(tx.nll_loss(z * 0.0, [0, -100], reduction="none"))
    for loss in losses:
        loss.backward(np.ones(2))
        assert loss.numpy().tolist() == [0, 0]
        assert z.grad.tolist() == [[0], [0]]


def test_guards_can_be_silenced_and_show_once_per_place():
    z = leaf([[0.0, 1.0]])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        for _ in range(3):
            tx.cross_entropy(tx.softmax(z), [0])
    assert len(seen) == 1
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("ignore", tx.LikelyMistake)
        tx.cross_entropy(tx.softmax(z), [0])
    assert not seen


def test_a_column_against_a_row_in_mse_loss():
    with pytest.warns(tx.LikelyMistake, match=r"\(4, 1\) and \(4,\) broadcast to \(4, 4\)"):
        tx.mse_loss(leaf(np.zeros((4, 1))), np.zeros(4))


# --- errors --------------------------------------------------------------------------------------

Z = np.zeros((2, 3))
WRONG = [
    ({"target": [1, 3]}, IndexError, r"target\[1\] is 3; wanted a class from 0 to 2 .* from 1\?"),
    ({"target": [1, -1]}, IndexError, r"target\[1\] is -1; .*or ignore_index=-100"),
    ({"target": [0, -100], "ignore_index": 5}, IndexError, r"target\[1\] is -100"),
    ({"target": [0.0, 1.0]}, TypeError, r"float64.*are these labels\? use target.astype\(int\)"),
    ({"target": [True, False]}, TypeError, "dtype bool"),
    ({"target": [[0], [1]]}, ValueError, r"\(2, 1\).*squeeze"),
    ({"target": np.eye(3, dtype=int)[:2]}, ValueError, "one-hot integers"),
    ({"target": [0, 1], "weight": [1.0, 2.0]}, ValueError, r"weight of shape \(2,\).*3 classes"),
    ({"target": [0, 1], "label_smoothing": -0.1}, ValueError, r"label_smoothing=-0\.1"),
    ({"target": [0, 1], "label_smoothing": 1.5}, ValueError, "from 0 to 1"),
    ({"target": np.ones((2, 3)) / 3, "ignore_index": 1}, ValueError, "ignore_index=1"),
    ({"target": np.ones((2, 3)), "check": True}, ValueError, "row 0 of the target sums to 3"),
    ({"target": [[2.0, -1, 0], [1, 0, 0]], "check": True}, ValueError, "smallest element -1"),
    ({"target": [[1.0, 0, 0], [np.nan, 0, 0]], "check": True}, ValueError, "row 1"),
    ({"target": [0, 1], "axis": 2}, ValueError, r"axis=2 for shape \(2, 3\)"),
    ({"target": [0, 1], "axis": "k"}, TypeError, "axis='k'; wanted an int"),
    ({"target": [0, 1], "base": 1}, ValueError, "base=1"),
    ({"target": [0, 1], "temperature": 0.0}, ValueError, r"temperature=0\.0"),
    ({"target": [0, 1], "softcap": -1}, ValueError, "softcap=-1"),
    ({"target": [0, 1], "z_loss": -1}, ValueError, "z_loss=-1"),
    ({"target": [0, 1], "reduction": "avg"}, ValueError, "reduction='avg'"),
]


@pytest.mark.parametrize(("arguments", "error", "words"), WRONG, ids=lambda x: str(x)[:60])
def test_errors_say_what_was_got_and_wanted(arguments, error, words):
    arguments = dict(arguments)
    target = np.asarray(arguments.pop("target"))
    with pytest.raises(error, match=rf"(?s)^cross_entropy: .*{words}"):
        tx.cross_entropy(leaf(Z), target, **arguments)


def test_a_class_weight_has_no_gradient():
    with pytest.raises(TypeError, match="weight has no gradient"):
        tx.cross_entropy(leaf(Z), [0, 1], weight=leaf(np.ones(3)))
    frozen = tx.Tensor(np.array([1.0, 2.0, 3.0]))
    assert tx.cross_entropy(leaf(Z), [0, 1], weight=frozen).item() == pytest.approx(math.log(3))


def test_huge_unsigned_labels_do_not_wrap_to_the_ignored_one():
    y = np.array([0, 2**64 - 100], np.uint64)
    with pytest.raises(IndexError, match="18446744073709551516"):
        tx.cross_entropy(leaf(Z), y)


def test_the_target_of_a_row_that_counts_less_has_the_gradient_of_that_share():
    """What a row's share is multiplied with, its target's gradient is: by the op itself."""
    rng = np.random.default_rng(3)
    z, p = leaf(rng.normal(size=(3, 4))), leaf(rng.dirichlet(np.ones(4), 3))
    share = np.array([0.5, 0.0, 2.0])
    z._array[1, 2] = -INF  # an ignored row may hold anything
    loss = apply(CrossEntropy("sum", share), z, p)
    loss.backward()
    kept = [0, 2]
    np.testing.assert_allclose(
        p.grad[kept], -special.log_softmax(z.data[kept], axis=1) * share[kept, None], rtol=1e-14
    )
    np.testing.assert_array_equal(p.grad[1], 0.0)


@pytest.mark.parametrize("f", [tx.cross_entropy, tx.unfused_cross_entropy])
def test_logits_of_a_thousand_are_as_good_as_their_differences(f):
    z = leaf([[1000.0, 1001.0, 999.0]])
    loss = f(z, [0])
    loss.backward()
    assert loss.item() == pytest.approx(math.log(1 + math.e + 1 / math.e), rel=1e-14)
    q = np.exp([0.0, 1.0, -1.0]) / (1 + math.e + 1 / math.e)
    np.testing.assert_allclose(z.grad, [q - [1, 0, 0]], rtol=1e-13)


@pytest.mark.parametrize("axis", [-3, -2, -1, 0, 1, 2])
def test_the_classes_may_be_on_any_axis_counted_from_either_end(axis):
    z = np.random.default_rng(4).normal(size=(3, 4, 2))
    y = np.zeros(np.delete(z.shape, axis), int)
    truth = -np.take(special.log_softmax(z, axis=axis), 0, axis=axis)
    np.testing.assert_allclose(tx.cross_entropy(z, y, axis=axis, reduction="none"), truth)


def test_half_precision_targets_are_smoothed_in_single_precision():
    z, p = np.float16([[1.0, 2.0, -3.0]]), np.float16([[0.2, 0.3, 0.5]])
    smooth = 0.9 * p.astype(np.float64) + 0.1 / 3
    truth = -(smooth * special.log_softmax(z.astype(np.float64))).sum()
    zt = leaf(z, np.float16)
    loss = tx.cross_entropy(zt, p, label_smoothing=0.1)
    loss.backward()
    assert loss.dtype == np.float16 == zt.grad.dtype
    assert loss.item() == pytest.approx(truth, rel=2**-11)  # rounded once
    q = special.softmax(z.astype(np.float64))
    np.testing.assert_allclose(zt.grad, q - smooth, rtol=2**-10, atol=2**-13)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_an_ignored_row_of_a_single_class(reduction):
    z = tx.Tensor(np.zeros((2, 1)), requires_grad=True)
    loss = tx.cross_entropy(z, [0, -100], reduction=reduction)
    loss.backward()
    assert loss.item() == 0
    np.testing.assert_array_equal(z.grad, [[0.0], [0.0]])
