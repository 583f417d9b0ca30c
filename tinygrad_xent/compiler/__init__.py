"""The compiler: tracers read a function, and what they noted becomes a NumPy program."""

from .compiled import Compiled, compile
from .trace import TraceError

__all__ = ["Compiled", "TraceError", "compile"]
