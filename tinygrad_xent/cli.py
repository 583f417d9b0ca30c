"""The command `tinygrad-xent`: train a classifier on real data and see q - p; say who draws."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from . import __version__, data, nn, ops
from .draw import engines, make_dot
from .files import ModelError, replacing, save
from .tensor import Tensor
from .training import LEARNING_RATES, Epoch, History, evaluate, fit

SHADES = " .:-=+*#%@"  # from no ink to full ink


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
    options = parser.parse_args(words)
    try:
        options.run(options)
    except (ModelError, ValueError, ArithmeticError, OSError) as error:
        print(f"tinygrad-xent: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tinygrad-xent: stopped", file=sys.stderr)
        return 130
    return 0


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
    option("--quiet", action="store_true", help="print only the folder that was written")
    train.set_defaults(run=train_and_show)
    about = commands.add_parser(
        "engines",
        help="list what can lay out drawings, and what to install for more",
        description="List the layout engines that were found, what each can write, which of them "
        "writes svg, png, pdf and json, and what to install for what is missing.",
    )
    about.set_defaults(run=lambda options: print(engines.table()))
    return parser


def train_and_show(options: argparse.Namespace) -> None:
    """The main job: train, explain one example, write the run folder."""
    say = (lambda *words: None) if options.quiet else print
    out = options.out or Path("runs") / f"{options.data}-{options.seed}"
    out.mkdir(parents=True, exist_ok=True)
    train, test, about = _split_and_scaled(options.data, options.seed)
    classes = train.classes
    sizes = [train.x.shape[1], *options.hidden, len(classes)]
    model = nn.MLP(sizes, rng=options.seed)

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
        on_epoch=lambda row: _say_first_loss(row, len(classes), say),
    )
    _say_result(evaluate(model, test), classes, say)
    example = _example(model, test, options.seed)
    say(f"\none test example, row {example.row} of the test part:\n")
    if options.data == "digits":
        say(_drawn(example.x.numpy()[0] * about["input_std"] + about["input_mean"]))
    say(_table(example, classes))
    save(model, out / "model.safetensors", metadata={"classes": classes, **about})
    written = ["model.safetensors", *_write_pictures(out, model, history, example, say)]
    say("\nwritten to", f"{out}: {', '.join(written)}") if not options.quiet else print(out)


def _split_and_scaled(name: str, seed: int) -> tuple[data.Dataset, data.Dataset, dict[str, Any]]:
    """Training and test part, each column scaled by the statistics of the training part."""
    from dataclasses import replace

    train, test = data.load(name).split(test=0.2, seed=seed)
    scale = data.Standardiser.fit(train.x)
    about = {"input_mean": scale.mean.tolist(), "input_std": scale.std.tolist(), "data": name}
    scaled = [replace(part, x=scale(part.x), posterior=None) for part in (train, test)]
    return scaled[0], scaled[1], about


def _say_first_loss(row: Epoch, classes: int, say: Any) -> None:
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
