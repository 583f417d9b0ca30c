"""read and read_rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import whole_number
from ..dataset import Dataset
from .found import Column, dataset, matched, of_arrays, of_table, renamed
from .sources import DataError, PathLike, existing, stem

OTHERS = {
    (".xlsx", ".xls", ".ods"): "a workbook; save the sheet as CSV",
    (".parquet", ".feather", ".arrow"): "columnar data; with pandas: read it, then .to_csv(path)",
    (".pkl", ".pickle", ".joblib", ".pt"): "pickle can run any code and is never opened",
    (".npy",): "a single array; wanted two, as np.savez(path, X=X, y=y) writes them",
    (".zip", ".7z", ".tar", ".tgz", ".bz2", ".xz"): "an archive; unpack it first (.gz is read)",
    (".json", ".jsonl", ".arff", ".h5", ".hdf5", ".mat"): "not a format that is read here",
}

# How a table is written, if nothing is said of it.
UNSAID = {"header": None, "delimiter": None, "decimal": ".", "encoding": None}


def read(
    path: PathLike,
    *,
    label: Column | None = None,
    columns: Sequence[Column] | None = None,
    ignore: Sequence[Column] = (),
    classes: Sequence[str] | None = None,
    drop_missing: bool = False,
    limit: int | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    decimal: str = ".",
    encoding: str | None = None,
) -> Dataset:
    r"""Read labelled rows from a table, an npz file or IDX files. Nothing is downloaded.

    What a file is, it says itself: its ending and first bytes.

    - A table: CSV, TSV or the like, also gzipped; a row per line, a column per feature, and one
      column of labels, which may be text. Header, delimiter and byte order mark are detected.
      Labels that are numbers are ordered by value, text so that "type 2" stands before "type 10".
      Missing cells are empty, NA, nan, null, none, ?, - and the like, in any case; where labels
      stand, "none" and "-" may be classes: missing are only empty, NA, N/A, NaN, nan, null and ?.
    - An npz file with the arrays ``X`` and ``y``, or ``x_train``, ``y_train``, ``x_test``,
      ``y_test`` as Keras keeps MNIST; if there are ``classes`` or ``features``, arrays of text,
      they name the labels 0 .. K-1 and the columns. Opened without pickle.
    - A folder with the IDX files of MNIST or of a set of that format
      (``train-images-idx3-ubyte``, also with a dot, also ``.gz``), or one of these files.
    - "mnist" or "fashion-mnist": the set, wherever Debian's package, Keras, torchvision or npm have
      left it; if it is nowhere, the error says how to get it.

    Images are laid out row by row into columns. Pixels of one byte stay so (uint8); everything else
    becomes float32. A file of which little is as large as it claims is refused.

    Parameters
    ----------
    path : str or path
        The file, the folder, or a name from above.
    label : str or int, tables only
        The column of the labels: its name, or its number from 0 or, if negative, from the end. If
        not given, the last.
    columns : sequence of str or int
        The columns that are features, in this order; if not given, all but the label. For arrays
        that have no names of their own, or none of these, their names.
    ignore : sequence of str or int, tables only
        Columns to leave out, such as text and row numbers.
    classes : sequence of str
        The classes in their order, if it is known already, as from a trained model; another label
        is then an error.
    drop_missing : bool, tables only
        Leave out rows with a missing cell, and say in `source` how many; else they are an error
        that names the first.
    limit : int
        Read at most this many rows (of each part), the first ones.
    header : bool, tables only
        Whether the first line names the columns, if that is not to be detected.
    delimiter : str, tables only
        The character between cells, if it is not to be detected among comma, semicolon, tab and
        ``|``; of blanks, several part like one.
    decimal : str, tables only
        "," for numbers such as 3,14.
    encoding : str, tables only
        If it is not UTF-8 (or UTF-16 with a byte order mark), its name in Python.

    Returns
    -------
    Dataset
        Its `test` is the test part of the set, if it came with one; `split()` gives it then.

    Raises
    ------
    DataError
        If the file cannot be used; the message names file, line and column, and what was wanted.
    FileNotFoundError
        If there is no such file.
    ValueError
        If an argument makes no sense.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> from pathlib import Path
    >>> text = "cm,kg,size\n150,50,short\n180,80,tall\n160,,short\n"
    >>> _ = Path("people.csv").write_text(text)
    >>> people = tx.data.read("people.csv", label="size", drop_missing=True)
    >>> people
    Dataset('people', x=(2, 2), y=(2,), classes=2)
    >>> people.features, people.classes, people.label
    (('cm', 'kg'), ('short', 'tall'), 'size')
    >>> people.x.tolist(), people.y.tolist()
    ([[150.0, 50.0], [180.0, 80.0]], [0, 1])
    >>> people.source
    'read from people.csv; 1 of 3 rows left out, with missing cells'
    """
    limit = None if limit is None else whole_number("limit", limit, least=1)
    classes = None if classes is None else _checked_names("classes", classes)
    file, name, known = _located(path)
    kind = kind_of(file)
    layout: dict[str, Any] = {"header": header, "delimiter": delimiter, "decimal": decimal}
    layout["encoding"] = encoding
    if kind == "table":
        found = of_table(file, label, columns, ignore, drop_missing, limit, layout)
    else:
        _check_unsaid(file, label, bool(ignore) or drop_missing, layout)
        found = of_arrays(file, kind, limit)
        found = renamed(file, found, columns, known or found.classes)
    return dataset(file, name, found, classes)


@dataclass(frozen=True, eq=False, repr=False)
class Rows:
    """Rows without labels, as a trained model takes them; `read_rows` reads them.

    Attributes
    ----------
    x : float32 or uint8 array (N, D)
        The rows, their columns in the order of `features`, as they stand in the file: to be
        standardised as the training rows were.
    lines : int64 array (N,)
        Where each row stands: the number of its line in a table, from 1; elsewhere its index,
        from 0.
    features : tuple of str
        The names of the columns.
    dropped : int
        How many rows were left out because of missing cells.
    """

    x: NDArray[np.float32] | NDArray[np.uint8]
    lines: NDArray[np.int64]
    features: tuple[str, ...]
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        return f"Rows(x={self.x.shape}, dropped={self.dropped})"


def read_rows(
    path: PathLike,
    features: Sequence[str],
    *,
    label: Column | None = None,
    drop_missing: bool = False,
    limit: int | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    decimal: str = ".",
    encoding: str | None = None,
) -> Rows:
    r"""Read rows to be classified: the columns that a model was trained on, found by their names.

    Columns of other names are passed over, so the file may have labels or not. A table without a
    header is taken by position and must have as many columns as there are features (one more if
    `label` says which is not one); so is a table with a header if the features have no names of
    their own (x0, x1, ...), and so are arrays whose file names none of the features. Of npz and
    IDX files with a test part, the test part is read.

    Parameters
    ----------
    path : str or path
        As for `read`.
    features : sequence of str
        The names of the columns, as in the metadata of a model that the command trained.
    label, drop_missing, limit, header, delimiter, decimal, encoding
        As for `read`; `label` is only needed for a table without names that has a column of labels.

    Raises
    ------
    DataError
        As for `read`; if columns are not there, it names them.
    FileNotFoundError, ValueError
        As for `read`.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> from pathlib import Path
    >>> _ = Path("new.csv").write_text("name,kg,cm\nAda,55,165\n")
    >>> rows = tx.data.read_rows("new.csv", features=["cm", "kg"])
    >>> rows.x, rows.lines
    (array([[165.,  55.]], dtype=float32), array([2]))
    """
    limit = None if limit is None else whole_number("limit", limit, least=1)
    features = _checked_names("features", features)
    file, _, _ = _located(path)
    kind = kind_of(file)
    layout: dict[str, Any] = {"header": header, "delimiter": delimiter, "decimal": decimal}
    layout["encoding"] = encoding
    if kind != "table":
        _check_unsaid(file, label, drop_missing, layout)
        found = of_arrays(file, kind, limit, rows_only=True)
        found = renamed(file, found, features, None)
        part = found.test or found.train
        return Rows(part.x, np.arange(len(part.x)), features)
    from .columns import gather
    from .table import Table

    table = Table(file, **layout)
    places = matched(table, features, label)
    got = gather(table, places, None, drop_missing=drop_missing, limit=limit)
    return Rows(got.x, got.lines, features, got.dropped)


def _located(path: PathLike) -> tuple[Path, str, tuple[str, ...] | None]:
    """The file, what to call the set, and the names of its classes if it is a known one."""
    from .places import PLACES, find

    if isinstance(path, str) and path in PLACES:
        return find(path), path, PLACES[path].classes
    if not isinstance(path, (str, Path)) and not hasattr(path, "__fspath__"):
        raise ValueError(f"path must be the name of a file or folder, got {path!r}")
    file = existing(path)
    return file, stem(file), None


def kind_of(path: PathLike) -> str:
    """What a file is: "idx", "npz" or "table"."""
    from .idx import is_name

    file = existing(path)
    if file.is_dir() or is_name(file):
        return "idx"
    with file.open("rb") as raw:
        start = raw.read(8)
    ending = file.suffix.lower()
    if ending == ".npz":
        return "npz"
    for endings, why in OTHERS.items():
        if ending in endings:
            raise DataError(f"{file}: {why}")
    if start[:4] in (b"PK\3\4", b"PK\5\6"):
        raise DataError(
            f"{file}: a zip archive; if np.savez wrote it, call it .npz, else unpack it"
        )
    if start[:6] == b"\x93NUMPY":
        raise DataError(f"{file}: {OTHERS[('.npy',)]}")
    return "table"


def _check_unsaid(file: Path, label: Column | None, other: bool, layout: dict[str, Any]) -> None:
    """Raise ValueError if something was said that arrays have not."""
    if label is not None or other or layout != UNSAID:
        raise ValueError(f"{file}: not a table: label, ignore and their like mean nothing here")


def _checked_names(what: str, names: Any) -> tuple[str, ...]:
    alone = isinstance(names, (str, bytes)) or not isinstance(names, Iterable)
    found = () if alone else tuple(names)
    if not found or not all(isinstance(name, str) for name in found):
        raise ValueError(f"{what} must be a list of names, got {names!r}")
    return found
