"""Tables: CSV and TSV as they come out of spreadsheets, databases and other programs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO

from .sources import TEXT, DataError, opened, shown

DELIMITERS = ("\t", ";", ",", "|")  # a tie goes to the first: in 1,5;2,5 the comma is decimal
FIRST = 50  # records that are looked at to tell how the table is written
MAX_COLUMNS = 100_000
MAX_RECORD = 2**24  # characters
MISSING = frozenset(
    ("", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "nil", "missing", "?", "-", ".")
)

MARK, MARKED = "\ufeff", ("utf-8-sig", "utf-16")  # byte order; encodings that take it away

Record = tuple[int, list[str]]  # the number of its first line in the file, and its cells


class MalformedError(DataError):
    """Cells that are not quoted as CSV wants it: another delimiter may do better."""


class Table:
    """How a table is written, found out from its first records, and a way through all of them."""

    def __init__(
        self,
        path: Path,
        *,
        header: bool | None = None,
        delimiter: str | None = None,
        encoding: str | None = None,
        decimal: str = ".",
    ) -> None:
        self.path, self.decimal = path, _checked_decimal(decimal)
        self.encoding = _encoding(path, encoding)
        self.delimiter, self.first = self._sniffed(delimiter)
        if not self.first:
            raise DataError(f"{path}: empty; wanted a table with a row per line")
        self.width = len(self.first[0][1])
        if self.width > MAX_COLUMNS:
            raise DataError(f"{path}: {self.width} columns; wanted at most {MAX_COLUMNS}")
        cells = [row for _, row in self.first]
        self.has_header = self._looks_like_header(cells) if header is None else header
        self.names = self._names(cells[0])

    def records(self) -> Iterator[Record]:
        """The rows below the header, each as long as the first line."""
        found = self._records(self.delimiter)
        if self.has_header:
            next(found)
        for line, row in found:
            if len(row) != self.width:
                raise DataError(
                    f"{self.path}: line {line} has {len(row)} cells; wanted {self.width}, as in "
                    f"line {self.first[0][0]} (cells are parted by {self.delimiter!r})"
                )
            yield line, row

    def number(self, cell: str) -> float | None:
        """The number in a cell, or None; of Python's notations 1_000 is not one for a table."""
        if "_" in cell:
            return None
        if self.decimal == ",":
            if "." in cell:  # 1.234 may mean 1234 there: not to be guessed
                return None
            cell = cell.replace(",", ".")
        try:
            return float(cell)
        except ValueError:
            return None

    def place(self, line: int, column: int) -> str:
        """Where a cell stands, for a message."""
        return f"{self.path}: line {line}, column {shown(self.names[column])}"

    def text_columns(self, columns: Sequence[int]) -> list[str]:
        """Those of the columns that hold text in the first rows."""
        rows = [row for _, row in self.first[self.has_header :] if len(row) == self.width]
        return [self.names[j] for j in columns if any(self._is_text(row[j]) for row in rows)]

    def _is_text(self, cell: str) -> bool:
        return not is_missing(cell) and self.number(cell) is None

    def _is_number(self, cell: str) -> bool:
        return not is_missing(cell) and self.number(cell) is not None

    def _sniffed(self, delimiter: str | None) -> tuple[str, list[Record]]:
        """The delimiter that parts the first records into equally many cells, the most of them."""
        if delimiter is not None:
            if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n\0':
                raise ValueError(f"delimiter must be one character, got {delimiter!r}")
            return delimiter, list(islice(self._records(delimiter), FIRST))
        found = {candidate: self._tried(candidate) for candidate in DELIMITERS}

        def how_well(candidate: str) -> tuple[bool, bool, int]:
            agree, cells = _agreement(found[candidate])
            return agree, candidate != self.decimal, cells  # 1,5;2,5 are not three cells

        best = max(found, key=how_well)
        if _agreement(found[best]) <= (False, 1):  # a column at most: a comma would part them
            best = ","
        return best, list(islice(self._records(best), FIRST))

    def _tried(self, delimiter: str) -> list[Record]:
        try:
            return list(islice(self._records(delimiter), FIRST))
        except MalformedError:
            return []

    def _records(self, delimiter: str) -> Iterator[Record]:
        with opened(self.path, TEXT) as raw, _text(raw, self.encoding) as text:
            lines = _Lines(text, self.path, "" if self.encoding in MARKED else MARK)
            # Python 3.13 refuses skipinitialspace beside a blank as the delimiter.
            skip = delimiter != " "
            rows = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=skip)
            try:
                while True:
                    line = rows.line_num + 1
                    lines.length = 0
                    row = next(rows, None)
                    if row is None:
                        return
                    if delimiter == " ":  # in columns that were lined up, several part like one
                        row = [cell for cell in row if cell]
                    if len(row) > 1 or (row and row[0].strip()):  # blank lines are no rows
                        yield line, row
            except csv.Error as error:
                why = f"{self.path}: line {rows.line_num}: not a row of a table: {error}"
                raise MalformedError(why) from error
            except UnicodeError as error:
                raise DataError(
                    f"{self.path}: after line {rows.line_num}: not {self.encoding} text: {error}; "
                    "encoding='cp1252' (--encoding cp1252) reads what Windows programs often write"
                ) from error

    def _looks_like_header(self, first: list[list[str]]) -> bool:
        """Whether the first line names the columns.

        It does if nothing in it is a number, or if it has text above a column of numbers, or if it
        counts the columns (0, 1, 2, ...), as pandas does where it was told no names.
        """
        top = [cell.strip() for cell in first[0]]
        below = [row for row in first[1:] if len(row) == len(top)]
        if not any(self._is_number(cell) or (cell and is_missing(cell)) for cell in top):
            return True
        for j, cell in enumerate(top):
            column = [row[j] for row in below if not is_missing(row[j])]
            if self._is_text(cell) and column and all(self._is_number(c) for c in column):
                return True
        counted = [str(j) for j in range(len(top) - 1)]
        last = {row[-1].strip() for row in below}
        return len(top) > 3 and top[:-1] == counted and bool(below) and top[-1] not in last

    def _names(self, top: list[str]) -> tuple[str, ...]:
        if not self.has_header:
            return tuple(f"x{j}" for j in range(self.width))
        names = tuple(cell.strip() for cell in top)
        seen: set[str] = set()
        for name in names:
            if name and name in seen:
                raise DataError(
                    f"{self.path}: two columns are called {shown(name)}; rename one of them"
                )
            seen.add(name)
        return names


