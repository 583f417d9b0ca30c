"""Frames, boxes and repetitions: what is drawn of a model, and of what has no room."""

import re
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from test_draw_modules import Residual, classified, leaf

import tinygrad_xent as tx
from tinygrad_xent import nn
from tinygrad_xent.draw import engines, make_dot, snapshot
from tinygrad_xent.draw.fit import fitting
from tinygrad_xent.draw.roll import rolled
from tinygrad_xent.draw.scene import arrange

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"
needs_bundled = pytest.mark.skipif(
    engines._bundled() is None, reason="graphviz-pure has no wheel for here"
)


def named(scene):
    """The nodes of a scene by what a reader sees."""
    tensors = {node.id: node.name for node in scene.tensors}
    ops = {op.id: op.name for op in scene.ops}
    return tensors | ops | {box.id: box.path or box.kind for box in scene.boxes}


def names(scene):
    return [name for id, name in named(scene).items() if id[0] in "om"]


def drawn_edges(scene):
    """Who leads to whom."""
    called = named(scene)
    pairs = [(edge.source, edge.op) for edge in scene.edges] + list(scene.results)
    return [(called.get(a, a), called.get(b, b)) for a, b in pairs]


def frames(scene):
    """The frames as (path or times, kind, the same of the frame around it)."""
    title = {f.id: f.path or f.kind if f.times == 1 else f.times for f in scene.frames}
    return [(title[f.id], title.get(f.parent)) for f in scene.frames]


# --- frames ---------------------------------------------------------------------------------------


def test_modules_are_frames_around_what_ran_in_them():
    model = nn.MLP([4, 5, 3], rng=0)
    dot = make_dot(classified(model))
    assert re.findall(r'graph \[label="(.*?)"', dot.source.split("\n", 3)[3]) == [
        " MLP ",
        " 2  Linear ",
        " 1  ReLU ",
        " 0  Linear ",
    ]
    inside = dot.source.split("subgraph cluster_m1 {")[1].split("}\n")[0]
    assert re.findall(r"^\t+(\w+) \[", inside, re.M) == ["graph", "t0", "t1", "t5", "o0"]


@needs_bundled
def test_frames_are_in_the_picture():
    model = nn.MLP([4, 5, 3], rng=0)
    root = ElementTree.fromstring(make_dot(classified(model)).pipe("svg"))
    groups = {element.get("id"): element for element in root.iter(SVG + "g")}
    texts = [element.text for element in groups["m1"].iter(SVG + "text")]
    assert texts[0].split() == ["0", "Linear"]


# --- depth ----------------------------------------------------------------------------------------


def test_depth_0_makes_one_box_of_the_model():
    model = nn.MLP([4, 5, 3], rng=0)
    graph = snapshot(classified(model))
    scene = arrange(graph, 0)
    assert drawn_edges(scene) == [
        ("x", "MLP"),
        ("linear2", "cross_entropy"),
        ("y0", "cross_entropy"),
        ("MLP", "linear2"),
        ("cross_entropy", "L"),
    ]
    (box,) = scene.boxes
    assert (box.takes, box.gives, box.ops, box.parameters) == (((1, 4),), ((1, 3),), 3, 43)
    source = make_dot(classified(model), depth=0).source
    assert "(1, 4) → (1, 3)" in source
    assert "3 ops, 43 parameters" in source
    assert "subgraph" not in source


def test_depths_between():
    model = Residual(3)
    graph = snapshot(classified(model))
    assert names(arrange(graph, 1)) == [
        "cross_entropy",
        "layers.0",
        "layers.1",
        "layers.2",
        "head",
    ]
    two = arrange(graph, 2)
    assert names(two)[:3] == ["relu", "multiply", "add"]
    assert frames(two)[:2] == [("Residual", None), ("layers.0", "Residual")]
    everything = arrange(graph)
    assert len(everything) == len(arrange(graph, 9)) == len(graph)
    assert len(arrange(graph, 3)) == len(graph)


def test_what_is_used_outside_of_a_box_stays_in_sight():
    model = nn.MLP([3, 4, 2], rng=0)
    x = tx.Tensor([[1.0, 2.0, 3.0]], name="x")
    z = model(x)
    penalty = (model[0].weight * model[0].weight).sum()
    loss = tx.cross_entropy(z, [1]) + penalty
    loss.backward()
    scene = arrange(snapshot(loss, {"z": z}), 0)
    edges = drawn_edges(scene)
    assert edges.count(("0.weight", "multiply")) == 2
    assert ("0.weight", "MLP") in edges
    assert ("MLP", "z") in edges
    assert "0.bias" not in named(scene).values()
    # The gradient of the weight has two ways back, and both are drawn.
    assert 'id="t0-m0-1-back"' in make_dot(loss, depth=0).source


