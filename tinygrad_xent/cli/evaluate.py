"""tinygrad-xent evaluate: what a trained model is worth on rows with labels."""

from __future__ import annotations

import argparse
from typing import Any

from ..files import replacing
from ..training import evaluate
from . import pictures
from .arguments import folder
from .saying import say
from .trained import add_options, labelled, trained


def add(commands: Any) -> None:
    """The command and its options."""
    command = commands.add_parser(
        "evaluate",
        help="print precision, recall and calibration of a trained model",
        description="Print loss, accuracy, calibration error, and precision, recall and F1 of each "
        "class. With --out, write the report, the confusion matrix and the reliability diagram.",
    )
    add_options(command)
    command.add_argument("--out", type=folder, metavar="DIR", help="where to; default nowhere")
    command.set_defaults(run=evaluate_and_say)


def evaluate_and_say(options: argparse.Namespace) -> None:
    """Print the report and, if asked to, keep it with its pictures."""
    known = trained(options.model)
    rows, which = labelled(options, known)
    report = evaluate(known.model, rows, scale=known.scale)
    say(f"{which}\n")
    say(report)
    if options.out is None:
        return
    options.out.mkdir(parents=True, exist_ok=True)
    with replacing(options.out / "report.txt") as temporary:
        temporary.write_text(f"{report}\n", encoding="utf-8", newline="\n")
    written, missing = pictures.write(options.out, list(pictures.of_report(report)))
    say("")
    for name, why in missing.items():
        say(f"no {name}: {why}")
    say(f"written to {options.out}: {', '.join(['report.txt', *written])}")
