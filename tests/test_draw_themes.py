"""How drawings look: every text can be read on what is behind it, in every theme."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent import nn
from tinygrad_xent.draw import make_dot
from tinygrad_xent.draw.theme import THEMES


def luminance(color):
    channels = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """As WCAG 2 defines it: 1 for the same colour, 21 for black and white."""
    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def pairs_of_label(label, ink, fill):
    """(text, its colour, what is behind it) of all texts in an HTML-like label."""

    def walk(element, ink, fill):
        ink, fill = (
            element.get("COLOR", ink) if element.tag == "FONT" else ink,
            element.get("BGCOLOR", fill),
        )
        if (element.text or "").strip():
            yield element.text, ink, fill
        for child in element:
            yield from walk(child, ink, fill)
            if (child.tail or "").strip():
                yield child.tail, ink, fill

    return list(walk(ElementTree.fromstring(f"<L>{label}</L>"), ink, fill))


def pairs(dot, theme):
    """The same of a whole drawing."""
    found = pairs_of_label(dot.graph_attr["label"][1:-1], theme.ink, theme.paper)
    for line in dot.body:
        if match := re.search(r"label=<(.*)> (shape|id)", line):
            fill = re.search(r'fillcolor="(#\w+)"', line)
            behind = fill[1] if fill else theme.paper
            found += pairs_of_label(match[1], theme.ink, behind)
        elif match := re.search(r'label="(.*?)".* fontcolor="(#\w+)"', line):
            found.append((match[1], match[2], theme.paper))
    return found


def drawings(theme):
    """All kinds of nodes and rows there are."""
    model = nn.MLP([3, 4, 2], rng=0)
    loss = tx.cross_entropy(model(tx.Tensor([[1.0, -2.0, 0.0]])) * 2.0, [1])
    yield make_dot(loss, theme=theme)
    loss.backward()
    loss.backward()
    model[0].bias.data += 1.0
    yield make_dot(loss, theme=theme, show_attrs=True, show_saved=True)
    yield make_dot(loss, theme=theme, depth=1, roll=True)
    y = tx.Tensor(1.0, requires_grad=True)
    for _ in range(9):
        y = y + y
    yield make_dot(y, theme=theme, roll=True)
    z = tx.Tensor([[np.nan, 1.0, np.inf] * 7], requires_grad=True)
    with np.errstate(all="ignore"):
        loss = tx.cross_entropy(z * np.array([-np.inf, 1.0, 0.0] * 7), [1])
        loss.backward()
        yield make_dot(loss, theme=theme, show_saved=True)


@pytest.mark.parametrize("name", THEMES)
def test_every_text_can_be_read(name):
    theme = THEMES[name]
    seen = [pair for dot in drawings(name) for pair in pairs(dot, theme)]
    assert len(seen) > 200
    for text, ink, fill in seen:
        assert contrast(ink, fill) >= 4.5, (text, ink, fill)


@pytest.mark.parametrize("name", THEMES)
def test_the_legend_has_the_colours_of_the_theme(name):
    theme = THEMES[name]
    dot = make_dot(tx.Tensor(1.0, requires_grad=True) * 2.0, theme=name)
    assert dot.legend["parameter"] == theme.parameter
    assert dot.copy().legend == dot.legend
    assert set(dot.legend) == {
        "data", "parameter", "op", "module", "result", "loss", "constant", "forward", "backward"
    }  # fmt: skip
    assert f'bgcolor="{theme.paper}"' in dot.source
    used = set(re.findall(r"#[0-9A-Fa-f]{6}", dot.source))
    assert used <= {value for value in vars(theme).values() if isinstance(value, str)}


def test_paper_is_grey_and_tells_roles_apart_by_lines():
    for dot in drawings("paper"):
        for color in re.findall(r"#([0-9A-Fa-f]{6})", dot.source):
            assert color[:2] == color[2:4] == color[4:], color
    source = make_dot(tx.Tensor([1.0], requires_grad=True) * tx.Tensor([2.0]), theme="paper").source
    assert 'STYLE="dashed"' in source


def test_wrong_themes_are_refused():
    with pytest.raises(ValueError, match=r"theme='blue'; wanted one of 'okabe-ito', 'dark', "):
        make_dot(tx.Tensor(1.0), theme="blue")


def test_wrong_numbers_are_refused():
    for bad in ({"depth": -1}, {"depth": 1.5}, {"depth": "1"}, {"max_nodes": None}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))}=.*; wanted a whole number"):
            make_dot(tx.Tensor(1.0), **bad)
