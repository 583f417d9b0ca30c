"""A model in training or in use for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .module import Module


@contextmanager
def in_mode(model: Module, training: bool) -> Iterator[None]:
    """Behave so inside the block; after it every module behaves as it did before."""
    found = [(module, module.training) for _, module in model.named_modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, mode in found:
            module.training = mode
