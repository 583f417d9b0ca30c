"""Containers: a dict, list, variable, object or module that a function reads, entry by entry."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .trace import TraceError

NUMBERS = (float, int, np.floating, np.integer)


class Container:
    """What holds the things that a function finds: what it held before the trace, by key.

    The entries of dicts, lists and deques are its items; those of all other holders, such as the
    cells of closures, classes and objects with ``__slots__``, its attributes. `whole` says whether
    all of it was looked at; `unset` are attributes that are not there yet.
    """

    def __init__(self, holder: Any, label: str, keys: Any = None, unset: Any = ()) -> None:
        self.holder, self.label, self.unset = holder, label, unset
        self.of_items = isinstance(holder, (dict, list, deque))
        self.whole = keys is None
        self.before: dict[Any, Any] = {}
        for key in self._keys() if keys is None else keys:
            self.before[key] = self.get(key)
        self.during: dict[Any, Any] = dict(self.before)

    def _keys(self) -> list[Any]:
        return list(self.holder if isinstance(self.holder, dict) else range(len(self.holder)))

    def get(self, key: Any) -> Any:
        """What it holds now."""
        if self.of_items:
            return self.holder[key]
        if isinstance(self.holder, type):
            return vars(self.holder)[key]
        return getattr(self.holder, key)

    def put(self, key: Any, value: Any) -> None:
        """Hold something else."""
        if self.of_items:
            self.holder[key] = value
        else:
            setattr(self.holder, key, value)

    def text(self, bind: Callable[[Any, str], str], key: Any) -> str:
        """The expression for one entry, given how objects get names."""
        name = bind(self.holder, "d")
        if not self.of_items:
            return f"{name}.{key}"
        return f"{name}[{key!r}]" if type(key) in (str, int) else f"{name}[{bind(key, 'k')}]"

    def substitute(self, leaf: Any, numbers: Any) -> None:
        """Let stand-ins take the place of arrays and of these numbers, also within tuples."""
        for key, value in self.before.items():
            self.during[key] = within_tuples(value, leaf, (self, key), numbers)
            if self.during[key] is not value:
                self.put(key, self.during[key])

    def written(self) -> Iterator[tuple[Any, Any]]:
        """What the traced call put there, by key."""
        keys = self._keys() if self.whole else list(self.before)
        if not isinstance(self.holder, dict) and len(keys) != len(self.before):
            raise TraceError(
                f"the list {self.label} grew or shrank while the function was traced; a compiled "
                "function returns what is to be collected"
            )
        if gone := [key for key in self.before if self._lost(key)]:
            raise TraceError(f"{self.label}: the function deleted {gone[0]!r}; it cannot, compiled")
        for key in [*keys, *(key for key in self.unset if not self._lost(key))]:
            now = self.get(key)
            if key not in self.during or now is not self.during[key]:
                yield key, now

    def restore(self) -> None:
        """Hold what it held before."""
        if isinstance(self.holder, (list, deque)) and len(self.holder) != len(self.before):
            self.holder.clear()
            self.holder.extend(self.before.values())
        elif self.whole and isinstance(self.holder, dict):
            for key in [key for key in self.holder if key not in self.before]:
                del self.holder[key]
        for key in self.unset:
            if not self._lost(key):
                delattr(self.holder, key)
        for key, value in self.before.items():
            if self._lost(key) or self.get(key) is not value:
                self.put(key, value)

    def _lost(self, key: Any) -> bool:
        try:
            self.get(key)
        except (KeyError, IndexError, AttributeError, ValueError):
            return True
        return False


def within_tuples(
    value: Any, leaf: Any, place: Any, numbers: Any, path: tuple[int, ...] = ()
) -> Any:
    """The value with stand-ins for the arrays and numbers in it; itself if there are none."""
    if isinstance(value, tuple):
        parts = [
            within_tuples(part, leaf, place, numbers, (*path, k)) for k, part in enumerate(value)
        ]
        if all(new is old for new, old in zip(parts, value, strict=True)):
            return value
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return leaf(value, place, path) if is_input(value, numbers) else value


def is_input(value: Any, numbers: Any = NUMBERS) -> bool:
    """Whether a program reads it anew in every call: an array, or one of these kinds of number."""
    kind = type(value)
    return kind is np.ndarray or (kind is not bool and issubclass(kind, numbers))


def is_filled(cell: types.CellType) -> bool:
    """Whether the variable has been assigned."""
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False
