"""Evidence: objects related to a CDR, and contradictions between them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flask_ocpi.pricing.amounts import number
from flask_ocpi.pricing.amounts import rounded
from flask_ocpi.pricing.clock import SECOND
from flask_ocpi.pricing.clock import known_moment
from flask_ocpi.pricing.findings import Findings
from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.policy import Policy
from flask_ocpi.pricing.rules import Rules
from flask_ocpi.pricing.tariffs import read_tariff
from flask_ocpi.pricing.tariffs import tariff_key

Document = Mapping[str, Any]

_NO_EVSE = "#NA"  # of a reservation that was never used
_SECONDS = 60 * SECOND  # by which times of a session and its CDR may differ
_COMPARED = ("currency", "elements", "min_price", "max_price")
_DECIDING = (*_COMPARED, "tax_included")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Objects that were looked up for a CDR. None: not looked up. An empty mapping: looked up, and not found.

    ``tariffs``: those that the owner sent, by :func:`tariff_key` of their id. ``original``: the CDR that a credit CDR
    takes back. ``others``: the ids of earlier CDRs of the session that no credit CDR took back.
    """

    session: Document | None = None
    location: Document | None = None
    token: Document | None = None
    tariffs: Mapping[str, Document] | None = None
    original: Document | None = None
    others: Sequence[str] = ()


def check_evidence(cdr: Document, evidence: Evidence, rules: Rules, findings: Findings) -> None:
    """Find contradictions between a CDR and its evidence."""
    if evidence.session is not None:
        _check_session(cdr, evidence.session, rules, findings)
    if evidence.others and cdr.get("credit") is not True:
        findings.add("session_twice", "$.session_id", cdr.get("session_id"), ", ".join(evidence.others))
    if evidence.location is not None:
        _check_location(cdr, evidence.location, findings)
    if evidence.token is not None:
        _check_token(cdr, evidence.token, findings)
    if evidence.tariffs is not None:
        _check_tariffs(cdr, evidence.tariffs, findings)
    if evidence.original is not None:
        _check_credit(cdr, evidence.original, rules, findings)


def _check_session(cdr: Document, session: Document, rules: Rules, findings: Findings) -> None:
    id = cdr.get("session_id")
    if not session:
        findings.add("unknown_session", "$.session_id", id)
        return
    _check_identity(cdr, session, findings)
    currency, ours = str(cdr.get("currency") or ""), str(session.get("currency") or "")
    if ours and currency.upper() != ours.upper():
        findings.add("other_currency", "$.currency", currency, "the session is", ours)
    status = session.get("status")
    if status not in ("COMPLETED", "INVALID"):
        findings.add("session_not_completed", "$.session_id", id, status)
        return  # its content may be old
    said, kwh = known_number(cdr.get("total_energy")), known_number(session.get("kwh"))
    if said is not None and kwh is not None and differ(said, kwh, energy_tolerance(said)):
        findings.add("session_energy_differs", "$.total_energy", rounded(said), rounded(kwh))
    for name in ("start_date_time", "end_date_time"):
        try:
            one, other = (known_moment(each.get(name), f"$.{name}") for each in (cdr, session))
        except PricingError:
            continue  # the pricing of the CDR reports that
        if one is not None and other is not None and abs(one - other) > _SECONDS:
            findings.add("session_time_differs", f"$.{name}", cdr.get(name), session.get(name))
    for side in ("excl_vat", "incl_vat"):
        cost, of_session = amount_of(cdr, "total_cost", side), amount_of(session, "total_cost", side)
        if cost is not None and cdr.get("credit") is True:
            cost = abs(cost)
        if cost is not None and of_session is not None and differ(cost, of_session, rules.tolerance_in(currency)):
            findings.add("session_cost_differs", f"$.total_cost.{side}", rounded(cost), rounded(of_session))


def _check_identity(cdr: Document, session: Document, findings: Findings) -> None:
    uids = [str(part_of(each, "cdr_token").get("uid")) for each in (cdr, session)]
    if part_of(session, "cdr_token") and uids[0].casefold() != uids[1].casefold():
        findings.add("session_token_differs", "$.cdr_token.uid", *uids)
    location, of_session = part_of(cdr, "cdr_location").get("id"), session.get("location_id")
    if location is not None and of_session is not None and str(location).casefold() != str(of_session).casefold():
        findings.add("session_location_differs", "$.cdr_location.id", location, of_session)


