"""What ``import tinygrad_xent`` costs beside ``import numpy``, each in a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

ROOT = Path(__file__).parents[2]
TARGET = 1.3


def ratio(rounds: int) -> tuple[float, float, list[float]]:
    """Median seconds of NumPy and of ours, and the quartiles of the ratio; Python's start counts.

    Both read compiled files, as an installed package does.
    """
    with tempfile.TemporaryDirectory() as compiled:
        environment = os.environ | {"PYTHONPYCACHEPREFIX": compiled, "PYTHONPATH": str(ROOT)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        statements = ["import numpy", "import tinygrad_xent"]
        for statement in statements:
            _seconds(statement, environment)
        turns = [[_seconds(s, environment) for s in statements] for _ in range(max(2, rounds))]
    numpy, ours = (median(turn[k] for turn in turns) for k in (0, 1))
    return numpy, ours, quantiles(b / a for a, b in turns)


def _seconds(statement: str, environment: dict[str, str]) -> float:
    start = perf_counter()
    subprocess.run([sys.executable, "-c", statement], env=environment, check=True)
    return perf_counter() - start
