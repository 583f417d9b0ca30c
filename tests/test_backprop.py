"""The walk: right on shared nodes, deep chains and second calls; deterministic; leak-free."""

import copy
import gc
import pickle
import warnings
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_xent as tx
from tinygrad_xent import backprop


def leaf(*numbers, **options):
    data = numbers[0] if len(numbers) == 1 else list(numbers)
    return tx.Tensor(data, requires_grad=True, dtype=np.float64, **options)


def test_x_times_x():
    x = leaf(3.0)
    (x * x).backward()
    assert x.grad == 6.0


def test_diamond():
    x = leaf(1.0)
    a = x + x
    b = a + a
    b.backward()
    assert x.grad == 4.0


def test_sixty_stacked_diamonds_take_sixty_steps_and_not_2_to_the_60():
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    assert len(backprop.order(y)) == 61
    y.backward()
    assert x.grad == 2.0**60


def test_order_puts_every_value_before_its_inputs_and_once():
    x = leaf(1.0)
    y = x * 2
    z = y * x + y
    values = backprop.order(z)
    assert values[0] is z
    assert values[-1] is x
    assert len({id(v) for v in values}) == len(values)
    position = {id(v): k for k, v in enumerate(values)}
    for v in values:
        assert all(position[id(v)] < position[id(i)] for i in v.inputs if isinstance(i, tx.Tensor))


@given(st.data())
def test_the_walk_takes_each_value_that_needs_a_gradient_once_and_in_order(data):
    constant, values = tx.Tensor(0.5), [leaf(1.0), leaf(2.0)]
    for _ in range(data.draw(st.integers(0, 12))):
        which = [data.draw(st.sampled_from([*values, constant])) for _ in range(2)]
        values.append(tx.add(*which) if data.draw(st.booleans()) else values[-1] * which[0])
        if data.draw(st.booleans()):
            values.insert(0, leaf(3.0))  # newer than what is made already
    root = max(values, key=lambda value: value.number) + values[0]
    walked = [step.value for step in backprop.steps(root, np.float64(1))]
    wanted = [value for value in backprop.order(root) if value.requires_grad]
    assert list(map(id, walked)) == list(map(id, wanted))


def test_order_of_several_roots_has_each_value_once():
    x = leaf(1.0)
    y, z = x * 2, x + 1
    values = backprop.order(y, z, y, x)
    assert [id(v) for v in values] == [id(z), id(y), id(x)]


def chain(x, links):
    y = x
    for _ in range(links):
        y = y + x
    return y


def test_a_million_links_do_not_recurse():
    x = leaf(0.0)
    y = chain(x, 1_000_000)
    calls = []
    y.register_hook(calls.append)
    x.register_hook(lambda g: g * 2)
    y.backward()
    assert x.grad == 2_000_002
    assert tx.grad(y, x)[0].item() == 2_000_002
    assert len(calls) == 2
    assert copy.deepcopy(y).op is copy.copy(y).op is pickle.loads(pickle.dumps(y)).op is None
    assert repr(y) == "Tensor(0., dtype=float64, op=add)"
    del y


def test_a_long_chain_is_differentiated_twice_without_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    (g,) = tx.grad(y * x, x, create_graph=True)  # 2 x
    assert (g.item(), tx.grad(g, x)[0].item()) == (2.0, 2.0)
    del y, g


def test_a_long_chain_is_watched_without_recursion():
    x = leaf(1.0)
    with tx.detect_anomaly():
        y = chain(x, 10_000)
        y.backward()
        with pytest.raises(tx.AnomalyError, match="log gave -inf"):
            tx.log(y * 0)


def test_backward_twice_doubles_the_leaves_exactly():
    x, w = leaf(0.3, -0.7), leaf(1.1, 0.2)
    loss = tx.tanh(x * w).sum()
    loss.backward()
    once = [x.grad.copy(), w.grad.copy()]
    loss.backward()
    np.testing.assert_array_equal(x.grad, 2 * once[0])
    np.testing.assert_array_equal(w.grad, 2 * once[1])


def test_a_retained_gradient_in_between_does_not_disturb_the_second_backward():
    x = leaf(2.0)
    y = x * x
    y.retain_grad()
    z = y * 3
    z.backward()
    z.backward()
    assert (x.grad, y.grad) == (24.0, 6.0)


def test_retain_grads_keeps_all():
    x = leaf(2.0)
    y = x * x
    z = y * 3
    z.backward(retain_grads=True)
    assert (x.grad, y.grad, z.grad) == (12.0, 3.0, 1.0)


def test_everything_is_freed_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        w = leaf(1.0, 2.0, 3.0)
        loss = tx.cross_entropy((w * w).reshape(1, 3), [1])
        loss.backward()
        watched = [weakref.ref(v) for v in backprop.order(loss) if v is not w]
        watched += [weakref.ref(v.op) for v in backprop.order(loss) if v.op]
        assert len(watched) >= 6
        del loss
        assert [ref() for ref in watched] == [None] * len(watched)
    finally:
        gc.enable()


