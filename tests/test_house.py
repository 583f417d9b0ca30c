"""The house: floors, what importing does, and what a fresh user relies on."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter import cli as importlinter

import tinygrad_xent as tx

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tinygrad_xent"


def run(code):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_floors_hold(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert importlinter.lint_imports() == importlinter.EXIT_STATUS_SUCCESS


def test_importing_loads_numpy_alone_and_prints_nothing():
    code = (
        "import sys, numpy.random; before = set(sys.modules); import tinygrad_xent; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names) - {'numpy'}))"
    )
    assert run(code) == "['tinygrad_xent']\n"


# fmt: off
ROOMS_OF_THE_ENGINE = {
    "value", "hooks", "op", "backprop", "ops", "protocols", "running_total", "display", "tensor",
    "nn", "optim",
}
SLOW_TO_LOAD = {
    "csv", "dataclasses", "hashlib", "html", "inspect", "json", "pathlib", "shutil", "string",
}
# fmt: on


def test_importing_loads_the_engine_and_no_other_room():
    code = (
        "import sys, numpy.typing; before = set(sys.modules); import tinygrad_xent; "
        "print(*sorted(set(sys.modules) - before))"
    )
    new = set(run(code).split())
    ours = {name for name in new if name.startswith("tinygrad_xent.")}
    assert {name.split(".")[1] for name in ours} == ROOMS_OF_THE_ENGINE
    assert "numpy.random" not in new
    assert not new & SLOW_TO_LOAD
    assert new - ours <= {"__future__", "tinygrad_xent", "heapq", "_heapq"}


def test_what_is_loaded_later_is_there_like_the_rest():
    code = (
        "import tinygrad_xent as tx\n"
        "assert set(tx.__all__) <= set(dir(tx))\n"
        "from tinygrad_xent import *\n"
        "for name in tx.__all__:\n"
        "    assert getattr(tx, name) is vars(tx)[name] is globals()[name], name\n"
        "print('fit' in tx.__all__, tx.fit.__module__)"
    )
    assert run(code) == "True tinygrad_xent.training.loop\n"
    for room, names in tx._LATER.items():
        assert set(names) <= set(tx.__all__)
        for name in [room, *names[:1]]:
            found = run(f"import tinygrad_xent as tx; print(tx.{name}.__name__.split('.')[-1])")
            assert (
                found
                == f"{name}\n"
                == run(f"from tinygrad_xent import {name}; print({name}.__name__.split('.')[-1])")
            )


def test_a_name_that_is_nowhere_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nowhere'"):
        _ = tx.nowhere


def test_importing_leaves_numpys_random_state_alone():
    code = (
        "import numpy as np; np.random.seed(0); a = np.random.get_state()[1].tolist(); "
        "import tinygrad_xent; print(a == np.random.get_state()[1].tolist())"
    )
    assert run(code) == "True\n"


def test_all_names_exist_and_are_documented():
    assert len(tx.__all__) == len(set(tx.__all__))
    for name in tx.__all__:
        assert getattr(tx, name).__doc__, name


def test_nothing_pickles():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(import|from) pickle|allow_pickle=True", text, re.M), path


def test_rooms_stay_small():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 420, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                documentation = len((ast.get_docstring(node) or "").splitlines())
                assert node.end_lineno - node.lineno + 1 - documentation <= 60, (path, node.name)


def test_the_version_is_said_once():
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^version = "(.+)"', pyproject, re.M)[1] == tx.__version__
    assert f"## [{tx.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/design.md"])
def test_links_to_files_lead_somewhere(name):
    path = ROOT / name
    text = path.read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in t]
    for target in targets:
        assert (path.parent / target).exists(), target


def test_the_gate_sets_up_as_readme_says():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = re.findall(r"^    (python3 -m venv \.venv && .*)$", readme, re.M)
    assert len(commands) == 2
    for command in commands:
        assert command in gate


def test_readmes_picture_is_what_the_project_draws(tmp_path):
    engines = tx.draw.engines
    if engines._bundled() is None:
        pytest.skip("the picture was laid out by graphviz-pure, which has no wheel for here")
    sys.path.insert(0, str(ROOT / "tests" / "tools"))
    try:
        from draw_pictures import q_minus_p
    finally:
        sys.path.pop(0)
    tx.make_dot(q_minus_p(), legend=False).save(tmp_path / "q_minus_p.svg")
    drawn = (tmp_path / "q_minus_p.svg").read_text(encoding="utf-8")
    assert drawn == (ROOT / "docs/pictures/q_minus_p.svg").read_text(encoding="utf-8")
