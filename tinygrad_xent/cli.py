"""The command `tinygrad-xent`: train a classifier on real data and see q - p; say who draws."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from . import __version__, data, nn, ops
from .draw import LayoutError, Movie, Player, compare_xent, engines, make_dot, play
from .files import ModelError, load_model, read_metadata, replacing, save
from .source_command import add_source
from .tensor import Tensor
from .training import LEARNING_RATES, Epoch, History, evaluate, fit

SHADES = " .:-=+*#%@"  # from no ink to full ink


# What can go wrong without being a mistake of ours: said in one line.
FAILURES = (ModelError, LayoutError, ValueError, IndexError, ArithmeticError, OSError, ImportError)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave with exit code 2."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} -h)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; without a subcommand, ``train``."""
    for stream in (sys.stdout, sys.stderr):  # a console without a letter shows ?, no error
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words.insert(0, "train")
    options = parser.parse_args(_with_values(words))
    try:
        options.run(options)
    except FAILURES as error:
        print(f"tinygrad-xent: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tinygrad-xent: stopped", file=sys.stderr)
        return 130
    return 0


def _with_values(words: Sequence[str]) -> list[str]:
    """The words, with values such as -2,1, which look like options, joined to the options' own."""
    joined: list[str] = []
    for word in words:
        if joined and re.fullmatch("--[a-z-]+", joined[-1]) and re.match(r"-(\d|\.|inf)", word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _parser() -> Parser:
    parser = Parser(
        prog="tinygrad-xent",
        description="Train a classifier on real data and see where its gradient q - p comes from. "
        "Without a command: train.",
        epilog="'tinygrad-xent train -h' lists the options, as in 'tinygrad-xent --seed 1'.",
    )
    parser.add_argument("--version", action="version", version=f"tinygrad-xent {__version__}")
    commands = parser.add_subparsers(metavar="command", parser_class=Parser)
    train = commands.add_parser(
        "train",
        help="train an MLP, show q - p on one example, write model, curves and graph",
        description="Train an MLP on a data set, show q - p on one test example, and write the "
        "model, its history, curves and the computation graph of that example.",
    )
    option = train.add_argument
    option("--data", choices=data.names(), default="digits", metavar="NAME", help="%(choices)s")
    option("--hidden", type=_sizes, default=(32,), metavar="N,N", help='default 32; "" for none')
    option("--epochs", type=_at_least_one, default=40, metavar="N", help="default %(default)s")
    option("--lr", type=_positive, metavar="X", help=f"default {_learning_rates()}")
    option("--batch-size", type=_at_least_one, default=32, metavar="N", help="default %(default)s")
    option("--optimizer", choices=("adam", "sgd"), default="adam", help="default %(default)s")
    option("--seed", type=_seed, default=0, metavar="N", help="default %(default)s")
    option("--out", type=_folder, metavar="DIR", help="default runs/<data>-<seed>")
    option("--movie", action="store_true", help="also write movie.html, to scrub through training")
    option("--quiet", action="store_true", help="print only the folder that was written")
    train.set_defaults(run=train_and_show)
    _add_watch(commands)
    add_source(commands, _sizes, _at_least_one, _seed)
    about = commands.add_parser(
        "engines",
        help="list what can lay out drawings, and what to install for more",
        description="List the layout engines that were found, what each can write, which of them "
        "writes svg, png, pdf and json, and what to install for what is missing.",
    )
    about.set_defaults(run=lambda options: print(engines.table()))
    return parser


def _add_watch(commands: Any) -> None:
    watch = commands.add_parser(
        "watch",
        help="write a page on which you step through backprop",
        description="Write a page on which you step through forward and backward: for logits and a "
        "target, the fused loss beside the long road that it replaces; for a row of a data set, a "
        "whole network.",
    )
    option = watch.add_argument
    option("--logits", type=_numbers, metavar="X,X", help="default 2,1,-0.1")
    option("--target", type=_target, metavar="K", help="a class, or probabilities X,X; default 1")
    option("--data", choices=data.names(), metavar="NAME", help="%(choices)s")
    option("--index", type=_seed, default=0, metavar="N", help="which row; default %(default)s")
    option("--model", type=Path, metavar="FILE", help="a model.safetensors that train wrote")
    option("--out", type=_page, default=Path("watch.html"), metavar="FILE", help="%(default)s")
    option("--no-open", action="store_true", help="only write the page, do not open it")
    watch.set_defaults(run=watch_and_open)


def watch_and_open(options: argparse.Namespace) -> None:
    """Write a player, say where, and show it in a browser if there is a screen."""
    of_row = options.data is not None or options.model is not None
    if of_row and (options.logits is not None or options.target is not None):
        raise ValueError("watch: either --logits and --target, or a row of --data; not both")
    if of_row:
        player = _player_of_row(options)
    else:
        logits = options.logits if options.logits is not None else [2.0, 1.0, -0.1]
        player = compare_xent(logits, 1 if options.target is None else options.target)
    print(player.save(options.out))
    screen = sys.platform in ("win32", "darwin") or "DISPLAY" in os.environ
    if not options.no_open and screen:
        webbrowser.open(options.out.absolute().as_uri())


def _player_of_row(options: argparse.Namespace) -> Player:
    """A whole network on one row: as trained, or with its first random weights."""
    about = read_metadata(options.model) if options.model else {}
    name = options.data or about.get("data", "digits")
    rows = data.load(name)
    if options.index >= len(rows):
        raise ValueError(f"watch: --index {options.index}; {name} has {len(rows)} rows, from 0")
    sizes = [rows.x.shape[1], 32, len(rows.classes)]
    model = load_model(options.model) if options.model else nn.MLP(sizes, rng=0)
    if "input_mean" in about:
        mean, std = (np.array(about[key], np.float32) for key in ("input_mean", "input_std"))
        x = (rows.x[options.index] - mean) / std
    else:
        x = data.Standardiser.fit(rows.x)(rows.x[options.index : options.index + 1])[0]
    label = int(rows.y[options.index])
    example = Example(model, x, label, options.index)
    model.zero_grad()
    title = f"{name}, row {options.index}: {rows.classes[label]}"
    return play(example.loss, names=dict(model.named_parameters()), title=title)


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
        from .plots import curves

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


def _numbers(text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 2,1,-0.1")
    return found


def _target(text: str) -> int | list[float]:
    return _numbers(text) if "," in text else _seed(text)


def _page(text: str) -> Path:
    if not text.lower().endswith((".html", ".htm")):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of an .html file")
    return Path(text)


def _sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        sizes = (0,)
    if any(size < 1 for size in sizes):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of layer sizes such as 32,16")
    return sizes


def _at_least_one(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _folder(text: str) -> Path:
    path = Path(text)
    if not text or (path.exists() and not path.is_dir()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder")
    return path


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number greater than 0")
    return number


def _learning_rates() -> str:
    return ", ".join(f"{LEARNING_RATES[name]:g} for {name}" for name in ("adam", "sgd"))
