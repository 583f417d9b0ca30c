"""How a user function calls its op: what goes wrong is said in the op's name, with the shapes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ..op import Op, apply
from ..value import Value


def run(op: Op, *inputs: Any) -> Any:
    """``apply``, whose errors begin with the op's name."""
    try:
        return apply(op, *inputs)
    except (ValueError, IndexError, TypeError) as error:
        raise explained(op.name, inputs, error) from error


def as_array(x: Any) -> Any:
    """x, or the array that a list or a number stands for; a list with Tensors in it is stacked."""
    if hasattr(x, "dtype"):
        return x
    return np.stack([as_array(part) for part in x]) if _holds_a_value(x) else np.asarray(x)


def _holds_a_value(x: Any) -> bool:
    return isinstance(x, Value) or (isinstance(x, (list, tuple)) and any(map(_holds_a_value, x)))


def explained(name: str, inputs: tuple[Any, ...], error: Exception) -> Exception:
    """The same kind of error, in the op's name; of shapes that do not broadcast, which axis."""
    text = str(error)
    if "broadcast" in text and len(inputs) > 1:
        text = _do_not_broadcast([shape_of(x) for x in inputs]) or text
    if not text.startswith(f"{name}: "):
        text = f"{name}: {text}"
    kinds = (np.exceptions.AxisError, IndexError, ValueError, TypeError)
    return next(kind for kind in kinds if isinstance(error, kind))(text)


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of a Tensor, an array, a list or a number."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def _do_not_broadcast(shapes: list[tuple[int, ...]]) -> str:
    """Which sizes on which axis, counted from the end, stand in the way."""
    for axis, sizes in enumerate(itertools.zip_longest(*(s[::-1] for s in shapes), fillvalue=1), 1):
        different = [str(n) for n in dict.fromkeys(sizes) if n != 1]
        if len(different) > 1:
            return (
                f"shapes {' and '.join(map(str, shapes))} do not broadcast: axis -{axis} has sizes "
                f"{' and '.join(different)}; wanted equal sizes, or 1"
            )
    return ""
