"""Every row of cases.py: value, gradients of both orders, dtypes, shapes; every op has a row."""

import importlib
import pkgutil
import re

import numpy as np
import pytest
from cases import CASES, TIES, Case, normal
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_xent as tx
from tinygrad_xent import ops
from tinygrad_xent.op import Op

EACH_CASE = pytest.mark.parametrize("case", CASES, ids=str)


def all_ops() -> list[type[Op]]:
    for module in pkgutil.iter_modules(ops.__path__):
        importlib.import_module(f"tinygrad_xent.ops.{module.name}")
    found, stack = [], [Op]
    while stack:
        for cls in stack.pop().__subclasses__():
            stack.append(cls)
            if cls.rules and cls.__module__.startswith("tinygrad_xent."):
                found.append(cls)
    return found


def test_every_op_has_a_row():
    assert {cls.__name__ for cls in all_ops()} == {case.name for case in CASES}


@EACH_CASE
def test_value_equals_numpy(case: Case):
    y = case.f(*map(tx.Tensor, case.arrays))
    wanted = np.asarray(case.truth(*case.arrays))
    assert y.shape == wanted.shape
    np.testing.assert_allclose(y.numpy(), wanted, rtol=1e-14, atol=1e-15)


@EACH_CASE
def test_the_op_is_the_one_that_the_row_is_for(case: Case):
    y = case.f(*(tx.Tensor(a, requires_grad=a.dtype.kind == "f") for a in case.arrays))
    assert case.name in {type(value.op).__name__ for value in tx.backprop.order(y) if value.op}


@EACH_CASE
def test_derivatives_of_both_orders(case: Case):
    result = tx.check_gradients(case.f, *case.arrays, order=case.order)
    assert result.elements >= 2 * max(1, case.arrays[0].size)


@EACH_CASE
def test_plain_arrays_give_a_plain_array_and_the_same_numbers(case: Case):
    plain = case.f(*case.arrays)
    assert isinstance(plain, (np.ndarray, np.generic))
    np.testing.assert_array_equal(plain, case.f(*map(tx.Tensor, case.arrays)).numpy())


@EACH_CASE
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept_forward_and_backward(case: Case, dtype):
    if case.name == "AsType":
        return
    arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in case.arrays]
    tensors = [tx.Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    y = case.f(*tensors)
    assert y.dtype == dtype
    y.backward(np.ones(y.shape))
    for t in tensors:
        if t.requires_grad:
            assert t.grad.dtype == dtype
            assert t.grad.shape == t.shape
    (first, *_) = [t for t in tensors if t.requires_grad]
    (g,) = tx.grad(y, first, np.ones(y.shape), create_graph=True)
    assert g.dtype == dtype


@EACH_CASE
def test_arrays_and_tensors_read_the_same_gradient_from_a_rule(case: Case):
    tensors = [tx.Tensor(a, requires_grad=a.dtype.kind == "f") for a in case.arrays]
    leaves = [t for t in tensors if t.requires_grad]
    y = case.f(*tensors)
    seed = normal(*y.shape, seed=3)
    by_arrays = tx.grad(y, leaves, seed)
    by_tensors = tx.grad(y, leaves, seed, create_graph=True)
    for a, t in zip(by_arrays, by_tensors, strict=True):
        np.testing.assert_allclose(a.numpy(), t.numpy(), rtol=1e-13, atol=1e-15)


@EACH_CASE
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_memory_order_and_read_only_inputs(case: Case, order):
    """Tensors of awkward arrays: value and gradients are those of plain ones."""

    def awkward(a):
        wide = np.repeat(np.asarray(a, order=order)[..., None], 2, axis=-1)[..., 0]
        copy = np.array(a, order=order) if order == "F" else wide
        copy.flags.writeable = False
        return copy

    results = []
    for prepare in (np.array, awkward):
        tensors = [tx.Tensor(a, requires_grad=a.dtype.kind == "f") for a in case.arrays]
        for t, a in zip(tensors, case.arrays, strict=True):
            t._rebind(prepare(a))
        y = case.f(*tensors)
        y.backward(normal(*y.shape, seed=7))
        results.append([y.numpy(), *(t.grad for t in tensors if t.requires_grad)])
    for plain, other in zip(*results, strict=True):
        np.testing.assert_allclose(other, plain, rtol=1e-13, atol=1e-14)


BROADCASTING = [case for case in CASES if case.broadcasts and case.name != "Where"]


@pytest.mark.parametrize("case", BROADCASTING, ids=str)
@given(shapes=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=0))
def test_broadcasting_is_undone(case: Case, shapes):
    """The gradient of a stretched operand is the sum of what its copies would have got."""
    rng = np.random.default_rng(0)
    x, y = (rng.uniform(0.5, 2.0, shape) for shape in shapes.input_shapes)
    a, b = tx.Tensor(x, requires_grad=True), tx.Tensor(y, requires_grad=True)
    result = case.f(a, b)
    assert result.shape == shapes.result_shape
    seed = rng.standard_normal(shapes.result_shape)
    result.backward(seed)
    full = [tx.Tensor(np.broadcast_to(v, shapes.result_shape), requires_grad=True) for v in (x, y)]
    case.f(*full).backward(seed)
    for small, large in zip((a, b), full, strict=True):
        assert small.grad.shape == small.shape
        stretched = large.grad
        extra = stretched.ndim - small.ndim
        axes = [k for k in range(stretched.ndim) if k < extra or small.shape[k - extra] == 1]
        wanted = stretched.sum(axis=tuple(axes)).reshape(small.shape)
        np.testing.assert_allclose(small.grad, wanted, rtol=1e-12, atol=1e-12)


