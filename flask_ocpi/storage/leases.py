"""Leases: work as records, each leased to one worker at a time, in any thread or process.

A record is due at its ``last_updated``. A worker that takes it moves that into the future, and keeps, releases or
settles it before then. After that time it is due again, so the end of a worker loses nothing. The clocks of workers may
differ by less than the length of the leases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from typing import TypeVar

from flask_ocpi.core.moments import SECOND
from flask_ocpi.errors import ConflictError
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.stored import Stored

#: When a record is due that waits for something else than time.
NEVER = 2**62

T = TypeVar("T", bound=Stored)


def after(now: int, seconds: float) -> int:
    """Return the moment so many seconds after another; both in microseconds."""
    return now + int(seconds * SECOND)


def pause(attempts: int, longest: float, *, first: float = 1.0) -> float:
    """Return for how many seconds to back off after so many failures in a row: doubling from ``first``."""
    return float(min(first * 2.0 ** min(attempts - 1, 30), longest))


def due_by(now: int, receiver: str | None, *, limit: int = 1) -> Query:
    """Select records that are due, of one :attr:`Key.receiver` or of all."""
    return Query(owners=(NOBODY,), receiver=receiver, date_to=now + 1, limit=limit)


def take_next(storage: Storage, of: type[T], receiver: str, *, now: int, seconds: float) -> T | None:
    """Take a record that is due, for so many seconds; None when there is none."""
    return next(iter(take_some(storage, of, due_by(now, receiver), until=after(now, seconds))), None)


def take_some(storage: Storage, of: type[T], due: Query, *, until: int) -> list[T]:
    """Take the records that a query selects, up to a moment."""
    taken = storage.claim(of.KIND, due, until=until, key_of=lambda record: of.from_record(record).key)
    return list(map(of.from_record, taken))


def take(storage: Storage, stored: T, *, now: int, seconds: float) -> T | None:
    """Take a given record for so many seconds; None if it is not due, or another worker has it."""
    any_stored: Any = stored
    return None if any_stored.due > now else keep(storage, stored, now=now, seconds=seconds)


def keep(storage: Storage, taken: T, *, now: int, seconds: float) -> T | None:
    """Extend a lease to so many seconds from now; None if another worker has it."""
    kept: Any = replace(taken, due=after(now, seconds))  # type: ignore[type-var]
    try:
        storage.save(kept.KIND, kept.key, kept.to_record(), expected=kept.revision)
    except ConflictError:
        return None
    renewed: T = replace(kept, revision=kept.revision + 1)
    return renewed


def release(storage: Storage, taken: T, *, now: int) -> None:
    """Give a lease back, unless another worker has it."""
    keep(storage, taken, now=now, seconds=0)


def locked(storage: Storage, stored: T) -> T | None:
    """Return the current record, locked until the end of the transaction; None if it is gone."""
    record = storage.get(stored.KIND, stored.key, for_update=True)
    return None if record is None else type(stored).from_record(record)


def change(storage: Storage, stored: T, to: Callable[[T], T]) -> T | None:
    """Replace the current record with the result of ``to``; None if it is gone, or stays the same."""
    with storage.transaction():
        current = locked(storage, stored)
        changed = None if current is None else to(current)
        if changed is None or changed is current:
            return None
        storage.save(stored.KIND, stored.key, changed.to_record())
        return changed
