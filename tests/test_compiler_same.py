"""compile(): whatever surrounds a step, it does what the step does, or says why it cannot."""

import collections
import functools
import itertools
import random
import sys
import threading
import time
import types

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.test_compiler import run_alone
from tinygrad_xent import TraceError, compile

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
Y = np.array([0, 1, 2, 0, 1, 2])
SCALE = 0.5


def bits(x):
    """All that can be seen of a result, to the last bit."""
    if isinstance(x, tx.Tensor):
        return "Tensor", x.requires_grad and x.op is None, bits(x._array), bits(x._grad)
    if isinstance(x, (np.ndarray, np.generic)):
        return type(x).__name__, x.dtype, x.shape, x.tobytes()
    if isinstance(x, (tuple, list)):
        return [type(x).__name__, *map(bits, x)]
    return [*x, *map(bits, x.values())] if isinstance(x, dict) else repr(x)


def parameter(row=0):
    return tx.Tensor(X[row], requires_grad=True)


# Each takes compile(), or nothing, and gives what its calls returned and left behind.


def arrays_that_are_written_into(wrap):
    def f(x):
        old = x.copy()
        x += 1
        return old, x.T.copy()

    run, x = wrap(f), X.copy()
    return [run(x), run(x), x]


def arrays_that_are_exchanged(wrap):
    def f(a, b):
        old = a.copy()
        np.multiply(b, 1.0, out=a)
        np.multiply(old, 1.0, out=b)

    a, b = X.copy(), X * 2
    wrap(f)(a, b)
    return [a, b]


def tensors_that_are_one(wrap):
    a, b, c = map(parameter, range(3))

    def f(x, y):
        loss = (x * x * y * c).sum()
        x.grad = y.grad = c.grad = None
        loss.backward()
        return loss.detach(), x

    run = wrap(f)
    pairs = [(a, b), (a, a), (b, a), (c, a), (a, c), (a, b), (b, b)]
    return [(run(x, y)[0], a.grad, b.grad, c.grad, run(x, y)[1] is x) for x, y in pairs]


def modules(wrap):
    module = sys.modules["its_settings"] = types.ModuleType("its_settings")
    module.__file__, module.scale = __file__, 0.5
    exec("def twice(x):\n    return x * scale", vars(module))
    names = {"settings": module}
    exec("def f(x):\n    return settings.twice(x) * settings.scale", names)
    run, found = wrap(names["f"]), []
    for module.scale in (0.5, 0.25):
        found.append(run(X))
    return found


class Settings:
    scale = 0.5
    table = np.ones(4, np.float32)


def settings_of_a_class(wrap):
    run, found = wrap(lambda x: x * Settings.scale * Settings.table), []
    for Settings.scale, Settings.table[0] in ((0.5, 1), (0.25, 2)):
        found.append(run(X))
    return found


class Scaled(tx.nn.Module):
    def __init__(self):
        self.w = parameter()

    def forward(self, x):
        return x * self.w * SCALE


def globals_of_a_method(wrap):
    global SCALE
    model, found = Scaled(), []
    run = wrap(lambda x: model(x).detach())
    for SCALE in (0.5, 0.25):  # noqa: B007 - the method reads it
        found.append(run(X))
    return found


def the_closure_of_a_method(wrap):
    scale = 0.5

    class Inner(tx.nn.Module):
        def forward(self, x):
            return x * scale

    model = Inner()
    run = wrap(lambda x: model(x))
    found = [run(X)]
    scale = 0.25
    return [*found, run(X)]


def defaults(wrap):
    scale = np.ones(4, np.float32)

    def f(x, scale=scale, by=2.0, *, more=scale):
        return x * scale * by + more

    run = wrap(f)
    found = [run(X)]
    scale[0] = 5
    found.append(run(X))
    f.__defaults__ = scale * 2, 3.0
    return [*found, run(X)]


def partials(wrap):
    scale = np.ones(4, np.float32)
    run = wrap(functools.partial(lambda scale, x: scale * x, scale))
    held = functools.partial(np.multiply, scale)
    other = wrap(lambda x: held(x))
    found = [run(X), other(X)]
    scale[0] = 5
    return [*found, run(X), other(X)]


class Slots:
    __slots__ = ("array", "k", "new")


