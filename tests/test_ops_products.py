"""Axes that are moved and products that are summed: values as NumPy's, slopes by differences."""

import re
from itertools import product

import numpy as np
import pytest

import tinygrad_xent as tx

RNG = np.random.default_rng(5)
V, W = RNG.normal(size=3), RNG.normal(size=3)
A, B = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3))
CUBE = RNG.normal(size=(2, 3, 2))
COLUMN, NUMBER = RNG.normal(size=(2, 1, 3, 1)), np.array(1.5)

MOVES = [
    *[("rollaxis", (CUBE, *places)) for places in product((-3, -1, 0, 1, 2), (-2, 0, 1, 2, 3))],
    ("rollaxis", (CUBE, 2)),
    *[("moveaxis", (CUBE, *places)) for places in ((0, -1), ((0, -1), (-1, 0)), ([1], [0]))],
    *[("matrix_transpose", (x,)) for x in (A, CUBE, COLUMN)],
    *[("squeeze", (COLUMN, *axis)) for axis in ((), (1,), (-1,), ((1, 3),), ((),))],
    *[("squeeze", (NUMBER, *axis)) for axis in ((), (0,), (-1,), ((),))],
    *[("expand_dims", (A, axis)) for axis in (0, 2, -1, -3, np.int64(1), (0, -1), [1, 3], ())],
    *[(f"atleast_{n}d", (x,)) for n in (1, 2, 3) for x in (NUMBER, V, V[:0], A, CUBE, COLUMN)],
    *[("ravel", (x,)) for x in (NUMBER, CUBE)],
]


@pytest.mark.parametrize(("name", "given"), MOVES)
def test_moves_of_axes_are_numpys(name, given):
    x, *options = given
    t, v = tx.Tensor(x, requires_grad=True), np.arange(x.size) + 1.0
    y, wanted = getattr(tx, name)(t, *options), getattr(np, name)(x, *options)
    np.testing.assert_array_equal(y.numpy(), wanted)
    assert (y.shape, y.dtype) == (wanted.shape, np.float64)
    places = getattr(np, name)(v.reshape(x.shape), *options)
    (g,) = tx.grad(y, t, places)
    np.testing.assert_array_equal(g.numpy(), v.reshape(x.shape))


AVERAGES = [(), (0,), (-1,), (0, V[:2]), (-2, V[:2]), (np.int64(1), V), (None, A), ((0, 1), B)]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("options", AVERAGES)
def test_averages_are_numpys(options, keepdims):
    options = dict(zip(("axis", "weights"), options, strict=False), keepdims=keepdims)
    for x in (A, CUBE[:, :, 0]):
        np.testing.assert_allclose(tx.average(x, **options), np.average(x, **options), rtol=1e-13)
    if "weights" not in options:
        np.testing.assert_allclose(tx.average(CUBE, **options), np.average(CUBE, **options))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
def test_what_is_not_nan_is_added_and_averaged(axis, keepdims):
    gaps = np.random.default_rng(0).uniform(size=(3, 4)) < 0.4
    x = np.where(gaps, np.nan, 2.0 + np.arange(4))
    x[:, 1] = x[2] = 7.0  # no row or column without a number
    there = ~np.isnan(x)
    t = tx.Tensor(x, requires_grad=True)
    for name, count in (("nansum", 1), ("nanmean", there.sum(axis=axis, keepdims=True))):
        y = getattr(tx, name)(t, axis, keepdims)
        wanted = getattr(np, name)(x, axis=axis, keepdims=keepdims)
        np.testing.assert_allclose(y.numpy(), wanted, rtol=1e-13)
        (g,) = tx.grad(y.sum(), t)
        np.testing.assert_allclose(g.numpy(), there / np.broadcast_to(count, x.shape))


def test_the_grid_of_a_mesh():
    for axes in ((V,), (V, A[0, :2]), (V, A[0, :2], A[1, :2])):
        for indexing in ("xy", "ij"):
            wanted = np.meshgrid(*axes, indexing=indexing)
            ours = tx.meshgrid(*map(tx.Tensor, axes), indexing=indexing)
            for one, other in zip(ours, wanted, strict=True):
                np.testing.assert_array_equal(one.numpy(), other)


def test_axes_of_several_arrays_at_least():
    for f, g in ((tx.atleast_1d, np.atleast_1d), (tx.atleast_2d, np.atleast_2d)):
        for one, other in zip(f(tx.Tensor(V), 3.0), g(V, 3.0), strict=True):
            np.testing.assert_array_equal(one, other)


LYING, HIGH = RNG.normal(size=(2, 2, 3)), RNG.normal(size=(3, 2, 3))


