"""Text that users bring is text, wherever it ends up: it begins no element, statement or line.

What is compared is structure: the same graph, once with names that try to break out and once with
names as long that do not, gives the same elements, attributes, ids and statements.
"""

import ast
import contextlib
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tinygrad_xent as tx
from tests.hostile import TEXTS, Carrier, harmless
from tinygrad_xent import calibration, plots
from tinygrad_xent.draw import engines, make_dot
from tinygrad_xent.draw.builtin import builtin_svg

SVG = "{http://www.w3.org/2000/svg}"
needs_engine = pytest.mark.skipif(not engines.engines("svg"), reason="no layout engine here")


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.words = [], []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, sorted(name for name, _ in attributes)))

    def handle_endtag(self, tag):
        self.found.append(f"/{tag}")

    def handle_comment(self, data):
        self.found.append("a comment")

    def handle_decl(self, declaration):
        self.found.append(declaration)

    def unknown_decl(self, data):
        self.found.append("a section")

    def handle_pi(self, data):
        self.found.append("an instruction")

    def handle_data(self, data):
        self.words.append(data)


def of_html(page):
    reader = _Reader()
    reader.feed(page)
    reader.close()
    page.encode()  # as a file will have it
    return reader.found


def of_svg(picture):
    picture = picture.encode() if isinstance(picture, str) else picture
    root = ElementTree.fromstring(picture)
    return [(e.tag, sorted(e.attrib), e.get("id"), e.get("class")) for e in root.iter()]


def words(picture):
    return [e.text for e in ElementTree.fromstring(picture).iter(SVG + "text")]


def saved(dot, tmp_path, suffix):
    return Path(dot.save(tmp_path / f"a{suffix}")).read_text(encoding="utf-8")


@pytest.fixture(scope="module", params=TEXTS)
def pair(request):
    text = TEXTS[request.param]
    return Carrier(text), Carrier(harmless(text))


def drawn(carrier, **options):
    options = {"show_attrs": True, "show_saved": True, "names": carrier.names} | options
    return make_dot(carrier.loss, **options)


# --- drawings -------------------------------------------------------------------------------------


@needs_engine
def test_svg(pair):
    for options in ({}, {"depth": 1}):
        evil, good = (drawn(carrier, **options).pipe("svg") for carrier in pair)
        assert of_svg(evil) == of_svg(good)
        text = pair[0].text
        if len(text) < 30 and text.isprintable() and text.strip():
            assert text in words(evil)


def test_the_builtin_drawing(pair):
    evil, good = (builtin_svg(*drawn(carrier)._drawn_from) for carrier in pair)
    assert of_svg(evil) == of_svg(good)


def test_dot_has_a_line_per_statement(pair):
    evil, good = (drawn(carrier).source.encode().decode().split("\n") for carrier in pair)
    assert evil[0].startswith("// Computation graph of")
    assert [line.split(" [")[0] for line in evil[1:]] == [line.split(" [")[0] for line in good[1:]]


@needs_engine
def test_the_page_of_a_drawing(pair, tmp_path):
    evil, good = (of_html(saved(drawn(carrier), tmp_path, ".html")) for carrier in pair)
    assert evil == good


def test_json(pair, tmp_path):
    graphs = [json.loads(saved(drawn(carrier), tmp_path, ".json")) for carrier in pair]
    ids = [[node["id"] for node in graph["tensors"]] for graph in graphs]
    assert ids[0] == ids[1]
    if pair[0].text.isprintable() and pair[0].text:
        assert pair[0].text in [node["name"] for node in graphs[0]["tensors"]]


@pytest.mark.parametrize("format", ["png", "pdf"])
@pytest.mark.parametrize("what", ["another node", "Graphviz's markup", "controls", "all the world"])
def test_pictures(format, what):
    if not engines.engines(format):
        pytest.skip(f"no layout engine for {format} here")
    assert len(drawn(Carrier(TEXTS[what])).pipe(format)) > 1000


# --- pages ----------------------------------------------------------------------------------------


@needs_engine
def test_the_player(pair):
    players = [tx.play(c.loss, names=c.names, title=c.text) for c in pair]
    assert of_html(players[0].html) == of_html(players[1].html)
    bundles = [player._repr_mimebundle_() for player in players]
    assert of_html(bundles[0]["text/html"]) == of_html(bundles[1]["text/html"])
    assert of_svg(bundles[0]["image/svg+xml"]) == of_svg(bundles[1]["image/svg+xml"])
    reader = _Reader()
    reader.feed(players[0].html)
    text = pair[0].text
    if len(text) < 30 and text.isprintable() and text.strip():
        assert reader.words.count(text) > 2  # the titles, the nodes


@needs_engine
@pytest.mark.parametrize("what", ["the end of the data", "what a page slims", "several lines"])
def test_the_exhibit_and_the_recorded_step(what):
    pages = []
    for carrier in map(Carrier, (TEXTS[what], harmless(TEXTS[what]))):
        parameter = next(iter(carrier.model.parameters()))
        parameter.name = carrier.text
        with tx.record() as tape:
            loss = (parameter * parameter).sum()
            loss.backward()
            tx.optim.SGD([parameter], lr=0.1).step()
        exhibit = tx.compare_xent([1.0, 2.0], 1, title=carrier.text, presets=False)
        pages.append((of_html(exhibit.html), of_html(tx.play(tape).html)))
    assert pages[0] == pages[1]


