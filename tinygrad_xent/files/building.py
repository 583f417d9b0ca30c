"""From a model to its description and back: what a file says of the architecture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import nn
from ..nn import Module
from ..value import Array

# Every layer of `nn` that says by `config` how it is built again; Sequential says it by its layers.
REBUILDABLE: tuple[type[Module], ...] = tuple(
    cls
    for cls in (getattr(nn, name) for name in nn.__all__)
    if isinstance(cls, type)
    and issubclass(cls, Module)
    and (cls.config is not Module.config or cls is nn.Sequential)
)


def architecture(model: Module) -> dict[str, Any] | None:
    """How to build the model again, or None for classes that this package does not know."""
    own_forward = any("forward" in vars(module) for _, module in model.named_modules())
    if type(model) not in REBUILDABLE or own_forward:
        return None
    if type(model) is nn.Sequential:
        layers = [architecture(layer) for layer in model]
        return None if None in layers else {"class": "Sequential", "layers": layers}
    return {"class": type(model).__name__, **model.config()}


def built(description: dict[str, Any], arrays: Mapping[str, Array]) -> Module:
    """The model that `architecture` described, to be filled with `arrays` (as in the file).

    Only classes of this package are ever built, and only with arrays of shapes that are in the
    file, each once: a forged description of a huge model is refused before memory is taken for it.
    """
    left = Counter(array.shape[::-1] for array in arrays.values())  # (out, in) in the file
    dtype = np.result_type(*{array.dtype for array in arrays.values()}) if arrays else None

    def initialise(rng: Any, shape: tuple[int, ...], fan_in: int) -> Array:
        if not left[shape]:
            raise ValueError(f"it wants an array (in, out) = {shape}, which is not in the file")
        left[shape] -= 1
        return np.zeros(shape)

    known = {cls.__name__: cls for cls in REBUILDABLE}

    def build(description: dict[str, Any]) -> Module:
        config = dict(description)
        name = config.pop("class")
        if name not in known:
            raise ValueError(f"unknown class {name!r}")
        if name == "Sequential":
            return nn.Sequential(*(build(layer) for layer in config["layers"]))
        if issubclass(known[name], (nn.Linear, nn.MLP)):
            config |= {"initialise": initialise, "rng": 0, "dtype": dtype}
        return known[name](**config)

    return build(description)


def rebuilds(description: dict[str, Any], model: Module, arrays: Mapping[str, Array]) -> bool:
    """Whether the description gives this model: not if layers were exchanged, added or shared."""
    try:
        return _all_of(built(description, arrays)) == _all_of(model)
    except (ArithmeticError, TypeError, ValueError):
        return False


def _all_of(model: Module) -> list[Any]:
    """Every module with its settings, every array with its shape, by their paths."""
    modules: list[Any] = [
        (path, type(module), None if isinstance(module, nn.Sequential) else module.config())
        for path, module in model.named_modules()
        if type(module) in REBUILDABLE
    ]
    paths = [path for path, _ in model.named_modules()]
    return modules + paths + [(name, t.shape, t.dtype) for name, t in model.named_tensors()]
