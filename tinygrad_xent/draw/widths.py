"""How wide text is: the advance widths of Arial, which its free twins share."""

from __future__ import annotations

from functools import lru_cache
from unicodedata import combining, east_asian_width, normalize

# In thousandths of the font size. The mathematics that formulas use stands with the letters.
REGULAR = {
    191: "'",
    222: "ijl",
    260: "|",
    278: " !,./:;I[\\]ft·",
    333: "()-`r",
    334: "{}",
    355: '"',
    389: "*",
    469: "^",
    494: "∂",
    500: "Jcksvxyz",
    556: "#$0123456789?L_abdeghnopqu",
    584: "+<=>~−×÷±≤≥√",
    611: "FTZ",
    667: "&ABEKPSVXY",
    722: "CDHNRUw",
    778: "GOQ",
    833: "MmΣ",
    889: "%",
    944: "W",
    1015: "@",
}
BOLD = {
    238: "'",
    278: " ,./I\\ijl·",
    280: "|",
    333: "!()-:;[]`ft",
    389: "*r{}",
    474: '"',
    494: "∂",
    500: "z",
    556: "#$0123456789J_aceksvxy",
    584: "+<=>^~−×÷±≤≥√",
    611: "?FLTZbdghnopqu",
    667: "EPSVXY",
    722: "&ABCDHKNRU",
    778: "GOQw",
    833: "MΣ",
    889: "%m",
    944: "W",
    975: "@",
}
_KNOWN = [
    {c: w / 1000 for w, letters in table.items() for c in letters} for table in (REGULAR, BOLD)
]


def text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of a line of text; letters that Arial may lack count generously.

    Examples
    --------
    >>> from tinygrad_xent.draw.widths import text_width
    >>> text_width("q - p", 10.0)
    20.01
    """
    return round(size * sum(_letter(c, bold) for c in text), 2)


@lru_cache(maxsize=4096)
def _letter(c: str, bold: bool) -> float:
    """One letter, by its base (ḡ is as wide as g), or by what such letters need at most."""
    known = _KNOWN[bold]
    base = normalize("NFD", c)[0]
    if base in known:
        return known[base]
    if combining(c):
        return 0.0
    if "Ͱ" <= base <= "Ͽ":  # Greek
        return 0.83
    return 1.4 if east_asian_width(c) in "WF" else 1.0
