"""Tracing: run a function once with stand-ins in all it reads, and put everything back."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..value import Value, _numbers, listening
from .names import Labels, identifier, parameter_names
from .places import NUMBERS, Container, Surroundings, is_input
from .trace import Node, Trace, TraceError, mapped, user_line
from .tracer import Tracer


class Input:
    """What the program reads anew: its node, and where it stands.

    `where` is ("argument", k), ("array" or "grad", Tensor) or ("entry", container, key); `path`
    leads on through tuples, and in arguments through lists and dicts.
    """

    def __init__(self, node: Node, where: tuple[Any, ...], path: tuple[Any, ...] = ()) -> None:
        self.node, self.where, self.path = node, where, path


class Made:
    """In a result, a Tensor that the call made: its node, class and name."""

    def __init__(self, value: Value, node: Any) -> None:
        self.kind, self.name, self.node = type(value), value.name, node


class Record:
    """One traced call: the trace, its inputs, what it returned and what it wrote where."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: Any,
        kwargs: dict[str, Any],
        numbers: Any = NUMBERS,
    ) -> None:
        self.numbers = numbers
        self.trace = Trace(Tracer)
        self.name = getattr(function, "__name__", "step")
        self.trace.began = next(_numbers)
        arguments = (*args, *kwargs.values())
        self.surroundings = Surroundings(function, arguments)
        self.inputs: list[Input] = []
        self._stand_ins: list[Any] = []  # of the inputs
        self.mutated: list[tuple[Input, Node]] = []  # arrays that were written into, and with what
        self.names = parameter_names(self.surroundings)
        self.argument_names = _argument_names(function, args, kwargs)
        self.arguments, self.positional = arguments, len(args)
        self.passed_tensors = {  # by id: which argument they are
            key: place[1]
            for key, (t, place) in self.surroundings.tensors.items()
            if place[:1] == ("argument",) and arguments[place[1]] is t
        }
        self.arrays: list[tuple[Value, Any]] = []  # Tensors whose array changed, and the node
        self.grads: list[tuple[Value, Any]] = []
        self.entries: list[tuple[Container, Any, Any]] = []
        self.had_grad = {
            key: t._grad is not None for key, (t, _) in self.surroundings.tensors.items()
        }
        self.result: Any = None
        saved = [(t, _slots(t)) for t, _ in self.surroundings.tensors.values()]
        try:
            stand_ins = [self._argument(x, k) for k, x in enumerate(arguments)]
            self._substitute()
            given = dict(zip(kwargs, stand_ins[len(args) :], strict=True))
            with listening(self.trace), np.errstate(all="call", call=_nothing):
                result = function(*stand_ins[: len(args)], **given)
            Labels(self.trace, self.names)
            self.result = mapped(result, self._kept)
            self._collect()
        finally:
            self.trace.closed = True
            for container in self.surroundings.containers:
                container.restore()
            for tensor, slots in saved:
                _restore(tensor, slots)

    def forget(self) -> None:
        """Let go of the numbers; a program reads those of each call."""
        self.trace.forget()
        for container in self.surroundings.containers:
            for key, value in container.before.items():
                if is_input(value):
                    container.before[key] = None
            container.during.clear()

    # --- stand-ins -------------------------------------------------------------------------------

    def _input(self, value: Any, name: str, where: Any, path: tuple[Any, ...] = ()) -> Any:
        tracer = self.trace.input(value, name)
        self.inputs.append(Input(tracer._node, where, path))
        self._stand_ins.append(tracer)
        return tracer

    def _argument(self, x: Any, k: int) -> Any:
        def within(part: Any, path: tuple[Any, ...]) -> Any:
            if type(part) is dict:
                return {key: within(value, (*path, key)) for key, value in part.items()}
            if isinstance(part, (tuple, list)):
                parts = [within(value, (*path, i)) for i, value in enumerate(part)]
                return type(part)(*parts) if hasattr(part, "_fields") else type(part)(parts)
            if is_input(part, self.numbers):
                name = identifier("_".join(map(str, (self.argument_names[k], *path))))
                return self._input(part, name, ("argument", k), path)
            if isinstance(part, Value) and part.op is not None:
                raise TraceError(
                    f"argument {self.argument_names[k]!r} is the result of {part.op.name}; a "
                    "compiled function takes arrays and leaves: pass .detach(), or its array"
                )
            return part

        return within(x, ())

    def _substitute(self) -> None:
        for key, (tensor, _) in self.surroundings.tensors.items():
            name = self.names[key]
            if key in self.passed_tensors:
                argument = self.argument_names[self.passed_tensors[key]]
                name = self.names[key] = identifier(tensor.name or argument)
            tensor._array = self._input(tensor._array, name, ("array", tensor))
            if tensor._grad is not None:
                tensor._grad = self._input(tensor._grad, f"d{name}_before", ("grad", tensor))
        for container in self.surroundings.containers:

            def stand_in(value: Any, place: Any, path: tuple[int, ...]) -> Any:
                named = self._entry_name(*place)
                if path and named.endswith("s"):  # betas: beta1, beta2
                    named = named[:-1] + "_".join(str(k + 1) for k in path)
                elif path:
                    named = "_".join([named, *map(str, path)])
                return self._input(value, identifier(named), ("entry", *place), path)

            container.substitute(stand_in, self.numbers)

    def _entry_name(self, container: Container, key: Any) -> str:
        """``lr``, ``velocity_W1``: the key, and whose it is in a list beside a list of Tensors."""
        owner, _, last = container.label.rpartition(".")
        if not last.isdigit():
            return str(container.label if str(key) == "cell_contents" else key)
        beside = owner.rpartition(".")[0]
        for tensor_key, paths in self.surroundings.paths.items():
            if any(p.startswith(f"{beside}.") and p.endswith(f".{last}") for p in paths):
                return f"{key}_{self.names[tensor_key]}"
        return f"{key}_{last}"

    # --- what became of it -----------------------------------------------------------------------

    def _kept(self, x: Any) -> Any:
        """A result or an entry as the program gives it: a node, a Tensor of one, or a constant."""
        if type(x) is Tracer:
            return self.trace.node_of(x)
        if isinstance(x, Value):
            if x.number < self.trace.began:
                return x
            return Made(x, self.trace.node_of(x._array))
        if isinstance(x, np.ndarray):
            return self.trace.node_of(x)
        return x

    def _collect(self) -> None:
        before = {id(i.where[1]): i for i in self.inputs if i.where[0] == "array"}
        grads = {id(i.where[1]): i for i in self.inputs if i.where[0] == "grad"}
        for one, tracer in zip(self.inputs, self._stand_ins, strict=True):
            if tracer._node is not one.node:
                self.mutated.append((one, tracer._node))
        in_place = {id(tracer) for tracer in self._stand_ins}
        for key, (tensor, _) in self.surroundings.tensors.items():
            now = self.trace.node_of(tensor._array)
            if now is not before[key].node and id(tensor._array) not in in_place:
                self.arrays.append((tensor, now))
            grad = None if tensor._grad is None else self._kept(tensor._grad)
            was = grads[key].node if key in grads else None
            if grad is not was and id(tensor._grad) not in in_place:
                self.grads.append((tensor, grad))
        for container in self.surroundings.containers:
            for key, now in container.written():
                self.entries.append((container, key, self._entry(container, key, now)))

    def _entry(self, container: Container, key: Any, now: Any) -> Any:
        tree = mapped(now, self._kept)

        def must_be_plain(part: Any) -> Any:
            plain = part is None or isinstance(part, (Node, Made, str, bool, int, float, Value))
            if not plain:
                raise TraceError(
                    f"the function sets {key!r} of {container.label} to a {type(part).__name__}, "
                    "which would happen once, not in every call; do it outside of it"
                )
            return part

        return mapped(tree, must_be_plain)


def _nothing(kind: str, flag: int) -> None:
    """What is called of an overflow in a trace: the program will say it."""


SLOTS = ("_array", "_holder", "_grad", "_needs_grad", "_notes", "name")


def _slots(tensor: Value) -> Any:
    return [getattr(tensor, slot) for slot in SLOTS], getattr(tensor, "_grad_is_ours", False)


def _restore(tensor: Value, slots: Any) -> None:
    for slot, value in zip(SLOTS, slots[0], strict=True):
        setattr(tensor, slot, value)
    tensor._grad_is_ours = slots[1]


def _argument_names(function: Any, args: Any, kwargs: Any) -> list[str]:
    """What the function calls its arguments, and those that it was given by name."""
    try:
        bound = [
            p.name
            for p in inspect.signature(function).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        bound = []
    names = bound[: len(args)] + [f"argument_{k}" for k in range(len(bound), len(args))]
    return names + list(kwargs)


__all__ = ["Input", "Made", "Record", "user_line"]
