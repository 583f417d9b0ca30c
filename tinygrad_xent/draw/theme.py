"""Themes: all colours of a drawing, by what they stand for.

Colour is never all there is: ops are rounded, boxes have a double border, constants a dashed one
and the loss a thick one; of data, the gradient is not needed; what flows back is dashed; signs are
printed. Where colours are few or harsh, data and results have borders of their own besides.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """Fills, lines and text.

    Attributes
    ----------
    data, parameter, result, op, loss, constant, module
        Fills, which carry text in `on_fill`.
    positive, negative, zero
        The ends and the middle of the scale behind small arrays; `ink` is written on it.
    paper, ink
        The background and the text on it; swapped where something is not finite.
    forward, backward, faint, alarm
        Text and lines on paper.
    line
        The borders of nodes.
    styles
        Borders of the roles that shall differ by more than their fill: (role, border).
    """

    data: str = "#56B4E9"
    parameter: str = "#009E73"
    result: str = "#E8E8E8"
    op: str = "#E69F00"
    loss: str = "#CC79A7"
    constant: str = "#FFFFFF"
    module: str = "#F0E442"
    on_fill: str = "#000000"
    forward: str = "#0072B2"
    backward: str = "#C04F00"
    positive: str = "#56B4E9"
    negative: str = "#E69F00"
    zero: str = "#FFFFFF"
    paper: str = "#FFFFFF"
    ink: str = "#000000"
    faint: str = "#555555"
    line: str = "#333333"
    alarm: str = "#D00000"
    styles: tuple[tuple[str, str], ...] = ()


# Okabe and Ito's colours, told apart with any kind of colour vision; the vermilion of backward is a
# little darker than theirs, because it is text on white.
OKABE_ITO = Theme()

THEMES = {
    "okabe-ito": OKABE_ITO,
    "dark": Theme(
        result="#B8BCC4",
        constant="#14161A",
        forward="#56B4E9",
        backward="#E69F00",
        positive="#1F5A86",
        negative="#7A4A00",
        zero="#14161A",
        paper="#14161A",
        ink="#F2F2F2",
        faint="#A8ADB5",
        line="#8A9099",
        alarm="#FF8080",
    ),
    "paper": Theme(
        data="#FFFFFF",
        parameter="#BDBDBD",
        result="#FFFFFF",
        op="#E4E4E4",
        loss="#FFFFFF",
        module="#F2F2F2",
        forward="#000000",
        backward="#444444",
        positive="#BDBDBD",
        negative="#BDBDBD",
        faint="#555555",
        line="#000000",
        alarm="#000000",
        styles=(("result", "dotted"), ("data", "dashed")),
    ),
    "high-contrast": Theme(
        data="#7FD4FF",
        parameter="#5CF0A8",
        result="#FFFFFF",
        op="#FFC233",
        loss="#FF9CD6",
        module="#FFF34D",
        forward="#00308F",
        backward="#7A2000",
        positive="#7FD4FF",
        negative="#FFC233",
        faint="#222222",
        line="#000000",
        alarm="#A00000",
        styles=(("result", "dotted"), ("data", "dashed")),
    ),
}


def theme_named(name: str) -> Theme:
    """The theme of that name.

    Raises
    ------
    ValueError
        If there is none, naming those there are.
    """
    if name not in THEMES:
        wanted = ", ".join(map(repr, THEMES))
        raise ValueError(f"make_dot: theme={name!r}; wanted one of {wanted}")
    return THEMES[name]
