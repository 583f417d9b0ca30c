"""clip_grad_norm against the norm of one long vector, with numbers of every size, and compiled."""

import math
import re

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tinygrad_xent as tx
from tinygrad_xent import nn

FINITE = st.floats(-1e3, 1e3)


def parameters(*gradients, dtype=np.float64):
    found = []
    for g in gradients:
        p = tx.Tensor(np.zeros_like(g, dtype=dtype), requires_grad=True)
        p.grad = g
        found.append(p)
    return found


@given(
    arrays(np.float64, (3, 2), elements=FINITE),
    arrays(np.float64, (4,), elements=FINITE),
    st.floats(1e-3, 1e4),
    st.sampled_from([1.0, 2.0, 3.0, math.inf]),
)
def test_one_factor_for_all(g, h, max_norm, k):
    params = parameters(g, h)
    norm = nn.clip_grad_norm([*params, tx.Tensor([1.0], requires_grad=True)], max_norm, k)
    whole = np.concatenate([g.ravel(), h])
    wanted = float(mpmath.norm(whole.tolist(), k))  # NumPy's would vanish for tiny numbers
    assert float(norm) == pytest.approx(wanted, rel=1e-12, abs=1e-300)
    factor = min(1.0, max_norm / (wanted + 1e-6))
    for p, before in zip(params, (g, h), strict=True):
        np.testing.assert_allclose(p.grad, factor * before, rtol=1e-12, atol=1e-300)
    after = mpmath.norm(np.concatenate([p.grad.ravel() for p in params]).tolist(), k)
    assert after <= max_norm * (1 + 1e-12)


@pytest.mark.parametrize(
    ("dtype", "size"),
    [(np.float32, 3e38), (np.float32, 1e-40), (np.float64, 1.7e308), (np.float64, 5e-324),
     (np.float16, 60000.0), (np.float32, 0.0)],
)  # fmt: skip
def test_squares_neither_overflow_nor_vanish(dtype, size):
    (p,) = parameters(np.array([size, 0, 0], dtype), dtype=dtype)
    norm = nn.clip_grad_norm([p], 1.0)
    assert float(norm) == float(dtype(size))
    assert p.grad.dtype == dtype
    wanted = float(dtype(size)) * min(1.0, 1.0 / (float(dtype(size)) + 1e-6))
    np.testing.assert_allclose(p.grad, np.array([wanted, 0, 0], dtype), rtol=1e-3 if dtype is
                               np.float16 else 1e-6)  # fmt: skip


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_does_not_look_so(bad):
    params = parameters(np.array([1.0, bad]), np.array([2.0]))
    with np.errstate(invalid="ignore"):
        assert not math.isfinite(nn.clip_grad_norm(params, 1.0))
        assert not np.isfinite(params[0].grad).all()


def test_a_gradient_that_two_share_is_shrunk_once():
    a, b = (tx.Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    (a + b).sum().backward()  # the walk gives both the same array
    nn.clip_grad_norm([a, b], 1.0)
    np.testing.assert_allclose(a.grad, [0.5, 0.5], rtol=1e-5)
    np.testing.assert_allclose(b.grad, [0.5, 0.5], rtol=1e-5)


def test_nothing_to_clip():
    assert nn.clip_grad_norm([], 1.0) == 0.0
    assert nn.clip_grad_norm([tx.Tensor([1.0], requires_grad=True)], 1.0) == 0.0
    assert nn.clip_grad_norm(parameters(np.zeros((0, 2))), 1.0) == 0.0
    (p,) = parameters(np.array([3.0, 4.0]))
    nn.clip_grad_norm(p, 0.0)
    np.testing.assert_array_equal(p.grad, [0, 0])


@pytest.mark.parametrize(
    ("params", "options", "message"),
    [
        ([], {"max_norm": -1.0}, "clip_grad_norm: max_norm is -1.0; wanted a number >= 0"),
        ([], {"max_norm": math.nan}, "max_norm is nan"),
        ([], {"max_norm": -math.inf}, "max_norm is -inf"),
        ([], {"max_norm": "1"}, "max_norm is '1'"),
        ([], {"max_norm": 1.0, "norm_type": 0.5}, "norm_type is 0.5; wanted a number >= 1"),
        ([3.0], {"max_norm": 1.0}, "clip_grad_norm: parameter 0 is 3.0; wanted a Tensor"),
    ],
)
def test_what_is_wrong_is_named(params, options, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        nn.clip_grad_norm(params, **options)


@pytest.mark.parametrize("k", [2.0, math.inf])
def test_compiled_it_is_the_same_to_the_last_bit(k):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3)).astype(np.float32), rng.integers(0, 2, 8)
    models = [nn.MLP([3, 5, 2], rng=0) for _ in range(2)]

    def stepping(model):
        optimizer = tx.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)

        def step(x, y):
            optimizer.zero_grad()
            loss = tx.cross_entropy(model(tx.Tensor(x)), y)
            loss.backward()
            nn.clip_grad_norm(model.parameters(), 0.3, k)
            optimizer.step()
            return loss

        return step

    eager, program = stepping(models[0]), tx.compile(stepping(models[1]))
    for _ in range(5):
        assert eager(x, y).item() == program(x, y).item()
    assert len(program.programs) == 2  # before there is a velocity, and after
    for a, b in zip(*(model.parameters() for model in models), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_without_a_bound_the_norm_is_measured_alone():
    w = tx.Tensor([3.0, 4.0], requires_grad=True)
    w.grad = before = np.array([3.0, 4.0], np.float32)
    assert tx.nn.clip_grad_norm([w], math.inf) == 5
    np.testing.assert_array_equal(w.grad, before)
