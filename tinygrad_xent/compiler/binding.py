"""Binding: the function around a program that reads its inputs where they stand now, checks that
the program is for them, runs it, and puts its results where eager execution would have left them.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..value import GRAPH, KEEPS_GRAD, NOBODY, USER, Value, as_array, get_default_dtype
from .buffers import Buffer
from .containers import Container, is_input
from .program import Input, Program
from .trace import Node, strides
from .tracing import Made

MISSED = object()  # what a program returns that is not for this call


class Binder:
    """Writes ``call(args, kwargs)`` for a program."""

    def __init__(self, program: Program) -> None:
        self.program, self.record = program, program.record
        self.names: dict[str, Any] = {
            "MISSED": MISSED,
            "Changed": program.namespace["Changed"],
            "step": program.step,
            "program": program,
            "fits": fits,
            "seen": [None] * len(program.inputs),
            "getrefcount": sys.getrefcount,
            "ndarray": np.ndarray,
            "as_array": as_array,
            "made": made,
            "get_default_dtype": get_default_dtype,
        }
        self.bound: dict[int, str] = {}
        # What the program replaces: a Tensor there is another one in every call.
        self.written = {(id(c), key) for c, key, _ in self.record.entries}
        self.lines: list[str] = []
        self.is_given = {node: f"r{k}" for k, node in enumerate(program.returned)}

    def bind(self, thing: Any, letter: str) -> str:
        """A name for an object that the call needs."""
        if id(thing) not in self.bound:
            name = f"{letter}{len(self.names)}"
            self.bound[id(thing)], self.names[name] = name, thing
        return self.bound[id(thing)]

    def tensor(self, tensor: Value) -> str:
        """How the call reaches a Tensor: as its argument, or as the one that was traced."""
        k = self.record.passed_tensors.get(id(tensor))
        if k is not None:
            return f"a{k}"
        found = self.record.surroundings.tensors.get(id(tensor))
        if found is not None and len(found[1]) == 2 and isinstance(found[1][0], Container):
            container: Container = found[1][0]
            key = found[1][1]
            if (id(container), key) in self.written and container.before[key] is tensor:
                return container.text(self.bind, key)
        return self.bind(tensor, "p")

    def miss_unless(self, condition: str) -> None:
        """Leave the call to another program."""
        self.lines.append(f"if not ({condition}): return MISSED")

    def made(self) -> Any:
        """The function."""
        self._arguments()
        self._guards()
        for k, one in enumerate(self.program.inputs):
            self._read(k, one)
        self._apart()
        self._settings()
        self._run()
        self.lines.append(f"result = {self._tree(self.record.result)}")
        self._write()
        self.lines.append("return result")
        text = "def call(args, kwargs):\n" + "".join(f"    {line}\n" for line in self.lines)
        exec(compile(text, "<bound>", "exec"), self.names)
        self.text = text
        return self.names["call"]

    # --- is it for this call? --------------------------------------------------------------------

    def _arguments(self) -> None:
        names, positional = self.record.argument_names, self.record.positional
        self.miss_unless(f"len(args) == {positional} and len(kwargs) == {len(names) - positional}")
        if names[positional:]:
            self.miss_unless(f"[*kwargs] == {names[positional:]!r}")
        for k in range(len(names)):
            value = f"args[{k}]" if k < positional else f"kwargs[{names[k]!r}]"
            self.lines.append(f"a{k} = {value}")
        for k, x in enumerate(self.record.arguments):
            self._like(f"a{k}", x)
        self._strangers()

    def _strangers(self) -> None:
        """Tensors that were two, or none that the function knows, must be so again."""
        passed = self.record.passed_tensors
        places = sorted(set(passed.values()))
        pairs = [f"a{j} is not a{k}" for k in places for j in places if j < k]
        known = frozenset(passed.keys() ^ self.record.surroundings.tensors.keys())
        if known and places:
            self.names["known"] = known
            pairs += [f"id(a{k}) not in known" for k in places]
        if pairs:
            self.miss_unless(" and ".join(pairs))

    def _like(self, text: str, x: Any) -> None:
        """What an argument must be: of this structure, these shapes and dtypes."""
        if type(x) is np.ndarray:
            wanted = [f"type({text}) is ndarray", f"{text}.shape == {x.shape}"]
            wanted.append(f"{text}.dtype == {self.bind(x.dtype, 't')}")
            wanted += [f"{text}.strides == {x.strides}"] * (x.ndim > 1)
            self.miss_unless(" and ".join(wanted))
        elif is_input(x, self.record.numbers):
            self.miss_unless(f"type({text}) is {self.bind(type(x), 't')}")
        elif isinstance(x, (tuple, list, dict)):
            keys = list(x) if isinstance(x, dict) else None
            same = f"list({text}) == {keys!r}" if keys is not None else f"len({text}) == {len(x)}"
            self.miss_unless(f"type({text}) is {self.bind(type(x), 't')} and {same}")
            for key, part in x.items() if isinstance(x, dict) else enumerate(x):
                self._like(f"{text}[{key!r}]", part)
        elif isinstance(x, Value) and id(x) in self.record.passed_tensors:
            first = f"a{self.record.passed_tensors[id(x)]}"
            self.miss_unless(
                f"type({text}) is {self.bind(type(x), 't')} and {text}.op is None"
                if first == text
                else f"{text} is {first}"
            )
        elif x is None or isinstance(x, (bool, int, float, str, bytes)):
            self.miss_unless(
                f"type({text}) is {type(x).__name__} and {text} == {x!r}"
                if x is not None
                else f"{text} is None"
            )
        else:
            self.miss_unless(f"{text} is {self.bind(x, 'o')}")

    def _settings(self) -> None:
        """What must be true of numbers that are read anew."""
        place = {one.node: f"i{k}" for k, one in enumerate(self.program.inputs)}
        for check in self.program.settings:
            (condition,) = check.args
            if condition.kind == "input":
                text = place[condition]
            else:
                was = condition.args[1]
                # Not repr: inf is no name.
                number = f"float('{was}')" if type(was) is float else repr(was)
                text = f"{place[condition.args[0]]} == {number}"
            self.miss_unless(text if check.function else f"not ({text})")

    def _guards(self) -> None:
        record = self.record
        conditions = []
        for container in record.surroundings.containers:
            conditions += self._unchanged(container)
        for found, length, _ in record.surroundings.long:
            conditions.append(f"len({self.bind(found, 'd')}) == {length}")
        for found, before in record.surroundings.sets:
            conditions.append(f"{self.bind(found, 'd')} == {self.bind(before, 'd')}")
        for key, (tensor, _) in record.surroundings.tensors.items():
            name = self.tensor(tensor)
            conditions.append(f"{name}._needs_grad is {tensor._needs_grad}")
            if tensor._notes is None:  # no hooks
                conditions.append(f"{name}._notes is None")
            else:
                self.names["hooks"] = hooks
                conditions.append(f"hooks({name}) == {self.bind(hooks(tensor), 'h')}")
            if tensor._needs_grad:
                conditions.append(f"{name}._grad is {'not ' * record.had_grad[key]}None")
        conditions.append(f"get_default_dtype() is {self.bind(get_default_dtype(), 't')}")
        for start in range(0, len(conditions), 20):
            self.miss_unless(" and ".join(conditions[start : start + 20]))

    def _unchanged(self, container: Container) -> list[str]:
        """What must be true of a container."""
        name, before = self.bind(container.holder, "d"), container.before
        conditions = [f"not hasattr({name}, {key!r})" for key in container.unset]
        if container.whole and isinstance(container.holder, dict) and len(before) > 1:
            keys = self.bind(list(before), "l")
            conditions.append(f"[*{name}] == {keys}")
        elif container.whole:  # what it will make is not there yet
            conditions.append(f"len({name}) == {len(before)}" if before else f"not {name}")
        for key, value in before.items():
            place = container.text(self.bind, key)
            if isinstance(value, Value) and (id(container), key) in self.written:
                conditions.append(f"type({place}) is {self.bind(type(value), 't')}")
            else:
                conditions += self._still(place, value, container.during[key])
        return conditions

    def _still(self, place: str, value: Any, during: Any) -> list[str]:
        """What must be true of an entry: what a stand-in stood for may be another of its kind."""
        if type(value) is str:
            return [f"{place} == {value!r}"]
        if during is value:
            return [f"{place} is {self.bind(value, 'o')}"]
        kind = f"type({place}) is {self.bind(type(value), 't')}"
        if not isinstance(value, tuple):
            return [kind]
        parts = [kind, f"len({place}) == {len(value)}"]
        for k, part in enumerate(value):
            parts += self._still(f"{place}[{k}]", part, during[k])
        if any(isinstance(part, (np.ndarray, tuple)) for part in value):
            return parts
        return [f"({place} is {self.bind(value, 'o')} or {' and '.join(parts)})"]

    # --- reading ---------------------------------------------------------------------------------

    def _place(self, one: Input) -> str:
        kind, *where = one.where
        if kind == "argument":
            text = f"a{where[0]}"
        elif kind == "entry":
            text = where[0].text(self.bind, where[1])
        elif kind == "outside":
            text = self.bind(where[0], "c")
        else:
            text = f"{self.tensor(where[0])}.{'_array' if kind == 'array' else '_grad'}"
        return text + "".join(f"[{key!r}]" for key in one.path)

    def _read(self, k: int, one: Input) -> None:
        place, value = self._place(one), one.node.value
        self.lines.append(f"i{k} = {place}")
        kind = one.where[0]
        if kind == "argument":
            return
        if not isinstance(value, np.ndarray):
            return  # the guards of its container have seen to its type
        wanted = f"{value.shape}, {self.bind(value.dtype, 't')}, {strides(value)}"
        if kind == "array" and any(one is other for other, _ in self.record.mutated):
            name = self.tensor(one.where[1])
            self.lines.append(f"if {name}._holder == {GRAPH}:")
            self.lines.append(f"    {name}._array = i{k} = i{k}.copy(order='K')")
            self.lines.append(f"    {name}._holder = {USER}")
        in_place = one.node in self.program.plan.out.values()
        mine = f"i{k} is not seen[{k}]"
        if in_place and kind == "array":
            mine += f" or {self.tensor(one.where[1])}._holder != {NOBODY}"
        if in_place and kind == "entry":
            mine += f" or getrefcount(i{k}) > 4"
        self.lines.append(f"if {mine}:")
        self.lines.append(f"    if not fits(i{k}, {wanted}): return MISSED")
        if in_place and kind == "array":
            name = self.tensor(one.where[1])
            self.lines.append(f"    {name}._array = i{k} = i{k}.copy(order='K')")
            self.lines.append(f"    {name}._holder = {NOBODY}")
        elif in_place:
            self.lines.append(f"    i{k} = i{k}.copy(order='K')")
        self.lines.append(f"    seen[{k}] = i{k}")

    def _apart(self) -> None:
        """What is written into must not be, in part, what something else is read from."""
        inputs = self.program.inputs
        written = [one for one, _ in self.record.mutated]
        for j, one in enumerate(inputs):
            for k, other in enumerate(inputs):
                passed = "argument" in (one.where[0], other.where[0])
                arrays = isinstance(other.node.value, np.ndarray)
                if one in written and one is not other and passed and arrays:
                    self.names["overlap"] = np.may_share_memory
                    self.miss_unless(f"not overlap(i{j}, i{k})")

    # --- running and writing ---------------------------------------------------------------------

    def _run(self) -> None:
        passed = self.program.passed
        given = ", ".join(f"i{k}" for k, one in enumerate(self.program.inputs) if one in passed)
        targets = ", ".join(self.is_given.values())
        assigned = f"{targets} = " if targets else ""
        self.lines += [
            "program.ran = True",
            "try:",
            f"    {assigned}step({given})",
            "except Changed:",
            "    return MISSED",
        ]

    def _array(self, node: Node) -> str:
        """The array of a node after the run: returned by it, or in the program's memory."""
        asked, node = node, self.program.kept(node)
        if node in self.is_given:
            text = self.is_given[node]
            # Of no axes it may come out as a scalar, where eager execution has an array.
            no_axes = isinstance(asked.value, np.ndarray) and not asked.value.ndim
            return f"as_array({text})" if no_axes else text
        out = self.program.plan.out[node]
        assert isinstance(out, Buffer)
        return self.bind(self.program.namespace[self.program.source.names[node]], "b")

    def _write(self) -> None:
        out = self.program.plan.out
        for tensor, node in self.record.arrays:
            if isinstance(out.get(self.program.kept(node)), Node):
                continue  # it is there already
            name = self.tensor(tensor)
            self.lines.append(f"{name}._array = as_array({self._own(node)})")
            self.lines.append(f"{name}._holder = {NOBODY}")
        for tensor, node in self.record.grads:
            name = self.tensor(tensor)
            text = "None" if node is None else self._array(node)
            self.lines.append(f"{name}._grad = {text}")
            if node is not None:
                scalar = not isinstance(node.value, np.ndarray) and id(tensor) in self.record.owned
                self.lines.append(f"{name}._grad_is_ours = {scalar}")  # nobody writes into one
        self._entries()
        for n, (_, node) in enumerate(self.record.mutated):
            copy = ".copy()" if self.program.kept(node).kind == "input" else ""
            self.lines.append(f"m{n} = {self._array(node)}{copy}")
        for n, (one, _) in enumerate(self.record.mutated):
            self.lines.append(f"i{self.program.inputs.index(one)}[...] = m{n}")

    def _entries(self) -> None:
        """First all that goes into entries, then the entries, which may be read for it."""
        out, targets = self.program.plan.out, []
        for n, (container, key, tree) in enumerate(self.record.entries):
            kept = self.program.kept(tree) if isinstance(tree, Node) else tree
            if isinstance(kept, Node) and isinstance(out.get(kept), Node):
                k = next(k for k, i in enumerate(self.program.inputs) if i.node is out[kept])
                self.lines.append(f"e{n} = i{k}")
            else:
                self.lines.append(f"e{n} = {self._tree(tree)}")
            targets.append(container.text(self.bind, key))
        self.lines += [f"{target} = e{n}" for n, target in enumerate(targets)]

    def _own(self, node: Node) -> str:
        """The array of a node for the caller to keep: a copy of what the program uses again."""
        kept = self.program.kept(node)
        text = self._array(node)
        shared = self.program.is_lasting(kept)
        return f"{text}.copy(order='K')" if shared and isinstance(kept.value, np.ndarray) else text

    def _tree(self, tree: Any) -> str:
        if isinstance(tree, Node):
            return self._own(tree)
        if isinstance(tree, Made):
            grad = "None" if tree.grad is None else self._own(tree.grad)
            array = self._own(tree.node)
            if not np.ndim(tree.node.value) and not array.startswith("as_array"):
                array = f"as_array({array})"
            given = f"{array}, {tree.name!r}, {tree.needs_grad}, {grad}"
            return f"made({self.bind(tree.kind, 'o')}, {given})"
        if isinstance(tree, Value):
            return self.tensor(tree)
        if type(tree) in (tuple, list):
            inside = ", ".join(map(self._tree, tree))
            comma = "," if isinstance(tree, tuple) and len(tree) == 1 else ""
            return f"({inside}{comma})" if isinstance(tree, tuple) else f"[{inside}]"
        if isinstance(tree, tuple):
            return f"{self.bind(type(tree), 'o')}({', '.join(map(self._tree, tree))})"
        if type(tree) is dict:
            return "{" + ", ".join(f"{k!r}: {self._tree(v)}" for k, v in tree.items()) + "}"
        return self.bind(tree, "o")


def fits(array: Any, shape: Any, dtype: Any, layout: Any) -> bool:
    """Whether an array has the layout for which the program was planned."""
    return (
        type(array) is np.ndarray
        and array.shape == shape
        and array.dtype == dtype
        and array.strides == layout
    )


def made(kind: Any, array: Any, name: str | None, needs_grad: bool, grad: Any) -> Any:
    """A Tensor that the call returns: equal values, no graph."""
    value = kind.wrap(array, needs_grad)
    value.name = name
    if grad is not None:
        value._grad, value._grad_is_ours = as_array(grad), False
    return value


def hooks(tensor: Value) -> list[Any]:
    """The hooks of a Tensor, and whether it keeps its gradient."""
    notes = tensor._notes or {}
    return [(key, notes[key]) for key in notes if key >= KEEPS_GRAD]