def test_second_derivative_graph_is_freed_without_the_garbage_collector():
    gc.disable()
    try:
        x = leaf(2.0)
        y = tx.exp(x)
        (g,) = tx.grad(y, x, create_graph=True)
        watched = [weakref.ref(y), weakref.ref(g)]
        del y, g
        assert [ref() for ref in watched] == [None, None]
    finally:
        gc.enable()


def test_backward_makes_no_tensor(monkeypatch):
    x, w = leaf(1.0, 2.0), leaf(0.5, -0.5)
    loss = tx.cross_entropy((tx.relu(x * w) + w).reshape(1, 2), [1])

    def forbidden(*args):
        raise AssertionError("the array reading made a Tensor")

    monkeypatch.setattr(tx.value.Value, "_fill", forbidden)
    loss.backward()


def test_results_are_reproducible_to_the_last_bit():
    rng = np.random.default_rng(0)
    x0 = rng.standard_normal(50).astype(np.float32)

    def run():
        x = tx.Tensor(x0, requires_grad=True)
        total = tx.sum(x)
        for k in range(20):
            total = total + tx.sum(tx.sigmoid(x * k)) * x[k]
        total.backward()
        return x.grad.tobytes()

    assert run() == run()


def test_steps_report_what_flows():
    x, b = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf(0.5, 0.5)
    y = x + b
    (first, *_) = backprop.steps(y, np.ones((2, 2)))
    assert first.value is y
    (i, term, raw, summed), (j, term_b, raw_b, summed_b) = first.sent
    assert (i, j, summed, summed_b) == (0, 1, (), (0,))
    assert (term.shape, raw.shape, term_b.shape, raw_b.shape) == ((2, 2), (2, 2), (2,), (2, 2))
    np.testing.assert_array_equal(term_b, [2.0, 2.0])


def test_grad_computes_only_what_leads_to_its_inputs():
    called = []

    class Spy(tx.Op):
        @tx.formula("x")
        def forward(self, x):
            return x * 1.0

        @tx.formula("ḡ")
        def vjp_x(self, g, y, x):
            called.append(1)
            return g

    x, y = leaf(1.0), leaf(2.0)
    z = tx.apply(Spy(), x) * y
    (g,) = tx.grad(z, y)
    assert (g.item(), called) == (1.0, [])
    tx.grad(z, x)
    assert called == [1]


def test_grad_touches_no_grad_and_reaches_into_the_middle():
    x = leaf(2.0)
    y = x * x
    z = y * y
    gx, gy = tx.grad(z, [x, y])
    assert (gx.item(), gy.item(), x.grad, y.grad) == (32.0, 8.0, None, None)
    (gz,) = tx.grad(z, z)
    assert gz.item() == 1.0


def test_grad_of_grad_of_grad():
    x = leaf(2.0)
    y = x**5
    for wanted in (80.0, 160.0, 240.0, 240.0, 120.0):
        (y,) = tx.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(wanted, rel=1e-14)


def test_grad_inside_no_grad_records_if_asked_to():
    x = leaf(2.0)
    y = x**3
    with tx.no_grad():
        (g,) = tx.grad(y, x, create_graph=True)
    assert g.requires_grad
    (plain,) = tx.grad(y, x)
    assert not plain.requires_grad


def test_unused_inputs():
    x, other = leaf(1.0), leaf(1.0)
    with pytest.raises(RuntimeError, match=r"does not depend on inputs\[1\].*allow_unused"):
        tx.grad(x * 2, [x, other])
    assert tx.grad(x * 2, [x, other], allow_unused=True)[1] is None
    fixed = tx.Tensor(1.0)
    with pytest.raises(RuntimeError, match="requires_grad=False"):
        tx.grad(x * fixed, fixed)


