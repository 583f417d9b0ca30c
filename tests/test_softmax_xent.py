"""The kernels on arrays: blocks of rows change nothing, whatever the logits and their order."""

import ast
import inspect
import warnings

import numpy as np
import pytest
from accuracy import errors, regimes
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_xent.ops import softmax_xent as kernels
from tinygrad_xent.ops.softmax_xent import softmax_xent, softmax_xent_rows, sums

INF = np.inf


@pytest.fixture(params=[1, 100, 5000], ids="blocks of {} bytes".format)
def small_blocks(request, monkeypatch):
    """From a row at a time to a few."""
    monkeypatch.setattr(kernels, "BLOCK", request.param)


def definition(z, p):
    """Loss and P q - p in long double."""
    z, p = z.astype(np.longdouble), p.astype(np.longdouble)
    d = z - z.max(axis=1, keepdims=True)
    rest = np.exp(np.sort(d, axis=1)[:, :-1]).sum(axis=1, keepdims=True)  # all but the top's 1
    loss = (p * (np.log1p(rest) - d)).sum(axis=1)
    return loss, p.sum(axis=1, keepdims=True) * np.exp(d) / (1 + rest) - p


@given(
    rows=st.integers(1, 9),
    classes=st.sampled_from([1, 2, 7, 511, 512, 1024, 1025, 2500]),
    block=st.sampled_from([1, 3000, 40_000]),
    dtype=st.sampled_from([np.float32, np.float64]),
    order=st.sampled_from("CF"),
    soft=st.booleans(),
)
def test_blocks_follow_the_definition(rows, classes, block, dtype, order, soft):
    rng = np.random.default_rng(rows * classes)
    z = np.array(rng.normal(0, 4, (rows, classes)), dtype, order=order)
    y = rng.integers(0, classes, rows)
    p = rng.uniform(0, 1, z.shape).astype(dtype) if soft else np.eye(classes, dtype=dtype)[y]
    before, kernels.BLOCK = kernels.BLOCK, block
    try:
        loss, q_minus_p = softmax_xent_rows(z, p) if soft else softmax_xent(z, y)
    finally:
        kernels.BLOCK = before
    wanted_loss, wanted = definition(z, p)
    rtol = 64 * np.finfo(dtype).eps
    np.testing.assert_allclose(loss, wanted_loss, rtol=rtol)
    np.testing.assert_allclose(q_minus_p, wanted, rtol=rtol, atol=rtol * p.sum(axis=1).max())
    assert loss.dtype == q_minus_p.dtype == dtype
    assert q_minus_p.flags.c_contiguous


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_keep_the_digits(dtype):
    """The regimes of the accuracy test, with the same bounds."""
    for regime in regimes(most=600 if dtype is np.float64 else 80):
        bound = 3 if dtype is np.float64 else 4 + 0.8 * regime.gap
        assert max(errors(softmax_xent, regime, dtype)) <= bound, regime.name


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("soft", [False, True])
def test_infinities_nan_and_ties_in_blocks(dtype, soft):
    z = np.array([[0, -INF, 0], [3, np.nan, 1], [2, 2, 2], [-INF, 5, -INF]], dtype)
    y = np.array([2, 0, 1, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss, q_minus_p = softmax_xent_rows(z, np.eye(3)[y]) if soft else softmax_xent(z, y)
    np.testing.assert_allclose(loss, [np.log(2), np.nan, np.log(3), 0.0], rtol=1e-6)
    np.testing.assert_allclose(
        q_minus_p[[0, 2, 3]],
        [[0.5, 0, -0.5], [1 / 3, -2 / 3, 1 / 3], [0, 0, 0]],
        rtol=1e-6,
    )
    assert np.isnan(q_minus_p[1]).all()


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("block", [1, 2**21])
def test_out_is_written_and_may_be_the_logits_in_single_precision(soft, block, monkeypatch):
    monkeypatch.setattr(kernels, "BLOCK", block)
    rng = np.random.default_rng(0)
    z, y = rng.normal(0, 3, (6, 5)).astype(np.float32), rng.integers(0, 5, 6)
    kernel, target = (softmax_xent_rows, np.eye(5)[y]) if soft else (softmax_xent, y)
    for dtype in (np.float32, np.float64):
        own_loss, own = kernel(z.astype(dtype), target)
        out = np.empty(z.shape, dtype)
        loss, q_minus_p = kernel(z.astype(dtype), target, out)
        assert np.shares_memory(q_minus_p, out)
        np.testing.assert_array_equal(loss, own_loss)
        np.testing.assert_array_equal(out, own)
    own_loss, own = kernel(z, target)
    loss, _ = kernel(z, target, z)
    np.testing.assert_array_equal(loss, own_loss)
    np.testing.assert_array_equal(z, own)


def test_numpys_buffer_is_as_before(monkeypatch):
    monkeypatch.setattr(kernels, "BLOCK", 1)
    with np.errstate():
        np.setbufsize(4096)
        softmax_xent(np.zeros((2, 600)), np.array([0, 1]))
        assert np.getbufsize() == 4096


@pytest.mark.parametrize("n", [0, 1, 1023, 1024, 1025, 2048, 5000])
def test_sums(n):
    """Of integers, whose sums are exact in any order."""
    e = np.arange(3.0 * n).reshape(3, n)
    np.testing.assert_array_equal(sums(e), [sum(row) for row in e.tolist()])
    np.testing.assert_array_equal(sums(e[0]), n * (n - 1) / 2)


def test_a_long_sum_keeps_its_digits():
    e = np.full((2, 128_000), 0.1, np.float32)
    np.testing.assert_allclose(sums(e), np.float64(np.float32(0.1)) * 128_000, rtol=1e-6)


def test_the_module_needs_numpy_alone():
    """So that a program which someone generates or copies can include its text."""
    tree = ast.parse(inspect.getsource(kernels))
    imported = {
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert imported == {
        "__future__",
        "collections.abc",
        "functools",
        "numpy",
        "numpy.typing",
        "op",  # for a mark that a copy leaves out
        "typing",
    }


def test_what_is_kept_for_other_calls_cannot_be_written_into():
    for kept in (kernels._ones(3, np.float32), kernels._row_starts(2, 3)):
        with pytest.raises(ValueError, match="read-only"):
            kept[0] = 5
