"""The classes of the cdrs module, and the rules between their properties."""

from __future__ import annotations

from collections.abc import Iterator

from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import String
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import Violation
from flask_ocpi.modules.enums import AuthMethod
from flask_ocpi.modules.enums import CdrDimensionType
from flask_ocpi.modules.enums import ConnectorFormat
from flask_ocpi.modules.enums import ConnectorType
from flask_ocpi.modules.enums import PowerType
from flask_ocpi.modules.enums import TokenType
from flask_ocpi.modules.locations_schemas import GeoLocation
from flask_ocpi.modules.tariffs import Tariff
from flask_ocpi.modules.types import Country
from flask_ocpi.modules.types import CountryCode
from flask_ocpi.modules.types import Currency
from flask_ocpi.modules.types import OwnedObject
from flask_ocpi.modules.types import PartyId
from flask_ocpi.modules.types import Price

SESSION_ONLY = frozenset(
    {
        CdrDimensionType.CURRENT,
        CdrDimensionType.ENERGY_EXPORT,
        CdrDimensionType.ENERGY_IMPORT,
        CdrDimensionType.POWER,
        CdrDimensionType.STATE_OF_CHARGE,
    }
)

_LONGEST_ID = 36  # three characters less than that of a credit CDR


def state_of_charge_is_a_percentage(dimension: Document) -> Iterator[Violation]:
    """Demand 0 to 100 percent of a battery."""
    if dimension["type"] == CdrDimensionType.STATE_OF_CHARGE and not 0 <= dimension["volume"] <= 100:
        yield "volume", "must be between 0 and 100 for STATE_OF_CHARGE"


def dimensions_are_of_cdrs(cdr: Document) -> Iterator[Violation]:
    """Refuse the dimensions that only sessions may have (CDR-17)."""
    for at, period in enumerate(cdr["charging_periods"]):
        for index, dimension in enumerate(period["dimensions"]):
            if dimension["type"] in SESSION_ONLY:
                path = f"charging_periods[{at}].dimensions[{index}].type"
                yield path, f"must not be {dimension['type']}: it is for sessions only"


def only_credit_has_long_ids(cdr: Document) -> Iterator[Violation]:
    """Leave the last characters of an id to credit CDRs, which append them to the original's (CDR-09)."""
    if len(cdr["id"]) > _LONGEST_ID and cdr.get("credit") is not True:
        yield (
            "id",
            f"is longer than {_LONGEST_ID} characters (it has {len(cdr['id'])}), as only that of a credit CDR is",
        )


def credit_refers_to_a_cdr(cdr: Document) -> Iterator[Violation]:
    """Demand the credited CDR's id in a credit CDR, and nowhere else (CDR-10, CDR-12, CDR-13)."""
    if cdr.get("credit") is True and "credit_reference_id" not in cdr:
        yield "credit_reference_id", "is required when credit is true"
    if cdr.get("credit") is not True and "credit_reference_id" in cdr:
        yield "credit_reference_id", "must be left out unless credit is true"


_START = "2024-05-31T10:00:00Z"
_END = "2024-05-31T12:00:00Z"
_UNUSED = "#NA for a reservation that was never used"


class CdrToken(Schema):
    """The token that a session was started with (OCPI 2.2.1, CDRs, "CdrToken class")."""

    country_code = CountryCode(
        required=True, about="ISO 3166-1 alpha-2 code of the token owner's country.", example="DE"
    )
    party_id = PartyId(required=True, about="Party id of the token's owner, an eMSP.", example="XYZ")
    uid = CiString(max=36, required=True, about="Uid of the token.", example="12345678905880")
    type = Enum(TokenType, required=True, about="Type of the token.", example="RFID")
    contract_id = CiString(max=36, required=True, about="Id of the driver's contract.", example="DE8ACC12E46L89")


class CdrDimension(Schema):
    """A measured quantity and its volume (OCPI 2.2.1, CDRs, "CdrDimension class")."""

    rules = (state_of_charge_is_a_percentage,)

    type = Enum(CdrDimensionType, required=True, about="The measured quantity.", example="ENERGY")
    volume = Number(
        required=True, about="The amount, in kWh, A, kW, hours or percent; negative while discharging.", example=12.5
    )


class ChargingPeriod(Schema):
    """A part of a session, until the next period or the end (OCPI 2.2.1, CDRs, "ChargingPeriod class")."""

    start_date_time = DateTime(required=True, about="Start of the period, in UTC.", example=_START)
    dimensions = ListOf(Object(CdrDimension), required=True, about="The measured amounts.")
    tariff_id = CiString(max=36, about="Id of the tariff that applies; absent if none does.", example="11")


