"""Where charge points are, whether they are there, and the statuses that partners see of their EVSEs."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy import update

from examples.ocpp_cpo.tables import ChargePoint
from examples.ocpp_cpo.tables import Outlet
from examples.ocpp_cpo.tables import alone
from examples.ocpp_cpo.tables import db
from flask_ocpi import NotFoundError
from flask_ocpi import current_ocpi

log = logging.getLogger(__name__)

#: What the statuses of connectors in OCPP 1.6 and 2.0.1 are in OCPI.
STATUSES = {
    "Available": "AVAILABLE",
    "Preparing": "CHARGING",
    "Charging": "CHARGING",
    "SuspendedEV": "CHARGING",
    "SuspendedEVSE": "CHARGING",
    "Finishing": "CHARGING",
    "Occupied": "CHARGING",
    "Reserved": "RESERVED",
    "Unavailable": "INOPERATIVE",
    "Faulted": "OUTOFORDER",
}
# An EVSE serves one car at a time: the first of these that one of its connectors has is that of the EVSE.
FIRST = ("CHARGING", "RESERVED", "AVAILABLE", "INOPERATIVE", "OUTOFORDER", "UNKNOWN")


def outlets(charge_point: str) -> Sequence[Outlet]:
    """Return the connectors of a charge point."""
    return db.session.scalars(select(Outlet).filter_by(charge_point=charge_point).order_by(Outlet.id)).all()


def find_outlet(charge_point: str, evse: int, connector: int = 1) -> Outlet | None:
    """Return a connector by its numbers in OCPP, or None."""
    return db.session.scalar(select(Outlet).filter_by(charge_point=charge_point, evse=evse, connector=connector))


def heard(charge_point: str) -> None:
    """Note that a charge point has just sent something."""
    with alone(charge_point):
        pass


def report(charge_point: str, evse: int, connector: int, status: str) -> None:
    """Take a StatusNotification. ``evse`` 0 is the whole charge point, which can only be out of use as a whole."""
    told = STATUSES.get(status, "UNKNOWN")
    if evse == 0 and told not in ("INOPERATIVE", "OUTOFORDER"):
        return
    with alone(charge_point):
        for outlet in outlets(charge_point):
            if evse == 0 or (outlet.evse, outlet.connector) == (evse, connector):
                outlet.status = told
        publish(charge_point)


def connected(charge_point: str, connection: str) -> None:
    """Note the new websocket of a charge point; partners see again what it reported last."""
    with alone(charge_point):
        db.session.execute(update(ChargePoint).filter_by(id=charge_point).values(connection=connection, online=True))
        publish(charge_point)


def disconnected(charge_point: str, connection: str) -> None:
    """Note the end of a websocket, unless the charge point has a newer one. Partners see it when it stays away."""
    db.session.execute(update(ChargePoint).filter_by(id=charge_point, connection=connection).values(connection=None))
    db.session.commit()


def miss_silent(seconds: float) -> None:
    """Tell partners UNKNOWN for all charge points that have sent nothing for so long."""
    silent = ChargePoint.online & (ChargePoint.seen < time.time() - seconds)
    for charge_point in db.session.scalars(select(ChargePoint.id).where(silent)).all():
        db.session.rollback()
        missed = update(ChargePoint).where(ChargePoint.id == charge_point, silent)
        with current_ocpi.storage.join(db.session):
            if db.session.execute(missed.values(connection=None, online=False)).rowcount:  # no other process was faster
                log.warning("%s has been silent for %s seconds.", charge_point, seconds)
                publish(charge_point)
        db.session.commit()


def publish(charge_point: str) -> None:
    """Save the statuses of the EVSEs of a charge point that have changed; partners are told after the commit."""
    online = db.session.scalar(select(ChargePoint.online).filter_by(id=charge_point))
    for location_id, evse_uid in {(o.location_id, o.evse_uid): None for o in outlets(charge_point)}:
        of_evse = select(Outlet.status).filter_by(location_id=location_id, evse_uid=evse_uid)
        status = combined(db.session.scalars(of_evse)) if online else "UNKNOWN"
        try:
            if current_ocpi.objects.get("locations", location_id, evse_uid)["status"] != status:
                current_ocpi.patch("locations", location_id, evse_uid, changes={"status": status})
        except NotFoundError:
            log.warning("%s is at %s/%s, which is no EVSE of ours.", charge_point, location_id, evse_uid)


def combined(statuses: Iterable[str]) -> str:
    """Return the status of an EVSE with connectors in these."""
    return min(statuses, key=FIRST.index, default="UNKNOWN")
