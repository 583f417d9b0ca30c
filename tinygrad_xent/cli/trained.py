"""A model that was trained by the command, and rows that it shall judge."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import data, nn
from ..data.reading.places import PLACES
from ..data.reading.reader import kind_of
from ..display import plain
from ..files import ModelError, load_model, read_metadata
from ..training import predict
from .data import add_reading, of_package, reading

MODEL = "model.safetensors"


class Trained(NamedTuple):
    """A model and what its file tells of its rows and classes."""

    path: Path
    model: nn.Module
    classes: tuple[str, ...]
    features: tuple[str, ...]
    scale: data.Standardiser
    about: Mapping[str, Any]


def add_options(parser: Any) -> None:
    """The options of commands that use a model."""
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="FILE",
        help="a model.safetensors that train wrote, or its folder",
    )
    group = parser.add_argument_group("data")
    group.add_argument(
        "--data",
        metavar="DATA",
        help="a name or a file, as for train; default the set that the model was trained on, of "
        "which the test part is taken",
    )
    add_reading(
        group, label="that which the model was trained on", columns="those of the model, by name"
    )


def trained(path: Path) -> Trained:
    """The model in a file, or in the folder of a run, if it says what its rows and classes are.

    Raises
    ------
    FileNotFoundError, ModelError
        If there is no such file, if it is damaged, or if it does not say it.
    """
    path = path / MODEL if path.is_dir() else path
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


def fitting(rows: data.Dataset, known: Trained) -> data.Dataset:
    """The rows of a set of the package, if the model takes them and knows their classes."""
    if len(rows.features) != len(known.features) or rows.classes != known.classes:
        raise ValueError(
            f"{rows.name}: {len(rows.features)} columns and the classes {_listed(rows.classes)}; "
            f"the model wants {len(known.features)} columns and has {_listed(known.classes)}"
        )
    return rows


def test_part(rows: data.Dataset, name: str, known: Trained) -> data.Dataset | None:
    """The rows that the model was not trained on, if these are the rows that were split for it."""
    split = known.about.get("split")
    if Path(name).name != known.about.get("data") or not isinstance(split, dict):
        return rows.test
    try:
        train, test = rows.split(split["test"], split["seed"], tail=split["tail"])
    except (KeyError, TypeError, ValueError):
        return rows.test
    return test if [len(train), len(test)] == split.get("rows") else rows.test


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(plain(name, 30) for name in names[:5]) + more


def labelled(options: argparse.Namespace, known: Trained) -> tuple[data.Dataset, str]:
    """Rows with labels, and in words which these are."""
    name = named(options, known)
    if name in data.names():
        rows = fitting(of_package(name, options), known)
    else:
        told = reading(options)
        if told["label"] is None and name not in PLACES and kind_of(name) == "table":
            told["label"] = known.about.get("label")
        told["columns"] = told["columns"] or _columns(known)
        rows = data.read(name, classes=known.classes, **told)
    test = test_part(rows, name, known)
    if test is not None:
        return test, f"the {len(test)} rows of the test part of {plain(name, 200)}"
    said = f"{len(rows)} rows of {plain(name, 200)}"
    if " left out" in rows.source:
        said += f": {plain(rows.source, 300)}"
    if Path(name).name == known.about.get("data"):
        said += "\nthe model was trained on data of this name: some of these rows it may know"
    return rows, said


def _columns(known: Trained) -> tuple[str, ...] | None:
    """Which columns to ask for: those of the model; all, if these have no names of their own."""
    unnamed = known.features == tuple(f"x{j}" for j in range(len(known.features)))
    return None if unnamed else known.features


def unlabelled(options: argparse.Namespace, known: Trained) -> tuple[Any, Any, str]:
    """Rows, where each stands, and in words which these are."""
    name = named(options, known)
    if name in data.names():
        rows = fitting(of_package(name, options), known)
        test = test_part(rows, name, known)
        said = f"the {len(test)} rows of the test part of" if test else f"all {len(rows)} rows of"
        rows = test or rows
        return rows.x, np.arange(len(rows)), f"{said} {name}"
    told = reading(options)
    columns = told.pop("columns") or known.features
    if told.pop("ignore"):
        raise ValueError("predict: --ignore is not needed: the columns of the model are picked out")
    if len(columns) != len(known.features):
        wanted = len(known.features)
        raise ValueError(f"predict: {len(columns)} --columns; wanted {wanted}, as the model takes")
    found = data.read_rows(name, columns, **told)
    said = f"{len(found)} rows of {plain(name, 200)}"
    if found.dropped:
        said += f"; {found.dropped} left out, with missing cells"
    return found.x, found.lines, said
