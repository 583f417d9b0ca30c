"""compile(): every op, forward and backward, to the last bit as eager; and what it refuses."""

import gc
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.cases import CASES
from tinygrad_xent import TraceError, compile
from tinygrad_xent.cli import main


def bits(x):
    """What must agree to the last bit: type, dtype, shape, bytes."""
    array = np.asarray(x.numpy() if isinstance(x, tx.Tensor) else x)
    return type(x), array.dtype, array.shape, array.tobytes()


def same(a, b):
    assert bits(a) == bits(b)


# --- every op -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_case_compiles_and_equals_eager(case, dtype):
    arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in case.arrays]
    y = case.f(*map(tx.Tensor, arrays))
    weights = np.random.default_rng(3).normal(size=y.shape).astype(y.dtype)

    def run(weights, *arrays):
        inputs = [tx.Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
        y = case.f(*inputs)
        y.backward(weights)
        return y, [x.grad for x in inputs]

    compiled = compile(run)
    for shift in (0.0, 0.01):  # the second time other numbers, so that none became a constant
        moved = [a + shift * np.abs(a) if a.dtype.kind == "f" else a for a in arrays]
        moved = [a.astype(b.dtype) for a, b in zip(moved, arrays, strict=True)]
        y, grads = run(weights, *moved)
        z, others = compiled(weights, *moved)
        same(y, z)
        for x, g, h in zip(moved, grads, others, strict=True):
            assert (g is None) == (h is None), x.dtype
            if g is not None:
                same(g, h)
    assert len(compiled.programs) == 1


# --- training -------------------------------------------------------------------------------------

X = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
Y = np.random.default_rng(1).integers(3, size=64)
OPTIMIZERS = {
    "sgd": lambda p: tx.optim.SGD(p, lr=0.1),
    "momentum": lambda p: tx.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3),
    "nesterov": lambda p: tx.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: tx.optim.Adam(p, lr=0.01),
    "adamw": lambda p: tx.optim.AdamW(p, lr=0.01),
    "amsgrad": lambda p: tx.optim.Adam(p, lr=0.01, amsgrad=True, maximize=True),
    "rmsprop": lambda p: tx.optim.RMSprop(p, lr=0.01),
    "rmsprop centered": lambda p: tx.optim.RMSprop(p, 0.01, 0.9, 1e-3, 1e-3, 0.5, centered=True),
    "adagrad": lambda p: tx.optim.Adagrad(p, lr=0.1, lr_decay=0.1, weight_decay=1e-3),
}


def training(optimizer="sgd", sizes=(8, 16, 3), activation="relu", dtype=np.float32):
    """A model, its optimizer and the step that a user would write."""
    model = tx.nn.MLP(list(sizes), activation, rng=0, dtype=dtype)
    opt = OPTIMIZERS[optimizer](model.parameters())

    def train(x, y):
        loss = tx.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    return model, opt, train


def state(model, opt):
    """All that a step leaves behind."""
    found = {name: p._array for name, p in model.named_parameters()}
    found |= {f"d{name}": p.grad for name, p in model.named_parameters()}
    for k, one in enumerate(opt.state):
        found |= {f"{key} {k}": value for key, value in one.items()}
    return found


def agree(a, b):
    assert list(a) == list(b)
    for key, value in a.items():
        assert type(value) is type(b[key]), key
        assert bits(value) == bits(b[key]), key


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_hundred_steps_under_a_schedule_equal_eager(optimizer, activation):
    model, opt, train = training(optimizer, activation=activation)
    twin, its_opt, its_train = training(optimizer, activation=activation)
    compiled = compile(its_train)
    rng = np.random.default_rng(2)
    for k in range(100):
        opt.lr = its_opt.lr = 0.1 / (1 + k)
        rows = rng.permutation(64)[:32]
        same(train(X[rows], Y[rows]).detach(), compiled(X[rows], Y[rows]))
        agree(state(model, opt), state(twin, its_opt))
    assert len(compiled.programs) <= 2  # before and after the optimizer has a state


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_eager_and_compiled_steps_take_turns(optimizer):
    model, opt, train = training(optimizer)
    twin, its_opt, its_train = training(optimizer)
    compiled, another = compile(its_train), compile(its_train)
    for k, step in enumerate([its_train, compiled, compiled, its_train, another, compiled] * 3):
        x = X[k : k + 40]
        same(train(x, Y[k : k + 40]).detach(), step(x, Y[k : k + 40]).detach())
        agree(state(model, opt), state(twin, its_opt))


