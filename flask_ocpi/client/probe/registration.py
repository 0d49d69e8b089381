"""Checks of the credentials and of the authentication."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_ocpi.client.operations import answer_of
from flask_ocpi.client.probe.checks import DoubtError
from flask_ocpi.client.probe.checks import FlawError
from flask_ocpi.client.probe.checks import SkippedError
from flask_ocpi.client.probe.checks import check
from flask_ocpi.client.probe.checks import declared
from flask_ocpi.client.probe.lists import lists_of
from flask_ocpi.client.probe.seen import Seen
from flask_ocpi.client.probe.seen import cut
from flask_ocpi.client.probe.session import Session
from flask_ocpi.core.description import Module
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.partners.auth_tokens import new_token
from flask_ocpi.partners.claims import party_of

_CREDENTIALS = "Credentials: Credentials object"
_GET = "Credentials: GET method"
_HEADER = "Transport and format: Authorization header"


@check("credentials.answer", "GET on credentials answers with success.", _GET)
def credentials_answer(session: Session) -> str:
    return session.credentials.demand_success()


@check("credentials.object", "The answer is a valid Credentials object.", _CREDENTIALS)
def credentials_object(session: Session) -> str:
    data = session.credentials.needed()
    cls = answer_of(session.version, ModuleID.CREDENTIALS, "get_credentials")
    try:
        load(session.services.schemas[cls], data, where="credentials")
    except InvalidParametersError as error:
        raise FlawError(cut(str(error))) from error
    return "valid"


@check("credentials.url", "Its URL is the versions URL.", _CREDENTIALS)
def credentials_url(session: Session) -> str:
    url = _object(session).get("url")
    if not isinstance(url, str) or url.rstrip("/") != session.url.rstrip("/"):
        raise DoubtError(cut(f"It is {url!a}, and {session.url} was called."))
    return url


@check("credentials.token", "Its token is the one that it accepts from us.", _GET, advised=True)
def credentials_token(session: Session) -> str:
    token = _object(session).get("token")
    if not session.is_our_token(token):
        raise FlawError("It is another one.")
    return "the one in use"


@check("credentials.roles", "Its parties and roles are those that it registered with.", _CREDENTIALS, advised=True)
def credentials_roles(session: Session) -> str:
    platform = session.platform
    if platform is None or not platform.is_registered:
        raise SkippedError("It is not registered here.")
    if session.version.is_one_sided:
        raise SkippedError(f"OCPI {session.version.number} has no roles here.")
    cls = answer_of(session.version, ModuleID.CREDENTIALS, "get_credentials")
    conversion = session.version.conversion(cls)
    try:
        data = load(session.services.schemas[cls], _object(session))
        stored = data if conversion is None else conversion.to_store(data)
    except InvalidParametersError as error:
        raise SkippedError("It is no valid Credentials object.") from error
    known = {(str(role["role"]), str(party_of(role))) for role in (*platform.roles, *platform.requested)}
    now = {(str(role["role"]), str(party_of(role))) for role in stored["roles"]}
    if known != now:
        raise FlawError(cut(f"They differ in {', '.join(f'{party} {role}' for role, party in sorted(known ^ now))}."))
    return ", ".join(f"{party} {role}" for role, party in sorted(now))


@check("auth.encoding", "It accepts the token as the version encodes it.", _HEADER)
def auth_encoding(session: Session) -> str:
    session.versions.needed()
    usual = session.version.dialect.token_encoding or "base64"
    if session.encoding != usual:
        if usual == "base64":
            session.propose("plain-token", True, "It accepts our token only without Base64.")
        raise DoubtError(f"It accepts our token as {session.encoding} text; OCPI {session.version.number} has {usual}.")
    return usual


@check("auth.missing", "A request without a token is answered with HTTP 401.", _HEADER)
def auth_missing(session: Session) -> str:
    return _refused(_anonymous(session))


@check("auth.wrong", "A request with an unknown token is answered with HTTP 401.", _HEADER)
def auth_wrong(session: Session) -> str:
    return _refused(_strange(session))


@check("auth.envelope", "These answers have the envelope, too.", "Transport and format: Response format", advised=True)
def auth_envelope(session: Session) -> str:
    without = [seen for seen in (_anonymous(session), _strange(session)) if seen.code is None]
    if without:
        raise FlawError(f"{without[0].name}: {without[0].summary}")
    return "status_code in both"


@check("auth.ids", "These answers repeat the message ids, too.", "Transport and format: Unique message IDs")
def auth_ids(session: Session) -> str:
    for seen in (_anonymous(session), _strange(session)):
        for name in ("X-Request-ID", "X-Correlation-ID"):
            if seen.header(name) != seen.headers[name]:
                raise FlawError(f"{name} of an answer with HTTP {seen.status} is {seen.header(name)!a}.")
    return "both ids in both answers"


CHECKS = declared(globals())


def _object(session: Session) -> Mapping[str, Any]:
    data = session.credentials.needed()
    if not isinstance(data, dict):
        raise SkippedError("There is no Credentials object.")
    return data


def _anonymous(session: Session) -> Seen:
    """The answer of the versions URL to a request without a token."""
    return _unauthorized(session, session.url, "get_versions", None)


def _strange(session: Session) -> Seen:
    """The answer of the first list to an unknown token, which guards more than versions; without a list, of those."""
    header = authorization(new_token(), session.encoding)
    for listed in lists_of(session)[:1]:
        return _unauthorized(session, listed.address(limit=1), "probe", header, listed.module)
    return _unauthorized(session, session.url, "get_versions", header)


def _unauthorized(session: Session, url: str, operation: str, header: str | None, module: Module | None = None) -> Seen:
    """Send a request without our token; the two of a probe are made once."""
    known = (seen for seen in session.seen if not seen.authorized)
    found = next((seen for seen in known if ("Authorization" in seen.headers) == (header is not None)), None)
    if found is not None:
        return found
    session.versions.needed()
    headers = {"Authorization": header}
    return session.ask("GET", url, module=module, operation=operation, headers=headers, authorized=False)


def _refused(seen: Seen) -> str:
    if seen.status == 0:
        raise SkippedError(seen.summary)
    if seen.status != 401:
        raise FlawError(f"{seen.name}: {seen.summary}")
    return seen.summary
