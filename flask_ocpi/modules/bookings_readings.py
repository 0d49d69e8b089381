"""Reading bookings with other names: those of Bookings 1.0, and those in the specification's examples."""

from __future__ import annotations

from collections.abc import Callable

from flask_ocpi.core.schema import Document
from flask_ocpi.modules.enums import ConnectorFormat
from flask_ocpi.modules.enums import EVSEPosition

Reading = Callable[[Document], Document]

#: The properties that 1.0 has beside the option, and 1.1 in it.
IN_OPTION = ("evse_uid", "connector_id", "parking_id")
_STATUSES = {"FULLFILLED": "FULFILLED", "CANCELLED": "CANCELED"}
#: The lists in which 1.0 has one value.
_LISTED: dict[str, tuple[str, ...]] = {"evse_position": tuple(EVSEPosition), "connector_format": tuple(ConnectorFormat)}
#: The table of Cancellation says Role, and its link leads to InterfaceRole.
_ROLES = {"SENDER": "CPO", "RECEIVER": "EMSP", "MSP": "EMSP"}


def renamed(**names: str) -> Reading:
    """Return a function that reads properties by earlier names: ``renamed(step_size="timeslot_increment")``."""

    def read(document: Document) -> Document:
        return {
            names[name] if name in names and names[name] not in document else name: value
            for name, value in document.items()
        }

    return read


def stripped(document: Document) -> Document:
    """Read names that have blanks around them, as in the example of a changed calendar."""
    return {name.strip(): value for name, value in document.items()}


def with_option(document: Document) -> Document:
    """Read properties that 1.0 has beside the option as parts of it; of several options, read the first.

    A PATCH is left unchanged: its handler knows the rest of the option.
    """
    given = document.get("booking_option")
    option = given[0] if isinstance(given, list) and given else given
    parts = {name: document[name] for name in IN_OPTION if document.get(name) is not None}
    if (not parts and option is given) or "location_id" not in document:
        return document
    others = {name: value for name, value in document.items() if name not in IN_OPTION}
    return {
        **others,
        "booking_option": option if option and not isinstance(option, dict) else {**parts, **(option or {})},
    }


def with_single_terms(document: Document) -> Document:
    """Read the first element of the list of terms in 1.0."""
    terms = document.get("booking_terms")
    return {**document, "booking_terms": terms[0]} if isinstance(terms, list) and terms else document


def with_lists(document: Document) -> Document:
    """Read single values of properties that are lists since 1.1."""
    single = {n: [document[n]] for n, values in _LISTED.items() if document.get(n) in values}
    return {**document, **single} if single else document


def with_statuses(document: Document) -> Document:
    """Read the other spellings of a status in the specification."""
    return _replaced(document, "reservation_status", _STATUSES)


def with_roles(document: Document) -> Document:
    """Read a side of the module as the role on that side."""
    return _replaced(document, "who_canceled", _ROLES)


def without_plates(document: Document) -> Document:
    """Read the token type that only 1.0 has; the licence plate itself is kept in another property."""
    return {**document, "type": "OTHER"} if document.get("type") == "LICENSE_PLATE" else document


def _replaced(document: Document, name: str, values: dict[str, str]) -> Document:
    value = document.get(name)
    return {**document, name: values[value]} if isinstance(value, str) and value in values else document
