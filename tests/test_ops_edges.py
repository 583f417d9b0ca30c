"""Ops at their edges: nan, infinities, nothing at all, bounds that cross, logarithms of 0."""

import numpy as np
import pytest
from cases import normal
from scipy import special

import tinygrad_xent as tx


def leaf(data, dtype=np.float64):
    return tx.Tensor(np.array(data, dtype), requires_grad=True)


@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:invalid value", "ignore:divide")
@pytest.mark.parametrize("name", ["var", "std"])
@pytest.mark.parametrize("ddof", [1, 2, 3])
def test_no_freedom_is_nan_as_numpys(name, ddof):
    for x in ([3.0], [1.0, 2.0]):
        t = leaf(x)
        y = getattr(tx, name)(t, ddof=ddof)
        y.backward()
        np.testing.assert_array_equal(y.numpy(), getattr(np, name)(x, ddof=ddof))
        assert np.isfinite(t.grad).all() == np.isfinite(y.item())


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    ("f", "value", "slope"),
    [(tx.mean, 3.0, 1.0), (tx.logsumexp, 3.0, 1.0), (tx.var, 0.0, 0.0), (tx.std, 0.0, 0.0)],
)
def test_a_number_may_be_taken_as_if_it_had_one_axis(f, value, slope, keepdims):
    for axis in (None, 0, -1, (0,), (-1,), ()):
        t = leaf(3.0)
        y = f(t, axis=axis, keepdims=keepdims)
        y.backward()
        assert (y.shape, y.item(), t.grad) == ((), value, slope)
    for axis in (1, -2, (1,), (-2,)):
        with pytest.raises(np.exceptions.AxisError):
            f(leaf(3.0), axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("f", [tx.max, tx.min])
def test_an_extreme_that_is_nan_has_its_gradient_at_the_nans(f):
    t = leaf([[1.0, np.nan, np.nan], [1.0, 1.0, 1.0]])
    f(t, axis=1).sum().backward()
    np.testing.assert_array_equal(t.grad, [[0, 0.5, 0.5], [1 / 3] * 3])


def test_clip_between_bounds_that_may_be_equal_or_crossed():
    """As in PyTorch: crossed bounds give the upper one; equal ones get nothing from below."""
    for x in (-2.0, -1.0, -0.5, 0.0, 1.0, 2.0):
        for a in (-1.0, 0.0, 1.0):
            for b in (-1.0, 0.0, 1.0):
                t, low, high = leaf([x]), leaf([a]), leaf([b])
                y = tx.clip(t, low, high)
                y.sum().backward()
                assert y.item() == min(max(x, a), b)
                slopes = [a <= x <= b, x < a < b, x > b or a > b]
                assert [t.grad, low.grad, high.grad] == slopes, (x, a, b)


@pytest.mark.parametrize(
    "options", [{}, {"nan": 7.0}, {"posinf": 1.0, "neginf": -1.0}, {"copy": False}], ids=str
)
def test_numbers_for_what_is_not_finite(options):
    x = np.array([1.5, np.nan, np.inf, -np.inf])
    t = leaf(x)
    y = tx.nan_to_num(t, **options)
    y.sum().backward()
    np.testing.assert_array_equal(y.numpy(), np.nan_to_num(x.copy(), **options))
    np.testing.assert_array_equal(t.grad, [1.0, 0, 0, 0])


def test_where_no_choice_holds_select_takes_the_default():
    x = normal(2, 3)
    for default in ((), (7.0,)):
        ours = tx.select([x > 1, x > 0], [leaf(x), x * x], *default)
        np.testing.assert_array_equal(ours.numpy(), np.select([x > 1, x > 0], [x, x * x], *default))


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero")
@pytest.mark.parametrize("log", [special.xlogy, special.xlog1py])
def test_0_times_a_logarithm(log):
    """SciPy's value, the slopes log y and x / y; both 0 where x is 0 and y impossible."""
    shift = -1.0 if log is special.xlog1py else 0.0
    x, y = np.meshgrid([0.0, 1.0, 2.0, -1.0], np.array([0, 0.5, 1, 2, -1, np.inf, np.nan]) + shift)
    a, b = leaf(x), leaf(y)
    z = getattr(tx, log.__name__)(a, b)
    z.sum().backward()
    np.testing.assert_allclose(z.numpy(), log(x, y), rtol=1e-14)
    np.testing.assert_allclose(a.grad, np.where((x == 0) & (y <= shift), 0, log(1.0, y)))
    np.testing.assert_allclose(b.grad, np.where((x == 0) & (y == shift), 0, x / (y - shift)))


@pytest.mark.filterwarnings("ignore:invalid value")
def test_entr_at_the_ends():
    x = np.array([0.0, 0.25, 1.0, 3.0, -1.0, np.nan])
    t = leaf(x)
    y = tx.entr(t)
    y.sum().backward()
    np.testing.assert_allclose(y.numpy(), special.entr(x), rtol=1e-14)
    np.testing.assert_allclose(t.grad, [np.inf, np.log(4) - 1, -1, -1 - np.log(3), np.nan, np.nan])


@pytest.mark.parametrize("x", [1e-9, 1e-4, 0.01, 0.0318, 0.032, 0.05, 0.34, 1.0, 1.5])
def test_the_slope_of_sinc_keeps_its_digits(x):
    import mpmath

    with mpmath.workdps(50):
        u = mpmath.pi * mpmath.mpf(x)
        value, slope = mpmath.sin(u) / u, mpmath.pi * (u * mpmath.cos(u) - mpmath.sin(u)) / u**2
    for sign in (1, -1):
        t = leaf(sign * x)
        y = tx.sinc(t)
        y.backward()
        assert y.item() == pytest.approx(float(value), rel=1e-15, abs=1e-16)
        assert t.grad == pytest.approx(sign * float(slope), rel=1e-13)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 2, 3), (3, 1)], ids=str)
