"""Circuits: sending backs off from an unreachable platform, and then tries one message."""

from __future__ import annotations

import random
from dataclasses import dataclass
from dataclasses import replace

from flask_ocpi.exchange.context import Services
from flask_ocpi.storage import leases
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.stored import Stored

_RANDOM = random.SystemRandom()  # the generator of the module is the host application's, which may seed it
_LONGEST_RETRY_AFTER = 3600.0  # seconds
_LEEWAY = 120.0  # seconds: entries are due some time after their circuit, and clocks differ


@dataclass(frozen=True, slots=True)
class Circuit(Stored):
    """A pause of sending to a platform until ``due``, microseconds, because of an ``error``.

    Then one message is tried; the first success closes the circuit. since: when it opened. asked: the seconds that the
    platform asked for.
    """

    KIND = "circuits"

    platform: str
    failures: int = 0
    since: int = 0
    error: str = ""
    asked: float = 0.0
    due: int = 0
    revision: int = 0

    @property
    def key(self) -> Key:
        return Key("", "", "", self.platform)


def pause(attempts: int, longest: float) -> float:
    """Return the seconds to back off after ``attempts`` failures in a row, with jitter."""
    return leases.pause(attempts, longest) * _RANDOM.uniform(0.5, 1.0)


def circuit_of(services: Services, platform: str) -> Circuit | None:
    """Return the open circuit of a platform; None: it may be called."""
    record = services.storage.get(Circuit.KIND, Circuit(platform).key)
    return None if record is None else Circuit.from_record(record)


def open_circuit(
    services: Services, platform: str, error: str, *, probed: bool, retry_after: float | None = None
) -> Circuit:
    """Back off from a platform: for longer with each failure, and at least for as long as it asks.

    ``probed``: the failure is that of the leased trial message; messages that were already under way count as one
    failure.
    """
    now = services.now()
    with services.storage.transaction():
        before = leases.locked(services.storage, Circuit(platform))
        if before is not None and not probed and before.due > now:
            return before
        known = before or Circuit(platform, since=now)
        asked = min(retry_after or 0.0, _LONGEST_RETRY_AFTER)
        seconds = max(pause(known.failures + 1, services.settings.push_max_backoff), asked)
        due = leases.after(now, seconds)
        circuit = replace(known, failures=known.failures + 1, error=error, due=due, asked=asked)
        services.storage.save(Circuit.KIND, circuit.key, circuit.to_record())
    return circuit


def release(services: Services, platform: str) -> None:
    """Release the right to try one message, without a result."""
    leases.change(services.storage, Circuit(platform), lambda circuit: replace(circuit, due=services.now()))


def latest_due(services: Services, platform: str, *, lease: float) -> int:
    """Return the latest possible ``due`` of a platform's entries, in microseconds: a later one means a clock put back.

    A circuit that is due later than possible is made due now.
    """
    now = services.now()
    margin = max(lease, services.settings.push_max_backoff) + _LEEWAY
    circuit = circuit_of(services, platform)
    if circuit is None:
        return leases.after(now, margin)
    if circuit.due > leases.after(now, circuit.asked + margin):
        release(services, platform)
        return leases.after(now, margin)
    return leases.after(max(circuit.due, now), margin)


def close_circuit(services: Services, platform: str) -> bool:
    """Stop backing off from a platform; return True if there was an open circuit."""
    return services.storage.delete(Circuit.KIND, Circuit(platform).key)
