"""Watermarks: the state of the sync of each list, and its lease."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace

from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import moment_text
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.exchange.context import Services
from flask_ocpi.storage import leases
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.leases import NEVER
from flask_ocpi.storage.stored import Stored
from flask_ocpi.sync.scopes import Scope

_LEASE_MARGIN = 30.0  # seconds, to store a page
_FIRST_PAUSE = 60.0
_LEAST_LONGEST_PAUSE = 3600.0
_MOST_ASKED = 3600.0  # seconds that a platform may ask for


class BusyError(FlaskOCPIError):
    """Another process syncs the same scope now, or has taken it over."""


@dataclass(frozen=True, slots=True)
class Watermark(Stored):
    """The state of a scope; moments are microseconds since 1970 UTC.

    moment: the newest ``last_updated`` that was read, by the partner's clock, not in the future by ours; None before
    the first sync.
    endpoint: the URL of that list.
    completed: when everything up to ``moment`` was stored; reconciled: the same for the whole list. failures, error:
    the failed syncs since, and the last error. holder: the sync that has the lease, "" for none. due: when to sync
    again, NEVER if only on demand; during a sync, the end of the lease.
    """

    KIND = "sync_watermarks"

    platform: str
    module: str
    receiver: Party
    moment: int | None = None
    endpoint: str = ""
    completed: int | None = None
    reconciled: int | None = None
    failures: int = 0
    error: str = ""
    holder: str = ""
    due: int = NEVER
    revision: int = 0

    @classmethod
    def of(cls, scope: Scope) -> Watermark:
        return cls(scope.platform.id, str(scope.module.id), scope.receiver)

    @property
    def name(self) -> str:
        """The unique name of the scope: :attr:`Scope.name`."""
        return f"{self.platform}\n{self.module}\n{self.receiver}"

    @property
    def key(self) -> Key:
        return Key("", "", "", self.name)


def date_time(micros: int) -> str:
    """Write a moment as an OCPI DateTime, rounded down to a second: not every platform reads fractions."""
    return f"{moment_text(max(0, micros))[:19]}Z"


def get(services: Services, scope: Scope) -> Watermark:
    """Return the state of a scope; a new state if it was never synced."""
    record = services.storage.get(Watermark.KIND, scope.key)
    return Watermark.of(scope) if record is None else Watermark.from_record(record)


def plan(services: Services, scope: Scope) -> None:
    """Set when a scope is due if it has no ``due`` yet, or a later one than the interval allows."""
    known = get(services, scope)
    due = next_slot(services, scope.name)
    if known.revision and (known.due <= due or known.holder or known.failures):
        return
    with suppress(ConflictError):  # another process planned or leased it
        _save(services, replace(known, due=due), expected=known.revision)


def take(services: Services, scope: Scope) -> Watermark | None:
    """Lease a scope to sync it, until the lease is released or ends; None if another process has it."""
    now = services.now()
    try:
        with services.storage.transaction():
            known = leases.locked(services.storage, Watermark.of(scope)) or Watermark.of(scope)
            if known.holder and known.due > now:
                return None
            taken = replace(known, holder=secrets.token_hex(8), due=_end_of_lease(services))
            _save(services, taken, expected=known.revision)
    except ConflictError:
        return None
    return taken


def renew(services: Services, taken: Watermark) -> None:
    """Renew the lease of a scope, in the transaction that stores a page of it.

    Raises BusyError if another process has the lease, so nothing is stored.
    """
    _save(services, replace(_locked(services, taken), due=_end_of_lease(services)))


def completed(services: Services, taken: Watermark, *, moment: int | None, endpoint: str, whole: bool) -> None:
    """Record that everything up to a moment is stored, and release the lease; in a transaction."""
    current, now = _locked(services, taken), services.now()
    done = replace(
        current,
        moment=moment,
        endpoint=endpoint,
        completed=now,
        reconciled=now if whole else current.reconciled,
        failures=0,
        error="",
        holder="",
        due=next_slot(services, taken.name),
    )
    _save(services, done)


def failed(services: Services, taken: Watermark, error: str, *, retry_after: float | None = None) -> None:
    """Record a failed sync and release the lease: the scope is retried after a pause that grows.

    The pause is at least ``retry_after`` seconds. Records nothing if another process has the lease.
    """
    with suppress(BusyError), services.storage.transaction():
        current = _locked(services, taken)
        failures, interval = current.failures + 1, services.settings.sync_interval
        pause = leases.pause(failures, max(interval, _LEAST_LONGEST_PAUSE), first=_FIRST_PAUSE)
        pause = max(pause, min(retry_after or 0.0, _MOST_ASKED))
        due = leases.after(services.now(), pause) if interval else NEVER
        _save(services, replace(current, failures=failures, error=error, holder="", due=due))


def given_back(services: Services, taken: Watermark) -> None:
    """Release the lease of an unfinished scope: it is due at once, and the next sync resumes it."""
    with suppress(BusyError), services.storage.transaction():
        due = services.now() if services.settings.sync_interval else NEVER
        _save(services, replace(_locked(services, taken), holder="", due=due))


def next_slot(services: Services, name: str) -> int:
    """Return when a scope is due next: each has its own moment within the interval, always the same.

    So not all platforms are called at once, after a restart or on the hour (T-35).
    """
    interval = services.settings.sync_interval * SECOND
    if not interval:
        return NEVER
    offset = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % interval
    now = services.now()
    return now + interval - (now - offset) % interval


def _end_of_lease(services: Services) -> int:
    """Return the end of a lease: the time to fetch one page, with a repeat, and to store it."""
    return leases.after(services.now(), 2 * services.settings.http_timeout + _LEASE_MARGIN)


def _locked(services: Services, taken: Watermark) -> Watermark:
    current = leases.locked(services.storage, taken)
    if current is None or current.holder != taken.holder:
        raise BusyError(f"Another process has taken over syncing {taken.module} of {taken.platform}.")
    return current


def _save(services: Services, watermark: Watermark, *, expected: int | None = None) -> None:
    services.storage.save(Watermark.KIND, watermark.key, watermark.to_record(), expected=expected)
