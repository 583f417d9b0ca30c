"""Lessons in a terminal, with rich."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from .page import lessons
from .running import run

if TYPE_CHECKING:
    from rich.console import Console

PAGE = re.compile(r"\[([^\]]*)\]\(l\d\d_\w+\.md\)")  # a link that leads nowhere in a terminal
WIDTH = 100  # what can be read without turning the head


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    console.width = min(console.width, WIDTH)
    return console


def contents() -> None:
    """Print number, title and claim of every lesson."""
    from rich.padding import Padding
    from rich.text import Text

    console = _console()
    for found in lessons():
        console.print(Text(f"{found.number:>2}  {found.title}", style="bold"))
        console.print(Padding(Text(found.claim), (0, 0, 0, 4)))
    console.print("\ntinygrad-xent lesson 1 runs the first; --out DIR says where its pictures go.")


def teach(number: int, folder: Path, *, answers: bool = False) -> None:
    """Print the text of a lesson, run its experiment beside it, and say what was written."""
    from rich.markdown import Markdown
    from rich.padding import Padding
    from rich.syntax import Syntax
    from rich.text import Text

    console = _console()

    def show(kind: str, text: str) -> None:
        if kind == "text":
            console.print(Markdown(PAGE.sub(r"\1", text), hyperlinks=False))
            console.print()
        elif kind == "code":
            lines = text.rstrip("\n").split("\n")
            prompts = [">>> ", *["... "] * (len(lines) - 1)]
            code = "\n".join(map("".join, zip(prompts, lines, strict=True)))
            style = Syntax(
                code, "pycon", theme="ansi_dark", background_color="default", word_wrap=True
            )
            console.print(Padding(style, (0, 0, 0, 4)))
        elif kind == "output":
            console.print(Padding(Text(text.rstrip("\n")), (0, 0, 1, 4)))
        else:
            console.print(f"    not here: {text}", markup=False)

    written = run(number, folder, answers=answers, show=show)
    console.print(f"written to {folder}: {', '.join(path.name for path in written)}", markup=False)
