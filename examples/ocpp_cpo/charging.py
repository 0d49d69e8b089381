"""Transactions of charge points become Sessions with a running cost, and in the end CDRs.

Both versions of OCPP come as an :class:`Event`. An event may come late, again, or after another process took the
earlier ones: everything that is known of a transaction is in the database.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from typing import Any

from sqlalchemy import select

from examples.ocpp_cpo import drivers
from examples.ocpp_cpo.drivers import Admission
from examples.ocpp_cpo.places import find_outlet
from examples.ocpp_cpo.tables import Outlet
from examples.ocpp_cpo.tables import Transaction
from examples.ocpp_cpo.tables import alone
from examples.ocpp_cpo.tables import db
from flask_ocpi import NotFoundError
from flask_ocpi import OCPIError
from flask_ocpi import current_ocpi
from flask_ocpi.pricing import Policy
from flask_ocpi.pricing import PricingError

log = logging.getLogger(__name__)

#: A bill is in whole cents; its parts are as exact as OCPI has them.
POLICY = Policy(rounding="total")
CURRENCY = "EUR"  # of sessions at a connector without a tariff, which are free


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading of the register of the energy that was delivered, in Wh."""

    moment: datetime
    wh: float


@dataclass(frozen=True, slots=True)
class Event:
    """What a charge point tells of a transaction.

    number: the id of the row, for later events of OCPP 1.6; otherwise ``reference`` finds or creates it, at the
    connector ``evse``, ``connector``. id_tag, type: the token, if one is told. offline: it comes late.
    """

    charge_point: str
    moment: datetime
    number: int | None = None
    reference: str = ""
    evse: int | None = None
    connector: int = 1
    id_tag: str | None = None
    type: str = "RFID"
    readings: Sequence[Reading] = ()
    ended: bool = False
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to an event. number: of the transaction; 0 if it cannot be stored. cost: so far, with VAT if known."""

    number: int
    admission: Admission | None = None
    cost: float | None = None


def handle(event: Event) -> Outcome:
    """Store an event, and tell partners what follows from it."""
    admission = _admission(event, _find(event))
    with alone(event.charge_point):
        transaction = _find(event) or _create(event)
        if transaction is None:
            return Outcome(0, admission)
        if admission is not None and admission.token is not None and transaction.session_id is None:
            _open_session(event, transaction, admission)
        cost = None if transaction.ended else _update(event, transaction)
        return Outcome(transaction.id, admission, cost)


def _find(event: Event) -> Transaction | None:
    known = {"id": event.number} if event.number is not None else {"reference": event.reference}
    return db.session.scalar(select(Transaction).filter_by(charge_point=event.charge_point, **known))


def _admission(event: Event, known: Transaction | None) -> Admission | None:
    """Answer about the token in an event; that of a transaction goes on to be what it was."""
    if event.id_tag is None:
        return None
    if known is not None and known.id_tag == event.id_tag:
        return Admission("ALLOWED" if known.session_id else "UNKNOWN")
    return drivers.admit(event.charge_point, event.id_tag, event.type, offline=event.offline)


def _create(event: Event) -> Transaction | None:
    outlet = None if event.evse is None else find_outlet(event.charge_point, event.evse, event.connector)
    if outlet is None:
        log.error("%s tells of a transaction that is not known, at no connector of ours: %s", event.charge_point, event)
        return None
    started = text_of(event.moment)
    transaction = Transaction(
        charge_point=event.charge_point,
        reference=event.reference,
        outlet_id=outlet.id,
        id_tag=event.id_tag,
        started=started,
        read_at=started,
    )
    db.session.add(transaction)
    db.session.flush()
    return transaction


def _open_session(event: Event, transaction: Transaction, admission: Admission) -> None:
    """Begin the Session that a token pays for."""
    outlet = db.session.get_one(Outlet, transaction.outlet_id)
    tariff = _tariff(outlet)
    party = current_ocpi.objects.parties()[0]
    moment = text_of(event.moment)
    if moment > transaction.started:  # the token came later than the cable: nothing before it is paid for
        transaction.started = transaction.read_at = moment
        transaction.first_wh = None if event.readings else transaction.last_wh
    transaction.id_tag = event.id_tag
    transaction.session_id = str(uuid.uuid4())
    transaction.tariff_id = tariff.get("id")
    session = {
        "country_code": party.country_code,
        "party_id": party.party_id,
        "id": transaction.session_id,
        "start_date_time": transaction.started,
        "kwh": 0,
        "cdr_token": admission.token,
        "auth_method": admission.auth_method,
        "location_id": outlet.location_id,
        "evse_uid": outlet.evse_uid,
        "connector_id": outlet.connector_id,
        "currency": tariff.get("currency", CURRENCY),
        "status": "ACTIVE",
        "last_updated": text_of(datetime.now(UTC)),
    }
    if admission.reference is not None:
        session["authorization_reference"] = admission.reference
    drivers.forget(event.charge_point, event.id_tag or "")
    current_ocpi.save("sessions", session)


def _tariff(outlet: Outlet) -> dict[str, Any]:
    """Return the tariff of a connector, or {}."""
    try:
        place = (outlet.location_id, outlet.evse_uid, outlet.connector_id)
        ids = current_ocpi.objects.get("locations", *place).get("tariff_ids", [])
        return current_ocpi.objects.get("tariffs", ids[0]) if ids else {}
    except NotFoundError as error:
        log.warning("A session is free: %s", error)
        return {}


def _update(event: Event, transaction: Transaction) -> float | None:
    """Add readings to a transaction, end it if the event does, and return the cost so far."""
    periods = _periods(transaction, event.readings)
    changes: dict[str, Any] = {"charging_periods": periods, "kwh": _kwh(transaction, transaction.last_wh)}
    if event.ended:
        transaction.ended = max(text_of(event.moment), transaction.read_at)
        changes |= {"status": "COMPLETED", "end_date_time": transaction.ended}
    if transaction.session_id is None or not (periods or event.ended):
        return None
    session: dict[str, Any] = current_ocpi.objects.get("sessions", transaction.session_id)
    known = session.get("charging_periods", [])
    if event.ended and not known and not periods:  # a CDR has one at least
        changes["charging_periods"] = [_period(transaction, transaction.started, {"TIME": 0})]
    # The price so far is that until the latest reading, which may come late.
    so_far = {**session, **changes, "last_updated": transaction.read_at}
    so_far["charging_periods"] = [*known, *changes["charging_periods"]]
    report = current_ocpi.pricing.cost_so_far(so_far, policy=POLICY)
    changes["total_cost"] = {side: float(amount) for side, amount in report.total_cost.to_dict().items()}
    session = current_ocpi.patch("sessions", transaction.session_id, changes=changes)
    if event.ended:
        _bill(session)
    return changes["total_cost"].get("incl_vat", changes["total_cost"]["excl_vat"])


def _bill(session: dict[str, Any]) -> None:
    try:
        current_ocpi.save("cdrs", current_ocpi.pricing.build_cdr(session, policy=POLICY))
    except (OCPIError, PricingError):  # the charge point cannot help it, so the session ends nevertheless
        log.exception("There is no CDR of the session %s.", session["id"])


def _periods(transaction: Transaction, readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """Make a ChargingPeriod of the time since the reading before it; while the meter stood still it is parking time."""
    periods = []
    for reading in sorted(readings, key=lambda reading: reading.moment):
        moment = text_of(reading.moment)
        if transaction.first_wh is None:
            transaction.first_wh = transaction.last_wh = reading.wh
        if moment <= transaction.read_at or reading.wh < (transaction.last_wh or 0):
            continue  # told already, or of a register that began anew
        energy = _kwh(transaction, reading.wh) - _kwh(transaction, transaction.last_wh)
        hours = _hours(transaction, moment) - _hours(transaction, transaction.read_at)
        volumes = {"ENERGY": energy, "TIME": hours} if energy > 0 else {"PARKING_TIME": hours}
        periods.append(_period(transaction, transaction.read_at, volumes))
        transaction.read_at, transaction.last_wh = moment, reading.wh
    return periods


def _period(transaction: Transaction, start: str, volumes: dict[str, float]) -> dict[str, Any]:
    dimensions = [{"type": type, "volume": round(volume, 4)} for type, volume in volumes.items()]
    period: dict[str, Any] = {"start_date_time": start, "dimensions": dimensions}
    return period | ({"tariff_id": transaction.tariff_id} if transaction.tariff_id else {})


# Volumes have four decimals. They are differences of rounded totals, so no error adds up over many periods.


def _kwh(transaction: Transaction, wh: float | None) -> float:
    return round(((wh or 0) - (transaction.first_wh or 0)) / 1000, 4)


def _hours(transaction: Transaction, moment: str) -> float:
    since = datetime.fromisoformat(moment) - datetime.fromisoformat(transaction.started)
    return round(since.total_seconds() / 3600, 4)


def text_of(moment: datetime) -> str:
    """Write a moment as OCPI does, with milliseconds, so that texts compare like moments."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def moment_of(text: str) -> datetime:
    """Read a timestamp of OCPP; one without a zone is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
