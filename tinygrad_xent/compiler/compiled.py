"""compile(): the third reading of the rules, with tracers, writes a program; then it runs that."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..value import _recording
from .binding import MISSED, Program
from .program import must_agree
from .trace import TraceError
from .tracing import Record

MANY = 32  # programs of one function: more are a setting that changes in every call


class Compiled:
    """A function as straight-line NumPy programs, one for each signature that it was called with.

    Attributes
    ----------
    source : str
        The program that ran last.
    memory : int
        The bytes that this program owns and uses again in every call.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise TypeError(f"compile: got {type(function).__name__}, wanted a function")
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.programs: list[Program] = []
        self._latest: Any = _missing

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns, by a program."""
        if _recording.get() is True:
            result = self._latest(args, kwargs)
            if result is not MISSED:
                return result
        return self._otherwise(args, kwargs)

    def _otherwise(self, args: Any, kwargs: Any) -> Any:
        """By another program, by a new one, or where somebody listens by the function itself."""
        if _recording.get() is not True:
            return self.function(*args, **kwargs)
        for program in reversed(self.programs):
            result = program.call(args, kwargs)
            if result is not MISSED:
                self._latest = program.call
                self.programs.remove(program)
                self.programs.append(program)
                return result
        if len(self.programs) >= MANY:
            self._refuse()
        program = self._trace(args, kwargs)
        self.programs.append(program)
        self._latest = program.call
        result = program.call(args, kwargs)
        if result is MISSED:
            self.programs.remove(program)
            raise TraceError(
                f"compile: {self.__name__} changes, while it is traced, something on which it "
                "depends"
            )
        return result

    def _trace(self, args: Any, kwargs: Any) -> Program:
        first = Record(self.function, args, kwargs)
        second = Record(self.function, args, kwargs)
        must_agree(first.trace.nodes, second.trace.nodes)
        return Program(second)

    def _refuse(self) -> None:
        checks = self.programs[-1].record.trace.checks
        where = f"; the last was for {checks[-1][0].line}" if checks else ""
        raise TraceError(
            f"compile: {self.__name__} has needed {MANY} programs: its arguments' shapes, its "
            f"settings or its surroundings change in every call{where}"
        )

    @property
    def source(self) -> str:
        """The text of the program that ran last."""
        return self._program().text("...")

    @property
    def memory(self) -> int:
        """The bytes of memory that the program owns and uses again in every call."""
        return self._program().nbytes

    def _program(self) -> Program:
        if not self.programs:
            raise RuntimeError(f"compile: {self.__name__} has no program yet: call it once")
        return self.programs[-1]

    __name__: str


def _missing(args: Any, kwargs: Any) -> Any:
    return MISSED


def compile(function: Callable[..., Any]) -> Compiled:
    """Turn a function into a NumPy program."""
    return Compiled(function)
