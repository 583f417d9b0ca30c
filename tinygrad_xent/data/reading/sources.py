"""Files that strangers wrote: what may be opened, and how much may come out of it."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeAlias

PathLike: TypeAlias = "str | os.PathLike[str]"


class DataError(ValueError):
    r"""A data file that cannot be used; the message names the file, the place in it and the reason.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> from pathlib import Path
    >>> _ = Path("two.csv").write_text("cm,kg,size\n150,50,short\n180,?,tall\n")
    >>> try:
    ...     tx.data.read("two.csv")
    ... except tx.DataError as error:
    ...     print(error)
    two.csv: line 3, column 'kg': '?' is a missing cell...
    """


# Packed data may unpack to so many bytes whatever their size (text to fewer, as it takes longer to
# read), and beyond that to this many times their size: pictures and tables pack 3 to 50 times, what
# packs better was made to fill a memory.
NUMBERS, TEXT, TIMES = 2**28, 2**25, 200


def unpacked_limit(packed: int, always: int = NUMBERS) -> int:
    """Return how many bytes a file of `packed` bytes may unpack to."""
    return max(always, TIMES * packed)


def existing(path: PathLike) -> Path:
    """Return the path of a file or folder, or raise FileNotFoundError or DataError.

    Pipes and devices are refused: reading them may never end, or never begin.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"{os.fspath(path)}: there is no such file or folder") from error
    except ValueError as error:  # a NUL in the name
        raise DataError(f"{os.fspath(path)!r}: not the name of a file: {error}") from error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise DataError(f"{path}: a pipe or a device; wanted a file or a folder")
    return Path(path)


@contextmanager
def opened(path: Path, always: int = NUMBERS) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked if it is gzip (by its first bytes, whatever its name)."""
    if not path.is_file():
        raise DataError(f"{path}: not a file")
    with path.open("rb") as file:
        if file.peek(2)[:2] != b"\x1f\x8b":
            yield file
            return
        import gzip  # slow to load, with zlib, and seldom needed
        import zlib

        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                limit = unpacked_limit(os.fstat(file.fileno()).st_size, always)
                yield io.BufferedReader(Limited(unpacked, limit, path))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path}: damaged gzip: {error}") from error


class Limited(io.RawIOBase):
    """A stream that refuses to go on for longer than `limit` bytes."""

    def __init__(self, stream: Any, limit: int, path: Path) -> None:
        self.stream, self.limit, self.path = stream, limit, path
        self.left = limit

    def readable(self) -> bool:  # noqa: D102 - as io.RawIOBase says
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: D102
        piece = self.stream.read(len(buffer))
        self.left -= len(piece)
        if self.left < 0:
            raise DataError(
                f"{self.path}: unpacks to more than {self.limit:,} bytes, as no honest file of "
                "its size does; unpack it yourself if you trust it"
            )
        buffer[: len(piece)] = piece
        return len(piece)


def is_packed(file: IO[bytes]) -> bool:
    """Whether what `opened` gave is unpacked on the way, so that nobody knows its length."""
    return isinstance(getattr(file, "raw", None), Limited)


def stem(path: Path) -> str:
    """Return what to call a data set: the file's name without its endings."""
    name = path.name or path.resolve().name
    for ending in (".gz", ".csv", ".tsv", ".txt", ".tab", ".npz"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return one_line(name) or "data"


def one_line(text: str) -> str:
    """Return the text with its line breaks as blanks: file names may have some."""
    return " ".join(text.splitlines())


def shown(text: str, most: int = 40) -> str:
    """Return a cell for a message: quoted, and not a page long."""
    return repr(text if len(text) <= most else text[:most] + "…")


def some(names: Sequence[str], most: int = 20) -> str:
    """Return the first of many names for a message."""
    return ", ".join(map(shown, names[:most])) + (", …" if len(names) > most else "")
