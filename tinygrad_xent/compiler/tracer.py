"""Tracer: what stands in for an array or a number while a function is traced.

It says that it is what it carries (``isinstance(tracer, np.ndarray)``), so that the engine and its
rules are read unmodified; NumPy's C code, which would look inside, gets an error instead.
"""

from __future__ import annotations

import functools
import operator
import sys
from typing import Any, NoReturn

import numpy as np

from ..value import Value
from .nodes import Node
from .simplify import of_settings
from .trace import Trace

# Methods of arrays that make something new and are noted by their names.
# fmt: off
METHODS = frozenset((
    "all", "any", "argmax", "argmin", "argsort", "astype", "choose", "clip", "compress", "conj",
    "copy", "cumprod", "cumsum", "diagonal", "flatten", "max", "mean", "min", "nonzero", "prod",
    "ravel", "repeat", "reshape", "round", "searchsorted", "squeeze", "std", "sum", "swapaxes",
    "take", "trace", "transpose", "var", "view",
))
# fmt: on
FACTS = ("dtype", "itemsize", "nbytes", "ndim", "shape", "size")  # known without the numbers
# Functions that ask nothing but facts.
ABOUT_FACTS = frozenset(
    (np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj, np.common_type)
)
WRITING = frozenset((np.copyto, np.put, np.place, np.putmask, np.put_along_axis, np.fill_diagonal))


class Tracer:
    """A stand-in for one array, NumPy scalar or Python number of a `Trace`."""

    __slots__ = ("_node", "_trace")

    def __init__(self, trace: Trace, node: Node) -> None:
        self._trace, self._node = trace, node

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What it stands in for: isinstance asks this; type() does not."""
        return type(self._node.value)

    def __getattr__(self, name: str) -> Any:
        value = self._node.value
        if name in FACTS:
            self._trace.asked.add(self._node)
            return getattr(value, name)
        if name.startswith("_") or not hasattr(value, name) or self._is_number():
            raise AttributeError(f"{type(value).__name__} has no attribute {name!r}")
        if name in ("T", "mT"):
            return self._trace.record("attribute", name, (self,))
        if name == "dot":
            return functools.partial(self._call, "function", np.dot)
        if name not in METHODS:
            self._refuse(f".{name}")
        return functools.partial(self._call, "method", name)

    def _call(self, kind: str, function: Any, *args: Any, **kwargs: Any) -> Any:
        return self._trace.record(kind, function, (self, *args), kwargs)

    # --- asked for its numbers -------------------------------------------------------------------

    def _is_number(self) -> bool:
        return type(self._node.value) in (int, float, bool)

    def _refuse(self, what: str) -> NoReturn:
        value = self._node.value
        kind = f"{value.dtype} {value.shape}" if hasattr(value, "dtype") else type(value).__name__
        raise self._trace.error(
            f"{what} asks for the numbers of an array ({kind}) that a compiled function computes "
            "anew in every call; choose with tx.where(condition, a, b), return what is to be "
            "looked at, or leave this out of the compiled function"
        )

    def _asked(self, what: str) -> Any:
        """The number itself, if it is a setting: the program is then for this value of it."""
        if not (self._is_number() and of_settings(self._node)):
            self._refuse(what)
        if type(self._node.value) is bool:
            return self._trace.check(self)
        same = self._trace.record("function", operator.eq, (self, self._node.value))
        self._trace.check(same)
        return self._node.value

    def _settled(self) -> Any:
        """Itself, or if it is a whole number, the number: a shape or an axis may depend on it."""
        value = self._node.value
        if type(value) is int:
            return self._asked("a shape")
        if isinstance(value, np.integer) and self._node.kind == "input":
            self._trace.check(self._trace.record("ufunc", np.equal, (self, value)))
            return value
        return self

    def _known(self) -> bool:
        return self._trace.check(self)

    def __bool__(self) -> bool:
        if self._is_number() and of_settings(self._node):
            return self._trace.check(self)
        return self._refuse("the truth of it")

    def __int__(self) -> int:
        return int(self._asked("int()"))

    def __float__(self) -> float:
        return float(self._asked("float()"))

    def __index__(self) -> int:
        return operator.index(self._asked("an index"))

    def __complex__(self) -> complex:
        return complex(self._asked("complex()"))

    def __hash__(self) -> int:
        return hash(self._asked("hash()")) if self._is_number() else object.__hash__(self)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self._is_number():
            return np.array(self._asked("np.asarray"), dtype)
        return self._refuse("np.asarray")

    def item(self, *index: Any) -> Any:
        """Refused, as whatever leaves for Python's numbers."""
        self._refuse(".item()")

    def tolist(self) -> Any:
        """Refused."""
        self._refuse(".tolist()")

    def __repr__(self) -> str:
        value = self._node.value
        if self._is_number() and not self._trace.closed:
            return repr(self._asked("repr()"))
        return f"<traced {getattr(value, 'dtype', type(value).__name__)} {np.shape(value)}>"

    def __str__(self) -> str:
        if self._trace.closed:
            return repr(self)
        return str(self._asked("str()"))

    def __format__(self, spec: str) -> str:
        """Its name in an optimizer's rule (``θ - lr ḡ``); elsewhere the number, if a setting."""
        if sys._getframe(1).f_code.co_name == "rule" or self._trace.closed:
            return self._node.name or repr(self)
        return format(self._asked("a format"), spec)

    # --- kept among arrays -----------------------------------------------------------------------

    def _as_array(self) -> Any:
        """It as an array of 0 axes, if it is a NumPy scalar."""
        if type(self._node.value) is np.ndarray:
            return self
        return self._trace.record("array", np.asarray, (self,))

    def _as_number(self) -> Any:
        """It as a weak number, still standing for what it is in each call."""
        return self if self._is_number() else self._trace.record("method", "item", (self,))

    def _call_kernel(self, function: Any, arguments: tuple[Any, ...], gives: Any) -> Any:
        return self._trace.kernel(function, arguments, gives)

    def __len__(self) -> int:
        self._trace.asked.add(self._node)
        return len(self._node.value)

    def __iter__(self) -> Any:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        return self._trace.record("getitem", operator.getitem, (self, index))

    def __setitem__(self, index: Any, value: Any) -> None:
        self._trace.write(self, "setitem", operator.setitem, (self, index, value), {})

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, Value) for x in inputs):
            return NotImplemented  # which knows what to do
        function = ufunc if method == "__call__" else (ufunc, method)
        out = kwargs.pop("out", None)
        if method == "at":
            self._trace.write(inputs[0], "ufunc", function, inputs, kwargs)
            return None
        if out is None or out[0] is None:
            return self._trace.record("ufunc", function, inputs, kwargs)
        (target,) = out
        if type(target) is not Tracer:
            raise self._trace.error("writes what is computed anew into a constant array")
        return self._trace.write(target, "ufunc", function, inputs, kwargs | {"out": target})

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any(issubclass(kind, Value) for kind in types):
            return NotImplemented
        if function in ABOUT_FACTS:
            return function(*(_facts(a) for a in args), **kwargs)
        if kwargs.get("out") is not None:
            return self._trace.write(kwargs["out"], "function", function, args, kwargs)
        if function in WRITING:
            return self._trace.write(args[0], "function", function, args, kwargs)
        return self._trace.record("function", function, args, kwargs)


