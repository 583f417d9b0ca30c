"""Data to learn from: real sets that come with the package, toys whose truth is known, batches.

- `load`, `names`: a data set by its name
- `read`, `read_rows`: data of your own, from tables, npz and IDX files; `DataError` says what is
  wrong with them
- `Dataset`: rows, labels, names, source; split into training and test part
- `Mixture`: the mechanism behind the toys, and their exact p(y|x)
- `Standardiser`: columns of mean 0 and standard deviation 1
- `batches`: one shuffled epoch

This room needs NumPy alone and knows no other room: it hands out plain arrays.
"""

from __future__ import annotations

from .batching import Standardiser, batches
from .catalogue import load, names
from .dataset import Dataset
from .reading import DataError, Rows, read, read_rows
from .toys import Mixture

__all__ = [
    "DataError",
    "Dataset",
    "Mixture",
    "Rows",
    "Standardiser",
    "batches",
    "load",
    "names",
    "read",
    "read_rows",
]
