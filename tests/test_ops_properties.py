"""Ops over many shapes, axes and indices; special points; errors; NumPy's protocols."""

import math
import re
import warnings

import numpy as np
import pytest
from cases import normal
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_xent as tx

SMALL = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3)


def leaf(data, dtype=np.float64):
    return tx.Tensor(np.array(data, dtype), requires_grad=True)


def whole_numbers(shape, low=-1, high=2):
    """Few different numbers: ties and zeros on purpose."""
    return hnp.arrays(np.float64, shape, elements=st.integers(low, high).map(float))


def axes_for(ndim):
    one = st.integers(-ndim, ndim - 1) if ndim else st.nothing()
    several = hnp.valid_tuple_axes(ndim) if ndim else st.just(())
    return st.one_of(st.none(), one, several)


# --- reductions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "max", "min", "var", "std", "ptp"])
@given(data=st.data())
def test_every_axis_is_numpys(name, data):
    x = data.draw(SMALL.flatmap(whole_numbers))
    axis = data.draw(axes_for(x.ndim))
    keepdims = data.draw(st.booleans())
    t = leaf(x)
    y = getattr(tx, name)(t, axis=axis, keepdims=keepdims)
    wanted = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    assert y.shape == wanted.shape
    np.testing.assert_allclose(y.numpy(), wanted, atol=1e-14)
    (g,) = tx.grad(y.sum(), t)
    assert g.shape == x.shape
    assert np.isfinite(g.numpy()).all()


@pytest.mark.parametrize(("f", "extreme"), [(tx.max, np.max), (tx.min, np.min)])
@given(data=st.data())
def test_ties_share_the_gradient_of_an_extreme(f, extreme, data):
    x = data.draw(SMALL.flatmap(whole_numbers))
    axis = data.draw(axes_for(x.ndim))
    t = leaf(x)
    y = f(t, axis=axis)
    y.sum().backward()
    kept = extreme(x, axis=axis, keepdims=True)
    winners = x == kept
    assert (t.grad[~winners] == 0).all()
    np.testing.assert_allclose(np.sum(t.grad, axis=axis), 1.0)
    np.testing.assert_allclose(
        (t.grad * winners).max(axis=axis), (t.grad + ~winners).min(axis=axis)
    )


@given(data=st.data())
def test_prod_and_its_two_derivatives_at_zeros(data):
    """Against the definition: the product of all others, and of all but two."""
    x = data.draw(st.integers(1, 5).flatmap(lambda n: whole_numbers((n,))))
    v = normal(x.size, seed=4)
    t = leaf(x)
    (g,) = tx.grad(tx.prod(t), t, create_graph=True)
    n = range(x.size)
    others = [math.prod(x[j] for j in n if j != i) for i in n]
    np.testing.assert_array_equal(g.numpy(), others)
    if x.size > 1:
        (h,) = tx.grad((g * v).sum(), t)
        two = [[math.prod(x[k] for k in n if k not in (i, j)) * (i != j) for i in n] for j in n]
        np.testing.assert_allclose(h.numpy(), two @ v, atol=1e-12)


@given(x=st.integers(1, 5).flatmap(lambda n: whole_numbers((n,))))
def test_cumprod_at_zeros(x):
    t = leaf(x)
    v = normal(x.size, seed=5)
    (tx.cumprod(t) * v).sum().backward()
    n = range(x.size)
    wanted = [
        sum(v[k] * math.prod(x[j] for j in range(k + 1) if j != i) for k in n if k >= i) for i in n
    ]
    np.testing.assert_allclose(t.grad, wanted, atol=1e-12)


def test_std_of_equal_elements_has_no_slope():
    t = leaf([[2.0, 2.0], [1.0, 3.0]])
    y = t.std(axis=1)
    (g,) = tx.grad(y.sum(), t, create_graph=True)
    np.testing.assert_allclose(g.numpy(), [[0.0, 0.0], [-0.5, 0.5]])
    (h,) = tx.grad((g * [[1.0, 2.0], [1.0, 2.0]]).sum(), t)
    np.testing.assert_array_equal(h.numpy()[0], 0.0)


