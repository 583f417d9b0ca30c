"""Text that users bring, in a real browser: none of it runs, loads or becomes markup."""

import pytest

pytest.importorskip("playwright", reason="the extra browser")
from test_browser import about, browser, open_page  # noqa: F401 - fixtures

import tinygrad_xent as tx
from tests.hostile import TEXTS, Carrier
from tinygrad_xent.draw import make_dot

PAGES = {
    "player": lambda c: tx.play(c.loss, names=c.names, title=c.text).html,
    "movie": lambda c: c.movie(),
    "exhibit": lambda c: tx.compare_xent([1.0, 2.0], 1, title=c.text).html,
    # Without a policy that would forbid what the text tries, and with what a notebook shows.
    "tables": lambda c: "".join(x._repr_html_() for x in (c.x, c.loss, c.model)),
    "drawing": lambda c: make_dot(c.loss, names=c.names).pipe("svg", encoding="utf-8")[39:],
}
# The others break nothing that a browser reads; their structure is compared without one.
TRIES = (
    "a script",
    "the end of the data",
    "an image",
    "the end of an attribute",
    "the end of a title",
    "the end of a comment",
    "what a page slims",
    "lines that JavaScript sees",
)


@pytest.mark.parametrize("kind", PAGES)
def test_no_text_runs(open_page, kind):  # noqa: F811
    for what in TRIES:
        html = PAGES[kind](Carrier(TEXTS[what])).encode("utf-8", "replace").decode()
        page = open_page(html)
        for key in ("ArrowRight", "ArrowRight", "End", "ArrowLeft"):
            page.keyboard.press(key)
        assert page.evaluate("window.ran") is None, what
        assert page.locator("img, a[href], b > b, embed").count() == 0, what
        page.close()


def test_a_name_is_read_as_it_was_given(open_page):  # noqa: F811
    for what in ("a script", "entities", "places of a template", "what a page slims"):
        text = TEXTS[what]
        x = tx.Tensor([1.0, 2.0], requires_grad=True, name=text)
        page = open_page(tx.play((x * x).sum(), title=text).html)
        assert page.title() == text.strip()
        assert page.text_content("h1") == text
        for _ in range(12):
            page.keyboard.press("ArrowRight")
        assert about(page, "h2") == " ".join(text.split())
        page.close()
