"""Op: one class per operation, and apply(), the only place where the graph grows.

An op is a `forward` on arrays and one rule per argument, the derivative written once as a plain
NumPy expression with its formula on the line above::

    class Multiply(Op):
        @formula("x ⊙ y")
        def forward(self, x, y):
            return x * y

        @formula("ḡ ⊙ y")
        def vjp_x(self, g, out, x, y):
            return g * y

        @formula("ḡ ⊙ x")
        def vjp_y(self, g, out, x, y):
            return g * x

A rule (vjp: vector-Jacobian product) is given the gradient of the loss with respect to the output,
the output and the inputs, and returns the gradient with respect to its argument. Given arrays it
computes that gradient; given Tensors it records one, which can be differentiated again.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import numpy as np

from .value import (
    GRAPH,
    USER,
    Value,
    _recording,
    as_array,
    as_number,
    get_default_dtype,
    last_walk,
    places,
)

F = TypeVar("F", bound=Callable[..., Any])
Rule = Callable[..., Any]
new = object.__new__
ndarray = np.ndarray
CO_VARARGS = 0x04  # in a code object's flags; inspect, which names it, loads a dozen modules
SCALARS = (np.generic, float, int)  # what NumPy turns 0-d results into


def formula(text: str) -> Callable[[F], F]:
    """State in mathematics what the decorated `forward` or rule computes.

    ``{axis}`` in the text is filled in from the op's attribute of that name where it is shown.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> tx.exp(tx.Tensor(0.0, requires_grad=True)).op.formula()
    'exp(x)'
    """

    def attach(function: F) -> F:
        function.formula = text  # type: ignore[attr-defined]
        return function

    return attach


def kernel(*gives: str) -> Callable[[F], F]:
    """Let tracers record the decorated function of arrays as one call, which `gives` these names.

    For what leaves the vocabulary of the rules: it looks at numbers, writes in place or leaves for
    Python. The text of the function, and of the helpers that it calls, goes into generated source;
    it needs NumPy and the standard library only.
    """

    def mark(function: F) -> F:
        @functools.wraps(function)
        def call(*arguments: Any) -> Any:
            for x in arguments:
                if type(x) is not np.ndarray and hasattr(x, "_call_kernel"):
                    return x._call_kernel(function, arguments, gives)
            return function(*arguments)

        return call  # type: ignore[return-value]

    return mark


class Op:
    """One application of an operation: its attributes and what it saved, never its output.

    Subclasses define ``forward(self, *arrays)`` and, for each of its arguments, a rule
    ``vjp_<argument>(self, g, y, *arrays)``; a single ``*arrays`` argument has one rule
    ``vjp_arrays(self, i, g, y, *arrays)`` for input number i. Each carries a `formula`.

    A class that adds ``__slots__ = ()`` says that its ops have nothing of their own, no attributes
    and no identity: `apply` may keep one of them for all, and rules may be given that one.

    Raises
    ------
    TypeError
        When the class is made, if a rule or a formula is missing or a rule's signature does not
        fit.
    """

    __slots__ = ("__weakref__",)

    name: ClassVar[str] = "op"
    arguments: ClassVar[tuple[str, ...]] = ()
    rules: ClassVar[tuple[Rule, ...]] = ()
    variadic: ClassVar[bool] = False
    _places: ClassVar[tuple[range, slice] | None] = None  # where the number of inputs is fixed
    # Of ops without attributes, the one that a graph keeps for all: an object less per value, which
    # the garbage collector need not look at. Whoever asks for `value.op` gets one of its own.
    _shared: ClassVar[Op | None] = None
    # Labels, indices and conditions stay integers; in arithmetic an integer array takes the
    # Tensor's dtype.
    keeps_integers: ClassVar[bool] = False
    # Whether the result's dtype is the op's business, also where integers become floats.
    chooses_dtype: ClassVar[bool] = False
    # Arrays that forward keeps for the rules, by name.
    saved: Mapping[str, Any] = MappingProxyType({})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.forward is Op.forward:
            return  # a family's common base, not an op yet
        cls.name = cls.__dict__.get("name", cls.__name__.lower())
        (_, *arguments), cls.variadic = _parameters(cls.forward)
        cls.arguments = tuple(arguments)
        varies = cls.variadic or cls.forward.__defaults__ or cls.forward.__kwdefaults__
        cls._places = None if varies else places(len(arguments))
        has_attributes = cls.__dictoffset__ or cls.__basicsize__ > Op.__basicsize__
        plain = not has_attributes and cls.__new__ is new  # and not a tuple or a number, too
        cls._shared = new(cls) if plain else None
        cls.rules = tuple(_rule(cls, name) for name in cls.arguments)
        for attribute in dir(cls):
            if attribute.startswith("vjp_") and attribute[4:] not in cls.arguments:
                takes = ", ".join(cls.arguments)
                raise TypeError(
                    f"{cls.__name__}.{attribute}: forward takes no such argument, but {takes}"
                )
        if not hasattr(cls.forward, "formula"):
            raise TypeError(f"{cls.__name__}.forward: missing @formula(...)")

    def forward(self, *arrays: Any) -> Any:
        """The value, from arrays."""
        raise NotImplementedError(f"{type(self).__name__}.forward")

    def vjp(self, i: int, g: Any, *recorded: Any) -> Any:
        """The gradient for input number i, from the output's gradient and ``(y, *inputs)``."""
        if self.variadic:
            return self.rules[0](self, i, g, *recorded)
        return self.rules[i](self, g, *recorded)

    def _another(self) -> Op:
        """An application like this one, for an op without attributes."""
        op: Op = new(type(self))
        return op

    def argument(self, i: int) -> str:
        """The name of input number i."""
        return f"{self.arguments[0]}[{i}]" if self.variadic else self.arguments[i]

    def formula(self, i: int | None = None) -> str:
        """The formula of the rule for input number i, or of `forward`."""
        function: Any = type(self).forward if i is None else self.rules[0 if self.variadic else i]
        text = function.formula if i is None else function.formula.replace("{i}", str(i))
        return re.sub(r"\{(\w+)\}", lambda m: str(getattr(self, m[1], m[0])), text)


