"""Guards: whether a call is one that a program was written for: each a line of the function."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..value import KEEPS_GRAD, NAME, Value, get_default_dtype
from .containers import Container, is_input
from .program import Program


class Guards:
    """Writes `lines` that return ``MISSED`` in a call that is not for the program.

    They find arguments as ``a0``, ``a1``, …, the program's inputs as ``i0``, ``i1``, …, and all
    else by the `names` that it is given.
    """

    def __init__(self, program: Program) -> None:
        self.program, self.record = program, program.record
        self.names: dict[str, Any] = {"ndarray": np.ndarray, "get_default_dtype": get_default_dtype}
        self.bound: dict[int, str] = {}
        # What the program replaces: a Tensor there is another one in every call.
        self.written = {(id(c), key) for c, key, _ in self.record.entries}
        self.lines: list[str] = []

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

    def of_arguments(self) -> None:
        """As many arguments, of the same shapes, dtypes and structure."""
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
                f"type({text}) is {self.bind(type(x), 't')} and {text}._op is None"
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

    def of_settings(self) -> None:
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

    def of_surroundings(self) -> None:
        """The same objects around the function, in the same state."""
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
            elif [*tensor._notes] == [NAME]:
                conditions.append(f"len({name}._notes) == 1")
            else:
                self.names["hooks"] = hooks
                conditions.append(f"hooks({name}) == {self.bind(hooks(tensor), 'h')}")
            if tensor._needs_grad:
                conditions.append(f"{name}._kept is {'not ' * record.had_grad[key]}None")
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


def hooks(tensor: Value) -> list[Any]:
    """The hooks of a Tensor, and whether it keeps its gradient."""
    notes = tensor._notes or {}
    return [(key, notes[key]) for key in notes if key >= KEEPS_GRAD]
