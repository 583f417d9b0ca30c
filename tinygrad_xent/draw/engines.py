"""Layout engines: what turns DOT into a picture, found without touching anybody's settings.

An engine is a command that speaks Graphviz's command line. In the order in which they are asked:

- what the environment variable TINYGRAD_XENT_DOT names;
- `graphviz-pure`, which comes with this package as a wheel and draws the same bytes everywhere;
- a system `dot`, which can also write PDF; its PNG has more letters, so there it goes before;
- `pygraphviz`, if it is installed: its wheels hold Graphviz without a `dot`, and write PDF too.

If none of them gives an SVG, `builtin` draws one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

# Names the executable to use before all others.
VARIABLE = "TINYGRAD_XENT_DOT"
TIMEOUT = 20.0  # seconds
FORMATS = ("svg", "png", "pdf", "json")
BUILTIN = "built-in"

# Run in a process of its own, pygraphviz can be stopped, and what it prints can be kept away.
_PYGRAPHVIZ = """
import sys
sys.path.append(sys.argv[1])
import pygraphviz
program, format = (word[2:] for word in sys.argv[3:])
source = sys.stdin.buffer.read().decode()
sys.stdout.buffer.write(pygraphviz.AGraph(string=source).draw(format=format, prog=program))
"""


class LayoutError(RuntimeError):
    """No picture could be made; the message says why, and what to do."""


@dataclass(frozen=True)
class Engine:
    """A layout engine that was found: its name, where it is, and the command that runs it."""

    name: str
    path: Path
    command: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What `survey` says of an engine.

    Attributes
    ----------
    name, path, version
        The last two are empty if there is none.
    formats
        Those of `FORMATS` that it wrote when it was asked to draw a small graph.
    advice
        What to do, if it is missing or fails.
    """

    name: str
    path: str
    version: str
    formats: tuple[str, ...]
    advice: str = ""


def engines(format: str) -> list[Engine]:
    """The engines that can write `format`, the one to try first in front.

    The format may be as specific as ``png:cairo``; that only Graphviz's own `dot` can write.
    """
    if format in ("svg", "json"):
        finders = [_chosen, _bundled, _system, _pygraphviz]
    elif format == "png":  # the bundled engine's font lacks some mathematical signs
        finders = [_chosen, _system, _pygraphviz, _bundled]
    elif format == "pdf":
        finders = [_chosen, _system, _pygraphviz]
    else:
        finders = [_chosen, _system]
    found: dict[Path, Engine] = {}
    for finder in finders:
        engine = finder()
        if engine is not None:
            found.setdefault(engine.path, engine)
    return list(found.values())


def _chosen() -> Engine | None:
    """What the environment variable names: a path, or a command on PATH."""
    name = os.environ.get(VARIABLE)
    return _executable(VARIABLE, shutil.which(name)) if name else None


def _bundled() -> Engine | None:
    """The executable of the graphviz-pure wheel.

    It is asked of the installed package, because PATH knows it only in an activated environment: a
    notebook's kernel and ``venv/bin/python`` run outside of one.
    """
    from importlib import metadata  # slow to import, and only needed to draw

    names = ("graphviz-pure", "graphviz-pure.exe")
    try:
        files = metadata.distribution("graphviz-pure").files or []
    except metadata.PackageNotFoundError:
        return None
    places = [Path(str(file.locate())) for file in files if file.name in names]
    places += [Path(sysconfig.get_path("scripts")) / name for name in names]
    found = next((place.resolve() for place in places if place.is_file()), None)
    return _executable("graphviz-pure", found)


def _system() -> Engine | None:
    return _executable("dot", shutil.which("dot"))


def _executable(name: str, path: str | Path | None) -> Engine | None:
    return Engine(name, Path(path), (str(path),)) if path else None


def _pygraphviz() -> Engine | None:
    """The package pygraphviz, which is not imported here."""
    from importlib.util import find_spec

    spec = find_spec("pygraphviz")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent
    return Engine("pygraphviz", path, _in_python(path.parent))


def _in_python(folder: Path) -> tuple[str, ...]:
    """The command that draws with the pygraphviz in a folder; -I: with nothing else around."""
    return sys.executable, "-I", "-c", _PYGRAPHVIZ, str(folder)


def layout(source: str, format: str, engine: str = "dot") -> bytes:
    """The picture of a DOT source; if one engine fails, the next is tried.

    Raises
    ------
    LayoutError
        If there is no engine for this format, or none succeeded.
    """
    failures = []
    for found in engines(format):
        try:
            return _run(found, source, format, engine)
        except LayoutError as error:  # noqa: PERF203 - a process costs more than a try
            failures.append(str(error))
    wrong = _wrong_choice()
    if wrong:
        failures.insert(0, wrong)
    raise LayoutError("\n".join([*failures, _how_to_get(format)]))


