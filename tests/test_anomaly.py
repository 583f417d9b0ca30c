"""detect_anomaly: names the op, the line, the number, its place and what the inputs held."""

import inspect
import pickle

import numpy as np
import pytest

import tinygrad_xent as tx


def leaf(data, name=None, dtype=np.float64):
    return tx.Tensor(data, requires_grad=True, dtype=dtype, name=name)


def caught(act, **options):
    with pytest.raises(tx.AnomalyError) as error, tx.detect_anomaly(**options):
        act()
    return str(error.value)


def line_of(function):
    return f"{__file__}:{function.__code__.co_firstlineno}"


def test_forward():
    q = leaf([0.5, 0.0, 0.0], "q")
    act = lambda: tx.log(q * 2).sum()  # noqa: E731
    assert caught(act).split("\n") == [
        "log gave -inf at (1,) (the first of 2) from finite inputs:",
        "  log(x)",
        "  x (3,) holds 0.0 there, 0.0 to 1.0 in all",
        f"  applied at {line_of(act)}, in <lambda>: {inspect.getsource(act).strip()}",
    ]


def test_backward_of_an_op_applied_inside():
    x = leaf([[4.0, 0.0]], "x")
    place = []

    def act():
        y = tx.sqrt(x)
        place.append(f"{__file__}:{inspect.currentframe().f_lineno - 1}, in act: y = tx.sqrt(x)")
        (y.sum() * 3).backward()

    assert caught(act).split("\n") == [
        "sqrt: the gradient for x is inf at (0, 1) from finite inputs:",
        "  ḡ / 2y",
        "  ḡ (1, 2) holds 3.0 there, 3.0 to 3.0 in all",
        "  the result (1, 2) holds 0.0 there, 0.0 to 2.0 in all",
        "  x 'x' (1, 2) holds 0.0 there, 0.0 to 4.0 in all",
        f"  applied at {place[0]}",
    ]
    assert x.grad is None


def test_backward_of_an_op_applied_before():
    loss = tx.sqrt(leaf([0.0])).sum()
    for act in (loss.backward, lambda: tx.grad(loss, loss.inputs[0].inputs[0])):
        text = caught(act)
        assert "sqrt: the gradient for x is inf at (0,)" in text
        assert "a place unknown, before detect_anomaly began" in text


def test_a_leaf_from_outside_is_named():
    x = tx.Tensor([[1.0, np.nan]], name="pixels")
    w = leaf([2.0, 3.0])
    text = caught(lambda: (x * w).sum())
    assert text.startswith(
        "multiply gave nan at (0, 1) because x, a leaf named 'pixels', held nan at (0, 1) already; "
        "that came in from outside"
    )
    array = np.array([np.inf, 1.0])
    assert "because y, a constant, held inf at (0,) already" in caught(lambda: w - array)
    y = tx.log(leaf([1.0]) - 2 + np.nan)  # before
    assert "because x, a result of log, held nan at (0,) already" in caught(lambda: y * 2)


def test_broadcast_and_other_shapes():
    a, b = leaf([[1.0], [0.0]]), leaf([0.0, 7.0, 5.0])
    text = caught(lambda: b / a)
    assert "divide gave nan at (1, 0) (the first of 3)" in text
    assert "x (3,) holds 0.0 there, 0.0 to 7.0 in all\n  y (2, 1) holds 0.0 there" in text
    big = leaf(np.full((4, 2), 1e200))
    text = caught(lambda: tx.sum(big * big.detach(), axis=0))
    assert "multiply gave inf at (0, 0)" in text
    text = caught(lambda: big.T @ (big * 1e100))
    assert "a (2, 4) holds 1e+200 there" in text
    assert "exp gave inf from" in caught(lambda: tx.exp(leaf(1e4)))


def test_what_is_not_recorded_is_looked_at_too():
    plain = tx.Tensor([0.0])
    assert "log gave -inf" in caught(lambda: tx.log(plain))

    def under_no_grad():
        with tx.no_grad():
            tx.log(leaf([0.0]))

    assert "log gave -inf" in caught(under_no_grad)


def test_under_create_graph():
    x = leaf([0.0])
    y = tx.sqrt(x).sum()
    act = lambda: tx.grad(y, x, create_graph=True)  # noqa: E731
    text = caught(act)
    assert "divide gave inf at (0,)" in text
    assert line_of(act) in text


def test_a_seed_a_sum_and_a_hook():
    x = leaf([1.0])
    act = lambda: (x.sum() + x.sum()).backward(1.5e308)  # noqa: E731
    assert "the gradient of a leaf is inf at (0,), though every term of it is finite" in caught(act)
    text = caught(lambda: (x * 2).sum().backward(np.nan))
    assert "the gradient of a result of sum is nan, though every term" in text
    z = x * 2
    z.register_hook(lambda g: g * np.nan)
    assert "the gradient of a result of multiply is nan at (0,)" in caught(z.sum().backward)


def test_infinities_may_pass():
    mask = np.array([0.0, -np.inf, 0.0])

    def loss():
        z = leaf([1.0, 2.0, 3.0]) + mask
        tx.cross_entropy(z, 2).backward()

    assert "held -inf at (1,) already" in caught(loss)
    with tx.detect_anomaly(infinities=False):
        loss()
    assert "log gave nan" in caught(lambda: tx.log(leaf([-1.0])), infinities=False)


def test_it_ends_with_the_block_and_passes_what_is_right():
    x = leaf([[0.5, 1.0]])
    with tx.detect_anomaly():
        loss = tx.cross_entropy(tx.tanh(x @ np.eye(2)), [1])
        loss.backward()
        assert x.grad is not None
    with np.errstate(all="ignore"):
        assert np.isinf(tx.log(leaf([0.0])).item())
    with tx.detect_anomaly(), tx.detect_anomaly(), tx.no_grad(), tx.enable_grad():
        assert tx.is_grad_enabled()
        assert (x * 2).requires_grad

    @tx.detect_anomaly()
    def step():
        return tx.log(leaf([0.0]))

    for _ in range(2):
        with pytest.raises(RuntimeError, match="log gave -inf"):
            step()


def test_the_error_is_torchs_kind_and_numpys():
    assert issubclass(tx.AnomalyError, RuntimeError)
    assert issubclass(tx.AnomalyError, FloatingPointError)
    assert str(pickle.loads(pickle.dumps(tx.AnomalyError("x")))) == "x"


def test_places_are_forgotten_with_their_ops():
    with tx.detect_anomaly():
        (detective,) = tx.value._listeners()
        x = leaf([1.0])
        for _ in range(3):
            (x * 2).sum().backward()
        assert len(detective.places) == 0


def test_listeners_are_told_of_every_op_and_step():
    class Heard(tx.value.Listener):
        def __init__(self):
            self.told = []

        def applied(self, op, inputs, arrays, result):
            self.told.append((op.name, len(inputs), len(arrays), result.requires_grad))

        def walked(self, step):
            self.told.append((step.value.op.name if step.value.op else "leaf", len(step.sent)))

    heard, x = Heard(), leaf([1.0])
    with tx.value.listening(heard):
        y = (x * 2).sum()
        y.backward()
    (x * 3).sum().backward()
    assert heard.told == [
        ("multiply", 2, 2, True),
        ("sum", 1, 1, True),
        ("sum", 1),
        ("multiply", 1),
        ("leaf", 0),
    ]
