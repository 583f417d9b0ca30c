"""fit: the training loop, small enough to read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..data import Dataset
from ..data.checks import generator
from ..files import PathLike
from ..nn import Module
from ..nn.modes import in_mode
from ..optim import Optimizer
from .callbacks import Batch, Callbacks
from .evaluation import evaluated
from .history import Epoch, History
from .interruption import Interruption
from .keeper import NO_KEEPER, Keeper, keeper_of
from .plan import Plan, optimizer_of, plan_of
from .progress import Progress, progress_bar
from .run import Run
from .trouble import Wrong, ran_away, wrong_in


def fit(
    model: Module,
    data: Dataset | tuple[Any, Any],
    *,
    validation: Dataset | tuple[Any, Any] | float | None = None,
    test: Dataset | tuple[Any, Any] | None = None,
    epochs: int = 30,
    batch_size: int = 32,
    optimizer: str | Optimizer = "adam",
    lr: float | None = None,
    schedule: Callable[[int, int], float] | str | None = None,
    weight_decay: float | None = None,
    clip_norm: float | None = None,
    label_smoothing: float = 0.0,
    class_weights: Sequence[float] | str | None = None,
    patience: int | None = None,
    seed: int | np.random.Generator = 0,
    compile: bool = False,
    checkpoint: PathLike | None = None,
    checkpoint_every: int = 1,
    resume: bool | PathLike = False,
    progress: bool = False,
    callbacks: Iterable[Any] = (),
    on_epoch: Callable[[Epoch], object] | None = None,
    scale: Callable[[Any], Any] | None = None,
) -> History:
    """Train a classifier by cross-entropy on mini-batches, in place, and return what happened.

    Parameters
    ----------
    model
        Takes rows, returns logits (N, K). It trains in ``train()`` and is evaluated in ``eval()``;
        afterwards it is in what it was in before.
    data, validation, test
        A `Dataset`, or rows x and class indices y. `validation` and `test` are evaluated after each
        epoch; by `validation` the best epoch is chosen, by `test` nothing is. `validation` may also
        be a fraction of the rows of each class, which is then not trained on.
    epochs, batch_size
        How often every row is seen, and how many at a time.
    optimizer
        ``"sgd"``, ``"adam"``, ``"adamw"``, ``"rmsprop"``, ``"adagrad"``, or an Optimizer of your
        own making (then without `lr` and `weight_decay`); parameters of the model that it was not
        given stay as they are.
    lr
        Learning rate; if not given 0.1 for sgd, 0.003 for adam and adamw, 0.001 for rmsprop and
        0.01 for adagrad.
    schedule
        What the learning rate is multiplied by, a function ``schedule(t, total)`` of the step
        t = 0, 1, … and the number of steps planned, or its name: see `optim.schedules`.
    weight_decay
        Of the optimizer; its own default if not given.
    clip_norm
        The length to which gradients are held: see `nn.clip_grad_norm`.
    label_smoothing, class_weights
        Of the loss that is minimised, as in `cross_entropy`: eps from 0 to 1, and a number > 0 per
        class, or ``"balanced"``: N / (k n) for a class of n of N rows, k classes being there.
    patience
        Stop once the validation loss has not fallen for so many epochs. However the run ends, the
        weights are then those of the best epoch.
    seed
        Of the order of the rows and of which are held out: a whole number or a Generator. The same
        seed, model (with the generators of its `nn.Dropout`) and data give the same weights and the
        same history, to the last bit.
    compile
        Run the training step as a program that `tx.compile` writes of it: faster, equal to the last
        bit. The model must be one that can be compiled: without `nn.Dropout`.
    checkpoint
        A file, ``"checkpoint.safetensors"``, that holds all that is needed to go on after a crash:
        weights, best weights, optimizer, generators, history and position. It is replaced after
        each epoch, and on Ctrl-C or `StopTraining` after the batch.
    checkpoint_every
        Do so after every so many epochs only; and at the end.
    resume
        True: go on from `checkpoint`, or begin if there is no such file yet. A path: go on from
        that file. All other arguments are those of the run that was interrupted; `epochs` and
        `patience` may be others. The result is that of a run that was not interrupted, to the
        last bit; one that has ended is returned as it is, or goes on if `epochs` is larger now,
        and where `patience` ended it, if that is.
    progress
        Show a progress bar with epoch, loss, accuracy and the time that is left.
    callbacks
        Functions that are called with every `Epoch`, or objects with methods ``on_epoch(epoch)``
        and ``on_batch(batch)``. They see the model in ``eval()`` after epochs, in ``train()`` after
        batches, and may raise `training.StopTraining`. The state of those with ``state_dict()``
        and ``load_state_dict(state)`` is part of the checkpoint.
    on_epoch
        One more such function. Epoch 0 is before training.
    scale
        Applied to the rows of each batch, such as a `data.Standardiser`. The rows stay as they are
        kept, 60,000 images of uint8 in 47 MB, and every batch becomes the dtype of the model.

    Returns
    -------
    History
        An `Epoch` for each; ``history.best`` and ``history.stopped`` say which was the best and why
        the run ended.

    Raises
    ------
    TypeError, ValueError
        If an argument or the data are wrong (a NaN is named by its row and column), or two Tensors
        or generators of the model have one path.
    ModelError
        If the file to go on from is damaged or newer. That it belongs to another run is a
        ValueError that names each difference.
    FileNotFoundError
        If the file to go on from, or the folder of `checkpoint`, is not there.
    IndexError
        If a label is not a class of the model.
    FloatingPointError
        If a loss or a weight stops being finite, naming op, epoch and step. The weights are then
        the last whose loss was finite, or with `validation` those of the best epoch.

    Notes
    -----
    Ctrl-C ends the run after the batch: the epoch is evaluated as far as it came, with `validation`
    the best weights are restored, and the history is returned. A second Ctrl-C raises
    KeyboardInterrupt at once. This is so in the main thread, unless the program handles SIGINT
    itself.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> train, test = tx.data.load("iris").split(test=0.2, seed=0)
    >>> model = tx.nn.MLP([4, 16, 3], rng=0)
    >>> history = tx.fit(model, train, test=test, epochs=40)
    >>> len(history), history[-1].test_accuracy > 0.9
    (41, True)
    """
    rng = generator("fit: seed", seed)
    moved_by = optimizer_of(optimizer, model, lr, weight_decay)
    plan = plan_of(
        model,
        data,
        moved_by,
        rng,
        validation=validation,
        test=test,
        epochs=epochs,
        batch_size=batch_size,
        schedule=schedule,
        clip_norm=clip_norm,
        label_smoothing=label_smoothing,
        class_weights=class_weights,
        patience=patience,
        compile=compile,
        scale=scale,
    )
    told = Callbacks(callbacks, on_epoch)
    run = Run(model, moved_by, rng)
    given = {"seed": seed, "schedule": schedule, "clip_norm": clip_norm}
    keeper = keeper_of(checkpoint, checkpoint_every, resume, run, plan, told, given)
    return go_on(run, plan, told, progress, keeper)


def go_on(
    run: Run,
    plan: Plan,
    callbacks: Callbacks,
    progress: bool = False,
    keeper: Keeper = NO_KEEPER,
) -> History:
    """Train from where the run is to the end of the plan, or as far as it comes."""
    try:
        with (
            in_mode(run.model, False),
            progress_bar(plan.epochs, progress, max(run.epoch, 0)) as bar,
            Interruption(say=progress) as interruption,
        ):
            why = _epochs(run, plan, callbacks, bar, interruption, keeper)
    finally:
        if plan.schedule is not None:
            run.optimizer.lr = run.lr
    keep_best = plan.patience is not None or interruption.wanted
    run.history.stopped = f"{why}; the weights are those of {_weights_kept(run, keep_best)}"
    if progress and interruption.wanted:
        Interruption.tell(run.history.stopped)
    return run.history


def _epochs(
    run: Run,
    plan: Plan,
    callbacks: Callbacks,
    bar: Progress,
    interruption: Interruption,
    keeper: Keeper,
) -> str:
    """One epoch after the other; why there are no more."""
    starts: list[dict[str, Any]] = []  # of this epoch and the one before
    while not (over := _over(run, plan)):
        why = None
        # What overflows here is reported once, by ran_away; callbacks are told as they were before.
        with np.errstate(all="ignore"):
            if run.epoch < 0:
                row = _before_training(run, plan)
            else:
                starts = [*starts, *_start(run)][-2:]
                row, why = _train_one_epoch(run, plan, starts, callbacks, bar, interruption)
            if why is not None:
                keeper.keep(run)  # before the row, so that the epoch goes on from its middle
            if plan.validation is not None:
                result = evaluated(run.model, plan.validation)
                row = row._replace(validation_loss=result.loss, validation_accuracy=result.accuracy)
            if plan.test is not None:
                result = evaluated(run.model, plan.test)
                row = row._replace(test_loss=result.loss, test_accuracy=result.accuracy)
        run.add(row, validated=plan.validation is not None)
        bar.epoch(row)
        stop = callbacks.epoch(row)
        if why is not None:
            return why
        if stop is not None:
            run.ended = f"stopped after epoch {row.epoch}: {stop}"
        interrupted = interruption.wanted  # asked once: it may come at any time
        if keeper.due(row.epoch) or interrupted or _over(run, plan):
            keeper.keep(run)
        if interrupted:
            return f"interrupted after epoch {row.epoch}"
    return over


def _over(run: Run, plan: Plan) -> str:
    """Why there is no other epoch; empty if there is one, or one has begun."""
    if run.part is not None:
        return ""
    if run.ended:
        return run.ended
    if plan.patience is not None and run.since_best >= plan.patience:
        long = "1 epoch" if plan.patience == 1 else f"{plan.patience} epochs"
        return f"stopped after epoch {run.epoch}: no lower validation loss for {long}"
    return f"all {plan.epochs} epochs are done" if run.epoch >= plan.epochs else ""


def _before_training(run: Run, plan: Plan) -> Epoch:
    """Epoch 0: what the weights are worth as they are."""
    result = evaluated(run.model, plan.rows)
    loss = result.loss
    if not plan.objective.is_plain:
        loss = plan.objective.mean(run.model, plan.rows)
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"fit: the loss is {loss} before training: are the weights finite?"
        )
    return Epoch(0, loss, result.accuracy)


def _train_one_epoch(
    run: Run,
    plan: Plan,
    starts: list[dict[str, Any]],
    callbacks: Callbacks,
    bar: Progress,
    interruption: Interruption,
) -> tuple[Epoch, str | None]:
    """One pass over the rows, each batch as it was met; and why the run is to end within it."""
    epoch, why = run.epoch + 1, run.ended or None
    batches = run.batches_left(plan.rows, plan.batch_size)
    part = run.part
    assert part is not None
    with in_mode(run.model, True):
        for k, rows, labels in batches if why is None else ():
            loss, hits = plan.take_step(run, rows, labels, plan.step)
            if not math.isfinite(loss):
                raise ran_away(run, plan, starts, Wrong("the loss", loss, epoch, k, run.steps - 1))
            part.add(loss, plan.objective.mass(labels), hits, len(labels))
            bar.batch(epoch, (k + 1) / plan.batches)
            if callbacks.on_batch:
                rate, accuracy = run.optimizer.lr, hits / len(labels)
                news = Batch(epoch, k, plan.batches, run.steps - 1, loss, accuracy, rate)
                why = callbacks.batch(news)
            if why is not None or interruption.wanted:
                reason = "interrupted" if why is None else f"stopped: {why},"
                where = f"{reason} in epoch {epoch}, after {k + 1} of {plan.batches} batches"
                run.ended, why = "" if why is None else where, where
                break
    wrong = wrong_in(run, 0.0, part.batches - 1)  # no loss comes after the last step
    if wrong is not None:
        raise ran_away(run, plan, starts, wrong)
    row = Epoch(epoch, *part.means(), learning_rate=run.optimizer.lr)
    return row, why


def _start(run: Run) -> list[dict[str, Any]]:
    """Where an epoch begins, to find the step if one goes wrong; nothing if that cannot be told."""
    try:
        return [run.take()]
    except TypeError:  # an optimizer of the user's that does not say what its state is
        return []


def _weights_kept(run: Run, keep_best: bool) -> str:
    """Of which epoch the weights are from now on."""
    best = run.history.best
    if not keep_best or best is None or run.best is None:
        return f"epoch {run.epoch}, the last"
    if best.epoch != run.epoch:
        run.model.load_state_dict(run.best)
    return f"epoch {best.epoch}, the best"
