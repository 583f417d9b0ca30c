"""A model that was trained by the command, and rows that it shall judge."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import data, nn
from ..display import plain
from ..files import ModelError, load_model, read_metadata
from ..training import predict


class Trained(NamedTuple):
    """A model and what its file tells of its rows and classes."""

    path: Path
    model: nn.Module
    classes: tuple[str, ...]
    features: tuple[str, ...]
    scale: data.Standardiser
    about: Mapping[str, Any]


def add_options(option: Any) -> None:
    """The options of commands that use a model."""
    option(
        "--model",
        type=Path,
        required=True,
        metavar="FILE",
        help="a model.safetensors that train wrote",
    )
    option(
        "--data",
        metavar="NAME|PATH",
        help=f"{', '.join(data.names())}, or a file; default what the model was trained on. Of "
        "that, the test part is taken",
    )
    option("--label", type=column, metavar="COLUMN", help="the column of labels: name or number")
    option("--drop-missing", action="store_true", help="leave out rows with missing cells")


def column(text: str) -> str | int:
    """A column by its number, from 0 or, if negative, from the end; or else by its name."""
    if not text:
        raise argparse.ArgumentTypeError("'' is not the name or number of a column")
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else text


def trained(path: Path) -> Trained:
    """The model in a file, if the file says what its rows and its classes are.

    Raises
    ------
    FileNotFoundError, ModelError
        If there is no such file, if it is damaged, or if it does not say it.
    """
    model, about = load_model(path), read_metadata(path)
    columns = {key: _numbers(about.get(key), key, path) for key in ("input_mean", "input_std")}
    mean, std = columns["input_mean"], columns["input_std"]
    if len(mean) != len(std) or not (std > 0).all():
        raise ModelError(f"{path}: input_mean and input_std in it do not belong together")
    features = about.get("features", [f"x{i}" for i in range(len(mean))])
    for key, names in (("classes", about.get("classes")), ("features", features)):
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ModelError(f"{path}: does not hold its {key} as a list of names{_wanted()}")
    if len(features) != len(mean):
        raise ModelError(f"{path}: {len(features)} features in it, but {len(mean)} input means")
    classes, scale = tuple(about["classes"]), data.Standardiser(mean, std)
    try:
        k = predict(model, np.asarray([mean]), scale=scale).shape[1]
    except ValueError as error:
        raise ModelError(
            f"{path}: the model does not take its {len(mean)} columns: {error}"
        ) from error
    if k != len(classes) or len(set(classes)) != k:
        raise ModelError(f"{path}: {len(set(classes))} different classes in it, but {k} logits")
    return Trained(path, model, classes, tuple(features), scale, about)


def _wanted() -> str:
    return "; wanted a model that tinygrad-xent train wrote"


def _numbers(found: Any, key: str, path: Path) -> Any:
    """The statistics of the columns, or ModelError."""
    if found is None:
        raise ModelError(f"{path}: does not hold {key}, the statistics of its columns{_wanted()}")
    try:
        numbers = np.asarray(found, np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.zeros((0, 0))
    if numbers.ndim != 1 or not numbers.size or not np.isfinite(numbers).all():
        raise ModelError(f"{path}: {key} in it is no list of numbers")
    return numbers


def named(options: argparse.Namespace, known: Trained) -> str:
    """Which data: those of the option, or those that the model was trained on."""
    name = options.data if options.data is not None else known.about.get("data")
    if not isinstance(name, str) or (options.data is None and name not in data.names()):
        raise ValueError(f"{known.path}: does not come with its data; say which: --data NAME|PATH")
    return name


def bundled(name: str, known: Trained) -> tuple[data.Dataset, str]:
    """A set that comes with the package, and in words which rows: the test part of its own."""
    rows = data.load(name)
    if len(rows.features) != len(known.features) or rows.classes != known.classes:
        raise ValueError(
            f"{name}: {len(rows.features)} columns and the classes {_listed(rows.classes)}; the "
            f"model wants {len(known.features)} columns and has {_listed(known.classes)}"
        )
    seed = known.about.get("seed")
    if known.about.get("data") != name or type(seed) is not int or seed < 0:
        return rows, f"all {len(rows)} rows of {name}"
    test = rows.split(test=0.2, seed=seed)[1]
    return test, f"the {len(test)} rows of the test part of {name}"


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(plain(name, 30) for name in names[:5]) + more


def labelled(options: argparse.Namespace, known: Trained) -> tuple[data.Dataset, str]:
    """Rows with labels, and in words which these are."""
    name = named(options, known)
    if name in data.names():
        return bundled(name, known)
    label = options.label if options.label is not None else known.about.get("label")
    more: dict[str, Any] = {"label": label} if isinstance(label, (str, int)) else {}
    if options.drop_missing:
        more["drop_missing"] = True
    rows = data.read(name, columns=known.features, classes=known.classes, **more)
    if rows.test is not None:
        return rows.test, f"the {len(rows.test)} rows of the test part of {plain(name, 200)}"
    said = f"{len(rows)} rows, {plain(rows.source, 300)}"
    if known.about.get("data") in (name, rows.name):
        said += "\nthe model was trained on data of this name: some of these rows it may know"
    return rows, said


def unlabelled(options: argparse.Namespace, known: Trained) -> tuple[Any, Any, str]:
    """Rows, where each stands, and in words which these are."""
    name = named(options, known)
    if name in data.names():
        rows, said = bundled(name, known)
        return rows.x, np.arange(len(rows)), said
    found = data.read_rows(
        name, known.features, label=options.label, drop_missing=options.drop_missing
    )
    said = f"{len(found)} rows of {plain(name, 200)}"
    if found.dropped:
        said += f"; {found.dropped} left out, with missing cells"
    return found.x, found.lines, said
