"""Models to files and back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import __version__
from ..nn import Module
from ..value import Array
from . import building
from .arrays import write_arrays
from .reading import ModelError, read, read_about, short
from .writing import PathLike

VERSION = "tinygrad_xent_version"
# What building from a forged description may end in; anything else is a mistake of this package.
BROKEN = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError),
    *(RecursionError, TypeError, ValueError),
)
OURS = ("format", "architecture", VERSION)  # metadata that `save` writes; "format" is PyTorch's


def save(model: Module, path: PathLike, *, metadata: Mapping[str, Any] | None = None) -> None:
    """Write a model as safetensors: its arrays and, if built of `tx.nn` layers, its architecture.

    The version of this package is kept beside them, as ``"tinygrad_xent_version"``.

    Parameters
    ----------
    model
        Any Module; an MLP or Sequential can be rebuilt by `load_model`, others are loaded by
        `load`.
    path
        The file; an old one is replaced once the new one is complete.
    metadata
        More to keep in the file, whatever JSON can hold; `read_metadata` gives it back.

    Raises
    ------
    TypeError, ValueError
        If the metadata or an array (longdouble) cannot be kept, naming the entry.

    Examples
    --------
    >>> import tempfile
    >>> import tinygrad_xent as tx
    >>> path = tempfile.mkdtemp() + "/model.safetensors"
    >>> tx.save(tx.nn.MLP([4, 3], rng=0), path, metadata={"classes": ["a", "b", "c"]})
    >>> tx.load_model(path), tx.read_metadata(path)["classes"]
    (MLP(
      (0): Linear(4, 3)
    ), ['a', 'b', 'c'])
    """
    about = {"format": "pt", VERSION: json.dumps(__version__), **_as_json(metadata or {})}
    arrays = _turned(model, model.state_dict())
    described = building.architecture(model)
    if described is not None and building.rebuilds(described, model, arrays):
        about["architecture"] = json.dumps(described)
    write_arrays(path, arrays, about)


def load(model: Module, path: PathLike, *, allow_nonfinite: bool = False) -> None:
    """Read the arrays of a file into a model of the same names and shapes; all of them or none.

    The file may also be PyTorch's, ``safetensors.torch.save_file(model.state_dict(), path)``.

    Parameters
    ----------
    model
        The model, whose dtypes stay.
    path
        The file.
    allow_nonfinite
        Load nan and infinity too, to look at what went wrong.

    Raises
    ------
    FileNotFoundError, ModelError
        If there is no such file, if it is damaged, if it belongs to another model, if a number in
        it is not finite or too large for the model's dtype.

    Examples
    --------
    >>> import tempfile
    >>> import tinygrad_xent as tx
    >>> path = tempfile.mkdtemp() + "/model.safetensors"
    >>> tx.save(tx.nn.MLP([4, 3], rng=0), path)
    >>> model = tx.nn.MLP([4, 3], rng=1)
    >>> tx.load(model, path)
    """
    _fill(model, read(path)[1], path, allow_nonfinite)


def load_model(path: PathLike, *, allow_nonfinite: bool = False) -> Any:
    """Rebuild a model from its file alone: architecture from the metadata, then the arrays.

    `path` is of a file that `save` wrote, as in the example there; `allow_nonfinite` as for `load`.
    The model is there to be used: in ``eval()``, where `nn.Dropout` does nothing.

    Raises
    ------
    FileNotFoundError, ModelError
        If there is no such file, if it is damaged, if it does not say how to build the model or
        says it as only a newer version understands, or if a number in it is not finite.
    """
    about, arrays = read(path)
    if "architecture" not in about:
        raise ModelError(
            f"{path}: does not hold an architecture; build the model and use tx.load(model, path)"
        )
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            raise ModelError(
                f"{path}: {short(repr(name))} has dtype {array.dtype}; wanted a floating one"
            )
    try:
        model = building.built(about["architecture"], arrays)
    except BROKEN as error:
        why = f"{type(error).__name__}: {short(error)}{_newer(about)}"
        raise ModelError(f"{path}: the architecture in it cannot be built: {why}") from error
    _fill(model, arrays, path, allow_nonfinite)
    return model.eval()


def read_metadata(path: PathLike) -> dict[str, Any]:
    """What `save` kept beside the arrays in the file `path`: architecture and version included.

    The example of `save` shows it.

    Raises
    ------
    FileNotFoundError, ModelError
        If there is no such file, or if it is damaged.
    """
    return read_about(path)


def _as_json(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The metadata as safetensors keeps them, text by text."""
    texts = {}
    for key, value in metadata.items():
        if not isinstance(key, str) or key in OURS:
            raise ValueError(f"save: metadata key {key!r}; wanted a text other than {OURS}")
        try:
            texts[key] = json.dumps(value)
        except (TypeError, ValueError) as error:
            raise TypeError(f"save: JSON cannot hold metadata[{key!r}]: {error}") from error
    return texts


def _newer(about: Mapping[str, Any]) -> str:
    """What to add to an error about a file that a later version wrote."""
    theirs, ours = _numbers(about.get(VERSION)), _numbers(__version__)
    if theirs is None or ours is None or theirs <= ours:
        return ""
    return (
        f"; the file was written by tinygrad_xent {about[VERSION]}, which is newer than this one, "
        f"{__version__}: pip install --upgrade tinygrad-xent"
    )


def _numbers(version: Any) -> tuple[int, ...] | None:
    match = re.fullmatch(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})", str(version))
    return tuple(map(int, match.groups())) if match else None


def _fill(
    model: Module, arrays: Mapping[str, Array], path: PathLike, allow_nonfinite: bool
) -> None:
    turned = _turned(model, arrays)
    tensors = model._by_path()
    for name, array in turned.items():
        if name in tensors and array.shape == tensors[name].shape:
            wrong = _misfit(array, tensors[name].dtype, allow_nonfinite)
            if wrong:
                raise ModelError(f"{path}: {name!r} {wrong}")
    try:
        model.load_state_dict(turned)
    except ValueError as error:
        raise ModelError(f"{path}: not a file of this model: {short(error)}") from error


def _misfit(array: Array, wanted: Any, allow_nonfinite: bool) -> str | None:
    """Why the numbers of an array are not to be taken into one of the dtype `wanted`."""
    if not np.can_cast(array.dtype, wanted, "same_kind"):
        return f"has dtype {array.dtype}, wanted {wanted}"
    finite = np.isfinite(array)
    if not (allow_nonfinite or finite.all()):
        where = np.unravel_index(int(np.argmin(finite)), array.shape)
        place = f" at {tuple(map(int, where))}" if where else ""
        return f"holds {array[where]}{place}; allow_nonfinite=True loads it all the same"
    if array.dtype != wanted and array.dtype.kind != "b":
        limits = np.finfo(wanted) if wanted.kind == "f" else np.iinfo(wanted)
        beyond = array[finite & ((array < limits.min) | (array > limits.max))]
        if beyond.size:
            return f"holds {beyond[0]}, too large for {wanted}"
    return None


def _turned(model: Module, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays with the matrices transposed that PyTorch keeps the other way round."""
    turned = dict(arrays)
    for path, module in model.named_modules():
        for name in module.transposed_in_pytorch:
            key = f"{path}.{name}" if path else name
            if key in turned:
                turned[key] = turned[key].T
    return turned
