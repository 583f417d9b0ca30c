"""The documentation site: the reference is complete, and what stands in it says what it must."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import tinygrad_xent as tx

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
ROOMS = [
    *("calibration", "data", "draw", "exercise", "information", "likelihood", "nn", "optim"),
    *("nn.initialise", "optim.schedules", "plots"),
]


def public(module):
    """The names that a module offers."""
    return getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]


def offered():
    """Everything public, by the address at which its users find it."""
    found = {name: getattr(tx, name) for name in tx.__all__}
    for room in ROOMS:
        module = importlib.import_module(f"tinygrad_xent.{room}")
        found |= {f"{room}.{name}": getattr(module, name) for name in public(module)}
    return found


OFFERED = offered()


def described():
    """What the directives of the reference describe: the objects themselves, with their names."""
    for path in REFERENCE.glob("*.md"):
        here = "tinygrad_xent"
        for line in path.read_text(encoding="utf-8").splitlines():
            match = re.match(r" *\.\. (currentmodule|auto\w+|function):: (\S+)", line)
            members = re.match(r" +:members: (.+)", line)
            if members:
                yield from ((here, name) for name in members[1].split(", "))
            elif match and match[1] == "currentmodule":
                here = match[2]
            elif match and match[1] == "automodule":
                here = match[2]
                yield here, None
                yield from ((here, name) for name in public(importlib.import_module(here)))
            elif match:
                yield here, match[2]


def thing(module, name):
    found = importlib.import_module(module)
    return found if name is None else getattr(found, name)


def test_everything_public_stands_in_the_reference():
    there = [id(thing(*place)) for place in described()]
    missing = [name for name, value in OFFERED.items() if id(value) not in there]
    # The rooms that are described piece by piece.
    assert set(missing) == {"draw"}


def test_every_page_of_the_reference_is_in_its_contents():
    listed = (REFERENCE / "index.md").read_text(encoding="utf-8").split("```{toctree}")[1]
    pages = {path.stem for path in REFERENCE.glob("*.md")} - {"index"}
    assert pages == set(re.findall(r"^(\w+)$", listed, re.M))


# The arguments of ops are NumPy's or PyTorch's; of an initialiser its room tells.
FUNCTIONS = {
    name: value
    for name, value in OFFERED.items()
    if inspect.isfunction(value)
    and not value.__module__.startswith("tinygrad_xent.ops")
    and not name.startswith("nn.initialise.")
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_names_every_argument_or_who_does(name):
    text = FUNCTIONS[name].__doc__
    for argument in inspect.signature(FUNCTIONS[name]).parameters:
        named = re.search(rf"(?<!\w){argument}(?!\w)", text)
        assert named or re.search(r"[Aa]rguments\b[^>]*\sas\s+for\s+`", text), argument


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_shows_an_example_or_says_where(name):
    assert re.search(r">>>|[Ee]xample (of|there)", FUNCTIONS[name].__doc__)


@pytest.mark.parametrize("name", [name for name in OFFERED if inspect.isclass(OFFERED[name])])
def test_methods_are_explained(name):
    for method, value in vars(OFFERED[name]).items():
        if inspect.isfunction(value) and not method.startswith("_"):
            assert inspect.getdoc(getattr(OFFERED[name], method)), method


# Those in docs/lessons are written by a build; their sources are tested with the lessons.
PAGES = [p for p in sorted(DOCS.rglob("*.md")) if not {"_build", "lessons"} & set(p.parts)]


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.name))
def test_links_within_the_docs_lead_somewhere(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", text):
        assert "://" in target or (path.parent / target).exists(), target
