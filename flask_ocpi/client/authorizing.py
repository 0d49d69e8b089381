"""Authorization of tokens: by the whitelist, by asking the eMSP, or by our copy if the eMSP gives no answer."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from flask_ocpi.client.connection import only
from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Operation
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import NotConnectedError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import StatusCode
from flask_ocpi.errors import UnreachableError
from flask_ocpi.modules.enums import AllowedType
from flask_ocpi.modules.enums import TokenType
from flask_ocpi.modules.enums import WhitelistType
from flask_ocpi.partners.claims import party_of
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import fold

_log = logging.getLogger("flask_ocpi.client")
_WITHOUT_ANSWER = (WhitelistType.ALLOWED, WhitelistType.ALLOWED_OFFLINE)
_OFFLINE = (UnreachableError, NotConnectedError, MissingEndpointError)


@dataclass(frozen=True, slots=True)
class Authorization:
    """The answer to whether a token may charge.

    info: the AuthorizationInfo, None if the eMSP does not know the token. realtime: the eMSP answered; otherwise our
    copy of the token decided.
    """

    info: Document | None
    realtime: bool

    @property
    def is_allowed(self) -> bool:
        return self.info is not None and self.info["allowed"] == AllowedType.ALLOWED


class TokensClient(ModuleClient):
    """The tokens module, with real-time authorization."""

    def authorize(
        self,
        uid: str,
        *,
        type: str = TokenType.RFID,
        location: Document | None = None,
        ask: bool = False,
    ) -> Authorization:
        """Tell whether the token may charge, by the ``whitelist`` of our copy of it (TOK-18, TOK-19).

        ALWAYS: our copy decides. ALLOWED: it decides while the token is valid, unless ``ask``. ALLOWED_OFFLINE: the
        eMSP is asked, and our copy decides only if no answer comes. NEVER, and tokens without a copy: the eMSP is
        asked. ``location`` is the LocationReferences of the driver's location.

        No answer: the eMSP cannot be reached in time; it, or a proxy in front of it, answers HTTP 401, 408, 425, 429 or
        5xx, 403 without an envelope, or 3xxx or 4xxx; its hub reported that it is not connected. A refused request
        (2xxx) or an unreadable answer is an answer: it may mean "no". 2004 means an unknown token only with HTTP 200 or
        404. A token in the answer must be the requested one, of a party of the platform.

        Our copy is that of the client's own party; without one, the latest copy. If several parties of the platform
        issued such a token and the client has no ``to``, there is no copy.

        Raises RemoteError if the eMSP must be asked and gives no answer; a RefusedError with 2002 means that it needs
        the location.
        """
        operation = self.find(InterfaceRole.SENDER, lambda o: o.name == "authorize")
        where = None if location is None else self.checked(operation, location)
        copy = self._copy(uid, type)
        policy = None if copy is None else copy["whitelist"]
        if copy is not None and policy == WhitelistType.ALWAYS:
            return _by_copy(copy)
        if copy is not None and policy == WhitelistType.ALLOWED and copy["valid"] and not ask:
            return _by_copy(copy)
        try:
            return self._ask(operation, uid, type, where, copy)
        except RemoteError as error:
            if copy is None or policy not in _WITHOUT_ANSWER or not _gave_no_answer(error):
                raise
            _log.warning("%s cannot be asked for a token, so our copy decides: %s", self.client.platform.id, error)
            return _by_copy(copy)

    def _ask(
        self, operation: Operation, uid: str, type: str, location: Document | None, known: Document | None
    ) -> Authorization:
        owner = None if known is None else party_of(known)
        query = {"type": type}
        segments: tuple[str, ...] = (uid,)
        issuer = owner or self.client.to or only(self.client.platform.parties)
        if self.client.quirks.authorize_with_party and issuer is not None:
            operation, segments = operation.aliased, (*issuer, uid)
        try:
            answer = self.send(operation, InterfaceRole.SENDER, segments, body=location, query=query, to=owner)
        except RefusedError as error:
            if error.status_code == StatusCode.UNKNOWN_TOKEN and error.http_status in (200, 404):
                return Authorization(None, realtime=True)
            raise
        asked = self._unknown(uid, type) if known is None else known
        info = self.loaded(operation, answer, known={"token": asked}, object=uid)
        self._check_token(uid, answer.data, info["token"])
        return Authorization(info, realtime=True)

    def _unknown(self, uid: str, type: str) -> Document:
        """Return the properties that the request gives of a token without a copy, for answers that lack them."""
        client = self.client
        token = {"uid": uid, "type": type, "valid": True, "whitelist": str(WhitelistType.NEVER)}
        token["last_updated"] = format_date_time(client.services.clock())
        owner = client.to or only(client.platform.parties)
        return token if owner is None else {**token, "country_code": owner.country_code, "party_id": owner.party_id}

    def _check_token(self, uid: str, data: Any, token: Document) -> None:
        """Raise InvalidResponseError for a token that was not requested, or that no party of the platform issued."""
        platform = self.client.platform
        for named in (_uid_in(data), token["uid"]):
            if named is not None and fold(named) != fold(uid):
                raise InvalidResponseError(
                    f"{platform.id} was asked for the token {uid!a} and answered for {named!a:.100}."
                )
        if not self.client.services.platforms.speaks_for(platform, party_of(token)):
            raise InvalidResponseError(
                f"{platform.id} answered for a token of {party_of(token)}, which is not one of its parties."
            )

    def _copy(self, uid: str, type: str) -> Document | None:
        client = self.client
        own = client.own_parties(self.module.id, InterfaceRole.RECEIVER)
        receivers = own if client.sender is None else (client.sender,)
        owners = client.platform.parties if client.to is None else (client.to,)
        id = f"{uid}\n{type}"
        keys = [Key.of(*owner, id, receiver, client.platform.id) for owner in owners for receiver in receivers]
        records = client.services.storage.get_many("tokens", keys)
        if len({key.owner for key in records}) != 1:
            return None
        return max(records.values(), key=lambda record: record.last_updated).document


def _uid_in(data: Any) -> str | None:
    """Return the uid of the token in an unprocessed answer; None if there is none."""
    for name in ("token", "uid"):
        if isinstance(data, list) and len(data) == 1:
            data = data[0]
        data = data.get(name) if isinstance(data, dict) else None
    return None if data is None else str(data).strip()


def _gave_no_answer(error: RemoteError) -> bool:
    """Tell whether an error means that the eMSP did not decide: the whitelists call that offline."""
    if isinstance(error, RefusedError):
        return error.is_about_us or error.http_status >= 500 or 3000 <= error.status_code < 5000
    return isinstance(error, _OFFLINE)


def _by_copy(token: Document) -> Authorization:
    allowed = AllowedType.ALLOWED if token["valid"] else AllowedType.BLOCKED
    return Authorization({"allowed": str(allowed), "token": token}, realtime=False)
