"""The labels of nodes: tables in Graphviz's HTML-like language."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from .graph import ConstantNode, Graph, OpNode, TensorNode
from .scene import Box, Scene
from .style import Options, blend, html, number, shape, shorten, size
from .summary import Summary
from .theme import Theme
from .widths import text_width

NAME_CHARS = 40
FONT_SIZE = 12.0


def tensor_label(node: TensorNode, graph: Graph, options: Options) -> str:
    """A header in the colour of the role, then a row per thing known: the value, the gradient."""
    rows = []
    if options.values != "none":
        room = options.room.get(f"{node.id}-value", ())
        rows.append(("value", _summary(node.value, options.values, options, room)))
        if node.now:
            rows.append(("value now", _summary(node.now, options.values, options)))
    if options.grads != "none":
        rows += _gradient_rows(node, options)
    alarm = node.id == graph.first_non_finite
    if alarm:
        rows.append(("", _text("NaN or infinity appears here first", options.theme.alarm)))
    title = f"<B>{html(shorten(node.name, NAME_CHARS))}</B>"
    if options.shapes:
        title += html(f"  {_kind(node.value)}")
    if (uses := graph.uses[node.id]) > 1:
        title += html(f"   {uses} uses")
    return _table(node, title, rows, options, alarm)


def _table(
    node: TensorNode, title: str, rows: list[tuple[str, str]], options: Options, alarm: bool
) -> str:
    theme = options.theme
    width = 3 if alarm else 2 if node.role == "loss" else 1
    color = theme.alarm if alarm else theme.line
    # An id on a cell is written out only beside a tooltip, which also keeps a shortened name whole.
    tooltip = (
        f' ID="{node.id}-name" TOOLTIP="{html(node.name)}"' if len(node.name) > NAME_CHARS else ""
    )
    lines = [
        f'<TABLE BORDER="{width}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="4" COLOR="{color}"'
        f' BGCOLOR="{theme.paper}"{_style(node.role, theme)}>',
        f'<TR><TD COLSPAN="2" BGCOLOR="{getattr(theme, node.role)}"{tooltip}>'
        f"{_on_fill(title, theme)}</TD></TR>",
    ]
    for what, content in rows:
        color = theme.forward if what.startswith("value") else theme.backward
        name = _text(what, color) if what else ""
        cells = [f'<TD ALIGN="LEFT"{_handle(node, what, k, options)}>' for k in ("label", "cells")]
        cells[1] = cells[1].replace("<TD", f"<TD{_least(node, what, options)}", 1)
        lines.append(f"<TR>{cells[0]}{name}</TD>{cells[1]}{content}</TD></TR>")
    return "".join([*lines, "</TABLE>"])


def _handle(node: TensorNode, what: str, part: str, options: Options) -> str:
    """An id by which a page finds a cell again; it is written out only beside a tooltip."""
    row = {"value": "value", "value now": "now", ".grad holds": "kept"}.get(what, "grad")
    return f' ID="{node.id}-{row}-{part}" TOOLTIP="{row}"' if options.handles and what else ""


def _least(node: TensorNode, what: str, options: Options) -> str:
    """The width of a cell that holds one text, and wider ones later."""
    row = {"value": "value", "value now": "", ".grad holds": ""}.get(what, "grad")
    texts = options.room.get(f"{node.id}-{row}", ())
    return _width(texts[0]) if len(texts) == 1 else ""


def _width(text: str) -> str:
    """The attribute that makes a cell wide enough for a text."""
    return f' WIDTH="{math.ceil(text_width(text, FONT_SIZE) + 10)}"' if text else ""


def _gradient_rows(node: TensorNode, options: Options) -> list[tuple[str, str]]:
    """Not needed, not computed (which is not 0), or the gradient, and what differs from it."""
    what = f"∂L/∂{shorten(node.name, NAME_CHARS)}"
    if not node.needs_grad:
        return [(what, _text("not needed", options.theme.faint))]
    rows = [(what, "—")]
    if node.gradient:
        room = options.room.get(f"{node.id}-grad", ())
        rows = [(what, _summary(node.gradient, options.grads, options, room))]
    if node.arrived and not options.handles:  # of which a page tells when it happens
        rows.insert(0, ("before its hook", _summary(node.arrived, options.grads, options)))
    if node.kept:
        rows.append((".grad holds", _summary(node.kept, options.grads, options)))
    return rows


def op_label(node: OpNode, options: Options) -> str:
    """The name, the formula, the attributes if asked for, and what is saved for backward."""
    theme = options.theme
    lines = [f"<B>{html(node.name)}</B>"]
    if options.formulas:
        lines.append(html(node.formula))
    if options.show_attrs:
        lines += [
            html(f"{name} = {shorten(text, options.max_attr_chars)}")
            for name, text in node.attributes
        ]
    lines = [_on_fill(line, theme) for line in lines]
    for saved in node.saved:
        lines.append(
            _on_fill(html(f"saved: {_readable(saved.name)} ({size(saved.nbytes)})"), theme)
        )
        if options.show_saved or saved.value.cells is not None:
            detail = "auto" if options.values == "none" else options.values
            lines.append(_saved(saved.value, detail, options))
    return _column(lines)


def _saved(value: Summary, detail: str, options: Options) -> str:
    """What was saved, readable on the fill of an op, where the colour of alarm is not."""
    theme = replace(options.theme, alarm=options.theme.on_fill)
    shown = _summary(value, detail, replace(options, theme=theme))
    return shown if shown.startswith("<TABLE") else _on_fill(shown, options.theme)


def box_label(node: Box, options: Options) -> str:
    """A Module: its path and class, the shapes that go in and come out, what is inside."""
    title = f"<B>{html(shorten(node.path or node.kind, NAME_CHARS))}</B>"
    lines = [title + (html(f"  {node.kind}") if node.path else "")]
    if options.shapes:
        takes, gives = (
            ", ".join(shape(sizes) or "()" for sizes in several)
            for several in (node.takes, node.gives)
        )
        lines.append(html(f"{takes} → {gives}".strip()))
    lines.append(html(f"{count(node.ops, 'op')}, {count(node.parameters, 'parameter')}"))
    return _column([_on_fill(line, options.theme) for line in lines])


def count(n: int, what: str) -> str:
    """1 op, 1,234 parameters."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _column(lines: list[str]) -> str:
    cells = "".join(f"<TR><TD>{line}</TD></TR>" for line in lines)
    return f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2">{cells}</TABLE>'


