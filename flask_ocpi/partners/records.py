"""The record of another platform, and of the tokens that it may send."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from dataclasses import replace
from enum import StrEnum
from functools import cached_property
from time import monotonic
from typing import Any

from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import Role
from flask_ocpi.partners.claims import party_of
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.stored import Stored


class PlatformState(StrEnum):
    """Where the registration of a platform stands."""

    INVITED = "INVITED"  # it has a registration token of ours (token A)
    PENDING = "PENDING"  # we are registering with it
    REGISTERED = "REGISTERED"
    UNREGISTERED = "UNREGISTERED"


class TokenUse(StrEnum):
    """What a token that we issued opens."""

    REGISTRATION = "REGISTRATION"  # versions and credentials (token A)
    PENDING = "PENDING"  # token B before the answer: the same, or as ACTIVE when the platform is registered already
    ACTIVE = "ACTIVE"  # everything its roles may use
    REPLACED = "REPLACED"  # as ACTIVE, until its successor is first used or the grace time is over
    SPENT = "SPENT"  # a token A whose handshake was answered: only repeats that POST, as long as REPLACED


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token that we issued, as we keep it: hashed. ``expires`` in microseconds, ``used`` once it was seen.

    version: the version whose endpoints it opens, where that is not the one that the platform speaks by now.
    """

    hash: str = field(repr=False)
    use: TokenUse
    expires: int | None = None
    used: bool = False
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What an operator says of a partner before it is registered: fields of its :class:`Platform`."""

    token_encoding: str | None = None
    granted_roles: tuple[str, ...] | None = None
    granted_parties: tuple[str, ...] | None = None
    granted_version: str | None = None
    own_role: Role | None = None
    own_party: Party | None = None

    def on(self, platform: Platform) -> Platform:
        """Return a platform with these terms in place of its own."""
        return replace(platform, **{item.name: getattr(self, item.name) for item in fields(self)})


#: Nothing is said of a partner.
NO_TERMS = Terms()


@dataclass(frozen=True)
class Platform(Stored):
    """Another platform: what we need to call it and to recognise it.

    roles: the CredentialsRole documents that it was granted. requested: those that it names beyond them, which are of
    no effect before the operator approves of them. granted_roles, granted_parties: what its invitation, or our
    registration with it, grants; None where that does not say. granted_version: the only one in which its invitation
    lets it register. own_role, own_party: what this platform is for it in versions that tell one role
    (:mod:`flask_ocpi.exchange.sides`). endpoints: its Endpoint documents for ``version``.
    token: the token that we send, encrypted. token_encoding: "base64" or "plain", how it is sent; None: as its version
    has it. issued: the tokens that it may send us, hashed.
    push_parties: "first" or "each", which of its parties get what is for everybody; None: as OCPI_PUSH_PARTIES says.
    endpoints_due: when to fetch the endpoints again, in microseconds, after so many ``endpoints_tries``; None: not.
    quirks: what is done differently for it, by name (:mod:`flask_ocpi.core.quirks`).
    """

    KIND = "platforms"

    id: str
    name: str
    state: PlatformState
    roles: tuple[Mapping[str, Any], ...] = ()
    versions_url: str | None = None
    version: str | None = None
    endpoints: tuple[Mapping[str, Any], ...] = ()
    token: str | None = field(default=None, repr=False)
    token_encoding: str | None = None
    issued: tuple[IssuedToken, ...] = field(default=(), repr=False)
    last_updated: str = ""
    requested: tuple[Mapping[str, Any], ...] = ()
    granted_roles: tuple[str, ...] | None = None
    granted_parties: tuple[str, ...] | None = None
    granted_version: str | None = None
    own_role: Role | None = None
    own_party: Party | None = None
    push_parties: str | None = None
    endpoints_due: int | None = None
    endpoints_tries: int = 0
    quirks: Mapping[str, Any] = field(default_factory=dict)
    revision: int = 0

    @property
    def key(self) -> Key:
        return Key.of("", "", self.id)

    @cached_property
    def parties(self) -> tuple[Party, ...]:
        """The parties it speaks for, each once."""
        return tuple(dict.fromkeys(map(party_of, self.roles)))

    @cached_property
    def _parties(self) -> frozenset[Party]:
        return frozenset(self.parties)

    def has(self, party: Party) -> bool:
        """Tell whether a party is one of its own, of which there may be very many."""
        return party in self._parties

    @cached_property
    def role_names(self) -> frozenset[Role]:
        return frozenset(Role(role["role"]) for role in self.roles)

    @cached_property
    def hub_parties(self) -> tuple[Party, ...]:
        """The parties that are the hub itself; in 2.3.0 a hub lists those behind it beside them."""
        return tuple(dict.fromkeys(party_of(role) for role in self.roles if role["role"] == Role.HUB))

    @property
    def is_hub(self) -> bool:
        return bool(self.hub_parties)

    @property
    def is_registered(self) -> bool:
        return self.state is PlatformState.REGISTERED

    def endpoint(self, module: str, role: InterfaceRole | None) -> str | None:
        """Return the URL of one of its interfaces, or None; ``role`` None takes any (credentials)."""
        for endpoint in self.endpoints:
            if endpoint["identifier"] == module and (role is None or endpoint["role"] == role.value):
                return str(endpoint["url"])
        return None


#: For how long platforms are believed to be as they were when nothing says that they changed, in seconds: for those who
#: change the records in another way than by :class:`flask_ocpi.partners.platforms.Platforms`.
LONGEST_AGE = 10.0

_LAST_CHANGE = Key.of("", "", "last change")


class Partners:
    """The registered platforms of one moment.

    hubs: those of them that are hubs. awaiting_endpoints: those whose endpoints are to be fetched again.
    other_ids: those of the platforms that are not registered.
    """

    def __init__(self, platforms: Iterable[Platform] = ()) -> None:
        self._places: dict[str, int] = {}
        self._by_party: dict[Party, list[Platform]] = {}
        self._receiving: dict[str, Sequence[Platform]] = {}
        known = tuple(platforms)
        self._registered = tuple(platform for platform in known if platform.is_registered)
        self.other_ids = tuple(platform.id for platform in known if not platform.is_registered)
        self.hubs = tuple(platform for platform in self._registered if platform.is_hub)
        self.awaiting_endpoints = tuple(p for p in self._registered if p.endpoints_due is not None)
        for place, platform in enumerate(self._registered):
            self._places[platform.id] = place
            for party in platform.parties:
                self._by_party.setdefault(party, []).append(platform)

    @property
    def ids(self) -> Collection[str]:
        """The ids of all, in the order in which they were added."""
        return self._places.keys()

    def get(self, id: str) -> Platform | None:
        """Return a platform by its id, None where it is not registered."""
        place = self._places.get(id)
        return None if place is None else self._registered[place]

    def speaking_for(self, party: Party) -> Sequence[Platform]:
        """Return the platforms that have a party themselves."""
        return self._by_party.get(party, ())

    def receiving(self, module: str) -> Sequence[Platform]:
        """Return the platforms that offer the Receiver interface of a module."""
        found = self._receiving.get(module)
        if found is None:
            found = tuple(platform for platform in self._registered if _receives(platform, module))
            self._receiving[module] = found
        return found

    def reached(self, module: str, audience: Sequence[Party]) -> Sequence[Platform]:
        """Return those that receive a module and may be for an audience, in the order in which they were added.

        audience: empty for everybody. Others are not looked at, however many there are.
        """
        if not audience:
            return self.receiving(module)
        near = {platform.id: platform for party in audience for platform in self.speaking_for(party)}
        near.update((hub.id, hub) for hub in self.hubs)
        found = (platform for platform in near.values() if _receives(platform, module))
        return sorted(found, key=lambda platform: self._places[platform.id])


@dataclass(frozen=True, slots=True)
class _Remembered:
    change: bytes
    until: float
    partners: Partners


class RememberedPartners:
    """The partners, read again when any platform changed, in this process or another.

    kind: the kind of records among which, of no party, the last change is noted. read: walks all platforms.
    """

    def __init__(self, storage: Storage, kind: str, read: Callable[[], Iterable[Platform]]) -> None:
        self._storage = storage
        self._kind = kind
        self._read = read
        self._remembered: _Remembered | None = None

    def note_change(self) -> None:
        """Have all processes see that a platform changes in the transaction that is open."""
        # Never the same twice, also after a rollback.
        change = Record.of({"platforms": [], "change": secrets.token_hex(8)})
        self._storage.save(self._kind, _LAST_CHANGE, change)

    def get(self) -> Partners:
        """Return the partners as they are now."""
        change = self._last_change()
        known = self._remembered
        if known is not None and change and known.change == change and monotonic() < known.until:
            return known.partners
        with self._storage.transaction():  # also where lists outside of one come from a replica, which may be behind
            change, partners = self._last_change(), Partners(self._read())
        self._remembered = _Remembered(change, monotonic() + LONGEST_AGE, partners)
        return partners

    def _last_change(self) -> bytes:
        record = self._storage.get(self._kind, _LAST_CHANGE)
        return b"" if record is None else record.text


def _receives(platform: Platform, module: str) -> bool:
    return platform.endpoint(module, InterfaceRole.RECEIVER) is not None
