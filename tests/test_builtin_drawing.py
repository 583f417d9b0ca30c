"""The drawing that needs no executable: complete, readable, the same bytes everywhere."""

import subprocess
import sys
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest
from cases import CASES

import tinygrad_xent as tx
from tinygrad_xent.draw import LayoutError, engines, make_dot, snapshot
from tinygrad_xent.draw.boxes import parse
from tinygrad_xent.draw.builtin import builtin_svg
from tinygrad_xent.draw.scene import arrange
from tinygrad_xent.draw.style import Options
from tinygrad_xent.draw.widths import text_width

SVG = "{http://www.w3.org/2000/svg}"
BUNDLED = engines._bundled()
needs_bundled = pytest.mark.skipif(BUNDLED is None, reason="graphviz-pure has no wheel for here")


def leaf(data, name=None):
    return tx.Tensor(data, requires_grad=True, name=name)


def fused():
    loss = tx.cross_entropy(leaf([[2.0, 1.0, -0.5]], "z"), [1])
    loss.backward()
    return loss


def unfused():
    loss = tx.unfused_cross_entropy(leaf([[2.0, 1.0, -0.5]], "z"), [1])
    loss.backward()
    return loss


def mlp():
    model = tx.nn.MLP([4, 3, 2], rng=0)
    x = tx.Tensor(np.random.default_rng(0).random((2, 4)), name="x")
    loss = tx.cross_entropy(model(x), [0, 1])
    loss.backward()
    return loss


def of_case(case):
    values = [leaf(a) if np.asarray(a).dtype.kind == "f" else a for a in case.arrays]
    result = case.f(*values)
    loss = (result * result).sum()
    if loss.requires_grad:
        loss.backward()
    return loss


def chain(ops):
    w = leaf([0.5, 0.25], "w")
    y = w
    for k in range(ops):
        y = tx.tanh(y) if k % 2 else y * w
    loss = y.sum()
    loss.backward()
    return loss


def picture(loss, **options):
    return ElementTree.fromstring(builtin_svg(arrange(snapshot(loss)), Options(**options)))


def ids(root):
    """The ids of the drawing; Graphviz numbers some inner parts of its own."""
    return sorted(e.get("id") for e in root.iter() if e.get("id"))


def classes(root):
    return {e.get("id"): e.get("class") for e in root.iter(SVG + "g") if e.get("class")}


