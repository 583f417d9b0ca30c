"""Drawings: what they show is what the engine computed, on any machine, for any name."""

import gc
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import weakref
from dataclasses import asdict, fields, is_dataclass
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import graphviz
import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.draw import LayoutError, engines, make_dot, snapshot
from tinygrad_xent.draw.summary import summarize

try:
    from cases import CASES
except ImportError:
    CASES = []

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"
BUNDLED = engines._bundled()
needs_bundled = pytest.mark.skipif(BUNDLED is None, reason="graphviz-pure has no wheel for here")


def leaf(data, name=None):
    return tx.Tensor(data, requires_grad=True, name=name)


def fused(backward=True):
    loss = tx.cross_entropy(leaf([[2.0, 1.0, -0.5]], "z"), [1])
    if backward:
        loss.backward()
    return loss


def mlp():
    rng = np.random.default_rng(0)
    shapes = {"0.weight": (64, 32), "0.bias": (32,), "2.weight": (32, 10), "2.bias": (10,)}
    params = {name: leaf(0.2 * rng.standard_normal(shape)) for name, shape in shapes.items()}
    x = tx.Tensor(rng.random((1, 64)), name="x")
    hidden = tx.relu(tx.linear(x, params["0.weight"], params["0.bias"]))
    logits = tx.linear(hidden, params["2.weight"], params["2.bias"])
    return tx.cross_entropy(logits, [3]), params, logits


def tensors(graph):
    return {node.name: node for node in graph.tensors}


def texts(dot):
    """What can be read on a picture, in the order in which it is drawn."""
    return [element.text for element in ElementTree.fromstring(dot.pipe("svg")).iter(SVG + "text")]


def statement(dot, id):
    """The line of DOT that makes a node."""
    return next(line for line in dot.body if line.startswith(f"\t{id} ["))


def cells(label, row):
    """What stands in the row of a table after its label: the texts of its cells."""
    after = label.split(f">{row}</FONT></TD>")[1].split("</TD></TR><TR><TD ALIGN")[0]
    return re.findall(r">([^<>]+)<", after)


# --- the snapshot ---------------------------------------------------------------------------------


def test_x_times_x_has_two_edges():
    x = leaf(3.0, "x")
    y = x * x
    y.backward()
    graph = snapshot(y)
    assert [(e.source, e.op, e.position, e.argument, e.rule) for e in graph.edges] == [
        ("t0", "o0", 0, "x", "ḡ ⊙ y"),
        ("t0", "o0", 1, "y", "ḡ ⊙ x"),
    ]
    assert [e.term.cells for e in graph.edges] == [((3.0,),), ((3.0,),)]
    assert tensors(graph)["x"].gradient.cells == ((6.0,),)
    assert [line.count("t0 -> o0") for line in make_dot(y).body].count(1) == 4  # two each way


def test_ids_follow_creation():
    a, b = leaf(1.0, "a"), leaf(2.0, "b")
    graph = snapshot((b * 2.0 + a) * 3.0)
    assert [node.id for node in graph.tensors] == ["t0", "t1", "t2", "t3", "t4"]
    assert [node.name for node in graph.tensors] == ["a", "b", "multiply", "add", "L"]
    assert [(op.id, op.name, op.result) for op in graph.ops] == [
        ("o0", "multiply", "t2"),
        ("o1", "add", "t3"),
        ("o2", "multiply", "t4"),
    ]
    assert [(c.id, c.value.cells) for c in graph.constants] == [("c0", ((2,),)), ("c1", ((3,),))]


def test_diamonds_are_drawn_once():
    y = leaf(1.0)
    for _ in range(60):
        y = y + y
    y.backward()
    dot = make_dot(y)  # drawn path by path, it would take 2 to the 60 steps
    assert len(snapshot(y).edges) == 120
    assert tensors(snapshot(y))["w0"].gradient.cells == ((2.0**60,),)
    assert len(dot.body) == 61 + 60 + 2 * 120 + 60  # tensors, ops, edges there and back, results


def test_roles_names_shapes_and_kinds_of_gradient():
    loss, params, logits = mlp()
    graph = snapshot(loss, params | {"logits": logits, "loss": loss, "_": logits, "n": 3})
    nodes = tensors(graph)
    assert {name: node.role for name, node in nodes.items()} == {
        "0.weight": "parameter",
        "0.bias": "parameter",
        "2.weight": "parameter",
        "2.bias": "parameter",
        "x": "data",
        "y0": "data",
        "linear": "result",
        "relu": "result",
        "logits": "result",
        "loss": "loss",
    }
    assert nodes["0.weight"].value.shape == (64, 32)
    assert nodes["0.weight"].value.dtype == "f64"
    assert nodes["y0"].value == summarize(np.array([3]))
    assert not nodes["x"].needs_grad
    assert all(node.gradient is None for node in nodes.values())
    loss.backward()
    bias = next(e for e in snapshot(loss).edges if e.argument == "bias")
    assert (bias.rule, bias.summed, bias.term.shape) == ("ḡ", (0,), (32,))


