"""How a drawing looks: its options and how text and numbers are written in it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .theme import OKABE_ITO, Theme

# An engine knows the widths of Arial's letters, but not those of a list of fonts; most readers have
# some font with these widths. So the layout is told the first, and the SVG names them all. A Linux
# without any of them shows DejaVu Sans, whose text is a fifth wider: there it is drawn smaller.
FONT = "Arial"
FONTS = "Arial,Helvetica,Liberation Sans,Arimo,Nimbus Sans,Narrowed Sans,sans-serif"
NARROWED = """\
@font-face{font-family:Narrowed Sans;src:local("DejaVu Sans");size-adjust:84%}
@font-face{font-family:Narrowed Sans;src:local("DejaVu Sans Bold");font-weight:bold;size-adjust:81%}
"""

DETAILS = ("auto", "summary", "none")
DIRECTIONS = ("LR", "TB", "RL", "BT")


@dataclass(frozen=True)
class Options:
    """What `make_dot` was asked for, checked.

    Raises
    ------
    ValueError
        Naming the option, what was given and what is wanted.
    """

    show_attrs: bool = False
    show_saved: bool = False
    max_attr_chars: int = 50
    values: str = "auto"
    grads: str = "auto"
    shapes: bool = True
    formulas: bool = True
    rankdir: str = "LR"
    legend: bool = True
    precision: int = 3
    theme: Theme = OKABE_ITO
    handles: bool = False  # ids on the cells of tables, for a page that changes them
    # By "t0-value", "t0-grad": the widest texts that the cells there will have to hold.
    room: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        for option, allowed in (("values", DETAILS), ("grads", DETAILS), ("rankdir", DIRECTIONS)):
            given = getattr(self, option)
            if given not in allowed:
                wanted = ", ".join(map(repr, allowed))
                raise ValueError(f"make_dot: {option}={given!r}; wanted one of {wanted}")
        for option, least in (("precision", 1), ("max_attr_chars", 4)):
            if getattr(self, option) < least:
                given = getattr(self, option)
                raise ValueError(f"make_dot: {option}={given!r}; wanted at least {least}")


# What XML does not allow even as an entity: controls, lone halves of a pair, two code points. And
# what acts on the text around it: more controls, line ends, and letters turned around.
_NOT_SHOWN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
# Graphviz reads \\N and its kin in every text, as an entity too, unless the backslash is doubled.
_ENTITIES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\\": r"\\", "\n": " ", "\r": " "}
)


def visible(text: str) -> str:
    """The text with a mark for each character that no picture can hold."""
    return _NOT_SHOWN.sub("�", text)


def html(text: str) -> str:
    """Any text, safe inside an HTML-like label and inside its attributes."""
    return visible(text).translate(_ENTITIES)


def quote(*lines: str) -> str:
    """Lines of any text as one quoted DOT string, in which entities are read too.

    A space on either side keeps the label of an edge off the line.
    """
    return '"' + r"\n".join(f" {html(line)} " for line in lines) + '"'


def shorten(text: str, most: int) -> str:
    """The text, with its middle left out if it is longer than `most`."""
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def number(x: float, precision: int) -> str:
    """`precision` significant digits; integers, also among floats, as they are; NaN, Inf, -Inf."""
    if not math.isfinite(x):
        return "NaN" if math.isnan(x) else "Inf" if x > 0 else "-Inf"
    if isinstance(x, int) or (abs(x) < 10_000 and x == int(x)):
        return str(int(x))  # a bool too
    return f"{x + 0.0:.{precision}g}"  # + 0.0 turns -0.0 into 0.0


def shape(sizes: tuple[int, ...]) -> str:
    """A shape as Python writes it; nothing for a scalar."""
    return str(sizes) if sizes else ""


def size(nbytes: int) -> str:
    """40 B, 5.2 kB, 1.0 MB."""
    if nbytes < 1000:
        return f"{nbytes} B"
    steps = min(int(math.log10(nbytes) / 3 + 1e-9), 3)
    return f"{nbytes / 1000**steps:.1f} {'kMG'[steps - 1]}B"


def blend(start: str, end: str, share: float) -> str:
    """A colour between two others, `share` of the way from the first."""
    pairs = [(int(start[k : k + 2], 16), int(end[k : k + 2], 16)) for k in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)
