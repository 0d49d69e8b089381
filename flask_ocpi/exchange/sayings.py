"""What a message said, in one short sentence without a subject: ``sent session S2: status ACTIVE, 3.2 kWh``."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from decimal import InvalidOperation
from typing import Any

from flask_ocpi.exchange.references import COMMAND
from flask_ocpi.exchange.references import Described
from flask_ocpi.exchange.references import Reference
from flask_ocpi.exchange.references import segments_of

_VERBS = {"PUT": "sent", "POST": "sent", "PATCH": "changed", "DELETE": "removed", "GET": "asked for"}
_LONGEST_VALUE = 60


def say(
    described: Described,
    method: str,
    url: str,
    about: tuple[Reference, ...],
    asked: Mapping[str, Any],
    answered: Mapping[str, Any],
) -> str:
    """Return the sentence. asked, answered: the decoded bodies, or {} as far as the journal does not read them."""
    data = answered.get("data")
    answer = data if isinstance(data, dict) else {}
    if described.takes_result:
        text = f"sent the result{_of_command(url, described)}: {_value(asked.get('result'))}"
    elif "response_url" in asked or "response_url=" in url:
        text = f"asked for {described.title.upper()}{_token(about)}{_place(about)}: {_value(answer.get('result'))}"
    elif isinstance(answer.get("allowed"), str):
        text = f"asked whether token {_id(about, 'token')} may charge{_place(about)}: {_value(answer['allowed'])}"
    else:
        text = _plain(described, method, about, asked)
    return text.removesuffix(": ")


def _plain(described: Described, method: str, about: tuple[Reference, ...], asked: Mapping[str, Any]) -> str:
    """Return the sentence of a message that sends or asks for objects."""
    verb = _VERBS.get(method, method)
    name = described.name
    if described.returns_list or not name:
        return f"{verb} {described.title.partition('_')[2].replace('_', ' ')}"
    shown = "EVSE" if name == "evse" else "CDR" if name == "cdr" else name.replace("_", " ")
    whole = "evse" if name == "connector" else name
    at = " of EVSE" if name == "connector" else ""
    return f"{verb} {shown}{at} {_id(about, whole)}: {', '.join(_details(asked))}"


def _details(document: Mapping[str, Any]) -> list[str]:
    """Return what matters in an object, whatever its class."""
    if not document:
        return []
    found = []
    for name in ("status", "reservation_status"):
        if isinstance(document.get(name), str):
            found.append(f"status {_value(document[name])}")
    if isinstance(document.get("valid"), bool):
        found.append("valid" if document["valid"] else "not valid")
    if isinstance(document.get("evses"), list):
        number = len(document["evses"])
        found.append("1 EVSE" if number == 1 else f"{number} EVSEs")
    energy = document.get("kwh", document.get("total_energy"))
    if (amount := _number(energy)) is not None:
        found.append(f"{amount.normalize():f} kWh")
    if (cost := _cost(document.get("total_cost"))) is not None:
        found.append(f"{cost:.2f} {_value(document.get('currency'))}".rstrip())
    if document.get("credit") is True:
        found.append("a credit")
    return found


def _cost(value: Any) -> Decimal | None:
    """Return the amount of a Price of any version: with taxes, where they are given."""
    if not isinstance(value, dict):
        return _number(value)
    if "incl_vat" in value:
        return _number(value["incl_vat"])
    amount = _number(value.get("excl_vat", value.get("before_taxes")))
    taxes = value.get("taxes")
    for tax in taxes if isinstance(taxes, list) else ():
        more = _number(tax.get("amount")) if isinstance(tax, dict) else None
        amount = amount if more is None or amount is None else amount + more
    return amount


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value)[:_LONGEST_VALUE])
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 20 else None


def _of_command(url: str, described: Described) -> str:
    """Return which command a result is of, if its URL is one of ours."""
    found = segments_of(url.partition("?")[0], len(described.segments))
    named = found[0] if len(found) > 1 and described.segments[-1] == COMMAND else ""
    return f" of {named}" if named.replace("_", "").isalpha() and named.isupper() else ""


def _token(about: tuple[Reference, ...]) -> str:
    token = _id(about, "token")
    return f" for token {token}" if token else ""


def _place(about: tuple[Reference, ...]) -> str:
    """Return the place, or the session, that a request is about."""
    evse, location = _id(about, "evse"), _id(about, "location")
    session = _id(about, "session")
    if evse:
        return f" at EVSE {evse}"
    return f" at location {location}" if location else f" of session {session}" if session else ""


def _id(about: tuple[Reference, ...], kind: str) -> str:
    return next((reference.value for reference in about if reference.kind == kind), "")


def _value(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= _LONGEST_VALUE else ""
