"""Take the screenshots that README and docs show: ``python tests/tools/screenshots.py``.

It needs the extra `browser` and an installed Chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

import tinygrad_xent as tx

sys.path.insert(0, str(Path(__file__).parent))
from draw_pictures import PICTURES, q_minus_p


def small_network() -> tx.draw.Player:
    """README's example, stopped where q - p arrives at the logits."""
    return tx.play(q_minus_p(), title="Backprop of one row")


def movie() -> str:
    """A little network learning two moons."""
    toy = tx.data.load("moons")
    model = tx.nn.MLP([2, 8, 2], rng=3)
    film = tx.draw.Movie(model, toy.x[0], int(toy.y[0]), data=toy, every=4)
    tx.fit(model, toy, epochs=120, lr=0.02, on_epoch=film.take)
    return film.html("Two moons, from the first guess to the last epoch")


def at_q_minus_p(page: Page) -> None:
    """The moment at which the loss sends q - p to the logits."""
    kinds = page.evaluate("player.panes[0].moments.map(m => m[0])")
    page.evaluate(f"player.go({kinds.index('vjp')})")


def both_ends(page: Page) -> None:
    """The end of both roads: the same gradient at z."""
    page.keyboard.press("End")


def late(page: Page) -> None:
    """Most of the training over."""
    page.evaluate("movie.go(Math.round(film.frames.length * 0.8))")


SHOTS: list[tuple[str, Callable[[], str], Callable[[Page], None], int, int]] = [
    ("player.png", lambda: small_network().html, at_q_minus_p, 1180, 720),
    ("exhibit.png", lambda: tx.compare_xent([2.0, 1.0, -0.1], 1).html, both_ends, 1280, 1010),
    ("movie.png", movie, late, 1180, 820),
]


def main() -> None:
    """Each page in a new tab, in light colours."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    tx.make_dot(q_minus_p(), legend=False).save(PICTURES / "graph.png")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, make, act, width, height in SHOTS:
            path = Path(folder, "page.html")
            path.write_text(make(), encoding="utf-8")
            page = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme="light",
                reduced_motion="reduce",
            )
            page.goto(path.as_uri())
            act(page)
            page.wait_for_timeout(300)
            page.screenshot(path=PICTURES / name)
            page.close()
            print(f"took {PICTURES / name}")
        browser.close()


if __name__ == "__main__":
    main()
