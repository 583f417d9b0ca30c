"""Make tinygrad_xent/data/*.npz again from the packages that the data come from.

    pip install scikit-learn && pip install --no-deps palmerpenguins
    python tests/tools/rebuild_data.py            # writes the four files, prints their sha256
    python tests/tools/rebuild_data.py --check    # writes nothing; exit code 1 if an array differs

The arrays are what must agree. The bytes of a compressed file also depend on the zlib that Python
was built with, so after writing, copy the printed sha256 into tinygrad_xent/data/LICENSES.md.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import numpy as np

DATA = Path(__file__).resolve().parents[2] / "tinygrad_xent" / "data"
Arrays = dict[str, np.ndarray]


class Source(NamedTuple):
    """Where one set comes from: a file of an installed package, known by its hash."""

    package: str
    path: str
    sha256: str


SOURCES = {
    "digits": Source(
        "scikit-learn",
        "sklearn/datasets/data/digits.csv.gz",
        "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
    ),
    "penguins": Source(
        "palmerpenguins",
        "palmerpenguins/data/penguins.csv",
        "f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93",
    ),
    "iris": Source(
        "scikit-learn",
        "sklearn/datasets/data/iris.csv",
        "f13ffa8fdd56fd8e6c8d16d4081a3fbd3114bcd0aae4256c43205169cd9d1449",
    ),
    "wine": Source(
        "scikit-learn",
        "sklearn/datasets/data/wine_data.csv",
        "10e8a802908b34f86e5da8ce962f3c806694bc98450a18f61851af59f324bede",
    ),
}

IRIS = ["sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"]
WINE = [
    *["alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols"],
    *["flavanoids", "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue"],
    *["od280/od315_of_diluted_wines", "proline"],
]


def find(source: Source) -> Path:
    """Return the source file, found without importing its package; exit unless the hash agrees."""
    try:
        path = Path(str(distribution(source.package).locate_file(source.path)))
    except PackageNotFoundError:
        sys.exit(f"{source.package} is not installed: pip install --no-deps {source.package}")
    if not path.is_file():
        sys.exit(f"the installed {source.package} has no file {source.path}")
    got = hashlib.sha256(path.read_bytes()).hexdigest()
    if got != source.sha256:
        sys.exit(f"{source.path} is not the known file: sha256 {got}, wanted {source.sha256}")
    return path


def pack(x: np.ndarray, y: np.ndarray, classes: list[str], features: list[str]) -> Arrays:
    """Return the arrays of one file: labels in a byte, names as text that needs no pickle."""
    return {
        "x": x,
        "y": y.astype(np.uint8),
        "classes": np.array(classes),
        "features": np.array(features),
    }


def digits(path: Path) -> Arrays:
    table = np.loadtxt(path, delimiter=",")  # loadtxt opens .gz by itself
    features = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    x = table[:, :-1].astype(np.uint8)
    assert np.array_equal(x, table[:, :-1])  # whole numbers: nothing is lost in a byte
    return pack(x, table[:, -1], [str(digit) for digit in range(10)], features)


def iris_or_wine(path: Path, features: list[str]) -> Arrays:
    # The first line is "rows, columns, class, class, class"; the last column is the label.
    header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    assert table.shape == (int(header[0]), int(header[1]) + 1)
    return pack(table[:, :-1].astype(np.float32), table[:, -1], header[2:], features)


def penguins(path: Path) -> Arrays:
    lines = path.read_text(encoding="utf-8").splitlines()
    features = lines[0].split(",")[2:6]
    rows = [line.split(",") for line in lines[1:]]
    rows = [row for row in rows if "NA" not in row[2:6]]  # sex may be missing: it is not used
    classes = sorted({row[0] for row in rows})
    x = np.array([row[2:6] for row in rows], dtype=np.float32)
    y = np.array([classes.index(row[0]) for row in rows])
    return pack(x, y, classes, features)


READERS = {
    "digits": digits,
    "penguins": penguins,
    "iris": lambda path: iris_or_wine(path, IRIS),
    "wine": lambda path: iris_or_wine(path, WINE),
}


def differences(name: str, wanted: Arrays) -> list[str]:
    """Return what is wrong with the committed file, a line per array that differs."""
    path = DATA / f"{name}.npz"
    if not path.is_file():
        return [f"{name}: there is no {path.name}"]
    with np.load(path, allow_pickle=False) as file:
        got = dict(file)
    if list(got) != list(wanted):
        return [f"{name}: holds the arrays {list(got)}, wanted {list(wanted)}"]
    return [
        f"{name}: {key} differs ({got[key].dtype}{got[key].shape}, wanted {a.dtype}{a.shape})"
        for key, a in wanted.items()
        if got[key].dtype != a.dtype or not np.array_equal(got[key], a)
    ]


def write(name: str, arrays: Arrays) -> None:
    """Write one file. NumPy dates every member of the zip 1980-01-01, so the bytes repeat."""
    path = DATA / f"{name}.npz"
    np.savez_compressed(path, **arrays)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"{name:9} {path.stat().st_size:6} bytes  {digest}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    wrong = []
    for name, source in SOURCES.items():
        arrays = READERS[name](find(source))
        if check:
            wrong += differences(name, arrays)
        else:
            write(name, arrays)
    for line in wrong:
        print(line, file=sys.stderr)
    if check and not wrong:
        print("all four files hold the arrays of their sources")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
