"""Audits stored CDRs: looks up related objects and stores the results."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any

import orjson

from flask_ocpi.core import forks
from flask_ocpi.core.description import Document
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import to_micros
from flask_ocpi.errors import NotFoundError
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.copies import Copies
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.modules.cdrs import CDR_AUDITS
from flask_ocpi.modules.cdrs import SESSION_CDRS
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.pricing import Audit
from flask_ocpi.pricing import Evidence
from flask_ocpi.pricing import audit
from flask_ocpi.pricing.audits import tariff_keys_of
from flask_ocpi.pricing.evidence import part_of
from flask_ocpi.pricing.report import digits
from flask_ocpi.pricing.rules import RuleBook
from flask_ocpi.signals import cdr_audited
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import fold
from flask_ocpi.storage.base import latest_first
from flask_ocpi.storage.base import received
from flask_ocpi.storage.base import walk

_log = logging.getLogger("flask_ocpi.audits")

_AT_ONCE = 200
_LISTED = 50  # the longest list of CDRs of a session; CDRs beyond it count as later than those in it
#: The largest number of CDRs that wait for an audit in a process. `flask ocpi cdrs audit` audits the rest.
WAITING = 20_000
#: How many results a list of unsettled ones looks at, the latest ones.
LOOKED_AT = 20_000
_OPEN = ("review", "dispute")


@dataclass(frozen=True, slots=True)
class Audited:
    """An audited CDR: its key, the document, and the result."""

    key: Key
    document: Document
    audit: Audit

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data with the ids of the CDR; amounts are Decimals."""
        return {
            "country_code": self.document["country_code"],
            "party_id": self.document["party_id"],
            "cdr_id": self.document["id"],
            "platform": self.key.source or None,
            **self.audit.to_dict(),
        }

    def record(self, text: str, micros: int) -> Record:
        """Return the record that stores the result and the time of the audit."""
        return Record(orjson.dumps({**self.to_dict(), "audited": text}, default=digits), micros)