def is_missing(cell: str) -> bool:
    """Whether a cell says that nothing is known: empty, NA, nan, null, ? and their like."""
    return cell.strip().lower() in MISSING


def _agreement(records: list[Record]) -> tuple[bool, int]:
    """How well a delimiter does: whether all records have equally many cells, and how many."""
    counts = [len(row) for _, row in records] or [0]
    least = min(counts)
    return least > 1 and least == max(counts), least


def _checked_decimal(decimal: str) -> str:
    if decimal not in (".", ","):
        raise ValueError(f"decimal must be '.' or ',', got {decimal!r}")
    return decimal


def _encoding(path: Path, encoding: str | None) -> str:
    """The encoding asked for, or what a byte order mark says, or UTF-8."""
    with opened(path) as raw:
        start = raw.read(4)
    if encoding is not None:
        return encoding
    return "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _text(raw: IO[bytes], encoding: str) -> io.TextIOWrapper:
    try:
        return io.TextIOWrapper(raw, encoding=encoding, newline="")
    except (LookupError, TypeError) as error:
        raise ValueError(f"encoding must be one that Python knows, got {encoding!r}") from error


class _Lines:
    """The lines of a text, as csv.reader asks for them; a record without an end is refused.

    `length` counts the characters since it was last set to 0.
    """

    def __init__(self, text: IO[str], path: Path, mark: str = "") -> None:
        self.text, self.path, self.length = text, path, 0
        self.mark = mark  # at the beginning, to be passed over

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.text.readline(MAX_RECORD + 1).removeprefix(self.mark)
        self.mark = ""
        if not line:
            raise StopIteration
        self.length += len(line)
        if self.length > MAX_RECORD:
            raise DataError(f"{self.path}: a row of more than {MAX_RECORD:,} characters")
        if "\0" in line:
            raise DataError(f"{self.path}: there is a NUL in it; wanted text, not binary data")
        return line


def finite(value: float) -> bool:
    """Whether a number is finite and stays so as a float32."""
    return math.isfinite(value) and abs(value) < 3.4028235677973366e38
