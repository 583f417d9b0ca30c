"""tinygrad-xent predict: the probability of each class, row by row, as a table."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np

from ..display import plain
from ..files import replacing
from ..training import predict
from ..training.report import columns
from .saying import say
from .trained import Trained, add_options, trained, unlabelled

MOST = 40  # classes that the summary lists


def add(commands: Any) -> None:
    """The command and its options."""
    command = commands.add_parser(
        "predict",
        help="write the probability of each class for the rows of a file",
        description="Write a CSV file with a line for each row: its number (that of its line, if "
        "it comes from a table), the class that is most likely, and the probability of each class. "
        "The columns of a table are found by their names; without names, by position.",
    )
    add_options(command)
    command.add_argument(
        "--out", type=Path, default=Path("predictions.csv"), metavar="FILE", help="%(default)s"
    )
    command.set_defaults(run=predict_and_say)


def predict_and_say(options: argparse.Namespace) -> None:
    """Write the predictions, and say what was predicted how often."""
    known = trained(options.model)
    x, places, which = unlabelled(options, known)
    for source in (options.data, options.model):
        both = source is not None and options.out.exists() and Path(source).exists()
        if both and options.out.samefile(source):
            raise ValueError(f"predict: --out {options.out} is what is read; wanted another file")
    q = predict(known.model, x, scale=known.scale)
    write(options.out, q, places, known.classes)
    say(f"{which}\n")
    say(summary(q, places, known))
    say(f"\nwritten to {options.out}")


def write(path: Path, q: Any, places: Any, classes: tuple[str, ...]) -> None:
    """A header and a line for each row; 9 digits, as many as a float32 has."""
    found = q.argmax(axis=1)
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["row", "predicted", *classes])
        for place, k, row in zip(places.tolist(), found.tolist(), q.tolist(), strict=True):
            table.writerow([place, classes[k], *(f"{p:.9g}" for p in row)])


def summary(q: Any, places: Any, known: Trained) -> str:
    """How often each class was predicted, how sure the model was, and where it was least."""
    found, sure = q.argmax(axis=1), q.max(axis=1)
    counts = np.bincount(found, minlength=q.shape[1])
    shown = [k for k in np.argsort(-counts, kind="stable").tolist()[:MOST] if counts[k]]
    names = [plain(known.classes[k], 40) for k in shown]
    width = max(9, *map(columns, names))
    lines = [f"{'predicted':<{width}}  rows  mean q"]
    for k, name in zip(shown, names, strict=True):
        mean = sure[found == k].mean()
        lines.append(f"{name}{' ' * (width - columns(name))}  {counts[k]:>4}  {mean:>6.3f}")
    least = int(sure.argmin())
    lines.append(
        f"\nleast sure: row {places[least]}, {plain(known.classes[found[least]], 40)} with q = "
        f"{sure[least]:.3f}"
    )
    return "\n".join(lines)
