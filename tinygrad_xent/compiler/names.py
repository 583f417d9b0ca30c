"""Names: what a person would call each value, and which of the three sections makes it."""

from __future__ import annotations

import keyword
import re
from typing import Any

import numpy as np

from ..value import Value
from .nodes import Node
from .places import Surroundings
from .trace import Trace

FORWARD, BACKWARD, UPDATE = "forward", "backward", "update"


def identifier(text: str) -> str:
    """The text as a name in Python, in the letters as which Python reads it: ``𝐱`` is ``x``."""
    if not text.isascii():
        from unicodedata import normalize

        text = "".join(c if f"_{c}".isidentifier() else "_" for c in normalize("NFKC", text))
    name = re.sub(r"\W", "_", text).strip("_")
    if not name:
        return "x"  # `_` is what nobody reads
    return f"_{name}" if name[0].isdigit() or keyword.iskeyword(name) else name


def parameter_names(surroundings: Surroundings) -> dict[int, str]:
    """By id, ``W1``, ``b1``, ``W2``, … for weights and biases of layers, other Tensors by path."""
    best = {key: _best(paths) for key, paths in surroundings.paths.items()}
    layers: list[str] = []
    for key, path in best.items():
        layer, _, attribute = path.rpartition(".")
        trained = surroundings.tensors[key][0]._needs_grad
        if layer and trained and not attribute.isdigit() and layer not in layers:
            layers.append(layer)
    names: dict[int, str] = {}
    for key, path in best.items():
        layer, _, attribute = path.rpartition(".")
        tensor = surroundings.tensors[key][0]
        letter = {"weight": "W", "bias": "b"}.get(attribute, identifier(attribute))
        number = str(layers.index(layer) + 1) if len(layers) > 1 and layer in layers else ""
        name = letter + number if layer in layers else identifier(path)
        names[key] = identifier(tensor.name) if tensor.name else name
    return names


def _best(paths: list[str]) -> str:
    """The path that says most: through attributes, not through an optimizer's list."""
    named = [path for path in paths if not path.rpartition(".")[2].isdigit()]
    return min(named or paths, key=lambda path: path.count("."))


class Labels:
    """Writes name, section and formula of each node into it, from what the engine told."""

    def __init__(self, trace: Trace, names: dict[int, str]) -> None:
        self.nodes = trace.nodes
        self.names = dict(names)  # by id of a leaf, by number of a result
        self.applied_at: dict[int, int] = {}
        self.mark = self.walk_mark = 0
        self.reached: set[int] = set()  # by walks, from their roots
        for kind, at, *about in trace.events:
            getattr(self, f"_{kind}")(at, *about)
        last = UPDATE if self.walk_mark else FORWARD
        self._section(self.mark, len(self.nodes), last)

    def _section(self, start: int, end: int, section: str, over: bool = False) -> None:
        for node in self.nodes[start:end]:
            if over or not node.section:
                node.section = section

    def _applied(self, at: int, op: Any, inputs: Any, result: Value) -> None:
        self._section(self.mark, at, FORWARD)
        self.mark = at
        self.applied_at[result.number] = at
        for i, x in enumerate(inputs):
            if isinstance(x, Value) and x.op is not None and op.argument(i) == "z":
                self._logits(x, identifier(x.op.name))
        name = identifier(result.name) if result.name else self._result_name(op, inputs, result)
        self.names[result.number] = name
        self._call(result._array, name, op.formula())

    def _logits(self, value: Value, plain: str) -> None:
        """What goes into a softmax is z, unless it has a better name than the plain one."""
        node = getattr(value._array, "_node", None)
        if self.names.get(value.number) == plain and not value.name:
            self.names[value.number] = "z"
            if isinstance(node, Node) and node.name == plain:
                node.name = "z"

    def _walked(self, at: int, step: Any) -> None:
        begins = step.value.number not in self.reached
        if begins and not step.value.name:
            node = getattr(step.value._array, "_node", None)
            if isinstance(node, Node) and not step.value._array.shape and node.kind != "input":
                node.name = self.names[step.value.number] = "loss"
        self.reached |= {step.value.inputs[i].number for i, *_ in step.sent}
        start = max(self.walk_mark, self.applied_at.get(step.value.number, 0))
        if begins:  # what is asked between the loss and its walk belongs to neither
            start = self._first_of(step.sent, start, at)
            self._section(self.mark, start, FORWARD)
        self._section(start, at, BACKWARD, over=True)
        self.mark = self.walk_mark = at
        for i, term, raw, summed in step.sent:
            name = "d" + self.of(step.value.inputs[i])
            self._call(raw, name, step.value.op.formula(i))
            if term is not raw:
                self._call(term, name, _sum_over(summed, term))

    def _first_of(self, sent: Any, start: int, end: int) -> int:
        """The first of the nodes that the terms sent were made of."""
        made = {getattr(term, "_node", None) for _, term, *_ in sent}
        first = end
        for k in reversed(range(start, end)):
            if self.nodes[k] in made:
                made.update(self.nodes[k].inputs())
                first = k
        return first

    def _updated(self, at: int, value: Value, rule: str) -> None:
        self._section(self.mark, at, UPDATE)
        for node in self.nodes[self.mark : at]:
            node.part = self.of(value)
        self.mark = at
        self._call(value._array, self.of(value), rule)

    def _call(self, x: Any, name: str, formula: str) -> None:
        """Give a node its name, unless it has one."""
        x = x._array if isinstance(x, Value) else x
        node = getattr(x, "_node", None)
        if isinstance(node, Node) and node.kind not in ("input", "constant"):
            node.name = node.name or name
            node.formula = node.formula or formula

    def of(self, value: Any) -> str:
        """The name of a value."""
        return self.names.get(id(value)) or self.names.get(value.number) or self._leaf_name(value)

    def _leaf_name(self, value: Value) -> str:
        node = getattr(value._array, "_node", None)
        return (isinstance(node, Node) and node.name) or "x"

    def _result_name(self, op: Any, inputs: tuple[Any, ...], result: Value) -> str:
        """Z with the number of the weights that it was made of, h after it, or what the op says."""
        given = [(x, self.of(x)) for x in inputs if isinstance(x, Value) and x._needs_grad]
        for x, name in given:
            layer = re.fullmatch(r"[Wb](\d*)", name)
            if layer and (np.ndim(x._array) == 2 or layer[0][0] == "b"):
                return f"z{layer[1]}"
        after = [re.fullmatch(r"z(\d*)", name) for _, name in given]
        alike = len(given) == 1 and result._array.shape == given[0][0]._array.shape
        if alike and after[0] and op.argument(0) != "z":  # softmax(z) is no activation
            return f"h{after[0][1]}"
        return "loss" if not result._array.shape and not after else identifier(op.name)


def _sum_over(axes: Any, term: Any) -> str:
    """What the walk has done to a gradient so that it is like its input."""
    if not axes:
        return f"ḡ as {term.dtype}"
    over = "the rows" if tuple(axes) == (0,) else "axis " + ", ".join(map(str, axes))
    return f"Σ ḡ over {over}"
