"""Break the walk, the fused ops and the rules, one small mistake at a time, and see a test go red.

    python tests/tools/mutate.py                          # the walk and the fused ops, all of them
    python tests/tools/mutate.py --file ops/reduction.py  # one file, or several
    python tests/tools/mutate.py --file rules --sample 300 --seed 1
    python tests/tools/mutate.py --list                   # say what would be done

Every mistake is made in a copy of the package in a temporary folder, where the tests that matter
for its file run until one fails. A mistake that all of them let pass is printed, unless
`mutants.md`, beside this file, says why nobody can see it; the exit code is 1 if one is left over.

Tools that are there already do not fit: they replace functions by stand-ins, and here a rule is
also read as text and by its code object; or they work in the checkout.
"""

import argparse
import ast
import concurrent.futures
import copy
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tinygrad_xent"
EXPLAINED = Path(__file__).with_name("mutants.md")
PATIENCE = 300  # seconds for one mutant; more is no end

FUSED = [
    f"ops/{name}.py"
    for name in ("cross_entropy", "softmax_xent", "linear_cross_entropy", "linear_xent")
]
RULES = sorted(
    f"ops/{path.name}"
    for path in (PACKAGE / "ops").glob("*.py")
    if path.name not in ("__init__.py", "calling.py") and f"ops/{path.name}" not in FUSED
)
GROUPS = {"walk": ["backprop.py", "hooks.py"], "fused": FUSED, "rules": RULES}

ENGINE = ["backprop", "hooks", "derivatives", "tensor", "anomaly", "op", "threads", "story", "ops"]
ENGINE += ["compiler"]
XENT = ["softmax_xent", "cross_entropy", "cross_entropy_options", "linear_cross_entropy", "ops"]
OPS = ["ops", "ops_conveniences", "losses", "errors", "op", "cross_entropy_options"]
OPS += ["ops_edges", "ops_properties", "ops_products"]
TESTS = {
    "backprop.py": ENGINE,
    "hooks.py": [*ENGINE, "player"],
    "ops/cross_entropy.py": [*XENT[1:], XENT[0], "accuracy", "errors"],
    "ops/softmax_xent.py": [*XENT, "accuracy"],
    "ops/linear_cross_entropy.py": ["linear_cross_entropy", "errors", "ops"],
    "ops/linear_xent.py": ["linear_cross_entropy", "errors", "ops"],
    "ops/selection.py": ["ops_properties", *OPS],
    "ops/shape.py": ["ops_products", *OPS],
    "ops/softmax.py": ["ops_edges", *OPS],
    "ops/special.py": ["ops_edges", *OPS],
    "ops/targets.py": [*XENT[1:], *OPS],
    "ops/cumulative.py": ["ops_conveniences", *OPS],
    "ops/divergence.py": ["information", *OPS],
    "ops/dropout.py": ["nn_dropout", *OPS],
    "ops/einsum.py": ["ops_properties", *OPS],
    "ops/guards.py": ["cross_entropy_options", *OPS],
    "ops/indexing.py": ["ops_conveniences", *OPS, "compiler"],
    "ops/joining.py": ["ops_conveniences", *OPS],
    "ops/linear.py": ["ops_products", *OPS, "compiler_text"],
    "ops/rounding.py": [*OPS, "tensor"],
}
TOO_LONG = "not million and not long_chain and not pytorchs_names"


class Mutant(NamedTuple):
    """A mistake: in which file and function, in which line, and the line before and after."""

    file: str
    function: str
    line: int
    before: str
    after: str
    text: str  # of the whole file

    def __str__(self):
        return f"{self.file}:{self.line} {self.function}\n  - {self.before}\n  + {self.after}"


# --- making them ----------------------------------------------------------------------------------

SWAPS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


SKIPPED = (ast.Import, ast.ImportFrom, ast.Raise, ast.JoinedStr)  # what an error says is text


def changes(node):
    """The ways in which one node can be wrong, each as another node in its place."""
    if isinstance(node, (ast.BinOp, ast.AugAssign, ast.BoolOp)) and type(node.op) in SWAPS:
        yield changed(node, op=SWAPS[type(node.op)]())
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        yield changed(node, ops=[SWAPS[type(node.ops[0])](), *node.ops[1:]])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not, ast.Invert)):
        yield node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        value = node.value
        yield ast.Constant(not value if isinstance(value, bool) else value + 1)
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)) and not is_equality(node.test):
        yield changed(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Return) and ast.unparse(node) not in ("return", "return None"):
        yield ast.Return(ast.Constant(None))
    if isinstance(node, (ast.AugAssign, ast.Continue)) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield ast.Pass()


def is_equality(test):
    """Whether the comparison that it is will be turned around anyway."""
    kinds = (ast.Is, ast.IsNot, ast.Eq, ast.NotEq, ast.In, ast.NotIn)
    return isinstance(test, ast.Compare) and isinstance(test.ops[0], kinds)


