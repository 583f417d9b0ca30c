"""What the walk does about hooks: they see a gradient, and may put another in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .value import HOOKED, Value, _listeners, as_array, called, cast, copied

Hooks = Callable[[Value, Value, Any], Any]  # the root, a value, its gradient: another gradient


def hooked(root: Value, value: Value, g: Any) -> Any:
    """The gradient as the value's hooks leave it; those who listen are told of another."""
    after = answered(value, g)
    if after is not g:
        for listener in _listeners():
            listener.hooked(value, g, after)
    return after


def noted(root: Value, value: Value, g: Any) -> Any:
    """The same, noted at the root for those who draw the walk."""
    after = hooked(root, value, g)
    if after is not g:
        answers = (root._notes or {}).get(HOOKED, {})
        root._note(HOOKED, answers | {value.number: after})
    return after


def answered(value: Value, g: Any) -> Any:
    """What the value's hooks return, the next given what the one before left."""
    dtype, kind = value._array.dtype, type(value)
    for hook in [what for key, what in (value._notes or {}).items() if key >= 0]:
        seen = g
        if not isinstance(g, Value):
            seen = as_array(g)
            if type(seen) is np.ndarray:
                seen = seen.view()
                seen.flags.writeable = False  # others may be given the same array
        answer = hook(seen)
        if answer is None or answer is seen:
            continue
        array = copied(answer._array if isinstance(answer, Value) else answer)
        if array.shape != value._array.shape or array.dtype.kind != "f":
            raise ValueError(
                f"register_hook: the hook {getattr(hook, '__name__', hook)!r} of {called(value)} "
                f"returned {array.dtype} of shape {array.shape}; wanted a gradient of shape "
                f"{value._array.shape}, or None to leave it as it is"
            )
        if not isinstance(g, Value):
            g = array.astype(dtype, copy=False)
        elif not isinstance(answer, Value):
            g = kind.wrap(array.astype(dtype, copy=False))
        else:
            g = cast(answer, dtype)
    return g