def test_a_box_takes_each_tensor_once():
    class Square(nn.Module):
        def forward(self, x):
            return x * x + x

    square = Square()
    scene = arrange(snapshot(square(leaf(3.0, "x"))), 0)
    assert drawn_edges(scene) == [("x", "Square"), ("Square", "L")]
    assert scene.edges[0].rule == ""


def test_what_was_not_recorded_is_no_box():
    model = nn.MLP([2, 3], rng=0)
    with tx.no_grad():
        y = model(tx.Tensor([[1.0, 2.0]]))
    assert len(arrange(snapshot(y), 0)) == 1


# --- repetitions ----------------------------------------------------------------------------------


def test_like_layers_are_drawn_once():
    model = nn.MLP([4] * 13 + [3], rng=0)
    scene = rolled(arrange(snapshot(classified(model))))
    assert names(scene) == ["linear", "relu", "linear", "cross_entropy"]
    assert frames(scene) == [
        ("MLP", None),
        (12, "MLP"),
        ("24", "MLP"),
        ("0", 12),
        ("1", 12),
    ]
    assert ("relu", "linear") in drawn_edges(scene)
    dot = make_dot(classified(model), roll=True)
    assert "× 12: the first is drawn" in dot.source
    homes = {named(scene).get(node): frame for node, frame in scene.home.items()}
    assert "x" not in homes
    assert dot.source.count("subgraph") == 5


def test_repetitions_begin_where_modules_do():
    model = nn.Sequential(
        nn.Linear(2, 4, rng=0),
        nn.ReLU(),
        *(layer for k in range(5) for layer in (nn.Linear(4, 4, rng=k), nn.ReLU())),
        nn.Linear(4, 3, rng=0),
    )
    model.sizes = (2, 3)
    residual = Residual(12)
    scene = rolled(arrange(snapshot(classified(residual))))
    assert frames(scene)[:2] == [("Residual", None), (12, "Residual")]
    assert ("layers.0", 12) in frames(scene)
    scene = rolled(arrange(snapshot(classified(model))))
    assert [times for times, _ in frames(scene) if isinstance(times, int)] == [5]


def test_loops_without_modules():
    w, u = leaf(np.eye(3), "w"), leaf(np.ones((2, 3)), "u")
    h = tx.Tensor(np.zeros((1, 3)), name="h")
    for k in range(7):
        h = tx.tanh(h @ w + tx.Tensor(np.full((1, 2), float(k))) @ u)
    loss = h.sum()
    loss.backward()
    scene = rolled(arrange(snapshot(loss)))
    assert names(scene) == ["matmul", "matmul", "add", "tanh", "sum"]
    assert [(f.times, f.parent) for f in scene.frames] == [(7, "")]
    tensors = [node.name for node in scene.tensors]
    assert [tensors.count(name) for name in ("w", "u", "h", "x0", "x1")] == [1, 1, 1, 1, 0]
    inside = {named(scene)[node] for node in scene.home}
    assert "x0" in inside
    assert not {"w", "u", "h"} & inside


def test_what_is_used_from_the_middle_is_not_rolled():
    y = leaf(0.5)
    kept = []
    for _ in range(8):
        y = tx.tanh(y)
        kept.append(y)
    loss = y * kept[2]
    scene = rolled(arrange(snapshot(loss)))
    assert names(scene).count("tanh") == 8


def test_different_shapes_and_formulas_are_not_alike():
    model = nn.MLP([5, 4, 3, 2], rng=0)
    scene = rolled(arrange(snapshot(classified(model))))
    assert len(scene) == len(snapshot(classified(model)))
    y = leaf(np.ones((2, 2)))
    z = tx.sum(tx.sum(y, axis=0), axis=0)
    assert len(rolled(arrange(snapshot(z)))) == 5


# --- what has no room -----------------------------------------------------------------------------


def test_too_many_nodes_become_boxes_then_repetitions():
    model = Residual(5)
    graph = snapshot(classified(model))
    assert fitting(graph, None, False, len(graph)) == arrange(graph)
    assert fitting(graph, None, False, len(graph) - 1) == arrange(graph, 2)
    assert fitting(graph, None, False, 20) == arrange(graph, 1)
    assert fitting(graph, None, False, 15) == rolled(arrange(graph, 1))
    assert fitting(graph, None, False, 6) == arrange(graph, 0)
    assert fitting(graph, None, False, 1) == arrange(graph, 0)
    assert fitting(graph, 2, False, 10) == rolled(arrange(graph, 2))
    assert fitting(graph, 2, True, 999) == rolled(arrange(graph, 2))
    model = Residual(50)
    graph = snapshot(classified(model))
    assert fitting(graph, None, False, 30) == rolled(arrange(graph))