def test_made_up_names_avoid_given_ones():
    x, y = tx.Tensor([0.1, 0.2]), leaf([0.3, 0.4])
    total = tx.exp(tx.exp(x * y))
    names = [node.name for node in snapshot(total, {"exp": y, "x0": tx.Tensor(1.0)}).tensors]
    assert names == ["x1", "exp", "multiply", "exp2", "exp3"]


def test_gradients_are_those_of_numpy():
    loss, params, logits = mlp()
    loss.backward()
    z = logits.numpy()
    q = np.exp(z - z.max())
    q_minus_p = q / q.sum() - np.eye(10)[[3]]
    graph = snapshot(loss, params | {"logits": logits})
    gradient = tensors(graph)["logits"].gradient
    np.testing.assert_allclose(gradient.cells, q_minus_p, rtol=1e-12)
    saved = graph.ops[-1].saved[0]
    assert (saved.name, saved.nbytes) == ("q_minus_p", 80)
    np.testing.assert_allclose(saved.value.cells, q_minus_p, rtol=1e-12)
    weight = tensors(graph)["0.weight"]
    assert weight.gradient == summarize(params["0.weight"].grad)
    assert weight.kept is None
    edge = next(e for e in graph.edges if e.rule == "ḡ (q - p) / N")
    np.testing.assert_allclose(edge.term.cells, q_minus_p, rtol=1e-12)


def test_second_backward_shows_both():
    x = leaf([1.0, 2.0], "x")
    loss = (x * x).sum()
    loss.backward()
    loss.backward()
    node = tensors(snapshot(loss))["x"]
    assert node.gradient.cells == ((2.0, 4.0),)
    assert node.kept.cells == ((4.0, 8.0),)
    label = statement(make_dot(loss), "t0")
    assert cells(label, "∂L/∂x") == ["2", "4"]
    assert cells(label, ".grad holds") == ["4", "8"]
    x.grad = None
    assert not snapshot(loss).has_gradients


def test_drawing_touches_no_gradient_and_no_array():
    x = leaf([1.0, 2.0], "x")
    loss = (x * x).sum()
    loss.backward()
    before, array = x._grad, x._array
    make_dot(loss, values="summary")
    assert x._grad is before
    assert x._array is array
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])


def test_values_are_those_that_the_graph_used():
    x = leaf([1.0, 2.0], "x")
    loss = (x * x).sum()
    loss.backward()
    x.data -= 0.5 * x.grad
    node = tensors(snapshot(loss))["x"]
    assert node.value.cells == ((1.0, 2.0),)
    assert node.now.cells == ((0.0, 0.0),)
    label = statement(make_dot(loss), "t0")
    assert cells(label, "value") == ["1", "2"]
    assert cells(label, "value now") == ["0", "0"]
    assert cells(label, "∂L/∂x") == ["2", "4"]


def test_roots_that_are_not_scalars():
    x = leaf([1.0, 2.0], "x")
    y = x * 3.0
    y.backward(np.array([1.0, 10.0]))
    graph = snapshot(y)
    assert graph.root.gradient.cells == ((1.0, 10.0),)
    assert graph.tensors[0].gradient.cells == ((3.0, 30.0),)
    assert graph.tensors[0].kept is None
    x.grad = None
    y.backward(np.array([1.0, 10.0]), retain_grads=True)
    graph = snapshot(y)
    assert graph.tensors[0].gradient.cells == ((3.0, 30.0),)
    assert graph.tensors[0].kept is None


def test_leaves_and_what_no_grad_computed():
    assert [n.role for n in snapshot(tx.Tensor(1.0)).tensors] == ["data"]
    assert [n.role for n in snapshot(leaf(1.0)).tensors] == ["parameter"]
    x = leaf(1.0)
    with tx.no_grad():
        y = x * 2.0
    assert len(snapshot(y)) == 1
    assert "not needed" in make_dot(y).source


