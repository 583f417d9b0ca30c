"""compile(): the third reading of the rules, with tracers, writes a program; then it runs that."""

from __future__ import annotations

import functools
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..value import _recording
from .binding import MISSED, Binder
from .containers import NUMBERS
from .program import FUTURE, Program
from .saving import save_source
from .simplify import must_agree
from .trace import TraceError
from .tracing import Record
from .verify import verify

_writing = threading.RLock()  # stand-ins take the place of what functions reach, and may share
MANY = 32  # programs of one function: more are a setting that changes in every call


class Compiled:
    """A function as straight-line NumPy programs, one for each signature that it was called with.

    It is called as the function is, and returns what the function returns; Tensors among that have
    equal values and no graph.
    """

    __name__: str

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise TypeError(f"compile: got {type(function).__name__}, wanted a function")
        functools.update_wrapper(self, function, updated=())
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self.function = function
        self.programs: list[Program] = []
        self._lock = threading.RLock()  # programs use their memory again
        self._calls: list[Callable[..., Any]] = []  # of each program
        self._latest: Callable[..., Any] = _missing
        self._arguments: Any = None  # of the last call that needed a new program

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns, by a program."""
        if _recording.get() is not True:
            return self.function(*args, **kwargs)  # somebody listens
        with self._lock:
            result = self._latest(args, kwargs)
            return result if result is not MISSED else self._otherwise(args, kwargs)

    def __reduce__(self) -> Any:
        """A copy writes its own programs, when it is called."""
        return type(self), (self.function,)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        """The method of an object, where a method is decorated."""
        return self if owner is None else types.MethodType(self, owner)

    def _otherwise(self, args: Any, kwargs: Any) -> Any:
        """By another program, or by a new one."""
        for k in reversed(range(len(self.programs))):
            result = self._calls[k](args, kwargs)
            if result is not MISSED:
                self._put_last(self.programs.pop(k), self._calls.pop(k))
                return result
        self.trace(*args, **kwargs)
        result = self._latest(args, kwargs)
        if result is MISSED:
            raise TraceError(
                f"compile: {self.__name__} changes, while it is traced, something on which it "
                "depends"
            )
        return result

    def _put_last(self, program: Program, call: Callable[..., Any]) -> None:
        self.programs.append(program)
        self._calls.append(call)
        self._latest = call

    def trace(self, *args: Any, **kwargs: Any) -> None:
        """Write the program for such a call, without running it.

        Raises
        ------
        TraceError
            If the function does what a program cannot, naming the line and what to do.
        """
        if len(self.programs) >= MANY:
            self._refuse()
        with _writing:
            first = _record(self.function, args, kwargs)
            second = self._second(first, args, kwargs)
            verify(self.function, args, kwargs, second)
            program = Program(second)
            self._put_last(program, Binder(program).made())
            second.forget()
        self._arguments = args, kwargs

    def _second(self, first: Record, args: Any, kwargs: Any) -> Record:
        """The same call traced again, which must have done the same."""
        try:
            second = Record(self.function, args, kwargs, first.numbers, first.also)
            must_agree(first.trace.nodes, second.trace.nodes)
            first.watch.check_what_moved()
        finally:
            first.watch.put_back()
        second.compare(first)
        return second

    def _refuse(self) -> None:
        checks = self.programs[-1].record.trace.checks
        where = f"; the last was asked for in {checks[-1][0].line}" if checks else ""
        raise TraceError(
            f"compile: {self.__name__} has needed {MANY} programs: its arguments' shapes, its "
            f"settings or its surroundings change in every call{where}"
        )

    @property
    def source(self) -> str:
        """The program that ran last, as text: kernels, memory and ``step``."""
        program = self._program()
        modules, definitions = program.preamble()
        imports = "\n".join([FUTURE, *modules, "", "import numpy as np"])
        parts = [imports.replace("\n\n\n", "\n\n"), definitions, program.text()]
        return "\n\n\n".join(part for part in parts if part)

    @property
    def memory(self) -> int:
        """The bytes of memory that the program owns and uses again in every call."""
        return self._program().nbytes

    def save_source(self, path: str | Path) -> Path:
        """Write a program that needs NumPy only, and beside it the numbers that it starts from.

        The file defines ``train(...)``, which takes the arrays that the function takes, and
        ``state``, parameters, running arrays and settings such as ``state["lr"]``; run as a script
        it trains on the arrays of the last traced call. The numbers are those of now, in an npz
        file of the same name.

        Raises
        ------
        TraceError
            If the program calls a function that has no source.
        """
        return save_source(self._program(), Path(path))

    def _program(self) -> Program:
        """The last program; where it made what it found missing, that for the next such call."""
        if not self.programs:
            raise RuntimeError(f"compile: {self.__name__} has no program yet: call it once")
        if self.programs[-1].ran and self.programs[-1].grows():
            args, kwargs = self._arguments
            self.trace(*args, **kwargs)
        return self.programs[-1]


def _record(function: Callable[..., Any], args: Any, kwargs: Any) -> Record:
    """The record of a call, in which numbers are read anew if that can be.

    Some code, such as that which seeds a generator, takes no stand-in for a number: then the
    program is for the numbers as they are.
    """
    for numbers in (NUMBERS, (float, np.floating)):
        record = _record_or_none(function, args, kwargs, numbers)
        if record is not None:
            return record
    return _whole_record(function, args, kwargs, ())


def _record_or_none(function: Any, args: Any, kwargs: Any, numbers: Any) -> Record | None:
    try:
        return _whole_record(function, args, kwargs, numbers)
    except TraceError:
        raise
    except Exception:
        return None


def _whole_record(function: Any, args: Any, kwargs: Any, numbers: Any) -> Record:
    """A record in which all functions that were called have been looked at."""
    also: tuple[Any, ...] = ()
    while True:
        record = Record(function, args, kwargs, numbers, also)
        if not record.called:
            return record
        also += tuple(record.called)


def _missing(args: Any, kwargs: Any) -> Any:
    return MISSED


def compile(function: Callable[..., Any]) -> Compiled:
    """Turn a function into a NumPy program: what a person would have written, and as fast.

    The function is run once with tracers in the place of the arrays that it reads, through the same
    forward and vjp rules, and what it did is written down as straight-line NumPy over memory that
    is used again in every call. Results, parameters and the state of optimizers are those of eager
    execution to the last bit.

    What the function reaches through its arguments, closure and globals is read anew in each call:
    arrays, the model's parameters, an optimizer's state, and numbers, such as a learning rate. A
    change of shape, dtype or structure is traced anew, once for each. Programs use their memory
    again in each call; calls from several threads take turns. While a program is written, stand-ins
    take the place of what the function reaches: no other thread may use that.

    Parameters
    ----------
    function
        A training step, or anything that computes with Tensors and arrays.

    Returns
    -------
    Compiled
        To be called as the function is. ``.source`` is the program, ``.save_source(path)`` writes
        it to run without this package, ``.memory`` is what it owns, in bytes.

    Raises
    ------
    TraceError
        In a call, if the function branches on values, draws random numbers, leaves for Python's
        numbers, prints or does something else that would happen once; it says what to do.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> w = tx.Tensor([3.0], requires_grad=True)
    >>> @tx.compile
    ... def step(x, lr):
    ...     loss = (w * x).sum()
    ...     w.grad = None
    ...     loss.backward()
    ...     w.data -= lr * w.grad
    ...     return loss
    >>> step(tx.Tensor([2.0]), 0.25), w                 # 3 * 2, and then 3 - 0.25 * 2
    (Tensor(6.), Tensor([2.5], requires_grad=True))
    """
    return Compiled(function)
