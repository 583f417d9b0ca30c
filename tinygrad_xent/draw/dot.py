"""A Graph as DOT, the language of Graphviz: plain text, the same bytes on every run."""

from __future__ import annotations

from .labels import constant_label, legend_label, op_label, tensor_label
from .snapshot import Edge, Graph
from .style import FONT, Options, quote, shape

Attributes = dict[str, str]


def graph_attributes(graph: Graph, options: Options) -> Attributes:
    """The attributes of the whole graph; its caption is the legend, out of the layout's way."""
    attributes = {
        "rankdir": options.rankdir,
        "bgcolor": options.theme.paper,
        "fontname": FONT,
        "fontsize": "11",
        "nodesep": "0.3",
        "ranksep": "0.35",
        "ordering": "in",  # operands in the order in which they are written
    }
    if options.legend:
        attributes |= {
            "label": f"<{legend_label(graph, options)}>",
            "labelloc": "b",
            "labeljust": "l",
        }
    return attributes


def node_attributes() -> Attributes:
    """The attributes of all nodes."""
    return {"fontname": FONT, "fontsize": "12", "shape": "plain", "margin": "0.06,0.03"}


def edge_attributes() -> Attributes:
    """The attributes of all edges."""
    return {"fontname": FONT, "fontsize": "11", "arrowsize": "0.7"}


def statements(graph: Graph, options: Options) -> list[str]:
    """The nodes, then the edges, one line each."""
    theme = options.theme
    lines = [
        f"\t{node.id} [label=<{tensor_label(node, graph, options)}>"
        f' id={node.id} class="tensor {node.role}"]\n'
        for node in graph.tensors
    ]
    lines += [
        f"\t{constant.id} [label=<{constant_label(constant, options)}> shape=box"
        f' style=dashed color="{theme.faint}" id={constant.id} class=constant]\n'
        for constant in graph.constants
    ]
    lines += [
        f'\t{op.id} [label=<{op_label(op, options)}> shape=box style="rounded,filled"'
        f' fillcolor="{theme.op}" color="{theme.line}" id={op.id} class=op]\n'
        for op in graph.ops
    ]
    backward = graph.has_gradients and options.grads != "none"
    for edge in graph.edges:
        lines.append(_forward(edge, options))
        if backward and edge.rule is not None:
            lines.append(_backward(edge, options))
    for op in graph.ops:
        lines.append(
            f'\t{op.id} -> {op.result} [color="{theme.forward}" id="{op.id}-{op.result}"'
            " class=forward]\n"
        )
    return lines


def _forward(edge: Edge, options: Options) -> str:
    color = options.theme.forward
    return (
        f"\t{edge.source} -> {edge.op} [label={quote(forward_text(edge, options))}"
        f' color="{color}" fontcolor="{color}" id="{edge_id(edge)}" class=forward]\n'
    )


def _backward(edge: Edge, options: Options) -> str:
    """What flows back, drawn against the arrow but laid out along it, beside the operand."""
    color = options.theme.backward
    return (
        f"\t{edge.source} -> {edge.op} [label={quote(*backward_lines(edge, options))}"
        f' dir=back style=dashed color="{color}" fontcolor="{color}"'
        f' id="{edge_id(edge)}-back" class=backward]\n'
    )


def forward_text(edge: Edge, options: Options) -> str:
    """What goes forward: which argument, in which shape."""
    return f"{edge.argument} {shape(edge.shape) if options.shapes else ''}".strip()


def backward_lines(edge: Edge, options: Options) -> list[str]:
    """What flows back: the rule, and over which axes the walk summed."""
    lines = [edge.rule or ""] if options.formulas else []
    if edge.summed:
        axes = ", ".join(map(str, edge.summed))
        lines.append(f"Σ over {'axis' if len(edge.summed) == 1 else 'axes'} {axes}")
    return lines


def edge_id(edge: Edge) -> str:
    """The id of an edge forward; its way back has ``-back`` added."""
    return f"{edge.source}-{edge.op}-{edge.position}"
