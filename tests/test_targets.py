"""Targets of the losses over classes: what is taken as it is, what is refused, and what is said."""

import math

import numpy as np
import pytest

import tinygrad_xent as tx

LOSSES = [tx.cross_entropy, tx.unfused_cross_entropy]


def leaf(data, dtype=np.float64):
    return tx.Tensor(np.array(data, dtype), requires_grad=True)


@pytest.mark.parametrize("axis", [None, 1, -1])
def test_rows_of_logits_enter_the_op_as_they_are(axis):
    """So that the drawing of the most frequent call has one box, and nothing is copied."""
    z = leaf(np.zeros((2, 3)))
    for target in ([0, 1], np.full((2, 3), 1 / 3)):
        loss = tx.cross_entropy(z, target, axis=axis)
        assert loss.op.name == "cross_entropy"
        assert loss.inputs[0] is z


@pytest.mark.parametrize("labels", [[1, 3], [3, 3, 2], [2, -100, 3]])
def test_labels_that_seem_to_be_counted_from_1(labels):
    with pytest.raises(IndexError, match=r"wanted a class from 0 to 2 .*from 1\?$"):
        tx.cross_entropy(np.zeros((len(labels), 3)), labels)


@pytest.mark.parametrize("labels", [[0, 3], [1, 4], [-1, 3], [3, 5, 1]])
def test_other_labels_that_are_no_classes(labels):
    with pytest.raises(IndexError, match=r"wanted a class from 0 to 2 .*ignore_index=-100$"):
        tx.cross_entropy(np.zeros((len(labels), 3)), labels)


@pytest.mark.parametrize("f", [*LOSSES, tx.nll_loss])
@pytest.mark.parametrize("options", [{}, {"weight": [2.0, 2.0]}], ids=str)
def test_a_mean_over_more_rows_than_half_precision_can_count(f, options):
    z = np.full((70_000, 2), -math.log(2), np.float16)
    y = np.zeros(70_000, int)
    y[::7] = -100
    assert f(z, y, **options) == np.float16(math.log(2))


@pytest.mark.parametrize("f", LOSSES)
@pytest.mark.parametrize("ignore_index", [0, 1])
def test_a_class_cannot_be_left_out_of_probabilities(f, ignore_index):
    with pytest.raises(ValueError, match=f"ignore_index={ignore_index}, which leaves out class"):
        f(np.zeros((2, 3)), np.full((2, 3), 1 / 3), ignore_index=ignore_index)


@pytest.mark.parametrize(
    ("dtype", "off", "fine"),
    [
        (np.float64, 0.9e-5, True),
        (np.float64, 2e-5, False),
        (np.float32, 0.5e-5, True),
        (np.float32, 0.1, False),
        (np.float16, 0.005, True),
        (np.float16, 0.02, False),
    ],
)
@pytest.mark.parametrize("wrap", [np.array, tx.Tensor])
def test_rows_that_are_checked_sum_to_1_within_their_precision(dtype, off, fine, wrap):
    for sign in (1, -1):
        p = wrap(np.array([[0.0, 0.0, 1.0], [0.5, 0.5 + sign * off, 0.0]], dtype))
        if fine:
            tx.cross_entropy(np.zeros((2, 3)), p, check=True)
        else:
            with pytest.raises(ValueError, match="row 1 of the target sums to"):
                tx.cross_entropy(np.zeros((2, 3)), p, check=True)


def test_a_row_that_is_checked_has_nothing_negative_even_if_it_sums_to_1():
    with pytest.raises(
        ValueError, match=r"row 0 of the target sums to 1 with smallest element -0\.5"
    ):
        tx.cross_entropy(np.zeros((1, 3)), np.array([[1.5, -0.5, 0.0]]), check=True)
