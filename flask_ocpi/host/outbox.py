"""The outbox: which partners have not seen which changes of own objects, for the host application and its operator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange.context import Services
from flask_ocpi.outbox import circuits
from flask_ocpi.outbox import entries
from flask_ocpi.outbox.dispatcher import Dispatcher
from flask_ocpi.outbox.entries import OutboxEntry
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Party


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A change that a partner has not seen.

    party: whom at the partner it is for, None where a hub spreads it. owner, ids: the object. state: "waiting", or
    "parked" where the partner refused it. since_seconds: for how long it has not seen it. attempts, status_code, error:
    how often sending failed, and how it did the last time.
    """

    platform: str
    module: str
    owner: Party
    ids: tuple[str, ...]
    party: Party | None
    state: str
    since_seconds: int
    attempts: int
    status_code: int | None
    error: str
    entry: OutboxEntry = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        return {
            "module": self.module,
            "owner": str(self.owner),
            "ids": list(self.ids),
            "party": None if self.party is None else str(self.party),
            "state": self.state,
            "since_seconds": self.since_seconds,
            "attempts": self.attempts,
            "status_code": self.status_code,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a partner is behind.

    oldest_seconds: for how long it has not seen something that waits; None where nothing does. held_back_seconds: until
    it is tried again, None where it is not held back. error: why it is.
    """

    platform: str
    waiting: int
    parked: int
    oldest_seconds: int | None
    held_back_seconds: int | None
    error: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Outbox:
    """Shows, retries and discards what is to be pushed, and delivers it: ``ocpi.outbox``."""

    def __init__(self, services: Services, dispatcher: Dispatcher) -> None:
        self.services = services
        self.dispatcher = dispatcher

    def lags(self) -> tuple[Lag, ...]:
        """Return how far each partner is behind, of those that are."""
        return tuple(map(self._lag, entries.summary(self.services)))

    def list(self, platform: Platform | str, *, parked: bool | None = None) -> tuple[Undelivered, ...]:
        """Return what a partner has not seen, oldest first: all, or only what is (not) parked."""
        return tuple(map(self._entry, entries.of_platform(self.services, self._find(platform).id, parked=parked)))

    def retry(self, found: Iterable[Undelivered]) -> int:
        """Have entries sent again at once, also parked ones, and those held back; return how many."""
        number = 0
        platforms = set()
        for each in found:
            entries.retry(self.services, each.entry)
            platforms.add(each.platform)
            number += 1
        for platform in sorted(platforms):
            circuits.close_circuit(self.services, platform)
            self.dispatcher.wake((platform,))
        return number

    def discard(self, found: Iterable[Undelivered]) -> int:
        """Remove entries: their partners are not sent these changes; return how many were still there."""
        return sum(entries.remove(self.services, each.entry) for each in found)

    def flush(self) -> int:
        """Deliver what is due now, and run the jobs that are; return how many messages went out."""
        return self.dispatcher.deliveries.run_due()

    def stop(self, timeout: float = 5.0) -> bool:
        """End the threads that deliver in this process; True when all ended within ``timeout`` seconds."""
        return self.dispatcher.stop(timeout)

    def _find(self, platform: Platform | str) -> Platform:
        return self.services.platforms.find(platform) if isinstance(platform, str) else platform

    def _entry(self, entry: OutboxEntry) -> Undelivered:
        return Undelivered(
            platform=entry.platform,
            module=entry.module,
            owner=entry.owner,
            ids=entry.ids,
            party=entry.party,
            state="parked" if entry.is_parked else "waiting",
            since_seconds=self._age(entry.since),
            attempts=entry.attempts,
            status_code=entry.status_code,
            error=entry.error,
            entry=entry,
        )

    def _lag(self, summary: entries.Summary) -> Lag:
        circuit = circuits.circuit_of(self.services, summary.platform)
        return Lag(
            platform=summary.platform,
            waiting=summary.waiting,
            parked=summary.parked,
            oldest_seconds=None if summary.oldest is None else self._age(summary.oldest),
            held_back_seconds=None if circuit is None else max(0, -self._age(circuit.due)),
            error="" if circuit is None else circuit.error,
        )

    def _age(self, moment: int) -> int:
        """Return how many seconds ago a moment was, in microseconds."""
        return (self.services.now() - moment) // SECOND
