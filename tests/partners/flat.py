"""A version whose handshake is that of OCPI 2.1.1, and whose objects are those of 2.2.1."""

from __future__ import annotations

from flask_ocpi.core.converting import Converter
from flask_ocpi.core.converting import Lose
from flask_ocpi.core.description import Dialect
from flask_ocpi.core.description import Document
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1
from flask_ocpi.versions.v2_2_1 import BusinessDetails
from flask_ocpi.versions.v2_2_1 import Credentials
from flask_ocpi.versions.v2_2_1 import Endpoint

_OF_A_PARTY = ("country_code", "party_id", "business_details")


class FlatEndpoint(Endpoint):
    """A module, without its side."""

    class Meta(Schema.Meta):
        exclude = ("role",)


class FlatCredentials(Credentials):
    """Of one party, without its role."""

    class Meta(Schema.Meta):
        exclude = ("roles",)

    rules = ()
    country_code = CiString(max=2, required=True, metadata={"description": "Of the party.", "example": "NL"})
    party_id = CiString(max=3, required=True, metadata={"description": "Of the party.", "example": "ABC"})
    business_details = Object(
        BusinessDetails, required=True, metadata={"description": "Of the party.", "example": {"name": "Abc"}}
    )


def _to_store(document: Document, origin: object) -> Document:
    role = {name: document.pop(name) for name in _OF_A_PARTY}
    return {**document, "roles": [role]}


def _from_store(document: Document, lose: Lose) -> Document:
    first = document.pop("roles")[0]
    return {**document, **{name: first[name] for name in _OF_A_PARTY}}


FLAT = V2_2_1.evolve(
    "2.1.1",
    dialect=Dialect(routing=False, token_encoding="plain", patch_has_last_updated=False),
    classes={Endpoint: FlatEndpoint, Credentials: FlatCredentials},
    converters={FlatCredentials: Converter(_to_store, _from_store)},
    drop=("hubclientinfo", "chargingprofiles"),
)
