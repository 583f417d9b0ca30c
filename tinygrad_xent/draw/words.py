"""Arrays, names and formulas as text: the same on the page, in the terminal and when read aloud."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from .graph import Graph, TensorNode
from .labels import NAME_CHARS
from .style import number, shape, shorten
from .summary import Summary

PRECISION = 3
LETTERS = re.compile("[A-Za-z]+")


def called(node: TensorNode) -> str:
    """The name of a tensor in a sentence."""
    return shorten(node.name, NAME_CHARS)


def gradient_name(node: TensorNode) -> str:
    """∂L/∂x, as the drawing calls it; a name of several words in one piece, as formulas need it."""
    return f"∂L/∂{shorten('_'.join(node.name.split()), NAME_CHARS)}"


def letters(graph: Graph, op: str) -> dict[str, str]:
    """Of the letters in an op's formulas, which operand each stands for, or which number.

    An operand goes by its argument's name; in a formula it may be a capital, as matrices are, or
    the first letter alone, as W and b of weight and bias.
    """
    names = {node.id: called(node) for node in graph.tensors}
    names |= {node.id: literal(node.value) for node in graph.constants}
    operands = {e.argument: names[e.source] for e in graph.edges if e.op == op}
    short = [argument[0] for argument in operands if "[" not in argument]
    found = dict(operands)
    for argument, name in operands.items():
        if short.count(argument[0]) == 1:
            for letter in (argument[0], argument[0].upper()):
                found.setdefault(letter, name)
    return found


def meant(formula: str, found: Mapping[str, str]) -> list[tuple[str, str]]:
    """The letters of a formula that are not what they stand for, with what that is."""
    words = dict.fromkeys(LETTERS.findall(formula))
    return [(word, found[word]) for word in words if found.get(word, word) != word]


def with_letters(formula: str, found: Mapping[str, str]) -> str:
    """What has to be said after a formula, so that a reader knows whose letters these are."""
    pairs = meant(formula, found)
    return f", with {', '.join(' = '.join(pair) for pair in pairs)}" if pairs else ""


def readable(name: str) -> str:
    """The name of an attribute as mathematics: ``q_minus_p`` is q - p."""
    return name.replace("_minus_", " - ")


def listed(parts: list[str]) -> str:
    """A, b and c."""
    if len(parts) < 2:
        return "".join(parts) or "nothing"
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def literal(x: Summary) -> str:
    """The array as text: ``[0.67 -0.75; 0.1 0.2]``, or where its elements lie."""
    if x.cells is None:
        low, high = (number(e, PRECISION) if e is not None else "?" for e in (x.low, x.high))
        return f"{shape(x.shape)}, from {low} to {high}{_flaws(x)}"
    rows = [" ".join(number(e, PRECISION) for e in row) for row in x.cells]
    return rows[0] if not x.shape and rows else f"[{'; '.join(rows)}]"


def widest(several: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Of texts for the same cells, the widest for each."""
    rows = [texts for texts in several if texts]
    return tuple(max(column, key=len) for column in zip(*rows, strict=False))


def brief(x: Summary) -> str:
    """The same for a sentence: with more than six elements, where they lie."""
    return literal(x if x.elements is not None and len(x.elements) <= 6 else replace(x, cells=None))


def shows(x: Summary) -> tuple[str, ...]:
    """What the cells of a node in the drawing read."""
    if x.cells is not None:
        return tuple(number(e, PRECISION) for row in x.cells for e in row)
    parts = (("min", x.low), ("mean", x.mean), ("max", x.high))
    return ("  ".join(f"{name} {number(e, PRECISION)}" for name, e in parts if e is not None),)


def _flaws(x: Summary) -> str:
    return "".join(f", {n} {what}" for n, what in ((x.nans, "NaN"), (x.infs, "Inf")) if n)