def test_hessian_vector_product_through_the_fused_loss():
    rng = np.random.default_rng(0)
    z0, v = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    labels = [0, 1, 2, 1]

    def gradient(z):
        z = tx.Tensor(z, requires_grad=True)
        return tx.grad(tx.cross_entropy(z, labels), z)[0].numpy()

    z = tx.Tensor(z0, requires_grad=True)
    (g,) = tx.grad(tx.cross_entropy(z, labels), z, create_graph=True)
    (hv,) = tx.grad(g, z, v)
    h = 1e-6
    wanted = (gradient(z0 + h * v) - gradient(z0 - h * v)) / (2 * h)
    np.testing.assert_allclose(hv.numpy(), wanted, atol=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_random_graphs_equal_a_scalar_engine(seed):
    """Any graph of + - * over shared nodes, against dual numbers, one input at a time."""
    rng = np.random.default_rng(seed)
    plan = [(int(rng.integers(3)), *rng.integers(0, 3 + k, 2).tolist()) for k in range(12)]
    start = rng.uniform(-1, 1, 3)

    def run(values, add, sub, mul):
        for kind, i, j in plan:
            values.append((add, sub, mul)[kind](values[i], values[j]))
        return values[-1]

    leaves = [leaf(v) for v in start]
    top = run(list(leaves), lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b)
    top.backward()
    for k in range(3):
        duals = [(v, 1.0 if i == k else 0.0) for i, v in enumerate(start)]
        _, slope = run(
            duals,
            lambda a, b: (a[0] + b[0], a[1] + b[1]),
            lambda a, b: (a[0] - b[0], a[1] - b[1]),
            lambda a, b: (a[0] * b[0], a[0] * b[1] + a[1] * b[0]),
        )
        got = 0.0 if leaves[k].grad is None else leaves[k].grad
        assert got == pytest.approx(slope, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: tx.Tensor(1.0).backward(), RuntimeError, "needs no gradient"),
        (lambda: (leaf(1.0, 2.0) * 2).backward(), RuntimeError, "not a scalar"),
        (lambda: leaf(1.0, 2.0).backward([1.0]), ValueError, r"shape \(1,\), wanted \(2,\)"),
        (lambda: tx.grad(tx.Tensor(1.0), leaf(1.0)), RuntimeError, "needs no gradient"),
    ],
)
def test_errors(act, error, words):
    with pytest.raises(error, match=words):
        act()


def test_a_given_gradient_may_be_written_into_afterwards():
    x = leaf(1.0, 2.0)
    seed = np.ones(2)
    x.backward(seed)
    seed[:] = 99
    np.testing.assert_array_equal(x.grad, [1.0, 1.0])


def test_a_one_element_array_counts_as_a_scalar():
    x = leaf([[2.0]])
    (x * x).backward()
    np.testing.assert_array_equal(x.grad, [[4.0]])


# --- a loss kept alive with its graph -------------------------------------------------------------


def train(total, add, steps=5, before=False, backward=None):
    """A training loop that adds up its losses, in one way or another."""
    w = leaf(1.0, 2.0)
    for _ in range(steps):
        loss = (w * w).sum()
        if before:
            total = add(total, loss)
        (backward or tx.Tensor.backward)(loss)
        w.data -= 0.1 * w.grad
        if not before:
            total = add(total, loss)
    return total


def add_in_place(total, loss):
    total += loss
    return total


@pytest.mark.parametrize("start", [0, 0.0, tx.Tensor(0.0)])
@pytest.mark.parametrize(
    ("add", "before"),
    [
        (add_in_place, False),
        (add_in_place, True),
        (lambda total, loss: total + loss, False),
        (lambda total, loss: total + loss, True),
        (lambda total, loss: loss + total, False),
    ],
)
def test_a_running_total_of_losses_is_warned_of_once(start, before, add):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        train(start, add, before=before)
    assert [w.category for w in told] == [tx.LikelyMistake]
    assert "total += loss.item()" in str(told[0].message)
    assert told[0].filename == __file__


def test_three_steps_are_enough_to_tell():
    for before in (False, True):
        with pytest.warns(tx.LikelyMistake, match="keeps the graph of every step alive"):
            train(0, add_in_place, steps=3, before=before)


def test_the_warning_can_be_silenced():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tx.LikelyMistake)
        assert train(0, add_in_place).item() > 0


@pytest.mark.parametrize(
    "add",
    [
        lambda total, loss: total + loss.item(),
        lambda total, loss: total + float(loss),
        lambda total, loss: total + loss.detach(),
        lambda total, loss: [*(total or []), loss],
    ],
)
@pytest.mark.parametrize("before", [False, True])
def test_numbers_may_be_added_up(add, before):
    train(0, add, before=before)  # warnings are errors here


