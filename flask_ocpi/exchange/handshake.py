"""The handshake rules of both sides: the needed endpoints, and the record of the partner afterwards.

:mod:`flask_ocpi.modules.credentials` answers handshakes, :mod:`flask_ocpi.client.registration` starts them;
:mod:`.grants` decides which of the named roles a partner gets.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.fields import NOT_AVAILABLE
from flask_ocpi.core.moments import SECOND
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NoMatchingEndpointsError
from flask_ocpi.exchange import sides
from flask_ocpi.exchange.context import Discovery
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.grants import Decision
from flask_ocpi.partners.platforms import Caller
from flask_ocpi.partners.platforms import IssuedToken
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import Platforms
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.partners.platforms import TokenUse

_ROLES = frozenset(InterfaceRole)


def check_endpoints(discovery: Discovery, required: Sequence[str]) -> None:
    """Raise NoMatchingEndpointsError if a partner lacks endpoints that we need.

    ``required`` holds "module" or "module:SENDER"; credentials is always needed. The message names the missing
    endpoints and the entries that cannot be read.
    """
    found = discovery.endpoints
    offered = {str(e["identifier"]) for e in found}
    for endpoint in found:  # one without a role may be for either side
        sides = (endpoint["role"],) if "role" in endpoint else InterfaceRole
        offered |= {f"{endpoint['identifier']}:{side}" for side in sides}
    missing = [name for name in (ModuleID.CREDENTIALS.value, *required) if name not in offered]
    if missing:
        listing = ", ".join(missing)
        if discovery.unreadable:
            raise NoMatchingEndpointsError(
                f"These endpoints are missing in the version details, or cannot be read: {listing}."
                + unreadable(discovery.unreadable)
            )
        raise NoMatchingEndpointsError(f"These endpoints are missing in the version details: {listing}.")


def unreadable(flaws: Sequence[str]) -> str:
    """Return a sentence that names the entries that cannot be read, to follow other sentences; "" for none."""
    return f" Entries that cannot be read: {'; '.join(flaws)}." if flaws else ""


def served(services: Services, number: str) -> Version:
    """Return the version with a number; raise InvalidParametersError that names the served versions."""
    found = services.version(number)
    if found is None:
        listing = ", ".join(version.number for version in services.versions)
        raise InvalidParametersError(f"OCPI {number} is not served here; OCPI_VERSIONS has {listing}.")
    return found


def token_encoding(services: Services, platform: Platform, version: Version | None = None) -> str:
    """Return the encoding of the token for a partner: "base64" or "plain". version: defaults to that of its record.

    The order is: its quirks, its record, its version, OCPI_TOKEN_ENCODING.
    """
    if services.quirks(platform).plain_token:
        return "plain"
    spoken = version or services.version(platform.version)
    by_version = None if spoken is None else spoken.dialect.token_encoding
    return platform.token_encoding or by_version or services.settings.token_encoding


def with_roles(
    services: Services, platform: Platform, endpoints: Iterable[Mapping[str, Any]]
) -> tuple[Mapping[str, Any], ...]:
    """Return the endpoints of a partner, each with the role of its interface.

    If its version has no roles there, the role is the opposite of ours (:mod:`.sides`).
    """
    side = sides.side_of(services, platform, services.version(platform.version))
    names = [role["role"] for role in (*platform.roles, *platform.requested)] if side is None else [side.other]
    told: list[Mapping[str, Any]] = []
    for endpoint in endpoints:
        if str(endpoint.get("role")) in _ROLES:
            told.append(endpoint)
            continue
        module = str(endpoint["identifier"])
        found = [role for role in InterfaceRole if services.permissions.implements(names, module, role)]
        told += [{**endpoint, "role": role.value} for role in found or InterfaceRole]
    return tuple(told)


def registered(
    services: Services,
    platform: Platform,
    credentials: Document,
    *,
    decision: Decision,
    discovery: Discovery,
    issued: Iterable[IssuedToken],
) -> Platform:
    """Return the record of a partner after a handshake, from its Credentials and the decision on its roles."""
    side = sides.side_of(services, platform, services.version(discovery.version))
    names = (str(role["business_details"]["name"]) for role in credentials["roles"])
    after = replace(
        platform,
        state=PlatformState.REGISTERED,
        name=platform.name or next((name for name in names if name != NOT_AVAILABLE), "") or platform.id,
        roles=decision.roles,
        requested=decision.requested,
        versions_url=credentials["url"],
        version=discovery.version,
        own_role=platform.own_role if side is None else side.role,
        own_party=platform.own_party if side is None else side.party,
        endpoints_due=None,
        token=services.platforms.cipher.encrypt(credentials["token"]),
        issued=tuple(issued),
        renewed=services.now(),
        ended=None,
        ended_by=None,
    )
    return replace(after, endpoints=with_roles(services, after, discovery.endpoints))


def unregistered(platform: Platform, *, now: int, by: str) -> Platform:
    """Return the record of a partner after its registration: with its name, without tokens, parties, endpoints.

    by: "us" or "partner".
    """
    return replace(
        platform,
        state=PlatformState.UNREGISTERED,
        issued=(),
        token=None,
        endpoints=(),
        version=None,
        roles=(),
        requested=(),
        granted_roles=None,
        granted_parties=None,
        granted_version=None,
        own_role=None,
        own_party=None,
        renewed=None,
        ended=now,
        ended_by=by,
    )


def retire(
    platforms: Platforms, tokens: Iterable[IssuedToken], *, version: str | None = None
) -> tuple[IssuedToken, ...]:
    """Give tokens the end of the grace time: a registration token becomes SPENT, any other one REPLACED.

    version: the version of the partner until now. A replaced token opens only that version: a partner that missed our
    answer sends it, and so does not know about the new version.
    """
    expires = platforms.now() + platforms.grace * SECOND
    retired = []
    for token in tokens:
        if token.use in (TokenUse.ACTIVE, TokenUse.PENDING):
            spoken = token.version or version
            retired.append(replace(token, use=TokenUse.REPLACED, expires=expires, version=spoken))
        elif token.use is TokenUse.REGISTRATION:
            retired.append(replace(token, use=TokenUse.SPENT, expires=expires))
        elif token.use in (TokenUse.REPLACED, TokenUse.SPENT):
            retired.append(token)
    return tuple(retired) if platforms.grace else ()


def confirm(platforms: Platforms, caller: Caller) -> Caller:
    """Note the first use of a new token: the tokens that it replaces end now (CRED-31).

    The partner knows us from now on, so its endpoints have to be fetched again.
    """
    platform = caller.platform
    kept = tuple(
        replace(token, used=True) if token.hash == caller.issued.hash else token
        for token in platform.issued
        if token.use not in (TokenUse.REPLACED, TokenUse.SPENT)
    )
    try:
        known = replace(platform, issued=kept, endpoints_due=platforms.now(), endpoints_tries=0)
        platform = platforms.save(known, before=platform)
    except ConflictError:  # another request with the same token did it
        return platforms.caller([caller.token]) or caller
    return replace(caller, platform=platform, issued=replace(caller.issued, used=True))
