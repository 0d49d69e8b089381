"""Who may charge: tokens that a command or the eMSP admitted, by our copies and the whitelists in them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete
from sqlalchemy import or_
from sqlalchemy import select

from examples.ocpp_cpo.places import outlets
from examples.ocpp_cpo.tables import Grant
from examples.ocpp_cpo.tables import db
from flask_ocpi import InterfaceRole
from flask_ocpi import NotFoundError
from flask_ocpi import Party
from flask_ocpi import Platform
from flask_ocpi import RemoteError
from flask_ocpi import current_ocpi

log = logging.getLogger(__name__)

CARD_SECONDS = 600  # from the card at the reader to the start
COMMAND_SECONDS = 24 * 3600  # a charge point without a connection reports the start later
#: What a CdrToken has of a Token.
CDR_TOKEN = ("country_code", "party_id", "uid", "type", "contract_id")


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer about a token. allowed: OCPI's AllowedType, or UNKNOWN; the rest is there only if it is ALLOWED."""

    allowed: str
    token: dict[str, Any] | None = None
    auth_method: str = "AUTH_REQUEST"
    reference: str | None = None
    group_id: str | None = None


def admit(charge_point: str, id_tag: str, type: str = "RFID", *, offline: bool = False) -> Admission:
    """Answer about a token that starts a transaction: as a command or the reader admitted it, or else as a new one."""
    return _granted(charge_point, id_tag) or authorize(charge_point, id_tag, type, offline=offline)


def _granted(charge_point: str, id_tag: str) -> Admission | None:
    valid = select(Grant).filter_by(charge_point=charge_point, id_tag=id_tag).where(Grant.expires > time.time())
    known = db.session.scalars(valid.order_by(Grant.id.desc())).first()
    return known and Admission("ALLOWED", known.token, known.auth_method, known.reference, known.group_id)


def authorize(charge_point: str, id_tag: str, type: str = "RFID", *, offline: bool = False) -> Admission:
    """Ask whether a token may charge at a charge point: our copy, or the eMSP, or each eMSP if there is no copy.

    offline: the charge point had to decide by itself, and may do so for all tokens that the eMSP lets us whitelist.
    """
    here = outlets(charge_point)
    place = here and {"location_id": here[0].location_id, "evse_uids": sorted({outlet.evse_uid for outlet in here})}
    db.session.rollback()  # nothing is read or locked while an eMSP thinks
    admission = Admission("UNKNOWN")
    for platform, copy in _issuers(id_tag, type):
        if offline and copy is not None and copy["valid"] and copy["whitelist"] != "NEVER":
            return _admission({"allowed": "ALLOWED", "token": copy}, realtime=False)
        issuer = None if copy is None else Party.of(copy["country_code"], copy["party_id"])
        try:
            with current_ocpi.client(platform, to=issuer) as client:
                answer = client.tokens.authorize(id_tag, type=type, location=place or None)
        except RemoteError as error:
            log.warning("%s gave no answer about a token: %s", platform.name, error)
            continue
        if answer.info is not None:
            admission = _admission(answer.info, realtime=answer.realtime)
            break
    return admission


def ask(charge_point: str, id_tag: str, type: str = "RFID") -> Admission:
    """Answer about a token at the reader, and keep the answer until the transaction starts.

    Some charge points ask about the tokens of commands as well.
    """
    granted = _granted(charge_point, id_tag)
    if granted is not None and granted.auth_method == "COMMAND":
        return granted
    admission = authorize(charge_point, id_tag, type)
    db.session.execute(delete(Grant).filter_by(charge_point=charge_point, id_tag=id_tag))
    if admission.token is not None:
        db.session.add(grant(charge_point, id_tag, admission, seconds=CARD_SECONDS))
    db.session.commit()
    return admission


def grant(charge_point: str, id_tag: str, admission: Admission, *, seconds: float) -> Grant:
    """Make the row of an admitted token."""
    return Grant(
        charge_point=charge_point,
        id_tag=id_tag,
        token=admission.token,
        auth_method=admission.auth_method,
        reference=admission.reference,
        group_id=admission.group_id,
        expires=time.time() + seconds,
    )


def forget(charge_point: str, id_tag: str) -> None:
    """Drop what is known of a token at a charge point, and all that is too old."""
    used = (Grant.charge_point == charge_point) & (Grant.id_tag == id_tag)
    db.session.execute(delete(Grant).where(or_(used, Grant.expires < time.time())))


def by_command(command: dict[str, Any]) -> Admission:
    """Return what a partner's command admits."""
    token = command["token"]
    reference = command.get("authorization_reference")
    return Admission("ALLOWED", cdr_token(token), "COMMAND", reference, token.get("group_id"))


def cdr_token(token: dict[str, Any]) -> dict[str, Any]:
    """Return what Sessions and CDRs have of a Token."""
    return {name: token[name] for name in CDR_TOKEN}


def _admission(info: dict[str, Any], *, realtime: bool) -> Admission:
    if info["allowed"] != "ALLOWED":
        return Admission(info["allowed"])
    return Admission(
        "ALLOWED",
        cdr_token(info["token"]),
        "AUTH_REQUEST" if realtime else "WHITELIST",
        info.get("authorization_reference"),
        info["token"].get("group_id"),
    )


def _issuers(uid: str, type: str) -> Iterator[tuple[Platform, dict[str, Any] | None]]:
    """Yield the eMSP that issued a token with our copy; or all eMSPs that can be asked, if there is no copy."""
    emsps = [p for p in current_ocpi.partners.list() if p.is_registered and p.endpoint("tokens", InterfaceRole.SENDER)]
    found = [(platform, copy) for platform in emsps for party in platform.parties if (copy := _copy(uid, type, party))]
    yield from found or [(platform, None) for platform in emsps]


def _copy(uid: str, type: str, owner: Party) -> dict[str, Any] | None:
    try:
        copy: dict[str, Any] = current_ocpi.copies.get("tokens", uid, type, owner=owner)
    except NotFoundError:
        return None
    return copy
