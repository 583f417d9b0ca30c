"""The page of a run folder: everything is in it, nothing is asked for, no name can break out."""

import base64
import math
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.cli import made, main, pictures
from tinygrad_xent.cli.example import hardest_example, table
from tinygrad_xent.cli.run_folder import Run, write_folder

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """The elements of a page with their attributes, each closed where it must be."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.text = [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        assert len(attributes) == len(dict(attributes))
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        where = self.open[-1] if self.open else ""
        self.text[where] = self.text.get(where, "") + data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


HOSTILE = (
    "<script>alert(1)</script>",
    '"onmouseover="alert(1)" x=\'',
    "]]></svg><img src=x onerror=alert(1)>",
    "עברית \u202eright to left\u202c\u200f",
    "two\nlines\r\tand {{css}} {braces} %s $\\frac$ &amp; \x1b[31m \x00",
    "_" + "long " * 60,
)


def run_of(columns, classes, seed=0, features=None, name="a set", movie=False):
    """A run like those of the command, on rows at random."""
    rng = np.random.default_rng(seed)
    k = len(classes)
    x, y = rng.normal(size=(12 * k, columns)).astype("f4"), np.arange(12 * k) % k
    features = features or tuple(f"column {i}" for i in range(columns))
    rows = tx.data.Dataset(name, x * 3 + 10, y, classes, features, "made up <b>here</b>")
    scale = tx.data.Standardiser.fit(rows.x)
    model = tx.nn.MLP([columns, 4, k], rng=seed)
    scaled = tx.data.Dataset(name, scale(rows.x), y, classes, features, "made up")
    film = tx.draw.Movie(model, scaled.x[0], int(y[0]))
    history = tx.fit(model, scaled, test=scaled, epochs=2, on_epoch=film.take if movie else None)
    report = tx.evaluate(model, scaled)
    example = hardest_example(model, scaled, seed)
    how = {"command": made.command(["train", "--data", f"{name}.csv"]), "data": name}
    return Run(model, history, report, example, film, rows, scale, how)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    out = tmp_path_factory.mktemp("hostile")
    features = ("<b>$width$</b>\n", "_x\u202e")
    run = run_of(2, HOSTILE, features=features, name="</title><script>1</script>\n")
    said = []
    names = write_folder(out, run, lambda *words: said.append(" ".join(words)))
    assert said == []
    return out, run, names


def test_every_part_is_on_the_page(hostile):
    out, run, names = hostile
    page = Page((out / "index.html").read_text(encoding="utf-8"))
    assert {path.name for path in out.iterdir()} == set(names)
    drawn = [name for name in names if name.endswith(".png")]
    assert drawn == ["curves.png", "confusion.png", "reliability.png", "decision.png"]
    images = page.all("img")
    for name, image in zip([*drawn, "graph.svg"], images, strict=True):
        kind, content = image["src"].split(";base64,")
        assert kind == ("data:image/png" if name.endswith("png") else "data:image/svg+xml")
        assert base64.b64decode(content) == (out / name).read_bytes()
        assert len(image["alt"]) > 20
    links = {link["href"] for link in page.all("a")}
    assert links >= {*(set(names) - {"index.html"}), "model.safetensors"}
    numbers = page.text["td"]
    for q, p in zip(run.example.q, run.example.p, strict=True):
        assert f"{q:.6f}{p:.0f}{q - p:.6f}" in numbers
    assert "accuracy" in page.text["p"]


def test_nothing_runs_and_nothing_is_asked_for(hostile):
    out, *_ = hostile
    text = (out / "index.html").read_text(encoding="utf-8")
    page = Page(text)
    allowed = {"html", "head", "meta", "title", "style", "body", "header", "h1", "p", "nav", "ul"}
    allowed |= {"li", "a", "main", "section", "h2", "div", "table", "thead", "tbody", "tr", "th"}
    allowed |= {"td", "bdi", "figure", "img", "figcaption", "dl", "dt", "dd", "code", "pre"}
    allowed |= {"iframe"}  # of the player, a file beside this one
    assert [attributes["src"] for attributes in page.all("iframe")] == ["backprop.html"]
    assert {tag for tag, _ in page.elements} <= allowed
    known = {"class", "id", "href", "src", "alt", "tabindex", "role", "scope", "lang", "charset"}
    known |= {"aria-label", "aria-labelledby", "content", "http-equiv", "name", "title"}
    assert {name for _, attributes in page.elements for name in attributes} <= known
    assert all(re.fullmatch(r"#?[a-z-]+(\.[a-z]+)?", link["href"]) for link in page.all("a"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in page.all("a") if link["href"][0] == "#"} <= set(ids)
    assert "default-src 'none'" in page.all("meta")[1]["content"]
    assert "url(" not in page.text["style"]
    assert "@import" not in page.text["style"]


def test_names_are_shown_as_text(hostile):
    out, *_ = hostile
    text = (out / "index.html").read_text(encoding="utf-8")
    assert not set("\u202e\u202c\u200f\x1b\x00\r\t") & set(text)
    page = Page(text)
    shown = page.text["bdi"]
    for name in HOSTILE[:3]:
        assert name[:39] in shown
    assert "{{css}}" in shown  # as it was typed, not the style sheet
    assert page.text["title"] == page.text["h1"]
    assert page.text["title"].startswith("</title><script>1</script>")


def test_the_other_files_hold_no_markup_of_names_either(hostile):
    out, *_ = hostile
    for name in ("graph.svg", "backprop.html"):
        text = (out / name).read_text(encoding="utf-8")
        assert "<script>alert" not in text
        assert "<img src=x" not in text
    report = (out / "report.txt").read_text(encoding="utf-8")
    assert not set("\u202e\x1b\x00\r") & set(report)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_class_in_the_title_of_a_player_is_text(hostile, name):
    _, run, _ = hostile
    html = tx.play(run.example.loss, title=f"row 0: {name}").html
    assert html.count("<script") == 2  # its data and its code
    assert "<img src=x" not in html.split("<script")[0]


def test_the_terminal_gets_no_control_characters(hostile):
    _, run, _ = hostile
    text = table(run.example, HOSTILE)
    assert not set("\u202e\x1b\x00\r\t") & set(text)
    assert len(text.splitlines()) == 1 + len(HOSTILE) + 2


def test_the_same_run_gives_the_same_bytes(tmp_path, capsys):
    words = ["--data", "moons", "--epochs", "2", "--movie", "--hidden", "4"]
    for name, more in (("a", ["--quiet"]), ("b", [])):
        assert main([*words, "--out", str(tmp_path / name), *more]) == 0
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert {"index.html", "decision.png", "movie.html"} <= set(names)
    assert names == sorted(path.name for path in (tmp_path / "b").iterdir())
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    text = (tmp_path / "a" / "index.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "tinygrad-xent train --data moons --epochs 2 --movie --hidden 4" in page.text["code"]
    assert "movie.html" in {link["href"] for link in page.all("a")}
    facts = ("400 to train on, 100 to test", "2-4-2, 22 parameters", "2: x0, x1", "2: upper, lower")
    for fact in (*facts, tx.__version__):
        assert fact in page.text["dd"]
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", "--out", "x", "--seed", "1"], "tinygrad-xent train --seed 1"),
        (["train", "--out=x", "--quiet"], "tinygrad-xent train"),
        (["train", "--ou", "x", "--qu", "--op", "sgd"], "tinygrad-xent train --op sgd"),
        (
            ["train", "--hidden", "", "--data", "a b"],
            "tinygrad-xent train --hidden '' --data 'a b'",
        ),
    ],
)
def test_the_command_is_told_as_it_was_typed(words, told):
    assert made.command(words) == told


def test_without_matplotlib_the_page_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    run = run_of(4, ("a", "b"), features=("pixel_0_0", "pixel_0_1", "pixel_1_0", "pixel_1_1"))
    said = []
    names = write_folder(tmp_path, run, said.append)
    page = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert not [name for name in names if name.endswith(".png")]
    for name in ("curves.png", "confusion.png", "reliability.png", "weights.png"):
        assert f"{name} is missing: plots need matplotlib: pip install" in page.text["p"]
    assert len(said) == 4
    assert len(page.all("img")) == 1


def test_names_in_letters_that_the_font_lacks_are_drawn_as_boxes(tmp_path):
    report = tx.training.Evaluation(0.1, 0.5, np.eye(2, dtype=int), ("空の箱", "ክፍል"))
    written, missing = pictures.write(tmp_path, list(pictures.of_report(report)))
    assert (written, missing) == (["confusion.png"], {})


@pytest.mark.parametrize(
    ("features", "shape"),
    [
        ([f"pixel_{i}_{j}" for i in range(8) for j in range(8)], (8, 8)),
        ([f"pixel_{i}_{j}" for i in range(2) for j in range(3)], (2, 3)),
        (["a", "b", "c", "d"], None),
        (["pixel_0_0"], None),
        (["pixel_0_0", "pixel_0_1", "pixel_0_2"], None),
        (["a", "b", "c", "pixel_1_1"], None),
        (["pixel_0_0", "pixel_1_1"], None),
        (["pixel_0_0", "pixel_a_b"], None),
        ([], None),
    ],
)
def test_which_columns_are_an_image(features, shape):
    assert pictures.image_shape(features) == shape


def test_what_pictures_say_in_words():
    history = tx.History([tx.training.Epoch(0, 2.0, 0.1), tx.training.Epoch(1, 1.0, 0.5)])
    (curves,) = pictures.of_history(history, 2)
    assert curves.alt == "Over 1 epoch the training loss goes from 2.000 to 1.000."
    tested = tx.History([row._replace(test_loss=1.5, test_accuracy=0.4) for row in history])
    (curves,) = pictures.of_history(tested, 2)
    assert curves.alt.endswith(", the test loss from 1.500 to 1.500.")
    report = tx.training.Evaluation(0.1, 1.0, np.eye(2, dtype=int))
    (confusion,) = pictures.of_report(report)
    assert "No mistakes" in confusion.alt
    assert math.isnan(report.calibration_error)
