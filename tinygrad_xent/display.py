"""Display: the HTML by which a Tensor, a model and a training history show themselves in notebooks.

Tables and text with inline styles: no script, no style sheet and nothing from elsewhere, so that it
reads the same in any notebook, light or dark. Only a cell with a colour of its own also says which
colour its text has; everything else inherits. All text goes through `text`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .value import KEEPS_GRAD, Array, Value

CELLS = 64  # up to so many elements are shown one by one
COLUMNS = 10  # a longer vector goes on in the next row
ROWS = 12  # a longer history leaves out its middle
LONGEST = 60  # letters of a name

# Okabe and Ito's blue and orange, as in the drawings: black text is readable on all blends with
# white. The lines are darker, to be seen on white and on black.
POSITIVE, NEGATIVE, ALARM = (86, 180, 233), (230, 159, 0), "#D00000"
TRAIN, TEST, VALIDATION = "#0072B2", "#C85A00", "#008A64"

CELL = "padding:2px 8px;border:1px solid #8888;white-space:nowrap;text-align:"
TABLE = "border-collapse:collapse;margin:2px 0;width:auto;font-variant-numeric:tabular-nums"
TABLE += ";color:inherit;font-size:inherit"  # which a page without a doctype keeps from tables
FAINT = "opacity:.7;font-weight:normal"
BLOCK = (
    "display:inline-block;vertical-align:top;max-width:100%;overflow-x:auto;margin:4px 24px 4px 0"
)


def text(anything: Any, longest: int = LONGEST) -> str:
    """Any text, safe in HTML and in its attributes, shortened, with marks for what is unprintable.

    Examples
    --------
    >>> from tinygrad_xent.display import text
    >>> text("<script>")
    '&lt;script&gt;'
    """
    from html import escape  # with its table of 2,000 entities: loaded where it is used

    return escape(plain(anything, longest))


def plain(anything: Any, longest: int = LONGEST) -> str:
    r"""Any text on one line, shortened, with marks for what is unprintable, such as newlines.

    Marks that turn the direction of writing are unprintable too: they could reorder what is beside.

    Examples
    --------
    >>> from tinygrad_xent.display import plain
    >>> plain("two\nlines"), plain("a long name", 6)
    ('two�lines', 'a lon…')
    """
    letters = str(anything)
    if len(letters) > longest:
        letters = letters[: longest - 1] + "…"
    return printable(letters)


def printable(letters: str) -> str:
    r"""Any text as one line that a terminal shows as it is, with marks for what would act on it.

    Controls move the cursor or ring, a line end begins another line, an override turns the letters
    after it around, and half a character cannot be encoded.

    Examples
    --------
    >>> from tinygrad_xent.display import printable
    >>> printable("a\x1b[2Jb")
    'a�[2Jb'
    """
    if letters.isprintable():
        return letters
    return "".join(c if c.isprintable() else "�" for c in letters)


def number(x: Any) -> str:
    """Four significant digits; integers and bools as they are.

    Examples
    --------
    >>> from tinygrad_xent.display import number
    >>> number(2 / 3), number(-2.0), number(12345)
    ('0.6667', '-2', '12345')
    """
    return f"{x + 0.0:.4g}" if isinstance(x, (float, np.floating)) else str(x)  # -0.0 is 0


# --- Tensor ---------------------------------------------------------------------------------------


def tensor_html(value: Value) -> str:
    """What a Tensor is, its elements, and its gradient or why there is none.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> "not computed yet" in tx.Tensor([1.0, 2.0], requires_grad=True)._repr_html_()
    True
    """
    array, kind = value._array, type(value).__name__
    if value.op is not None:
        origin = f"{value.op.name}: {value.op.formula()}"
    else:
        origin = "parameter" if value._needs_grad else "leaf"
    facts = [str(array.shape), str(array.dtype), origin]
    name = kind if value.name is None else value.name
    if value.name is not None:
        facts.insert(0, kind)
    return f"<div>{_heading(name, facts)}{_block('value', elements(array))}{_gradient(value)}</div>"


def _gradient(value: Value) -> str:
    if value._grad is not None:
        content = elements(value._grad)
    elif not value._needs_grad:
        content = "not needed"
    elif value.op is None or (value._notes and KEEPS_GRAD in value._notes):
        content = "not computed yet"
    else:
        content = "not kept: a result keeps it after retain_grad()"
    return _block("grad", content)


def elements(array: Array) -> str:
    """The elements of an array as a table; of a large one, where they lie."""
    if not array.size:
        return "no elements"
    return _grid(array) if array.size <= CELLS else _range(array)


def _grid(array: Array) -> str:
    """The elements one by one, the leading axes one below the other."""
    width = array.shape[-1] if array.ndim > 1 else min(array.size, COLUMNS)
    indices = list(np.ndindex(array.shape))
    rows = [indices[k : k + width] for k in range(0, len(indices), width)]
    with np.errstate(all="ignore"):
        sizes = np.abs(array[np.isfinite(array)]) if array.dtype.kind == "f" else None
        largest = sizes.max() if sizes is not None and sizes.size else None
        lines = []
        for row in rows:
            head = _cell(_row_label(row), "left", FAINT, "th") if len(rows) > 1 else ""
            lines.append(head + "".join(_element(array[i], i, largest) for i in row))
    return _table(lines)


def _row_label(row: list[tuple[int, ...]]) -> str:
    """What the row of an array with such indices is called: ``[1]``, of a vector ``[10:20]``."""
    *leading, last = row[0]
    return str(leading) if leading else f"[{last}:{last + len(row)}]"


def _element(x: Any, index: tuple[int, ...], largest: Any) -> str:
    """One element; its colour says how it compares with the largest, its tooltip all digits."""
    style = ""
    if not np.isfinite(x):
        style = f"background:{ALARM};color:#FFF;font-weight:bold"
    elif largest is not None:
        share = float(abs(x) / largest) if largest else 0.0
        end = POSITIVE if x > 0 else NEGATIVE
        colour = "".join(f"{round(255 + (c - 255) * share):02X}" for c in end)
        style = f"background:#{colour};color:#000"
    tooltip = f"{list(index)} = {x}" if index else str(x)
    return _cell(number(x), "right", style, title=tooltip)


def _range(array: Array) -> str:
    """Least, mean and greatest of the finite elements, and how many are none."""
    finite = array[np.isfinite(array)]
    nans = int(np.isnan(array).sum())
    infs = array.size - finite.size - nans
    facts = [("elements", array.size, "")]
    if finite.size:
        with np.errstate(all="ignore"):
            mean = finite.mean(dtype=np.float64)  # a sum of float16 overflows at 65504
        facts += [("min", finite.min(), ""), ("mean", mean, ""), ("max", finite.max(), "")]
    alarm = f"background:{ALARM};color:#FFF;font-weight:bold"
    facts += [("NaN", nans, alarm if nans else ""), ("Inf", infs, alarm if infs else "")]
    return _table(
        _cell(what, "left", FAINT, "th") + _cell(number(x), "right", style)
        for what, x, style in facts
    )


# --- Module ---------------------------------------------------------------------------------------


class Part(NamedTuple):
    """One module of a model, as a row of its table."""

    path: str
    kind: str
    tensors: Sequence[tuple[str, Value]]  # its own, with their names


def module_html(parts: Sequence[Part]) -> str:
    """The modules of a model with their parameters and how many numbers these are; then the total.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> html = tx.nn.MLP([2, 16, 2], rng=0)._repr_html_()
    >>> "82 parameters" in html        # 2 x 16 + 16 + 16 x 2 + 2
    True
    """
    lines = [_header("module", "path", "parameters", "number")]
    total = frozen = 0
    above: list[str] = []  # the paths of the modules around this one
    for part in parts:
        while above and not part.path.startswith(above[-1]):
            above.pop()
        needed = sum(tensor._array.size for _, tensor in part.tensors if tensor._needs_grad)
        total += needed
        frozen += sum(tensor._array.size for _, tensor in part.tensors) - needed
        shapes = "<br>".join(_shape(name, tensor) for name, tensor in part.tensors)
        indent = f"padding-left:{8 + 16 * len(above)}px"
        lines.append(
            _cell(part.kind, "left", indent)
            + _cell(part.path, "left")
            + _cell(shapes, "left", safe=True)
            + _cell(f"{needed:,}" if part.tensors else "", "right")
        )
        above.append(f"{part.path}." if part.path else "")
    facts = [f"{total:,} parameters"] + ([f"{frozen:,} frozen numbers"] if frozen else [])
    lines.append(_cell("total", "left", FAINT, "th", span=3) + _cell(f"{total:,}", "right"))
    heading = _heading(parts[0].kind, facts)
    return f'<div>{heading}<div style="{BLOCK}">{_table(lines)}</div></div>'


def _shape(name: str, tensor: Value) -> str:
    frozen = "" if tensor._needs_grad else ", frozen"
    return text(f"{name} {tensor._array.shape}{frozen}", LONGEST + 40)


# --- History --------------------------------------------------------------------------------------


def history_html(rows: Sequence[tuple[float, ...]]) -> str:
    """The losses as a curve, and a table of epochs: the first, the last and the best of a long one.

    A row is epoch, train loss, train accuracy, test loss, test accuracy, validation loss,
    validation accuracy; nan where there is none. The best is that of the validation rows, or else
    of the test rows.
    """
    if not rows:
        return f"<div>{_heading('History', ['no epochs'])}</div>"
    columns = {0: "epoch", 1: "train loss", 2: "train accuracy"}
    best, judge = None, 0
    for column, name in ((3, "test"), (5, "validation")):
        judged = [k for k, row in enumerate(rows) if not math.isnan(row[column])]
        if judged:
            columns |= {column: f"{name} loss", column + 1: f"{name} accuracy"}
            best, judge = min(judged, key=lambda k: rows[k][column]), column
    lines = [_header(*columns.values())]
    before = -1
    for k in _kept(len(rows), best):
        if k > before + 1:
            gap = f"… {k - before - 1} more"
            lines.append(_cell(gap, "center", FAINT, span=len(columns)))
        weight = "font-weight:bold" if k == best else ""
        cells = {c: f"{rows[k][c]:.4f}" if c else f"{rows[k][c]}" for c in columns}
        if k == best:
            cells[judge] += " ◂ lowest"
        lines.append("".join(_cell(cell, "right", weight) for cell in cells.values()))
        before = k
    heading = _heading("History", [f"{rows[-1][0]} epochs"])
    curve = _block("loss, in nats", _sparkline(rows))
    return f'<div>{heading}<div style="{BLOCK}">{_table(lines)}</div>{curve}</div>'


def _kept(n: int, best: int | None) -> list[int]:
    """Which of n rows are shown."""
    if n <= ROWS:
        return list(range(n))
    ends = {*range(ROWS // 2 - 1), *range(n - ROWS // 2 + 1, n)}
    return sorted(ends if best is None else ends | {best})


def _sparkline(rows: Sequence[tuple[float, ...]], width: int = 240, height: int = 90) -> str:
    """The losses over the epochs, from 0 up, as inline SVG."""
    curves = [
        ("train", TRAIN, "", [float(row[1]) for row in rows]),
        ("test", TEST, ' stroke-dasharray="5 3"', [float(row[3]) for row in rows]),
        ("validation", VALIDATION, ' stroke-dasharray="6 4 1 4"', [float(row[5]) for row in rows]),
    ]
    top = max((y for *_, ys in curves for y in ys if math.isfinite(y)), default=0.0) or 1.0
    step = width / max(len(rows) - 1, 1)
    drawn = [
        f'<text x="{width + 12}" y="10" fill="currentColor">{number(top)}</text>',
        f'<text x="{width + 12}" y="{height + 8}" fill="currentColor">0</text>',
        f'<path d="M4 {height + 4}h{width}" stroke="currentColor" stroke-opacity=".4"/>',
    ]
    below = 4
    for name, colour, dashes, losses in curves:
        points = [
            f"{4 + k * step:.1f} {4 + height - height * y / top:.1f}"
            for k, y in enumerate(losses)
            if math.isfinite(y)
        ]
        if not points:
            continue
        d = "M" + "L".join(points) + ("" if len(points) > 1 else "h.01")
        line = f'fill="none" stroke="{colour}" stroke-width="2" stroke-linecap="round"{dashes}/>'
        y = height + 22
        drawn.append(f'<path d="{d}" {line}<path d="M{below} {y - 4}h20" {line}')
        drawn.append(f'<text x="{below + 26}" y="{y}" fill="currentColor">{name}</text>')
        below += 80
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + 60}" height="{height + 30}" '
        f'viewBox="0 0 {width + 60} {height + 30}" role="img" aria-label="losses over the epochs" '
        f'style="font:12px sans-serif">{"".join(drawn)}</svg>'
    )


# --- pieces ---------------------------------------------------------------------------------------


def _heading(name: str, facts: Sequence[str]) -> str:
    return f"<div><b>{text(name)}</b> {text(' · '.join(facts), 200)}</div>"


def _block(caption: str, content: str) -> str:
    """Something with its name above; blocks stand side by side where there is room."""
    return f'<div style="{BLOCK}"><div style="{FAINT}">{caption}</div>{content}</div>'


def _table(lines: Sequence[str] | Iterator[str]) -> str:
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table style="{TABLE}"><tbody>{body}</tbody></table>'


def _header(*names: str) -> str:
    return "".join(_cell(name, "center", FAINT, "th") for name in names)


def _cell(
    content: str,
    align: str,
    style: str = "",
    tag: str = "td",
    *,
    title: str = "",
    span: int = 1,
    safe: bool = False,
) -> str:
    """A cell of a table; its content is text, unless it is said to be `safe` HTML."""
    more = f' title="{text(title)}"' if title else ""
    more += f' colspan="{span}"' if span > 1 else ""
    inside = content if safe else text(content)
    return f'<{tag} style="{CELL}{align};{style}"{more}>{inside}</{tag}>'
