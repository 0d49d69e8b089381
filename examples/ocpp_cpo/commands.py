"""Commands of partners: orders to charge points, which the process with the websocket carries out.

The web process stores an order. Each central system takes the orders for the charge points that are connected to it;
an order whose time is over is carried out by nobody, because the partner was told TIMEOUT.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy import update

from examples.ocpp_cpo import drivers
from examples.ocpp_cpo.charging import moment_of
from examples.ocpp_cpo.tables import ChargePoint
from examples.ocpp_cpo.tables import Grant
from examples.ocpp_cpo.tables import Order
from examples.ocpp_cpo.tables import Outlet
from examples.ocpp_cpo.tables import Transaction
from examples.ocpp_cpo.tables import db
from flask_ocpi import OCPI
from flask_ocpi import Party
from flask_ocpi import Reply
from flask_ocpi import current_ocpi

LONGEST_TAG = 20  # in OCPP 1.6
OFFLINE = {"result": "REJECTED", "message": [{"language": "en", "text": "The charge point is offline."}]}

Answer = str | dict[str, Any]


def register(ocpi: OCPI) -> None:
    """Answer the commands of partners with the functions below."""
    ocpi.command("START_SESSION")(start_session)
    ocpi.command("STOP_SESSION")(stop_session)
    ocpi.command("UNLOCK_CONNECTOR")(unlock_connector)
    ocpi.command("RESERVE_NOW")(reserve_now)
    ocpi.command("CANCEL_RESERVATION")(cancel_reservation)


def start_session(command: dict[str, Any], reply: Reply) -> Answer:
    """Have a charge point start for a token. The token has an id of ours there, or that of a reservation."""
    candidates = _connected(command)
    granted = _reservation_of(command, candidates)
    reserved = [outlet for outlet in candidates if granted and outlet.id == granted.outlet_id]
    outlet = next(iter(reserved or _free(candidates)), None)
    if outlet is None:
        return reply.accept(lambda: "EVSE_OCCUPIED") if candidates else OFFLINE
    if granted is None:
        admission = drivers.by_command(command)
        granted = drivers.grant(outlet.charge_point, _new_tag(), admission, seconds=drivers.COMMAND_SECONDS)
        db.session.add(granted)
        db.session.flush()
    granted.reference = command.get("authorization_reference", granted.reference)
    arguments = {"id_tag": granted.id_tag, "evse": outlet.evse, "start": granted.id}
    return _order(reply, outlet.charge_point, "start", arguments)


def stop_session(command: dict[str, Any], reply: Reply) -> Answer:
    """Have a charge point stop a transaction. That the session is one of who asks has been checked."""
    of_session = func.upper(Transaction.session_id) == command["session_id"].upper()
    transaction = db.session.scalar(select(Transaction).where(of_session, Transaction.ended.is_(None)))
    if transaction is None:
        return "REJECTED"
    arguments = {"number": transaction.id, "reference": transaction.reference}
    return _order(reply, transaction.charge_point, "stop", arguments)


def unlock_connector(command: dict[str, Any], reply: Reply) -> Answer:
    """Have a charge point release a cable, unless it is that of another provider's driver."""
    outlet = next(iter(_connected(command)), None)
    if outlet is None:
        return OFFLINE
    running = select(Transaction).filter_by(outlet_id=outlet.id).where(Transaction.ended.is_(None))
    for transaction in db.session.scalars(running):
        token = transaction.session_id and current_ocpi.objects.get("sessions", transaction.session_id)["cdr_token"]
        if not token or Party.of(token["country_code"], token["party_id"]) not in reply.platform.parties:
            return "REJECTED"
    return _order(reply, outlet.charge_point, "unlock", {"evse": outlet.evse, "connector": outlet.connector})


def reserve_now(command: dict[str, Any], reply: Reply) -> Answer:
    """Have a charge point keep an EVSE for a token: for the card itself, or for an id of ours."""
    candidates = _connected(command)
    granted = db.session.scalars(select(Grant).filter_by(reservation=reply.reservation)).first()
    if granted is not None:
        candidates = [outlet for outlet in candidates if outlet.id == granted.outlet_id]
    outlet = next(iter(_free(candidates)), None)
    if outlet is None:
        return reply.accept(lambda: "EVSE_OCCUPIED") if candidates else OFFLINE
    if granted is None:
        uid, is_card = command["token"]["uid"], command["token"]["type"] == "RFID"
        tag = uid if is_card and len(uid) <= LONGEST_TAG else _new_tag()
        granted = drivers.grant(outlet.charge_point, tag, drivers.by_command(command), seconds=0)
        granted.reservation, granted.outlet_id = reply.reservation, outlet.id
        db.session.add(granted)
    granted.expires = moment_of(command["expiry_date"]).timestamp()
    arguments = {
        "reservation": granted.reservation,
        "until": command["expiry_date"],
        "id_tag": granted.id_tag,
        "is_card": granted.id_tag == granted.token["uid"],
        "evse": outlet.evse,
    }
    return _order(reply, outlet.charge_point, "reserve", arguments)


