"""tinygrad-xent source: the NumPy backprop of a network, as one would write it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import data, nn, ops
from ..compiler import Compiled
from ..compiler import compile as compiled
from ..optim import SGD, Adam, Optimizer
from .arguments import at_least_one, seed, sizes


def add(commands: Any) -> None:
    """The command and its options."""
    source = commands.add_parser(
        "source",
        help="print the NumPy program of a training step: forward, backward, update",
        description="Print the training step of an MLP as the NumPy program that tx.compile writes "
        "of it. With --out, write it and its first weights: a file that needs NumPy only.",
    )
    option = source.add_argument
    option("--data", choices=data.names(), default="digits", metavar="NAME", help="%(choices)s")
    option("--hidden", type=sizes, default=(32,), metavar="N,N", help='default 32; "" for none')
    option("--batch-size", type=at_least_one, default=64, metavar="N", help="default %(default)s")
    option("--optimizer", choices=("sgd", "adam"), default="sgd", help="default %(default)s")
    option("--seed", type=seed, default=0, metavar="N", help="default %(default)s")
    option(
        "--out", type=Path, metavar="FILE", help="write FILE.py and FILE.npz, print nothing else"
    )
    source.set_defaults(run=print_source)


def print_source(options: argparse.Namespace) -> None:
    """Compile a step on the first batch; print the program, or write it and say where."""
    rows = data.load(options.data)
    x = data.Standardiser.fit(rows.x)(rows.x)
    x, y = x[: options.batch_size], rows.y[: options.batch_size]
    model = nn.MLP([x.shape[1], *options.hidden, len(rows.classes)], rng=options.seed)
    parameters = model.parameters()
    optimizer = SGD(parameters, lr=0.1) if options.optimizer == "sgd" else Adam(parameters, lr=3e-3)
    step = training_step(model, optimizer)
    if options.optimizer == "sgd":
        step.trace(x, y)
    else:
        step(x, y)  # in its first step Adam makes its running means; every later one is alike
    if options.out is None:
        print(step.source, end="")
    else:
        out = options.out  # of a FILE called step.v2, the .v2 stays
        print(step.save_source(out if out.suffix == ".py" else out.with_name(f"{out.name}.py")))


def training_step(model: nn.Module, optimizer: Optimizer) -> Compiled:
    """The step that everybody writes, compiled."""

    def step(x: Any, y: Any) -> Any:
        loss = ops.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return compiled(step)
