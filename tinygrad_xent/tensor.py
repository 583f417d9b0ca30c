"""Tensor: a Value with arithmetic. Every operator and method is one line into ops."""

# An op returns an array for arrays and a Tensor for Tensors, which its type cannot say.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from . import ops, protocols
from .backprop import backward
from .display import tensor_html
from .running_total import warn_of_running_total
from .value import KEEPS_GRAD, NOBODY, Array, Hook, Value, _numbers, copied, get_default_dtype


def _reflected(f: Callable[..., Any]) -> Callable[..., Any]:
    """What an operator calls on its right operand: f with the two exchanged."""
    return lambda self, other: f(other, self)


class Tensor(Value):
    """An array of real numbers that can have a gradient.

    Parameters
    ----------
    data
        Array, number or nested list. It is copied. Lists and Python numbers become the default
        float (float32), arrays keep their dtype; integers and bools become the default float if
        `requires_grad` is set.
    requires_grad
        Whether ``backward()`` should leave a gradient in ``.grad``.
    dtype
        The dtype to convert to.
    name
        What drawings and messages call it.

    Raises
    ------
    TypeError
        If the data are not real numbers, or an integer dtype is asked for with `requires_grad`.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> x = tx.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4., 6.], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        *,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ) -> None:
        array = _as_new_array(data, dtype)
        if requires_grad and array.dtype.kind != "f":
            if dtype is not None:
                raise TypeError(
                    f"Tensor: dtype {array.dtype} cannot have a gradient; wanted a floating dtype"
                )
            array = array.astype(get_default_dtype())
        self._fill(array, requires_grad, holder=NOBODY)
        self.name = name

    # --- the array -----------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The array, to read or to write into; that never changes what a graph has recorded."""
        return self._array_for_user()

    @data.setter
    def data(self, data: Any) -> None:
        if data is self._array:  # p.data -= ... hands back what it was handed
            return
        array = copied(data, self._array.dtype)
        if array.shape != self._array.shape:
            raise ValueError(
                f"data: got shape {array.shape}, wanted {self._array.shape}, the Tensor's own"
            )
        self._rebind(array)

    def numpy(self) -> Array:
        """A copy of the array."""
        return self._array.copy()

    def item(self) -> float:
        """The only element, as a Python number."""
        if self._array.size != 1:
            raise ValueError(f"item: the Tensor has shape {self.shape}; wanted a single element")
        number: float = self._array.item()
        return number

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        return self._array.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._array.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self._array.dtype

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[k] for k in range(len(self)))

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        if self._array.size != 1:
            raise ValueError(
                "bool: the truth value of a Tensor with more than one element is ambiguous: got "
                f"shape {self.shape}, wanted one element; use .any() or .all()"
            )
        return bool(self._array)

    def __repr__(self) -> str:
        array = np.array2string(self._array, separator=", ", prefix="Tensor(")
        dtype = "" if self.dtype == get_default_dtype() else f", dtype={self.dtype}"
        grad = ", requires_grad=True" if self._needs_grad and self.op is None else ""
        made = f", op={self.op.name}" if self.op else ""
        return f"Tensor({array}{dtype}{grad}{made})"

    _repr_html_ = tensor_html

    # --- the gradient --------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient with respect to this Tensor can be asked for."""
        return self._needs_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self.op is not None:
            raise RuntimeError(
                "requires_grad: this Tensor was computed; use .detach() to cut it off its graph"
            )
        if wanted and self.dtype.kind != "f":
            raise TypeError(
                f"requires_grad: dtype {self.dtype} cannot have a gradient; use .astype(float)"
            )
        self._needs_grad = bool(wanted)

    @property
    def grad(self) -> Array | None:
        """What ``backward()`` added up here; None before the first time, which is not 0."""
        kept = self._kept
        if kept is None:
            return None
        g, is_own = kept
        if not (is_own and isinstance(g, np.ndarray)):
            # The walk may deliver one array to several leaves: yours to write into is a copy. And
            # NumPy makes a number of the sum of two 0-d arrays.
            g = copied(g)
            self._kept = g, True
        return g

    @grad.setter
    def grad(self, grad: Any) -> None:
        if grad is self._grad and grad is not None:
            return
        array = None if grad is None else copied(grad, self.dtype)
        if array is not None and array.shape != self.shape:
            raise ValueError(
                f"grad: got shape {array.shape}, wanted {self.shape}, the Tensor's own"
            )
        self._kept = None if array is None else (array, True)

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user, not by an op that was recorded."""
        return self._op is None

    backward = backward
    _outlive = warn_of_running_total

    def retain_grad(self) -> None:
        """Let ``backward()`` leave a gradient here too, although this is not a leaf."""
        self._must_need_grad("retain_grad")
        self._note(KEEPS_GRAD, True)

    def register_hook(self, hook: Hook) -> HookHandle:
        """Call `hook` with the gradient of this Tensor as soon as the backward walk has it.

        What it returns takes the gradient's place, here and in all that follows from it; None
        leaves it. It is given an array that cannot be written into, and where gradients are
        recorded (``create_graph=True``) a Tensor. Hooks are called in the order in which they were
        registered, in every walk of ``backward()`` and of ``tx.grad``. A drawing, a player or an
        explanation calls none: it shows what they returned in ``backward()``.

        Raises
        ------
        RuntimeError
            If this Tensor needs no gradient.
        ValueError
            In the walk, if what `hook` returns is not of the gradient's shape.

        Examples
        --------
        >>> import tinygrad_xent as tx
        >>> x = tx.Tensor([1.0, -2.0], requires_grad=True)
        >>> handle = x.register_hook(lambda g: g.clip(-3, 3))
        >>> (x * x).sum().backward()                          # 2 x, clipped
        >>> x.grad
        array([ 2., -3.], dtype=float32)
        >>> handle.remove()
        """
        self._must_need_grad("register_hook")
        number = next(_numbers)
        self._note(number, hook)
        return HookHandle(self._notes, number)

    def _must_need_grad(self, caller: str) -> None:
        if not self._needs_grad:
            raise RuntimeError(f"{caller}: this Tensor needs no gradient, so it never gets one")

    def detach(self) -> Tensor:
        """The same numbers, cut off the graph: a leaf that needs no gradient."""
        result: Tensor = type(self).wrap(self._array_for_graph())
        return result

    # --- arithmetic ----------------------------------------------------------------------------

    __add__, __radd__ = ops.add, _reflected(ops.add)
    __sub__, __rsub__ = ops.subtract, _reflected(ops.subtract)
    __mul__, __rmul__ = ops.multiply, _reflected(ops.multiply)
    __truediv__, __rtruediv__ = ops.divide, _reflected(ops.divide)
    __floordiv__, __rfloordiv__ = ops.floor_divide, _reflected(ops.floor_divide)
    __mod__, __rmod__ = ops.remainder, _reflected(ops.remainder)
    __pow__, __rpow__ = ops.power, _reflected(ops.power)
    __matmul__, __rmatmul__ = ops.matmul, _reflected(ops.matmul)
    __neg__ = ops.negative
    __abs__ = ops.abs

    def __pos__(self) -> Tensor:
        return self

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return other // self, other % self

    def __round__(self, decimals: int | None = None) -> Tensor:
        return ops.round(self, decimals or 0)

    # --- comparisons: plain bool arrays, elementwise --------------------------------------------

    def __eq__(self, other: object) -> Array:  # type: ignore[override]
        return self._array == _raw(other)

    def __ne__(self, other: object) -> Array:  # type: ignore[override]
        return self._array != _raw(other)

    def __lt__(self, other: Any) -> Array:
        return self._array < _raw(other)

    def __le__(self, other: Any) -> Array:
        return self._array <= _raw(other)

    def __gt__(self, other: Any) -> Array:
        return self._array > _raw(other)

    def __ge__(self, other: Any) -> Array:
        return self._array >= _raw(other)

    __hash__ = Value.__hash__  # identity: comparing is elementwise, being the same is not

    # --- methods -------------------------------------------------------------------------------

    __getitem__ = ops.getitem

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "a Tensor cannot be assigned to in place: the graph relies on its array; "
            "compute a changed one with tx.where(mask, new, t), or write into a parameter's .data"
        )

    @property
    def T(self) -> Tensor:  # noqa: N802 - NumPy's name
        """The transpose: the axes in reverse order."""
        return ops.transpose(self)

    @property
    def mT(self) -> Tensor:  # noqa: N802 - NumPy's name
        """The last two axes exchanged."""
        return ops.matrix_transpose(self)

    def reshape(self, *shape: int | tuple[int, ...]) -> Tensor:
        """The same elements in another shape: ``t.reshape(2, 3)`` or ``t.reshape((2, 3))``."""
        return ops.reshape(self, shape[0] if len(shape) == 1 else shape)  # type: ignore[arg-type]

    def transpose(self, *axes: Any) -> Tensor:
        """The axes in another order, reversed if none is given."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return ops.transpose(self, order or None)

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return self._array.tolist()

    # The op's own function is the method: its first argument is the Tensor.
    exp, log, sqrt, tanh, sigmoid, relu = (
        ops.exp,
        ops.log,
        ops.sqrt,
        ops.tanh,
        ops.sigmoid,
        ops.relu,
    )
    softmax, log_softmax, logsumexp = ops.softmax, ops.log_softmax, ops.logsumexp
    sum, mean, prod, max, min = ops.sum, ops.mean, ops.prod, ops.max, ops.min
    var, std, cumsum, cumprod = ops.var, ops.std, ops.cumsum, ops.cumprod
    all, any, argmax, argmin = ops.all, ops.any, ops.argmax, ops.argmin
    argsort, nonzero, searchsorted = ops.argsort, ops.nonzero, ops.searchsorted
    clip, round, astype, sort = ops.clip, ops.round, ops.astype, ops.sort
    ravel, flatten, squeeze, swapaxes = ops.ravel, ops.flatten, ops.squeeze, ops.swapaxes
    take, repeat, diagonal, trace, dot = ops.take, ops.repeat, ops.diagonal, ops.trace, ops.dot

    # --- NumPy's protocols ---------------------------------------------------------------------

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        if self._needs_grad:
            raise TypeError(
                "a Tensor that needs a gradient cannot silently become an array: "
                "use .data or .numpy(), or .detach() first"
            )
        return np.array(self._array, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return protocols.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return protocols.call_function(function, args, kwargs)


class HookHandle:
    """What `Tensor.register_hook` returns: ``remove()`` takes the hook away again."""

    def __init__(self, notes: Any, number: int) -> None:
        # The Tensor's notes alone: a handle that is kept does not keep the Tensor and its graph.
        self._notes, self._number = notes, number

    def remove(self) -> None:
        """Never call the hook again; a second time does nothing."""
        self._notes.pop(self._number, None)


def _raw(x: Any) -> Any:
    """The array of a Tensor, anything else as it is."""
    return x._array if isinstance(x, Value) else x


def _as_new_array(data: Any, dtype: DTypeLike | None) -> Array:
    """A fresh array of real numbers: lists and Python numbers as the default float."""
    if isinstance(data, Value):
        data = data._array
    weak = not isinstance(data, (np.ndarray, np.generic))
    try:
        array = copied(data, dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"Tensor: cannot make an array of numbers from {type(data).__name__}: {error}"
        ) from error
    if array.dtype.kind not in "biuf":
        raise TypeError(f"Tensor: got dtype {array.dtype}; wanted real numbers")
    return array.astype(get_default_dtype()) if weak and dtype is None else array
