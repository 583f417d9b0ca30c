"""npz files: arrays that np.savez wrote, read without trusting what the file says of itself."""

from __future__ import annotations

import io
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .sources import DataError, shown, unpacked_limit

# Bytes of an array's header. NumPy writes some 100, allows 10,000, and takes seconds for the 10,000
# brackets that somebody may have put there.
HEADER = 1024
WANTED = "wanted X and y, or x_train, y_train, x_test and y_test, as np.savez writes them"
# What zipfile and NumPy raise for what strangers write.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    TypeError,
    UnicodeError,
    ValueError,
    OSError,
)


class Archive:
    """The arrays of an npz file by their names, which do not depend on upper or lower case."""

    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self.path, self.file = path, file
        self.limit = unpacked_limit(path.stat().st_size)
        self.members: dict[str, list[zipfile.ZipInfo]] = {}
        for info in file.infolist():
            if info.filename.endswith(".npy"):
                self.members.setdefault(info.filename[:-4].lower(), []).append(info)

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def where(self, name: str) -> str:
        """A place in the file, for a message."""
        return f"{self.path}: {shown(self.members[name][0].filename[:-4])}"

    def keys(self) -> str:
        """What there is, for a message."""
        listed = ", ".join(shown(infos[0].filename[:-4]) for infos in self.members.values())
        return listed[:400] or "nothing"

    def array(self, name: str, most: int | None = None) -> NDArray[Any]:
        """The array of that name, at most its first `most` rows."""
        if name not in self.members:
            raise DataError(f"{self.path}: there is no array {name!r} but {self.keys()}; {WANTED}")
        info, *more = self.members[name]
        if more:
            raise DataError(f"{self.where(name)} is there {1 + len(more)} times")
        if info.flag_bits & 1 or info.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise DataError(f"{self.where(name)}: encrypted, or packed as NumPy never does")
        if info.file_size > self.limit:
            raise DataError(
                f"{self.where(name)}: unpacks to {info.file_size:,} bytes, as no honest file of "
                "its size does; unpack it yourself if you trust it"
            )
        try:
            with self.file.open(info) as stream:
                found = _read(stream, info.file_size, most, self.where(name))
        except DataError:
            raise
        except DAMAGE as error:
            raise DataError(f"{self.where(name)}: damaged: {_told(error)}") from error
        return found


@contextmanager
def opened_archive(path: Path) -> Iterator[Archive]:
    """The archive in a file; whatever is wrong with it is a DataError."""
    with path.open("rb") as raw:
        try:
            file = zipfile.ZipFile(raw)
        except DAMAGE as error:
            why = f"{path}: damaged, or not an npz file: {_told(error)}"
            raise DataError(why) from error
        with file:
            yield Archive(path, file)


def _read(stream: IO[bytes], size: int, most: int | None, where: str) -> NDArray[Any]:
    """The array in a stream of `size` bytes; memory is taken once the sizes agree."""
    start = stream.read(min(size, 2 * HEADER))
    shape, fortran, dtype, begin = _header(start, where)
    count = math.prod(shape)
    if dtype.itemsize == 0 or not count:
        raise DataError(f"{where}: empty, of shape {shape}")
    if len(shape) > 8:
        raise DataError(f"{where}: {len(shape)} axes; wanted at most 8")
    if count * dtype.itemsize != size - begin:
        raise DataError(
            f"{where}: shape {shape} of {dtype} needs {count * dtype.itemsize} bytes; "
            f"there are {size - begin}"
        )
    if most is not None and not fortran:  # the first rows come first
        shape = (min(most, shape[0]), *shape[1:]) if shape else shape
    found = np.empty(math.prod(shape), dtype)
    room = memoryview(np.ndarray(found.nbytes, np.uint8, found.data))
    piece, done = start[begin:], 0
    while done < len(room):
        piece = piece or stream.read(2**20)
        if not piece:
            raise DataError(f"{where}: truncated after {begin + done} of {size} bytes")
        piece = piece[: len(room) - done]
        room[done : done + len(piece)] = piece
        done, piece = done + len(piece), b""
    found = found.reshape(shape, order="F" if fortran else "C")
    return found[:most] if shape else found


def _header(start: bytes, where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, order, dtype and the place of the first number, as NumPy's own reader finds them."""
    file = io.BytesIO(start)
    with warnings.catch_warnings():  # what old or odd headers make NumPy and Python say
        warnings.simplefilter("ignore")
        version = np.lib.format.read_magic(file)
        length = int.from_bytes(start[8 : 10 if version == (1, 0) else 12], "little")
        if length > HEADER:
            raise DataError(f"{where}: a header of {length} bytes; wanted at most {HEADER}")
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        else:
            raise DataError(f"{where}: version {version} of the npy format; wanted 1.0 or 2.0")
    if dtype.hasobject:
        raise DataError(
            f"{where}: Python objects, which only pickle can read, and pickle can run any code; "
            "wanted numbers or text (y.astype(str))"
        )
    if dtype.kind not in "biufUS":
        raise DataError(f"{where}: dtype {dtype}; wanted numbers or text")
    return shape, bool(fortran), dtype, file.tell()


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
