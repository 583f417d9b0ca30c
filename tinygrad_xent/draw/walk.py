"""A backward walk as plain data: what arrived at each value, what was sent on, how it added up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..backprop import Step
from ..value import Value
from .summary import Summary, summarize


@dataclass(frozen=True)
class Sent:
    """What one op sent to its input number `position`.

    Attributes
    ----------
    term
        In the input's own shape; `raw` is the shape in which the rule gave it, and `summed` the
        axes over which the walk then summed, because forward had broadcast the input along them.
    total
        The input's gradient so far, this term included; it is term number `count`.
    """

    position: int
    term: Summary
    raw: tuple[int, ...]
    summed: tuple[int, ...]
    total: Summary
    count: int


@dataclass(frozen=True)
class Flow:
    """One Step of the walk: the finished gradient of a value, and what went on from there."""

    number: int  # of the value, in order of creation
    gradient: Summary
    sent: tuple[Sent, ...]


@dataclass
class Walk:
    """The Steps of one walk from its root, noted as they come."""

    flows: dict[int, Flow] = field(default_factory=dict)
    # Of each value that got a term: their sum so far, and their number.
    _totals: dict[int, tuple[Any, int]] = field(default_factory=dict)
    # The leaves with their gradients, to be checked; nothing that is drawn holds them.
    leaves: dict[int, tuple[Value, Any]] = field(default_factory=dict)
    # Of each value whose hook gave another gradient: the one that had arrived.
    arrived: dict[int, Summary] = field(default_factory=dict)
    uncalled: set[int] = field(default_factory=set)  # values with hooks that this walk passed over

    def add(self, step: Step) -> None:
        """Note a Step; of its arrays, only the leaves' gradients are kept."""
        value, gradient, sent = step
        self._totals.pop(value.number, None)
        terms = tuple(
            Sent(i, summarize(raw(term)), raw(given).shape, summed, *self._so_far(value, i, term))
            for i, term, given, summed in sent
        )
        if value.op is None:
            self.leaves[value.number] = value, raw(gradient)
        self.flows[value.number] = Flow(value.number, summarize(raw(gradient)), terms)

    def hooked(self, value: Value, before: Any, after: Any) -> None:
        """Note what a hook did, if it changed a number; the value's Step comes after that."""
        if not np.array_equal(raw(before), raw(after), equal_nan=True):
            self.arrived[value.number] = summarize(raw(before))

    def awaits(self, value: Value) -> bool:
        """Whether something was sent to a value whose own Step has not come yet."""
        return value.number in self._totals

    def _so_far(self, value: Value, i: int, term: Any) -> tuple[Summary, int]:
        number = value.inputs[i].number
        before, count = self._totals.get(number, (None, 0))
        total = raw(term) if before is None else before + raw(term)  # as the walk itself adds
        self._totals[number] = total, count + 1
        return summarize(total), count + 1


def raw(x: Any) -> Any:
    """The array of a Value, which gradients are when they are recorded themselves."""
    return np.asarray(x._array if isinstance(x, Value) else x)
