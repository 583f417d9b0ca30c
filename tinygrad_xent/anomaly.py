"""detect_anomaly: where the first nan or infinity comes from, while the program runs."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from .backprop import Step
from .op import Op
from .value import Array, Listener, Value, listening

PACKAGE = str(Path(__file__).parent) + os.sep


class AnomalyError(FloatingPointError, RuntimeError):
    """A number that is not finite turned up inside `detect_anomaly`."""


@contextmanager
def detect_anomaly(*, infinities: bool = True) -> Iterator[None]:
    """Stop at the first number that is not finite, forward or backward, and say where it came from.

    The message names the op, its formula, the line of your code that applied it, the number, its
    position and what the inputs held there. It is for finding a mistake: everything computed inside
    the block is looked at, which takes time.

    Parameters
    ----------
    infinities
        Whether ±inf counts. Pass False where infinities are meant, such as logits of -inf; then
        only nan does.

    Raises
    ------
    AnomalyError
        Which is a RuntimeError, as PyTorch's is, and a FloatingPointError.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> q = tx.Tensor([0.5, 0.0], requires_grad=True, name="q")
    >>> with tx.detect_anomaly():
    ...     loss = -tx.log(q).sum()
    Traceback (most recent call last):
        ...
    tinygrad_xent.anomaly.AnomalyError: log gave -inf at (1,) from finite inputs:
      log(x)
      x 'q' (2,) holds 0.0 there, 0.0 to 0.5 in all
      applied at ...
    """
    with listening(_Detective(infinities)), np.errstate(all="ignore"):  # ours says more
        yield


class _Place(NamedTuple):
    """A line of the user's code."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        code = linecache.getline(self.file, self.line).strip()
        return f"{self.file}:{self.line}, in {self.function}" + (f": {code}" if code else "")


def _place() -> _Place:
    """The line outside this package from which we were called."""
    frame = sys._getframe()
    while frame.f_back and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return _Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


class _Detective(Listener):
    """Looks at every result and every gradient, and remembers where ops were applied."""

    def __init__(self, infinities: bool) -> None:
        self.bad = _not_finite if infinities else np.isnan
        self.places: WeakKeyDictionary[Op, _Place] = WeakKeyDictionary()

    def applied(self, op: Op, inputs: tuple[Any, ...], arrays: list[Any], result: Value) -> None:
        """Look at an op's result."""
        self.places[op] = _place()
        if found := self.first(result._array):
            self.stop(f"{op.name} gave {found}", op.formula(), op, inputs, arrays, found, ())

    def walked(self, step: Step) -> None:
        """Look at a gradient, and at what the rules made of it."""
        value, gradient, sent = step
        g = _raw(gradient)
        if found := self.first(g):  # no rule gave it, or we should have stopped there
            raise AnomalyError(
                f"the gradient of {_called(value)} is {found}, though every term of it is finite: "
                "it was given so, is their sum, or is what a hook returned"
            )
        for i, term, _, _ in sent:
            if found := self.first(_raw(term)):
                op, argument = value.op, value.op.argument(i)
                what = f"{op.name}: the gradient for {argument} is {found}"
                more = (("ḡ", g), ("the result", value.recorded[0]))
                formula = op.formula(i)
                self.stop(what, formula, op, value.inputs, value.recorded[1:], found, more)

    def first(self, array: Any) -> _Found | None:
        """The first number that we are looking for."""
        where = self.bad(array) if np.asarray(array).dtype.kind == "f" else np.zeros(())
        if not where.any():
            return None
        position = tuple(int(k) for k in np.argwhere(where)[0])
        return _Found(float(np.asarray(array)[position]), position, int(where.sum()))

    def stop(
        self,
        what: str,
        formula: str,
        op: Op,
        inputs: Sequence[Any],
        arrays: Sequence[Any],
        found: _Found,
        more: Sequence[tuple[str, Any]],
    ) -> None:
        """Raise the error, with what each input held."""
        holding, cause = list(more), "from finite inputs:"
        for i, (x, a) in enumerate(zip(inputs, arrays, strict=True)):
            name = f" {x.name!r}" if isinstance(x, Value) and x.name else ""
            holding.append((op.argument(i) + name, a))
            if came_in := self.first(a):
                cause = (
                    f"because {op.argument(i)}, {_called(x)}, held {came_in} already; that came in "
                    "from outside, as data or from before detect_anomaly began:"
                )
        place = self.places.get(op, "a place unknown, before detect_anomaly began")
        lines = [_holding(name, a, found.position) for name, a in holding]
        raise AnomalyError("\n  ".join([f"{what} {cause}", formula, *lines, f"applied at {place}"]))


class _Found(NamedTuple):
    """A number that is not finite, where it stands and how many there are."""

    number: float
    position: tuple[int, ...]
    total: int

    def __str__(self) -> str:
        at = f" at {self.position}" if self.position else ""
        return f"{self.number}{at}" + (f" (the first of {self.total})" if self.total > 1 else "")


def _not_finite(array: Array) -> Any:
    return ~np.isfinite(array)


def _holding(name: str, array: Any, position: tuple[int, ...]) -> str:
    """What an array holds at a position of the output, if it lines up with that, and in all."""
    a = np.asarray(array)
    if not a.ndim:
        return f"{name} = {a}"
    if not a.size:
        return f"{name} {a.shape}"
    there, mine = "", position[len(position) - a.ndim :]
    if len(mine) == a.ndim and all(n == 1 or k < n for k, n in zip(mine, a.shape, strict=True)):
        there = f"{a[tuple(min(k, n - 1) for k, n in zip(mine, a.shape, strict=True))]} there, "
    return f"{name} {a.shape} holds {there}{a.min()} to {a.max()} in all"


def _raw(x: Any) -> Any:
    return x._array if isinstance(x, Value) else x


def _called(x: Any) -> str:
    if not isinstance(x, Value):
        return "a constant"
    made = f"a result of {x.op.name}" if x.op else "a leaf"
    return f"{made} named {x.name!r}" if x.name else made
