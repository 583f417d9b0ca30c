"""A page that plays one story or several side by side: HTML that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib import resources
from typing import Any, NamedTuple

from .boxes import decimal
from .snapshot import Graph, TensorNode
from .stages import stages
from .story import Story, edge_id, kept_text
from .style import FONTS, NARROWED, size, visible
from .summary import Summary
from .words import literal, readable


class Shown(NamedTuple):
    """A story and the drawing of its graph."""

    caption: str
    story: Story
    svg: str


class Scene(NamedTuple):
    """Stories that are played side by side.

    Attributes
    ----------
    steps
        For each position of the cursor, which moment each story is at; without it, those of the
        one story.
    more
        What a script of its own needs to know.
    """

    name: str
    shown: tuple[Shown, ...]
    steps: tuple[tuple[int, ...], ...] = ()
    more: Any = None


def page(title: str, scenes: Sequence[Scene], top: str = "", script: str = "") -> str:
    """The page that plays scenes, one at a time.

    Parameters
    ----------
    top
        HTML above the drawings.
    script
        The asset with what that runs, which has a style sheet beside it.
    """
    code = ["base.js", "player.js", *([script] if script else []), "start.js"]
    panes = "".join(_panes(k, scene) for k, scene in enumerate(scenes))
    data = [_scene(scene) for scene in scenes]
    styles = [script.replace(".js", ".css")] if script else []
    return filled("player.html", title, code, styles, data, top=top, panes=panes)


def filled(
    body: str,
    title: str,
    scripts: Sequence[str],
    styles: Sequence[str],
    data: Any,
    **parts: str,
) -> str:
    """A page with everything in it; its policy allows these very scripts and nothing else."""
    code = "".join(map(_asset, scripts))
    digest = base64.b64encode(hashlib.sha256(f"\n{code}".encode()).digest()).decode()
    css = "".join(map(_asset, ("player.css", *styles, "print.css")))
    parts |= {
        "title": _text(title),
        "hash": f"sha256-{digest}",
        "css": NARROWED + css.replace("{{fonts}}", FONTS),
        "data": as_json(data),
        "script": code,
    }
    template = _asset("page.html").replace("{{body}}", _asset(body))
    page = re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)
    return re.sub(r"[\ud800-\udfff]", "\ufffd", page)  # half a character, which no file can hold


def _panes(number: int, scene: Scene) -> str:
    """The drawings of a scene; those of all but the first are hidden until they are asked for."""
    several = len(scene.shown) > 1
    figures = "".join(
        f'<figure class="pane" id="s{number}p{k}">'
        + (f"<figcaption>{_text(shown.caption)}</figcaption>" if several else "")
        + f'<div class="view" tabindex="0" role="group" aria-label="{_text(shown.caption)}">'
        + f"{slim(shown.svg, f's{number}p{k}-')}</div></figure>\n"
        for k, shown in enumerate(scene.shown)
    )
    kind = "scene two" if several else "scene"
    return f'<div class="{kind}" id="s{number}"{" hidden" if number else ""}>{figures}</div>\n'


def _scene(scene: Scene) -> dict[str, Any]:
    steps = scene.steps or tuple((k,) for k in range(len(scene.shown[0].story.moments)))
    panes = [_pane(shown.caption, shown.story) for shown in scene.shown]
    return {"name": scene.name, "panes": panes, "steps": steps, "more": scene.more}


def _text(anything: str) -> str:
    """Any text, safe in HTML and in its attributes."""
    return escape(visible(anything))


@cache
def _asset(name: str) -> str:
    """A file of the page, without comments and the spaces that lines begin with."""
    text = (resources.files(__package__) / "assets" / name).read_text(encoding="utf-8")
    return re.sub(r"\n\s+", "\n", re.sub(r"\n\s*/\*.*?\*/(?=\n)", "", text, flags=re.DOTALL))


def as_json(data: Any) -> str:
    """JSON for a script element: no markup can begin in it, and NaN is a string."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", r"\u003c").replace("\u2028", r"\u2028").replace("\u2029", r"\u2029")


def _pane(caption: str, story: Story) -> dict[str, Any]:
    """What the page has to know of one story."""
    graph = story.graph
    made_by = {op.result: op.id for op in graph.ops}
    uses: dict[str, list[str]] = {node.id: [] for node in graph.tensors}
    inputs: dict[str, list[str]] = {op.id: [] for op in graph.ops}
    for edge in graph.edges:
        inputs[edge.op].append(edge_id(edge))
        if edge.term is not None:
            uses[edge.source].append(edge_id(edge))
    return {
        "caption": caption,
        "tensors": {
            node.id: _tensor(node, story, made_by.get(node.id), uses[node.id])
            for node in graph.tensors
        },
        "ops": {
            op.id: {
                "n": op.name,
                "f": op.formula,
                "y": op.result,
                "in": inputs[op.id],
                "saved": ", ".join(f"{readable(s.name)} ({size(s.nbytes)})" for s in op.saved),
            }
            for op in graph.ops
        },
        "edges": _edges(graph, story),
        "moments": [
            [m.kind, m.at, m.group, m.sentence, m.shows or 0, m.count or 0] for m in story.moments
        ],
    }


def _tensor(node: TensorNode, story: Story, by: str | None, uses: list[str]) -> dict[str, Any]:
    check = story.checks.get(node.id)
    found: dict[str, Any] = {
        "n": node.name,
        "r": node.role,
        "s": node.value.shape,
        "d": node.value.dtype,
        "need": node.needs_grad,
        "by": by,
        "uses": uses,
        "kept": kept_text(node.kept) if node.kept else None,
        "check": (check.verdict, check.text) if check else None,
    }
    found |= _array("v", node.value)
    if node.arrived is not None:
        found |= _array("h", node.arrived)
    if node.gradient is not None:
        found |= _array("g", node.gradient)
    return {key: what for key, what in found.items() if what is not None}


