"""Faults of objects: what is wrong in the documents that are served and sent. Each changes one object of a module."""

from __future__ import annotations

from typing import Any

from flask_ocpi.testing.sandbox.faults.base import Document
from flask_ocpi.testing.sandbox.faults.base import changed

DATES = ("last_updated", "start_date_time", "end_date_time")
ENUMS = (
    *("status", "type", "standard", "format", "power_type", "auth_method", "parking_type", "whitelist", "allowed"),
    *("capabilities", "facilities", "result"),
)
NUMBERS = ("kwh", "total_energy", "total_time", "max_voltage", "max_amperage", "step_size", "volume")
#: Some optional properties of each module.
OPTIONAL = {
    "locations": ("postal_code", "state", "parking_type", "opening_times", "energy_mix", "suboperator"),
    "sessions": ("end_date_time", "meter_id", "authorization_reference"),
    "cdrs": ("meter_id", "remark", "invoice_reference_id", "signed_data"),
    "tariffs": ("tariff_alt_url", "min_price", "energy_mix"),
    "tokens": ("visual_number", "group_id", "language"),
}
TEXTS = ("name", "address", "city")


def naive_dates(module: str, document: Document) -> Document:
    """Writes dates without Z."""
    return _each(document, DATES, lambda text: str(text).removesuffix("Z"))


def odd_dates(module: str, document: Document) -> Document:
    """Writes dates with a blank, nine digits of a second and +00:00."""
    return _each(document, DATES, lambda text: f"{str(text)[:19].replace('T', ' ')}.{str(text)[20:23]}000000+00:00")


def lower_case_enums(module: str, document: Document) -> Document:
    """Writes values of enums in lower case."""
    return _each(document, ENUMS, lambda value: _lower(value))


def unknown_enums(module: str, document: Document) -> Document:
    """Has values of enums that OCPI does not know: a facility, a capability, and the status of an EVSE."""
    if _is_location(module, document):
        document = {**document, "facilities": [*document.get("facilities", ()), "MOON_BASE"]}
        for evse in document.get("evses", ())[:1]:
            evse["status"] = "FAULTED"
    return _each(document, ("capabilities",), lambda values: [*values, "TELEPORT"])


def unknown_properties(module: str, document: Document) -> Document:
    """Adds properties of its own to each object."""
    return {**document, "x_vendor_id": 4711, "_meta": {"source": "sandbox", "tags": ["a", None]}}


def null_properties(module: str, document: Document) -> Document:
    """Has null for optional properties that it does not use."""
    return {**dict.fromkeys(OPTIONAL.get(module, ())), **document}


def text_for_numbers(module: str, document: Document) -> Document:
    """Writes numbers as texts, and texts of digits as numbers."""
    as_text = _each(document, NUMBERS, lambda value: str(value))
    return _each(as_text, ("latitude", "longitude"), lambda value: float(value))


def odd_coordinates(module: str, document: Document) -> Document:
    """Has ten decimals in coordinates, and line breaks and tabs in texts."""
    longer = _each(document, ("latitude", "longitude"), lambda text: f"{text}0000000000"[: str(text).index(".") + 11])
    return _each(longer, TEXTS, lambda text: f"{text}\r\n\t") if module == "locations" else longer


def bad_optionals(module: str, document: Document) -> Document:
    """Has optional properties that are wrong: a website without scheme, an empty text, a country of two letters."""
    if _is_location(module, document):
        details = {"name": "Sandbox", "website": "www.example.org"}
        document = {**document, "operator": details, "country": document["country"][:2], "state": ""}
        document["images"] = [{"url": "http://example.org/a b.jpg", "category": "OPERATOR", "type": "jpeg"}]
    return document


def no_connectors(module: str, document: Document) -> Document:
    """Has EVSEs that are removed and lack connectors."""
    if _is_location(module, document) and len(document.get("evses", ())) > 1:
        evses = document["evses"]
        gone = {name: value for name, value in evses[-1].items() if name != "connectors"}
        return {**document, "evses": [*evses[:-1], {**gone, "status": "REMOVED"}]}
    return document


def odd_hours(module: str, document: Document) -> Document:
    """Has opening hours over midnight, and until 00:00."""
    if not _is_location(module, document):
        return document
    hours = [
        {"weekday": 1, "period_begin": "06:00", "period_end": "00:00"},
        {"weekday": 2, "period_begin": "22:00", "period_end": "06:00"},
    ]
    return {**document, "opening_times": {"twentyfourseven": False, "regular_hours": hours}}


def no_hours(module: str, document: Document) -> Document:
    """Says that a location is not always open, and not when."""
    return {**document, "opening_times": {"twentyfourseven": False}} if _is_location(module, document) else document


def cdr_without_evse(module: str, document: Document) -> Document:
    """Has CDRs whose location lacks the uid of the EVSE."""
    if module != "cdrs" or "cdr_location" not in document:
        return document
    place = {name: value for name, value in document["cdr_location"].items() if name != "evse_uid"}
    return {**document, "cdr_location": place}


def token_without_party(module: str, document: Document) -> Document:
    """Has sessions and CDRs whose token lacks its party, as OCPI 2.2 had them."""
    if "cdr_token" not in document:
        return document
    token = {name: value for name, value in document["cdr_token"].items() if name not in ("country_code", "party_id")}
    return {**document, "cdr_token": token}


def no_timeout(module: str, document: Document) -> Document:
    """Answers commands without a timeout."""
    return {name: value for name, value in document.items() if name != "timeout"} if module == "commands" else document


def flawed_message(module: str, document: Document) -> Document:
    """Has a text without language in the results of commands."""
    return {**document, "message": {"text": "Done"}} if module == "commands" and "result" in document else document


def flawed_credentials(module: str, document: Document) -> Document:
    """Says of itself that it has no name and a website without scheme."""
    if module != "credentials" or "roles" not in document:
        return document
    roles = [{**role, "business_details": {"website": "sandbox.example"}} for role in document["roles"]]
    return {**document, "roles": roles}


def _is_location(module: str, document: Document) -> bool:
    """Tell a Location from a part of one."""
    return module == "locations" and "coordinates" in document


def _each(document: Document, names: tuple[str, ...], change: Any) -> Document:
    """Change the values of some names, wherever they are."""
    found: Document = changed(document, lambda name, value: change(value) if name in names else value)
    return found


def _lower(value: Any) -> Any:
    if isinstance(value, list):
        return [_lower(each) for each in value]
    return value.lower() if isinstance(value, str) else value
