"""tinygrad-xent train: train a classifier, show q - p on one example, keep everything."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import data, nn, ops
from ..draw import LayoutError, Movie, make_dot, play
from ..files import replacing, save
from ..tensor import Tensor
from ..training import LEARNING_RATES, Epoch, History, evaluate, fit
from .arguments import at_least_one, folder, positive, seed, sizes

SHADES = " .:-=+*#%@"  # from no ink to full ink


def add(commands: Any) -> None:
    """The command and its options."""
    train = commands.add_parser(
        "train",
        help="train an MLP, show q - p on one example, write model, curves and graph",
        description="Train an MLP on a data set, show q - p on one test example, and write the "
        "model, its history, curves and the computation graph of that example.",
    )
    option = train.add_argument
    option("--data", choices=data.names(), default="digits", metavar="NAME", help="%(choices)s")
    option(
        "--hidden",
        type=sizes,
        default=(32,),
        metavar="N,N",
        help='default 32; "" for none',
    )
    option("--epochs", type=at_least_one, default=40, metavar="N", help="default %(default)s")
    option("--lr", type=positive, metavar="X", help=f"default {_learning_rates()}")
    option(
        "--batch-size",
        type=at_least_one,
        default=32,
        metavar="N",
        help="default %(default)s",
    )
    option("--optimizer", choices=("adam", "sgd"), default="adam", help="default %(default)s")
    option("--seed", type=seed, default=0, metavar="N", help="default %(default)s")
    option("--out", type=folder, metavar="DIR", help="default runs/<data>-<seed>")
    option("--movie", action="store_true", help="also write movie.html, to scrub through training")
    option("--quiet", action="store_true", help="print only the folder that was written")
    train.set_defaults(run=train_and_show)


def train_and_show(options: argparse.Namespace) -> None:
    """The main job: train, explain one example, write the run folder."""
    say = (lambda *words: None) if options.quiet else print
    out = options.out or Path("runs") / f"{options.data}-{options.seed}"
    out.mkdir(parents=True, exist_ok=True)
    train, test, about = _split_and_scaled(options.data, options.seed)
    classes = train.classes
    sizes = [train.x.shape[1], *options.hidden, len(classes)]
    model = nn.MLP(sizes, rng=options.seed)

    movie = Movie(
        model,
        test.x[0],
        int(test.y[0]),
        data=test if test.x.shape[1] == 2 else None,
        every=max(1, options.epochs // 40),
    )
    say(f"{train.name}: {len(train)} rows to train on, {len(test)} to test, {len(classes)} classes")
    say(f"model {'-'.join(map(str, sizes))}, {sum(p.size for p in model.parameters())} parameters")
    history = fit(
        model,
        train,
        test=test,
        epochs=options.epochs,
        batch_size=options.batch_size,
        optimizer=options.optimizer,
        lr=options.lr,
        seed=options.seed,
        progress=not options.quiet,
        on_epoch=lambda row: _watch_epoch(row, len(classes), say, movie if options.movie else None),
    )
    _say_result(evaluate(model, test), classes, say)
    example = _example(model, test, options.seed)
    say(f"\none test example, row {example.row} of the test part:\n")
    if options.data == "digits":
        say(_drawn(example.x.numpy()[0] * about["input_std"] + about["input_mean"]))
    say(_table(example, classes))
    save(model, out / "model.safetensors", metadata={"classes": classes, **about})
    written = ["model.safetensors", *_write_pictures(out, model, history, example, say)]
    written += _write_pages(out, model, example, movie, say)
    say("\nwritten to", f"{out}: {', '.join(written)}") if not options.quiet else print(out)


def _split_and_scaled(name: str, seed: int) -> tuple[data.Dataset, data.Dataset, dict[str, Any]]:
    """Training and test part, each column scaled by the statistics of the training part."""
    from dataclasses import replace

    train, test = data.load(name).split(test=0.2, seed=seed)
    scale = data.Standardiser.fit(train.x)
    about = {"input_mean": scale.mean.tolist(), "input_std": scale.std.tolist(), "data": name}
    scaled = [replace(part, x=scale(part.x), posterior=None) for part in (train, test)]
    return scaled[0], scaled[1], about


def _watch_epoch(row: Epoch, classes: int, say: Any, movie: Movie | None) -> None:
    if movie is not None:
        movie.take(row)
    if row.epoch == 0:
        uniform = math.log(classes)
        say(
            f"step 0: loss {row.train_loss:.2f}, a uniform guess costs ln {classes} = {uniform:.3f}"
        )


def _say_result(result: Any, classes: Sequence[str], say: Any) -> None:
    label, predicted, times = result.worst_pair()
    rows = int(result.confusion[label].sum())
    say(f"test accuracy {result.accuracy:.3f}, test loss {result.loss:.3f}")
    if times:
        worst = f"{classes[label]} taken for {classes[predicted]}, {times} of {rows} times"
        say(f"worst pair: {worst}")


class Example:
    """One example's forward and backward pass, and q - p computed another way beside it."""

    def __init__(self, model: nn.Module, x: Any, label: int, row: int) -> None:
        self.model, self.label, self.row = model, label, row
        model.zero_grad()
        self.x = Tensor(x[None], name="x")
        self.z = model(self.x)
        self.z.name = "z"
        self.z.retain_grad()
        self.loss = ops.cross_entropy(self.z, Tensor(np.array([label]), name="y"))
        self.loss.name = "loss"
        self.loss.backward()
        # The long road, in float64: the fused op is not to be compared with itself.
        counts = np.exp(self.z.numpy()[0].astype(np.float64) - self.z.numpy().max())
        self.q = counts / counts.sum()
        self.p = np.eye(len(self.q))[label]


