"""Follows causes: from the messages about one object to all messages of the same charge."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange import journal
from flask_ocpi.exchange.journal import Search
from flask_ocpi.exchange.journal_records import Entry
from flask_ocpi.exchange.references import COMMAND
from flask_ocpi.exchange.references import CORRELATION
from flask_ocpi.exchange.references import REFERENCE
from flask_ocpi.exchange.references import Reference
from flask_ocpi.storage.base import Storage

#: What belongs to one charge only, so that all messages about it belong to the story.
OF_ONE_CHARGE = ("session", "cdr", REFERENCE, COMMAND)
#: What distinguishes two charges of the same token at the same place.
_DISTINCT = ("session", "cdr", REFERENCE)
#: Objects that many charges are about; nothing is followed from a tariff.
_FOLLOWED = (*OF_ONE_CHARGE, CORRELATION, "token", "contract", "evse", "location")
_MOST_FOLLOWED = 40
_MOST_FOUND = 2000  # messages: a partner may name any number of objects in what it sends
_AT_A_TIME = 200
_MOST_OBJECTS = 8  # whose messages may belong to a charge by their time
_BEFORE = 30 * 60 * SECOND
_CDR_WITHIN = 48 * 3600 * SECOND  # of the session that it does not name


class Causes:
    """Collects the messages of a story, at most ``limit`` about the object itself.

    From a session, its CDR, its authorization_reference and its commands all messages are followed. Messages that name
    none of these belong to a charge if they are about its token or its EVSE, at its time: from half an hour before its
    first message. A CDR that names no session, as in OCPI 2.1.1, belongs to the session of its token at its EVSE before
    it, if no other session and no other CDR came between.
    """

    def __init__(self, storage: Storage, search: Search, *, limit: int) -> None:
        self._storage = storage
        self._search = search
        self._limit = limit
        self._found: dict[int, Entry] = {}
        self._followed: set[Reference] = set()
        self.has_more = False

    def collect(self, start: Reference) -> list[Entry]:
        """Return the messages about an object or a cause, and those that belong to them, oldest first."""
        first = journal.about(self._storage, [start], self._search, limit=self._limit + 1)
        self.has_more = len(first) > self._limit
        self._add(first[-self._limit :])
        self._followed.add(start)
        if start.kind == "token":  # sessions and CDRs of OCPI 2.1.1 name only its contract
            contracts = self.of_kind("contract")
            self._add(self._about_those(contracts, 0, lambda entry: all(a.kind != "token" for a in entry.about)))
        if start.kind in _FOLLOWED:
            self._follow()
            if len(self.of_kind("session")) <= 1 and self.of_kind(*OF_ONE_CHARGE):
                self._add(self._counterpart())
                self._follow()
                self._add(self._at_its_time())
                self._follow()
        return sorted(self._found.values(), key=lambda entry: (entry.message.moment, entry.number))

    def of_kind(self, *kinds: str) -> list[Reference]:
        """Return the objects of some kinds that the messages are about, each once."""
        found = (about for entry in self._found.values() for about in entry.about if about.kind in kinds)
        return list(dict.fromkeys(found))

    def _add(self, entries: Iterable[Entry]) -> None:
        self._found.update((entry.number, entry) for entry in entries)

    def _follow(self) -> None:
        """Add the messages about everything that belongs to the charges found so far."""
        while len(self._followed) < _MOST_FOLLOWED:
            new = [each for each in self._links() if each not in self._followed]
            if not new:
                return
            new = new[: _MOST_FOLLOWED - len(self._followed)]
            self._followed.update(new)
            self._add(journal.about(self._storage, new, self._search, limit=_AT_A_TIME))
            if len(self._found) >= _MOST_FOUND:
                self.has_more = True
                return

    def _links(self) -> Iterator[Reference]:
        yield from self.of_kind(*OF_ONE_CHARGE)
        for entry in self._found.values():
            # A command keeps its correlation id where a hub passes it on.
            if entry.message.correlation_id and any(about.kind == COMMAND for about in entry.about):
                yield Reference.of(CORRELATION, entry.message.correlation_id)

    def _counterpart(self) -> list[Entry]:
        """Return the messages about the CDR of a session, or the session of a CDR, if neither names the other."""
        has_session, has_cdr = bool(self.of_kind("session")), bool(self.of_kind("cdr"))
        if has_session == has_cdr:
            return []
        known, wanted = ("session", "cdr") if has_session else ("cdr", "session")
        charge = [entry for entry in self._found.values() if any(about.kind == known for about in entry.about)]
        begins, own = min(entry.message.moment for entry in charge), set(self.of_kind(known))
        partners, places = {entry.message.platform for entry in charge}, set(self.of_kind("evse"))

        def is_near(entry: Entry) -> bool:
            kinds = {about.kind for about in entry.about}
            there = {about for about in entry.about if about.kind == "evse"}
            names_one = ("session" in kinds) != ("cdr" in kinds)
            return names_one and there <= places and entry.message.platform in partners

        since = begins if has_session else begins - _CDR_WITHIN
        near = self._about_those(self.of_kind("token", "contract"), since, is_near)
        near = sorted({entry.number: entry for entry in near}.values(), key=lambda entry: entry.message.moment)
        if not has_session:
            near = [entry for entry in reversed(near) if entry.message.moment <= begins]
        for entry in near:
            if abs(entry.message.moment - begins) > _CDR_WITHIN:
                break
            found = {about for about in entry.about if about.kind == wanted}
            if found:
                return [each for each in near if found & set(each.about)]
            if not own & set(entry.about):
                break
        return []

    def _at_its_time(self) -> list[Entry]:
        """Return the messages about the token, and about the EVSE, at the time of the charge."""
        charge = [entry for entry in self._found.values() if any(a.kind in OF_ONE_CHARGE for a in entry.about)]
        moments = [entry.message.moment for entry in charge]
        begins, ends = min(moments), max(moments)
        partners = {entry.message.platform for entry in charge}
        places = set(self.of_kind("evse")) or set(self.of_kind("location"))
        distinct = set(self.of_kind(*_DISTINCT))
        tokens, evses = self.of_kind("token", "contract")[:4], self.of_kind("evse")[:4]

        def is_of_token(entry: Entry) -> bool:
            others = {about for about in entry.about if about.kind in _DISTINCT}
            there = {about for about in entry.about if about.kind == "evse"}
            is_then = begins - _BEFORE <= entry.message.moment <= ends
            return is_then and others <= distinct and there <= places and any(each in entry.about for each in tokens)

        def is_of_evse(entry: Entry) -> bool:
            names_a_charge = any(about.kind in (*OF_ONE_CHARGE, "token") for about in entry.about)
            is_then = begins <= entry.message.moment <= ends
            is_there = any(each in entry.about for each in evses)
            return is_then and is_there and not names_a_charge and entry.message.platform in partners

        def belongs(entry: Entry) -> bool:
            return is_of_token(entry) or is_of_evse(entry)

        return self._about_those([*tokens, *evses], begins - _BEFORE, belongs)

    def _about_those(self, wanted: Sequence[Reference], since: int, belongs: Callable[[Entry], bool]) -> list[Entry]:
        """Return the messages about some objects that belong to the story, since a moment."""
        search = Search(platform=self._search.platform, since=max(since, self._search.since or 0))
        found = journal.about(self._storage, wanted[:_MOST_OBJECTS], search, limit=_AT_A_TIME)
        return list(filter(belongs, found))
