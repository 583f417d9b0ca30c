"""The command `tinygrad-xent`: a module for each of its commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from .. import __version__
from ..draw import LayoutError, engines
from ..files import ModelError
from . import data, evaluate, lesson, predict, source, train, watch
from .arguments import Parser, with_values
from .saying import say

# What can go wrong without being a mistake of ours: said in one line.
FAILURES = (
    *(ModelError, LayoutError, ValueError, IndexError, ArithmeticError),
    *(OSError, ImportError, MemoryError),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; without a subcommand, ``train``."""
    for stream in (sys.stdout, sys.stderr):  # a console without a letter shows ?, no error
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = parser_of_all()
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words.insert(0, "train")
    options = parser.parse_args(with_values(words))
    options.words = words  # for what tells how it was made
    try:
        options.run(options)
        print(end="", flush=True)  # what was said; a program without a console has no stdout
    except BrokenPipeError:  # whoever reads, such as head, has read enough
        _say_no_more()
        return 1
    except FAILURES as error:
        say(f"tinygrad-xent: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tinygrad-xent: stopped", file=sys.stderr)
        return 130
    return 0


def _say_no_more() -> None:
    """Keep Python from flushing, when it ends, into what nobody reads any more."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parser_of_all() -> Parser:
    """The parser of the command line."""
    parser = Parser(
        prog="tinygrad-xent",
        description="Train a classifier on real data and see where its gradient q - p comes from. "
        "Without a command: train.",
        epilog="'tinygrad-xent train -h' lists the options, as in 'tinygrad-xent --seed 1'.",
    )
    parser.add_argument("--version", action="version", version=f"tinygrad-xent {__version__}")
    commands = parser.add_subparsers(metavar="command", parser_class=Parser)
    for command in (train, evaluate, predict, data, watch, lesson, source):
        command.add(commands)
    about = commands.add_parser(
        "engines",
        help="list what can lay out drawings, and what to install for more",
        description="List the layout engines that were found, what each can write, which of them "
        "writes svg, png, pdf and json, and what to install for what is missing.",
    )
    about.set_defaults(run=lambda options: print(engines.table()))
    return parser
