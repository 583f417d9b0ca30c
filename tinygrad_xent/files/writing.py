"""Writing a file so that whoever reads it sees the old one or the whole new one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PathLike = str | os.PathLike[str]


@contextmanager
def replacing(path: PathLike) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place at the end, or vanishes on an error.

    Whoever reads `path` sees the old file or the whole new one, never a half.
    """
    final = Path(os.path.realpath(path))  # behind a link, the file is replaced and the link stays
    if not final.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {str(final.parent)!r} to write it to")
    import secrets  # slow to load, and only needed to write

    temporary = final.with_name(f".{secrets.token_hex(8)}{final.suffix}")
    # touch leaves the permissions to the umask, as for any file; those of an old one are kept.
    temporary.touch(exist_ok=False)
    try:
        with suppress(FileNotFoundError):
            shutil.copymode(final, temporary)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())  # on the disk before the old file goes
        temporary.replace(final)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
