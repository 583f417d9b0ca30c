"""The most memory that a training step takes, in bytes of which Python and NumPy are told."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

from .baseline import Contestant, Problem, Size, problem

TARGET = 1.2
STEPS = 3  # after the first ones, which fill caches


def peak(size: Size, entrant: Callable[[Problem], Contestant]) -> int:
    """With the batch and the parameters, which both sides have; not with NumPy itself."""
    entrant(problem(size)).step()  # what is loaded and kept at first use
    gc.collect()
    tracemalloc.start()
    try:
        task = problem(size)
        contestant = entrant(task)
        task.parameters.clear()  # each has taken its own copy
        for _ in range(STEPS):
            contestant.step()
        tracemalloc.reset_peak()
        for _ in range(STEPS):
            contestant.step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
