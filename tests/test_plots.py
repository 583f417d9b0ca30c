"""Plots: which lines are drawn, what they are called, and nothing else touched."""

import math
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import tinygrad_xent as tx
from tinygrad_xent import calibration, plots

EPOCH, LOSS, ACCURACY = [0, 1, 2], [1.1, 0.6, 0.3], [0.3, 0.7, 0.9]
TEST_LOSS, TEST_ACCURACY = [1.2, 0.7, 0.5], [0.2, 0.6, 0.8]


def lines(axes):
    return {line.get_label(): np.asarray(line.get_ydata()).tolist() for line in axes.get_lines()}


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_curves():
    figure = plots.curves(EPOCH, LOSS, ACCURACY, TEST_LOSS, TEST_ACCURACY, classes=3)
    assert type(figure) is Figure
    left, right = figure.axes
    ln3 = "ln 3, a uniform guess"
    assert lines(left) == {"training": LOSS, "test": TEST_LOSS, ln3: [math.log(3)] * 2}
    assert lines(right) == {"training": ACCURACY, "test": TEST_ACCURACY}
    for axes in (left, right):
        assert axes.get_lines()[0].get_xdata().tolist() == EPOCH
        assert axes.get_lines()[1].get_xdata().tolist() == EPOCH
        assert axes.get_xlabel() == "epoch"
        assert legend(axes) == list(lines(axes))
        styles = [(line.get_color(), line.get_linestyle()) for line in axes.get_lines()]
        assert len({style for _, style in styles}) == len(styles)  # told apart without colours too
        assert len({color for color, _ in styles}) == len(styles)
    assert left.get_ylabel() == "loss (nats)"
    assert right.get_ylabel() == "accuracy"
    assert left.get_ylim()[0] == 0


@pytest.mark.parametrize("test", [(), ([], []), ([math.nan] * 3, [math.nan] * 3)])
def test_without_a_test_set_there_is_no_test_line(test):
    left, right = plots.curves(EPOCH, LOSS, ACCURACY, *test).axes
    assert lines(left) == {"training": LOSS}
    assert lines(right) == {"training": ACCURACY}
    assert legend(left) == legend(right) == ["training"]


def test_arrays_will_do_and_a_test_may_have_gaps():
    gaps = np.array([math.nan, 0.7, 0.5])
    left, _ = plots.curves(*map(np.array, (EPOCH, LOSS, ACCURACY)), gaps, gaps).axes
    np.testing.assert_array_equal(lines(left)["test"], gaps)


def test_curves_with_validation_learning_rate_and_the_best_epoch():
    history = tx.History(
        tx.training.Epoch(*row, *more)
        for row, more in zip(
            zip(EPOCH, LOSS, ACCURACY, TEST_LOSS, TEST_ACCURACY, strict=True),
            [(1.3, 0.1, 0.1), (0.8, 0.5, 0.1), (0.9, 0.7, 0.05)],
            strict=True,
        )
    )
    assert history.best.epoch == 1
    columns = list(zip(*history, strict=True))
    left, right, rate = plots.curves(*columns, best=1).axes
    kept = {"best epoch: 1": [0, 1]}
    assert lines(left) == {
        "training": LOSS,
        "validation": [1.3, 0.8, 0.9],
        "test": TEST_LOSS,
        **kept,
    }
    assert lines(right)["validation"] == [0.1, 0.5, 0.7]
    assert lines(rate) == {"learning rate": [0.1, 0.1, 0.05], **kept}
    assert left.get_lines()[-1].get_xdata() == [1, 1]
    looks = [(line.get_color(), line.get_linestyle()) for line in left.get_lines()]
    assert len({colour for colour, _ in looks[:3]}) == len({dash for _, dash in looks[:3]}) == 3
    constant = plots.curves(*columns[:7], [0.1, 0.1, math.nan])
    assert len(constant.axes) == 2


SURE = np.array([[0.9, 0.1], [0.9, 0.1], [0.96, 0.04], [0.45, 0.55], [0.4, 0.6]])


