"""IDX files, the format of MNIST: a magic number, the sizes, the numbers; often gzipped.

00 00 08 03 | 00 00 ea 60 | 00 00 00 1c | 00 00 00 1c | 60000 * 28 * 28 bytes
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .sources import DataError, is_packed, opened, unpacked_limit

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
NAME = re.compile(r"(?:(.+)-)?(train|t10k|test)-(images|labels)[-.]idx([1-4])-ubyte(\.gz)?", re.I)
WANTED = "wanted train-images-idx3-ubyte and train-labels-idx1-ubyte (or .gz), and t10k-... to test"


class Files(NamedTuple):
    """Where images and labels of the two parts are; None where there is no such part."""

    train: tuple[Path, Path] | None
    test: tuple[Path, Path] | None


def is_name(path: Path) -> bool:
    """Whether a file is called as the files of MNIST are."""
    return NAME.fullmatch(path.name) is not None


def files_of(path: Path) -> Files:
    """The files of the set in a folder, or of the set that a file belongs to."""
    folder = path if path.is_dir() else path.parent
    prefix = None if path.is_dir() else _prefix(path)
    found: dict[tuple[str, str, str], Path] = {}
    for name in sorted(os.listdir(folder)):
        match = NAME.fullmatch(name)
        if match and prefix in (None, (match[1] or "").lower()):
            part = "train" if match[2].lower() == "train" else "test"
            key = ((match[1] or "").lower(), part, match[3].lower())
            # A file and its .gz: the unpacked one comes first in order, and is read faster.
            found.setdefault(key, folder / name)
    sets = sorted({key[0] for key in found})
    if len(sets) > 1:
        listed = ", ".join(f"{name}-..." for name in sets[:10])
        raise DataError(f"{folder}: several sets, {listed}; name a file of the one that is meant")
    parts = [_pair(folder, found, sets[0], part) if sets else None for part in ("train", "test")]
    if parts == [None, None]:
        raise DataError(f"{folder}: a folder without the files of a data set; {WANTED}")
    return Files(*parts)


def _prefix(path: Path) -> str:
    match = NAME.fullmatch(path.name)
    return (match[1] or "").lower() if match else ""


def _pair(
    folder: Path, found: dict[tuple[str, str, str], Path], name: str, part: str
) -> tuple[Path, Path] | None:
    images, labels = found.get((name, part, "images")), found.get((name, part, "labels"))
    if images is None and labels is None:
        return None
    if images is None or labels is None:
        there, lacks = (labels, "images") if images is None else (images, "labels")
        raise DataError(f"{folder}: {there and there.name} is there without its {lacks}; {WANTED}")
    return images, labels


def array(path: Path, most: int | None = None) -> NDArray[Any]:
    """The numbers of an IDX file, at most the first `most` rows; uint8 as they are."""
    packed = path.stat().st_size
    with opened(path) as file:
        start = file.read(4)
        if (
            len(start) < 4
            or start[:2] != b"\0\0"
            or start[2] not in DTYPES
            or not 1 <= start[3] <= 4
        ):
            raise DataError(
                f"{path}: begins with {start.hex(' ') or 'nothing'}; an IDX file begins with "
                "00 00, its type (08 for bytes) and the number of its axes"
            )
        dtype = np.dtype(DTYPES[start[2]])
        sizes = file.read(4 * start[3])
        if len(sizes) < 4 * start[3]:
            raise DataError(f"{path}: truncated within its header")
        shape = tuple(int.from_bytes(sizes[k : k + 4], "big") for k in range(0, len(sizes), 4))
        wanted = math.prod(shape) * dtype.itemsize
        # Before memory is taken: a header may say anything.
        unknown = is_packed(file)
        there = unpacked_limit(packed) if unknown else packed - 4 - len(sizes)
        if wanted > there or (wanted < there and not unknown):
            raise DataError(
                f"{path}: its header says {' x '.join(map(str, shape))} of {dtype.itemsize} bytes, "
                f"{wanted} in all; there are {'far fewer' if unknown else there}"
            )
        if not wanted:
            raise DataError(f"{path}: empty, {' x '.join(map(str, shape))}")
        rows = shape[0] if most is None else min(most, shape[0])
        return _numbers(path, file, dtype, (rows, *shape[1:]), whole=rows == shape[0])


def _numbers(
    path: Path, file: Any, dtype: np.dtype[Any], shape: tuple[int, ...], whole: bool
) -> NDArray[Any]:
    found = np.empty(math.prod(shape), dtype)
    room = memoryview(np.ndarray(found.nbytes, np.uint8, found.data))
    done = 0
    while done < len(room):
        got = file.readinto(room[done : done + 2**20])
        if not got:
            raise DataError(f"{path}: truncated, {done} of {len(room)} bytes of numbers are there")
        done += got
    if whole and file.read(1):
        raise DataError(f"{path}: goes on after the {done} bytes that its header announces")
    return found.reshape(shape)


def check_images(path: Path, images: NDArray[Any]) -> NDArray[Any]:
    """The images, if they are: rows of at least one axis each."""
    if images.ndim < 2:
        raise DataError(f"{path}: one axis, so labels (magic 00 00 08 01); wanted images (... 03)")
    return images
