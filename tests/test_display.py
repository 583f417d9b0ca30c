"""What Tensors, models and histories show in a notebook: well-formed, escaped, NumPy's numbers."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.training import Epoch

SVG = "{http://www.w3.org/2000/svg}"


def tree(thing):
    """The HTML as a tree: it is written as XML too, but for <br>."""
    html = thing._repr_html_()
    root = ElementTree.fromstring(html.replace("<br>", "<br/>"))
    allowed = {"div", "b", "table", "tbody", "tr", "td", "th", "br"}
    allowed |= {SVG + name for name in ("svg", "path", "text")}
    assert {element.tag for element in root.iter()} <= allowed
    assert not re.search(r"url\(|href|src=|https?://(?!www\.w3\.org/2000/svg)", html)
    return root


def words(element):
    return "".join(element.itertext())


def rows(element):
    """The texts of a table's rows, head cells included."""
    return [[words(cell) for cell in row] for row in element.iter("tr")]


def blocks(tensor):
    """What stands under "value" and under "grad"."""
    _, value, grad = tree(tensor)
    assert words(value[0]) == "value"
    assert words(grad[0]) == "grad"
    return value, grad


def cells(element):
    return list(element.iter("td"))


def colour(cell):
    found = re.search(r"background:#(\w{6});color:#(\w+)", cell.get("style"))
    return found and (found[1], found[2])


def heading(thing):
    return words(tree(thing)[0])


# --- Tensor ---------------------------------------------------------------------------------------


def test_a_tensor_says_what_it_is():
    x = tx.Tensor(np.zeros((2, 3)), requires_grad=True, name="weights")
    assert heading(x) == "weights Tensor · (2, 3) · float64 · parameter"
    assert heading(tx.Tensor([1.0])) == "Tensor (1,) · float32 · leaf"
    assert heading(x * 2) == "Tensor (2, 3) · float64 · multiply: x ⊙ y"


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "longdouble"])
def test_elements_have_their_digits_and_colours_centred_at_zero(dtype):
    array = np.array([[2.0, -1.0, 0.0], [1 / 3, -2.0, 1.0]], dtype)
    value, _ = blocks(tx.Tensor(array))
    third = f"{array[1, 0]:.4g}"
    assert rows(value) == [["[0]", "2", "-1", "0"], ["[1]", third, "-2", "1"]]
    blue, orange, white = "56B4E9", "E69F00", "FFFFFF"
    colours = [colour(cell) for cell in cells(value)]
    assert all(ink == "000" for _, ink in colours)
    assert [colours[k][0] for k in (0, 2, 4)] == [blue, white, orange]
    assert colours[1][0] not in (orange, white)
    assert cells(value)[3].get("title") == f"[1, 0] = {array[1, 0]}"


@pytest.mark.parametrize("shape", [(), (1,), (10,), (11,), (64,), (1, 64), (64, 1), (2, 3, 4)])
def test_up_to_64_elements_are_shown_each_once_in_order(shape):
    array = np.random.default_rng(0).normal(size=shape)
    value, _ = blocks(tx.Tensor(array))
    assert [words(cell) for cell in cells(value)] == [f"{x:.4g}" for x in array.ravel()]
    labels = [words(head) for head in value.iter("th")]
    wanted = {
        (11,): ["[0:10]", "[10:11]"],
        (2, 3, 4): [f"[{i}, {j}]" for i in range(2) for j in range(3)],
    }
    assert labels == wanted.get(shape, labels)
    assert bool(labels) == (len(rows(value)) > 1)


def test_integers_and_bools_have_no_colour():
    for array in (np.array([-3, 0, 10**12]), np.array([True, False])):
        value, _ = blocks(tx.Tensor(array))
        assert rows(value) == [[str(x) for x in array]]
        assert not any(colour(cell) for cell in cells(value))