def slots(wrap):
    it = Slots()
    it.k, it.array = 0, np.ones(4, np.float32)

    def f(x):
        it.k += 1
        it.new = x.sum()
        return x * it.k * it.array

    run = wrap(f)
    found = [run(X), run(X)]
    it.array[0] = 3
    found.append(run(X))
    it.array = np.zeros(4, np.float32)
    return [*found, run(X), it.k, it.new]


def other_collections(wrap):
    queue, counts = collections.deque([1.0, 2.0], maxlen=2), collections.Counter()
    chosen, several = {1}, collections.OrderedDict(a=X, b=X * 2)

    def f(x):
        queue.append(x.sum())
        counts["calls"] += 1
        ordered = sum(k * v for k, v in enumerate(several.values()))
        return x * counts["calls"] * sum(chosen) + queue[0] + ordered

    run, found = wrap(f), []
    for k in range(5):
        found.append(run(X * k))
        if k == 2:
            chosen.add(7)
        if k == 3:
            several.move_to_end("a")
    return [*found, list(queue), dict(counts)]


def shapes_alone(wrap):
    data = np.ones((5, 2))
    run = wrap(lambda x: x.astype(data.dtype) / len(data) * data.shape[1] + np.ndim(data))
    found = [run(X)]
    data = np.ones((7, 3), np.float32)
    found.append(run(X))
    data = np.ones((7, 3, 1), np.float32)
    return [*found, run(X)]


def tuples(wrap):
    it = types.SimpleNamespace()
    run, found = wrap(lambda x: x * sum(it.pair[:-1]) if it.pair[-1] == "a" else x), []
    for it.pair in ((0.5, "a"), (0.25, "a"), (0.5, "b"), (0.5, 0.25, "a"), (2, "a")):
        found.append(run(X))
    return found


def numbers_in_texts(wrap):
    it = types.SimpleNamespace(k=0, of={"l0": 2.0, "l1": 3.0, "0": 5.0, "1": 7.0})

    def f(x):
        return x * it.of.get(f"l{it.k}", 1.0) * it.of[str(it.k)] * it.of.get(f"{it.k!r}", 1.0)

    run, found = wrap(f), []
    for it.k in (0, 1, 0):
        found.append(run(X))
    return found


def whole_numbers_that_set_shapes(wrap):
    it = types.SimpleNamespace(n=3)

    def f(x, n, axis):
        z = np.exp(x[:n] * 2) + 1
        return z, z.sum(axis=axis) * 2, x.reshape(-1, it.n) + 1, x[n - 1]

    run = wrap(f)
    found = [run(X, n, axis) for n in (3, 1, 5) for axis in (0, 1, -1)]
    it.n = 6
    return [*found, run(X, np.int64(2), 0), run(X, np.int64(4), 0)]


def arguments_by_name(wrap):
    def f(x, a=1, b=1, **more):
        z = x * (2 if a is None else 3) * (5 if b is None else 7)
        return z + sum(k * v for k, v in enumerate(more.values()))

    run = wrap(f)
    calls = [{"a": None}, {"b": None}, {"c": 1.0, "d": 2.0}, {"d": 2.0, "c": 1.0}]
    return [run(X, **call) for call in calls]


def entries_by_tensors(wrap):
    w = parameter()
    velocity = {w: np.zeros(4, np.float32)}

    def f(x):
        w.grad = None
        (w * x).sum().backward()
        velocity[w] = 0.9 * velocity[w] + w.grad
        w.data -= 0.1 * velocity[w]

    run = wrap(f)
    return [run(X) for _ in range(4)] + [w, velocity[w]]


def the_order_of_a_dict(wrap):
    of = {"a": X, "b": X * 2}
    run = wrap(lambda x: sum((k * v for k, v in enumerate(of.values())), x))
    found = [run(X)]
    of["a"] = of.pop("a")
    return [*found, run(X)]


def compiled_in_compiled(wrap):
    it = types.SimpleNamespace(k=0.5)
    inner = wrap(lambda x: x * it.k)
    outer = wrap(lambda x: inner(x) + 1)
    found = [inner(X), outer(X), inner(X[:2]), outer(X)]
    it.k = 0.25
    return [*found, outer(X), inner(X)]