def test_an_eager_graph_outlives_a_compiled_step():
    model, _, train = training()
    compiled = compile(train)
    compiled(X, Y)
    z = model(X)
    before = [p.numpy() for p in model.parameters()]
    compiled(X, Y)
    model.zero_grad()
    z.sum().backward()
    found = [p.grad for p in model.parameters()]
    twin, _, _ = training()
    for p, array in zip(twin.parameters(), before, strict=True):
        p.data = array
    twin(X).sum().backward()
    for g, p in zip(found, twin.parameters(), strict=True):
        same(g, p.grad)


def test_what_was_handed_out_is_not_written_into():
    model, opt, train = training("momentum")
    compiled = compile(train)
    for _ in range(3):
        loss = compiled(X, Y)
    held = [model[0].weight.data, model[0].weight.grad, opt.state[0]["velocity"], loss.numpy()]
    copies = [a.copy() for a in held]
    for _ in range(2):
        compiled(X, Y)
    for a, b in zip(held, copies, strict=True):
        same(a, b)


def test_loss_and_gradients_alone():
    model, _, _ = training()
    twin, _, _ = training()

    def gradients(model, x, y):
        loss = tx.cross_entropy(model(x), y, label_smoothing=0.1)
        loss.backward()  # nobody forgets the old ones: they add up
        return loss

    compiled = compile(gradients)
    for _ in range(4):
        same(gradients(model, X, Y).detach(), compiled(twin, X, Y))
        for p, q in zip(model.parameters(), twin.parameters(), strict=True):
            same(p.grad, q.grad)


def test_gradients_as_values():
    w = tx.Tensor(X[:8], requires_grad=True, name="w")

    def slopes(x):
        (g,) = tx.grad((w * x).sum() + (w**3).sum(), w, create_graph=True)
        (h,) = tx.grad(g.sum(), w)
        return {"first": g, "second": [h]}

    eager, found = slopes(X[:8]), compile(slopes)(X[:8])
    same(eager["first"].detach(), found["first"])
    same(eager["second"][0], found["second"][0])
    assert w.grad is None


def test_the_learners_update():
    w = tx.Tensor([1.0, 2.0], requires_grad=True)
    v = tx.Tensor([1.0, 2.0], requires_grad=True)

    def step_of(w):
        def step(lr):
            loss = (w * w * w).sum()
            w.grad = None
            loss.backward()
            w.data -= lr * w.grad
            w.data[0] *= 2
            return loss

        return step

    eager, compiled = step_of(w), compile(step_of(v))
    for lr in (0.1, 0.05, 0.02):
        same(eager(lr).detach(), compiled(lr))
        same(w.numpy(), v.numpy())
        same(w.grad, v.grad)
    assert len(compiled.programs) <= 2


def test_a_shape_or_dtype_is_traced_once():
    model, opt, train = training()
    twin, its_opt, its_train = training()
    compiled = compile(its_train)
    for n in (64, 32, 64, 32, 7, 64):
        same(train(X[:n], Y[:n]).detach(), compiled(X[:n], Y[:n]))
        same(train(X[:n], Y[:n].astype(np.int32)).detach(), compiled(X[:n], Y[:n].astype(np.int32)))
    agree(state(model, opt), state(twin, its_opt))
    count = len(compiled.programs)
    compiled(X[:32], Y[:32])
    assert len(compiled.programs) == count <= 7


class Cube(tx.Op):
    @tx.formula("x³")
    def forward(self, x):
        return x * x * x

    @tx.formula("ḡ ⊙ 3x²")
    def vjp_x(self, g, y, x):
        return g * (3 * x * x)


class Branching(tx.nn.Module):
    """Branches in its structure, and an op of the user's."""

    def __init__(self, skip):
        self.a = tx.nn.Linear(8, 8, rng=1)
        self.b = tx.nn.Linear(8, 3, rng=2)
        self.skip = skip
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        h = tx.apply(Cube(), self.a(x).tanh())
        h = h + x if self.skip else h
        left, right = tx.split(h, 2, axis=1)
        return self.b(tx.concatenate([right, left * 2], axis=1))