def _facts(x: Any) -> Any:
    if type(x) is Tracer:
        x._trace.asked.add(x._node)
    return x._node.value if type(x) is Tracer else x


def _infix(name: str, ufunc: Any) -> None:
    """Define an operator: by the ufunc that it is for arrays, by itself for Python's numbers."""
    of_numbers = getattr(operator, f"__{name}__")

    def call(a: Any, b: Any) -> Any:
        trace = (a if type(a) is Tracer else b)._trace
        if isinstance(a, Value) or isinstance(b, Value):
            return NotImplemented
        numbers = all(isinstance(x, (int, float)) and not hasattr(x, "dtype") for x in (a, b))
        if name == "pow" or numbers:
            kind, function = ("infix", "**") if name == "pow" else ("function", of_numbers)
            return trace.record(kind, function, (a, b))
        return trace.record("ufunc", ufunc, (a, b))

    def forward(self: Tracer, other: Any) -> Any:
        return call(self, other)

    def reflected(self: Tracer, other: Any) -> Any:
        return call(other, self)

    def in_place(self: Tracer, other: Any) -> Any:
        if type(self._node.value) is not np.ndarray or name == "pow":
            return call(self, other)
        return self._trace.write(self, "ufunc", ufunc, (self, other), {"out": self})

    setattr(Tracer, f"__{name}__", forward)
    if name not in COMPARISONS:
        setattr(Tracer, f"__r{name}__", reflected)
        setattr(Tracer, f"__i{name}__", in_place)


def _prefix(name: str, ufunc: Any) -> None:
    of_numbers = getattr(operator, f"__{name}__")

    def call(self: Tracer) -> Any:
        if self._is_number():
            return self._trace.record("function", of_numbers, (self,))
        return self._trace.record("ufunc", ufunc, (self,))

    setattr(Tracer, f"__{name}__", call)


COMPARISONS = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
ARITHMETIC = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "matmul": np.matmul,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
}
for _name, _ufunc in (COMPARISONS | ARITHMETIC).items():
    _infix(_name, _ufunc)
for _name, _ufunc in {
    "neg": np.negative,
    "pos": np.positive,
    "abs": np.absolute,
    "invert": np.invert,
}.items():
    _prefix(_name, _ufunc)
