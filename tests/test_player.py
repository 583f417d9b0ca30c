"""The pages as files: complete, small, the same bytes on every run, and harmless."""

import base64
import gc
import hashlib
import json
import re
import subprocess
import sys
import weakref
from html import unescape

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.cli import main
from tinygrad_xent.draw import engines


def leaf(data, name=None):
    return tx.Tensor(np.asarray(data, np.float64), requires_grad=True, name=name)


def fused():
    return tx.cross_entropy(leaf([[2.0, 1.0, -0.1]], "z"), [1])


def network():
    """About 60 nodes."""
    model = tx.nn.MLP([4] + [4] * 7 + [3], rng=0)
    x = tx.Tensor(np.random.default_rng(0).random((2, 4)), name="x")
    return tx.cross_entropy(model(x), [0, 1])


def chain(links):
    y = x = leaf([0.1, 0.5, 1.0], "x")
    for _ in range(links):
        y = tx.tanh(y * 1.01 + x) + 0.1
    return y.sum()


def data_of(html):
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])


def movie():
    model = tx.nn.MLP([2, 3, 2], rng=0)
    toy = tx.data.load("moons")
    film = tx.draw.Movie(model, toy.x[0], int(toy.y[0]), data=toy)
    tx.fit(model, toy, epochs=2, on_epoch=film.take)
    return film


PAGES = {
    "fused": lambda: tx.play(fused()).html,
    "network": lambda: tx.play(network()).html,
    "exhibit": lambda: tx.compare_xent([2.0, 1.0, -0.1], 1).html,
    "movie": lambda: movie().html(),
}


@pytest.fixture(scope="module", params=PAGES)
def page(request):
    return PAGES[request.param]()


# --- any page -------------------------------------------------------------------------------------


def test_nothing_is_loaded_from_anywhere(page):
    namespaces = r"http://www\.w3\.org/(2000/svg|1999/xlink|1998/Math/MathML|2000/xmlns/?)"
    rest = re.sub(namespaces, "", page)
    assert "http" not in re.sub(r'http-equiv="Content-Security-Policy"', "", rest)
    assert not re.search(r"\bsrc\s*=|url\(|@import|<link|<iframe|<object|\bfetch\(", rest)


def test_the_policy_allows_this_very_script(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}'" in policy
    assert not re.search(r"<[a-z]+[^<>]*\son[a-z]+=", page)  # no handler in an attribute


def test_the_data_are_json_without_markup(page):
    text = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1]
    assert "<" not in text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_ids_are_unique(page):
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert len(ids) == len(set(ids))


def test_a_page_holds_no_placeholder(page):
    assert not re.search(r"\{\{\w+\}\}", page)


@pytest.mark.parametrize(
    ("make", "most"), [(fused, 60_000), (network, 200_000), (lambda: chain(6), 200_000)]
)
def test_pages_are_small(make, most):
    assert len(tx.play(make()).html.encode()) <= most


def test_the_same_bytes_in_another_process():
    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from test_player import *\n"
        "import hashlib\n"
        "text = tx.play(network()).html + tx.compare_xent([2.0, 1.0, -0.1], 1).html\n"
        "print(hashlib.sha256((text + movie().html()).encode()).hexdigest())"
    )
    run = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert run[0] == run[1]


# --- play -----------------------------------------------------------------------------------------


def test_a_player_keeps_no_graph_alive():
    loss = network()
    watch = weakref.ref(loss)
    player = tx.play(loss)
    del loss
    gc.collect()
    assert watch() is None
    assert "∂L/∂" in player.html


def test_grad_is_not_touched():
    z = leaf([[2.0, 1.0]], "z")
    loss = tx.cross_entropy(z, [1])
    tx.play(loss)
    assert z.grad is None
    loss.backward()
    kept = z.grad.copy()
    tx.play(loss)
    np.testing.assert_array_equal(z.grad, kept)


def test_names_in_a_page_are_text():
    name = "</script><script>alert(1)</script>&<b>\u2028"
    html = tx.play((leaf([1.0, 2.0], name) * 2.0).sum(), title=name).html
    assert "<script>alert" not in html
    assert data_of(html)[0]["panes"][0]["tensors"]["t0"]["n"] == name


def test_names_may_be_given():
    a, b = leaf(1.0), leaf(2.0)
    tensors = data_of(tx.play(a * b, names={"a": a, "b": b}).html)[0]["panes"][0]["tensors"]
    assert [t["n"] for t in tensors.values()] == ["a", "b", "L"]


