"""Watching: what a traced function does that no tracer sees, such as to ask the time."""

from __future__ import annotations

import builtins
import datetime
import gc
import operator
import os
import random
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np

from .places import Surroundings, is_a_librarys
from .trace import Trace, TraceError

LIBRARY = str(Path(os.__file__).parent)  # of Python itself
ONCE = "which would happen when it is traced, not in every call; do it outside of it"
CLOCK = frozenset(
    x for x in vars(time).values() if isinstance(x, types.BuiltinFunctionType) and x != time.sleep
)
DATES = (datetime.datetime, datetime.date)
SAID = {builtins.print: "prints", builtins.input: "asks for input", builtins.open: "opens a file"}


class Watch:
    """Sees which of the author's functions are called, and refuses what a program cannot repeat."""

    def __init__(self, trace: Trace, surroundings: Surroundings) -> None:
        self.trace = trace
        self.called: dict[types.CodeType, tuple[Any, dict[str, Any]]] = {}
        self.takes_next = False  # of some iterator
        self._authors: dict[types.CodeType, bool] = {}
        self._generators = _random_generators(surroundings)
        self._states = [_state(one) for _, one in self._generators]
        self._iterators = [x for _, x in surroundings.others if hasattr(x, "__next__")]
        self._positions = [_position(x) for x in self._iterators]

    def __enter__(self) -> Watch:
        self._before = sys.getprofile()
        sys.setprofile(self._hear)
        return self

    def __exit__(self, *about: object) -> None:
        sys.setprofile(self._before)

    def _is_the_authors(self, code: types.CodeType) -> bool:
        known = self._authors.get(code)
        if known is None:
            file = code.co_filename
            known = self._authors[code] = not is_a_librarys("", file) and not _is_standard(file)
        return known

    def _hear(self, frame: types.FrameType, event: str, what: Any) -> None:
        code = frame.f_code
        if event == "call":
            if code not in self.called and self._is_the_authors(code):
                free = {name: frame.f_locals.get(name, self) for name in code.co_freevars}
                self.called[code] = frame.f_globals, free
            elif code.co_name == "_log" and frame.f_globals.get("__name__") == "logging":
                raise self.trace.error(f"the function logs, {ONCE}")
        elif event == "c_call" and self._is_the_authors(code):
            self._check(what)

    def _check(self, function: Any) -> None:
        owner = getattr(function, "__self__", None)
        name = getattr(function, "__name__", "")
        if isinstance(owner, types.ModuleType):
            if function in CLOCK:
                raise self.trace.error(f"the function asks for the time, {ONCE}")
            if function in SAID:
                raise self.trace.error(f"the function {SAID[function]}, {ONCE}")
            self.takes_next |= function is builtins.next
        elif name in ("now", "utcnow", "today") and owner in DATES:
            raise self.trace.error(f"the function asks for the time, {ONCE}")
        elif name.startswith("write") and hasattr(owner, "fileno"):
            raise self.trace.error(f"the function writes to a file, {ONCE}")

    def unseen(self, surroundings: Surroundings) -> list[Any]:
        """The author's functions that were called although they had not been found."""
        codes = [code for code in self.called if code not in surroundings.codes]
        if not codes:
            return []
        found = [f for f in gc.get_referrers(*codes) if isinstance(f, types.FunctionType)]
        return [f for f in found if f.__code__ in self.called and self._was_called(f)]

    def _was_called(self, function: types.FunctionType) -> bool:
        """Whether it was this one, among those made of the same code."""
        variables, free = self.called[function.__code__]
        if variables is not function.__globals__:
            return False
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        try:
            return all(free[name] is cell.cell_contents for name, cell in cells)
        except ValueError:  # not filled
            return False

    def check_what_moved(self) -> None:
        """Refuse what drew from a random generator, or took the next of an iterator.

        Raises
        ------
        TraceError
            Naming it.
        """
        for (name, one), state in zip(self._generators, self._states, strict=True):
            if _state(one) != state:
                raise TraceError(
                    f"the function draws random numbers from {name}, {ONCE}, and pass them in"
                )
        for one, before in zip(self._iterators, self._positions, strict=True):
            now = _position(one)
            if now != before or (now is None and self.takes_next):
                kind = type(one).__name__
                raise TraceError(
                    f"the function takes the next of a {kind} that it finds, {ONCE}, and pass it in"
                )

    def put_back(self) -> None:
        """Let random generators be as they were."""
        for (_, one), state in zip(self._generators, self._states, strict=True):
            if _state(one) != state:
                _set_state(one, state)


def _is_standard(file: str) -> bool:
    return file.startswith(LIBRARY) and "site-packages" not in file


def _random_generators(surroundings: Surroundings) -> list[tuple[str, Any]]:
    kinds = (np.random.Generator, np.random.RandomState, random.Random)
    found = [(name, x) for name, x in surroundings.others if isinstance(x, kinds)]
    shared: Any = (np.random.random, random.random)  # methods of the two that all share
    names = ("np.random", "random")
    return [*found, *((name, f.__self__) for name, f in zip(names, shared, strict=True))]


def _state(generator: Any) -> Any:
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        return _plain(generator.get_state(legacy=False))
    return _plain(generator.bit_generator.state)


def _plain(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray) else state


def _set_state(generator: Any, state: Any) -> None:
    if isinstance(generator, random.Random):
        generator.setstate(state)
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.bit_generator.state = state


def _position(iterator: Any) -> Any:
    """Something that changes when the next is taken; None if there is no such thing."""
    if isinstance(iterator, types.GeneratorType):
        return iterator.gi_frame and (iterator.gi_frame.f_lasti, repr(iterator.gi_frame.f_locals))
    if type(iterator).__name__ == "count":
        return repr(iterator)
    return operator.length_hint(iterator, -1) if hasattr(iterator, "__length_hint__") else None
