"""Make each mistake that the rows of tests/articles name, and see the row turn red.

    python tests/tools/mutate_articles.py                # all; exit code 1 if a row stays green
    python tests/tools/mutate_articles.py -k kl          # rows with "kl" in their name
    python tests/tools/mutate_articles.py --share 1/8    # an eighth of them

Every mistake is made in a copy of the package in a temporary folder, and its row run against that
copy in a process of its own. Red is an assertion that fails: a mistake that only raises an error
somewhere is reported too, because nobody would need a test to find it.
"""

import argparse
import importlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = "tinygrad_xent"
PATIENCE = 120  # seconds for a row, once those before it are done
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


def copied(folder, mutation):
    """A copy of the package with the mistake in it."""
    there = Path(folder) / PACKAGE
    shutil.copytree(ROOT / PACKAGE, there)
    path = there / mutation.file
    path.write_text(mutation.mutated(path.read_text(encoding="utf-8")), encoding="utf-8")
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
        compiled.unlink()
    return there


def forget_the_package():
    """So that it, and the rows with it, are imported anew."""
    for name in list(sys.modules):
        if name.partition(".")[0] in (PACKAGE, "articles"):
            del sys.modules[name]


def verdict(key, number):
    """What the row says with its mutation of this number: red, green, or which error it raised."""
    warnings.simplefilter("ignore")
    choose_examples()
    from articles import rows

    mutation = rows.load()[key].mutations[number]
    with tempfile.TemporaryDirectory() as folder:
        there = copied(folder, mutation)
        forget_the_package()
        sys.path.insert(0, folder)
        row = importlib.import_module("articles.rows").load()[key].function
        assert Path(sys.modules[PACKAGE].__file__).parent == there
        return said_by(row)


def choose_examples():
    """The same each time, none that is only smaller than another; settled before rows are made."""
    from hypothesis import Phase, settings

    settings.register_profile(
        "mutations",
        derandomize=True,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.generate),
    )
    settings.load_profile("mutations")


def said_by(row):
    import pytest

    try:
        row()
    except (AssertionError, pytest.fail.Exception):
        return "red"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "green"


def share_of(tasks, share):
    number, of = map(int, share.split("/"))
    if not 1 <= number <= of:
        raise SystemExit(f"--share {share}: wanted 1/{of} to {of}/{of}")
    return tasks[number - 1 :: of]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-k", default="", metavar="TEXT", help="rows with TEXT in their name")
    parser.add_argument("--share", default="1/1", metavar="I/N", help="every Nth, from the Ith on")
    parser.add_argument("--list", action="store_true", help="say what would be done")
    options = parser.parse_args()

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the processes are as many as the cores
    from articles import rows

    tasks = [
        (key, number)
        for key, row in rows.load().items()
        if options.k in key
        for number in range(len(row.mutations))
    ]
    tasks = share_of(tasks, options.share)
    if options.list:
        for key, number in tasks:
            print(key, *rows.ROWS[key].mutations[number], sep="  ")
        return 0

    # A fork has NumPy, SciPy and Hypothesis loaded already.
    how = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    red = 0
    with multiprocessing.get_context(how).Pool(os.cpu_count(), maxtasksperchild=1) as pool:
        answers = [pool.apply_async(verdict, task) for task in tasks]
        for (key, number), answer in zip(tasks, answers, strict=True):
            try:
                said = answer.get(PATIENCE)
            except multiprocessing.TimeoutError:
                said = "no end"
            red += said == "red"
            if said != "red":
                mutation = rows.ROWS[key].mutations[number]
                print(f"{key}: {said}\n  {mutation.file}: {mutation.old!r} -> {mutation.new!r}")
    print(f"{red} of {len(tasks)} red")
    return 0 if red == len(tasks) > 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
