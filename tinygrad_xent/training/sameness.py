"""What run this is: what has to be the same for a run to go on as if nothing had happened."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..files import building
from ..files.reading import short
from ..nn import Module
from .plan import Plan
from .rows import Rows
from .run import Run

FREE = ("epochs", "patience")  # they say when a run ends, not how it goes
LOOKS = 33  # at how many steps a schedule is asked
SCALED = 64  # of how many rows it is looked at what `scale` makes of them
PIECE = 1 << 20  # numbers that are hashed at a time


def described(run: Run, plan: Plan, given: Mapping[str, Any]) -> dict[str, Any]:
    """The run under the names of fit's arguments, as JSON can hold it.

    `given` are those arguments that the plan has in another form.
    """
    kept = run.optimizer.state_dict()
    return {
        **_data("data", plan.rows),
        **_data("validation", plan.validation),
        **_data("test", plan.test),
        "model": _model(run.model),
        "optimizer": kept["optimizer"],
        **kept["settings"],
        "parameters": _moved(run),
        "schedule": _schedule(plan, given["schedule"]),
        "batch_size": plan.batch_size,
        "clip_norm": None if given["clip_norm"] is None else float(given["clip_norm"]),
        "label_smoothing": plan.objective.label_smoothing,
        "class_weights": None
        if plan.objective.weights is None
        else plan.objective.weights.tolist(),
        "seed": _seed(given["seed"]),
        "epochs": plan.epochs,
        "patience": plan.patience,
    }


def differences(got: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What is another in one of two descriptions, in words."""
    names = [*got, *(name for name in wanted if name not in got)]
    return [
        f"{name}: got {_said(got, name)}, wanted {_said(wanted, name)}"
        for name in names
        if name not in FREE and _plain(got.get(name)) != _plain(wanted.get(name))
    ]


def factors(plan: Plan, epochs: int) -> list[float]:
    """What the schedule of a run of so many epochs gives, at steps from the first to the last."""
    total = epochs * plan.batches
    steps = np.linspace(0, max(total - 1, 0), min(total, LOOKS)).astype(int)
    return [] if plan.schedule is None else [plan.factor(t, epochs) for t in steps.tolist()]


def _said(about: Mapping[str, Any], name: str) -> str:
    text = repr(about[name]) if name in about else "none"
    return short(text) if len(text) < 200 else f"{text[:200]} …"


def _plain(value: Any) -> Any:
    """With lists for tuples, as JSON gives them back."""
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _data(name: str, rows: Rows | None) -> dict[str, str | None]:
    """Rows and labels, each by its number and its hash, and what is made of the first rows."""
    if rows is None:
        return {name: None}
    x = hashlib.sha256()
    for piece in _pieces(rows):
        x.update(np.ascontiguousarray(piece).data)
    y = hashlib.sha256(np.ascontiguousarray(rows.y, dtype="<i8").data)
    first = next(rows.part(np.arange(min(SCALED, len(rows)))).in_order(SCALED))[0]
    scaled = hashlib.sha256(np.ascontiguousarray(first).data)
    shape = " x ".join(map(str, (len(rows), *rows.x.shape[1:])))
    return {
        name: f"{shape} {rows.x.dtype}, sha256 {x.hexdigest()[:16]}",
        f"labels of {name}": f"{len(rows)} of {rows.classes} classes, sha256 {y.hexdigest()[:16]}",
        f"scaled {name}": f"{first.dtype}, sha256 {scaled.hexdigest()[:16]}",
    }


def _pieces(rows: Rows) -> Iterator[Any]:
    """The rows as they are kept, some at a time."""
    size = max(1, PIECE // max(1, rows.x[0].size))
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        yield rows.x[part] if rows.which is None else rows.x.take(rows.which[part], axis=0)


def _model(model: Module) -> Any:
    """How it is built, if it is of layers of `nn`; the names and shapes of its arrays."""
    known = building.architecture(model)
    built = known or [[path, type(module).__name__] for path, module in model.named_modules()]
    return [built, [[name, *_kind(t)] for name, t in model.named_tensors()]]


def _kind(array: Any) -> tuple[str, list[int]]:
    return str(array.dtype), list(array.shape)


def _moved(run: Run) -> list[str]:
    """The names of the parameters that the optimizer moves, in its order."""
    names = {id(p): name for name, p in run.model.named_parameters()}
    return [names.get(id(p), f"{p.shape} of no module") for p in run.optimizer.params]


def _schedule(plan: Plan, given: Any) -> Any:
    """Its name; of a function what it gives: that is all there is to compare."""
    if given is None or isinstance(given, str):
        return given
    return [plan.epochs, factors(plan, plan.epochs)]


def _seed(given: Any) -> Any:
    """The number; of a Generator its kind: where it stands is in the state."""
    if isinstance(given, np.random.Generator):
        return type(given.bit_generator).__name__
    return int(given)
