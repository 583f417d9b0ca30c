"""Places: where a function finds what it reads and changes, and puts back what it changed.

A function reaches its model, optimizer and data through its arguments, its closure, its globals and
the classes and modules there. Whatever array, number or Tensor is found along these ways may differ
in the next call: it becomes an input of the program. Whatever else is found there must be the same
object, or the function is traced again.
"""

from __future__ import annotations

import argparse
import dis
import enum
import functools
import sys
import types
from collections import deque
from collections.abc import Iterable
from typing import Any

from ..value import Value
from .containers import Container, is_filled, is_input
from .trace import PACKAGE, TraceError

MANY = 1000  # a longer list of numbers and the like is data, not structure
OWN = __name__.partition(".")[0]
PLAIN = (types.SimpleNamespace, argparse.Namespace)
PASSED_OVER = (str, bytes, enum.Enum, enum.EnumMeta)


class Surroundings:
    """All that a function can reach, as far as its author wrote it.

    `also` are functions that it was seen to call although nothing of the above leads to them.
    """

    def __init__(self, function: Any, arguments: tuple[Any, ...], also: Iterable[Any] = ()) -> None:
        self.containers: list[Container] = []
        self.tensors: dict[int, tuple[Value, Any]] = {}  # and where each was first found
        self.paths: dict[int, list[str]] = {}  # to each Tensor, for its name
        self.long: list[tuple[Any, int, str]] = []  # too long to look into
        self.sets: list[tuple[set[Any], set[Any]]] = []  # and what they held
        self.others: list[tuple[str, Any]] = []  # whatever else was found, by name
        self.codes: set[types.CodeType] = set()  # of the functions that were looked at
        self._seen: dict[int, Any] = {}
        self._taken: set[tuple[int, Any]] = set()  # entries of what is not looked at as a whole
        self._visit(function, (), "")
        for k, argument in enumerate(arguments):
            self._visit_argument(argument, ("argument", k))
        for one in also:
            self._visit(one, (), "")

    def _visit_argument(self, found: Any, place: Any) -> None:
        """An argument, whose lists and dicts may be others in the next call."""
        if isinstance(found, (list, tuple, dict)):
            for part in found.values() if isinstance(found, dict) else found:
                self._visit_argument(part, (*place, "within"))
        else:
            self._visit(found, place, "")

    def _visit(self, found: Any, place: Any, path: str) -> None:
        if isinstance(found, Value):
            if found.op is None:
                self.tensors.setdefault(id(found), (found, place))
                self.paths.setdefault(id(found), []).append(path)
            return
        if id(found) in self._seen or is_input(found) or isinstance(found, PASSED_OVER):
            return
        self._seen[id(found)] = found
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
        elif isinstance(found, (dict, list, deque)):
            self._visit_items(found, path)
        elif isinstance(found, (set, frozenset)) and len(found) <= MANY:
            if isinstance(found, set):
                self.sets.append((found, set(found)))
            for part in found:
                self._visit(part, (), path)
        elif isinstance(found, type):
            self._visit_class(found)
        elif _is_the_authors(type(found)) or isinstance(found, PLAIN):
            self._visit_object(found, path)
        else:
            self.others.append((path or type(found).__name__, found))

    def _visit_items(self, found: Any, path: str) -> None:
        label = path or type(found).__name__
        if len(found) <= MANY:
            self._contain(Container(found, label), path)
        else:
            self.long.append((found, len(found), label))

    def _visit_object(self, found: Any, path: str) -> None:
        if type(found).__module__.partition(".")[0] == OWN and hasattr(found, "__wrapped__"):
            self._visit(found.__wrapped__, (), path)  # compiled too: its programs are its own
            return
        label = path or type(found).__name__
        if hasattr(found, "__dict__"):
            self._contain(Container(vars(found), label), path)
        slots = [n for base in type(found).__mro__ for n in _slots(base) if n[:2] != "__"]
        if slots:
            there = [name for name in slots if hasattr(found, name)]
            unset = [name for name in slots if name not in there]
            self._contain(Container(found, label, there, unset), path)
        self._visit_class(type(found))

    def _visit_class(self, found: type) -> None:
        """The settings that a class of the author's holds for all of its objects."""
        for base in found.__mro__:
            if base.__module__.partition(".")[0] == OWN or not _is_the_authors(base):
                continue
            names = [
                name
                for name, value in vars(base).items()
                if not (name.startswith(("__", "_abc")) or hasattr(type(value), "__get__"))
            ]
            self._take(base, names, base.__name__)

    def _visit_function(self, function: types.FunctionType) -> None:
        self.codes |= codes_in(function.__code__)
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            if is_filled(cell):
                self._contain(Container(cell, name, ["cell_contents"]), name)
        if not _is_the_authors(function):
            return  # a library's globals are its own; what a decorator wraps is in its closure
        self._take(function, ["__defaults__"] if function.__defaults__ else [], "")
        self._visit(function.__kwdefaults__, (), "")
        names = [n for n in global_names(function.__code__) if n in function.__globals__]
        self.look_into(function.__globals__, names, function.__code__)

    def look_into(self, variables: Any, names: Iterable[str], code: types.CodeType) -> None:
        """The global variables of these names, and those that the code takes from modules."""
        self._take(variables, [n for n in names if not _is_code(variables[n])], "")
        for module in [variables[n] for n in names if isinstance(variables[n], types.ModuleType)]:
            self._visit_module(module, code)
        for kind in [variables[n] for n in names if isinstance(variables[n], type)]:
            self._visit(kind, (), "")

    def _visit_module(self, module: types.ModuleType, code: types.CodeType) -> None:
        file = getattr(module, "__file__", None) or ""
        if file and not is_a_librarys(module.__name__, file):
            names = [name for name in attribute_names(code) if name in vars(module)]
            fresh = [n for n in names if (id(vars(module)), n) not in self._taken]
            if fresh:
                self.look_into(vars(module), fresh, code)

    def _take(self, holder: Any, names: Iterable[Any], path: str) -> None:
        """Some entries of a holder that is not looked at as a whole."""
        names = [name for name in names if (id(holder), name) not in self._taken]
        self._taken |= {(id(holder), name) for name in names}
        if names:
            self._seen[id(holder)] = holder
            self._contain(Container(holder, path or "globals", names), path)

    def check_sets(self) -> None:
        """Refuse what was put into a set.

        Raises
        ------
        TraceError
            If one holds something else than before.
        """
        for found, before in self.sets:
            if found != before:
                raise TraceError(
                    "a set grew or shrank while the function was traced; a compiled function "
                    "returns what is to be collected"
                )

    def restore_sets(self) -> None:
        """Let sets hold what they held before."""
        for found, before in self.sets:
            if found != before:
                found.clear()
                found.update(before)

    def _contain(self, container: Container, path: str) -> None:
        self.containers.append(container)
        for key, value in list(container.before.items()):
            is_cell = isinstance(container.holder, types.CellType)
            self._visit(value, (container, key), path if is_cell else _joined(path, key))


