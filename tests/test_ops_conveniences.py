"""Functions that are one line of others: values as NumPy's, slopes by finite differences."""

import numpy as np
import pytest

import tinygrad_xent as tx

RNG = np.random.default_rng(5)
V, W = RNG.normal(size=3), RNG.normal(size=3)
A, B = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3))
CUBE = RNG.normal(size=(2, 3, 2))
FIVE = RNG.normal(size=(5, 4))
SCALAR = np.array(0.7)
JOINS = ("hstack", "vstack", "dstack", "column_stack", "concatenate", "stack")
AT = [0.0, 0.5, 2.0, 2.5, 4.0]  # uneven places of samples

CALLS = [  # arrays, which have gradients; then options, the last of which may be keywords
    *[(name, (x,)) for name in ("fliplr", "flipud", "rot90") for x in (A, CUBE)],
    ("flipud", (V,)),
    *[(name, group) for name in JOINS for group in ((V, W), (A, B), (V,), (A,))],
    *[(name, (SCALAR, SCALAR)) for name in JOINS if name != "concatenate"],
    ("hstack", (CUBE, CUBE)),
    ("column_stack", (A, B[:, 0])),
    *[("concatenate", (A, V, A, {"axis": None}))],
    *[("concatenate", (CUBE, A[..., None], {"axis": axis})) for axis in (2, -1)],
    *[("stack", (A, B, A, {"axis": axis})) for axis in (0, 1, 2, -1, -2)],
    *[("append", (A, B, axis)) for axis in (None, 1, -2)],
    *[("hsplit", (x, [1, 2])) for x in (V, A)],
    *[("hsplit", (x, 3)) for x in (V, A)],
    *[("vsplit", (FIVE, cuts)) for cuts in (5, [2], [-2], [3, 1], [])],
    *[("dsplit", (CUBE, cuts)) for cuts in (2, [1])],
    *[("split", (FIVE, cuts, -1)) for cuts in (1, 2, [1, 3])],
    *[("split", (A, 2)), ("array_split", (A, 1)), ("array_split", (FIVE, np.int64(2)))],
    *[("array_split", (FIVE, n, axis)) for n in (3, 7, [1, 9]) for axis in (0, -1)],
    *[("roll", (x, shift)) for x in (V, A) for shift in (-1, 0, 2, 17)],
    *[("roll", (A, (1, 4), axes)) for axes in (1, (0, -1), (1, 1))],
    ("roll", (A, 1, (0, 1))),
    *[("tile", (x, reps)) for x in (SCALAR, V, A) for reps in (2, (3,), (2, 1, 3), ())],
    *[("repeat", (A, n, axis)) for n in (2, 0) for axis in (None, 1, -2)],
    *[("repeat", (SCALAR, 2)), ("repeat", (A, [0, 3], 0))],
    *[("pad", (A, width)) for width in (0, 1, (2, 1), ((0, 1), (2, 0)), ((1,), (2,)))],
    *[("pad", (A, 2, {"constant_values": c})) for c in (1.5, (1.0, 2.0), ((1.0, 2.0), (0, 3.0)))],
    *[("kron", pair) for pair in ((V, W), (A, V), (V, A), (SCALAR, A), (CUBE, A), (CUBE, CUBE))],
    *[("diagonal", (A, k)) for k in range(-3, 5)],
    *[(name, (CUBE, 1, *axes)) for name in ("diagonal", "trace") for axes in ((2, 0), (-1, 1))],
    *[("diag", (A, k)) for k in (-2, 0, 3)],
    *[("diag", (V, k)) for k in (-2, 0, 1)],
    *[("trace", (A, k)) for k in (-1, 0, 1)],
    *[(name, (x,)) for name in ("diagonal", "diag", "trace", "triu", "tril") for x in (A, A.T)],
    *[(name, (x, k)) for name in ("triu", "tril") for x in (A, CUBE) for k in (-1, 1)],
    *[("rot90", (A, k)) for k in range(-2, 6)],
    *[("rot90", (CUBE, k, axes)) for k in (1, 2, 3) for axes in ((2, 0), (-1, 1))],
    *[("flip", (CUBE, axis)) for axis in (None, -1, (0, 2))],
    *[("median", (x, axis)) for x in (A, CUBE) for axis in (None, 0, -1, (0, 1))],
    *[("median", (CUBE, axis, {"keepdims": True})) for axis in (None, -1, (2, 0))],
    *[("sort", (CUBE, axis)) for axis in (None, 1, -3)],
    *[("sort", (x,)) for x in (CUBE, V)],
    *[("partition", (V, k)) for k in (0, 1, 2, -1)],
    *[
        ("partition", (CUBE, 1)),
        ("partition", (A, 1, 0)),
        ("partition", (A, 0)),
        ("partition", (A, 3, None)),
    ],
    *[("take", (A, [[1, 0], [1, -1]], axis)) for axis in (None, 0, -1)],
    *[("take", (A, [-9, 1, 7], axis, {"mode": m})) for axis in (None, 0) for m in ("clip", "wrap")],
    *[("take_along_axis", (A, np.array([[0, 0, 2, 1], [1, 1, 1, 0]]), axis)) for axis in (1, -1)],
    ("take_along_axis", (A, np.array([5, 0]), None)),
    ("take_along_axis", (CUBE, np.array([[[1], [0], [1]]]), 0)),
    *[(name, (CUBE, axis)) for name in ("cumsum", "cumprod") for axis in (None, 1, -3)],
    *[(name, (x,)) for name in ("cumsum", "cumprod") for x in (A, SCALAR)],
    *[("diff", (FIVE, n, axis)) for n in (0, 1, 3) for axis in (0, -1)],
    *[("diff", (V, {"prepend": 2.0})), ("diff", (V, {"append": 2.0}))],
    *[("diff", (A, {"axis": 0, "prepend": [[1.0, 2.0, 3.0]], "append": [[0.5] * 3] * 2}))],
    *[("diff", (CUBE, {"axis": axis, "prepend": 2.0})) for axis in (0, 1, -1)],
    *[("gradient", (x,)) for x in (V, A, CUBE)],
    *[("gradient", (FIVE, *h)) for h in ((0.5,), (0.5, 2.0), (AT, 2.0), (AT, AT[:4]))],
    *[("gradient", (FIVE, {"axis": axis})) for axis in (0, -1, (1, 0), (0,))],
    *[("gradient", (FIVE, AT, {"axis": 0, "edge_order": edge})) for edge in (1, 2)],
    *[("gradient", (FIVE, 2.0, {"edge_order": 2})), ("gradient", (V, {"edge_order": 2}))],
    *[("linspace", (V, W, n)) for n in (0, 1, 2, 5)],
    *[("linspace", (A, V, n, {"endpoint": False})) for n in (1, 4)],
    *[("linspace", (A, B, 4, {"axis": axis})) for axis in (0, 1, -1)],
    *[("linspace", (V, W)), ("linspace", (SCALAR, SCALAR + 1, 3))],
    *[("float_power", (A * A, B)), ("float_power", (A, 3)), ("float_power", (V * V, 0.5))],
]


