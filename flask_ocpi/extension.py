"""The extension: turns a Flask app into an OCPI platform."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from functools import cached_property
from functools import partial
from typing import TYPE_CHECKING
from typing import Any
from typing import TypeVar

from flask import Blueprint
from flask import Flask

from flask_ocpi.cli import ocpi as cli_group
from flask_ocpi.client import callbacks
from flask_ocpi.client.addresses import AddressPolicy
from flask_ocpi.client.client import Client
from flask_ocpi.client.connection import Connection
from flask_ocpi.client.discovery import Refetching
from flask_ocpi.client.discovery import discover
from flask_ocpi.client.wire import Transport
from flask_ocpi.core import forks
from flask_ocpi.core.config import Settings
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.enums import Permissions
from flask_ocpi.core.fields import Policy
from flask_ocpi.core.quirks import Known
from flask_ocpi.core.schema import violations
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.exchange.bounds import Bodies
from flask_ocpi.exchange.bounds import Waits
from flask_ocpi.exchange.context import Discovery
from flask_ocpi.exchange.context import Schemas
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.copies import Copies
from flask_ocpi.exchange.finding_store import Findings
from flask_ocpi.exchange.journal import Writer
from flask_ocpi.exchange.logs import carried
from flask_ocpi.exchange.messages import Traffic
from flask_ocpi.exchange.write_behind import run_in_thread
from flask_ocpi.exchange.write_behind import run_inline
from flask_ocpi.host.objects import OwnObjects
from flask_ocpi.host.objects import Saved
from flask_ocpi.host.partnering import Partnering
from flask_ocpi.host.results import HostCalls
from flask_ocpi.host.results import HostHooks
from flask_ocpi.modules.cdrs import CDR_AUDITS
from flask_ocpi.modules.credentials import Credentials
from flask_ocpi.outbox.delivery import Pushed
from flask_ocpi.outbox.delivery import push
from flask_ocpi.outbox.dispatcher import Dispatcher
from flask_ocpi.outbox.dispatcher import Job
from flask_ocpi.partners.auth_tokens import TokenCipher
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import Platforms
from flask_ocpi.signals import object_received
from flask_ocpi.signals import object_removed
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Storage
from flask_ocpi.sync.crawling import pull
from flask_ocpi.sync.misses import Fetcher
from flask_ocpi.sync.receiving import Pulled
from flask_ocpi.sync.syncing import Schedule
from flask_ocpi.sync.syncing import Synced
from flask_ocpi.sync.syncing import sync_all
from flask_ocpi.versions import select_versions
from flask_ocpi.versions import stored_version
from flask_ocpi.versions.reading import Receiving
from flask_ocpi.web.api import Api
from flask_ocpi.web.auth import RefusedTokens
from flask_ocpi.web.blueprints import add_catch_all
from flask_ocpi.web.blueprints import equip
from flask_ocpi.web.blueprints import module_blueprint
from flask_ocpi.web.docs import Documents
from flask_ocpi.web.docs import register_docs
from flask_ocpi.web.headers import EncodedSlashes
from flask_ocpi.web.headers import RestConverter
from flask_ocpi.web.headers import SegmentConverter
from flask_ocpi.web.headers import request_id
from flask_ocpi.web.health import register_health
from flask_ocpi.web.logs import attach_filters
from flask_ocpi.web.messages import RequestWatch
from flask_ocpi.web.setup import EMBEDDED_DATABASE
from flask_ocpi.web.setup import default_storage
from flask_ocpi.web.setup import secret_key

if TYPE_CHECKING:
    from flask_ocpi.host.audits import Audits
    from flask_ocpi.host.prices import Prices
    from flask_ocpi.pricing.rules import RuleBook

_log = logging.getLogger("flask_ocpi")

_T = TypeVar("_T")
StorageSource = Storage | type[Storage] | Callable[[], Storage] | Callable[[Storage], Storage]


def utc_now() -> datetime:
    return datetime.now(UTC)


class OCPI(HostHooks, HostCalls, Partnering):
    """An OCPI platform in a Flask app: ``OCPI(app)``, or ``OCPI()`` and ``init_app(app)`` in an app factory.

    storage: where everything is kept: a :class:`~flask_ocpi.Storage`, its class, or a function that makes one. By
    default the app's Flask-SQLAlchemy database, or a SQLite file in the instance folder. A function with a parameter is
    called with that default, so that a part of it can be replaced:
    ``lambda default: RoutedStorage({"locations": MyLocations(), "*": default})``.
    transport: how other platforms are called; by default over HTTP with requests. clock: returns the time, aware.
    versions: the versions of OCPI to serve, unless OCPI_VERSIONS picks some of them; by default those of this package.
    Modules and versions of your own come in here: ``versions=(V2_2_1.with_module(MY_MODULE),)``.

    One object serves one app; what it needs of the app is taken from ``app.config`` (the OCPI_* keys) in ``init_app``.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        storage: StorageSource | None = None,
        transport: Transport | None = None,
        clock: Callable[[], datetime] = utc_now,
        versions: Sequence[Version] | None = None,
    ) -> None:
        super().__init__()
        self._storage_source = storage
        self._transport = transport
        forks.begin(self._begin)
        self._clock = clock
        self._versions = versions
        self._services: Services | None = None
        self._app: Flask | None = None
        self._objects: OwnObjects | None = None
        self._dispatcher: Dispatcher | None = None
        self._journal: Writer | None = None
        self.specs: Mapping[str, Mapping[str, Any]] = {}
        if app is not None:
            self.init_app(app)

    def _begin(self) -> None:
        self._transport_made = threading.Lock()

    def init_app(self, app: Flask) -> None:
        """Read the configuration, prepare the storage, and register routes, documentation and commands on the app.

        Raises ConfigurationError that names the key and shows the fix.
        """
        if "ocpi" in app.extensions:
            raise ConfigurationError("This app has an OCPI platform already; one app is one platform. Use that one.")
        if self._app is not None:
            raise ConfigurationError("This OCPI object serves another app already; make one OCPI() for each app.")
        settings = Settings.from_mapping(app.config)
        _check_business_details(settings)
        numbers = settings.versions
        if self._versions is not None and "OCPI_VERSIONS" not in app.config:
            numbers = tuple(version.number for version in self._versions)
        versions = select_versions(numbers, self._versions)
        _check_modules(settings, versions)
        _check_synced_modules(settings, versions)
        storage = self._make_storage(app, settings, versions)
        services = self._make_services(app, settings, storage, versions)
        self._services = services
        self._app = app
        self._objects = OwnObjects(services)
        is_embedded = app.config.get("SQLALCHEMY_DATABASE_URI") == EMBEDDED_DATABASE and self._storage_source is None
        if is_embedded and settings.create_tables is not False:
            self.copies.adopt()  # as `flask ocpi init-db` does, which that database does not need
        if settings.audit_rules:
            self._rules(settings)  # a wrong one is told of now
        if settings.audit:
            object_received.connect(self._audits.arrived, app)
        object_removed.connect(self._forget_audit, app)
        self._dispatcher = Dispatcher(services, self.client, partial(_in_context, app), enqueue=self._enqueue(app))
        app.extensions["ocpi"] = self
        self._register(app, services)

    @property
    def services(self) -> Services:
        """What this platform is made of; raises RuntimeError before ``init_app``."""
        if self._services is None:
            raise RuntimeError("This OCPI object has no app yet: call init_app(app) first.")
        return self._services

    @property
    def objects(self) -> OwnObjects:
        """The objects of the own parties, of every module: save, save_all, patch, get, delete, documents."""
        if self._objects is None:
            raise RuntimeError("This OCPI object has no app yet: call init_app(app) first.")
        return self._objects

    @property
    def copies(self) -> Copies:
        """The objects that other platforms sent, of every module: get, documents, move, remove."""
        return Copies(self.services)

    @property
    def pricing(self) -> Prices:
        """Quotes, prices, audits and lints with what is stored: quote, cost_so_far, build_cdr, audit, lint_all."""
        from flask_ocpi.host.prices import Prices  # the engine is not needed to start

        return Prices(self.services, self._audits)

    @cached_property
    def _audits(self) -> Audits:
        from flask_ocpi.host.audits import Audits

        return Audits(lambda: self.services, self._rules(self.services.settings))

    def _forget_audit(self, app: Flask, *, module: str, key: Key, **_: Any) -> None:
        """Remove what an audit found with the CDR that it was about."""
        if module == ModuleID.CDRS:
            self.storage.delete(CDR_AUDITS, key)

    @staticmethod
    def _rules(settings: Settings) -> RuleBook:
        from flask_ocpi.pricing.findings import PricingError
        from flask_ocpi.pricing.rules import read_rules

        try:
            return read_rules(settings.audit_rules)
        except PricingError as error:
            raise ConfigurationError(str(error)) from error

    @property
    def platforms(self) -> Platforms:
        """The records of the other platforms."""
        return self.services.platforms

    @property
    def storage(self) -> Storage:
        return self.services.storage

    @property
    def transport(self) -> Transport:
        """The way to other platforms; made when it is first needed."""
        if self._transport is None:
            with self._transport_made:  # threads that push share one, and so its connections
                self._transport = self._transport or _http_transport(self.services.settings)
        return self._transport

    @property
    def versions_url(self) -> str:
        """The URL to hand to partners. Outside of requests it needs OCPI_BASE_URL."""
        settings = self.services.settings
        if settings.base_url is None:
            raise ConfigurationError(
                "OCPI_BASE_URL is missing: it is the public address of this app, such as https://ocpi.example.com. "
                "For a first try: FLASK_OCPI_BASE_URL=http://127.0.0.1:5000"
            )
        return f"{settings.base_url}{settings.url_prefix}/versions"

    def save(self, module: str, document: dict[str, Any], *, audience: tuple[Party, ...] | None = None) -> Saved:
        """Create or replace one of our own objects, and tell which it was. See :meth:`OwnObjects.save`."""
        return self.objects.save(module, document, audience=audience)

    def patch(
        self, module: str, *ids: str, changes: dict[str, Any] | None = None, party: Party | None = None
    ) -> dict[str, Any]:
        """Change one of our own objects, or a part of it. See :meth:`OwnObjects.patch`."""
        return self.objects.patch(module, *ids, changes=changes, party=party)

    def delete(self, module: str, *ids: str, party: Party | None = None) -> None:
        """Remove one of our own objects. See :meth:`OwnObjects.delete`."""
        self.objects.delete(module, *ids, party=party)

    def client(
        self,
        platform: Platform | str,
        *,
        sender: Party | None = None,
        to: Party | None = None,
        correlation_id: str | None = None,
    ) -> Client:
        """Return a client for a registered platform, given as its record, id, name or party ("NL-ABC").

        Given by a party, that party is addressed, unless ``to`` names another one.
        """
        found = self.platforms.find(platform) if isinstance(platform, str) else platform
        if to is None and isinstance(platform, str) and not found.is_hub:  # to the hub itself would be a broadcast
            to = next((party for party in found.parties if str(party) == platform.upper()), None)
        return Client(self.services, found, self.transport, sender=sender, to=to, correlation_id=correlation_id)

    def pull(
        self,
        module: str,
        platform: Platform | str,
        *,
        date_from: str | None = None,
        date_to: str | None = None,
        receiver: Party | None = None,
        progress: Callable[[Pulled], None] = lambda _: None,
    ) -> Pulled:
        """Fetch a platform's objects of a module and store copies; without dates it is the whole truth (PAG-20)."""
        client = self.client(platform, sender=receiver)
        return pull(client, module, date_from=date_from, date_to=date_to, receiver=receiver, progress=progress)

    def sync(
        self,
        platform: Platform | str | None = None,
        modules: Collection[str] = (),
        *,
        full: bool = False,
        force: bool = False,
        progress: Callable[[Synced], None] = lambda _: None,
    ) -> list[Synced]:
        """Fetch what changed at one platform, or at all, since the last time; what was interrupted is gone on with.

        ``full`` reads the whole lists, and removes copies of what they lack; ``force`` also when a list is empty.
        Returns what became of each module of a platform, for each own party that receives it; the error of one is in
        its result, and does not hold up the others. progress is called with such a result as often as it changes.
        """
        for module in modules:
            self.objects.object_type(module)
        found = self.platforms.find(platform) if isinstance(platform, str) else platform
        chosen = list(self.platforms.all()) if found is None else [found]
        return sync_all(self.services, self.client, chosen, modules, full=full, force=force, progress=progress)

    def push(self, module: str, *ids: str, party: Party | None = None) -> list[Pushed]:
        """Send the current state of an own object to every registered party that it is for, once.

        Returns what became of it for each party; a failure of one does not hold up the others.
        """
        record = self.objects.record(module, *ids, party=party)
        return push(self.services, self.client, module, record.document, record.audience)

    @property
    def dispatcher(self) -> Dispatcher:
        """What delivers the changes of own objects, and sees to time-outs and scheduled syncs."""
        if self._dispatcher is None:
            raise RuntimeError("This OCPI object has no app yet: call init_app(app) first.")
        return self._dispatcher

    @property
    def journal(self) -> Writer:
        """What writes the journal: ``ocpi.journal.flush()`` returns when everything is in the storage."""
        if self._journal is None:
            raise RuntimeError("This OCPI object has no app yet: call init_app(app) first.")
        return self._journal

    @property
    def findings(self) -> Findings:
        """What was wrong with what other platforms sent, and what was made of it: list, find, remove, remove_all."""
        return self.services.findings

    def start(self) -> None:
        """Start dispatching in this process, rather than with its first need: call it where the app is served.

        So what an earlier process left is sent also when no request comes.
        """
        self.dispatcher.start()

    def dispatch(self) -> int:
        """Deliver what is due now, and run the jobs that are; return how many messages went out."""
        return self.dispatcher.run_due()

    def changed(self, module: str, *ids: str, party: Party | None = None) -> None:
        """Have an own object pushed that changed in a table of yours. See :meth:`OwnObjects.changed`."""
        self.objects.changed(module, *ids, party=party)

    def _notice_end(self) -> None:
        self.findings.write_inline()
        self._notice_request()

    def _notice_request(self) -> None:
        if self._app is not None and not self._app.testing:
            self.dispatcher.notice_request()

    def _is_dispatching(self) -> bool:
        self._notice_request()  # who asks for the health of a process that serves nobody else has it look, too
        return self.dispatcher.is_alive()

    def _make_storage(self, app: Flask, settings: Settings, versions: Sequence[Version]) -> Storage:
        source: Any = self._storage_source
        if source is not None and not _takes_default(source):
            storage = _storage_of(source if isinstance(source, Storage) or not callable(source) else source())
            if settings.create_tables is not False:
                storage.setup()
            return storage
        default = default_storage(app, settings, (stored_version(versions), *versions))
        if source is None:
            return default
        storage = _storage_of(source(default))
        if settings.create_tables:
            storage.setup()
        return storage

    def _make_services(
        self, app: Flask, settings: Settings, storage: Storage, versions: tuple[Version, ...]
    ) -> Services:
        platforms = Platforms(
            storage,
            cipher=TokenCipher(settings.encryption_keys, secret_key=secret_key(app, settings)),
            clock=self._clock,
            grace=settings.token_grace,
            remembered_seconds=settings.token_cache,
            allow_shared_parties=settings.allow_shared_parties,
            own_parties=(Party.of(party.country_code, party.party_id) for party in settings.parties),
        )
        run = run_inline if settings.dispatcher == "inline" else run_in_thread
        policy = Policy(
            strict_codes=settings.strict_codes,
            open_enums=frozenset(settings.open_enums),
            keep_unknown=settings.unknown_fields == "keep",
            max_depth=settings.max_depth,
            compiled=settings.compiled_validation,
            list_limits=settings.list_limits,
        )
        schedule, fetcher = Schedule(lambda: self.services, self.client), Fetcher(lambda: self.services, self.client)
        refetching = Refetching(lambda: self.services, self.client)
        emit = _emitter(app)
        inline = settings.dispatcher == "inline"
        writing: dict[str, Any] = {"clock": self._clock, "in_context": app.app_context, "inline": inline}
        journal = self._journal = Writer(storage, settings, **writing)
        findings = Findings(storage, settings, emit=emit, **writing)
        return Services(
            settings=settings,
            storage=storage,
            platforms=platforms,
            permissions=Permissions.with_overrides(settings.role_permissions),
            schemas=Schemas(policy),
            versions=versions,
            own=stored_version(self._versions or versions),
            clock=self._clock,
            discover=self._discover,
            emit=emit,
            hooks=self._hooks,
            background=lambda work: run(carried(lambda: _in_context(app, work))),
            deliver=lambda id: callbacks.deliver(self.services, self.transport, id),
            wake=lambda platforms: self.dispatcher.wake(platforms),
            look_within=lambda seconds: self.dispatcher.look_within(seconds),
            bodies=Bodies(seconds=settings.body_timeout, at_once=settings.bodies_at_once),
            traffic=Traffic(settings, clock=self._clock, emit=emit, journal=journal.add),
            findings=findings,
            read=Receiving(
                lambda finding: findings.add(finding), strict=lambda platform: self._is_read_strictly(platform)
            ),
            quirks=Known(settings.quirks),
            jobs=[
                Job("time-outs", self._next_deadline, self.send_timeouts),
                Job("sync", schedule.seconds_left, schedule.run),
                Job("missing objects", fetcher.seconds_left, fetcher.run),
                Job("endpoints", refetching.seconds_left, refetching.run),
            ],
            missed=fetcher.missed,
            registered=lambda platform: self.dispatcher.resume(platform),
            refused=RefusedTokens(settings.max_unknown_tokens, clock=self._clock).note,
            handshakes=Waits(settings.max_handshakes, each=1),
            waits=Waits(settings.max_waiting, each=max(1, settings.max_waiting // 2)),
        )

    def _is_read_strictly(self, platform_id: str) -> bool:
        """Tell whether only what is valid is taken of a platform; asked where something is not."""
        services = self.services
        platform = services.platforms.get(platform_id)
        chosen = None if platform is None else services.quirks(platform).receive
        return (chosen or services.settings.receive) == "strict"

    def _enqueue(self, app: Flask) -> Callable[[Collection[str]], None]:
        """Return how platforms are handed over to a task queue, where the app works with one."""
        if self.services.settings.dispatcher != "celery":
            return lambda platforms: None
        from flask_ocpi.outbox.celery import CeleryQueue  # Celery is an extra

        return CeleryQueue(app, self).enqueue

    def _discover(self, versions_url: str, token: str, *, version: str, encoding: str, platform: str) -> Discovery:
        caller = Connection(
            self.transport,
            token,
            encoding=encoding,
            traffic=self.services.traffic,
            platform_id=platform,
            seconds=self.services.settings.handshake_timeout,
            strict=self.services.settings.receive == "strict",
        )
        return discover(caller, self.services, versions_url, versions=[version])

    def _register(self, app: Flask, services: Services) -> None:
        prefix = services.settings.url_prefix
        app.url_map.converters |= {"ocpi": SegmentConverter, "ocpi_rest": RestConverter}
        app.wsgi_app = EncodedSlashes(app.wsgi_app, prefix)  # type: ignore[method-assign]
        makers = {}
        watched: dict[str, str | None] = {"ocpi": None}
        for version in services.versions:
            api = Api(
                app,
                version=version.number,
                about=partial(_about, services, version),
                policy=services.schemas.policy,
            )
            for module in version.modules:
                if module.extend or any(services.serves(module, interface.role) for interface in module.interfaces):
                    blueprint = module_blueprint(services, version, module)
                    api.register_blueprint(blueprint)
                    watched[blueprint.name] = module.id
            makers[version.number] = partial(_finished, api)
        self.specs = specs = Documents(makers)
        rim = Blueprint("ocpi", __name__)
        equip(rim, services, functional=False)
        app.register_blueprint(rim)
        add_catch_all(app, rim, services)
        attach_filters()
        self._watch = RequestWatch(
            app, services.traffic, services.bodies, watched, prefix=prefix, ended=self._notice_end
        )
        if services.settings.health:
            register_health(app, services, self._is_dispatching)
        if services.settings.docs:
            register_docs(app, services, specs)
        app.cli.add_command(cli_group)


def _about(services: Services, version: Version) -> dict[str, Any]:
    from flask_ocpi.web.openapi import document_options  # not before somebody wants to read a document

    return document_options(services, version)


def _finished(api: Api) -> dict[str, Any]:
    from flask_ocpi.web.openapi import finish

    return finish(api.document())


def _in_context(app: Flask, work: Callable[[], _T]) -> _T:
    """Call a function in the app's context, as threads do that no request started."""
    with app.app_context():
        return work()


def _takes_default(source: Any) -> bool:
    """Tell whether ``storage=`` is a function with a parameter: it wants the default storage."""
    if isinstance(source, Storage | type) or not callable(source):
        return False
    parameters = inspect.signature(source).parameters.values()
    return any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def _storage_of(made: Any) -> Storage:
    if isinstance(made, Storage):
        return made
    raise ConfigurationError(
        f"OCPI(storage=...) needs a flask_ocpi.Storage, its class or a function that makes one, got {made!r}."
    )


def _emitter(app: Flask) -> Callable[..., None]:
    def emit(signal: Any, **payload: Any) -> None:
        """Call the host's listeners; what is stored stays stored when one of them fails."""
        for receiver in signal.receivers_for(app):
            try:
                receiver(app, **payload)
            except Exception:
                _log.exception("A listener of %s failed (request %s).", signal.name, request_id())

    return emit


def _check_business_details(settings: Settings) -> None:
    schema = Schemas()[Credentials]
    roles = [role for party in settings.parties for role in party.credentials_roles()]
    errors = schema.validate({"token": "x", "url": "https://example.com/", "roles": roles})
    for path, message in violations(errors):
        raise ConfigurationError(f"OCPI_PARTIES: {path.replace('roles', 'role', 1)} {message}.")


def _check_modules(settings: Settings, versions: Sequence[Version]) -> None:
    modules = {module.id: module for version in versions for module in version.modules}
    listing = ", ".join(id for id, module in modules.items() if module.listed)
    for key, names in (("OCPI_MODULES", settings.modules or ()), ("OCPI_MODULE_LIMITS", settings.module_limits)):
        for name in names:
            id, _, role = name.partition(":")
            if id not in modules:
                raise ConfigurationError(f"{key} names the module {id!r}; this release has {listing}.")
            if role not in ("", *InterfaceRole):
                raise ConfigurationError(f"{key} names {name!r}; write {id}:SENDER, {id}:RECEIVER or {id}.")


def _check_synced_modules(settings: Settings, versions: Sequence[Version]) -> None:
    known = dict.fromkeys(module.id for version in versions for module in version.modules if module.objects)
    for name in settings.sync_modules:
        if name not in known:
            raise ConfigurationError(f"OCPI_SYNC_MODULES names the module {name!r}; there are {', '.join(known)}.")


def _http_transport(settings: Settings) -> Transport:
    from flask_ocpi.client.transport import RequestsTransport  # not before somebody is called

    return RequestsTransport(
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
