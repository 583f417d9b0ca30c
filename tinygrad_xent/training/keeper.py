"""Keeper: writes checkpoints, and puts a run back to where one was written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..data.checks import whole_number
from ..files import ModelError, PathLike, tidy
from ..files.reading import short
from ..ops.guards import warn
from . import checkpoint as file
from .callbacks import Callbacks
from .plan import Plan
from .run import Run
from .sameness import described, differences, factors


class Keeper:
    """Keeps a run in a file as it goes on; without a path it keeps nothing."""

    def __init__(
        self,
        path: PathLike | None = None,
        every: int = 1,
        about: Mapping[str, Any] | None = None,
        callbacks: Callbacks | None = None,
    ) -> None:
        self.path, self.every = path, every
        self.about, self.callbacks = about or {}, callbacks

    def due(self, epoch: int) -> bool:
        """Whether the checkpoint of this epoch is wanted."""
        return epoch % self.every == 0

    def keep(self, run: Run) -> None:
        """Write where the run is now."""
        if self.path is not None:
            assert self.callbacks is not None
            states = [one.state_dict() for one in self.callbacks.kept]
            file.write(self.path, {**run.take(), "callbacks": states}, self.about)


NO_KEEPER = Keeper()


def keeper_of(
    path: PathLike | None,
    every: int,
    resume: bool | PathLike,
    run: Run,
    plan: Plan,
    callbacks: Callbacks,
    given: Mapping[str, Any],
) -> Keeper:
    """What keeps the run in the file `path`; with `resume` the run is where it was left."""
    every = whole_number("fit: checkpoint_every", every, least=1)
    if resume is True and path is None:
        raise ValueError("fit: resume=True needs a checkpoint; wanted checkpoint=path")
    if not isinstance(resume, (bool, str, os.PathLike)):
        raise TypeError(f"fit: resume is {resume!r}; wanted True, False or a path")
    if path is None and resume is False:
        return NO_KEEPER
    about = described(run, plan, given)
    if path is not None:
        folder = Path(path).parent
        if not folder.is_dir():
            raise FileNotFoundError(f"fit: checkpoint {path}: there is no folder {str(folder)!r}")
        tidy(path)
    # Not "if resume": Path objects are true, and "" is a path that is not there.
    source = path if resume is True else None if resume is False else resume
    if source is not None and (resume is not True or Path(source).exists()):
        _go_back(source, run, plan, callbacks, about)
    return Keeper(path, every, about, callbacks)


def _go_back(
    path: PathLike, run: Run, plan: Plan, callbacks: Callbacks, about: dict[str, Any]
) -> None:
    """Be where the run in the file was; or raise an error, and nothing has changed."""
    state, before = file.read_checkpoint(path)
    schedule = about["schedule"]
    if isinstance(schedule, list) and isinstance(before.get("schedule"), list):
        # A function is asked about the run that it was first used for.
        then = before["schedule"][0] if type(before.get("epochs")) is int else plan.epochs
        about["schedule"] = [then, factors(plan, then)]
    wrong = differences(about, before)
    if wrong:
        raise ValueError(f"fit: {path} is the checkpoint of another run. {'; '.join(wrong)}")
    now = run.take(), [one.state_dict() for one in callbacks.kept]
    try:
        _check(state, plan, callbacks)
        _put_back(run, callbacks, state, state["callbacks"])
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        _put_back(run, callbacks, *now)
        raise ModelError(f"{path}: the state in it does not fit: {short(error)}") from error
    begun = run.epoch + (run.part is not None)
    if begun > plan.epochs:
        _put_back(run, callbacks, *now)
        raise ValueError(f"fit: epochs is {plan.epochs}; {path} has begun {begun} already")
    _more_epochs(run, plan, before["epochs"])


def _put_back(
    run: Run, callbacks: Callbacks, state: Mapping[str, Any], states: Sequence[Any]
) -> None:
    run.put_back(state)
    for one, kept in zip(callbacks.kept, states, strict=True):
        one.load_state_dict(kept)


def _check(state: Mapping[str, Any], plan: Plan, callbacks: Callbacks) -> None:
    """What `put_back` would believe."""
    part, rows = state["part"], state["history"]
    if [row.epoch for row in rows] != list(range(len(rows))):
        raise ValueError("the epochs of the history are not 0, 1, …")
    for count in (state["steps"], state["since_best"], 0 if part is None else part["batches"]):
        if type(count) is not int or count < 0:
            raise ValueError(f"a count is {count!r}")
    if part is not None and part["batches"] > plan.batches:
        raise ValueError(f"{part['batches']} batches of {plan.batches} are done")
    if type(state["lr"]) is not float or type(state["ended"]) is not str:
        raise TypeError(f"lr is {state['lr']!r}, ended is {state['ended']!r}")
    if len(state["callbacks"]) != len(callbacks.kept):
        raise ValueError(
            f"got {len(callbacks.kept)} callbacks with a state; wanted {len(state['callbacks'])}"
        )


def _more_epochs(run: Run, plan: Plan, before: int) -> None:
    """A run that goes on past its end, and whose learning rate would have been another."""
    if plan.epochs > before:
        run.ended = ""
    if plan.schedule is None or plan.epochs == before or run.steps == 0:
        return
    old, new = (plan.factor(run.steps - 1, epochs) for epochs in (before, plan.epochs))
    if old != new:
        warn(
            f"fit: the schedule is that of {plan.epochs} epochs from here on: after epoch "
            f"{run.epoch} of {before} it was at {old:g} and is at {new:g}. The weights will not be "
            f"those of {plan.epochs} epochs from the start"
        )
