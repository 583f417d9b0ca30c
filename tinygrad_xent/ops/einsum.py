"""einsum: sums of products, written as a sum over letters. Its rule is another einsum."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..op import Op, formula, implements
from .calling import as_array, run, shape_of

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Einsum(Op):
    """Σ over the letters that the output does not name, of the products of the operands."""

    def __init__(self, inputs: tuple[str, ...], output: str) -> None:
        self.inputs = inputs
        self.output = output
        self.subscripts = f"{','.join(inputs)}->{output}"

    @formula("einsum {subscripts}")
    def forward(self, *arrays: Any) -> Any:
        return np.einsum(self.subscripts, *arrays, optimize=len(arrays) > 1)

    @formula("einsum of ḡ and the others, for the letters of array {i}")
    def vjp_arrays(self, i: int, g: Any, y: Any, *arrays: Any) -> Any:
        others = [k for k in range(len(arrays)) if k != i]
        factors = [g, *(arrays[k] for k in others)]
        letters = [self.output, *(self.inputs[k] for k in others)]
        there = {
            pair
            for part, x in zip(letters, factors, strict=True)
            for pair in zip(part, x.shape, strict=True)
        }
        wanted, unused = "", iter(c for c in LETTERS if c not in self.subscripts)
        for letter, n in zip(self.inputs[i], arrays[i].shape, strict=True):
            if letter in wanted:  # a diagonal was taken: ḡ goes back onto it
                wanted += next(unused)
                factors.append(np.eye(n, dtype=g.dtype))
                letters.append(letter + wanted[-1])
                continue
            wanted += letter
            if (letter, n) not in there:  # it was summed away here: ḡ is repeated
                factors.append(np.ones(n, g.dtype))
                letters.append(letter)
        return einsum(f"{','.join(letters)}->{wanted}", *factors)


@implements(np.einsum)
def einsum(*operands: Any, optimize: Any = None) -> Any:
    """The sum of products that the subscripts describe, as NumPy's: ``einsum("ij,jk->ik", a, b)``.

    Letters that stand on both sides stay, the others are summed over; a letter that an operand has
    twice takes its diagonal, ``...`` stands for the axes that are not named. Without ``->``, the
    letters that occur once stay, in alphabetical order. The other form is
    ``einsum(a, [0, 1], b, [1, 2], [0, 2])``.

    Parameters
    ----------
    operands
        Subscripts and arrays, in either form.
    optimize
        Accepted and ignored: the order of several products is always chosen.

    Raises
    ------
    ValueError
        If subscripts and shapes do not fit, naming operand and letter.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> einsum("ii", a), einsum("ij->j", a)             # the trace; the sums of the columns
    (np.float64(5.0), array([4., 6.]))
    """
    subscripts, arrays = _as_text(operands)
    inputs, output = _letters(subscripts, [shape_of(a) for a in arrays])
    return run(Einsum(inputs, output), *arrays)


def _as_text(operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Either form as subscripts in text and arrays."""
    if not operands:
        raise TypeError("einsum: no operands; wanted subscripts and arrays")
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), [as_array(a) for a in operands[1:]]
    parts = ["".join("..." if k is ... else LETTERS[k] for k in s) for s in operands[1::2]]
    text = ",".join(parts)
    if len(operands) % 2:
        last = "".join("..." if k is ... else LETTERS[k] for k in operands[-1])
        text = f"{text}->{last}"
    return text, [as_array(a) for a in operands[: len(operands) - len(operands) % 2 : 2]]


def _letters(subscripts: str, shapes: list[tuple[int, ...]]) -> tuple[tuple[str, ...], str]:
    """The letters of each operand and of the output, with letters in place of ``...``."""
    if not re.fullmatch(r"[A-Za-z.,]*(->[A-Za-z.]*)?", subscripts):
        raise ValueError(f"einsum: subscripts {subscripts!r}; wanted letters, ',', '...' and '->'")
    left, arrow, output = subscripts.partition("->")
    parts = left.split(",")
    if len(parts) != len(shapes):
        raise ValueError(f"einsum: {subscripts!r} is for {len(parts)} operands; got {len(shapes)}")
    spare = [c for c in LETTERS if c not in subscripts]
    inputs, most = [], 0
    sizes: dict[str, int] = {}
    for k, (part, shape) in enumerate(zip(parts, shapes, strict=True)):
        unnamed = len(shape) - len(part.replace("...", ""))
        if unnamed < 0 or (unnamed and "..." not in part) or "." in part.replace("...", "", 1):
            raise ValueError(
                f"einsum: operand {k} has shape {shape}, which {part!r} does not name axis by axis"
            )
        most = max(most, unnamed)
        # Unnamed axes line up at the end, as in broadcasting: the last has the last spare letter.
        named = part.replace("...", "".join(spare[len(spare) - unnamed :]))
        inputs.append(named)
        for letter, n in zip(named, shape, strict=True):
            known = sizes.setdefault(letter, n)
            if n not in (known, 1) and known != 1:
                raise ValueError(f"einsum: {letter} has size {known}, and {n} in operand {k}")
            sizes[letter] = known if n == 1 else n
    dots = "".join(spare[len(spare) - most :])
    if not arrow:
        once = sorted(c for c in left if c.isalpha() and left.count(c) == 1)
        output = "..." + "".join(once)
    output = output.replace("...", dots)
    for letter in output:
        if letter not in sizes or output.count(letter) > 1:
            raise ValueError(
                f"einsum: {letter!r} in the output; wanted each letter once, from the operands"
            )
    return tuple(inputs), output
