"""load: every data set by its name."""

from __future__ import annotations

import inspect
from typing import Any

from .bundled import BUNDLED, read
from .checks import unknown
from .dataset import Dataset
from .toys import TOYS


def names() -> tuple[str, ...]:
    """Return the names that `load` knows: the real sets first, then the toys.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> tx.data.names()
    ('digits', 'penguins', 'iris', 'wine', 'moons', 'spiral', 'rings', 'blobs', 'xor')
    """
    return (*BUNDLED, *TOYS)


def load(name: str = "digits", **options: Any) -> Dataset:
    """Return a data set by its name. Nothing is ever downloaded; each call returns new arrays.

    Real sets, which take no options:

    - "digits": 1797 handwritten digits of 8x8 pixels, 10 classes. A pixel is the share of ink in
      its 4x4 block, in [0, 1] (0 .. 16 in the original, divided by 16 here).
    - "penguins": 342 penguins of 3 species, 4 measurements in mm and g, of very different scale.
    - "iris": 150 flowers of 3 species, 4 measurements in cm.
    - "wine": 178 wines of 3 growers, 13 measurements of very different scale.

    Toys in the plane, whose true p(y|x) is known (`Dataset.posterior`): "moons", "spiral", "rings",
    "blobs", "xor".

    Parameters
    ----------
    name : str
        One of `names()`.
    n : int, toys only
        The number of rows (default 500); the sizes of the classes differ by at most one.
    seed : int or numpy.random.Generator, toys only
        The same seed gives the same rows (default 0).
    noise : float, toys only
        The standard deviation of the Gaussian noise, in the units of x.
    classes : int, "spiral", "rings" and "blobs" only
        The number of classes, at least 2.

    Raises
    ------
    ValueError
        If the name or an option does not exist, or the value of an option makes no sense.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> digits = tx.data.load("digits")
    >>> digits
    Dataset('digits', x=(1797, 64), y=(1797,), classes=10)
    >>> print((digits.x[0].reshape(8, 8) * 16).astype(int))  # a zero
    [[ 0  0  5 13  9  1  0  0]
     [ 0  0 13 15 10 15  5  0]
     [ 0  3 15  2  0 11  8  0]
     [ 0  4 12  0  0  8  8  0]
     [ 0  5  8  0  0  9  8  0]
     [ 0  4 11  0  1 12  7  0]
     [ 0  2 14  5 10 12  0  0]
     [ 0  0  6 13 10  0  0  0]]
    >>> digits.classes[digits.y[0]]
    '0'
    >>> tx.data.load("rings", n=90, classes=3)
    Dataset('rings', x=(90, 2), y=(90,), classes=3)
    """
    if name not in names():
        raise unknown("data set", name, names())
    allowed = list(inspect.signature(TOYS[name]).parameters) if name in TOYS else []
    for option in options:
        if option not in allowed:
            raise unknown(f"option of {name!r}", option, allowed)
    return TOYS[name](**options) if name in TOYS else read(name)
