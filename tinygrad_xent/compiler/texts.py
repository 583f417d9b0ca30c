"""Texts: the source of kernels and of the helpers they call, as it stands in their files."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import threading
import types
from typing import Any

import numpy as np

from .places import global_names


class Texts:
    """Definitions that a program needs, in the order in which Python must read them."""

    def __init__(self) -> None:
        self.imports: set[str] = set()
        self.definitions: dict[str, str] = {}
        self.objects: dict[str, Any] = {}
        self.missing: list[str] = []  # what has no source, and can only be handed over in memory

    def function(self, function: Any) -> str:
        """Include a function; its name in the program."""
        function = inspect.unwrap(function)
        name: str = function.__name__
        if name in self.definitions:
            return name
        source = _source(function)
        if source is None:
            return self.bound(function)
        self.definitions[name] = ""  # a recursive one is there already
        self._needs(function.__code__, function)
        self.definitions.pop(name)
        self.definitions[name] = source
        self.objects[name] = function
        return name

    def bound(self, found: Any) -> str:
        """Name something that NumPy does not have: by an import, if it has one."""
        name = getattr(found, "__name__", type(found).__name__)
        for module_name in (getattr(found, "__module__", None), "scipy.special"):
            module = sys.modules.get(module_name or "")
            if module is not None and getattr(module, name, None) is found and module_name:
                self.imports.add(f"from {module_name} import {name}")
                self.objects[name] = found
                return str(name)
        name = f"{name}_{len(self.missing)}".replace("<lambda>", "function")
        name = "".join(c if c.isalnum() else "_" for c in name)
        self.missing.append(name)
        self.objects[name] = found
        return name

    def _needs(self, code: types.CodeType, function: Any) -> None:
        """Include what the function mentions: helpers, modules, constants of its file."""
        for name in global_names(code):
            found = function.__globals__.get(name, self)
            if found is self:
                continue
            if isinstance(found, types.ModuleType):
                text = f"import {found.__name__}"
                short = found.__name__.rpartition(".")[2]
                self.imports.add(text if name == found.__name__ == short else f"{text} as {name}")
            elif isinstance(inspect.unwrap(found), types.FunctionType):
                self.function(found)
                self._decorators(found)
            elif name not in self.definitions:
                self.definitions[name] = _assignment(function, name)
                self._used_by(self.definitions[name], function)

    def _decorators(self, function: Any) -> None:
        if hasattr(function, "cache_info"):
            self.imports.add("import functools")

    def _used_by(self, text: str, function: Any) -> None:
        for node in ast.walk(_parsed(text)):
            found = function.__globals__.get(node.id) if isinstance(node, ast.Name) else None
            if isinstance(found, types.ModuleType) and found is not np:
                self.imports.add(f"import {found.__name__}")

    def text(self) -> str:
        """All of it."""
        return "\n\n\n".join(text.strip("\n") for text in self.definitions.values())


_PARSING = threading.Lock()


def _parsed(source: str) -> ast.Module:
    """The tree of a text; one thread at a time.

    CPython 3.11 counts the depth of all trees that are being made in one place, and takes two
    threads for a mistake of its own: SystemError.
    """
    with _PARSING:
        return ast.parse(source)


@functools.lru_cache(maxsize=256)
def _source(function: Any) -> str | None:
    """The text of a function, without marks of this package; None if there is none."""
    try:
        return _without_marks(inspect.cleandoc("\n" + inspect.getsource(function)))
    except (OSError, TypeError):
        return None


def _without_marks(source: str) -> str:
    """The source without the decorators that mean something to this package alone."""
    tree = _parsed(source).body[0]
    assert isinstance(tree, ast.FunctionDef)
    lines = source.splitlines()
    gone: set[int] = set()
    for mark in tree.decorator_list:
        if not ast.unparse(mark).startswith("functools."):
            gone |= set(range(mark.lineno - 1, mark.end_lineno or mark.lineno))
    return "\n".join(line for k, line in enumerate(lines) if k not in gone)


def _assignment(function: Any, name: str) -> str:
    """The line of a function's file that gives a global its value."""
    module = sys.modules[function.__module__]
    source = inspect.getsource(module)
    for node in _parsed(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else ()
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return ast.get_source_segment(source, node) or ""
    return f"{name} = {function.__globals__[name]!r}"


@functools.cache
def numpy_names() -> dict[int, str]:
    """By id, how NumPy's functions are called: np.exp, np.linalg.norm."""
    names: dict[int, str] = {}
    for prefix, module in (("np.linalg", np.linalg), ("np.fft", np.fft), ("np", np)):
        for name, found in vars(module).items():
            if callable(found) and not name.startswith("_") and not isinstance(found, type):
                ours = names.get(id(found))
                if ours is None or getattr(found, "__name__", "") == name:
                    names[id(found)] = f"{prefix}.{name}"
    return names
