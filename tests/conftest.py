"""What several test modules use."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tinygrad_xent.draw import engines

ROOT = Path(__file__).parents[1]


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """A machine without any layout engine."""

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.delenv(engines.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(metadata, "distribution", missing)
    monkeypatch.setattr(engines, "_pygraphviz", lambda: None)
    return tmp_path


@pytest.fixture
def digests():
    """Run a program, a template with ``{waste}``, in processes that hash differently."""

    def run(program, times=2):
        return [
            subprocess.run(
                [sys.executable, "-c", program.format(waste=waste)],
                env=os.environ | {"PYTHONHASHSEED": str(waste), "PYTHONPATH": str(ROOT)},
                capture_output=True,
                check=True,
            ).stdout
            for waste in range(1, times + 1)
        ]

    return run
