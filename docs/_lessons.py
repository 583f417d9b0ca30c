"""The lessons as pages of the site: run, with their pictures, and with players in the page."""

import re
import shutil
from html import escape
from pathlib import Path

from tinygrad_xent import lessons

PLAYER = re.compile(r"\[([^\]]*)\]\(([\w.-]+\.html)\)")
IN_THE_PACKAGE = re.compile(r"\((?:\.\./)+tinygrad_xent/lessons/(l\d\d_\w+\.md)\)")
FRAME = """
```{{raw}} html
<iframe class="player" src="{file}" title="{title}" loading="lazy"></iframe>
```
"""


def write(app):
    """Run every lesson into docs/lessons; players go where Sphinx copies them from as they are."""
    pages, players = Path(app.srcdir, "lessons"), Path(app.srcdir, "_players", "lessons")
    for folder in (pages, players):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for each in lessons.lessons():
        lessons.run(each.number, pages, answers=True)
        page = pages / f"{each.name}.md"
        page.write_text(_with_players(page.read_text(encoding="utf-8")), encoding="utf-8")
    for player in pages.glob("*.html"):
        player.replace(players / player.name)


def _with_players(text):
    """A link to a player stays, and below its paragraph the player itself stands in the page."""
    pieces = text.split("\n\n")
    for k, piece in enumerate(pieces):
        frames = [FRAME.format(file=f, title=escape(t)) for t, f in PLAYER.findall(piece)]
        linked = PLAYER.sub(lambda m: f'<a href="{m[2]}">{m[1]}</a>', piece)
        pieces[k] = linked + "".join("\n" + frame for frame in frames)
    return "\n\n".join(pieces)


def from_the_package(app, docname, source):
    """Links to lessons lead to the package, where people read the source; here, to their pages."""
    up = "../" * docname.count("/")
    source[0] = IN_THE_PACKAGE.sub(rf"({up}lessons/\1)", source[0])
