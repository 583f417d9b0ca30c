"""From the cells of a table to rows of numbers and labels."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence, Sized
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import labels as names_of
from .sources import DataError, one_line, shown, some
from .table import Record, Table, finite, is_missing

CELLS = 2**18  # cells that are turned into numbers at a time

Column = str | int


class Gathered(NamedTuple):
    """What was read: rows (N, D), spellings of the labels, line numbers; how many rows were not."""

    x: NDArray[np.float32]
    labels: list[str]
    lines: NDArray[np.int64]
    dropped: int


class Missing:
    """The rows with a missing cell: how many, and where the first is."""

    def __init__(self) -> None:
        self.rows, self.first = 0, ""

    def note(self, table: Table, line: int, column: int, cell: str) -> None:
        """Keep the first place that is told."""
        self.first = self.first or f"{table.place(line, column)}: {shown(cell.strip())}"


def gather(
    table: Table,
    features: Sequence[int],
    label: int | None,
    *,
    drop_missing: bool,
    limit: int | None,
) -> Gathered:
    """Read the numbers in the columns `features` and the text in the column `label`."""
    records, missing = table.records(), Missing()
    pieces: list[NDArray[np.float32]] = []
    labels: list[str] = []
    lines = array("q")  # a list would take five times the memory
    spellings: dict[str, str] = {}  # so that a label is kept once, not in every row
    for chunk in _chunks(records, max(1, CELLS // len(features)), lines, limit):
        x, whole = _numbers(table, chunk, features, missing)
        if label is not None:
            whole &= _labelled(table, chunk, label, missing)
            texts = [spellings.setdefault(text, text) for text in _texts(chunk, label, whole)]
            if len(spellings) > names_of.MAX_CLASSES:
                raise _too_many(table, label)
            labels += texts
        missing.rows += int((~whole).sum())
        pieces.append(x[whole])
        kept = zip(chunk, whole.tolist(), strict=True)
        lines.extend(line for (line, _), keep in kept if keep)
    if missing.rows and not drop_missing:
        raise DataError(
            f"{missing.first} is a missing cell; {missing.rows} of "
            f"{missing.rows + len(lines)} rows have one. drop_missing=True (--drop-missing) "
            "leaves such rows out"
        )
    if not lines:
        below = " below the header" if table.has_header else ""
        gone = f", or each has a missing cell ({missing.first})" if missing.rows else ""
        raise DataError(f"{table.path}: there are no rows{below}{gone}")
    return Gathered(np.concatenate(pieces), labels, np.array(lines, dtype=np.int64), missing.rows)


def _chunks(
    records: Iterator[Record], size: int, kept: Sized, limit: int | None
) -> Iterator[list[Record]]:
    """The records, some at a time, until `limit` of them were kept."""
    while limit is None or len(kept) < limit:
        chunk = list(islice(records, size if limit is None else min(size, limit - len(kept))))
        if not chunk:
            return
        yield chunk


def _numbers(
    table: Table, chunk: list[Record], features: Sequence[int], missing: Missing
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The numbers of some records, and which rows have all of theirs."""
    cells = [row[j] for _, row in chunk for j in features]
    shape = (len(chunk), len(features))
    whole = np.ones(len(chunk), dtype=bool)
    plain = table.decimal == "." and "_" not in "".join(cells)
    try:
        with np.errstate(over="ignore"):
            x = np.array(list(map(float, cells)) if plain else [np.nan], np.float64)
            x32 = x.astype(np.float32)
        if np.isfinite(x32).all():
            return x32.reshape(shape), whole
    except ValueError:
        pass  # one of the cells is no number: look at each
    x32 = np.zeros(shape, np.float32)
    for i, (line, row) in enumerate(chunk):
        for k, j in enumerate(features):
            if is_missing(row[j]):
                missing.note(table, line, j, row[j])
                whole[i] = False
            else:
                x32[i, k] = _number(table, line, j, row[j], features)
    return x32, whole