def _run(engine: Engine, source: str, format: str, program: str) -> bytes:
    # -q: the engines warn of every letter that is not ASCII.
    command = [*engine.command, "-q", f"-K{program}", f"-T{format}"]
    try:
        done = _process(command, source.encode())
    except subprocess.TimeoutExpired:
        raise LayoutError(
            f"{engine.name}: no layout after {TIMEOUT:g} s; draw a smaller graph, or save the .dot "
            "file and lay that out by hand"
        ) from None
    except OSError as error:
        raise LayoutError(f"{engine.path}: cannot be run: {error}") from error
    if done.returncode or not done.stdout:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise LayoutError(f"{engine.path} -T{format}: failed with {done.returncode}: {said}")
    return done.stdout


def _process(command: list[str], text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # no flashing console on Windows
    return subprocess.run(
        command,
        input=text,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
        creationflags=hidden,
    )


def _wrong_choice() -> str:
    """What is wrong with the environment variable; nothing, as a rule."""
    name = os.environ.get(VARIABLE)
    return f"{VARIABLE}={name}: there is no such executable" if name and not _chosen() else ""


def _how_to_get(format: str) -> str:
    return f"no layout engine for {format}: {_fixes(format)}"


def _fixes(format: str) -> str:
    system = "install Graphviz (https://graphviz.org/download) so that `dot` is on PATH"
    if format in ("svg", "json", "png"):
        return f"pip install graphviz-pure, or {system}"
    return (
        f"{system}, or pip install pygraphviz; or save the picture as .svg or .html, open it in a "
        "browser and print it"
    )


# --- what is there --------------------------------------------------------------------------------

_ADVICE = {
    VARIABLE: "optional: set it to an executable that goes before all others",
    "graphviz-pure": "pip install graphviz-pure",
    "dot": "optional: install Graphviz, https://graphviz.org/download",
    "pygraphviz": "optional: pip install pygraphviz",
}


def survey() -> list[Report]:
    """Every engine there could be, found or not, and what it really can write: each is tried.

    Examples
    --------
    >>> from tinygrad_xent.draw.engines import survey
    >>> survey()[-1]
    Report(name='built-in', path='', version='', formats=('svg',), advice='')
    """
    found = (_chosen(), _bundled(), _system(), _pygraphviz())
    reports = [_report(*both) for both in zip(_ADVICE, found, strict=True)]
    return [*reports, Report(BUILTIN, "", "", ("svg",))]


def _report(name: str, engine: Engine | None) -> Report:
    if engine is None:
        wrong = _wrong_choice() if name == VARIABLE else ""
        return Report(name, "", "", (), wrong or _ADVICE[name])
    formats = tuple(format for format in FORMATS if _can(engine, format))
    broken = "" if formats else "draws nothing: install it again"
    return Report(name, str(engine.path), _version(engine), formats, broken)


def used(format: str) -> str:
    """The name of the engine that would write `format`; nothing if none can.

    Examples
    --------
    >>> from tinygrad_xent.draw.engines import used
    >>> used("svg") != ""
    True
    """
    able = (engine.name for engine in engines(format) if _can(engine, format))
    return next(able, BUILTIN if format == "svg" else "")


def table() -> str:
    """`survey` and `used` as text: what was found, what is missing, and who writes which format."""
    rows = [("engine", "version", "writes", "where")]
    for report in survey():
        where = "  ".join(filter(None, (report.path, report.advice))) or "part of tinygrad_xent"
        rows.append((report.name, report.version or "-", " ".join(report.formats) or "-", where))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    writers = {format: used(format) for format in FORMATS}
    lines += ["", *(f"{format:4}  {who or _fixes(format)}" for format, who in writers.items())]
    return "\n".join(lines)


def _can(engine: Engine, format: str) -> bool:
    try:
        return bool(_run(engine, "digraph { a -> b }", format, "dot"))
    except LayoutError:
        return False


def _version(engine: Engine) -> str:
    """As the package says, or else the executable; nothing if neither does."""
    from importlib import metadata

    try:
        return metadata.version(engine.name)
    except metadata.PackageNotFoundError:
        pass
    try:
        done = _process([*engine.command, "-V"])
    except (subprocess.TimeoutExpired, OSError):
        return ""
    said = re.search(rb"version (\d[\d.]*)", done.stderr + done.stdout)
    return said[1].decode() if said else ""
