"""The journal: the messages exchanged with partners, for the host application and its operator."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

import orjson

from flask_ocpi.client.addresses import same_origin
from flask_ocpi.client.client import Client
from flask_ocpi.client.wire import Answer
from flask_ocpi.core.advice import there_are
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import moment_text
from flask_ocpi.core.moments import to_micros
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.exchange import journal
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.journal import Search
from flask_ocpi.exchange.journal_records import JOURNAL
from flask_ocpi.exchange.journal_records import Entry
from flask_ocpi.exchange.journal_records import Shelf
from flask_ocpi.exchange.journal_records import key_of
from flask_ocpi.exchange.journal_records import moment_of
from flask_ocpi.exchange.journal_records import number_in
from flask_ocpi.exchange.journal_records import shelf_of
from flask_ocpi.exchange.journal_writer import Writer
from flask_ocpi.exchange.messages import HIDDEN
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.references import Reference
from flask_ocpi.host.stories import OF_ONE_CHARGE
from flask_ocpi.host.stories import Beside
from flask_ocpi.host.stories import Causes
from flask_ocpi.host.stories import Story
from flask_ocpi.host.stories import events_of
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import UnknownPlatformError
from flask_ocpi.storage.base import Query

_POLL_SECONDS = 1.0
#: The kind of the story of a partner.
PARTNER = "partner"
_MOST_ABOUT = 200  # objects that belong to a story
#: The names of the message fields that lists leave out.
_PARTS = ("_headers", "_body", "_whole")
_NOT_AGAIN = "Only what we sent, and what is in the journal as it was sent, can be sent again."


class Journal:
    """Reads the journal and sends its messages again: ``ocpi.journal``. OCPI_JOURNAL selects the messages to keep."""

    def __init__(self, services: Services, writer: Writer, connect: Callable[[Platform], Client]) -> None:
        self.services = services
        self._writer = writer
        self._connect = connect

    def list(
        self,
        *,
        platform: Platform | str | None = None,
        correlation_id: str | None = None,
        since: str | None = None,
        failed: bool = False,
        limit: int = 50,
    ) -> Sequence[Entry]:
        """Return the latest messages, oldest first: of a partner, of a conversation, or only failed ones.

        since: a DateTime. platform: the partner; the id of a removed partner also works.
        """
        search = self._search(platform, correlation_id, since, failed=failed)
        return journal.latest(self.services.storage, search, limit)

    def follow(
        self,
        *,
        platform: Platform | str | None = None,
        correlation_id: str | None = None,
        since: str | None = None,
        failed: bool = False,
        limit: int = 50,
    ) -> Iterator[Sequence[Entry]]:
        """Yield the messages of :meth:`list`, then the new ones, about once a second, without end."""
        storage, search = self.services.storage, self._search(platform, correlation_id, since, failed=failed)
        place = journal.end(storage)
        found = journal.latest(storage, search, limit)
        place = place.behind(found)
        while True:
            yield found
            time.sleep(_POLL_SECONDS)
            found, place = journal.next_ones(storage, search, place)

    def find(self, number: int) -> Entry:
        """Return the message with a number; raise NotFoundError if the journal has no such message (any more)."""
        entry = journal.find(self.services.storage, number)
        if entry is None:
            raise NotFoundError(f"There is no message {number} in the journal. `flask ocpi journal` lists them.")
        return entry

    @property
    def kinds(self) -> tuple[str, ...]:
        """What :meth:`story` takes as ``kind``: classes of objects, and causes."""
        return (*self.services.traffic.references.kinds, PARTNER)

    def story(
        self,
        kind: str,
        id: str,
        *,
        platform: Platform | str | None = None,
        since: str | None = None,
        limit: int = 200,
    ) -> Story:
        """Return everything that happened about an object or a cause, oldest first.

        kind: one of :attr:`kinds`: a class of objects, such as "session" or "evse" (by its uid), "contract",
        "authorization_reference", "command" (the last segment of its response_url), "correlation", or "partner" (its
        id, name or party). platform: only messages with this partner. since: a DateTime. limit: the most messages
        about the object itself; further ones that belong to the same charge come in addition.
        Raises InvalidParametersError for an unknown kind, UnknownPlatformError for an unknown partner.
        """
        if kind == PARTNER:
            id = self._id_of(id)
            search = self._search(id, None, since, failed=False)
            entries = journal.latest(self.services.storage, search, limit + 1)
            about: Sequence[Reference] = ()
            has_more, entries = len(entries) > limit, entries[-limit:]
        else:
            if kind not in (kinds := self.kinds):
                raise InvalidParametersError(f"There are no stories of {kind!r}; {there_are(kinds, kind)}")
            start = Reference.of(kind, id)
            causes = Causes(self.services.storage, self._search(platform, None, since, failed=False), limit=limit)
            entries = causes.collect(start)
            about, has_more = causes.of_kind(*OF_ONE_CHARGE)[:_MOST_ABOUT], causes.has_more
        return self._told(kind, id, entries, about, has_more=has_more)

    def kinds_about(self, id: str) -> Sequence[str]:
        """Return the kinds with which there is a story of this id: kinds whose objects the messages name so."""
        storage, kinds = self.services.storage, self.services.traffic.references.kinds
        return [kind for kind in kinds if journal.about(storage, [Reference.of(kind, id)], limit=1)]

    def _told(
        self, kind: str, id: str, entries: Sequence[Entry], about: Sequence[Reference], *, has_more: bool
    ) -> Story:
        """Add to messages what else is known about their objects."""
        names = dict.fromkeys(entry.message.platform for entry in entries if entry.message.platform is not None)
        found = [platform for name in names if (platform := self.services.platforms.get(name)) is not None]
        beside = Beside(self.services, platforms=found or self.services.platforms.all())
        objects = [] if kind == PARTNER else dict.fromkeys((Reference.of(kind, id), *about))
        events = [*events_of(entries, self._can_be_sent_again), *beside.events(objects)]
        ordered = sorted(events, key=lambda event: (event.moment, event.kind != "message", event.id or 0))
        return Story(kind, id, tuple(ordered), tuple(about), has_more)

    def _can_be_sent_again(self, message: Message) -> bool:
        try:
            self.receiver_of(message)
        except InvalidParametersError:
            return False
        return True

    def replay(self, number: int) -> Answer:
        """Send a message again, with our current token and new message ids, and return the answer.

        Raises InvalidParametersError for messages of partners, and for messages that the journal does not keep whole.
        """
        message = self.find(number).message
        platform = self.receiver_of(message)
        headers = {name: value for name, value in message.request_headers.items() if name.upper().startswith("OCPI-")}
        return self._connect(platform).request(
            message.method,
            message.url,
            body=orjson.loads(message.request_body) if message.request_body else None,
            headers=headers,
            module=message.module,
            operation=message.operation,
        )

    def receiver_of(self, message: Message) -> Platform:
        """Return the partner to send a message to again; raise InvalidParametersError if it may not be sent."""
        if message.direction is Direction.IN:
            raise InvalidParametersError(f"Another platform sent this message. {_NOT_AGAIN}")
        if message.module == ModuleID.CREDENTIALS:
            raise InvalidParametersError("This message was about our registration: use register, rotate or unregister.")
        if not message.request_whole or HIDDEN in message.url:
            raise InvalidParametersError(f"The journal has only a part of this message. {_NOT_AGAIN}")
        platform = None if message.platform is None else self.services.platforms.get(message.platform)
        if platform is None:
            name = message.platform or "no id"
            raise InvalidParametersError(f"The platform that got this message is not known (any more): {name}.")
        urls = [platform.versions_url or "", *(str(endpoint["url"]) for endpoint in platform.endpoints)]
        if not any(same_origin(message.url, url) for url in urls):
            raise InvalidParametersError(
                f"{platform.id} has no endpoint at the server of this message any more: our token must not go there."
            )
        return platform

    @property
    def rates(self) -> Rates:
        """How many messages there are, how many fail, and how long they take: last_hour, hours, latencies."""
        return Rates(self.services)

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until every message is stored; False if that takes longer than ``timeout`` seconds."""
        return self._writer.flush(timeout)

    @property
    def lost(self) -> int:
        """The number of messages that this process could not store."""
        return self._writer.lost

    def _search(
        self, platform: Platform | str | None, correlation_id: str | None, since: str | None, *, failed: bool
    ) -> Search:
        return Search(
            platform=None if platform is None else self._id_of(platform),
            correlation_id=correlation_id,
            since=None if since is None else to_micros(since),
            failed=failed,
        )

    def _id_of(self, platform: Platform | str) -> str:
        """Return the id of a partner; the journal may still have messages of a removed partner."""
        if not isinstance(platform, str):
            return platform.id
        try:
            return self.services.platforms.find(platform).id
        except UnknownPlatformError:
            if journal.latest(self.services.storage, Search(platform=platform), 1):
                return platform
            raise


def time_of(message: Message) -> str:
    return moment_text(message.moment)


def to_dict(entry: Entry, *, whole: bool = False) -> dict[str, Any]:
    """Return a message as plain data; ``whole`` adds its headers and bodies."""
    message = entry.message
    document: dict[str, Any] = {"id": entry.number, "time": time_of(message), "failed": message.failed}
    for name in Message.__slots__:
        value = getattr(message, name)
        if name != "moment" and (whole or not name.endswith(_PARTS)):
            document[name] = value.decode() if isinstance(value, bytes) else value
    return document | {"http_status": message.http_status or None}


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
