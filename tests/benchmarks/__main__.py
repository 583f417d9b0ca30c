"""The tables: a step, an epoch, an op, the fused losses, memory, import beside NumPy; growth."""

from __future__ import annotations

import argparse
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

import numpy as np

from . import THREADS, epoch, imports, kernels, memory, per_op, scale
from .baseline import SIZES, Size, problem
from .contestants import (
    BASELINE,
    BUFFERS,
    COMPILED,
    LETTING_GO,
    OURS,
    PEERS,
    Entrants,
    check_same_work,
)
from .timing import interleaved

QUICK = 5
LIVES = 10
STEPS_TURN = 10  # ms: several steps even of the larger networks, as in a training loop


def main() -> None:
    options = _options()
    if options.threads != THREADS:
        raise SystemExit("write --threads N with a space: it is read before NumPy is imported")
    ours = OURS | COMPILED
    entrants = BASELINE | BUFFERS | ours | ({} if options.no_peers else _installed(PEERS))
    _print_facts(entrants)
    if options.scale:
        scale.report(1 if options.quick else scale.ROUNDS)
        return
    rounds = QUICK if options.quick else options.rounds
    if options.only != "kernels":
        _steps_and_ops(entrants, rounds, options.size, options.turn / 1e3)
    if options.only != "steps" and not options.size:
        for line in kernels.report(rounds, options.quick, "torch" in entrants):
            print(line, flush=True)


def _steps_and_ops(entrants: Entrants, rounds: int, wanted: str | None, turn: float) -> None:
    print(f"\nOne training step (forward, cross-entropy, backward, SGD), median of {rounds} rounds")
    print("label checks in all but NumPy by hand; in multiples of its time, ours with the target\n")
    print(f"{'':32}{''.join(f'{name:>18}' for name in entrants)}")
    for size in SIZES:
        if wanted in (None, size.name):
            print(_row(size, entrants, rounds, turn), flush=True)
    if wanted:
        return
    print("\nOne op, in µs, at the hidden layer of the smallest network\n")
    print(f"{'':16}{'forward: NumPy':>18}{'ours':>8}{'backward: NumPy':>18}{'ours':>8}")
    for row in per_op.rows():
        a, b, c, d = per_op.costs(row, rounds)
        print(f"{row.name:16}{a:16.2f}{b:8.2f}{c:18.2f}{d:8.2f}")
    quick = rounds == QUICK
    _print_epoch(2 if quick else 9, 6_000 if quick else epoch.ROWS)
    _print_memory()
    _print_import(3 if quick else 40)


def _print_epoch(rounds: int, rows: int) -> None:
    hand, ours, call, ratios = epoch.compared(rounds, rows)
    print(f"\nOne epoch of {rows:,} rows, 784-256-128-10, batch 128, SGD: by hand {hand:.2f} s")
    print(f"tx.fit {ours:.2f} s, {_ratio(median(ratios), epoch.TARGET)}", end="")
    print(f" (from {ratios[0]:.2f} to {ratios[-1]:.2f});", end=" ")
    print(f"the call, with its checks and the loss before training, {call:.2f} s")


def _print_memory() -> None:
    """Of the largest size."""
    size = SIZES[-1]
    print(f"\nPeak memory of a step, {size}, with parameters and batch")
    hand = memory.peak(size, BASELINE["NumPy by hand"])
    print(f"{'NumPy by hand':24}{hand / 1e6:8.1f} MB")
    for name, entrant in (OURS | LETTING_GO).items():
        peak = memory.peak(size, entrant)
        print(f"{name:24}{peak / 1e6:8.1f} MB  {_ratio(peak / hand, memory.TARGET)}")


def _print_import(rounds: int) -> None:
    numpy, ours, (low, middle, high) = imports.ratio(rounds)
    print(f"\nimport, in a fresh process: numpy {1e3 * numpy:.0f} ms, ours {1e3 * ours:.0f} ms,")
    print(f"{_ratio(middle, imports.TARGET)} (quartiles {low:.2f} and {high:.2f})")


def _ratio(ratio: float, target: float) -> str:
    return f"{ratio:.2f} / {target} {'ok' if ratio <= target else 'over'}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="how often each takes its turn")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} rounds: does it run at all?")
    parser.add_argument("--size", choices=[size.name for size in SIZES], help="this one alone")
    parser.add_argument("--turn", type=float, default=STEPS_TURN, help="ms a turn of steps lasts")
    parser.add_argument("--only", choices=["steps", "kernels"], help="these tables alone")
    parser.add_argument("--scale", action="store_true", help="how time and memory grow, instead")
    parser.add_argument("--threads", type=int, default=1, help="for BLAS; 1 unless given")
    parser.add_argument("--no-peers", action="store_true", help="NumPy and ours alone")
    return parser.parse_args()


def _installed(peers: Entrants) -> Entrants:
    found = {name: peer for name, peer in peers.items() if _version(name)}
    if missing := [name for name in peers if name not in found]:
        print(f"not installed, left out: {', '.join(missing)}")
    return found


def _version(distribution: str) -> str | None:
    try:
        return version(distribution.partition(" ")[0])
    except PackageNotFoundError:
        return None


def _print_facts(entrants: Entrants) -> None:
    versions = [f"{name.partition(' ')[0]} {_version(name)}" for name in entrants if name in PEERS]
    numbers = ["Python " + platform.python_version(), "NumPy " + np.__version__, *versions]
    used = "one thread" if THREADS == 1 else f"{THREADS} threads"
    print(f"{_cpu()}, {os.cpu_count()} CPUs, {used} used; {platform.system()}")
    print(", ".join(numbers) + "; float32")


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _row(size: Size, entrants: Entrants, rounds: int, turn: float) -> str:
    """Microseconds for the first, ratios for the others, verdicts for ours.

    Where arrays happen to lie in memory makes several per cent at the small sizes: so each
    contestant is made anew several times, between arrays of random sizes, and the median counts.
    """
    lives = []
    for life in range(min(LIVES, rounds)):
        _others = [
            np.empty(n, np.uint8) for n in np.random.default_rng(life).integers(5000, size=50)
        ]
        task = problem(size)
        contestants = {name: entrant(task) for name, entrant in entrants.items()}
        check_same_work(contestants)
        calls = {name: c.step for name, c in contestants.items()}
        lives.append(interleaved(calls, -(-rounds // LIVES), turn))
    cells = []
    for name in entrants:
        time, ratio = (median(life[name][k] for life in lives) for k in (0, 1))
        if name in BASELINE:
            cells.append(f"{1e6 * time:.0f} µs")
        elif name in OURS:
            cells.append(_ratio(ratio, size.targets[name != "ours, @ and +"]))
        elif name in COMPILED:
            cells.append(_ratio(ratio, size.compiled))
        else:
            cells.append(f"{ratio:.2f}")
    return f"{size!s:32}{''.join(f'{cell:>18}' for cell in cells)}"


if __name__ == "__main__":
    main()