def test_a_model_with_branches_and_a_users_op():
    models = [Branching(skip=True) for _ in range(2)]
    optimizers = [tx.optim.Adam(m.parameters(), lr=0.01) for m in models]

    def step(model, opt, x, y):
        loss = tx.cross_entropy(model(x), y, weight=np.array([1.0, 2.0, 3.0]))
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    compiled = compile(step)
    for k in range(8):
        if k == 4:  # another branch: another program
            for model in models:
                model.skip = False
        same(
            step(models[0], optimizers[0], X, Y).detach(), compiled(models[1], optimizers[1], X, Y)
        )
        agree(state(models[0], optimizers[0]), state(models[1], optimizers[1]))
    assert models[0].calls == models[1].calls == 8


def test_freezing_and_replacing_layers_is_seen():
    model, opt, train = training()
    twin, its_opt, its_train = training()
    compiled = compile(its_train)
    for k in range(6):
        if k == 2:
            for m, o in ((model, opt), (twin, its_opt)):
                m[0].weight.requires_grad = False
                o.params[0].grad = None
        if k == 4:
            for m in (model, twin):
                m[0].weight = tx.Tensor(np.full((8, 16), 0.1, np.float32))
        same(train(X, Y).detach(), compiled(X, Y))
        agree(state(model, opt), state(twin, its_opt))


def test_ignored_rows_may_come_and_go():
    model, opt, train = training()
    twin, its_opt, its_train = training()
    compiled = compile(its_train)
    ignored = Y.copy()
    ignored[[3, 5]] = -100
    for y in (Y, ignored, Y, ignored[::-1].copy()):
        same(train(X, y).detach(), compiled(X, y))
        agree(state(model, opt), state(twin, its_opt))


def test_data_in_the_closure_is_read_anew():
    model, _, _ = training()
    x = X.copy()

    def loss():
        return tx.cross_entropy(model(x), Y)

    compiled = compile(loss)
    same(loss().detach(), compiled())
    x[3] = 1.0
    same(loss().detach(), compiled())
    x = X[:60] * 2
    with pytest.raises(ValueError, match="cross_entropy: the target has shape"):
        compiled()


def test_a_number_may_be_an_argument():
    def f(x, scale, power, flag):
        return (x * scale) ** power if flag else x + scale

    compiled = compile(f)
    for scale in (0.5, 2.0, -3.25):
        for power in (2, 3):
            for flag in (True, False):
                same(f(X, scale, power, flag), compiled(X, scale, power, flag))
    same(f(X, scale=1.5, power=2, flag=True), compiled(X, scale=1.5, power=2, flag=True))


def test_tensors_may_be_arguments():
    w = tx.Tensor(X[0], requires_grad=True)

    def step(x, scale):
        loss = (w * x * scale).sum()
        w.grad = None
        loss.backward()
        return loss

    compiled = compile(step)
    kept = []
    for k in range(40):  # each a new Tensor, none a new program
        x, y = (tx.Tensor(X[k], requires_grad=True) for _ in range(2))
        same(step(x, tx.Tensor(k)).detach(), compiled(y, tx.Tensor(k)))
        kept.append((x, y))
    for x, y in kept:  # at the end: an earlier gradient must not be written over
        same(x.grad, y.grad)
    assert len(compiled.programs) <= 2


def test_one_array_in_two_places():
    """What was shared must not be written into twice, nor returned from where it changes."""

    class State:
        a = b = None

    def step(x):
        old = state.a
        state.a = state.b = state.a + x
        return old, state.b

    found = []
    for f in (step, compile(step)):
        state = State()
        state.a, state.b = X.copy(), X.copy()
        for _ in range(3):
            arrays = [*f(X), state.a, state.b]
            found.append([a.copy() for a in arrays])
    for one, other in zip(found[:3], found[3:], strict=True):
        for a, b in zip(one, other, strict=True):
            same(a, b)


def test_what_is_read_after_the_update_is_what_it_was():
    found = []
    for wrap in (lambda f: f, compile):
        model, opt, train = training("momentum")

        @wrap
        def step(x, y, model=model, train=train):
            w, b = model[0].weight.detach(), model[0].bias.detach()
            train(x, y)
            return b, w, (w * 2).sum(), model[0].weight.detach() - w

        for _ in range(3):
            results = step(X, Y)
        found.append([*results, *state(model, opt).values()])
    for a, b in zip(*found, strict=True):
        same(a, b)


