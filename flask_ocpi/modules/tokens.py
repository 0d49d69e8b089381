"""The classes of the tokens module."""

from __future__ import annotations

import logging
import secrets
from typing import Any

import orjson

from flask_ocpi.core.advice import did_you_mean
from flask_ocpi.core.description import OWNER_KEY
from flask_ocpi.core.description import Alias
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import String
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import ServerError
from flask_ocpi.errors import StatusCode
from flask_ocpi.errors import UnknownTokenError
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.handlers import find_all_own
from flask_ocpi.exchange.origins import CONTRACTS
from flask_ocpi.exchange.origins import note_contracts
from flask_ocpi.exchange.patterns import OWNER
from flask_ocpi.exchange.patterns import client_owned
from flask_ocpi.exchange.patterns import list_objects
from flask_ocpi.exchange.targets import Target
from flask_ocpi.modules.enums import AllowedType
from flask_ocpi.modules.enums import ProfileType
from flask_ocpi.modules.enums import TokenType
from flask_ocpi.modules.enums import WhitelistType
from flask_ocpi.modules.types import DisplayText
from flask_ocpi.modules.types import LanguageCode
from flask_ocpi.modules.types import OwnedObject
from flask_ocpi.partners.claims import party_of
from flask_ocpi.signals import token_authorized
from flask_ocpi.storage.base import fold


class EnergyContract(Schema):
    """The energy supplier of a driver (OCPI 2.2.1, Tokens, "EnergyContract class")."""

    supplier_name = String(max=64, required=True, about="Name of the energy supplier.", example="Example Energy")
    contract_id = String(max=64, about="Id of the contract with the supplier.", example="0123456789")


class LocationReferences(Schema):
    """The place at which a token is to be used (OCPI 2.2.1, Tokens, "LocationReferences class")."""

    location_id = CiString(max=36, required=True, about="Id of the Location.", example="LOC1")
    evse_uids = ListOf(CiString(max=36), max=5000, about="Uids of EVSEs of the Location.", example=["3256"])


class Token(OwnedObject):
    """A card, app or number that identifies a driver (OCPI 2.2.1, Tokens, "Token Object")."""

    uid = CiString(
        max=36,
        required=True,
        about="Uid, unique with the type among those of the owner; for an RFID token, the value that readers see.",
        example="12345678905880",
    )
    type = Enum(TokenType, required=True, about="Type of the token.", example="RFID")
    contract_id = CiString(
        max=36, required=True, about="Id of the driver's contract, preferably an eMA id.", example="DE8ACC12E46L89"
    )
    visual_number = String(max=64, about="Number printed on the token.", example="DF000-2001-8999-1")
    issuer = String(max=64, required=True, about="Issuer, as printed on the token.", example="Example Provider")
    group_id = CiString(
        max=36,
        about="Id of a group; a session started by one token can be stopped by another. OCPP before 2.0 allows "
        "20 characters.",
        example="FLEET-7",
    )
    valid = Boolean(required=True, about="Whether the token is valid.", example=True)
    whitelist = Enum(
        WhitelistType,
        required=True,
        about="Whether the operator must ask the owner before charging.",
        example="ALLOWED",
    )
    language = LanguageCode(about="ISO 639-1 code of the driver's language.", example="en")
    default_profile_type = Enum(ProfileType, about="Charging preference if none is given.", example="GREEN")
    energy_contract = Object(EnergyContract, about="The driver's own energy contract.")
    last_updated = DateTime(required=True, about="Time of the last change, in UTC.", example="2024-05-31T12:00:00Z")


class AuthorizationInfo(Schema):
    """The decision whether a token may charge, and its places (OCPI 2.2.1, Tokens, "AuthorizationInfo Object")."""

    allowed = Enum(
        AllowedType,
        required=True,
        about="Whether the driver may charge, or the reason for the refusal.",
        example="ALLOWED",
    )
    token = Object(Token, required=True, about="The complete token.")
    location = Object(
        LocationReferences,
        about="The part of the requested location where the driver may charge.",
        example={"location_id": "LOC1", "evse_uids": ["3256"]},
    )
    authorization_reference = CiString(
        max=36, about="Reference that the Session and the CDR repeat.", example="AUTH-0001"
    )
    info = Object(DisplayText, about="Text for the driver.", example={"language": "en", "text": "Your credit is low."})


class TokenTypeQuery(Schema):
    """The query parameter that selects a token among those with one uid (OCPI 2.2.1, Tokens, "Request Parameters")."""

    type = Enum(TokenType, about="Type of the token, by default RFID.", example="RFID")


_log = logging.getLogger("flask_ocpi")


