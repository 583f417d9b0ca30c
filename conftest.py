"""Run what README, docs and docstrings show: each example is a test, its output the real one."""

import os
import tempfile
from collections.abc import Generator
from doctest import ELLIPSIS
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.integration.pytest import SybilFile
from sybil.parsers.markdown import PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser
from sybil.sybil import SybilCollection

# In the gate the same examples on every run; elsewhere new ones, which find more.
settings.register_profile("gate", derandomize=True, deadline=None)
settings.register_profile("anywhere", deadline=None)
settings.load_profile("gate" if os.environ.get("CI") else "anywhere")

ROOT = str(Path(__file__).parent)


def in_a_folder_of_its_own(namespace: dict[str, Any]) -> None:
    """Examples may write files; they write them where nobody looks."""
    namespace["_home"] = os.getcwd()
    namespace["_folder"] = tempfile.TemporaryDirectory()
    os.chdir(namespace["_folder"].name)


def back_home(namespace: dict[str, Any]) -> None:
    """Undo `in_a_folder_of_its_own`."""
    os.chdir(namespace["_home"])
    namespace["_folder"].cleanup()


pages = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=ELLIPSIS)],
    path=ROOT,
    patterns=["README.md", "docs/*.md", "docs/**/*.md", "tinygrad_xent/lessons/*.md"],
    # The lessons' pages on the site are made of those; the other is for tests/test_peers_pages.py.
    excludes=["docs/lessons/*.md", "docs/how-to/moving-on-to-pytorch.md"],
    setup=in_a_folder_of_its_own,
    teardown=back_home,
)
docstrings = Sybil(
    parsers=[DocTestParser(optionflags=ELLIPSIS)],
    path=ROOT,
    patterns=["tinygrad_xent/*.py", "tinygrad_xent/**/*.py"],
    document_types={".py": PythonDocStringDocument},
    setup=in_a_folder_of_its_own,
    teardown=back_home,
)
pytest_collect_file = SybilCollection([pages, docstrings]).pytest()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, None, None]:
    """The examples of a page build on each other: together, in order, whatever others do."""
    place = {id(item): k for k, item in enumerate(items)}
    yield
    blocks: dict[Any, list[pytest.Item]] = {}
    for item in items:
        whole = item.path if isinstance(item.parent, SybilFile) else id(item)
        blocks.setdefault(whole, []).append(item)
    items[:] = [
        item for block in blocks.values() for item in sorted(block, key=lambda x: place[id(x)])
    ]
