"""Writing a file so that whoever reads it sees the old one or the whole new one."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PathLike = str | os.PathLike[str]
OF_A_KILLED = re.compile(r"\.(?P<stem>.*)\.[0-9a-f]{16}(?P<suffix>(\.[^.]*)?)", re.DOTALL)


@contextmanager
def replacing(path: PathLike) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place at the end, or vanishes on an error.

    Whoever reads `path` sees the old file or the whole new one, never a half, also after a power
    cut. A process that is killed meanwhile leaves the temporary file: see `tidy`. What is no file,
    such as /dev/null or a pipe, is given as it is.
    """
    given = Path(path)
    if given.exists() and not given.is_file() and not given.is_dir():
        yield given  # root would put a file in the place of the device
        return
    final = Path(os.path.realpath(path))  # behind a link, the file is replaced and the link stays
    if not final.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {str(final.parent)!r} to write it to")
    import secrets  # slow to load, and only needed to write

    temporary = final.with_name(f".{_shortened(final.stem)}.{secrets.token_hex(8)}{final.suffix}")
    try:
        # touch leaves the permissions to the umask, as for any file; those of an old one are kept.
        temporary.touch(exist_ok=False)
        with suppress(FileNotFoundError):
            shutil.copymode(final, temporary)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())  # on the disk before the old file goes
        temporary.replace(final)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(temporary)):
            error.filename = str(path)  # a full disk is told of by no name, or by a passing one
        raise
    _sync(final.parent)


def tidy(path: PathLike) -> None:
    """Remove what killed processes left of writing the file `path`, or any file in the folder."""
    found = Path(os.path.realpath(path))
    folder = found if found.is_dir() else found.parent
    of_file = None if found.is_dir() else (_shortened(found.stem), found.suffix)
    for temporary in folder.iterdir() if folder.is_dir() else ():
        left = OF_A_KILLED.fullmatch(temporary.name)
        if left and of_file in (None, (left["stem"], left["suffix"])):
            with suppress(OSError):
                temporary.unlink()


def _shortened(stem: str) -> str:
    """As much of a name as leaves room for the rest in the 255 bytes that a name may have."""
    return stem if stem.isascii() and len(stem) <= 100 else stem[:40]


def _sync(folder: Path) -> None:
    """Bring the new name itself to the disk, where a system can do that: Windows cannot."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
