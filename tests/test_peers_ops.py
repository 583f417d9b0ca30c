"""Ops held against PyTorch: values and derivatives of both orders, over shapes and options."""

import numpy as np
import pytest
from cases import normal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_xent as tx

torch = pytest.importorskip("torch")
F = torch.nn.functional

SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4)
TOLERANCE = {np.float16: 2e-2, np.float32: 2e-4, np.float64: 1e-9}


def real(x):
    return x


def above_zero(x):
    return np.abs(x) + 0.2


def above_one(x):
    return np.abs(x) + 1.2


def within_one(x):
    return np.tanh(x) * 0.9


UNARY = [
    ("negative", torch.neg, real),
    ("reciprocal", torch.reciprocal, above_zero),
    ("square", torch.square, real),
    ("exp", torch.exp, real),
    ("exp2", torch.exp2, real),
    ("expm1", torch.expm1, real),
    ("log", torch.log, above_zero),
    ("log2", torch.log2, above_zero),
    ("log10", torch.log10, above_zero),
    ("log1p", torch.log1p, above_zero),
    ("sqrt", torch.sqrt, above_zero),
    ("tanh", torch.tanh, real),
    ("sigmoid", torch.sigmoid, real),
    ("sin", torch.sin, real),
    ("cos", torch.cos, real),
    ("tan", torch.tan, within_one),
    ("arcsin", torch.asin, within_one),
    ("arccos", torch.acos, within_one),
    ("arctan", torch.atan, real),
    ("sinh", torch.sinh, real),
    ("cosh", torch.cosh, real),
    ("arcsinh", torch.asinh, real),
    ("arccosh", torch.acosh, above_one),
    ("arctanh", torch.atanh, within_one),
    ("sinc", torch.sinc, above_zero),
    ("deg2rad", torch.deg2rad, real),
    ("rad2deg", torch.rad2deg, real),
    ("erf", torch.erf, real),
    ("erfc", torch.erfc, real),
    ("entr", torch.special.entr, above_zero),
    ("abs", torch.abs, real),
    ("sign", torch.sign, real),
    ("floor", torch.floor, real),
    ("ceil", torch.ceil, real),
    ("trunc", torch.trunc, real),
    ("rint", torch.round, real),
    ("relu", F.relu, real),
    ("leaky_relu", F.leaky_relu, real),
    ("elu", F.elu, real),
    ("selu", F.selu, real),
    ("silu", F.silu, real),
    ("gelu", F.gelu, real),
    ("softplus", F.softplus, real),
    ("softsign", F.softsign, real),
    ("log_sigmoid", F.logsigmoid, real),
    ("hardtanh", F.hardtanh, real),
    ("relu6", F.relu6, real),
    ("nan_to_num", torch.nan_to_num, real),
]

BINARY = [
    ("add", torch.add, real, real),
    ("subtract", torch.sub, real, real),
    ("multiply", torch.mul, real, real),
    ("divide", torch.div, real, above_zero),
    ("power", torch.pow, above_zero, real),
    ("maximum", torch.maximum, real, real),
    ("minimum", torch.minimum, real, real),
    ("fmax", torch.fmax, real, real),
    ("fmin", torch.fmin, real, real),
    ("hypot", torch.hypot, real, above_zero),
    ("arctan2", torch.atan2, real, above_zero),
    ("copysign", torch.copysign, above_zero, real),
    ("fmod", torch.fmod, real, above_zero),
    ("remainder", torch.remainder, real, above_zero),
    ("xlogy", torch.xlogy, real, above_zero),
    ("xlog1py", torch.special.xlog1py, real, above_zero),
    ("logaddexp", torch.logaddexp, real, real),
    ("logaddexp2", torch.logaddexp2, real, real),
]


def assert_same(ours, theirs, arrays, dtype=np.float64):
    """Value, gradients along a direction, and gradients of those along another one."""
    tolerance = TOLERANCE[dtype]

    def near(a, b, what, slack=1):
        b = b.detach().numpy(force=True)
        assert a.shape == b.shape, what
        assert a.dtype == b.dtype == dtype, what
        np.testing.assert_allclose(
            a.astype(float), b.astype(float), slack * tolerance, slack * tolerance, err_msg=what
        )

    t = [tx.Tensor(a.astype(dtype), requires_grad=True) for a in arrays]
    u = [torch.tensor(a.astype(dtype), requires_grad=True) for a in arrays]
    y, z = ours(*t), theirs(*u)
    near(y.numpy(), z, "value")
    v = normal(*y.shape, seed=1).astype(dtype)
    first = tx.grad(y, t, v, create_graph=True, allow_unused=True)
    wanted = torch.autograd.grad(z, u, torch.tensor(v), create_graph=True, allow_unused=True)
    for g, w in zip(first, wanted, strict=True):
        assert (g is None) == (w is None)
        if g is not None:
            near(g.numpy(), w, "first derivative")
    both = [
        (g, w, normal(*g.shape, seed=2))
        for g, w in zip(first, wanted, strict=True)
        if g is not None
    ]
    ours_2 = [tx.sum(g * d.astype(dtype)) for g, _, d in both if g.requires_grad]
    theirs_2 = [(w * torch.tensor(d.astype(dtype))).sum() for _, w, d in both if w.requires_grad]
    second = [None] * len(t)
    if ours_2:
        second = tx.grad(sum(ours_2), t, allow_unused=True)
    if theirs_2:
        wanted = torch.autograd.grad(sum(theirs_2), u, allow_unused=True, materialize_grads=True)
        for h, w, x in zip(second, wanted, u, strict=True):
            h = np.zeros(x.shape, dtype) if h is None else h.numpy()
            near(h, w, "second derivative", slack=10)