def test_reliability():
    seen = calibration.reliability(SURE, [0, 1, 0, 1, 1])  # bins at .6, .9 and 1
    figure = plots.reliability(seen)
    assert type(figure) is Figure
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("confidence", "accuracy")
    assert legend(axes) == ["says what happens", "the model"]
    diagonal, line = axes.get_lines()
    assert diagonal.get_xydata().tolist() == [[0, 0], [1, 1]]
    np.testing.assert_allclose(line.get_xydata(), [[0.575, 1], [0.9, 0.5], [0.96, 1]])
    bars, points = axes.collections
    np.testing.assert_array_equal(points.get_offsets(), line.get_xydata())
    first, second, third = points.get_sizes()
    assert first == second > third  # 2, 2 and 1 rows
    low, high = np.array([segment[:, 1] for segment in bars.get_segments()]).T
    # Wilson at z = 1 solves (share - x)² = x (1 - x) / n.
    share, n = np.array([1, 0.5, 1]), np.array([2, 2, 1])
    for x in (low, high):
        np.testing.assert_allclose((share - x) ** 2, x * (1 - x) / n, atol=1e-15)
    assert (low < high).all()


def test_reliability_of_several_is_told_apart_without_colours():
    q = {"sharp": SURE, "soft": 0.5 + (SURE - 0.5) / 2, "softer": 0.5 + (SURE - 0.5) / 4}
    seen = {name: calibration.reliability(q, [0, 1, 0, 1, 1]) for name, q in q.items()}
    (axes,) = plots.reliability(seen).axes
    assert legend(axes) == ["says what happens", *seen]
    styles = [line.get_linestyle() for line in axes.get_lines()]
    assert len(set(styles)) == len(styles) == 4


def test_reliability_of_nothing():
    with pytest.raises(ValueError, match="nothing to draw"):
        plots.reliability({})


def test_a_figure_can_be_saved(tmp_path):
    plots.curves(EPOCH, LOSS, ACCURACY, classes=2).savefig(tmp_path / "curves.svg")
    assert "<svg" in (tmp_path / "curves.svg").read_text(encoding="utf-8")


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "tinygrad-xent\[plot\]"'):
        plots.curves(EPOCH, LOSS, ACCURACY)


def test_importing_loads_none_of_the_libraries_that_are_used_later():
    late = ["matplotlib", "safetensors", "rich", "graphviz"]
    code = (
        "import sys, tinygrad_xent, tinygrad_xent.plots\n"
        f"print([name for name in {late} if name in sys.modules])\n"
        "tinygrad_xent.plots.curves([0], [1.0], [0.5])\n"
        "print('matplotlib.pyplot' in sys.modules)"  # with it would come global state
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "False"]


# --- the confusion matrix ---------------------------------------------------------------------


def inside(figure):
    """Whether all that is drawn lies within the figure, whose axes have not vanished either."""
    FigureCanvasAgg(figure).draw()
    box = figure.get_tightbbox(figure.canvas.get_renderer())
    width, height = figure.get_size_inches()
    axes = figure.axes[0].get_position()
    assert axes.width * width > 1.5
    assert axes.height * height > 1.5
    return (
        box.x0 >= -0.02 and box.y0 >= -0.02 and box.x1 <= width + 0.02 and box.y1 <= height + 0.02
    )


def names_along(axis):
    return [text.get_text().replace("\n", " ") for text in axis.get_ticklabels()]


COUNTS = np.array([[8, 2, 0], [0, 0, 0], [1, 30, 69]])


def test_confusion():
    figure = plots.confusion(COUNTS, ["cat", "dog", "fox"])
    assert type(figure) is Figure
    axes, bar = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "label")
    assert names_along(axes.xaxis) == names_along(axes.yaxis) == ["cat", "dog", "fox"]
    written = {text.get_position()[::-1]: text.get_text() for text in axes.texts}
    assert written == {(0, 0): "8", (0, 1): "2", (2, 0): "1", (2, 1): "30", (2, 2): "69"}
    (image,) = axes.images
    shares = np.ma.filled(image.get_array().astype(float), np.nan)
    np.testing.assert_allclose(shares, [[0.8, 0.2, 0], [np.nan] * 3, [0.01, 0.3, 0.69]])
    assert image.get_clim() == (0, 1)
    assert bar.get_ylabel() == "share of the label"


