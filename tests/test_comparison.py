"""docs/comparison.md: what its table says of this package is so."""

import re
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import tinygrad_xent as tx

ROOT = Path(__file__).parents[1]


def table():
    """The cells of the page by row and column."""
    text = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.split("## What each can do")[1].splitlines()
        if line.startswith("|")
    ]
    names, _, *rest = rows
    assert all(len(row) == len(names) for row in rest)
    return {row[0]: dict(zip(names[1:], row[1:], strict=True)) for row in rest}


TABLE = table()


def ours(row):
    return TABLE[row]["tinygrad_xent"]


@pytest.fixture
def loss():
    z = tx.Tensor([[2.0, 1.0, -0.1]], requires_grad=True, name="z")
    loss = tx.cross_entropy(z, [1])
    loss.backward()
    return loss


def test_every_row_was_filled_in():
    assert len(TABLE) >= 15
    assert all(cell for row in TABLE.values() for cell in row.values())


def test_the_drawing(loss):
    source = tx.make_dot(loss).source
    assert {ours("values in the drawing"), ours("gradients in the drawing")} == {"yes"}
    assert {ours("the rule on each edge"), ours("q - p in the drawing")} == {"yes"}
    assert "-0.1" in source  # a value
    assert "0.671" in source  # a gradient
    assert "ḡ (q - p) / N" in source


def test_it_needs_no_graphviz(loss, monkeypatch, tmp_path):
    assert ours("a drawing needs Graphviz installed") == "no"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "<svg" in tx.make_dot(loss).pipe("svg", encoding="utf-8")


def test_steps(loss):
    assert ours("step through backprop") == "yes"
    assert [step.kind for step in tx.play(loss).steps].count("vjp") == 1


def test_gradients_of_gradients():
    assert ours("gradients of gradients") == "yes"
    x = tx.Tensor(2.0, requires_grad=True)
    (g,) = tx.grad(x * x * x, [x], create_graph=True)
    assert tx.grad(g, [x])[0].item() == 12


def test_no_convolutions():
    assert ours("convolutions") == "no"
    assert not [name for name in (*tx.__all__, *tx.nn.__all__) if "conv" in name.lower()]


def test_a_small_loss():
    value = tx.cross_entropy(np.array([[40.0, 0.0]]), [0])
    assert ours("loss at a gap of 40, float64") == f"{value:.1e}"


def test_writing_into_data():
    assert ours("writing into data between forward and backward") == "right gradient"
    w = tx.Tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    w.data[0] = 100.0
    loss.backward()
    assert w.grad.tolist() == [2, 4]


def megabytes(*distributions):
    files = [f.locate() for name in distributions for f in metadata.distribution(name).files]
    return sum(f.stat().st_size for f in files if f.exists() and f.suffix != ".pyc") / 1e6


def test_the_size():
    low, high = map(int, re.findall(r"\d+", ours("size, NumPy not counted")))
    package = sum(
        f.stat().st_size
        for f in (ROOT / "tinygrad_xent").rglob("*")
        if f.is_file() and "__pycache__" not in f.parts
    )
    assert package < 2e6
    needed = ["graphviz", "rich", "safetensors", "markdown-it-py", "mdurl", "pygments"]
    if tx.draw.engines._bundled() is None:
        pytest.skip("the layout engine has no wheel for here")
    assert low < package / 1e6 + megabytes("graphviz-pure", *needed) < high
