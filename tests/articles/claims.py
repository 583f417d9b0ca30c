"""The claims of the four articles, as claims.md lists them."""

from pathlib import Path
from typing import NamedTuple


class Claim(NamedTuple):
    """One claim; `key` names the test that asserts it, `lessons` the pages that show it."""

    article: str
    key: str
    text: str
    lessons: tuple[int, ...]


def read():
    """The rows of the table in claims.md."""
    page = Path(__file__).with_name("claims.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line[:2] == "| "][1:]
    return tuple(Claim(a, key, text, tuple(map(int, n.split(",")))) for a, key, text, n in rows)


CLAIMS = read()
