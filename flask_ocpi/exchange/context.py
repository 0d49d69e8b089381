"""The inputs and results of handlers: the request and the app, without Flask."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from functools import lru_cache
from typing import Any
from typing import Protocol

from flask_ocpi.core.advice import did_you_mean
from flask_ocpi.core.compiled import loader_of
from flask_ocpi.core.config import Settings
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import Permissions
from flask_ocpi.core.enums import Role
from flask_ocpi.core.fields import DEFAULT_POLICY
from flask_ocpi.core.fields import Policy
from flask_ocpi.core.moments import now_micros
from flask_ocpi.core.quirks import Known
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.bounds import Bodies
from flask_ocpi.exchange.bounds import Waits
from flask_ocpi.exchange.finding_store import Findings
from flask_ocpi.exchange.findings import Source
from flask_ocpi.exchange.messages import Traffic
from flask_ocpi.partners.platforms import Caller
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import Platforms
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Storage

Answer = str | Document
#: Called with the Token and the LocationReferences (or None); returns an AllowedType, an AuthorizationInfo, or None.
Authorizer = Callable[[Document, Document | None], Answer | None]
#: Called with the Session and its ChargingPreferences; returns a ChargingPreferencesResponse.
ChargingPreferencesHook = Callable[[Document, Document], str]
#: Called with the request and a Reply; returns the immediate response: its result, or the whole response.
CallHook = Callable[[Document, Any], Answer]
#: Called with a module id, an own object and a Platform; returns whether the partner gets the object.
PushFilter = Callable[[str, Document, Any], bool]
#: Called with a Platform and a CredentialsRole that is new to it; returns "accept", "ask" or "refuse", or None.
RegistrationFilter = Callable[[Any, Document], str | None]


@dataclass(slots=True)
class Hooks:
    """The functions that the host application registered; None or missing where it registered none.

    calls: by module id and operation: ``("commands", "START_SESSION")``, ``("chargingprofiles", "PUT")``.
    """

    authorizer: Authorizer | None = None
    charging_preferences: ChargingPreferencesHook | None = None
    push_filter: PushFilter | None = None
    registration_filter: RegistrationFilter | None = None
    calls: dict[tuple[str, str], CallHook] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Discovery:
    """The versions and version details of a partner.

    unreadable: for each entry of the version details that cannot be read, its subject and the reason.
    """

    version: str
    endpoints: tuple[Mapping[str, Any], ...]
    unreadable: tuple[str, ...] = ()


class Discover(Protocol):
    """Fetches the versions of a partner and the details of one; raises RemoteError, UnsupportedVersionError.

    platform: its id, for the journal.
    """

    def __call__(self, versions_url: str, token: str, *, version: str, encoding: str, platform: str) -> Discovery: ...


class Schemas(dict[type[Schema], Schema]):
    """The schema instances of the apps with one policy, one for each class, because making them takes long."""

    def __init__(self, policy: Policy = DEFAULT_POLICY) -> None:
        super().__init__()
        Schema.compiler = loader_of
        self.policy = policy
        self._partial: dict[type[Schema], Schema] = {}

    def __missing__(self, schema: type[Schema]) -> Schema:
        return self.setdefault(schema, schema(policy=self.policy))

    def partial(self, schema: type[Schema]) -> Schema:
        """Return the instance for PATCH bodies, with no required properties."""
        found = self._partial.get(schema)
        if found is None:
            found = self._partial.setdefault(schema, schema(policy=self.policy, partial=True))
        return found


@lru_cache(16)
def schemas_of(policy: Policy = DEFAULT_POLICY) -> Schemas:
    return Schemas(policy)


@dataclass(frozen=True, slots=True)
class Routing:
    """The parties named in the routing headers of a request, folded; None where the headers are absent."""

    to_party: Party | None = None
    from_party: Party | None = None


#: For a request without routing headers, or to a module that ignores them.
NOT_ROUTED = Routing()


@dataclass(frozen=True, slots=True)
class Missing:
    """An object that a partner changes, but that is not stored here, or lacks the changed part.

    id: as :meth:`ObjectType.id_from` makes it. last_updated: of the change, in microseconds.
    """

    platform: Platform
    module: str
    owner: Party
    id: str
    receiver: Party
    last_updated: int


class Read(Protocol):
    """Reads an object that a partner sent."""

    def __call__(
        self,
        schema: Schema,
        data: Any,
        source: Source,
        *,
        where: str = ...,
        partial: bool | None = ...,
        known: Mapping[str, Any] = ...,
    ) -> dict[str, Any]: ...


class Wake(Protocol):
    """The type of :attr:`Services.wake`."""

    def __call__(self, platforms: Collection[str] = ..., *, within: float = ...) -> None: ...


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one app, the same for every request; apps share none.

    background: runs a function after the answer to the request. deliver: sends the result with that id to the partner
    that waits for it. wake: starts the delivery of the outbox entries of these platforms; without platforms, checks the
    times of the jobs, ``within`` so many seconds (:meth:`flask_ocpi.outbox.deliveries.Dispatcher.wake`).
    jobs: work at certain times besides pushing (:class:`flask_ocpi.outbox.deliveries.Job`).
    traffic: gets each exchange with a partner.
    missed: fetches an object that a partner changes and that is not stored here.
    save: stores an own object for a request, as ``OCPI.save`` does.
    findings: the findings about partners' data.
    registered: sends the entries held back from a partner after its registration, new or renewed.
    read: reads an object that a partner sent (:func:`flask_ocpi.versions.reading.read_from`).
    without_patch: the platforms and modules without PATCH, as far as known, with our token for them at that time.
    bodies: the bodies that are being read.
    refused: notes a refused token from an address, and returns the seconds that the address has to wait, or 0.
    limits: called for each request, once its caller is known, or known to have no token of ours; raises to refuse it.
    handshakes: limits the handshakes that call a partner back. waits: limits other requests that wait for a partner.
    quirks: returns the quirks of a partner.
    own: the version whose shape stored objects have, also for the host application: 2.2.1.
    purged: when old records of a kind were last removed, in microseconds.
    said: the bodies that were just made for partners, as JSON, with their losses, by version, class and stored object.
    """

    settings: Settings
    storage: Storage
    platforms: Platforms
    permissions: Permissions
    schemas: Schemas
    versions: tuple[Version, ...]
    own: Version
    clock: Callable[[], datetime]
    discover: Discover
    emit: Callable[..., None]
    hooks: Hooks
    background: Callable[[Callable[[], object]], None]
    deliver: Callable[[str], bool]
    wake: Wake
    traffic: Traffic
    read: Read
    findings: Findings
    bodies: Bodies
    jobs: list[Any] = field(default_factory=list)
    missed: Callable[[Missing], None] = lambda missing: None
    save: Callable[..., object] = lambda module, document, **options: None
    registered: Callable[[Platform], None] = lambda platform: None
    without_patch: dict[tuple[str, str], str | None] = field(default_factory=dict)
    refused: Callable[[str | None], int] = lambda address: 0
    limits: list[Callable[[], None]] = field(default_factory=list)
    handshakes: Waits = field(default_factory=lambda: Waits(2, each=1))
    waits: Waits = field(default_factory=lambda: Waits(8, each=4))
    purged: dict[str, int] = field(default_factory=dict)
    said: dict[tuple[str, Any, bytes], tuple[bytes, tuple[tuple[str, str], ...]]] = field(default_factory=dict)
    quirks: Known = field(default_factory=lambda: Known({}))
    _own_parties: dict[tuple[str, InterfaceRole], tuple[Party, ...]] = field(default_factory=dict, init=False)
    _object_types: dict[str, ObjectType] = field(default_factory=dict, init=False)

    def now(self) -> int:
        """Return the time in microseconds since 1970 UTC, to a millisecond as a DateTime."""
        return now_micros(self.clock)

    def stored_schema(self, cls: type[Schema]) -> Schema:
        """Return the schema of a class of 2.2.1 in the stored shape."""
        return self.schemas[self.own.stored(cls)]

    @property
    def object_types(self) -> Mapping[str, ObjectType]:
        """The classes of stored objects by module id; of modules that 2.2.1 lacks, from the version that has them."""
        if not self._object_types:
            for version in (self.own, *self.versions):
                for module in version.modules:
                    if module.objects:
                        self._object_types.setdefault(module.id, module.objects[0])
        return self._object_types

    def object_type(self, module: str) -> ObjectType:
        """Return the class of a module's objects; raise InvalidParametersError that lists the modules with objects."""
        known = self.object_types
        if module not in known:
            near = did_you_mean(module, known)
            raise InvalidParametersError(
                f"There is no module {module!r} with objects; there are {', '.join(known)}.{near}"
            )
        return known[module]

    def receives_strictly(self, platform: Platform) -> bool:
        """Tell whether only data that follows OCPI to the letter is accepted from a partner."""
        return (self.quirks(platform).receive or self.settings.receive) == "strict"

    def version(self, number: str | None) -> Version | None:
        """Return the version with that number if it is served, else None."""
        return next((version for version in self.versions if version.number == number), None)

    def module(self, id: str) -> Module | None:
        """Return a module from 2.2.1, or, if 2.2.1 lacks it, from another version; None if no version has it."""
        return next((module for version in (self.own, *self.versions) if (module := version.module(id))), None)

    def identifier(self, module: str) -> str:
        """Return the ModuleID of a module in version details and permissions, or that of the module around it."""
        found = self.module(module)
        return module if found is None else found.identifier

    def serves(self, module: Module, interface: InterfaceRole) -> bool:
        """Tell whether this platform serves an interface, by OCPI_MODULES or by the roles of the own parties."""
        if module.single:
            return True
        if self.settings.modules is not None:
            identifier = module.identifier
            return bool({identifier, f"{identifier}:{interface.value}"} & set(self.settings.modules))
        return self.permissions.implements(self.own_roles, module.identifier, interface)

    @property
    def parties(self) -> tuple[Party, ...]:
        """The own parties, as in OCPI_PARTIES."""
        return tuple(Party.of(party.country_code, party.party_id) for party in self.settings.parties)

    @property
    def own_roles(self) -> frozenset[Role]:
        return frozenset(role for party in self.settings.parties for role in party.roles)

    def own_parties(self, module: str, interface: InterfaceRole) -> tuple[Party, ...]:
        """Return the own parties with a role that implements an interface, or all if none has such a role."""
        found = self._own_parties.get((module, interface))
        if found is None:
            id = self.identifier(module)
            owners = zip(self.settings.parties, self.parties, strict=True)
            fitting = tuple(party for own, party in owners if self.permissions.implements(own.roles, id, interface))
            found = self._own_parties[module, interface] = fitting or self.parties
        return found

    def keeps(self, module: str, party: Party) -> bool:
        """Tell whether all objects of an own party in a module are stored here, because we serve them for it."""
        found = self.module(module)
        if found is None or not self.serves(found, InterfaceRole.SENDER):
            return False
        return party in self.own_parties(module, InterfaceRole.SENDER)

    def credentials_roles(self) -> list[dict[str, Any]]:
        """Return the CredentialsRole documents of this platform."""
        return [role for party in self.settings.parties for role in party.credentials_roles()]