def test_no_false_alarm():
    """Each of these adds scalars, and walks them, in a way that is meant."""
    w = leaf(1.0, 2.0)

    def loss(k=1.0):
        return (w * k).sum()

    for _ in range(4):  # several tasks in one step
        total = loss(1) + loss(2) + loss(3)
        total.backward()
    for _ in range(4):  # accumulated gradients, each task on its own, and logged at the end
        a, b, c = loss(1), loss(2), loss(3)
        for one in (a, b, c):
            one.backward()
        assert (a + b + c).item() == 18.0
        assert (0.0 + a + b + c).item() == 18.0
    for _ in range(4):  # two walks, then their sum, as with real and fake images
        real = loss(1)
        real.backward()
        fake = loss(2)
        fake.backward()
        assert (real + fake).item() == 9.0
    for _ in range(3):  # a recurrent net, two epochs of it and more
        h, total = leaf(0.5), 0.0
        for _ in range(6):
            h = tx.tanh(h * w.sum())
            total = total + (h * h).sum()
        total.backward()
    a, b = loss(1), loss(2)  # old losses, walked one by one, in a new one
    a.backward()
    b.backward()
    one, both = a + loss(1), a + b
    for k in range(3):
        (one + loss(k)).backward()
        (both + loss(k)).backward()
    one = loss(1)  # a sum that was walked itself, and then is part of another
    one.backward()
    two = loss(2)
    two.backward()
    total = two + one
    (total + 0.0).backward()
    total.backward()
    (total + loss(3)).backward()
    one = loss(2)
    for _ in range(4):  # again and again
        one.backward()
    penalty = one + (w * w).sum() + tx.exp(w).sum()  # of a loss that was walked before
    penalty.backward()
    total = 0.0
    for k in range(5):  # gradients of gradients
        y = (w**3).sum()
        (g,) = tx.grad(y, w, create_graph=True)
        total = total + (g * g).sum() + y * k
    total.backward()
    weights = [leaf(1.0) for _ in range(3)]
    for _ in range(4):  # a neuron of scalars
        out = 0.0
        for v in weights:
            out = out + v.sum() * 2
        out.backward()


def test_a_copy_does_not_share_its_gradient():
    x = leaf(1.0, 2.0)
    x.sum().backward()
    x.grad *= 1  # the user's own array
    y = copy.copy(x)
    x.grad *= 100
    np.testing.assert_array_equal(y.grad, [1.0, 1.0])
    s = tx.Tensor(2.0, requires_grad=True)
    (s * s).backward()
    assert type(copy.deepcopy(s).grad) is np.ndarray


def test_a_gradient_is_an_array_also_of_a_number():
    s = tx.Tensor(2.0, requires_grad=True)
    square = s * s
    square.backward()
    square.backward()
    assert type(s.grad) is np.ndarray
    assert s.grad == 8
    s.grad[...] = 1  # which is the user's to write into
    square.backward()
    assert type(s.grad) is np.ndarray
    assert s.grad == 5
    tx.nn.clip_grad_norm([s], max_norm=1.0)
    assert type(s.grad) is np.ndarray


class Tagged(tx.Tensor):
    """A subclass with an attribute of its own."""


def test_copies_keep_the_attributes_of_a_subclass():
    x = Tagged([1.0], requires_grad=True)
    x.tag = "kept"
    for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert (type(y), y.tag, y.requires_grad) == (Tagged, "kept", True)


class Net(tx.nn.Module):
    """A model that shares a Tensor and keeps a result to look at."""

    def __init__(self):
        self.layers = [tx.nn.Linear(2, 2), tx.nn.Linear(2, 2)]
        self.layers[1].weight = self.layers[0].weight
        self.scale = leaf(1.0)

    def forward(self, x):
        self.seen = self.layers[1](tx.tanh(self.layers[0](x))) * self.scale
        return self.seen


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_models_and_their_optimizers_can_be_copied_together(copied):
    model = Net()
    optimizer = tx.optim.Adam(model.parameters(), lr=0.1)
    x = np.ones((3, 2), np.float32)

    def step(model, optimizer):
        optimizer.zero_grad()
        loss = tx.cross_entropy(model(x), [0, 1, 1])
        loss.backward()
        optimizer.step()
        return loss.item()

    step(model, optimizer)
    other, its_optimizer = copied((model, optimizer))
    assert other.seen.op is None
    assert other.layers[0].weight is other.layers[1].weight
    for p, q in zip(other.parameters(), its_optimizer.params, strict=True):
        assert p is q
    assert other.layers[0].weight is not model.layers[0].weight
    assert [step(model, optimizer) for _ in range(3)] == [
        step(other, its_optimizer) for _ in range(3)
    ]


def test_the_gradient_of_a_root_has_its_shape():
    x = tx.Tensor([2.0], requires_grad=True)
    x.backward()
    assert x.grad.shape == (1,)
    (g,) = tx.grad(x * 3, x)
    assert g.shape == (1,)


def test_a_shared_row_gets_its_own_dtype():
    b = tx.Tensor(np.ones(3, np.float32), requires_grad=True)
    (tx.Tensor(np.ones((4, 3))) + b).sum().backward()
    assert b.grad.dtype == np.float32
    np.testing.assert_array_equal(b.grad, [4, 4, 4])


def test_nan_that_was_not_changed_is_not_taken_for_changed():
    x = leaf(np.nan, 2.0)
    y = (x * x).sum()
    x.data  # noqa: B018 - hands out a copy, which nobody changes
    (slope,) = tx.grad(y, x, create_graph=True)
    np.testing.assert_array_equal(slope.numpy(), [np.nan, 4.0])
