"""Run the whole test suite on every Python and NumPy, in random order and in parallel.

    python tests/tools/matrix.py                # each Python, with its lowest and newest NumPy
    python tests/tools/matrix.py --ends         # the lowest of both, the newest of both
    python tests/tools/matrix.py --python 3.12 --numpy lowest --seed 7
    python tests/tools/matrix.py --orders 3     # three random orders of each
    python tests/tools/matrix.py --plain        # as written and one by one, too
    python tests/tools/matrix.py --bare         # with nothing, so no dot, on PATH
    python tests/tools/matrix.py --ends --without tests/test_memory.py
    python tests/tools/matrix.py --ends --share 2   # half of the test files in each, by turns
    python tests/tools/matrix.py --ends --folder environments --prepare     # make them, for later

Every pair gets an environment of its own in a temporary folder, or in one that is given and stays.
Printed is a row for each run; what pytest said of those that failed follows. The exit code is 1 if
one failed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
# The browser and the peers have environments of their own.
LEAVE_OUT = ["--ignore-glob=tests/test_browser*.py", "--ignore-glob=tests/test_peers_*.py"]


class Run(NamedTuple):
    """A row of the matrix: with which order (its seed, or as written) and how many processes."""

    python: str
    numpy: str
    seed: int | None
    processes: int
    without: tuple[str, ...] = ()


def lowest_numpy():
    """The lowest release that pyproject allows, and the first with wheels for a later Python."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    bound = re.search(r'"numpy>=([\d.]+)"', text)[1]
    return [bound + ".0" * (2 - bound.count(".")), "2.1.0"]


def interpreter(version):
    """The interpreter of a version, from PATH or from pyenv; None if there is none."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        return sys.executable
    roots = [os.environ.get("PYENV_ROOT"), Path.home() / ".pyenv"]
    found = [
        p for root in roots if root for p in Path(root).glob(f"versions/{version}.*/bin/python")
    ]
    for path in [shutil.which(f"python{version}"), *map(str, sorted(found))]:
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return path
    return None


def environment(folder, python, numpy):
    """The Python of a new environment with the package, its tests' needs and this NumPy."""
    there = Path(folder) / f"{python}-{numpy}"
    subprocess.run([interpreter(python), "-m", "venv", there], check=True)
    own = there / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [own, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    wanted = [f"numpy=={v}" for v in lowest_numpy()] if numpy == "lowest" else ["numpy"]
    for numpy_wanted in wanted:
        command = [*install, "--only-binary=numpy", "-e", f"{ROOT}[test]", numpy_wanted]
        if subprocess.run(command, capture_output=numpy_wanted is not wanted[-1]).returncode == 0:
            return own
    raise SystemExit(f"matrix: no environment for Python {python} with NumPy {wanted}")


def options_of(run):
    """What tells pytest to do so."""
    options = ["-q", "-p", "no:cacheprovider", *LEAVE_OUT]
    options += [f"--ignore={path}" for path in run.without]
    if run.seed is not None:
        options += ["--random-order-bucket=global", f"--random-order-seed={run.seed}"]
    if run.processes > 1:
        options += ["-n", str(run.processes), "--dist", "loadfile"]
    return options


def runs_of(options):
    """The rows that were asked for."""
    pythons = options.python or [version for version in PYTHONS if interpreter(version)]
    pairs = [(p, n) for p in pythons for n in options.numpy or ("lowest", "newest")]
    if options.ends:
        pairs = [(pythons[0], "lowest"), (pythons[-1], "newest")]
    found = []
    files = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/test_*.py"))
    for k, (python, numpy) in enumerate(pairs):
        seeds = [options.seed + k * options.orders + i for i in range(options.orders)]
        others = [file for i, file in enumerate(files) if (i - k) % options.share]
        without = (*options.without, *others)
        found += [Run(python, numpy, seed, options.processes, without) for seed in seeds]
        found += [Run(python, numpy, None, 1, without)] if options.plain else []
    return found


def main():
    """Run the matrix."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    option = parser.add_argument
    option("--python", action="append", metavar="X.Y", help="3.10 to 3.13; default those here")
    option("--numpy", action="append", choices=("lowest", "newest"))
    option(
        "--ends",
        action="store_true",
        help="the first Python with the lowest, the last with the newest",
    )
    option("--orders", type=int, default=1, metavar="N", help="random orders of each pair")
    option("--seed", type=int, default=int(time.time()) % 100_000, help="of the first order")
    option("--processes", type=int, default=os.cpu_count(), help="of each run")
    option("--plain", action="store_true", help="also as written, in one process")
    option("--bare", action="store_true", help="with an empty PATH")
    option("--without", action="append", default=[], metavar="FILE", help="of tests")
    option("--share", type=int, default=1, metavar="N", help="every N-th test file, then the next")
    option("--folder", metavar="DIR", help="where environments are, or are made and stay")
    option("--prepare", action="store_true", help="make the environments, run nothing")
    option("--list", action="store_true", help="say what would be done")
    options = parser.parse_args()
    found, failures = runs_of(options), []
    row = "{:8} {:>8} {:>13} {:>10} {:>8}  {}"
    print(row.format("Python", "NumPy", "order", "processes", "seconds", "result"), flush=True)
    environ = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    environ.pop("PYTHONPATH", None)
    if options.folder:
        place = nullcontext(Path(options.folder).resolve())
    else:
        place = tempfile.TemporaryDirectory(prefix="matrix-")
    with place as folder:
        path = str(Path(folder, "nothing")) if options.bare else environ["PATH"]
        for run in found:
            order = "as written" if run.seed is None else f"seed {run.seed}"
            if options.list:
                print(row.format(run.python, run.numpy, order, run.processes, "", ""))
                continue
            there = Path(folder) / f"{run.python}-{run.numpy}"
            own = next(there.glob("*/python"), None) or environment(folder, run.python, run.numpy)
            if options.prepare:
                continue
            script = "import numpy; print(numpy.__version__)"
            numpy = subprocess.run(
                [own, "-c", script], capture_output=True, text=True
            ).stdout.strip()
            began = time.monotonic()
            said = subprocess.run(
                [own, "-m", "pytest", *options_of(run)],
                cwd=ROOT,
                env=environ | {"PATH": path},
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
            seconds = f"{time.monotonic() - began:.0f}"
            last = (said.stdout.strip().splitlines() or ["nothing"])[-1]
            print(row.format(run.python, numpy, order, run.processes, seconds, last), flush=True)
            if said.returncode:
                about = f"Python {run.python}, NumPy {numpy}, {order}"
                failures.append(f"\n=== {about}\n{said.stdout[-20_000:]}{said.stderr[-5_000:]}")
    print(*failures, sep="\n")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
