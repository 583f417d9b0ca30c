"""state_dict and load_state_dict of optimizers: what goes on goes on to the last bit."""

import json

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

MAKERS = {
    "sgd": lambda p: SGD(p, lr=0.1),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9, dampening=0.1, weight_decay=1e-3),
    "nesterov": lambda p: SGD(p, lr=0.1, momentum=0.9, nesterov=True, maximize=True),
    "adam": lambda p: Adam(p, lr=0.01, betas=(0.8, 0.99)),
    "amsgrad": lambda p: Adam(p, lr=0.01, amsgrad=True),
    "adamw": lambda p: AdamW(p, lr=0.01),
    "rmsprop": lambda p: RMSprop(p, lr=0.01),
    "centered": lambda p: RMSprop(p, 0.01, 0.9, 1e-3, 1e-3, 0.5, centered=True),
    "adagrad": lambda p: Adagrad(p, lr=0.1, lr_decay=0.1, initial_accumulator_value=0.5),
}
SHAPES = [(3, 2), (4,), (), (0, 3)]


def parameters(dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [tx.Tensor(rng.normal(size=s), requires_grad=True, dtype=dtype) for s in SHAPES]


def walk(params, optimizer, steps, skip=None):
    """Steps whose gradients depend on the number of the step alone."""
    for k in steps:
        rng = np.random.default_rng(k)
        for i, p in enumerate(params):
            g = rng.normal(size=p.shape)
            p.grad = None if i == skip else g
        optimizer.step()


def through_json(state):
    """As a checkpoint keeps it: arrays by their bytes, the rest as JSON."""

    def written(x):
        if isinstance(x, np.ndarray):
            return {"bytes": x.tobytes().hex(), "dtype": x.dtype.str, "shape": x.shape}
        return x

    def read(x):
        if "bytes" in x:
            flat = np.frombuffer(bytes.fromhex(x["bytes"]), x["dtype"])
            return flat.reshape(x["shape"])  # read-only, as of a file that is mapped
        return x

    return json.loads(json.dumps(state, default=written), object_hook=read)


def bits(params, optimizer):
    found = [p.numpy() for p in params]
    found += [np.asarray(x) for one in optimizer.state for x in one.values()]
    return [(x.shape, x.dtype, x.tobytes()) for x in found]


@pytest.mark.parametrize("keep", [lambda state: state, through_json])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MAKERS)
def test_one_that_takes_over_goes_on_to_the_last_bit(name, dtype, keep):
    params = parameters(dtype)
    optimizer = MAKERS[name](params)
    walk(params, optimizer, range(5), skip=1)  # which has no state yet
    optimizer.lr *= 0.5
    kept, arrays = keep(optimizer.state_dict()), [p.numpy() for p in params]
    walk(params, optimizer, range(5, 12))

    others = parameters(dtype, seed=9)
    another = type(optimizer)(others, lr=7.0)
    if isinstance(another, SGD | RMSprop):
        another.momentum = another.weight_decay = 3.0  # all settings come from what was kept
    walk(others, another, range(3))  # and all running arrays
    for p, array in zip(others, arrays, strict=True):
        p.data = array
    another.load_state_dict(kept)
    walk(others, another, range(5, 12))
    assert bits(params, optimizer) == bits(others, another)
    assert another.state_dict()["settings"] == optimizer.state_dict()["settings"]


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_kept_is_plain_and_a_copy(name):
    params = parameters()
    optimizer = MAKERS[name](params)
    walk(params, optimizer, range(2))
    kept = optimizer.state_dict()
    before = bits(params, optimizer)
    assert json.loads(json.dumps(kept["settings"])).keys() == kept["settings"].keys()
    for one in kept["state"]:
        for key, value in one.items():
            assert type(value) is (int if key == "t" else np.ndarray)
            if key != "t":
                value[...] = 7
    assert bits(params, optimizer) == before
    walk(params, optimizer, [2])
    other = MAKERS[name](params)
    other.load_state_dict(kept)
    for one in kept["state"]:
        for key in set(one) - {"t"}:
            one[key][...] = 8  # and is copied when it is taken over
    assert all((v == 7).all() for one in other.state for k, v in one.items() if k != "t")


@pytest.mark.parametrize("name", MAKERS)
def test_a_compiled_step_goes_on_after_taking_over(name):
    def training():
        model = tx.nn.MLP([4, 5, 3], rng=0)
        optimizer = MAKERS[name](model.parameters())

        def step(x, y):
            loss = tx.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        return model, optimizer, step

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 4)).astype(np.float32), rng.integers(0, 3, 8)
    model, optimizer, step = training()
    twin, its_optimizer, its_step = training()
    compiled = tx.compile(its_step)
    for _ in range(4):
        step(x, y)
        compiled(x, y)
    kept, weights = optimizer.state_dict(), model.state_dict()
    for _ in range(3):
        step(x, y)
        compiled(x, y)
    twin.load_state_dict(weights)
    its_optimizer.load_state_dict(kept)
    for _ in range(3):
        compiled(x, y)
    assert bits(model.parameters(), optimizer) == bits(twin.parameters(), its_optimizer)


# --- own optimizers ---------------------------------------------------------------------------


class Lookback(Optimizer):
    """Steps along the last two gradients; its state has no shape of a parameter."""

    def __init__(self, params, lr, how=("sum", 2)):
        super().__init__(params, lr)
        self.how = how

    def moved(self, theta, g, state):
        past = state.get("past", np.zeros((1, *g.shape)))
        state["past"], state["count"] = np.stack([past[-1], g]), state.get("count", 0) + 1
        return theta - self.lr * (past[-1] + g)


