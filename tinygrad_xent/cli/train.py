"""tinygrad-xent train: train a classifier, show q - p on one example, keep everything."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import data, nn
from ..draw import Movie
from ..draw.movie import CLASSES
from ..files import save
from ..training import Epoch, Evaluation, History, evaluate, fit
from . import saying
from .arguments import folder, seed, sizes
from .data import add_options as add_data_options
from .data import name_of, numbering, parts
from .example import drawn, hardest_example, table
from .made import how_made
from .resuming import CHECKPOINT, add_resuming_options, begin, go_on, resumed, told_how_to_go_on
from .run_folder import KEPT, Run, write_folder
from .training_options import add_training_options, compiled, fit_options


def add(commands: Any) -> None:
    """The command and its options."""
    train = commands.add_parser(
        "train",
        help="train an MLP, show q - p on one example, write model, curves and graph",
        description="Train an MLP on a data set, show q - p on one test example, and write the "
        "model, its history, curves and the computation graph of that example.",
    )
    option = train.add_argument
    option(
        "--hidden",
        type=sizes,
        default=(32,),
        metavar="N,N",
        help='default 32; "" for none',
    )
    option("--seed", type=seed, default=0, metavar="N", help="default %(default)s")
    option("--out", type=folder, metavar="DIR", help="default runs/<data>-<seed>")
    option("--movie", action="store_true", help="also write movie.html, to scrub through training")
    option("--quiet", action="store_true", help="print only the folder that was written")
    add_data_options(train)
    add_training_options(train)
    add_resuming_options(train)
    train.set_defaults(run=train_and_show)


def train_and_show(options: argparse.Namespace) -> None:
    """The main job: train, explain one example, write the run folder."""
    if options.resume is not None:
        options = resumed(options, add)
    say: Any = (lambda *words: None) if options.quiet else saying.say
    fit_options(options)  # a mistake is told before anything is written
    train, test = parts(options)
    out = options.out or Path("runs") / f"{train.name}-{options.seed}"
    if options.resume is None:
        begin(out, options.words, options.overwrite)
    else:
        go_on(out, options.words)
    # The rows stay as they were read, and each batch is scaled when its turn comes: a large set of
    # pixels is never there as floats.
    scale = data.Standardiser.fit(train.x)
    scaled = replace(test, x=scale(test.x), posterior=None)
    classes = train.classes
    sizes = [train.x.shape[1], *options.hidden, len(classes)]
    model = nn.MLP(sizes, dropout=options.dropout, rng=options.seed)

    movie = Movie(
        model,
        scaled.x[0],
        int(test.y[0]),
        data=scaled if test.x.shape[1] == 2 and len(classes) <= len(CLASSES) else None,
        every=max(1, options.epochs // 40),
    )
    if " left out" in train.source:
        say(train.source)
    say(f"{train.name}: {len(train)} rows to train on, {len(test)} to test, {len(classes)} classes")
    for name in numbering(train, test):
        say(f"column {name} numbers the rows, and is trained on: --ignore {name} leaves it out")
    say(f"model {'-'.join(map(str, sizes))}, {sum(p.size for p in model.parameters())} parameters")
    history = _trained(model, train, test, scale, options, out, movie, say)
    model.eval()  # what is drawn and explained is the model in use
    report = evaluate(model, test, scale=scale)
    _say_result(report, say)
    example = hardest_example(model, scaled, options.seed)
    say(f"\none test example, row {example.row} of the test part:\n")
    if options.data == "digits":
        say(drawn(example.x.numpy()[0] * scale.std + scale.mean))
    say(table(example, classes))
    save(model, out / "model.safetensors", metadata=_about(options, train, test, scale))
    made = how_made(options, model, train, test, history)
    run = Run(model, history, report, example, movie, test, scale, made)
    written = [*KEPT, *write_folder(out, run, say)]
    say("\nwritten to", f"{out}: {', '.join(written)}") if not options.quiet else print(out)
    told_how_to_go_on(out, history)


def _trained(
    model: nn.Module,
    train: data.Dataset,
    test: data.Dataset,
    scale: data.Standardiser,
    options: argparse.Namespace,
    out: Path,
    movie: Movie,
    say: Any,
) -> History:
    """The history of the run, from its beginning or from where it was left."""
    told: list[int] = []
    try:
        history = fit(
            model,
            train,
            test=test,
            scale=scale,
            **fit_options(options),
            compile=compiled(options, len(train)),
            checkpoint=out / CHECKPOINT,
            checkpoint_every=options.checkpoint_every,
            resume=options.resume is not None,
            progress=not options.quiet,
            callbacks=[movie] if options.movie else [],
            on_epoch=lambda row: _watch_epoch(row, len(train.classes), say, told),
        )
    except KeyboardInterrupt:
        told_how_to_go_on(out, None)
        raise
    if not told:
        say(f"nothing is left to train: {history.stopped}; --epochs N goes on")
    elif history.stopped.startswith("stopped"):  # an interruption was told already
        say(history.stopped)
    return history


def _about(
    options: argparse.Namespace,
    train: data.Dataset,
    test: data.Dataset,
    scale: data.Standardiser,
) -> dict[str, Any]:
    """What a model file tells of the rows that the model takes and of what it says of them."""
    return {
        "classes": train.classes,
        "features": train.features,
        "label": train.label,
        "input_mean": scale.mean.tolist(),
        "input_std": scale.std.tolist(),
        "data": name_of(options, train),
        "split": {
            "seed": options.seed,
            "tail": options.split == "tail",
            "test": options.test_fraction,
            "rows": [len(train), len(test)],
        },
    }


def _watch_epoch(row: Epoch, classes: int, say: Any, told: list[int]) -> None:
    """Say what the first loss tells; where a run goes on, say where."""
    if row.epoch == 0:
        uniform = math.log(classes)
        say(
            f"step 0: loss {row.train_loss:.2f}, a uniform guess costs ln {classes} = {uniform:.3f}"
        )
    elif not told:
        say(f"resumed in epoch {row.epoch}")
    told.append(row.epoch)


def _say_result(result: Evaluation, say: Any) -> None:
    label, predicted, times = result.worst_pair()
    rows = int(result.confusion[label].sum())
    say(f"test accuracy {result.accuracy:.3f}, test loss {result.loss:.3f}")
    if times:
        worst = f"{result.name(label)} taken for {result.name(predicted)}, {times} of {rows} times"
        say(f"worst pair: {worst}")
    say("\n" + str(result).split("\n\n")[1])
