"""The notebook among the examples runs from top to bottom, and shows what it says it shows."""

import json
import os
import re
import sys
import warnings
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
PATH = ROOT / "examples" / "notebook.ipynb"
STRICT = "import warnings; warnings.filterwarnings('error', module='__main__|tinygrad_xent')"


def cells():
    return nbformat.read(PATH, as_version=4).cells


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The outputs of each code cell by its id, from this very Python, with no dot on PATH."""
    folder = tmp_path_factory.mktemp("notebook")
    kernel = folder / "kernels" / "python3"
    kernel.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "this Python", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    cwd = folder / "cwd"
    cwd.mkdir()
    notebook = nbformat.read(PATH, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(STRICT))
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Jupyter's own rooms deprecate; the cells are strict
        for name in ("RUNTIME_DIR", "DATA_DIR", "CONFIG_DIR"):
            patch.setenv(f"JUPYTER_{name}", str(folder / name))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setenv("JUPYTER_PATH", str(folder))
        patch.setenv("PATH", str(cwd))
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        resources = {"metadata": {"path": str(cwd)}}
        NotebookClient(notebook, timeout=60, resources=resources).execute()
    assert not list(cwd.iterdir()), "it writes nothing"
    return {cell.id: cell.outputs for cell in notebook.cells[1:] if cell.cell_type == "code"}


@pytest.fixture
def shown(outputs):
    """What the last expression of a cell shows, by kind."""
    return lambda cell: outputs[cell][-1]["data"]


def test_it_is_short_and_kept_without_outputs():
    nbformat.validate(nbformat.read(PATH, as_version=4))
    assert 10 <= len(cells()) <= 14
    assert len({cell.id for cell in cells()}) == len(cells())
    for cell in cells():
        assert re.fullmatch(r"[a-z-]+", cell.id), "an id that says what the cell is, not a number"
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
            assert len(cell.source.splitlines()) <= 6


def test_every_cell_runs_in_silence_and_shows_its_last_line(outputs):
    for cell, shown in outputs.items():
        kinds = [output["output_type"] for output in shown]
        assert kinds[-1] == "execute_result", cell
        assert "error" not in kinds, cell
        assert not [o for o in shown if o.get("name") == "stderr"], cell
    printed = {cell for cell, shown in outputs.items() if len(shown) > 1}
    assert printed == {"square-words"}


@pytest.mark.parametrize("cell", ["setup", "q-minus-p", "difference", "train", "model"])
def test_objects_show_themselves_as_tables(cell, shown):
    html = shown(cell)["text/html"]
    assert "<table" in html
    assert not re.search("<script|https?://(?!www.w3.org/2000/svg)", html)


@pytest.mark.parametrize("cell", ["play", "compare"])
def test_players_show_their_page_and_a_drawing_for_want_of_javascript(cell, shown):
    bundle = shown(cell)
    page = unescape(re.search(r'<iframe srcdoc="([^"]*)"', bundle["text/html"])[1])
    assert "<script" in page
    assert ElementTree.fromstring(bundle["image/svg+xml"]).tag.endswith("svg")
    assert bundle["text/plain"].startswith("Player(")


def test_x_times_x_has_two_edges_back(shown, outputs):
    drawing = shown("square")["image/svg+xml"]
    assert ElementTree.fromstring(drawing).tag.endswith("svg")
    assert drawing.count("stroke-dasharray") >= 2
    printed = "".join(o.get("text", "") for o in outputs["square-words"])
    assert "∂L/∂x = 3 + 3 = 6" in printed


def test_the_gradient_is_q_minus_p(shown):
    e = np.exp([2.0, 1.0, -0.1])
    for d in e / e.sum() - [0, 1, 0]:
        for cell in ("q-minus-p", "difference"):
            assert f">{d:.4g}</td>" in shown(cell)["text/html"]


def test_the_model_learns(shown):
    accuracy = float(re.search(r"test accuracy ([\d.]+)", shown("train")["text/plain"])[1])
    assert accuracy > 0.95
    assert "82 parameters" in shown("model")["text/html"]
