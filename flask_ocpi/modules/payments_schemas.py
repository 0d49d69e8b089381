"""The classes of the payments module."""

from __future__ import annotations

from enum import StrEnum

from flask_ocpi.core.codes import COUNTRIES_ALPHA3
from flask_ocpi.core.codes import CURRENCIES
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Url
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.modules.locations_schemas import GeoLocation
from flask_ocpi.modules.types import CountryCode
from flask_ocpi.modules.types import PartyId
from flask_ocpi.modules.types import Price

_CHANGED = {"description": "When it changed last, UTC.", "example": "2024-05-31T12:00:00Z"}
_TERMINAL_ID = {"description": "Unique among those of the PTP.", "example": "TERM1"}


class InvoiceCreator(StrEnum):
    """The party that makes the invoice for the driver (OCPI 2.3.0, Payments, "InvoiceCreator")."""

    CPO = "CPO"
    PTP = "PTP"


class CaptureStatusCode(StrEnum):
    """The outcome of a payment (OCPI 2.3.0, Payments, "CaptureStatusCode")."""

    SUCCESS = "SUCCESS"
    PARTIAL_SUCCESS = "PARTIAL_SUCCESS"
    FAILED = "FAILED"


class Terminal(Schema):
    """A payment terminal, and where it takes payments (OCPI 2.3.0, Payments, "Terminal Object").

    It does not name its owner, the PTP; ``country_code`` and ``party_id`` name its CPO.
    """

    terminal_id = CiString(max=36, required=True, metadata=_TERMINAL_ID)
    customer_reference = CiString(max=36, about="Reference of the CPO at the PTP.", example="CUSTOMER1")
    party_id = PartyId(about="Party id of the CPO, instead of customer_reference.", example="ABC")
    country_code = CountryCode(about="Country code of the CPO, instead of customer_reference.", example="NL")
    address = CiString(max=45, about="Street and number.", example="Main Street 1")
    city = CiString(max=45, about="City or town.", example="Amsterdam")
    postal_code = CiString(max=10, about="Postal code.", example="1011AB")
    state = CiString(max=20, about="State or province.", example="Noord-Holland")
    country = CiString(
        min=3, max=3, codes=COUNTRIES_ALPHA3, about="ISO 3166-1 alpha-3 code of the country.", example="NLD"
    )
    coordinates = Object(
        GeoLocation, about="Position of the terminal.", example={"latitude": "51.047599", "longitude": "3.729944"}
    )
    invoice_base_url = Url(
        about="URL of invoices, to which the authorization_reference is appended.",
        example="https://www.example.com/invoices/",
    )
    invoice_creator = Enum(InvoiceCreator, about="The party that issues the invoice.", example="CPO")
    reference = CiString(max=36, about="Further reference, such as a serial number.", example="SERIAL-1")
    location_ids = ListOf(
        CiString(max=36), about="Ids of the Locations that can be paid at the terminal.", example=["LOC1"]
    )
    evse_uids = ListOf(
        CiString(max=36), about="Uids of further EVSEs that can be paid at the terminal.", example=["3256"]
    )
    last_updated = DateTime(required=True, metadata=_CHANGED)


class NewTerminal(Terminal):
    """A Terminal that a PTP creates, possibly with its id only (OCPI 2.3.0, Payments, "POST Terminal")."""

    last_updated = DateTime(metadata=_CHANGED)


class TerminalChange(NewTerminal):
    """A CPO's change of a Terminal; the PTP or the URL gives the id (OCPI 2.3.0, Payments, "POST Activate")."""

    terminal_id = CiString(max=36, metadata=_TERMINAL_ID)


class FinancialAdviceConfirmation(Schema):
    """The payment captured for a session (OCPI 2.3.0, Payments, "Financial Advice Confirmation Object")."""

    id = CiString(max=36, required=True, about="Id of the confirmation, unique among those of the PTP.", example="FAC1")
    authorization_reference = CiString(
        max=36, required=True, about="Reference of the StartSession, the Session and the CDR.", example="AUTH-0001"
    )
    total_costs = Object(Price, required=True, about="Captured amount.", example={"excl_vat": 10.0, "incl_vat": 12.1})
    currency = CiString(
        min=3, max=3, codes=CURRENCIES, required=True, about="ISO 4217 code of the currency.", example="EUR"
    )
    eft_data = ListOf(
        CiString(max=255), required=True, about="Lines about the payment for the invoice.", example=["AID: 1234"]
    )
    capture_status_code = Enum(CaptureStatusCode, required=True, about="Outcome of the payment.", example="SUCCESS")
    capture_status_message = CiString(max=255, about="Details of the outcome.", example="Captured at the PSP.")
    last_updated = DateTime(required=True, metadata=_CHANGED)
