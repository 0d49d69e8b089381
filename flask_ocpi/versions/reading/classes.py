"""Rules of single classes: properties that follow from others, and properties that an object can lack.

Any other required property is needed: if it cannot be read, the object, or the element of a list, is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

from flask_ocpi.core.fields import NOT_AVAILABLE
from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Rule
from flask_ocpi.core.schema import Schema
from flask_ocpi.modules.bookings_schemas import BookingRequest
from flask_ocpi.modules.bookings_schemas import BookingToken
from flask_ocpi.modules.cdrs_schemas import CDR
from flask_ocpi.modules.cdrs_schemas import CdrLocation
from flask_ocpi.modules.cdrs_schemas import CdrToken
from flask_ocpi.modules.cdrs_schemas import credit_refers_to_a_cdr
from flask_ocpi.modules.cdrs_schemas import dimensions_are_of_cdrs
from flask_ocpi.modules.cdrs_schemas import only_credit_has_long_ids
from flask_ocpi.modules.chargingprofiles import ChargingProfile
from flask_ocpi.modules.chargingprofiles import ChargingProfileResponse
from flask_ocpi.modules.chargingprofiles import accepted_result_has_profile
from flask_ocpi.modules.commands_schemas import CommandResponse
from flask_ocpi.modules.commands_schemas import CommandResult
from flask_ocpi.modules.commands_schemas import ReserveNow
from flask_ocpi.modules.commands_schemas import StartSession
from flask_ocpi.modules.credentials import CredentialsRole
from flask_ocpi.modules.credentials import hub_has_no_other_role
from flask_ocpi.modules.credentials import roles_are_unique
from flask_ocpi.modules.enums import ConnectorType
from flask_ocpi.modules.enums import PowerType
from flask_ocpi.modules.enums import TokenType
from flask_ocpi.modules.locations_schemas import EVSE
from flask_ocpi.modules.locations_schemas import Connector
from flask_ocpi.modules.locations_schemas import Hours
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.modules.locations_schemas import published_to_all_or_some
from flask_ocpi.modules.locations_schemas import regular_hours_go_with_closing
from flask_ocpi.modules.payments_schemas import FinancialAdviceConfirmation
from flask_ocpi.modules.sessions import Session
from flask_ocpi.modules.tariffs import PriceComponent
from flask_ocpi.modules.tariffs import TariffElement
from flask_ocpi.modules.tariffs import TariffRestrictions
from flask_ocpi.modules.tariffs import reservations_cost_fees_and_time
from flask_ocpi.modules.tokens import EnergyContract
from flask_ocpi.modules.tokens import Token
from flask_ocpi.modules.types import BusinessDetails
from flask_ocpi.modules.types import DisplayText
from flask_ocpi.modules.types import Price
from flask_ocpi.versions import stored
from flask_ocpi.versions import v2_3_0
from flask_ocpi.versions.reading.values import hour_minute
from flask_ocpi.versions.reading.values import read_instant
from flask_ocpi.versions.reading.values import weekday_of

_T = TypeVar("_T")

#: How to make an object of a single value: 2.1.1 has amounts as numbers and texts without a language.
FROM_VALUE: Mapping[type[Schema], Callable[[Any], Document]] = {
    Price: lambda value: {"excl_vat": value},
    v2_3_0.Price: lambda value: {"before_taxes": value},
    v2_3_0.PriceLimit: lambda value: {"before_taxes": value},
    DisplayText: lambda value: {"text": value},
    BusinessDetails: lambda value: {"name": value},
    CommandResponse: lambda value: {"result": value},
    CommandResult: lambda value: {"result": value},
    ChargingProfileResponse: lambda value: {"result": value},
}

_DIRECT_CURRENT = frozenset(
    name
    for name in ConnectorType
    if name.startswith(("CHADEMO", "CHAOJI", "GBT_DC", "IEC_62196_T1_COMBO", "IEC_62196_T2_COMBO"))
)


def _latest(items: Any) -> str | None:
    """Return the latest ``last_updated`` of the parts of an object."""
    found = (
        [read_instant(item.get("last_updated")) for item in items if isinstance(item, dict)]
        if isinstance(items, list)
        else []
    )
    return max((moment for moment in found if moment is not None), key=to_micros, default=None)


def _hours(cdr: Document) -> float | None:
    """Return the hours from start to end, with four decimals."""
    start, end = read_instant(cdr.get("start_date_time")), read_instant(cdr.get("end_date_time"))
    if start is None or end is None or to_micros(end) < to_micros(start):
        return None
    return round((to_micros(end) - to_micros(start)) / 3_600_000_000, 4)


def _one_period(cdr: Document) -> list[Document]:
    """Make one charging period of the totals of a CDR."""
    return [
        {
            "start_date_time": cdr.get("start_date_time"),
            "dimensions": [{"type": "ENERGY", "volume": cdr.get("total_energy")}],
        }
    ]


#: Required properties that follow from others of the same object, as it came.
DERIVED: Mapping[type[Schema], Mapping[str, Callable[[Document], Any]]] = {
    CDR: {
        "total_time": _hours,
        "charging_periods": _one_period,
        "last_updated": lambda cdr: cdr.get("end_date_time"),
    },
    CdrToken: {"type": lambda token: str(TokenType.OTHER)},
    CdrLocation: {"coordinates": lambda location: {"latitude": NOT_AVAILABLE, "longitude": NOT_AVAILABLE}},
    CredentialsRole: {"business_details": lambda role: {"name": NOT_AVAILABLE}},
    Connector: {
        "format": lambda connector: "CABLE" if connector.get("standard") in _DIRECT_CURRENT else None,
        "power_type": lambda connector: str(PowerType.DC) if connector.get("standard") in _DIRECT_CURRENT else None,
        "max_voltage": lambda connector: connector.get("voltage"),  # as 2.1.1 calls it
        "max_amperage": lambda connector: connector.get("amperage"),
        "voltage": lambda connector: connector.get("max_voltage"),  # in 2.1.1
        "amperage": lambda connector: connector.get("max_amperage"),
    },
    DisplayText: {"language": lambda text: "en"},
    EVSE: {"last_updated": lambda evse: _latest(evse.get("connectors"))},
    Location: {
        "publish": lambda location: not location.get("publish_allowed_to"),
        "type": lambda location: location.get("parking_type") or "UNKNOWN",  # what 2.1.1 needs
        "postal_code": lambda location: "",
        "last_updated": lambda location: _latest(location.get("evses")),
    },
    PriceComponent: {"step_size": lambda component: 1},  # the smallest step, which changes no price
    v2_3_0.Price: {"before_taxes": lambda price: price.get("excl_vat")},  # as 2.2.1 calls it
    v2_3_0.PriceLimit: {"before_taxes": lambda limit: limit.get("excl_vat")},
    v2_3_0.Tariff: {"tax_included": lambda tariff: "NO"},  # as in 2.2.1
}

#: Required texts that become "#NA" where they are missing (OCPI 2.2.1, Transport and format, "No data available").
UNKNOWN_TEXTS: Mapping[type[Schema], frozenset[str]] = {
    BookingRequest: frozenset({"booking_location_id"}),
    BusinessDetails: frozenset({"name"}),
    CdrLocation: frozenset(
        {"id", "address", "city", "country", "evse_uid", "evse_id", "connector_id", "latitude", "longitude"}
    ),
    CdrToken: frozenset({"contract_id"}),
    EnergyContract: frozenset({"supplier_name"}),
    Location: frozenset({"address", "city", "country", "time_zone"}),
    Session: frozenset({"location_id", "evse_uid", "connector_id"}),
    Token: frozenset({"contract_id", "issuer"}),
}

#: Required properties that an object is kept without, if nothing tells their value.
DISPENSABLE: Mapping[type[Schema], frozenset[str]] = {
    BookingRequest: frozenset({"country_code", "party_id"}),
    BookingToken: frozenset({"country_code", "party_id"}),
    CDR: frozenset({"auth_method"}),
    CdrLocation: frozenset({"connector_standard", "connector_format", "connector_power_type"}),
    FinancialAdviceConfirmation: frozenset({"eft_data"}),
    Session: frozenset({"auth_method"}),
}

#: Optional properties that change a request or a payment: if they cannot be read, the object is refused.
NEEDED: Mapping[type[Schema], frozenset[str]] = {
    ChargingProfile: frozenset({"charging_profile_period"}),
    ReserveNow: frozenset({"evse_uid"}),
    StartSession: frozenset({"evse_uid", "connector_id"}),
    TariffElement: frozenset({"restrictions"}),
    TariffRestrictions: frozenset(TariffRestrictions._declared_fields),
    stored.TariffRestrictions: frozenset(stored.TariffRestrictions._declared_fields),
}

#: Rules that a kept object may break.
FORGIVEN = frozenset(
    {
        accepted_result_has_profile,
        credit_refers_to_a_cdr,
        only_credit_has_long_ids,
        regular_hours_go_with_closing,
    }
)

#: Rules that are satisfied by removing the property, or the element of a list, that breaks them.
REMOVING = frozenset(
    {
        dimensions_are_of_cdrs,
        hub_has_no_other_role,
        published_to_all_or_some,
        regular_hours_go_with_closing,
        reservations_cost_fees_and_time,
        stored.bookings_cost_fees_and_time,
        roles_are_unique,
    }
)


def of(table: Mapping[type[Schema], _T], schema: Schema) -> _T | None:
    """Return the entry of a table for a class, or for its nearest base class: classes of versions are derived."""
    return next((table[cls] for cls in type(schema).__mro__ if cls in table), None)


def is_forgiven(rule: Rule, data: Document, document: Document) -> bool:
    """Tell whether an object that came as ``data``, and was read so far, is kept although it breaks a rule."""
    says_closed = not data.get("regular_hours") and "twentyfourseven" in document
    return rule in FORGIVEN and (rule is not regular_hours_go_with_closing or says_closed)


def may_be_empty(schema: Schema, name: str, data: Document) -> bool:
    """Tell whether an object is kept without a required list: a planned or removed EVSE has no connectors."""
    return (
        isinstance(schema, EVSE) and name == "connectors" and str(data.get("status")).upper() in ("PLANNED", "REMOVED")
    )


def prepared(schema: Schema, data: Document) -> tuple[Document, str]:
    """Return an object prepared for reading, and a sentence about the change: "" for no change."""
    hours = data.get("regular_hours")
    if not isinstance(schema, Hours) or not isinstance(hours, list):
        return data, ""
    periods = [period for item in hours for period in _within_days(item)]
    if periods == hours:
        return data, ""
    return {**data, "regular_hours": periods}, "Hours to 00:00 end with the day, those over midnight are split."


def _within_days(period: Any) -> Iterator[Any]:
    """Walk the parts of an opening period, each within one day."""
    begin = hour_minute(period.get("period_begin")) if isinstance(period, dict) else None
    end = hour_minute(period.get("period_end")) if isinstance(period, dict) else None
    if begin is None or end is None or end > begin:
        yield period
        return
    begin = "00:00" if begin == "24:00" else begin
    yield {**period, "period_begin": begin, "period_end": "23:59"}
    weekday = weekday_of(period.get("weekday"))
    if end != "00:00" and weekday is not None:
        yield {**period, "weekday": weekday % 7 + 1, "period_begin": "00:00", "period_end": end}