def not_differentiable(what: str) -> Rule:
    """The rule of an argument that has no gradient; when it is called, it says so.

    `what` completes the sentence "… has no gradient".

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> x = tx.Tensor([1.0, -1.0], requires_grad=True)
    >>> tx.where(x, 1.0, 0.0).sum().backward()
    Traceback (most recent call last):
        ...
    TypeError: where: ...
    """

    @formula("none: " + what)
    def rule(self: Op, g: Any, y: Any, *inputs: Any) -> Any:
        raise TypeError(f"{self.name}: {what} has no gradient; pass it as a plain array")

    return rule


# For each NumPy function that has a twin among the ops: what np.exp(tensor) should call.
NUMPY_TWINS: dict[Callable[..., Any], Callable[..., Any]] = {}


def implements(numpy_function: Callable[..., Any]) -> Callable[[F], F]:
    """Make the decorated function what `numpy_function` calls when it is given a Tensor."""

    def register(function: F) -> F:
        NUMPY_TWINS[numpy_function] = function
        return function

    return register


def _rule(cls: type[Op], argument: str) -> Rule:
    """The rule for one argument, after checking that it is there, states its formula and fits."""
    rule = getattr(cls, f"vjp_{argument}", None)
    where = f"{cls.__name__}.vjp_{argument}"
    if rule is None:
        raise TypeError(f"{where}: missing; every argument of forward has a rule")
    if not hasattr(rule, "formula"):
        raise TypeError(f"{where}: missing @formula(...)")
    takes, variadic = _parameters(rule)
    wanted = ["self", *(["i"] if cls.variadic else []), "g", "y", *cls.arguments]
    if len(takes) != len(wanted) and not variadic:
        raise TypeError(f"{where}: takes {', '.join(takes)}; wanted {', '.join(wanted)}")
    return rule  # type: ignore[no-any-return]


def _parameters(function: Callable[..., Any]) -> tuple[list[str], bool]:
    """The names of a function's arguments, and whether it takes any number of them.

    From the code itself: `inspect.signature` would take a third of the time of importing us.
    """
    code = function.__code__
    variadic = bool(code.co_flags & CO_VARARGS)
    return list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + variadic]), variadic