def box(rectangle):
    x, y, width, height = (float(rectangle.get(k)) for k in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def nodes(root):
    """The place of each node by its id: its first rectangle."""
    groups = [g for g in root.iter(SVG + "g") if (g.get("class") or "").startswith("node")]
    return {g.get("id"): box(next(g.iter(SVG + "rect"))) for g in groups}


def written(group):
    """The place of each text in a group."""
    for element in group.iter(SVG + "text"):
        x, y, size = (float(element.get(k)) for k in ("x", "y", "font-size"))
        width = text_width(element.text, size, element.get("font-weight") == "bold")
        yield x, y - 0.75 * size, x + width, y + 0.2 * size


def inside(a, b, slack=0.6):
    """Whether a lies in b, but for rounding."""
    return all(p >= q - slack for p, q in zip(a[:2], b[:2], strict=True)) and all(
        p <= q + slack for p, q in zip(a[2:], b[2:], strict=True)
    )


def apart(a, b):
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def assert_readable(root):
    """No box on another, no text outside its box or the page, no edge's text on a box or a text."""
    places = nodes(root)
    for one, other in combinations(places.values(), 2):
        assert apart(one, other)
    page = (0.0, 0.0, *map(float, root.get("viewBox").split()[2:]))
    loose = []
    for group in root.iter(SVG + "g"):
        if group.get("id") in places:
            place = places[group.get("id")]
            assert inside(place, page)
            assert all(inside(text, place) for text in written(group))
        elif (group.get("class") or "").startswith("edge"):
            loose += written(group)
    for text in loose:
        assert inside(text, page)
        assert all(apart(text, place) for place in places.values())
    assert all(apart(one, other) for one, other in combinations(loose, 2))


@pytest.mark.parametrize("depth", [None, 0, 1])
def test_modules_may_be_boxes_here_too(depth):
    model = tx.nn.Sequential(tx.nn.MLP([3, 4, 4]), tx.nn.ReLU(), tx.nn.MLP([4, 2]))
    loss = tx.cross_entropy(model(np.ones((2, 3))), [0, 1])
    loss.backward()
    scene = arrange(snapshot(loss), depth)
    root = ElementTree.fromstring(builtin_svg(scene, Options()))
    assert_readable(root)
    drawn = [*scene.tensors, *scene.constants, *scene.ops, *scene.boxes]
    assert sorted(nodes(root)) == sorted(node.id for node in drawn)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_op_has_a_readable_picture(case):
    loss = of_case(case)
    assert_readable(picture(loss, show_attrs=True, show_saved=True))


@pytest.mark.parametrize("rankdir", ["LR", "TB", "RL", "BT"])
@pytest.mark.parametrize("make", [fused, unfused, mlp, lambda: chain(20)])
def test_readable_in_every_direction(make, rankdir):
    root = picture(make(), rankdir=rankdir)
    assert_readable(root)
    (x, y), (u, v) = (nodes(root)[id][:2] for id in ("t0", max(nodes(root), key=place_in_graph)))
    assert {"LR": x < u, "RL": x > u, "TB": y < v, "BT": y > v}[rankdir]


def place_in_graph(id):
    return (id[0] == "t", int(id[1:]))


@needs_bundled
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_same_ids_classes_and_words_as_graphviz(case, monkeypatch):
    monkeypatch.delenv(engines.VARIABLE, raising=False)
    loss = of_case(case)
    drawn = ElementTree.fromstring(make_dot(loss, show_attrs=True, show_saved=True).pipe())
    ours = picture(loss, show_attrs=True, show_saved=True)
    assert ids(ours) == ids(drawn)
    assert classes(ours) == classes(drawn)
    assert words(ours) == words(drawn)


def words(root):
    return sorted(" ".join((e.text or "").split()) for e in root.iter(SVG + "text"))


@needs_bundled
def test_long_names_have_the_same_ids_too():
    x = leaf([1.0, 2.0], "encoder." * 20)
    drawn, ours = ElementTree.fromstring(make_dot(x).pipe()), picture(x)
    assert ids(ours) == ids(drawn)
    tooltip = "{http://www.w3.org/1999/xlink}title"
    assert [e.get(tooltip) for e in ours.iter(SVG + "a")] == ["encoder." * 20]
    assert_readable(ours)


HOSTILE = [
    "<script>alert(1)</script>",
    'a\\"b|{}\\N\\G\\\\',
    "&lt;&amp;]]>-->",
    "line\nbreak\ttab",
    "\x00\x1f\ud800\uffff",
    "−∂ḡ⊙文字🙂",
    "W" * 200,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_text_and_nothing_else(alone, name):
    loss = tx.cross_entropy(leaf([[1.0, 2.0]], name), [1])
    loss.name = name
    loss.backward()
    root = ElementTree.fromstring(make_dot(loss, show_attrs=True).pipe())
    assert not any("script" in element.tag for element in root.iter())
    if len(name) < 30 and name.isprintable():
        assert name in [element.text for element in root.iter(SVG + "text")]
    assert_readable(root)


def test_without_an_engine_every_way_to_an_svg_works(alone, capfd):
    dot = make_dot(fused())
    svg = dot.pipe("svg", encoding="utf-8")
    assert svg.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<svg ')
    assert dot._repr_mimebundle_()["image/svg+xml"] == dot.copy().pipe(encoding="utf-8") == svg
    assert dot.render("a.gv", alone).endswith("a.gv.svg")
    assert "Liberation Sans" in svg
    titles = [e.text for e in ElementTree.fromstring(svg.encode()).iter(SVG + "title")]
    assert titles == ["Computation graph of L: 1 ops, 3 tensors, with gradients"]
    dot.node("mine")
    assert dot.pipe("svg", encoding="utf-8") == svg  # the snapshot alone, as DotGraph says
    assert capfd.readouterr() == ("", "")


def test_options_are_those_of_make_dot():
    root = picture(fused(), grads="none", legend=False, shapes=False, precision=5)
    seen = [element.text for element in root.iter(SVG + "text")]
    assert "0.69007" not in seen
    assert not any("back" in id or "∂" in id for id in ids(root))
    assert not any("(1, 3)" in text or "forward" in text for text in seen)
    assert "value" not in {e.text for e in picture(fused(), values="none").iter(SVG + "text")}


def test_same_bytes_in_every_process():
    program = (
        "import sys, tinygrad_xent as tx; from tinygrad_xent.draw import snapshot\n"
        "from tinygrad_xent.draw.builtin import builtin_svg\n"
        "from tinygrad_xent.draw.scene import arrange\n"
        "from tinygrad_xent.draw.style import Options\n"
        "z = tx.Tensor([[2.0, 1.0, -0.5]], requires_grad=True, name='z')\n"
        "loss = tx.unfused_cross_entropy(z, [1]); loss.backward()\n"
        "sys.stdout.buffer.write(builtin_svg(arrange(snapshot(loss)), Options()))"
    )
    ours = builtin_svg(arrange(snapshot(unfused())), Options())
    for seed in ("1", "2"):
        command = [sys.executable, "-c", program]
        env = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))}
        assert subprocess.run(command, env=env, capture_output=True).stdout == ours


