"""Warnings about what is legal and almost certainly not meant."""

from __future__ import annotations

import os
import sys
import warnings

# By os.path: pathlib takes half as long to load as all ops together.
PACKAGE = os.path.dirname(os.path.dirname(__file__))


class LikelyMistake(UserWarning):
    """What was computed is defined, but seldom what its author had in mind.

    Each is shown once per place in the user's code. To silence them all, or to stop at them:

    >>> import warnings
    >>> import tinygrad_xent as tx
    >>> warnings.filterwarnings("ignore", category=tx.LikelyMistake)   # or "error"
    """


def warn(message: str, category: type[Warning] = LikelyMistake) -> None:
    """Warn at the line outside this package from which we were called."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
