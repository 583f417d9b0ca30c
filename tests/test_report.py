"""The report on a classifier: every number counted again, and what it says of what is undefined."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

import tinygrad_xent as tx
from tinygrad_xent.training import Evaluation
from tinygrad_xent.training.report import columns

LABELS = st.integers(1, 6).flatmap(
    lambda k: st.tuples(
        st.just(k),
        st.lists(st.tuples(st.integers(0, k - 1), st.integers(0, k - 1)), min_size=1, max_size=25),
    )
)


def counted(k, pairs, **more):
    counts = np.zeros((k, k), int)
    for label, found in pairs:
        counts[label, found] += 1
    return Evaluation(0.5, np.mean([a == b for a, b in pairs]), counts, **more)


def ratio(part, whole):
    return part / whole if whole else math.nan


def mean(scores, weights):
    known = [(s, w) for s, w in zip(scores, weights, strict=True) if not math.isnan(s)]
    return ratio(sum(s * w for s, w in known), sum(w for _, w in known))


@given(LABELS)
def test_precision_recall_f1_and_their_means_by_counting_rows(case):
    k, pairs = case
    report = counted(k, pairs)
    precision, recall, f1, support = [], [], [], []
    for c in range(k):
        both = sum(a == b == c for a, b in pairs)
        predicted, mine = sum(b == c for _, b in pairs), sum(a == c for a, _ in pairs)
        precision.append(ratio(both, predicted))
        recall.append(ratio(both, mine))
        f1.append(ratio(2 * both, predicted + mine))
        support.append(mine)
    for got, wanted in (
        (report.precision, precision),
        (report.recall, recall),
        (report.f1, f1),
        (report.support, support),
        (report.macro, [mean(s, [1] * k) for s in (precision, recall, f1)]),
        (report.weighted, [mean(s, support) for s in (precision, recall, f1)]),
    ):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
    assert report.weighted.recall == pytest.approx(report.accuracy)


@given(LABELS)
def test_f1_is_the_harmonic_mean_where_there_is_one(case):
    report = counted(*case)
    for p, r, f in zip(report.precision, report.recall, report.f1, strict=True):
        if p > 0 and r > 0:
            assert f == pytest.approx(2 / (1 / p + 1 / r))


def test_the_table_in_a_terminal():
    pairs = [(0, 0)] * 8 + [(0, 1)] * 2 + [(1, 1)] * 5 + [(2, 1)]
    names = ("setosa", "x" * 60, "空の箱\x1b[31m")
    text = str(counted(4, pairs, classes=(*names, "never met")))
    lines = text.splitlines()
    assert lines[0] == "16 rows, 4 classes: accuracy 0.812, loss 0.500 nats"
    header, *rows = lines[2:9]
    assert {columns(row) for row in rows} == {columns(header)}  # a right edge, Chinese or not
    assert rows[0].split() == ["setosa", "1.000", "0.800", "0.889", "10"]
    assert rows[1].split() == ["x" * 39 + "…", "0.625", "1.000", "0.769", "5"]
    assert rows[2].split() == ["空の箱�[31m", "nan", "0.000", "0.000", "1"]
    assert rows[3].split() == ["never", "met", "nan", "nan", "nan", "0"]
    assert rows[4].split() == ["mean", "0.812", "0.600", "0.553", "16"]
    assert "never predicted, so that precision is nan: 空の箱�[31m, never met" in text
    assert "without rows, so that recall is nan: never met" in text
    assert text.endswith(
        "most frequent mistake: setosa taken for " + rows[1].split()[0] + ", 2 of 10 times"
    )


def test_columns_of_a_terminal():
    assert [columns(text) for text in ("abc", "空の箱", "e\u0301a", "ﾊﾝ", "")] == [3, 6, 2, 2, 0]


def test_without_names_or_mistakes():
    report = Evaluation(0.0, 1.0, np.diag([3, 4]))
    assert str(report).splitlines()[3].split() == ["0", "1.000", "1.000", "1.000", "3"]
    assert report.notes() == []
    assert str(report).splitlines()[-1].startswith("mean by support")
    assert math.isnan(report.calibration_error)
    assert repr(report) == "Evaluation(7 rows, 2 classes: accuracy 1.000, loss 0.000 nats)"
    assert Evaluation(0.0, 1.0, np.array([[1]])).headline().startswith("1 row, 1 class:")


def test_of_many_classes_the_worst_are_listed():
    counts = 10 * np.eye(60, dtype=int)
    counts[7, 7], counts[7, 8] = 1, 9
    counts[30] = 0
    text = str(Evaluation(0.1, 0.9, counts))
    rows = text.splitlines()[3:]
    assert rows[0].split()[0] == "7"
    assert rows[1].split()[0] == "8"
    assert [row.split()[0] for row in rows[20:22]] == ["mean", "mean"]
    assert "shown: the 20 of 60 classes with the lowest F1" in text
    fifty = str(Evaluation(0.1, 0.9, counts[:50, :50]))
    assert len(re.findall(r"^\d+ ", fifty, re.M)) == 51  # the headline too


def test_of_many_unpredicted_classes_eight_are_named():
    counts = np.zeros((12, 12), int)
    counts[:, 0] = 1
    (first, _, _) = Evaluation(2.0, 1 / 12, counts).notes(), None, None
    assert (
        first[0] == "never predicted, so that precision is nan: 1, 2, 3, 4, 5, 6, 7, 8 and 3 more"
    )


def test_evaluate_brings_names_and_calibration():
    iris = tx.data.load("iris")
    model = tx.nn.MLP([4, 5, 3], rng=0)
    report = tx.evaluate(model, iris, batch_size=7)
    assert report.classes == iris.classes
    assert tx.evaluate(model, iris.x, iris.y).classes == ()
    assert tx.evaluate(tx.nn.MLP([4, 9], rng=0), iris).classes == ()  # more logits than names
    q = softmax(model(tx.Tensor(iris.x)).numpy().astype(np.float64), axis=1)
    sure, right = q.max(axis=1), q.argmax(axis=1) == iris.y
    wanted = 0.0
    for low in range(10):
        mine = (sure > low / 10) & (sure <= (low + 1) / 10)
        assert report.reliability.count[low] == mine.sum()
        if mine.any():
            wanted += abs(sure[mine].mean() - right[mine].mean()) * mine.mean()
    assert report.calibration_error == pytest.approx(wanted, rel=1e-9)
    loss, accuracy, confusion = report
    assert (loss, accuracy) == (report.loss, report.accuracy)
    assert confusion is report.confusion


def test_in_a_notebook_names_are_text():
    name = '<script>alert("x")</script>\u202e\n'
    html = counted(2, [(0, 1), (1, 1)], classes=(name, "b"))._repr_html_()
    assert "<script" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;" in html
    assert html.count("<tr>") == 5


@pytest.mark.parametrize("batch_size", [1, 4, 4096])
def test_predict_against_scipy(batch_size):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 255, (9, 3)).astype(np.uint8)
    model = tx.nn.Linear(3, 4, rng=0, dtype=np.float64)
    scale = tx.data.Standardiser.fit(x.astype(np.float64))
    state = model.state_dict()
    z = (x - x.mean(axis=0)) / x.std(axis=0) @ state["weight"] + state["bias"]
    q = tx.predict(model, x, scale=scale, batch_size=batch_size)
    assert q.dtype == np.float64
    np.testing.assert_allclose(q, softmax(z, axis=1), rtol=2e-6)  # the scale makes float32
    plain = tx.predict(model, x, batch_size=batch_size)
    np.testing.assert_allclose(plain, softmax(x @ state["weight"] + state["bias"], axis=1))


def test_predict_takes_a_dataset_and_leaves_the_model_alone():
    iris = tx.data.load("iris")
    model = tx.nn.MLP([4, 3], rng=0)
    np.testing.assert_array_equal(tx.predict(model, iris), tx.predict(model, iris.x))
    assert all(p.grad is None for p in model.parameters())


def test_predict_drops_nothing_and_leaves_the_mode_as_it_was():
    model = tx.nn.MLP([2, 50, 3], rng=0, dropout=0.5)
    x = np.ones((20, 2))
    q = tx.predict(model, x)
    np.testing.assert_array_equal(q, tx.predict(model, x))
    assert len(np.unique(q, axis=0)) == 1
    assert model.training


@pytest.mark.parametrize(
    ("x", "says"),
    [
        ([[0.0, np.nan]], "predict: x is nan in row 0, column 1"),
        (np.zeros((0, 2)), r"predict: x has shape \(0, 2\); wanted \(N, ...\) with N > 0"),
        ([1.0, 2.0], r"predict: x has shape \(2,\)"),
        ([["a", "b"]], "predict: x has dtype"),
        (np.zeros((3, 5)), "5 and 2 differ"),
    ],
)
def test_predict_names_what_is_wrong(x, says):
    with pytest.raises(ValueError, match=says):
        tx.predict(tx.nn.MLP([2, 3], rng=0), x)


def test_predict_gives_a_row_for_each_row_or_an_error():
    class Mean(tx.nn.Linear):
        def forward(self, x):
            return super().forward(x).mean(axis=0, keepdims=True)

    with pytest.raises(ValueError, match=r"gives \(1, 3\) for 4 rows; wanted logits, \(4, 3\)"):
        tx.predict(Mean(2, 3), np.ones((4, 2)))


def test_predict_of_a_broken_model_is_an_error():
    model = tx.nn.Linear(2, 3, rng=0)
    model.load_state_dict({"weight": np.full((2, 3), 3e38, np.float32), "bias": np.zeros(3, "f4")})
    with pytest.raises(ValueError, match="logits of row 1 are not finite"):
        tx.predict(model, [[0.0, 0.0], [9.0, -9e5]])