def test_a_negative_zero_is_a_zero_and_all_zeros_are_white():
    value, _ = blocks(tx.Tensor([-0.0, 0.0]))
    assert rows(value) == [["0", "0"]]
    assert {colour(cell) for cell in cells(value)} == {("FFFFFF", "000")}


def test_nan_and_infinities_are_marked_and_do_not_set_the_scale():
    value, _ = blocks(tx.Tensor([np.nan, 1.0, np.inf, -2.0, -np.inf]))
    assert rows(value) == [["nan", "1", "inf", "-2", "-inf"]]
    colours = [colour(cell) for cell in cells(value)]
    assert [colours[k] for k in (0, 2, 4)] == [("D00000", "FFF")] * 3
    assert colours[3] == ("E69F00", "000")
    value, _ = blocks(tx.Tensor([np.nan, np.nan]))
    assert rows(value) == [["nan", "nan"]]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i8", "?"])
def test_a_large_one_is_told_by_where_its_elements_lie(dtype):
    array = (np.random.default_rng(0).normal(size=(40, 50)) * 1000).astype(dtype)
    value, _ = blocks(tx.Tensor(array))
    wide = array.astype(float)
    found = dict(rows(value))
    assert found.pop("mean") == f"{wide.mean():.4g}"
    least, most = (f"{x:.4g}" if dtype[0] == "f" else str(x) for x in (array.min(), array.max()))
    assert found == {"elements": "2000", "min": least, "max": most, "NaN": "0", "Inf": "0"}


def test_a_large_one_counts_what_is_not_finite():
    array = np.arange(100.0)
    array[[3, 5]], array[7], array[9] = np.nan, np.inf, -np.inf
    value, _ = blocks(tx.Tensor(array))
    finite = array[np.isfinite(array)]
    found = dict(rows(value))
    assert (found["NaN"], found["Inf"]) == ("2", "2")
    assert (found["min"], found["mean"], found["max"]) == ("0", f"{finite.mean():.4g}", "99")
    assert [colour(cell) for cell in cells(value)][-2:] == [("D00000", "FFF")] * 2
    value, _ = blocks(tx.Tensor(np.full(65, np.nan)))
    assert dict(rows(value)) == {"elements": "65", "NaN": "65", "Inf": "0"}


def test_the_largest_numbers_raise_no_warning():
    largest = np.finfo("f8").max
    for array in (np.array([largest, -largest]), np.full(100, largest), np.full(100, 6e4, "f2")):
        assert "table" in tx.Tensor(array)._repr_html_()


def test_an_empty_one():
    value, grad = blocks(tx.Tensor(np.zeros((0, 3))))
    assert words(value) == "value" + "no elements"
    assert words(grad) == "grad" + "not needed"


def test_the_gradient_before_and_after_backward():
    x = tx.Tensor([1.0, -2.0], requires_grad=True)
    _, grad = blocks(x)
    assert words(grad) == "grad" + "not computed yet"
    y = x * x
    assert "retain_grad()" in words(blocks(y)[1])
    y.retain_grad()
    assert words(blocks(y)[1]) == "grad" + "not computed yet"
    y.sum().backward()
    assert rows(blocks(x)[1]) == [["2", "-4"]]
    assert rows(blocks(y)[1]) == [["1", "1"]]
    x.grad = None
    assert words(blocks(x)[1]) == "grad" + "not computed yet"


def test_looking_changes_nothing():
    x = tx.Tensor([1.0, -2.0], requires_grad=True)
    y = (x * x).sum()
    y.backward()
    slots = ("_array", "_holder", "_kept", "_made", "_notes")
    before = [getattr(tensor, slot) for tensor in (x, y) for slot in slots if hasattr(tensor, slot)]
    assert x._repr_html_() == x._repr_html_()
    assert y._repr_html_() == y._repr_html_()
    after = [getattr(tensor, slot) for tensor in (x, y) for slot in slots if hasattr(tensor, slot)]
    assert all(a is b for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("<script>alert('x')</script>", "<script>alert('x')</script>"),
        ("\"' onload=&amp;", "\"' onload=&amp;"),
        ("a\nb\x00\ud800", "a�b��"),
        ("n" * 100, "n" * 59 + "…"),
        ("ḡ", "ḡ"),
        ("", ""),
    ],
)
def test_a_name_is_text_whatever_it_says(name, seen):
    x = tx.Tensor([1.0], name=name)
    assert words(tree(x)[0][0]) == seen
    assert "<script" not in x._repr_html_()
    x._repr_html_().encode()


