"""The extension: turns Flask apps into OCPI platforms."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from functools import partial
from typing import Any
from typing import cast

from flask import Flask
from flask import current_app
from flask import has_app_context

from flask_ocpi.cli import ocpi as cli_group
from flask_ocpi.client.wire import Transport
from flask_ocpi.core.config import Settings
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.host.facade import Facade
from flask_ocpi.host.facade import OwnPlatform
from flask_ocpi.host.hooks import HostHooks
from flask_ocpi.host.state import State
from flask_ocpi.host.state import Surroundings
from flask_ocpi.host.state import check
from flask_ocpi.modules.cdrs import CDR_AUDITS
from flask_ocpi.signals import object_received
from flask_ocpi.signals import object_removed
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Storage
from flask_ocpi.versions import select_versions
from flask_ocpi.versions import stored_version
from flask_ocpi.web.auth import RefusedTokens
from flask_ocpi.web.serving import emitter
from flask_ocpi.web.serving import serve
from flask_ocpi.web.setup import EMBEDDED_DATABASE
from flask_ocpi.web.setup import default_storage
from flask_ocpi.web.setup import secret_key
from flask_ocpi.web.setup import shared_session

StorageSource = Storage | type[Storage] | Callable[[], Storage] | Callable[[Storage], Storage]


def utc_now() -> datetime:
    return datetime.now(UTC)


class OCPI(HostHooks, Facade):
    """OCPI platforms in Flask apps: ``OCPI(app)``, or ``OCPI()`` and ``init_app(app)`` for each app.

    storage: stores all data: a :class:`~flask_ocpi.Storage`, its class, or a function that makes one. By default the
    app's Flask-SQLAlchemy database, or a SQLite file in the instance folder. A function with a parameter gets that
    default, so that you can replace a part of it:
    ``lambda default: RoutedStorage({"locations": MyLocations(), "*": default})``.
    transport: calls partners; HTTP by default. clock: returns the time, aware.
    versions: the versions of OCPI to serve, by default those of this package that OCPI_VERSIONS names.
    Add your own modules and versions here: ``versions=(V2_2_1.with_module(MY_MODULE),)``.

    Hooks and these options apply to all apps; hooks may be registered after ``init_app``. All other state is in
    ``app.extensions["ocpi"]``, made from ``app.config`` (the OCPI_* keys). A call on this object applies to the current
    app, or, outside of an app context, to the only app that it serves.
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
        super().__init__(versions)
        self._storage_source = storage
        self._transport = transport
        self._clock = clock
        self._apps: weakref.WeakSet[Flask] = weakref.WeakSet()
        self._given_app = app  # it lives as long as this object; app factories make apps that do not
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the configuration, prepare the storage, and register routes, documentation and commands on the app.

        Raises ConfigurationError that names the key and shows the fix.
        """
        if "ocpi" in app.extensions:
            raise ConfigurationError("This app has an OCPI platform already; one app is one platform. Use that one.")
        settings = Settings.from_mapping(app.config)
        versions = self._select_versions(app, settings)
        check(settings, versions)
        state = State(settings, self._surroundings(app, settings, versions))
        is_embedded = app.config.get("SQLALCHEMY_DATABASE_URI") == EMBEDDED_DATABASE and self._storage_source is None
        if is_embedded and settings.create_tables is not False:
            state.copies.adopt()  # as `flask ocpi init-db` does, which that database does not need
        if settings.audit:
            object_received.connect(state.audits.arrived, app)
        object_removed.connect(_forget_audit, app)
        app.extensions["ocpi"] = OwnPlatform(state)
        self._apps.add(app)
        serve(app, state)
        app.cli.add_command(cli_group)

    @property
    def app(self) -> Flask:
        """The app that a call is for: the current one if this object serves it, else the only one that it serves.

        Raises RuntimeError if there is none, or several.
        """
        if has_app_context():
            current = cast("Flask", current_app._get_current_object())  # type: ignore[attr-defined]
            if current in self._apps:
                return current
        apps = list(self._apps)
        if not apps:
            raise RuntimeError("This OCPI object has no app yet: call init_app(app) first.")
        if len(apps) > 1:
            raise RuntimeError(
                f"This OCPI object serves {len(apps)} apps, and none of them is the current one: "
                'use it in "with app.app_context():", or take app.extensions["ocpi"].'
            )
        return apps[0]

    @property
    def state(self) -> State:
        """The parts of the platform of :attr:`app`."""
        own: OwnPlatform = self.app.extensions["ocpi"]
        return own.state

    def _select_versions(self, app: Flask, settings: Settings) -> tuple[Version, ...]:
        numbers = settings.versions
        if self._versions is not None and "OCPI_VERSIONS" not in app.config:
            numbers = tuple(version.number for version in self._versions)
        return select_versions(numbers, self._versions)

    def _surroundings(self, app: Flask, settings: Settings, versions: tuple[Version, ...]) -> Surroundings:
        return Surroundings(
            versions=versions,
            own=stored_version(self._versions or versions),
            storage=self._make_storage(app, settings, versions),
            hooks=self._hooks,
            transport=self._transport,
            clock=self._clock,
            secret=secret_key(app, settings),
            app_context=app.app_context,
            emit=emitter(app),
            refused=RefusedTokens(settings.max_unknown_tokens, clock=self._clock).note,
            celery_app=lambda: app.extensions.get("celery"),
            shared_session=partial(shared_session, app),
        )

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


def _forget_audit(app: Flask, *, module: str, key: Key, **_: Any) -> None:
    """Remove the result of an audit together with its CDR."""
    if module == ModuleID.CDRS:
        own: OwnPlatform = app.extensions["ocpi"]
        own.storage.delete(CDR_AUDITS, key)


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