def grey(rgb):
    return np.asarray(rgb)[..., :3] @ [0.2126, 0.7152, 0.0722]


def test_confusion_is_read_in_grey_and_its_numbers_on_their_ground():
    axes = plots.confusion(np.diag([5, 5]) + 1).axes[0]
    image = axes.images[0]
    ramp = grey(image.cmap(np.linspace(0, 1, 50)))
    assert (np.diff(ramp) < 0).all()
    assert abs(grey(image.cmap(image.norm(0.01))) - grey(image.cmap(image.norm(0.0)))) > 0.05
    for share in np.linspace(0.005, 1, 200):
        counts = np.array([[round(1000 * share), 1000 - round(1000 * share)], [0, 1]])
        shown = plots.matrix._shares(counts)[0, 0]
        ground = grey(np.array(image.cmap(image.norm(shown))) ** 2.2)
        text = grey(np.array(to_rgb("white" if shown > plots.matrix.WHITE else "#1A1A1A")) ** 2.2)
        contrast = (max(ground, text) + 0.05) / (min(ground, text) + 0.05)
        assert contrast > 4, share


LONG = "a name that goes on and on, until nobody remembers how it began, and then some more"


@pytest.mark.parametrize(
    ("k", "name"),
    [
        *((1, "{}"), (2, "{}"), (10, "{}"), (40, "{}"), (100, "{}")),
        *(
            (1, "_class $\\no{}$ of \\many"),
            (2, LONG + " {}"),
            (21, LONG + " {}"),
            (40, LONG + " {}"),
        ),
        *((1, "w" * 200), (10, "w" * 200), (100, "W" * 200)),
    ],
)
def test_names_are_never_clipped_however_many_and_long(k, name):
    figure = plots.confusion(np.eye(k, dtype=int), [name.format(i) for i in range(k)])
    assert inside(figure)
    shown = names_along(figure.axes[0].yaxis)
    assert len(shown) == len(names_along(figure.axes[0].xaxis)) <= 50
    assert len(shown) == k or k > 40
    if "$" in name:
        assert shown[0] == "_class $\\no0$ of \\many"


@pytest.mark.parametrize(
    ("counts", "classes", "says"),
    [
        ([[1, 2, 3]], None, r"counts of shape \(1, 3\); wanted \(K, K\)"),
        (np.zeros((0, 0)), None, r"counts of shape \(0, 0\)"),
        ([[0.5]], None, "not whole numbers"),
        ([[-1]], None, "not whole numbers"),
        ([[math.nan]], None, "not whole numbers"),
        ([["a"]], None, "not whole numbers"),
        ([[1e30]], None, "not whole numbers"),
        ([[1]], ["a", "b"], "confusion: 2 names .* wanted 1"),
        ([[1]], "a", "confusion: 1 names .*; wanted 1"),
    ],
)
def test_confusion_of_something_else(counts, classes, says):
    with pytest.raises(ValueError, match=says):
        plots.confusion(counts, classes)


# --- decision regions -------------------------------------------------------------------------


def halves(x):
    """Class 1 to the right of 0, as sure as it is far."""
    right = 1 / (1 + np.exp(-5 * x[:, 0]))
    return np.stack([1 - right, right], axis=1)


X = np.array([[-1.0, 0.0], [1.0, 2.0], [0.5, -2.0], [-0.1, 1.0]])
Y = np.array([0, 1, 1, 1])


