"""Timing that a busy machine disturbs little: short turns in interleaved rounds, and medians."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter

TURN = 2e-3  # seconds: long against the clock, short against whatever else the machine does


def seconds(call: Callable[[], object], times: int) -> float:
    """The mean time of one call, after one that warms the caches that others have used."""
    call()
    start = perf_counter()
    for _ in range(times):
        call()
    return (perf_counter() - start) / times


def interleaved(
    calls: Mapping[str, Callable[[], object]], rounds: int, turn: float = TURN
) -> dict[str, tuple[float, float]]:
    """By name, the medians over rounds A B C A B C … of the seconds and of the ratio to the first.

    The ratio is taken within a round: what slows the machine down for a while slows both sides.
    In a short turn caches still hold what the others left; in a long one they are warm, as in a
    training loop.
    """
    first = next(iter(calls))
    times = {name: max(1, round(turn / seconds(call, 3))) for name, call in calls.items()}
    turns: dict[str, list[float]] = {name: [] for name in calls}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, call in calls.items():
                turns[name].append(seconds(call, times[name]))
    finally:
        gc.enable()
    return {
        name: (median(own), median(a / b for a, b in zip(own, turns[first], strict=True)))
        for name, own in turns.items()
    }
