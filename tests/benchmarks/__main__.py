"""The tables: one training step beside hand-written NumPy, and one op at a time."""

from __future__ import annotations

import argparse
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from . import per_op
from .baseline import SIZES, Size, problem
from .contestants import BASELINE, COMPILED, OURS, PEERS, Entrants, check_same_work
from .timing import interleaved

QUICK = 5


def main() -> None:
    options = _options()
    ours = OURS | COMPILED
    entrants = BASELINE | ours | ({} if options.no_peers else _installed(PEERS))
    _print_facts(entrants)
    rounds = QUICK if options.quick else options.rounds
    print(f"\nOne training step (forward, cross-entropy, backward, SGD), median of {rounds} rounds")
    print("label checks in all but NumPy by hand; in multiples of its time, ours with the target\n")
    print(f"{'':32}{''.join(f'{name:>18}' for name in entrants)}")
    for size in SIZES:
        if options.size in (None, size.name):
            print(_row(size, entrants, rounds), flush=True)
    print("\nOne op, in µs, at the hidden layer of the smallest network\n")
    print(f"{'':16}{'forward: NumPy':>18}{'ours':>8}{'backward: NumPy':>18}{'ours':>8}")
    for row in per_op.rows():
        a, b, c, d = per_op.costs(row, rounds)
        print(f"{row.name:16}{a:16.2f}{b:8.2f}{c:18.2f}{d:8.2f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="how often each takes its turn")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} rounds: does it run at all?")
    parser.add_argument("--size", choices=[size.name for size in SIZES], help="this one alone")
    parser.add_argument("--no-peers", action="store_true", help="NumPy and ours alone")
    return parser.parse_args()


def _installed(peers: Entrants) -> Entrants:
    found = {name: peer for name, peer in peers.items() if _version(name)}
    if missing := [name for name in peers if name not in found]:
        print(f"not installed, left out: {', '.join(missing)}")
    return found


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _print_facts(entrants: Entrants) -> None:
    versions = [f"{name} {_version(name)}" for name in entrants if name in PEERS]
    numbers = ["Python " + platform.python_version(), "NumPy " + np.__version__, *versions]
    print(f"{_cpu()}, {os.cpu_count()} CPUs, one thread used; {platform.system()}")
    print(", ".join(numbers) + "; float32")


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _row(size: Size, entrants: Entrants, rounds: int) -> str:
    """Microseconds for the first, ratios for the others, verdicts for ours."""
    task = problem(size)
    contestants = {name: entrant(task) for name, entrant in entrants.items()}
    check_same_work(contestants)
    results = interleaved({name: c.step for name, c in contestants.items()}, rounds)
    cells = []
    for name, (time, ratio) in results.items():
        if name in BASELINE:
            cells.append(f"{1e6 * time:.0f} µs")
        elif name in OURS or name in COMPILED:
            target = size.compiled if name in COMPILED else size.target
            verdict = "ok" if ratio <= target else "over"
            cells.append(f"{ratio:.2f} / {target} {verdict:>4}")
        else:
            cells.append(f"{ratio:.2f}")
    return f"{size!s:32}{''.join(f'{cell:>18}' for cell in cells)}"


if __name__ == "__main__":
    main()
