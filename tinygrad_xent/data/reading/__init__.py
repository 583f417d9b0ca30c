"""Reading data that users bring: tables, npz archives, IDX files; the known places of MNIST.

- `table`, `columns`: the cells of a table; numbers and labels out of them
- `archive`, `idx`: arrays; `arrays`: rows and labels out of them
- `labels`: classes out of labels
- `places`: where MNIST and Fashion-MNIST may be
- `found`: what a file holds, whatever it is; `reader`: the two functions
- `sources`: what may be opened, and how much may come out of it
"""

from __future__ import annotations

from .reader import Rows, read, read_rows
from .sources import DataError

__all__ = ["DataError", "Rows", "read", "read_rows"]