def changed(node, **fields):
    """A copy of a node with other fields."""
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def places(tree):
    """Every node that runs when a function does, with the function: no annotation, no text."""

    def inside(node, function):
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "type_comment"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if not isinstance(child, ast.AST) or isinstance(child, SKIPPED):
                    continue
                where = function
                if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                    where = f"{function}.{child.name}".lstrip(".")
                if function or not isinstance(child, ast.stmt) or where:
                    if not isinstance(child, (ast.FunctionDef, ast.ClassDef)) and where:
                        yield child, where
                    yield from inside(child, where)

    yield from inside(tree, "")


def mutants(file):
    """All mistakes in a file, in its order."""
    text = (PACKAGE / file).read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = text.splitlines(keepends=True)
    found = []
    for node, function in places(tree):
        for other in changes(node):
            if isinstance(node, (ast.If, ast.While)):  # the condition alone, not what follows
                node, other = node.test, other.test
            new = spliced(lines, node, other)
            number = node.lineno
            before, after = (one.splitlines()[number - 1].strip() for one in (text, new))
            found.append(Mutant(file, function, number, before, after, new))
    return found


def spliced(lines, node, other):
    """The text with one node replaced, and nothing else."""
    ast.fix_missing_locations(other)
    source = ast.unparse(other)
    if isinstance(node, ast.expr):
        source = f"({source})"
    start, end = node.lineno - 1, node.end_lineno - 1
    head = lines[start].encode()[: node.col_offset].decode()
    tail = lines[end].encode()[node.end_col_offset :].decode()
    return "".join([*lines[:start], head + source + tail, *lines[end + 1 :]])


# --- trying them ----------------------------------------------------------------------------------


def tests_of(file):
    """The tests that matter for a file, those that know most of it first."""
    own = Path(file).stem
    names = TESTS.get(file, OPS)
    names = [own, *names] if (ROOT / "tests" / f"test_{own}.py").exists() else names
    return [f"tests/test_{name}.py" for name in dict.fromkeys(names)]


