"""A lesson's page: Markdown, read from the package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FENCE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PICTURE = re.compile(r"!?\[([^\]]*)\]\(([\w.-]+\.(?:png|svg|html))\)")
ANSWERS = re.compile(r"^<details>.*?^</details>\n?", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    Attributes
    ----------
    number
        1 to 12.
    name
        Of its page and of the module that belongs to it, such as ``"l06_q_minus_p"``.
    text
        The whole page, Markdown.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> six = tx.lessons.lesson(6)
    >>> six.number, six.title
    (6, 'q - p')
    >>> print(six.claim)
    The gradient of cross-entropy with respect to the logits is what you said minus what you wanted.
    """

    number: int
    name: str
    text: str

    @property
    def title(self) -> str:
        """The heading, without the number."""
        return self.text.splitlines()[0].partition(". ")[2]

    @property
    def claim(self) -> str:
        """What the lesson shows, in one sentence: the page's first quotation."""
        lines = re.findall(r"^> (.*)$", self.text.partition("\n\n**")[0], re.MULTILINE)
        return " ".join(lines)

    @property
    def without_answers(self) -> str:
        """The page without the answers of the exercises."""
        return ANSWERS.sub("", self.text).rstrip() + "\n"

    @property
    def pictures(self) -> list[str]:
        """The files that the experiment writes, in the order in which the page shows them."""
        return list(dict.fromkeys(file for _, file in PICTURE.findall(self.text)))

    def parts(self, answers: bool = False) -> Iterator[tuple[str, str]]:
        """The page in pieces: ``("text", markdown)`` and ``("code", examples with >>>)``."""
        text = self.text if answers else self.without_answers
        for index, piece in enumerate(FENCE.split(text)):
            if piece.strip():
                yield ("code" if index % 2 else "text", piece)

    def _repr_markdown_(self) -> str:
        return self.without_answers


@lru_cache(maxsize=1)
def lessons() -> tuple[Lesson, ...]:
    """All lessons, in the order in which to read them.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> [lesson.number for lesson in tx.lessons.lessons()]
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    """
    pages = sorted(Path(__file__).parent.glob("l[0-9][0-9]_*.md"))
    return tuple(
        Lesson(int(page.stem[1:3]), page.stem, page.read_text(encoding="utf-8")) for page in pages
    )


def lesson(number: int) -> Lesson:
    """The lesson of this number, which shows itself in a notebook.

    Raises
    ------
    ValueError
        If there is none.
    """
    for found in lessons():
        if found.number == number:
            return found
    raise ValueError(f"lessons: there is no lesson {number!r}; wanted 1 to {len(lessons())}")
