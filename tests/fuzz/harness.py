"""Many hostile files for one reader, and what became of them."""

import importlib
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).parent
GROUPS = {"readers": ["tables", "archives", "idx"]}
SECONDS = 20.0  # one file may take no longer, even on a machine with much else to do


class Outcome(NamedTuple):
    target: str
    examples: int
    passed: int  # got past the first checks
    slowest: float  # seconds
    megabytes: float  # by which the process grew

    def __str__(self):
        return (
            f"{self.target}: {self.examples:,} tried, {self.passed / self.examples:.0%} past the "
            f"first checks, the slowest took {self.slowest:.2f} s, memory grew by "
            f"{self.megabytes:.0f} MB; right data or the promised error each time"
        )


def target(name):
    return importlib.import_module(f"tests.fuzz.{name}")


def names():
    """The targets that are there."""
    own = {"__init__", "__main__", "harness", "mutations", "guided"}
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in own)


def seeds(name):
    return sorted(path for path in (HERE / "seeds" / name).glob("*") if path.is_file())


def run(name, examples, seed=0, kept=None):
    """Try so many; the first that goes wrong is kept in the folder `kept`, and raised."""
    module, rng = target(name), np.random.default_rng(seed)
    files, passed, slowest = list(module.corpus()), 0, 0.0
    before = _megabytes()
    with tempfile.TemporaryDirectory() as folder:
        for content in files:
            assert module.attempt(content, folder), "a valid file is refused"
        for path in seeds(name):
            module.attempt(path.read_bytes(), folder)
        for k in range(examples):
            content = module.mutate(rng, files[int(rng.integers(len(files)))])
            began = time.process_time()  # what others on the machine take does not count
            try:
                passed += bool(module.attempt(content, folder))
                took = time.process_time() - began
                assert took < SECONDS, f"took {took:.1f} s"
            except BaseException:
                path = Path(kept or ".", f"hostile-{name}-{seed}-{k}")
                path.write_bytes(content)
                print(f"{name}: example {k} of seed {seed} is kept as {path}", file=sys.stderr)
                raise
            slowest = max(slowest, took)
    return Outcome(name, examples, passed, slowest, _megabytes() - before)


def _megabytes():
    """The most memory that this process had so far; Windows does not tell."""
    try:
        import resource
    except ImportError:
        return 0.0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)