def hooks_that_come_later(wrap):
    w, found = parameter(), []

    def f(x):
        w.grad = None
        (w * x).sum().backward()

    run = wrap(f)
    for _ in range(3):
        run(X)
        found.append(w.grad)
        handle = w.register_hook(lambda g: g * 2)
    handle.remove()
    run(X)
    return [*found, w.grad]


def hooks_of_a_tensor_with_a_name(wrap):
    w, found = parameter(), []
    w.name = "w"

    def f(x):
        w.grad = None
        (w * x).sum().backward()

    run = wrap(f)
    for change in (lambda: None, lambda: setattr(w, "name", None), lambda: setattr(w, "name", "v")):
        change()
        run(X)
        found.append(w.grad)
    w.register_hook(lambda g: g * 2)
    run(X)
    return [*found, w.grad]


def gradients_of_what_is_returned(wrap):
    w = parameter()

    def f(x):
        t = tx.Tensor(x, requires_grad=True)
        h = w * t
        h.retain_grad()
        (h * h).sum().backward()
        w.grad = None
        return t, h.grad, h.detach()

    run = wrap(f)
    return [run(X), run(X * 2)]


def results_that_are_kept(wrap):
    w = parameter()

    def f(x):
        h = w * x
        w.grad = None
        h.sum().backward()
        w.data -= 0.1 * w.grad
        return [x, h._array.T, h._array[1:], w.grad, w.grad[:2], w.detach()]

    run = wrap(f)
    return [[part.copy() if part is X else part for part in run(X * k)] for k in range(4)]


def writing_where_it_holds(wrap):
    def f(x, y):
        z = x * 2
        np.add(z, y, out=z, where=x > 0)
        np.multiply(z, 2, out=z, where=y[0] > 0)
        return z

    run = wrap(f)
    return [run(X, X * 3), run(X - 1, X), run(-X, X[::-1])]


