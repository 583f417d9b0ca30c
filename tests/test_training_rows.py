"""Rows as they are kept: scaled and converted batch by batch, in bounded memory, and checked."""

import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tinygrad_xent as tx
from tinygrad_xent import nn
from tinygrad_xent.training.rows import checked_rows

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 6)).astype(np.uint8)
Y = RNG.integers(0, 3, 40)


def model(dtype=np.float32, columns=6):
    return nn.MLP([columns, 5, 3], rng=0, dtype=dtype)


def content(model):
    return [p.numpy().tobytes() for p in model.parameters()]


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaling_each_batch_is_scaling_all_rows_before(dtype, compile):
    scale = tx.data.Standardiser.fit(IMAGES)
    by_batch, before = model(dtype), model(dtype)
    options = {"epochs": 3, "batch_size": 7, "compile": compile}
    one = tx.fit(by_batch, (IMAGES, Y), test=(IMAGES, Y), scale=scale, **options)
    scaled = scale(IMAGES)
    two = tx.fit(before, (scaled, Y), test=(scaled, Y), **options)
    assert content(by_batch) == content(before)
    assert list(map(str, one)) == list(map(str, two))
    result = tx.evaluate(by_batch, IMAGES, Y, scale=scale, batch_size=9)
    assert result.loss == tx.evaluate(before, scaled, Y, batch_size=9).loss


def test_any_function_of_rows_is_a_scale():
    by_batch, before = model(), model()
    tx.fit(by_batch, (IMAGES, Y), epochs=1, scale=lambda rows: rows / 255)
    tx.fit(before, (IMAGES / 255, Y), epochs=1)
    assert content(by_batch) == content(before)


def test_a_scale_that_writes_into_its_rows_does_not_reach_the_data():
    def halved(rows):
        rows /= 2
        return rows

    rows = RNG.normal(size=(40, 6)).astype(np.float32)
    kept, by_batch, before = rows.copy(), model(), model()
    tx.fit(by_batch, (rows, Y), validation=(rows, Y), epochs=2, scale=halved)
    tx.fit(before, (kept / 2, Y), epochs=2)
    np.testing.assert_array_equal(rows, kept)
    assert content(by_batch) == content(before)
    q = tx.predict(by_batch, rows, scale=halved)
    np.testing.assert_array_equal(q, tx.predict(before, kept / 2))
    np.testing.assert_array_equal(rows, kept)


def test_many_classes_take_no_square_of_memory():
    x, y = np.ones((8, 4), np.float32), np.arange(8)
    tracemalloc.start()
    tx.fit(nn.MLP([4, 3000], rng=0), (x, y), validation=(x, y), epochs=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3000**2  # bytes, of which 8 to a count


def test_a_frozen_model_gets_its_rows_in_its_own_dtype():
    moving, rows = model(np.float64), RNG.normal(size=(40, 6))
    wanted = tx.predict(moving, rows)
    for p in moving.parameters():
        p.requires_grad = False
    np.testing.assert_array_equal(tx.predict(moving, rows), wanted)


@given(
    arrays(np.float64, (5, 2), elements=st.floats(-1e6, 1e6)),
    st.lists(st.integers(0, 4), min_size=1, unique=True),
    st.integers(1, 6),
)
def test_every_row_comes_once_with_its_label_whatever_part_is_taken(x, which, size):
    x, y = x + 0.0, np.arange(5) % 3
    rows = checked_rows((x, y), model(np.float64, 2), "fit", lambda x: 2 * x)
    part = rows.part(np.array(which))
    for pieces in (list(part.in_order(size)), list(part.shuffled(size, np.random.default_rng(1)))):
        seen, labels = (np.concatenate(column) for column in zip(*pieces, strict=True))
        assert all(len(piece) <= size for piece, _ in pieces)
        found = sorted([*row, label] for row, label in zip(seen.tolist(), labels, strict=True))
        assert found == sorted([*(2 * x[k]), y[k]] for k in which)
    order = np.concatenate([piece for piece, _ in part.in_order(size)])
    np.testing.assert_array_equal(order, 2 * x[which])
    last = part.part(np.array([len(which) - 1]))  # a part of the part
    ((piece, label),) = last.in_order(9)
    np.testing.assert_array_equal(piece[0], 2 * x[which[-1]])
    assert label.tolist() == [y[which[-1]]]


@pytest.mark.parametrize("data", ["uint8", "float64"])
def test_nothing_of_the_size_of_the_rows_is_made(data):
    x = np.zeros((20_000, 200), dtype=data)  # in float32 16 MB
    y = np.zeros(len(x), dtype=np.int64)
    trained = nn.MLP([200, 2], rng=0)
    options = {} if data == "float64" else {"scale": lambda rows: rows.astype(np.float32) / 255}
    tracemalloc.start()
    tx.fit(trained, (x, y), epochs=1, batch_size=1000, **options)
    tx.evaluate(trained, x, y, batch_size=1000, **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The first loss takes 4096 rows at a time: 3.3 MB, beside those before and the scale's own.
    assert peak < 11e6


def with_number(x, place, number):
    x = x.astype(np.float64)
    x[place] = number
    return x


def half(rows):
    return rows[::2]


@pytest.mark.parametrize(
    ("x", "scale", "error"),
    [
        (with_number(IMAGES, (7, 2), np.nan), half, "fit: x is nan in row 7, column 2; wanted fin"),
        (IMAGES, lambda x: x / x[:, 3:4].clip(0, 0), "fit: x, scaled, is"),
        (IMAGES, lambda x: x * 1e300, "x, scaled, is inf in row 0, column 0; wanted finite"),
        (IMAGES, half, "scale: made uint8 (20, 6) of uint8 (40, 6); wanted real numbers, a row"),
        (IMAGES, lambda x: x.astype(str), "scale: made <U"),
        (IMAGES, 255, "fit: scale is 255; wanted a function of rows, or None"),
        (IMAGES[:, :3], tx.data.Standardiser.fit(IMAGES), "6 columns, as in fit, got 3"),
    ],
)
def test_what_a_scale_cannot_do_is_named_before_training(x, scale, error):
    trained = model()
    before = content(trained)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=re.escape(error)):
        tx.fit(trained, (x, Y), epochs=1, scale=scale)
    assert content(trained) == before


def test_a_bad_number_far_down_is_found_in_its_row():
    x = np.zeros((3000, 1000), np.float32)  # twelve pieces
    x[2718, 281] = -np.inf
    with pytest.raises(ValueError, match="x is -inf in row 2718, column 281; wanted finite"):
        tx.fit(model(columns=1000), (x, np.zeros(3000, int)), epochs=1)