def is_leaf(x):
    return isinstance(x, (np.ndarray, np.float64)) and x.dtype.kind == "f"


@pytest.mark.parametrize(("name", "given"), CALLS)
def test_as_numpys(name, given):
    arrays = [part for part in given if is_leaf(part)]
    options = [part for part in given if not is_leaf(part) and not isinstance(part, dict)]
    keywords = given[-1] if isinstance(given[-1], dict) else {}
    shapes = []

    def call(functions, parts):
        function = getattr(functions, name)
        y = function(parts, **keywords) if name in JOINS else function(*parts, *options, **keywords)
        if not isinstance(y, (list, tuple)):
            return y
        shapes.append([part.shape for part in y])
        return functions.concatenate([functions.ravel(part) for part in y])

    wanted = call(np, arrays)
    ours = call(tx, [tx.Tensor(a, requires_grad=True) for a in arrays])
    np.testing.assert_allclose(ours.numpy(), wanted, rtol=1e-14, atol=1e-14)
    assert (ours.shape, ours.dtype) == (wanted.shape, np.float64)
    assert shapes[:1] == shapes[1:]
    if wanted.size:
        weights = np.random.default_rng(0).normal(size=wanted.shape)
        tx.check_gradients(lambda *parts: (call(tx, parts) * weights).sum(), *arrays)