def test_softmax_is_over_the_last_axis_if_none_is_named(shape):
    for z in (normal(*shape), normal(*shape).round().astype(int)):
        np.testing.assert_allclose(tx.softmax(z), special.softmax(z, axis=-1), rtol=1e-14)
        np.testing.assert_allclose(
            tx.log_softmax(z), special.log_softmax(z, axis=-1), rtol=1e-14, atol=1e-15
        )
        np.testing.assert_allclose(tx.logsumexp(z), special.logsumexp(z), rtol=1e-14)


@pytest.mark.parametrize("n", [2, 70_000])
def test_of_many_equal_logits_in_half_precision(n):
    """They are added in single precision: in half, 70,000 are more than all numbers."""
    z = leaf(np.zeros(n), np.float16)
    assert tx.logsumexp(z).item() == np.float16(np.log(n))
    assert (tx.log_softmax(z).numpy() == np.float16(-np.log(n))).all()
    assert (tx.softmax(z).numpy() == np.float16(1 / n)).all()


@pytest.mark.filterwarnings("ignore:invalid value")
def test_logsumexp_of_nothing_and_of_infinities():
    z = leaf([[-np.inf, -np.inf], [np.inf, 0.0], [np.nan, 0.0], [-np.inf, 2.0]])
    y = tx.logsumexp(z, axis=1)
    np.testing.assert_array_equal(y.numpy(), [-np.inf, np.inf, np.nan, 2.0])
    (g,) = tx.grad(y[::3].sum(), z, create_graph=True)
    np.testing.assert_array_equal(g.numpy()[::3], [[0, 0], [0, 1]])
    assert tx.logsumexp(leaf([])).item() == -np.inf


@pytest.mark.parametrize("x", [-2.0, 0.0, 1.0])
@pytest.mark.parametrize("y", [-1.0, 0.0, 2.0])
def test_the_angle_of_a_point_on_an_axis(x, y):
    a, b = leaf(y), leaf(x)
    angle = tx.arctan2(a, b)
    angle.backward()
    assert angle.item() == np.angle(complex(x, y))
    assert [a.grad, b.grad] == pytest.approx([x / (x * x + y * y or 1), -y / (x * x + y * y or 1)])


@pytest.mark.parametrize("gap", [1.0, 20.0, 40.0, 700.0])
def test_the_logarithm_of_a_probability_near_1_keeps_its_digits(gap):
    wanted = np.log1p(np.exp(-gap))
    assert tx.logsumexp(leaf([0.0, -gap])).item() == pytest.approx(wanted, rel=1e-15, abs=0)
    assert tx.log_softmax(leaf([gap, 0.0])).numpy()[0] == pytest.approx(-wanted, rel=1e-15, abs=0)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_copysign_has_no_slope_at_0(zero):
    x, y = leaf([zero, zero, -3.0]), leaf([2.0, -2.0, 2.0])
    tx.copysign(x, y).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.0, -1.0])
    np.testing.assert_array_equal(y.grad, 0.0)
