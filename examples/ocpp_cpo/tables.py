"""The tables of the operator: charge points, what their numbers mean in OCPI, who may charge, orders, transactions.

They are in the database of the platform, so a row and the OCPI objects that follow from it are stored together.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON
from sqlalchemy import ForeignKey
from sqlalchemy import UniqueConstraint
from sqlalchemy import update
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from flask_ocpi import current_ocpi

db = SQLAlchemy()


class ChargePoint(db.Model):
    """A charge point. ``id`` is its identity in OCPP, and the user name of its password, which is stored as a hash.

    connection: names the websocket that it uses now, in whatever process; None without one. online: partners see its
    statuses; otherwise they see UNKNOWN. seen: the time of its last message, in seconds since 1970.
    """

    id: Mapped[str] = mapped_column(primary_key=True)
    password: Mapped[str]
    connection: Mapped[str | None]
    online: Mapped[bool] = mapped_column(default=False)
    seen: Mapped[float] = mapped_column(default=0.0)


class Outlet(db.Model):
    """A connector, by its numbers in OCPP and its ids in OCPI. OCPP 1.6 numbers them by ``evse`` alone."""

    __tablename__ = "charge_point_outlet"

    id: Mapped[int] = mapped_column(primary_key=True)
    charge_point: Mapped[str] = mapped_column(ForeignKey(ChargePoint.id), index=True)
    evse: Mapped[int]
    connector: Mapped[int] = mapped_column(default=1)
    location_id: Mapped[str]
    evse_uid: Mapped[str]
    connector_id: Mapped[str]
    status: Mapped[str] = mapped_column(default="UNKNOWN")
    __table_args__ = (UniqueConstraint("charge_point", "evse", "connector"),)


class Grant(db.Model):
    """A token that may start a transaction at a charge point, until ``expires``.

    id_tag: what the charge point calls the token. token: the CdrToken. reservation: our number of the reservation, and
    outlet_id what it is for.
    """

    __tablename__ = "charge_point_grant"

    id: Mapped[int] = mapped_column(primary_key=True)
    charge_point: Mapped[str] = mapped_column(ForeignKey(ChargePoint.id), index=True)
    id_tag: Mapped[str] = mapped_column(index=True)
    token: Mapped[dict[str, Any]] = mapped_column(JSON)
    auth_method: Mapped[str]
    reference: Mapped[str | None]
    group_id: Mapped[str | None]
    reservation: Mapped[int | None]
    outlet_id: Mapped[int | None] = mapped_column(ForeignKey(Outlet.id))
    expires: Mapped[float]


class Order(db.Model):
    """A command of a partner on its way to the process that has the websocket. ``id`` is that of its Reply."""

    __tablename__ = "charge_point_order"

    id: Mapped[str] = mapped_column(primary_key=True)
    charge_point: Mapped[str] = mapped_column(ForeignKey(ChargePoint.id), index=True)
    action: Mapped[str]
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON)
    expires: Mapped[float]
    taken: Mapped[bool] = mapped_column(default=False)


class Transaction(db.Model):
    """A transaction of a charge point.

    ``id`` is its number in OCPP 1.6; ``reference`` is its id in 2.0.1, and what tells a repeated start in 1.6.
    session_id: the OCPI Session; None while no token of a partner pays for it. first_wh, last_wh: the register at the
    first and the latest reading. read_at: the time of the latest reading; started, ended: OCPI's DateTimes as well.
    """

    __tablename__ = "charge_point_transaction"

    id: Mapped[int] = mapped_column(primary_key=True)
    charge_point: Mapped[str] = mapped_column(ForeignKey(ChargePoint.id))
    reference: Mapped[str]
    outlet_id: Mapped[int] = mapped_column(ForeignKey(Outlet.id), index=True)
    id_tag: Mapped[str | None]
    session_id: Mapped[str | None] = mapped_column(unique=True)
    tariff_id: Mapped[str | None]
    started: Mapped[str]
    read_at: Mapped[str]
    ended: Mapped[str | None]
    first_wh: Mapped[float | None]
    last_wh: Mapped[float | None]
    __table_args__ = (UniqueConstraint("charge_point", "reference"),)


def hashed(password: str) -> str:
    """Hash a password. We draw them, so nobody guesses one; and after a power cut all charge points come at once."""
    return hashlib.sha256(password.encode(errors="replace")).hexdigest()


@contextmanager
def alone(charge_point: str) -> Iterator[None]:
    """Run a block as a transaction that no other one of the same charge point runs beside, in any process.

    What this thread has read before is read anew. Never call a partner in the block. The objects of OCPI that are saved
    in it belong to the transaction.
    """
    db.session.rollback()
    with current_ocpi.storage.join(db.session):  # on SQLite this thread waits here until it may write
        db.session.execute(update(ChargePoint).where(ChargePoint.id == charge_point).values(seen=time.time()))
        yield
    db.session.commit()