def test_5000_layers_are_drawn():
    y = leaf(0.5)
    for _ in range(5000):
        y = tx.tanh(y)
    start = time.perf_counter()
    dot = make_dot(y)
    assert time.perf_counter() - start < 10
    assert "× 4999: the first is drawn" in dot.source


def test_uses_are_counted():
    x = leaf(2.0, "x")
    source = make_dot(x * x + x).source
    assert re.findall(r"(\d+) uses", source) == ["3"]


# --- any name, the same bytes ---------------------------------------------------------------------

HOSTILE = ["<script>alert(1)</script>", 'a"]b|{}\\', "&lt;&amp;]]>-->", "\x00\ud800 ḡ🙂"]


@needs_bundled
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("depth", [None, 0, 1])
def test_any_path_and_kind_gives_a_picture(name, depth, tmp_path):
    class Model(nn.Module):
        def forward(self, x):
            return vars(self)[name](x)

    model = Model()
    setattr(model, name, type(name.replace("\x00", "").replace("\ud800", ""), (nn.ReLU,), {})())
    y = model(leaf([1.0, 2.0], name))
    y.name = name
    dot = make_dot(y, depth=depth)
    root = ElementTree.fromstring(dot.pipe("svg"))
    assert not any("script" in element.tag for element in root.iter())
    page = Path(dot.save(tmp_path / "a.html")).read_text(encoding="utf-8")
    assert "<script" not in page


PROGRAM = """
import hashlib, sys, numpy as np, tinygrad_xent as tx
extra = [tx.nn.Linear(2, 2) for _ in range({waste})]
model = tx.nn.MLP([3] * 9, rng=0)
loss = tx.cross_entropy(model(tx.Tensor([[1.0, 2.0, 3.0]])), [1])
loss.backward()
for options in ({{}}, {{"depth": 1}}, {{"roll": True}}, {{"max_nodes": 20}}):
    dot = tx.make_dot(loss, names={{"model": model}}, **options)
    print(hashlib.sha256(dot.source.encode()).hexdigest())
print(hashlib.sha256(dot.snapshot.to_json().encode()).hexdigest())
"""


def test_same_bytes_in_every_process(digests):
    found = digests(PROGRAM, times=3)
    assert len(found[0].split()) == 5
    assert len(set(found)) == 1


# --- files ----------------------------------------------------------------------------------------


@needs_bundled
def test_a_page_stands_alone(tmp_path):
    model = nn.MLP([4, 5, 3], rng=0)
    dot = make_dot(classified(model), theme="dark")
    page = Path(dot.save(tmp_path / "a.html")).read_text(encoding="utf-8")
    assert page == Path(dot.save(tmp_path / "b.html")).read_text(encoding="utf-8")
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert page.count("<svg") == page.count("</svg>") == 1
    assert "<?xml" not in page
    assert not re.search(r"<script|src=|href=|url\(|@import", page)
    assert set(re.findall(r"https?://[^\"' ]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "overflow-x: auto" in page
    assert "prefers-color-scheme: dark" in page
    assert "background: #14161A" in page


def test_json_is_the_whole_graph(tmp_path):
    model = nn.MLP([4, 5, 3], rng=0)
    loss = classified(model)
    dot = make_dot(loss, depth=0)
    text = Path(dot.save(tmp_path / "a.json")).read_text(encoding="utf-8")
    assert text == snapshot(loss).to_json()
    assert dot.copy().snapshot is dot.snapshot
    with pytest.raises(ValueError, match="only a drawing by make_dot"):
        type(dot)().save(tmp_path / "b.json")


@needs_bundled
def test_the_names_of_micrograd_and_dezero(tmp_path):
    x = leaf(3.0, "x")
    y = x * x
    y.backward()
    assert tx.draw_dot(y).source == make_dot(y).source
    assert tx.draw_dot(y, "png", "TB").format == "png"
    assert "rankdir=TB" in tx.draw_dot(y, rankdir="TB").source
    path = tmp_path / "graph.svg"
    picture = tx.plot_dot_graph(y, to_file=path)
    assert path.read_bytes() == picture.pipe("svg")
    plain = tx.plot_dot_graph(y, verbose=False, to_file=path)
    assert "f32" in picture.source
    assert "f32" not in plain.source
