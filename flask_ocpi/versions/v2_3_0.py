"""OCPI 2.3.0 (core, edition 2) by its differences from 2.2.1. Most of its additions are part of the stored shape."""

from __future__ import annotations

from decimal import Decimal

from flask_ocpi.core.converting import Converter
from flask_ocpi.core.converting import Lose
from flask_ocpi.core.converting import Origin
from flask_ocpi.core.enums import Role
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import example_of
from flask_ocpi.modules import cdrs_schemas
from flask_ocpi.modules import credentials
from flask_ocpi.modules import hubclientinfo
from flask_ocpi.modules import tariffs
from flask_ocpi.modules import types
from flask_ocpi.modules.bookings import MODULES as BOOKINGS
from flask_ocpi.modules.invoicereconciliation import MODULE as INVOICERECONCILIATION
from flask_ocpi.modules.payments import MODULES as PAYMENTS
from flask_ocpi.partners.claims import party_of
from flask_ocpi.storage.base import Party
from flask_ocpi.versions import stored
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1

#: Enums that have values beyond the known ones (OCPI 2.3.0, Types, "OpenEnum").
OPEN_ENUMS = (
    "Capability",
    "ConnectorCapability",
    "ConnectorType",
    "EnvironmentalImpactCategory",
    "Facility",
    "ImageCategory",
    "ParkingRestriction",
    "ParkingType",
    "TokenType",
    "VehicleType",
)

#: The name of the tax of a price without known taxes.
VAT = "VAT"


class Price(Schema):
    """An amount of money (OCPI 2.3.0, Types, "Price class")."""

    before_taxes = Number(required=True, about="Amount without taxes; negative in a credit CDR.", example=10.0)
    taxes = ListOf(Object(stored.TaxAmount), about="The taxes that apply, each with its amount.")


class PriceLimit(Schema):
    """The least or most that a session costs (OCPI 2.3.0, Tariffs, "PriceLimit class").

    Each side is a limit by itself.
    """

    before_taxes = Number(required=True, about="Limit without taxes.", example=10.0)
    after_taxes = Number(about="Limit with taxes.", example=12.1)


class PriceComponent(tariffs.PriceComponent):
    """The price of one dimension (OCPI 2.3.0, Tariffs, "PriceComponent class").

    A step_size of 0, as in the specification's example of a free tariff, means the same as 1.
    """

    price = Number(
        required=True,
        about="Price per kWh, per hour, or once; tax_included of the tariff tells whether it includes taxes.",
        example=0.25,
    )


class Tariff(stored.Tariff):
    """The prices of charging (OCPI 2.3.0, Tariffs, "Tariff Object").

    The first element in the list that prices a dimension and applies counts: keep the order.
    """

    min_price = Object(PriceLimit, about="Minimum cost of a session.", example={"before_taxes": 0.5})
    max_price = Object(PriceLimit, about="Maximum cost of a session.", example={"before_taxes": 10})
    tax_included = Enum(stored.TaxIncluded, required=True, about="Whether prices include taxes.", example="NO")


class CdrTariff(Tariff):
    """A Tariff in a CDR (OCPI 2.3.0, CDRs, "CDR Object"): that of the example there has no ``tax_included``."""

    tax_included = Enum(stored.TaxIncluded, about="Whether prices include taxes; absent if they do not.", example="NO")


class CDR(stored.CDR):
    """A charge detail record: the usage and the cost of a session (OCPI 2.3.0, CDRs, "CDR Object").

    Location, tariffs and token are those of the start of the session.
    """

    tariffs = ListOf(Object(CdrTariff), about="The tariffs that apply, complete.", example=[example_of(Tariff)])


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


class CredentialsRole(credentials.CredentialsRole):
    """A party of a platform in one of its roles (OCPI 2.3.0, Credentials, "CredentialsRole class")."""

    role = Enum(Role, without=(Role.HUB,), required=True, about="The role of the party.", example="CPO")


class ClientInfo(hubclientinfo.ClientInfo):
    """A party behind a Hub in one of its roles (OCPI 2.3.0, HubClientInfo, "ClientInfo Object")."""

    role = Enum(
        Role,
        without=(Role.HUB,),
        required=True,
        about="The role of the party; a party with two roles has two objects.",
        example="EMSP",
    )


def _credentials_to_store(document: Document, origin: Origin) -> Document:
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


def _credentials_from_store(document: Document, lose: Lose) -> Document:
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


def _price_to_store(price: Document, origin: Origin) -> Document:
    before, taxes = price.pop("before_taxes"), price.pop("taxes", None)
    others = {name: value for name, value in price.items() if name not in ("excl_vat", "incl_vat")}
    total = stored.with_taxes(before, taxes) if taxes else price.get("incl_vat")  # its name in 2.2.1, if it is sent
    made = {"excl_vat": before}
    if isinstance(total, int | float) and not isinstance(total, bool):
        made["incl_vat"] = total
    return {**made, **({"taxes": taxes} if taxes else {}), **others}


def _price_from_store(price: Document, lose: Lose) -> Document:
    """Return a price with its taxes; without known taxes, the difference of the two amounts becomes one."""
    before, total, taxes = price.pop("excl_vat"), price.pop("incl_vat", None), price.pop("taxes", None)
    made = {"before_taxes": before, **price}
    if taxes and (total is None or stored.with_taxes(before, taxes) == total):
        return {**made, "taxes": taxes}
    if total is None:
        return made
    amount = stored.number_of(Decimal(repr(total)) - Decimal(repr(before)))
    return {**made, "taxes": [{"name": VAT, "amount": amount}]}


def _limit_from_store(limit: Document, lose: Lose) -> Document:
    made = {"before_taxes": limit.pop("excl_vat")}
    if "incl_vat" in limit:
        made["after_taxes"] = limit.pop("incl_vat")
    if limit.pop("taxes", None):
        lose("/taxes", "A limit has no single taxes: they were left out.")
    return {**made, **limit}


def _limit_to_store(limit: Document, origin: Origin) -> Document:
    made = {"excl_vat": limit.pop("before_taxes")}
    if "after_taxes" in limit:
        made["incl_vat"] = limit.pop("after_taxes")
    return {**made, **{name: value for name, value in limit.items() if name not in ("excl_vat", "incl_vat", "taxes")}}


def _tariff_from_store(tariff: Document, lose: Lose) -> Document:
    """Return a tariff with ``tax_included``; prices of 2.2.1 do not include taxes."""
    return {"tax_included": stored.TaxIncluded.NO.value, **tariff}


VERSION = V2_2_1.with_module(INVOICERECONCILIATION, *PAYMENTS, *BOOKINGS).evolve(
    "2.3.0",
    classes={
        **stored.STORED,
        types.Price: Price,
        tariffs.PriceComponent: PriceComponent,
        tariffs.Tariff: Tariff,
        cdrs_schemas.CDR: CDR,
        credentials.Credentials: Credentials,
        credentials.CredentialsRole: CredentialsRole,
        hubclientinfo.ClientInfo: ClientInfo,
    },
    converters={
        Credentials: Converter(_credentials_to_store, _credentials_from_store),
        Price: Converter(_price_to_store, _price_from_store),
        PriceLimit: Converter(_limit_to_store, _limit_from_store),
        Tariff: Converter(from_store=_tariff_from_store),
        stored.TariffElement: Converter(),  # unlike 2.2.1, it has all that is stored
        stored.CdrDimension: Converter(),
        CdrTariff: Converter(from_store=_tariff_from_store),
    },
    enums=stored.ENUMS,
    open_enums=OPEN_ENUMS,
)
