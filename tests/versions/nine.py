"""OCPI 9.9, a version that there is not: it differs from 2.2.1 in every way that the description knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_ocpi.core.converting import Converter
from flask_ocpi.core.converting import Lose
from flask_ocpi.core.converting import Origin
from flask_ocpi.core.converting import renamed
from flask_ocpi.core.description import Dialect
from flask_ocpi.core.description import Document
from flask_ocpi.core.enums import Role
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import String
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.modules.cdrs_schemas import CDR
from flask_ocpi.modules.commands_schemas import CommandResponse
from flask_ocpi.modules.commands_schemas import CommandResult
from flask_ocpi.modules.commands_schemas import StartSession
from flask_ocpi.modules.credentials import Credentials
from flask_ocpi.modules.locations_schemas import EVSE
from flask_ocpi.modules.locations_schemas import Connector
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.modules.sessions import Session
from flask_ocpi.modules.tokens import Token
from flask_ocpi.modules.types import BusinessDetails
from flask_ocpi.modules.types import DisplayText
from flask_ocpi.modules.types import Price
from flask_ocpi.modules.versions import Endpoint
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1


def example(text: Any) -> dict[str, Any]:
    return {"description": "As in 2.2.1, by another name.", "example": text}


class LocationOf99(Location):
    """``title`` is 2.2.1's ``name``; nothing says what kind of parking it is."""

    class Meta(Schema.Meta):
        exclude = ("name", "parking_type")

    title = String(max=255, metadata=example("Central Station"))


class EVSEOf99(EVSE):
    """``bay`` is 2.2.1's ``physical_reference``."""

    class Meta(Schema.Meta):
        exclude = ("physical_reference",)

    bay = String(max=16, metadata=example("P1"))


class ConnectorOf99(Connector):
    """It has at most one tariff."""

    class Meta(Schema.Meta):
        exclude = ("tariff_ids",)

    tariff_id = CiString(max=36, metadata=example("11"))


class PriceOf99(Price):
    """``net`` is 2.2.1's ``excl_vat``."""

    class Meta(Schema.Meta):
        exclude = ("excl_vat",)

    net = Number(required=True, metadata=example(10))


class SessionOf99(Session):
    """``started`` is 2.2.1's ``start_date_time``."""

    class Meta(Schema.Meta):
        exclude = ("start_date_time",)

    rules = ()
    started = DateTime(required=True, metadata=example("2024-05-31T10:00:00Z"))


class CDROf99(CDR):
    """``stopped`` is 2.2.1's ``end_date_time``; it has no owner, which is who sends it."""

    class Meta(Schema.Meta):
        exclude = ("end_date_time", "country_code", "party_id")

    rules = ()
    stopped = DateTime(required=True, metadata=example("2024-05-31T11:30:00Z"))


class TokenOf99(Token):
    """``contract`` is 2.2.1's ``contract_id``."""

    class Meta(Schema.Meta):
        exclude = ("contract_id",)

    contract = CiString(max=36, required=True, metadata=example("DE-EMS-C12E46L89"))


class StartSessionOf99(StartSession):
    """``place`` is 2.2.1's ``location_id``."""

    class Meta(Schema.Meta):
        exclude = ("location_id",)

    place = CiString(max=36, required=True, metadata=example("LOC1"))


class CommandResponseOf99(CommandResponse):
    """It does not say how long the result may take."""

    class Meta(Schema.Meta):
        exclude = ("timeout",)


class CommandResultOf99(CommandResult):
    """``texts`` are 2.2.1's ``message``."""

    class Meta(Schema.Meta):
        exclude = ("message",)

    texts = ListOf(Object(DisplayText), metadata=example([{"language": "en", "text": "Go."}]))


class EndpointOf99(Endpoint):
    """It does not say which side of the module it is."""

    class Meta(Schema.Meta):
        exclude = ("role",)


class CredentialsOf99(Credentials):
    """It tells one role, in properties of its own."""

    class Meta(Schema.Meta):
        exclude = ("roles",)

    rules = ()
    role = Enum(Role, required=True, metadata=example("CPO"))
    country_code = CiString(max=2, required=True, metadata=example("NL"))
    party_id = CiString(max=3, required=True, metadata=example("ABC"))
    business_details = Object(BusinessDetails, required=True, metadata=example({"name": "Abc"}))


_OF_A_ROLE = ("role", "country_code", "party_id", "business_details")


def credentials_to_store(document: Document, origin: Origin) -> Document:
    role = {name: document.pop(name) for name in _OF_A_ROLE}
    return {**document, "roles": [role]}


def credentials_from_store(document: Document, lose: Lose) -> Document:
    first, *others = document.pop("roles")
    for index, _ in enumerate(others, start=1):
        lose(f"/roles/{index}", "Credentials of OCPI 9.9 have one role.")
    return {**document, **first}


def connector_to_store(document: Document, origin: Origin) -> Document:
    tariff = document.pop("tariff_id", None)
    return document if tariff is None else {**document, "tariff_ids": [tariff]}


def connector_from_store(document: Document, lose: Lose) -> Document:
    tariffs: Sequence[str] = document.pop("tariff_ids", ())
    for index in range(1, len(tariffs)):
        lose(f"/tariff_ids/{index}", "OCPI 9.9 has one tariff a connector: it was left out.")
    return {**document, "tariff_id": tariffs[0]} if tariffs else document


def cdr_to_store(document: Document, origin: Origin) -> Document:
    country_code, party_id = origin.owner or ("", "")
    document["end_date_time"] = document.pop("stopped")
    return {"country_code": country_code, "party_id": party_id, **document}


def cdr_from_store(document: Document, lose: Lose) -> Document:
    document["stopped"] = document.pop("end_date_time")
    return {name: value for name, value in document.items() if name not in ("country_code", "party_id")}


V9_9 = V2_2_1.evolve(
    "9.9",
    dialect=Dialect(routing=False, token_encoding="plain", patch_has_last_updated=False),
    classes={
        Location: LocationOf99,
        EVSE: EVSEOf99,
        Connector: ConnectorOf99,
        Price: PriceOf99,
        Session: SessionOf99,
        CDR: CDROf99,
        Token: TokenOf99,
        StartSession: StartSessionOf99,
        CommandResponse: CommandResponseOf99,
        CommandResult: CommandResultOf99,
        Endpoint: EndpointOf99,
        Credentials: CredentialsOf99,
    },
    converters={
        LocationOf99: renamed(title="name"),
        EVSEOf99: renamed(bay="physical_reference"),
        ConnectorOf99: Converter(connector_to_store, connector_from_store),
        PriceOf99: renamed(net="excl_vat"),
        SessionOf99: renamed(started="start_date_time"),
        CDROf99: Converter(cdr_to_store, cdr_from_store),
        CredentialsOf99: Converter(credentials_to_store, credentials_from_store),
        TokenOf99: renamed(contract="contract_id"),
        StartSessionOf99: renamed(place="location_id"),
        CommandResultOf99: renamed(texts="message"),
    },
    drop=("hubclientinfo",),
)
