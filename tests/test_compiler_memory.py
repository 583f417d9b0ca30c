"""What a compiled step holds and takes, against the same step op by op."""

import gc
import tracemalloc

import numpy as np
import pytest

import tinygrad_xent as tx

OPTIMIZERS = {"sgd": tx.optim.SGD, "momentum": tx.optim.SGD, "adam": tx.optim.Adam}


def training(sizes, name, compiled):
    """A training step, its arguments, and the parameters."""
    model = tx.nn.MLP(sizes, rng=0)
    settings = {"momentum": 0.9} if name == "momentum" else {}
    optimizer = OPTIMIZERS[name](model.parameters(), lr=0.01, **settings)

    def step(x, y):
        loss = tx.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return tx.compile(step) if compiled else step, list(model.parameters())


def measured(step, *arguments, calls=30):
    """The peak of one call above what was there, and what stays after `calls` more."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        step(*arguments)
        peak = tracemalloc.get_traced_memory()[1] - before
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(calls):
            step(*arguments)
        gc.collect()
        return peak, tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    ("sizes", "batch"),
    [((2, 16, 16, 3), 64), ((64, 128, 10), 64), ((784, 256, 10), 128), ((32, *[32] * 6, 10), 256)],
    ids=str,
)
def test_the_plan_and_a_call_need_no_more_than_eager_execution(sizes, batch, optimizer):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, sizes[0])).astype(np.float32)
    y = rng.integers(sizes[-1], size=batch)
    eager, parameters = training(sizes, optimizer, compiled=False)
    compiled, _ = training(sizes, optimizer, compiled=True)
    for _ in range(3):
        eager(x, y)
        compiled(x, y)
    for p in parameters:  # the compiled step's are part of its plan
        p.grad = None
    eager_peak, _ = measured(eager, x, y)
    peak, grown = measured(compiled, x, y)
    assert compiled.memory + peak <= eager_peak
    assert grown < 1000


def test_what_stays_does_not_grow_with_the_size_or_number_of_results():
    """Results are the caller's: let go, nothing of them stays."""
    w = tx.Tensor(np.ones((500, 400), np.float32), requires_grad=True)

    @tx.compile
    def step(x):
        h = x @ w
        w.grad = None
        (h * h).mean().backward()
        w.data -= 1e-4 * w.grad
        return h, w.grad, w

    x = np.ones((300, 500), np.float32)
    for _ in range(3):
        step(x)
    _, grown = measured(step, x, calls=20)
    assert grown < 1000


def test_memory_counts_every_array_that_the_text_declares():
    step, _ = training((8, 5, 3), "adam", compiled=True)
    rng = np.random.default_rng(0)
    for _ in range(2):
        step(rng.normal(size=(7, 8)).astype(np.float32), rng.integers(3, size=7))
    names = {"np": np}
    _, _, declared = step.source.partition("# memory that every step writes into again\n")
    exec(declared.partition("\n\n")[0], names)
    arrays = {id(a): a for a in names.values() if isinstance(a, np.ndarray)}
    assert step.memory == sum(a.nbytes for a in arrays.values()) > 0
