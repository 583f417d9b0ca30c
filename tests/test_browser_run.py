"""The page of a run folder in a browser: readable at any width, by anyone, without a script."""

import pytest

pytest.importorskip("playwright", reason="the extra browser")
from axe_playwright_python.sync_playwright import Axe
from test_browser import browser, open_page  # noqa: F401 - fixtures
from test_run_page import HOSTILE, run_of

from tinygrad_xent.cli import main
from tinygrad_xent.cli.run_folder import write_folder


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    digits = folder / "digits"
    assert main(["--epochs", "3", "--quiet", "--out", str(digits)]) == 0
    for name, columns, classes in (
        ("hostile", 2, HOSTILE),
        ("many", 9, tuple(f"class number {i}" for i in range(40))),
    ):
        (folder / name).mkdir()
        write_folder(folder / name, run_of(columns, classes), print)
    return {p.name: (p / "index.html").read_text(encoding="utf-8") for p in folder.iterdir()}


@pytest.fixture(autouse=True)
def player(tmp_path):
    """What stands for the player, a file beside the page: it has tests of its own."""
    (tmp_path / "backprop.html").write_text("<!DOCTYPE html><h1>player</h1>", encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("name", ["digits", "hostile", "many"])
def test_it_fits_and_is_accessible(open_page, pages, name, width, scheme):  # noqa: F811
    page = open_page(pages[name], viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.alt)"
    assert page.evaluate(broken) == []
    found = Axe().run(page, options={"iframes": False}).response["violations"]
    assert [(v["id"], [n["html"][:90] for n in v["nodes"][:3]]) for v in found] == []


def test_the_keyboard_reaches_links_and_what_scrolls(open_page, pages):  # noqa: F811
    page = open_page(pages["digits"], viewport={"width": 400, "height": 900})
    wanted = page.locator("a[href], [tabindex='0']").count()
    seen = set()
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate(
                "[...document.querySelectorAll('a[href], [tabindex]')]"
                ".indexOf(document.activeElement)"
            )
        )
    assert seen - {-1} == set(range(wanted))


def test_the_player_is_shown_in_it(open_page, pages):  # noqa: F811
    page = open_page(pages["digits"], viewport={"width": 1280, "height": 900})
    assert page.frame_locator("iframe").locator("h1").inner_text() == "player"


def test_on_paper_it_is_light_and_whole(open_page, pages):  # noqa: F811
    page = open_page(pages["digits"], viewport={"width": 700, "height": 900}, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    colours = (
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert page.evaluate(colours) == ["rgb(255, 255, 255)", "rgb(26, 26, 26)"]
    cut = """[...document.querySelectorAll('.scroll')].filter(e =>
        getComputedStyle(e).overflow !== 'visible').length"""
    assert page.evaluate(cut) == 0
    assert not page.locator("nav").is_visible()