class CdrLocation(Schema):
    """The place of a session, as of the start of the session (OCPI 2.2.1, CDRs, "CdrLocation class").

    Address and state may be as long as those of a Location, and longer than the table says.
    """

    id = CiString(max=36, required=True, about="Id of the Location.", example="LOC1")
    name = String(max=255, about="Name of the Location.", example="Central Station")
    address = String(max=255, required=True, about="Street and number.", example="Station Road 1")
    city = String(max=45, required=True, about="City or town.", example="Utrecht")
    postal_code = String(max=10, about="Postal code; absent only where there are none.", example="3511 ED")
    state = String(max=45, about="State or province, where relevant.", example="Utrecht")
    country = Country(required=True)
    coordinates = Object(GeoLocation, required=True, about="Position of the Location.")
    evse_uid = CiString(max=36, required=True, about=f"Id of the EVSE; {_UNUSED}.", example="3256")
    evse_id = CiString(max=48, required=True, about=f"eMI3 id of the EVSE; {_UNUSED}.", example="NL*ABC*E041503001")
    connector_id = CiString(max=36, required=True, about=f"Id of the connector; {_UNUSED}.", example="1")
    connector_standard = Enum(
        ConnectorType,
        required=True,
        about="Standard of the connector; any value for a reservation that was never used.",
        example="IEC_62196_T2",
    )
    connector_format = Enum(
        ConnectorFormat,
        required=True,
        about="Format of the connector; either value for a reservation that was never used.",
        example="SOCKET",
    )
    connector_power_type = Enum(
        PowerType,
        required=True,
        about="Power type of the connector; any value for a reservation that was never used.",
        example="AC_3_PHASE",
    )


class SignedValue(Schema):
    """A signed reading of a meter (OCPI 2.2.1, CDRs, "SignedValue class")."""

    nature = CiString(
        max=32, required=True, about="The time of the reading: Start, End, Intermediate or another.", example="Start"
    )
    plain_data = String(max=5000, required=True, about="The reading as text.", example="0.0 kWh")
    signed_data = String(
        max=5000, required=True, about="The reading with its signature, in Base64.", example="MC4wIGtXaA=="
    )


class SignedData(Schema):
    """Signed readings, and the data to check them (OCPI 2.2.1, CDRs, "SignedData class")."""

    encoding_method = CiString(max=36, required=True, about="Name of the encoding.", example="OCMF")
    encoding_method_version = Integer(about="Version of the encoding.", example=1)
    public_key = String(max=512, about="Public key of the signature, in Base64.", example="ZXhhbXBsZSBrZXk=")
    signed_values = ListOf(Object(SignedValue), required=True, about="The signed readings.")
    url = String(
        max=512, about="URL at which drivers can verify the readings.", example="https://www.example.com/check"
    )


class CDR(OwnedObject):
    """A charge detail record: the usage and the cost of a session (OCPI 2.2.1, CDRs, "CDR Object").

    Location, tariffs and token are those of the start of the session.
    """

    rules = (only_credit_has_long_ids, dimensions_are_of_cdrs, credit_refers_to_a_cdr)

    id = CiString(
        max=39,
        required=True,
        about="Id of the CDR, unique among those of the owner; at most 36 characters, except for a credit CDR.",
        example="CDR1",
    )
    start_date_time = DateTime(
        or_unknown=True, required=True, about="Start of the session, or of its reservation, in UTC.", example=_START
    )
    end_date_time = DateTime(or_unknown=True, required=True, about="End of the session, in UTC.", example=_END)
    session_id = CiString(
        max=36, about="Id of the Session; absent only if there is no Session or no sessions module.", example="SES1"
    )
    cdr_token = Object(CdrToken, required=True, about="The token that started the session.")
    auth_method = Enum(AuthMethod, required=True, about="The method of the last authorization.", example="WHITELIST")
    authorization_reference = CiString(max=36, about="The last reference that the eMSP gave.", example="AUTH-0001")
    cdr_location = Object(CdrLocation, required=True, about="The place of the session.")
    meter_id = String(max=255, about="Id of the energy meter.", example="METER-1")
    currency = Currency(required=True)
    tariffs = ListOf(Object(Tariff), about="The tariffs that apply, complete.")
    charging_periods = ListOf(
        Object(ChargingPeriod), max=10000, required=True, about="The periods from which the costs are computed."
    )
    signed_data = Object(SignedData, about="Signed readings of the meter.")
    total_cost = Object(
        Price,
        required=True,
        about="Sum of all costs; negative in a credit CDR.",
        example={"excl_vat": 10.0, "incl_vat": 12.1},
    )
    total_fixed_cost = Object(
        Price, about="Sum of the fees, except those for parking and reservation.", example={"excl_vat": 0.5}
    )
    total_energy = Number(required=True, about="Charged energy, in kWh.", example=12.5)
    total_energy_cost = Object(Price, about="Cost of the energy.", example={"excl_vat": 3.125, "incl_vat": 3.78})
    total_time = Number(required=True, about="Duration of the session, charging or not, in hours.", example=2)
    total_time_cost = Object(Price, about="Cost of the charging time.", example={"excl_vat": 4})
    total_parking_time = Number(about="Duration without charging, in hours.", example=0.5)
    total_parking_cost = Object(Price, about="Cost of parking, including its fees.", example={"excl_vat": 1})
    total_reservation_cost = Object(
        Price, about="Cost of the reservation, including its fees.", example={"excl_vat": 2}
    )
    remark = String(max=255, about="Further information for people.", example="Stopped by the help desk.")
    invoice_reference_id = CiString(max=39, about="Reference of the invoice for this CDR.", example="INV-2024-05")
    credit = Boolean(about="Whether this CDR cancels the one in credit_reference_id.", example=False)
    credit_reference_id = CiString(
        max=39, about="Id of the cancelled CDR; required if credit is true, and absent otherwise.", example="CDR0"
    )
    home_charging_compensation = Boolean(
        about="Whether the driver is to be compensated for charging at home.", example=False
    )
    last_updated = DateTime(
        required=True, about="Time at which the CDR was created, in UTC.", example="2024-05-31T12:05:00Z"
    )