def _example(model: nn.Module, test: data.Dataset, seed: int) -> Example:
    """The test example that the model gets right with the least confidence: a q - p to look at."""
    losses = ops.cross_entropy(model(Tensor(test.x)), test.y, reduction="none").numpy()
    right = model(Tensor(test.x)).argmax(axis=1) == test.y
    row = int(np.where(right, losses, -1.0).argmax())
    return Example(model, test.x[row], int(test.y[row]), row)


def _drawn(pixels: Any) -> str:
    """An 8 x 8 digit in letters, two for each pixel of 0 (paper) to 1 (ink)."""
    shades = np.clip(np.asarray(pixels) * len(SHADES), 0, len(SHADES) - 1).astype(int)
    lines = ["".join(2 * SHADES[s] for s in row).rstrip() for row in shades.reshape(8, 8)]
    return "\n".join("    " + line for line in lines) + "\n"


def _table(example: Example, classes: Sequence[str]) -> str:
    """The table of q, p, q - p and the gradient that backprop delivered at the logits."""
    difference = example.q - example.p
    gradient = example.z.grad[0]
    width = max(5, *map(len, classes))
    lines = [f"  {'class':>{width}} {'q':>9} {'p':>3} {'q - p':>10} {'gradient at z':>14}"]
    for k, name in enumerate(classes):
        lines += [
            f"  {name:>{width}} {example.q[k]:>9.6f} {example.p[k]:>3.0f} "
            f"{difference[k]:>10.6f} {gradient[k]:>14.6f}"
        ]
    largest = float(np.abs(difference - gradient).max())
    lines += ["", f"largest difference between q - p and what backprop delivered: {largest:.1e}"]
    return "\n".join(lines)


def _write_pictures(
    out: Path, model: nn.Module, history: History, example: Example, say: Any
) -> list[str]:
    """History, curves and graph; what a missing program or package prevents is said, not raised."""
    history.save(out / "history.csv")
    written = ["history.csv"]
    try:
        from ..plots import curves

        figure = curves(*zip(*history, strict=True), classes=len(example.q))
        with replacing(out / "curves.png") as temporary:
            figure.savefig(temporary, dpi=150)
        written.append("curves.png")
    except ImportError as error:
        say(f"no curves.png: {error}")
    try:
        params = dict(model.named_parameters())
        graph = make_dot(example.loss, params=params, rankdir="TB", show_saved=True)
        graph.save(out / "graph.dot")
        written.append("graph.dot")
        graph.save(out / "graph.svg")
        written.append("graph.svg")
    except ImportError as error:
        say(f"no graph.svg: {error}")
    return written


def _write_pages(
    out: Path, model: nn.Module, example: Example, movie: Movie, say: Any
) -> list[str]:
    """The player of the example, and the movie if one was taken."""
    try:
        names = dict(model.named_parameters())
        title = f"Backprop of test row {example.row}"
        play(example.loss, names=names, title=title).save(out / "backprop.html")
        if not len(movie):
            return ["backprop.html"]
        movie.save(out / "movie.html")
        return ["backprop.html", "movie.html"]
    except (ImportError, LayoutError, ValueError) as error:
        say(f"no pages: {error}")
        return []


def _learning_rates() -> str:
    return ", ".join(f"{LEARNING_RATES[name]:g} for {name}" for name in ("adam", "sgd"))
