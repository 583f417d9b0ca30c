"""Ctrl-C: the first ends training after the batch, the second at once."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


class Interruption:
    """While inside, Ctrl-C sets `wanted`; a second one raises KeyboardInterrupt.

    Signals can be handled in the main thread only; elsewhere, and where the program has a handler
    of its own, nothing is changed. The handler of before is always put back.
    """

    def __init__(self, say: bool) -> None:
        self.wanted, self.say = False, say
        self._before: Any = None

    def __enter__(self) -> Self:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
        if self.say:
            self.tell("training ends after this batch; Ctrl-C once more ends it at once")

    @staticmethod
    def tell(sentence: str) -> None:
        """Say it where it does not get into what a program prints."""
        print(sentence, file=sys.stderr, flush=True)  # noqa: T201 - there is nobody else to say it
