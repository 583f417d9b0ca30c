"""The story of a graph, moment by moment: forward, then back, as the player shows it.

What is told is what the engine did: the order of the ops, and the Steps of one walk. Texts are made
here, once, for the page, the terminal and those who listen to a screen reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..backprop import order
from ..value import Value
from .local import Check, Local, local_derivative
from .snapshot import Edge, Graph, TensorNode, snapshot
from .style import size
from .summary import Summary
from .walk import Sent, Walk
from .words import (
    brief,
    called,
    gradient_name,
    letters,
    listed,
    literal,
    readable,
    shows,
    with_letters,
)


@dataclass(frozen=True)
class Moment:
    """One step of the player.

    Attributes
    ----------
    kind
        ``start``; forward ``fwd`` and ``save``; backward ``seed``, ``vjp`` (an op sends to one
        input), ``reduce`` (a broadcast is undone), ``acc`` (a sum grows), ``done`` (a gradient is
        complete), ``hook`` (a hook changed it), ``keep`` (it is added to what ``.grad`` held);
        ``update`` by an optimizer.
    at
        The id of the node or edge in the drawing.
    group
        Moments of one group make one step when stepping op by op.
    sentence
        What happens, in words and numbers.
    shows
        What the gradient of a node reads from now on (or its value, for an update).
    count
        Which term of how many, for ``acc``.
    """

    kind: str
    at: str
    group: int
    sentence: str
    shows: tuple[str, ...] | None = None
    count: tuple[int, int] | None = None


@dataclass(frozen=True)
class Change:
    """What happened to a Value after the walk: ``.grad`` was added to, or its array replaced."""

    number: int
    before: Summary | None
    after: Summary
    rule: str = ""


@dataclass(frozen=True)
class Story:
    """A graph, its moments, and what is needed to explain each edge: plain data throughout."""

    graph: Graph
    moments: tuple[Moment, ...]
    local: Mapping[str, Local]  # by the ids of edges
    checks: Mapping[str, Check]  # by the ids of leaves


def edge_id(edge: Edge) -> str:
    """The id of an edge in the drawing."""
    return f"{edge.source}-{edge.op}-{edge.position}"


def tell(
    root: Value,
    walk: Walk,
    names: Mapping[str, Any] | None = None,
    kept: tuple[Change, ...] = (),
    updates: tuple[Change, ...] = (),
    checks: Mapping[int, Check] | None = None,
) -> Story:
    """The story of the graph of `root`, of one walk through it and of what followed."""
    values = order(root)[::-1]
    graph = _without_later(snapshot(root, names, walk), values, kept, updates)
    ids = {value.number: f"t{k}" for k, value in enumerate(values)}
    teller = _Teller(graph, {id: number for number, id in ids.items()}, walk)
    moments = (
        *teller.forward(),
        *teller.backward(),
        *(teller.kept(ids[c.number], c) for c in kept if c.number in ids),
        *(teller.updated(ids[c.number], c) for c in updates if c.number in ids),
    )
    made = {f"o{k}": value for k, value in enumerate(v for v in values if v.op is not None)}
    local = {
        edge_id(edge): found
        for edge in graph.edges
        if edge.rule is not None and (found := local_derivative(made[edge.op], edge.position))
    }
    of_leaves = {ids[number]: check for number, check in (checks or {}).items() if number in ids}
    return Story(graph, moments, local, of_leaves)


def _without_later(
    graph: Graph, values: list[Value], kept: tuple[Change, ...], updates: tuple[Change, ...]
) -> Graph:
    """The graph before what moments will tell of: what ``.grad`` got, where a leaf moved."""
    after_walk = {change.number for change in kept}
    moved = {change.number for change in updates}
    tensors = tuple(
        replace(
            node,
            now=None if value.number in moved else node.now,
            kept=None if value.number in after_walk else node.kept,
        )
        for node, value in zip(graph.tensors, values, strict=True)
    )
    return replace(graph, tensors=tensors)


class _Teller:
    """Turns the ops and the Steps into moments."""

    def __init__(self, graph: Graph, numbers: Mapping[str, int], walk: Walk) -> None:
        self.graph, self.walk = graph, walk
        self.tensors = {node.id: node for node in graph.tensors}
        self.numbers = numbers
        self.made_by = {op.result: op for op in graph.ops}
        self.edges: dict[str, list[Edge]] = {op.id: [] for op in graph.ops}
        for edge in graph.edges:
            self.edges[edge.op].append(edge)
        self.terms = Counter(edge.source for edge in graph.edges if edge.term is not None)
        self.group = 0

    def forward(self) -> Iterator[Moment]:
        """The leaves are there; then op after op."""
        leaves = [called(node) for node in self.graph.tensors if node.id not in self.made_by]
        given = listed(leaves)
        yield Moment("start", "", 0, f"Given: {given}. A dash is what is not computed yet.")
        for op in self.graph.ops:
            self.group += 1
            y = self.tensors[op.result]
            formula = op.formula + with_letters(op.formula, letters(self.graph, op.id))
            result = f"{called(y)} = {brief(y.value)}"
            yield Moment("fwd", op.id, self.group, f"{op.name} computes {formula}: {result}.")
            if op.saved:
                saved = listed([f"{readable(s.name)} ({size(s.nbytes)})" for s in op.saved])
                text = f"{op.name} saves {saved} for the way back."
                yield Moment("save", op.id, self.group, text)

    def backward(self) -> Iterator[Moment]:
        """From the root, whose gradient is given, value after value."""
        by_number = {number: id for id, number in self.numbers.items()}
        for flow in self.walk.flows.values():
            node = self.tensors[by_number[flow.number]]
            if node.id == self.graph.root.id:
                self.group += 1
                yield self.seed(node)
            yield from self.hook(flow.number, node)
            op = self.made_by.get(node.id)
            if op is None or not flow.sent:
                continue
            self.group += 1
            sent = {s.position: s for s in flow.sent}
            for edge in self.edges[op.id]:
                if edge.position in sent:
                    yield from self.contribution(edge, sent[edge.position], node)

    def seed(self, root: TensorNode) -> Moment:
        """Where the walk begins."""
        g = root.arrived or root.gradient
        assert g is not None
        one = "1: it changes as much as itself" if g.shape == () and g.low == 1 else literal(g)
        text = f"The way back begins: {gradient_name(root)} = {one}."
        return Moment("seed", root.id, self.group, text, shows(g))

    def hook(self, number: int, node: TensorNode) -> Iterator[Moment]:
        """A gradient that its hook changed, or would have changed had this been backward()."""
        if node.arrived is not None and node.gradient is not None:
            self.group += 1
            before, after = brief(node.arrived), brief(node.gradient)
            text = (
                f"A hook of {called(node)} changes {gradient_name(node)}: {before} becomes {after}."
            )
            yield Moment("hook", node.id, self.group, text, shows(node.gradient))
        elif number in self.walk.uncalled:
            self.group += 1
            text = (
                f"{called(node)} has a hook, which only backward() calls: {gradient_name(node)} is "
                "shown as it arrives."
            )
            yield Moment("hook", node.id, self.group, text)

    def contribution(self, edge: Edge, sent: Sent, y: TensorNode) -> Iterator[Moment]:
        """One term: sent, summed where it had been broadcast, added to what is there."""
        x, op = self.tensors[edge.source], self.made_by[y.id]
        to = gradient_name(x)
        term = brief(sent.term)
        where = f" for its {edge.argument}" if self.terms[x.id] > 1 else ""
        text = f"{op.name} sends {edge.rule} to {called(x)}{where}"
        if not sent.summed:
            text += f": {term}"
        at, group = edge_id(edge), self.group
        yield Moment("vjp", at, group, f"{text}.")
        if sent.summed:
            yield Moment("reduce", at, group, _reduced(edge, sent, x, term))
        n = self.terms[x.id]
        if n > 1:
            text = f"Term {sent.count} of {n} of {to}: so far {brief(sent.total)}."
            yield Moment("acc", x.id, group, text, shows(sent.total), (sent.count, n))
        if sent.count == n:
            terms = {1: "its only term", 2: "both terms are in"}.get(n, f"all {n} terms are in")
            text = f"{to} is complete, {terms}: {brief(sent.total)}."
            yield Moment("done", x.id, group, text, shows(sent.total))

    def kept(self, id: str, change: Change) -> Moment:
        """What ``.grad`` held, and holds now."""
        self.group += 1
        name = called(self.tensors[id])
        if change.before is None:
            text = f"{name}.grad was empty and holds the gradient now: {brief(change.after)}."
        else:
            text = (
                f"{name}.grad held {brief(change.before)} from before; the gradient is added: "
                f"{brief(change.after)}. zero_grad() would have emptied it."
            )
        return Moment("keep", id, self.group, text, shows(change.after))

    def updated(self, id: str, change: Change) -> Moment:
        """A parameter before and after the optimizer's step."""
        self.group += 1
        assert change.before is not None
        text = (
            f"{called(self.tensors[id])} ← {change.rule}: from {brief(change.before)} to "
            f"{brief(change.after)}."
        )
        return Moment("update", id, self.group, text, shows(change.after))


def _reduced(edge: Edge, sent: Sent, x: TensorNode, term: str) -> str:
    axes = ", ".join(map(str, sent.summed))
    return (
        f"{called(x)} of shape {x.value.shape} had been stretched to {sent.raw} by broadcasting: "
        f"what came back is summed over {'axis' if len(sent.summed) == 1 else 'axes'} {axes}: "
        f"{term}."
    )


def kept_text(kept: Summary) -> str:
    """What is known of a ``.grad`` that is not the gradient of this walk."""
    return f".grad holds something else than this walk's gradient: {literal(kept)}"