@needs_engine
@pytest.mark.parametrize("what", ["the end of the data", "what a page slims", "several lines"])
def test_the_movie(what):
    evil, good = (Carrier(text).movie() for text in (TEXTS[what], harmless(TEXTS[what])))
    assert of_html(evil) == of_html(good)


def test_what_notebooks_show(pair):
    evil, good = (
        [of_html(x._repr_html_()) for x in (c.x, c.loss, c.loss.inputs[0], c.model)] for c in pair
    )
    assert evil == good


def test_the_title_is_what_was_given():
    title = 'C:\\new\\table "a" <b> & c'
    reader = _Reader()
    reader.feed(tx.compare_xent([1.0, 2.0], 1, title=title, presets=False).html)
    assert reader.words.count(title) == 2


# --- the terminal, plots, source ------------------------------------------------------------------


def test_explain_prints_a_line_per_line(pair):
    texts = []
    for carrier in pair:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            tx.explain(carrier.x, of=carrier.loss, names=carrier.names)
        texts.append(printed.getvalue())
    evil, good = (text.split("\n") for text in texts)
    assert len(evil) == len(good)
    assert all(line.isprintable() for line in evil)
    texts[0].encode()


@pytest.mark.parametrize("what", TEXTS)
def test_names_in_a_plot(what, recwarn):
    seen = calibration.reliability([[0.9, 0.1], [0.4, 0.6]], [0, 0])
    figure = plots.reliability({TEXTS[what]: seen, "other": seen})
    _, name, other = (text.get_text() for text in figure.axes[0].get_legend().get_texts())
    assert other == "other"
    assert name.isprintable()
    if TEXTS[what].isprintable():
        assert name == (TEXTS[what] or "the model")
    if len(TEXTS[what]) < 100 and what not in ("all the world", "no characters"):  # of no font
        figure.savefig(io.BytesIO(), format="svg")


@pytest.mark.parametrize("what", TEXTS)
def test_compiled_source_runs_no_text(what):
    (evil, loss), (good, wanted) = (
        Carrier(text).compiled() for text in (TEXTS[what], harmless(TEXTS[what]))
    )
    assert loss.item() == wanted.item()
    shapes = [[type(node).__name__ for node in ast.walk(ast.parse(c.source))] for c in (evil, good)]
    assert shapes[0] == shapes[1]


def test_names_that_python_reads_as_one_are_two():
    # Python's own names are normalised: 𝐱 and x are one variable, ﬁ and fi too.
    def f(a, b, c, d):
        return (a * 1 + b * 10 + c * 100 + d * 1000).sum()

    given = [np.array([float(k)]) for k in range(1, 5)]
    for names in (("x", "𝐱", "ﬁ", "fi"), ("_", "", "!!", "²"), ("np", "step", "t", "start")):
        tensors = [tx.Tensor(a, name=name) for a, name in zip(given, names, strict=True)]
        compiled = tx.compile(f)
        for _ in range(2):
            assert compiled(*tensors).item() == 1 + 20 + 300 + 4000


def test_a_tensor_called_underscore_is_not_what_nobody_reads():
    z = tx.Tensor(np.array([[2.0, 1.0, -0.1]]), requires_grad=True, name="_")

    @tx.compile
    def f(z, y):
        with tx.no_grad():
            return tx.cross_entropy(z, y) + z.sum()

    logits = np.array([2.0, 1.0, -0.1])
    wanted = np.log(np.exp(logits).sum()) - 1.0 + logits.sum()
    for _ in range(2):
        np.testing.assert_allclose(f(z, np.array([1])).item(), wanted, rtol=1e-12)


# --- any text at all ------------------------------------------------------------------------------

ANY = st.text(st.characters(exclude_categories=[]), max_size=30) | st.text("<>&\"'\\-]{}/ \n=x;")


@settings(max_examples=12)
@given(ANY)
@example("z")
def test_any_text(text):
    evil, good = Carrier(text), Carrier(harmless(text))
    assert of_svg(builtin_svg(*drawn(evil)._drawn_from)) == of_svg(
        builtin_svg(*drawn(good)._drawn_from)
    )
    assert of_html(evil.model._repr_html_()) == of_html(good.model._repr_html_())
    lines = [drawn(c).source.count("\n") for c in (evil, good)]
    assert lines[0] == lines[1]
    sizes = [parts(c.compiled()[0].source) for c in (evil, good)]
    assert sizes[0] == sizes[1]


def parts(source):
    """How many there are in a program, but for second names of an array (``h = z``).

    A Tensor may be called as the compiler calls another (``z``): that saves one.
    """
    tree = ast.parse(source)
    tree.body = [
        line
        for line in tree.body
        if not (isinstance(line, ast.Assign) and isinstance(line.value, ast.Name))
    ]
    return len(list(ast.walk(tree)))
