"""Exercises: what is right is computed, not written down; a known mistake gets its own hint."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tensor import Tensor
from ..value import Array


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and a sentence about it. True if it is right.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> tx.lessons.check(1, 0.5)
    Not yet: ...
    >>> bool(_)
    False
    """

    right: bool
    text: str

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        return f"{'Right' if self.right else 'Not yet'}: {self.text}"

    __repr__ = __str__


@dataclass(frozen=True)
class Exercise:
    """One exercise of a lesson; its question stands on the page.

    Attributes
    ----------
    answer
        Computes what is right: a number, an array, a text, or, where the reader is to write a
        function, what it must return for each of `inputs`.
    why
        Said when the answer is right.
    hint
        Said when it is not.
    mistakes
        Known wrong answers and what to say to them: pairs of a function like `answer` and a text.
    rtol
        How far a number may be off, as a part of it: rounded answers are right. A function's
        results are compared at 1e-6.
    inputs
        Tuples of arguments on which the reader's function is tried.
    """

    answer: Callable[..., Any]
    why: str
    hint: str
    mistakes: tuple[tuple[Callable[..., Any], str], ...] = ()
    rtol: float = 5e-3
    inputs: tuple[tuple[Any, ...], ...] = ()

    def check(self, given: Any) -> Verdict:
        """Compare an answer with what is right."""
        if self.inputs:
            return self._check_function(given)
        if _same(given, self.answer(), self.rtol):
            return Verdict(True, self.why)
        for mistake, hint in self.mistakes:
            if _same(given, mistake(), self.rtol):
                return Verdict(False, hint)
        return Verdict(False, self._told(given, self.answer()))

    def _told(self, given: Any, wanted: Any) -> str:
        """The hint, or what kind of answer is wanted if it is of another kind."""
        if isinstance(wanted, str):
            return self.hint if isinstance(given, str) else f"wanted a word, got {given!r}"
        kind = f"numbers of shape {np.shape(wanted)}" if np.ndim(wanted) else "a number"
        got = _numbers(given)
        if got is None:
            return f"wanted {kind}, got {given!r}"
        if got.shape != np.shape(wanted):
            return f"wanted {kind}, got shape {got.shape}"
        if _same(got, _rounded(wanted), 1e-9):
            return "that is right as far as it goes; give three digits."
        return self.hint

    def _check_function(self, given: Any) -> Verdict:
        if not callable(given):
            return Verdict(False, f"wanted a function, got {given!r}")
        for arguments in self.inputs:
            shown = ", ".join(map(_shown, arguments))
            try:
                with np.errstate(all="ignore"):
                    # Copies: a function that works in place must not change what is asked next.
                    got = given(*copy.deepcopy(arguments))
            except Exception as error:
                return Verdict(False, f"f({shown}) raised {type(error).__name__}: {error}")
            wanted = self.answer(*arguments)
            if not _same(got, wanted, 1e-6):
                for mistake, hint in self.mistakes:
                    if _same(got, mistake(*arguments), 1e-6):
                        return Verdict(False, hint)
                told = f"f({shown}) gave {_shown(got)}, wanted {_shown(wanted)}"
                return Verdict(False, f"{told}; {self.hint}")
        return Verdict(True, self.why)


def _plain(value: Any) -> Any:
    return value.numpy() if isinstance(value, Tensor) else value


def _shown(value: Any) -> str:
    array = np.asarray(_plain(value))
    if array.dtype.kind not in "biuf":
        return str(getattr(value, "__name__", repr(value)))
    if not array.ndim:
        return f"{array.item():.5g}"
    return np.array2string(array, precision=4, separator=", ", threshold=20)


def _same(given: Any, wanted: Any, rtol: float) -> bool:
    """Whether two answers agree: words without regard to case, numbers to `rtol`, bools exactly."""
    if isinstance(wanted, str) or isinstance(given, str):
        return str(given).strip().casefold() == str(wanted).strip().casefold()
    if isinstance(wanted, (bool, np.bool_)):
        return isinstance(given, (bool, np.bool_)) and bool(given) == bool(wanted)
    got, right = _numbers(given), np.asarray(wanted, np.float64)
    if got is None or np.squeeze(got).shape != np.squeeze(right).shape:  # (1, K) is a row of K too
        return False
    got = got.reshape(right.shape)
    # An exact zero in an array is wanted to the accuracy of its largest neighbour.
    largest = float(np.max(np.abs(right[np.isfinite(right)]), initial=0.0))
    return bool(np.allclose(got, right, rtol=rtol, atol=1e-9 * (largest or 1.0), equal_nan=True))


def _numbers(given: Any) -> Array | None:
    """An answer as an array, or None if it is not made of numbers."""
    if given is None or isinstance(given, (str, bool, np.bool_)):
        return None  # NumPy would read None as nan, and True as 1
    try:
        return np.asarray(_plain(given), np.float64)
    except (TypeError, ValueError):
        return None


def _rounded(wanted: Any) -> Array:
    """What is right, to two digits."""
    digits = [float(f"{x:.2g}") for x in np.ravel(wanted)]
    return np.reshape(np.array(digits), np.shape(wanted))


def number_of(exercises: Sequence[Exercise], number: int, where: str) -> Exercise:
    """The exercise of this number, from 1."""
    for found, exercise in enumerate(exercises, 1):
        if found == number:
            return exercise
    raise ValueError(f"{where}: there is no exercise {number!r}; wanted 1 to {len(exercises)}")