def layouts(wrap):
    """What lies by columns stays so: the last bit of a product may depend on it."""
    w = tx.Tensor(np.eye(4) + X[:4], requires_grad=True)
    optimizer = tx.optim.SGD([w], lr=0.1)

    def f(x):
        loss = ((x @ w.T) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    run, found = wrap(f), []
    for x in (X, np.asfortranarray(X), X[::2], X[:, ::-1], X[:1]):
        run(x)
        found += [w, w._array.strides]
    return found


def an_unusual_dtype(wrap):
    def f(x, k):
        return np.float_power(x, 0.1), np.float_power(x, k), np.ldexp(x, 3), x**k, x % 0.3, x // k

    run, x = wrap(f), np.abs(X)
    return [run(a, k) for a in (x, x.astype(np.float16), x.astype(float)) for k in (0.3, 0.7)]


def numbers_in_brackets(wrap):
    def f(x, a, b):
        c, d = (a + b) - (a - 2.0), (a / b) / (b / a)
        return (
            x * (a - ((a + b) - (b + 2.0))),
            x / ((a + b) * (c - d)),
            x - (-a - -b),
            x * ((-2.0) ** (a * 0 + 2)),
        )

    run = wrap(f)
    return [run(X, *pair) for pair in ((1.5, 2.5), (0.5, 3.0), (2, 3), (-1.5, 0.25))]


SAME = [
    numbers_in_brackets,
    arrays_that_are_written_into,
    arrays_that_are_exchanged,
    tensors_that_are_one,
    modules,
    settings_of_a_class,
    globals_of_a_method,
    the_closure_of_a_method,
    defaults,
    partials,
    slots,
    other_collections,
    shapes_alone,
    tuples,
    numbers_in_texts,
    whole_numbers_that_set_shapes,
    arguments_by_name,
    entries_by_tensors,
    the_order_of_a_dict,
    compiled_in_compiled,
    hooks_that_come_later,
    hooks_of_a_tensor_with_a_name,
    gradients_of_what_is_returned,
    results_that_are_kept,
    an_unusual_dtype,
    layouts,
    writing_where_it_holds,
]


@pytest.mark.parametrize("what", SAME, ids=lambda f: f.__name__)
def test_it_is_the_same(what):
    wanted = bits(what(lambda f: f))
    found = bits(what(compile))
    assert len(wanted) == len(found)
    for one, other in zip(wanted, found, strict=True):
        assert one == other


# --- what happens once ----------------------------------------------------------------------------

SEEN, QUEUE, COUNTS, GATHERED = [], collections.deque(), collections.defaultdict(list, a=[]), set()
RNG, PYTHONS, COUNT = np.random.default_rng(0), random.Random(0), itertools.count()


def draws_and_branches(x):
    return x if RNG.integers(1000) < 1001 else -x


def draws_from_all(x):
    return x if np.random.random() < 2 else -x  # noqa: NPY002


def draws_as_python_does(x):
    return x if PYTHONS.random() < 2 else -x


def prints(x):
    print("a step")
    return x


def asks_for_the_time(x):
    return x if time.time() > 0 else -x


def takes_the_next(x):
    return x if next(COUNT) < 3 else -x


def grows_a_deque(x):
    QUEUE.append(1)
    return x


def grows_a_list_in_a_dict(x):
    COUNTS["a"].append(1)
    return x


def grows_a_set(x):
    GATHERED.add(3)
    return x


def grows_a_list_in_a_hook(x):
    w = tx.Tensor(x, requires_grad=True)
    w.register_hook(SEEN.append)
    (w * x).sum().backward()
    return x


def asks_for_a_type(x):
    return x if type(x) is np.ndarray else -x


def catches_what_was_said(x):
    try:
        return x * float(x.sum())
    except RuntimeError:
        return x


def returns_what_it_made(x):
    return types.SimpleNamespace(x=x.shape)


def changes_a_constant(x):
    table = np.ones(4, np.float32)
    z = x * table
    table[0] = 3
    return z + x * table


def writes_into_what_it_reads(x):
    y = x[:2]
    x += 1
    return y


REFUSED = {
    draws_and_branches: "draws random numbers from RNG",
    draws_from_all: "draws random numbers from np.random",
    draws_as_python_does: "draws random numbers from PYTHONS",
    prints: r"test_compiler_same.py, line \d+: print.*the function prints",
    asks_for_the_time: r"line \d+: .*asks for the time",
    takes_the_next: "takes the next of a count",
    grows_a_deque: "QUEUE grew",
    grows_a_list_in_a_dict: "COUNTS.a grew",
    grows_a_set: "a set grew",
    grows_a_list_in_a_hook: "SEEN grew",
    asks_for_a_type: "does something else when it is traced: its result differs",
    catches_what_was_said: r"line \d+: .*float\(\) asks for the numbers",
    returns_what_it_made: "returns a SimpleNamespace that it has made",
    changes_a_constant: r"line \d+: .*was written into after it had been used",
    writes_into_what_it_reads: r"line \d+: .*writes into an array that it was given",
}


@pytest.mark.parametrize(
    ("function", "said"), REFUSED.items(), ids=lambda x: getattr(x, "__name__", "")
)
def test_what_would_happen_once_is_refused(function, said, capsys):
    state = RNG.bit_generator.state
    with pytest.raises(TraceError, match=said):
        compile(function)(X.copy())
    assert RNG.bit_generator.state == state
    assert not any(map(len, (SEEN, QUEUE, COUNTS["a"], GATHERED)))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("given", [{}, {"h": None}, [], [None]], ids=str)
def test_a_list_that_is_an_argument_is_not_written_into(given):
    def f(into, x):
        if isinstance(into, dict):
            into["h"] = x * 2
        elif into:
            into[0] = x * 2
        else:
            into.append(x * 2)

    before = bits(given)
    with pytest.raises(
        TraceError, match=r"writes into the (dict|list) that is its argument 'into'"
    ):
        compile(f)(given, X)
    assert bits(given) == before


def test_memory_that_is_shared_is_not_written_into():
    def f(a, b):
        a += 1
        return b * 2

    compiled, d = compile(f), np.arange(8.0)
    np.testing.assert_array_equal(compiled(d[:4], np.ones(4)), [2, 2, 2, 2])
    before = d.copy()
    for a, b in ((d, d), (d[:4], d[2:6])):
        with pytest.raises(TraceError, match="writes into an array that it was given"):
            compiled(a, b)
    np.testing.assert_array_equal(d, before)


def test_threads_take_turns():
    model = tx.nn.MLP([4, 64, 64, 3], rng=0)
    compiled = compile(lambda x: model(x).detach().numpy())
    wanted = [compiled(X * k).tobytes() for k in range(4)]
    wrong = []

    def work(k):
        wrong.extend(k for _ in range(100) if compiled(X * k).tobytes() != wanted[k])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


# --- the saved program ----------------------------------------------------------------------------


class InPlace:
    def __init__(self, params):
        self.params, self.t = params, 0
        self.velocity = [np.zeros(p.shape, np.float32) for p in params]

    def step(self):
        self.t += 1
        for p, v in zip(self.params, self.velocity, strict=True):
            v *= 0.9
            v += p.grad
            p.data -= 0.1 / self.t * v


def in_place():
    model = tx.nn.MLP([4, 5, 3], rng=0)
    optimizer = InPlace(model.parameters())

    def step(x, y):
        loss = tx.cross_entropy(model(x), y)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def adding_up():
    w = parameter()

    def step(x, y):
        (w * x).sum().backward()
        w.data -= 0.1 * w.grad
        return w.detach(), w.grad, w.grad * 2

    return step


def strong_and_strange_numbers():
    it = types.SimpleNamespace(lr=np.float64(0.1), s=np.float32(0.3), top=np.inf, bad=np.nan)
    return lambda x, y: [x * it.lr, {"a": x * it.s, "b": 3}, np.minimum(x, it.top), x * it.bad]


def what_is_carried_on():
    it = types.SimpleNamespace(t=0, total=0.0, pair=(X[0].copy(), X[1].copy()))

    def step(x, y):
        it.t += 1
        it.total = it.total * 0.5 + x.sum()
        a, b = it.pair
        it.pair = b * 0.5 + x[0], a * 0.5
        return x * it.t, it.total, a + b

    return step


def exchanged():
    it = types.SimpleNamespace(a=X[0].copy(), b=X[1].copy())

    def step(x, y):
        it.a, it.b = it.b, it.a
        return it.a * x

    return step


ALONE = """
import numpy as np, backprop

def flat(r):
    parts = r.values() if isinstance(r, dict) else r if isinstance(r, (tuple, list)) else ()
    return [x for part in parts for x in flat(part)] if len(parts) else [r]

data = np.load("data.npz")
results = [backprop.train(*[data[name] for name in data.files][:GIVEN]) for _ in range(4)]
np.savez("found.npz", *[x for r in results for x in flat(r)])
"""


@pytest.mark.parametrize(
    "make",
    [in_place, adding_up, strong_and_strange_numbers, what_is_carried_on, exchanged],
    ids=lambda f: f.__name__,
)
def test_the_saved_program_goes_on_as_the_step_does(make, tmp_path):
    def flat(r):
        parts = r.values() if isinstance(r, dict) else r if isinstance(r, (tuple, list)) else ()
        return [x for part in parts for x in flat(part)] if len(parts) else [r]

    step = make()
    compiled = compile(step)
    compiled(X, Y)
    compiled.save_source(tmp_path / "backprop.py")
    np.savez(tmp_path / "data.npz", x=X, y=Y)
    given = (tmp_path / "backprop.py").read_text(encoding="utf-8").count("def train(x, y)") + 1
    run_alone(tmp_path, ALONE.replace("GIVEN", str(given)))
    wanted = [np.array(x) for _ in range(4) for x in map(np.array, flat(step(X, Y)))]
    found = np.load(tmp_path / "found.npz")
    assert len(wanted) == len(found.files)
    for w, name in zip(wanted, found.files, strict=True):
        assert bits(w) == bits(found[name]), name


def test_a_setting_that_the_step_changes_cannot_be_saved(tmp_path):
    it = types.SimpleNamespace(odd=False)

    def step(x):
        it.odd = not it.odd
        return x * 2 if it.odd else x

    compiled = compile(step)
    compiled(X)
    with pytest.raises(TraceError, match=r"sets 'odd' of it to .*would need another one"):
        compiled.save_source(tmp_path / "backprop.py")
    assert list(tmp_path.iterdir()) == []


def test_a_saved_program_is_for_its_settings(tmp_path):
    compiled = compile(lambda x, n: x[:n] * n)
    compiled(X, 3)
    compiled.save_source(tmp_path / "backprop.py")
    code = "import backprop, numpy as np\ntry:\n    backprop.train(np.ones((6, 4)), 2)\n"
    said = run_alone(tmp_path, code + "except ValueError as error:\n    print(error)")
    assert said == "this program is for another n\n"
