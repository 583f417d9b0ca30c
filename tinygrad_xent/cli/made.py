"""How a run was made: what somebody needs to make it again."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from importlib import metadata

import numpy as np

from .. import __version__, data, nn
from ..display import plain
from ..training import History
from .arguments import with_values
from .saying import typed


def how_made(
    options: argparse.Namespace,
    model: nn.Module,
    train: data.Dataset,
    test: data.Dataset,
    history: History,
) -> dict[str, str]:
    """Command, data, sizes, seed and versions, as names and texts; nothing of the time of day.

    The same for the same run, wherever it is written to.
    """
    layers = " - ".join(type(module).__name__ for _, module in model.named_modules())
    sizes = getattr(model, "sizes", None)
    return {
        "command": command(options.words),
        "data": f"{train.name}: {train.source}",
        "rows": f"{len(train)} to train on, {len(test)} to test",
        "columns": _listed(train.features),
        "classes": _listed(train.classes) + (f" (in {train.label})" if train.label else ""),
        "model": f"{layers if sizes is None else '-'.join(map(str, sizes))}, "
        f"{sum(p.size for p in model.parameters())} parameters",
        "training": f"{options.epochs} epochs, batches of {options.batch_size}, "
        f"{options.optimizer}",
        "ended": history.stopped,
        "seed": str(options.seed),
        "versions": versions(),
    }


def _listed(names: Sequence[str], most: int = 12) -> str:
    """How many names, and the first of them."""
    more = ", …" if len(names) > most else ""
    return f"{len(names)}: {', '.join(plain(name, 40) for name in names[:most])}{more}"


def command(words: Sequence[str]) -> str:
    """The command as it was typed, without what does not change what is computed."""
    return typed(["tinygrad-xent", *_without(words, "--out", "--checkpoint-every")])


def kept(words: Sequence[str]) -> list[str]:
    """What was typed, without where it goes and how much is said."""
    return _without(words, "--out")


def _without(words: Sequence[str], *options: str) -> list[str]:
    known = argparse.ArgumentParser(add_help=False)
    for switch in ("--quiet", "--overwrite"):
        known.add_argument(switch, action="store_true")
    for option in options:
        known.add_argument(option)
    return known.parse_known_args(with_values(words))[1]


def versions() -> str:
    """Of this package and those that a run depends on."""
    found = [f"tinygrad_xent {__version__}", f"NumPy {np.__version__}"]
    try:
        found.append(f"matplotlib {metadata.version('matplotlib')}")
    except metadata.PackageNotFoundError:
        found.append("no matplotlib")
    return ", ".join([*found, f"Python {platform.python_version()}"])
