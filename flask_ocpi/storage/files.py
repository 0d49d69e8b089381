"""The file of a SQLite database: who may read it."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote
from urllib.parse import urlsplit

from sqlalchemy import URL

_OTHERS = stat.S_IRWXO


def sqlite_file(url: URL) -> Path | None:
    """Return the file of a SQLite database, or None: it is in memory, or of another kind."""
    name = url.database or ""
    if url.get_backend_name() != "sqlite" or not name or ":memory:" in name or url.query.get("mode") == "memory":
        return None
    return Path(unquote(urlsplit(name).path) if name.startswith("file:") else name)


def make_private(url: URL) -> None:
    """Make the file of a SQLite database for its owner only, where there is none; ``-wal`` and ``-shm`` follow it.

    One that is there keeps its rights: whoever made it may share it with a group.
    """
    path = sqlite_file(url)
    if path is None or url.query.get("mode") in ("ro", "rw"):
        return
    with suppress(OSError):  # SQLite says what is wrong with a folder
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def is_open_to_others(path: Path) -> bool:
    """Tell whether users of the machine may read or write a file who are neither its owner nor of its group."""
    try:
        return os.name == "posix" and bool(path.stat().st_mode & _OTHERS)
    except OSError:
        return False