def apply(op: Op, *inputs: Any) -> Any:
    """Run an op on its inputs and, if a gradient may be wanted later, record that.

    Given plain arrays only, it computes and returns an array. Given at least one Value, the result
    is of the first Value's type, and remembers the op, the inputs and their arrays as they are now.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xent as tx
    >>> op = type(tx.exp(tx.Tensor(0.0, requires_grad=True)).op)     # a class: Exp
    >>> apply(op(), np.zeros(2))
    array([1., 1.])
    >>> apply(op(), tx.Tensor(0.0, requires_grad=True))
    Tensor(1., op=exp)
    """
    arrays: list[Any] = []
    plain: tuple[int, ...] = ()  # which are floating arrays of the user's
    first = None
    needs_grad = constants = False
    for x in inputs:
        if isinstance(x, Value):
            if first is None:
                first = x
            array = x._array
            if x._needs_grad:
                needs_grad = True
            elif array.dtype.kind != "f" and not op.keeps_integers:
                constants = True
            if x._holder == USER:  # who may write into it before backward
                array = array.copy()
            else:
                x._holder = GRAPH
            arrays.append(array)
        else:
            kind = type(x)
            if kind is ndarray and x.ndim and x.dtype.kind == "f":
                plain += (len(arrays),)
            elif kind is not float and kind is not int:
                constants = True
            arrays.append(x)
    if first is None:  # lists would be joined by +, and repeated by *
        return op.forward(*[np.asarray(a) if isinstance(a, (list, tuple)) else a for a in arrays])
    recording = needs_grad and _recording.get()
    if constants:
        arrays = _with_constants(op, inputs, arrays, recording)
    elif recording:
        for k in plain:  # which the user may write into before backward
            arrays[k] = arrays[k].copy()

    y = op.forward(*arrays)
    if type(y) is not ndarray and isinstance(y, SCALARS):
        y = as_array(y)
        if recording and first._op is not None and first.number < last_walk[0]:
            first._outlive(op, inputs)
    result = new(type(first))
    if recording:
        kept = op if recording is not True else op._shared or op  # who listens may know it by this
        result._fill(y, True, kept, (*inputs, y, *arrays))
    else:
        if y.dtype == np.float64 and not op.chooses_dtype:
            y = _in_default_float(y, arrays)
        result._fill(y)
    if recording is True:
        return result
    mode = _recording.get()
    if mode is not True and mode is not False:
        for listener in mode.listeners:
            listener.applied(op, inputs, arrays, result)
    return result


def _in_default_float(y: Any, arrays: list[Any]) -> Any:
    """What came of integers alone in the default float: NumPy would make float64 of them."""
    floating = any(isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in arrays)
    return y if floating else y.astype(get_default_dtype())


def _with_constants(
    op: Op, inputs: tuple[Any, ...], arrays: list[Any], recording: object
) -> list[Any]:
    """The arrays again, with those of constants as `forward` should see them.

    Numbers are weak, as Python's are: they take the dtype of what they meet. So do lists, and in
    arithmetic integer arrays (NumPy would turn int64 * float32 into float64). An array that the
    user passed in is copied if it is recorded, because the user may write into it before backward.
    """
    result = []
    for x, a in zip(inputs, arrays, strict=True):
        array = a
        if type(x) is np.ndarray and array.ndim and array.dtype.kind == "f":
            result.append(array.copy() if recording else array)
            continue
        if not isinstance(x, Value):
            if isinstance(a, (bool, int, float)) and not isinstance(a, np.generic):
                result.append(a)
                continue
            is_list = isinstance(a, (list, tuple))
            array = np.asarray(a) if is_list else a
            if getattr(array, "ndim", None) is None:
                got = type(a).__name__
                raise TypeError(f"{op.name}: got a {got}, wanted a Tensor, an array or a number")
            if array.ndim == 0 and not op.keeps_integers:
                result.append(as_number(array))
                continue
            if is_list:
                array = _in_the_dtype_of_a_value(array, inputs, op)
            elif recording:
                array = array.copy()
        kind = array.dtype.kind
        if kind not in "biuf":
            raise TypeError(f"{op.name}: got dtype {array.dtype}, wanted real numbers")
        result.append(array if kind == "f" else _in_the_dtype_of_a_value(array, inputs, op))
    return result


def _in_the_dtype_of_a_value(array: Any, inputs: tuple[Any, ...], op: Op) -> Any:
    """A weak array in the dtype of the first floating Value beside it; labels as they are."""
    if array.dtype.kind in "biuf" and not op.keeps_integers:
        for x in inputs:
            if isinstance(x, Value) and x._array.dtype.kind == "f":
                return array.astype(x._array.dtype)
    return array