def test_two_updates_in_one_step_and_a_surprise_in_the_second():
    ignored, wrong = Y.copy(), Y.copy()
    ignored[5], wrong[5] = -100, 3
    found = []
    for wrap in (lambda f: f, compile):
        model, opt, train = training("momentum")

        @wrap
        def step(x, y, z, model=model, train=train):
            losses = train(x, y).detach(), train(x[9:], z[9:]).detach()
            return *losses, tx.cross_entropy(model(x[:9]), z[:9]).detach()

        results = [loss for z in (Y, Y, Y, ignored, Y, ignored) for loss in step(X, Y, z)]
        found.append([*results, *state(model, opt).values()])
    for a, b in zip(*found, strict=True):
        same(a, b)
    before = state(model, opt)
    with pytest.raises(IndexError):
        step(X, Y, wrong)
    agree(before, state(model, opt))


# --- what it refuses ------------------------------------------------------------------------------


def refused(function, *args):
    """The message, which names the line; and everything is as it was before."""
    with pytest.raises(TraceError) as error:
        compile(function)(*args)
    assert "test_compiler.py, line " in str(error.value)
    return str(error.value)


def test_control_flow_that_depends_on_values():
    w = tx.Tensor(X, requires_grad=True)

    def branch(x):
        if (w * x).sum() > 0:
            return w
        return -w

    said = refused(branch, X)
    assert "if (w * x).sum() > 0" in said
    assert "tx.where" in said
    same(w.numpy(), X)
    assert type(w._array) is np.ndarray


def test_leaving_for_python_and_for_numpy():
    w = tx.Tensor(X, requires_grad=True)
    assert ".item()" in refused(lambda x: (w * x).sum().item(), X)
    assert "float()" in refused(lambda x: float((w * x).sum()._array), X)
    assert "np.asarray" in refused(lambda x: np.linalg.norm(np.asarray(x)), X)
    assert ".tolist()" in refused(lambda x: (w * x).tolist(), X)
    assert "writes into an array that it was given" in refused(lambda x: x.__setitem__(0, 1.0), X)


def test_random_numbers():
    rng = np.random.default_rng(0)
    model, _, _ = training()

    def dropout(x):
        mask = rng.random(x.shape) < 0.5
        return model(x * mask)

    said = refused(dropout, X)
    assert "random" in said
    assert "pass them in" in said


def test_what_happens_once():
    model, _, train = training()
    losses = []

    def step(x, y):
        losses.append(train(x, y))

    with pytest.raises(TraceError, match="grew"):
        compile(step)(X, Y)
    assert losses == []
    outside = model(X)
    assert "before the call" in refused(lambda x: (outside * 2).sum(), X)


def test_a_wrong_label_is_said_as_eager_says_it():
    model, opt, train = training(sizes=(8, 64, 8, 3))  # a weight is as large as a batch
    compiled = compile(train)
    compiled(X[:8], Y[:8])
    compiled(X, Y)
    wrong = Y.copy()
    wrong[7] = 3
    before = state(model, opt)
    with pytest.raises(IndexError, match=r"target\[7\] is 3"):
        compiled(X * 2, wrong)
    agree(before, state(model, opt))
    with pytest.raises(IndexError, match=r"target\[7\] is 3"):
        compile(train)(X, wrong)


def test_who_listens_hears():
    _, _, train = training()
    compiled = compile(train)
    compiled(X, Y)
    with tx.detect_anomaly(), pytest.raises(tx.AnomalyError):
        compiled(X * np.nan, Y)


def test_nothing_grows():
    _, _, train = training("adam")
    compiled = compile(train)
    for _ in range(3):
        compiled(X, Y)
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(50):
        compiled(X, Y)
    assert len(gc.get_objects()) - before < 20
    assert 0 < compiled.memory < 100_000


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_fit_compiled_equals_fit(optimizer):
    found = []
    for compiled in (False, True):
        model = tx.nn.MLP([4, 8, 3], rng=0)
        rows = tx.data.load("iris")
        history = tx.fit(model, rows, epochs=5, optimizer=optimizer, compile=compiled)
        found.append((history, model.parameters()))
    assert found[0][0] == found[1][0]
    for a, b in zip(found[0][1], found[1][1], strict=True):
        same(a, b)


