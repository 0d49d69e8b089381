"""Circuits: a platform that cannot be reached is left alone for a while, and then asked with one message."""

from __future__ import annotations

import random
from dataclasses import dataclass
from dataclasses import replace

from flask_ocpi.exchange.context import Services
from flask_ocpi.outbox.entries import NOBODY
from flask_ocpi.outbox.entries import now_micros
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record

CIRCUITS = "push_circuits"

_FIRST_PAUSE = 1.0  # seconds; it doubles with each failure
_LONGEST_RETRY_AFTER = 3600.0
_LEEWAY = 120.0  # seconds: marks are due some time after their circuit, and clocks differ
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Circuit:
    """A platform to which nothing is sent until ``due``, microseconds, because of an ``error``.

    Then one message tries; the first success closes the circuit for all. since: when it opened. asked: the seconds that
    the platform asked for.
    """

    platform: str
    failures: int
    since: int
    error: str
    due: int
    asked: float = 0.0

    @classmethod
    def from_record(cls, record: Record) -> Circuit:
        return cls(**record.document, due=record.last_updated)


def pause(attempts: int, longest: float) -> float:
    """Return how many seconds to wait after so many failures in a row: doubling, up to the longest, with jitter."""
    full: float = min(_FIRST_PAUSE * 2.0 ** min(attempts - 1, 30), longest)
    return full * random.uniform(0.5, 1.0)  # noqa: S311


def circuit_of(services: Services, platform: str) -> Circuit | None:
    """Return the open circuit of a platform, or None: it may be called."""
    record = services.storage.get(CIRCUITS, _key(platform))
    return None if record is None else Circuit.from_record(record)


def probe(services: Services, platform: str, *, seconds: float) -> bool:
    """Take the right to try with one message; False when it is too early, or somebody else tries."""
    now = now_micros(services)
    query = Query(owners=(NOBODY,), receiver=platform, date_to=now + 1, limit=1)
    until = now + int(seconds * _MICROS)
    return bool(services.storage.claim(CIRCUITS, query, until=until, key_of=lambda _: _key(platform)))


def open_circuit(
    services: Services, platform: str, error: str, *, probed: bool, retry_after: float | None = None
) -> Circuit:
    """Leave a platform alone for a while: longer with each failure, and at least as long as it asks for.

    ``probed``: it is the one who had the right to try that failed; what else was under way counts as one failure.
    """
    now = now_micros(services)
    with services.storage.transaction():
        record = services.storage.get(CIRCUITS, _key(platform), for_update=True)
        before = None if record is None else Circuit.from_record(record)
        if before is not None and not probed and before.due > now:
            return before
        failures = 1 if before is None else before.failures + 1
        asked = min(retry_after or 0.0, _LONGEST_RETRY_AFTER)
        seconds = max(pause(failures, services.settings.push_longest_pause), asked)
        since = now if before is None else before.since
        circuit = Circuit(platform, failures, since, error, now + int(seconds * _MICROS), asked)
        document = {
            "platform": platform,
            "failures": failures,
            "since": since,
            "error": error,
            "asked": asked,
        }
        services.storage.save(CIRCUITS, _key(platform), Record.of(document, last_updated=circuit.due))
    return circuit


def release(services: Services, platform: str) -> None:
    """Give the right to try back: nothing was found out."""
    with services.storage.transaction():
        record = services.storage.get(CIRCUITS, _key(platform), for_update=True)
        if record is not None:
            services.storage.save(CIRCUITS, _key(platform), replace(record, last_updated=now_micros(services)))


def latest_due(services: Services, platform: str, *, lease: float) -> int:
    """Return up to when marks of a platform may have to wait, in microseconds: later ones are of a clock put back.

    A circuit that is open for longer than it may be is made due now.
    """
    now = now_micros(services)
    margin = int((max(lease, services.settings.push_longest_pause) + _LEEWAY) * _MICROS)
    circuit = circuit_of(services, platform)
    if circuit is None:
        return now + margin
    if circuit.due > now + int(circuit.asked * _MICROS) + margin:
        release(services, platform)
        return now + margin
    return max(circuit.due, now) + margin


def close_circuit(services: Services, platform: str) -> bool:
    """Let messages through to a platform again; True when they were held back."""
    return services.storage.delete(CIRCUITS, _key(platform))


def _key(platform: str) -> Key:
    return Key("", "", "", platform)