def test_order_along_the_last_axis_and_of_a_single_number():
    i = np.argsort(CUBE)
    np.testing.assert_array_equal(tx.take_along_axis(CUBE, i), np.sort(CUBE))
    for axis in (0, -1, None):
        assert tx.sort(0.7, axis) == 0.7
    for axis in (1, -2):
        with pytest.raises(np.exceptions.AxisError, match=f"sort: axis {axis} is out of bounds"):
            tx.sort(0.7, axis)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_the_median_of_what_has_a_nan_is_nan(n):
    x = np.random.default_rng(n).normal(size=(3, n))
    x[1, n // 2] = np.nan
    np.testing.assert_array_equal(np.isnan(tx.median(x, 1)), [False, True, False])
    assert np.isnan(tx.median(x))


@pytest.mark.parametrize(
    ("call", "drawn"),
    [
        (lambda t: tx.diff(t), "getitem subtract"),
        (lambda t: tx.diff(t, append=1), "concatenate getitem subtract"),
        (lambda t: tx.pad(t, 1), "scatter_add"),
        (lambda t: tx.pad(t, 1, constant_values=2), "add scatter_add"),
        (lambda t: tx.linspace(0.0, t, 3), "add multiply"),
        (lambda t: tx.linspace(0.0, t, 3, axis=1), "add multiply transpose"),
        (lambda t: tx.rot90(t, 2), "getitem"),
        (lambda t: tx.rot90(t, 4), ""),
        (lambda t: tx.softplus(t), "softplus"),
        (lambda t: tx.float_power(t, 2), "astype power"),
    ],
)
def test_only_what_is_needed_is_drawn(call, drawn):
    y = call(tx.Tensor(A, requires_grad=True))
    names = {value.op.name for value in tx.backprop.order(y) if value.op}
    assert " ".join(sorted(names)) == drawn


@pytest.mark.parametrize(
    ("axis", "weights"),
    [
        (None, [1.0, 2.0, 3.0]),  # one for each place, but along which axis?
        (0, [1.0, 2.0, 3.0]),  # of the other axis
        (1, [[1.0, 2.0, 3.0]]),  # a row
        ((0, 1), [1.0, 2.0, 3.0]),
    ],
)
def test_weights_of_an_average_that_do_not_fit(axis, weights):
    with pytest.raises(ValueError, match=r"average: weights of shape .* for x of shape \(2, 3\)"):
        tx.average(tx.Tensor(A), axis, weights)


@pytest.mark.parametrize("options", [{"label_smoothing": 0.1}, {"weight": [0.3, 0.5, 0.7]}])
def test_a_target_in_half_precision_counts_as_the_numbers_that_it_holds(options):
    p = RNG.dirichlet(np.ones(3), size=2).astype(np.float16)
    wanted = tx.cross_entropy(A, p.astype(np.float64), **options)
    assert tx.cross_entropy(A, p, **options) == pytest.approx(float(wanted), rel=1e-14)


def test_rows_of_a_target_are_judged_where_that_is_asked_for():
    z, p = np.zeros((1, 2)), np.array([[1.0, 1.0]])
    assert tx.cross_entropy(z, p) == pytest.approx(2 * np.log(2))
    with pytest.raises(ValueError, match="sum"):
        tx.cross_entropy(z, p, check=True)
