"""Functions that are one line of others: values as NumPy's, slopes by finite differences."""

import numpy as np
import pytest

import tinygrad_xent as tx

RNG = np.random.default_rng(5)
V, W = RNG.normal(size=3), RNG.normal(size=3)
A, B = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3))
CUBE = RNG.normal(size=(2, 3, 2))

CALLS = [
    *[(name, (x,)) for name in ("fliplr", "flipud", "rot90") for x in (A, CUBE)],
    ("flipud", (V,)),
    *[
        (name, pair)
        for name in ("hstack", "vstack", "dstack", "column_stack")
        for pair in ((V, W), (A, B))
    ],
    ("hstack", (CUBE, CUBE)),
    *[("diagonal", (A, k)) for k in range(-3, 5)],
    *[("diag", (A, k)) for k in (-2, 0, 3)],
    *[("diag", (V, k)) for k in (-2, 0, 1)],
    *[("trace", (A, k)) for k in (-1, 0, 1)],
]


@pytest.mark.parametrize(("name", "given"), CALLS)
def test_as_numpys(name, given):
    arrays = [part for part in given if isinstance(part, np.ndarray)]
    options = [part for part in given if not isinstance(part, np.ndarray)]
    joins = name in ("hstack", "vstack", "dstack", "column_stack")

    def call(function, parts):
        return function(tuple(parts)) if joins else function(*parts, *options)

    wanted = call(getattr(np, name), arrays)
    ours = call(getattr(tx, name), [tx.Tensor(a, requires_grad=True) for a in arrays])
    np.testing.assert_array_equal(ours.numpy(), wanted)
    assert ours.dtype == np.float64
    if wanted.size:
        weights = np.random.default_rng(0).normal(size=wanted.shape)
        tx.check_gradients(lambda *parts: (call(getattr(tx, name), parts) * weights).sum(), *arrays)


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