def test_fit_compiled_says_what_ran_away():
    model = tx.nn.MLP([4, 8, 3], rng=0)
    with pytest.raises(FloatingPointError, match="in epoch"):
        tx.fit(model, tx.data.load("iris"), optimizer="sgd", lr=1e30, compile=True)


def test_what_numpy_is_told_about_errors():
    """Silence that a rule asks for is in the program; what the caller asks for is his own."""

    def f(x):
        return tx.xlogy(x, x * 0).sum() if isinstance(x, tx.Tensor) else 1 / x

    compiled = compile(f)
    with np.errstate(divide="ignore"):
        compiled(X * 0)
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        compiled(X * 0)
    for x in (np.abs(X), np.abs(X) * 2):
        same(f(tx.Tensor(x)), compiled(tx.Tensor(x)))
    assert 'with np.errstate(divide="ignore"):' in compiled.source


def test_programs_keep_no_numbers():
    _model, _opt, train = training(sizes=(8, 500, 3))
    compiled = compile(train)
    compiled(X, Y)
    tracemalloc.start()
    compiled.trace(X, Y)
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept - compiled.memory < 400_000  # objects; the trace's arrays were 1.5 MB


class Momentum:
    """As a learner writes it: in place, with a step count of its own."""

    def __init__(self, params):
        self.params = params
        self.velocity = [np.zeros(p.shape, np.float32) for p in params]
        self.average = tuple(np.zeros(p.shape, np.float32) for p in params)
        self.lr, self.t = 0.1, 0

    def step(self):
        self.t += 1
        for p, v, a in zip(self.params, self.velocity, self.average, strict=True):
            v *= 0.9
            v += p.grad
            p.data -= self.lr / self.t**0.5 * v
            a += 0.5 * (p.data - a)


def test_an_optimizer_that_writes_in_place():
    found = []
    for wrap in (lambda f: f, compile):
        model, _, _ = training()
        opt = Momentum(model.parameters())
        held = [*opt.velocity, *opt.average]

        @wrap
        def step(x, y, model=model, opt=opt):
            loss = tx.cross_entropy(model(x), y)
            model.zero_grad()
            loss.backward()
            opt.step()
            return loss.detach()

        losses = [step(X, Y) for _ in range(5)]
        assert all(a is b for a, b in zip(held, [*opt.velocity, *opt.average], strict=True))
        found.append([*losses, opt.t, *held, *[p.numpy() for p in model.parameters()]])
    for a, b in zip(*found, strict=True):
        same(a, b)


def test_an_argument_that_is_written_into():
    def f(x):
        y = x * 2
        x += y
        return y

    compiled = compile(f)
    for _ in range(2):
        a, b = X.copy(), X.copy()
        same(f(a), compiled(b))
        same(a, b)


def test_gradients_are_clipped_and_hooked():
    found = []
    for wrap in (lambda f: f, compile):
        model, opt, _ = training()
        model[0].weight.register_hook(lambda g: g * 2)

        @wrap
        def step(x, y, model=model, opt=opt):
            loss = tx.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            norm = np.sqrt(sum((p.grad**2).sum() for p in model.parameters()))
            for p in model.parameters():
                p.grad *= np.minimum(1.0, 0.1 / norm)
                np.clip(p.grad, -0.01, 0.01, out=p.grad)
            opt.step()
            return norm

        norms = [step(X, Y) for _ in range(4)]
        found.append([*norms, *state(model, opt).values()])
    for a, b in zip(*found, strict=True):
        same(a, b)


def test_writing_into_what_a_graph_has_recorded():
    def f(w):
        w.data *= 2

    found = []
    for wrap in (lambda f: f, compile):
        step = wrap(f)
        w = tx.Tensor(X[0], requires_grad=True)
        step(w)
        y = (w * w).sum()  # from now on the array is the graph's
        step(w)
        y.backward()
        found.append([w.numpy(), w.grad])
    for a, b in zip(*found, strict=True):
        same(a, b)