def test_parameters_go_by_their_paths():
    model = tx.nn.MLP([3, 2])
    html = tx.play(tx.cross_entropy(model(np.ones((1, 3))), [0])).html
    names = [t["n"] for t in data_of(html)[0]["panes"][0]["tensors"].values()]
    assert {"0.weight", "0.bias"} <= set(names)


def test_nan_and_infinity_are_shown():
    with np.errstate(all="ignore"):
        x = leaf([0.0, 1.0], "x")
        html = tx.play((tx.log(x) * 0.0).sum()).html
    tensors = data_of(html)[0]["panes"][0]["tensors"]
    assert tensors["t1"]["v"] == ["-Infinity", 0.0]


def test_a_root_that_is_no_scalar_begins_with_what_it_kept():
    x = leaf([1.0, 2.0], "x")
    y = x * 3.0
    y.retain_grad()
    y.backward(np.array([1.0, 10.0]))
    assert tx.play(y).steps[-1].shows == ("3", "30")


@pytest.mark.parametrize(
    "make",
    [
        lambda: leaf(2.0),  # no op at all
        lambda: tx.Tensor(2.0),
        lambda: leaf(np.zeros((0, 3))).sum(),
        lambda: (leaf(np.ones((2, 1, 3))) * leaf(np.ones((4, 1)))).sum(),
        lambda: tx.concatenate([leaf([1.0]), leaf([2.0, 3.0])]).sum(),
        lambda: (leaf([1.0, 2.0])[np.array([0, 0, 1])] * 2).sum(),
        lambda: tx.cross_entropy(tx.Tensor(np.float16([[1, 2]]), requires_grad=True), [1]),
        lambda: (leaf(np.ones((64, 64))) @ leaf(np.ones((64, 3)))).sum(),
    ],
)
def test_anything_can_be_played(make):
    player = tx.play(make())
    assert player.steps[0].kind == "start"
    data_of(player.html)


def test_numbers_that_json_lacks_are_written_as_javascript_reads_them():
    scene = data_of(tx.compare_xent([1.0, -np.inf, 3.0], 0).html)[0]
    assert scene["more"]["z"] == [[1.0, "-Infinity", 3.0]]


def test_a_batch_of_eight_rows_and_ten_classes_can_be_compared():
    z = np.random.default_rng(0).normal(size=(8, 10))
    counts = data_of(tx.compare_xent(z, np.arange(8)).html)[0]["more"]["counts"]
    assert float(counts[-1][2]) < 1e-15


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (lambda: tx.play(3.0), TypeError, "play: got a float, wanted a Tensor or a recorded Tape"),
        (lambda: tx.play(chain(60)), ValueError, "has 603 nodes, more than 300; play one row"),
        (lambda: tx.play(fused(), rankdir="UP"), ValueError, "rankdir='UP'"),
        (lambda: tx.play(fused()).save("x.svg"), ValueError, "suffix '.svg'; wanted .html"),
    ],
)
def test_what_cannot_be_played_is_said(call, kind, says):
    with pytest.raises(kind, match=re.escape(says)):
        call()


def test_save_and_show(tmp_path, monkeypatch):
    player = tx.play(fused())
    with pytest.raises(FileNotFoundError, match=r"new.backprop.html: there is no folder '.*new'"):
        player.save(tmp_path / "new" / "backprop.html")
    path = tmp_path / "backprop.html"
    assert player.save(path) == str(path)
    assert path.read_text(encoding="utf-8") == player.html
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    shown = player.show()
    assert opened[0].startswith("file:")
    assert opened[0].endswith("backprop.html")
    assert shown.endswith("backprop.html")


def test_a_notebook_gets_a_frame_a_drawing_and_text():
    player = tx.play(fused())
    bundle = player._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
    assert bundle["text/html"].startswith("<iframe srcdoc=")
    assert 'sandbox="allow-scripts"' in bundle["text/html"]
    inside = re.search(r'srcdoc="([^"]*)"', bundle["text/html"])[1]
    assert unescape(inside) == player.html
    assert set(player._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}
    assert "text/html" not in player._repr_mimebundle_(exclude=["text/html"])
    assert repr(player) == "Player(6 steps; .save('backprop.html'), .show())"