def test_max_shares_its_gradient_among_ties():
    x = tx.Tensor(TIES, requires_grad=True)
    tx.max(x, axis=1).sum().backward()
    np.testing.assert_allclose(x.grad, [[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])


@pytest.mark.parametrize(
    ("f", "at", "slope"),
    [
        (tx.relu, 0.0, 0.0),
        (tx.abs, 0.0, 0.0),
        (ops.sign, 0.0, 0.0),
        (tx.leaky_relu, 0.0, 0.01),
        (lambda x: tx.leaky_relu(x, 0.2), 0.0, 0.2),
        (tx.hardtanh, -1.0, 0.0),
        (tx.hardtanh, 1.0, 0.0),
        (tx.relu6, 0.0, 0.0),
        (tx.relu6, 6.0, 0.0),
        (lambda x: tx.elu(x, 2.0), 0.0, 2.0),
        (lambda x: tx.softplus(x, threshold=0.0), 0.0, 0.5),
    ],
)
def test_the_slope_at_a_kink_is_pytorchs(f, at, slope):
    x = tx.Tensor(at, requires_grad=True)
    f(x).backward()
    assert x.grad == np.float32(slope)


FAR = np.array([-30.0, -7.5, -1.0, -0.25, 0.0, 0.25, 1.0, 7.5, 30.0])


@pytest.mark.parametrize(
    ("f", "wanted"),
    [
        (tx.relu, np.fmax(FAR, 0)),
        (tx.leaky_relu, np.fmax(FAR, FAR / 100)),
        (tx.hardtanh, [-1, -1, -1, -0.25, 0, 0.25, 1, 1, 1]),
        (lambda x: tx.hardtanh(x, -2.0, 0.5), [-2, -2, -1, -0.25, 0, 0.25, 0.5, 0.5, 0.5]),
        (tx.relu6, [0, 0, 0, 0, 0, 0.25, 1, 6, 6]),
        (tx.elu, np.fmax(FAR, np.exp(np.fmin(FAR, 0)) - 1)),
        (tx.softsign, [-30 / 31, -15 / 17, -1 / 2, -1 / 5, 0, 1 / 5, 1 / 2, 15 / 17, 30 / 31]),
        (lambda x: tx.softplus(x, 2.0, threshold=0.6), np.log1p(np.exp(2 * FAR[:6])) / 2),
    ],
)
def test_activations_of_arrays_numbers_and_lists(f, wanted):
    """With the defaults of PyTorch, also far from 0."""
    wanted = [*wanted, *FAR[len(wanted) :]]  # beyond its threshold, softplus is x itself
    np.testing.assert_allclose(f(FAR), wanted, rtol=1e-12)
    np.testing.assert_allclose(f(list(FAR)), wanted, rtol=1e-12)
    np.testing.assert_allclose([f(float(x)) for x in FAR], wanted, rtol=1e-12)


def test_powers_at_zero():
    x = tx.Tensor([0.0, 0.0, 0.0], dtype=np.float64, requires_grad=True)
    y = tx.Tensor([0.0, 2.0, 1.0], dtype=np.float64, requires_grad=True)
    (x**y).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.0, 1.0])
    np.testing.assert_array_equal(y.grad, [0.0, 0.0, 0.0])


@pytest.mark.parametrize("f", [ops.power, ops.float_power])
@pytest.mark.parametrize("n", [3, 3.0, np.int64(3), np.float64(3)])
def test_a_number_as_the_exponent_is_no_input(f, n):
    y = f(tx.Tensor([1.0, 2.0], requires_grad=True), n)
    assert (y.op.formula(), len(y.inputs)) in {("x^3", 1), ("x^3.0", 1)}
    assert ops.power(2, n) == 8
    assert type(ops.float_power(2, n)) is np.float64


@pytest.mark.parametrize("x", [-1e4, -800.0, -40.0, 0.0, 40.0, 800.0, 1e4])
def test_sigmoid_keeps_its_digits_and_never_overflows(x):
    import mpmath

    wanted = float(1 / (1 + mpmath.exp(-mpmath.mpf(x))))
    assert tx.sigmoid(tx.Tensor(np.array(x))).item() == pytest.approx(wanted, rel=1e-15)


