"""The stored shape: the classes of OCPI 2.2.1 with the additions of other versions.

A class here takes the place of the one of 2.2.1 with its name. It only adds: optional properties, and values of enums.
Partners that speak 2.2.1 get none of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from decimal import ROUND_HALF_UP
from decimal import Decimal
from enum import StrEnum
from typing import Any

from flask_ocpi.core.converting import LeftOutError
from flask_ocpi.core.converting import Lose
from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import String
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import Violation
from flask_ocpi.modules import cdrs_schemas
from flask_ocpi.modules import enums
from flask_ocpi.modules import locations_schemas
from flask_ocpi.modules import tariffs
from flask_ocpi.modules import types
from flask_ocpi.modules.enums import EVSEPosition
from flask_ocpi.modules.enums import VehicleType


def of_values(enum: type[StrEnum], values: Iterable[str]) -> type[StrEnum]:
    """Return an enum with the name of another one and other values."""
    names = {member.value: member.name for member in enum}
    members = [(names.get(value, value), value) for value in values]
    made: Any = StrEnum(enum.__name__, members, module=__name__)  # type: ignore[misc]
    made.__doc__ = enum.__doc__
    found: type[StrEnum] = made
    return found


ConnectorType = of_values(enums.ConnectorType, (*enums.ConnectorType, "MCS", "SAE_J3400"))
ParkingRestriction = of_values(enums.ParkingRestriction, (*enums.ParkingRestriction, "EMPLOYEES", "TAXIS", "TENANTS"))
TokenType = of_values(enums.TokenType, (*enums.TokenType, "EMAID"))
CdrDimensionType = of_values(
    enums.CdrDimensionType, (*enums.CdrDimensionType, "RESERVATION_EXPIRES", "RESERVATION_OVERTIME")
)
#: The stored enum for each enum of 2.2.1 that it extends.
ENUMS: Mapping[type[StrEnum], type[StrEnum]] = {
    enums.ConnectorType: ConnectorType,
    enums.ParkingRestriction: ParkingRestriction,
    enums.TokenType: TokenType,
    enums.CdrDimensionType: CdrDimensionType,
}


class BookingRestrictionType(StrEnum):
    """The part of a booking that an element prices (OCPI 2.3.0 with bookings, Tariffs, "BookingRestrictionType")."""

    BOOKING = "BOOKING"
    BOOKING_EXPIRES = "BOOKING_EXPIRES"
    BOOKING_CANCELLATION_FEES = "BOOKING_CANCELLATION_FEES"
    BOOKING_OVERTIME = "BOOKING_OVERTIME"


class ConnectorCapability(StrEnum):
    """A capability of a connector (OCPI 2.3.0, Locations, "ConnectorCapability")."""

    ISO_15118_2_PLUG_AND_CHARGE = "ISO_15118_2_PLUG_AND_CHARGE"
    ISO_15118_20_PLUG_AND_CHARGE = "ISO_15118_20_PLUG_AND_CHARGE"


class ParkingDirection(StrEnum):
    """The direction in which vehicles park (OCPI 2.3.0, Locations, "ParkingDirection")."""

    PARALLEL = "PARALLEL"
    PERPENDICULAR = "PERPENDICULAR"
    ANGLE = "ANGLE"


class TaxIncluded(StrEnum):
    """Whether prices include taxes; N/A if there are none (OCPI 2.3.0, Tariffs, "TaxIncluded")."""

    YES = "YES"
    NO = "NO"
    NOT_APPLICABLE = "N/A"


def with_taxes(before: float, taxes: list[Document]) -> float | None:
    """Return an amount with its taxes, to four decimals; None if no JSON number holds it."""
    amounts = [Decimal(repr(before)), *(Decimal(repr(tax["amount"])) for tax in taxes)]
    return number_of(sum(amounts, Decimal(0)))


#: The loss in a version without ``tax_included``.
_GROSS = "The price includes taxes, at a rate that is not known: it was sent as it is."


def tariff_without_taxes(tariff: Document, lose: Lose) -> Document:
    """Return a tariff with prices without taxes, as versions before 2.3.0 have them."""
    if tariff.pop("tax_included", "NO") != "YES":
        return tariff
    elements = []
    for at, element in enumerate(tariff["elements"]):
        components = []
        for index, component in enumerate(element["price_components"]):
            price = _without_tax(component)
            if price is None:
                lose(f"/elements/{at}/price_components/{index}/price", _GROSS)
            components.append(component if price is None else {**component, "price": price})
        elements.append({**element, "price_components": components})
    return {**tariff, "elements": elements}


def _without_tax(component: Document) -> float | None:
    """Return the price of a PriceComponent without the VAT in it; None if the rate is not known."""
    price, vat = Decimal(repr(component["price"])), component.get("vat")
    if not price:
        return component["price"]  # type: ignore[no-any-return]
    if vat is None or vat <= -100:
        return None
    return number_of(price * 100 / (100 + Decimal(repr(vat))))


def number_of(amount: Decimal) -> float | None:
    """Return a decimal as a JSON number with at most four decimals; None if it is too large for one."""
    if abs(amount) >= 2**53:  # no float has decimals there
        return float(amount) if math.isfinite(float(amount)) else None
    if amount == amount.to_integral_value():
        return int(amount)
    return float(amount.quantize(Decimal("0.0001"), ROUND_HALF_UP))


def taxes_add_up(price: Document) -> Iterator[Violation]:
    """Demand that an amount with taxes is the sum of the amount without them and the taxes."""
    if "taxes" in price and "incl_vat" in price:
        total = with_taxes(price["excl_vat"], price["taxes"])
        if total is not None and total != price["incl_vat"]:
            yield "incl_vat", f"must be excl_vat with all taxes, which is {total}"


class TaxAmount(Schema):
    """A tax that is part of a price (OCPI 2.3.0, Types, "TaxAmount class")."""

    name = String(max=255, required=True, about="Name of the tax.", example="VAT")
    account_number = String(max=255, about="Tax number of the business that pays the tax.", example="NL001234567B01")
    percentage = Number(about="Rate in percent.", example=21)
    amount = Number(required=True, about="Amount of the tax.", example=2.1)


class Price(types.Price):
    """An amount of money (OCPI 2.2.1, Types, "Price class", with the taxes of 2.3.0).

    ``incl_vat`` is ``excl_vat`` with all ``taxes``.
    """

    rules = (taxes_add_up,)

    taxes = ListOf(Object(TaxAmount), about="The taxes, each with its amount.")


class Parking(Schema):
    """A parking place, or several that are alike (OCPI 2.3.0, Locations, "Parking class")."""

    id = CiString(max=36, required=True, about="Id of the parking place, unique in the Location.", example="P1")
    physical_reference = String(max=12, about="Number or text at the parking place.", example="12")
    vehicle_types = ListOf(
        Enum(VehicleType), required=True, about="Types of vehicles that may park there.", example=["PERSONAL_VEHICLE"]
    )
    max_vehicle_weight = Number(about="Maximum weight of a vehicle, in kg.", example=3500)
    max_vehicle_height = Number(about="Maximum height of a vehicle, in cm.", example=210)
    max_vehicle_length = Number(about="Maximum length of a vehicle, in cm.", example=600)
    max_vehicle_width = Number(about="Maximum width of a vehicle, in cm.", example=220)
    parking_space_length = Number(about="Length of the parking place, in cm.", example=500)
    parking_space_width = Number(about="Width of the parking place, in cm.", example=250)
    dangerous_goods_allowed = Boolean(about="Whether vehicles with dangerous goods may park.", example=False)
    direction = Enum(ParkingDirection, about="Direction in which vehicles stand.", example="PARALLEL")
    drive_through = Boolean(about="Whether vehicles can leave it forwards.", example=True)
    restricted_to_type = Boolean(required=True, about="Whether vehicles of other types must not park.", example=False)
    reservation_required = Boolean(required=True, about="Whether parking needs a reservation.", example=False)
    time_limit = Number(about="Maximum parking time, in minutes.", example=240)
    roofed = Boolean(about="Whether it has a roof.", example=True)
    images = ListOf(Object(types.Image), about="Images of the parking place.")
    lighting = Boolean(about="Whether the parking place is lit.", example=True)
    refrigeration_outlet = Boolean(about="Whether there is power for refrigerated goods.", example=False)
    standards = ListOf(CiString(max=36), about="Standards that the parking place meets.", example=["PAS 1899"])
    apds_reference = CiString(
        max=255, about="Id of the parking place in data of the Alliance for Parking Data Standards.", example="A1"
    )


class EVSEParking(Schema):
    """A parking place at an EVSE (OCPI 2.3.0, Locations, "EVSEParking class")."""

    parking_id = CiString(max=36, required=True, about="Id of a parking place in the same Location.", example="P1")
    evse_position = Enum(EVSEPosition, about="Position of the EVSE at the parking place.", example="LEFT")


class Connector(locations_schemas.Connector):
    """A socket or cable of an EVSE (OCPI 2.2.1, Locations, "Connector Object", extended by 2.3.0)."""

    capabilities = ListOf(
        Enum(ConnectorCapability), about="Capabilities of the connector.", example=["ISO_15118_2_PLUG_AND_CHARGE"]
    )


class EVSE(locations_schemas.EVSE):
    """A charger for one vehicle at a time (OCPI 2.2.1, Locations, "EVSE Object", extended by 2.3.0)."""

    parking = ListOf(Object(EVSEParking), about="Parking places of the EVSE.")
    accepted_service_providers = ListOf(
        String(max=50), about="The eMSPs whose contracts are accepted.", example=["Example Provider"]
    )


class Location(locations_schemas.Location):
    """A place with EVSEs (OCPI 2.2.1, Locations, "Location Object", extended by 2.3.0)."""

    parking_places = ListOf(Object(Parking), max=5000, unique="id", about="Parking places of the EVSEs.")
    help_phone = CiString(max=25, about="Telephone number of the help line for drivers.", example="+31201234567")


class TariffRestrictions(tariffs.TariffRestrictions):
    """The conditions of an element (OCPI 2.2.1, Tariffs, "TariffRestrictions class", extended by bookings)."""

    booking = Enum(
        BookingRestrictionType, about="Applies to a booking, which only FLAT and TIME can price.", example="BOOKING"
    )


def bookings_cost_fees_and_time(element: Document) -> Iterator[Violation]:
    """Refuse prices for energy and parking in an element for bookings."""
    if "booking" in element.get("restrictions", {}):
        for index, component in enumerate(element["price_components"]):
            if component["type"] not in ("FLAT", "TIME"):
                yield f"price_components[{index}].type", "must be FLAT or TIME where booking is restricted"


def element_of_sessions(element: Document, lose: Lose) -> Document:
    """Raise LeftOutError for an element for bookings: without its restriction it would apply to all sessions."""
    if "booking" in element.get("restrictions", {}):
        raise LeftOutError("This version has no prices of bookings: the element was left out.")
    return element


def dimension_of_2_2_1(dimension: Document, lose: Lose) -> Document:
    """Rename the time of an unused reservation to its name in 2.2.1; leave the other reservation time out."""
    if dimension["type"] == "RESERVATION_EXPIRES":
        dimension["type"] = "RESERVATION_TIME"
    return dimension


class TariffElement(tariffs.TariffElement):
    """Prices that apply under the same conditions (OCPI 2.2.1, Tariffs, "TariffElement class")."""

    rules = (*tariffs.TariffElement.rules, bookings_cost_fees_and_time)  # type: ignore[assignment]

    restrictions = Object(
        TariffRestrictions,
        about="Conditions under which the prices apply; absent if they always do.",
        example={"day_of_week": ["FRIDAY"]},
    )


class Tariff(tariffs.Tariff):
    """The prices of charging (OCPI 2.2.1, Tariffs, "Tariff Object", extended by 2.3.0).

    Without ``tax_included``, or with NO, prices are without taxes, as 2.2.1 has them.
    """

    tax_included = Enum(TaxIncluded, about="Whether prices include taxes.", example="NO")
    preauthorize_amount = Number(about="Amount that a payment terminal reserves before a session.", example=50)


class CdrDimension(cdrs_schemas.CdrDimension):
    """A measured quantity and its volume (OCPI 2.2.1, CDRs, "CdrDimension class", extended by bookings)."""


class CDR(cdrs_schemas.CDR):
    """A charge detail record: usage and cost of a session (OCPI 2.2.1, CDRs, "CDR Object", extended by bookings)."""

    booking_id = CiString(max=36, about="Id of the booking that was used.", example="B1")


#: The stored class for each class of 2.2.1 that it extends; classes that contain one are stored with it.
STORED: Mapping[type[Schema], type[Schema]] = {
    cls.__mro__[1]: cls
    for cls in (Price, Connector, EVSE, Location, Tariff, TariffElement, TariffRestrictions, CDR, CdrDimension)
}