def test_decision():
    figure = plots.decision(halves, X, Y, ["left", "right"], features=["cm", "$"])
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("cm", "$")
    *borders, left, right = axes.collections
    np.testing.assert_array_equal(left.get_offsets(), X[:1])
    np.testing.assert_array_equal(right.get_offsets(), X[1:])
    for border in borders:
        (path,) = border.get_paths()
        np.testing.assert_allclose(path.vertices[:, 0], 0, atol=1e-6)
    (image,) = axes.images
    low, high, bottom, top = image.get_extent()
    assert low < -1 < 1 < high
    assert bottom < -2 < 2 < top
    colours = image.get_array()
    blue, orange = (np.array(to_rgb(c)) for c in (plots.BLUE, "#E69F00"))
    first, middle, last = colours[50, 0], colours[50, 99], colours[50, -1]
    assert abs(first - blue).sum() < abs(middle - blue).sum()  # paler where it is less sure
    assert abs(last - orange).sum() < abs(first - orange).sum()
    assert abs(first - blue).sum() < abs(last - blue).sum()
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["left", "right"]


def test_decision_has_up_above():
    x = X[:, ::-1]
    axes = plots.decision(lambda grid: halves(grid[:, ::-1]), x, Y).axes[0]
    (image,) = axes.images
    shown = image.get_array() if image.origin == "lower" else image.get_array()[::-1]
    orange = np.array(to_rgb("#E69F00"))  # class 1, where x1 is large
    assert abs(shown[-1, 50] - orange).sum() < abs(shown[0, 50] - orange).sum()
    assert axes.get_ylim()[0] < axes.get_ylim()[1]


def test_decision_of_a_module_on_scaled_rows():
    x = np.array([[100.0, 1.0], [300.0, 2.0], [200.0, 3.0]])
    scale = tx.data.Standardiser.fit(x)
    model = tx.nn.Linear(2, 2, rng=0)
    model.load_state_dict({"weight": np.array([[-9, 9], [0, 0]], "f4"), "bias": np.zeros(2, "f4")})
    axes = plots.decision(model, x, [0, 1, 0], scale=scale).axes[0]
    border = axes.collections[0].get_paths()[0].vertices
    np.testing.assert_allclose(border[:, 0], 200, atol=1e-3)  # in the units of x


