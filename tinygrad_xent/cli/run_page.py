"""index.html of a run folder: one page that shows everything and needs nothing but itself."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..display import text
from ..training import Evaluation
from .example import Example
from .pictures import Picture

if TYPE_CHECKING:
    from .run_folder import Run

LONG = 300  # letters of a name
WIDE = ("curves.png",)  # pictures that take the whole width
FILES = {
    "model.safetensors": "the model, with its classes and input statistics; PyTorch can read it",
    "checkpoint.safetensors": "where training stands: tinygrad-xent train --resume goes on from it",
    "run.json": "the command, for --resume",
    "history.csv": "a row for each epoch",
    "report.txt": "the report, as the terminal shows it",
    "backprop.html": "step through this example's forward and backward pass",
    "movie.html": "the graph through training",
    "graph.svg": "the graph of the example",
    "graph.dot": "the same for Graphviz",
}


def page(
    out: Path,
    run: Run,
    pictures: Sequence[Picture],
    written: Sequence[str],
    missing: Mapping[str, str],
) -> str:
    """The page, made of the pictures in the folder `out` and of the names of its other files."""
    k = len(run.test.classes)
    parts = {
        "css": _asset("run.css"),
        "title": text(f"{run.test.name}: {k} classes", LONG),
        "lead": text(run.report.headline(), LONG),
        "report": _report(run.report),
        "pictures": "".join(_picture(out, one, missing) for one in pictures),
        "example": _example(run.example, run.test.classes),
        "graph": _graph(out, written, missing),
        "made": _made(run.made),
        "files": _files(written),
    }
    # In one go: what is filled in may have {{braces}} of its own.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _asset("run.html"))


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(f"assets/{name}").read_text(encoding="utf-8")


def _name(name: str) -> str:
    """A name in whatever script, which turns nothing around it."""
    return f"<bdi>{text(name, LONG)}</bdi>"


def _table(label: str, head: Sequence[str], rows: Sequence[str]) -> str:
    """A table that scrolls where it is too large, with the keyboard too."""
    cells = "".join(f'<th scope="col">{text(name)}</th>' for name in head)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(label)}">'
        f"<table><thead><tr>{cells}</tr></thead>\n<tbody>\n{''.join(rows)}</tbody></table></div>"
    )


def _row(name: str, cells: Sequence[str], kind: str = "") -> str:
    numbers = "".join(f"<td>{cell}</td>" for cell in cells)
    of_kind = f' class="{kind}"' if kind else ""
    return f'<tr{of_kind}><th scope="row">{_name(name)}</th>{numbers}</tr>\n'


def _report(report: Evaluation) -> str:
    rows = report.table()
    lines = [
        _row(name, [*(f"{x:.3f}" for x in scores), str(n)], "mean" if i >= len(rows) - 2 else "")
        for i, (name, scores, n) in enumerate(rows)
    ]
    head = ["class", "precision", "recall", "F1", "support"]
    notes = "".join(f"<p>{text(note, 1000)}</p>\n" for note in report.notes())
    return f"{_table('Precision and recall by class', head, lines)}\n{notes}"


def _picture(out: Path, picture: Picture, missing: Mapping[str, str]) -> str:
    wide = ' class="wide"' if picture.name in WIDE else ""
    if picture.name in missing:
        return f"<div{wide}>{_missing(picture.name, missing)}</div>\n"
    content = base64.b64encode((out / picture.name).read_bytes()).decode()
    image = f'<img alt="{text(picture.alt, 1000)}" src="data:image/png;base64,{content}">'
    caption = f'{text(picture.caption, LONG)} <a href="{picture.name}">{picture.name}</a>'
    return f"<figure{wide}>{image}<figcaption>{caption}</figcaption></figure>\n"


def _missing(name: str, missing: Mapping[str, str]) -> str:
    return f'<p class="missing">{name} is missing: {text(missing[name], 1000)}</p>'


def _example(example: Example, classes: Sequence[str]) -> str:
    """The table of q, p, q - p, and what backprop delivered."""
    difference, gradient = example.q - example.p, example.z.grad[0]
    lines = [
        _row(
            name,
            [
                f"{example.q[k]:.6f}",
                f"{example.p[k]:.0f}",
                f"{difference[k]:.6f}",
                f"{gradient[k]:.6f}",
            ],
            "label" if k == example.label else "",
        )
        for k, name in enumerate(classes)
    ]
    largest = float(np.abs(difference - gradient).max())
    head = ["class", "q", "p", "q - p", "gradient at z"]
    return (
        f"<p>Row {example.row} of the test part, labelled {_name(classes[example.label])}: what "
        "the model believes, q = softmax(z), beside the truth p. The gradient of the loss with "
        f"respect to the logits z is q - p.</p>\n{_table('q, p and q - p', head, lines)}\n"
        f"<p>Largest difference between q - p and what backprop delivered: {largest:.1e}.</p>"
    )


def _graph(out: Path, written: Sequence[str], missing: Mapping[str, str]) -> str:
    links = [
        f'<a href="{name}">{said}</a>'
        for name, said in (
            ("backprop.html", "Step through its backprop"),
            ("movie.html", "watch it through training"),
        )
        if name in written
    ]
    parts = [f"<p>{', or '.join(links)}.</p>"] if links else []
    parts += [_missing(name, missing) for name in ("backprop.html", "graph.svg") if name in missing]
    if "graph.svg" in written:
        content = base64.b64encode((out / "graph.svg").read_bytes()).decode()
        alt = "The computation graph of the example: values forward, gradients back, q - p at z"
        parts.append(
            '<div class="scroll graph" tabindex="0" role="region" aria-label="The graph, to be '
            f'scrolled"><img alt="{alt}" src="data:image/svg+xml;base64,{content}"></div>'
        )
    if "backprop.html" in written:  # a file of its own: beside this page it is shown in it
        parts.append('<iframe src="backprop.html" title="Backprop of the example"></iframe>')
    return "\n".join(parts)


def _made(made: Mapping[str, str]) -> str:
    lines = []
    for name, said in made.items():
        shown = f"<code>{text(said, 2000)}</code>" if name == "command" else text(said, 2000)
        lines.append(f"<dt>{text(name)}</dt><dd>{shown}</dd>\n")
    return f"<dl>\n{''.join(lines)}</dl>"


def _files(written: Sequence[str]) -> str:
    lines = "".join(
        f'<dt><a href="{name}">{name}</a></dt><dd>{FILES[name]}</dd>\n'
        for name in written
        if name in FILES
    )
    code = (
        "tinygrad-xent predict --model model.safetensors --data new.csv\n"
        "tinygrad-xent evaluate --model model.safetensors --data labelled.csv"
    )
    return (
        f"<dl>\n{lines}</dl>\n<p>To use the model, in this folder:</p>\n"
        f'<pre tabindex="0"><code>{code}</code></pre>'
    )
