"""Keeping models: safetensors files that PyTorch and JAX can read, written so that nothing is lost.

In the file, names and layout are PyTorch's (``"0.weight"``, shape (out, in)); the metadata hold the
architecture, so that `load_model` can rebuild a model from the file alone.
"""

from __future__ import annotations

import json
import os
import shutil
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
    nn.Dropout,
)
OURS = ("format", "architecture")  # metadata that `save` writes itself; "format" is PyTorch's


class ModelError(ValueError):
    """A model file that cannot be used; the message names the file and the reason."""


@contextmanager
def replacing(path: PathLike) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place at the end, or vanishes on an error.

    Whoever reads `path` sees the old file or the whole new one, never a half.
    """
    final = Path(os.path.realpath(path))  # behind a link, the file is replaced and the link stays
    if not final.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {str(final.parent)!r} to write it to")
    import secrets  # slow to load, and only needed to write

    temporary = final.with_name(f".{secrets.token_hex(8)}{final.suffix}")
    # touch leaves the permissions to the umask, as for any file; those of an old one are kept.
    temporary.touch(exist_ok=False)
    try:
        with suppress(FileNotFoundError):
            shutil.copymode(final, temporary)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())  # on the disk before the old file goes
        temporary.replace(final)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def save(model: Module, path: PathLike, *, metadata: Mapping[str, Any] | None = None) -> None:
    """Write a model as safetensors: its arrays and, if built of `tx.nn` layers, its architecture.

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
        If the metadata cannot be kept, naming the entry.

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
    about = {"format": "pt", **_as_json(metadata or {})}
    arrays = _turned(model, model.state_dict())
    architecture = _architecture(model)
    if architecture is not None and _rebuilds(architecture, model, arrays):
        about["architecture"] = json.dumps(architecture)
    # Not ascontiguousarray, which gives 0-d arrays an axis.
    arrays = {name: np.asarray(a, order="C") for name, a in arrays.items()}
    content = _with_sorted_header(_safetensors().numpy.save(arrays, about))
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _with_sorted_header(content: bytes) -> bytes:
    """The same file with its header in order: safetensors writes metadata in a random one.

    A file is the length of its header (8 bytes), the header (JSON, padded with blanks to a multiple
    of 8) and the arrays. Sorted, the same model gives the same bytes.
    """
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True, separators=(",", ":"))
    text = header.encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def load(model: Module, path: PathLike) -> None:
    """Read the arrays of a file into a model of the same names and shapes; all of them or none.

    The file may also be PyTorch's, ``safetensors.torch.save_file(model.state_dict(), path)``.

    Raises
    ------
    FileNotFoundError, ModelError
        If there is no such file, if it is damaged, or if it belongs to another model.

    Examples
    --------
    >>> import tempfile
    >>> import tinygrad_xent as tx
    >>> path = tempfile.mkdtemp() + "/model.safetensors"
    >>> tx.save(tx.nn.MLP([4, 3], rng=0), path)
    >>> model = tx.nn.MLP([4, 3], rng=1)
    >>> tx.load(model, path)
    """
    _fill(model, _read(path)[1], path)


def load_model(path: PathLike) -> Any:
    """Rebuild a model from its file alone: architecture from the metadata, then the arrays.

    `path` is of a file that `save` wrote, as in the example there. The model is there to be used:
    in ``eval()``, where `nn.Dropout` does nothing.

    Raises
    ------
    FileNotFoundError, ModelError
        If there is no such file, if it is damaged, or if it does not say how to build the model.
    """
    about, arrays = _read(path)
    if "architecture" not in about:
        raise ModelError(
            f"{path}: does not hold an architecture; build the model and use tx.load(model, path)"
        )
    try:
        model = _built(about["architecture"], arrays)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        why = f"{type(error).__name__}: {error}"
        raise ModelError(f"{path}: the architecture in it cannot be built: {why}") from error
    _fill(model, arrays, path)
    return model.eval()


def read_metadata(path: PathLike) -> dict[str, Any]:
    """What `save` kept beside the arrays in the file `path`, the architecture included.

    The example of `save` shows it.

    Raises
    ------
    FileNotFoundError, ModelError
        If there is no such file, or if it is damaged.
    """
    return _read(path)[0]


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("model files need safetensors: pip install safetensors") from error
    return safetensors


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


def _read(path: PathLike) -> tuple[dict[str, Any], dict[str, Array]]:
    """Metadata and arrays of a file, or a clear error."""
    safetensors = _safetensors()
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such model file; wanted one written by tx.save")
    try:
        with safetensors.safe_open(os.fspath(path), framework="numpy") as file:
            about = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (safetensors.SafetensorError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"{path}: damaged, or not a safetensors file: {error}") from error
    about.pop("format", None)
    return {key: _from_json(text) for key, text in about.items()}, arrays


def _from_json(text: str) -> Any:
    """What `save` wrote; in files of others metadata are any text, and stay it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _fill(model: Module, arrays: Mapping[str, Array], path: PathLike) -> None:
    try:
        model.load_state_dict(_turned(model, arrays))
    except ValueError as error:
        raise ModelError(f"{path}: not a file of this model: {error}") from error


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


def _built(architecture: dict[str, Any], arrays: Mapping[str, Array]) -> Module:
    """The model that `_architecture` described, to be filled with `arrays` (as in the file).

    Only classes of this package are ever built, and only with arrays of shapes that are in the
    file, each once: a forged description of a huge model is refused before memory is taken for it.
    """
    left = [array.shape[::-1] for array in arrays.values()]  # (out, in) in the file
    dtype = np.result_type(*arrays.values()) if arrays else None

    def initialise(rng: Any, shape: tuple[int, ...], fan_in: int) -> Array:
        if shape not in left:
            raise ValueError(f"it wants an array (in, out) = {shape}, which is not in the file")
        left.remove(shape)
        return np.zeros(shape)

    known = {cls.__name__: cls for cls in REBUILDABLE}

    def build(architecture: dict[str, Any]) -> Module:
        config = dict(architecture)
        name = config.pop("class")
        if name not in known:
            raise ValueError(f"unknown class {name!r}")
        if name == "Sequential":
            return nn.Sequential(*(build(layer) for layer in config["layers"]))
        if known[name] in (nn.Linear, nn.MLP):
            config |= {"initialise": initialise, "rng": 0, "dtype": dtype}
        return known[name](**config)

    return build(architecture)


def _rebuilds(architecture: dict[str, Any], model: Module, arrays: Mapping[str, Array]) -> bool:
    """Whether the architecture gives this model: not if layers were exchanged, added or shared."""

    def described(module: Module) -> list[Any]:
        modules: list[Any] = [(name, type(m)) for name, m in module.named_modules()]
        return modules + [(name, t.shape, t.dtype) for name, t in module.named_tensors()]

    try:
        return described(_built(architecture, arrays)) == described(model)
    except (TypeError, ValueError):
        return False
