"""The record of a partner's platform, and of the tokens that it may send."""

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
from flask_ocpi.errors import NotConnectedError
from flask_ocpi.partners.claims import party_of
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.stored import Stored


class PlatformState(StrEnum):
    INVITED = "INVITED"  # it has a registration token of ours (token A)
    PENDING = "PENDING"  # we are registering with it
    REGISTERED = "REGISTERED"
    UNREGISTERED = "UNREGISTERED"


class TokenUse(StrEnum):
    REGISTRATION = "REGISTRATION"  # versions and credentials (token A)
    PENDING = "PENDING"  # token B before the answer: as REGISTRATION, or as ACTIVE if the platform is registered
    ACTIVE = "ACTIVE"  # everything its roles may use
    REPLACED = "REPLACED"  # as ACTIVE, until the first use of its successor or the end of the grace time
    SPENT = "SPENT"  # a token A after the answered handshake: it may only repeat that POST, as long as REPLACED


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token that we issued, stored as its hash. ``expires`` in microseconds; ``used`` after its first request.

    version: the version whose endpoints it opens, if that is not the platform's current one.
    """

    hash: str = field(repr=False)
    use: TokenUse
    expires: int | None = None
    used: bool = False
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms that an operator sets for a partner before it registers: fields of its :class:`Platform`."""

    token_encoding: str | None = None
    granted_roles: tuple[str, ...] | None = None
    granted_parties: tuple[str, ...] | None = None
    granted_version: str | None = None
    own_role: Role | None = None
    own_party: Party | None = None

    def on(self, platform: Platform) -> Platform:
        """Return the platform with these terms in place of its own."""
        return replace(platform, **{item.name: getattr(self, item.name) for item in fields(self)})


#: No terms.
NO_TERMS = Terms()


