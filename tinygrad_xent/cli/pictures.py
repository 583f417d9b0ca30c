"""The pictures of a trained model: which there are, what each shows, and how they are kept."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .. import data, nn
from ..files import replacing
from ..training import Evaluation, History


class Picture(NamedTuple):
    """A file to be drawn: what it shows in a line, the same in words, and the function."""

    name: str
    caption: str
    alt: str
    draw: Callable[[], Any]


def of_report(report: Evaluation) -> Iterator[Picture]:
    """The confusion matrix and, if there is one, the reliability diagram."""
    from .. import plots

    notes = report.notes()
    yield Picture(
        "confusion.png",
        "Which class is taken for which: a row for each label.",
        f"Confusion matrix, {report.headline()}. {notes[-1] if notes else 'No mistakes'}.",
        lambda: plots.confusion(report.confusion, report.classes or None),
    )
    seen = report.reliability
    if seen is not None:
        yield Picture(
            "reliability.png",
            "How often the model is right over how sure it is; on the dotted line it means what it "
            "says.",
            f"Reliability diagram; expected calibration error {report.calibration_error:.3f}.",
            lambda: plots.reliability(seen),
        )


def of_history(history: History, classes: int) -> Iterator[Picture]:
    """The curves."""
    from .. import plots

    first, last = history[0], history[-1]
    best = history.best.epoch if history.best else None
    told = f"Over {last.epoch} epoch{'s' * (last.epoch != 1)} the training loss goes from "
    told += f"{first.train_loss:.3f} to {last.train_loss:.3f}"
    if not math.isnan(last.test_loss):
        told += f", the test loss from {first.test_loss:.3f} to {last.test_loss:.3f}"
    yield Picture(
        "curves.png",
        "Loss and accuracy over the epochs.",
        f"{told}.",
        lambda: plots.curves(*zip(*history, strict=True), classes=classes, best=best),
    )


def of_plane(
    model: nn.Module, rows: data.Dataset, scale: Callable[[Any], Any] | None
) -> Iterator[Picture]:
    """The decision regions, if the rows (in their own units) have two columns."""
    from .. import plots

    if rows.x.shape[1] == 2:
        look: dict[str, Any] = {"features": rows.features, "scale": scale}
        yield Picture(
            "decision.png",
            "The region of each class, paler where the model is less sure, and the test rows.",
            f"Decision regions of {len(rows.classes)} classes in the plane.",
            lambda: plots.decision(model, rows.x, rows.y, rows.classes, **look),
        )


def of_images(model: nn.Module, features: Sequence[str]) -> Iterator[Picture]:
    """The weights of the first layer, if the columns are the pixels of an image."""
    from .. import plots

    shape = image_shape(features)
    weight = next((p.numpy() for _, p in model.named_parameters()), None)
    if shape is not None and weight is not None and weight.ndim == 2:
        yield Picture(
            "weights.png",
            "What the units of the first layer look for: blue is for, orange is against.",
            f"The weights of the first layer as {shape[0]} x {shape[1]} pictures.",
            lambda: plots.weights(weight, shape),
        )


def image_shape(features: Sequence[str]) -> tuple[int, int] | None:
    """(height, width) if the columns are called pixel_0_0, pixel_0_1, ..., row by row."""
    last = features[-1].split("_") if features else []
    if len(last) != 3 or last[0] != "pixel" or not (last[1].isdecimal() and last[2].isdecimal()):
        return None
    height, width = int(last[1]) + 1, int(last[2]) + 1
    if height * width != len(features) or features[0] != "pixel_0_0" or min(height, width) < 2:
        return None
    return height, width


def write(out: Path, pictures: Sequence[Picture]) -> tuple[list[str], dict[str, str]]:
    """Draw the pictures into a folder: the names of those written, and why others were not."""
    written, missing = [], {}
    for picture in pictures:
        try:
            figure = picture.draw()
        except ImportError as error:
            missing[picture.name] = str(error)
            continue
        with replacing(out / picture.name) as temporary, warnings.catch_warnings():
            # A class may have a name in letters that the font lacks; they become boxes.
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            figure.savefig(temporary, dpi=150)
        written.append(picture.name)
    return written, missing
