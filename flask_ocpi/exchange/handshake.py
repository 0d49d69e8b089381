"""The handshake's rules that both sides share: which endpoints are needed, and what a platform's record becomes.

The side that is asked is :mod:`flask_ocpi.modules.credentials`, the one that asks
:mod:`flask_ocpi.client.registration`; what a platform gets of what it names is decided by :mod:`.grants`.
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
    """Raise NoMatchingEndpointsError when endpoints that we need are not among those of a platform.

    ``required`` holds "module" or "module:SENDER"; credentials is always needed. The message names what is missing, and
    the entries that are there but cannot be read.
    """
    found = discovery.endpoints
    offered = {str(e["identifier"]) for e in found}
    for endpoint in found:  # one without a role may be either side
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
    """Say which entries cannot be read, as a sentence behind others; "" for none."""
    return f" Entries that cannot be read: {'; '.join(flaws)}." if flaws else ""


def served(services: Services, number: str) -> Version:
    """Return the version with a number; raise InvalidParametersError, which names those that are served."""
    found = services.version(number)
    if found is None:
        listing = ", ".join(version.number for version in services.versions)
        raise InvalidParametersError(f"OCPI {number} is not served here; OCPI_VERSIONS has {listing}.")
    return found


def token_encoding(services: Services, platform: Platform, version: Version | None = None) -> str:
    """Return how a platform is sent its token: "base64" or "plain". version: which it speaks, unless by its record.

    Its quirks come first, then its record, its version, and OCPI_TOKEN_ENCODING.
    """
    if services.quirks(platform).plain_token:
        return "plain"
    spoken = version or services.version(platform.version)
    by_version = None if spoken is None else spoken.dialect.token_encoding
    return platform.token_encoding or by_version or services.settings.token_encoding


def with_roles(
    services: Services, platform: Platform, endpoints: Iterable[Mapping[str, Any]]
) -> tuple[Mapping[str, Any], ...]:
    """Return endpoints of a platform that each say which side of its module it is.

    Where its version has no roles there, it is the side that is not ours (:mod:`.sides`).
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
    """Return a platform as it is after a handshake, by the Credentials it gave and what was decided that it gets."""
    side = sides.side_of(services, platform, services.version(discovery.version))
    after = replace(
        platform,
        state=PlatformState.REGISTERED,
        name=platform.name or _name_of(credentials["roles"]) or platform.id,
        roles=decision.roles,
        requested=decision.requested,
        versions_url=credentials["url"],
        version=discovery.version,
        own_role=platform.own_role if side is None else side.role,
        own_party=platform.own_party if side is None else side.party,
        endpoints_due=None,
        token=services.platforms.cipher.encrypt(credentials["token"]),
        issued=tuple(issued),
    )
    return replace(after, endpoints=with_roles(services, after, discovery.endpoints))


def unregistered(platform: Platform) -> Platform:
    """Return the platform as it is after its registration ended: known by name, without tokens, parties, endpoints."""
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
    )


def retire(
    platforms: Platforms, tokens: Iterable[IssuedToken], *, version: str | None = None
) -> tuple[IssuedToken, ...]:
    """Turn tokens into ones that end with the grace time: a registration token SPENT, any other one REPLACED.

    version: which the platform spoke until now. A replaced token opens that one only: it is sent by a platform that
    missed our answer, and so does not know that it speaks another one now.
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

    The platform knows us from now on, so its endpoints are to be fetched again.
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


def _name_of(roles: Sequence[Mapping[str, Any]]) -> str:
    """Return the first name in CredentialsRole documents that is one, or ""."""
    names = (str(role["business_details"]["name"]) for role in roles)
    return next((name for name in names if name != NOT_AVAILABLE), "")