def by_name(rows):
    return pytest.mark.parametrize("row", rows, ids=[row[0] for row in rows])


@by_name(UNARY)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=15)
@given(shape=SHAPES, seed=st.integers(0, 99))
def test_functions_of_one(row, dtype, shape, seed):
    name, theirs, prepare = row
    x = prepare(1.5 * normal(*shape, seed=seed))
    assert_same(getattr(tx, name), theirs, [x], dtype)


@by_name(BINARY)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=15)
@given(
    shapes=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=1),
    seed=st.integers(0, 99),
)
def test_functions_of_two(row, dtype, shapes, seed):
    name, theirs, prepare_x, prepare_y = row
    left, right = shapes.input_shapes
    x, y = prepare_x(normal(*left, seed=seed)), prepare_y(normal(*right, seed=seed + 1))
    assert_same(getattr(tx, name), theirs, [x, y], dtype)


@given(data=st.data())
def test_ties_and_bounds_of_two(data):
    """Whole numbers meet often: the rules at a tie are PyTorch's."""
    x, y = (data.draw(hnp.arrays(float, (5,), elements=st.integers(-1, 1))) for _ in "xy")
    for ours, theirs in [
        (tx.maximum, torch.maximum),
        (tx.minimum, torch.minimum),
        (tx.fmax, torch.fmax),
        (tx.fmin, torch.fmin),
        (
            lambda a, b: tx.clip(a, b, 1.0),
            lambda a, b: torch.clamp(a, b, torch.tensor(1.0).double()),
        ),
        (lambda a, b: tx.clip(a, None, b), lambda a, b: torch.clamp(a, max=b)),
        (lambda a, b: tx.clip(a, -1, 0) * b, lambda a, b: torch.clamp(a, -1, 0) * b),
        (lambda a, b: tx.relu(a) * b, lambda a, b: F.relu(a) * b),
        (lambda a, b: tx.hardtanh(a) * b, lambda a, b: F.hardtanh(a) * b),
        (lambda a, b: tx.leaky_relu(a) * b, lambda a, b: F.leaky_relu(a) * b),
    ]:
        assert_same(ours, theirs, [x, y])


REDUCTIONS = [
    ("sum", torch.sum),
    ("mean", torch.mean),
    ("max", torch.amax),
    ("min", torch.amin),
    ("nansum", torch.nansum),
]


@by_name(REDUCTIONS)
@settings(max_examples=40)
@given(data=st.data())
def test_reductions(row, data):
    name, theirs = row
    x = data.draw(SHAPES.flatmap(lambda s: hnp.arrays(float, s, elements=st.integers(-1, 2))))
    axis = data.draw(hnp.valid_tuple_axes(x.ndim, min_size=min(1, x.ndim)))
    keep = data.draw(st.booleans())
    assert_same(
        lambda t: getattr(tx, name)(t, axis=axis, keepdims=keep),
        lambda u: theirs(u, dim=axis, keepdim=keep),
        [x],
    )


@pytest.mark.parametrize("name", ["var", "std"])
@settings(max_examples=40)
@given(data=st.data())
def test_spreads(name, data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=3, max_side=4))
    axis = data.draw(hnp.valid_tuple_axes(len(shape), min_size=1))
    correction = data.draw(st.integers(0, 2))
    keep = data.draw(st.booleans())
    assert_same(
        lambda t: getattr(tx, name)(t, axis=axis, keepdims=keep, correction=correction),
        lambda u: getattr(torch, name)(u, dim=axis, keepdim=keep, correction=correction),
        [normal(*shape)],
    )


@pytest.mark.parametrize("name", ["prod", "cumprod", "cumsum"])
@settings(max_examples=40)
@given(data=st.data())
def test_products_and_running_ones_with_zeros(name, data):
    shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)
    x = data.draw(shapes.flatmap(lambda s: hnp.arrays(float, s, elements=st.integers(-1, 2))))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    assert_same(lambda t: getattr(tx, name)(t, axis), lambda u: getattr(torch, name)(u, axis), [x])


A, B = normal(2, 3, 4), normal(4, 3, seed=1)