def test_an_update_alone_follows_what_gradients_there_are():
    found = []
    for wrap in (lambda f: f, compile):
        model, opt, _ = training("momentum")
        update = wrap(lambda opt=opt: opt.step())
        for k in range(4):
            update()  # the first time there is no gradient
            model(X * k).sum().backward()
            if k == 2:
                model[0].weight.grad = None
        update()
        found.append(state(model, opt))
    agree(*found)


def test_the_default_dtype_is_part_of_it():
    compiled = compile(lambda x: x + tx.Tensor([0.5]))
    same(compiled(np.float64(1.0)), tx.Tensor([1.5]))
    tx.set_default_dtype(np.float64)
    try:
        assert compiled(np.float64(1.0)).dtype == np.float64
    finally:
        tx.set_default_dtype(np.float32)


class Recurrent:
    """A state that is carried on, made when it is missing, and flags that change by themselves."""

    def __init__(self):
        self.w = tx.Tensor(np.eye(8) * 0.5, requires_grad=True, dtype=np.float32)
        self.h = None
        self.last = None
        self.warm = self.odd = False
        self.calls = 0

    def __call__(self, x):
        h = x if self.h is None else x + self.h
        h = (h @ self.w).tanh()
        if self.warm and self.odd:
            h = h * 2
        self.calls += 1
        self.warm, self.odd = True, not self.odd
        self.last = h
        self.h = h.detach()
        self.mean = h.mean() * self.calls
        return h.sum()


def test_what_an_object_carries_from_call_to_call():
    found = []
    for wrap in (lambda f: f, compile):
        cell = Recurrent()

        def step(x, cell=cell):
            cell.w.grad = None
            loss = cell(x)
            loss.backward()
            return loss.detach()

        run = wrap(step)
        losses = [run(tx.Tensor(X * k)) for k in range(7)]
        cell.h = None  # start anew
        losses += [run(tx.Tensor(X * k)) for k in range(3)]
        things = [cell.h, cell.last.detach(), cell.mean.detach(), cell.w.grad]
        found.append([*losses, *things, cell.calls, cell.warm, cell.odd])
    for a, b in zip(*found, strict=True):
        same(a, b)
    assert len(run.programs) <= 8


def test_writing_in_place_keeps_the_dtype():
    def f(x, y):
        z = x * 2
        z += y
        z -= 1
        return z

    same(f(X, X / np.float64(3)), compile(f)(X, X / np.float64(3)))


def test_freezing_alone_is_seen():
    model, _, _ = training()

    def f(x):
        y = model(x)
        return y.detach() if y.requires_grad else y * 2

    compiled = compile(f)
    same(f(X), compiled(X))
    for p in model.parameters():
        p.requires_grad = False
    same(f(X), compiled(X))


class Trainer:
    scale = 1.0  # a setting of the class

    def __init__(self):
        self.model, self.opt, _ = training("adam")

    def plain(self, x, y):
        loss = tx.cross_entropy(self.model(x * self.scale), y)
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        return loss.detach()

    step = compile(plain)


def test_a_method_and_a_setting_of_its_class(monkeypatch):
    a, b, c = Trainer(), Trainer(), Trainer()
    for k in range(4):
        if k == 2:
            monkeypatch.setattr(Trainer, "scale", 0.5)
        same(a.plain(X, Y), b.step(X, Y))
        c.step(X[:8], Y[:8])
        agree(state(a.model, a.opt), state(b.model, b.opt))


def test_a_choice_of_rows_may_be_of_any_size():
    def f(x, y):
        chosen = x[y == 1]
        there = np.flatnonzero(y)
        return np.exp(chosen * 2) + 1, chosen.sum() + there, x[:, y[:8] == 2]

    compiled = compile(f)
    for shift in (0, 1, 0, 2):
        y = (Y + shift) % 4
        for _ in range(2):
            for a, b in zip(f(X, y), compiled(X, y), strict=True):
                same(a, b)
    y = np.zeros_like(Y)
    y[0] = 1  # a single one would broadcast
    for a, b in zip(f(X, y), compiled(X, y), strict=True):
        same(a, b)


def test_functions_with_several_results():
    def f(x):
        u, s, v = np.linalg.svd(x, full_matrices=False)
        rows, columns = np.nonzero(np.ones_like(x))
        return (u * s) @ v, rows + columns

    compiled = compile(f)
    for x in (X, X * 2):
        for a, b in zip(f(x), compiled(x), strict=True):
            same(a, b)


