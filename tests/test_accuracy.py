"""The digits of loss and gradient against mpmath, in every regime where others lose them."""

import mpmath
import numpy as np
import pytest
from accuracy import errors, regimes

import tinygrad_xent as tx


def with_labels(z, y):
    t = tx.Tensor(z, requires_grad=True)
    loss = tx.cross_entropy(t, y, reduction="none")
    loss.backward(np.ones(len(y)))
    return loss.numpy(), t.grad


def with_rows(z, y):
    t = tx.Tensor(z, requires_grad=True)
    loss = tx.cross_entropy(t, tx.one_hot(y, z.shape[1], z.dtype), reduction="none")
    loss.backward(np.ones(len(y)))
    return loss.numpy(), t.grad


@pytest.mark.parametrize("road", [with_labels, with_rows])
@pytest.mark.parametrize("regime", [*regimes()], ids=lambda regime: regime.name)
def test_float64_is_right_to_three_units_in_the_last_place(road, regime):
    assert max(errors(road, regime, np.float64)) <= 3


@pytest.mark.parametrize("road", [with_labels, with_rows])
def test_a_loss_as_long_as_its_gap_is_the_nearest_number_or_so(road):
    """What rounding takes from the gap comes back before the gap itself is added."""
    rng = np.random.default_rng(0)
    top = rng.uniform(1, 2, 300)
    z = np.stack([top, top - rng.uniform(2, 30, 300)], axis=1)
    loss, _ = road(z, np.ones(300, int))
    with mpmath.workdps(40):
        gaps = [mpmath.mpf(a) - mpmath.mpf(b) for a, b in z.tolist()]
        wanted = [gap + mpmath.log1p(mpmath.exp(-gap)) for gap in gaps]
        apart = [float(abs(x - y)) for x, y in zip(wanted, loss.tolist(), strict=True)]
    assert max(apart / np.spacing(loss)) < 0.6  # rounding once costs 0.5


@pytest.mark.parametrize("road", [with_labels, with_rows])
@pytest.mark.parametrize("regime", [*regimes(most=80)], ids=lambda regime: regime.name)
def test_float32_loses_only_what_rounding_the_difference_costs(road, regime):
    assert max(errors(road, regime, np.float32)) <= 4 + 0.8 * regime.gap
