"""The OCPI platform of one app: its parts, and how they are put together; no other module knows their dependencies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from functools import partial
from typing import TYPE_CHECKING
from typing import Any

from flask_ocpi.client import callbacks
from flask_ocpi.client.addresses import AddressPolicy
from flask_ocpi.client.client import Client
from flask_ocpi.client.connection import Connection
from flask_ocpi.client.discovery import Refetching
from flask_ocpi.client.discovery import discover
from flask_ocpi.client.wire import Transport
from flask_ocpi.core import forks
from flask_ocpi.core.advice import did_you_mean
from flask_ocpi.core.advice import there_are
from flask_ocpi.core.config import Settings
from flask_ocpi.core.converting import fields_of
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import Permissions
from flask_ocpi.core.enums import Role
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Policy
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.quirks import Known
from flask_ocpi.core.schema import violations
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.exchange import pending
from flask_ocpi.exchange.bounds import Bodies
from flask_ocpi.exchange.bounds import Waits
from flask_ocpi.exchange.contacts import Contacts
from flask_ocpi.exchange.context import Discovery
from flask_ocpi.exchange.context import Hooks
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.context import schemas_of
from flask_ocpi.exchange.copies import Copies
from flask_ocpi.exchange.finding_store import Findings
from flask_ocpi.exchange.journal_writer import Writer
from flask_ocpi.exchange.logs import carried
from flask_ocpi.exchange.messages import Traffic
from flask_ocpi.exchange.references import References
from flask_ocpi.exchange.write_behind import run_in_thread
from flask_ocpi.exchange.write_behind import run_inline
from flask_ocpi.host.actions import Actions
from flask_ocpi.host.journal import Journal
from flask_ocpi.host.objects import OwnObjects
from flask_ocpi.host.outbox import Outbox
from flask_ocpi.host.partners import Partners
from flask_ocpi.host.stored import StoredObjects
from flask_ocpi.modules.credentials import CredentialsRole
from flask_ocpi.outbox import make_dispatcher
from flask_ocpi.outbox.deliveries import Deliveries
from flask_ocpi.outbox.deliveries import Job
from flask_ocpi.partners.auth_tokens import TokenCipher
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import Platforms
from flask_ocpi.storage.base import HostSession
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Storage
from flask_ocpi.sync.backfill import Backfill
from flask_ocpi.sync.syncing import Schedule
from flask_ocpi.versions.reading import Receiving

if TYPE_CHECKING:
    from flask_ocpi.host.audits import Audits
    from flask_ocpi.host.prices import Prices
    from flask_ocpi.pricing.rules import RuleBook


class State:
    """The parts of one platform."""

    #: The OpenAPI documents by version, each made on first use.
    specs: Mapping[str, Mapping[str, Any]] = {}

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self.settings = settings
        self._shared_session, self._transport = around.shared_session, around.transport
        forks.begin(self._begin)
        inline = settings.dispatcher == "inline"
        writing: dict[str, Any] = {"clock": around.clock, "in_context": around.app_context, "inline": inline}
        self.writer = Writer(around.storage, settings, **writing)
        findings = Findings(around.storage, settings, emit=around.emit, **writing)
        self.services = _services(settings, around, self, findings, Contacts(around.storage, **writing))
        deliveries = Deliveries(self.services, self.client, lambda work: _in_context(around, work))
        self.dispatcher = make_dispatcher(deliveries, around.celery_app)

    def _begin(self) -> None:
        self._transport_made = threading.Lock()

    @cached_property
    def objects(self) -> OwnObjects:
        return OwnObjects(self.services, self._shared_session)

    @cached_property
    def copies(self) -> Copies:
        return Copies(self.services)

    @cached_property
    def partners(self) -> Partners:
        return Partners(self.services, lambda: self.transport, lambda: self.versions_url, self.client)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self.services, self.dispatcher)

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.services, self.writer, self.client)

    @cached_property
    def actions(self) -> Actions:
        return Actions(self.services)

    @cached_property
    def stored(self) -> StoredObjects:
        return StoredObjects(self.services)

    @cached_property
    def audits(self) -> Audits:
        from flask_ocpi.host.audits import Audits  # startup does not need the engine

        return Audits(lambda: self.services, audit_rules(self.settings))

    @cached_property
    def pricing(self) -> Prices:
        from flask_ocpi.host.prices import Prices

        return Prices(self.services, self.audits)

    @property
    def transport(self) -> Transport:
        if self._transport is None:
            with self._transport_made:  # threads that push share one transport, and so its connections
                self._transport = self._transport or _http_transport(self.settings)
        return self._transport

    @property
    def versions_url(self) -> str:
        """The URL to give to partners; raises ConfigurationError without OCPI_BASE_URL."""
        if self.settings.base_url is None:
            raise ConfigurationError(
                "OCPI_BASE_URL is missing: set it to the public address of this app, such as https://ocpi.example.com. "
                "For a first try: FLASK_OCPI_BASE_URL=http://127.0.0.1:5000"
            )
        return f"{self.settings.base_url}{self.settings.url_prefix}/versions"

    def client(
        self,
        platform: Platform | str,
        *,
        sender: Party | None = None,
        to: Party | None = None,
        correlation_id: str | None = None,
    ) -> Client:
        """Return a client for a partner; see :meth:`flask_ocpi.host.facade.Facade.client`."""
        found = self.services.platforms.find(platform)
        found.check_open()
        if to is None and isinstance(platform, str):
            others = (party for party in found.parties if party not in found.hub_parties)  # to a hub: a broadcast
            to = next((party for party in others if str(party) == platform.upper()), None)
        return Client(self.services, found, self.transport, sender=sender, to=to, correlation_id=correlation_id)


def audit_rules(settings: Settings) -> RuleBook:
    """Read OCPI_AUDIT_RULES; raise ConfigurationError for wrong ones."""
    from flask_ocpi.pricing.findings import PricingError
    from flask_ocpi.pricing.rules import read_rules

    try:
        return read_rules(settings.audit_rules)
    except PricingError as error:
        raise ConfigurationError(str(error)) from error


def _http_transport(settings: Settings) -> Transport:
    from flask_ocpi.client.transport import HTTPTransport  # only when a partner is called

    return HTTPTransport(
        policy=AddressPolicy(settings.http_allow_private, settings.http_allowed_hosts),
        connect_timeout=settings.http_connect_timeout,
        read_timeout=settings.http_timeout,
        total_timeout=settings.http_timeout,
        max_bytes=settings.http_max_bytes,
        ca_bundle=settings.http_ca_bundle,
        client_certificate=settings.http_client_certificate,
        platform_tls=settings.http_platform_tls,
        pool_size=max(10, settings.push_concurrency),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The parts of the app and of the OCPI object that :class:`State` needs.

    own: the version whose shape stored objects have. secret: the source of the key for tokens. app_context: makes a
    context of the app for threads. emit: calls the listeners of a signal. refused: notes a refused token, as in
    :class:`Services`. celery_app: returns the host's Celery app, or None. shared_session: returns its ``db.session``,
    or None if that was not used.
    """

    versions: tuple[Version, ...]
    own: Version
    storage: Storage
    hooks: Hooks
    transport: Transport | None
    clock: Callable[[], datetime]
    secret: str | bytes | None
    app_context: Callable[[], AbstractContextManager[object]]
    emit: Callable[..., None]
    refused: Callable[[str | None], int]
    celery_app: Callable[[], Any]
    shared_session: Callable[[], HostSession | None]


