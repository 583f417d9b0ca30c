"""Data for the commands: options that say which, and tinygrad-xent data, which tells what it is."""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from .. import data
from ..data.bundled import BUNDLED, LICENCES
from ..data.checks import unknown
from ..data.reading.places import PLACES, candidates, located
from ..data.reading.survey import Survey, survey_of
from .arguments import at_least_one
from .saying import say

FEW = 12  # rows, which any column may happen to number
# The options that `tx.data.read` takes as they are.
READING = (
    *("label", "columns", "ignore", "drop_missing", "limit", "header"),
    *("delimiter", "decimal", "encoding"),
)


def add(commands: Any) -> None:
    """The command and its options."""
    about = commands.add_parser(
        "data",
        help="list the data sets, or describe a file of your own",
        description="Without DATA, list the sets that are known by name, with their sizes and "
        "licences, and where the large ones were found. With it, describe a set or a file: rows, "
        "columns, classes, missing cells.",
    )
    about.add_argument("data", nargs="?", metavar="DATA", help="a name, or the path of a file")
    add_reading(about)
    about.set_defaults(run=tell)


def add_options(parser: Any) -> None:
    """Which rows to take, how to read them, which to test on."""
    group = parser.add_argument_group("data")
    group.add_argument(
        "--data",
        default="digits",
        metavar="DATA",
        help=f"{', '.join((*data.names(), *PLACES))}, or a file of your own: a table (.csv, .tsv, "
        ".gz), an .npz, a folder of IDX files; default %(default)s",
    )
    add_reading(group)
    group.add_argument(
        "--split",
        choices=("random", "tail"),
        default="random",
        help="which rows to test on: some of each class, or the last ones; default %(default)s. "
        "A set with its own test part is tested on that",
    )
    group.add_argument(
        "--test-fraction",
        type=fraction,
        metavar="X",
        help="how many of the rows to test on; default 0.2, or the test part that the set has",
    )


def add_reading(parser: Any, *, label: str = "the last", columns: str = "all the others") -> None:
    """How to read a table, and which columns are taken where the options name none."""
    option = parser.add_argument
    option("--label", metavar="COLUMN", help=f"the column of the classes; default {label}")
    option("--columns", type=listed, metavar="A,B", help=f"the features; default {columns}")
    option("--ignore", type=listed, default=(), metavar="A,B", help="columns to leave out")
    option("--drop-missing", action="store_true", help="leave out rows with a missing cell")
    option("--limit", type=at_least_one, metavar="N", help="read the first N rows")
    option(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first line names the columns; default: looked at",
    )
    option("--delimiter", metavar="C", help="between cells, tab for a tab; default: looked at")
    option("--decimal", choices=(".", ","), default=".", help="default %(default)s")
    option("--encoding", metavar="NAME", help="such as cp1252; default UTF-8")


def listed(text: str) -> tuple[str, ...]:
    """Column names with commas between."""
    return tuple(part.strip() for part in text.split(","))


def fraction(text: str) -> float:
    """A number between 0 and 1."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a fraction between 0 and 1")
    return number


def found(options: argparse.Namespace) -> data.Dataset:
    """The set that the options name."""
    name = options.data
    if name in data.names():
        return of_package(name, options)
    is_path = Path(name).exists() or Path(name).name != name or "." in name
    if name not in PLACES and not is_path:
        raise unknown("data set", name, (*data.names(), *PLACES, "or the path of a file"))
    return data.read(name, **reading(options))


def parts(options: argparse.Namespace) -> tuple[data.Dataset, data.Dataset]:
    """The rows to train on and those to test on."""
    whole = found(options)
    if len(whole.classes) < 2:
        raise data.DataError(
            f"{options.data}: all {len(whole)} rows are of the class {whole.classes[0]!r}; wanted "
            "at least two classes"
        )
    return whole.split(options.test_fraction, options.seed, tail=options.split == "tail")


def numbering(train: data.Dataset, test: data.Dataset) -> list[str]:
    """The columns that number the rows, in whatever order: nothing can be learnt from those."""
    rows = len(train) + len(test)
    if rows <= FEW:
        return []
    low, high = (of(np.stack([of(train.x, 0), of(test.x, 0)]), 0) for of in (np.min, np.max))
    found = []
    for k in np.flatnonzero(high.astype(float) - low == rows - 1):
        column = np.sort(np.concatenate([train.x[:, k], test.x[:, k]]))
        if (np.diff(column) == 1).all():
            found.append(train.features[k])
    return found


def reading(options: argparse.Namespace) -> dict[str, Any]:
    """What `tx.data.read` is to be told."""
    told = {name: getattr(options, name) for name in READING}
    if told["delimiter"] in ("tab", "\\t"):
        told["delimiter"] = "\t"
    return told


def name_of(options: argparse.Namespace, rows: data.Dataset) -> str:
    """What to call the data in a model file: a name, or a file's own name without its folders."""
    known = options.data in data.names() or options.data in PLACES
    return options.data if known else Path(options.data).name or rows.name