def test_own_optimizers_are_kept_too():
    params, others = parameters(), parameters()
    one, other = Lookback(params, 0.1), Lookback(others, 0.3)
    walk(params, one, range(3))
    for p, q in zip(params, others, strict=True):
        q.data = p.numpy()
    other.load_state_dict(one.state_dict())
    walk(params, one, range(3, 6))
    walk(others, other, range(3, 6))
    assert bits(params, one) == bits(others, other)
    assert other.state[0]["count"] == 6


def test_whole_numbers_and_counts():
    one = SGD(parameters(), lr=0.1)
    one.lr = 1  # as a user may write
    other = SGD(parameters(), lr=0.1)
    other.load_state_dict(one.state_dict())
    assert other.lr == 1
    one.load_state_dict(SGD(parameters(), lr=0.1).state_dict())
    assert one.lr == 0.1
    counting = Lookback(parameters(), 0.1, how=("sum", 5))
    counting.load_state_dict(Lookback(parameters(), 0.1, how=["mean", 7]).state_dict())
    assert counting.how == ("mean", 7)
    assert type(counting.how[1]) is int


def test_settings_that_cannot_be_kept_are_named():
    one = Lookback(parameters(), 0.1, how=max)
    with pytest.raises(TypeError, match=r"Lookback\.state_dict: how is <built-in function max>"):
        one.state_dict()
    one.how = "sum"
    one.state[0]["hook"] = print
    with pytest.raises(TypeError, match=r"Lookback\.state_dict: hook is <built-in function print>"):
        one.state_dict()


# --- errors -----------------------------------------------------------------------------------


def with_change(path, value):
    def change(kept):
        at = kept
        for key in path[:-1]:
            at = at[key]
        if value is None:
            del at[path[-1]]
        else:
            at[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            with_change(["state"], None),
            TypeError,
            r"got \['optimizer', 'settings'\]; wanted a dict",
        ),
        (with_change(["more"], 1), TypeError, "wanted a dict of optimizer, settings, state"),
        (with_change(["optimizer"], "SGD"), ValueError, "got the state of 'SGD'"),
        (with_change(["settings"], [1]), TypeError, "settings are a list; wanted a dict"),
        (with_change(["settings", "eps"], None), ValueError, "missing setting 'eps'"),
        (with_change(["settings", "momentum"], 0.9), ValueError, "unknown setting 'momentum'"),
        (with_change(["settings", "lr"], "0.1"), ValueError, "Adam: lr is '0.1'; wanted a number"),
        (with_change(["settings", "lr"], float("nan")), ValueError, "Adam: lr is nan"),
        (with_change(["settings", "amsgrad"], 1), ValueError, "Adam: amsgrad is 1; wanted True"),
        (
            with_change(["settings", "betas"], [0.9]),
            ValueError,
            r"betas is \[0.9\]; wanted one like",
        ),
        (with_change(["settings", "betas"], [0.9, 1.5]), ValueError, r"betas are \(0.9, 1.5\)"),
        (with_change(["settings", "betas"], [0.9, "x"]), ValueError, r"betas\[1\] is 'x'"),
        (with_change(["state"], {}), TypeError, "state is a dict; wanted a list"),
        (with_change(["state", 1], None), ValueError, "the state of 3 parameters; wanted 4"),
        (with_change(["state", 1], 5), TypeError, "the state of parameter 1 is a int; not a dict"),
        (with_change(["state", 1, "v"], None), ValueError, "parameter 1: missing 'v'"),
        (with_change(["settings", "amsgrad"], True), ValueError, "parameter 0: missing 'v_max'"),
        (with_change(["state", 1, "u"], 1), ValueError, "parameter 1: unknown 'u'"),
        (with_change(["state", 1, "t"], -1), ValueError, "t is -1, wanted a count of steps"),
        (with_change(["state", 1, "t"], True), ValueError, "t is True, wanted a count of steps"),
        (with_change(["state", 1, "m"], 0.5), ValueError, "'m' is a float, wanted an array"),
        (
            with_change(["state", 1, "m"], np.zeros(3)),
            ValueError,
            r"'m' is float64 \(3,\), wanted float64 \(4,\)",
        ),
        (
            with_change(["state", 1, "m"], np.zeros(4, np.float32)),
            ValueError,
            r"'m' is float32 \(4,\), wanted float64 \(4,\)",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_changes(change, error, message):
    params = parameters()
    optimizer = Adam(params, lr=0.01)
    walk(params, optimizer, range(3))
    kept = optimizer.state_dict()
    change(kept)
    if message.startswith("parameter"):
        kept["settings"]["lr"] = 0.5  # the settings are right; they are not taken over alone
    before, settings = bits(params, optimizer), optimizer.state_dict()["settings"]
    with pytest.raises(error, match=message):
        optimizer.load_state_dict(kept)
    assert bits(params, optimizer) == before
    assert optimizer.state_dict()["settings"] == settings


@pytest.mark.parametrize("state", [None, [], 3, "Adam"])
def test_what_is_no_dict_at_all(state):
    with pytest.raises(TypeError, match=r"SGD\.load_state_dict: got \w+; wanted a dict of"):
        SGD(parameters()).load_state_dict(state)


def test_settings_that_do_not_go_together():
    optimizer = SGD(parameters(), momentum=0.9, nesterov=True)
    kept = optimizer.state_dict()
    kept["settings"]["momentum"] = 0.0
    with pytest.raises(ValueError, match="SGD: nesterov needs momentum"):
        optimizer.load_state_dict(kept)
    kept = RMSprop(parameters()).state_dict()
    kept["settings"]["alpha"] = 2.0
    with pytest.raises(ValueError, match="RMSprop: alpha is 2"):
        RMSprop(parameters()).load_state_dict(kept)
