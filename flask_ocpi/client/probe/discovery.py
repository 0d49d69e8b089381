"""Checks of what a platform says of itself: versions, version details, endpoints, credentials; and to whom."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask_ocpi.client.operations import answer_of
from flask_ocpi.client.probe.checks import DoubtError
from flask_ocpi.client.probe.checks import FlawError
from flask_ocpi.client.probe.checks import Seen
from flask_ocpi.client.probe.checks import SkippedError
from flask_ocpi.client.probe.checks import check
from flask_ocpi.client.probe.checks import counted
from flask_ocpi.client.probe.checks import cut
from flask_ocpi.client.probe.checks import declared
from flask_ocpi.client.probe.lists import lists_of
from flask_ocpi.client.probe.session import Session
from flask_ocpi.core.description import Module
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.versions import Endpoint
from flask_ocpi.modules.versions import Version
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.partners.auth_tokens import new_token
from flask_ocpi.partners.claims import party_of
from flask_ocpi.versions.reading.reader import shown

_VERSIONS = "Versions: Version information endpoint"
_DETAILS = "Versions: Version details endpoint"
_ENDPOINT = "Versions: Endpoint class"
_URL = "Types: URL"
_CREDENTIALS = "Credentials: Credentials object"
_GET = "Credentials: GET method"
_HEADER = "Transport and format: Authorization header"
_LONGEST_URL = 255
_MOST_NAMED = 6
#: The modules that another one needs, by the tables of their chapters.
_NEEDED = {
    (ModuleID.COMMANDS, "RECEIVER"): ((ModuleID.LOCATIONS, "SENDER"),),
    (ModuleID.CHARGINGPROFILES, "RECEIVER"): ((ModuleID.SESSIONS, "SENDER"),),
    (ModuleID.LOCATIONS, "SENDER"): ((ModuleID.TARIFFS, "SENDER"),),
}


@check("versions.answer", "The versions URL answers with success.", _VERSIONS)
def versions_answer(session: Session) -> str:
    return session.versions.demand_success()


@check("versions.list", "The answer has a list with at least one version.", _VERSIONS)
def versions_list(session: Session) -> str:
    data = session.versions.needed()
    if not isinstance(data, list) or not data:
        raise FlawError(f"data is {_kind(data)}, not a list with entries.")
    return ", ".join(shown(number) for number in session.offered) or counted(len(data), "entry", "entries")


@check("versions.entries", "Each entry has a version and a URL.", "Versions: Version class")
def versions_entries(session: Session) -> str:
    return _valid(session, Version, session.versions.needed())


@check("versions.unique", "No version comes twice.", _VERSIONS)
def versions_unique(session: Session) -> str:
    data = session.versions.needed()
    names = [str(item.get("version")) for item in data if isinstance(item, dict)] if isinstance(data, list) else []
    return _once(names)


@check("versions.url", "The URLs are absolute, https, and at most 255 characters long.", _URL)
def versions_url(session: Session) -> str:
    session.versions.needed()
    return _addresses({"the versions URL": session.url, **session.offered})


@check("versions.common", "It offers a version that this platform has.", _VERSIONS)
def versions_common(session: Session) -> str:
    session.versions.needed()
    if not session.common:
        raise FlawError(f"It offers {_listing(session.offered) or 'no version that can be read'}.")
    return _listing(session.common)


@check(
    "versions.newest", "The newest common version is in use.", "Credentials: Update to a newer version", advised=True
)
def versions_newest(session: Session) -> str:
    if session.platform is None or not session.platform.version:
        raise SkippedError("It is not registered here.")
    session.versions.needed()
    if session.common and session.common[-1] != session.platform.version:
        raise FlawError(f"OCPI {session.platform.version} is in use; both sides have {session.common[-1]}.")
    return f"OCPI {session.platform.version}"


@check("details.answer", "The URL of the version answers with success.", _DETAILS)
def details_answer(session: Session) -> str:
    return session.details.demand_success()


@check("details.version", "The answer names the version that its URL is for.", _DETAILS)
def details_version(session: Session) -> str:
    data = session.details.needed()
    number = data.get("version") if isinstance(data, dict) else None
    if number != session.version.number:
        raise FlawError(f"version is {shown(number)}, at the URL of {session.version.number}.")
    return str(number)


@check("details.list", "The answer is an object with a list of endpoints.", _DETAILS)
def details_list(session: Session) -> str:
    data = session.details.needed()
    if not isinstance(data, dict):
        raise FlawError(f"data is {_kind(data)}, not an object.")
    if not session.entries:
        raise FlawError(f"endpoints is {_kind(data.get('endpoints'))}, not a list with entries.")
    return counted(len(session.entries), "endpoint")


@check("details.known", "The endpoints are those that it had at the registration.", _DETAILS, advised=True)
def details_known(session: Session) -> str:
    if session.platform is None:
        raise SkippedError("It is not registered here.")
    if session.platform.version != session.version.number:
        raise SkippedError(f"It is registered in OCPI {session.platform.version}.")
    session.details.needed()
    known, now = (set(map(_identity, each)) for each in (session.platform.endpoints, session.endpoints))
    if known != now:
        names = [":".join(part for part in item[:2] if part) for item in sorted(known ^ now)]
        raise FlawError(cut(f"They differ in {_listing(names)}; `flask ocpi rotate` fetches them."))
    return counted(len(now), "endpoint")


@check("endpoints.credentials", "There is a credentials endpoint.", "Versions: ModuleID")
def endpoints_credentials(session: Session) -> str:
    found = [item for item in _read(session) if _name(item) == ModuleID.CREDENTIALS]
    if not found:
        raise FlawError(f"There are {_listing(sorted({_name(item) for item in _read(session)}))}.")
    return shown(found[0].get("url"))


@check("endpoints.fields", "Each endpoint has what the class requires.", _ENDPOINT)
def endpoints_fields(session: Session) -> str:
    _read(session)
    return _valid(session, session.version.endpoint or Endpoint, session.entries)


@check("endpoints.role", "Each endpoint has one of the two roles.", "Versions: InterfaceRole")
def endpoints_role(session: Session) -> str:
    if session.version.is_one_sided:
        raise SkippedError(f"OCPI {session.version.number} has no roles here.")
    wrong = [_name(item) for item in _read(session) if item.get("role") not in tuple(InterfaceRole)]
    if wrong:
        raise FlawError(f"These have another one: {_listing(wrong)}.")
    return "SENDER or RECEIVER"


@check("endpoints.unique", "No endpoint comes twice.", _DETAILS)
def endpoints_unique(session: Session) -> str:
    return _once([f"{_name(item)} {item.get('role') or ''}".rstrip() for item in _read(session)])


@check("endpoints.known", "The identifiers are those of the version, or agreed ones.", "Versions: ModuleID")
def endpoints_known(session: Session) -> str:
    known = {module.identifier for module in session.version.modules if module.listed}
    others = [name for item in _read(session) if (name := str(item.get("identifier"))) not in known]
    wrong = [name for name in others if name.strip().lower() in known]
    if wrong:
        raise FlawError(f"They are in another spelling: {_listing(wrong)}.")
    if others:
        raise DoubtError(f"OCPI {session.version.number} does not have {_listing(others)}.")
    return f"{len(session.entries)} known ones"


@check("endpoints.url", "The URLs are absolute, https, and at most 255 characters long.", _URL)
def endpoints_url(session: Session) -> str:
    return _addresses({f"{_name(item)} {item.get('role') or ''}".rstrip(): item.get("url") for item in _read(session)})


@check(
    "endpoints.version",
    "The URLs contain the number of the version.",
    "Transport and format: Interface endpoints",
    advised=True,
)
def endpoints_version(session: Session) -> str:
    number = session.version.number
    without = [_name(item) for item in _read(session) if number not in str(item.get("url"))]
    if without:
        raise FlawError(f"{number} is not in the URL of {_listing(without)}.")
    return number


@check("endpoints.needed", "A module comes with the modules that it needs.", "Module dependency", advised=True)
def endpoints_needed(session: Session) -> str:
    if session.version.is_one_sided:
        raise SkippedError(f"OCPI {session.version.number} has no roles here.")
    offered = {(_name(item), str(item.get("role"))) for item in _read(session)}
    missing = [
        f"{module} {role} needs {needed} {side}"
        for (module, role), others in _NEEDED.items()
        if (module, role) in offered
        for needed, side in others
        if (needed, side) not in offered
    ]
    if missing:
        raise FlawError(f"{'; '.join(missing)}.")
    return "all there"


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
    if not isinstance(token, str) or not hmac.compare_digest(token.encode(), session.token.encode()):
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


def _read(session: Session) -> list[Mapping[str, Any]]:
    session.details.needed()
    found: list[Mapping[str, Any]] = [item for item in session.entries if isinstance(item, dict)]
    if not found:
        raise SkippedError("There are no endpoints to look at.")
    return found


def _name(item: Mapping[str, Any]) -> str:
    return str(item.get("identifier")).strip().lower()


def _identity(endpoint: Mapping[str, Any]) -> tuple[str, str, str]:
    name = str(endpoint["identifier"])
    role = "" if name == ModuleID.CREDENTIALS else str(endpoint.get("role") or "")  # it says nothing there
    return name, role, str(endpoint["url"])


def _valid(session: Session, cls: type[Schema], items: Any) -> str:
    flaws = [] if isinstance(items, list) else [f"It is {_kind(items)}."]
    for item in items if isinstance(items, list) else ():
        try:
            load(session.services.schemas[cls], item, where=_title(item))
        except InvalidParametersError as error:
            flaws.append(str(error))
    if flaws:
        raise FlawError(cut(" ".join(flaws)))
    return counted(len(items), "entry", "entries")


def _title(item: Any) -> str:
    names = [item.get(name) for name in ("version", "identifier")] if isinstance(item, dict) else []
    return next((f"entry {shown(name)}" for name in names if isinstance(name, str)), "entry")


def _once(names: list[str]) -> str:
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice:
        raise FlawError(f"These come more than once: {_listing(twice)}.")
    return f"{len(names)} different ones"


def _addresses(urls: Mapping[str, Any]) -> str:
    """Check URLs by name; plain http is a doubt, since it may be a test inside one network."""
    wrong = {name: flaw for name, url in urls.items() if (flaw := _flaw_of(url))}
    if wrong:
        raise FlawError(cut("; ".join(f"{name} {flaw}" for name, flaw in wrong.items())))
    plain = [name for name, url in urls.items() if urlsplit(url).scheme == "http"]
    if plain:
        raise DoubtError(f"Not https, so tokens travel readable: {_listing(plain)}.")
    return f"{len(urls)} URLs"


def _flaw_of(url: Any) -> str | None:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        host = None if parts is None else parts.hostname
    except ValueError:
        return "cannot be read"
    if parts is None or parts.scheme not in ("http", "https") or not host:
        return f"is no absolute URL: {shown(url)}"
    if url != url.strip():
        return "has blanks around it"
    return f"has {len(url)} characters" if len(url) > _LONGEST_URL else None


def _kind(value: Any) -> str:
    if value is None:
        return "missing or null"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return "an object" if isinstance(value, dict) else shown(value)


def _listing(names: Collection[Any]) -> str:
    """Return the first names of some, and how many more there are."""
    named = ", ".join(shown(name) for name in list(names)[:_MOST_NAMED])
    return named if len(names) <= _MOST_NAMED else f"{named} and {len(names) - _MOST_NAMED} more"


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
