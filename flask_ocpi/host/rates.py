"""How much is exchanged with partners, how much of it fails, and how long it takes: from contacts and the journal."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.journal import JOURNAL
from flask_ocpi.exchange.journal import REFERENCES
from flask_ocpi.exchange.journal import read_entry
from flask_ocpi.exchange.references import FAILED
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Party
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
        first = (last - number + 1) * _HOUR
        # An index finds the messages of a partner by time: those of all partners at once would be read one by one.
        known = [platform.id for platform in self._services.platforms.all()]
        senders = [id for id in ("", *known) if self._counted(JOURNAL, NOBODY, id, first, None)]
        found = []
        for begin in range(first, (last + 1) * _HOUR, _HOUR):
            total = sum(self._counted(JOURNAL, NOBODY, sender, begin, begin + _HOUR) for sender in senders)
            failed = self._counted(REFERENCES, Party(FAILED, ""), "", begin, begin + _HOUR)
            found.append(Rate(begin, total, failed))
        return found

    def _counted(self, kind: str, owner: Party, receiver: str, begin: int, end: int | None) -> int:
        query = Query(owners=(owner,), receiver=receiver, date_from=begin, date_to=end, limit=1)
        return self._services.storage.list(kind, query).total

    def latencies(self) -> Sequence[Latency]:
        """Return how long the latest messages took, by direction and module, the most frequent first."""
        durations: dict[tuple[str, str], list[float]] = {}
        failed: dict[tuple[str, str], int] = {}
        storage = self._services.storage
        offset = max(0, storage.list(JOURNAL, Query(limit=1)).total - MEASURED)
        for record in storage.list(JOURNAL, Query(offset=offset, limit=MEASURED)).records:
            message = read_entry(record).message
            group = message.direction.value, message.module or ""
            durations.setdefault(group, []).append(message.duration)
            failed[group] = failed.get(group, 0) + message.failed
        found = []
        for group, values in durations.items():
            values.sort()
            median, most = values[len(values) // 2], values[min(len(values) - 1, len(values) * 95 // 100)]
            found.append(Latency(*group, len(values), failed[group], median, most))
        return sorted(found, key=lambda latency: -latency.number)
