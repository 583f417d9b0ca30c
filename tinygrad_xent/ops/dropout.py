"""Dropout: units left out at random, which a mask remembers."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

import numpy as np

from ..op import Op, formula
from ..value import Array, get_default_dtype
from .calling import as_array, run

if TYPE_CHECKING:
    Seed = int | np.random.Generator | None


class Dropout(Op):
    """The mask holds 0 with probability p, and 1 / (1 - p) else.

    It is drawn before, so that whoever runs the op again, to look at it, gets the same.
    """

    def __init__(self, p: float, mask: Array) -> None:
        self.p = p
        self.saved = {"mask": mask}

    @formula("x ⊙ mask,  mask = 0 or 1 / (1 - {p})")
    def forward(self, x: Any) -> Any:
        return x * self.saved["mask"]

    @formula("ḡ ⊙ mask")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * self.saved["mask"]


def dropout(x: Any, p: float = 0.5, rng: Seed = None) -> Any:
    """Each number of x becomes 0 with probability p, the others x / (1 - p): the mean stays.

    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way to prevent
    neural networks from overfitting", 2014.

    Parameters
    ----------
    x
        Floating, any shape.
    p
        From 0, nothing is left out, to 1, everything.
    rng
        A `numpy.random.Generator` or a seed; None draws a seed from the operating system.

    Raises
    ------
    ValueError
        If p is not such a probability.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xent as tx
    >>> x = tx.Tensor(np.ones(5), requires_grad=True)
    >>> y = tx.dropout(x, 0.5, rng=0)
    >>> y.sum().backward()
    >>> y.numpy(), x.grad          # what was left out has no gradient either
    (array([2., 2., 2., 0., 0.]), array([2., 2., 2., 0., 0.]))
    """
    p = probability("dropout: p", p)
    x = as_array(x)
    dtype = x.dtype if x.dtype.kind == "f" else get_default_dtype()
    kept = np.random.default_rng(rng).random(tuple(x.shape), dtype=np.float32) >= p
    mask = kept.astype(dtype)
    if p < 1:
        mask /= 1 - p
    return run(Dropout(p, mask), x)


def probability(what: str, value: Any) -> float:
    """A number from 0 to 1, or the error that names what it is not."""
    # A bool is a number to Python, and always a slip here.
    number: Any = value  # not as a float: some whole numbers are too large for one
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= number <= 1:
        raise ValueError(f"{what} is {value!r}; wanted a probability, from 0 to 1")
    return float(value)
