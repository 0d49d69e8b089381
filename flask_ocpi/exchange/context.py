"""What a handler receives and returns: everything it needs of the request and the app, and no Flask."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from functools import lru_cache
from typing import Any
from typing import Protocol

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
from flask_ocpi.core.setting_kinds import OwnParty
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.bounds import Bodies
from flask_ocpi.exchange.bounds import Waits
from flask_ocpi.exchange.finding_store import Findings
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.exchange.findings import Source
from flask_ocpi.exchange.messages import Traffic
from flask_ocpi.partners.platforms import Caller
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import Platforms
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Storage

#: Stands for the party where there is none.

Answer = str | Document
#: Called with the Token and the LocationReferences (or None); returns an AllowedType, an AuthorizationInfo, or None.
Authorizer = Callable[[Document, Document | None], Answer | None]
#: Called with the Session and its ChargingPreferences; returns a ChargingPreferencesResponse.
ChargingPreferencesHook = Callable[[Document, Document], str]
#: Called with what is asked and a Reply; returns the immediate response: its result, or the whole of it.
CallHook = Callable[[Document, Any], Answer]
#: Called with a module id, one of our objects and a Platform; returns whether the platform is sent the object.
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
    """What a platform's versions endpoint and version details said.

    unreadable: of entries in the version details that cannot be read, what they are about and why.
    """

    version: str
    endpoints: tuple[Mapping[str, Any], ...]
    unreadable: tuple[str, ...] = ()


class Discover(Protocol):
    """Fetches a platform's versions and the details of one; raises RemoteError, UnsupportedVersionError.

    platform: its id, for the journal.
    """

    def __call__(self, versions_url: str, token: str, *, version: str, encoding: str, platform: str) -> Discovery: ...


class Schemas:
    """The schema instances of the apps with one policy, each class instantiated once: making them takes long."""

    def __init__(self, policy: Policy = DEFAULT_POLICY) -> None:
        Schema.compiler = loader_of
        self.policy = policy
        self._instances: dict[type[Schema], Schema] = {}
        self._partial: dict[type[Schema], Schema] = {}

    def __getitem__(self, schema: type[Schema]) -> Schema:
        found = self._instances.get(schema)
        if found is None:
            found = self._instances.setdefault(schema, schema(policy=self.policy))
        return found

    def partial(self, schema: type[Schema]) -> Schema:
        """Return the instance for PATCH bodies, in which nothing is required."""
        found = self._partial.get(schema)
        if found is None:
            found = self._partial.setdefault(schema, schema(policy=self.policy, partial=True))
        return found


@lru_cache(16)
def schemas_of(policy: Policy = DEFAULT_POLICY) -> Schemas:
    """Return the schema instances for a policy."""
    return Schemas(policy)


@dataclass(frozen=True, slots=True)
class Routing:
    """The parties named in the routing headers of a request, folded; None where the headers are absent."""

    to_party: Party | None = None
    from_party: Party | None = None


#: Of a request without routing headers, or to a module that ignores them.
NOT_ROUTED = Routing()


@dataclass(frozen=True, slots=True)
class Missing:
    """An object that a platform changes, and that is not here, or lacks the part that is changed.

    id: as :meth:`ObjectType.id_from` makes it. last_updated: of the change, in microseconds.
    """

    platform: Platform
    module: str
    owner: Party
    id: str
    receiver: Party
    last_updated: int


class Read(Protocol):
    """How what other platforms send is read."""

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
    """What :attr:`Services.wake` is: see there."""

    def __call__(self, platforms: Collection[str] = ..., *, within: float = ...) -> None: ...


@dataclass(frozen=True, slots=True)
class Services:
    """What one app is made of, the same for every request; never of another app.

    background: runs a function once the request is answered. deliver: sends the result with that id to who waits for
    it. wake: has what was written to the outbox for these platforms delivered; without any, has the jobs' times looked
    at, ``within`` so many seconds (:meth:`flask_ocpi.outbox.dispatcher.Dispatcher.wake`).
    jobs: what is done at certain times besides pushing (:class:`flask_ocpi.outbox.deliveries.Job`).
    traffic: is told of each exchange with another platform.
    missed: has an object fetched that a platform changes and that is not here.
    save: stores an own object that a request asks for, as ``OCPI.save`` does.
    findings: the flaws in what platforms sent.
    registered: has what is held back from a platform sent, once it is registered, anew or for the first time.
    read: reads an object that a platform sent (:func:`flask_ocpi.versions.reading.read_from`).
    without_patch: the platforms and modules that turned out to have no PATCH, with the token that we had for them then.
    bodies: the bodies that are being read.
    refused: notes a refused token from an address, and returns for how many seconds it is to be told to wait, or 0.
    limits: called for each request, as soon as it is known whose it is, or that it is nobody's: raise to refuse it.
    handshakes: bounds those that call another platform back. waits: bounds other requests that wait for one.
    quirks: what is done differently for a platform.
    own: the version in whose shape objects are stored, and known to the host application: 2.2.1.
    purged: when records of a kind that were kept long enough were last removed, in microseconds.
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
    quirks: Known = field(default_factory=lambda: Known({}))
    _own_parties: dict[tuple[str, InterfaceRole], tuple[Party, ...]] = field(default_factory=dict, init=False)
    _object_types: dict[str, ObjectType] = field(default_factory=dict, init=False)

    def now(self) -> int:
        """Return the time in microseconds since 1970 UTC, to a millisecond as a DateTime."""
        return now_micros(self.clock)

    def found(self, finding: Finding) -> None:
        """Note a flaw in what a platform sent; it costs no access to the storage, and never fails."""
        self.findings.add(finding)

    def stored_schema(self, cls: type[Schema]) -> Schema:
        """Return the schema of the stored shape of a class of 2.2.1."""
        return self.schemas[self.own.stored(cls)]

    @property
    def object_types(self) -> Mapping[str, ObjectType]:
        """The classes of stored objects by the id of their module; of modules that 2.2.1 lacks, as others have them."""
        if not self._object_types:
            for version in (self.own, *self.versions):
                for module in version.modules:
                    if module.objects:
                        self._object_types.setdefault(module.id, module.objects[0])
        return self._object_types

    def object_type(self, module: str) -> ObjectType:
        """Return the class of objects a module stores; raise InvalidParametersError that lists the modules with one."""
        known = self.object_types
        if module not in known:
            raise InvalidParametersError(f"There is no module {module!r} with objects; there are {', '.join(known)}.")
        return known[module]

    def receives_strictly(self, platform: Platform) -> bool:
        """Tell whether nothing is taken from a platform but what is to the letter of OCPI."""
        return (self.quirks(platform).receive or self.settings.receive) == "strict"

    def version(self, number: str | None) -> Version | None:
        """Return the version with that number, if it is served."""
        return next((version for version in self.versions if version.number == number), None)

    def module(self, id: str) -> Module | None:
        """Return a module as 2.2.1 has it, or, where it lacks that, another version; None where none has."""
        return next((module for version in (self.own, *self.versions) if (module := version.module(id))), None)

    def identifier(self, module: str) -> str:
        """Return the ModuleID that version details and permissions have for a module: that of another one it is in."""
        found = self.module(module)
        return module if found is None else found.identifier

    def serves(self, module: Module, interface: InterfaceRole) -> bool:
        """Tell whether this platform serves an interface: as configured, or because an own role implements it."""
        if module.single:
            return True
        if self.settings.modules is not None:
            identifier = module.identifier
            return bool({identifier, f"{identifier}:{interface.value}"} & set(self.settings.modules))
        return self.permissions.implements(self.own_roles, module.identifier, interface)

    @property
    def own_roles(self) -> frozenset[Role]:
        return frozenset(role for party in self.settings.parties for role in party.roles)

    def own_parties(self, module: str, interface: InterfaceRole) -> tuple[Party, ...]:
        """Return the own parties with a role that implements an interface; all, where OCPI_MODULES decides it."""
        found = self._own_parties.get((module, interface))
        if found is None:
            found = self._own_parties[module, interface] = self._find_own_parties(module, interface)
        return found

    def _find_own_parties(self, module: str, interface: InterfaceRole) -> tuple[Party, ...]:
        id = self.identifier(module)
        fitting = [p for p in self.settings.parties if self.permissions.implements(p.roles, id, interface)]
        chosen: Iterable[OwnParty] = fitting or self.settings.parties
        return tuple(Party.of(party.country_code, party.party_id) for party in chosen)

    def keeps(self, module: str, party: Party) -> bool:
        """Tell whether the objects that an own party has in a module are all here: we serve them for it."""
        found = self.module(module)
        if found is None or not self.serves(found, InterfaceRole.SENDER):
            return False
        return party in self.own_parties(module, InterfaceRole.SENDER)

    def credentials_roles(self) -> list[dict[str, Any]]:
        """Return the CredentialsRole documents of this platform."""
        return [role for party in self.settings.parties for role in party.credentials_roles()]


@dataclass(frozen=True, slots=True)
class Context:
    """One request: who calls, for whom, and the services of the app.

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
        """The party that asks: the one in FROM, or the only one it can be."""
        parties = self.platform.parties
        only = parties[0] if len(parties) == 1 and not self.platform.is_hub else None
        return self.routing.from_party or only

    @property
    def audience(self) -> tuple[Party, ...]:
        """The parties in whose name the caller reads: its own; for a hub also the one it forwards for."""
        platform, sender = self.platform, self.routing.from_party
        return platform.parties if sender is None or platform.has(sender) else (*platform.parties, sender)


@dataclass(frozen=True, slots=True)
class Result:
    """What a handler answers. ``data`` is JSON text, None leaves it out; ``after`` is called once it is sent.

    objects: of a list that is answered, the JSON text of each object.
    """

    data: bytes | None = field(default=None, repr=False)
    http_status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    after: tuple[Callable[[], None], ...] = ()
    objects: Sequence[bytes] = field(default=(), repr=False)
