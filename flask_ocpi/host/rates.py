"""How much is exchanged with partners, how much of it fails, and how long it takes: from contacts and the journal."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange import journal
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.journal_records import JOURNAL
from flask_ocpi.exchange.journal_records import Shelf
from flask_ocpi.exchange.journal_records import key_of
from flask_ocpi.exchange.journal_records import moment_of
from flask_ocpi.exchange.journal_records import number_in
from flask_ocpi.exchange.journal_records import shelf_of
from flask_ocpi.storage.base import Query

_HOUR = 3600 * SECOND
_SLICE = 300  # seconds, of contacts
#: How many of the latest messages latencies are taken from.
MEASURED = 1000


@dataclass(frozen=True, slots=True)
class Rate:
    """Messages of an interval. begin: microseconds since 1970 UTC."""

    begin: int
    total: int
    failed: int


@dataclass(frozen=True, slots=True)
class Latency:
    """How long messages of a module took, in seconds: the median, and the time in which 95 percent were answered."""

    direction: str
    module: str
    number: int
    failed: int
    median: float
    most: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Rates:
    """Numbers about messages: ``ocpi.journal.rates``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def last_hour(self) -> Sequence[Rate]:
        """Return the messages with all partners in the last hour, by five minutes; independent of OCPI_JOURNAL."""
        now = self._services.now() // SECOND
        last = now // _SLICE * _SLICE
        counted = {begin: [0, 0] for begin in range(last - 11 * _SLICE, last + 1, _SLICE)}
        for contact in self._services.traffic.contacts.all().values():
            for begin, (came, went, failed_in, failed_out) in contact.slices.items():
                if int(begin) in counted:
                    counted[int(begin)][0] += came + went
                    counted[int(begin)][1] += failed_in + failed_out
        return [Rate(begin * SECOND, total, failed) for begin, (total, failed) in counted.items()]

    def ages(self) -> Mapping[str, Sequence[int]]:
        """Return how old the oldest change that waited for a partner was, in seconds, in the last hour by five minutes.

        By the partner's id, the worst first; partners that nothing waited for are left out.
        """
        now = self._services.now() // SECOND
        begins = range(now // _SLICE * _SLICE - 11 * _SLICE, now + 1, _SLICE)
        contacts = self._services.traffic.contacts.all()
        found = {id: [contact.ages.get(str(begin), 0) for begin in begins] for id, contact in contacts.items()}
        return dict(sorted(((id, ages) for id, ages in found.items() if any(ages)), key=lambda item: -max(item[1])))

    def hours(self, number: int = 24) -> Sequence[Rate]:
        """Return the messages in the journal by hour, for the last ``number`` hours."""
        last = self._services.now() // _HOUR
        counted = {hour: [0, 0] for hour in range(last - number + 1, last + 1)}
        query = Query(date_from=(last - number + 1) * _HOUR)
        for key, _ in self._services.storage.keys(JOURNAL, query, key_of=key_of):
            slot = counted.get(moment_of(key) // _HOUR)
            if slot is not None:
                slot[0] += number_in(key)
                slot[1] += number_in(key) * (shelf_of(key) != Shelf.SUCCEEDED)
        return [Rate(hour * _HOUR, total, failed) for hour, (total, failed) in counted.items()]

    def latencies(self) -> Sequence[Latency]:
        """Return how long the latest messages took, by direction and module, the most frequent first."""
        durations: dict[tuple[str, str], list[float]] = {}
        failed: dict[tuple[str, str], int] = {}
        for entry in journal.latest(self._services.storage, journal.ANY, MEASURED):
            message = entry.message
            group = message.direction.value, message.module or ""
            durations.setdefault(group, []).append(message.duration)
            failed[group] = failed.get(group, 0) + message.failed
        found = []
        for group, values in durations.items():
            values.sort()
            median, most = values[len(values) // 2], values[min(len(values) - 1, len(values) * 95 // 100)]
            found.append(Latency(*group, len(values), failed[group], median, most))
        return sorted(found, key=lambda latency: -latency.number)
