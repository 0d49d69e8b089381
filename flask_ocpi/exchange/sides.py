"""Our side for a partner whose version tells one role: operator or provider, with one own party.

The version details of OCPI 2.1.1 list each module once, and its Credentials have one party and no role. So our role
decides which side of a module such a partner gets, and which role the partner has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import PAYMENTS
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import Permissions
from flask_ocpi.core.enums import Role
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.context import Services
from flask_ocpi.partners.claims import party_of
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import Terms
from flask_ocpi.storage.base import Party

#: The role of a partner by our role for it.
OTHER_SIDE = {Role.CPO: Role.EMSP, Role.EMSP: Role.CPO}


@dataclass(frozen=True, slots=True)
class Side:
    """A role of this platform, and the own party that has it."""

    role: Role
    party: Party

    @property
    def other(self) -> Role:
        """The role of the partner."""
        return OTHER_SIDE[self.role]

    def offers(self, permissions: Permissions, module: str, interface: InterfaceRole) -> bool:
        """Tell whether this side has an interface of ours. module: its identifier."""
        return permissions.implements((self.role,), module, interface)


def side_of(services: Services, platform: Platform, version: Version | None) -> Side | None:
    """Return our side for a partner in a version; None for a version that tells all roles.

    It is the side that the operator chose, or else the only possible one: by our roles and parties, and by the roles
    that the partner has or was granted. Raises InvalidParametersError if several are possible.
    """
    if version is None or not version.is_one_sided:
        return None
    if platform.own_role is not None and platform.own_party is not None:
        return Side(platform.own_role, platform.own_party)
    role = platform.own_role or _role(services, platform, version)
    return Side(role, platform.own_party or _party(services, role))


def checked(services: Services, role: str | None, party: Party | None) -> tuple[Role | None, Party | None]:
    """Return the side that an operator chose for a partner; raise InvalidParametersError if we do not have it."""
    if role is None:
        if party is not None:
            raise InvalidParametersError(f"Say also as what {party} deals with the partner: CPO or EMSP.")
        return None, None
    possible = _roles(services)
    found = next((own for own in possible if own == role.upper()), None)
    if found is None:
        listing = " or ".join(possible) or "neither CPO nor EMSP"
        raise InvalidParametersError(f"This platform is no {role!a} for a partner: it is {listing}.")
    parties = _parties(services, found)
    if party is not None and party not in parties:
        raise InvalidParametersError(f"{party} is no own party that is {found}; there is {_listing(parties)}.")
    return found, party


def meant(services: Services, platform: Platform, terms: Terms) -> Platform:
    """Return the record of a registered partner with the side that an operator chose, if any.

    It applies once the partner changes to a version that tells one role. Raises InvalidParametersError if the partner
    speaks such a version already, and has another side.
    """
    if terms.own_role is None:
        return platform
    side = side_of(services, platform, services.version(platform.version))
    if side is not None and (terms.own_role, terms.own_party or side.party) != (side.role, side.party):
        raise InvalidParametersError(
            f"{platform.id} is registered, and we are {side.role} {side.party} for it: unregister it first."
        )
    return replace(platform, own_role=terms.own_role, own_party=terms.own_party)


def own_parties(
    services: Services, platform: Platform, version: Version | None, module: str, interface: InterfaceRole
) -> tuple[Party, ...]:
    """Return the own parties of an interface for a partner; with one side, only its party.

    module: its id.
    """
    hosted = services.own_parties(module, interface)
    side = side_of(services, platform, version)
    return hosted if side is None else tuple(party for party in hosted if party == side.party)


def known_side(services: Services, platform: Platform) -> Side | None:
    """Return our side for a partner since its handshake, if it speaks a version that tells one role."""
    if platform.own_role is None or platform.own_party is None:
        return None
    version = services.version(platform.version)
    one_sided = version is not None and version.is_one_sided
    return Side(platform.own_role, platform.own_party) if one_sided else None


def deals_with(services: Services, platform: Platform, party: Party) -> bool:
    """Tell whether a partner deals with an own party: all of them, or the only one that it knows."""
    side = known_side(services, platform)
    return side is None or side.party == party


def are_two(services: Services, platform: Platform, role: Role | None) -> bool:
    """Tell whether a partner is registered for one side of ours, and our role is the other one."""
    side = known_side(services, platform)
    return side is not None and role is not None and role is not side.role


def credentials_roles(services: Services, platform: Platform, version: Version) -> list[Document]:
    """Return the CredentialsRole documents that a partner gets of this platform."""
    roles = services.credentials_roles()
    side = side_of(services, platform, version)
    if side is None:
        return roles if version.module(PAYMENTS) is not None else _without_terminals(roles)
    document = next(role for role in roles if party_of(role) == side.party)
    return [{**document, "role": side.role.value}]


def _without_terminals(roles: list[Document]) -> list[Document]:
    """Return roles for a version without payments, which lacks PTP: OTHER stands for it."""
    parties = {(Role.OTHER, party_of(role)) for role in roles if role["role"] == Role.OTHER}
    found = [role if role["role"] != Role.PTP else {**role, "role": Role.OTHER.value} for role in roles]
    return [
        made
        for role, made in zip(roles, found, strict=True)
        if role["role"] != Role.PTP or (Role.OTHER, party_of(role)) not in parties
    ]


def with_role(services: Services, platform: Platform, version: Version, credentials: Document) -> Document:
    """Return the Credentials of a partner in the stored shape, with its role: the other side of ours."""
    side = side_of(services, platform, version)
    if side is None:
        return credentials
    return {**credentials, "roles": [{**role, "role": side.other.value} for role in credentials["roles"]]}


def _role(services: Services, platform: Platform, version: Version) -> Role:
    possible = _roles(services)
    theirs = {*(platform.granted_roles or ()), *platform.role_names}
    fitting = [role for role in possible if OTHER_SIDE[role] in theirs]
    for found in (possible, fitting):
        if len(found) == 1:
            return found[0]
    if not possible:
        raise InvalidParametersError(f"OCPI {version.number} is for CPO and EMSP, and this platform is neither.")
    raise InvalidParametersError(
        f"In OCPI {version.number} a platform has one role, and this one is {' and '.join(possible)}: its operator has "
        "to say which of them it is for this partner, by --as when inviting it or registering with it."
    )


def _party(services: Services, role: Role) -> Party:
    parties = _parties(services, role)
    if len(parties) == 1:
        return parties[0]
    if not parties:
        raise InvalidParametersError(f"No party of this platform is {role} any more.")
    raise InvalidParametersError(
        f"Several parties of this platform are {role}: {_listing(parties)}. Its operator has to say which of them "
        "deals with this partner, by --as-party when inviting it or registering with it."
    )


def _roles(services: Services) -> list[Role]:
    """Return the possible roles of this platform for a partner."""
    return [role for role in OTHER_SIDE if _parties(services, role)]


def _parties(services: Services, role: Role) -> Sequence[Party]:
    """Return the own parties in a role, or else the hubs, which represent either side."""
    for wanted in (role, Role.HUB):
        found = [Party.of(p.country_code, p.party_id) for p in services.settings.parties if wanted in p.roles]
        if found:
            return found
    return ()


def _listing(parties: Sequence[Party]) -> str:
    return ", ".join(map(str, parties))
