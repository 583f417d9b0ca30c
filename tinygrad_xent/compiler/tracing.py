"""Tracing: run a function once with stand-ins in all it reads, and put everything back."""

from __future__ import annotations

import copy as copying
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..value import Value, _numbers, listening
from .containers import NUMBERS, Container, is_input
from .inputs import PLAIN, Input, Made, is_writeable, restored, slots, without_notice
from .names import Labels, identifier, parameter_names
from .nodes import Node, mapped
from .places import Surroundings
from .trace import Trace, TraceError
from .tracer import Tracer
from .watching import Watch


class Record:
    """One traced call: the trace, its inputs, what it returned and what it wrote where."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: Any,
        kwargs: dict[str, Any],
        numbers: Any = NUMBERS,
        also: tuple[Any, ...] = (),
    ) -> None:
        self.numbers = numbers
        self.trace = Trace(Tracer)
        self.name = getattr(function, "__name__", "step")
        self.trace.began = next(_numbers)
        arguments = (*args, *kwargs.values())
        self.also = also  # functions that are called although nothing leads to them
        self.surroundings = Surroundings(function, arguments, also)
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
        self.opaque: list[Any] = []  # of the result, objects that are not looked into
        self._copies: list[tuple[Any, Any, int]] = []  # of lists and dicts among the arguments
        self.watch = Watch(self.trace, self.surroundings)
        self._run(function, kwargs)

    def _run(self, function: Callable[..., Any], kwargs: dict[str, Any]) -> None:
        """Call the function with stand-ins; put everything back, whatever happens."""
        saved = [(t, slots(t)) for t, _ in self.surroundings.tensors.values()]
        try:
            stand_ins = [self._argument(x, k) for k, x in enumerate(self.arguments)]
            self._substitute()
            given = dict(zip(kwargs, stand_ins[self.positional :], strict=True))
            with listening(self.trace), without_notice(), self.watch:
                result = function(*stand_ins[: self.positional], **given)
            self.called = self.watch.unseen(self.surroundings)
            self._check_arguments()
            Labels(self.trace, self.names)
            self.result = mapped(result, self._kept)
            self._collect()
            self.trace.close()
            self.surroundings.check_sets()
        finally:
            self.trace.closed = True
            for container in self.surroundings.containers:
                container.restore()
            self.surroundings.restore_sets()
            for tensor, were in saved:
                restored(tensor, were)

    def now(self, one: Input) -> Any:
        """What stands at the place of an input now; of an argument, what it was in the trace."""
        kind, *where = one.where
        if kind == "argument":
            value = self.arguments[where[0]]
        elif kind == "entry":
            value = where[0].get(where[1])
        elif kind == "outside":
            value = where[0]
        else:
            value = where[0]._array if kind == "array" else where[0]._grad
        for key in one.path:
            value = value[key]
        return value

    @property
    def used(self) -> set[Node]:
        """The arrays on which something depends, if it is only on their shape."""
        used = {x for node in self.trace.nodes for x in node.inputs()} | self.trace.asked
        return {x for x in used if x.kind == "input" and isinstance(x.value, np.ndarray)}

    def compare(self, first: Record) -> None:
        """With a record of the same call: what is one object in both is no constant.

        Raises
        ------
        TraceError
            If an object in the result is another one.
        """
        for a, b in zip(first.opaque, self.opaque, strict=False):
            if a is not b:
                raise TraceError(
                    f"{self.name} returns a {type(b).__name__} that it has made; return arrays, "
                    "Tensors, numbers and strings, in tuples, lists and dicts"
                )
        for node, other in zip(self.trace.nodes, first.trace.nodes, strict=True):
            if node.kind == "constant" and node.value is other.value and is_writeable(node.value):
                node.kind, node.name = "input", "outside"
                self.inputs.append(Input(node, ("outside", node.value)))

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
            if isinstance(part, (dict, list)):
                keys = list(part) if isinstance(part, dict) else range(len(part))
                copy = copying.copy(part)
                for key in keys:
                    copy[key] = within(part[key], (*path, key))
                self._copies.append((copy, copying.copy(copy), k))
                return copy
            if isinstance(part, tuple):
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
            if tensor._kept is not None:
                g, is_own = tensor._kept
                tensor._kept = self._input(g, f"d{name}_before", ("grad", tensor)), is_own
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
        if type(key) is str and key == "__defaults__":
            return f"default_of_{container.holder.__name__}"
        owner, _, last = container.label.rpartition(".")
        if type(key) is int:  # of a list of arrays: velocity.0
            beside, key, last = owner, last, str(key)
        elif last.isdigit():  # of a list of dicts: state.0.velocity
            beside = owner.rpartition(".")[0]
        else:
            return key if type(key) is str and key != "cell_contents" else container.label
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
            grad = None if x._grad is None else self.trace.node_of(x._grad)
            return Made(x, self.trace.node_of(x._array), grad)
        if isinstance(x, np.ndarray):
            return self.trace.node_of(x)
        if not isinstance(x, PLAIN):
            self.opaque.append(x)
        return x

    def _check_arguments(self) -> None:
        for copy, before, k in self._copies:
            parts = [list(x.items()) if isinstance(x, dict) else list(x) for x in (copy, before)]
            same = len(parts[0]) == len(parts[1]) and all(
                a is b or (isinstance(a, tuple) and a[0] is b[0] and a[1] is b[1])
                for a, b in zip(*parts, strict=True)
            )
            if not same:
                raise TraceError(
                    f"the function writes into the {type(copy).__name__} that is its argument "
                    f"{self.argument_names[k]!r}; return what is to be kept"
                )

    def _collect(self) -> None:
        before = {id(i.where[1]): i for i in self.inputs if i.where[0] == "array"}
        grads = {id(i.where[1]): i for i in self.inputs if i.where[0] == "grad"}
        for one, tracer in zip(self.inputs, self._stand_ins, strict=True):
            if tracer._node is not one.node:
                self.mutated.append((one, tracer._node))
        self._check_overlaps()
        in_place = {id(tracer) for tracer in self._stand_ins}
        for key, (tensor, _) in self.surroundings.tensors.items():
            now = self.trace.node_of(tensor._array)
            if now is not before[key].node and id(tensor._array) not in in_place:
                self.arrays.append((tensor, now))
            grad = None if tensor._grad is None else self._kept(tensor._grad)
            was = grads[key].node if key in grads else None
            if grad is not was and id(tensor._grad) not in in_place:
                self.grads.append((tensor, grad))
                if grad is not None and grad.kind not in ("input", "constant"):
                    grad.name = grad.name or f"d{self.names[key]}"
        for container in self.surroundings.containers:
            for key, now in container.written():
                self.entries.append((container, key, self._entry(container, key, now)))

    def _check_overlaps(self) -> None:
        read = [one for one in self.inputs if one.node in self.used]
        for one, node in self.mutated:
            for other in read:
                if one is not other and np.may_share_memory(one.node.value, other.node.value):
                    raise TraceError(
                        f"{node.line}: writes into {one.node.name!r}, whose memory is also that "
                        f"of {other.node.name!r}; pass a copy, or compute a new array"
                    )

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
