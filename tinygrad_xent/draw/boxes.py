"""Labels as boxes: the tables that labels.py writes for Graphviz, measured and drawn as SVG.

Whatever stands in a label stands in the built-in drawing too, because it is read from the label.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from .style import FONT
from .widths import text_width

LINE_HEIGHT = 1.2  # of the size of the font
BASELINE = 0.93


def decimal(x: float) -> str:
    """A coordinate with at most one digit behind the point."""
    return f"{round(x, 1) + 0.0:.1f}".removesuffix(".0")  # + 0.0 turns -0.0 into 0.0


def text(words: str, x: float, y: float, size: float, color: str, bold: bool = False) -> str:
    """Text that begins at x, on a line whose top is y."""
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text xml:space="preserve" x="{decimal(x)}" y="{decimal(y + BASELINE * size)}"'
        f' font-family="{FONT}" font-size="{size:g}"{weight} fill="{color}">{escape(words)}</text>'
    )


def rectangle(
    x: float,
    y: float,
    width: float,
    height: float,
    fill: str,
    stroke: str,
    *more: str,
    border: float,
) -> str:
    """A rectangle whose border lies inside of it."""
    inset = border / 2
    place = " ".join(
        f'{name}="{decimal(value)}"'
        for name, value in (
            ("x", x + inset),
            ("y", y + inset),
            ("width", width - border),
            ("height", height - border),
        )
    )
    line = f' stroke="{stroke}" stroke-width="{border:g}"' if border else ""
    return " ".join([f'<rect {place} fill="{fill or "none"}"{line}', *more]) + "/>"


@dataclass(frozen=True)
class Line:
    """Pieces of text beside each other, each with its colour and weight."""

    pieces: tuple[tuple[str, str, bool], ...]
    size: float

    @cached_property
    def width(self) -> float:
        """Of all pieces."""
        return sum(text_width(words, self.size, bold) for words, _, bold in self.pieces)

    @property
    def height(self) -> float:
        """Of one line."""
        return LINE_HEIGHT * self.size

    def svg(self, x: float, y: float) -> list[str]:
        """The pieces, from x on."""
        lines = []
        for words, color, bold in self.pieces:
            if words.strip():
                lines.append(text(words, x, y, self.size, color, bold))
            x += text_width(words, self.size, bold)
        return lines


@dataclass(frozen=True)
class Cell:
    """A cell of a table: a line or another table, with room around it."""

    content: Line | Table
    span: int
    padding: float
    border: float
    fill: str
    left: bool
    id: str
    tooltip: str
    least: float = 0.0

    @property
    def room(self) -> float:
        """What padding and border take on both sides."""
        return 2 * (self.padding + self.border)

    @property
    def width(self) -> float:
        """The least width."""
        return max(self.content.width + self.room, self.least)

    @property
    def height(self) -> float:
        """The least height."""
        return self.content.height + self.room

    def svg(self, x: float, y: float, width: float, height: float, color: str) -> list[str]:
        """The cell in the place that its row and columns give it."""
        lines = []
        if self.fill or self.border:
            b = self.border  # neighbours share theirs
            place = (x - b / 2, y - b / 2, width + b, height + b)
            lines.append(rectangle(*place, self.fill, color, border=b))
        free = width - self.content.width
        lines += self.content.svg(
            x + (self.room / 2 if self.left else free / 2), y + (height - self.content.height) / 2
        )
        if self.tooltip:
            name = f'<g id="a_{self.id}"><a xlink:title={quoteattr(self.tooltip)}>'
            return [name, *lines, "</a></g>"]
        return lines


@dataclass(frozen=True)
class Table:
    """Rows of cells, as Graphviz lays them out."""

    rows: tuple[tuple[Cell, ...], ...]
    border: float
    spacing: float
    color: str
    fill: str

    @cached_property
    def columns(self) -> list[float]:
        """The width of each column; a cell over several widens the last of them if it must."""
        widths = [0.0] * max((sum(cell.span for cell in row) for row in self.rows), default=0)
        for spanning in (False, True):
            for row in self.rows:
                ends = accumulate(cell.span for cell in row)
                for cell, end in zip(row, ends, strict=True):
                    if (cell.span > 1) is spanning:
                        before = self._wide(widths[end - cell.span : end - 1])
                        widths[end - 1] = max(widths[end - 1], cell.width - before)
        return widths

    def _wide(self, widths: list[float]) -> float:
        return sum(widths) + self.spacing * len(widths)

    @cached_property
    def heights(self) -> list[float]:
        """The height of each row."""
        return [max((cell.height for cell in row), default=0.0) for row in self.rows]

    @property
    def width(self) -> float:
        """With the border."""
        return self._wide(self.columns) + self.spacing + 2 * self.border

    @property
    def height(self) -> float:
        """With the border."""
        return self._wide(self.heights) + self.spacing + 2 * self.border

    def svg(self, x: float, y: float) -> list[str]:
        """The table with its upper left corner at (x, y); its border lies over the cells."""
        lines = []
        if self.fill:
            lines.append(rectangle(x, y, self.width, self.height, self.fill, "", border=0))
        top = y + self.border + self.spacing
        for row, height in zip(self.rows, self.heights, strict=True):
            left, first = x + self.border + self.spacing, 0
            for cell in row:
                width = self._wide(self.columns[first : first + cell.span]) - self.spacing
                lines += cell.svg(left, top, width, height, self.color)
                left, first = left + width + self.spacing, first + cell.span
            top += height + self.spacing
        if self.border:
            frame = rectangle(x, y, self.width, self.height, "", self.color, border=self.border)
            lines.append(frame)
        return lines


def parse(label: str, size: float, ink: str) -> Line | Table:
    """The box of an HTML-like label, in which Graphviz wants each backslash twice.

    Examples
    --------
    >>> from tinygrad_xent.draw.boxes import parse
    >>> parse("<B>relu</B>", 12.0, "#000000").pieces
    (('relu', '#000000', True),)
    """
    root = ElementTree.fromstring(f"<LABEL>{label}</LABEL>".replace("\\\\", "\\"))
    return _content(root, size, ink)


def _content(element: ElementTree.Element, size: float, ink: str) -> Line | Table:
    table = element.find("TABLE")
    if table is None:
        return Line(tuple(_pieces(element, ink, bold=False)), size)
    return Table(
        rows=tuple(
            tuple(_cell(td, table, size, ink) for td in row.findall("TD"))
            for row in table.findall("TR")
        ),
        border=float(table.get("BORDER", 1)),
        spacing=float(table.get("CELLSPACING", 2)),
        color=table.get("COLOR", ink),
        fill=table.get("BGCOLOR", ""),
    )


def _cell(td: ElementTree.Element, table: ElementTree.Element, size: float, ink: str) -> Cell:
    return Cell(
        content=_content(td, size, ink),
        span=int(td.get("COLSPAN", 1)),
        padding=float(table.get("CELLPADDING", 2)),
        border=float(td.get("BORDER", table.get("CELLBORDER", table.get("BORDER", 1)))),
        fill=td.get("BGCOLOR", ""),
        left=td.get("ALIGN") == "LEFT",
        id=td.get("ID", ""),
        tooltip=td.get("TOOLTIP", ""),
        least=float(td.get("WIDTH", 0)),
    )


def _pieces(element: ElementTree.Element, color: str, bold: bool) -> list[tuple[str, str, bool]]:
    pieces = [(element.text or "", color, bold)]
    for child in element:
        pieces += _pieces(child, child.get("COLOR", color), bold or child.tag == "B")
        pieces.append((child.tail or "", color, bold))
    return [piece for piece in pieces if piece[0]]
