"""Real-time authorization: may the owner of a token charge, here and now?"""

from __future__ import annotations

import logging
import uuid
from typing import Any

import orjson

from flask_ocpi.context import Context
from flask_ocpi.context import Result
from flask_ocpi.context import Target
from flask_ocpi.description import Document
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import ServerError
from flask_ocpi.handlers import described_object
from flask_ocpi.handlers import find_all_own
from flask_ocpi.handlers import missing
from flask_ocpi.handlers import object_id
from flask_ocpi.modules.tokens.enums import AllowedType
from flask_ocpi.modules.tokens.schemas import AuthorizationInfo
from flask_ocpi.schema import load
from flask_ocpi.signals import token_authorized
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import fold

_log = logging.getLogger("flask_ocpi")


def authorize(ctx: Context, target: Target, body: Document | None) -> Result:
    """Answer whether a token may be used: what the host's authorizer says, or else the stored Token.

    A refusal is a normal answer (TOK-12). UnknownTokenError (HTTP 404, 2004) when there is no such token, or several
    own parties have one and the request does not say whose is meant (TOK-26). ServerError (3000) when the authorizer
    answers what is no AuthorizationInfo of that token.
    OCPI 2.2.1, Tokens, "Real-time authorization".
    """
    found = list(find_all_own(ctx, target, described_object(target), object_id(target)))
    if "party_id" in target.path:  # by the alias
        found = [record for record in found if _owner_of(record.document) == target.owner]
    if len(found) != 1:
        raise missing(target)
    token = found[0].document
    authorizer = ctx.services.hooks.authorizer
    answer = None if authorizer is None else authorizer(token, body)
    try:
        info = _complete(ctx, target, token, answer)
    except (InvalidParametersError, TypeError) as error:
        _log.error("The authorizer answered %.500r: %s", answer, error)
        raise ServerError("The host application gave no valid answer about this token.") from error
    place = _place(info.pop("location", None), body, answer)
    if info["allowed"] == AllowedType.ALLOWED:
        info.setdefault("authorization_reference", str(uuid.uuid4()))
        if place is not None:
            info["location"] = place
    ctx.services.emit(token_authorized, token=token, location=body, info=info, platform=ctx.platform)
    return Result(orjson.dumps(info))


def _owner_of(token: Document) -> Party:
    return Party.of(token["country_code"], token["party_id"])


def _complete(ctx: Context, target: Target, token: Document, answer: Any) -> Document:
    """Make the host's answer a valid AuthorizationInfo; raise InvalidParametersError or TypeError where it is none."""
    by_itself = AllowedType.ALLOWED if token["valid"] else AllowedType.BLOCKED
    given = {} if answer is None else {"allowed": answer} if isinstance(answer, str) else answer
    complete = {"allowed": by_itself, "token": token, **given}
    info = load(ctx.services.schemas[AuthorizationInfo], complete, where="answer of the authorizer")
    for name in described_object(target).key:
        if fold(info["token"][name]) != fold(token[name]):
            raise InvalidParametersError(f"token.{name} is not that of the token asked about.")
    return info


def _place(allowed: Document | None, asked: Document | None, answer: Any) -> Document | None:
    """Return where the driver may charge of what was asked for, or None: nowhere there (TOK-14).

    Everything, where the answer says nothing about the location; all its EVSEs, where it names none.
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
