"""Plots: which lines are drawn, what they are called, and nothing else touched."""

import math
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

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
