"""Contacts: when a partner and this platform last heard from each other, and how well that works."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from itertools import islice

from flask_ocpi.core import forks
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import to_micros
from flask_ocpi.exchange.write_behind import BATCH
from flask_ocpi.exchange.write_behind import WriteBehind
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import walk
from flask_ocpi.storage.stored import Stored

_SLICE = 300  # seconds: messages are counted in slices of this length
_SLICE_MICROS = _SLICE * SECOND
_HOUR = 3600
_SIDES = ("sender", "receiver")


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed exchange. direction: "IN", or "OUT" for a call of ours.

    http_status: 0 without an answer. status_code: OCPI's, None if the answer had none. moment: in microseconds.
    """

    direction: str
    operation: str
    http_status: int
    status_code: int | None
    moment: int = 0


@dataclass(frozen=True, slots=True)
class Contact(Stored):
    """The last contacts with a partner; moments are microseconds since 1970 UTC, None: never, as far as known.

    received: its last request. answered: its last answer to a request of ours. takes_token: whether its last answer
    that shows this accepted our token. uses: the last request to each of our interfaces, such as "locations SENDER";
    called: our last request to each of its interfaces. slices: by the start of each five minutes of the last hour, in
    seconds, the number of requests from it, to it, and of those that failed. failure: the last failed exchange. skew:
    by how much its clock is ahead of ours (negative: behind), at least, in milliseconds, by the ``timestamp`` of its
    last answer. ages: by the start of the same five minutes, the age in seconds of the oldest change that waited.
    """

    KIND = "contacts"

    platform: str
    received: int | None = None
    answered: int | None = None
    takes_token: bool | None = None
    uses: Mapping[str, int] = field(default_factory=dict)
    called: Mapping[str, int] = field(default_factory=dict)
    slices: Mapping[str, Sequence[int]] = field(default_factory=dict)
    failure: Failure | None = None
    skew: int | None = None
    ages: Mapping[str, int] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return Key("", "", "", self.platform)

    @property
    def last(self) -> int | None:
        """When the two platforms last heard from each other."""
        return _latest(self.received, self.answered)

    def last_hour(self, now: int) -> tuple[int, int, int, int]:
        """Return the numbers of the last hour: requests from it, requests to it, failed from it, failed to it."""
        first = now // SECOND - _HOUR
        recent = [counts for start, counts in self.slices.items() if int(start) > first]
        received, sent, failed_in, failed_out = (sum(counts[place] for counts in recent) for place in range(4))
        return received, sent, failed_in, failed_out

    def after(self, earlier: Contact | None) -> Contact:
        """Return the sum of these contacts and earlier ones, without what is older than an hour in ``slices``."""
        if earlier is None:
            return self
        slices = dict(earlier.slices)
        for start, counts in self.slices.items():
            known = slices.get(start, (0, 0, 0, 0))
            slices[start] = [a + b for a, b in zip(known, counts, strict=True)]
        ages = _latest_of_each(self.ages, earlier.ages)
        oldest = max(map(int, (*slices, *ages)), default=0) - _HOUR
        return replace(
            self,
            received=_latest(self.received, earlier.received),
            answered=_latest(self.answered, earlier.answered),
            takes_token=earlier.takes_token if self.takes_token is None else self.takes_token,
            uses=_latest_of_each(self.uses, earlier.uses),
            called=_latest_of_each(self.called, earlier.called),
            slices={start: counts for start, counts in slices.items() if int(start) > oldest},
            failure=self.failure or earlier.failure,
            skew=earlier.skew if self.skew is None else self.skew,
            ages={start: age for start, age in ages.items() if int(start) > oldest},
        )


@dataclass(slots=True)
class _Heard:
    """The contacts with a partner that are not written yet. answer: the last timestamp, with the times around it."""

    received: int | None = None
    answered: int | None = None
    takes_token: bool | None = None
    uses: dict[str, int] = field(default_factory=dict)
    called: dict[str, int] = field(default_factory=dict)
    slices: dict[int, list[int]] = field(default_factory=dict)
    failure: Failure | None = None
    answer: tuple[str, int, int] | None = None
    ages: dict[int, int] = field(default_factory=dict)

    def contact(self, platform: str) -> Contact:
        return Contact(
            platform,
            received=self.received,
            answered=self.answered,
            takes_token=self.takes_token,
            uses=self.uses,
            called=self.called,
            slices={str(start * _SLICE): counts for start, counts in self.slices.items()},
            failure=self.failure,
            skew=None if self.answer is None else skew_of(*self.answer),
            ages={str(start * _SLICE): age for start, age in self.ages.items()},
        )