def test_snapshot_holds_no_tensor():
    gc.disable()
    try:
        x = leaf([1.0, 2.0], "x")
        loss = (x * np.array([3.0, 4.0])).sum()
        loss.backward()
        alive = [weakref.ref(v) for v in (x, loss, x._array, loss.op)]
        graph, dot = snapshot(loss), make_dot(loss)
        del x, loss
        assert [ref() for ref in alive] == [None] * 4
        assert graph.tensors[0].name in dot.source
    finally:
        gc.enable()


def only_plain(data):
    """Whether plain data all the way down."""
    if is_dataclass(data):
        return all(only_plain(getattr(data, field.name)) for field in fields(data))
    if type(data) is tuple:
        return all(only_plain(part) for part in data)
    return type(data) in (str, int, float, bool, type(None))


def test_snapshot_is_plain_data():
    loss, *_ = mlp()
    loss.backward()
    graph = snapshot(loss)
    assert only_plain(graph)
    json.dumps(asdict(graph))


def test_deep_graphs_are_refused_politely():
    y, rng = leaf(0.5), np.random.default_rng(0)
    for k in rng.integers(4, size=5000):
        y = (tx.tanh, tx.sin, tx.cos, tx.arctan)[k](y)
    assert len(snapshot(y)) == 10_001
    with pytest.raises(ValueError, match=r"of 10001, more than 2000.*depth=0.*inner.*max_nodes="):
        make_dot(y)


def test_larger_graphs_have_no_grids():
    y = leaf([1.0, 2.0], "x")
    for op in (tx.tanh, tx.exp, tx.sin, tx.cos, tx.tanh):
        y = op(y)
    full, few = make_dot(y), make_dot(y, max_nodes=10)
    assert "min 1  mean 1.5  max 2" not in full.source
    assert "min 1  mean 1.5  max 2" in few.source
    assert few.source == make_dot(y, values="summary", grads="summary").source


# --- summaries ------------------------------------------------------------------------------------


def test_summaries():
    s = summarize(np.array([[1.0, np.nan], [np.inf, -3.0]]))
    assert (s.shape, s.nans, s.infs, s.finite) == ((2, 2), 1, 1, False)
    assert (s.low, s.mean, s.high) == (-3.0, -1.0, 1.0)
    large = summarize(np.arange(17, dtype=np.int32))
    assert (large.dtype, large.cells, large.mean, large.high) == ("i32", None, None, 16)
    assert summarize(np.full(20, 60000, np.float16)).mean == 60000.0
    assert summarize(np.full(20, 3e38, np.float32)).mean == pytest.approx(3e38)
    assert summarize(np.full(20, np.nan)).low is None
    assert summarize(np.zeros((0, 3))).cells == ()
    assert summarize(np.array([True, False])).dtype == "bool"
    assert summarize(np.arange(12.0).reshape(2, 2, 3)).cells[3] == (9.0, 10.0, 11.0)
    assert summarize(np.array([1e308, 1e308])).finite


# --- what stands on the picture -------------------------------------------------------------------


def test_before_backward_is_not_zero():
    label = statement(make_dot(fused(backward=False)), "t0")
    assert label.count(">—<") == 1
    assert "not computed" in make_dot(fused(backward=False)).source
    assert not any("class=backward" in line for line in make_dot(fused(backward=False)).body)
    assert "not needed" in statement(make_dot(fused()), "t1")


@needs_bundled
def test_q_minus_p_is_on_the_picture():
    z = np.array([2.0, 1.0, -0.5])
    q = np.exp(z) / np.exp(z).sum()
    digits = [f"{x:.3g}" for x in q - [0, 1, 0]]
    seen = texts(make_dot(fused()))
    places = [k for k in range(len(seen)) if seen[k : k + 3] == digits]
    assert len(places) == 2  # the gradient of the logits, and what the op saved
    assert "saved: q - p (12 B)" in seen
    assert any("ḡ (q - p) / N" in text for text in seen)


def test_ten_classes_are_ten_cells():
    loss, params, logits = mlp()
    loss.backward()
    dot = make_dot(loss, params, names={"logits": logits})
    assert cells(statement(dot, "t7"), "∂L/∂logits") == [f"{x:.3g}" for x in np.ravel(
        snapshot(loss).tensors[7].gradient.cells
    )]  # fmt: skip
    assert " Σ over axis 0 " in dot.source
    assert re.search(r"min -0\.\d+  mean .*  max 0\.\d+", statement(dot, "t0"))


