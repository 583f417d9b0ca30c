"""Program: a record made into text, buffers and a function that runs."""

from __future__ import annotations

import operator
import textwrap
from typing import Any

import numpy as np

from .buffers import Plan
from .containers import Container
from .inputs import Made
from .nodes import Node, mapped
from .simplify import simplified
from .source import Source
from .trace import Changed
from .tracing import Record

FUTURE = "from __future__ import annotations\n"
CHANGED = '''\
class Changed(Exception):
    """A condition that held when this program was written does not hold for this call."""
'''


class Program:
    """A program for calls like the one that was traced.

    Attributes
    ----------
    inputs : list of Input
        What ``step`` takes, in order.
    returned : list of Node
        What it returns: first the results, then what else goes out and has no memory here.
    settings : list of Node
        The checks of settings, which are made before it is called.
    nbytes : int
        The memory that it owns.
    step : function
        The text, executed.
    """

    def __init__(self, record: Record) -> None:
        self.record, self.ran = record, False
        written = [x for _, x in (*record.arrays, *record.grads)]
        written += [tree for _, _, tree in record.entries] + [x for _, x in record.mutated]
        roots = [x for tree in (record.result, *written) for x in leaves(tree)]
        nodes, self.instead = simplified(record.trace.nodes, roots)
        self.settings = [n for n in nodes if n.kind == "check" and _of_one_setting(n)]
        self.nodes = [n for n in nodes if n not in self.settings]
        outputs = [self.kept(x) for x in roots]
        read = {x for node in nodes for x in node.inputs()} | set(outputs)
        read |= {one.node for one, _ in record.mutated} | record.used
        self.inputs = [one for one in record.inputs if one.node in read]
        read = {x for node in self.nodes for x in node.inputs()} | set(outputs)
        self.passed = [one for one in self.inputs if one.node in read]
        into = self._in_place(outputs)
        lasting = self._gradients()
        results = [self.kept(x) for x in leaves(record.result)]
        fresh = [x for x in outputs if x not in into and x not in lasting]
        self.plan = Plan(self.nodes, into, lasting, set(fresh))
        self.nbytes = self.plan.nbytes
        elsewhere = [x for x in outputs if x not in self.plan.out]
        self.returned = list(dict.fromkeys([*results, *elsewhere]))
        passed = [one.node for one in self.passed]
        self.source = Source(self.nodes, self.plan, passed, self.returned, self._rows())
        self._execute()

    def kept(self, node: Node) -> Node:
        """The node that stands for a node of the record."""
        return self.instead.get(node, node)

    def is_lasting(self, node: Node) -> bool:
        """Whether its memory is the program's or an input's, so that the caller needs a copy."""
        lasting = {x.storage for x in self.plan.out} | {one.node.storage for one in self.inputs}
        return node.kind in ("input", "constant") or node.storage in lasting

    def _in_place(self, outputs: list[Node]) -> dict[Node, Node]:
        """What may be written where an input was: what goes back to its place and nowhere else."""
        places = {place_key(one.where): one.node for one in self.passed if not one.path}
        record = self.record
        back: list[tuple[Any, Any]] = [(("array", id(t)), node) for t, node in record.arrays]
        back += [(("entry", id(c), key), tree) for c, key, tree in record.entries]
        into = {}
        for place, tree in back:
            node = self.kept(tree) if isinstance(tree, Node) else None
            if node is not None and place in places and outputs.count(node) == 1:
                into[node] = places[place]
        return into

    def _gradients(self) -> set[Node]:
        """The gradients that stay in the program's memory, since it never reads the last ones."""
        if any(one.where[0] == "grad" for one in self.inputs):
            return set()
        passed_in = self.record.passed_tensors
        grads = [(t, g) for t, g in self.record.grads if isinstance(g, Node)]
        own = {self.kept(g) for t, g in grads if id(t) not in passed_in}
        return own - {self.kept(g) for t, g in grads if id(t) in passed_in}

    def _rows(self) -> int | None:
        """N: the rows of the first array that was passed in."""
        shapes = [np.shape(one.node.value) for one in self.passed if one.where[0] == "argument"]
        return next((shape[0] for shape in shapes if shape), None)

    def grows(self) -> bool:
        """Whether it makes entries that are not there yet: the next call needs another program."""
        return any(key not in c.before for c, key, _ in self.record.entries) or not all(
            self.record.had_grad[id(t)] for t, g in self.record.grads if g is not None
        )

    # --- the text --------------------------------------------------------------------------------

    def _execute(self) -> None:
        source = self.source
        self.parameters = [source.ref(one.node) for one in self.passed]
        self.namespace: dict[str, Any] = {"np": np, "start": source.stored, "Changed": Changed}
        self.namespace |= {name: source.texts.objects[name] for name in source.texts.missing}
        modules, definitions = self.preamble()
        text = "\n".join([FUTURE, *modules, definitions, self.text()])
        exec(compile(text, f"<compiled {self.record.name}>", "exec"), self.namespace)
        self.step = self.namespace["step"]

    def preamble(self) -> tuple[list[str], str]:
        """The imports that the text needs besides NumPy, and the definitions of its kernels."""
        texts = self.source.texts
        definitions = texts.text()
        checked = any(node.kind == "check" for node in self.nodes)
        parts = [*([CHANGED.rstrip()] if checked else []), *([definitions] if definitions else [])]
        if " Any" in definitions:
            texts.imports.add("from typing import Any")
        if "Array" in definitions:
            parts = ["Array = np.ndarray", *parts]
        return sorted(texts.imports - {"import numpy as np"}), "\n\n\n".join(parts)

    def text(self) -> str:
        """Memory, constants and ``step``."""
        source = self.source
        lines = []
        if source.memory:
            lines += ["# memory that every step writes into again", *source.memory, ""]
        if source.constants:
            lines += ["# constants", *source.constants, ""]
        lines += [""] if lines else []
        lines += _signature(self.parameters)
        lines += [f"    {line}" if line else "" for line in source.lines]
        given = [source.ref(x) for x in self.returned]
        lines += [f"    return {', '.join(given) if len(given) != 1 else given[0]}".rstrip()]
        return "\n".join(lines) + "\n"


def _signature(parameters: list[str]) -> list[str]:
    """``def step(...):``, in as many lines as it needs."""
    line = f"def step({', '.join(parameters)}):"
    return textwrap.wrap(line, 98, subsequent_indent="         ", break_long_words=False)


def leaves(tree: Any) -> list[Node]:
    """The nodes in a result or an entry."""
    found: list[Node] = []

    def leaf(x: Any) -> Any:
        if isinstance(x, (Node, Made)):
            found.extend([x] if isinstance(x, Node) else [x.node] + [x.grad] * (x.grad is not None))
        return x

    mapped(tree, leaf)
    return found


def place_key(where: tuple[Any, ...]) -> tuple[Any, ...]:
    """A place, to be looked up."""
    kind, *rest = where
    if kind == "argument":
        return where
    holder, *key = rest
    return kind, id(holder), *(key if isinstance(holder, Container) else ())


def _of_one_setting(check: Node) -> bool:
    """Whether a check asks a setting for its truth or its value: that is done before the call."""
    (condition,) = check.args
    equals = condition.function is operator.eq and condition.args[0].kind == "input"
    number = type(condition.value) in (int, float, bool)
    return number and (condition.kind == "input" or equals)