def cancel_reservation(command: dict[str, Any], reply: Reply) -> Answer:
    """Have a charge point give up a reservation. That it is one of who asks has been checked."""
    reserved = db.session.scalars(select(Grant).filter_by(reservation=reply.reservation)).first()
    if reserved is None:
        return reply.accept(lambda: "UNKNOWN_RESERVATION")
    charge_point = reserved.charge_point
    db.session.delete(reserved)
    return _order(reply, charge_point, "cancel", {"reservation": reply.reservation})


def _connected(command: dict[str, Any]) -> Sequence[Outlet]:
    """Return the connectors that a command may mean, at charge points that are connected."""
    wanted = select(Outlet).join(ChargePoint).where(ChargePoint.connection.is_not(None)).order_by(Outlet.id)
    for name in ("location_id", "evse_uid", "connector_id"):
        if name in command:
            wanted = wanted.where(func.upper(getattr(Outlet, name)) == command[name].upper())
    return db.session.scalars(wanted).all()


def _free(candidates: Sequence[Outlet]) -> list[Outlet]:
    """Leave out the connectors of EVSEs at which a transaction goes on."""
    running = select(Outlet.location_id, Outlet.evse_uid).join(Transaction).where(Transaction.ended.is_(None))
    busy = set(map(tuple, db.session.execute(running)))
    return [outlet for outlet in candidates if (outlet.location_id, outlet.evse_uid) not in busy]


def _reservation_of(command: dict[str, Any], candidates: Sequence[Outlet]) -> Grant | None:
    """Return what the token of a command has reserved at one of these."""
    token = drivers.cdr_token(command["token"])
    here = {outlet.charge_point for outlet in candidates}
    reserved = select(Grant).where(Grant.reservation.is_not(None), Grant.expires > time.time())
    return next((g for g in db.session.scalars(reserved.where(Grant.charge_point.in_(here))) if g.token == token), None)


def _new_tag() -> str:
    return secrets.token_hex(LONGEST_TAG // 2)


def _order(reply: Reply, charge_point: str, action: str, arguments: dict[str, Any]) -> Answer:
    """Store an order for the process with the websocket."""
    connection = db.session.scalar(select(ChargePoint.connection).filter_by(id=charge_point))
    if connection is None:
        db.session.rollback()
        return OFFLINE
    expires = time.time() + reply.timeout
    db.session.add(
        Order(id=reply.id, charge_point=charge_point, action=action, arguments=arguments, expires=expires, taken=False)
    )
    db.session.commit()
    return "ACCEPTED"


@dataclass(frozen=True, slots=True)
class Taken:
    """An order that this process carries out. connection: that of the charge point; seconds: until it is too late."""

    id: str
    connection: str
    action: str
    arguments: dict[str, Any]
    seconds: float


def take(connections: Collection[str]) -> list[Taken]:
    """Take the orders for charge points on these connections, each of them once in all processes."""
    now = time.time()
    here = select(ChargePoint.id).where(ChargePoint.connection.in_(connections))
    waiting = Order.taken.is_(False) & (Order.expires > now) & Order.charge_point.in_(here)
    found = db.session.scalars(select(Order.id).where(waiting)).all()
    db.session.rollback()
    if not found:
        return []
    columns = (Order.id, Order.charge_point, Order.action, Order.arguments, Order.expires)
    taking = update(Order).where(Order.id.in_(found), waiting).values(taken=True).returning(*columns)
    rows = db.session.execute(taking, execution_options={"synchronize_session": False}).all()
    current = dict(
        db.session.execute(
            select(ChargePoint.id, ChargePoint.connection).where(ChargePoint.connection.in_(connections))
        ).all()
    )
    db.session.commit()
    return [
        Taken(row.id, current[row.charge_point], row.action, row.arguments, row.expires - now)
        for row in rows
        if row.charge_point in current
    ]


def done(id: str, result: str) -> None:
    """Forget an order, and tell the partner its result."""
    db.session.execute(delete(Order).where((Order.id == id) | (Order.expires < time.time() - 3600)))
    db.session.commit()
    current_ocpi.finish(id, {"result": result})
