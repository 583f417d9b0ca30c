"""Keeping models: safetensors files that PyTorch and JAX can read, written so that nothing is lost.

In the file, names and layout are PyTorch's (``"0.weight"``, shape (out, in)); the metadata hold the
architecture, so that `load_model` can rebuild a model from the file alone.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from . import nn
from .nn import Module
from .value import Array

PathLike = str | os.PathLike[str]
REBUILDABLE: tuple[type[Module], ...] = (
    nn.MLP,
    nn.Sequential,
    nn.Linear,
    nn.ReLU,
    nn.Tanh,
    nn.Sigmoid,
)


class ModelError(ValueError):
    """A model file that cannot be used; the message names the file and the reason."""


@contextmanager
def replacing(path: PathLike) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place at the end, or vanishes on an error.

    Whoever reads `path` sees the old file or the whole new one, never a half.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp's files are private
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def save(model: Module, path: PathLike, *, metadata: Mapping[str, Any] | None = None) -> None:
    """Write a model's arrays, and its architecture if it is built of `tx.nn` layers, as
    safetensors.

    Parameters
    ----------
    model
        Any Module; an MLP or Sequential can be rebuilt by `load_model`, others are loaded by
        `load`.
    path
        The file; an old one is replaced once the new one is complete.
    metadata
        More to keep in the file, whatever JSON can hold; `read_metadata` gives it back.

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
    from safetensors.numpy import save as to_bytes

    about = {"format": "pt", **{key: json.dumps(value) for key, value in (metadata or {}).items()}}
    architecture = _architecture(model)
    if architecture is not None:
        about["architecture"] = json.dumps(architecture)
    arrays = _turned(model, model.state_dict())
    content = to_bytes({name: np.ascontiguousarray(a) for name, a in arrays.items()}, about)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def load(model: Module, path: PathLike) -> None:
    """Read the arrays of a file into a model of the same names and shapes; all of them or none.

    Raises
    ------
    FileNotFoundError, ModelError
        If there is no such file, if it is damaged, or if it belongs to another model.
    """
    _, arrays = _read(path)
    try:
        model.load_state_dict(_turned(model, arrays))
    except ValueError as error:
        raise ModelError(f"{path}: not a file of this model: {error}") from error


def load_model(path: PathLike) -> Any:
    """Rebuild a model from its file alone: architecture from the metadata, then the arrays.

    Raises
    ------
    FileNotFoundError, ModelError
        If there is no such file, if it is damaged, or if it does not say how to build the model.
    """
    about, _ = _read(path)
    if "architecture" not in about:
        raise ModelError(
            f"{path}: does not hold an architecture; build the model and use tx.load(model, path)"
        )
    try:
        model = _built(about["architecture"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path}: the architecture in it cannot be built: {error}") from error
    load(model, path)
    return model


def read_metadata(path: PathLike) -> dict[str, Any]:
    """What `save` kept beside the arrays, the architecture included."""
    return _read(path)[0]


def _read(path: PathLike) -> tuple[dict[str, Any], dict[str, Array]]:
    """Metadata and arrays of a file, or a clear error."""
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such model file; wanted one written by tx.save")
    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            about = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        about.pop("format", None)
        return {key: json.loads(text) for key, text in about.items()}, arrays
    except (SafetensorError, json.JSONDecodeError, TypeError, KeyError) as error:
        raise ModelError(f"{path}: damaged, or not a safetensors file: {error}") from error


def _turned(model: Module, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays with the matrices transposed that PyTorch keeps the other way round."""
    turned = dict(arrays)
    for path, module in model.named_modules():
        for name in module.transposed_in_pytorch:
            key = f"{path}.{name}" if path else name
            if key in turned:
                turned[key] = turned[key].T
    return turned


def _architecture(model: Module) -> dict[str, Any] | None:
    """How to build the model again, or None for classes that this package does not know."""
    if type(model) not in REBUILDABLE:
        return None
    if type(model) is nn.Sequential:
        layers = [_architecture(layer) for layer in model]
        return None if None in layers else {"class": "Sequential", "layers": layers}
    return {"class": type(model).__name__, **model.config()}


def _built(architecture: dict[str, Any]) -> Module:
    """The model that `_architecture` described; only classes of this package are ever built."""
    known = {cls.__name__: cls for cls in REBUILDABLE}
    config = dict(architecture)
    name = config.pop("class")
    if name not in known:
        raise ValueError(f"unknown class {name!r}")
    if name == "Sequential":
        return nn.Sequential(*(_built(layer) for layer in config["layers"]))
    return known[name](**config)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
