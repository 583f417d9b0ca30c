"""The options of `train` that say how it trains, and what `fit` and the model are told of them."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

from ..optim import schedules
from ..training import LEARNING_RATES, OPTIMIZERS
from .arguments import at_least_one, positive, share, steps, zero_or_more

WORTH_COMPILING = 3000  # steps


def add_training_options(command: argparse.ArgumentParser) -> None:
    """How long, how fast, what is held back and when to stop."""
    option = command.add_argument_group("training").add_argument
    _how_long_and_fast(option)
    _what_is_held_back(option)
    option(
        "--validation",
        type=share,
        metavar="F",
        help="hold back this share of the training rows, to judge every epoch by",
    )
    option(
        "--patience",
        type=at_least_one,
        metavar="N",
        help="stop once the validation loss has not fallen for N epochs, and keep the best weights",
    )
    option(
        "--compile",
        choices=("auto", "yes", "no"),
        default="auto",
        help="run each step as one program (tx.compile), which gives the same bits; auto, the "
        "default: where there are enough steps to make up for the time that writing it takes",
    )


def _how_long_and_fast(option: Callable[..., Any]) -> None:
    option("--epochs", type=at_least_one, default=40, metavar="N", help="default %(default)s")
    option("--batch-size", type=at_least_one, default=32, metavar="N", help="default %(default)s")
    option(
        "--optimizer",
        choices=tuple(OPTIMIZERS),
        default="adam",
        metavar="NAME",
        help="%(choices)s; default %(default)s",
    )
    rates = ", ".join(f"{rate:g} for {name}" for name, rate in LEARNING_RATES.items())
    option("--lr", type=positive, metavar="X", help=f"learning rate; default {rates}")
    option(
        "--schedule",
        choices=tuple(schedules.NAMES),
        metavar="NAME",
        help="how the learning rate falls: %(choices)s",
    )
    option(
        "--warm-up",
        type=steps,
        metavar="N",
        help="steps in which the learning rate rises first, or a share of all",
    )


def _what_is_held_back(option: Callable[..., Any]) -> None:
    option(
        "--weight-decay",
        type=zero_or_more,
        metavar="X",
        help="default 0.01 for adamw, 0 for the others",
    )
    option("--clip", type=positive, metavar="X", help="hold the gradient to this length")
    option(
        "--dropout",
        type=share,
        default=0.0,
        metavar="P",
        help="share of hidden units left out at random",
    )
    option(
        "--label-smoothing",
        type=share,
        default=0.0,
        metavar="X",
        help="share of each target that goes to all classes",
    )
    option(
        "--class-weights", choices=("balanced",), help="let rare classes count as much as others"
    )


def compiled(options: argparse.Namespace, rows: int) -> bool:
    """Whether to write a program of the training step: not if that would take longer than it saves.

    Writing it takes as long as some 2,000 steps of a small model save. Dropout cannot be compiled.
    """
    if options.compile != "auto":
        return bool(options.compile == "yes")
    steps = options.epochs * math.ceil(rows / options.batch_size)
    return steps >= WORTH_COMPILING and not options.dropout


def fit_options(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `fit`.

    Raises
    ------
    ValueError
        If two options do not go together.
    """
    if options.patience is not None and not options.validation:
        raise ValueError("--patience needs --validation, such as --validation 0.2")
    if options.compile == "yes" and options.dropout:
        raise ValueError("--compile yes and --dropout: a program cannot draw random numbers")
    schedule = options.schedule
    if options.warm_up is not None:
        schedule = schedules.warm_up(options.warm_up, then=schedule)
    return {
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "optimizer": options.optimizer,
        "lr": options.lr,
        "schedule": schedule,
        "weight_decay": options.weight_decay,
        "clip_norm": options.clip,
        "label_smoothing": options.label_smoothing,
        "class_weights": options.class_weights,
        "validation": options.validation or None,
        "patience": options.patience,
        "seed": options.seed,
    }
