"""Where a gradient comes from, in stages: symbols, numbers from above, local derivative, result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..backprop import last_root, order
from ..display import printable
from ..value import Value
from .local import Local
from .snapshot import Edge, Graph, TensorNode
from .story import Story, edge_id, kept_text
from .style import number, shape
from .tape import story_of
from .words import called, gradient_name, letters, literal, meant, with_letters

Stage = tuple[str, str]  # what it is, and the formula or numbers
TERMS = 6  # of a sum are written out


def stages(graph: Graph, edge: Edge, local: Local | None) -> list[Stage]:
    """How one op's rule makes what it sends along one edge, in symbols and then in numbers."""
    nodes = {node.id: node for node in graph.tensors}
    x = nodes[edge.source]
    y = next(nodes[op.result] for op in graph.ops if op.id == edge.op)
    rule, to = edge.rule or "", gradient_name(x)
    symbols = letters(graph, edge.op)
    symbols["out" if any(e.op == edge.op and e.argument == "y" for e in graph.edges) else "y"] = (
        called(y)
    )
    said = "".join(f",  {symbol} = {name}" for symbol, name in meant(rule, symbols))
    found = [("symbols", f"{to} = {rule},  ḡ = {gradient_name(y)}{said}")]
    if edge.term is None or y.gradient is None:
        return found
    g = literal(y.gradient)
    if y.gradient.cells is None:
        found.append(("ḡ put in", f"ḡ is {g}"))
    else:
        found.append(("ḡ put in", f"{to} = {rule.replace('ḡ', g)}"))
    found.append(("local derivative put in", _local(edge, y, local, to)))
    if edge.summed:
        axes = ", ".join(map(str, edge.summed))
        found.append(("stretched axes summed", f"Σ over axis {axes}, back to {x.value.shape}"))
    found.append(("result", f"{to} = {literal(edge.term)}"))
    return found


def _local(edge: Edge, y: TensorNode, local: Local | None, to: str) -> str:
    """The upstream gradient beside what the rule says of single elements."""
    g, term = y.gradient, edge.term
    assert g is not None
    assert term is not None
    if local is None or g.elements is None or term.elements is None:
        sizes = f"{shape(g.shape) or 'scalar'} by {shape(edge.shape) or 'scalar'}"
        return f"{sizes}: too many elements to write out one by one"
    if len(g.elements) == 1 and term.cells is not None:
        slopes = _like(term.cells, local.jacobian[0])
        return f"{to} = {_number(g.elements[0])} × {slopes}"
    if local.diagonal and term.cells is not None:
        slopes = _like(term.cells, [row[i] for i, row in enumerate(local.jacobian)])
        return f"{to} = {literal(g)} ⊙ {slopes}"
    elements = term.elements
    i = max(range(len(elements)), key=lambda k: abs(elements[k]))
    terms = [
        f"{_number(g.elements[j])} × {_number(row[i])}"
        for j, row in enumerate(local.jacobian)
        if row[i] != 0
    ]
    more = f" + … ({len(terms) - TERMS} more)" if len(terms) > TERMS else ""
    result = number(term.elements[i], 3)
    return f"element {position(i, edge.shape)}: {' + '.join(terms[:TERMS]) or '0'}{more} = {result}"


def _like(cells: tuple[tuple[float, ...], ...], elements: Any) -> str:
    """A row of elements in the rows of `cells`, as text."""
    rest = iter(elements)
    rows = [" ".join(number(next(rest), 3) for _ in row) for row in cells]
    return f"[{'; '.join(rows)}]"


def _number(x: float) -> str:
    text = number(x, 3)
    return f"({text})" if text.startswith("-") else text


def position(i: int, sizes: tuple[int, ...]) -> str:
    """The index of element i, counted in a row: ``[0, 2]``."""
    indices: list[str] = []
    for n in reversed(sizes):
        i, k = divmod(i, n)
        indices.insert(0, str(k))
    return f"[{', '.join(indices)}]"


