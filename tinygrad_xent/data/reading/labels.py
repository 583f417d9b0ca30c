"""Labels as they are written, and the classes that they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from .sources import DataError, shown, some

MAX_CLASSES = 10_000
# Labels are read more strictly than numbers: "none" or "-" may well be the name of a class.
MISSING = frozenset(("", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "?"))


def value(text: str) -> int | float | None:
    """The number that a label is, or None."""
    if re.fullmatch(r"[+-]?\d{1,400}", text, re.ASCII):
        return int(text)  # exactly: the numbers of customers are longer than a float's digits
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
        return None
    number = float(text)
    digits = text.lower().partition("e")[0].strip("+-0.")
    if number in (float("inf"), float("-inf")) or (number == 0 and digits):
        return None  # 1e400 and 1e-400 are no numbers that a float knows
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def classes_of(labels: Iterable[str], path: Path) -> tuple[tuple[str, ...], dict[str, int]]:
    """The classes in their natural order, and the class of every spelling.

    Numbers are ordered by value, and 1 and 1.0 are the same; text is ordered so that "type 2" comes
    before "type 10".
    """
    spellings = list(dict.fromkeys(labels))
    values = {text: value(text) for text in spellings}
    if None in values.values():
        names = sorted(spellings, key=natural)
        return tuple(names), {name: k for k, name in enumerate(names)}
    ordered = sorted({v for v in values.values() if v is not None})
    fractions = [v for v in ordered if isinstance(v, float)]
    if fractions and len(ordered) > 20:
        raise DataError(
            f"{path}: the labels are {len(ordered)} different numbers such as {fractions[0]}: a "
            "measurement, not a class; wanted the column of the classes as label (--label)"
        )
    rank = {v: k for k, v in enumerate(ordered)}
    names = [""] * len(ordered)
    for text, v in values.items():
        if v is not None:  # always
            alone = not names[rank[v]] and "." not in text and "e" not in text.lower()
            names[rank[v]] = text if alone else str(v)
    return tuple(names), {text: rank[v] for text, v in values.items() if v is not None}


def found_in(classes: Sequence[str], text: str) -> int | None:
    """The class that a label names among those that are known: as written, or by value."""
    if text in classes:
        return classes.index(text)
    number = value(text)
    if number is None:
        return None
    return next((k for k, name in enumerate(classes) if value(name) == number), None)


def natural(text: str) -> list[tuple[int, int, str]]:
    """A key to order by: numbers within the text count as numbers, and case does not count."""
    parts = re.split(r"(\d{1,400})", text, flags=re.ASCII)
    key = [(0, int(p), "") if p.isascii() and p.isdigit() else (1, 0, p.casefold()) for p in parts]
    return [*key, (2, 0, text)]


def unknown_label(text: str, classes: Sequence[str], where: str) -> DataError:
    """The error for a label that is none of the classes."""
    return DataError(f"{where}: the label {shown(text)} is none of the classes: {some(classes)}")