def of_package(name: str, options: argparse.Namespace) -> data.Dataset:
    """A set of the package, of which a limit may be taken but whose columns are known."""
    rows = data.load(name)
    for option in ("label", "columns", "ignore", "drop_missing", "header", "delimiter"):
        given = getattr(options, option)
        if given in (None, (), False) or (option == "label" and given == rows.label):
            continue
        text = f"--{option.replace('_', '-')} is for tables; {name} is a set of the package"
        if option == "label" and rows.label is not None:
            text += f", whose label is {rows.label!r}"
        raise ValueError(text)
    if options.limit is None:
        return rows
    from dataclasses import replace

    return replace(rows, x=rows.x[: options.limit], y=rows.y[: options.limit])


# ---- tinygrad-xent data -----------------------------------------------------------------------


def tell(options: argparse.Namespace) -> None:
    """List the sets, or describe one."""
    if options.data is None:
        say(_columns(_sets()))
        say(_places())
    elif options.data in data.names() or _is_no_table(options.data):
        say(_about(found(options)))
    else:
        told = reading(options)
        for option in ("columns", "ignore", "drop_missing"):  # every column is told of
            del told[option]
        say(_survey(survey_of(options.data, **told), options.label is None))


def _is_no_table(name: str) -> bool:
    from ..data.reading.reader import kind_of

    return name in PLACES or not Path(name).exists() or kind_of(name) != "table"


def _sets() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("name", "rows", "columns", "classes", "size", "licence")]
    folder = resources.files("tinygrad_xent.data")
    for name in data.names():
        d = data.load(name)
        if name in BUNDLED:
            size, count = f"{len((folder / f'{name}.npz').read_bytes()) / 1000:.0f} kB", str(len(d))
        else:
            size, count = "-", "any"
        licence = LICENCES.get(name, "drawn from a seed; p(y|x) is known")
        rows.append((name, count, str(d.x.shape[1]), str(len(d.classes)), size, licence))
    for name, place in PLACES.items():
        numbers = (place.rows, str(place.columns), str(len(place.classes)))
        rows.append((name, *numbers, f"{place.megabytes} MB", place.licence))
    return rows


def _columns(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _places() -> str:
    lines = ["", "mnist and fashion-mnist are too large for the package; nothing is downloaded."]
    for name, place in PLACES.items():
        there = located(name)
        if there is not None:
            lines += ["", f"{name}: found, {there}"]
            continue
        lines += ["", f"{name}: not found. Four ways to get it:"]
        lines += [f"  {k}. {way}" for k, way in enumerate(place.ways, start=1)]
        lines += [f"  looked for in {', '.join(map(str, candidates(name)))}"]
    return "\n".join(lines)


def _about(rows: data.Dataset) -> str:
    lines = [
        f"{rows.name}: {len(rows)} rows of {rows.x.shape[1]} columns, {rows.x.dtype}",
        f"source: {rows.source}",
        f"columns: {_some(rows.features)}",
        f"classes: {_some(_counts(rows))}" + (f" (in {rows.label})" if rows.label else ""),
    ]
    if rows.test is not None:
        lines += [f"test part: {len(rows.test)} rows: {_some(_counts(rows.test))}"]
    return "\n".join(lines)


def _counts(rows: data.Dataset) -> list[str]:
    counts = np.bincount(rows.y, minlength=len(rows.classes)).tolist()
    return [f"{name} ({count})" for name, count in zip(rows.classes, counts, strict=True)]


def _survey(survey: Survey, last: bool) -> str:
    named = "with names" if survey.has_header else "without names"
    lines = [
        f"{survey.path}: a table of {survey.rows} rows and {len(survey.columns)} columns, {named}, "
        f"cells parted by {survey.delimiter!r}",
    ]
    table: list[tuple[str, ...]] = [("column", "holds", "missing", "values")]
    table += [(c.name, c.holds, str(c.missing), c.values) for c in survey.columns[:100]]
    lines += ["", _columns(table)]
    if len(survey.columns) > 100:
        lines += [f"and {len(survey.columns) - 100} more columns"]
    lines += ["", f"rows with a missing cell: {survey.incomplete}"]
    lines += [f"label: {survey.label}" + ", the last column" * last]
    return "\n".join(lines)


def _some(names: Any, most: int = 12) -> str:
    names = list(names)
    more = f", … ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(names[:most]) + more