def authorize(ctx: Context, target: Target, body: Document | None) -> Result:
    """Tell whether a token may be used: by the host's authorizer, or else by the stored Token.

    A refusal is a normal answer (TOK-12). UnknownTokenError (HTTP 404, 2004) if there is no such token, or several
    own parties have one and the request does not name the party (TOK-26). ServerError (3000) if the authorizer
    does not return an AuthorizationInfo of that token.
    OCPI 2.2.1, Tokens, "Real-time authorization".
    """
    found = list(find_all_own(ctx, target))
    if "party_id" in target.path:  # by the alias
        found = [record for record in found if party_of(record.document) == target.owner]
    if len(found) != 1:
        raise target.missing()
    token = found[0].document
    authorizer = ctx.services.hooks.authorizer
    answer = None if authorizer is None else authorizer(token, body)
    try:
        info = _complete(ctx, target, token, answer)
    except (InvalidParametersError, TypeError) as error:
        near = did_you_mean(answer, AllowedType) if isinstance(answer, str) else ""
        _log.error("The authorizer answered %.500r: %s%s", answer, error, near)
        raise ServerError("The host application gave no valid answer about this token.") from error
    place = _place(info.pop("location", None), body, answer)
    if info["allowed"] == AllowedType.ALLOWED:
        info.setdefault("authorization_reference", secrets.token_hex(16))
        if place is not None:
            info["location"] = place
    ctx.services.emit(token_authorized, token=token, location=body, info=info, platform=ctx.platform)
    return Result(orjson.dumps(info))


def _complete(ctx: Context, target: Target, token: Document, answer: Any) -> Document:
    """Return the host's answer as a valid AuthorizationInfo; raise InvalidParametersError or TypeError if invalid."""
    by_itself = AllowedType.ALLOWED if token["valid"] else AllowedType.BLOCKED
    given = {} if answer is None else {"allowed": answer} if isinstance(answer, str) else answer
    complete = {"allowed": by_itself, "token": token, **given}
    answers: Any = target.operation.returns
    info = load(ctx.services.schemas[ctx.version.stored(answers)], complete, where="answer of the authorizer")
    for name in target.object_type.key:
        if fold(info["token"][name]) != fold(token[name]):
            raise InvalidParametersError(f"token.{name} is not that of the token asked about.")
    return info


def _place(allowed: Document | None, asked: Document | None, answer: Any) -> Document | None:
    """Return the requested places at which the driver may charge; None if there is none (TOK-14).

    All of them if the answer names no location; all EVSEs of the location if the answer names none.
    """
    told = answer.get("location") if isinstance(answer, dict) and "location" in answer else asked
    if asked is None or told is None or told.get("evse_uids") == []:
        return None
    if allowed is None:
        return asked
    if fold(allowed["location_id"]) != fold(asked["location_id"]):
        return None
    if "evse_uids" not in allowed:
        return asked
    permitted = {fold(uid): uid for uid in allowed["evse_uids"]}
    uids = [uid for uid in asked.get("evse_uids", permitted.values()) if fold(uid) in permitted]
    return {**asked, "evse_uids": uids} if uids else None


TOKEN_UID = PathParameter("token_uid", 36, "Token.uid.", "012345678")

TOKEN = ObjectType(
    name="token",
    kind="tokens",
    schema=Token,
    parameter=TOKEN_UID,
    key=(*OWNER_KEY, "uid", "type"),
    defaults=(("type", TokenType.RFID),),
    replaced=note_contracts,
    missing=UnknownTokenError,
)

AUTHORIZE = Operation(
    name="authorize",
    method="POST",
    path="/{token_uid}/authorize",
    summary="Authorize a token in real time",
    description="The body, which may be left out, says where the driver wants to charge.",
    handler=authorize,
    parameters=(TOKEN_UID,),
    query=TokenTypeQuery,
    body=LocationReferences,
    body_required=False,
    returns=AuthorizationInfo,
    object=TOKEN,
    errors=(StatusCode.NOT_ENOUGH_INFORMATION, StatusCode.UNKNOWN_TOKEN),
    alias=Alias("/{country_code}/{party_id}/{token_uid}/authorize", (*OWNER, TOKEN_UID)),
)

MODULE = Module(
    id=ModuleID.TOKENS,
    description="What drivers identify themselves with, and whether they may charge.",
    interfaces=(
        Interface(InterfaceRole.SENDER, (*list_objects(TOKEN), AUTHORIZE)),
        Interface(InterfaceRole.RECEIVER, client_owned(TOKEN, verbs=("GET", "PUT", "PATCH"), query=TokenTypeQuery)),
    ),
    kinds=(CONTRACTS,),
)