def test_decision_is_told_apart_without_colours():
    q = np.full((1, 20), 0.05)
    rows = np.random.default_rng(0).random((20, 2))
    figure = plots.decision(lambda x: np.repeat(q, len(x), axis=0), rows, np.arange(20))
    looks = {
        (tuple(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes())
        for c in figure.axes[0].collections
    }
    assert len(looks) == 20
    blue, orange, green = (grey(to_rgb(c)) for c in ("#0072B2", "#E69F00", "#F0E442"))
    assert blue + 0.2 < orange < green - 0.1


@pytest.mark.parametrize(
    ("k", "name"),
    [
        (1, "_$\\no{}$"),
        (2, LONG + " {}"),
        (10, LONG + " {}"),
        (30, LONG + " {}"),
        (60, LONG + " {}"),
    ],
)
def test_the_legend_of_decision_is_never_clipped(k, name):
    def model(x):
        return np.eye(k)[np.minimum(np.arange(len(x)) * k // len(x), k - 1)]

    x = np.random.default_rng(0).random((k, 2))
    figure = plots.decision(model, x, np.arange(k), [name.format(i) for i in range(k)])
    assert inside(figure)
    texts = [t.get_text().replace("\n", " ") for t in figure.legends[0].get_texts()]
    assert texts[0] == name.format(0)
    assert len(texts) == min(k, 41)
    assert texts[-1] == (name.format(k - 1) if k <= 40 else "… and 20 more")


def test_decision_of_many_rows_and_of_one():
    rng = np.random.default_rng(0)
    x = rng.random((10_001, 2))
    axes = plots.decision(halves, x, np.zeros(10_001, int)).axes[0]
    assert 2000 < len(axes.collections[-1].get_offsets()) <= 4000
    turns = plots.decision(halves, x[:8000], np.arange(8000) % 2).axes[0].collections[-2:]
    assert [len(points.get_offsets()) for points in turns] == [2000, 2000]
    far = plots.decision(halves, [[1e17, 0.0], [1e17, 1.0]], [0, 1]).axes[0]
    assert far.get_xlim()[0] < 1e17 < far.get_xlim()[1]
    one = plots.decision(halves, x[:1], [1]).axes[0]
    assert one.get_xlim() == (x[0, 0] - 1, x[0, 0] + 1)


@pytest.mark.parametrize(
    ("x", "y", "more", "says"),
    [
        (np.zeros((4, 3)), Y, {}, r"x of shape \(4, 3\); wanted \(N, 2\)"),
        (X[:0], Y[:0], {}, r"x of shape \(0, 2\)"),
        (np.where(X == 1, np.nan, X), Y, {}, "not finite in row 1"),
        (X, Y[:3], {}, "y of shape .* for each of 4 rows"),
        (X, Y / 2, {}, "dtype float64"),
        (X, Y + 1, {}, "labels up to 2"),
        (X, Y - 1, {}, "labels"),
        (X, Y, {"classes": ["a"]}, "decision: 1 names"),
        (X, Y, {"features": ["a"]}, "decision: features: 1 names"),
    ],
)
def test_decision_of_something_else(x, y, more, says):
    with pytest.raises(ValueError, match=says):
        plots.decision(halves, x, y, **more)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (lambda x: x, "no probabilities"),
        (lambda x: x[:, 0], r"gives \(40000,\); wanted \(40000, K"),
    ],
)
def test_decision_with_a_function_that_gives_no_probabilities(model, says):
    with pytest.raises(ValueError, match=says):
        plots.decision(model, X, Y)


# --- weights as pictures ----------------------------------------------------------------------


def test_weights():
    weight = np.arange(-12.0, 18).reshape(6, 5)
    figure = plots.weights(weight, (2, 3))
    axes = figure.axes[0]
    (image,) = axes.images
    mosaic = np.ma.filled(image.get_array(), np.nan)
    columns = (mosaic.shape[1] + 1) // 4
    for unit in range(5):
        top, left = 3 * (unit // columns), 4 * (unit % columns)
        picture = mosaic[top : top + 2, left : left + 3]
        np.testing.assert_array_equal(picture, weight[:, unit].reshape(2, 3))
    assert np.isfinite(mosaic).sum() == 30  # and nothing else
    assert image.get_clim() == (-17, 17)
    assert axes.get_title() == "5 units, 2 x 3 pixels each"


def test_the_sign_of_a_weight_is_read_in_grey():
    image = plots.weights(np.ones((4, 1)), (2, 2)).axes[0].images[0]
    minus, zero, plus = grey(image.cmap([0.0, 0.5, 1.0]))
    assert zero > 0.99
    assert plus + 0.3 < minus < zero - 0.2


@pytest.mark.parametrize(("units", "most", "title"), [(100, 64, "64 of 100"), (3, 64, "3")])
def test_of_many_units_the_first_are_shown(units, most, title):
    axes = plots.weights(np.ones((4, units)), (2, 2), most=most).axes[0]
    assert axes.get_title() == f"{title} units, 2 x 2 pixels each"
    assert np.isfinite(np.ma.filled(axes.images[0].get_array(), np.nan)).sum() == 4 * min(
        units, most
    )


def test_weights_that_are_zero_are_white():
    assert plots.weights(np.zeros((4, 2), np.float32), (2, 2)).axes[0].images[0].get_clim() == (
        -1,
        1,
    )


@pytest.mark.parametrize(
    ("weight", "shape", "most", "says"),
    [
        (np.ones((6, 2)), (2, 2), 4, "height \\* width = 6"),
        (np.ones((6, 2)), (6,), 4, "shape=\\(6,\\)"),
        (np.ones((6, 2)), (-2, -3), 4, "shape"),
        (np.ones(6), (2, 3), 4, "wanted floats, a column for each unit"),
        (np.ones((6, 2), int), (2, 3), 4, "int"),
        (np.full((6, 2), np.nan), (2, 3), 4, "not finite"),
        (np.ones((6, 2)), (2, 3), 0, "most=0"),
    ],
)
def test_weights_of_something_else(weight, shape, most, says):
    with pytest.raises(ValueError, match=says):
        plots.weights(weight, shape, most=most)
