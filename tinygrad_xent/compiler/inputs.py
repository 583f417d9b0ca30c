"""Inputs: what a program reads anew in every call, what it makes, and what a trace puts back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..value import Value
from .nodes import Node


class Input:
    """What the program reads anew: its node, and where it stands.

    `where` is ("argument", k), ("array" or "grad", Tensor), ("entry", container, key) or
    ("outside", array); `path` leads on through tuples, and in arguments through lists and dicts.
    """

    def __init__(self, node: Node, where: tuple[Any, ...], path: tuple[Any, ...] = ()) -> None:
        self.node, self.where, self.path = node, where, path


class Made:
    """In a result, a Tensor that the call made: its node, class and name, and its gradient."""

    def __init__(self, value: Value, node: Any, grad: Any) -> None:
        self.kind, self.name, self.node, self.grad = type(value), value.name, node, grad
        self.needs_grad = value._needs_grad and value.op is None


def is_writeable(array: Any) -> bool:
    """Whether somebody may write into the array, or into what it is a view of."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return True
        array = array.base
    return False


# What a result may hold besides what the program computes.
PLAIN = (type(None), bool, int, float, complex, str, bytes, np.generic, np.dtype, type)


def without_notice() -> Any:
    """Take no notice of an overflow in a trace: the program will say it."""
    return np.errstate(all="call", call=_nothing)


def _nothing(kind: str, flag: int) -> None:
    """What is called of it."""


SLOTS = ("_array", "_holder", "_kept", "_needs_grad", "_notes", "name")


def slots(tensor: Value) -> Any:
    """What a traced call may change of a Tensor."""
    return [getattr(tensor, slot) for slot in SLOTS]


def restored(tensor: Value, before: Any) -> None:
    """Put back what `slots` gave."""
    for slot, value in zip(SLOTS, before, strict=True):
        setattr(tensor, slot, value)
