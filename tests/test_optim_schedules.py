"""Schedules: factors worked out by hand, and what holds of all of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_xent as tx
from tinygrad_xent.optim import schedules
from tinygrad_xent.optim.schedules import cosine, exponential, linear, named, step, warm_up


@pytest.mark.parametrize(
    ("schedule", "total", "wanted"),
    [
        (step(2, 0.5), 6, [1, 1, 1 / 2, 1 / 2, 1 / 4, 1 / 4]),
        (step(), 9, [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01]),
        (step(), 10, [1] * 4 + [0.1] * 4 + [0.01] * 2),  # thirds, rounded up
        (step(0.1), 10, [10.0**-t for t in range(10)]),
        (warm_up(0.07), 100, [t / 7 for t in range(1, 8)] + [1] * 93),  # 0.07 * 100 > 7
        (step(np.int64(3), np.float32(0.5)), 4, [1, 1, 1, 0.5]),
        (step(1, 0), 3, [1, 0, 0]),
        (exponential(0.5), 4, [1, 1 / 2, 1 / 4, 1 / 8]),
        (linear(), 4, [1, 0.75, 0.5, 0.25]),
        (linear(0.5), 2, [1, 0.75]),
        (cosine(), 2, [1, 0.5]),
        (cosine(), 3, [1, 0.75, 0.25]),  # cos 60° = 1/2
        (cosine(0.2), 2, [1, 0.6]),
        (warm_up(4), 6, [1 / 4, 1 / 2, 3 / 4, 1, 1, 1]),
        (warm_up(0.5, linear()), 8, [1 / 4, 1 / 2, 3 / 4, 1, 1, 3 / 4, 1 / 2, 1 / 4]),
        (warm_up(2, "step"), 5, [1 / 2, 1, 1, 0.1, 0.01]),
        (warm_up(1, linear()), 3, [1, 1, 0.5]),
        (warm_up(0, linear()), 2, [1, 0.5]),
        (warm_up(5, "cosine"), 3, [0.2, 0.4, 0.6]),  # longer than the run
        (named(None), 3, [1, 1, 1]),
    ],
)
def test_factors_by_hand(schedule, total, wanted):
    found = [schedule(t, total) for t in range(total)]
    assert all(type(factor) is float for factor in found)
    assert found == pytest.approx(wanted, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("total", [0, 1, 3])
@pytest.mark.parametrize("schedule", [*schedules.NAMES.values(), warm_up(2, "cosine"), warm_up(1)])
def test_no_run_is_too_short_nor_any_step_too_late(schedule, total):
    factors = [schedule(t, total) for t in range(12)]
    assert all(0 <= factor <= 1 for factor in factors)
    falling = factors[1:]
    assert falling == sorted(falling, reverse=True)


@given(
    total=st.integers(1, 10**7),
    share=st.floats(0, 1),
    floor=st.floats(0, 1),
    steps=st.integers(0, 100) | st.floats(0, 0.99),
)
def test_between_floor_and_1_from_first_to_last(total, share, floor, steps):
    t = min(int(share * total), total - 1)
    for schedule in (cosine(floor), linear(floor), warm_up(steps, cosine(floor))):
        factor = schedule(t, total)
        low = floor if schedule.__name__ != "warm_up" else min(floor, 1 / 100, 1 / total)
        assert low - 1e-12 <= factor <= 1 + 1e-12
        assert factor == schedule(t, total)


@given(total=st.integers(1, 10**6), share=st.floats(1e-3, 0.99))
def test_a_share_gives_as_many_falls_whatever_the_length(total, share):
    falls = round(math.log2(1 / step(share, 0.5)(total - 1, total)))
    assert falls <= math.ceil(1 / share - 1e-9) - 1


def test_a_schedule_drives_an_optimizer():
    w = tx.Tensor([1.0], requires_grad=True)
    optimizer = tx.optim.SGD([w], lr=0.0)
    for t in range(4):
        optimizer.lr = 0.25 * linear()(t, 4)
        w.grad = [1.0]
        optimizer.step()
    assert w.item() == 1 - 0.25 * (1 + 0.75 + 0.5 + 0.25)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: step(0), ValueError, "step: every is 0; wanted whole steps, or a share"),
        (lambda: step(2.5), ValueError, "step: every is 2.5; wanted whole steps"),
        (lambda: step(-1), ValueError, "step: every is -1; wanted a number >= 0"),
        (lambda: step("3"), ValueError, "step: every is '3'"),
        (lambda: step(3, -0.1), ValueError, "step: gamma is -0.1"),
        (lambda: exponential(math.inf), ValueError, "exponential: gamma is inf"),
        (lambda: cosine(math.nan), ValueError, "cosine: floor is nan"),
        (lambda: linear(10**400), ValueError, "linear: floor is 1000"),
        (lambda: linear(None), ValueError, "linear: floor is None"),
        (lambda: warm_up(-3), ValueError, "warm_up: steps is -3"),
        (lambda: warm_up(1.5), ValueError, "warm_up: steps is 1.5; wanted whole steps"),
        (lambda: warm_up(3, "cosin"), ValueError, "'cosin'; wanted one of step, cosine, linear or"),
        (lambda: warm_up(3, 7), TypeError, "schedule: got 7; wanted a function of the step"),
    ],
)
def test_what_is_wrong_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