@pytest.mark.parametrize("offset", [1e3, 1e6, -1e6])
def test_softmax_family_survives_large_logits(offset):
    z = tx.Tensor(np.array([0.0, 1.0]) + offset, requires_grad=True)
    q = 1 / (1 + np.exp(1.0))
    np.testing.assert_allclose(tx.softmax(z).numpy(), [q, 1 - q], rtol=1e-9)
    np.testing.assert_allclose(tx.logsumexp(z).item() - offset, np.log1p(np.exp(1)), rtol=1e-9)
    tx.log_softmax(z)[0].backward()
    np.testing.assert_allclose(z.grad, [1 - q, q - 1], rtol=1e-9)


def test_scatter_add_and_getitem_are_adjoint():
    """<A x, y> = <x, Aᵀ y> for the linear map A = take at index."""
    index = (np.array([0, 2, 2, 1]), slice(1, 3))
    x, y = normal(3, 4), normal(4, 2)
    left = (x[index] * y).sum()
    right = (x * ops.scatter_add(y, index, (3, 4))).sum()
    assert left == pytest.approx(right, rel=1e-14)


def test_float32_bias_gradients_keep_their_digits():
    """Adding a million rows one after the other in float32 would be off in the second digit."""
    bias = tx.Tensor(np.zeros(2, np.float32), requires_grad=True)
    rows = np.full((2**20, 2), 0.1, np.float32)
    (tx.Tensor(rows) + bias).backward(rows)
    np.testing.assert_allclose(bias.grad, np.float64(np.float32(0.1)) * 2**20, rtol=1e-5)


@given(st.data())
def test_matmul_gradients_have_the_operands_shapes(data):
    shapes = data.draw(
        hnp.mutually_broadcastable_shapes(
            signature="(m?,n),(n,p?)->(m?,p?)", max_dims=2, max_side=3
        )
    )
    a, b = (
        tx.Tensor(np.random.default_rng(1).standard_normal(s), requires_grad=True)
        for s in shapes.input_shapes
    )
    y = a @ b
    assert y.shape == shapes.result_shape
    y.backward(np.ones(y.shape))
    assert (a.grad.shape, b.grad.shape) == (a.shape, b.shape)
    # Σ (A B) is linear in A: its slope along A itself is its value.
    assert (a.grad * a.numpy()).sum() == pytest.approx(y.numpy().sum(), abs=1e-10)
    assert (b.grad * b.numpy()).sum() == pytest.approx(y.numpy().sum(), abs=1e-10)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ((2, 3), (4, 5), "matmul: (2, 3) @ (4, 5): inner sizes 3 and 4 differ"),
        ((3,), (4,), "inner sizes 3 and 4 differ"),
        ((), (4,), "a scalar has no inner axis"),
        ((), (4, 5), "a scalar has no inner axis"),
        ((2, 3), (), "a scalar has no inner axis"),
        ((2, 3, 4), (5, 4, 2), "the outer sizes do not broadcast"),
    ],
)
def test_matmul_names_both_shapes(a, b, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        tx.Tensor(np.ones(a), requires_grad=True) @ np.ones(b)


@pytest.mark.parametrize("number", [2, 2.0, np.float32(2.0)])
def test_matmul_with_a_number_says_what_to_use(number):
    with pytest.raises(ValueError, match="use \\* to scale"):
        tx.Tensor(np.ones((2, 2)), requires_grad=True) @ number


def test_linear_names_all_shapes():
    with pytest.raises(ValueError, match="inner sizes 63 and 64 differ"):
        tx.linear(tx.Tensor(np.ones((5, 63))), tx.Tensor(np.ones((64, 32))), tx.Tensor(np.ones(32)))


def test_linear_equals_its_unfused_twin_to_the_last_bit():
    x, w, b = (
        tx.Tensor(normal(*s).astype("f4"), requires_grad=True) for s in ((5, 3), (3, 4), (4,))
    )
    fused, unfused = tx.linear(x, w, b), x @ w + b
    np.testing.assert_array_equal(fused.numpy(), unfused.numpy())
    seed = normal(5, 4)
    for one, other in zip(
        tx.grad(fused, [x, w, b], seed), tx.grad(unfused, [x, w, b], seed), strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    np.testing.assert_array_equal(tx.linear(x, w).numpy(), (x @ w).numpy())
    np.testing.assert_array_equal(tx.linear(x[0], w, b).numpy(), (x[0] @ w + b).numpy())


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (3, 0), (64, 128), (257, 129), (40_000,)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_relu_compares_with_zeros_as_it_would_with_0(shape, dtype):
    x = np.asarray(np.random.default_rng(0).normal(size=shape)).astype(dtype)
    if x.size > 4:
        x.reshape(-1)[:4] = [-0.0, np.nan, np.inf, -np.inf]
    for z in (x, x.T, x[..., ::2] if x.ndim else x):
        found, wanted = ops.relu(z), np.maximum(z, 0)
        assert found.dtype == dtype
        assert found.shape == wanted.shape
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))


def test_relus_zeros_cannot_be_written_into():
    zeros = ops.activations.zeros_beside(np.ones((2, 3)))
    with pytest.raises(ValueError, match="read-only"):
        zeros[0] = 1