class Audits:
    """Audits stored CDRs, own and partners', and stores the results."""

    def __init__(self, services: Callable[[], Services], rules: RuleBook) -> None:
        self._of_app = services
        self._rules = rules
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._waiting: deque[Key] = deque()
        self._lock = threading.Lock()
        self._is_running = False

    @property
    def services(self) -> Services:
        return self._of_app()

    def run(self, *, platform: Platform | None = None, since: int | None = None) -> Iterator[Audited]:
        """Audit the CDRs of a partner, or own CDRs and those of all partners; store and yield the results one by one.

        since: only CDRs whose ``last_updated`` is at or after this time, in microseconds.
        """
        for receiver in self.receivers(platform):
            records = walk(self.services.storage, "cdrs", Query(receiver=receiver, date_from=since), page_size=_AT_ONCE)
            documents = (record.document for record in records)
            keyed = ((key, each) for each in documents if (key := _key(each, each["id"], receiver)) is not None)
            while batch := list(islice(keyed, _AT_ONCE)):
                yield from self.audit_all(batch)

    def audit_all(self, cdrs: Sequence[tuple[Key, Document]]) -> list[Audited]:
        """Audit stored CDRs, given with their keys, and store the results."""
        evidence = self._evidence(cdrs)
        audited = [
            Audited(key, cdr, self._audit(key, cdr, each)) for (key, cdr), each in zip(cdrs, evidence, strict=True)
        ]
        text = format_date_time(self.services.clock())
        micros = to_micros(text)
        self.services.storage.save_many(CDR_AUDITS, [(item.key, item.record(text, micros)) for item in audited])
        return audited

    def audit(self, key: Key, cdr: Document) -> Audit:
        """Audit one CDR, stored or not, with the related stored objects. The result is not stored."""
        return self._audit(key, cdr, self._evidence([(key, cdr)], kept=False)[0])

    def result(self, key: Key) -> Document | None:
        """Return the result of the last audit of a stored CDR, or None."""
        record = self.services.storage.get(CDR_AUDITS, key)
        return None if record is None else record.document

    def stored(self, *, offset: int = 0, limit: int = 50) -> Sequence[Document]:
        """Return results for review or in dispute that nobody has settled, the latest CDRs first.

        They are looked for among the latest ``LOOKED_AT`` results.
        """
        latest = islice(latest_first(self.services.storage, CDR_AUDITS), LOOKED_AT)
        results = (record.document for record in latest)
        unsettled = (each for each in results if each["verdict"] in _OPEN and "settled" not in each)
        return list(islice(unsettled, offset, offset + limit))

    def settle(self, key: Key, who: str) -> None:
        """Note that a person has dealt with the result of an audit; the next audit of the CDR is not settled."""
        storage, now = self.services.storage, format_date_time(self.services.clock())

        def note() -> None:
            record = storage.get(CDR_AUDITS, key, for_update=True)
            if record is None:
                raise NotFoundError(
                    f"The CDR {key.id!a} of {key.owner} was not audited yet: run `flask ocpi cdrs audit` first."
                )
            document = {**record.document, "settled": {"who": who, "time": now}}
            storage.save(CDR_AUDITS, key, replace(record, text=orjson.dumps(document)))

        storage.run(note)

    def arrived(self, app: object, *, module: str, key: Key, created: bool, **_: object) -> None:
        """Audit a received CDR in the background; a listener of ``object_received``."""
        if module != "cdrs" or not created:
            return
        forks.look_for_fork()
        with self._lock:
            if len(self._waiting) >= WAITING:
                _log.warning(
                    "The CDR %s is not audited: too many wait. `flask ocpi cdrs audit` does it.", ascii(key.id)
                )
                return
            self._waiting.append(key)
            if self._is_running:
                return
            self._is_running = True
        self.services.background(self._audit_waiting)

    def _audit_waiting(self) -> None:
        """Audit the received CDRs until none is left; an audit that fails is logged, and the others continue."""
        while True:
            with self._lock:
                keys = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
                self._is_running = bool(keys)
            if not keys:
                return
            try:
                self._audit_arrived(keys)
            except Exception:  # the host application may have its own storage
                _log.exception("%d CDRs could not be audited.", len(keys))

    def _audit_arrived(self, keys: Sequence[Key]) -> None:
        services = self.services
        records = services.storage.get_many("cdrs", keys)
        for item in self.audit_all([(key, records[key].document) for key in keys if key in records]):
            if item.audit.verdict == "dispute":
                first = next(finding for finding in item.audit.findings if finding.verdict == "dispute")
                services.findings.add(
                    Finding(
                        platform=item.key.source,
                        kind="cdr_disputed",
                        module="cdrs",
                        object=item.document["id"],
                        path=first.path,
                        came=first.message,
                        outcome=f"It was stored, and is in dispute: {first.id}.",
                    )
                )
            platform = services.platforms.get(item.key.source)
            services.emit(cdr_audited, key=item.key, document=item.document, audit=item.audit, platform=platform)

    def _audit(self, key: Key, cdr: Document, evidence: Evidence) -> Audit:
        return audit(cdr, rules=self._rules.rules_for(key.source, str(key.owner)), evidence=evidence)

    def receivers(self, platform: Platform | None) -> list[str]:
        """Return the values of :attr:`Key.receiver` for a partner's objects, or for all objects, own ones first."""
        parties = self.services.parties
        if platform is not None:
            return [received(party, platform.id) for party in parties]
        sources = [*(each.id for each in self.services.platforms.all()), ""]
        return ["", *(received(party, source) for source in sources for party in parties)]

    # Related objects.

    def _evidence(self, cdrs: Sequence[tuple[Key, Document]], *, kept: bool = True) -> list[Evidence]:
        """Look up the objects related to some CDRs, one kind at a time."""
        is_here = cache(self._is_here)

        def found(module: str, id_of: Callable[[Document], Any]) -> list[Document | None]:
            """Return the object of a module that each CDR names; None where the owner's objects may be missing."""
            return self._found(
                module,
                [
                    _key(cdr, id_of(cdr), key.receiver) if is_here(module, key.owner, key.receiver) else None
                    for key, cdr in cdrs
                ],
            )

        sessions = found("sessions", lambda cdr: cdr.get("session_id"))
        locations = found("locations", lambda cdr: part_of(cdr, "cdr_location").get("id"))
        originals = found("cdrs", lambda cdr: cdr.get("credit_reference_id") if cdr.get("credit") is True else None)
        tokens = self._found("tokens", [self._token_key(cdr) for _, cdr in cdrs])
        columns = (sessions, locations, tokens, self._tariffs(cdrs), originals, self._others(cdrs, kept=kept))
        return [Evidence(*row) for row in zip(*columns, strict=True)]

    def _is_here(self, module: str, owner: Party, receiver: str) -> bool:
        """Tell whether all objects of a party in a module should be stored here; a missing object is then unknown."""
        if not receiver:
            return self.services.keeps(module, owner)
        found = self.services.module(module)
        if found is not None and self.services.serves(found, InterfaceRole.RECEIVER):
            return True
        return self._has_some(module, owner, receiver)

    def _has_some(self, module: str, owner: Party, receiver: str) -> bool:
        return bool(self.services.storage.list(module, Query(owners=(owner,), receiver=receiver, limit=1)).records)

    def _found(self, kind: str, keys: Sequence[Key | None]) -> list[Document | None]:
        """Return the documents under some keys; {} where there is no document, None where there is no key."""
        wanted = {key for key in keys if key is not None}
        records = self.services.storage.get_many(kind, wanted)
        found = {key: records[key].document if key in records else self._elsewhere(kind, key) for key in wanted}
        return [None if key is None else found[key] for key in keys]

    def _elsewhere(self, kind: str, key: Key) -> Document:
        """Return a copy with another receiver than the CDR, such as another own party; {} where there is none."""
        with suppress(NotFoundError):
            return Copies(self.services).get(kind, key.id, owner=key.owner) if key.receiver else {}
        return {}

    def _tariffs(self, cdrs: Sequence[tuple[Key, Document]]) -> list[Mapping[str, Document] | None]:
        """Return the tariffs that the owners sent; None for a CDR whose owner sent no tariff."""
        ids = [sorted(tariff_keys_of(cdr)) for _, cdr in cdrs]
        wanted = [(place, id) for place, of_cdr in enumerate(ids) for id in of_cdr]
        documents = self._found("tariffs", [_key(cdrs[place][1], id, cdrs[place][0].receiver) for place, id in wanted])
        found: list[dict[str, Document]] = [{} for _ in cdrs]
        for (place, id), document in zip(wanted, documents, strict=True):
            if document:
                found[place][id] = document
        has_some = cache(self._has_some)
        return [
            of_cdr if of_cdr or has_some("tariffs", key.owner, key.receiver) else None
            for of_cdr, (key, _) in zip(found, cdrs, strict=True)
        ]

    def _others(self, cdrs: Sequence[tuple[Key, Document]], *, kept: bool) -> list[Sequence[str]]:
        """Return for each CDR the earlier CDRs of its session that are not credited.

        With ``kept``, the list of each session is stored, with the new CDRs added.
        """
        keys = [_key(cdr, cdr.get("session_id"), key.receiver) for key, cdr in cdrs]
        lists: dict[Key, list[list[str | None]]] = {}

        def gather() -> None:
            storage, wanted = self.services.storage, {key for key in keys if key is not None}
            records = storage.get_many(SESSION_CDRS, wanted, for_update=kept)
            changed: dict[Key, None] = {}
            lists.update({key: records[key].document["cdrs"] if key in records else [] for key in wanted})
            for key, (cdr_key, cdr) in zip(keys, cdrs, strict=True):
                if key is not None and len(lists[key]) < _LISTED and all(id != cdr_key.id for id, _ in lists[key]):
                    lists[key].append([cdr_key.id, _credited(cdr)])
                    changed[key] = None
            if kept and changed:
                storage.save_many(SESSION_CDRS, [(key, Record.of({"cdrs": lists[key]})) for key in changed])

        if kept:
            self.services.storage.run(gather)
        else:
            gather()
        return [
            () if key is None else _before(cdr_key.id, lists[key]) for key, (cdr_key, _) in zip(keys, cdrs, strict=True)
        ]

    def _token_key(self, cdr: Document) -> Key | None:
        """Return the key of the token; None where not all tokens of its party are stored here."""
        token = part_of(cdr, "cdr_token")
        if not {"country_code", "party_id", "uid", "type"} <= token.keys():
            return None
        party = Party.of(str(token["country_code"]), str(token["party_id"]))
        if not self.services.keeps("tokens", party):
            return None
        return Key.of(*party, self.services.object_type("tokens").id_of(token))


def _key(cdr: Document, id: Any, receiver: str) -> Key | None:
    """Return the key of a related object, with the CDR's owner and receiver; None where the CDR names none."""
    if not isinstance(id, str):
        return None
    return Key(fold(str(cdr["country_code"])), fold(str(cdr["party_id"])), fold(id), receiver)


def _credited(cdr: Document) -> str | None:
    """Return the id of the CDR that a credit CDR credits."""
    id = cdr.get("credit_reference_id")
    return fold(id) if cdr.get("credit") is True and isinstance(id, str) else None


def _before(id: str, listed: Sequence[Sequence[str | None]]) -> Sequence[str]:
    """Return the CDRs before the given one in the list of a session, without credit CDRs and credited CDRs."""
    taken_back = {credited for _, credited in listed if credited is not None}
    found = []
    for other, credited in listed:
        if other == id:
            break
        if credited is None and other is not None and other not in taken_back:
            found.append(other)
    return found
