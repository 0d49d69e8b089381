"""The classes of the tariffs module."""

from __future__ import annotations

from collections.abc import Iterator

from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import Url
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import Violation
from flask_ocpi.exchange.patterns import client_owned
from flask_ocpi.exchange.patterns import list_objects
from flask_ocpi.modules.enums import DayOfWeek
from flask_ocpi.modules.enums import ReservationRestrictionType
from flask_ocpi.modules.enums import TariffDimensionType
from flask_ocpi.modules.enums import TariffType
from flask_ocpi.modules.types import Currency
from flask_ocpi.modules.types import DisplayText
from flask_ocpi.modules.types import EnergyMix
from flask_ocpi.modules.types import LocalTime
from flask_ocpi.modules.types import OwnedObject
from flask_ocpi.modules.types import Price

_OF_RESERVATIONS = (TariffDimensionType.FLAT, TariffDimensionType.TIME)


def reservations_cost_fees_and_time(element: Document) -> Iterator[Violation]:
    """Refuse prices for energy and parking in an element for reservations (TAR-15)."""
    if "reservation" not in element.get("restrictions", {}):
        return
    for index, component in enumerate(element["price_components"]):
        if component["type"] not in _OF_RESERVATIONS:
            yield f"price_components[{index}].type", "must be FLAT or TIME where reservation is restricted"


DATE = "[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"

_DATE_HINT = "must be a date such as 2024-05-31"


class PriceComponent(Schema):
    """The price of one dimension (OCPI 2.2.1, Tariffs, "PriceComponent class").

    A step_size of 0, as in the specification's example of a free tariff, means the same as 1.
    """

    type = Enum(TariffDimensionType, required=True, about="The priced dimension.", example="ENERGY")
    price = Number(required=True, about="Price per kWh, per hour, or once, without VAT.", example=0.25)
    vat = Number(about="VAT in percent; absent if no VAT applies, which differs from 0.", example=21.0)
    step_size = Integer(
        min=0, required=True, about="Billed amounts are rounded up to a multiple of this many Wh or seconds.", example=1
    )


class TariffRestrictions(Schema):
    """The conditions of an element, which must all hold (OCPI 2.2.1, Tariffs, "TariffRestrictions class")."""

    start_time = LocalTime(about="Applies from this local time, HH:MM.", example="13:30")
    end_time = LocalTime(
        about="Applies until just before this local time, HH:MM; on the next day if it is before start_time.",
        example="19:45",
    )
    start_date = String(
        max=10, pattern=DATE, pattern_hint=_DATE_HINT, about="Applies from this local date.", example="2024-12-24"
    )
    end_date = String(
        max=10,
        pattern=DATE,
        pattern_hint=_DATE_HINT,
        about="Applies until just before this local date.",
        example="2024-12-27",
    )
    min_kwh = Number(about="Applies from this energy, in kWh.", example=20)
    max_kwh = Number(about="Applies until just before this energy, in kWh.", example=50)
    min_current = Number(about="Applies at this total current of all phases or more, in A.", example=5)
    max_current = Number(about="Applies below this total current of all phases, in A.", example=20)
    min_power = Number(about="Applies at this power or more, in kW.", example=5)
    max_power = Number(about="Applies below this power, in kW.", example=20)
    min_duration = Integer(min=0, about="Applies from this duration, in seconds.", example=1800)
    max_duration = Integer(min=0, about="Applies until just before this duration, in seconds.", example=3600)
    day_of_week = ListOf(Enum(DayOfWeek), about="Applies on these days.", example=["SATURDAY", "SUNDAY"])
    reservation = Enum(
        ReservationRestrictionType,
        about="Applies during a reservation, which only FLAT and TIME can price; TIME is its duration.",
        example="RESERVATION",
    )


class TariffElement(Schema):
    """Prices that apply under the same conditions (OCPI 2.2.1, Tariffs, "TariffElement class")."""

    rules = (reservations_cost_fees_and_time,)

    price_components = ListOf(
        Object(PriceComponent),
        required=True,
        about="The prices, one for each dimension.",
        example=[{"type": "ENERGY", "price": 0.25, "vat": 21.0, "step_size": 1}],
    )
    restrictions = Object(
        TariffRestrictions,
        about="Conditions under which the prices apply; absent if they always do.",
        example={"day_of_week": ["FRIDAY"]},
    )


class Tariff(OwnedObject):
    """The prices of charging (OCPI 2.2.1, Tariffs, "Tariff Object").

    The first element in the list that prices a dimension and applies counts: keep the order.
    """

    id = CiString(max=36, required=True, about="Id of the tariff, unique among those of the owner.", example="11")
    currency = Currency(required=True)
    type = Enum(
        TariffType, about="Type of the sessions to which the tariff applies; absent for all.", example="REGULAR"
    )
    tariff_alt_text = ListOf(
        Object(DisplayText),
        about="Further information in several languages; never the prices of elements.",
        example=[{"language": "en", "text": "Half the start fee with a debit card."}],
    )
    tariff_alt_url = Url(
        about="URL of a web page that explains the tariff.", example="https://www.example.com/tariffs/11"
    )
    min_price = Object(Price, about="Minimum cost of a session.", example={"excl_vat": 0.5, "incl_vat": 0.55})
    max_price = Object(Price, about="Maximum cost of a session.", example={"excl_vat": 10, "incl_vat": 11})
    elements = ListOf(Object(TariffElement), required=True, about="The prices with their conditions.")
    start_date_time = DateTime(about="Start of validity, in UTC.", example="2024-01-01T00:00:00Z")
    end_date_time = DateTime(about="End of validity, in UTC.", example="2025-01-01T00:00:00Z")
    energy_mix = Object(EnergyMix, about="Sources of the energy.")
    last_updated = DateTime(required=True, about="Time of the last change, in UTC.", example="2024-05-31T12:00:00Z")


TARIFF = ObjectType(
    name="tariff",
    kind="tariffs",
    schema=Tariff,
    parameter=PathParameter("tariff_id", 36, "Tariff.id.", "12"),
)

MODULE = Module(
    id=ModuleID.TARIFFS,
    description="What charging costs.",
    interfaces=(
        Interface(InterfaceRole.SENDER, list_objects(TARIFF)),
        Interface(InterfaceRole.RECEIVER, client_owned(TARIFF, verbs=("GET", "PUT", "DELETE"))),
    ),
)