def _on_fill(text: str, theme: Theme) -> str:
    """Markup in the colour of text on fills, where that is not the colour of all text."""
    if theme.on_fill == theme.ink:
        return text
    return f'<FONT COLOR="{theme.on_fill}">{text}</FONT>'


def _style(role: str, theme: Theme) -> str:
    """The attribute for the border of a role, if it has one of its own."""
    style = dict(theme.styles).get(role)
    return f' STYLE="{style}"' if style else ""


def _readable(name: str) -> str:
    """The name of an attribute as mathematics: ``q_minus_p`` is q - p."""
    return name.replace("_minus_", " - ")


def constant_label(node: ConstantNode, options: Options) -> str:
    """The number, or shape and elements of a plain array."""
    detail = "auto" if options.values == "none" else options.values
    content = _summary(node.value, detail, options)
    head = (
        f"<TR><TD>{html(_kind(node.value))}</TD></TR>"
        if node.value.shape and options.shapes
        else ""
    )
    rows = f"{head}<TR><TD>{content}</TD></TR>"
    return f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2">{rows}</TABLE>'


def _kind(summary: Summary) -> str:
    """Shape and dtype: (64, 10) f32."""
    return f"{shape(summary.shape)} {summary.dtype}".lstrip()


def _summary(summary: Summary, detail: str, options: Options, room: Sequence[str] = ()) -> str:
    """Every element of a small array in its place, or where the elements of a large one lie."""
    if not math.prod(summary.shape):
        return "empty"
    if summary.cells and math.prod(summary.shape) == 1 and summary.finite:
        return _cell_text(summary.cells[0][0], options)
    if summary.cells is None or detail == "summary":
        return _range(summary, options)
    return _grid(summary, options, room)