def explain(value: Value, of: Value | None = None, names: Mapping[str, Any] | None = None) -> None:
    """Print where the gradient at `value` comes from: each term in stages, then their sum.

    Parameters
    ----------
    value
        A leaf, such as a weight, or any Tensor of the graph.
    of
        Whose gradient, as a rule the loss; by default what ``backward()`` was last called on.
    names
        Names for Tensors, such as ``locals()``.

    Raises
    ------
    TypeError, ValueError
        If `value` is no Tensor, is not part of what `of` was computed from, or needs no gradient.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> x = tx.Tensor(3.0, requires_grad=True, name="x")
    >>> y = x * x
    >>> y.backward()
    >>> tx.explain(x)
    ∂L/∂x, where L = x ⊙ y = 9, with y = x
    x = 3
    1. from multiply, for its x:
       symbols                  ∂L/∂x = ḡ ⊙ y,  ḡ = ∂L/∂L,  y = x
       ḡ put in                 ∂L/∂x = 1 ⊙ y
       local derivative put in  ∂L/∂x = 1 × [3]
       result                   ∂L/∂x = 3
    2. from multiply, for its y:
       symbols                  ∂L/∂x = ḡ ⊙ x,  ḡ = ∂L/∂L
       ḡ put in                 ∂L/∂x = 1 ⊙ x
       local derivative put in  ∂L/∂x = 1 × [3]
       result                   ∂L/∂x = 3
    ∂L/∂x = 3 + 3 = 6
    finite differences: approximate, largest difference 5e-11
    """
    print(explanation(value, of, names))  # noqa: T201 - what it is for


def explanation(
    value: Value, of: Value | None = None, names: Mapping[str, Any] | None = None
) -> str:
    """The text that `explain` prints."""
    if not isinstance(value, Value):
        raise TypeError(f"explain: got a {type(value).__name__}, wanted a Tensor")
    root = of if of is not None else last_root()
    if root is None:
        raise ValueError("explain: no backward() was called on anything that is still there; of=?")
    numbers = [v.number for v in order(root)[::-1]]
    if value.number not in numbers:
        raise ValueError(
            "explain: the Tensor is not part of what the loss was computed from; pass of=, the one"
        )
    if not value._needs_grad:
        raise ValueError("explain: the Tensor needs no gradient: it has requires_grad=False")
    story = story_of(root, names)
    lines = lines_about(story, f"t{numbers.index(value.number)}")
    return "\n".join(map(printable, lines))


def lines_about(story: Story, id: str) -> list[str]:
    """The explanation of one node's gradient, line by line."""
    graph = story.graph
    node = next(node for node in graph.tensors if node.id == id)
    to = gradient_name(node)
    root = graph.root
    made = next((op for op in graph.ops if op.result == root.id), None)
    formula = f"{made.formula} = " if made else ""
    whose = with_letters(made.formula, letters(graph, made.id)) if made else ""
    lines = [f"{to}, where {called(root)} = {formula}{literal(root.value)}{whose}"]
    if node.id != root.id:
        lines.append(f"{called(node)} = {literal(node.value)}")
    edges = [edge for edge in graph.edges if edge.source == id and edge.term is not None]
    names = {op.id: op.name for op in graph.ops}
    for k, edge in enumerate(edges, 1):
        lines.append(f"{k}. from {names[edge.op]}, for its {edge.argument}:")
        found = stages(graph, edge, story.local.get(edge_id(edge)))
        width = max(len(what) for what, _ in found)
        lines += [f"   {what:<{width}}  {text}" for what, text in found]
    if node.gradient is not None and len(edges) > 1:
        terms = [literal(edge.term) for edge in edges if edge.term]
        lines.append(f"{to} = {' + '.join(terms)} = {literal(node.arrived or node.gradient)}")
    if node.gradient is not None and not edges:
        lines.append(f"{to} = {literal(node.arrived or node.gradient)}: the walk begins here")
    lines += [
        moment.sentence for moment in story.moments if (moment.kind, moment.at) == ("hook", id)
    ]
    if node.kept is not None:
        lines.append(kept_text(node.kept))
    if check := story.checks.get(id):
        lines.append(f"finite differences: {check.text}")
    return lines
