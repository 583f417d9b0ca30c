"""Ctrl-C: the first ends the epoch in progress and keeps the best weights, the second ends all."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent import nn

ROOT = Path(__file__).parents[1]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 4)), RNG.integers(0, 3, 40)


def content(model):
    return [p.numpy().tobytes() for p in model.parameters()]


class PressedAt:
    """Presses Ctrl-C after a batch, really."""

    def __init__(self, *places):
        self.places = places

    def on_batch(self, batch):
        for place in self.places:
            if (batch.epoch, batch.batch) == place:
                signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def as_a_program_has_it():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_the_first_ends_the_epoch_where_it_is(capsys):
    stopped, wanted = (nn.MLP([4, 8, 3], rng=0) for _ in range(2))
    options = {"batch_size": 8, "epochs": 50, "lr": 0.05}
    history = tx.fit(stopped, (X, Y), callbacks=[PressedAt((3, 1))], **options)
    assert history.stopped == (
        "interrupted in epoch 3, after 2 of 5 batches; the weights are those of epoch 3, the last"
    )
    assert [row.epoch for row in history] == [0, 1, 2, 3]
    assert capsys.readouterr() == ("", "")

    class Stop:
        def on_batch(self, batch):
            if (batch.epoch, batch.batch) == (3, 1):
                raise tx.training.StopTraining

    tx.fit(wanted, (X, Y), callbacks=[Stop()], **options)
    assert content(stopped) == content(wanted)


def test_with_validation_the_best_weights_are_kept():
    trained, weights = nn.MLP([4, 8, 3], rng=0), []
    history = tx.fit(
        trained, (X, Y), validation=(X[::-1], Y), epochs=50, lr=0.3, batch_size=8,
        callbacks=[PressedAt((9, 3)), lambda row: weights.append(content(trained))],
    )  # fmt: skip
    best = history.best.epoch
    assert best < 9
    assert content(trained) == weights[best] != weights[-1]
    assert history.stopped.endswith(f"4 of 5 batches; the weights are those of epoch {best}, the "
                                    "best")  # fmt: skip


def test_between_epochs():
    def press(row):
        if row.epoch == 2:
            signal.raise_signal(signal.SIGINT)

    history = tx.fit(nn.MLP([4, 3], rng=0), (X, Y), epochs=9, callbacks=[press])
    assert history.stopped.startswith("interrupted after epoch 2; ")
    assert len(history) == 3


def test_the_second_ends_all_at_once():
    told = []
    with pytest.raises(KeyboardInterrupt):
        tx.fit(
            nn.MLP([4, 3], rng=0), (X, Y), epochs=9, batch_size=8,
            callbacks=[PressedAt((2, 1)), PressedAt((2, 1)), told.append],
        )  # fmt: skip
    assert [row.epoch for row in told] == [0, 1]


def test_it_is_said_where_there_is_progress(capsys):
    tx.fit(nn.MLP([4, 3], rng=0), (X, Y), callbacks=[PressedAt((1, 0))], progress=True)
    err = capsys.readouterr().err
    assert "training ends after this batch; Ctrl-C once more ends it at once\n" in err
    assert "interrupted in epoch 1, after 1 of 2 batches; the weights are those of epoch 1" in err


def test_a_handler_of_the_programs_own_stays():
    pressed = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        history = tx.fit(
            nn.MLP([4, 3], rng=0), (X, Y), epochs=2, callbacks=[PressedAt((1, 0), (2, 0))]
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert pressed == [signal.SIGINT] * 2
    assert history.stopped.startswith("all 2 epochs are done")


def test_another_thread_trains_without_a_handler():
    done = []

    def train():
        done.append(tx.fit(nn.MLP([4, 3], rng=0), (X, Y), epochs=2))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert len(done[0]) == 3


PROGRAM = """
import sys, time
import numpy as np, tinygrad_xent as tx
class Slow:
    def on_batch(self, batch):
        if batch.step == 3:
            print("training", flush=True)
        time.sleep(0.02)
rng = np.random.default_rng(0)
data = rng.normal(size=(400, 4)), rng.integers(0, 3, 400)
history = tx.fit(tx.nn.MLP([4, 3], rng=0), data, epochs=10**6, callbacks=[Slow()], validation=0.2)
print(history.stopped, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends SIGINT to whole groups of processes")
def test_a_real_signal_to_a_real_process():
    # A shell without job control starts its children with SIGINT ignored, which is inherited.
    child = subprocess.Popen(
        [sys.executable, "-c", "import signal; "
         "signal.signal(signal.SIGINT, signal.default_int_handler)\n" + PROGRAM],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
    assert child.stdout.readline() == "training\n"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert re.fullmatch(
        r"interrupted in epoch 1, after \d+ of 10 batches; the weights are those of epoch 1, the "
        r"best\n", out
    ), out  # fmt: skip
