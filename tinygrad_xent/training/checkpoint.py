"""The file of a run in progress: its state, and what run it is."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..files import ModelError, PathLike
from ..files.arrays import write_arrays
from ..files.reading import read, short
from ..value import Array
from .history import Epoch
from .tree import joined, split

FORMAT = 1  # a later one may hold more, and is not read
HOLDS = "tinygrad_xent_checkpoint"  # metadata: the state without arrays, as JSON


def write(path: PathLike, state: Mapping[str, Any], described: Mapping[str, Any]) -> None:
    """Write a state that `Run.take` gave, and the description of its run.

    The arrays of the file are named ``"weights/0.weight"``, ``"optimizer/state/0/m"``,
    ``"history"``, …; the rest is JSON. The same run at the same epoch gives the same bytes.
    """
    rows = np.array(state["history"], np.float64).reshape(-1, len(Epoch._fields))
    tree, arrays = split({**state, "history": rows})
    about = {"format": FORMAT, "state": tree, "run": split(described)[0]}
    sum_ = _checksum(about, arrays)
    text = json.dumps({**about, "checksum": sum_}, sort_keys=True, allow_nan=False)
    write_arrays(path, arrays, {HOLDS: text, "tinygrad_xent_version": json.dumps(__version__)})


def read_checkpoint(path: PathLike) -> tuple[dict[str, Any], dict[str, Any]]:
    """State and description, or the error that says why there are none."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"fit: there is no checkpoint {path} to resume from")
    about, arrays = read(path)
    found = about.get(HOLDS)
    if not isinstance(found, dict):
        raise ModelError(f"{path}: not a checkpoint; wanted a file written by tx.fit(checkpoint=…)")
    if found.get("format") != FORMAT:
        raise ModelError(
            f"{path}: a checkpoint of format {short(repr(found.get('format')))}, written by "
            f"tinygrad_xent {short(about.get('tinygrad_xent_version'))}; this is {__version__}, "
            f"which reads format {FORMAT}"
        )
    checksum = found.pop("checksum", None)
    try:
        if checksum != _checksum(found, arrays):
            raise ValueError("its checksum is another")
        state = joined(found["state"], arrays)
        state["history"] = [Epoch(int(row[0]), *row[1:]) for row in state["history"].tolist()]
        run = joined(found["run"], {})
        if not isinstance(run, dict):
            raise TypeError(f"the description is a {type(run).__name__}")
    except (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError) as e:
        raise ModelError(f"{path}: a damaged checkpoint: {short(e)}") from e
    return state, run


def _checksum(about: Mapping[str, Any], arrays: Mapping[str, Array]) -> int:
    """CRC-32 of everything in the file: a safetensors file does not notice a bit that turned."""
    total = zlib.crc32(json.dumps(about, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        total = zlib.crc32(f"{name} {array.dtype} {array.shape}".encode(), total)
        total = zlib.crc32(array.tobytes(), total)
    return total