def _array(key: str, x: Summary) -> dict[str, Any]:
    """The elements if they are few, and otherwise a text that says where they lie."""
    if x.elements is None:
        return {key: None, f"{key}t": literal(x)}
    return {key: plain_numbers(x.elements)}


def plain_numbers(elements: Sequence[float]) -> list[Any]:
    """Numbers with the digits that a page shows; what JSON lacks as what JavaScript reads."""
    return [_plain_number(x) for x in elements]


def _plain_number(x: Any) -> Any:
    if not isinstance(x, float):
        return int(x)  # a bool too
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    return int(x) if x == int(x) and abs(x) < 1e5 else float(f"{x:.5g}")  # 0 is shorter than 0.0


def _edges(graph: Graph, story: Story) -> dict[str, Any]:
    constants = {node.id: node for node in graph.constants}
    found: dict[str, Any] = {}
    for edge in graph.edges:
        id = edge_id(edge)
        one: dict[str, Any] = {"a": edge.argument, "rule": edge.rule}
        if edge.source in constants:
            one["c"] = literal(constants[edge.source].value)
        local = story.local.get(id)
        if edge.term is not None:
            one |= {"st": stages(graph, edge, local), "tt": literal(edge.term)}
            one["t"] = plain_numbers(edge.term.elements) if edge.term.elements is not None else None
        if local is not None and local.diagonal:
            one["D"] = plain_numbers([row[i] for i, row in enumerate(local.jacobian)])
        elif local is not None:
            one["J"] = [plain_numbers(row) for row in local.jacobian]
        if local is not None and any(any(of_one) for of_one in local.needs):
            one["needs"] = local.needs
        found[id] = one
    return found


# What an engine writes on every text and shape, and a page says once.
_SAID_ONCE = re.compile(
    r' xml:space="preserve"| text-anchor="start"| font-size="12(?:\.00)?"| font-family="[^"]*"'
    r'| stroke="none"| xlink:type="simple"| (?:width|height)="[\d.]+pt"|<style>[^<]*</style>\n?'
    r'| style="max-width:100%;height:auto"|(?<=<text)(?P<ink>[^>]*) fill="#000000"'
)
_PLACES = re.compile(r' (?:points|d|x|y|width|height|transform|viewBox)="[^"]*"')
_POLYGON = re.compile(r'<polygon((?: [\w-]+="[^"]*")*?) points="([^"]*)"/>')
_EDGE = re.compile(r'<g id="[^"]*" class="edge.*?</g>', re.DOTALL)
_EDGE_COLOURS = re.compile(r' (?:fill|stroke|stroke-dasharray|font-size|text-anchor)="[^"]*"')
_FILLED_AND_FRAMED = re.compile(
    r'<rect fill="(#\w+)"( x="[^>]*)/>\n<rect fill="none" stroke="#555555"\2/>', re.IGNORECASE
)


def slim(svg: str, prefix: str) -> str:
    """The drawing without what a page says once, with ids that are unique on it.

    Rectangles are rectangles, whichever engine drew them: the cells of an array are ``.c``.
    """
    text = _SAID_ONCE.sub(lambda found: found["ink"] or "", svg[svg.index("<svg") :])
    text = _PLACES.sub(lambda found: _shorter(found[0]), text)
    text = _POLYGON.sub(_rectangle, text).replace("&#45;", "-").replace("&#160;", "\u00a0")
    text = _FILLED_AND_FRAMED.sub(r'<rect class="c" fill="\1"\2/>', text)
    text = re.sub(
        r'<rect fill="(#\w+)"( x="[^>]*) stroke="#555555" stroke-width="1"/>',
        r'<rect class="c" fill="\1"\2/>',
        re.sub(r'<rect( x="[^>]*?) fill="(#\w+|none)"([^>]*)/>', r'<rect fill="\2"\1\3/>', text),
    )
    text = re.sub(
        r'<a xlink:title="(?:value|now|kept|grad)">\n?(.*?)</a>\n?', r"\1", text, flags=re.S
    )
    text = re.sub(r'(<rect class="c"[^>]*) height="22\.4"/>', r"\1/>", text)  # what `.c` has anyway
    text = _EDGE.sub(lambda found: _EDGE_COLOURS.sub("", found[0]), text)
    text = text.replace(' id="', f' id="{prefix}')
    text = text.replace(">\n<", "><").replace(
        ' role="img"', ' role="group"', 1
    )  # its parts can be chosen
    text = re.sub(r'<rect fill="#ffffff"', '<rect class="card"', text, flags=re.IGNORECASE)
    return text.replace('class="card"', 'class="paper"', 1)


def _shorter(place: str) -> str:
    """A tenth of a point is enough, and a whole one for a path."""
    digits = "" if place.startswith(" d=") else r"\1"
    return re.sub(r"\.0(?=\D)", "", re.sub(r"(\.\d)\d*", digits, place))


def _rectangle(found: re.Match[str]) -> str:
    """A polygon as a rectangle, if it is one."""
    about, points = found[1], [tuple(map(float, p.split(","))) for p in found[2].split()]
    xs, ys = (sorted({p[k] for p in points}) for k in (0, 1))
    if len(xs) != 2 or len(ys) != 2 or len(points) not in (4, 5):
        return found[0]
    sizes = (("x", xs[0]), ("y", ys[0]), ("width", xs[1] - xs[0]), ("height", ys[1] - ys[0]))
    return f"<rect{about}" + "".join(f' {name}="{decimal(value)}"' for name, value in sizes) + "/>"
