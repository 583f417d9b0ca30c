"""Writing a safetensors file: arrays by name, and texts beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from ..value import Array
from .reading import LARGEST, safetensors
from .writing import PathLike, replacing


def write_arrays(path: PathLike, arrays: Mapping[str, Array], about: Mapping[str, str]) -> None:
    """Write arrays and texts; the same ones give the same bytes."""
    # Not ascontiguousarray, which gives 0-d arrays an axis.
    plain = {name: np.asarray(a, order="C") for name, a in arrays.items()}
    for name, a in plain.items():
        if (a.dtype.kind not in "biuf" or a.itemsize > 8) and a.dtype != np.complex64:
            raise TypeError(
                f"save: {name!r} has dtype {a.dtype}; wanted bool, whole numbers, or floats of at "
                "most 64 bits"
            )
    content = _with_sorted_header(safetensors().numpy.save(plain, dict(about)))
    if int.from_bytes(content[:8], "little") > LARGEST:
        raise ValueError(f"save: the metadata take more than the {LARGEST:,} bytes that are read")
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _with_sorted_header(content: bytes) -> bytes:
    """The same file with its header in order: safetensors writes metadata in a random one.

    A file is the length of its header (8 bytes), the header (JSON, padded with blanks to a multiple
    of 8) and the arrays. Sorted, the same arrays give the same bytes.
    """
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True, separators=(",", ":"))
    text = header.encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + length :]