class Contacts(WriteBehind[Contact]):
    """Notes each exchange with a known partner in memory; one record of each partner is written after 3 s.

    inline: there is no thread; readers, the end of a request each five minutes, and the end of the process write.
    """

    title = "list of contacts"
    noun = "contact"
    log = logging.getLogger("flask_ocpi")
    gather = 3.0
    #: Whether it is time to write, where there is no thread.
    is_due = False

    def received(self, platform: str, interface: str, moment: int, failure: Failure | None) -> None:
        """Note a request of a partner, and how our answer failed; does not access the storage.

        interface: as :func:`interface_of` names it. moment: when it began, in microseconds; 0: now.
        """
        now = moment or self._now()
        with self._lock:
            heard = self._waiting[platform]
            heard.received = now
            if interface:
                heard.uses[interface] = now
            counts = heard.slices.get(now // _SLICE_MICROS) or self._counted(heard, now)
            counts[0] += 1
            if failure is not None:
                counts[2] += 1
                heard.failure = replace(failure, moment=now)

    def sent(
        self,
        platform: str,
        module: str | None,
        operation: str | None,
        http_status: int,
        status_code: int | None,
        *,
        failed: bool,
        timestamp: str,
        seconds: float,
    ) -> None:
        """Note a request of ours, the answer, and how long that took; does not access the storage.

        http_status: 0 without an answer. timestamp: of the answer's envelope, "" if that cannot be read.
        """
        now = self._now()
        with self._lock:
            heard = self._waiting[platform]
            if http_status:
                heard.answered = now
            if not failed or http_status == 401:
                heard.takes_token = not failed
            if timestamp:
                heard.answer = (timestamp, now - int(seconds * SECOND), now)
            interface = interface_of(module, operation or "")
            if interface:
                heard.called[interface] = now
            counts = heard.slices.get(now // _SLICE_MICROS) or self._counted(heard, now)
            counts[1] += 1
            if failed:
                counts[3] += 1
                heard.failure = Failure("OUT", operation or "", http_status, status_code, now)

    def waited(self, platform: str, seconds: int) -> None:
        """Note the age of the oldest change that waits for a partner; does not access the storage."""
        now = self._now()
        with self._lock:
            heard = self._waiting[platform]
            start = now // _SLICE_MICROS
            heard.ages[start] = max(heard.ages.get(start, 0), seconds)
            if not self._inline:
                self._have_written(len(self._waiting))

    def of(self, platform: str) -> Contact:
        self.flush()
        record = self._storage.get(Contact.KIND, Contact(platform).key)
        return Contact(platform) if record is None else Contact.from_record(record)

    def all(self) -> Mapping[str, Contact]:
        self.flush()
        found = map(Contact.from_record, walk(self._storage, Contact.KIND, Query()))
        return {contact.platform: contact for contact in found}

    def _counted(self, heard: _Heard, now: int) -> list[int]:
        """Begin a slice, also the first one since the last time: see to it that all is written soon."""
        forks.look_for_fork()
        self.is_due = self._inline and bool(heard.slices)
        counts = heard.slices[now // _SLICE_MICROS] = [0, 0, 0, 0]
        if not self._inline:
            self._have_written(len(self._waiting))
        return counts

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._waiting: defaultdict[str, _Heard] = defaultdict(_Heard)

    def _take(self) -> Sequence[Contact]:
        with self._lock:
            self.is_due = False
            some = [*islice(self._waiting, BATCH)]
            return [self._waiting.pop(platform).contact(platform) for platform in sorted(some)]

    def _save(self, batch: Sequence[Contact]) -> None:
        def add_up() -> None:
            records = self._storage.get_many(Contact.KIND, [contact.key for contact in batch], for_update=True)
            known = {key: Contact.from_record(record) for key, record in records.items()}
            summed = [contact.after(known.get(contact.key)) for contact in batch]
            self._storage.save_many(Contact.KIND, [(contact.key, contact.to_record()) for contact in summed])

        self._storage.run(add_up)

    def _remove_old(self) -> None:
        """Remove nothing: there is one record for each partner."""

    def _lose(self, number: int, reason: str) -> None:
        self._lost += number
        self.log.info("The last contacts with %d partners could not be written: %s", number, reason)


def interface_of(module: str | None, operation: str) -> str:
    """Return the name of an interface in contacts, such as "locations SENDER"; "" for an operation without a side."""
    side = operation.split("_", 1)[0]
    return f"{module} {side.upper()}" if module is not None and side in _SIDES else ""


def skew_of(timestamp: str, sent: int, received: int) -> int | None:
    """Return by how much a clock is ahead of ours (negative: behind), at least, in milliseconds.

    timestamp: what it said at some time between two moments of ours, in microseconds; None if it cannot be read.
    """
    try:
        said = to_micros(timestamp)
    except ValueError:
        return None
    exact = 1000 if "." in timestamp else SECOND
    if said > received:
        return (said - received) // 1000
    return min(0, said + exact - sent) // 1000


def _latest(one: int | None, other: int | None) -> int | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def _latest_of_each(some: Mapping[str, int], others: Mapping[str, int]) -> dict[str, int]:
    return {name: max(some.get(name, 0), others.get(name, 0)) for name in {**others, **some}}
