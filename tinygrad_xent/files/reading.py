"""Reading a safetensors file that anybody may have made: what it holds, or a `ModelError`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..value import Array
from .writing import PathLike

# The dtypes of the format that NumPy has.
# fmt: off
NUMPYS = frozenset((
    "BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F16", "F32", "F64", "C64",
))
# fmt: on
LARGEST = (
    1 << 24
)  # bytes of a header: some 400,000 means and deviations; a bound for time and memory
LONGEST = 1000  # characters of a reason: what is wrong may be wrong a million times


class ModelError(ValueError):
    """A model file that cannot be used; the message names the file and the reason."""


def read(path: PathLike) -> tuple[dict[str, Any], dict[str, Array]]:
    """Metadata and arrays of a file, or a clear error."""
    with _opened(path) as file:
        entries = _entries(path)
        for name, entry in entries.items():
            if entry["dtype"] not in NUMPYS:
                raise ModelError(
                    f"{path}: {short(repr(name))} has dtype {entry['dtype']}, which NumPy does not "
                    "have; convert it where the file comes from, in PyTorch with model.float()"
                )
        arrays = {name: file.get_tensor(name) for name in entries}
        return _about(file), arrays


def read_about(path: PathLike) -> dict[str, Any]:
    """The metadata of a file, or a clear error."""
    with _opened(path) as file:
        _entries(path)
        return _about(file)


def short(text: object) -> str:
    """A reason as it can be read by people."""
    said = str(text)
    return said if len(said) <= LONGEST else f"{said[:LONGEST]} … ({len(said):,} characters)"


def safetensors() -> Any:
    """The library, or the error that says how to get it."""
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("model files need safetensors: pip install safetensors") from error
    return safetensors


@contextmanager
def _opened(path: PathLike) -> Iterator[Any]:
    """The file, its header found right by the library: sizes, offsets, structure."""
    library = safetensors()
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such model file; wanted one written by tx.save")
    if LARGEST < _length(path) <= Path(path).stat().st_size:  # beyond the file: damaged
        raise ModelError(
            f"{path}: its header has {_length(path):,} bytes; wanted at most {LARGEST:,}"
        )
    try:
        with library.safe_open(os.fspath(path), framework="numpy") as file:
            yield file
    except ModelError:
        raise
    except (
        library.SafetensorError,
        *(ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError),
    ) as error:
        why = short(error) or type(error).__name__
        raise ModelError(f"{path}: damaged, or not a safetensors file: {why}") from error


def _entries(path: PathLike) -> dict[str, dict[str, Any]]:
    """What the header says of each array.

    Where a name stands twice the library takes one of the two; who wrote the other is not told.
    """
    with Path(path).open("rb") as file:
        text = file.read(8 + _length(path))[8:]
    header = json.loads(text, object_pairs_hook=each_once)
    header.pop("__metadata__", None)
    return dict(header)


def _length(path: PathLike) -> int:
    """How many bytes the header has, as the file says."""
    with Path(path).open("rb") as file:
        return int.from_bytes(file.read(8), "little")


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs of a JSON object as a dict, unless a name comes twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"{twice!r} stands in it twice")
    return found


def _about(file: Any) -> dict[str, Any]:
    about = dict(file.metadata() or {})
    about.pop("format", None)
    return {key: _from_json(text) for key, text in about.items()}


def _from_json(text: str) -> Any:
    """What `save` wrote; in files of others metadata are any text, and stay it."""
    try:
        return json.loads(text, object_pairs_hook=each_once)
    except (ValueError, RecursionError):
        return text
