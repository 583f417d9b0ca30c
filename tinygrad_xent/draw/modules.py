"""Which op ran inside which Module, read from the notes that ``Module.__call__`` leaves.

A note on a result says at which number the call began; what has a number between that and the
result's own was made inside the call. Calls therefore nest as their intervals do; but where they
ran in several threads, whose numbers mix, what a result came of says what its call made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..backprop import order
from ..nn.module import Module
from ..value import Value

Note = tuple[int, int, Module]  # when a call began, its result's number, what was called


@dataclass(frozen=True)
class Call:
    """One call of a Module: it made the numbers from `began` to `ended`; `chain` ends with it."""

    began: int
    ended: int
    module: Module
    chain: tuple[int, ...]


class Calls:
    """The calls that a graph ran in, outer ones before inner ones, and the paths of the Modules.

    Modules are weakly noted: one that is gone by now leaves no call.

    Attributes
    ----------
    calls : list of Call
        Of which `Call.chain` gives the positions, from the outermost down.
    tensor_paths : dict
        Attribute paths of leaves, by their numbers.
    """

    def __init__(self, values: list[Value], given: Mapping[str, Any]) -> None:
        noted, threads = _noted(values)
        if threads > 1:
            self.calls, self.chains = _by_descent(values, noted)
        else:
            self.calls = _nested(noted)
            self.chains = _chains(values, self.calls)
        self.tensor_paths: dict[int, str] = {}
        self._paths: dict[int, str] = {}
        self._add_paths(self._roots(values, given))

    def path(self, call: Call) -> str:
        """The attribute path of the Module that was called."""
        return self._paths[id(call.module)]

    def chain(self, value: Value) -> tuple[int, ...]:
        """The calls in which a value was made, from the outermost down."""
        return self.chains[value.number]

    def home(self, leaf: Value, users: list[tuple[int, ...]]) -> tuple[int, ...]:
        """Where a leaf belongs: with those who use it if it is a Module's, or where it was made."""
        users = [chain for chain in users if chain]
        if leaf.number in self.tensor_paths and users:
            return _common(users)
        return self.chain(leaf)

    def _roots(self, values: list[Value], given: Mapping[str, Any]) -> list[tuple[str, Module]]:
        """The Modules whose paths count: those given by name, then the outermost that ran."""
        named = [(n, m) for n, m in given.items() if isinstance(m, Module) and n[:1] != "_"]
        roots: list[tuple[str, Module]] = []
        for name, module in named:
            if not _inside(module, roots):
                roots = [root for root in roots if not _inside(root[1], [(name, module)])]
                roots.append((name, module))
        seen = {value.number for value in values}
        ran = {id(call.module) for call in self.calls}
        roots = [
            (name, root)
            for name, root in roots
            if any(id(m) in ran for _, m in root.named_modules())
            or any(t.number in seen for _, t in root.named_tensors())
        ]
        inside = {id(m) for _, root in roots for _, m in root.named_modules()}
        taken = {name for name, _ in roots}
        for call in self.calls:
            if id(call.module) not in inside:
                name = _unused(type(call.module).__name__.lower(), taken)
                taken.add(name)
                roots.append((name, call.module))
                inside |= {id(m) for _, m in call.module.named_modules()}
        return roots

    def _add_paths(self, roots: list[tuple[str, Module]]) -> None:
        """Paths begin with the name of the root only where there are several."""
        for name, root in roots:
            prefix = name if len(roots) > 1 else ""
            for path, module in root.named_modules():
                self._paths.setdefault(id(module), ".".join(filter(None, (prefix, path))))
            for path, tensor in root.named_tensors():
                self.tensor_paths.setdefault(tensor.number, ".".join(filter(None, (prefix, path))))


def _noted(values: list[Value]) -> tuple[list[Note], int]:
    """The notes on all values, as the calls began, and how many threads they were made in."""
    found, threads = [], set()
    for value in values:
        note = value._call
        while note is not None:
            began, module, note, thread = note
            if module() is not None:
                found.append((began, value.number, module()))
                threads.add(thread)
    return sorted(found, key=lambda one: one[0]), len(threads)


def _nested(noted: list[Note]) -> list[Call]:
    """The calls, given as they began, each with the chain of those around it."""
    calls: list[Call] = []
    around: tuple[int, ...] = ()
    for began, ended, module in noted:
        while around and calls[around[-1]].ended < began:
            around = around[:-1]
        around = (*around, len(calls))
        calls.append(Call(began, ended, module, around))
    return calls


def _chains(values: list[Value], calls: list[Call]) -> dict[int, tuple[int, ...]]:
    """For each value the calls that it was made in; both lists are in order of creation."""
    chains: dict[int, tuple[int, ...]] = {}
    around: tuple[int, ...] = ()
    following = 0
    for value in values:
        while following < len(calls) and calls[following].began < value.number:
            around = calls[following].chain
            following += 1
        while around and calls[around[-1]].ended < value.number:
            around = around[:-1]
        chains[value.number] = around
    return chains


def _by_descent(
    values: list[Value], noted: list[Note]
) -> tuple[list[Call], dict[int, tuple[int, ...]]]:
    """The calls and the chains of all values, from what each call's result came of."""
    named = {value.number: value for value in values}
    chains: dict[int, tuple[int, ...]] = dict.fromkeys(named, ())
    calls: list[Call] = []
    for began, ended, module in noted:  # outer ones first: what is inside both is the later one's
        call = Call(began, ended, module, (*chains[ended], len(calls)))
        calls.append(call)
        for value in order(named[ended]):
            if value.number > began:
                chains[value.number] = call.chain
    return calls, chains


def _common(chains: list[tuple[int, ...]]) -> tuple[int, ...]:
    """What they all begin with."""
    first, last = min(chains), max(chains)
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    return first[:same]


def _inside(module: Module, roots: list[tuple[str, Module]]) -> bool:
    return any(module is inner for _, root in roots for _, inner in root.named_modules())


def _unused(name: str, taken: set[str]) -> str:
    """The name, or with the first number that makes it another."""
    tried, number = name, 1
    while tried in taken:
        number += 1
        tried = f"{name}{number}"
    return tried
