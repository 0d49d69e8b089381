"""The roles and parties that a partner may use: those that the operator granted, not all that it names.

Every handshake goes through :func:`decide`: partners' POST and PUT, and their answers to ours.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from functools import partial
from typing import Any

from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import Role
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange import sides
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.sides import Side
from flask_ocpi.partners.claims import Claim
from flask_ocpi.partners.claims import party_of
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.signals import roles_requested
from flask_ocpi.storage.base import Party

ACCEPT, ASK, REFUSE = "accept", "ask", "refuse"

_log = logging.getLogger("flask_ocpi")
_SHOWN = 10

Documents = tuple[Mapping[str, Any], ...]
Pair = tuple[str, Party]


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on the CredentialsRole documents of a partner: those in use from now on, and the pending ones."""

    roles: Documents
    requested: Documents


def pair_of(role: Mapping[str, Any]) -> Pair:
    """Return the role and the party that are granted together."""
    return str(role["role"]), party_of(role)


def decide(services: Services, before: Platform, named: Sequence[Mapping[str, Any]], *, version: Version) -> Decision:
    """Divide the roles that a partner names in a handshake into those that it gets and those that wait for approval.

    before: its record before the handshake. version: that of the handshake. It loses roles that it no longer names;
    only a party that waits for another role keeps its roles. Raises InvalidParametersError when the handshake is
    refused: it names an own party, too many roles, only parties of others at its first registration, or something new
    while OCPI_NEW_ROLES is "refuse".
    """
    wanted = [pair_of(role) for role in named]
    parties = {party for _, party in wanted}
    most = services.settings.max_parties
    if len(parties) > most:
        raise InvalidParametersError(f"roles: names {len(parties)} parties; {most} are accepted at the most.")
    claims = services.platforms.claims
    for party in parties & claims.own:
        claims.check(party, ())
    in_use = {pair_of(role) for role in before.roles}
    new = {party for name, party in wanted if (name, party) not in in_use}
    others = {} if claims.shared or not new else claims.of_many(new)
    judge = _Judge(services, before, others, sides.side_of(services, before, version), _is_granted_hub(before, named))
    roles: list[Mapping[str, Any]] = []
    requested: list[Mapping[str, Any]] = []
    for role, pair in zip(named, wanted, strict=True):
        (roles if pair in in_use or judge.gets(role) else requested).append(role)
    if not roles and before.granted_parties is None and not before.is_registered:
        _refuse_parties_of_others(services, others, parties, before)
    waiting, named_now = {party_of(role) for role in requested}, set(wanted)
    kept = (role for role in before.roles if party_of(role) in waiting and pair_of(role) not in named_now)
    return Decision((*roles, *kept), tuple(requested))


def announce(services: Services, before: Platform, after: Platform) -> None:
    """Announce the roles that a handshake left pending to the operator, with a log record and a signal."""
    known = {pair_of(role) for role in before.requested}
    new = [dict(role) for role in after.requested if pair_of(role) not in known]
    if not new:
        return
    _log.warning(
        "Platform %s names what it was not granted: %s. It has no effect before you approve of it: "
        "flask ocpi partners requests",
        after.id,
        listing(new),
    )
    services.emit(roles_requested, platform=after, roles=new)


def approve(
    services: Services,
    platform: Platform,
    *,
    roles: Collection[str] | None = None,
    parties: Collection[Party] | None = None,
    move: bool = False,
) -> tuple[Platform, Documents]:
    """Grant pending roles of a partner, limited to these roles and parties, with immediate effect.

    move: take parties from the platforms that have them. Returns the platform and the granted roles. Raises
    InvalidParametersError if nothing is pending, or if a party belongs to another platform and is not moved.
    """
    platforms = services.platforms
    chosen: Documents = ()

    def granted(current: Platform) -> Platform:
        nonlocal chosen
        chosen, left = _chosen(current, roles, parties)
        wanted = {party_of(role) for role in chosen}
        claims = {} if platforms.claims.shared else platforms.claims.of_many(wanted)
        holders = {id for claim in claims.values() for id in claim.platforms} - {current.id}
        for id in sorted(holders):
            holder = platforms.get(id)
            if holder is None:
                continue
            if not move:
                taken = ", ".join(str(party) for party in sorted(wanted) if holder.has(party))
                raise InvalidParametersError(f"{taken} is registered by platform {id}: approve of the move, too.")
            platforms.change(holder, partial(_without, wanted))
        return replace(current, roles=(*current.roles, *chosen), requested=left)

    with services.storage.transaction():
        return platforms.change(platform, granted), chosen


def _without(parties: Collection[Party], holder: Platform) -> Platform:
    return replace(holder, roles=tuple(role for role in holder.roles if party_of(role) not in parties))


def reject(
    services: Services,
    platform: Platform,
    *,
    roles: Collection[str] | None = None,
    parties: Collection[Party] | None = None,
) -> tuple[Platform, Documents]:
    """Drop pending roles, limited to these roles and parties; return the platform and the dropped ones."""
    chosen: Documents = ()

    def rejected(current: Platform) -> Platform:
        nonlocal chosen
        chosen, left = _chosen(current, roles, parties)
        return replace(current, requested=left)

    return services.platforms.change(platform, rejected), chosen