@dataclass(slots=True)  # as Target and Result, each request makes one: frozen ones would take three times as long
class Context:
    """One request: the caller, the receiver, and the services of the app; do not change it.

    url: makes an absolute URL of this platform from a path below the OCPI prefix, as the caller sees it.
    """

    services: Services
    version: Version
    caller: Caller
    routing: Routing
    url: Callable[[str], str]

    @property
    def storage(self) -> Storage:
        return self.services.storage

    @property
    def platform(self) -> Platform:
        return self.caller.platform

    @property
    def sender(self) -> Party | None:
        """The party that sends the request: the one in FROM, or the only possible one."""
        parties = self.platform.parties
        only = parties[0] if len(parties) == 1 and not self.platform.is_hub else None
        return self.routing.from_party or only

    @property
    def audience(self) -> tuple[Party, ...]:
        """The parties in whose name the caller reads: its own; for a hub also the one that it forwards for."""
        platform, sender = self.platform, self.routing.from_party
        return platform.parties if sender is None or platform.has(sender) else (*platform.parties, sender)


@dataclass(slots=True)
class Result:
    """The answer of a handler. ``data`` is JSON text, None leaves it out; ``after`` is called after the answer is sent.

    objects: for a page of a list, the JSON text of each object.
    """

    data: bytes | None = field(default=None, repr=False)
    http_status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    after: tuple[Callable[[], None], ...] = ()
    objects: Sequence[bytes] | None = field(default=None, repr=False)
