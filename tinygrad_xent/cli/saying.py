"""What the commands say: names of files, columns and classes are text, whatever they hold."""

from __future__ import annotations

from typing import IO, Any

from ..display import printable


def say(*words: Any, file: IO[str] | None = None) -> None:
    """Print as `print` does, with marks for what would act on a terminal; lines stay lines."""
    lines = " ".join(map(str, words)).split("\n")
    print("\n".join(map(printable, lines)), file=file, flush=True)