def _range(summary: Summary, options: Options) -> str:
    parts = [
        f"{name} {number(x, options.precision)}"
        for name, x in (("min", summary.low), ("mean", summary.mean), ("max", summary.high))
        if x is not None
    ]
    flaws = [f"{n} {what}" for n, what in ((summary.nans, "NaN"), (summary.infs, "Inf")) if n]
    text = html("  ".join(parts))
    if flaws:
        text += ("  " if text else "") + _text(", ".join(flaws), options.theme.alarm)
    return text


def _grid(summary: Summary, options: Options, room: Sequence[str] = ()) -> str:
    """The digits, on blue where positive and orange where negative, the deeper the larger."""
    theme = options.theme
    texts = iter(room)
    largest = max(abs(summary.low or 0), abs(summary.high or 0))
    rows = "".join(
        "<TR>"
        + "".join(
            f'<TD BGCOLOR="{_heat(x, 0 if summary.integer else largest, theme)}"'
            f"{_width(next(texts, ''))}>"
            f"{_cell_text(x, options)}</TD>"
            for x in row
        )
        + "</TR>"
        for row in summary.cells or ()
    )
    return (
        '<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="3"'
        f' COLOR="{theme.faint}">{rows}</TABLE>'
    )


def _heat(x: float, largest: float, theme: Theme) -> str:
    if not math.isfinite(x):
        return theme.ink
    if not largest:
        return theme.zero
    return blend(theme.zero, theme.positive if x > 0 else theme.negative, abs(x) / largest)


def _cell_text(x: float, options: Options) -> str:
    text = number(x, options.precision)
    return text if math.isfinite(x) else f"<B>{_text(text, options.theme.paper)}</B>"


def _text(text: str, color: str) -> str:
    return f'<FONT COLOR="{color}">{html(text)}</FONT>'


CHIPS = (
    ("data", "data"),
    ("parameter", "parameter"),
    ("op", "op"),
    ("module", "module"),
    ("result", "result"),
    ("loss", "loss L"),
    ("constant", "constant"),
)


def legend_label(scene: Scene, options: Options) -> str:
    """What the colours and the arrows mean: only what this scene has."""
    theme, graph = options.theme, scene.graph
    kinds: set[str] = {node.role for node in scene.tensors}
    kinds |= {"op"} if scene.ops else set()
    kinds |= {"module"} if scene.boxes else set()
    kinds |= {"constant"} if scene.constants else set()
    chips = [_chip(kind, text, theme) for kind, text in CHIPS if kind in kinds]
    lines = [_text("→ forward: a value", theme.forward)]
    if graph.root.needs_grad and not graph.has_gradients and options.grads != "none":
        lines.append(_text("—: not computed; call backward()", theme.backward))
    if graph.has_gradients and options.grads != "none":
        lines.append(_text("← backward: what the op sends back", theme.backward))
        lines.append(_text("ḡ: ∂L/∂ of the op's result", theme.backward))
    rows = "".join(f'<TR><TD ALIGN="LEFT">{line}</TD></TR>' for line in lines)
    table = '<TABLE BORDER="0" CELLSPACING="{}" CELLPADDING="{}">{}</TABLE>'
    boxes = table.format(4, 3, f"<TR>{''.join(chips)}</TR>")
    return table.format(0, 2, f'<TR><TD ALIGN="LEFT">{boxes}</TD></TR>{rows}')


def _chip(kind: str, text: str, theme: Theme) -> str:
    """A cell of the legend that looks like the nodes of its kind."""
    shown = text if kind == "constant" else _on_fill(text, theme)
    return f'<TD BGCOLOR="{getattr(theme, kind)}" BORDER="1"{_style(kind, theme)}>{shown}</TD>'
