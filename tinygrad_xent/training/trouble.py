"""A loss or a weight that is not finite: which step it was, which op, and back to before it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..anomaly import AnomalyError, detect_anomaly
from ..nn.modes import in_mode
from ..optim import Optimizer
from .plan import Plan
from .run import Run


class Wrong(NamedTuple):
    """What was not finite, in which batch of the epoch, which step of the run, and why."""

    what: str
    number: float
    batch: int
    step: int
    why: str = ""


def wrong_in(optimizer: Optimizer, loss: float, batch: int, step: int) -> Wrong | None:
    """The loss of a step, or the first weight after it, that is not finite."""
    if not math.isfinite(loss):
        return Wrong("the loss", loss, batch, step)
    for p in optimizer.params:
        bad = ~np.isfinite(p._array)
        if bad.any():
            return Wrong("a weight", float(p._array[bad][0]), batch, step)
    return None


def ran_away(
    run: Run, plan: Plan, before: dict[str, Any] | None, seen: Wrong
) -> FloatingPointError:
    """The error that names the step and the op; the run has good weights again."""
    epoch, rate = run.epoch + 1, run.optimizer.lr
    found = None
    if before is not None:
        now = run.take()
        found = _replayed(run, plan, before)
        if found is None:  # the model, or a callback, did something else this time
            run.put_back(now if wrong_in(run.optimizer, 0.0, 0, 0) is None else before)
    kept = "as they were before that step"
    if run.best is not None:
        best = run.history.best
        assert best is not None
        run.model.load_state_dict(run.best)
        kept = f"those of epoch {best.epoch}, the best"
    what, number, batch, step, why = found or seen
    return FloatingPointError(
        f"fit: {what} is {number} in epoch {epoch}, batch {batch} (step {step}): the weights have "
        f"run away; try a smaller learning rate than {rate:g}. {why}The weights are {kept}"
    )


def _replayed(run: Run, plan: Plan, before: dict[str, Any]) -> Wrong | None:
    """The first step of the epoch that goes wrong, once more; the run is where it was before it."""
    run.put_back(before)
    with in_mode(run.model, True), np.errstate(all="ignore"):
        for k, (rows, labels) in enumerate(plan.rows.shuffled(plan.batch_size, run.rng)):
            good = run.take()
            loss, _ = plan.take_step(run, rows, labels, plan.eager)
            wrong = wrong_in(run.optimizer, loss, k, run.steps - 1)
            if wrong is not None:
                run.put_back(good)
                why = _cause(run, plan, rows, labels)
                run.put_back(good)
                return wrong._replace(why=f"{why}. ")
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