@dataclass(frozen=True)
class Platform(Stored):
    """A partner's platform: all that is needed to call it and to recognise it.

    roles: the CredentialsRole documents that it was granted. requested: further ones that it names; they have no effect
    until the operator approves them. granted_roles, granted_parties: the grant of its invitation, or of our
    registration with it; None if that sets none. granted_version: the only version in which its invitation lets it
    register. own_role, own_party: our role and party for it in versions with a single role
    (:mod:`flask_ocpi.exchange.sides`). endpoints: its Endpoint documents for ``version``.
    token: the token that we send, encrypted. token_encoding: "base64" or "plain", how it is sent; None: as its version
    defines. issued: the tokens that it may send us, hashed.
    push_parties: "first" or "each", which of its parties get an object that is for everybody; None: OCPI_PUSH_PARTIES.
    endpoints_due: when to fetch the endpoints again, in microseconds, after ``endpoints_tries`` tries; None: never.
    quirks: the names of deviations for it (:mod:`flask_ocpi.core.quirks`).
    renewed: when the last handshake replaced the tokens of both sides, in microseconds. ended, ended_by: when its last
    registration ended, and by whom: "us" or "partner". None if not known.
    suspended, suspension: since when an operator has stopped the exchange of messages, in microseconds, and why; None:
    it is not stopped.
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
    renewed: int | None = None
    ended: int | None = None
    ended_by: str | None = None
    suspended: int | None = None
    suspension: str = ""
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
        """Tell whether a party is one of its own; there may be very many."""
        return party in self._parties

    @cached_property
    def role_names(self) -> frozenset[Role]:
        return frozenset(Role(role["role"]) for role in self.roles)

    @cached_property
    def hub_parties(self) -> tuple[Party, ...]:
        """The parties that are the hub itself; in 2.3.0 a hub also lists those behind it."""
        return tuple(dict.fromkeys(party_of(role) for role in self.roles if role["role"] == Role.HUB))

    @property
    def is_hub(self) -> bool:
        return bool(self.hub_parties)

    @property
    def is_registered(self) -> bool:
        return self.state is PlatformState.REGISTERED

    @property
    def is_suspended(self) -> bool:
        return self.suspended is not None

    def check_open(self) -> None:
        """Raise NotConnectedError if an operator has stopped the exchange of messages."""
        if self.is_suspended:
            how = f"`flask ocpi partners resume {self.id}` lets messages pass again."
            raise NotConnectedError(f"{self.name or self.id} is suspended: {how}")

    def endpoint(self, module: str, role: InterfaceRole | None) -> str | None:
        """Return the URL of one of its interfaces, or None; ``role`` None takes any (credentials)."""
        for endpoint in self.endpoints:
            if endpoint["identifier"] == module and (role is None or endpoint["role"] == role.value):
                return str(endpoint["url"])
        return None


#: Seconds after which platforms are read again although no change was noted: a host may change the records in another
#: way than with :class:`flask_ocpi.partners.platforms.Platforms`.
LONGEST_AGE = 10.0

_LAST_CHANGE = Key.of("", "", "last change")


class Partners:
    """The registered platforms at one moment.

    hubs: the hubs among them. awaiting_endpoints: those whose endpoints must be fetched again. other_ids: the ids of
    platforms that are not registered.
    """

    def __init__(self, platforms: Iterable[Platform] = ()) -> None:
        self._by_party: dict[Party, list[Platform]] = {}
        self._receiving: dict[str, Sequence[Platform]] = {}
        known = tuple(platforms)
        self._registered = tuple(platform for platform in known if platform.is_registered)
        self.other_ids = tuple(platform.id for platform in known if not platform.is_registered)
        self.hubs = tuple(platform for platform in self._registered if platform.is_hub)
        self.awaiting_endpoints = tuple(p for p in self._registered if p.endpoints_due is not None)
        self._places = {platform.id: place for place, platform in enumerate(self._registered)}
        for platform in self._registered:
            for party in platform.parties:
                self._by_party.setdefault(party, []).append(platform)

    @cached_property
    def ids(self) -> Collection[str]:
        """The ids of those that messages are exchanged with, which no operator has suspended."""
        return {platform.id: None for platform in self._registered if not platform.is_suspended}.keys()

    def get(self, id: str) -> Platform | None:
        place = self._places.get(id)
        return None if place is None else self._registered[place]

    def speaking_for(self, party: Party) -> Sequence[Platform]:
        return self._by_party.get(party, ())

    def receiving(self, module: str) -> Sequence[Platform]:
        """Return the platforms that offer the Receiver interface of a module."""
        if module not in self._receiving:
            self._receiving[module] = tuple(p for p in self._registered if _receives(p, module))
        return self._receiving[module]

    def reached(self, module: str, audience: Sequence[Party]) -> Sequence[Platform]:
        """Return the platforms that receive a module and may serve an audience, in the order in which they were added.

        audience: empty for everybody. Other platforms are not looked at.
        """
        if not audience:
            return self.receiving(module)
        near = {platform.id: platform for party in audience for platform in self.speaking_for(party)}
        near.update((hub.id, hub) for hub in self.hubs)
        found = (platform for platform in near.values() if _receives(platform, module))
        return sorted(found, key=lambda platform: self._places[platform.id])


class RememberedPartners:
    """The partners, read again when any platform changed, in this process or another.

    kind: the kind of the record, of no party, that notes the last change. read: walks all platforms.
    """

    def __init__(self, storage: Storage, kind: str, read: Callable[[], Iterable[Platform]]) -> None:
        self._storage, self._kind, self._read = storage, kind, read
        self._remembered = (b"", 0.0, Partners())  # the last change, until when (monotonic), and the partners

    def note_change(self) -> None:
        """Note in the open transaction, for all processes, that a platform changes."""
        # Never the same value twice, also after a rollback.
        change = Record.of({"platforms": [], "change": secrets.token_hex(8)})
        self._storage.save(self._kind, _LAST_CHANGE, change)

    def get(self) -> Partners:
        change = self._last_change()
        known, until, partners = self._remembered
        if change and known == change and monotonic() < until:
            return partners
        with self._storage.transaction():  # lists outside of a transaction may come from a replica, which may be behind
            change, partners = self._last_change(), Partners(self._read())
        self._remembered = (change, monotonic() + LONGEST_AGE, partners)
        return partners

    def _last_change(self) -> bytes:
        record = self._storage.get(self._kind, _LAST_CHANGE)
        return b"" if record is None else record.text


def _receives(platform: Platform, module: str) -> bool:
    return platform.endpoint(module, InterfaceRole.RECEIVER) is not None