@pytest.mark.parametrize("f", [tx.sum, tx.prod, tx.mean, tx.cumsum, tx.sort, tx.flip])
def test_empty_arrays(f):
    t = leaf(np.ones((2, 0) if f is tx.mean else (0, 2)))
    y = f(t, axis=0)
    (g,) = tx.grad(y, t, np.ones(y.shape))
    assert g.size == 0


# --- choosing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["maximum", "minimum", "fmax", "fmin"])
@given(data=st.data())
def test_the_gradients_of_two_add_up_to_that_of_the_chosen(name, data):
    x, y = data.draw(whole_numbers((4,))), data.draw(whole_numbers((4,)))
    a, b = leaf(x), leaf(y)
    getattr(tx, name)(a, b).sum().backward()
    np.testing.assert_array_equal(a.grad + b.grad, 1.0)
    tie = x == y
    np.testing.assert_array_equal(a.grad[tie], 0.5 if name in ("maximum", "minimum") else 1.0)
    wins = x > y if name in ("maximum", "fmax") else x < y
    np.testing.assert_array_equal(a.grad[~tie], wins[~tie])


@pytest.mark.parametrize("low", [None, -1.0, np.full(4, -1.0), leaf(np.full(4, -1.0))])
@pytest.mark.parametrize("high", [None, 1.0, np.float32(1.0), leaf(1.0)])
def test_clip_passes_gradients_within_and_at_the_bounds(low, high):
    t = leaf([-2.0, -1.0, 0.5, 3.0])
    y = tx.clip(t, low, high)
    y.sum().backward()
    inside = [low is None, True, True, high is None]
    np.testing.assert_array_equal(t.grad, inside)
    np.testing.assert_array_equal(y.numpy() == t.numpy(), inside)
    for bound, taken in ((low, [1.0, 0, 0, 0]), (high, 1.0)):
        if isinstance(bound, tx.Tensor):
            np.testing.assert_array_equal(bound.grad, taken)
            bound.grad = None


def test_what_was_not_chosen_leaks_no_nan():
    x = leaf([0.0, 4.0])
    with np.errstate(all="ignore"):
        y = tx.where(x.numpy() > 0, tx.xlogy(x, x), 0.0) + tx.nan_to_num(x * [np.inf, 1.0])
        (g,) = tx.grad(y.sum(), x, create_graph=True)
    assert np.isfinite(g.numpy()[1])
    p = leaf([0.0, 0.25])
    (g,) = tx.grad(tx.xlogy(p, p).sum(), p)
    np.testing.assert_allclose(g.numpy(), [0.0, np.log(0.25) + 1])
    x, y = leaf([0.0, 0.0]), leaf([-1.0, 1.0])
    for g in tx.grad(tx.xlog1py(x, y).sum(), [x, y]):
        assert np.isfinite(g.numpy()).all()


