"""What a drawing calls each Value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..value import Value


def checked_names(names: Any, what: str) -> Mapping[str, Any]:
    """Names as they were given, if they are a mapping from text; nothing if there are none.

    Raises
    ------
    TypeError
        If not; `what` they are stands before it.
    """
    if names is None:
        return {}
    if not isinstance(names, Mapping):
        raise TypeError(
            f"{what} is a {type(names).__name__}; wanted a mapping from names, such as locals()"
        )
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{what} has the key {name!r}; wanted a name, which is a str")
    return names


def name_all(
    values: list[Value], given: Mapping[str, Any], paths: Mapping[int, str]
) -> dict[int, str]:
    """A name for each of the `values`, by its number.

    It is the one in `given`, else its own, else its path in a Module, else made up.

    `given` may be ``locals()``: what is no Value is passed over, and so is what begins with an
    underscore, which is how notebooks call what they displayed last.
    """
    called = {
        value.number: name for value in values if (name := value.name or paths.get(value.number))
    }
    for name, value in given.items():
        if isinstance(value, Value) and not name.startswith("_"):
            called[value.number] = name
    taken = set(called.values())
    tried = Counter[str]()
    for value in values:
        while value.number not in called:
            name = _made_up(value, tried, is_root=value is values[-1])
            if name not in taken:
                called[value.number] = name
    return called


def _made_up(value: Value, tried: Counter[str], is_root: bool) -> str:
    """The next name of its kind: x0, x1 for leaves; log, log2 for results; L for the loss."""
    if value.op is None:
        stem = "w" if value._needs_grad else "y" if value._array.dtype.kind in "iub" else "x"
        number = str(tried[stem])
    else:  # L, because the gradients are called ∂L/∂...
        stem = "L" if is_root and value._array.size == 1 else value.op.name
        number = str(tried[stem] + 1) if tried[stem] else ""
    tried[stem] += 1
    return stem + number
