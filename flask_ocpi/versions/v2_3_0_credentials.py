"""Credentials of OCPI 2.3.0: a hub names itself in a property of its own, and its roles are the parties behind it."""

from __future__ import annotations

from flask_ocpi.core.converting import Converter
from flask_ocpi.core.converting import Lose
from flask_ocpi.core.converting import Origin
from flask_ocpi.core.enums import Role
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.schema import Document
from flask_ocpi.modules import credentials
from flask_ocpi.partners.claims import party_of
from flask_ocpi.storage.base import Party


class Credentials(credentials.Credentials):
    """The token, URL and roles by which a platform can be called (OCPI 2.3.0, Credentials, "Credentials object")."""

    hub_party_id = CiString(
        min=5,
        max=5,
        pattern="[A-Za-z]{2}[A-Za-z0-9]{3}",
        pattern_hint="must be a country code and a party id, such as NLHUB",
        about="Country code and party id of the hub that this platform is.",
        example="NLHUB",
    )


def _to_store(document: Document, origin: Origin) -> Document:
    """Return Credentials in which the hub has a role, as in 2.2.1; its name is that of the same listed party, if any.

    So it is granted, or waits, like any other role.
    """
    hub = document.pop("hub_party_id", None)
    if hub is None:
        return document
    party = Party.of(hub[:2], hub[2:])
    details = next((r["business_details"] for r in document["roles"] if party_of(r) == party), {"name": hub})
    role = {"role": Role.HUB.value, "business_details": details, "country_code": hub[:2], "party_id": hub[2:]}
    return {**document, "roles": [role, *document["roles"]]}


def _from_store(document: Document, lose: Lose) -> Document:
    """Return Credentials that name the hub beside the roles. A role is required: a hub alone has OTHER."""
    hubs = [role for role in document["roles"] if role["role"] == Role.HUB]
    if not hubs:
        return document
    for index, role in enumerate(document["roles"]):
        if role in hubs[1:]:
            lose(f"/roles/{index}", "Credentials of OCPI 2.3.0 name one hub: it was left out.")
    others = [role for role in document["roles"] if role not in hubs]
    named = f"{hubs[0]['country_code']}{hubs[0]['party_id']}"
    roles = others or [{**role, "role": Role.OTHER.value} for role in hubs]
    return {**document, "hub_party_id": named, "roles": roles}


CONVERTER = Converter(_to_store, _from_store)
