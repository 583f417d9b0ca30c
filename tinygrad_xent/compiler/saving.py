"""Saving: a program as a file that needs NumPy only, and the numbers that it starts from."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from ..value import Value
from .inputs import PLAIN, Input, Made
from .literals import literal
from .nodes import Node
from .program import FUTURE, Program, leaves, place_key
from .trace import TraceError

HEAD = '''\
"""{what} as NumPy, written by tinygrad_xent.

Run it, or import it: ``train({given})`` takes a step, from `state` and into it.
"""

'''

TAIL = '''

# parameters, running arrays and settings: what one step leaves to the next
state = {state}


def train({given}):
    """Take one step; return what the function returned."""
{body}


if __name__ == "__main__":
    for k in range(10):
        print(k, {shown}train({example}))
'''


def save_source(program: Program, path: Path) -> Path:
    """Write the text to `path`, the numbers beside it."""
    beside = path.with_suffix(".npz")
    file = File(program)
    text = file.text(beside.name)
    np.savez(beside, **file.arrays)
    path.write_text(text, encoding="utf-8")
    return path


class File:
    """The text of a program as a module, and the `arrays` that it loads."""

    def __init__(self, program: Program) -> None:
        if program.source.texts.missing:
            names = ", ".join(program.source.texts.missing)
            raise TraceError(f"save_source: the program calls {names}, of which there is no source")
        self.program, self.record = program, program.record
        self.arrays: dict[str, Any] = dict(program.source.stored)
        self.numbers: dict[str, Any] = {}
        self.given: list[str] = []
        self.places: dict[Any, str] = {}  # the name of what is read there
        for name, one in zip(program.parameters, program.passed, strict=True):
            value = self.record.now(one)
            if self._is_given(one):
                self.given.append(name)
            self.places[place_key(one.where), one.path] = name
            (self.arrays if isinstance(value, np.ndarray) else self.numbers)[name] = value
        used = leaves(self.record.result)
        self.in_result = {program.kept(node) for node in used}

    def _is_given(self, one: Input) -> bool:
        """Whether the caller passes it in: data, or a Tensor."""
        return one.where[0] == "argument" or id(one.where[1]) in self.record.passed_tensors

    def text(self, beside: str) -> str:
        """All of the file, which loads `beside`."""
        program = self.program
        modules, definitions = program.preamble()
        needs = bool(self.arrays)
        pathlib = ["from pathlib import Path"] if needs else []
        given = ", ".join(self.given)
        parts = [HEAD.format(what=f"The function {self.record.name!r}", given=given), FUTURE, "\n"]
        parts += ["\n".join([*modules, *pathlib, "", "import numpy as np"]) + "\n"]
        if needs:
            parts += [f"\nstart = np.load(Path(__file__).with_name({beside!r}))\n"]
        parts += [f"\n\n{definitions}\n\n" if definitions else "", "\n", program.text()]
        kept = [name for name in program.parameters if name not in self.given]
        lines = [f'    "{name}": {self._start(name)},\n' for name in kept]
        parts += [
            TAIL.format(
                state="{\n" + "".join(lines) + "}" if lines else "{}",
                given=given,
                body="\n".join(f"    {line}" for line in self.body()),
                shown="*" if isinstance(self.record.result, tuple) else "",
                example=", ".join(map(self._start, self.given)),
            )
        ]
        return "".join(parts)

    def _start(self, name: str) -> str:
        return _plain(self.numbers[name]) if name in self.numbers else f'start["{name}"]'

    # --- a step ----------------------------------------------------------------------------------

    def body(self) -> list[str]:
        """The lines of ``train``."""
        back, source = self._back(), self.program.source
        targets = [source.ref(node) for node in self.program.returned]
        moved = {}
        for k, node in enumerate(self.program.returned):
            places = [place for place, x in back if x is node]
            if len(places) == 1 and node not in self.in_result and places[0][:5] == "state":
                moved[k] = places[0], node
        long = sum(map(len, targets)) + sum(len(place) for place, _ in moved.values()) > 60
        for k, one in {} if long else moved.items():
            targets[k] = one[0]
            back.remove(one)
        result = self._tree(self.record.result)
        call = self._call()
        if targets == [result] and not back:
            return [*self._checks(), f"return {call}"]
        lines = self._assigned(targets, call)
        # Before anything changes that it is read from.
        if "state[" in result or (result != "None" and any("[...]" in place for place, _ in back)):
            lines, result = [*lines, f"result = {result}"], "result"
        lines += [self._line(place, node) for place, node in back]
        return [*self._checks(), *lines, f"return {result}"]

    def _call(self) -> str:
        first = self.given == self.program.parameters[: len(self.given)]
        given = [name if first else f"{name}={name}" for name in self.given]
        state = ["**state"] if len(given) < len(self.program.parameters) else []
        return f"step({', '.join([*given, *state])})"

    def _assigned(self, targets: list[str], call: str) -> list[str]:
        line = f"{', '.join(targets)} = {call}" if targets else call
        if len(line) <= 96:
            return [line]
        inside = textwrap.wrap(", ".join(targets) + ",", 92, break_long_words=False)
        return ["(", *(f"    {part}" for part in inside), f") = {call}"]

    def _line(self, place: str, node: Node) -> str:
        name = self.program.source.ref(node)
        alone = node not in self.in_result and sum(x is node for _, x in self._back()) == 1
        return f"{place} = {name if alone or place.endswith('[...]') else f'np.copy({name})'}"

    def _checks(self) -> list[str]:
        """What must be true of settings and of numbers that are passed in."""
        lines = []
        for check in self.program.settings:
            (condition,) = check.args
            of = condition if condition.kind == "input" else condition.args[0]
            names = [
                name
                for name, one in zip(self.program.parameters, self.program.passed, strict=True)
                if one.node is of
            ]
            for name in names:
                here = name if name in self.given else f'state["{name}"]'
                text = here if of is condition else f"{here} == {_plain(condition.args[1])}"
                said = f"not ({text})" if check.function else text
                lines += [
                    f"if {said}:",
                    f'    raise ValueError("this program is for another {name}")',
                ]
        return lines

    def _back(self) -> list[tuple[str, Node]]:
        """What goes back to where it was read, and is not there already."""
        record, found = self.record, []
        places: list[tuple[Any, Any]] = [(("array", id(t)), x) for t, x in record.arrays]
        places += [(("grad", id(t)), x) for t, x in record.grads]
        for container, key, tree in record.entries:
            self._must_hold(container, key, tree)
            places.append((("entry", id(container), key), tree))
        places += [((place_key(one.where), one.path), node) for one, node in record.mutated]
        for place, tree in places:
            own = place if isinstance(place[0], tuple) else (place, ())
            for path, node in _nodes(tree, own[1]):
                kept = self.program.kept(node)
                name = self.places.get((own[0], path))
                if name is not None and not isinstance(self.program.plan.out.get(kept), Node):
                    found.append((self._target(name, own is place), kept))
        return found

    def _target(self, name: str, in_place: bool) -> str:
        target = name if name in self.given else f'state["{name}"]'
        return f"{target}[...]" if in_place or name in self.given else target

    def _must_hold(self, container: Any, key: Any, tree: Any) -> None:
        """A setting that the step changes would need another program for the next step."""
        plain = isinstance(tree, (str, bool, int, float, type(None)))
        if plain and (key not in container.before or container.before[key] != tree):
            raise TraceError(
                f"save_source: {self.record.name} sets {key!r} of {container.label} to {tree!r}, "
                "on which its program depends: the next step would need another one"
            )

    # --- what it returns -------------------------------------------------------------------------

    def _tree(self, tree: Any) -> str:
        if isinstance(tree, Made):
            return self._tree(tree.node)
        if isinstance(tree, Node):
            node = self.program.kept(tree)
            copy = ".copy()" * (
                self.program.is_lasting(node) and isinstance(node.value, np.ndarray)
            )
            return f"{self.program.source.ref(node)}{copy}"
        if isinstance(tree, Value):
            name = self.places.get((("array", id(tree)), ()))
            return "None" if name is None else f"{self._target(name, False)}.copy()"
        if isinstance(tree, (tuple, list)):
            inside = ", ".join(map(self._tree, tree))
            return (
                f"[{inside}]" if isinstance(tree, list) else f"({inside}{',' * (len(tree) == 1)})"
            )
        if isinstance(tree, dict):
            return "{" + ", ".join(f"{k!r}: {self._tree(v)}" for k, v in tree.items()) + "}"
        return _plain(tree) if isinstance(tree, PLAIN) else "None"


def _plain(x: Any) -> str:
    return literal(x, lambda node: "", repr)


def _nodes(tree: Any, path: tuple[Any, ...]) -> list[tuple[Any, Node]]:
    """The nodes of an entry, and where they stand in it."""
    if isinstance(tree, (Node, Made)):
        return [(path, tree.node if isinstance(tree, Made) else tree)]
    if isinstance(tree, tuple):
        return [found for k, part in enumerate(tree) for found in _nodes(part, (*path, k))]
    return []