# --- the text -------------------------------------------------------------------------------------


def run_alone(folder, code):
    """Run code in a folder where NumPy is all there is."""
    blocked = "import sys; sys.modules['tinygrad_xent'] = sys.modules['scipy'] = None\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", blocked + code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_saved_source_trains_alone_to_the_last_bit(optimizer, tmp_path):
    model, opt, train = training(optimizer)
    compiled = compile(train)
    if optimizer == "sgd":
        compiled.trace(X, Y)  # from the very start
    else:
        compiled(X, Y)  # until the optimizer has its state
    compiled.save_source(tmp_path / "backprop.py")
    np.savez(tmp_path / "data.npz", x=X, y=Y)
    code = """
import numpy as np, backprop
data = np.load("data.npz")
losses = []
for k in range(20):
    backprop.state["lr"] = 0.1 / (k + 1)
    losses.append(backprop.train(data["x"][::-1], data["y"][::-1]))
np.savez("found.npz", losses=losses, **backprop.state)
"""
    run_alone(tmp_path, code)
    found = np.load(tmp_path / "found.npz")
    losses = []
    for k in range(20):
        opt.lr = 0.1 / (k + 1)
        losses.append(train(X[::-1], Y[::-1]).numpy())
    same(found["losses"], np.array(losses))
    for name, p in zip(("W1", "b1", "W2", "b2"), model.parameters(), strict=True):
        same(found[name], p._array)
    for name, one in zip(("W1", "b1", "W2", "b2"), opt.state, strict=True):
        for key, value in one.items():
            same(found[f"{key}_{name}"], np.asarray(value))


def test_the_saved_source_runs_as_a_script(tmp_path):
    _, _, train = training()
    compiled = compile(train)
    first = float(train(X, Y).numpy())
    compiled(X, Y)
    compiled.save_source(tmp_path / "backprop.py")
    lines = run_alone(tmp_path, "import runpy; runpy.run_path('backprop.py', run_name='__main__')")
    losses = [float(line.split()[1]) for line in lines.splitlines()]
    assert len(losses) == 10
    assert losses == sorted(losses, reverse=True)
    assert losses[0] < first


def test_the_source_reads_as_a_person_writes():
    _, _, train = training()
    compiled = compile(train)
    compiled.trace(X, Y)
    _, _, step = compiled.source.partition("def step(")
    for line in (
        "x, y, W1, b1, W2, b2, lr):",
        "# forward",
        "np.dot(x, W1, out=z1)                         # (64, 16)",
        "np.add(z1, b1, out=z1)                        # x W + b: (64, 16)",
        "np.maximum(z1, zeros, out=h1)                 # max(x, 0): (64, 16)",
        "losses, q_minus_p = softmax_xent(z2, labels)",
        "# backward",
        "np.divide(q_minus_p, N, out=dz2)              # ḡ (q - p) / N: (64, 3)",
        "np.dot(h1.T, dz2, out=dW2)                    # xᵀ ḡ: (16, 3)",
        "np.dot(dz2, W2.T, out=dh1)                    # ḡ Wᵀ: (64, 16)",
        "# update",
        "np.add(u, W1, out=W1)                         # θ - lr ḡ: (8, 16)",
        "return loss",
    ):
        assert line in step, line
    assert "def softmax_xent(z: Array, y: Array, " in compiled.source


def test_names_are_the_models():
    model, _, _ = training(sizes=(8, 3))
    temperature = tx.Tensor(2.0, requires_grad=True, name="temperature")

    def step(x, y):
        z = model(x) / temperature
        z.name = "scaled logits"
        loss = tx.cross_entropy(z, y, reduction="sum")
        loss.backward()
        return loss

    compiled = compile(step)
    compiled.trace(X, Y)
    for text in ("out=scaled_logits)", "out=dW)", "dtemperature", "np.divide(q_minus_p, "):
        assert text in compiled.source, text


def test_a_batch_that_is_no_power_of_two_is_multiplied_by_its_share():
    _, _, train = training()
    compiled = compile(train)
    compiled.trace(X[:50], Y[:50])
    assert (
        "np.multiply(q_minus_p, one_over_N, out=dz2)   # ḡ (q - p) / N: (50, 3)" in compiled.source
    )