# --- Module ---------------------------------------------------------------------------------------


class Block(tx.nn.Module):
    def __init__(self):
        self.inner = tx.nn.MLP([2, 16, 2], rng=0)
        self.scale = tx.Tensor(2.0, requires_grad=True)
        self.mean = tx.Tensor(np.zeros(2))
        self.heads = {"<i>": self.inner[2], "b": tx.nn.Linear(2, 2, rng=0)}  # the first is shared


def test_a_model_lists_its_parts_their_shapes_and_numbers():
    model = Block()
    head, *body, total = rows(tree(model))
    assert head == ["module", "path", "parameters", "number"]
    assert body == [
        ["Block", "", "scale ()" + "mean (2,), frozen", "1"],
        ["MLP", "inner", "", ""],
        ["Linear", "inner.0", "weight (2, 16)" + "bias (16,)", "48"],
        ["ReLU", "inner.1", "", ""],
        ["Linear", "inner.2", "weight (16, 2)" + "bias (2,)", "34"],
        ["Linear", "heads.b", "weight (2, 2)" + "bias (2,)", "6"],
    ]
    count = sum(p.size for p in model.parameters())
    assert total == ["total", str(count)]
    assert heading(model) == f"Block {count} parameters · 2 frozen numbers"


def test_nested_modules_are_indented():
    html = Block()._repr_html_()
    indents = [int(found) for found in re.findall(r"padding-left:(\d+)px", html)]
    assert indents == [8, 24, 40, 40, 40, 24]


def test_siblings_with_similar_names_are_siblings():
    model = tx.nn.Module()
    for name in ("a", "ab", "a_b", "b"):
        setattr(model, name, tx.nn.ReLU())
    assert re.findall(r"padding-left:(\d+)px", model._repr_html_()) == ["8", *["24"] * 4]


def test_names_and_kinds_of_modules_are_escaped():
    evil = type("<b>", (tx.nn.Module,), {})()
    vars(evil)["<script>"] = tx.nn.ReLU()
    vars(evil)["<img>"] = tx.Tensor([1.0], requires_grad=True)
    assert rows(tree(evil))[1:3] == [["<b>", "", "<img> (1,)", "1"], ["ReLU", "<script>", "", ""]]


def test_a_model_with_nothing_in_it_and_a_large_one():
    assert rows(tree(tx.nn.ReLU()))[-1] == ["total", "0"]
    assert heading(tx.nn.Linear(999, 2, rng=0)) == "Linear 2,000 parameters"


# --- History --------------------------------------------------------------------------------------


def history(n, *, test=True, lowest=None):
    epochs = [Epoch(k, 2 / (k + 1), k / n) for k in range(n)]
    if test:
        epochs = [
            e._replace(
                test_loss=0.5 if e.epoch == lowest else 3.0 - e.epoch / n, test_accuracy=0.75
            )
            for e in epochs
        ]
    return tx.History(epochs)


def test_a_short_history_is_shown_whole_with_its_best_row():
    shown = rows(tree(history(12)))
    assert shown[0] == ["epoch", "train loss", "train accuracy", "test loss", "test accuracy"]
    assert [row[0] for row in shown[1:]] == [str(k) for k in range(12)]
    assert shown[3] == ["2", "0.6667", "0.1667", "2.8333", "0.7500"]
    assert [row[3].endswith("lowest") for row in shown[1:]] == [False] * 11 + [True]


