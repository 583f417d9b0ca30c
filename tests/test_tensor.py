"""Tensor: construction, dtypes, NumPy's protocols, and above all: no silently wrong gradient."""

import asyncio
import copy
import pickle
import threading

import numpy as np
import pytest

import tinygrad_xent as tx


def leaf(*numbers, dtype=np.float64):
    data = numbers[0] if len(numbers) == 1 else list(numbers)
    return tx.Tensor(data, requires_grad=True, dtype=dtype)


# --- construction and dtype -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([1, 2], np.float32),
        (3, np.float32),
        (2.5, np.float32),
        ([[True]], np.float32),
        (np.arange(3), np.int64),
        (np.array([True]), np.bool_),
        (np.ones(2, np.float16), np.float16),
        (np.ones(2), np.float64),
        (np.float64(2.0), np.float64),
        (tx.Tensor(np.ones(2)), np.float64),
    ],
)
def test_dtype_of_a_new_tensor(data, dtype):
    assert tx.Tensor(data).dtype == dtype


def test_integers_become_the_default_float_where_a_gradient_is_needed():
    assert tx.Tensor(np.arange(3), requires_grad=True).dtype == np.float32
    with pytest.raises(TypeError, match="int64 cannot have a gradient"):
        tx.Tensor([1, 2], dtype=np.int64, requires_grad=True)
    whole = tx.Tensor(np.arange(3))
    with pytest.raises(TypeError, match="int64 cannot have a gradient"):
        whole.requires_grad = True


def test_default_dtype():
    tx.set_default_dtype(np.float64)
    try:
        assert tx.Tensor([1.0]).dtype == np.float64
    finally:
        tx.set_default_dtype("float32")
    assert tx.get_default_dtype() == np.float32
    with pytest.raises(TypeError, match="got int32"):
        tx.set_default_dtype("int32")


@pytest.mark.parametrize("data", [[1j], ["a"], [None], [[1], [1, 2]], object()])
def test_not_numbers(data):
    with pytest.raises(TypeError, match="Tensor: "):
        tx.Tensor(data)


FLOAT32 = np.array([1.5, 2.0], np.float32)


@pytest.mark.parametrize(
    "compute",
    [
        lambda t: t * 2,
        lambda t: 2.5 * t,
        lambda t: t + np.sqrt(2.0),
        lambda t: np.sqrt(2.0) * t,
        lambda t: np.float64(3) / t,
        lambda t: t - np.array(3.0),
        lambda t: t ** np.float64(2.0),
        lambda t: t**2,
        lambda t: 2.0**t,
        lambda t: np.float64(2.0) ** t,
        lambda t: t * np.arange(2),
        lambda t: np.arange(2) * t,
        lambda t: t * np.array([True, False]),
        lambda t: t * [1, 2],
        lambda t: [1.5, 2.5] * t,
        lambda t: tx.linear([[1.0, 2.0]], tx.Tensor(np.ones((2, 2), "f4")) * t),
        lambda t: t * tx.Tensor(np.arange(2)),
        lambda t: t * True,
        lambda t: tx.cross_entropy(t.reshape(1, 2), np.array([1], np.uint8)),
        lambda t: tx.where(FLOAT32 > 0, t, 0.0),
        lambda t: t.mean() * np.mean([1, 2]),
    ],
)
def test_float32_stays_float32(compute):
    t = tx.Tensor(FLOAT32, requires_grad=True)
    y = compute(t)
    assert y.dtype == np.float32
    y.backward(np.ones(y.shape))
    assert t.grad.dtype == np.float32
    z = tx.Tensor(np.float32(1.5), requires_grad=True)  # 0-d, where NumPy's rules differ
    assert (z * 2.0).dtype == (np.sqrt(2.0) * z).dtype == np.float32


def test_float64_arrays_do_widen():
    assert (tx.Tensor(FLOAT32) * np.ones(2)).dtype == np.float64
    x = tx.Tensor(FLOAT32, requires_grad=True)
    (x * np.ones(2)).sum().backward()
    assert x.grad.dtype == np.float32


