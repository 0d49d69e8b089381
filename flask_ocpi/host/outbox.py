"""The outbox: changes of own objects that partners have not received yet, for the host application and its operator."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from itertools import islice
from typing import Any

from flask_ocpi.core.moments import SECOND
from flask_ocpi.errors import NotFoundError
from flask_ocpi.exchange.context import Services
from flask_ocpi.outbox import circuits
from flask_ocpi.outbox import entries
from flask_ocpi.outbox.deliveries import Dispatcher
from flask_ocpi.outbox.entries import OutboxEntry
from flask_ocpi.outbox.processes import Process
from flask_ocpi.outbox.processes import processes
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A change that a partner has not received yet.

    party: the receiving party at the partner, None if a hub distributes it. owner, ids: the object. state: "waiting",
    or "parked" after the partner refused it. since_seconds: the age of the change. attempts, status_code, error: the
    number of failed attempts, and the last failure.
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

    @property
    def id(self) -> str:
        """Distinguishes the entries of a partner; the same as long as the entry exists."""
        return urlsafe_b64encode(self.entry.key.id.encode()).decode().rstrip("=")

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

    oldest_seconds: the age of the oldest waiting change, None without one. held_back_seconds: seconds until the next
    attempt, None if the partner is not held back. error: the reason.
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
    """Lists, retries, discards and delivers outbox entries: ``ocpi.outbox``."""

    def __init__(self, services: Services, dispatcher: Dispatcher) -> None:
        self.services = services
        self.dispatcher = dispatcher

    def lags(self) -> tuple[Lag, ...]:
        """Return how far each partner is behind; partners that are up to date are left out."""
        return tuple(map(self._lag, entries.summary(self.services)))

    def list(
        self, platform: Platform | str, *, parked: bool | None = None, offset: int = 0, limit: int | None = None
    ) -> tuple[Undelivered, ...]:
        """Return the outbox entries of a partner, oldest first: all, or only the (not) parked ones; or a page."""
        partner = self.services.platforms.find(platform)
        found = entries.of_platform(self.services, partner.id, parked=parked, offset=offset)
        return tuple(map(self._entry, islice(found, limit)))

    def find(self, platform: Platform | str, id: str) -> Undelivered:
        """Return an entry of a partner by its id; raise NotFoundError if there is none (any more)."""
        partner, record = self.services.platforms.find(platform), None
        with suppress(ValueError):
            key = Key("", "", urlsafe_b64decode(id + "=" * (-len(id) % 4)).decode(), partner.id)
            record = self.services.storage.get(OutboxEntry.KIND, key)
        if record is None:
            raise NotFoundError("The outbox has no such entry any more: it was delivered, or discarded.")
        return self._entry(OutboxEntry.from_record(record))

    def processes(self) -> Sequence[Process]:
        """Return the processes that looked for work within a day and did not end in order since."""
        return processes(self.services)

    def retry(self, found: Iterable[Undelivered]) -> int:
        """Send entries again at once, also parked ones and those held back; return their number."""
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
        """Remove entries, so that these changes are not sent; return how many still existed."""
        return sum(entries.remove(self.services, each.entry) for each in found)

    def flush(self) -> int:
        """Deliver the entries that are due, and run the jobs that are due; return the number of sent messages."""
        return self.dispatcher.deliveries.run_due()

    def stop(self, timeout: float = 5.0) -> bool:
        """End the delivery threads of this process; True if all ended within ``timeout`` seconds."""
        return self.dispatcher.stop(timeout)

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
        """Return the age in seconds of a moment in microseconds."""
        return (self.services.now() - moment) // SECOND
