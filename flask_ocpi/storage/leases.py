"""Leases: work as records, each leased to one worker at a time, in any thread or process.

A record is due at its ``last_updated``. A worker that takes it moves that into the future, and keeps, releases or
settles the record before then. After that time it is due again, so nothing is lost when a worker ends. The clocks of
workers may differ by less than the length of a lease.
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

#: The ``last_updated`` of a record that waits for an event, not for a time.
NEVER = 2**62

T = TypeVar("T", bound=Stored)


def after(now: int, seconds: float) -> int:
    """Return the moment ``seconds`` after ``now``; moments in microseconds."""
    return now + int(seconds * SECOND)


def pause(attempts: int, longest: float, *, first: float = 1.0) -> float:
    """Return the seconds to back off after ``attempts`` failures in a row: doubling from ``first`` to ``longest``."""
    return float(min(first * 2.0 ** min(attempts - 1, 30), longest))


def due_by(now: int, receiver: str | None, *, limit: int = 1) -> Query:
    """Select records that are due, of one :attr:`Key.receiver` or of all."""
    return Query(owners=(NOBODY,), receiver=receiver, date_to=now + 1, limit=limit)


def take_next(storage: Storage, of: type[T], receiver: str, *, now: int, seconds: float) -> T | None:
    """Lease a due record for ``seconds``; None if there is none."""
    return next(iter(take_some(storage, of, due_by(now, receiver), until=after(now, seconds))), None)


def take_some(storage: Storage, of: type[T], due: Query, *, until: int) -> list[T]:
    """Lease the selected records. until: the end of the leases, in microseconds."""
    taken = storage.claim(of.KIND, due, until=until, key_of=lambda record: of.from_record(record).key)
    return list(map(of.from_record, taken))


def take(storage: Storage, stored: T, *, now: int, seconds: float) -> T | None:
    """Lease a given record for ``seconds``; None if it is not due, or another worker has it."""
    any_stored: Any = stored
    return None if any_stored.due > now else keep(storage, stored, now=now, seconds=seconds)


def keep(storage: Storage, taken: T, *, now: int, seconds: float) -> T | None:
    """Extend a lease to ``seconds`` from now; None if another worker has the record."""
    kept: Any = replace(taken, due=after(now, seconds))  # type: ignore[type-var]
    try:
        storage.save(kept.KIND, kept.key, kept.to_record(), expected=kept.revision)
    except ConflictError:
        return None
    renewed: T = replace(kept, revision=kept.revision + 1)
    return renewed


def release(storage: Storage, taken: T, *, now: int) -> None:
    """Release a lease, unless another worker has the record."""
    keep(storage, taken, now=now, seconds=0)


def locked(storage: Storage, stored: T) -> T | None:
    """Return the current record, locked until the end of the transaction; None if it is gone."""
    record = storage.get(stored.KIND, stored.key, for_update=True)
    return None if record is None else type(stored).from_record(record)


def change(storage: Storage, stored: T, to: Callable[[T], T]) -> T | None:
    """Replace the current record with the result of ``to``; None if it is gone or does not change."""
    with storage.transaction():
        current = locked(storage, stored)
        changed = None if current is None else to(current)
        if changed is None or changed is current:
            return None
        storage.save(stored.KIND, stored.key, changed.to_record())
        return changed