@pytest.mark.parametrize(
    ("n", "lowest", "epochs"),
    [
        (13, 12, [*range(5), "… 3 more", *range(8, 13)]),
        (50, 20, [*range(5), "… 15 more", 20, "… 24 more", *range(45, 50)]),
        (50, 5, [*range(6), "… 39 more", *range(45, 50)]),
        (50, 0, [*range(5), "… 40 more", *range(45, 50)]),
    ],
)
def test_a_long_history_leaves_out_its_middle_but_for_the_best(n, lowest, epochs):
    shown = rows(tree(history(n, lowest=lowest)))[1:]
    assert [row[0] for row in shown] == [str(epoch) for epoch in epochs]
    (best,) = [row for row in shown if row[-2:][0].endswith("lowest")]
    assert best[0] == str(lowest)


def test_without_a_test_set_there_are_no_columns_and_no_curve_for_it():
    root = tree(history(4, test=False))
    assert rows(root)[0] == ["epoch", "train loss", "train accuracy"]
    assert "lowest" not in words(root)
    assert [words(t) for t in root.iter(SVG + "text")] == ["2", "0", "train"]


def test_the_curve_runs_from_the_first_loss_to_the_last():
    root = tree(history(5))
    (top, zero, *names) = [words(t) for t in root.iter(SVG + "text")]
    assert (top, zero, names) == ("3", "0", ["train", "test"])
    curves = [p.get("d") for p in root.iter(SVG + "path") if p.get("d").count("L") == 4]
    train, test = [np.array(re.findall(r"[\d.]+", d), float).reshape(-1, 2) for d in curves]
    heights = 94 - train[:, 1]
    np.testing.assert_allclose(heights / 90, 2 / np.arange(1, 6) / 3, atol=1e-3)
    assert (train[:, 0] == np.linspace(4, 244, 5)).all()
    assert test[0, 1] == 4


def test_histories_with_one_row_with_nan_and_with_none():
    assert words(tree(tx.History())) == "History no epochs"
    assert len(rows(tree(history(1)))) == 2
    odd = [Epoch(0, np.inf, 0.5), Epoch(1, np.nan, 0.5), Epoch(2, 0.0, 0.5, 0.0, 1.0)]
    shown = rows(tree(tx.History(odd)))[1:]
    assert [row[1] for row in shown] == ["inf", "nan", "0.0000"]
    assert shown[0][3:] == ["nan", "nan"]
    assert "nan" not in "".join(p.get("d") for p in tree(tx.History(odd)).iter(SVG + "path"))


@pytest.mark.parametrize("test", [False, True])
def test_validation_is_shown_and_judges(test):
    epochs = [
        row._replace(validation_loss=loss, validation_accuracy=0.25)
        for row, loss in zip(history(4, test=test), [3.0, 1.0, 2.0, 4.0], strict=True)
    ]
    root = tree(tx.History(epochs))
    shown = rows(root)
    assert shown[0][-2:] == ["validation loss", "validation accuracy"]
    assert len(shown[0]) == (7 if test else 5)
    assert [row[-2] for row in shown[1:]] == ["3.0000", "1.0000 ◂ lowest", "2.0000", "4.0000"]
    assert {row[-1] for row in shown[1:]} == {"0.2500"}
    names = [t.text for t in root.iter() if t.tag.endswith("text")]
    assert ("test" in names, "validation" in names) == (test, True)


def test_a_history_of_fit_shows_its_numbers():
    train, test = tx.data.load("xor", n=40).split(test=0.5, seed=0)
    done = tx.fit(tx.nn.MLP([2, 2], rng=0), train, test=test, epochs=2)
    shown = rows(tree(done))[1:]
    for row, epoch in zip(shown, done, strict=True):
        numbers = [cell.removesuffix(" ◂ lowest") for cell in row]
        assert numbers == [str(epoch.epoch), *(f"{x:.4f}" for x in epoch[1:5])]