def _check_location(cdr: Document, location: Document, findings: Findings) -> None:
    place = part_of(cdr, "cdr_location")
    if not location:
        findings.add("unknown_location", "$.cdr_location.id", place.get("id"))
        return
    uid = str(place.get("evse_uid") or _NO_EVSE)
    evses = location.get("evses")
    if uid != _NO_EVSE and isinstance(evses, Sequence):
        known = {str(evse.get("uid")).casefold() for evse in evses if isinstance(evse, Mapping)}
        if uid.casefold() not in known:
            findings.add("unknown_evse", "$.cdr_location.evse_uid", place.get("id"), uid)


def _check_token(cdr: Document, token: Document, findings: Findings) -> None:
    used = part_of(cdr, "cdr_token")
    if not token:
        findings.add("unknown_token", "$.cdr_token.uid", used.get("uid"), used.get("type"))
        return
    contract, known = used.get("contract_id"), token.get("contract_id")
    if contract is not None and known is not None and str(contract).casefold() != str(known).casefold():
        findings.add("token_contract_differs", "$.cdr_token.contract_id", contract, known)


def _check_tariffs(cdr: Document, pushed: Mapping[str, Document], findings: Findings) -> None:
    for index, tariff in enumerate(objects_of(cdr, "tariffs")):
        path = f"$.tariffs[{index}]"
        known = pushed.get(tariff_key(tariff.get("id")))
        if not known:
            findings.add("tariff_not_pushed", path, tariff.get("id"))
            continue
        differing = _difference(tariff, known)
        if differing:
            findings.add(_kind_of_change(cdr, tariff, known), f"{path}.{differing}", tariff.get("id"), differing)


def _kind_of_change(cdr: Document, tariff: Document, known: Document) -> str:
    """Tell whether a later change may explain the difference: our object changed after the start of the session."""
    try:
        start = known_moment(cdr.get("start_date_time"), "$.start_date_time")
        changed = known_moment(known.get("last_updated"), "last_updated")
        version = known_moment(tariff.get("last_updated"), "last_updated")
    except PricingError:
        return "tariff_differs"
    is_newer = start is not None and changed is not None and changed > start
    return "tariff_changed_since" if is_newer and version != changed else "tariff_differs"


def _difference(tariff: Document, known: Document) -> str | None:
    """Return the first property that decides about prices and differs in meaning."""
    if all(tariff.get(name) == known.get(name) for name in _DECIDING):
        return None
    try:
        one, other = (read_tariff(each, "tariff", Remarks(Policy())) for each in (tariff, known))
    except PricingError:
        return "elements"
    return next((name for name in _COMPARED if getattr(one, name) != getattr(other, name)), None)


def _check_credit(cdr: Document, original: Document, rules: Rules, findings: Findings) -> None:
    if not original:
        findings.add("credit_without_original", "$.credit_reference_id", cdr.get("credit_reference_id"))
        return
    currency, of_original = str(cdr.get("currency") or ""), str(original.get("currency") or "")
    if currency.upper() != of_original.upper():
        findings.add("other_currency", "$.currency", currency, "the original is", of_original)
        return
    for side in ("excl_vat", "incl_vat"):
        back, paid = amount_of(cdr, "total_cost", side), amount_of(original, "total_cost", side)
        if back is not None and paid is not None and differ(abs(back), abs(paid), rules.tolerance_in(currency)):
            findings.add("credit_differs", f"$.total_cost.{side}", rounded(back), rounded(paid))


def differ(one: Fraction, other: Fraction, tolerance: Fraction) -> bool:
    return abs(one - other) > tolerance


def energy_tolerance(kwh: Fraction) -> Fraction:
    """Return the permitted difference of energy: a thousandth, at least 10 Wh."""
    return max(abs(kwh) / 1000, Fraction(1, 100))


def amount_of(document: Document, name: str, side: str) -> Fraction | None:
    """Return one side of an amount of a document, None if it is missing."""
    return known_number(part_of(document, name).get(side))


def known_number(value: Any) -> Fraction | None:
    """Return a number, None if it is missing or not a number."""
    try:
        return None if value is None else number(value, "$")
    except PricingError:
        return None


def objects_of(document: Document, name: str) -> list[Document]:
    """Return the objects of a list in a document, none if it is not a list."""
    value = document.get(name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, (list, tuple)) else []


def part_of(document: Document, name: str) -> Document:
    """Return an object in a document, an empty one if it is missing or no object."""
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}