def test_astype_is_differentiable():
    x = tx.Tensor(FLOAT32, requires_grad=True)
    y = x.astype(np.float64)
    y.sum().backward()
    assert (y.dtype, x.grad.dtype) == (np.float64, np.float32)


# --- a wrong gradient is never silent -------------------------------------------------------------


def square_loss(w):
    return (w * w).sum()


def test_the_constructor_copies():
    a = np.array([1.0, 2.0])
    w = tx.Tensor(a, requires_grad=True)
    loss = square_loss(w)
    a[:] = 100
    loss.backward()
    np.testing.assert_array_equal(w.grad, [2.0, 4.0])


@pytest.mark.parametrize(
    "meddle",
    [
        lambda w: setattr(w, "data", np.array([7.0, 7.0])),
        lambda w: w.data.__setitem__(0, 7.0),
        lambda w: w.data.fill(7.0),
        lambda w: tx.optim.SGD([w], lr=0.5).step(),
        lambda w: np.multiply(w.data, 3.0, out=w.data),
        lambda w: w.data.sort(),
    ],
    ids=["rebind", "setitem", "fill", "optimizer", "out=", "sort"],
)
def test_changing_a_leaf_after_forward_leaves_the_recorded_gradient_right(meddle):
    w = leaf(2.0, 1.0)
    w.grad = np.array([1.0, 1.0])
    loss = square_loss(w)
    meddle(w)
    before = w.numpy()
    w.grad = None
    loss.backward()
    np.testing.assert_array_equal(w.grad, [4.0, 2.0])  # of the point where forward was computed
    np.testing.assert_array_equal(w.numpy(), before)
    w.grad = None
    square_loss(w).backward()
    np.testing.assert_array_equal(w.grad, 2 * before)


def test_an_array_that_was_handed_out_before_forward_may_be_written_into():
    w = leaf(2.0, 1.0)
    mine = w.data
    loss = square_loss(w)
    mine[:] = 100.0
    loss.backward()
    np.testing.assert_array_equal(w.grad, [4.0, 2.0])
    np.testing.assert_array_equal(w.numpy(), [100.0, 100.0])  # still the same array as `mine`


def test_the_learners_update_line_works():
    w = leaf(1.0, -2.0)
    for _ in range(3):
        loss = square_loss(w)
        w.grad = None
        loss.backward()
        w.data -= 0.25 * w.grad
    np.testing.assert_array_equal(w.numpy(), np.array([1.0, -2.0]) / 8)


def test_writing_into_a_result_or_a_constant_after_forward():
    x, w = np.array([1.0, 2.0]), leaf(3.0, 4.0)
    y = w * x
    z = tx.exp(y * 0.1)
    loss = (z * w).sum()
    x[:] = 100.0
    y.data[:] = 100.0
    z.data[:] = 100.0
    loss.backward()
    e = np.exp([0.3, 0.8])
    np.testing.assert_allclose(w.grad, e + np.array([3.0, 4.0]) * e * [0.1, 0.2])


def test_writing_into_an_index_or_the_labels_after_forward():
    w = leaf([[1.0, 2.0, 3.0]])
    index, labels = np.array([0]), np.array([1])
    loss = w[0, index].sum() + tx.cross_entropy(w, labels)
    index[0] = labels[0] = 2
    loss.backward()
    q = np.exp([1.0, 2, 3]) / np.exp([1.0, 2, 3]).sum()
    np.testing.assert_allclose(w.grad, [q + np.array([1.0, -1.0, 0.0])])


def test_views_do_not_let_writes_through():
    w = leaf(1.0, 2.0)
    with tx.no_grad():
        row = w.reshape(1, 2)
    row.data[0, 0] = 100.0
    np.testing.assert_array_equal(w.numpy(), [1.0, 2.0])
    cut = w.detach()
    cut.data[0] = 100.0
    w.data[1] = 50.0
    np.testing.assert_array_equal(w.numpy(), [1.0, 50.0])
    np.testing.assert_array_equal(cut.numpy(), [100.0, 2.0])


