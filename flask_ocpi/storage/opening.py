"""Files and connections as the package needs them: rights, settings of SQLite, and what a forked process cuts off."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from urllib.parse import urlsplit

import sqlalchemy as sa

from flask_ocpi.errors import ConfigurationError
from flask_ocpi.storage.driver import Held
from flask_ocpi.storage.transactions import BUSY_MILLISECONDS

PREPARED = "flask_ocpi.prepared"


def check_dialect(name: str) -> None:
    """Raise ConfigurationError for a kind of database that is not supported."""
    if name not in ("sqlite", "postgresql"):
        raise ConfigurationError(
            f"SQLALCHEMY_DATABASE_URI must begin with 'sqlite:' or 'postgresql+psycopg:', got a database of {name}."
        )


def prepare(connection: sa.Connection) -> None:
    """Apply the settings that the package needs to a new connection to SQLite."""
    connection.begin()
    driver: Any = connection.connection.driver_connection
    # SQLAlchemy's documentation has applications send BEGIN in an event: here nothing would commit it.
    if driver.in_transaction:
        driver.rollback()
    if PREPARED in connection.info:
        return
    if connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() < BUSY_MILLISECONDS:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    # Without WAL, a power cut could corrupt the file if synchronous is below FULL.
    if connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal":
        connection.exec_driver_sql("PRAGMA synchronous = NORMAL")
    connection.info[PREPARED] = True


def cut_off(held: Held) -> None:
    """Detach the connection from its socket in this process, so that nothing sent from here reaches the server."""
    if held.connection.invalidated:
        return
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, held.driver.fileno())
    os.close(nowhere)


def sqlite_file(url: sa.URL) -> Path | None:
    """Return the file of a SQLite database; None for a database in memory or of another kind."""
    name = url.database or ":memory:"
    in_memory = ":memory:" in name or "mode=memory" in name or url.query.get("mode") == "memory"
    if in_memory or url.get_backend_name() != "sqlite":
        return None
    return Path(unquote(urlsplit(name).path) if name.startswith("file:") else name)


def make_private(url: sa.URL) -> None:
    """Create a missing file of a SQLite database for its owner only; ``-wal`` and ``-shm`` get the same rights.

    An existing file keeps its rights: its owner may share it with a group.
    """
    path = sqlite_file(url)
    if path is None or url.query.get("mode") in ("ro", "rw"):
        return
    with suppress(OSError):  # SQLite reports a problem with the folder
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def is_open_to_others(path: Path) -> bool:
    """Tell whether users other than the owner and the group may read or write a file."""
    try:
        return os.name == "posix" and bool(path.stat().st_mode & stat.S_IRWXO)
    except OSError:
        return False
