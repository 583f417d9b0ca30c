"""Memory: steps leave nothing behind, and a graph is gone with the last name for it.

The cycle collector is off: what only it could free would wait for it, with all its arrays.
"""

import gc
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.backprop import order
from tinygrad_xent.draw import engines, make_dot, snapshot

sys.path.insert(0, str(Path(__file__).parent / "tools"))
import growth


@pytest.fixture(autouse=True)
def _no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("kind", growth.kinds())
def test_steps_do_not_grow(kind):
    step, of = growth.kinds()[kind]
    python, _, cycles = growth.grown(step, max(200 // of, 10))
    assert cycles == 0
    assert python < growth.LITTLE


def test_a_leak_is_seen():
    kept = []

    def step():
        kept.append(np.ones(20))

    python, _, _ = growth.grown(step, 100)
    assert python > 100 * 160

    def cycle():
        one = []
        one.append(one)

    assert growth.grown(cycle, 50)[2] >= 50


# --- the graph is gone ----------------------------------------------------------------------------


class Watch:
    """Weak references to a graph: to its Values, ops and arrays, but not to the leaf w."""

    def __init__(self, root, w):
        values = [value for value in order(root) if value is not w]
        self.refs = [weakref.ref(value) for value in values]
        self.refs += [weakref.ref(value.op) for value in values if value.op]
        self.refs += [weakref.ref(value._array) for value in values]

    @property
    def left(self):
        return [ref() for ref in self.refs if ref() is not None]


def graph():
    w = tx.Tensor([[1.0, 2.0], [0.5, -1.0]], requires_grad=True, name="w")
    h = tx.tanh(tx.Tensor([[1.0, 3.0]]) @ w)
    return w, tx.cross_entropy(h * 2, [1])


def backward(w, loss):
    loss.backward()


def backward_twice(w, loss):
    loss.backward(retain_grads=True)
    loss.backward()


def hooked(w, loss):
    handle = loss.inputs[0].register_hook(lambda g: g * 2)
    w.register_hook(lambda g: None)
    loss.backward()
    handle.remove()


def failing_hook(w, loss):
    def fail(g):
        raise KeyError("stop")

    loss.inputs[0].register_hook(fail)
    with pytest.raises(KeyError):
        loss.backward()


def failing_rule(w, loss):
    with pytest.raises(TypeError, match="no gradient"):
        (tx.where(w, 1.0, 0.0).sum() + loss).backward()


def failing_forward(w, loss):
    with pytest.raises(ValueError, match="matmul"):
        loss.inputs[0] @ np.ones((5, 5))


def second_order(w, loss):
    (slope,) = tx.grad(loss, w, create_graph=True)
    (slope * slope).sum().backward()


def failing_second_order(w, loss):
    w.data -= 0.1
    with pytest.raises(RuntimeError, match="create_graph"):
        tx.grad(loss, w, create_graph=True)


def anomaly(w, loss):
    with pytest.raises(tx.AnomalyError), tx.detect_anomaly():
        tx.log(loss * 0).backward()


def derivatives(w, loss):
    tx.jacobian(lambda v: tx.tanh(v @ np.ones((2, 2))), w)
    tx.hessian(lambda v: (v**3).sum(), w)
    tx.hvp(lambda v: (v**3).sum(), w, np.ones((2, 2)))
    tx.check_gradients(lambda v: tx.tanh(v).sum(), w.numpy().astype(float))


def drawn(w, loss):
    loss.backward()
    for options in ({}, {"depth": 0}, {"show_saved": True}):
        make_dot(loss, **options).source.encode()
    snapshot(loss).to_json()
    loss._repr_html_()


def played(w, loss):
    if not engines.engines("svg"):
        pytest.skip("no layout engine here")
    tx.play(loss)


def recorded(w, loss):
    with tx.record() as tape:
        loss.backward()
        tx.optim.SGD([w], lr=0.1).step()
    tape.story()
    del tape


def explained(w, loss):
    loss.backward()
    tx.explain(w)


def copied(w, loss):
    import copy
    import pickle

    copy.deepcopy(loss)
    pickle.loads(pickle.dumps(loss))


def as_arrays(w, loss):
    np.asarray(loss.detach())
    loss.numpy()
    assert "Tensor" in repr(loss)
    with pytest.raises(TypeError):
        np.linalg.svd(loss)


DONE = [
    *(backward, backward_twice, hooked, failing_hook, failing_rule, failing_forward),
    *(second_order, failing_second_order, anomaly, derivatives, drawn, played, recorded),
    *(explained, copied, as_arrays),
]


@pytest.mark.parametrize("what", DONE, ids=lambda what: what.__name__)
def test_nothing_holds_a_graph_that_was(what):
    w, loss = graph()
    watch = Watch(loss, w)
    assert len(watch.refs) > 8
    what(w, loss)
    del loss
    assert watch.left == []


def test_a_model_that_was_compiled_goes_with_its_function():
    def ended():
        model = tx.nn.MLP([3, 2], rng=0)
        tx.compile(lambda x: model(x))(np.ones((1, 3), np.float32))
        return weakref.ref(model)

    gone = ended()
    gc.collect()  # a function that is made by a program is in a cycle with its globals
    assert gone() is None
