"""Going on with a run that was broken off: its options, its checkpoint, and how to say it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import __version__, data
from ..files import ModelError, replacing, tidy
from ..files.reading import short
from ..training import History
from ..training.checkpoint import read_checkpoint
from .arguments import Parser, at_least_one, with_values
from .made import kept
from .saying import say, typed

CHECKPOINT, OPTIONS = "checkpoint.safetensors", "run.json"
PAGE = "index.html"  # the last file of a run: where it is not, the run was broken off
ANEW = ("epochs", "patience", "data")  # when a run ends, and where its file has moved to
FREE = (
    "epochs",
    "patience",
    "resume",
    "overwrite",
    "out",
    "quiet",
    "checkpoint_every",
    "run",
)  # no part of what it computes


def add_resuming_options(command: argparse.ArgumentParser) -> None:
    """What is kept for the case that the machine stops, and how to go on."""
    option = command.add_argument_group("when the machine stops").add_argument
    option(
        "--resume",
        type=Path,
        metavar="DIR",
        help="go on with the run in this folder, with its options; --epochs, --patience and a "
        "--data that has moved may be given anew",
    )
    option(
        "--checkpoint-every",
        type=at_least_one,
        default=1,
        metavar="N",
        help=f"epochs from one {CHECKPOINT} to the next, default %(default)s",
    )
    option(
        "--overwrite",
        action="store_true",
        help="begin anew in the folder of a run that was broken off",
    )


def begin(out: Path, words: Sequence[str], overwrite: bool) -> None:
    """Make the folder that of a new run, which can be resumed from now on.

    Raises
    ------
    ValueError
        If a run that was broken off would be lost, unless `overwrite`.
    """
    if (out / CHECKPOINT).exists() and not (out / PAGE).exists() and not overwrite:
        again = typed(["tinygrad-xent", "train", "--resume", str(out)])
        raise ValueError(
            f"{out}: a run in this folder was broken off; to go on with it: {again}; to lose it "
            "and begin anew: --overwrite"
        )
    out.mkdir(parents=True, exist_ok=True)
    tidy(out)
    for name in (CHECKPOINT, PAGE):  # of another run, to which these options do not belong
        with suppress(FileNotFoundError):
            (out / name).unlink()
    _write(out, words)


def resumed(options: argparse.Namespace, add: Callable[[Any], None]) -> argparse.Namespace:
    """The options of the run in the folder, and what was given anew; `add` makes the command.

    Raises
    ------
    FileNotFoundError, ModelError
        If there is no run in the folder, or its options cannot be read.
    ValueError
        If an option that was given contradicts one of the run, naming it.
    """
    out = options.resume
    if options.overwrite:
        raise ValueError("--overwrite begins anew, --resume goes on: give one of them")
    words = _words(out)
    kept, given = _parsed(words, add), _given(options.words, add)
    if "out" in given and given["out"].resolve() != out.resolve():
        raise ValueError(f"--out {given['out']}: the run goes on where it is, in {out}")
    for name, value in given.items():
        moved = name == "data" and _is_file(value) and not Path(kept.data).exists()
        if name not in FREE and value != getattr(kept, name) and not moved:
            raise ValueError(
                f"{_option(name)} {_said(value)}".rstrip() + f" contradicts the run in {out}, "
                f"which has {_said(getattr(kept, name)) or 'none'}"
            )
    for name in ANEW:
        if name in given:
            words = _replaced(words, _option(name), str(given[name]))
    kept, begun = _parsed(words, add), _epochs_begun(out)
    if kept.epochs < begun:
        raise ValueError(f"--epochs {kept.epochs}: the run in {out} has begun {begun} already")
    kept.out, kept.resume, kept.quiet, kept.words = out, out, options.quiet, words
    kept.checkpoint_every = given.get("checkpoint_every", kept.checkpoint_every)
    return kept


def go_on(out: Path, words: Sequence[str]) -> None:
    """Make the folder that of a run that goes on, whose options were found and whose data are."""
    if list(words) != _words(out):
        _write(out, words)
    tidy(out)
    with suppress(FileNotFoundError):
        (out / PAGE).unlink()  # until this run has ended, too


def _is_file(name: str) -> bool:
    return name not in data.names() and Path(name).exists()


def told_how_to_go_on(out: Path, history: History | None) -> None:
    """After Ctrl-C: how to go on, where it does not get into what the command prints."""
    if history is None or history.stopped.startswith("interrupted"):
        again = typed(["tinygrad-xent", "train", "--resume", str(out)])
        say(f"to go on from there: {again}", file=sys.stderr)


def _words(out: Path) -> list[str]:
    """The command that began the run in the folder."""
    path = out / OPTIONS
    if not path.is_file():
        raise FileNotFoundError(
            f"--resume {out}: there is no {OPTIONS} in it; wanted the folder of a run that "
            "tinygrad-xent train began"
        )
    try:
        words = json.loads(path.read_text(encoding="utf-8"))["words"]
        if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
            raise TypeError(f"words are {words!r}")
    except (LookupError, RecursionError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: damaged: {short(error)}") from error
    return words


def _epochs_begun(out: Path) -> int:
    path = out / CHECKPOINT
    if not path.exists():
        return -1
    state = read_checkpoint(path)[0]
    return len(state["history"]) - 1 + (state.get("part") is not None)


def _write(out: Path, words: Sequence[str]) -> None:
    about = {"tinygrad_xent_version": __version__, "words": kept(words)}
    with replacing(out / OPTIONS) as temporary:
        text = json.dumps(about, ensure_ascii=False, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8", newline="\n")


def _parser(add: Callable[[Any], None]) -> Parser:
    parser = Parser(prog="tinygrad-xent")
    add(parser.add_subparsers(parser_class=Parser))
    return parser


def _parsed(words: Sequence[str], add: Callable[[Any], None]) -> argparse.Namespace:
    return _parser(add).parse_args(with_values(words))


def _given(words: Sequence[str], add: Callable[[Any], None]) -> dict[str, Any]:
    """The options that stand in the words themselves."""
    unset = object()
    parser = Parser(prog="tinygrad-xent")
    commands = parser.add_subparsers(parser_class=Parser)
    add(commands)
    names = vars(parser.parse_args(["train"]))
    commands.choices["train"].set_defaults(**dict.fromkeys(names, unset))
    found = vars(parser.parse_args(with_values(words)))
    return {name: value for name, value in found.items() if value is not unset}


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _said(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or '""'
    if value is None or isinstance(value, bool):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _replaced(words: Sequence[str], option: str, value: str) -> list[str]:
    """The words with another value of an option, at its place if it has one."""
    found: list[str] = []
    skip = seen = False
    for word in words:
        name, equals, _ = word.partition("=")
        if skip:
            skip = False
        elif len(name) > 2 and option.startswith(name):  # argparse takes what it can complete
            skip, seen = not equals, True
            found += [option, value]
        else:
            found.append(word)
    return found if seen else [*found, option, value]