def test_options():
    loss = fused()
    default = make_dot(loss).source
    assert "reduction" not in default
    assert "reduction = 'mean'" in make_dot(loss, show_attrs=True).source
    assert "reduction = '…n'" not in default
    assert "reduction = '…n'" in make_dot(loss, show_attrs=True, max_attr_chars=4).source
    assert "(1, 3)" not in make_dot(loss, shapes=False).source
    assert "q = softmax(z)" not in make_dot(loss, formulas=False).source
    assert "(q - p)" not in make_dot(loss, formulas=False).source
    assert "class=backward" not in make_dot(loss, grads="none").source
    assert "∂L" not in make_dot(loss, grads="none").source
    assert ">value<" not in make_dot(loss, values="none").source
    assert "rankdir=TB" in make_dot(loss, rankdir="TB").source
    assert "forward: a value" not in make_dot(loss, legend=False).source
    q_minus_p = snapshot(loss).ops[0].saved[0].value.cells[0][1]
    assert f">{q_minus_p:.5g}<" in make_dot(loss, precision=5).source
    assert f">{q_minus_p:.5g}<" not in default
    for bad in ({"values": "full"}, {"grads": 1}, {"rankdir": "up"}, {"precision": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))}=.*wanted"):
            make_dot(loss, **bad)


def test_numbers():
    label = statement(make_dot(leaf([-0.0, 1 / 3, 1234567.0, 5e-324, -1e-8])), "t0")
    assert cells(label, "value") == ["0", "0.333", "1.23e+06", "0", "-1e-08"]
    label = statement(make_dot(tx.Tensor(np.array([7, -123456]))), "t0")
    assert cells(label, "value") == ["7", "-123456"]
    assert ">empty<" in statement(make_dot(tx.Tensor(np.zeros((0, 3)))), "t0")


def test_large_saved_arrays_are_shown_when_asked_for():
    z = leaf(np.random.default_rng(0).standard_normal((5, 4)))
    loss = tx.cross_entropy(z, [0, 1, 2, 3, 0])
    assert "saved: q - p (160 B)" in make_dot(loss).source
    assert "min" not in statement(make_dot(loss), "o0")
    assert "min" in statement(make_dot(loss, show_saved=True), "o0")


def test_attributes_are_short_and_have_no_addresses():
    class Marker:
        pass

    class Shift(tx.Op):
        def __init__(self):
            self.how = [Marker()]
            self.function = len

        @tx.formula("x + 1")
        def forward(self, x):
            return x + 1

        @tx.formula("ḡ")
        def vjp_x(self, g, y, x):
            return g

    op = snapshot(tx.apply(Shift(), leaf(1.0))).ops[0]
    attributes = dict(op.attributes)
    assert attributes["function"] == "len"
    assert "0x" not in attributes["how"]
    assert [name for name, _ in snapshot(fused()).ops[0].attributes].count("saved") == 0


def test_first_non_finite_is_marked():
    z = leaf([[200.0, 1.0, 0.0]], "z")
    with np.errstate(all="ignore"):
        loss = tx.unfused_cross_entropy(z, [1])
        loss.backward()
    dot = make_dot(loss)
    marked = [line for line in dot.body if "appears here first" in line]
    assert len(marked) == 1
    assert snapshot(loss).first_non_finite == marked[0].split()[0]
    assert ">-Inf<" in marked[0]
    assert (
        'BGCOLOR="#000000"><B><FONT COLOR="#FFFFFF">Inf<'
        in dot.body[len(snapshot(loss).tensors) - 1]
    )
    assert tensors(snapshot(loss))["logprobs"].id == snapshot(loss).first_non_finite
    assert "appears here first" not in make_dot(fused()).source


def test_non_finite_gradients_alone_are_marked_where_they_arise():
    x = leaf([0.0, 1.0], "x")
    loss = (tx.sqrt(x * 1.0)).sum()
    with np.errstate(all="ignore"):
        loss.backward()
    assert snapshot(loss).first_non_finite == "t1"  # 1 / 2 sqrt(0), on the way to x


def test_signs_have_colours_and_labels_have_none():
    x = leaf([[4.0, 0.0, -4.0]])
    label = statement(make_dot(tx.cross_entropy(x, [2])), "t0")
    assert re.findall(r'BGCOLOR="(#\w+)">[-\d.]', label) == ["#56B4E9", "#FFFFFF", "#E69F00"]
    y = tx.cross_entropy(leaf(np.eye(2)), np.array([0, 1]))
    assert re.findall(r'BGCOLOR="(#\w+)">\d', statement(make_dot(y), "t1")) == ["#FFFFFF"] * 2


