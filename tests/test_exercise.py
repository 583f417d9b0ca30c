"""Backprop by hand: the sheet's road is the loss, and its answers are honest."""

import numpy as np
import pytest
from scipy import special

import tinygrad_xent as tx
from tinygrad_xent.exercise import STEPS, Sheet


def test_the_road_is_the_cross_entropy():
    sheet = Sheet(rows=6, classes=4, seed=3)
    truth = -special.log_softmax(sheet.logits, axis=1)[np.arange(6), sheet.labels].mean()
    assert float(sheet.loss) == pytest.approx(truth, rel=1e-14)


def test_q_minus_p_is_the_answer_at_the_logits(capsys):
    sheet = Sheet(rows=6, classes=4, seed=3)
    q = special.softmax(sheet.logits, axis=1)
    answer = sheet.check("logits", (q - np.eye(4)[sheet.labels]) / 6)
    assert answer.approximate
    assert answer.largest < 1e-15
    assert capsys.readouterr().out.startswith("logits          exact: ")


@pytest.mark.parametrize("name", STEPS)
def test_the_engines_own_gradient_is_exact_and_another_is_not(name):
    sheet = Sheet()
    right = sheet._gradients[name]
    assert sheet.check(name, right)[1:] == (True, True, 0.0)
    assert sheet.check(name, tx.Tensor(right)).exact
    wrong = sheet.check(name, right + 1e-3)
    assert not wrong.approximate
    assert wrong.largest == pytest.approx(1e-3)
    near = sheet.check(name, right * (1 + 1e-12) + 1e-16)
    assert near.approximate


def test_a_gradient_that_was_not_summed_is_told_so():
    s = tx.exercise.sheet()
    with pytest.raises(ValueError, match=r"shape \(4, 5\), wanted \(4, 1\).*should be summed"):
        tx.exercise.check("counts_sum", np.ones((4, 5)))
    assert s is tx.exercise.sheet()


def test_wrong_names_and_sizes():
    with pytest.raises(KeyError, match="no step 'dlogits'; wanted one of logits, logit_maxes"):
        tx.exercise.check("dlogits", 1.0)
    with pytest.raises(ValueError, match="0 rows, 5 classes"):
        Sheet(rows=0)
