"""Hooks and retained gradients: called once, in order, with the finished gradient."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import tinygrad_xent as tx


def leaf(*numbers, dtype=np.float64):
    return tx.Tensor(list(numbers), requires_grad=True, dtype=dtype)


def test_a_hook_sees_the_sum_of_all_terms_once():
    x, seen = leaf(1.0, 2.0), []
    x.register_hook(lambda g: seen.append(g.copy()))
    y = x * 3
    y.register_hook(lambda g: seen.append(g.copy()))
    (y * y + y).sum().backward()  # 2 y + 1 = 7, 13
    np.testing.assert_array_equal(seen, [[7.0, 13.0], [21.0, 39.0]])
    np.testing.assert_array_equal(x.grad, [21.0, 39.0])


def test_what_a_hook_returns_takes_the_gradients_place_from_there_on():
    x = leaf(1.0, 2.0)
    y = x * 3
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: g + 1)  # after the first
    (y * 2).sum().backward()
    np.testing.assert_array_equal(y.grad, [21.0, 21.0])
    np.testing.assert_array_equal(x.grad, [63.0, 63.0])


def test_only_leaves_and_those_asked_to_keep_a_gradient():
    x = leaf(1.0)
    y = x * 3
    y.register_hook(lambda g: g)
    loss = y.sum()
    loss.backward()
    loss.backward()
    assert (y.grad, loss.grad, x.grad) == (None, None, 6.0)


def test_a_hook_on_the_root_and_on_a_scalar_sees_an_array():
    x = leaf(2.0).reshape(())
    seen = []
    loss = x * x
    loss.register_hook(lambda g: seen.append(type(g)))
    loss.register_hook(lambda g: g * 0.5)
    x.retain_grad()
    loss.backward()
    assert (seen, x.grad) == ([np.ndarray], 2.0)


def test_removing():
    x, calls = leaf(1.0), []
    first = x.register_hook(lambda g: calls.append("first"))
    x.register_hook(lambda g: calls.append("second"))
    loss = x.sum()
    loss.backward()
    first.remove()
    first.remove()
    loss.backward()
    assert calls == ["first", "second", "second"]


def test_a_hook_may_remove_itself():
    x, calls = leaf(1.0), []

    def once(g):
        calls.append(g.item())
        handle.remove()

    handle = x.register_hook(once)
    loss = x.sum()
    loss.backward()
    loss.backward()
    assert calls == [1.0]


def test_tx_grad_calls_hooks_and_records_them():
    x = leaf(3.0)
    kinds = []
    x.register_hook(lambda g: kinds.append(type(g)))
    x.register_hook(lambda g: g * g)
    (g,) = tx.grad((x * x).sum(), x)
    assert g.item() == 36.0
    (g,) = tx.grad((x * x).sum(), x, create_graph=True)  # (2 x)²
    assert g.item() == 36.0
    x._notes.clear()
    assert tx.grad(g, x)[0].item() == 24.0  # 8 x
    assert kinds == [np.ndarray, tx.Tensor]


def test_under_create_graph_an_array_is_a_constant():
    x = leaf(3.0)
    x.register_hook(lambda g: np.full(1, 5, np.float32))
    (g,) = tx.grad((x * x).sum(), x, create_graph=True)
    assert isinstance(g, tx.Tensor)
    assert (g.item(), g.dtype, g.requires_grad) == (5.0, np.float64, False)


def test_the_gradient_cannot_be_written_into():
    """It may be another value's gradient as well."""
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: np.multiply(g, 2, out=g))
    with pytest.raises(ValueError, match="read-only"):
        (x * 2).sum().backward()
    y = leaf(1.0, 2.0)
    y.register_hook(lambda g: g)
    y.sum().backward()
    y.grad *= 3  # the hook returned what it was given; .grad is the user's own nevertheless
    np.testing.assert_array_equal(y.grad, [3.0, 3.0])


def test_an_array_that_was_returned_may_be_written_into_later():
    x, buffer = leaf(1.0, 2.0), np.zeros(2)
    x.register_hook(lambda g: buffer)
    x.sum().backward()
    buffer[:] = 99.0
    np.testing.assert_array_equal(x.grad, [0.0, 0.0])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (np.ones(3), r"hook 'mine' of w \(2,\) returned float64 of shape \(3,\); .* \(2,\), or No"),
        (1.0, r"returned float64 of shape \(\)"),
        (np.ones(2, int), "returned int64"),
        ("text", "returned <U4"),
        (tx.Tensor([1.0]), r"returned float32 of shape \(1,\)"),
    ],
)
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_wrong_answer_is_named(answer, words, create_graph):
    w = leaf(1.0, 2.0)
    w.name = "w"

    def mine(g):
        return answer

    w.register_hook(mine)
    with pytest.raises(ValueError, match=words):
        tx.grad((w * w).sum(), w, create_graph=create_graph)


def test_another_float_is_cast():
    x = leaf(1.0, 2.0, dtype=np.float32)
    x.register_hook(lambda g: g + np.array([0.5, 0.25]))
    x.sum().backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, [1.5, 1.25])
    x._notes.clear()
    x.register_hook(lambda g: tx.Tensor(np.ones(2)) * g)
    assert tx.grad((x * x).sum(), x, create_graph=True)[0].dtype == np.float32
    assert tx.grad((x * x).sum(), x)[0].dtype == np.float32


def test_where_no_gradient_will_come():
    with pytest.raises(RuntimeError, match=r"register_hook: .*needs no gradient"):
        tx.Tensor([1.0]).register_hook(print)
    with pytest.raises(RuntimeError, match=r"retain_grad: .*needs no gradient"):
        tx.Tensor([1.0]).retain_grad()


def test_a_hook_is_called_only_where_the_walk_comes():
    x, y, calls = leaf(1.0), leaf(1.0), []
    x.register_hook(calls.append)
    (x.detach() * y).sum().backward()
    tx.grad((x * y).sum(), y)
    assert calls == []


def test_copies_have_no_hooks():
    x = leaf(1.0)
    x.register_hook(lambda g: g * 100)
    x.retain_grad()
    for made in (copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))):
        y = made(x)
        y.sum().backward()
        assert y.grad == 1.0


def test_a_handle_keeps_no_graph_alive():
    gc.disable()
    try:
        x = leaf(1.0)
        y = x * 2
        handle = y.register_hook(lambda g: g)
        ref = weakref.ref(y)
        y.sum().backward()
        del y
        assert ref() is None
        handle.remove()
    finally:
        gc.enable()


def test_the_drawing_shows_what_hooks_return():
    x = leaf(1.0)
    x.name = "x"
    loss = (x * 2).sum()
    x.register_hook(lambda g: g * 4)
    loss.backward()
    dot = tx.make_dot(loss).source
    assert "8" in dot
    assert x.grad == 8.0


def test_if_a_hook_raises_no_grad_is_touched():
    def refuse(g):
        raise ArithmeticError

    product = leaf(2.0) * 1
    b = leaf(3.0)  # newer than the product, so that the walk comes to it before the hook
    product.register_hook(refuse)
    with pytest.raises(ArithmeticError):
        (product * b).sum().backward()
    assert b.grad is None
