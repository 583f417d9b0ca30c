"""The benchmarks' own arithmetic, and what they rely on; never how long anything takes."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.benchmarks import memory, scale
from tests.benchmarks.baseline import Contestant, Size, one_hidden_layer, problem
from tests.benchmarks.contestants import (
    BASELINE,
    BUFFERS,
    COMPILED,
    LETTING_GO,
    OURS,
    check_same_work,
)
from tinygrad_xent import backprop, nn

SMALL = Size("small", (5, 7, 3), 11, (1.0, 1.0), 1.0)
DEEPER = SMALL._replace(layers=(5, 7, 6, 3))


def test_all_do_the_same_work():
    entrants = BASELINE | BUFFERS | OURS | COMPILED | LETTING_GO
    for size in (SMALL, DEEPER):
        check_same_work({name: entrant(problem(size)) for name, entrant in entrants.items()})


def test_work_that_differs_is_found():
    def lazy(task):
        parameters = [p.copy() for p in task.parameters]
        return Contestant(
            lambda: one_hidden_layer(task.x, task.y, *[p.copy() for p in parameters]),
            lambda: parameters,
        )

    with pytest.raises(AssertionError, match="lazy: parameter"):
        check_same_work(
            {"by hand": BASELINE["NumPy by hand"](problem(SMALL)), "lazy": lazy(problem(SMALL))}
        )


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law(power):
    sizes = [10.0, 20.0, 50.0, 90.0, 400.0]
    assert scale.exponent(sizes, [3 * n**power for n in sizes]) == pytest.approx(power)


def test_what_a_call_costs_anyway_does_not_count():
    sizes = [2**k for k in range(4, 15)]
    assert scale.exponent(sizes, [100 + n for n in sizes]) == pytest.approx(1, abs=0.1)


def test_the_peak_is_that_of_numpys_arrays():
    def entrant(task):
        return Contestant(lambda: np.ones(10**6, np.uint8).sum(), list)

    assert 1.0e6 < memory.peak(SMALL, entrant) < 1.1e6


@pytest.mark.parametrize("series", scale.SERIES, ids=lambda series: series.name)
def test_memory_grows_with_the_size_alone(series):
    small = [n for n in series.sizes if n <= 20_000][-3:]
    points = scale.measured(series._replace(sizes=small), rounds=1)
    found = scale.exponent(small, [p.bytes for p in points])
    assert found <= series.grows * 1.05


def test_fit_lets_the_graph_of_a_batch_go_before_the_step():
    class Watching(tx.optim.SGD):
        seen = 0

        def moved(self, theta, g, state):
            assert backprop.last_root() is None
            self.seen += 1
            return super().moved(theta, g, state)

    model = nn.MLP([2, 3, 2], rng=0)
    optimizer = Watching(model.parameters(), lr=0.1)
    rng = np.random.default_rng(0)
    tx.fit(
        model,
        (rng.normal(size=(6, 2)), np.arange(6) % 2),
        epochs=1,
        batch_size=2,
        optimizer=optimizer,
    )
    assert optimizer.seen == 3 * 4
