"""A guard: the loss that is added up as a Tensor, and takes the graph of every step with it."""

from __future__ import annotations

from typing import Any

from .op import Op
from .ops.guards import warn
from .value import WALKED, Value


def warn_of_running_total(_: Value, op: Op, inputs: tuple[Any, ...]) -> None:
    """Warn if ``total + loss`` is the running total of losses that backward() is done with.

    How it is told from the terms of one loss: backward() has been through one of the losses, and
    another was computed after that, but it has never been through the total of the two.
    """
    if len(inputs) != 2 or not all(isinstance(x, Value) for x in inputs):
        return
    total, loss = sorted(inputs, key=lambda x: x.number)
    if not _grown_by(op, total):
        return
    parts = [loss, *total.inputs]
    for part in total.inputs:
        parts += part.inputs if _grown_by(op, part) else ()
    done = [(p.number, when) for p in parts if (when := _walked(p)) is not None]
    if any(number > when for number, _ in done for _, when in done):
        warn(
            f"{op.name}: a running total of losses, all of which backward() is done with: it keeps "
            "the graph of every step alive, and memory grows. Add numbers instead: "
            "total += loss.item()"
        )


def _grown_by(op: Op, value: Any) -> bool:
    """Whether it came of the same kind of op, and backward() has not been through it."""
    return isinstance(value, Value) and type(value.op) is type(op) and _walked(value) is None


def _walked(x: Any) -> int | None:
    """The number that was next when backward() had last begun at this result of an op."""
    result = isinstance(x, Value) and x.op is not None
    return (x._notes or {}).get(WALKED) if result else None