@pytest.mark.parametrize(
    ("f", "x", "slope", "curvature"),
    [
        (tx.sinc, 0.0, 0.0, -(np.pi**2) / 3),
        (lambda x: x**2, 0.0, 0.0, 2.0),
        (lambda x: x**1, 0.0, 1.0, 0.0),
        (lambda x: tx.power(x, leaf(2.0)), 0.0, 0.0, 2.0),
        (lambda x: tx.power(2.0, x), 0.0, np.log(2), np.log(2) ** 2),
        (tx.softplus, -800.0, 0.0, 0.0),
        (tx.softplus, 800.0, 1.0, 0.0),
        (tx.silu, -800.0, 0.0, 0.0),
        (tx.gelu, 40.0, 1.0, 0.0),
        (tx.gelu, -40.0, 0.0, 0.0),
        (tx.elu, 800.0, 1.0, 0.0),
        (lambda x: tx.elu(x, 2.0), 0.0, 2.0, 2.0),
        (tx.log_sigmoid, -800.0, 1.0, 0.0),
        (lambda x: tx.logaddexp(x, -np.inf), 3.0, 1.0, 0.0),
        (lambda x: tx.arctan2(x, leaf(0.0)), 0.0, 0.0, 0.0),
        (lambda x: tx.hypot(x, 1e200), 1e200, np.sqrt(0.5), None),
    ],
)
def test_slopes_at_special_points(f, x, slope, curvature):
    t = leaf(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (g,) = tx.grad(f(t), t, create_graph=True)
    assert g.item() == pytest.approx(slope, abs=1e-15)
    if curvature is not None:
        h = tx.grad(g, t, allow_unused=True)[0] if g.requires_grad else None
        assert (0.0 if h is None else h.item()) == pytest.approx(curvature, abs=1e-13)


def test_a_power_is_right_around_the_exponent_zero():
    """d²/dx dy x^y at y = 0 is 1/x: the flat x⁰ must not hide it."""
    x, y = leaf(4.0), leaf(0.0)
    (g,) = tx.grad(x**y, x, create_graph=True)
    assert g.item() == 0.0
    assert tx.grad(g, y)[0].item() == 0.25


@pytest.mark.parametrize(
    ("f", "exact"),
    [
        (tx.gelu, lambda m, x: x * m.ncdf(x)),
        (tx.silu, lambda m, x: x / (1 + m.exp(-x))),
        (tx.log_sigmoid, lambda m, x: -m.log1p(m.exp(-x))),
        (tx.softplus, lambda m, x: m.log1p(m.exp(x))),
        (tx.erfc, lambda m, x: m.erfc(x)),
        (lambda x: tx.gelu(x, "tanh"), None),
    ],
)
@pytest.mark.parametrize("x", [-30.0, -8.0, -1.0, 0.0, 1.0, 8.0, 20.0])
def test_tails_keep_their_digits(f, exact, x):
    import mpmath

    def gelu_tanh(m, x):
        return x * (1 + m.tanh(m.sqrt(2 / m.pi) * (x + m.mpf("0.044715") * x**3))) / 2

    with mpmath.workdps(400):
        wanted = float((exact or gelu_tanh)(mpmath.mp, mpmath.mpf(x)))
    assert f(leaf(x)).item() == pytest.approx(wanted, rel=1e-12, abs=1e-307)


# --- indexing -------------------------------------------------------------------------------------


@given(st.data())
def test_gradients_of_indexing_are_numpys_add_at(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    basic = hnp.basic_indices(shape, allow_ellipsis=True, allow_newaxis=True)
    integers = hnp.integer_array_indices(shape)
    index = data.draw(st.one_of(basic, integers, hnp.arrays(bool, shape)))
    x = normal(*shape)
    t = leaf(x)
    y = t[index]
    np.testing.assert_array_equal(y.numpy(), x[index])
    v = normal(*y.shape, seed=6)
    (g,) = tx.grad(y, t, v)
    wanted = np.zeros(shape)
    np.add.at(wanted, index, v)
    np.testing.assert_allclose(g.numpy(), wanted, rtol=1e-14)


@pytest.mark.parametrize(
    "index",
    [
        tx.Tensor(np.array([0, 0, 2])),
        tx.Tensor(np.array([True, False, True])),
        (slice(None), tx.Tensor(np.array([1, 1]))),
        [0, -1, 0],
        [True, False, True],
        [],
        (slice(None), None, [3, 0]),
        (..., np.int64(-1)),
        ([[0], [2]], [1, 3]),
        (slice(None, None, -2), np.array([True, False, False, True])),
        None,
        ...,
        (),
    ],
    ids=repr,
)
def test_indices_of_every_kind(index):
    def plain(i):
        if isinstance(i, tuple):
            return tuple(map(plain, i))
        return i.numpy() if isinstance(i, tx.Tensor) else i

    t, x = leaf(normal(3, 4)), normal(3, 4)
    y = t[index]
    np.testing.assert_array_equal(y.numpy(), x[plain(index)])
    y.backward(np.ones(y.shape))
    wanted = np.zeros((3, 4))
    np.add.at(wanted, plain(index), 1.0)
    np.testing.assert_array_equal(t.grad, wanted)


@given(data=st.data())
def test_sorting_sends_gradients_back_in_place(data):
    x = data.draw(hnp.array_shapes(max_dims=3, max_side=4).flatmap(whole_numbers))
    axis = data.draw(st.one_of(st.none(), st.integers(-x.ndim, x.ndim - 1)))
    t = leaf(x)
    y = tx.sort(t, axis)
    np.testing.assert_array_equal(y.numpy(), np.sort(x, axis))
    v = normal(*y.shape, seed=1)
    (g,) = tx.grad(y, t, v)
    places = np.argsort(x, axis, kind="stable")
    wanted = v if axis is None else np.zeros_like(x)
    if axis is None:
        wanted = np.zeros(x.size)
        wanted[places] = v
        wanted = wanted.reshape(x.shape)
    else:
        np.put_along_axis(wanted, places, v, axis)
    np.testing.assert_array_equal(g.numpy(), wanted)


@pytest.mark.parametrize("mode", ["clip", "wrap"])
def test_take_with_indices_out_of_range(mode):
    x = normal(3, 4)
    for axis in (None, 0, -1):
        wanted = np.take(x, [[-7, 1], [30, 2]], axis, mode=mode)
        got = tx.take(leaf(x), [[-7, 1], [30, 2]], axis, mode=mode)
        np.testing.assert_array_equal(got.numpy(), wanted)


# --- einsum ---------------------------------------------------------------------------------------


@st.composite
def products(draw):
    """Subscripts with matching arrays: repeats on one operand, broadcasting, ``...`` and all."""
    sizes = {letter: draw(st.integers(1, 3)) for letter in "abcd"}
    parts, arrays = [], []
    for k in range(draw(st.integers(1, 3))):
        part = draw(st.text("abcd", max_size=3))
        dots = draw(st.integers(0, 2))
        shape = [sizes[letter] for letter in part]
        if dots:
            place = draw(st.integers(0, len(part)))
            shape[place:place] = [2, 3][-dots:]
            part = part[:place] + "..." + part[place:]
        parts.append(part)
        arrays.append(normal(*shape, seed=k))
    text = ",".join(parts)
    used = sorted({c for c in text if c.isalpha()})
    if draw(st.booleans()):
        kept = draw(st.permutations(used))[: draw(st.integers(0, len(used)))]
        text += "->" + ("..." if "..." in text else "") + "".join(kept)
    return text, arrays


@given(products())
def test_einsum_is_numpys_and_its_gradients_are_right(product):
    text, arrays = product
    assume(not re.search(r"(\w)\w*\1\w*\1", text.partition("->")[0]) or len(arrays) < 3)
    y = tx.einsum(text, *map(leaf, arrays))
    wanted = np.einsum(text, *arrays)
    assert y.shape == np.shape(wanted)
    np.testing.assert_allclose(y.numpy(), wanted, rtol=1e-10, atol=1e-12)
    # Σ v einsum is linear in each operand: its slope along the operand is its value.
    leaves = [leaf(a) for a in arrays]
    v = normal(*y.shape, seed=8)
    scalar = (tx.einsum(text, *leaves) * v).sum()
    gradients = tx.grad(scalar, leaves, create_graph=True)
    for a, g in zip(arrays, gradients, strict=True):
        assert g.shape == a.shape
        assert (g.numpy() * a).sum() == pytest.approx(scalar.item(), rel=1e-9, abs=1e-9)
    if len(arrays) > 1:  # and each gradient is linear in the other operands
        first = (gradients[0] * arrays[0]).sum()
        for a, h in zip(arrays[1:], tx.grad(first, leaves[1:]), strict=True):
            assert (h.numpy() * a).sum() == pytest.approx(scalar.item(), rel=1e-9, abs=1e-9)


def test_the_rule_of_an_einsum_is_the_one_that_one_would_write():
    a, b = leaf(normal(2, 3)), leaf(normal(3, 4))
    y = tx.einsum("ij,jk->ik", a, b)
    g, h = tx.grad(y, [a, b], np.ones((2, 4)), create_graph=True)
    assert (g.op.subscripts, h.op.subscripts) == ("ik,jk->ij", "ik,ij->jk")


def test_einsum_of_lists_of_numbers():
    a, b = normal(2, 3), normal(3, 4)
    for last in ([], [[2, 0]], [[0]]):
        wanted = np.einsum(a, [0, 1], b, [1, 2], *last)
        got = tx.einsum(leaf(a), [0, 1], b, [1, 2], *last)
        np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-12)
    np.testing.assert_allclose(
        tx.einsum(leaf(a), [..., 1], [1, ...]).numpy(), np.einsum(a, [..., 1], [1, ...])
    )


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("ij,jk->ik", [(2, 0), (0, 3)]),
        ("ij,ij->ij", [(1, 1), (2, 0)]),
        ("ij,ij->j", [(1, 0), (1, 1)]),
        ("i,i,i->i", [(0,), (1,), (1,)]),
        ("ii->i", [(0, 0)]),
        ("i...,i...->...", [(3, 1, 2), (1, 4, 1)]),
        (" ij , jk ", [(2, 3), (3, 2)]),
        ("...,...", [(2,), (3, 1)]),
        ("...i,...j->...ji", [(2, 3), (3,)]),
    ],
)
def test_einsum_of_nothing_and_of_what_is_stretched(text, shapes):
    arrays = [normal(*shape, seed=k) for k, shape in enumerate(shapes)]
    leaves = [leaf(a) for a in arrays]
    y, wanted = tx.einsum(text, *leaves), np.einsum(text, *arrays)
    assert y.shape == wanted.shape
    np.testing.assert_allclose(y.numpy(), wanted, rtol=1e-13)
    for a, g in zip(arrays, tx.grad(y.sum(), leaves), strict=True):
        assert g.shape == a.shape
        assert (g.numpy() * a).sum() == pytest.approx(wanted.sum(), rel=1e-12)


