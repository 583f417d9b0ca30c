"""A picture as a web page of its own: one file that asks the network for nothing."""

from __future__ import annotations

from xml.sax.saxutils import escape

from .theme import Theme

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 1.5rem; font: 1rem/1.5 sans-serif; background: #ffffff; color: #1a1a1a; }}
h1 {{ font-size: 1rem; font-weight: normal; overflow-wrap: anywhere; }}
figure {{ margin: 0; padding: 0.5rem; overflow-x: auto; border: 1px solid #808080; \
border-radius: 6px; background: {paper}; }}
figure svg {{ display: block; max-width: none !important; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #14161a; color: #f2f2f2; }} }}
</style>
</head>
<body>
<h1>{title}</h1>
<figure tabindex="0" aria-label="{label}">
{svg}
</figure>
</body>
</html>
"""


def page(svg: str, title: str, theme: Theme) -> str:
    """The SVG in a page that is readable in light and dark; what is wider than it scrolls."""
    return _PAGE.format(
        title=escape(title),
        label=escape(title, {'"': "&quot;"}),
        paper=theme.paper,
        svg=svg[svg.index("<svg") :].strip(),
    )
