"""The compiler: tracers read a function, and what they noted becomes a NumPy program.

In the order in which a call goes through it, and a reader should:

`compiled`
    ``compile()`` and what it returns: looks for a program for this call, or has one written.
`places`, `containers`
    Where a function finds what it reads: arguments, closures, globals, the model's attributes.
`tracing`, `inputs`
    One call with a stand-in for each array and number there; afterwards all is put back.
`tracer`, `trace`, `nodes`
    The stand-in, which says that it is an array; the list of what was done with such; one entry.
`watching`, `verify`
    What no tracer sees, such as a random number; the function run as it is must do the same.
`names`
    What a person would call each value, and which of forward, backward and update makes it.
`simplify`, `buffers`
    What is dead or double goes; who writes into which memory.
`program`, `source`, `expressions`, `literals`, `texts`
    The text: of all, of each line, of what stands in a line, and of the kernels it calls.
`binding`, `guards`
    The function around the program: is it for this call, what goes in, where do results go.
`saving`
    The program as a file that needs NumPy only.
"""

from .compiled import Compiled, compile
from .trace import TraceError

__all__ = ["Compiled", "TraceError", "compile"]
