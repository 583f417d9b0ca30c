"""What is done to an engine's SVG so that it stands alone and fits the page it is shown on."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from .style import FONT, FONTS, NARROWED

_PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>\n'


def finished(svg: bytes, title: str) -> bytes:
    """The picture with a title, as wide as it was drawn but never wider than its place.

    The titles of single nodes go: they are ids that nobody should read, on screen or aloud. So do
    the name and version of the engine, and the document type, for which some readers would ask the
    network.
    """
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<title>[^<]*</title>\n?", "", text)
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = text.replace(f'font-family="{FONT}"', f'font-family="{FONTS}"')
    head, rest = text.split(">", 1)
    head += ' role="img" style="max-width:100%;height:auto"'
    style = f"<style>\n{NARROWED}</style>"
    return f"{_PROLOGUE}{head}>\n<title>{escape(title)}</title>\n{style}{rest}".encode()