def test_detached_tensors_share_nothing_that_can_be_written_into():
    w = leaf(1.0, 2.0)
    cut = w.detach()
    w.data[0] = 50.0
    np.testing.assert_array_equal(cut.numpy(), [1.0, 2.0])
    mine = w.data
    cut = w.detach()
    loss = (cut * w).sum()
    mine[:] = 100.0
    loss.backward()
    np.testing.assert_array_equal(w.grad, [50.0, 2.0])


def test_an_array_that_was_assigned_may_be_written_into():
    w, a = leaf(1.0, 2.0), np.array([3.0, 4.0])
    w.data = a
    loss = square_loss(w)
    a[:] = 100.0
    loss.backward()
    np.testing.assert_array_equal(w.grad, [6.0, 8.0])


def test_in_place_arithmetic_on_data_keeps_the_array_that_was_handed_out():
    w = leaf(1.0, 2.0)
    mine = w.data
    w.data -= 1.0
    np.testing.assert_array_equal(mine, [0.0, 1.0])
    assert w.data is mine


def test_labels_are_copied_for_the_second_derivative_too():
    z, labels = leaf([[1.0, 2.0, 3.0]]), np.array([1])
    loss = tx.cross_entropy(z, labels)
    labels[0] = 2
    (g,) = tx.grad(loss, z, create_graph=True)
    q = np.exp([1.0, 2, 3]) / np.exp([1.0, 2, 3]).sum()
    np.testing.assert_allclose(g.numpy(), [q - np.array([0.0, 1.0, 0.0])])


def test_one_leafs_grad_is_not_anothers():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (a + b).sum().backward()
    a.grad *= 10
    np.testing.assert_array_equal(a.grad, [10.0, 10.0])
    np.testing.assert_array_equal(b.grad, [1.0, 1.0])


def test_scaling_a_gradient_does_not_reach_the_graph():
    z = leaf([[1.0, 2.0]])
    loss = tx.cross_entropy(z, [0], reduction="sum")
    loss.backward()
    once = z.grad.copy()
    z.grad *= 0
    loss.backward()
    np.testing.assert_array_equal(z.grad, once)


def test_create_graph_after_an_update_is_refused():
    w = leaf(2.0)
    y = w**3
    w.data = np.array(5.0)
    with pytest.raises(RuntimeError, match="was changed after"):
        tx.grad(y, w, create_graph=True)
    w.data = np.array(2.0)  # the same numbers again: no harm
    assert tx.grad(y, w, create_graph=True)[0].item() == 12.0


def test_item_assignment_says_what_to_do():
    with pytest.raises(TypeError, match=r"tx\.where"):
        leaf(1.0, 2.0)[0] = 3.0


def test_data_and_grad_keep_shape_and_dtype():
    w = tx.Tensor([1.0, 2.0], requires_grad=True)
    w.data = [3, 4]
    assert w.dtype == np.float32
    with pytest.raises(ValueError, match=r"got shape \(3,\), wanted \(2,\)"):
        w.data = np.ones(3)
    with pytest.raises(ValueError, match=r"grad: got shape \(1,\)"):
        w.grad = np.ones(1)
    w.grad = np.ones(2)
    assert w.grad.dtype == np.float32


# --- recording ------------------------------------------------------------------------------------


def test_no_grad_records_nothing_and_nests():
    w = leaf(1.0)
    with tx.no_grad():
        assert not tx.is_grad_enabled()
        assert (w * 2).is_leaf
        with tx.enable_grad():
            assert not (w * 2).is_leaf
    assert tx.is_grad_enabled()

    @tx.no_grad()
    def f():
        return w * 2

    assert f().is_leaf
    assert f().is_leaf


def test_no_grad_is_restored_after_an_error():
    with pytest.raises(ZeroDivisionError), tx.no_grad():
        1 / 0  # noqa: B018
    assert tx.is_grad_enabled()