def test_without_an_engine_there_is_a_player_too(monkeypatch):
    monkeypatch.setattr(engines, "engines", lambda format: [])
    html = tx.play(fused()).html
    drawn = re.search(r"<svg.*?</svg>", html, re.DOTALL)[0]
    for id in ("t0", "o0", "t0-o0-0", "t0-o0-0-back", "a_t0-grad-cells", "a_t0-value-label"):
        assert f'id="s0p0-{id}"' in drawn


def test_a_tangle_is_laid_out_quickly():
    html = tx.play(chain(29)).html
    assert html.count('class="edge forward"') > 200


# --- the exhibit and the movie --------------------------------------------------------------------


def test_the_exhibit_counts_and_compares():
    scenes = data_of(tx.compare_xent([2.0, 1.0, -0.1], 1).html)
    assert [s["name"] for s in scenes] == [
        "the given logits",
        "confident and wrong",
        "z = (1000, 0, -1000)",
        "soft target",
        "batch of two",
    ]
    counts = {what: (a, b) for what, a, b in scenes[0]["more"]["counts"]}
    assert counts["ops"] == (1, 11)
    assert counts["loss"] == ("1.399", "1.399")
    assert float(counts["largest difference of the gradients"][1]) < 1e-15
    broken = {what: (a, b) for what, a, b in scenes[2]["more"]["counts"]}
    assert broken["loss"] == ("1000", "Inf")
    assert broken["largest difference of the gradients"][1] == "NaN"


def test_the_exhibit_takes_what_cross_entropy_takes():
    q = data_of(tx.compare_xent([[1.0, 2.0]], [[0.25, 0.75]], presets=False).html)
    assert len(q) == 1
    assert q[0]["more"]["p"] == [[0.25, 0.75]]
    z = tx.Tensor([[3.0, 1.0, 2.0], [0.0, 0.0, 1.0]])
    assert len(data_of(tx.compare_xent(z, [2, 0]).html)[0]["more"]["z"]) == 2


@pytest.mark.parametrize(
    ("logits", "target", "kind", "says"),
    [
        (np.zeros((2, 11)), [0, 1], ValueError, "logits of shape (2, 11); wanted 2 to 10 classes"),
        (np.zeros((9, 3)), [0] * 9, ValueError, "1 to 8 rows"),
        ([1.0, 2.0], 5, IndexError, "target[0] is 5"),
        ([1.0, 2.0], [0.5, 0.6], ValueError, "sum"),
        ([1.0, 2.0], 1.5, ValueError, "target is 1.5; wanted a class index per row, or"),
        ([1.0, 2.0], None, TypeError, "compare_xent: target is None; wanted numbers"),
        ([1.0, 2.0], "one", TypeError, "compare_xent: target is 'one'; wanted numbers"),
        (None, 1, TypeError, "compare_xent: logits is None; wanted numbers"),
        ([[1.0], [2.0, 3.0]], 1, TypeError, "compare_xent: logits is [[1.0], [2.0, 3.0]]; wanted"),
    ],
)
def test_the_exhibit_refuses(logits, target, kind, says):
    with pytest.raises(kind, match=re.escape(says)):
        tx.compare_xent(logits, target)


def test_a_movie_has_a_frame_per_epoch_and_room_for_all_of_them():
    film = movie()
    assert [frame["label"] for frame in film.frames] == ["epoch 0", "epoch 1", "epoch 2"]
    data = data_of(film.html())
    assert data["series"] == ["training"]
    assert set(data["frames"][0]["region"]) <= {"0", "1"}
    assert len(data["frames"][0]["region"]) == data["map"]["size"] ** 2
    assert all(len(frame["shows"]) == len(data["keys"]) for frame in data["frames"])