HOSTILE = [
    "<script>alert(1)</script>",
    'a"b|{}',
    "a\\",
    'a\\"b|{}\\N\\G',
    "&lt;&amp;]]>-->",
    "line\nbreak\ttab\rreturn",
    "\x00\x01\x1f\ud800\uffff",
    "−∂ḡ⊙文字🙂",
    "-->",
    "x" * 200,
    "<",
]


@needs_bundled
@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_gives_a_picture(name):
    x = leaf([[1.0, 2.0]], name)
    loss = tx.cross_entropy(x, [1])
    loss.name = name
    loss.backward()
    root = ElementTree.fromstring(make_dot(loss, show_attrs=True).pipe())
    assert not any("script" in element.tag for element in root.iter())
    seen = [element.text for element in root.iter(SVG + "text")]
    if len(name) < 30 and name.isprintable():
        assert name in seen
    assert {"t0", "t1", "o0"} <= {element.get("id") for element in root.iter()}


def test_shortened_names_are_whole_in_the_tooltip():
    name = "encoder." * 20
    label = statement(make_dot(leaf(1.0, name)), "t0")
    assert f'TOOLTIP="{name}"' in label
    assert f"<B>{name}</B>" not in label


def test_names():
    x, w = tx.Tensor(2.0, name="own"), leaf(3.0)
    y = x * w
    dot = make_dot(y, {"layer.w": w}, names={"layer.w": x, "x": x, "w": w, "y": y, "k": 1})
    assert [re.search("<B>(.*?)</B>", statement(dot, f"t{k}"))[1] for k in range(3)] == [
        "x",
        "layer.w",
        "y",
    ]
    with pytest.raises(TypeError, match=r"params\['a'\] is a int, wanted a Tensor"):
        make_dot(y, {"a": 1})
    with pytest.raises(TypeError, match="var is a ndarray, wanted a Tensor"):
        make_dot(np.ones(3))


# --- the same on every run ------------------------------------------------------------------------

PROGRAM = """
import hashlib, numpy as np, tinygrad_xent as tx
from tinygrad_xent.draw import make_dot
extra = [tx.Tensor(0.0) for _ in range({waste})]
z = tx.Tensor([[2.0, 1.0, -0.5]], requires_grad=True)
loss = tx.unfused_cross_entropy(tx.tanh(z) * np.array([1.0, 2.0, 3.0]), [1])
loss.backward()
print(hashlib.sha256(make_dot(loss, show_attrs=True, names=locals()).source.encode()).hexdigest())
"""


def test_same_bytes_in_every_process(digests):
    found = digests(PROGRAM)
    assert found[0] == found[1]
    assert len(found[0].strip()) == hashlib.sha256().digest_size * 2


def test_importing_loads_numpy_only():
    program = (
        "import sys, tinygrad_xent.draw\n"
        "print(sorted({'graphviz', 'rich', 'matplotlib', 'IPython'} & set(sys.modules)))"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, check=True)
    assert done.stdout.split() == [b"[]"]


def test_without_graphviz_the_error_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "tinygrad_xent.draw.dotgraph", raising=False)
    monkeypatch.setattr("builtins.__import__", importer_without_graphviz(__import__))
    with pytest.raises(ImportError, match="pip install graphviz"):
        make_dot(leaf(1.0))


def importer_without_graphviz(original):
    def importer(name, *args):
        if name == "graphviz":
            raise ModuleNotFoundError("No module named 'graphviz'", name="graphviz")
        return original(name, *args)

    return importer


def two_layers():
    rng = np.random.default_rng(0)
    model = tx.nn.MLP([3, 4, 2], rng=0)
    loss = tx.cross_entropy(model(rng.random((2, 3))), [0, 1])
    loss.backward()
    return model, loss  # which lives as long as its picture


def unfused():
    loss = tx.unfused_cross_entropy(leaf([[2.0, 1.0, -0.5]], "z"), [1])
    loss.backward()
    return loss


PICTURES = {
    "fused_cross_entropy": lambda: make_dot(fused()),
    "before_backward": lambda: make_dot(fused(backward=False), legend=False),
    "unfused_dark": lambda: make_dot(unfused(), theme="dark", rankdir="TB", show_attrs=True),
    "modules_as_frames": lambda: make_dot((kept := two_layers())[1], names={"model": kept[0]}),
    "modules_as_boxes": lambda: make_dot((kept := two_layers())[1], names={"m": kept[0]}, depth=1),
    "on_paper": lambda: make_dot(fused(), theme="paper", precision=5, values="summary"),
}