def prepare(folder, files):
    """A copy of what the tests need, in this process's own folder; and what they load, loaded."""
    import hypothesis
    import mpmath  # noqa: F401
    import numpy as np  # noqa: F401
    import pytest  # noqa: F401
    from scipy import special, stats  # noqa: F401

    here = Path(folder) / str(os.getpid())
    ignore = shutil.ignore_patterns("__pycache__", "_build")
    for name in ("tinygrad_xent", "tests"):
        shutil.copytree(ROOT / name, here / name, ignore=ignore)
    for name in ("conftest.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, here / name)
    os.chdir(here)
    sys.path[:] = [p for p in sys.path if p and Path(p).resolve() not in (ROOT, ROOT / "tests")]
    sys.path.insert(0, str(here))
    os.environ |= {"CI": "1", "PYTHONPATH": str(here), "PYTHONDONTWRITEBYTECODE": "1"}
    hypothesis.settings.register_profile(  # one failing example is enough, however large
        "quick",
        derandomize=True,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        report_multiple_bugs=False,
    )
    tests = dict.fromkeys(test for file in files for test in tests_of(file))
    in_a_child(pytest_on, tests, "--collect-only", compiled=True)


def verdict(mutant):
    """Killed, alive, no end, or broken if nothing ran."""
    path = Path("tinygrad_xent", mutant.file)
    before = path.read_text(encoding="utf-8")
    path.write_text(mutant.text, encoding="utf-8")
    began = time.monotonic()
    try:
        first, *others = tests_of(mutant.file)  # to collect all of them takes a second
        code = in_a_child(pytest_on, [first], "-x", nearest=mutant[:2])
        if code == 0 and others:
            code = in_a_child(pytest_on, others, "-x", nearest=mutant[:2])
        said = {0: "alive", 4: "broken", 5: "broken", None: "no end"}.get(code, "killed")
        return said, time.monotonic() - began
    finally:
        path.write_text(before, encoding="utf-8")


def in_a_child(function, *arguments, **keywords):
    """The exit code of a process that has everything loaded; None if it had to be stopped."""
    fork = multiprocessing.get_context("fork")
    child = fork.Process(target=function, args=arguments, kwargs=keywords)
    child.start()
    child.join(PATIENCE)
    if child.is_alive():
        child.kill()
        child.join()
        return None
    return child.exitcode


class NearestFirst:
    """The order in which a mistake is met soon: first the tests named like what it is in."""

    def __init__(self, file, function):
        self.names = plain(function.partition(".")[0]), plain(Path(file).stem)

    def pytest_collection_modifyitems(self, items):
        items.sort(key=lambda item: [name not in plain(item.nodeid) for name in self.names])


def plain(name):
    """How names are compared: `_SoftmaxXent` with `softmax_xent`."""
    return name.replace("_", "").lower()


def pytest_on(tests, *options, nearest=("", ""), compiled=False):
    """Leave with pytest's code: 0 if all tests pass, 4 or 5 if none could be run."""
    import pytest

    os.setsid()
    signal.alarm(PATIENCE)
    said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.dont_write_bytecode = not compiled  # of what has a mistake in it nothing is kept
    options += ("-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-k", TOO_LONG)
    options += ("--hypothesis-profile=quick", "-p", "no:xdist", "--no-header", "--tb=short")
    options += ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # what a fork has loaded already
    code = pytest.main([*options, *tests], [NearestFirst(*nearest)])
    sys.stdout.flush()
    os._exit(int(code))


def untouched(file):
    """Whether the tests for a file pass without a mistake, and what they say."""
    text = Path("tinygrad_xent", file).read_text(encoding="utf-8")
    said, seconds = verdict(Mutant(file, "", 0, "", "", text))
    return said == "alive", seconds, Path("said.txt").read_text(encoding="utf-8")


# --- saying what came out -------------------------------------------------------------------------


def explained():
    """Which mutants nobody can see, as (file, function, before, after), and why."""
    found, file, function = {}, "", ""
    if not EXPLAINED.exists():
        return found
    for line in EXPLAINED.read_text(encoding="utf-8").splitlines():
        if head := re.fullmatch(r"## (\S+)", line):
            file = head[1]
        elif head := re.fullmatch(r"### (\S+)", line):
            function = head[1]
        elif row := re.fullmatch(r"- `(.*)` → `(.*)`: (.+)", line):
            found[file, function, row[1], row[2]] = row[3]
    return found


def chosen(options):
    """The mutants that were asked for."""
    files = []
    for name in options.file or ["walk", "fused"]:
        files += GROUPS.get(name) or [name.removeprefix("tinygrad_xent/")]
    found = [mutant for file in dict.fromkeys(files) for mutant in mutants(file)]
    if options.unexplained:
        reasons = explained()
        found = [mutant for mutant in found if mutant[:2] + mutant[3:5] not in reasons]
    if options.sample and options.sample < len(found):
        kept = sorted(random.Random(options.seed).sample(range(len(found)), options.sample))
        found = [found[k] for k in kept]
    return found


def main():
    """Try the mutants and print those that live."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    option = parser.add_argument
    option("--file", action="append", metavar="FILE", help="in the package, or walk, fused, rules")
    option("--sample", type=int, metavar="N", help="try N of them, chosen by --seed")
    option("--seed", type=int, default=0)
    option("--jobs", type=int, default=os.cpu_count(), help="at a time, default one per core")
    option("--seconds", type=float, default=1e9, help="begin no other after so long")
    option("--unexplained", action="store_true", help="leave out those that are explained")
    option("--trust", action="store_true", help="do not run the tests without a mistake first")
    option("--list", action="store_true", help="say what would be done")
    options = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the processes are as many as the cores
    found = chosen(options)
    if options.list:
        print(*found, f"{len(found)} mutants", sep="\n")
        return 0
    if "fork" not in multiprocessing.get_all_start_methods():
        raise SystemExit("mutate: needs an operating system that can fork")
    return tried(found, options)


def tried(found, options):
    """Try these; the exit code."""
    reasons, counts, began = explained(), Counter(), time.monotonic()
    fork = multiprocessing.get_context("fork")
    files = list(dict.fromkeys(mutant.file for mutant in found))
    with (
        tempfile.TemporaryDirectory(prefix="mutants-") as folder,
        concurrent.futures.ProcessPoolExecutor(
            options.jobs, fork, prepare, (folder, files)
        ) as pool,
    ):
        for file in files if not options.trust else ():
            fine, seconds, text = pool.submit(untouched, file).result()
            if not fine:
                raise SystemExit(f"{file}: its tests fail without a mistake\n{text[-3000:]}")
            print(f"{file}: {len(tests_of(file))} test files, {seconds:.0f} s", flush=True)
        waiting, rest, unseen = {}, iter(found), []
        while True:
            while len(waiting) < options.jobs and time.monotonic() - began < options.seconds:
                if (mutant := next(rest, None)) is None:
                    break
                waiting[pool.submit(verdict, mutant)] = mutant
            if not waiting:
                break
            done, _ = concurrent.futures.wait(waiting, return_when="FIRST_COMPLETED")
            for future in done:
                mutant = waiting.pop(future)
                said, seconds = future.result()
                if said == "alive" and mutant[:2] + mutant[3:5] in reasons:
                    said = "explained"
                counts[said] += 1
                if said in ("alive", "broken"):
                    unseen.append(mutant)
                    print(f"{mutant}\n  ({said}, {seconds:.0f} s)", flush=True)
    total = sum(counts.values())
    print(
        f"{total} of {len(found)} mutants: {counts['killed'] + counts['no end']} seen by a test "
        f"({counts['no end']} of them never ended), {counts['explained']} explained, "
        f"{counts['alive']} alive; {time.monotonic() - began:.0f} s"
    )
    return 1 if unseen or not total else 0


if __name__ == "__main__":
    raise SystemExit(main())
