"""Run a lesson: its text, its code with what it prints today, its pictures, its exercises."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ..files import replacing
from .answers import Verdict, number_of
from .page import PICTURE, Lesson, lesson


def check(number: int, answer: Any, exercise: int = 1) -> Verdict:
    """Check an answer to an exercise of a lesson.

    Parameters
    ----------
    number
        Of the lesson.
    answer
        A number (three digits are enough), an array or a Tensor, a word or, where the exercise asks
        for one, a function.
    exercise
        Which of the lesson's exercises.

    Returns
    -------
    Verdict
        True if the answer is right; its text says why, or helps on.

    Raises
    ------
    ValueError
        If there is no such lesson or exercise.

    Examples
    --------
    How many nats does a probability of one half cost?

    >>> import tinygrad_xent as tx
    >>> bool(tx.lessons.check(1, 0.693))
    True
    """
    found = lesson(number)
    return number_of(_module(found).EXERCISES, exercise, f"lesson {number}").check(answer)


def picture(number: int, folder: str | os.PathLike[str] = ".") -> str:
    """Draw the picture of a lesson with matplotlib, write it as PNG, and return its name.

    Raises
    ------
    ValueError
        If there is no such lesson.
    ImportError
        Without matplotlib: ``pip install "tinygrad-xent[plot]"``.
    """
    found = lesson(number)
    figure = _module(found).picture()
    name = f"{found.name}.png"
    with replacing(Path(folder) / name) as temporary:
        figure.savefig(temporary, dpi=150)
    return name


def run(
    number: int,
    folder: str | os.PathLike[str],
    *,
    answers: bool = False,
    show: Callable[[str, str], None] | None = None,
) -> list[Path]:
    """Run the experiment of a lesson, write its page and its pictures, and return their paths.

    Parameters
    ----------
    number
        Of the lesson.
    folder
        Where files go; it is made if its parent exists.
    answers
        Also run the answers of the exercises.
    show
        Called with each piece as it comes: ``("text", markdown)``, ``("code", source)``,
        ``("output", what it printed)``, ``("missing", what a package that is not there prevents)``.

    Raises
    ------
    ValueError
        If there is no such lesson.
    OSError
        If the folder cannot be written to; then nothing is shown.
    """
    found = lesson(number)
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    # First of all, so that a folder that cannot be written to is found before the lesson begins.
    page = folder / f"{found.name}.md"
    with replacing(page) as temporary:
        temporary.write_text(found.text if answers else found.without_answers, encoding="utf-8")
    show = show or (lambda kind, text: None)
    names: dict[str, Any] = {"__name__": "__main__"}
    with _inside(folder):
        for kind, piece in found.parts(answers):
            if kind == "text":
                show("text", PICTURE.sub(lambda m: _caption(m, folder), piece))
            else:
                _run(piece, names, show)
    return [page, *(path for file in found.pictures if (path := folder / file).exists())]


def _caption(link: re.Match[str], folder: Path) -> str:
    """What a picture shows and where it is, if it could be drawn. We are in its folder."""
    return f"*{link[1]}: {folder / link[2] if Path(link[2]).exists() else 'not drawn'}*"


def _run(examples: str, names: dict[str, Any], show: Callable[[str, str], None]) -> None:
    """Run ``>>>`` examples one by one and show what they print now, not what the page says."""
    for example in doctest.DocTestParser().get_examples(examples):
        show("code", example.source)
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed), _at_the_prompt():
                exec(compile(example.source, "<lesson>", "single"), names)
        except ImportError as error:
            show("missing", str(error))
        except Exception as error:
            if example.exc_msg is None:
                raise
            show("output", f"{type(error).__name__}: {error}\n")
        if printed.getvalue():
            show("output", printed.getvalue())


@contextlib.contextmanager
def _at_the_prompt() -> Iterator[None]:
    """The value of an expression is printed, as at Python's own prompt; notebooks have another."""
    before, sys.displayhook = sys.displayhook, sys.__displayhook__
    try:
        yield
    finally:
        sys.displayhook = before


def _module(found: Lesson) -> ModuleType:
    return import_module(f".{found.name}", __package__)


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in a folder: lessons write their pictures where they stand."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