def checked_roles(names: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return the names of roles for a grant; None stays None. Raises InvalidParametersError for others."""
    if names is None:
        return None
    found = tuple(dict.fromkeys(name.upper() for name in names))
    for name in found:
        if name not in set(Role):
            raise InvalidParametersError(f"There is no role {name!a}; roles are {', '.join(Role)}.")
    return found


def checked_parties(services: Services, parties: Iterable[Party] | None) -> tuple[str, ...] | None:
    """Return parties for a grant; None stays None. Raises InvalidParametersError for one of ours."""
    if parties is None:
        return None
    found = tuple(dict.fromkeys(parties))
    for party in found:
        services.platforms.claims.check(party, ())
    return tuple(map(str, found))


def listing(roles: Sequence[Mapping[str, Any]]) -> str:
    """Write roles for people: "CPO NL-ABC, EMSP NL-DEF"; a long list is cut."""
    shown = ", ".join(f"{role['role']} {party_of(role)}" for role in roles[:_SHOWN])
    return shown if len(roles) <= _SHOWN else f"{shown} and {len(roles) - _SHOWN} more"


@dataclass(frozen=True, slots=True)
class _Judge:
    """Decides on each role that is new to a partner. claims: the claims on the parties that it names."""

    services: Services
    before: Platform
    claims: Mapping[Party, Claim]
    side: Side | None
    is_hub: bool

    def gets(self, role: Mapping[str, Any]) -> bool:
        """Tell whether the partner gets a role at once; raise InvalidParametersError if the role is refused."""
        name, party = pair_of(role)
        explicit = _is_granted(self.before, name, party)
        claim = self.claims.get(party, Claim())
        others = set(claim.platforms) - {self.before.id}
        is_taken = bool(self._rivals(others) if explicit else others)
        # The party may have left the hub; only the operator knows.
        is_free = not is_taken and (explicit or claim.hub in (None, self.before.id))
        if explicit and is_free:
            return True
        verdict = self._asked(role)
        if verdict is None:
            setting = self.services.settings.new_roles
            asks = setting == ACCEPT and name == Role.HUB
            verdict = ACCEPT if is_free and self._is_usual(name) else ASK if asks else setting
        if verdict == REFUSE:
            raise InvalidParametersError(
                f"roles: {party} is not granted the role {name} here; ask the operator of this platform. "
                "Nothing was changed."
            )
        return verdict == ACCEPT and is_free

    def _rivals(self, others: Collection[str]) -> Collection[str]:
        """Return the platforms that cannot be the same partner as this one, which may have registered for each side."""
        if self.side is None:
            return others
        known = (self.services.platforms.get(id) for id in others)
        return [p.id for p in known if p is not None and not sides.are_two(self.services, p, self.side.role)]

    def _is_usual(self, name: str) -> bool:
        """Tell whether a role at a free party needs no approval: of a hub, or in a first registration."""
        first = not self.before.is_registered and not _has_terms(self.before)
        return self.is_hub or (first and name != Role.HUB)

    def _asked(self, role: Mapping[str, Any]) -> str | None:
        hook = self.services.hooks.registration_filter
        if hook is None:
            return None
        try:
            verdict = hook(self.before, copy.deepcopy(dict(role)))
        except Exception:  # the partner may have registered us already, so the handshake continues
            _log.exception("The registration filter failed: you are asked.")
            return ASK
        if verdict not in (None, ACCEPT, ASK, REFUSE):
            _log.error("The registration filter returned %a, not accept, ask or refuse: you are asked.", verdict)
            return ASK
        return verdict


def _has_terms(platform: Platform) -> bool:
    return platform.granted_roles is not None or platform.granted_parties is not None


def _is_granted(platform: Platform, name: str, party: Party) -> bool:
    """Tell whether the operator granted a role at a party.

    If the operator named only roles, or only parties, the other is open at the first registration, and later limited to
    what the partner has; HUB is never left open.
    """
    if not _has_terms(platform):
        return False
    first = not platform.is_registered
    by_role = name in (platform.granted_roles or ())
    by_party = str(party) in (platform.granted_parties or ())
    if platform.granted_roles is None:
        by_role = (first and name != Role.HUB) or name in platform.role_names
    if platform.granted_parties is None:
        by_party = first or platform.has(party)
    return by_role and by_party


def _is_granted_hub(before: Platform, named: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a partner is a hub, or becomes one now: it may add parties that no other platform has."""
    hubs = (party_of(role) for role in named if role["role"] == Role.HUB)
    return before.is_hub or any(_is_granted(before, Role.HUB, party) for party in hubs)


def _refuse_parties_of_others(
    services: Services, claims: Mapping[Party, Claim], parties: Collection[Party], before: Platform
) -> None:
    taken = {party: set(claims[party].platforms) - {before.id} for party in parties if party in claims}
    if all(taken.get(party) for party in parties):
        party = min(taken)
        services.platforms.claims.check(party, taken[party])


def _chosen(
    platform: Platform, roles: Collection[str] | None, parties: Collection[Party] | None
) -> tuple[Documents, Documents]:
    """Divide pending roles into those with these roles and parties, and the rest."""
    chosen: list[Mapping[str, Any]] = []
    left: list[Mapping[str, Any]] = []
    for role in platform.requested:
        name, party = pair_of(role)
        fits = (roles is None or name in roles) and (parties is None or party in parties)
        (chosen if fits else left).append(role)
    if not chosen:
        raise InvalidParametersError(f"Nothing of that is pending of platform {platform.id}.")
    return tuple(chosen), tuple(left)