def test_large_graphs_need_no_recursion():
    many = arrange(snapshot(chain(999)))
    assert len(many) >= 2000
    root = ElementTree.fromstring(builtin_svg(many, Options()))
    assert len(nodes(root)) == len(many)


def test_a_leaf_alone_is_a_picture():
    assert list(nodes(picture(leaf(1.0)))) == ["t0"]


def test_boxes_are_laid_out_as_tables():
    label = (
        '<TABLE BORDER="1" CELLSPACING="2" CELLPADDING="3"><TR><TD COLSPAN="2">wwwwwwwww</TD></TR>'
        '<TR><TD>i</TD><TD><FONT COLOR="#123456">a<B>b</B></FONT>\\\\</TD></TR></TABLE>'
    )
    table = parse(label, 10.0, "#000000")
    assert table.width == pytest.approx(2 + 4 + text_width("w" * 9, 10.0) + 8)
    assert table.height == pytest.approx(2 + 6 + 2 * (12 + 8))
    assert table.rows[1][1].content.pieces == (
        ("a", "#123456", False),
        ("b", "#123456", True),
        ("\\", "#000000", False),
    )


# --- pygraphviz -----------------------------------------------------------------------------------

STANDING = """
import sys
print("a warning that nobody should see", file=sys.stderr)
class AGraph:
    def __init__(self, string):
        assert "ḡ (q - p) / N" in string
    def draw(self, format, prog):
        return f"<svg>{format} {prog}</svg>".encode()
"""


@pytest.fixture
def only_pygraphviz(alone, monkeypatch):
    """A machine whose only engine is a package that stands in for pygraphviz."""
    (alone / "site" / "pygraphviz").mkdir(parents=True)
    path = alone / "site" / "pygraphviz" / "__init__.py"
    path.write_text(STANDING, encoding="utf-8")
    engine = engines.Engine("pygraphviz", path.parent, engines._in_python(path.parent.parent))
    monkeypatch.setattr(engines, "_pygraphviz", lambda: engine)
    return path


def test_pygraphviz_draws_in_a_process_of_its_own(only_pygraphviz, capfd):
    dot = make_dot(fused())
    assert dot.pipe("pdf") == b"<svg>pdf dot</svg>"
    assert dot.pipe("png", engine="neato") == b"<svg>png neato</svg>"
    assert "svg dot" in dot.pipe("svg", encoding="utf-8")
    assert capfd.readouterr() == ("", "")
    assert "pygraphviz" not in sys.modules


def test_a_broken_pygraphviz_gives_way(only_pygraphviz):
    only_pygraphviz.write_text("raise OSError('no libcgraph')")
    assert b'id="t0-o0-0-back"' in make_dot(fused()).pipe()
    with pytest.raises(LayoutError, match="no libcgraph"):
        make_dot(fused()).pipe("pdf")


def test_survey_is_plain_data_and_tries_each_engine(only_pygraphviz):
    path = only_pygraphviz.parent
    only_pygraphviz.write_text(STANDING.replace("assert", "'b' in string or"), encoding="utf-8")
    reports = {report.name: report for report in engines.survey()}
    assert list(reports) == [
        engines.VARIABLE,
        "graphviz-pure",
        "dot",
        "pygraphviz",
        engines.BUILTIN,
    ]
    assert reports["dot"].formats == ()
    assert "install" in reports["graphviz-pure"].advice
    assert reports["pygraphviz"].formats == engines.FORMATS
    assert reports["pygraphviz"].path == str(path)
    assert [engines.used(format) for format in engines.FORMATS] == ["pygraphviz"] * 4
    only_pygraphviz.write_text("import nothing_of_the_kind")
    assert [engines.used(format) for format in engines.FORMATS] == ["built-in", "", "", ""]
    assert "draws nothing" in engines.table()
