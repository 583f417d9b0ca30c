"""Value: an array, the op that made it and the values it was made from.

A graph is nothing else: every `Value` that an op produced points back at that op and at its inputs.
This room also holds the switch that decides whether ops are recorded at all (`no_grad`), those who
are told of each op and step while they listen, and the one mechanism that keeps a recorded array
from being changed behind the graph's back.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

if TYPE_CHECKING:
    from .op import Op

Array = NDArray[Any]
Hook = Callable[[Any], Any]

# Who, besides the Value itself, may hold its array. An array is copied when it would otherwise get
# a second kind of holder: before the user is handed what the graph relies on, and before the graph
# records what the user may write into. Everything in between uses the raw array, at no cost.
NOBODY, GRAPH, USER = range(3)

# Keys of notes, beside the hooks' numbers, which count from 0.
KEEPS_GRAD, WALKED, SEED, HOOKED, NAME = -1, -2, -3, -4, -5

_numbers = itertools.count()
last_walk = [0]  # the number at which backward() last began, anywhere
_default_dtype: np.dtype[Any] = np.dtype(np.float32)


@functools.cache
def places(n: int) -> tuple[range, slice]:
    """Where `Value._made` holds the n inputs, and the arrays that were recorded."""
    return range(n), slice(n, None)


class Value:
    """One node of the graph: an array and how it was made."""

    # _made: (*inputs, y, *arrays): the result and the inputs' arrays as they were when the op ran.
    # One tuple and not two, for the garbage collector looks at each of them, again and again.
    # number: counts creations, so that inputs have smaller numbers than what is made of them.
    # _kept: the gradient that backward() left here, and whether nobody else holds it.
    # _notes: what few values have: hooks by their numbers, KEEPS_GRAD, NAME, and what the last
    # backward() from here left for those who draw it: WALKED, the number at which it began, SEED,
    # what it began with, and HOOKED, what hooks returned in it, by the numbers of their values.
    # _call: of what a Module returned: (the number at which the call began, a weak
    # reference to the Module, what stood here before, the thread). In its thread, the call made the
    # numbers in between.
    # _op: the op that made this value, or what stands for every op of a class without attributes.
    __slots__ = (
        "__weakref__",
        "_array",
        "_call",
        "_holder",
        "_kept",
        "_made",
        "_needs_grad",
        "_notes",
        "_op",
        "number",
    )

    _array: Array
    _call: tuple[int, Any, Any, int] | None
    _holder: int
    _kept: tuple[Array, bool] | None
    _made: tuple[Any, ...]
    _needs_grad: bool
    _notes: dict[int, Any] | None
    _op: Op | None
    number: int

    def _fill(
        self,
        array: Array,
        needs_grad: bool = False,
        op: Op | None = None,
        made: tuple[Any, ...] = (),
        holder: int = GRAPH,
    ) -> None:
        self._array = array
        self._call = None
        self._holder = holder
        self._kept = None
        self._made = made
        self._needs_grad = needs_grad
        self._notes = None
        self.number = next(_numbers)
        self._op = op

    @property
    def op(self) -> Op | None:
        """The application that made this value; None for a leaf."""
        op = self._op
        if op is not None and op is op._shared:
            op = self._op = op._another()
        return op

    @property
    def _grad(self) -> Array | None:
        """The gradient to read, which others may hold too."""
        kept = self._kept
        return None if kept is None else kept[0]

    @property
    def name(self) -> str | None:
        """What drawings and messages call it."""
        return None if self._notes is None else self._notes.get(NAME)

    @name.setter
    def name(self, name: str | None) -> None:
        if name is not None or self._notes is not None:
            self._note(NAME, name)

    @property
    def inputs(self) -> tuple[Any, ...]:
        """What the op was applied to, in order: Values, and constants as arrays or numbers."""
        return self._made[: len(self._made) // 2]

    @property
    def recorded(self) -> tuple[Any, ...]:
        """What the op's rules are given: the result and its inputs, as arrays, as they were."""
        return self._made[len(self._made) // 2 :]

    @classmethod
    def wrap(cls, array: Array, needs_grad: bool = False) -> Any:
        """A leaf of this class around this very array, not a copy: how the engine makes one."""
        value = cls.__new__(cls)
        value._fill(array, needs_grad)
        return value

    def __reduce__(self) -> Any:
        """Leave the graph and the hooks behind: a copy is a leaf with a number of its own."""
        needs_grad = self._needs_grad and self._op is None
        grad = None if self._grad is None else self._grad.copy()
        made_of = (type(self), self._array.copy(), needs_grad, grad, self.name)
        return _restored, made_of, getattr(self, "__dict__", None)

    def _note(self, key: int, what: Any) -> None:
        if self._notes is None:
            self._notes = {}
        self._notes[key] = what

    def _outlive(self, op: Op, inputs: tuple[Any, ...]) -> None:
        """What `apply` calls when a number that is older than the last backward() is used again."""

    def _array_for_graph(self) -> Array:
        """The array as the graph may rely on it: a copy if the user may write into the original."""
        if self._holder == USER:
            copy: Array = self._array.copy()
            return copy
        self._holder = GRAPH
        return self._array

    def _array_for_user(self) -> Array:
        """The array for the user to write into: a fresh one if the graph relies on it."""
        if self._holder == GRAPH:
            self._array = self._array.copy()
        self._holder = USER
        return self._array

    def _rebind(self, array: Array) -> None:
        """Take another array, which nobody else holds; a graph keeps the one it recorded."""
        self._array = array
        self._holder = NOBODY


def _restored(
    cls: type[Value], array: Array, needs_grad: bool, grad: Array | None, name: str | None
) -> Value:
    """What `Value.__reduce__` described."""
    value: Value = cls.wrap(array, needs_grad)
    value._kept = None if grad is None else (grad, False)
    value.name = name
    return value


def as_array(x: Any) -> Any:
    """A result as an array: NumPy turns 0-d results into numbers. A tracer stays one."""
    return x._as_array() if hasattr(x, "_as_array") else np.asarray(x)


def as_number(x: Any) -> Any:
    """A number as Python's, which is weak: it never widens a float32. A tracer stays one."""
    if type(x) is float:
        return x
    if hasattr(x, "_as_number"):
        return x._as_number()
    return x.item() if hasattr(x, "item") else float(x)


def copied(x: Any, dtype: DTypeLike | None = None) -> Any:
    """A new array of the same numbers. A tracer stays one."""
    if isinstance(x, np.ndarray):  # as tracers say they are; np.array would look inside
        return x.astype(dtype or x.dtype, subok=False)
    array = as_array(x) if dtype is None or hasattr(x, "_as_array") else x
    return copied(array, dtype) if array is not x else np.array(x, dtype)


def known(condition: Any) -> bool:
    """The truth of a condition on the numbers of arrays, on which Python branches.

    A compiled program holds only while the answer is the same: there it becomes a check.
    """
    return condition._known() if hasattr(condition, "_known") else bool(condition)


def cast(x: Any, dtype: np.dtype[Any]) -> Any:
    """A Value in this dtype, by an op if it has another."""
    return x if x._array.dtype == dtype else x.astype(dtype)


def called(value: Value) -> str:
    """What an error calls a value: its name or how it was made, and its shape."""
    made = f"the result of {value.op.name}" if value.op else "a leaf"
    return f"{value.name or made} {value._array.shape}"


class Listener:
    """Who is told what the engine does, while it listens; subclasses define what they hear."""

    def applied(self, op: Op, inputs: tuple[Any, ...], arrays: list[Any], result: Value) -> None:
        """Hear of an op that was applied to `inputs`, which held these arrays."""

    def walked(self, step: Any) -> None:
        """Hear of a `Step` of backward() or grad()."""

    def hooked(self, value: Value, before: Any, after: Any) -> None:
        """Hear that a hook of `value` gave another gradient; the Step comes after that."""

    def kept(self, value: Value, before: Array | None) -> None:
        """Hear that backward() set ``value.grad``, or added to what it held before."""

    def updated(self, value: Value, before: Array, rule: str) -> None:
        """Hear that an optimizer gave `value` another array, by this rule."""


class _Heard:
    """In the place of True or False, while someone listens: whether ops are recorded, and who."""

    __slots__ = ("listeners", "recording")

    def __init__(self, recording: bool, listeners: tuple[Listener, ...]) -> None:
        self.recording, self.listeners = recording, listeners

    def __bool__(self) -> bool:
        return self.recording


# Whether ops are recorded, in this thread and task.
_recording: ContextVar[bool | _Heard] = ContextVar("recording", default=True)


def _listeners() -> tuple[Listener, ...]:
    mode = _recording.get()
    return mode.listeners if isinstance(mode, _Heard) else ()


@contextmanager
def _in_mode(recording: bool | None = None, more: tuple[Listener, ...] = ()) -> Iterator[None]:
    now = bool(_recording.get()) if recording is None else recording
    listeners = _listeners() + more
    token = _recording.set(_Heard(now, listeners) if listeners else now)
    try:
        yield
    finally:
        _recording.reset(token)


def listening(listener: Listener) -> Any:
    """Tell `listener` what the engine does: ``with listening(listener): ...``."""
    return _in_mode(more=(listener,))


def is_grad_enabled() -> bool:
    """Whether ops are being recorded here, in this thread and task.

    Examples
    --------
    >>> with no_grad():
    ...     print(is_grad_enabled())
    False
    """
    return bool(_recording.get())


def no_grad() -> Any:
    """Compute without recording: ``with tx.no_grad(): ...`` or ``@tx.no_grad()`` above a function.

    The switch belongs to the thread (and asyncio task) that sets it.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> w = tx.Tensor([3.0], requires_grad=True)
    >>> with tx.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """
    return _in_mode(recording=False)


def enable_grad() -> Any:
    """Record again inside a `no_grad` block.

    Examples
    --------
    >>> with no_grad(), enable_grad():
    ...     print(is_grad_enabled())
    True
    """
    return _in_mode(recording=True)


def get_default_dtype() -> np.dtype[Any]:
    """The dtype of lists, and of integers that need a gradient: float32 unless set otherwise.

    Examples
    --------
    >>> get_default_dtype()
    dtype('float32')
    """
    return _default_dtype


def set_default_dtype(dtype: DTypeLike) -> None:
    """Set the dtype of lists, and of integers that need a gradient.

    Raises
    ------
    TypeError
        If it is not float16, float32 or float64.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> tx.set_default_dtype(float)
    >>> tx.Tensor([1.0]).dtype
    dtype('float64')
    >>> tx.set_default_dtype("float32")
    """
    global _default_dtype
    wanted = np.dtype(dtype)
    if wanted.kind != "f" or wanted.itemsize > 8:
        raise TypeError(f"set_default_dtype: got {wanted}, wanted float16, float32 or float64")
    _default_dtype = wanted
