"""What the commands say: names of files, columns and classes are text, whatever they hold."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import IO, Any

from ..display import printable


def say(*words: Any, file: IO[str] | None = None) -> None:
    """Print as `print` does, with marks for what would act on a terminal; lines stay lines."""
    lines = " ".join(map(str, words)).split("\n")
    print("\n".join(map(printable, lines)), file=file, flush=True)


def typed(words: Sequence[str]) -> str:
    """The words of a command as somebody would type them, quoted as the shell here wants it."""
    if os.name != "nt":
        return shlex.join(words)
    from subprocess import list2cmdline  # cmd takes single quotes for letters

    return list2cmdline(words)
