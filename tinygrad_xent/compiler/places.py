"""Places: where a function finds what it reads and changes, and puts back what it changed.

A function reaches its model, optimizer and data through its arguments, its closure and its globals.
Whatever array, number or Tensor is found along these ways may differ in the next call: it becomes
an input of the program. Whatever else is found there must be the same object, or the function is
traced again.
"""

from __future__ import annotations

import dis
import functools
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..value import Value
from .trace import PACKAGE, TraceError

MANY = 1000  # a longer list is data, not structure
OWN = __name__.partition(".")[0]


class Container:
    """A dict, list, closure cell or an object's attributes: what it held, by key.

    `text` is how the generated call reaches it; `whole` says whether all of it was looked at.
    """

    def __init__(self, holder: Any, label: str, keys: Any = None) -> None:
        self.holder, self.label = holder, label
        self.whole = keys is None
        self.before: dict[Any, Any] = {key: self.get(key) for key in keys or self._keys()}
        self.during: dict[Any, Any] = dict(self.before)

    def _keys(self) -> list[Any]:
        if isinstance(self.holder, types.CellType):
            return ["cell_contents"]
        return list(range(len(self.holder)) if isinstance(self.holder, list) else self.holder)

    def get(self, key: Any) -> Any:
        """What it holds now."""
        return (
            self.holder.cell_contents
            if isinstance(self.holder, types.CellType)
            else self.holder[key]
        )

    def put(self, key: Any, value: Any) -> None:
        """Hold something else."""
        if isinstance(self.holder, types.CellType):
            self.holder.cell_contents = value
        else:
            self.holder[key] = value

    def text(self, name: str, key: Any) -> str:
        """The expression for one entry, given the name of the holder."""
        return (
            f"{name}.cell_contents"
            if isinstance(self.holder, types.CellType)
            else f"{name}[{key!r}]"
        )

    def substitute(self, leaf: Any, numbers: Any) -> None:
        """Let stand-ins take the place of arrays and of these numbers, also within tuples."""
        for key, value in self.before.items():
            self.during[key] = within_tuples(value, leaf, (self, key), numbers)
            if self.during[key] is not value:
                self.put(key, self.during[key])

    def written(self) -> Iterator[tuple[Any, Any]]:
        """What the traced call put there, by key."""
        keys = self._keys() if self.whole else list(self.before)
        if isinstance(self.holder, list) and len(self.holder) != len(self.before):
            raise TraceError(
                f"the list {self.label} grew or shrank while the function was traced; a compiled "
                "function returns what is to be collected"
            )
        if gone := [key for key in self.before if key not in keys]:
            raise TraceError(f"{self.label}: the function deleted {gone[0]!r}; it cannot, compiled")
        for key in keys:
            now = self.get(key)
            if key not in self.during or now is not self.during[key]:
                yield key, now

    def restore(self) -> None:
        """Hold what it held before."""
        if isinstance(self.holder, list):
            self.holder[:] = self.before.values()
            return
        if self.whole and not isinstance(self.holder, types.CellType):
            for key in [key for key in self.holder if key not in self.before]:
                del self.holder[key]
        for key, value in self.before.items():
            if self.get(key) is not value:
                self.put(key, value)


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


FACTS = (bool, int, float, str, tuple, type(None), np.ndarray, np.generic)
NUMBERS = (float, int, np.floating, np.integer)


def is_input(value: Any, numbers: Any = NUMBERS) -> bool:
    """Whether a program reads it anew in every call: an array, or one of these kinds of number."""
    kind = type(value)
    return kind is np.ndarray or (kind is not bool and issubclass(kind, numbers))


class Surroundings:
    """All that a function can reach, as far as its author wrote it."""

    def __init__(self, function: Any, arguments: tuple[Any, ...]) -> None:
        self.containers: list[Container] = []
        self.tensors: dict[int, tuple[Value, Any]] = {}  # and where each was first found
        self.paths: dict[int, list[str]] = {}  # to each Tensor, for its name
        self.facts: dict[tuple[int, str], tuple[type, Any]] = {}
        self._seen: set[int] = set()
        self._visit(function, (), "")
        for k, argument in enumerate(arguments):
            self._visit(argument, ("argument", k), "")

    def _visit(self, found: Any, place: Any, path: str) -> None:
        if isinstance(found, Value):
            if found.op is None:
                self.tensors.setdefault(id(found), (found, place))
                self.paths.setdefault(id(found), []).append(path)
            return
        if id(found) in self._seen or is_input(found) or isinstance(found, (str, bytes)):
            return
        self._seen.add(id(found))
        if isinstance(found, types.FunctionType):
            self._visit_function(found)
        elif isinstance(found, types.MethodType):
            self._visit(found.__self__, (), path)
            self._visit(found.__func__, (), path)
        elif isinstance(found, functools.partial):
            for part in (found.func, *found.args, *found.keywords.values()):
                self._visit(part, (), path)
        elif isinstance(found, tuple):
            for k, part in enumerate(found):
                self._visit(part, place, _joined(path, k))
        elif type(found) in (dict, list):
            if len(found) <= MANY:
                self._contain(Container(found, path or type(found).__name__), path)
        elif _is_the_authors(type(found)) and hasattr(found, "__dict__"):
            self._contain(Container(vars(found), path or type(found).__name__), path)
            self._know(type(found))

    def _know(self, kind: type) -> None:
        """Note the settings that a class of the user's holds for all of its objects."""
        for base in kind.__mro__:
            if base.__module__.partition(".")[0] == OWN or not _is_the_authors(base):
                continue
            for name, value in vars(base).items():
                if isinstance(value, FACTS) and not name.startswith("__"):
                    self.facts[id(base), name] = base, value

    def _visit_function(self, function: types.FunctionType) -> None:
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            if _is_filled(cell):
                self._contain(Container(cell, name), name)
        if not _is_the_authors(function):
            return  # a library's globals are its own; what a decorator wraps is in its closure
        used = [name for name in global_names(function.__code__) if name in function.__globals__]
        taken = [
            name
            for name in used
            if not isinstance(function.__globals__[name], (types.ModuleType, type))
        ]
        if taken:
            self._contain(Container(function.__globals__, "globals", taken), "")
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._visit(default, (), "")

    def _contain(self, container: Container, path: str) -> None:
        self.containers.append(container)
        for key, value in list(container.before.items()):
            is_cell = isinstance(container.holder, types.CellType)
            self._visit(value, (container, key), path if is_cell else _joined(path, key))


def _joined(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _is_filled(cell: types.CellType) -> bool:
    """Whether the variable has been assigned."""
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


@functools.lru_cache(maxsize=256)
def global_names(code: types.CodeType) -> tuple[str, ...]:
    """The global names that a function's code, or that of a function inside it, mentions."""
    names = [x.argval for x in dis.get_instructions(code) if x.opname == "LOAD_GLOBAL"]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.extend(global_names(constant))
    return tuple(dict.fromkeys(names))


def _is_the_authors(found: Any) -> bool:
    """Whether a function or class is the user's or an object of this package, not a library's."""
    module = getattr(found, "__module__", None) or ""
    root = module.partition(".")[0]
    if isinstance(found, type) and root == OWN:
        return True
    if root in sys.stdlib_module_names and root != "__main__":
        return False
    if isinstance(found, type):
        file = getattr(sys.modules.get(module), "__file__", None) or ""
    else:
        file = found.__code__.co_filename
    return "site-packages" not in file and not file.startswith(PACKAGE)
