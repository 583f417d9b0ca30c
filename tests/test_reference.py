"""docs/reference/ops.md and functions.md are what the ops say of themselves."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(ROOT / "tests" / "tools"))
    try:
        import ops_reference
    finally:
        sys.path.pop(0)
    return ops_reference


def test_the_page_is_up_to_date(tool):
    written = tool.PAGE.read_text(encoding="utf-8")
    assert tool.page() == written, "run python tests/tools/ops_reference.py"
    listed = tool.FUNCTIONS.read_text(encoding="utf-8")
    assert tool.functions_page() == listed, "run python tests/tools/ops_reference.py"


def test_pytorchs_names_exist(tool):
    torch = pytest.importorskip("torch")
    for _, functions in tool.rooms():
        for function, _ in functions:
            name = tool.TORCH.get(function.__name__, function.__name__)
            owner = torch
            for part in (name or "").split(".") if name else ():
                owner = torch.nn.functional if part == "F" else getattr(owner, part)
