"""The rows of claims.md: functions that assert a claim, and what must turn each of them red.

A row is a function named by the claim's key, in the module of its article. What it expects comes
from NumPy, SciPy, mpmath or paper, never from the package. Above it stands at least one mutation: a
mistake one could make in the code that the claim is about. `tests/tools/mutate_articles.py` makes
each of them in a copy of the package and sees the row turn red.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import tinygrad_xent

MODULES = {"000": "a000", "001": "a001", "002": "a002", "003": "a003", "beyond": "beyond"}
ROWS = {}


class Mutation(NamedTuple):
    """In `file` of the package, `new` stands where `old` stood, which occurs there once."""

    file: str
    old: str
    new: str

    @property
    def path(self):
        return Path(tinygrad_xent.__file__).parent / self.file

    def mutated(self, text):
        """The text of the file with the mistake in it."""
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file}: {text.count(self.old)} times, wanted 1: {self.old!r}")
        return text.replace(self.old, self.new)


class Row(NamedTuple):
    module: str
    function: Callable[[], None]
    mutations: list[Mutation]


def breaks(file, old, new):
    """Register the decorated function as a row that this mutation turns red."""

    def register(function):
        key = function.__name__
        row = ROWS.setdefault(key, Row(function.__module__, function, []))
        if row.function is not function:
            raise ValueError(f"two rows are called {key}")
        row.mutations.append(Mutation(file, old, new))
        return function

    return register


def load():
    """All rows, by key."""
    for module in MODULES.values():
        import_module(f"{__package__}.{module}")
    return ROWS
