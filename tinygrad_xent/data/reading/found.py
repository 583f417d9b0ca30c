"""What a file holds, whatever it is, and the Dataset made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dataset import Dataset
from .sources import DataError, one_line, some

Column = str | int


class Part(NamedTuple):
    """Rows and, for each, its label as it is written, and where that was (for a message)."""

    x: NDArray[np.float32] | NDArray[np.uint8]
    labels: list[str]
    where: Any  # of row i: where(i)


class Found(NamedTuple):
    """What a file holds."""

    train: Part
    test: Part | None
    features: tuple[str, ...]
    classes: tuple[str, ...] | None = None
    label: str | None = None
    said: str = ""
    named: bool = False  # whether an archive itself tells the names of its columns


def of_table(
    file: Path,
    label: Column | None,
    columns: Sequence[Column] | None,
    ignore: Sequence[Column],
    drop_missing: bool,
    limit: int | None,
    layout: dict[str, Any],
) -> Found:
    """What a table holds."""
    from .columns import chosen, gather, position
    from .table import Table

    table = Table(file, **layout)
    if label is None and not table.names[-1]:  # as lines that end with a delimiter make one
        raise DataError(f"{file}: the last column has no name; which is the label (--label)?")
    where = position(table, -1 if label is None else label, "label")
    places = chosen(table, where, columns, ignore)
    got = gather(table, places, where, drop_missing=drop_missing, limit=limit)
    said = ""
    if got.dropped:
        total = got.dropped + len(got.lines)
        said = f"; {got.dropped} of {total} rows left out, with missing cells"
    name = table.names[where] if table.has_header else None
    part = Part(got.x, got.labels, lambda row: table.place(int(got.lines[row]), where))
    return Found(part, None, tuple(table.names[j] for j in places), None, name, said)


def matched(table: Any, features: tuple[str, ...], label: Column | None) -> list[int]:
    """Where the features stand in a table: by name if there are names, else by position."""
    from .columns import position

    unnamed = features == tuple(f"x{j}" for j in range(len(features)))
    if table.has_header and (not unnamed or set(features) <= set(table.names)):
        return _places(table.path, features, table.names)
    left_out = None if label is None else position(table, label, "label")
    places = [j for j in range(table.width) if j != left_out]
    if len(places) != len(features):
        if not unnamed and set(features) <= set(table.names):  # x0, x2: the others were ignored
            return [table.names.index(name) for name in features]
        one_more = label is None and len(places) == len(features) + 1
        hint = "; label (--label) says which one holds the labels" if one_more else ""
        raise DataError(
            f"{table.path}: {len(places)} columns; wanted {len(features)}: {some(features)}{hint}"
        )
    return places


def of_arrays(file: Path, kind: str, limit: int | None, rows_only: bool = False) -> Found:
    """The parts of an npz file or of IDX files; the labels stay unread if only rows are wanted."""
    return (_archive if kind == "npz" else _idx)(file, limit, rows_only)


def _archive(file: Path, limit: int | None, rows_only: bool) -> Found:
    from . import arrays
    from .archive import opened_archive

    def part(x_name: str, y_name: str) -> tuple[Part, tuple[int, ...]]:
        x = archive.array(x_name, limit)
        rows = arrays.rows_of(x, archive.where(x_name))
        if rows_only:
            return Part(rows, [], None), x.shape
        y = archive.array(y_name, limit)
        where = archive.where(y_name)
        texts = arrays.labels_of(y, len(rows), where)
        if "classes" in archive and y.dtype.kind in "US":
            raise DataError(f"{where}: text beside an array of class names; wanted 0 .. K-1")
        return Part(rows, texts, lambda row: f"{where}, row {row}"), x.shape

    with opened_archive(file) as archive:
        if "x" in archive and "x_train" in archive:
            raise DataError(f"{file}: both X and x_train are there; which is meant?")
        test, names = None, {}
        if rows_only:
            first = next((n for n in ("x_test", "x", "x_train") if n in archive), "x")
            train, shape = part(first, "")
        else:
            keras = "x_train" in archive
            train, shape = part("x_train", "y_train") if keras else part("x", "y")
            if keras and "x_test" in archive:
                test, other = part("x_test", "y_test")
                _check_shapes(file, shape, other)
        for name in ("features",) if rows_only else ("classes", "features"):
            if name in archive:
                names[name] = arrays.class_names(archive.array(name), archive.where(name))
    features = names.get("features", arrays.features_of(shape))
    if len(features) != train.x.shape[1]:
        raise DataError(f"{file}: {len(features)} features for {train.x.shape[1]} columns")
    return Found(train, test, features, names.get("classes"), named="features" in names)


def _idx(file: Path, limit: int | None, rows_only: bool) -> Found:
    from . import arrays, idx

    def part(files: tuple[Path, Path]) -> tuple[Part, tuple[int, ...]]:
        images = idx.check_images(files[0], idx.array(files[0], limit))
        rows = arrays.rows_of(images, str(files[0]))
        labels = idx.array(files[1], limit)
        texts = arrays.labels_of(labels, len(rows), str(files[1]))
        return Part(rows, texts, lambda row: f"{files[1]}, row {row}"), images.shape

    files = idx.files_of(file)
    first, second = files.train or files.test, files.test if files.train else None
    if rows_only and second is not None:
        first, second = second, None
    assert first is not None
    train, shape = part(first)
    test = None
    if second is not None:
        test, other = part(second)
        _check_shapes(file, shape, other)
    return Found(train, test, arrays.features_of(shape))


def _check_shapes(file: Path, train: tuple[int, ...], test: tuple[int, ...]) -> None:
    if train[1:] != test[1:]:
        raise DataError(f"{file}: training rows of shape {train[1:]}, test rows of {test[1:]}")


# ---- into a Dataset ---------------------------------------------------------------------------


def renamed(
    file: Path, found: Found, columns: Sequence[Any] | None, classes: tuple[str, ...] | None
) -> Found:
    """The same with the names that are known from elsewhere; names of its own find the columns."""
    width = found.train.x.shape[1]
    features = found.features if columns is None else tuple(columns)
    if found.named and features != found.features and set(features) & set(found.features):
        found = _picked(file, found, features)
    elif len(features) != width or not all(isinstance(name, str) for name in features):
        raise DataError(f"{file}: {width} columns; wanted {len(features)}, a name each")
    return found._replace(features=features, classes=classes)


def _picked(file: Path, found: Found, features: tuple[str, ...]) -> Found:
    """The same with these of its columns, in this order."""
    places = _places(file, features, found.features)
    train, test = (
        None if part is None else part._replace(x=part.x[:, places])
        for part in (found.train, found.test)
    )
    assert train is not None
    return found._replace(train=train, test=test)


def _places(file: Path, features: Sequence[str], names: Sequence[str]) -> list[int]:
    """Where the features stand among the names of the columns."""
    absent = [name for name in features if name not in names]
    if absent:
        raise DataError(
            f"{file}: {len(absent)} of the {len(features)} columns are not there: "
            f"{some(absent)}; there are {some(names)}"
        )
    return [names.index(name) for name in features]


def dataset(file: Path, name: str, found: Found, classes: tuple[str, ...] | None) -> Dataset:
    """The Dataset of what was found, its classes in natural order or in the order that is given."""
    from . import labels as names_of

    parts = [part for part in (found.train, found.test) if part is not None]
    if found.classes is not None:  # the labels are their numbers
        numbers = {str(k): k for k in range(len(found.classes))}
        own, index = found.classes, numbers
    else:
        spellings = [text for part in parts for text in dict.fromkeys(part.labels)]
        own, index = names_of.classes_of(spellings, file)
    wanted = own if classes is None else classes
    ys = [_codes(part, own, index, wanted) for part in parts]
    source = f"read from {one_line(file.name or str(file))}{found.said}"
    test = None
    for part, y in zip(parts[::-1], ys[::-1], strict=True):  # the test part first, if there is one
        test = Dataset(
            name, part.x, y, wanted, found.features, source, label=found.label, test=test
        )
    assert test is not None
    return test


def _codes(
    part: Part, own: tuple[str, ...], index: dict[str, int], wanted: tuple[str, ...]
) -> NDArray[np.int64]:
    """The class of each row, among the classes that are wanted."""
    from . import labels as names_of

    code: dict[str, int] = {}
    for row, text in enumerate(part.labels):
        if text in code:
            continue
        if text not in index:
            raise names_of.unknown_label(text, own, part.where(row))
        name = own[index[text]]
        k = index[text] if own == wanted else names_of.found_in(wanted, name)
        if k is None:
            raise names_of.unknown_label(name, wanted, part.where(row))
        code[text] = k
    return np.array([code[text] for text in part.labels], np.int64)
