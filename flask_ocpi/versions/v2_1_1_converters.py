"""Converters of objects of OCPI 2.1.1 to the stored shape and back.

Objects of 2.1.1 do not name their owner, the party of the connection, and name the contract instead of the token.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import ROUND_HALF_UP
from decimal import Decimal

import flask_ocpi.versions.v2_1_1_classes as own
import flask_ocpi.versions.v2_2_1 as base
from flask_ocpi.core.converting import Beside
from flask_ocpi.core.converting import Converter
from flask_ocpi.core.converting import LeftOutError
from flask_ocpi.core.converting import Lose
from flask_ocpi.core.converting import Origin
from flask_ocpi.core.converting import Reference
from flask_ocpi.core.converting import fields_of
from flask_ocpi.core.converting import renamed
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.fields import NOT_AVAILABLE
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Schema
from flask_ocpi.exchange.documents import find_part
from flask_ocpi.modules.enums import ParkingType
from flask_ocpi.modules.enums import TokenType
from flask_ocpi.versions.stored import tariff_without_taxes

_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,14}")
_SIX_DECIMALS = Decimal("0.000001")
#: The restrictions of later versions and modules.
_RESTRICTIONS = frozenset(fields_of(base.TariffRestrictions)) - frozenset(fields_of(own.TariffRestrictions)) | {
    "booking"
}
#: Power types that 2.1.1 lacks, by one that claims no more power.
_POWER_TYPES = {"AC_2_PHASE": "AC_1_PHASE", "AC_2_PHASE_SPLIT": "AC_1_PHASE"}
_LOCATION_TYPES = frozenset(own.LocationType)
_LIKE_OTHER = ("ALONG_MOTORWAY", "ON_DRIVEWAY")


def _owned(document: Document, origin: Origin) -> Document:
    if origin.owner is None:
        raise ValueError("it is not clear whose it is")
    country_code, party_id = origin.owner
    return {"country_code": country_code, "party_id": party_id, **document}


def _disowned(document: Document) -> Document:
    for name in own.OWNER:
        document.pop(name, None)
    return document


def point_from_store(document: Document, lose: Lose) -> Document:
    """Write degrees with exactly six decimals."""
    for name in ("latitude", "longitude"):
        degrees = document[name]
        if degrees == NOT_AVAILABLE:
            raise LeftOutError(f"Its {name} is not known, and OCPI 2.1.1 cannot say that.")
        if degrees[-7] != ".":
            rounded = Decimal(degrees).quantize(_SIX_DECIMALS, ROUND_HALF_UP)
            document[name] = format(rounded if rounded else abs(rounded), "f")
    return document


def hours_to_store(document: Document, origin: Origin) -> Document:
    return {"twentyfourseven": False, **document}


def connector_to_store(document: Document, origin: Origin) -> Document:
    document["max_voltage"], document["max_amperage"] = document.pop("voltage"), document.pop("amperage")
    tariff = document.pop("tariff_id", None)
    return document if tariff is None else {**document, "tariff_ids": [tariff]}


def connector_from_store(document: Document, lose: Lose) -> Document:
    document["voltage"], document["amperage"] = document.pop("max_voltage"), document.pop("max_amperage")
    power_type = _POWER_TYPES.get(document["power_type"])
    if power_type is not None:
        lose("/power_type", f"OCPI 2.1.1 has no {document['power_type']}: {power_type} was sent.")
        document["power_type"] = power_type
    tariffs = document.pop("tariff_ids", ())
    for index in range(1, len(tariffs)):
        lose(f"/tariff_ids/{index}", "A connector has one tariff in OCPI 2.1.1: this one was left out.")
    if tariffs:
        document["tariff_id"] = tariffs[0]
    return document


def location_to_store(document: Document, origin: Origin) -> Document:
    kind = document.pop("type")
    made = {**_owned(document, origin), "publish": True}
    made.setdefault("time_zone", NOT_AVAILABLE)
    if kind in list(ParkingType):
        made["parking_type"] = kind
    elif kind != own.LocationType.UNKNOWN:
        made["type"] = kind
    return made


def location_from_store(document: Document, lose: Lose) -> Document:
    """Raise LeftOutError for an unpublished location: each location is public in 2.1.1."""
    if not document.pop("publish"):
        raise LeftOutError("It is not published, and OCPI 2.1.1 has only locations that are.")
    made = _disowned(document)
    kind = made.pop("parking_type", None)
    if kind in _LIKE_OTHER:
        lose("/parking_type", f"OCPI 2.1.1 has no {kind}: OTHER was sent.")
    stored = own.LocationType.OTHER if kind in _LIKE_OTHER else kind or made.get("type")
    made["type"] = stored if stored in _LOCATION_TYPES else own.LocationType.UNKNOWN
    if len(made["address"]) > own.LONGEST_ADDRESS:
        made["address"] = made["address"][: own.LONGEST_ADDRESS]
        lose("/address", f"It has at most {own.LONGEST_ADDRESS} characters in OCPI 2.1.1: the rest was left out.")
    if "postal_code" not in made:
        made["postal_code"] = ""
        lose("/postal_code", "OCPI 2.1.1 needs one: an empty one was sent.")
    if made.get("time_zone") == NOT_AVAILABLE:
        del made["time_zone"]
    return made


def location_retracted(document: Document, changed: Collection[str]) -> Document | None:
    """Return a location that has become unpublished with all its EVSEs removed: 2.1.1 can delete no location."""
    if "publish" not in changed or not document.get("evses"):
        return None
    gone = {"status": "REMOVED", "last_updated": document["last_updated"]}
    return {**document, "publish": True, "evses": [{**evse, **gone} for evse in document["evses"]]}


def element_from_store(document: Document, lose: Lose) -> Document:
    """Raise LeftOutError for an element that would apply more often without a restriction that 2.1.1 lacks."""
    for name in document.get("restrictions", {}):
        if name in _RESTRICTIONS:
            raise LeftOutError(f"OCPI 2.1.1 has no restriction {name}: the element was left out.")
    return document


def tariff_from_store(document: Document, lose: Lose) -> Document:
    return _disowned(tariff_without_taxes(document, lose))


def period_from_store(document: Document, lose: Lose) -> Document:
    """Keep a period without any dimension of 2.1.1: its start is the end of the period before it."""
    if not any(dimension["type"] in list(own.CdrDimensionType) for dimension in document["dimensions"]):
        for index, dimension in enumerate(document["dimensions"]):
            lose(f"/dimensions/{index}", f"OCPI 2.1.1 has no {dimension['type']}: it was left out.")
        document["dimensions"] = [{"type": own.CdrDimensionType.TIME, "volume": 0}]
    return document


def token_to_store(document: Document, origin: Origin) -> Document:
    document["contract_id"] = document.pop("auth_id")
    return _owned(document, origin)


def token_from_store(document: Document, lose: Lose) -> Document:
    made = _disowned(document)
    made["auth_id"] = made.pop("contract_id")
    made["type"] = token_type(made["type"])
    return made


def token_type(stored: str) -> str:
    """Return RFID, or OTHER for all else: 2.1.1 does not tell apps and single uses apart."""
    return str(TokenType.RFID if stored == TokenType.RFID else TokenType.OTHER)


def query_to_store(document: Document, origin: Origin) -> Document:
    kind = document.pop("token_type", None)
    return document if kind is None else {"type": kind, **document}


def query_from_store(document: Document, lose: Lose) -> Document:
    return {name: token_type(value) for name, value in document.items()}


def _driver(document: Document, origin: Origin) -> Document:
    """Return the CdrToken of an auth_id: that of our Token with this contract, else one with the auth_id as uid."""
    if origin.receiver is None:
        raise ValueError("it is not clear which of our parties it is for")
    country_code, party_id = origin.receiver
    contract = document.pop("auth_id")
    token = origin.token_of(contract) or {"uid": contract, "type": str(TokenType.OTHER)}
    return {
        "country_code": country_code,
        "party_id": party_id,
        "uid": token["uid"],
        "type": token["type"],
        "contract_id": contract,
    }


def _first(document: Document, name: str) -> Document:
    return next(iter(document.get(name, ())), {})


def session_to_store(document: Document, origin: Origin) -> Document:
    document["start_date_time"] = document.pop("start_datetime")
    if "end_datetime" in document:
        document["end_date_time"] = document.pop("end_datetime")
    document["cdr_token"] = _driver(document, origin)
    evse = _first(document["location"], "evses")
    document["location_id"] = document["location"]["id"]
    document["evse_uid"] = evse.get("uid", NOT_AVAILABLE)
    document["connector_id"] = _first(evse, "connectors").get("id", NOT_AVAILABLE)
    if "total_cost" in document:
        document["total_cost"] = {"excl_vat": document["total_cost"]}
    return _owned(document, origin)


def session_from_store(document: Document, lose: Lose) -> Document:
    """Raise LeftOutError if the location of the session, which is sent with it, is not known."""
    made = _disowned(document)
    id, evse_uid, connector_id = (made.pop(name) for name in ("location_id", "evse_uid", "connector_id"))
    if "location" not in made:
        raise LeftOutError(
            f"Its location {id} is not known here, and OCPI 2.1.1 sends it with the session.", for_now=True
        )
    made["location"] = _only(made["location"], evse_uid, connector_id)
    made["start_datetime"] = made.pop("start_date_time")
    if "end_date_time" in made:
        made["end_datetime"] = made.pop("end_date_time")
    _name_driver(made, lose)
    _cost_as_number(made, lose)
    return made


def _only(location: Document, evse_uid: str, connector_id: str) -> Document:
    """Return a location with only the EVSE and connector of a session; it is sent even if it is not published."""
    made = {**location, "publish": True}
    made.pop("publish_allowed_to", None)
    evses = made.pop("evses", [])
    if evse_uid == NOT_AVAILABLE:
        return made
    at = find_part(evses, "uid", evse_uid)
    place = None if at is None else find_part(evses[at]["connectors"], "id", connector_id)
    if at is None or (place is None and connector_id != NOT_AVAILABLE):
        raise LeftOutError(f"Its EVSE {evse_uid} or connector {connector_id} is not known here.", for_now=True)
    evse = evses[at]
    return {**made, "evses": [evse if place is None else {**evse, "connectors": [evse["connectors"][place]]}]}


def _name_driver(made: Document, lose: Lose) -> None:
    made["auth_id"] = made.pop("cdr_token")["contract_id"]
    if made.get("auth_method") == "COMMAND":
        lose("/auth_method", "OCPI 2.1.1 has no COMMAND: AUTH_REQUEST was sent, since the eMSP authorised it.")
        made["auth_method"] = "AUTH_REQUEST"


def _cost_as_number(made: Document, lose: Lose) -> None:
    if "total_cost" not in made:
        return
    cost = made["total_cost"]
    if "incl_vat" in cost:
        lose("/total_cost/incl_vat", "Amounts of OCPI 2.1.1 are without VAT: it was left out.")
    made["total_cost"] = cost["excl_vat"]


#: Properties of a CdrLocation that a Location has as well.
_OF_PLACE = ("id", "name", "address", "city", "postal_code", "state", "country", "coordinates")
#: The properties of a Connector by those of a CdrLocation.
_OF_CONNECTOR = {
    "connector_id": "id",
    "connector_standard": "standard",
    "connector_format": "format",
    "connector_power_type": "power_type",
}


def cdr_to_store(document: Document, origin: Origin) -> Document:
    document["end_date_time"] = document.pop("stop_date_time")
    document["cdr_token"] = _driver(document, origin)
    document["total_cost"] = {"excl_vat": document["total_cost"]}
    location = document["location"]
    evse = _first(location, "evses")
    connector = _first(evse, "connectors")
    place = {name: location[name] for name in _OF_PLACE if name in location}
    place["evse_uid"] = evse.get("uid", NOT_AVAILABLE)
    place["evse_id"] = evse.get("evse_id", NOT_AVAILABLE)
    place["connector_id"] = NOT_AVAILABLE
    place |= {name: connector[inner] for name, inner in _OF_CONNECTOR.items() if inner in connector}
    document["cdr_location"] = place
    return _owned(document, origin)


def cdr_from_store(document: Document, lose: Lose) -> Document:
    """Raise LeftOutError for a credit CDR: in 2.1.1 it would be another CDR to be paid."""
    if document.get("credit"):
        raise LeftOutError("It is a credit CDR, which OCPI 2.1.1 does not have.")
    made = {name: value for name, value in _disowned(document).items() if name != "credit"}
    made["stop_date_time"] = made.pop("end_date_time")
    made["location"] = _where(made.pop("cdr_location"), made.get("location"), made, lose)
    _name_driver(made, lose)
    _cost_as_number(made, lose)
    return made


def _where(place: Document, known: Document | None, cdr: Document, lose: Lose) -> Document:
    """Return the Location of a CDR as it was then, with the current properties that a CdrLocation lacks.

    A current name stays out: a CDR that is sent again after a change would be another one. The postal code may not.
    """
    made = {**(known or {"time_zone": NOT_AVAILABLE}), **{name: place[name] for name in _OF_PLACE if name in place}}
    if "name" not in place:
        made.pop("name", None)
    made |= {"country_code": "", "party_id": "", "publish": True}
    made.setdefault("last_updated", cdr["last_updated"])
    made.pop("publish_allowed_to", None)
    evses = made.pop("evses", [])
    if place["evse_uid"] == NOT_AVAILABLE:
        return made
    at = find_part(evses, "uid", place["evse_uid"])
    evse = {"status": "UNKNOWN", "last_updated": made["last_updated"]} if at is None else dict(evses[at])
    connectors = evse.get("connectors", [])
    index = find_part(connectors, "id", place["connector_id"])
    connector = {"last_updated": evse["last_updated"]} if index is None else dict(connectors[index])
    connector |= {inner: place[name] for name, inner in _OF_CONNECTOR.items() if name in place}
    if "max_voltage" not in connector:
        connector |= {"max_voltage": 0, "max_amperage": 0}
        lose(
            "/cdr_location", "OCPI 2.1.1 needs voltage and amperage, which are not known of this connector: 0 was sent."
        )
    evse |= {"uid": place["evse_uid"], "evse_id": place["evse_id"], "connectors": [connector]}
    if evse["evse_id"] == NOT_AVAILABLE:
        del evse["evse_id"]
    return {**made, "evses": [evse]}


def location_of_session(session: Document) -> Reference:
    return session["country_code"], session["party_id"], session.get("location_id", "")


def location_of_cdr(cdr: Document) -> Reference:
    return cdr["country_code"], cdr["party_id"], cdr.get("cdr_location", {}).get("id", "")


def info_from_store(document: Document, lose: Lose) -> Document:
    return {name: value for name, value in document.items() if name != "token"}


#: The values of 2.1.1, at once and later, for results that it lacks.
_RESPONSES = {"TIMEOUT": "REJECTED"}
_RESULTS = {"UNKNOWN_SESSION": "REJECTED"}


def response_to_store(document: Document, origin: Origin) -> Document:
    return {**document, "result": _RESPONSES.get(document["result"], document["result"])}


def response_from_store(document: Document, lose: Lose) -> Document:
    return {name: value for name, value in document.items() if name != "timeout"}


def result_to_store(document: Document, origin: Origin) -> Document:
    return {**document, "result": _RESULTS.get(document["result"], document["result"])}


def result_from_store(document: Document, lose: Lose) -> Document:
    """Raise LeftOutError if a confirmed reservation is taken back: 2.1.1 has one result of a command."""
    result = document["result"]
    if result == "CANCELED_RESERVATION":
        raise LeftOutError("OCPI 2.1.1 cannot take back a reservation that was made.")
    if result not in list(own.CommandResponseType):
        lose("/result", f"OCPI 2.1.1 has no {result}: REJECTED was sent.")
        document["result"] = str(own.CommandResponseType.REJECTED)
    return document


def reservation_to_store(document: Document, origin: Origin) -> Document:
    return {**document, "reservation_id": str(document["reservation_id"])}


def reservation_from_store(document: Document, lose: Lose) -> Document:
    id = document["reservation_id"]
    if not _WHOLE_NUMBER.fullmatch(id):
        raise LeftOutError(f"reservation_id has to be a whole number there, and {id!a} is none.")
    return {**document, "reservation_id": int(id)}


_OF_A_ROLE = ("business_details", "party_id", "country_code")


def credentials_to_store(document: Document, origin: Origin) -> Document:
    """Return Credentials with one role, which 2.1.1 does not name: it is the opposite of ours."""
    role = {name: document.pop(name) for name in _OF_A_ROLE}
    return {**document, "roles": [role]}


def credentials_from_store(document: Document, lose: Lose) -> Document:
    first = document.pop("roles")[0]
    return {**document, **{name: first[name] for name in _OF_A_ROLE}}


CONVERTERS: dict[type[Schema], Converter] = {
    own.AdditionalGeoLocation: Converter(from_store=point_from_store),
    own.AuthorizationInfo: Converter(from_store=info_from_store),
    own.CDR: Converter(cdr_to_store, cdr_from_store, Beside("location", ModuleID.LOCATIONS, location_of_cdr)),
    own.ChargingPeriod: Converter(from_store=period_from_store),
    own.CommandResponse: Converter(response_to_store, response_from_store),
    own.CommandResult: Converter(result_to_store, result_from_store),
    own.Connector: Converter(connector_to_store, connector_from_store),
    own.Credentials: Converter(credentials_to_store, credentials_from_store),
    own.EnvironmentalImpact: renamed(source="category"),
    own.GeoLocation: Converter(from_store=point_from_store),
    own.Hours: Converter(hours_to_store),
    own.Location: Converter(location_to_store, location_from_store, retracted=location_retracted),
    own.ReserveNow: Converter(reservation_to_store, reservation_from_store),
    own.Session: Converter(
        session_to_store, session_from_store, Beside("location", ModuleID.LOCATIONS, location_of_session)
    ),
    own.Tariff: Converter(_owned, tariff_from_store),
    base.TariffElement: Converter(from_store=element_from_store),
    own.Token: Converter(token_to_store, token_from_store),
    own.TokenTypeQuery: Converter(query_to_store, query_from_store),
}
