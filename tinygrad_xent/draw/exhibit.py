"""compare_xent(): the fused and the unfused cross-entropy side by side, and why q - p comes out."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..backprop import grad, order
from ..tensor import Tensor
from ..value import Array, Value
from .player import Player, check_size, drawing
from .stage import Scene, Shown, page, plain_numbers
from .story import Story
from .style import number, size
from .tape import story_of

# What else the page can show: a name, logits and target.
PRESETS: tuple[tuple[str, Any, Any], ...] = (
    ("ordinary", [[2.0, 1.0, -0.1]], [1]),
    ("confident and wrong", [[6.0, -2.0, -1.0]], [1]),
    ("z = (1000, 0, -1000)", [[1000.0, 0.0, -1000.0]], [1]),
    ("soft target", [[2.0, 1.0, -0.1]], [[0.1, 0.7, 0.2]]),
    ("batch of two", [[2.0, 1.0, -0.1], [0.0, 1.0, 3.0]], [1, 2]),
)


def compare_xent(
    logits: Any, target: Any, *, title: str = "Where q - p comes from", presets: bool = True
) -> Player:
    """A page with the same loss twice: as one fused op, and as the long road that it replaces.

    Both are played by one cursor. Above them stand q, p and q - p as bars, which follow sliders,
    and the cancellation by which -p/q becomes q - p.

    Parameters
    ----------
    logits, target
        As for `cross_entropy`; logits (K,) or (N, K), up to ten classes and eight rows.
    title
        What stands above.
    presets
        Whether the page offers other logits and targets as well, such as some for which the long
        road breaks.

    Raises
    ------
    TypeError, ValueError
        If `logits` or `target` are not numbers, there are more classes or rows, or `cross_entropy`
        refuses them.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> player = tx.compare_xent([2.0, 1.0, -0.1], 1)
    >>> player.steps[-1].sentence
    '∂L/∂z is complete, both terms are in: [0.671 -0.753 0.0822].'
    """
    z, p = np.atleast_2d(_plain(logits, "logits")), _plain(target, "target")
    if z.ndim != 2 or not 2 <= z.shape[1] <= 10 or not 1 <= len(z) <= 8:
        raise ValueError(
            f"compare_xent: logits of shape {z.shape}; wanted 2 to 10 classes and 1 to 8 rows"
        )
    if p.dtype.kind == "f" and p.size != z.size:
        raise ValueError(
            f"compare_xent: target is {target!r:.60}; wanted a class index per row, or "
            f"probabilities of shape {z.shape}"
        )
    p = p.reshape(z.shape if p.dtype.kind == "f" else -1)
    given = [("the given logits", z, p)]
    others = [(name, np.array(zs), np.array(ps)) for name, zs, ps in PRESETS] if presets else []
    others = [one for one in others if not (_same(one[1], z) and _same(one[2], p))]
    scenes = [_scene(name, z, p) for name, z, p in given + others]
    shown = scenes[0].shown
    html_page = page(title, scenes, TOP, "exhibit.js")
    return Player(html_page, shown[1].story.moments, shown[1].svg, 900)


def _plain(x: Any, what: str) -> Array:
    try:
        array = x._array if isinstance(x, Value) else np.asarray(x)
        if array.dtype == object:
            array = np.array([float(e) for e in array.flat]).reshape(array.shape)
        if array.dtype.kind in "iuf":
            return array
    except (TypeError, ValueError):  # None; rows of several lengths
        pass
    raise TypeError(f"compare_xent: {what} is {x!r:.60}; wanted numbers")


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.array_equal(a, b))


def _scene(name: str, logits: Array, target: Array) -> Scene:
    """Both roads from one row or several, with the cursor that plays both."""
    roads = []
    for road in (ops.cross_entropy, ops.unfused_cross_entropy):
        z = Tensor(logits.astype(np.float64), requires_grad=True, name="z")
        with np.errstate(all="ignore"):
            loss = road(
                z, Tensor(target, name="p" if target.dtype.kind == "f" else "y"), check=True
            )
            story = story_of(loss)
        roads.append((loss, story, z))
    (fused, one, z_fused), (unfused, other, z_unfused) = roads
    check_size(other, "compare_xent")
    with np.errstate(all="ignore"):  # the long road may break, which is shown
        difference = _difference(grad(fused, z_fused)[0], grad(unfused, z_unfused)[0])
    p = target if target.ndim == 2 else np.eye(logits.shape[1])[target]
    more = {
        "z": [plain_numbers(row) for row in logits.astype(float).tolist()],
        "p": [plain_numbers(row) for row in p.astype(float).tolist()],
        "counts": [
            ["ops", len(one.graph.ops), len(other.graph.ops)],
            ["arrays kept for the way back", _kept(fused), _kept(unfused)],
            ["loss", number(fused.item(), 6), number(unfused.item(), 6)],
            ["largest difference of the gradients", "", difference],
        ],
    }
    shown = (
        Shown("fused: one op, whose rule is q - p", one, drawing(one)),
        Shown("unfused: the long road, one op at a time", other, drawing(other)),
    )
    return Scene(name, shown, _one_cursor(one, other), more)


def _difference(one: Tensor, other: Tensor) -> str:
    """Of two gradients."""
    return number(float(np.max(np.abs(one._array - other._array))), 2)


def _kept(loss: Tensor) -> str:
    """The bytes that the graph keeps for its rules, each array once, the leaves' apart."""
    leaves = {id(v._array) for v in order(loss) if v.op is None}
    arrays = {}
    for value in order(loss):
        if value.op is not None:
            for a in (*value.recorded, *value.op.saved.values()):
                if isinstance(a, np.ndarray) and id(a) not in leaves:
                    arrays[id(a)] = a.nbytes
    return size(sum(arrays.values()))


def _one_cursor(fused: Story, unfused: Story) -> tuple[tuple[int, ...], ...]:
    """Which moment either story is at: the fused op moves when the road that it replaces ends."""
    kinds = [[moment.kind for moment in story.moments] for story in (fused, unfused)]
    seeds = [names.index("seed") for names in kinds]
    steps = [(0, k) for k in range(seeds[1] - 1)]
    steps += [(k, seeds[1] - 1) for k in range(1, seeds[0])]
    last = [len(names) - 1 for names in kinds]
    steps += [(seeds[0], k) for k in range(seeds[1], last[1])]
    steps += [(k, last[1]) for k in range(seeds[0] + 1, last[0] + 1)]
    return tuple(steps)


TOP = """<section class="exhibit" aria-label="q, p and q - p">
<div><label>example <select id="preset"></select></label>
<label id="rowof">row <select id="row"></select></label></div>
<div class="tables"><div id="bars"></div><div id="counts"></div>
<div id="road"></div></div>
</section>
"""