# --- errors ---------------------------------------------------------------------------------------

T = leaf(np.ones((2, 3)))


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (
            lambda: T + np.ones(4),
            ValueError,
            "add: shapes (2, 3) and (4,) do not broadcast: axis -1",
        ),
        (lambda: tx.hypot(T, np.ones((3, 3))), ValueError, "hypot: shapes (2, 3) and (3, 3)"),
        (lambda: T.reshape(4), ValueError, "reshape: cannot reshape"),
        (lambda: tx.reshape(T, 6, order="F"), TypeError, "reshape: order='F'"),
        (lambda: T.sum(axis=2), np.exceptions.AxisError, "sum: axis 2 is out of bounds"),
        (lambda: T.cumsum(5), np.exceptions.AxisError, "cumsum: axis 5 is out of bounds"),
        (lambda: tx.swapaxes(T, 0, 2), np.exceptions.AxisError, "swapaxes: axis 2"),
        (lambda: tx.flip(T, 3), np.exceptions.AxisError, "flip: axis 3"),
        (lambda: T.transpose(0, 0), ValueError, "transpose: repeated axis"),
        (lambda: tx.max(leaf(np.ones(0))), ValueError, "max: zero-size array"),
        (lambda: T[5], IndexError, "getitem: index 5 is out of bounds for axis 0 with size 2"),
        (lambda: T[0, 0, 0], IndexError, "getitem: too many indices"),
        (lambda: T[1.5], IndexError, "getitem: only integers"),
        (lambda: tx.take(T, 9), IndexError, "getitem: index 9"),
        (
            lambda: tx.concatenate([T, np.ones((3, 4))]),
            ValueError,
            "concatenate: arrays[1] has shape (3, 4), wanted (2, 3) except on axis 0",
        ),
        (lambda: tx.concatenate([]), ValueError, "concatenate: no arrays"),
        (
            lambda: tx.stack([T, T, T[0]]),
            ValueError,
            "stack: arrays[2] has shape (3,), wanted (2, 3)",
        ),
        (lambda: tx.split(T, 2, 1), ValueError, "split: axis 1 of size 3 in 2 parts"),
        (lambda: tx.squeeze(T, 0), ValueError, "squeeze: axis 0 of (2, 3) has size 2; wanted 1"),
        (lambda: tx.broadcast_to(T, (2, 4)), ValueError, "broadcast_to: got shape (2, 3)"),
        (lambda: tx.einsum("ij,jk", T, T), ValueError, "einsum: j has size 3, and 2 in operand 1"),
        (lambda: tx.einsum("ijk", T), ValueError, "einsum: operand 0 has shape (2, 3)"),
        (lambda: tx.einsum("ij,j", T), ValueError, "is for 2 operands; got 1"),
        (lambda: tx.einsum("ij->k", T), ValueError, "einsum: 'k' in the output"),
        (lambda: tx.einsum("i!", T), ValueError, "einsum: subscripts 'i!'"),
        (lambda: tx.tensordot(T, T, 1), ValueError, "tensordot: axes (1,) of (2, 3) and (0,)"),
        (lambda: tx.matmul(T, T), ValueError, "matmul: (2, 3) @ (2, 3): inner sizes 3 and 2"),
        (lambda: tx.repeat(T, [1, 2], axis=1), ValueError, "repeat: repeats of shape (2,)"),
        (lambda: tx.gelu(T, "erf"), ValueError, "gelu: approximate='erf'"),
        (lambda: tx.sum(T, 0, np.float32), TypeError, "sum: keepdims=<class 'numpy.float32'>"),
        (lambda: tx.diag(leaf(1.0)), ValueError, "diag: got shape ()"),
        (lambda: tx.pad(T, 1, mode="edge"), TypeError, "pad: mode='edge'"),
        (lambda: tx.select([T > 0], []), ValueError, "select: 1 conditions and 0 choices"),
        (lambda: np.sum(T, out=np.ones(())), TypeError, "np.sum with out="),
        (lambda: np.exp(T, where=[True, False, True]), TypeError, "np.exp with where="),
        (lambda: np.add.reduce(T), TypeError, "np.add.reduce"),
    ],
)
def test_errors_name_the_op_and_what_was_got(call, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        call()


# --- NumPy's protocols ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda t: np.exp2(t),
        lambda t: np.arctan2(np.ones(3), t),
        lambda t: np.ones((2, 3)) % t,
        lambda t: t // 0.7,
        lambda t: 2.0 % t,
        lambda t: divmod(t, 0.3)[1],
        lambda t: divmod(5.0, t)[1],
        lambda t: np.sum(t, axis=1, keepdims=True),
        lambda t: np.amax(t, 0),
        lambda t: np.var(t, axis=0, ddof=1),
        lambda t: np.concatenate([np.ones((1, 3)), t]),
        lambda t: np.stack([t, t], axis=1),
        lambda t: np.where(np.ones(3) > 0, t, 0.0),
        lambda t: np.einsum("ij,kj->ik", t, np.ones((4, 3))),
        lambda t: np.tensordot(t, np.ones((3, 2)), 1),
        lambda t: np.clip(t, 0.2, None),
        pytest.param(
            lambda t: np.clip(t, min=0.2),
            marks=pytest.mark.skipif(
                np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="NumPy 2.0 has no min="
            ),
        ),
        lambda t: np.split(t, 3, axis=1)[1],
        lambda t: np.array_split(t, indices_or_sections=2, axis=1)[0],
        lambda t: np.meshgrid(t[0], t[1])[1],
        lambda t: np.broadcast_arrays(t, np.ones((4, 2, 3)))[0],
        lambda t: np.select([np.ones(3) > 0], [t], 0.0),
        lambda t: np.pad(t, ((1, 0), (2, 2))),
        lambda t: np.median(t, axis=(0, 1), keepdims=True),
        lambda t: np.average(t, axis=0, weights=[1.0, 3.0]),
        lambda t: np.nansum(t, axis=0),
        lambda t: np.diff(t, axis=1, prepend=0.0),
        lambda t: np.partition(t, 1, axis=1)[:, 1],
        lambda t: np.atleast_3d(t),
        lambda t: np.column_stack([t, np.ones(2)]),
        lambda t: np.dstack([t, t]),
        lambda t: np.hsplit(t, [1])[1],
        lambda t: np.rollaxis(t, 1),
        lambda t: np.tile(t, (2, 1, 2)),
        lambda t: np.cross(t, np.ones(3)),
        lambda t: np.degrees(np.radians(t)),
        lambda t: np.fabs(t),
        lambda t: np.real(np.conj(t)),
        lambda t: np.mean(t, dtype=np.float64, out=None),
        lambda t: t.mT.ravel().clip(0, 1).take([0, 2]).cumprod().std(),
        lambda t: t.repeat(2, axis=0).diagonal(1).prod(),
        lambda t: np.trace(t, offset=1) + t.trace() + t.dot(np.ones(3)).sum(),
    ],
)
def test_numpy_functions_take_tensors(f):
    x = normal(2, 3) ** 2 + 0.1
    t = leaf(x)
    y = f(t)
    assert isinstance(y, tx.Tensor)
    np.testing.assert_allclose(y.numpy(), f(x), rtol=1e-13)
    y.sum().backward()
    assert t.grad.shape == x.shape
    tx.check_gradients(f, x, order=1)


