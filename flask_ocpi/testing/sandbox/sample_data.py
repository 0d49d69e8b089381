"""A few objects to begin with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask_ocpi.core.setting_kinds import OwnParty
from flask_ocpi.testing.sandbox.locations import locations
from flask_ocpi.testing.sandbox.moments import text_of

Document = dict[str, Any]

LOCATIONS = 3


def sample_data(parties: Iterable[OwnParty], *, now: datetime, seed: int = 1) -> dict[str, list[Document]]:
    """Return objects of the parties by module: of CPOs locations and their tariffs, of eMSPs tokens.

    now: they are not newer. The same seed makes the same locations.
    """
    documents: dict[str, list[Document]] = {}
    for party in parties:
        owner = {"country_code": party.country_code, "party_id": party.party_id, "last_updated": text_of(now)}
        if "CPO" in party.roles:
            owned = {"country_code": party.country_code, "party_id": party.party_id}
            found = list(locations(**owned, count=LOCATIONS, seed=seed, now=now))
            documents.setdefault("locations", []).extend(found)
            documents.setdefault("tariffs", []).extend({**owner, **tariff} for tariff in _tariffs(found))
        if "EMSP" in party.roles:
            documents.setdefault("tokens", []).extend({**owner, **token} for token in _tokens(party))
    return documents


def _tariffs(found: list[Document]) -> list[Document]:
    """Price each tariff that the connectors name: energy and a fee, and time where it charges fast."""
    connectors = [c for location in found for evse in location.get("evses", []) for c in evse["connectors"]]
    ids = sorted({id for connector in connectors for id in connector.get("tariff_ids", [])})
    energy = {"type": "ENERGY", "price": 0.39, "vat": 21.0, "step_size": 1}
    fee = {"type": "FLAT", "price": 0.5, "vat": 21.0, "step_size": 1}
    return [{"id": id, "currency": "EUR", "elements": [{"price_components": [energy, fee]}]} for id in ids]


def _tokens(party: OwnParty) -> list[Document]:
    """Make a card for each whitelist policy, and one that is blocked."""
    contract = f"{party.country_code}-{party.party_id}-C0000000"
    cards = [("ALWAYS", True), ("ALLOWED", True), ("ALLOWED_OFFLINE", True), ("NEVER", True), ("ALLOWED", False)]
    return [
        {
            "uid": f"CARD{number}",
            "type": "RFID",
            "contract_id": f"{contract}{number}",
            "issuer": party.business_details["name"],
            "valid": valid,
            "whitelist": whitelist,
        }
        for number, (whitelist, valid) in enumerate(cards, start=1)
    ]