@needs_bundled
@pytest.mark.parametrize("name", PICTURES)
def test_golden_picture(name, monkeypatch):
    """Regenerate with TINYGRAD_XENT_GOLDEN=write in the environment, then look at the picture."""
    monkeypatch.delenv(engines.VARIABLE, raising=False)
    path = GOLDEN / f"{name}.svg"
    svg = PICTURES[name]().pipe("svg")
    if os.environ.get("TINYGRAD_XENT_GOLDEN") == "write":
        path.write_bytes(svg)
    assert svg == path.read_bytes().replace(b"\r\n", b"\n")  # git may have written them on Windows


# --- engines --------------------------------------------------------------------------------------

STANDING = """#!{python}
import sys
sys.stdin.buffer.read()
sys.stdout.write('<svg width="1pt" viewBox="0 0 1 1" xmlns="http://www.w3.org/2000/svg">')
sys.stdout.write("<text>" + " ".join(sys.argv[1:]) + "</text></svg>")
"""
FAILING = """#!{python}
import sys
sys.stderr.write("syntax error near line 7")
sys.exit(3)
"""


def executable(folder, name, program):
    """A stand-in for a layout engine."""
    if sys.platform == "win32":
        pytest.skip("a script is no executable on Windows")
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(program.format(python=sys.executable))
    path.chmod(0o755)
    return path


def paths(format):
    return [engine.path for engine in engines.engines(format)]


