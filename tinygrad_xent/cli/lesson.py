"""tinygrad-xent lesson: list the lessons, or teach."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .arguments import at_least_one, folder


def add(commands: Any) -> None:
    """The command and its options."""
    taught = commands.add_parser(
        "lesson",
        help="read one of the twelve lessons on cross-entropy and run its experiment",
        description="Print a lesson, run its experiment and write its pictures; without a number, "
        "list the lessons.",
    )
    option = taught.add_argument
    option("number", nargs="?", type=at_least_one, metavar="N", help="which lesson")
    option("--all", action="store_true", help="all lessons, one after another")
    option("--answers", action="store_true", help="also show the answers of the exercises")
    option("--out", type=folder, metavar="DIR", help="default lessons-out")
    taught.set_defaults(run=teach)


def teach(options: argparse.Namespace) -> None:
    """List the lessons, or teach one or all."""
    from ..lessons import lesson, lessons, terminal

    if options.all and options.number is not None:
        raise ValueError(f"lesson: either {options.number} or --all, not both")
    if not options.all and options.number is None:
        if options.out is not None or options.answers:
            raise ValueError("lesson: --out and --answers need the number of a lesson, or --all")
        return terminal.contents()
    taught = lessons() if options.all else (lesson(options.number),)
    out = options.out or Path("lessons-out")
    out.mkdir(parents=True, exist_ok=True)
    for each in taught:
        terminal.teach(each.number, out, answers=options.answers)
    return None
