"""Watermarks: up to where a list is read, when that was, and who is reading it right now."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from flask_ocpi.core.fields import format_date_time
from flask_ocpi.core.fields import to_micros
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.exchange.context import Services
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.sync.scopes import Scope

WATERMARKS = "sync_watermarks"
#: When nothing is due that is synced on demand only.
NEVER = 2**62

_KEPT = ("platform", "module", "moment", "endpoint", "completed", "reconciled", "failures", "error", "holder")
_MICROS = 1_000_000
_LEASE_MARGIN = 30.0  # seconds, to store a page
_FIRST_PAUSE = 60.0
_LEAST_LONGEST_PAUSE = 3600.0
_MOST_ASKED = 3600.0  # that a platform may ask for
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BusyError(FlaskOCPIError):
    """Another process syncs the same right now, or has taken over."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """How a scope stands; all moments are microseconds since 1970 UTC.

    moment: the newest ``last_updated`` that was read, by the other platform's clock, not in the future by ours; None
    before the first time.
    endpoint: the URL of the list that it was read from.
    completed: when everything up to it was stored; reconciled: the same, of the whole list. failures, error: how often
    syncing failed since then, and how the last time. holder: who syncs it now, "" for nobody. due: when it is to be
    synced again; while somebody does, when that is given up for dead.
    """

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
    due: int = 0
    revision: int = 0

    def to_record(self) -> Record:
        document: dict[str, Any] = {name: getattr(self, name) for name in _KEPT}
        return Record.of({**document, "receiver": list(self.receiver)}, last_updated=self.due)

    @classmethod
    def from_record(cls, record: Record) -> Watermark:
        document: dict[str, Any] = record.document
        receiver = Party(*document.pop("receiver"))
        return cls(**document, receiver=receiver, due=record.last_updated, revision=record.revision)


def now_micros(services: Services) -> int:
    """Return the time in microseconds, as exact as a DateTime."""
    return to_micros(format_date_time(services.clock()))


def date_time(micros: int) -> str:
    """Write a moment as an OCPI DateTime, rounded down to a second: not every platform reads fractions."""
    return f"{(_EPOCH + timedelta(seconds=max(0, micros) // _MICROS)).isoformat()[:19]}Z"


def get(services: Services, scope: Scope) -> Watermark:
    """Return how a scope stands; of one that was never synced, that."""
    record = services.storage.get(WATERMARKS, scope.key)
    return _new(scope) if record is None else Watermark.from_record(record)


def plan(services: Services, scope: Scope) -> None:
    """Note when a scope is due that has no time yet, or a later one than the interval says now."""
    record = services.storage.get(WATERMARKS, scope.key)
    known = _new(scope) if record is None else Watermark.from_record(record)
    due = next_slot(services, scope.name)
    if record is not None and (known.due <= due or known.holder or known.failures):
        return
    with suppress(ConflictError):  # somebody else planned or took it
        services.storage.save(WATERMARKS, scope.key, replace(known, due=due).to_record(), expected=known.revision)


def take(services: Services, scope: Scope) -> Watermark | None:
    """Take a scope to sync it: nobody else does until it is given back or not renewed in time. None: somebody does."""
    now = now_micros(services)
    try:
        with services.storage.transaction():
            record = services.storage.get(WATERMARKS, scope.key, for_update=True)
            known = _new(scope) if record is None else Watermark.from_record(record)
            if known.holder and known.due > now:
                return None
            taken = replace(known, holder=secrets.token_hex(8), due=now + _lease(services))
            expected = 0 if record is None else record.revision
            services.storage.save(WATERMARKS, scope.key, taken.to_record(), expected=expected)
    except ConflictError:
        return None
    return taken


def renew(services: Services, scope: Scope, taken: Watermark) -> None:
    """Keep what was taken for as long again, in the transaction that stores something of it.

    Raises BusyError when somebody else has it by now, so that nothing is stored.
    """
    current = _locked(services, scope, taken)
    renewed = replace(current, due=now_micros(services) + _lease(services))
    services.storage.save(WATERMARKS, scope.key, renewed.to_record())


def completed(
    services: Services, scope: Scope, taken: Watermark, *, moment: int | None, endpoint: str, whole: bool
) -> None:
    """Note that everything up to a moment is stored, and give the scope back; in a transaction."""
    current = _locked(services, scope, taken)
    now = now_micros(services)
    done = replace(
        current,
        moment=moment,
        endpoint=endpoint,
        completed=now,
        reconciled=now if whole else current.reconciled,
        failures=0,
        error="",
        holder="",
        due=next_slot(services, scope.name),
    )
    services.storage.save(WATERMARKS, scope.key, done.to_record())


def failed(services: Services, scope: Scope, taken: Watermark, error: str, *, retry_after: float | None = None) -> None:
    """Note that syncing failed, and give the scope back: it is tried again after a pause that grows.

    The pause is at least ``retry_after`` seconds. Nothing is noted when somebody else has the scope by now.
    """
    try:
        with services.storage.transaction():
            current = _locked(services, scope, taken)
            failures = current.failures + 1
            interval = services.settings.sync_interval
            longest = max(interval, _LEAST_LONGEST_PAUSE)
            pause = max(min(_FIRST_PAUSE * 2.0 ** min(failures - 1, 30), longest), min(retry_after or 0.0, _MOST_ASKED))
            due = now_micros(services) + int(pause * _MICROS) if interval else NEVER
            again = replace(current, failures=failures, error=error, holder="", due=due)
            services.storage.save(WATERMARKS, scope.key, again.to_record())
    except BusyError:
        return


def given_back(services: Services, scope: Scope, taken: Watermark) -> None:
    """Give back what was taken and not finished: it is due at once, and goes on where it was."""
    try:
        with services.storage.transaction():
            current = _locked(services, scope, taken)
            due = now_micros(services) if services.settings.sync_interval else NEVER
            services.storage.save(WATERMARKS, scope.key, replace(current, holder="", due=due).to_record())
    except BusyError:
        return


def next_slot(services: Services, name: str) -> int:
    """Return when a scope is due next: each has its own moment within the interval, always the same.

    So neither a restart nor the hour has all platforms asked at once (T-35).
    """
    interval = services.settings.sync_interval * _MICROS
    if not interval:
        return NEVER
    offset = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % interval
    now = now_micros(services)
    return now + interval - (now - offset) % interval


def _lease(services: Services) -> int:
    """Return how long one page may take, in microseconds: to be fetched, perhaps anew, and to be stored."""
    return int((2 * services.settings.http_timeout + _LEASE_MARGIN) * _MICROS)


def _locked(services: Services, scope: Scope, taken: Watermark) -> Watermark:
    record = services.storage.get(WATERMARKS, scope.key, for_update=True)
    current = None if record is None else Watermark.from_record(record)
    if current is None or current.holder != taken.holder:
        raise BusyError(f"Another process has taken over syncing {scope.module.id} of {scope.platform.id}.")
    return current


def _new(scope: Scope) -> Watermark:
    return Watermark(scope.platform.id, str(scope.module.id), scope.receiver, due=NEVER)