@needs_bundled
def test_the_bundled_engine_is_found_without_path(monkeypatch, tmp_path):
    monkeypatch.delenv(engines.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(engines.sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(engines, "_pygraphviz", lambda: None)
    assert paths("svg") == paths("png") == [BUNDLED.path]
    assert paths("pdf") == []
    assert make_dot(fused()).pipe("png").startswith(b"\x89PNG")


@needs_bundled
def test_the_bundled_engine_is_found_in_the_scripts_folder(monkeypatch):
    class Bare:
        files = None

    monkeypatch.setattr(metadata, "distribution", lambda name: Bare())
    monkeypatch.setattr(engines.sysconfig, "get_path", lambda name: str(BUNDLED.path.parent))
    assert engines._bundled() == BUNDLED


def test_only_dot(alone):
    dot = executable(alone / "bin", "dot", STANDING)
    assert [paths(f) for f in ("svg", "png", "pdf", "png:cairo")] == [[dot]] * 4
    assert texts(make_dot(fused())) == ["-q -Kdot -Tsvg"]
    picture = make_dot(fused()).pipe("png", "cairo", engine="neato")
    assert b"-q -Kneato -Tpng:cairo" in picture


@needs_bundled
def test_order_of_engines(monkeypatch, tmp_path):
    monkeypatch.setattr(engines, "_pygraphviz", lambda: None)
    dot = executable(tmp_path / "bin", "dot", STANDING)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv(engines.VARIABLE, raising=False)
    assert paths("svg") == [BUNDLED.path, dot]
    assert paths("png") == [dot, BUNDLED.path]
    mine = executable(tmp_path / "mine", "my-dot", STANDING)
    monkeypatch.setenv(engines.VARIABLE, str(mine))
    assert paths("svg") == [mine, BUNDLED.path, dot]
    assert paths("png") == [mine, dot, BUNDLED.path]
    assert paths("pdf") == [mine, dot]
    monkeypatch.setenv(engines.VARIABLE, str(dot))
    assert paths("svg") == [dot, BUNDLED.path]


def test_a_chosen_engine_that_is_missing(alone, monkeypatch):
    monkeypatch.setenv(engines.VARIABLE, "no-such-thing")
    assert b'id="t0-o0-0-back"' in make_dot(fused()).pipe()  # the built-in drawing
    with pytest.raises(LayoutError, match="TINYGRAD_XENT_DOT=no-such-thing: there is no such"):
        make_dot(fused()).pipe("png")
    executable(alone / "bin", "dot", STANDING)
    assert b"-Tpng" in make_dot(fused()).pipe("png")


def test_no_engine_at_all(alone, tmp_path):
    dot = make_dot(fused())
    bundle = dot._repr_mimebundle_(include=["text/plain", "image/png", "image/svg+xml"])
    assert sorted(bundle) == ["image/svg+xml", "text/plain"]
    assert bundle["text/plain"].startswith("// no layout engine for png: pip install graphviz-pure")
    assert bundle["text/plain"].endswith(dot.source)
    assert Path(dot.save(tmp_path / "a.svg")).read_bytes() == dot.pipe("svg")
    with pytest.raises(LayoutError, match="pip install graphviz-pure, or install Graphviz"):
        dot.save(tmp_path / "a.png")
    with pytest.raises(LayoutError, match=r"install Graphviz.*pygraphviz.*\.svg or \.html.*print"):
        dot.save(tmp_path / "a.pdf")
    assert os.listdir(tmp_path) == ["a.svg"]
    assert Path(dot.save(tmp_path / "a.dot")).read_text(encoding="utf-8") == dot.source


def test_a_failing_engine_gives_way_or_its_reason(alone, monkeypatch):
    bad = executable(alone / "mine", "bad-dot", FAILING)
    monkeypatch.setenv(engines.VARIABLE, str(bad))
    with pytest.raises(LayoutError, match="failed with 3: syntax error near line 7"):
        make_dot(fused()).pipe("png")
    assert b'id="t0-o0-0-back"' in make_dot(fused()).pipe()
    executable(alone / "bin", "dot", STANDING)
    assert b"-Tsvg" in make_dot(fused()).pipe()


def test_a_slow_engine_is_stopped(alone, monkeypatch):
    executable(alone / "bin", "dot", "#!{python}\nimport time\ntime.sleep(60)\n")
    monkeypatch.setattr(engines, "TIMEOUT", 0.2)
    start = time.perf_counter()
    with pytest.raises(LayoutError, match=r"no layout after 0\.2 s"):
        make_dot(fused()).pipe("png")
    assert b'id="t0-o0-0-back"' in make_dot(fused()).pipe()
    assert time.perf_counter() - start < 20


@needs_bundled
def test_graphviz_itself_is_left_as_it_was():
    before = graphviz.backend.dot_command.DOT_BINARY
    dot = make_dot(fused())
    dot.pipe()
    assert graphviz.backend.dot_command.DOT_BINARY == before == Path("dot")
    assert graphviz.Digraph().format == "pdf"
    assert isinstance(dot, graphviz.Digraph)
    assert isinstance(dot.copy(), type(dot))
    assert dot.copy().source == dot.source


@needs_bundled
def test_nothing_is_printed(capfd):
    make_dot(fused()).pipe()
    assert capfd.readouterr() == ("", "")


# --- files and notebooks --------------------------------------------------------------------------


@needs_bundled
def test_svg_stands_alone():
    svg = make_dot(fused()).pipe("svg", encoding="utf-8")
    root = ElementTree.fromstring(svg.encode())
    assert svg.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<svg ')
    assert "DOCTYPE" not in svg
    assert "Generated by" not in svg
    assert root.get("role") == "img"
    assert root.get("viewBox")
    titles = [element.text for element in root.iter(SVG + "title")]
    assert titles == ["Computation graph of L: 1 ops, 3 tensors, with gradients"]
    assert root.find(f"{SVG}g/{SVG}polygon").get("fill").upper() in ("#FFFFFF", "WHITE")
    assert "Liberation Sans" in svg
    assert not re.search(r'(src|href)="', svg)


@needs_bundled
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_op_has_a_picture(case):
    values = [leaf(a) if np.asarray(a).dtype.kind == "f" else a for a in case.arrays]
    result = case.f(*values)
    loss = (result * result).sum()
    if loss.requires_grad:
        loss.backward()
    dot = make_dot(loss, show_attrs=True, show_saved=True)
    ElementTree.fromstring(dot.pipe())
    assert case.name == "Sign" or snapshot(loss).has_gradients


@needs_bundled
def test_save_by_suffix(tmp_path):
    dot = make_dot(fused())
    assert dot.save(tmp_path / "a.svg") == str(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_bytes() == dot.pipe("svg")
    assert Path(dot.save(tmp_path / "a.PNG")).read_bytes().startswith(b"\x89PNG")
    assert Path(dot.save("a.gv", tmp_path)).read_bytes() == dot.source.encode()
    assert (dot.filename, dot.directory) == ("a.gv", str(tmp_path))
    assert dot.save() == str(tmp_path / "a.gv")  # as graphviz does
    assert Path(dot.save("b.svg")) == tmp_path / "b.svg"
    with pytest.raises(
        ValueError, match=r"suffix '\.gif'; wanted \.svg, \.png, \.pdf, \.html, \.json, \.gv, \.dot"
    ):
        dot.save(tmp_path / "a.gif")
    assert {path.name for path in tmp_path.iterdir()} == {"a.svg", "a.PNG", "a.gv", "b.svg"}


def test_a_folder_that_is_missing_is_named_and_one_that_is_given_is_made(tmp_path):
    dot = make_dot(fused())
    for name in ("a.svg", "a.gv"):
        path = tmp_path / "new" / name
        with pytest.raises(FileNotFoundError) as error:
            dot.save(path)
        assert str(error.value) == f"{path}: there is no folder {str(path.parent)!r} to write it to"
    assert not (tmp_path / "new").exists()
    assert Path(dot.save("a.svg", tmp_path / "given")).is_file()
    assert Path(dot.render(tmp_path / "rendered" / "a", format="svg")).is_file()  # as graphviz does


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"names": [1]},
            "make_dot: names is a list; wanted a mapping from names, such as locals()",
        ),
        ({"names": {1: 2}}, "make_dot: names has the key 1; wanted a name, which is a str"),
        ({"params": ["w"]}, "make_dot: params is a list; wanted a mapping"),
    ],
)
def test_names_that_are_none(options, says):
    with pytest.raises(TypeError, match=re.escape(says)):
        make_dot(fused(), **options)
    if "names" in options:
        for other in (tx.play, lambda loss, names: tx.explain(loss, of=loss, names=names)):
            with pytest.raises(TypeError, match=re.escape(says.removeprefix("make_dot: "))):
                other(fused(), names=options["names"])


