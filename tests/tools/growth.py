"""Train for a long time and see that the process does not grow.

    python tests/tools/growth.py                  # 10,000 steps of each kind, some minutes
    python tests/tools/growth.py --steps 100000 --kind eager

The first tenth of the steps is not counted: in it, memory is taken that will be used again. Printed
are, for the rest, by how much what Python has allocated grew, by how much what the operating system
has given, and how many objects only Python's cycle collector could free, which was switched off.
"""

import argparse
import gc
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np

import tinygrad_xent as tx

PAGE = 4096
LITTLE = 20_000  # bytes: what Python keeps at hand; the graph of one step is as large


def kinds():
    """By name: a function that takes one training step."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 20)).astype(np.float32), rng.integers(0, 5, 32)
    model = tx.nn.MLP([20, 32, 5], rng=0)
    optimizer = tx.optim.Adam(model.parameters(), lr=1e-3)

    def eager():
        loss = tx.cross_entropy(model(tx.Tensor(x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def step(x, y):
        loss = tx.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    compiled = tx.compile(step)

    def fit():
        tx.fit(model, (x, y), epochs=10, batch_size=16)  # of 2 steps each

    def second_order():
        loss = tx.cross_entropy(model(tx.Tensor(x)), y)
        slopes = tx.grad(loss, model.parameters(), create_graph=True)
        sum((slope * slope).sum() for slope in slopes).backward()
        optimizer.zero_grad()

    def watched():
        with tx.record() as tape, tx.detect_anomaly():
            eager()
        tape.story()

    return {
        "eager": (eager, 1),
        "compiled": (lambda: compiled(x, y), 1),
        "fit": (fit, 20),
        "second order": (second_order, 1),
        "recorded": (watched, 20),  # slow, so that fewer of them must do
    }


def resident():
    """The bytes that the operating system has given this process; 0 where it does not say."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * PAGE if status.exists() else 0


def grown(step, times):
    """By how many bytes Python and the process grew, and how many objects were left in cycles."""
    tracemalloc.start()
    for _ in range(max(times // 10, 5)):
        step()
    gc.collect()  # which also empties Python's lists of free tuples
    gc.disable()
    try:
        python, system = tracemalloc.get_traced_memory()[0], resident()
        for _ in range(times):
            step()
        cycles, system = gc.collect(), resident() - system
        return tracemalloc.get_traced_memory()[0] - python, system, cycles
    finally:
        gc.enable()
        tracemalloc.stop()


def main():
    """Print a line for each kind; the exit code is 1 if one of them grew."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--kind", choices=kinds(), action="append")
    options = parser.parse_args()
    print(f"{'steps of':14}   number  Python grew by  the process by  left in cycles       in")
    grew = False
    for name, (step, of) in kinds().items():
        if options.kind and name not in options.kind:
            continue
        times, began = max(options.steps // of, 10), time.monotonic()
        python, system, cycles = grown(step, times)
        seconds = time.monotonic() - began
        print(
            f"{name:14} {times * (of if name == 'fit' else 1):8,} {python:13,} B"
            f" {system / 1024:10,.0f} KiB {cycles:15,} {seconds:6.0f} s",
            flush=True,
        )
        grew |= python > LITTLE or system > 4 * 2**20 or cycles > 0
    return int(grew)


if __name__ == "__main__":
    sys.exit(main())
