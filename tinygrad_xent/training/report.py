"""The report on a classifier: which classes it knows, and which it takes for which."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..calibration import Reliability, _gap
from ..display import _block, _cell, _header, _heading, _table, plain, text
from ..value import Array

LISTED = 50  # of more classes, the report shows the worst
WORST = 20
LETTERS = 40  # of a class's name
FAINT = "opacity:.7;font-weight:normal"


class Scores(NamedTuple):
    """Precision, recall and F1: of one class, or means over the classes."""

    precision: float  #: of the rows that were predicted to be of the class, the share that is
    recall: float  #: of the rows of the class, the share that was predicted to be
    f1: float  #: the harmonic mean of the two


# eq=False: comparing two arrays gives an array, not a bool.
@dataclass(frozen=True, repr=False, eq=False)
class Evaluation:
    """What `evaluate` found; ``print`` it for a table of the classes.

    Parameters
    ----------
    loss
        The mean cross-entropy, in nats.
    accuracy
        The fraction of rows whose largest logit is the label's.
    confusion
        (K, K) counts of rows; row = label, column = predicted class.
    classes
        K names; empty if they have none.
    reliability
        What `calibration.reliability` gives of the rows, or None.

    Notes
    -----
    Of a class that was never predicted, precision is 0 / 0 and nan; of one without rows, recall is;
    F1 is nan if both are. Means leave such classes out, and are nan if nothing is left; the table
    names them. All else is as in scikit-learn's ``classification_report(..., zero_division=nan)``.

    It unpacks as ``loss, accuracy, confusion``.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_xent.training import Evaluation
    >>> counts = np.array([[8, 2, 0], [1, 4, 0], [0, 5, 0]])
    >>> print(Evaluation(0.9, 0.6, counts, ("cat", "dog", "fox")))
    20 rows, 3 classes: accuracy 0.600, loss 0.900 nats
    <BLANKLINE>
    class            precision  recall     F1  support
    cat                  0.889   0.800  0.842       10
    dog                  0.364   0.800  0.500        5
    fox                    nan   0.000  0.000        5
    mean                 0.626   0.533  0.447       20
    mean by support      0.714   0.600  0.546       20
    <BLANKLINE>
    never predicted, so that precision is nan: fox
    most frequent mistake: fox taken for dog, 5 of 5 times
    """

    loss: float
    accuracy: float
    confusion: Array
    classes: Sequence[str] = ()
    reliability: Reliability | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter((self.loss, self.accuracy, self.confusion))

    @property
    def support(self) -> Array:
        """How many rows each class has, (K,)."""
        return np.asarray(self.confusion.sum(axis=1))

    @property
    def precision(self) -> Array:
        """Of the rows that were predicted to be of a class, the share that is, (K,)."""
        return _share(np.diag(self.confusion), self.confusion.sum(axis=0))

    @property
    def recall(self) -> Array:
        """Of the rows of a class, the share that was predicted to be, (K,)."""
        return _share(np.diag(self.confusion), self.support)

    @property
    def f1(self) -> Array:
        """The harmonic mean of precision and recall, (K,)."""
        both = self.confusion.sum(axis=0) + self.support
        return _share(2 * np.diag(self.confusion), both)

    @property
    def macro(self) -> Scores:
        """The means over the classes, each counting once; of recall: the balanced accuracy."""
        return self._means(np.ones(len(self.confusion)))

    @property
    def weighted(self) -> Scores:
        """The means over the classes, each counting as often as it has rows."""
        return self._means(self.support)

    @property
    def calibration_error(self) -> float:
        """The expected calibration error, in 10 bins; nan without `reliability`."""
        return math.nan if self.reliability is None else _gap(self.reliability)

    def worst_pair(self) -> tuple[int, int, int]:
        """The most frequent mistake: (label, predicted class, how often); how often 0 if none."""
        mistakes = self.confusion - np.diag(np.diag(self.confusion))
        label, predicted = divmod(int(mistakes.argmax()), len(mistakes))
        return label, predicted, int(mistakes[label, predicted])

    def name(self, k: int) -> str:
        """The name of class k on one line, shortened; its number if it has none."""
        return plain(self.classes[k] if self.classes else k, LETTERS)

    def headline(self) -> str:
        """Rows, classes, accuracy, loss and calibration in one line."""
        n, k = int(self.confusion.sum()), len(self.confusion)
        line = f"{n} row{'s' * (n != 1)}, {k} class{'es' * (k != 1)}: "
        line += f"accuracy {self.accuracy:.3f}, loss {self.loss:.3f} nats"
        if self.reliability is not None:
            line += f", calibration error {self.calibration_error:.3f}"
        return line

    def notes(self) -> list[str]:
        """What the table does not say: classes of which a number is nan, the worst mistake."""
        k, found = len(self.confusion), []
        if k > LISTED:
            found.append(f"shown: the {WORST} of {k} classes with the lowest F1")
        for empty, why in (
            (self.confusion.sum(axis=0) == 0, "never predicted, so that precision is nan"),
            (self.support == 0, "without rows, so that recall is nan"),
        ):
            names = [self.name(k) for k in np.flatnonzero(empty).tolist()]
            if names:
                more = f" and {len(names) - 8} more" if len(names) > 8 else ""
                found.append(f"{why}: {', '.join(names[:8])}{more}")
        label, predicted, times = self.worst_pair()
        if times:
            pair = f"{self.name(label)} taken for {self.name(predicted)}"
            of = f"{times} of {self.support[label]} times"
            found.append(f"most frequent mistake: {pair}, {of}")
        return found

    def table(self) -> list[tuple[str, Scores, int]]:
        """Name, scores and support of each class, then of the two means.

        Of more than 50 classes, the 20 of the lowest F1, the lowest first.
        """
        k = len(self.confusion)
        which = range(k) if k <= LISTED else np.argsort(self.f1, kind="stable")[:WORST].tolist()
        scores = np.stack([self.precision, self.recall, self.f1], axis=1).tolist()
        rows = [(self.name(i), Scores(*scores[i]), int(self.support[i])) for i in which]
        n = int(self.support.sum())
        return [*rows, ("mean", self.macro, n), ("mean by support", self.weighted, n)]

    def __str__(self) -> str:
        rows = self.table()
        width = max(columns(name) for name, *_ in rows)
        lines = [self.headline(), "", f"{'class':<{width}}  precision  recall     F1  support"]
        for name, scores, support in rows:
            padded = name + " " * (width - columns(name))
            numbers = "{:>9.3f}  {:>6.3f}  {:>5.3f}".format(*scores)
            lines.append(f"{padded}  {numbers}  {support:>7}")
        return "\n".join([*lines, "", *self.notes()]).rstrip()

    def __repr__(self) -> str:
        return f"Evaluation({self.headline()})"

    def _repr_html_(self) -> str:
        lines = [_header("class", "precision", "recall", "F1", "support")]
        rows = self.table()
        for i, (name, scores, support) in enumerate(rows):
            style = FAINT if i >= len(rows) - 2 else ""
            cells = [f"{x:.3f}" for x in scores] + [str(support)]
            numbers = "".join(_cell(cell, "right", style) for cell in cells)
            lines.append(_cell(name, "left", style or "font-weight:normal", "th") + numbers)
        notes = "".join(f"<div>{text(note, 1000)}</div>" for note in self.notes())
        heading = _heading("Evaluation", [self.headline()])
        return f"<div>{heading}{_block('by class', _table(lines))}{notes}</div>"

    def _means(self, weight: Array) -> Scores:
        """Weighted means over the classes for which a score is defined; nan if there is none."""
        return Scores(*(_mean(s, weight) for s in (self.precision, self.recall, self.f1)))


def columns(name: str) -> int:
    """How many columns of a terminal a text takes: two for Chinese, none for what is combined."""
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 1 + (east_asian_width(c) in "WF") for c in name)


def _share(part: Array, whole: Array) -> Array:
    """Part / whole, and nan for 0 / 0."""
    share: Array = np.divide(part, whole, out=np.full(len(part), math.nan), where=whole > 0)
    return share


def _mean(scores: Array, weight: Array) -> float:
    known = ~np.isnan(scores)
    total = float(weight[known].sum())
    return float((scores[known] * weight[known]).sum()) / total if total else math.nan