def test_dead_code_and_double_code_are_gone():
    def f(x):
        unused = np.exp(x) * 3
        del unused
        return np.sin(x) * 2 + np.sin(x), x * 1.0

    compiled = compile(f)
    for a, b in zip(f(X), compiled(X), strict=True):
        same(a, b)
    assert compiled.source.count("np.sin") == 1
    assert "exp" not in compiled.source
    assert "copy" not in compiled.source


def test_memory_is_used_again():
    def chain(x):
        for _ in range(30):
            x = np.sin(x) + np.cos(x)
        return x.sum()

    compiled = compile(chain)
    same(chain(X), compiled(X))
    assert compiled.memory <= 3 * X.nbytes


def test_the_command_prints_and_writes_it(tmp_path, capsys):
    assert main(["source", "--data", "iris", "--hidden", "8", "--seed", "3"]) == 0
    printed = capsys.readouterr().out
    assert "losses, q_minus_p = softmax_xent(z2, labels)" in printed
    for optimizer, ending in (("sgd", ".py"), ("adam", "")):
        path = tmp_path / f"{optimizer}.v2.py"
        out = str(tmp_path / f"{optimizer}.v2{ending}")
        written = ["source", "--hidden", "", "--optimizer", optimizer, "--out", out]
        assert main(written) == 0
        assert capsys.readouterr().out == f"{path}\n"
        code = f"import runpy; runpy.run_path({path.name!r}, run_name='__main__')"
        losses = [float(line.split()[1]) for line in run_alone(tmp_path, code).splitlines()]
        assert len(losses) == 10
        assert losses == sorted(losses, reverse=True)


# --- programs made at random ----------------------------------------------------------------------

MOVES = [
    lambda a, b: a + b,
    lambda a, b: a * b * 0.5,
    lambda a, b: np.maximum(a, 0.5 * b),
    lambda a, b: a.T.copy().T,
    lambda a, b: a.copy()[::-1],
    lambda a, b: np.sin(a)[:, ::-1],
    lambda a, b: np.tanh(a - b),
    lambda a, b: a @ b.T @ b * 0.01,
    lambda a, b: np.where(a > b, a, -b),
    lambda a, b: (a - b.mean(axis=0)) / (1 + b.var(axis=0)),
    lambda a, b: a.reshape(-1)[::2].repeat(2).reshape(a.shape),
    lambda a, b: a.astype(np.float64).astype(np.float32),
    lambda a, b: a + b[0],
]


def written(a, b):
    c = a.copy()
    view = c[1:]
    c[1:3] = b[1:3]
    view[0] += 1
    np.add.at(c, ([0, 0], [1, 1]), 0.25)
    c *= 0.5
    return np.cos(view.sum() + c)


@pytest.mark.parametrize("seed", range(100))
def test_programs_at_random_equal_numpy(seed):
    def program(x, y):
        rng = np.random.default_rng(seed)
        values = [x, y]
        for _ in range(40):
            move = [*MOVES, written][rng.integers(len(MOVES) + 1)]
            recent = values[-6:]
            values.append(move(*(recent[k] for k in rng.integers(len(recent), size=2))))
        return [*values[-3:], values[rng.integers(len(values))]]

    x = np.random.default_rng(seed).normal(size=(6, 4)).astype(np.float32)
    compiled = compile(program)
    with np.errstate(all="ignore"):
        results = []
        for y in (x[::-1].copy(), x * 2, x - 1):
            wanted, found = program(x, y), compiled(x, y)
            results += zip([w.copy() for w in wanted], found, strict=True)
        for w, f in results:  # at the end: an earlier result must not be written over
            same(w, f)
    assert len(compiled.programs) == 1


def test_long_updates_have_a_heading_for_each_parameter():
    model = tx.nn.MLP([2, 4, 3], rng=0)
    for make, headings in ((tx.optim.SGD, []), (tx.optim.Adam, ["# W1", "# b1", "# W2", "# b2"])):
        optimizer = make(model.parameters(), lr=0.1)

        @tx.compile
        def step(x, y, optimizer=optimizer):
            loss = tx.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        step(np.ones((5, 2), np.float32), np.array([0, 1, 2, 1, 0]))
        update = step.source.partition("# update")[2].partition("return loss")[0]
        assert [x.strip() for x in update.splitlines() if x.strip().startswith("# ")] == headings
