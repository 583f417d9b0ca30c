"""What the commands take: options whose mistakes are told in one line."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ..display import printable


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave with exit code 2."""
        self.exit(2, f"{self.prog}: error: {printable(message)} (see {self.prog} -h)\n")


def with_values(words: Sequence[str]) -> list[str]:
    """The words, with values such as -2,1, which look like options, joined to the options' own."""
    joined: list[str] = []
    for word in words:
        if joined and re.fullmatch("--[a-z-]+", joined[-1]) and re.match(r"-(\d|\.|inf)", word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def numbers(text: str) -> list[float]:
    """Two numbers or more, with commas between."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 2,1,-0.1")
    return found


def target(text: str) -> int | list[float]:
    """A class, or probabilities with commas between."""
    return numbers(text) if "," in text else seed(text)


def page(text: str) -> Path:
    """The name of an HTML file."""
    if not text.lower().endswith((".html", ".htm")):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of an .html file")
    return Path(text)


def sizes(text: str) -> tuple[int, ...]:
    """Layer sizes with commas between; none of them for an empty text."""
    try:
        sizes = tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        sizes = (0,)
    if any(size < 1 for size in sizes):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of layer sizes such as 32,16")
    return sizes


def at_least_one(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def folder(text: str) -> Path:
    """The name of a folder, which may be there already."""
    path = Path(text)
    if not text or (path.exists() and not path.is_dir()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder")
    return path


def seed(text: str) -> int:
    """A whole number of at least 0."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def positive(text: str) -> float:
    """A number greater than 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number greater than 0")
    return number


def zero_or_more(text: str) -> float:
    """A number of at least 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return number


def share(text: str) -> float:
    """A number from 0 to 1, the 1 excluded."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share, from 0 to less than 1")
    return number


def steps(text: str) -> float:
    """A whole number of steps, or a share of all."""
    number = positive(text)
    if number > 1 and number != int(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of steps, or a share of all")
    return number
