"""A loss or a weight that is not finite: which step it was, which op, and back to before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..anomaly import AnomalyError, detect_anomaly
from ..nn.modes import in_mode
from .plan import Plan
from .run import Run


class Wrong(NamedTuple):
    """What was not finite, in which batch of which epoch, in which step of the run."""

    what: str
    number: float
    epoch: int
    batch: int
    step: int


def wrong_in(run: Run, loss: float, batch: int) -> Wrong | None:
    """The loss of the step just taken, or the first weight after it, that is not finite."""
    place = run.epoch + 1, batch, run.steps - 1
    if not math.isfinite(loss):
        return Wrong("the loss", loss, *place)
    for p in run.optimizer.params:
        bad = ~np.isfinite(p._array)
        if bad.any():
            return Wrong("a weight", float(p._array[bad][0]), *place)
    return None


def ran_away(
    run: Run, plan: Plan, starts: Sequence[dict[str, Any]], seen: Wrong
) -> FloatingPointError:
    """The error that names the step and the op; the run has good weights again.

    `starts` are the states in which this epoch and the one before it began: from there the steps
    are taken once more, and looked at one by one.
    """
    rate, best, weights = run.optimizer.lr, run.history.best, run.best
    found, why, kept = seen, "", "as they were before that step"
    if starts:
        now = run.take()
        replayed = _replayed(run, plan, starts)
        if replayed is not None:
            found, why, kept = *replayed, "the last whose loss was finite"
        else:  # the model, or a callback, did something else this time
            run.put_back(now)
            if wrong_in(run, 0.0, 0) is not None:
                run.put_back(starts[-1])
    if best is not None and weights is not None:
        run.model.load_state_dict(weights)
        kept = f"those of epoch {best.epoch}, the best"
    what, number, epoch, batch, step = found
    return FloatingPointError(
        f"fit: {what} is {number} in epoch {epoch}, batch {batch} (step {step}): the weights have "
        f"run away; try a smaller learning rate than {rate:g}. {why}The weights are {kept}"
    )


def _replayed(run: Run, plan: Plan, starts: Sequence[dict[str, Any]]) -> tuple[Wrong, str] | None:
    """The first step that goes wrong, and why; the run is where the last finite loss came from."""
    before = None
    with in_mode(run.model, True), np.errstate(all="ignore"):
        for start in starts:
            run.put_back(start)
            for k, rows, labels in run.batches_left(plan.rows, plan.batch_size):
                here = run.take()
                loss, _ = plan.take_step(run, rows, labels, plan.eager)
                wrong = wrong_in(run, loss, k)
                if wrong is not None:
                    run.put_back(here)
                    why = _cause(run, plan, rows, labels)
                    # If the loss is wrong here, the step that led here was the last but one.
                    run.put_back(before if wrong.what == "the loss" and before else here)
                    return wrong, f"{why}. "
                before = here
    return None


def _cause(run: Run, plan: Plan, rows: Any, labels: Any) -> str:
    """The op that gives the first number that is not finite, forward or backward."""
    try:
        with detect_anomaly():
            plan.take_step(run, rows, labels, plan.eager)
    except AnomalyError as error:
        return str(error).splitlines()[0].rstrip(":")
    # No op did: what is left is what comes after the walk.
    return f"Loss and gradients are finite; the step, {run.optimizer.rule}, is not"