def _services(
    settings: Settings, around: Surroundings, state: State, findings: Findings, contacts: Contacts
) -> Services:
    run = run_inline if settings.dispatcher == "inline" else run_in_thread
    backfill = Backfill(lambda: state.services, state.client)
    return Services(
        settings=settings,
        storage=around.storage,
        platforms=_platforms(settings, around),
        permissions=Permissions.with_overrides(settings.role_permissions),
        schemas=schemas_of(_policy(settings)),
        versions=around.versions,
        own=around.own,
        clock=around.clock,
        discover=partial(_discover, state),
        emit=around.emit,
        hooks=around.hooks,
        background=lambda work: run(carried(lambda: _in_context(around, work))),
        deliver=lambda id: callbacks.deliver(state.services, state.transport, id),
        wake=lambda platforms=(), *, within=0.0: state.dispatcher.wake(platforms, within=within),
        bodies=Bodies(seconds=settings.body_timeout, at_once=settings.bodies_at_once),
        traffic=Traffic(
            settings,
            clock=around.clock,
            emit=around.emit,
            journal=state.writer.add,
            contacts=contacts,
            references=References(around.versions, hidden=settings.journal_hidden),
        ),
        findings=findings,
        read=Receiving(findings.add, strict=lambda platform: _is_read_strictly(state.services, platform)),
        quirks=Known(settings.quirks),
        jobs=_jobs(state, backfill),
        missed=backfill.missed,
        save=lambda module, document, **options: state.objects.save(module, document, **options),
        registered=lambda platform: state.dispatcher.resume(platform),
        refused=around.refused,
        handshakes=Waits(settings.max_handshakes, each=1),
        waits=Waits(settings.max_waiting, each=max(1, settings.max_waiting // 2)),
    )


def _platforms(settings: Settings, around: Surroundings) -> Platforms:
    return Platforms(
        around.storage,
        cipher=TokenCipher(settings.encryption_keys, secret_key=around.secret),
        clock=around.clock,
        grace=settings.token_grace,
        remembered_seconds=settings.token_cache,
        allow_shared_parties=settings.allow_shared_parties,
        own_parties=(Party.of(party.country_code, party.party_id) for party in settings.parties),
    )


def _policy(settings: Settings) -> Policy:
    return Policy(
        strict_codes=settings.strict_codes,
        open_enums=frozenset(settings.open_enums),
        keep_unknown=settings.unknown_fields == "keep",
        max_depth=settings.max_depth,
        list_limits=settings.list_limits,
    )


def _jobs(state: State, backfill: Backfill) -> list[Job]:
    schedule = Schedule(lambda: state.services, state.client)
    refetching = Refetching(lambda: state.services, state.client)
    return [
        Job(
            "time-outs",
            lambda: _next_deadline(state.services),
            lambda: callbacks.send_timeouts(state.services, state.transport),
        ),
        Job("sync", schedule.seconds_left, schedule.run),
        Job("missing objects", backfill.seconds_left, backfill.run),
        Job("endpoints", refetching.seconds_left, refetching.run),
    ]


def _next_deadline(services: Services) -> float | None:
    deadline = pending.next_deadline(services)
    return None if deadline is None else (deadline - services.now()) / SECOND


def _is_read_strictly(services: Services, platform_id: str) -> bool:
    """Tell whether only valid data is accepted from a partner; called when data is not valid."""
    platform = services.platforms.get(platform_id)
    return services.settings.receive == "strict" if platform is None else services.receives_strictly(platform)


def _discover(state: State, versions_url: str, token: str, *, version: str, encoding: str, platform: str) -> Discovery:
    caller = Connection(
        state.transport,
        token,
        encoding=encoding,
        traffic=state.services.traffic,
        platform_id=platform,
        seconds=state.settings.handshake_timeout,
        strict=state.settings.receive == "strict",
    )
    return discover(caller, state.services, versions_url, versions=[version])


def _in_context(around: Surroundings, work: Callable[[], object]) -> object:
    """Call a function in the app's context, for threads outside of a request."""
    with around.app_context():
        return work()


def check(settings: Settings, versions: Sequence[Version]) -> None:
    """Raise ConfigurationError for settings that do not fit the served modules."""
    _check_business_details(settings)
    _check_modules(settings, versions)
    _check_synced_modules(settings, versions)
    _check_open_enums(settings, versions)
    if settings.audit_rules:
        audit_rules(settings)


def _check_business_details(settings: Settings) -> None:
    schema = schemas_of()[CredentialsRole]
    roles = [role for party in settings.parties for role in party.credentials_roles()]
    for index, role in enumerate(roles):
        for path, message in violations(schema.validate({**role, "role": Role.OTHER})):  # checked already
            raise ConfigurationError(f"OCPI_PARTIES: role[{index}].{path} {message}.")


def _check_modules(settings: Settings, versions: Sequence[Version]) -> None:
    modules = {module.identifier: module for version in versions for module in version.modules}
    listing = ", ".join(id for id, module in modules.items() if module.listed)
    for key, names in {
        "OCPI_MODULES": settings.modules or (),
        "OCPI_PAGE_MODULE_LIMITS": settings.page_module_limits,
    }.items():
        for name in names:
            id, _, role = name.partition(":")
            if id not in modules:
                raise ConfigurationError(
                    f"{key} names the module {id!r}; there are {listing}.{did_you_mean(id, modules)}"
                )
            if role not in ("", *InterfaceRole):
                raise ConfigurationError(f"{key} names {name!r}; write {id}:SENDER, {id}:RECEIVER or {id}.")


def _check_synced_modules(settings: Settings, versions: Sequence[Version]) -> None:
    known = dict.fromkeys(module.id for version in versions for module in version.modules if module.objects)
    for name in settings.sync_modules:
        if name not in known:
            raise ConfigurationError(f"OCPI_SYNC_MODULES names the module {name!r}; {there_are(known, name)}")


def _check_open_enums(settings: Settings, versions: Sequence[Version]) -> None:
    if not settings.open_enums:
        return
    fields = [field for version in versions for schema in version.classes() for field in fields_of(schema).values()]
    inner = [field.inner if isinstance(field, ListOf) else field for field in fields]
    known = sorted({field.enum.__name__ for field in inner if isinstance(field, Enum)})
    for name in settings.open_enums:
        if name not in known:
            raise ConfigurationError(f"OCPI_OPEN_ENUMS names the enum {name!r}; {there_are(known, name)}")