def test_a_failing_layout_leaves_the_old_file(alone, tmp_path):
    path = tmp_path / "a.png"
    path.write_text("old")
    executable(alone / "bin", "dot", FAILING)
    with pytest.raises(LayoutError):
        make_dot(fused()).save(path)
    assert path.read_text() == "old"


def no_space(self, content):
    self.touch()
    raise OSError("no space left on device")


def no_move(source, target):
    raise PermissionError("it is open in another program")


@needs_bundled
@pytest.mark.parametrize(("name", "fails"), [("write_bytes", no_space), ("replace", no_move)])
def test_a_failing_write_leaves_the_old_file(monkeypatch, tmp_path, name, fails):
    path = tmp_path / "a.svg"
    path.write_text("old")
    monkeypatch.setattr(Path, name, fails)
    with pytest.raises(OSError, match=r"no space|open in"):
        make_dot(fused()).save(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.svg"]


@needs_bundled
def test_render_as_graphviz_does(tmp_path):
    dot = make_dot(fused())
    out = dot.render("a.gv", tmp_path)
    assert out == str(tmp_path / "a.gv.svg")
    assert Path(out).read_bytes() == dot.pipe()
    assert sorted(os.listdir(tmp_path)) == ["a.gv", "a.gv.svg"]
    out = dot.render("b", tmp_path, format="png", cleanup=True)
    assert out == str(tmp_path / "b.png")
    assert not (tmp_path / "b").exists()
    out = dot.render(outfile=tmp_path / "c.svg")
    assert out == str(tmp_path / "c.svg")
    assert (tmp_path / "c.gv").exists()
    with pytest.raises(graphviz.FileExistsError):
        dot.render(outfile=tmp_path / "c.svg", raise_if_result_exists=True)


@needs_bundled
def test_notebooks():
    dot = make_dot(fused())
    bundle = dot._repr_mimebundle_()
    assert sorted(bundle) == ["image/svg+xml", "text/plain"]
    ElementTree.fromstring(bundle["image/svg+xml"].encode())
    assert bundle["text/plain"] == dot.source
    assert list(dot._repr_mimebundle_(include=["image/svg+xml"])) == ["image/svg+xml"]
    assert list(dot._repr_mimebundle_(exclude=["image/svg+xml"])) == ["text/plain"]
    assert dot._repr_mimebundle_(include=["image/png"])["image/png"].startswith(b"\x89PNG")


@needs_bundled
def test_the_legend_tells_what_is_there():
    dot = make_dot(fused())
    assert dot.legend["data"] == "#56B4E9"
    seen = texts(dot)
    assert {"data", "parameter", "op", "loss L", "→ forward: a value"} <= set(seen)
    assert "constant" not in seen
    assert "constant" in texts(make_dot(leaf(1.0) * 2.0))


def test_png_has_no_signs_that_its_font_lacks(monkeypatch):
    asked = {}
    monkeypatch.setattr(
        "tinygrad_xent.draw.dotgraph.layout",
        lambda source, format, engine: asked.update({format: source}) or b"<svg></svg>",
    )
    dot = make_dot(leaf(1.0) * leaf(2.0))
    dot.pipe("png")
    dot.pipe("svg")
    assert "⊙" in asked["svg"]
    assert "⊙" not in asked["png"]
    assert "x × y" in asked["png"]
