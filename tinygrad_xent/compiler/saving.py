"""Saving: a program as a file that needs NumPy only, and the numbers that it starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .program import FUTURE, Program, place_key
from .trace import Node, TraceError
from .tracing import Input

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
    {assigned}step({given}{comma}**state)
    return {result}


if __name__ == "__main__":
    for k in range(10):
        print(k, {shown}train({example}))
'''


def save_source(program: Program, path: Path) -> Path:
    """Write the text to `path`, the numbers beside it."""
    if program.source.texts.missing:
        names = ", ".join(program.source.texts.missing)
        raise TraceError(f"save_source: the program calls {names}, of which there is no source")
    beside = path.with_suffix(".npz")
    arrays: dict[str, Any] = dict(program.source.stored)
    numbers: dict[str, Any] = {}
    given = []
    for name, one in zip(program.parameters, program.passed, strict=True):
        value = _now(program, one)
        if _is_given(program, one):
            given.append(name)
        if isinstance(value, np.ndarray):
            arrays[name] = value
        else:
            numbers[name] = value
    text = _text(program, given, numbers, beside.name)
    np.savez(beside, **arrays)
    path.write_text(text, encoding="utf-8")
    return path


def _is_given(program: Program, one: Input) -> bool:
    """Whether the caller passes it in: data, or a Tensor."""
    passed = program.record.passed_tensors
    return one.where[0] == "argument" or id(one.where[1]) in passed


def _now(program: Program, one: Input) -> Any:
    """What stands at the place of an input now; of an argument, what it was in the trace."""
    kind, *where = one.where
    if kind == "argument":
        value = program.record.arguments[where[0]]
    elif kind == "entry":
        value = where[0].get(where[1])
    else:
        value = where[0]._array if kind == "array" else where[0]._grad
    for key in one.path:
        value = value[key]
    return value.item() if isinstance(value, np.generic) else value


def _text(program: Program, given: list[str], numbers: dict[str, Any], beside: str) -> str:
    source, record = program.source, program.record
    modules, definitions = program.preamble()
    needs = bool(source.stored) or any(name not in numbers for name in program.parameters)
    imports = [*modules, *(["from pathlib import Path"] if needs else []), "", "import numpy as np"]
    parts = [
        HEAD.format(what=f"The function {record.name!r}", given=", ".join(given)) + FUTURE + "\n"
    ]
    parts += ["\n".join(imports) + "\n"]
    if needs:
        parts += [f"\nstart = np.load(Path(__file__).with_name({beside!r}))\n"]
    parts += [f"\n\n{definitions}\n\n" if definitions else "", "\n", program.text()]
    kept = [name for name in program.parameters if name not in given]
    lines = [f'    "{name}": {_start(name, numbers)},' for name in kept]
    names = [source.ref(x) for x in program.returned]
    targets = [_target(program, x, name) for x, name in zip(program.returned, names, strict=True)]
    first = [n for n, target in zip(names, targets, strict=True) if not target.startswith("state")]
    parts += [
        TAIL.format(
            state="{\n" + "".join(f"{line}\n" for line in lines) + "}" if lines else "{}",
            given=", ".join(given),
            comma=", " if given else "",
            assigned=f"{', '.join(targets)} = " if targets else "",
            result=", ".join(first) if first else "None",
            shown="*" if len(first) > 1 else "",
            example=", ".join(_start(name, numbers) for name in given),
        )
    ]
    return "".join(parts)


def _start(name: str, numbers: dict[str, Any]) -> str:
    return repr(numbers[name]) if name in numbers else f'start["{name}"]'


def _target(program: Program, node: Any, name: str) -> str:
    """Where a returned value goes: into the state, if it goes back to the place of an input."""
    record = program.record
    of_place = {
        place_key(one.where): parameter
        for parameter, one in zip(program.parameters, program.passed, strict=True)
        if not one.path
    }
    back: list[tuple[Any, Any]] = [(("array", id(tensor)), x) for tensor, x in record.arrays]
    back += [(("entry", id(container), key), x) for container, key, x in record.entries]
    for place, x in back:
        if place in of_place and isinstance(x, Node) and program.kept(x) is node:
            return f'state["{of_place[place]}"]'
    return name
