"""The record of another platform, and of the tokens that it may send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from enum import StrEnum
from functools import cached_property
from typing import Any

from flask_ocpi.claims import party_of
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import Role
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record


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
    """A token that we issued, as we keep it: hashed. ``expires`` in microseconds, ``used`` once it was seen."""

    hash: str = field(repr=False)
    use: TokenUse
    expires: int | None = None
    used: bool = False


@dataclass(frozen=True)
class Platform:
    """Another platform: what we need to call it and to recognise it.

    roles: the CredentialsRole documents that it was granted. requested: those that it names beyond them, which are of
    no effect before the operator approves of them. granted_roles, granted_parties: what its invitation, or our
    registration with it, grants; None where that does not say. endpoints: its Endpoint documents for ``version``.
    token: the token that we send, encrypted. issued: the tokens that it may send us, hashed.
    push_parties: "first" or "each", which of its parties get what is for everybody; None: as OCPI_PUSH_PARTIES says.
    endpoints_due: when to fetch the endpoints again, in microseconds, after so many ``endpoints_tries``; None: not.
    quirks: what is done differently for it, by name (:mod:`flask_ocpi.quirks`).
    """

    id: str
    name: str
    state: PlatformState
    roles: tuple[Mapping[str, Any], ...] = ()
    versions_url: str | None = None
    version: str | None = None
    endpoints: tuple[Mapping[str, Any], ...] = ()
    token: str | None = field(default=None, repr=False)
    token_encoding: str = "base64"  # noqa: S105
    issued: tuple[IssuedToken, ...] = field(default=(), repr=False)
    last_updated: str = ""
    requested: tuple[Mapping[str, Any], ...] = ()
    granted_roles: tuple[str, ...] | None = None
    granted_parties: tuple[str, ...] | None = None
    push_parties: str | None = None
    endpoints_due: int | None = None
    endpoints_tries: int = 0
    quirks: Mapping[str, Any] = field(default_factory=dict)
    revision: int = 0

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

    @property
    def is_hub(self) -> bool:
        return Role.HUB in self.role_names

    @property
    def is_registered(self) -> bool:
        return self.state is PlatformState.REGISTERED

    def endpoint(self, module: str, role: InterfaceRole | None) -> str | None:
        """Return the URL of one of its interfaces, or None; ``role`` None takes any (credentials)."""
        for endpoint in self.endpoints:
            if endpoint["identifier"] == module and (role is None or endpoint["role"] == role.value):
                return str(endpoint["url"])
        return None

    def to_document(self) -> dict[str, Any]:
        again = {"endpoints_due": self.endpoints_due, "endpoints_tries": self.endpoints_tries}
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state.value,
            "roles": [dict(role) for role in self.roles],
            "versions_url": self.versions_url,
            "version": self.version,
            "endpoints": [dict(endpoint) for endpoint in self.endpoints],
            "token": self.token,
            "token_encoding": self.token_encoding,
            "issued": [{"hash": t.hash, "use": t.use.value, "expires": t.expires, "used": t.used} for t in self.issued],
            "last_updated": self.last_updated,
            "requested": [dict(role) for role in self.requested],
            "granted_roles": self.granted_roles,
            "granted_parties": self.granted_parties,
            "push_parties": self.push_parties,
            **(again if self.endpoints_due is not None else {}),
            **({"quirks": dict(self.quirks)} if self.quirks else {}),
        }

    @classmethod
    def from_record(cls, record: Record) -> Platform:
        document = record.document
        issued = tuple(
            IssuedToken(item["hash"], TokenUse(item["use"]), item["expires"], item["used"])
            for item in document.pop("issued")
        )
        state = PlatformState(document.pop("state"))
        roles = tuple(document.pop("roles"))
        endpoints = tuple(document.pop("endpoints"))
        requested = tuple(document.pop("requested", ()))
        for name in ("granted_roles", "granted_parties"):
            if document.get(name) is not None:
                document[name] = tuple(document[name])
        return cls(
            **document,
            state=state,
            roles=roles,
            requested=requested,
            endpoints=endpoints,
            issued=issued,
            revision=record.revision,
        )