PRODUCTS = [
    *[("dot", pair) for pair in ((V, W), (A, V), (V, B.T), (A, B.T), (A, CUBE), (LYING, CUBE))],
    *[("inner", pair) for pair in ((V, W), (A, V), (A, B), (LYING, A), (A, LYING), (HIGH, HIGH))],
    *[("outer", pair) for pair in ((V, W), (A, V), (CUBE, A))],
    *[(name, pair) for name in ("dot", "inner", "outer") for pair in ((NUMBER, A), (V, NUMBER))],
    ("vdot", (A, B)),
    *[
        ("tensordot", (A, B, *axes))
        for axes in ((), (0,), (2,), (np.int64(2),), (([0, -1], (0, 1)),))
    ],
    *[
        ("tensordot", (A, CUBE, axes))
        for axes in ((1, 1), (-1, -2), ((1,), [1]), ([0, 1], [2, -2]))
    ],
    ("tensordot", (CUBE, A, 1)),
    *[("cross", pair) for pair in ((V, W), (A, B), (A, V), (HIGH, LYING[:1]), (HIGH, V))],
    *[("cross", (CUBE, CUBE + 1, -1, -1, -1, 1)), ("cross", (CUBE, CUBE + 1, 1, 1, 0))],
    *[("cross", (CUBE, LYING, 1, 2, where)) for where in (-1, 0, 1)],
    ("cross", (HIGH, HIGH + 1, 0, 0, -2)),
]


@pytest.mark.parametrize(("name", "given"), PRODUCTS)
def test_products_are_numpys(name, given):
    (a, b), options = given[:2], given[2:]
    wanted = getattr(np, name)(a, b, *options)
    ours = getattr(tx, name)(tx.Tensor(a, requires_grad=True), b, *options)
    assert ours.shape == np.shape(wanted)
    np.testing.assert_allclose(ours.numpy(), wanted, rtol=1e-13, atol=1e-14)
    weights = np.random.default_rng(0).normal(size=ours.shape)
    tx.check_gradients(lambda a, b: (getattr(tx, name)(a, b, *options) * weights).sum(), a, b)


def test_a_product_of_matrices_is_one_matmul():
    a, b = tx.Tensor(A, requires_grad=True), tx.Tensor(B.T, requires_grad=True)
    for y in (tx.dot(a, b), tx.matmul(a, b), a @ b):
        assert (y.op.name, y.inputs) == ("matmul", (a, b))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tx.tensordot(V, W, 2), "tensordot: axis -2 is out of bounds"),
        (lambda: tx.tensordot(A, B, ([0], [0, 1])), "tensordot: axes (0,) of (2, 3) and (0, 1) of"),
        (lambda: tx.tensordot(A, B, (0, 1)), "tensordot: axes (0,) of (2, 3) and (1,) of (2, 3)"),
        (
            lambda: tx.rollaxis(A, 0, 3),
            "rollaxis: axis 3 is out of bounds for array of dimension 3",
        ),
        (lambda: tx.rollaxis(A, 0, -3), "rollaxis: axis -3 is out of bounds"),
        (lambda: tx.squeeze(NUMBER, 1), "squeeze: axis 1 is out of bounds"),
        (lambda: tx.squeeze(COLUMN, 2), "squeeze: axis 2 of (2, 1, 3, 1) has size 3; wanted 1"),
        (lambda: tx.matrix_transpose(V), "matrix_transpose: got shape (3,); wanted two axes"),
        (lambda: tx.moveaxis(A, (0, 1), 0), "moveaxis: 2 axes to 1 places"),
        (lambda: tx.ravel(A, "F"), "reshape: order='F'; wanted 'C'"),
        (lambda: tx.cross(V, RNG.normal(size=2)), "cross: 3 and 2 components; wanted 3 of each"),
        (lambda: tx.cross(RNG.normal(size=4), V), "cross: 4 and 3 components; wanted 3 of each"),
        (
            lambda: tx.matmul(tx.Tensor(CUBE), A.T),
            "matmul: (2, 3, 2) @ (3, 2): inner sizes 2 and 3",
        ),
        (lambda: tx.matmul(tx.Tensor(V), A), "matmul: (3,) @ (2, 3): inner sizes 3 and 2 differ"),
    ],
)
def test_what_does_not_fit(call, words):
    with pytest.raises((ValueError, TypeError), match="^" + re.escape(words)):
        call()


def test_a_linear_layer_of_lists_of_rows_and_of_other_precision():
    """As ``x @ weight + bias``: one row, a list, or a bias that is more precise than the rest."""
    weight, bias = RNG.normal(size=(3, 2)), RNG.normal(size=2)
    for x in (A, A.tolist(), tuple(V), CUBE.swapaxes(1, 2)):
        y = tx.linear(x, tx.Tensor(weight), tx.Tensor(bias))
        np.testing.assert_allclose(y.numpy(), np.matmul(x, weight) + bias, rtol=1e-14)
    x, weight = A.astype(np.float32), weight.astype(np.float32)
    for b in (bias, bias.astype(np.float32)):
        y, wanted = tx.linear(x, weight, b), x @ weight + b
        assert y.dtype == wanted.dtype
        np.testing.assert_array_equal(y, wanted)
