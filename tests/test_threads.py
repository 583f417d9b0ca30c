"""Threads and asyncio tasks: each computes what it computes alone, to the last bit."""

import asyncio
import contextlib
import io
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.draw import make_dot
from tinygrad_xent.value import is_grad_enabled


@pytest.fixture(autouse=True)
def _switch_often():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def at_once(*jobs):
    """What each job returns, all begun at the same moment in threads of their own."""
    start = threading.Barrier(len(jobs))

    def begin(job):
        start.wait(timeout=60)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [running.result(timeout=120) for running in [pool.submit(begin, j) for j in jobs]]


def trained(seed, compiled, steps=25):
    """Losses and parameters of a training run, whose sizes depend on the seed."""
    rng = np.random.default_rng(seed)
    model = tx.nn.MLP([6, 10 + seed, 4], rng=seed)
    optimizer = tx.optim.Adam(model.parameters(), lr=1e-2)

    def step(x, y):
        loss = tx.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    run = tx.compile(step) if compiled else step
    losses = [
        run(rng.normal(size=(9, 6)).astype(np.float32), rng.integers(0, 4, 9)).item()
        for _ in range(steps)
    ]
    return [np.array(losses), *model.state_dict().values()]


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("compiled", [False, True])
def test_training_beside_training(compiled, threads):
    alone = [trained(seed, compiled) for seed in range(threads)]
    for _ in range(3):
        together = at_once(*[lambda s=seed: trained(s, compiled) for seed in range(threads)])
        for one, other in zip(alone, together, strict=True):
            for a, b in zip(one, other, strict=True):
                np.testing.assert_array_equal(a, b)


def test_fit_beside_fit():
    def run(seed):
        model = tx.nn.MLP([4, 8, 3], rng=seed)
        history = tx.fit(model, tx.data.load("iris"), epochs=2, seed=seed, compile=bool(seed % 2))
        return [list(map(tuple, history)), [p.tolist() for p in model.state_dict().values()]]

    alone = [run(seed) for seed in range(4)]
    assert repr(at_once(*[lambda s=seed: run(s) for seed in range(4)])) == repr(alone)


def test_backward_in_one_while_the_others_build():
    def chain(seed):
        x = tx.Tensor(np.random.default_rng(seed).random((3, 4)), requires_grad=True)
        y = x
        for _ in range(300):
            y = tx.tanh(y * 1.1 + x)
        y.sum().backward()
        (curvature,) = tx.grad(tx.grad((x**3).sum(), x, create_graph=True)[0].sum(), x)
        return x.grad.copy(), curvature.numpy()

    alone = [chain(seed) for seed in range(4)]
    for _ in range(3):
        for one, other in zip(
            alone, at_once(*[lambda s=seed: chain(s) for seed in range(4)]), strict=True
        ):
            np.testing.assert_array_equal(one, other)


# --- what threads share ---------------------------------------------------------------------------


def test_no_contribution_to_a_shared_parameter_is_lost():
    # Large, because NumPy lets other threads run while it adds large arrays.
    w = tx.Tensor(np.zeros(200_000), requires_grad=True)

    def accumulate():
        for _ in range(15):
            (w * 1.0).sum().backward()

    at_once(*[accumulate] * 4)
    np.testing.assert_array_equal(w.grad, np.full(200_000, 60.0))


def test_one_compiled_function_in_several_threads():
    w = np.random.default_rng(0).normal(size=(64, 64))
    compiled = tx.compile(lambda x: tx.tanh(tx.tanh(x @ w) @ w) @ w)
    rows = [np.full((32, 64), float(k)) for k in range(4)]
    wanted = [np.tanh(np.tanh(x @ w) @ w) @ w for x in rows]

    def run(k):
        return [compiled(tx.Tensor(rows[k])).numpy() for _ in range(60)]

    for k, results in enumerate(at_once(*[lambda k=k: run(k) for k in range(4)])):
        for result in results:
            np.testing.assert_allclose(result, wanted[k], rtol=1e-12)


def test_a_compiled_function_may_call_itself_and_be_copied():
    import copy

    half = tx.compile(lambda x: x * 0.5)
    twice = tx.compile(lambda x: half(half(x)))
    assert twice(tx.Tensor([8.0])).item() == 2.0
    assert copy.deepcopy(twice)(tx.Tensor([4.0])).item() == 1.0


def test_calls_of_modules_are_noted_in_every_thread():
    class Outer(tx.nn.Module):
        def __init__(self):
            self.inner = tx.nn.ReLU()

        def forward(self, x):
            return self.inner(x)

    def calls():
        model, x = Outer(), tx.Tensor([1.0], requires_grad=True)
        noted = []
        for _ in range(500):
            _, outer, before, _ = model(x)._call
            noted.append((outer() is model, before[1]() is model.inner))
        return set(noted)

    assert at_once(*[calls] * 4) == [{(True, True)}] * 4


