"""Every example runs as a user runs it and prints what it says it shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder that every example is told to write to."""
    return tmp_path_factory.mktemp("written")


@pytest.fixture(scope="module")
def printed(tmp_path_factory, folder):
    """What an example prints, on a console of few letters, with warnings as errors."""
    texts = {}

    def run(name):
        if name not in texts:
            (path,) = [p for p in EXAMPLES if p.name == name]
            cwd = tmp_path_factory.mktemp("example")
            few_letters = {"PYTHONWARNINGS": "error", "PYTHONIOENCODING": "cp1252:strict"}
            done = subprocess.run(
                [sys.executable, str(path), str(folder)],
                cwd=cwd,
                capture_output=True,
                env={**os.environ, **few_letters},
                timeout=60,
            )
            assert done.returncode == 0, done.stderr.decode("cp1252")
            assert not done.stderr
            assert not list(cwd.iterdir()), "an example writes only where it is told to"
            texts[name] = done.stdout.decode("cp1252").replace("\r\n", "\n")
        return texts[name]

    return run


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_it_runs_in_silence_on_stderr_and_is_a_screen_long(path, printed):
    assert len(printed(path.name)) > 200
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 85


def test_there_are_five():
    assert [p.name[:2] for p in EXAMPLES] == ["01", "02", "03", "04", "05"]


def test_chain_rule(printed):
    text = printed("01_chain_rule.py")
    assert "dy/dx = 6 " in text
    assert "db/dx = 4 " in text
    assert re.search(r"^ +u +1 +2 +2 to w x, 2 to b$", text, re.M)
    assert re.search(r"backprop: +dy/dw = 4, +dy/db = 2$", text, re.M)


def test_q_minus_p(printed):
    text = printed("02_q_minus_p.py")
    e = np.exp([2.0, 1.0, -0.1])
    q = e / e.sum()
    for name, qk, pk in zip(("cat", "dog", "owl"), q, (0, 1, 0), strict=True):
        d = f"{qk - pk:.4f}"
        assert re.search(rf"{name} .* {qk:.4f} +{pk} +{d} +{d} +{d}$", text, re.M)
    assert re.search(r"sum +1\.0000 +1( +0\.0000){3}$", text, re.M)
    quarter = " ".join(f"{v:.4f}" for v in (q - [0, 1, 0]) / 4)
    assert re.search(r"mean: .*\[ ?" + quarter.replace(" ", " +"), text)
    assert re.search(r"unfused: loss +inf, gradient \[nan nan nan\]", text)
    assert re.search(r" fused: loss +2000, gradient \[ 1\. +0\. -1\.\]", text)


def test_train_digits(printed):
    text = printed("03_train_digits.py")
    accuracies = [float(a) for a in re.findall(r"accuracy ([\d.]+)", text)]
    assert len(accuracies) == 4
    assert accuracies[0] < accuracies[2]
    assert accuracies[2] > 0.94 < accuracies[3]


def test_curvature(printed):
    text = printed("04_curvature.py")
    errors = [float(e) for e in re.findall(r": +([\d.]+e-\d+)$", text, re.M)]
    assert [e < limit for e, limit in zip(errors, (1e-15, 1e-8, 2e-3), strict=True)] == [True] * 3
    e = np.exp([2.0, 1.0, -0.1])
    q = e / e.sum()
    wanted = [[q[i] * ((i == j) - q[j]) for j in range(3)] for i in range(3)]
    assert str(np.round(wanted, 4)) in text
    assert float(re.search(r"rows sum to 0 \(within ([^)]+)\)", text)[1]) < 1e-15


def test_your_own_op(printed, folder):
    text = printed("05_your_own_op.py")
    assert f"[{np.log1p(np.exp(-2)):.4f} " in text
    assert re.search(r"6 derivatives checked to order 2, largest error \de-(09|1\d)", text)
    assert re.search(r"caught: check_gradients: order 1, argument 0, element \(0,\)", text)
    x = np.array([-2.0, 0.5, 3.0])
    wanted = np.logaddexp(0, x) + x / (1 + np.exp(-x))
    assert str(wanted.round(4)) in text
    drawing = (folder / "softplus.svg").read_text(encoding="utf-8")
    assert "softplus" in drawing
    assert "sigmoid(x)" in drawing