def _number(table: Table, line: int, column: int, cell: str, features: Sequence[int]) -> float:
    number = table.number(cell.strip())
    where = f"{table.place(line, column)}: {shown(cell.strip())}"
    if number is None:
        comma = ""
        if table.decimal == "." and "," in cell and "." not in cell:
            comma = "; decimal=',' (--decimal ,) reads decimal commas"
        text = table.text_columns(features) or [table.names[column]]
        short = [name[:40] for name in text[:10]]
        option = one_line(",".join(short))
        raise DataError(
            f"{where} is not a number{comma}; ignore={short!r} (--ignore {option!r}) "
            "leaves columns of text out"
        )
    if not finite(number):
        raise DataError(f"{where} is not a finite number that a float32 can hold")
    return number


def _labelled(table: Table, chunk: list[Record], label: int, missing: Missing) -> NDArray[np.bool_]:
    """Which rows have a label."""
    there = np.ones(len(chunk), dtype=bool)
    for i, (line, row) in enumerate(chunk):
        if row[label].strip() in names_of.MISSING:
            missing.note(table, line, label, row[label])
            there[i] = False
    return there


def _texts(chunk: list[Record], label: int, whole: NDArray[np.bool_]) -> list[str]:
    kept = zip(chunk, whole.tolist(), strict=True)
    return [row[label].strip() for (_, row), keep in kept if keep]


def _too_many(table: Table, label: int) -> DataError:
    return DataError(
        f"{table.path}: column {shown(table.names[label])} has more than {names_of.MAX_CLASSES} "
        "different labels; wanted the column of the classes as label (--label)"
    )


# ---- which columns ----------------------------------------------------------------------------


def position(table: Table, column: Column, what: str) -> int:
    """Where a column stands that is given by its name or by its number, from 0 or from the end."""
    if isinstance(column, str) and column in table.names:
        return table.names.index(column)
    if isinstance(column, str) and re.fullmatch(r"\s*-?\d{1,9}\s*", column):
        column = int(column)
    if isinstance(column, (int, np.integer)) and not isinstance(column, bool):
        if -table.width <= column < table.width:
            return int(column) % table.width
        raise DataError(f"{table.path}: {what} {column}: there are {table.width} columns")
    wanted = shown(column) if isinstance(column, str) else repr(column)
    raise DataError(f"{table.path}: {what} {wanted}: no such column; there are {some(table.names)}")


def chosen(
    table: Table, label: int | None, columns: Sequence[Column] | None, ignore: Sequence[Column]
) -> list[int]:
    """The columns that are features."""
    left_out = {position(table, column, "ignore") for column in listed(ignore, "ignore")}
    if label in left_out:
        raise DataError(
            f"{table.path}: column {shown(table.names[label or 0])} is the label; it cannot be "
            "left out. label (--label) names another; not given, it is the last"
        )
    if columns is not None:
        places = [position(table, column, "columns") for column in listed(columns, "columns")]
        if len(set(places)) != len(places):
            raise DataError(f"{table.path}: columns {list(columns)!r}: one is there twice")
        if label in places:
            raise DataError(
                f"{table.path}: column {shown(table.names[label or 0])} is the label; it cannot "
                "be a feature too"
            )
        places = [j for j in places if j not in left_out]
    else:
        places = [j for j in range(table.width) if j != label and j not in left_out]
    for j in places:
        if not table.names[j]:
            raise DataError(
                f"{table.path}: column {j} has no name (pandas writes its row numbers so); "
                f"ignore=[{j}] (--ignore {j}) leaves it out"
            )
    if not places:
        raise DataError(
            f"{table.path}: no column is left to learn from; there are {table.width} columns, "
            f"parted by {table.delimiter!r}: is that the delimiter?"
        )
    return places


def listed(columns: Any, what: str) -> list[Column]:
    """Column names as a list; one name alone is a slip that a loop would take letter by letter."""
    if isinstance(columns, (str, bytes)) or not isinstance(columns, Sequence):
        raise ValueError(f"{what} must be a list of columns, got {columns!r}")
    return list(columns)
