"""A linear layer and its cross-entropy block by block: the same numbers as by separate ops."""

import tracemalloc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import tinygrad_xent as tx
from tinygrad_xent.ops import linear_xent as kernel
from tinygrad_xent.ops.linear_cross_entropy import LinearCrossEntropy

REDUCTIONS = ["mean", "sum", "none"]
OPTIONS = [
    {},
    {"weight": [0.5, -2.0, 1.5, 0.0, 1.0]},
    {"label_smoothing": 0.2},
    {"label_smoothing": 1.0, "weight": [0.5, 2.0, 1.5, 0.0, 1.0]},
    {"ignore_index": 2},
    {"ignore_index": 2, "weight": [0.5, 2.0, 1.5, 0.0, 1.0]},
    {"ignore_index": 2, "label_smoothing": 0.1, "weight": [0.5, 2.0, 1.5, 0.0, 1.0]},
    {"base": 2},
]


def problem(n=7, d=3, k=5, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape).astype(dtype) for shape in ((n, d), (d, k), (k,))]
    return arrays, rng.integers(0, k, n), rng.normal(size=n)


def leaves(arrays):
    return [tx.Tensor(a, requires_grad=True) for a in arrays]


@pytest.fixture(params=[(1, 1), (100, 2), (2**22, 128)], ids=["a row", "two rows", "all rows"])
def blocks(request, monkeypatch):
    """Of one row and one column, of a few, and all in one."""
    room, rows = request.param
    monkeypatch.setattr(kernel, "ROOM", room)
    monkeypatch.setattr(kernel, "ROWS", rows)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_value_and_gradients_are_the_twins(reduction, options, bias, dtype):
    arrays, y, upstream = problem(dtype=dtype)
    ours, twins = leaves(arrays if bias else arrays[:2]), leaves(arrays if bias else arrays[:2])
    results = []
    for f, (x, W, *b) in (
        (tx.linear_cross_entropy, ours),
        (tx.unfused_linear_cross_entropy, twins),
    ):
        loss = f(x, W, y, *b, reduction=reduction, **options)
        loss.backward(upstream if reduction == "none" else -1.5)
        results.append([loss.numpy(), x.grad, W.grad, *(t.grad for t in b)])
        assert {a.dtype for a in results[-1]} == {np.dtype(dtype)}
    rtol = 1e-12 if dtype is np.float64 else 2e-5
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