def test_no_grad_belongs_to_one_thread_and_one_task():
    seen = []
    with tx.no_grad():
        thread = threading.Thread(target=lambda: seen.append(tx.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]

    async def quiet(event):
        with tx.no_grad():
            event.set()
            await asyncio.sleep(0.01)

    async def loud(event):
        await event.wait()
        return tx.is_grad_enabled()

    async def both():
        event = asyncio.Event()
        return (await asyncio.gather(quiet(event), loud(event)))[1]

    assert asyncio.run(both())


def test_requires_grad_of_a_result_cannot_be_switched():
    with pytest.raises(RuntimeError, match="detach"):
        (leaf(1.0) * 2).requires_grad = False


def test_detach_cuts():
    w = leaf(2.0)
    (w * w.detach()).backward()
    assert w.grad == 2.0


# --- NumPy's protocols ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by_numpy", "by_tx"),
    [
        (np.exp, tx.exp),
        (np.log, tx.log),
        (np.tanh, tx.tanh),
        (np.sqrt, tx.sqrt),
        (np.abs, abs),
        (lambda t: np.sum(t, axis=0), lambda t: t.sum(axis=0)),
        (lambda t: np.mean(t, axis=1, keepdims=True), lambda t: t.mean(1, True)),
        (lambda t: np.max(t), lambda t: t.max()),
        (lambda t: np.reshape(t, (4,)), lambda t: t.reshape(4)),
        (lambda t: np.transpose(t), lambda t: t.T),
        (lambda t: np.matmul(np.eye(2), t), lambda t: np.eye(2) @ t),
        (lambda t: np.add(np.ones(2), t), lambda t: np.ones(2) + t),
        (lambda t: np.ones(2) * t, lambda t: t * np.ones(2)),
        (lambda t: np.ones(2) - t, lambda t: -(t - np.ones(2))),
        (lambda t: np.ones(2) / t, lambda t: 1 / t),
        (lambda t: np.eye(2) @ t, lambda t: t),
        (lambda t: np.full(2, 2.0) ** t, lambda t: 2**t),
        (lambda t: np.where([True, False], t, 0), lambda t: t * [1, 0]),
        (lambda t: np.power(t, 2), lambda t: t * t),
        (lambda t: np.vstack([t, t], casting="same_kind"), lambda t: tx.concatenate([t, t])),
        (lambda t: np.linspace(t, 0.0, 2, endpoint=True), lambda t: tx.stack([t, 0 * t])),
        (lambda t: np.gradient(t, 0.5, axis=0), lambda t: tx.stack([2 * (t[1] - t[0])] * 2)),
        (lambda t: np.broadcast_to(t, (3, 2, 2)), lambda t: tx.Tensor(np.ones((3, 1, 1))) * t),
    ],
)
def test_numpy_functions_record(by_numpy, by_tx):
    t = leaf([[1.0, 2.0], [3.0, 4.0]])
    one, other = by_numpy(t), by_tx(t)
    assert isinstance(one, tx.Tensor)
    np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-15)
    seed = np.arange(one.size).reshape(one.shape) + 1.0
    np.testing.assert_allclose(
        tx.grad(one, t, seed)[0].numpy(), tx.grad(other, t, seed)[0].numpy(), rtol=1e-14
    )


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda t: np.unwrap(t), "unwrap"),
        (lambda t: np.add.reduce(t), "add.reduce"),
        (lambda t: np.exp(t, out=np.ones(2)), "exp"),
        (lambda t: np.linalg.svd(t), "svd"),
        (lambda t: np.ldexp(t, 2), "ldexp"),
        (lambda t: np.sum(t, where=[True, False]), "sum with where="),
        (lambda t: np.vstack([t, t], casting="unsafe"), "vstack with casting="),
    ],
)
def test_other_numpy_functions_say_so(call, name):
    with pytest.raises(TypeError, match=rf"{name}.*\.numpy\(\)"):
        call(leaf(1.0, 2.0))


def test_ops_of_plain_lists_mean_arrays():
    np.testing.assert_array_equal(tx.add([1.0, 2.0], [3.0, 4.0]), [4.0, 6.0])
    np.testing.assert_array_equal(tx.multiply([1.0, 2.0], 2), [2.0, 4.0])
    np.testing.assert_array_equal(tx.matmul([[1.0, 2.0]], ([3.0], [4.0])), [[11.0]])


def test_in_place_operators_on_arrays_are_refused():
    a = np.ones(2)
    with pytest.raises(TypeError):
        a += leaf(1.0, 2.0)
    np.testing.assert_array_equal(a, 1.0)


