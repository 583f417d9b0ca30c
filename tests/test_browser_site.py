"""The documentation in a browser, from disk: no network, nothing cut off, a search that finds."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="the extra browser")
pytest.importorskip("sphinx", reason="the extra docs")
pytest.importorskip("furo", reason="the extra docs")
pytest.importorskip("latex2mathml", reason="the extra docs")
from test_browser import browser  # noqa: F401 - a fixture

ROOT = Path(__file__).parents[1]
PAGES = [
    "index",
    "how-to/write-an-op",
    "reference/losses",
    "reference/ops",
    "comparison",
    "numerics",
    "lessons/l04_surprise_and_its_price",
    "lessons/l06_q_minus_p",
    "lessons/l11_train_it_then_doubt_it",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = ["-m", "sphinx", "-q", "-b", "html", "docs", str(folder)]
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True)
    return folder


@pytest.fixture
def open_page(browser, site):  # noqa: F811
    asked, pages = [], []

    def open_it(name, **options):
        page = browser.new_page(**options)
        pages.append(page)
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / f"{name}.html").as_uri())
        return page

    yield open_it
    for page in pages:
        page.close()
    assert asked
    assert not [url for url in asked if not url.startswith(("file:", "data:"))]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_leaves_the_page(open_page, name, width, scheme):
    page = open_page(name, viewport={"width": width, "height": 900}, color_scheme=scheme)
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
    outside = page.evaluate(
        "[...document.querySelectorAll('article *')].filter(e =>"
        " e.getBoundingClientRect().right > innerWidth + 1"
        " && !e.closest('pre, .math, .table-wrapper, p:has(> img[src$=png])'))"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert outside == []


def test_a_figure_of_several_panels_can_be_read_on_a_phone(open_page):
    page = open_page("lessons/l11_train_it_then_doubt_it", viewport={"width": 390, "height": 900})
    figure = page.locator("article img[src$='.png']").first
    figure.scroll_into_view_if_needed()
    assert figure.bounding_box()["width"] > 600
    assert figure.locator("..").evaluate("p => p.scrollWidth > p.clientWidth")


def test_the_search_finds_a_function_without_a_server(open_page):
    page = open_page("index")
    page.fill("input[name=q]", "cross_entropy")
    page.press("input[name=q]", "Enter")
    page.wait_for_selector("ul.search li a")
    found = page.locator("ul.search li a").all_inner_texts()
    assert "tinygrad_xent.cross_entropy" in found


def test_formulas_are_drawn(open_page):
    page = open_page("numerics")
    assert page.locator("math").count() > 20
    assert page.locator("math mfrac").first.bounding_box()["height"] > 20
    assert page.locator("merror").count() == 0


def test_a_lesson_shows_its_pictures_and_plays(open_page):
    page = open_page("lessons/l06_q_minus_p", viewport={"width": 1280, "height": 900})
    page.locator("iframe.player").scroll_into_view_if_needed()  # it is loaded lazily
    player = page.frame_locator("iframe.player")
    player.locator("#last").click()
    assert "0.671" in player.locator("#say").inner_text()
    broken = "[...document.images].filter(i => i.loading !== 'lazy' && !i.naturalWidth).length"
    assert page.evaluate("document.images.length") >= 3
    assert page.evaluate(broken) == 0
    answers = page.locator("details")
    assert not answers.locator("pre").first.is_visible()
    answers.locator("summary").click()
    assert "Right: " in answers.inner_text()