@given(
    n=st.integers(0, 6),
    d=st.integers(1, 4),
    k=st.integers(1, 5),
    rows=st.integers(1, 7),
    room=st.sampled_from([1, 50, 10**6]),
    reduction=st.sampled_from(["sum", "none"]),
)
def test_blocks_of_any_size_follow_the_definition(n, d, k, rows, room, reduction):
    (x, W, b), y, upstream = problem(n, d, k, seed=n + 10 * d + 100 * k)
    before = kernel.ROOM, kernel.ROWS
    kernel.ROOM, kernel.ROWS = room, rows
    try:
        tensors = leaves([x, W, b])
        loss = tx.linear_cross_entropy(*tensors[:2], y, tensors[2], reduction=reduction)
        loss.backward(upstream if reduction == "none" else 1.0)
    finally:
        kernel.ROOM, kernel.ROWS = before
    assert [value.op.name for value in tx.backprop.order(loss) if value.op] == [loss.op.name]
    assert loss.op.name == "linear_cross_entropy"
    log_q = special.log_softmax(x @ W + b, axis=1)
    losses = -log_q[np.arange(n), y]
    np.testing.assert_allclose(
        loss.numpy(), losses if reduction == "none" else losses.sum(), rtol=1e-12, atol=1e-14
    )
    dz = (np.exp(log_q) - np.eye(k)[y]) * (upstream[:, None] if reduction == "none" else 1)
    for t, wanted in zip(tensors, (dz @ W.T, x.T @ dz, dz.sum(axis=0)), strict=True):
        np.testing.assert_allclose(t.grad, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_rules_read_with_tensors_give_the_same_gradients(reduction, options):
    arrays, y, upstream = problem()
    tensors = leaves(arrays)
    loss = tx.linear_cross_entropy(*tensors[:2], y, tensors[2], reduction=reduction, **options)
    seed = upstream if reduction == "none" else None
    by_blocks = tx.grad(loss, tensors, seed)
    by_ops = tx.grad(loss, tensors, seed, create_graph=True)
    for a, b in zip(by_blocks, by_ops, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_both_orders(reduction, options):
    (x, W, b), y, _ = problem(4, 2, 5)
    tx.check_gradients(
        lambda x, W, b: tx.linear_cross_entropy(x, W, y, b, reduction=reduction, **options),
        x, W, b, order=2,
    )  # fmt: skip


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("who", [(0,), (1,), (2,), (0, 1), (1, 2)], ids=str)
def test_second_derivatives_where_only_some_need_them(reduction, who):
    """Of a function of the loss, so that what comes from above has a derivative too."""
    arrays, y, _ = problem(4, 2, 5)
    seconds = []
    for f in (tx.linear_cross_entropy, tx.unfused_linear_cross_entropy):
        parts = [tx.Tensor(a, requires_grad=i in who) for i, a in enumerate(arrays)]
        wanted = [parts[i] for i in who]
        loss = (f(parts[0], parts[1], y, parts[2], reduction=reduction) ** 2).sum()
        first = tx.grad(loss, wanted, create_graph=True)
        size = sum((g * g * g).sum() for g in first)
        seconds.append([g.numpy() for g in tx.grad(size, wanted)])
    for a, b in zip(*seconds, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)
        assert np.abs(a).max() > 1e-6


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_an_input_that_needs_a_gradient_only_after_forward_gets_it(reduction):
    (x0, W0, b0), y, upstream = problem()
    W, b = leaves([W0, b0])
    x = tx.Tensor(x0)
    loss = tx.linear_cross_entropy(x, W, y, b, reduction=reduction)
    x.requires_grad = True
    loss.backward(upstream if reduction == "none" else None)
    ours = leaves([x0, W0, b0])
    other = tx.linear_cross_entropy(*ours[:2], y, ours[2], reduction=reduction)
    other.backward(upstream if reduction == "none" else None)
    for a, c in zip((x, W, b), ours, strict=True):
        np.testing.assert_allclose(a.grad, c.grad, rtol=1e-14)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_backward_twice_doubles_and_other_weights_of_the_rows_give_other_gradients(reduction):
    arrays, y, upstream = problem()
    tensors = leaves(arrays)
    loss = tx.linear_cross_entropy(*tensors[:2], y, tensors[2], reduction=reduction)
    seeds = [upstream, upstream**2] if reduction == "none" else [1.0, 3.0]
    one, other = (tx.grad(loss, tensors, seed) for seed in seeds)
    twins = leaves(arrays)
    twin = tx.unfused_linear_cross_entropy(*twins[:2], y, twins[2], reduction=reduction)
    for a, b in zip(other, tx.grad(twin, twins, seeds[1]), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-14)
    for seed in (seeds[0], seeds[0], seeds[1]):
        loss.backward(seed)
    for t, a, b in zip(tensors, one, other, strict=True):
        np.testing.assert_allclose(t.grad, 2 * a.numpy() + b.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("eps", [0.0, 0.1])
def test_an_ignored_row_may_hold_anything_and_spoils_nothing(reduction, eps):
    (x, W, b), y, upstream = problem()
    x[2], x[5, 0] = np.nan, np.inf
    y[[2, 5]] = -100
    kept = y != -100
    whole, part = leaves([x, W, b]), leaves([x[kept], W, b])
    options = {"reduction": reduction, "label_smoothing": eps}
    a = tx.linear_cross_entropy(*whole[:2], y, whole[2], **options)
    c = tx.linear_cross_entropy(*part[:2], y[kept], part[2], **options)
    a.backward(upstream if reduction == "none" else None)
    c.backward(upstream[kept] if reduction == "none" else None)
    if reduction == "none":
        np.testing.assert_array_equal(a.numpy()[~kept], 0.0)
    np.testing.assert_allclose(a.numpy()[kept] if a.ndim else a.numpy(), c.numpy(), rtol=1e-14)
    np.testing.assert_array_equal(whole[0].grad[~kept], 0.0)
    np.testing.assert_allclose(whole[0].grad[kept], part[0].grad, rtol=1e-13)
    for s, t in zip(whole[1:], part[1:], strict=True):
        np.testing.assert_allclose(s.grad, t.grad, rtol=1e-13)


def test_a_row_whose_class_has_weight_0_may_hold_anything():
    (x, W, b), y, _ = problem()
    x[2], y[2], y[3] = np.nan, 4, 1
    tensors = leaves([x, W, b])
    weight = [1.0, 2.0, 1.0, 1.0, 0.0]
    tx.linear_cross_entropy(*tensors[:2], y, tensors[2], weight=weight).backward()
    for t in tensors:
        assert np.isfinite(t.grad).all()
        assert np.abs(t.grad).max() > 0
    np.testing.assert_array_equal(tensors[0].grad[2], 0.0)


@pytest.mark.parametrize("options", [{}, {"weight": np.ones(5)}, {"label_smoothing": 0.1}], ids=str)
def test_all_rows_ignored(options):
    arrays, y, _ = problem()
    tensors = leaves(arrays)
    y[:] = -100
    with pytest.warns(RuntimeWarning, match="linear_cross_entropy: every row is ignored"):
        loss = tx.linear_cross_entropy(*tensors[:2], y, tensors[2], **options)
    loss.backward()
    assert np.isnan(loss.item())
    for t in tensors:
        np.testing.assert_array_equal(t.grad, 0.0)
    none = tx.linear_cross_entropy(*tensors[:2], y, reduction="none", **options)
    np.testing.assert_array_equal(none.numpy(), np.zeros(7))


def test_no_rows():
    (x, W, b), _, _ = problem(0)
    empty = np.zeros(0, int)
    assert tx.linear_cross_entropy(x, W, empty, b, reduction="none").shape == (0,)
    assert tx.linear_cross_entropy(x, W, empty, b, reduction="sum") == 0.0
    with pytest.raises(ValueError, match="linear_cross_entropy: the batch is empty"):
        tx.linear_cross_entropy(x, W, empty, b)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_logits_of_all_rows_are_never_there(reduction):
    """Neither in forward nor in backward; the twin holds them three times."""
    n, d, k = 1024, 16, 2000
    (x, W, b), y, upstream = problem(n, d, k, np.float32)
    peaks = []
    for f in (tx.linear_cross_entropy, tx.unfused_linear_cross_entropy):
        tensors = leaves([x, W, b])
        tracemalloc.start()
        loss = f(*tensors[:2], y, tensors[2], reduction=reduction)
        loss.backward(upstream if reduction == "none" else None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    logits = 4 * n * k
    assert peaks[0] < 0.7 * logits
    assert peaks[1] > 2.9 * logits


def test_the_kernel_with_its_defaults():
    (x, W, b), y, _ = problem()
    log_q = special.log_softmax(x @ W + b, axis=1)
    dz = np.exp(log_q) - np.eye(5)[y]
    wanted = -log_q[np.arange(7), y], dz @ W.T, x.T @ dz, dz.sum(axis=0)
    for a, c in zip(kernel.linear_xent(x, W, b, y), wanted, strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-12, atol=1e-14)


def test_the_gradient_of_the_weights_is_added_up_without_a_second_one():
    (x, W, b), y, _ = problem(8, 1500, 1600, np.float32)
    tracemalloc.start()
    kernel.linear_xent(x, W, b, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < W.nbytes + 1.2 * kernel.ROOM


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_forward_computes_the_gradients_that_are_wanted(reduction):
    (x, W, b), y, upstream = problem()
    frozen, free = tx.Tensor(x), tx.Tensor(W, requires_grad=True)
    loss = tx.linear_cross_entropy(frozen, free, y, b, reduction=reduction)
    assert set(loss.op.saved) == (set() if reduction == "none" else {"dW"})
    loss.backward(upstream if reduction == "none" else None)
    assert set(loss.op.saved) == ({"g", "dW"} if reduction == "none" else {"dW"})
    with tx.no_grad():
        loss = tx.linear_cross_entropy(frozen, free, y, b, reduction=reduction)
    assert not loss.requires_grad


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_blocks_are_computed_once_or_twice(reduction, monkeypatch):
    calls = []
    whole = LinearCrossEntropy.blocks
    monkeypatch.setattr(LinearCrossEntropy, "blocks", lambda *a: calls.append(a) or whole(*a))
    arrays, y, upstream = problem()
    tensors = leaves(arrays)
    loss = tx.linear_cross_entropy(*tensors[:2], y, tensors[2], reduction=reduction)
    assert len(calls) == 1
    loss.backward(upstream if reduction == "none" else None)
    assert len(calls) == (2 if reduction == "none" else 1)


def test_the_graph_is_freed_at_once():
    arrays, y, upstream = problem()
    tensors = leaves(arrays)
    loss = tx.linear_cross_entropy(*tensors[:2], y, tensors[2], reduction="none")
    (loss * loss).backward(upstream)
    tx.grad((loss * loss).sum(), tensors, create_graph=True)
    gone = weakref.ref(loss)
    del loss
    assert gone() is None


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_features_with_more_axes_or_with_one(reduction):
    (x, W, b), y, upstream = problem(6)
    x, y, upstream = x.reshape(2, 3, 3), y.reshape(2, 3), upstream.reshape(2, 3)
    y[0, 1] = -100
    seed = upstream if reduction == "none" else 1.0
    ours, twins = leaves([x, W, b]), leaves([x, W, b])
    a = tx.linear_cross_entropy(*ours[:2], y, ours[2], reduction=reduction)
    c = tx.unfused_linear_cross_entropy(*twins[:2], y, twins[2], reduction=reduction)
    assert a.shape == c.shape == ((2, 3) if reduction == "none" else ())
    assert "linear_cross_entropy" in {value.op.name for value in tx.backprop.order(a) if value.op}
    a.backward(seed)
    c.backward(seed)
    for s, t in zip(ours, twins, strict=True):
        np.testing.assert_allclose(s.grad, t.grad, rtol=1e-12, atol=1e-14)
    one = tx.linear_cross_entropy(leaves([x])[0][0, 0], W, 1, b, reduction=reduction)
    assert one.shape == ()
    assert one.item() == pytest.approx(-special.log_softmax(x[0, 0] @ W + b)[1], rel=1e-13)


@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_any_memory_order(order):
    arrays, y, _ = problem()
    lay = {
        "C": np.ascontiguousarray,
        "F": np.asfortranarray,
        "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    }[order]
    results = []
    for prepare in (np.array, lay):
        tensors = leaves(arrays)
        for t, a in zip(tensors, arrays, strict=True):
            t._rebind(prepare(a))
        loss = tx.linear_cross_entropy(*tensors[:2], y, tensors[2])
        loss.backward()
        results.append([loss.numpy(), *(t.grad for t in tensors)])
    for plain, other in zip(*results, strict=True):
        np.testing.assert_allclose(other, plain, rtol=1e-13, atol=1e-15)


def test_half_precision_is_computed_in_single():
    (x, W, b), y, _ = problem(200, 300, 5, np.float16)
    tensors = leaves([x, W, b])
    loss = tx.linear_cross_entropy(*tensors[:2], y, tensors[2], reduction="none")
    loss.backward(np.ones(200))
    z = x.astype(float) @ W.astype(float) + b
    truth = -special.log_softmax(z, axis=1)[np.arange(200), y]
    assert loss.dtype == np.float16
    np.testing.assert_allclose(loss.numpy(), truth, rtol=2**-10.9, atol=1e-4)  # rounded once
    dz = special.softmax(z, axis=1) - np.eye(5)[y]
    for t, wanted in zip(tensors, (dz @ W.T, x.T.astype(float) @ dz, dz.sum(axis=0)), strict=True):
        assert t.grad.dtype == np.float16
        np.testing.assert_allclose(t.grad, wanted, rtol=2**-10, atol=1e-4)


def test_lists_take_the_dtype_of_the_weights():
    W = tx.Tensor(np.zeros((2, 3), np.float32), requires_grad=True)
    loss = tx.linear_cross_entropy([[1.0, 2.0]], W, [1], reduction="none")
    assert loss.dtype == np.float32
    assert loss.item() == pytest.approx(np.log(3))


def test_mixed_precision_keeps_each_inputs_own():
    (x, W, b), y, _ = problem()
    tensors = leaves([x.astype(np.float32), W, b.astype(np.float32)])
    loss = tx.linear_cross_entropy(*tensors[:2], y, tensors[2])
    loss.backward()
    assert loss.dtype == np.float64
    assert [t.grad.dtype for t in tensors] == [np.float32, np.float64, np.float32]


@pytest.mark.parametrize(
    "options",
    [{"temperature": 2.0}, {"softcap": 3.0}, {"z_loss": 0.1}, {"axis": 1}, {"check": True},
     {"base": 2, "temperature": 0.5}],
    ids=str,
)  # fmt: skip
def test_what_the_blocks_cannot_do_is_done_by_the_twin(options):
    (x, W, b), y, _ = problem()
    a = tx.linear_cross_entropy(x, W, y, b, **options)
    assert a == tx.unfused_linear_cross_entropy(x, W, y, b, **options)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1, "weight": [1, 2, 3, 4, 5]}])
def test_rows_of_probabilities_and_their_own_gradient(options):
    (x, W, b), _, _ = problem()
    p = np.random.default_rng(1).dirichlet(np.ones(5), 7)
    ours, twins = leaves([x, W, b, p]), leaves([x, W, b, p])
    for f, (x, W, b, p) in (
        (tx.linear_cross_entropy, ours),
        (tx.unfused_linear_cross_entropy, twins),
    ):
        f(x, W, p, b, **options).backward()
    for s, t in zip(ours, twins, strict=True):
        np.testing.assert_array_equal(s.grad, t.grad)


X, W = np.ones((4, 3)), np.ones((3, 5))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((X, W, [0, 1, 2, 5]), IndexError, r"^linear_cross_entropy: target\[3\] is 5; .*0 to 4"),
        ((X, W, [0, 1, 2]), ValueError, r"^linear_cross_entropy: .*\(3,\).*of shape \(4,\)"),
        ((X, W.T, [0, 1, 2, 2]), ValueError, "inner sizes 3 and 5 differ"),
        ((X, W, [0, 1, 2, 2], np.ones(4)), ValueError, "linear.*do not broadcast"),
        ((X, W, [0.0, 1, 2, 2]), TypeError, r"astype\(int\)"),
        ((X, W, [True] * 4), TypeError, "dtype bool"),
    ],
)
def test_errors(arguments, error, words):
    with pytest.raises(error, match=f"(?s){words}"):
        tx.linear_cross_entropy(*map(tx.Tensor, arguments[:2]), *arguments[2:])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label_smoothing": 1.5}, r"^linear_cross_entropy: label_smoothing=1\.5"),
        ({"reduction": "avg"}, "^linear_cross_entropy: reduction='avg'"),
        ({"weight": [1.0]}, r"^linear_cross_entropy: weight of shape \(1,\)"),
        ({"base": 1}, "^linear_cross_entropy: base=1"),
    ],
)
def test_options_out_of_range(options, words):
    with pytest.raises(ValueError, match=words):
        tx.linear_cross_entropy(X, W, [0, 1, 2, 3], **options)