@pytest.mark.parametrize(
    "f",
    [
        np.isnan,
        np.isfinite,
        np.isinf,
        np.signbit,
        np.argmax,
        lambda t: np.argmin(t, axis=0),
        lambda t: np.argsort(t, axis=0),
        lambda t: np.searchsorted(t[0], 0.5),
        np.nonzero,
        np.count_nonzero,
        np.shape,
        np.ndim,
        np.size,
        lambda t: np.allclose(t, t),
        lambda t: np.isclose(t, t * 1.0),
        lambda t: np.array_equal(t, t + 1),
        lambda t: np.all(t > 0),
        np.any,
        np.logical_not,
        lambda t: np.logical_and(t, np.ones(3)),
        np.zeros_like,
        lambda t: np.ones_like(t, shape=(2,), dtype=int),
        lambda t: np.full_like(t, 7.0),
        lambda t: np.unique(t),
        lambda t: np.greater(t, 0.0),
        lambda t: np.result_type(t, np.float32),
        np.iscomplexobj,
        lambda t: t.argmax(1),
        lambda t: t.any(axis=0),
        lambda t: t.argsort(),
    ],
)
def test_functions_without_a_gradient_give_plain_results(f):
    x = normal(2, 3)
    got, wanted = f(leaf(x)), f(x)
    assert not isinstance(got, tx.Tensor)
    assert type(got) is type(wanted) or isinstance(got, (np.ndarray, np.generic))
    np.testing.assert_equal(got, wanted)


