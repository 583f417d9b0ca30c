"""tinygrad-xent watch: write a page to step through backprop, and open it."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from pathlib import Path
from typing import Any

from .. import data, nn
from ..draw import Player, compare_xent, play
from .arguments import numbers, page, seed, target
from .example import Example
from .trained import fitting, trained


def add(commands: Any) -> None:
    """The command and its options."""
    watch = commands.add_parser(
        "watch",
        help="write a page on which you step through backprop",
        description="Write a page on which you step through forward and backward: for logits and a "
        "target, the fused loss beside the long road that it replaces; for a row of a data set, a "
        "whole network.",
    )
    option = watch.add_argument
    option("--logits", type=numbers, metavar="X,X", help="default 2,1,-0.1")
    option(
        "--target",
        type=target,
        metavar="K",
        help="a class, or probabilities X,X; default 1",
    )
    option("--data", choices=data.names(), metavar="NAME", help="%(choices)s")
    option(
        "--index",
        type=seed,
        default=0,
        metavar="N",
        help="which row; default %(default)s",
    )
    option(
        "--model",
        type=Path,
        metavar="FILE",
        help="a model.safetensors that train wrote, or its folder",
    )
    option("--out", type=page, default=Path("watch.html"), metavar="FILE", help="%(default)s")
    option("--no-open", action="store_true", help="only write the page, do not open it")
    watch.set_defaults(run=watch_and_open)


def watch_and_open(options: argparse.Namespace) -> None:
    """Write a player, say where, and show it in a browser if there is a screen."""
    of_row = options.data is not None or options.model is not None
    if of_row and (options.logits is not None or options.target is not None):
        raise ValueError("watch: either --logits and --target, or a row of --data; not both")
    if of_row:
        player = _player_of_row(options)
    else:
        logits = options.logits if options.logits is not None else [2.0, 1.0, -0.1]
        player = compare_xent(logits, 1 if options.target is None else options.target)
    print(player.save(options.out))
    screen = sys.platform in ("win32", "darwin") or "DISPLAY" in os.environ
    if not options.no_open and screen:
        webbrowser.open(options.out.absolute().as_uri())


def _player_of_row(options: argparse.Namespace) -> Player:
    """A whole network on one row: as trained, or with its first random weights."""
    known = trained(options.model) if options.model else None
    name = options.data or (known.about.get("data") if known else None)
    if name not in data.names():
        raise ValueError(
            f"watch: {options.model} was trained on no set of the package; wanted --data with one "
            "that it fits"
        )
    rows = data.load(name)
    if options.index >= len(rows):
        raise ValueError(f"watch: --index {options.index}; {name} has {len(rows)} rows, from 0")
    if known is not None:
        model, scale = known.model, known.scale
        fitting(rows, known)
    else:
        model = nn.MLP([rows.x.shape[1], 32, len(rows.classes)], rng=0)
        scale = data.Standardiser.fit(rows.x)
    x = scale(rows.x[options.index : options.index + 1])[0]
    label = int(rows.y[options.index])
    example = Example(model, x, label, options.index)
    model.zero_grad()
    title = f"{name}, row {options.index}: {rows.classes[label]}"
    return play(example.loss, names=dict(model.named_parameters()), title=title)