def test_asarray():
    with pytest.raises(TypeError, match=r"\.detach\(\)"):
        np.asarray(leaf(1.0))
    t = tx.Tensor([1.0, 2.0])
    np.asarray(t)[0] = 5
    np.testing.assert_array_equal(np.asarray(t, dtype=np.float64), [1.0, 2.0])


def test_comparisons_are_plain_bool_arrays():
    t, u = leaf(1.0, 2.0), leaf(2.0, 2.0)
    for result in (t < u, t <= 1.5, t > u, t >= u, t == u, t != u, np.less(t, u), np.ones(2) < t):
        assert type(result) is np.ndarray
        assert result.dtype == bool
    np.testing.assert_array_equal(t == u, [False, True])
    assert len({t, u, t}) == 2  # hashing is by identity


def test_values_out():
    t = leaf([[1.5]])
    assert (t.item(), float(t), int(t), bool(t), len(t), t.size) == (1.5, 1.5, 1, True, 1, 1)
    with pytest.raises(ValueError, match="single element"):
        leaf(1.0, 2.0).item()
    with pytest.raises(ValueError, match="more than one element"):
        bool(leaf(1.0, 2.0))
    assert [row.item() for row in leaf(1.0, 2.0)] == [1.0, 2.0]
    copied = t.numpy()
    copied[:] = 0
    assert t.item() == 1.5


def test_repr():
    assert repr(tx.Tensor([1.0, 2.0])) == "Tensor([1., 2.])"
    assert repr(leaf(1.0)) == "Tensor(1., dtype=float64, requires_grad=True)"
    assert repr(tx.exp(tx.Tensor([0.0], requires_grad=True))) == "Tensor([1.], op=exp)"


def test_methods_equal_functions():
    t = leaf([[0.5, 1.0], [2.0, 3.0]])
    for name in ("exp", "log", "sqrt", "tanh", "sigmoid", "relu", "softmax", "log_softmax"):
        np.testing.assert_array_equal(getattr(t, name)().numpy(), getattr(tx, name)(t).numpy())
    np.testing.assert_array_equal(t.logsumexp(1).numpy(), tx.logsumexp(t, 1).numpy())
    np.testing.assert_array_equal(t.transpose(1, 0).numpy(), t.numpy().T)
    np.testing.assert_array_equal(t.transpose((1, 0)).numpy(), t.numpy().T)
    np.testing.assert_array_equal(t.swapaxes(0, 1).numpy(), t.numpy().T)
    np.testing.assert_array_equal(t.reshape((4,)).numpy(), t.reshape(4).numpy())
    np.testing.assert_array_equal(t.argmax(axis=1), [1, 1])
    assert (+t) is t


@pytest.mark.parametrize("other", ["text", None, object(), [None], {1: 2}, 1j, np.array([1j, 2j])])
def test_operands_that_are_not_numbers(other):
    with pytest.raises(TypeError, match="multiply: got"):
        leaf(1.0, 2.0) * other


def test_shape_errors_name_both_shapes():
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        leaf(1.0, 2.0) + np.ones(3)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))]
)
def test_copies_are_leaves_of_their_own(copied):
    x = leaf(1.0, 2.0)
    x.name = "x"
    x.grad = np.array([5.0, 5.0])
    y = copied(x)
    assert (y.name, y.requires_grad, type(y)) == ("x", True, tx.Tensor)
    np.testing.assert_array_equal(y.grad, [5.0, 5.0])
    x.grad = y.grad = None
    y.data[0] = 10.0
    (2 * x + 3 * x * y).sum().backward()
    np.testing.assert_array_equal(x.grad, [32.0, 8.0])
    np.testing.assert_array_equal(y.grad, [3.0, 6.0])
    result = copied(x * y)
    assert (result.op, result.inputs, result.requires_grad) == (None, (), False)


def test_deep_graphs_can_be_copied_and_pickled():
    x = y = leaf(1.0)
    for _ in range(20_000):
        y = y + x
    assert pickle.loads(pickle.dumps(y)).item() == copy.deepcopy(y).item() == 20_001
