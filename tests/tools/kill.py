"""Kill training at random moments, resume it, and compare with a run that nobody touched.

    python tests/tools/kill.py --times 50 --seed 0

The command is started as a process of its own and killed (SIGKILL; on Windows, TerminateProcess):
at a random moment of its life, or at the sight of the temporary file of one of the files that it
writes. What is in the folder then must be whole: every file is one that the untouched run wrote
too, to the last byte, and the checkpoint can be read, is on the way of the untouched run, and is
no more than one epoch behind what the process was told of. Then it is resumed, and killed again,
and in the end compared with the untouched run: every file, byte by byte.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from tinygrad_xent.training.checkpoint import read_checkpoint

ROOT = Path(__file__).parents[2]
CHECKPOINT = "checkpoint.safetensors"
WORDS = (
    "--data iris --hidden 64,64 --epochs 60 --batch-size 8 --dropout 0.2 --schedule cosine "
    "--clip 1 --validation 0.2 --patience 60 --class-weights balanced --seed 3 --movie"
)
# The epochs it is told of go to a log at once: that is how far it had come, whatever it saved.
CHILD = """
import os, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
if sys.argv[2] == "plain":
    sys.modules["matplotlib.figure"] = None
from tinygrad_xent.cli import main, train
watch = train._watch_epoch
def told(row, *rest):
    os.write(log, b"%d\\n" % row.epoch)
    watch(row, *rest)
train._watch_epoch = told
sys.exit(main(sys.argv[3:]))
"""
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Trouble(AssertionError):
    """What ought never to be."""


class Trials:
    """Runs that are killed and resumed, and the untouched one; `counts` says what was met."""

    def __init__(self, home, words=WORDS, pictures=True, seed=0):
        self.home, self.words, self.random = Path(home), words.split(), random.Random(seed)
        self.pictures = "pictures" if pictures else "plain"
        self.counts = Counter()
        began = time.monotonic()
        self.whole = self.home / "whole"
        self.finish(self.start(self.whole, resume=False))
        self.seconds = time.monotonic() - began
        self.files = {path.name: path.read_bytes() for path in self.whole.iterdir()}
        self.rows = read_checkpoint(self.whole / CHECKPOINT)[0]["history"]

    def start(self, folder, resume):
        """A process that trains in the folder; its log is beside it."""
        where = ["--resume", str(folder)] if resume else [*self.words, "--out", str(folder)]
        return subprocess.Popen(
            [sys.executable, "-c", CHILD, str(self.log(folder)), self.pictures, "train", *where,
             "--quiet"],
            env=os.environ | ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def log(self, folder):
        return folder.with_name(f"{folder.name}.log")

    def finish(self, child):
        _, err = child.communicate(timeout=600)
        if child.returncode or err:
            raise Trouble(f"it ended with {child.returncode}: {err.decode()}")

    def one(self, folder, kills):
        """A run that is killed so many times, if it lives so long, and then goes through."""
        for _ in range(kills):
            child = self.start(folder, resume=(folder / "run.json").exists())
            self.look(folder, self.killed(child, folder))
        self.finish(self.start(folder, resume=(folder / "run.json").exists()))
        self.compare(folder)
        self.counts["runs that ended as the untouched one"] += 1

    def killed(self, child, folder):
        """Whether it was killed before it ended by itself."""
        aim = self.random.choice(["any moment", "a checkpoint", "another file"])
        if aim == "any moment":
            self.wait(child, self.random.uniform(0, self.seconds))
        else:
            # Few enough that the process is still there to be killed.
            self.wait_for(child, folder, aim == "a checkpoint", self.random.randint(1, 8))
            time.sleep(self.random.choice([0, 0, 0.0005, 0.002]))
        alive = child.poll() is None
        child.kill()
        _, err = child.communicate()
        if not alive and (child.returncode or err):
            raise Trouble(f"it ended with {child.returncode}: {err.decode()}")
        if alive:
            self.counts["kills"] += 1
            self.counts[f"kills at {aim}"] += 1
        return alive

    def wait(self, child, seconds):
        with suppress(subprocess.TimeoutExpired):
            child.wait(seconds)

    def wait_for(self, child, folder, checkpoints, sights):
        """Until so many different temporary files were seen, or it ended."""
        seen = set()
        while child.poll() is None and len(seen) < sights:
            with suppress(FileNotFoundError):
                hidden = [one.name for one in os.scandir(folder) if one.name.startswith(".")]
                seen |= {n for n in hidden if n.startswith(".checkpoint.") == checkpoints}

    def look(self, folder, killed):
        """What a kill left: every file whole, and nothing lost but the epoch in progress."""
        left = {path.name: path for path in folder.iterdir()} if folder.exists() else {}
        temporary = [name for name in left if name.startswith(".")]
        place = "in training"
        if not left:
            place = "before the folder was there"
        for name in left.keys() - set(temporary) - {CHECKPOINT}:
            self.counts["files looked at after a kill"] += 1
            if left[name].read_bytes() != self.files.get(name):
                self.counts["files half written"] += 1
                raise Trouble(f"{name} is not that of the untouched run")
        epoch = -1
        if CHECKPOINT in left:
            self.counts["files looked at after a kill"] += 1
            rows = read_checkpoint(left[CHECKPOINT])[0]["history"]
            if repr(rows) != repr(self.rows[: len(rows)]):
                raise Trouble(f"the checkpoint of epoch {rows[-1].epoch} has other numbers")
            epoch = rows[-1].epoch
            if len(rows) == len(self.rows):
                place = "after training"
        log = self.log(folder)
        told = log.read_text(encoding="ascii").split("\n")[:-1] if log.exists() else []
        if told and epoch < int(told[-1]) - 1:
            raise Trouble(f"epoch {told[-1]} was over, the checkpoint is of epoch {epoch}")
        log.unlink(missing_ok=True)
        if killed:
            self.counts[f"kills {place}"] += 1
            self.counts["kills that left a temporary file"] += bool(temporary)
        else:
            self.counts["ended before it was to be killed"] += 1

    def compare(self, folder):
        """In the end: the same files with the same bytes."""
        found = {path.name: path.read_bytes() for path in folder.iterdir()}
        if found.keys() != self.files.keys():
            raise Trouble(f"other files: {sorted(found.keys() ^ self.files.keys())}")
        for name, content in self.files.items():
            self.counts["files compared with those of the untouched run"] += 1
            if found[name] != content:
                raise Trouble(f"{name} is not that of the untouched run")


def kill(home, times, seed=0, words=WORDS, pictures=True, least=1, most=5):
    """So many kills, `least` to `most` of them in one run; the counts."""
    trials = Trials(home, words, pictures, seed)
    k = 0
    while trials.counts["kills"] < times:
        k += 1
        left = times - trials.counts["kills"]
        trials.one(Path(home) / f"run {k}", min(left, trials.random.randint(least, most)))
    return trials.counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=50, metavar="N", help="kills")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--words", default=WORDS, help="the options of train")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        counts = kill(home, options.times, options.seed, options.words)
    counts["files half written"] += 0
    for name, count in sorted(counts.items()):
        print(f"{count:6} {name}")
    print(json.dumps({"seed": options.seed, "seconds": round(time.monotonic() - began)}))


if __name__ == "__main__":
    main()
