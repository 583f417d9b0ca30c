"""Schedules: by what the learning rate is multiplied as training goes on.

A schedule is a function ``schedule(t, total) -> factor`` of the step t = 0, 1, … and the number of
steps that are planned; any function of these two will do. It remembers nothing, so that training
goes on after an interruption as if there had been none. The functions here make those that are used
most. Where one takes a number of steps, a number between 0 and 1 is a share of all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from .checks import at_least_zero

Schedule: TypeAlias = Callable[[int, int], float]

__all__ = ["NAMES", "cosine", "exponential", "linear", "named", "step", "warm_up"]


def step(every: float = 1 / 3, gamma: float = 0.1) -> Schedule:
    """``gamma ** (t // every)``: again and again a fixed number of steps, then a factor less.

    Parameters
    ----------
    every
        Steps from one fall to the next, or a share of all steps.
    gamma
        The factor of each fall.

    Raises
    ------
    ValueError
        If one is not a number in its range.

    Examples
    --------
    >>> from tinygrad_xent.optim import schedules
    >>> halved = schedules.step(every=2, gamma=0.5)
    >>> [halved(t, 6) for t in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """
    every, gamma = _duration("step: every", every), at_least_zero("step: gamma", gamma)

    def step(t: int, total: int) -> float:
        return gamma ** (t // max(_steps(every, total), 1))

    return step


def exponential(gamma: float) -> Schedule:
    """``gamma ** t``: every step a factor `gamma` less than the one before.

    Raises
    ------
    ValueError
        If `gamma` is not a number of at least 0.

    Examples
    --------
    >>> from tinygrad_xent.optim import schedules
    >>> [schedules.exponential(0.5)(t, 4) for t in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """
    gamma = at_least_zero("exponential: gamma", gamma)

    def exponential(t: int, total: int) -> float:
        return gamma**t

    return exponential


def linear(floor: float = 0.0) -> Schedule:
    """``1 - (1 - floor) t / total``: from 1 down to `floor` along a straight line.

    Raises
    ------
    ValueError
        If `floor` is not a number of at least 0.

    Examples
    --------
    >>> from tinygrad_xent.optim import schedules
    >>> [schedules.linear()(t, 4) for t in range(5)]
    [1.0, 0.75, 0.5, 0.25, 0.0]
    """
    floor = at_least_zero("linear: floor", floor)

    def linear(t: int, total: int) -> float:
        return 1 - (1 - floor) * _share(t, total)

    return linear


def cosine(floor: float = 0.0) -> Schedule:
    """``floor + (1 - floor) (1 + cos(π t / total)) / 2``: slowly, fast, slowly from 1 to `floor`.

    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2016, equation 5
    without restarts. Past the planned end it stays at `floor`.

    Raises
    ------
    ValueError
        If `floor` is not a number of at least 0.

    Examples
    --------
    >>> from tinygrad_xent.optim import schedules
    >>> [round(schedules.cosine()(t, 6), 3) for t in range(7)]
    [1.0, 0.933, 0.75, 0.5, 0.25, 0.067, 0.0]
    """
    floor = at_least_zero("cosine: floor", floor)

    def cosine(t: int, total: int) -> float:
        return floor + (1 - floor) * (1 + math.cos(math.pi * _share(t, total))) / 2

    return cosine


def warm_up(steps: float, then: Schedule | str | None = None) -> Schedule:
    """``(t + 1) / steps`` up to 1, and from there another schedule over the steps that are left.

    Parameters
    ----------
    steps
        How many steps it takes, or a share of all; the last of them is the first at the full
        learning rate.
    then
        What follows, as if it began there; a schedule, one of `NAMES`, or None: 1.

    Raises
    ------
    TypeError, ValueError
        If `steps` is not a number in its range, or `then` no schedule.

    Examples
    --------
    >>> from tinygrad_xent.optim import schedules
    >>> schedule = schedules.warm_up(2, then=schedules.linear())
    >>> [schedule(t, 6) for t in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    steps = _duration("warm_up: steps", steps, zero=True)
    after = named(then)

    def warm_up(t: int, total: int) -> float:
        n = _steps(steps, total)
        return (t + 1) / n if t < n else after(t - n, max(total - n, 0))

    return warm_up


def named(schedule: Any) -> Schedule:
    """A schedule from its name in `NAMES`; a schedule as it is; of None the one that is always 1.

    Raises
    ------
    TypeError, ValueError
        If there is none of that name, or it is no function.

    Examples
    --------
    >>> from tinygrad_xent.optim import schedules
    >>> schedules.named("linear")(1, 4), schedules.named(None)(1, 4)
    (0.75, 1.0)
    """
    if schedule is None:
        return _constant
    if isinstance(schedule, str):
        if schedule not in NAMES:
            known = ", ".join(NAMES)
            raise ValueError(f"schedule: got {schedule!r}; wanted one of {known} or a function")
        return NAMES[schedule]
    if not callable(schedule):
        known = ", ".join(NAMES)
        raise TypeError(
            f"schedule: got {schedule!r}; wanted a function of the step and the number of steps, "
            f"or one of {known}"
        )
    if schedule in MAKERS:
        raise TypeError(
            f"schedule: got the function {schedule.__name__}, which makes schedules; wanted what "
            f"it gives when it is called: {schedule.__name__}(...)"
        )
    found: Schedule = schedule
    return found


def _constant(t: int, total: int) -> float:
    return 1.0


def _share(t: int, total: int) -> float:
    """How much of the way is behind; all of it past the end."""
    return min(t / total, 1.0) if total > 0 else 1.0


def _steps(duration: float, total: int) -> int:
    """A number of steps, or a share of all rounded up: a third of 10 are 4, so there is no fourth.

    The tolerance is for shares such as 0.1, which as a float is a little more than a tenth.
    """
    return int(duration) if duration >= 1 else math.ceil(duration * total - 1e-9)


def _duration(what: str, value: Any, zero: bool = False) -> float:
    """Steps, or a share: a whole number, or one between 0 and 1."""
    number = at_least_zero(what, value)
    if (number >= 1 and number != int(number)) or (number == 0 and not zero):
        raise ValueError(f"{what} is {value!r}; wanted whole steps, or a share between 0 and 1")
    return number


MAKERS = (step, exponential, linear, cosine, warm_up)
NAMES: dict[str, Schedule] = {"step": step(), "cosine": cosine(), "linear": linear()}
