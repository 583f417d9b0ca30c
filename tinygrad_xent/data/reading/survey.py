"""What stands in a table, column by column, before anybody trains on it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

from . import labels as names_of
from .columns import Column, position
from .reader import kind_of
from .sources import DataError, PathLike, existing, shown
from .table import Table, is_missing

MOST = 12  # different texts that are told
COMMA = re.compile(r"[-+]?\d+,\d+(?:[eE][-+]?\d+)?")


class ColumnSurvey(NamedTuple):
    """A column: its name, "numbers" or "text", how many cells are missing, and what is in it."""

    name: str
    holds: str
    missing: int
    values: str


class Survey(NamedTuple):
    """A table: how it is written, and its columns."""

    path: str
    has_header: bool
    delimiter: str
    rows: int
    incomplete: int  #: rows with a missing cell
    columns: list[ColumnSurvey]
    label: str  #: the name of the column of the labels, quoted


class _Column:
    """What was met in a column so far."""

    def __init__(self, name: str, is_missing: Callable[[str], bool]) -> None:
        self.name, self.missing, self.numbers = name, 0, 0
        self.is_missing = is_missing
        self.low, self.high = math.inf, -math.inf
        self.texts: dict[str, int] = {}
        self.others = self.commas = 0
        self.follow = True  # each number the one before and 1

    def add(self, table: Table, cell: str) -> bool:
        """Count a cell; whether it is missing."""
        if self.is_missing(cell):
            self.missing += 1
            return True
        number = table.number(cell)
        if number is not None:
            self.numbers += 1
            self.follow = self.follow and self.high in (-math.inf, number - 1)
            self.low, self.high = min(self.low, number), max(self.high, number)
        else:
            self.others += 1
            self.commas += COMMA.fullmatch(cell) is not None
        if cell in self.texts or len(self.texts) <= MOST:
            self.texts[cell] = self.texts.get(cell, 0) + 1
        return False

    def survey(self) -> ColumnSurvey:
        """What to say of it."""
        if self.others:
            holds = "text and numbers" if self.numbers else "text"
            if self.commas == self.others:
                holds = "text (--decimal ,?)"
        else:
            holds = "numbers" if self.numbers else "nothing"
        few = sorted(self.texts, key=names_of.natural)[:MOST]
        told = ", ".join(f"{shown(text)[1:-1]} ({self.texts[text]})" for text in few)
        many = len(self.texts) > MOST
        if holds == "numbers":
            values = f"{self.low:g} .. {self.high:g}" if many else told
            if many and self.follow and not self.missing:
                values += f" (numbers the rows; --ignore {shown(self.name)[1:-1]})"
        else:
            values = told + (", …" if many else "")
        return ColumnSurvey(shown(self.name)[1:-1], holds, self.missing, values)


def survey_of(
    path: PathLike, *, label: Column | None = None, limit: int | None = None, **layout: Any
) -> Survey:
    """Read a table and tell what is in it; arguments as for `tx.data.read`."""
    file = existing(path)
    if kind_of(file) != "table":
        raise DataError(f"{file}: not a table")
    table = Table(file, **layout)
    where = position(table, -1 if label is None else label, "label")
    columns = [_Column(name, is_missing) for name in table.names]
    columns[where].is_missing = names_of.MISSING.__contains__
    rows = incomplete = 0
    for _, row in islice(table.records(), limit):
        rows += 1
        pairs = zip(columns, row, strict=True)
        gaps = sum(column.add(table, cell.strip()) for column, cell in pairs)
        incomplete += gaps > 0
    told = [column.survey() for column in columns]
    name = shown(table.names[where])
    return Survey(str(file), table.has_header, table.delimiter, rows, incomplete, told, name)