def test_a_module_may_call_its_parts_in_threads():
    turn = threading.Barrier(2)

    class Part(tx.nn.Module):
        def __init__(self):
            self.w = tx.Tensor([2.0], requires_grad=True)

        def forward(self, x):
            turn.wait(timeout=60)  # so that the calls overlap, neither inside the other
            y = x * self.w
            turn.wait(timeout=60)
            return y + 1

    class Two(tx.nn.Module):
        def __init__(self):
            self.left, self.right = Part(), Part()

        def forward(self, x):
            left, right = at_once(lambda: self.left(x), lambda: self.right(x))
            return left * right

    model = Two()
    y = model(tx.Tensor([3.0], name="x"))
    y.backward()
    assert (model.left.w.grad, model.right.w.grad) == (21.0, 21.0)  # 3 (2 * 3 + 1)
    graph = make_dot(y).snapshot
    assert sorted((module.path, module.parent) for module in graph.modules) == [
        ("", ""),
        ("left", "m0"),
        ("right", "m0"),
    ]
    for path in ("left", "right"):
        assert [op.name for op in graph.ops if op.module == path] == ["multiply", "add"]


def test_numbers_of_values_are_unique():
    def made():
        return [tx.Tensor(0.0).number for _ in range(2000)]

    numbers = [n for some in at_once(*[made] * 4) for n in some]
    assert len(set(numbers)) == len(numbers)


def test_explain_speaks_of_this_threads_loss():
    x = tx.Tensor(3.0, requires_grad=True, name="x")
    loss = x * x
    loss.backward()
    others = []

    def elsewhere():
        others.append(tx.Tensor(1.0, requires_grad=True, name="y") * 2)
        others[-1].backward()

    at_once(elsewhere)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        tx.explain(x)
    assert "∂L/∂x = 3 + 3 = 6" in printed.getvalue()

    def explained():  # where no backward() was called in the thread: the last one anywhere
        with contextlib.redirect_stdout(io.StringIO()) as text:
            tx.explain(x)
        return text.getvalue()

    loss.backward()
    assert at_once(explained)[0].count("∂L/∂x") > 2


# --- what each thread has of its own --------------------------------------------------------------


def test_no_grad_anomaly_and_record_stay_in_their_thread():
    inside, done = threading.Event(), threading.Event()
    x = tx.Tensor([0.0, 1.0], requires_grad=True)

    def hold():
        with tx.no_grad(), tx.detect_anomaly(), tx.record() as tape:
            inside.set()
            assert done.wait(timeout=60)
            assert not is_grad_enabled()
            return tape

    def look():
        assert inside.wait(timeout=60)
        try:
            with np.errstate(all="ignore"):
                y = tx.log(x).sum()  # -inf, which detect_anomaly would stop
                y.backward()
            return is_grad_enabled(), y.requires_grad
        finally:
            done.set()

    tape, seen = at_once(hold, look)
    assert seen == (True, True)
    with pytest.raises(ValueError, match=r"no backward\(\) ran inside the block"):
        tape.story()


def test_a_new_thread_records_whatever_its_maker_does():
    with tx.no_grad():
        (enabled,) = at_once(is_grad_enabled)
        assert enabled
        assert not is_grad_enabled()


def test_each_thread_records_its_own_step():
    def step(k):
        w = tx.Tensor([float(k)], requires_grad=True, name=f"w{k}")
        for _ in range(20):
            with tx.record() as tape:
                (w * w).sum().backward()
                tx.optim.SGD([w], lr=0.0).step()
            names = [node.name for node in tape.story({}).graph.tensors if node.role == "parameter"]
            assert names == [f"w{k}"]

    at_once(*[lambda k=k: step(k) for k in range(4)])


def test_tasks_have_their_own_switch():
    async def quiet(started, go):
        with tx.no_grad():
            started.set()
            await go.wait()
            return is_grad_enabled(), await asyncio.to_thread(is_grad_enabled)

    async def loud(started, go):
        await started.wait()
        x = tx.Tensor([2.0], requires_grad=True)
        with tx.detect_anomaly():
            await asyncio.sleep(0)
            (x * x).sum().backward()
        go.set()
        return is_grad_enabled(), x.grad.tolist()

    async def main():
        started, go = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(quiet(started, go), loud(started, go))

    assert asyncio.run(main()) == [(False, False), (True, [4.0])]


def test_a_derivative_inside_a_derivative_stays_in_its_thread():
    # `hessian` makes every gradient inside its function a recorded one, in its thread alone.
    def curved():
        return [tx.hessian(lambda x: (x**3).sum(), np.array([2.0])).item() for _ in range(30)]

    def plain():
        x = tx.Tensor([2.0], requires_grad=True)
        return {tx.grad((x**3).sum(), x)[0].requires_grad for _ in range(300)}

    first, second = at_once(curved, plain)
    assert first == [12.0] * 30
    assert second == {False}


def test_files_written_at_once_are_whole(tmp_path):
    models = [tx.nn.MLP([4, 8, 3], rng=k) for k in range(4)]
    path = tmp_path / "model.safetensors"

    def write(k):
        for _ in range(5):
            tx.save(models[k], path)

    at_once(*[lambda k=k: write(k) for k in range(4)])
    loaded = tx.load_model(path).state_dict()
    assert any(
        all(np.array_equal(loaded[name], array) for name, array in model.state_dict().items())
        for model in models
    )
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_drawings_made_at_once_are_those_made_alone():
    def draw(k):
        x = tx.Tensor(np.arange(k + 2.0), requires_grad=True, name=f"x{k}")
        loss = (x * x).sum()
        loss.backward()
        return make_dot(loss).source

    alone = [draw(k) for k in range(4)]
    assert at_once(*[lambda k=k: draw(k) for k in range(4)]) == alone