def _joined(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _is_code(value: Any) -> bool:
    """Whether a variable is looked into, as a module and a class, and not at."""
    return isinstance(value, (types.ModuleType, type))


@functools.lru_cache(maxsize=256)
def codes_in(code: types.CodeType) -> frozenset[types.CodeType]:
    """The code of a function and of those written inside it."""
    inner = [codes_in(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return frozenset((code,)).union(*inner)


@functools.lru_cache(maxsize=256)
def global_names(code: types.CodeType) -> tuple[str, ...]:
    """The global names that a function's code, or that of a function inside it, mentions."""
    names = [x.argval for x in dis.get_instructions(code) if x.opname == "LOAD_GLOBAL"]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.extend(global_names(constant))
    return tuple(dict.fromkeys(names))


def attribute_names(code: types.CodeType) -> list[str]:
    """The names of attributes, among others, that a function's code mentions."""
    return list(dict.fromkeys(name for one in codes_in(code) for name in sorted(one.co_names)))


def is_a_librarys(module: str, file: str) -> bool:
    """Whether a module or a file is part of Python, of this package or of an installed one."""
    root = module.partition(".")[0]
    if root in sys.stdlib_module_names and root != "__main__":
        return True
    return "site-packages" in file or file.startswith((PACKAGE, "<frozen"))


def _is_the_authors(found: Any) -> bool:
    """Whether a function or class is the user's or an object of this package, not a library's."""
    module = getattr(found, "__module__", None) or ""
    if isinstance(found, type):
        file = getattr(sys.modules.get(module), "__file__", None) or ""
        return module.partition(".")[0] == OWN or not is_a_librarys(module, file)
    return not is_a_librarys(module, found.__code__.co_filename)
