"""The company's own models, made long before OCPI: contracts, and the cards and apps that customers charge with."""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta

from sqlalchemy import Engine
from sqlalchemy import ForeignKey
from sqlalchemy import String
from sqlalchemy import UniqueConstraint
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import Session
from sqlalchemy.orm import mapped_column


class Base(DeclarativeBase):
    """Base of the models."""


class Contract(Base):
    """A contract with a customer. ``changed`` is UTC without an offset, as so many tables have it."""

    __tablename__ = "contracts"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(36), unique=True)
    fleet: Mapped[str | None] = mapped_column(String(36))
    language: Mapped[str | None] = mapped_column(String(2))
    trust: Mapped[str] = mapped_column(String(10))
    paid: Mapped[bool]
    changed: Mapped[datetime]


class Card(Base):
    """A card with a chip, or an app. An app may have the number of the card that its owner had before."""

    __tablename__ = "cards"
    __table_args__ = (UniqueConstraint("uid", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    contract_id: Mapped[int] = mapped_column(ForeignKey("contracts.id"), index=True)
    uid: Mapped[str] = mapped_column(String(36))
    kind: Mapped[str] = mapped_column(String(4))
    printed: Mapped[str | None] = mapped_column(String(64))
    lost: Mapped[bool]
    changed: Mapped[datetime]


TRUST = ("good", "known", "new", "prepaid")
START = datetime(2026, 2, 1, 8)  # noqa: DTZ001 - as the column has it


def fill(engine: Engine, *, count: int = 20) -> None:
    """Create the tables, and put so many contracts with a card each into them, some with an app, if there are none."""
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        if session.scalar(select(func.count()).select_from(Contract)):
            return
        for number in range(1, count + 1):
            changed = START + timedelta(hours=number)
            contract = Contract(
                id=number,
                number=f"NLOWNC{number:08d}",
                fleet="FLEET-7" if number % 4 == 0 else None,
                language="nl" if number % 2 else None,
                trust=TRUST[number % len(TRUST)],
                paid=number % 10 != 0,
                changed=changed,
            )
            uid = f"04a1b2c3{number:04x}80"
            minute = changed + timedelta(minutes=1)
            chip = {"uid": uid, "kind": "chip", "printed": f"NL-OWN-{number:06d}", "lost": number % 7 == 0}
            session.add(contract)
            session.flush()
            session.add(Card(contract_id=number, changed=minute, **chip))
            if number % 5 == 0:
                app = {"uid": uid, "kind": "app", "lost": False}
                session.add(Card(contract_id=number, changed=minute + timedelta(minutes=1), **app))
            session.flush()
