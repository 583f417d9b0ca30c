"""Optimizers: each update rule against the same rule written out in plain Python numbers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_xent as tx
from tinygrad_xent.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

STEPS = 25
EVERY = [SGD, Adam, AdamW, RMSprop, Adagrad]


# --- the rules, element by element ------------------------------------------------------------


def sgd_path(x, gradients, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    """The points that one number visits under gradient descent."""
    velocity, path = None, []
    for g in gradients:
        d = g + weight_decay * x
        if momentum != 0:
            velocity = d if velocity is None else momentum * velocity + (1 - dampening) * d
            d = d + momentum * velocity if nesterov else velocity
        x = x - lr * d
        path.append(x)
    return path


def adam_path(x, gradients, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    """The points that one number visits under Adam, or AdamW if the decay is decoupled."""
    m = v = 0.0
    path = []
    for t, g in enumerate(gradients, start=1):
        if decoupled:
            x = x - lr * weight_decay * x
        else:
            g = g + weight_decay * x
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
        x = x - lr * m_hat / (math.sqrt(v_hat) + eps)
        path.append(x)
    return path


def amsgrad_path(x, gradients, lr, beta1, beta2, eps):
    """Adam divided by the largest running mean of squares so far, written as a maximum."""
    path, means, m = [], [0.0], 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        means.append(beta2 * means[-1] + (1 - beta2) * g * g)
        x -= lr / (1 - beta1**t) * m / (math.sqrt(max(means)) / math.sqrt(1 - beta2**t) + eps)
        path.append(x)
    return path


def rmsprop_path(
    x, gradients, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False
):
    """The points that one number visits under RMSprop; its means as the sums that they are."""
    path, seen, steps = [], [], []
    for g in gradients:
        seen.append(g + weight_decay * x)
        weights = [(1 - alpha) * alpha**k for k in reversed(range(len(seen)))]
        square = math.fsum(w * d * d for w, d in zip(weights, seen, strict=True))
        mean = math.fsum(w * d for w, d in zip(weights, seen, strict=True))
        root = math.sqrt(square - mean * mean if centered else square)
        steps.append(seen[-1] / (root + eps))
        lengths = [momentum**k for k in reversed(range(len(steps)))]
        x -= lr * math.fsum(u * s for u, s in zip(lengths, steps, strict=True))
        path.append(x)
    return path


def adagrad_path(x, gradients, lr=1e-2, lr_decay=0.0, weight_decay=0.0, start=0.0, eps=1e-10):
    """The points that one number visits under Adagrad."""
    path, seen = [], []
    for t, g in enumerate(gradients):
        seen.append(g + weight_decay * x)
        root = math.sqrt(math.fsum([start, *(d * d for d in seen)]))
        x -= lr / (1 + t * lr_decay) * seen[-1] / (root + eps)
        path.append(x)
    return path


def assert_follows(make, path_of, shape=(2, 3), seed=0):
    """An optimizer, given a series of gradients, takes every element where the rule takes it."""
    rng = np.random.default_rng(seed)
    start, gradients = rng.normal(size=shape), rng.normal(size=(STEPS, *shape))
    p = tx.Tensor(start, requires_grad=True)
    optimizer = make([p])
    taken = []
    for g in gradients:
        p.grad = g
        optimizer.step()
        assert isinstance(p.data, np.ndarray)
        assert p.shape == shape
        taken.append(p.numpy())
    for index in np.ndindex(shape):
        series = [float(g[index]) for g in gradients]
        wanted = path_of(float(start[index]), series)
        np.testing.assert_allclose([x[index] for x in taken], wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("dampening", [0.0, 0.3])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_in_every_combination(momentum, dampening, nesterov, weight_decay):
    if nesterov and (not momentum or dampening):
        with pytest.raises(ValueError, match="SGD: nesterov needs momentum > 0 and no dampening"):
            SGD([tx.Tensor([1.0], requires_grad=True)], 0.1, momentum, dampening, nesterov=True)
        return
    options = {
        "lr": 0.05,
        "momentum": momentum,
        "dampening": dampening,
        "weight_decay": weight_decay,
        "nesterov": nesterov,
    }
    assert_follows(lambda p: SGD(p, **options), lambda x, g: sgd_path(x, g, **options))


@settings(max_examples=25, deadline=None)
@given(
    lr=st.floats(0, 0.5),
    momentum=st.floats(0, 1),
    dampening=st.floats(0, 1),
    weight_decay=st.floats(0, 0.5),
    seed=st.integers(0, 99),
)
def test_sgd_with_any_numbers(lr, momentum, dampening, weight_decay, seed):
    # In PyTorch's order, so that positional arguments mean there what they mean here.
    options = (lr, momentum, dampening, weight_decay)
    assert_follows(lambda p: SGD(p, *options), lambda x, g: sgd_path(x, g, *options), (2,), seed)


# Not beta2 near 0: the step is then m / |g|, which jumps where g changes sign, so that a difference
# in the last bit grows beyond any tolerance in a few steps.
adams = st.tuples(
    st.floats(0, 0.5),
    st.tuples(st.floats(0, 0.999), st.floats(0.5, 0.9999)),
    st.floats(1e-10, 1e-2),
    st.floats(0, 0.5),
)


@settings(max_examples=25, deadline=None)
@given(options=adams, seed=st.integers(0, 99))
def test_adam_with_any_numbers(options, seed):
    assert_follows(lambda p: Adam(p, *options), lambda x, g: adam_path(x, g, *options), (2,), seed)


@settings(max_examples=25, deadline=None)
@given(options=adams, seed=st.integers(0, 99))
def test_adamw_with_any_numbers(options, seed):
    assert_follows(
        lambda p: AdamW(p, *options),
        lambda x, g: adam_path(x, g, *options, decoupled=True),
        (2,),
        seed,
    )


@settings(max_examples=25, deadline=None)
@given(options=adams, seed=st.integers(0, 99))
def test_amsgrad_with_any_numbers(options, seed):
    lr, betas, eps, _ = options
    assert_follows(
        lambda p: Adam(p, lr, betas, eps, amsgrad=True),
        lambda x, g: amsgrad_path(x, g, lr, *betas, eps),
        (2,),
        seed,
    )


def test_amsgrad_differs_from_adam_once_the_gradient_gets_smaller():
    a, b = (tx.Tensor([0.0], requires_grad=True) for _ in range(2))
    pair = [(a, Adam([a])), (b, Adam([b], amsgrad=True))]
    for g in [1.0, 0.01, 0.01]:
        for p, optimizer in pair:
            p.grad = [g]
            optimizer.step()
    assert b.data > a.data


# Not alpha near 0, where the step is g / |g|; centered with an eps that keeps the division from
# making much of the last bits of a difference.
@settings(max_examples=40, deadline=None)
@given(
    lr=st.floats(0, 0.1),
    alpha=st.floats(0.5, 1),
    eps=st.floats(1e-2, 1),
    weight_decay=st.floats(0, 0.5),
    momentum=st.floats(0, 1),
    centered=st.booleans(),
    seed=st.integers(0, 99),
)
def test_rmsprop_with_any_numbers(lr, alpha, eps, weight_decay, momentum, centered, seed):
    # In PyTorch's order, so that positional arguments mean there what they mean here.
    options = (lr, alpha, eps, weight_decay, momentum, centered)
    assert_follows(
        lambda p: RMSprop(p, *options), lambda x, g: rmsprop_path(x, g, *options), (2,), seed
    )


def test_a_variance_that_rounding_makes_negative_is_0():
    w = tx.Tensor(np.zeros(1000), requires_grad=True)
    optimizer = RMSprop([w], lr=1e-9, alpha=0.5, centered=True)
    g = np.random.default_rng(0).normal(size=1000)
    negative = False
    for _ in range(80):
        w.grad = g
        optimizer.step()
        (state,) = optimizer.state
        negative |= bool((state["v"] < state["m"] ** 2).any())
    assert negative  # or this test shows nothing
    assert np.isfinite(w.data).all()


@settings(max_examples=25, deadline=None)
@given(
    lr=st.floats(0, 0.5),
    lr_decay=st.floats(0, 1),
    weight_decay=st.floats(0, 0.5),
    start=st.floats(0, 10),
    eps=st.floats(1e-10, 1),
    seed=st.integers(0, 99),
)
def test_adagrad_with_any_numbers(lr, lr_decay, weight_decay, start, eps, seed):
    options = (lr, lr_decay, weight_decay, start, eps)
    assert_follows(
        lambda p: Adagrad(p, *options), lambda x, g: adagrad_path(x, g, *options), (2,), seed
    )


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}])
@pytest.mark.parametrize("make", EVERY)
def test_maximize_goes_where_the_negative_gradient_leads(make, options):
    rng = np.random.default_rng(3)
    a, b = (tx.Tensor(np.ones(4), requires_grad=True) for _ in range(2))
    up, down = make([a], lr=0.1, maximize=True, **options), make([b], lr=0.1, **options)
    for g in rng.normal(size=(10, 4)):
        a.grad, b.grad = g, -g
        up.step()
        down.step()
        np.testing.assert_array_equal(a.data, b.data)
        np.testing.assert_array_equal(a.grad, g)
    assert (a.data != 1).all()


@pytest.mark.parametrize(
    ("make", "options", "rule"),
    [
        (SGD, {}, "θ - 0.5 ḡ"),
        (SGD, {"weight_decay": 0.1}, "θ - 0.5 (ḡ + 0.1 θ)"),
        (SGD, {"momentum": 0.9, "maximize": True}, "θ - 0.5 v, v a running sum of (-ḡ)"),
        (
            SGD,
            {"momentum": 0.9, "weight_decay": 0.1, "nesterov": True},
            "θ - 0.5 ((ḡ + 0.1 θ) + 0.9 v), v a running sum of (ḡ + 0.1 θ)",
        ),
        (RMSprop, {"weight_decay": 0.1}, "θ - 0.5 (ḡ + 0.1 θ) / (√v + 1e-08)"),
        (
            Adagrad,
            {"weight_decay": 0.1, "lr_decay": 0.25},
            "θ - 0.5 / (1 + 0.25 (t - 1)) (ḡ + 0.1 θ) / (√Σ(ḡ + 0.1 θ)² + 1e-10)",
        ),
        (Adam, {}, "θ - 0.5 m̂ / (√v̂ + 1e-08)"),
        (Adam, {"amsgrad": True, "maximize": True}, "θ + 0.5 m̂ / (√max v̂ + 1e-08)"),
        (AdamW, {"weight_decay": 0.1}, "(1 - 0.5 · 0.1) θ - 0.5 m̂ / (√v̂ + 1e-08)"),
        (AdamW, {"weight_decay": 0}, "θ - 0.5 m̂ / (√v̂ + 1e-08)"),
        (RMSprop, {}, "θ - 0.5 ḡ / (√v + 1e-08)"),
        (
            RMSprop,
            {"centered": True, "momentum": 0.9},
            "θ - 0.5 u, u a running sum of ḡ / (√(v - m²) + 1e-08)",
        ),
        (Adagrad, {"maximize": True}, "θ - 0.5 (-ḡ) / (√Σḡ² + 1e-10)"),
    ],
)
def test_the_rule_as_the_player_says_it(make, options, rule):
    assert make([leaf()], lr=0.5, **options).rule == rule


@pytest.mark.parametrize("shape", [(), (1,), (4, 1, 2)])
@pytest.mark.parametrize(
    ("make", "path_of"),
    [
        (SGD, lambda x, g: sgd_path(x, g, 1e-3)),
        (Adam, lambda x, g: adam_path(x, g, 1e-3)),
        (AdamW, lambda x, g: adam_path(x, g, 1e-3, weight_decay=1e-2, decoupled=True)),
        (RMSprop, rmsprop_path),
        (Adagrad, adagrad_path),
    ],
)
def test_defaults_and_shapes(make, path_of, shape):
    assert_follows(make, path_of, shape)


# --- what the graph and the user may rely on --------------------------------------------------


@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize("shape", [(), (3,)])
def test_float32_stays_float32_with_numpy_numbers(make, shape):
    p = tx.Tensor(np.ones(shape, np.float32), requires_grad=True)
    number = np.float64(0.125)
    options = {
        SGD: (number, number, number, number),
        RMSprop: (number, number, number, number, number, True),
        Adagrad: (number, number, number, number, number),
    }
    optimizer = make([p], *options.get(make, (number, (number, number), number, number, True)))
    for _ in range(3):
        p.grad = np.ones(shape)
        optimizer.lr = optimizer.lr * np.float64(0.5)  # as a schedule of NumPy numbers would
        optimizer.step()
        assert p.dtype == np.float32
    assert (p.data < 1).all()


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (SGD, "momentum", np.float64(0.9)),
        *((make, "weight_decay", np.float64(0.1)) for make in EVERY),
        (Adam, "betas", (np.float64(0.9), np.float64(0.99))),
        (RMSprop, "alpha", np.float64(0.5)),
        (Adagrad, "eps", np.float64(0.5)),
    ],
)
def test_float32_stays_float32_when_any_setting_is_set_anew(make, name, value):
    p = tx.Tensor(np.ones(3, np.float32), requires_grad=True)
    optimizer = make([p], lr=0.1)
    setattr(optimizer, name, value)
    for _ in range(2):
        p.grad = np.ones(3)
        optimizer.step()
    assert p.dtype == np.float32
    assert all(np.asarray(a).dtype != np.float64 for k, a in optimizer.state[0].items() if k != "t")
    assert getattr(optimizer, name) == value


@pytest.mark.parametrize("make", EVERY)
def test_parameters_without_gradient_are_skipped(make):
    a, b = (tx.Tensor([1.0], requires_grad=True) for _ in range(2))
    optimizer = make([a, b], lr=0.5)
    a.grad = [1.0]
    optimizer.step()
    assert a.data[0] != 1
    assert b.data[0] == 1
    # The first step that b takes is its first: Adam's bias correction counts for each by itself.
    b.grad = [1.0]
    a.grad = None
    before = a.data.copy()
    optimizer.step()
    assert a.data == before
    twin = tx.Tensor([1.0], requires_grad=True)
    twin.grad = [1.0]
    make([twin], lr=0.5).step()
    assert b.data == twin.data


@pytest.mark.parametrize("make", EVERY)
def test_a_step_between_forward_and_backward_leaves_the_gradient_at_the_old_point(make):
    w = tx.Tensor([3.0], requires_grad=True)
    optimizer = make([w], lr=0.5)
    cube = (w * w * w).sum()
    w.grad = [2.0]
    optimizer.step()
    assert w.data != 3
    optimizer.zero_grad()
    cube.backward()
    assert w.grad == 27  # 3 w² at w = 3, where forward was


def test_learning_rates_and_dtypes_may_alternate():
    for lr in [0.5, 0.25, 1, np.float64(0.125), np.array(0.5)] * 2:
        for dtype in (np.float32, np.float64):
            w = tx.Tensor(np.array([1.0, 2.0], dtype), requires_grad=True)
            optimizer = SGD([w], lr=0.5)
            optimizer.lr = lr
            w.grad = np.ones(2, dtype)
            optimizer.step()
            optimizer.step()
            assert w.dtype == dtype
            assert w.tolist() == [1 - 2 * lr, 2 - 2 * lr]


def test_a_learning_rate_that_is_an_array_may_be_written_into():
    w = tx.Tensor([8.0], requires_grad=True)
    optimizer = SGD([w], lr=0.5)
    optimizer.lr = lr = np.array(1.0)
    w.grad = np.ones(1)
    optimizer.step()
    lr[...] = 2.0
    optimizer.step()
    assert w.tolist() == [5.0]


def test_the_first_velocity_is_not_the_array_in_grad():
    w = tx.Tensor([0.0], requires_grad=True)
    optimizer = SGD([w], lr=1.0, momentum=0.5)
    w.grad = [1.0]
    optimizer.step()
    w.grad[...] = 0  # clearing in place must not clear the momentum
    optimizer.step()
    assert w.data == -1.5


def test_an_array_handed_out_before_a_step_stays_as_it_was():
    w = tx.Tensor([1.0], requires_grad=True)
    before = w.data
    w.grad = [1.0]
    SGD([w], lr=0.5).step()
    assert before == 1
    assert w.data == 0.5


def test_zero_grad_forgets():
    w = tx.Tensor([1.0], requires_grad=True)
    optimizer = SGD([w], lr=0.5)
    (3 * w).sum().backward()
    (3 * w).sum().backward()
    assert w.grad == 6
    optimizer.zero_grad()
    assert w.grad is None
    optimizer.step()
    assert w.data == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda p: SGD(p, lr=0.1),
        lambda p: SGD(p, lr=0.05, momentum=0.8, nesterov=True),
        lambda p: Adam(p, lr=0.1),
        lambda p: AdamW(p, lr=0.1, weight_decay=0.0),
        lambda p: Adam(p, lr=0.1, amsgrad=True),
        lambda p: RMSprop(p, lr=0.1, eps=1.0, momentum=0.5),
        lambda p: Adagrad(p, lr=1.0),
    ],
)
def test_a_loop_finds_the_bottom_of_a_quadratic(make):
    bottom, steepness = np.array([1.0, -2.0]), np.array([1.0, 4.0])
    w = tx.Tensor(np.zeros(2), requires_grad=True)
    optimizer = make([w])
    for _ in range(400):
        optimizer.zero_grad()
        (steepness * (w - bottom) * (w - bottom)).sum().backward()
        optimizer.step()
    np.testing.assert_allclose(w.data, bottom, atol=1e-3)


def test_own_optimizers_need_one_method():
    class Sign(Optimizer):
        def moved(self, theta, g, state):
            return theta - self.lr * np.sign(g)

    w = tx.Tensor(5.0, requires_grad=True)
    w.grad = 300.0
    Sign([w], lr=0.5).step()
    assert w.item() == 4.5
    with pytest.raises(NotImplementedError, match=r"Optimizer\.moved"):
        Optimizer([w], lr=0.5).step()


# --- errors -----------------------------------------------------------------------------------


def leaf():
    return tx.Tensor([1.0, 2.0], requires_grad=True)


def twice():
    w = leaf()
    return [leaf(), w, w]


@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (list, ValueError, "got no parameters"),
        (twice, ValueError, r"parameter 2 of shape \(2,\) was given before, as parameter 1"),
        (lambda: [leaf() * 2], ValueError, r"0 of shape \(2,\) is the result of multiply; .* leaf"),
        (
            lambda: [leaf(), tx.Tensor([1.0], name="b")],
            ValueError,
            "1, 'b', .* requires_grad=False",
        ),
        (lambda: [np.ones(2)], TypeError, r"parameter 0 is array\(\[1., 1.\]\); wanted a Tensor"),
        (leaf, TypeError, r"got a Tensor; wanted a list"),
        (lambda: tx.nn.Linear(1, 1), TypeError, r"got a Linear; wanted .*model\.parameters\(\)"),
    ],
)
def test_wrong_parameters_are_named(make, params, error, message):
    with pytest.raises(error, match=f"^{make.__name__}: .*{message}"):
        make(params(), lr=0.1)


@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize("name", ["lr", "weight_decay"])
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, 10**400, "0.1", None, 1j])
def test_wrong_numbers_are_named(make, name, value):
    with pytest.raises(ValueError, match=f"^{make.__name__}: {name} is {value!r}; wanted"):
        make([leaf()], **{name: value})


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (SGD, {"momentum": -1}, "SGD: momentum is -1"),
        (SGD, {"dampening": -1}, "SGD: dampening is -1"),
        (Adam, {"eps": -1}, "Adam: eps is -1"),
        (Adam, {"betas": (0.9, 1.0)}, r"Adam: betas are \(0.9, 1.0\); wanted two in \[0, 1\)"),
        (AdamW, {"betas": (0.9,)}, r"AdamW: betas are \(0.9,\); wanted two"),
        (Adam, {"betas": 0.9}, "Adam: betas are 0.9; wanted two"),
        (Adam, {"betas": ("0.9", 0.9)}, r"Adam: betas are \('0.9', 0.9\); wanted two"),
        (RMSprop, {"alpha": 1.5}, r"RMSprop: alpha is 1.5; wanted one in \[0, 1\]"),
        (RMSprop, {"alpha": -1}, "RMSprop: alpha is -1"),
        (RMSprop, {"momentum": math.nan}, "RMSprop: momentum is nan"),
        (RMSprop, {"centered": None}, "RMSprop: centered is None; wanted True or False"),
        (Adagrad, {"lr_decay": -1}, "Adagrad: lr_decay is -1"),
        (Adagrad, {"initial_accumulator_value": -1}, "Adagrad: initial_accumulator_value is -1"),
        (Adagrad, {"eps": -1}, "Adagrad: eps is -1"),
        (SGD, {"maximize": 1}, "SGD: maximize is 1; wanted True or False"),
        (SGD, {"nesterov": "yes"}, "SGD: nesterov is 'yes'"),
        (Adam, {"amsgrad": 0}, "Adam: amsgrad is 0"),
    ],
)
def test_each_ones_own_numbers_are_checked(make, options, message):
    with pytest.raises(ValueError, match=message):
        make([leaf()], 0.1, **options)
