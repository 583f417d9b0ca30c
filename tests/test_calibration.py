"""Calibration: bins by hand, temperature in closed form and from elsewhere, H + KL of a toy."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special

import tinygrad_xent as tx
from tinygrad_xent import calibration


def simulated(n, k, temperature, seed=0):
    """Logits, and labels drawn from softmax(logits / temperature)."""
    rng = np.random.default_rng(seed)
    z = 3 * rng.normal(size=(n, k))
    p = special.softmax(z / temperature, axis=1)
    return z, (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


# --- reliability ---------------------------------------------------------------------------------


def test_bins_by_hand():
    sure = np.array([0.55, 0.6, 0.7, 0.70001, 0.95, 1.0])
    q = np.stack([1 - sure, sure], axis=1)
    seen = calibration.reliability(q, np.array([1, 0, 1, 1, 0, 1]))
    assert seen._fields == ("confidence", "accuracy", "count")
    assert seen.count.tolist() == [0, 0, 0, 0, 0, 2, 1, 1, 0, 2]
    nan = math.nan
    np.testing.assert_allclose(seen.accuracy, [nan] * 5 + [0.5, 1, 1, nan, 0.5])
    np.testing.assert_allclose(
        seen.confidence, [nan] * 5 + [0.575, 0.7, 0.70001, nan, 0.975], rtol=1e-14
    )
    gap = (2 * 0.075 + 0.3 + 0.29999 + 2 * 0.475) / 6
    error = calibration.expected_calibration_error(q, [1, 0, 1, 1, 0, 1])
    assert error == pytest.approx(gap, rel=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("edge", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
def test_an_edge_belongs_to_the_bin_below(edge, dtype):
    k = max(2, math.ceil(1 / edge) + 1)
    q = np.full((1, k), (1 - edge) / (k - 1), dtype)
    q[0, 0] = edge
    if q.argmax() == 0:
        count = calibration.reliability(q, [0]).count
        assert count.argmax() == round(edge * 10) - 1


@given(st.integers(1, 40), st.integers(1, 20), st.integers(0, 99))
def test_every_row_is_in_one_bin(n, bins, seed):
    z, y = simulated(n, 4, 1.0, seed)
    q = special.softmax(z, axis=1)
    seen = calibration.reliability(q, y, bins)
    some = seen.count > 0
    assert seen.count.sum() == n
    assert (np.isnan(seen.accuracy) == ~some).all()
    right = (seen.accuracy * seen.count)[some].sum()
    assert right == pytest.approx((q.argmax(axis=1) == y).sum())
    assert (seen.confidence * seen.count)[some].sum() == pytest.approx(q.max(axis=1).sum())
    upper = np.arange(1, bins + 1) / bins
    assert (seen.confidence[some] <= upper[some] + 1e-12).all()
    assert (seen.confidence[some] >= upper[some] - 1 / bins - 1e-12).all()


def test_a_model_that_means_what_it_says():
    z, y = simulated(100_000, 3, 1.0)
    assert calibration.expected_calibration_error(special.softmax(z, axis=1), y) < 0.006
    assert calibration.expected_calibration_error(special.softmax(2 * z, axis=1), y) > 0.05


def test_tensors_are_taken_for_their_numbers():
    z, y = simulated(20, 3, 1.0)
    q = tx.softmax(tx.Tensor(z, requires_grad=True))
    seen = calibration.reliability(q, tx.Tensor(y))
    for got, wanted in zip(seen, calibration.reliability(q.numpy(), y), strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert calibration.fit_temperature(tx.Tensor(z), y) == calibration.fit_temperature(z, y)


# --- temperature ---------------------------------------------------------------------------------


@given(st.floats(1e-3, 1e3), st.integers(1, 98))
def test_temperature_of_a_coin_in_closed_form(size, right):
    """Log-odds `size`, `right` of 99 as foretold: T = size / log(right / wrong)."""
    z, y = np.tile([size, 0.0], (99, 1)), np.repeat([0, 1], [right, 99 - right])
    if right < 50:
        with pytest.raises(ValueError, match="no better than chance"):
            calibration.fit_temperature(z, y)
    else:
        wanted = size / math.log(right / (99 - right))
        assert calibration.fit_temperature(z, y) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("temperature", [0.2, 1.0, 1.65, 10.0])
def test_temperature_is_where_the_loss_is_least(temperature):
    z, y = simulated(2000, 5, temperature)
    t = calibration.fit_temperature(z, y)
    assert t == pytest.approx(temperature, rel=0.2)

    def loss(log_t):
        return -special.log_softmax(z / math.exp(log_t), axis=1)[np.arange(len(y)), y].mean()

    found = optimize.minimize_scalar(loss, bracket=(math.log(t) - 0.3, math.log(t) + 0.4))
    assert math.log(t) == pytest.approx(found.x, abs=1e-6)
    assert loss(math.log(t)) <= found.fun + 1e-15
    assert isinstance(t, float)


def test_temperature_to_12_digits():
    z, y = simulated(30, 3, 2.0)
    with mpmath.workdps(30):

        def slope(b):
            total = mpmath.mpf(0)
            for row, label in zip(z.tolist(), y, strict=True):
                e = [mpmath.exp(b * x) for x in row]
                total += sum(x * w for x, w in zip(row, e, strict=True)) / sum(e) - row[label]
            return total

        wanted = 1 / mpmath.findroot(slope, 0.5)
    assert calibration.fit_temperature(z, y) == pytest.approx(float(wanted), rel=1e-12)


def test_a_shift_of_the_logits_changes_nothing_and_a_factor_is_the_temperature():
    z, y = simulated(50, 4, 1.5)
    t = calibration.fit_temperature(z, y)
    assert calibration.fit_temperature(z + np.arange(50)[:, None], y) == pytest.approx(t, rel=1e-11)
    assert calibration.fit_temperature(1e6 * z, y) == pytest.approx(1e6 * t, rel=1e-11)
    assert calibration.fit_temperature(1e-6 * z, y) == pytest.approx(1e-6 * t, rel=1e-11)
    for size in (1e-310, 1e160, 1e307):
        assert calibration.fit_temperature(size * z, y) == pytest.approx(size * t, rel=1e-11)


def test_temperature_of_soft_targets_undoes_a_factor():
    z, _ = simulated(50, 4, 1.0)
    assert calibration.fit_temperature(z, special.softmax(z / 1.65, axis=1)) == pytest.approx(1.65)


# --- the two parts -------------------------------------------------------------------------------


def test_the_parts_of_a_toys_cross_entropy():
    toy = tx.data.load("moons")
    p = toy.posterior(toy.x)
    q = special.softmax(np.random.default_rng(0).normal(size=p.shape), axis=1)
    parts = calibration.decompose(p, q)
    whole = -special.xlogy(p, q).sum(axis=1).mean()
    assert sum(parts) == pytest.approx(whole, rel=1e-13)
    assert parts.entropy == pytest.approx(special.entr(p).sum(axis=1).mean(), rel=1e-13)
    assert parts.kl == pytest.approx(special.rel_entr(p, q).sum(axis=1).mean(), rel=1e-13)
    assert calibration.decompose(p, p) == (parts.entropy, 0.0)


def test_one_truth_for_many_rows():
    p, q = np.array([0.5, 0.5]), np.array([[0.5, 0.5], [0.75, 0.25]])
    parts = calibration.decompose(p, q)
    assert parts == pytest.approx((math.log(2), math.log(4 / 3) / 4))


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (lambda c: c.reliability([[0.5, 0.6]], [0]), ValueError, "row 0 of q sums to 1.1"),
        (lambda c: c.reliability([[0.5, 0.5]], [2]), IndexError, "label 0 is 2; wanted 0 to 1"),
        (lambda c: c.reliability([[0.5, 0.5]], [0.0]), ValueError, r"wanted \(N,\) labels"),
        (lambda c: c.reliability([[0.5, 0.5]], [0, 1]), ValueError, r"y of shape \(2,\)"),
        (lambda c: c.reliability([[0.5, 0.5]], [0], bins=0), ValueError, "bins=0"),
        (lambda c: c.reliability([[0.5, 0.5]], [0], bins=2.5), ValueError, "bins=2.5"),
        (lambda c: c.reliability(np.zeros((0, 2)), np.zeros(0, int)), ValueError, "N > 0"),
        (lambda c: c.fit_temperature([[1.0, 0.0]], [0]), ValueError, "best T would be 0"),
        (lambda c: c.fit_temperature([[1.0, 0.0]], [1]), ValueError, "best T would be inf"),
        (lambda c: c.fit_temperature([[1.0, 1.0]], [1]), ValueError, "best T would be 0"),
        (lambda c: c.fit_temperature([[math.inf, 0.0]], [1]), ValueError, "finite numbers"),
        (lambda c: c.fit_temperature([[1.0, 0.0]], [2]), IndexError, "label 0 is 2"),
        (lambda c: c.decompose([[0.5, 0.4]], [[0.5, 0.5]]), ValueError, "row 0 of p sums to 0.9"),
    ],
)
def test_errors(call, kind, says):
    with pytest.raises(kind, match=says):
        call(calibration)
