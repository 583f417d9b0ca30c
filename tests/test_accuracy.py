"""The digits of loss and gradient against mpmath, in every regime where others lose them."""

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
@pytest.mark.parametrize("regime", [*regimes(most=80)], ids=lambda regime: regime.name)
def test_float32_loses_only_what_rounding_the_difference_costs(road, regime):
    assert max(errors(road, regime, np.float32)) <= 4 + 0.8 * regime.gap
