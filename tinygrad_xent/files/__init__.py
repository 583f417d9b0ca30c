"""Keeping models: safetensors files that PyTorch and JAX can read, written so that nothing is lost.

In the file, names and layout are PyTorch's (``"0.weight"``, shape (out, in)); the metadata hold the
architecture, so that `load_model` can rebuild a model from the file alone.
"""

from .models import load, load_model, read_metadata, save
from .reading import ModelError
from .writing import PathLike, replacing, tidy

__all__ = [
    "ModelError",
    "PathLike",
    "load",
    "load_model",
    "read_metadata",
    "replacing",
    "save",
    "tidy",
]