# --- integers and dtypes --------------------------------------------------------------------------

INTEGERS = tx.Tensor(np.array([[3, 1], [2, 2]]))


@pytest.mark.parametrize(
    ("f", "dtype"),
    [
        (lambda t: t + 1, np.int64),
        (lambda t: t // 2, np.int64),
        (lambda t: t % 2, np.int64),
        (lambda t: t * t, np.int64),
        (tx.sum, np.int64),
        (tx.prod, np.int64),
        (tx.max, np.int64),
        (lambda t: tx.cumsum(t, 0), np.int64),
        (lambda t: tx.sort(t), np.int64),
        (lambda t: tx.clip(t, 0, 2), np.int64),
        (lambda t: tx.triu(t), np.int64),
        (lambda t: tx.concatenate([t, t]), np.int64),
        (lambda t: tx.where(t > 1, t, 0), np.int64),
        (lambda t: tx.einsum("ij->j", t), np.int64),
        (lambda t: t > 1, np.bool_),
        (lambda t: t / 2, np.float32),
        (tx.exp, np.float32),
        (tx.mean, np.float32),
        (tx.std, np.float32),
        (tx.sqrt, np.float32),
        (tx.sigmoid, np.float32),
        (tx.erf, np.float32),
        (tx.reciprocal, np.float32),
        (lambda t: tx.hypot(t, t), np.float32),
        (lambda t: tx.float_power(t, 2), np.float64),
        (lambda t: t.astype(np.float64), np.float64),
        (lambda t: tx.sum(t, dtype=np.float64), np.float64),
        (lambda t: tx.prod(t, dtype=np.float64), np.float64),
        (lambda t: tx.cumsum(t, 0, dtype=np.float64), np.float64),
        (lambda t: tx.cumprod(t, dtype=np.float16), np.float16),
        (lambda t: tx.diff(t), np.int64),
        (lambda t: tx.diff(t, prepend=1, append=[[0], [5]]), np.int64),
        (lambda t: tx.recurrence(t, t), np.int64),
        (lambda t: tx.pad(t, 1, constant_values=7), np.int64),
        (lambda t: tx.kron(t, t), np.int64),
        (lambda t: tx.median(t, 0), np.float32),
        (lambda t: tx.linspace(t, 1, 3), np.float32),
        (lambda t: tx.float_power(2, t), np.float64),
        (tx.relu, np.int64),
    ],
)
def test_integers_stay_integers_or_become_the_default_float(f, dtype):
    y = f(INTEGERS)
    assert y.dtype == dtype
    y = y.numpy() if isinstance(y, tx.Tensor) else y
    np.testing.assert_allclose(y, f(INTEGERS.numpy()), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize(
    "f",
    [
        lambda t: tx.where(t > 0, t, np.arange(3)),
        lambda t: tx.where([True, False, True], np.float64(2.0), t),
        lambda t: tx.where(t > 0, t, tx.Tensor(np.arange(3))),
        lambda t: tx.where(t > 0, tx.Tensor(np.array(2)), t),
        lambda t: tx.where(t > 0, t, [1, 2, 3]),
        lambda t: tx.concatenate([t, np.arange(3)]),
        lambda t: tx.stack([t, [1, 2, 3]]),
        lambda t: tx.stack([1.5, t[0], np.float64(2.0), tx.Tensor(np.array(3))]),
        lambda t: tx.mean([t[0], 3.0]),
        lambda t: tx.maximum(t, np.arange(3)),
        lambda t: tx.hypot(t, np.float64(2.0)),
        lambda t: tx.clip(t, np.float64(-1.0), np.arange(3)),
        lambda t: tx.arctan2(1, t),
        lambda t: tx.xlogy(2, t),
        lambda t: tx.triu(t[None]),
        lambda t: tx.median(t),
        lambda t: tx.pad(t, 1, constant_values=1.5),
        lambda t: tx.linspace(t, np.arange(3), 4),
        lambda t: tx.linspace(np.float64(1), t, 4),
        lambda t: tx.linspace([1, 2, 3], t, 4),
        lambda t: tx.gradient(t, [0.0, 1.0, 3.0]),
        lambda t: tx.gradient(t, np.float64(0.3)),
        lambda t: tx.diff(t, prepend=np.float64(2.0), append=1.5),
        lambda t: tx.recurrence(np.arange(3), t),
        lambda t: tx.einsum("i,i->", t, np.arange(3)),
    ],
)
def test_constants_do_not_widen(f, dtype):
    t = leaf([0.5, 1.0, 2.0], dtype)
    y = f(t)
    assert y.dtype == dtype
    y.sum().backward()
    assert t.grad.dtype == dtype


@pytest.mark.parametrize(
    ("start", "stop", "dtype"),
    [
        (leaf([0.0, 1.0], np.float32), np.ones(2), np.float64),
        (leaf(0.0, np.float32), leaf([2.0, 3.0]), np.float64),
        (leaf([0.0, 1.0], np.float16), np.ones(2, np.float32), np.float32),
        (np.float32(0), np.float32(1), np.float32),
        (np.ones(2, np.float32), 3.0, np.float32),
        (np.arange(2), 3, np.float64),
        (0, 1, np.float64),
    ],
)
def test_the_dtype_between_two_ends(start, stop, dtype):
    for ends in ((start, stop), (stop, start)):
        y = tx.linspace(*ends, 3)
        assert y.dtype == dtype
        a, b = (e.numpy() if isinstance(e, tx.Tensor) else e for e in ends)
        np.testing.assert_allclose(
            y.numpy() if isinstance(y, tx.Tensor) else y, np.linspace(a, b, 3)
        )


def test_a_condition_stays_what_it_is():
    c = np.array([True, False])
    for condition in (c, tx.Tensor(c), tx.Tensor(np.arange(2))):
        y = tx.where(condition, leaf([1.0, 2.0]), 0.0)
        assert y.recorded[1].dtype == condition.dtype


def test_round_of_python():
    assert round(leaf([1.26, 2.0]), 1).numpy().tolist() == [1.3, 2.0]
    assert round(leaf(2.5)).item() == 2.0


def test_a_cast_to_integers_has_no_gradient():
    k = leaf([1.7, 0.2]).astype(int)
    assert (k.requires_grad, k.dtype, k.numpy().tolist()) == (False, np.int64, [1, 0])


def test_lists_of_tensors_are_stacked():
    a, b = leaf(1.0), leaf([2.0, 3.0])
    tx.mean([a, 3 * a]).backward()
    assert a.grad == 2.0
    tx.sum([b, [1.0, 1.0]], axis=0).backward([1.0, 2.0])
    np.testing.assert_array_equal(b.grad, [1.0, 2.0])
