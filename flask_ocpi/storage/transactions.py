"""A transaction of one thread, its turn to write, and the errors of both."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from sqlalchemy import NestedTransaction
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import StatementError

from flask_ocpi.core import forks
from flask_ocpi.errors import DeadlockError
from flask_ocpi.errors import StorageError
from flask_ocpi.storage.driver import Held
from flask_ocpi.storage.joining import HostTransaction

BUSY_MILLISECONDS = 30_000


@dataclass(eq=False, slots=True)
class Transaction:
    """An open transaction of one thread.

    failure: why one of its statements failed; the database may have rolled back already.
    committed: it is committed, and its connection is free for others.
    forked: a copy in a forked process; the connection belongs to the parent.
    host: the host application's transaction that it is a part of, on its connection; None for a transaction of its own.
    work: the functions to call after the commit.
    """

    held: Held
    host: HostTransaction | None = None
    work: list[Callable[[], None]] = field(default_factory=list)
    failure: StorageError | None = None
    committed: bool = False
    forked: bool = False


class OfThread(threading.local):
    """The transaction of a thread, and the last one of the host application that it joined."""

    transaction: Transaction | None = None
    joined: Transaction | None = None


class Turn:
    """Lets the threads of a process write to a SQLite file, or use a database in memory, one after another.

    Otherwise SQLite would let all but one sleep and try again, each with its own connection.
    """

    def __init__(self, lock: Any) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        if self._lock.acquire(blocking=False):
            return
        with forks.waiting():
            is_mine = self._lock.acquire(timeout=BUSY_MILLISECONDS / 1000)
        if not is_mine:
            raise StorageError("The database is locked: another thread has been writing for too long.")

    def __exit__(self, *error: object) -> None:
        self._lock.release()


_open_files = threading.local()


def files_of_thread() -> set[str]:
    """Return the SQLite files on which this thread has a transaction that a storage began."""
    files: set[str] | None = getattr(_open_files, "files", None)
    if files is None:
        files = _open_files.files = set()
    return files


def go_on(transaction: Transaction) -> None:
    """Raise an error if a transaction cannot go on; it has the class of the first error."""
    failure = transaction.failure
    if failure is not None:
        reason = "Nothing of the transaction was written, since one of its statements failed"
        raise type(failure)(f"{reason}: {failure}") from failure


def release(savepoint: NestedTransaction) -> None:
    try:
        savepoint.commit()
    except SQLAlchemyError as error:
        raise storage_error(error) from error


def is_lost(error: BaseException | None) -> bool:
    """Tell whether an error means that the connection to the database is lost."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


# Serialization failure and deadlock.
_SUPERSEDED = ("40001", "40P01")


def storage_error(error: SQLAlchemyError | UnicodeError) -> StorageError:
    """Return a StorageError for a database's error, without the statement's parameters: they may be secrets."""
    original: BaseException = error
    if isinstance(error, StatementError):
        error.hide_parameters = True
        original = error.orig or error
    reason = next(iter(str(original).strip().splitlines()), type(original).__name__)
    code = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    if code == "42P01" or reason.startswith("no such table"):
        return StorageError(f"A table is missing ({reason}): run `flask ocpi init-db`.")
    if code in _SUPERSEDED:
        return DeadlockError(f"The database ended this in favour of others that wait for it: {reason}.")
    if is_lost(error):
        return StorageError(f"The connection to the database was lost: {reason}.")
    if "readonly database" in reason:
        return StorageError(
            f"The SQLite file cannot be written ({reason}): give this process the right to, in its folder as well."
        )
    return StorageError(f"The database refused: {reason}.")