def test_an_unknown_option():
    with pytest.raises(TypeError, match="smoothing"):
        tx.linear_cross_entropy(X, W, [0, 1, 2, 3], smoothing=0.1)


def test_the_class_axis_by_its_other_name_is_fused_too():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(5, 3)), rng.normal(size=(3, 4))
    y = np.array([0, 1, 2, 3, 0])
    wanted = -special.log_softmax(x @ w, axis=1)[np.arange(5), y].mean()
    loss = tx.linear_cross_entropy(tx.Tensor(x, requires_grad=True), w, y, axis=1)
    assert loss.op.name == "linear_cross_entropy"
    assert loss.item() == pytest.approx(wanted, rel=1e-12)
    # Classes along the rows: five of them, for each of four columns.
    wanted = -special.log_softmax(x @ w, axis=0)[[4, 0, 1, 2], np.arange(4)].mean()
    loss = tx.linear_cross_entropy(tx.Tensor(x, requires_grad=True), w, [4, 0, 1, 2], axis=0)
    assert loss.item() == pytest.approx(wanted, rel=1e-12)


def test_a_class_axis_in_the_middle():
    (x, W, _), _, _ = problem(10)
    x, y = x.reshape(2, 5, 3), np.array([[0, 1, 2, 3, 4], [4, 4, 0, 1, 2]])
    log_q = special.log_softmax(x @ W, axis=1)
    wanted = -np.take_along_axis(log_q, y[:, None], 1).mean()
    assert tx.linear_cross_entropy(x, W, y, axis=1) == pytest.approx(wanted, rel=1e-12)


def test_smoothing_and_class_weights_in_three_dimensions():
    rng = np.random.default_rng(1)
    x, w, weight = rng.normal(size=(2, 3, 5)), rng.normal(size=(5, 4)), np.array([1.0, 2, 3, 4])
    y = rng.integers(4, size=(2, 3))
    p = 0.8 * np.eye(4)[y] + 0.2 / 4
    losses = -(weight * p * special.log_softmax(x @ w, axis=2)).sum(axis=2)
    loss = tx.linear_cross_entropy(x, w, y, weight=weight, label_smoothing=0.2, axis=2)
    np.testing.assert_allclose(loss, losses.sum() / weight[y].sum(), rtol=1e-12)


def test_the_op_is_that_of_a_plain_mean_unless_told_otherwise():
    x = tx.Tensor(np.ones((2, 3)), requires_grad=True)
    op = tx.linear_cross_entropy(x, np.ones((3, 4)), [0, 1]).op
    plain = LinearCrossEntropy()
    assert [plain.formula(i) for i in (None, 0, 1)] == [op.formula(i) for i in (None, 0, 1)]
    assert vars(plain) | {"wanted": ("dx",)} == {
        key: value for key, value in vars(op).items() if key != "saved"
    }
