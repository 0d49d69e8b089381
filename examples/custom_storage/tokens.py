"""A storage that serves OCPI tokens from the company's own models."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import Row
from sqlalchemy import Select
from sqlalchemy import and_
from sqlalchemy import case
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy.orm import Session

from examples.custom_storage.models import Card
from examples.custom_storage.models import Contract
from examples.custom_storage.own_table import OwnTable
from examples.custom_storage.own_table import filled
from examples.custom_storage.own_table import text
from flask_ocpi import Party

ISSUER = "Own Tables"
TYPES = {"chip": "RFID", "app": "APP_USER"}
KINDS = {type: kind for kind, type in TYPES.items()}
# When others ask us before somebody charges, by how much we trust whom we gave the card.
WHITELIST = {"known": "ALWAYS", "good": "ALLOWED", "new": "ALLOWED_OFFLINE", "prepaid": "NEVER"}

# A card is as new as its contract: both decide whether it is valid.
last_updated = case((Contract.changed > Card.changed, Contract.changed), else_=Card.changed)


class MyTokens(OwnTable):
    """Serves the charge cards and apps of the company's customers."""

    def rows(self) -> Select[Any]:
        # The order of creation: no page changes when a card does.
        columns = select(Card, Contract, last_updated.label("last_updated"))
        return columns.join_from(Card, Contract).order_by(Card.id)

    def last_updated(self) -> ColumnElement[datetime]:
        return last_updated

    def has_id(self, id: str) -> ColumnElement[bool]:
        # Two properties identify a Token: its uid and its type, with a line feed between them.
        uid, _, type = id.partition("\n")
        return and_(func.upper(Card.uid) == uid, Card.kind == KINDS.get(type, ""))

    def documents(self, session: Session, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        return [_token(self.party, row.Card, row.Contract, row.last_updated) for row in rows]


def _token(party: Party, card: Card, contract: Contract, changed: datetime) -> dict[str, Any]:
    return filled(
        {
            "country_code": party.country_code,
            "party_id": party.party_id,
            "uid": card.uid,
            "type": TYPES[card.kind],
            "contract_id": contract.number,
            "visual_number": card.printed,
            "issuer": ISSUER,
            "group_id": contract.fleet,
            "valid": contract.paid and not card.lost,
            "whitelist": WHITELIST[contract.trust],
            "language": contract.language,
            "last_updated": text(changed),
        }
    )
