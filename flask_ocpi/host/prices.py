"""Prices: looks up tariff, location and time zone, own or a partner's, for the pricing engine."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from flask_ocpi.core.description import Document
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import to_micros
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.copies import Copies
from flask_ocpi.host.audits import Audited
from flask_ocpi.host.audits import Audits
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.pricing import Audit
from flask_ocpi.pricing import Charging
from flask_ocpi.pricing import LintFinding
from flask_ocpi.pricing import Parking
from flask_ocpi.pricing import Policy
from flask_ocpi.pricing import Report
from flask_ocpi.pricing import TimeZone
from flask_ocpi.pricing import build_cdr
from flask_ocpi.pricing import lint
from flask_ocpi.pricing import price
from flask_ocpi.pricing import quote
from flask_ocpi.pricing.evidence import part_of
from flask_ocpi.pricing.quotes import Phase
from flask_ocpi.pricing.report import digits
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import fold
from flask_ocpi.storage.base import walk

# The tariff types that a quote prefers, in this order, if a connector has several (None: for all sessions).
_TYPES = ("REGULAR", None)


@dataclass(frozen=True, slots=True)
class Linted:
    """A checked tariff: the document, its platform ("": an own tariff), and the mistakes."""

    document: Document
    source: str
    findings: tuple[LintFinding, ...]


class Prices:
    """Quotes, prices and audits with stored objects: ``ocpi.pricing``."""

    def __init__(self, services: Services, audits: Audits) -> None:
        self.services = services
        self.audits = audits

    def quote(
        self,
        location_id: str,
        evse_uid: str,
        connector_id: str,
        *,
        start: datetime | str,
        kwh: Any = 0,
        minutes: Any = 0,
        parking: Any = 0,
        phases: Sequence[Phase] = (),
        tariff_id: str | None = None,
        owner: Party | None = None,
        policy: Policy | None = None,
    ) -> Report:
        """Return the expected cost of a session at a connector, own or a partner's.

        ``minutes`` of charging with ``kwh``, then minutes of ``parking``; or ``phases`` for more. ``tariff_id`` chooses
        a tariff of the connector; by default the first one that is valid at ``start``, preferably a regular one. Raises
        NotFoundError if location, connector or tariff are unknown, and InvalidParametersError if several parties have
        such a location: name one with ``owner``.
        """
        location, party = self._location(location_id, owner)
        connector = _connector(location, evse_uid, connector_id)
        tariff = self._tariff_of(connector, party, tariff_id, start)
        if not phases:
            phases = [Charging(minutes=minutes, kwh=kwh), *([Parking(minutes=parking)] if parking else [])]
        return quote(tariff, start=start, phases=phases, time_zone=_zone(location), policy=policy)

    def price(
        self,
        document: Mapping[str, Any],
        tariffs: Sequence[Mapping[str, Any]] = (),
        *,
        time_zone: TimeZone | str | None = None,
        policy: Policy | None = None,
    ) -> Report:
        """Price a CDR or a Session by the given tariffs, or else by its own, or else by stored ones.

        Stored ones are those that its periods name, or that of its connector. The time zone is that of its location, if
        that is stored.
        """
        owner = _owner(document)
        location_id = part_of(document, "cdr_location").get("id", document.get("location_id"))
        location = self._find("locations", location_id, owner)
        if not tariffs and not document.get("tariffs"):
            tariffs = self._tariffs(document, owner, location)
        return price(document, tariffs, time_zone=time_zone or _zone(location or {}), policy=policy)

    def cost_so_far(self, session: Mapping[str, Any], *, policy: Policy | None = None) -> Report:
        """Price a Session, running or ended, by the tariffs of its periods, or else by that of its connector."""
        return self.price(session, policy=policy)

    def build_cdr(self, session: Mapping[str, Any], *, id: str | None = None, policy: Policy | None = None) -> Document:
        """Make the CDR of an ended Session, for :meth:`OCPI.save`; ``id`` defaults to that of the session.

        Raises NotFoundError if its location is unknown, PricingError if it cannot be priced.
        """
        owner = _owner(session)
        location = self._find("locations", session.get("location_id"), owner)
        if location is None:
            raise NotFoundError(f"There is no location {session.get('location_id')!a} of {owner} here.")
        cdr = build_cdr(
            session,
            location,
            self._tariffs(session, owner, location),
            id=id,
            last_updated=format_date_time(self.services.clock()),
            policy=policy,
        )
        document: Document = orjson.loads(orjson.dumps(cdr, default=digits))
        return document

    def audit(self, cdr: Mapping[str, Any]) -> Audit:
        """Check a CDR against its price, its session, location and token, and the other CDRs of the session.

        The result for a stored CDR is stored: see :meth:`result`.
        """
        document, owner = dict(cdr), _owner(cdr)
        key = self._stored(document, owner)
        if key is None:  # that which a CDR from its owner would have
            id, own = str(cdr.get("id")), self.services.parties
            receiver = () if owner in own else (own[0], Copies(self.services).source_of(owner))
            return self.audits.audit(Key.of(*owner, id, *receiver), document)
        return self.audits.audit_all([(key, document)])[0].audit

    def audit_all(self, *, platform: Platform | str | None = None, since: str | None = None) -> Iterator[Audited]:
        """Audit the stored CDRs of a partner, or all and own ones; store and yield the results one by one.

        since: only CDRs whose ``last_updated`` is at or after this time.
        """
        found = None if platform is None else self.services.platforms.find(platform)
        return self.audits.run(platform=found, since=None if since is None else to_micros(since))

    def result(self, cdr: Mapping[str, Any]) -> Document | None:
        """Return the result of the last audit of a stored CDR, or None."""
        key = self._stored(cdr, _owner(cdr))
        return None if key is None else self.audits.result(key)

    def unsettled(self, *, offset: int = 0, limit: int = 50) -> Sequence[Document]:
        """Return results of audits for review or in dispute that nobody has settled, the latest CDRs first."""
        return self.audits.stored(offset=offset, limit=limit)

    def settle(self, cdr: Mapping[str, Any], who: str) -> None:
        """Note that a person has dealt with the last audit of a stored CDR; raise NotFoundError if there is none."""
        owner = _owner(cdr)
        key = self._stored(cdr, owner)
        if key is None:
            raise NotFoundError(f"There is no CDR {cdr.get('id')!a} of {owner} here.")
        self.audits.settle(key, who)

    def lint_all(self, *, platform: Platform | str | None = None) -> Iterator[Linted]:
        """Find mistakes in the stored tariffs of a partner, or in all and own ones; yield them one by one."""
        found = None if platform is None else self.services.platforms.find(platform)
        for receiver in self.audits.receivers(found):
            connectors = self._connectors(receiver)
            for record in walk(self.services.storage, "tariffs", Query(receiver=receiver)):
                tariff = record.document
                key = (_owner(tariff), str(tariff["id"]).upper())
                offered = list(connectors.get(key, {}).values())
                yield Linted(tariff, receiver.partition(" ")[2], lint(tariff, connectors=offered))

    def _connectors(self, receiver: str) -> dict[tuple[Party, str], dict[Any, Document]]:
        """Return one connector of each kind for each tariff, from stored locations with the same receiver."""
        found: dict[tuple[Party, str], dict[Any, Document]] = {}
        for record in walk(self.services.storage, "locations", Query(receiver=receiver)):
            location = record.document
            for connector in (c for evse in location.get("evses", ()) for c in evse["connectors"]):
                kind = tuple(connector.get(name) for name in ("power_type", "max_voltage", "max_amperage"))
                for id in connector.get("tariff_ids", ()):
                    of_tariff = found.setdefault((_owner(location), id.upper()), {})
                    of_tariff.setdefault((*kind, connector.get("max_electric_power")), connector)
        return found

    def _stored(self, cdr: Mapping[str, Any], owner: Party) -> Key | None:
        found = self._look_up("cdrs", str(cdr["id"]), owner)
        return None if found is None else found[0]

    def _find(self, module: str, id: Any, owner: Party) -> Document | None:
        """Return an object of a party, own or a copy, or None."""
        found = self._look_up(module, id, owner) if isinstance(id, str) else None
        return None if found is None else found[1].document

    def _look_up(self, module: str, id: str, owner: Party) -> tuple[Key, Record] | None:
        if owner not in self.services.parties:
            with suppress(NotFoundError):
                return Copies(self.services).find(module, id, owner=owner)
            return None
        key = Key.of(*owner, id)
        record = self.services.storage.get(self.services.object_type(module).kind, key)
        return None if record is None else (key, record)

    def _location(self, id: str, owner: Party | None) -> tuple[Document, Party]:
        parties = self.services.parties if owner is None else (owner,)
        found = [(location, party) for party in parties if (location := self._find("locations", id, party))]
        if not found and owner is None:
            others = {party for platform in self.services.platforms.all() for party in platform.parties}
            found = [(location, party) for party in sorted(others) if (location := self._find("locations", id, party))]
        if not found:
            raise NotFoundError(
                f"There is no location {id!a} here; say with owner= whose it is, if it is behind a hub."
            )
        if len(found) > 1:
            listing = ", ".join(str(party) for _, party in found)
            raise InvalidParametersError(f"{listing} have a location {id!a}: say with owner= which of them is meant.")
        return found[0]

    def _tariff_of(
        self, connector: Mapping[str, Any], owner: Party, tariff_id: str | None, start: datetime | str
    ) -> Document:
        """Return the tariff of a connector that is valid at a moment, or the requested one."""
        ids = connector.get("tariff_ids", []) if tariff_id is None else [tariff_id]
        here = [tariff for id in ids if (tariff := self._find("tariffs", id, owner))]
        if not here:
            named = ", ".join(map(ascii, ids)) or "none"
            raise NotFoundError(f"There is no tariff for the connector {connector['id']!a}: it names {named}.")
        moment = to_micros(start if isinstance(start, str) else format_date_time(start))
        valid = [tariff for tariff in here if _is_valid(tariff, moment)] or here
        ranked = (tariff for type in _TYPES for tariff in valid if tariff.get("type") == type)
        return next(ranked, valid[0])

    def _tariffs(self, session: Mapping[str, Any], owner: Party, location: Document | None) -> list[Document]:
        """Return the known tariffs that the periods of a session name, or else the one of its connector."""
        ids = {
            p["tariff_id"].upper(): p["tariff_id"] for p in session.get("charging_periods", ()) if p.get("tariff_id")
        }
        if ids:
            return [tariff for id in ids.values() if (tariff := self._find("tariffs", id, owner))]
        place = {**session, **part_of(session, "cdr_location")}
        try:
            connector = _connector(location or {}, str(place.get("evse_uid")), str(place.get("connector_id")))
            return [self._tariff_of(connector, owner, None, session["start_date_time"])]
        except NotFoundError:
            return []


def _is_valid(tariff: Document, moment: int) -> bool:
    start, end = tariff.get("start_date_time"), tariff.get("end_date_time")
    return (start is None or to_micros(start) <= moment) and (end is None or moment < to_micros(end))


def _connector(location: Mapping[str, Any], evse_uid: str, connector_id: str) -> Document:
    evses = (evse for evse in location.get("evses", ()) if fold(str(evse["uid"])) == fold(evse_uid))
    for connector in (connector for evse in evses for connector in evse["connectors"]):
        if fold(str(connector["id"])) == fold(connector_id):
            return dict(connector)
    raise NotFoundError(
        f"The location has no connector {connector_id!a} at an EVSE {evse_uid!a}: use ids of the location."
    )


def _zone(location: Mapping[str, Any]) -> TimeZone | None:
    name = location.get("time_zone")
    return TimeZone(name, "location") if isinstance(name, str) else None


def _owner(document: Mapping[str, Any]) -> Party:
    try:
        return Party.of(document["country_code"], document["party_id"])
    except (KeyError, AttributeError):
        raise InvalidParametersError("country_code and party_id are needed: add the party whose it is.") from None