@pytest.mark.parametrize(
    ("ours", "theirs", "arrays"),
    [
        (tx.matmul, torch.matmul, [A, normal(2, 4, 2)]),
        (tx.matmul, torch.matmul, [A, normal(4)]),
        (tx.matmul, torch.matmul, [normal(3), A]),
        (tx.inner, torch.inner, [A, normal(5, 4)]),
        (tx.outer, torch.outer, [normal(3), normal(2)]),
        (tx.vdot, torch.vdot, [normal(3), normal(3, seed=1)]),
        (tx.kron, torch.kron, [normal(2, 3), B]),
        (tx.cross, torch.linalg.cross, [B, normal(4, 3, seed=2)]),
        (
            lambda a, b: tx.tensordot(a, b, ([1, 2], [1, 0])),
            lambda a, b: torch.tensordot(a, b, ([1, 2], [1, 0])),
            [A, B],
        ),
        (
            lambda a, b: tx.einsum("bij,jk,bii->k", a[:, :, :3], b.T[:, :3], a[:, :3, :3]),
            lambda a, b: torch.einsum("bij,jk,bii->k", a[:, :, :3], b.T[:, :3], a[:, :3, :3]),
            [A, B],
        ),
        (lambda a: tx.trace(a), torch.trace, [B]),
        (lambda a: tx.diagonal(a, 1, 2, 0), lambda a: torch.diagonal(a, 1, 2, 0), [A]),
        (lambda a: tx.diag(a, -1), lambda a: torch.diag(a, -1), [normal(3)]),
        (lambda a: tx.triu(a, 1), lambda a: torch.triu(a, 1), [A]),
        (lambda a: tx.tril(a, -1), lambda a: torch.tril(a, -1), [A]),
        (lambda a: tx.rot90(a, 3, (0, 2)), lambda a: torch.rot90(a, 3, (0, 2)), [A]),
        (lambda a: tx.roll(a, (1, 2), (0, 2)), lambda a: torch.roll(a, (1, 2), (0, 2)), [A]),
        (lambda a: tx.flip(a, (0, 2)), lambda a: torch.flip(a, (0, 2)), [A]),
        (lambda a: tx.tile(a, (2, 1, 1, 2)), lambda a: torch.tile(a, (2, 1, 1, 2)), [A]),
        (lambda a: tx.repeat(a, 3, 1), lambda a: torch.repeat_interleave(a, 3, 1), [A]),
        (lambda a: tx.diff(a, 2, 1), lambda a: torch.diff(a, 2, 1), [A]),
        (lambda a: tx.sort(a, 1), lambda a: torch.sort(a, 1).values, [A]),
        (lambda a, b: tx.stack([a, b, a], 1), lambda a, b: torch.stack([a, b, a], 1), [B, 2 * B]),
        (
            lambda a, b: tx.concatenate([a, b, a], 1),
            lambda a, b: torch.cat([a, b, a], 1),
            [B, normal(4, 1)],
        ),
        (lambda a: tx.hsplit(a, [1, 2])[1], lambda a: torch.hsplit(a, [1, 2])[1], [A]),
        (lambda a: tx.moveaxis(a, (0, 1), (2, 0)), lambda a: a.movedim((0, 1), (2, 0)), [A]),
        (
            lambda a: tx.pad(a, ((0, 0), (1, 2), (0, 1)), constant_values=2.0),
            lambda a: F.pad(a, (0, 1, 1, 2, 0, 0), value=2.0),
            [A],
        ),
        (
            lambda a: tx.take_along_axis(a, np.array([[0, 0], [2, 1]] * 2), 1),
            lambda a: torch.take_along_dim(a, torch.tensor([[0, 0], [2, 1]] * 2), 1),
            [B],
        ),
        (lambda a: tx.float_power(a, 2), lambda a: torch.float_power(a, 2), [B]),
        (lambda a: tx.gelu(a, "tanh"), lambda a: F.gelu(a, approximate="tanh"), [4 * B]),
        (lambda a: tx.elu(a, 0.3), lambda a: F.elu(a, 0.3), [B]),
        (lambda a: tx.softplus(a, 3.0, 0.2), lambda a: F.softplus(a, 3.0, 0.2), [B]),
        (lambda a: tx.leaky_relu(a, 0.3), lambda a: F.leaky_relu(a, 0.3), [B]),
        (lambda a: tx.sum(a, dtype=np.float64), lambda a: torch.sum(a, dtype=torch.float64), [B]),
    ],
)
def test_linear_algebra_shapes_and_options(ours, theirs, arrays):
    assert_same(ours, theirs, arrays)


@settings(max_examples=60)
@given(data=st.data())
def test_indexing(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    index = data.draw(
        st.one_of(hnp.integer_array_indices(shape), hnp.arrays(bool, shape).map(lambda m: (m,)))
    )
    theirs = tuple(torch.tensor(i) for i in index)
    assert_same(lambda t: t[index] ** 2, lambda u: u[theirs] ** 2, [normal(*shape)])