def film_of_seven_classes():
    model, x, y = tx.nn.MLP([2, 7], rng=0), np.eye(2, dtype=np.float32), np.arange(2)
    film = tx.draw.Movie(model, x[0], 0, data=(x, y))
    tx.fit(model, (x, y), epochs=1, callbacks=[film])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: tx.draw.Movie(None, [1.0], 0, every=0), "every=0; wanted 1 or more"),
        (lambda: tx.draw.Movie(None, [1.0], 0).save(), "no frame was taken"),
        (lambda: movie().save("x.mp4"), "suffix '.mp4'; wanted .html"),
        (
            lambda: tx.draw.Movie(None, [1.0], 0, data=(np.ones((3, 4)), np.zeros(3, int))),
            "data of shape (3, 4); wanted two columns",
        ),
        (
            film_of_seven_classes,
            "a model of 7 classes; wanted at most 6",
        ),
    ],
)
def test_what_cannot_be_filmed_is_said(call, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        call()


@pytest.mark.parametrize("label", [1.5, "one", None])
def test_a_label_is_a_class_index(label):
    with pytest.raises(TypeError, match=re.escape(f"label={label!r}; wanted a class index")):
        tx.draw.Movie(None, [1.0], label)


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_is_one_of_the_models_classes(label):
    toy = tx.data.load("moons")
    model = tx.nn.MLP([2, 2], rng=0)
    film = tx.draw.Movie(model, toy.x[0], label)
    with pytest.raises(ValueError, match=f"Movie: label={label}; the model has classes 0 to 1"):
        tx.fit(model, toy, epochs=1, on_epoch=film.take)


# --- the command ----------------------------------------------------------------------------------


def test_watch_writes_a_page(tmp_path, capsys):
    out = tmp_path / "watch.html"
    words = ["watch", "--logits", "2,1,-0.1", "--target", "1", "--out", str(out), "--no-open"]
    assert main(words) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert data_of(out.read_text(encoding="utf-8"))[0]["more"]["z"] == [[2.0, 1.0, -0.1]]


def test_a_list_may_begin_with_a_minus(tmp_path, capsys):
    out = tmp_path / "watch.html"
    words = ["watch", "--logits", "-2,1", "--target", "1", "--out", str(out), "--no-open"]
    assert main(words) == 0
    assert data_of(out.read_text(encoding="utf-8"))[0]["more"]["z"] == [[-2.0, 1.0]]
    with pytest.raises(SystemExit, match="2"):
        main(["watch", "--no-open", "-2,1"])
    assert "--no-open: ignored explicit argument '-2,1'" in capsys.readouterr().err


def test_watch_a_row_of_a_data_set_through_a_trained_model(tmp_path, capsys):
    folder = tmp_path / "iris"
    assert main(["--data", "iris", "--epochs", "2", "--out", str(folder), "--quiet"]) == 0
    out = tmp_path / "w.html"
    model = str(folder / "model.safetensors")
    words = ["watch", "--model", model, "--index", "7", "--out", str(out), "--no-open"]
    assert main(words) == 0
    assert "iris, row 7: setosa" in out.read_text(encoding="utf-8")
    assert main(["watch", "--model", str(folder), "--out", str(out), "--no-open"]) == 0
    capsys.readouterr()
    assert main([*words, "--data", "penguins"]) == 1  # of 4 columns and 3 classes too
    assert "penguins: 4 columns and the classes" in capsys.readouterr().err
    assert main(["watch", "--data", "wine", "--out", str(out), "--no-open"]) == 0
    assert "wine, row 0" in out.read_text(encoding="utf-8")


def test_train_writes_a_player_and_a_movie(tmp_path):
    assert main(["--data", "moons", "--epochs", "2", "--movie", "--out", str(tmp_path)]) == 0
    assert data_of((tmp_path / "movie.html").read_text(encoding="utf-8"))["map"] is not None
    assert "Backprop of test row" in (tmp_path / "backprop.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--logits", "2"], 2, "'2' is not a list of numbers such as 2,1,-0.1"),
        (["--target", "x"], 2, "'x' is not a whole number"),
        (["--out", "x.svg"], 2, "'x.svg' is not the name of an .html file"),
        (["--logits", "1,2", "--target", "7"], 1, "target[0] is 7"),
        (["--logits", "1,2", "--data", "iris"], 1, "not both"),
        (["--data", "iris", "--index", "150"], 1, "--index 150; iris has 150 rows"),
        (["--model", "no.safetensors"], 1, "no.safetensors"),
    ],
)
def test_watch_says_what_is_wrong_in_one_line(words, code, says, capsys):
    words = ["watch", "--no-open", *words]
    if code == 2:
        with pytest.raises(SystemExit, match="2"):
            main(words)
    else:
        assert main(words) == code
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_half_a_character_in_a_name_is_no_reason_to_lose_the_page(tmp_path):
    x = tx.Tensor([1.0], requires_grad=True, name="a\ud800b")
    tx.play((x * x).sum()).save(tmp_path / "page.html")
    assert "a\ufffdb" in (tmp_path / "page.html").read_text(encoding="utf-8")
