"""The database and the key for tokens: those of the app, or defaults."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from flask import Flask
from flask import appcontext_pushed
from flask import current_app
from flask import has_app_context

from flask_ocpi import outbox
from flask_ocpi import sync
from flask_ocpi.core.config import KEY_FILE
from flask_ocpi.core.config import Settings
from flask_ocpi.core.description import Version
from flask_ocpi.errors import StorageError
from flask_ocpi.exchange.contacts import Contact
from flask_ocpi.exchange.findings import FINDINGS
from flask_ocpi.exchange.journal_groups import KINDS as JOURNAL_KINDS
from flask_ocpi.host.actions import ACTIONS
from flask_ocpi.partners.platforms import KINDS
from flask_ocpi.storage.base import HostSession
from flask_ocpi.storage.base import Storage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse
    from _typeshed.wsgi import WSGIEnvironment
    from sqlalchemy import Engine
    from sqlalchemy import Table

_DATABASE_KEYS = ("SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_ENGINES", "SQLALCHEMY_BINDS")
EMBEDDED_DATABASE = "sqlite:///ocpi.sqlite3"  # Flask-SQLAlchemy puts relative paths into the instance folder


def default_storage(app: Flask, settings: Settings, versions: Iterable[Version]) -> Storage:
    """Store in the host's Flask-SQLAlchemy database, or in an own SQLite file in the instance folder.

    If a database is configured and the host's ``db`` is not registered yet, it is found on first use.
    """
    # Imported only if needed: SQLAlchemy is a third of all imports.
    from flask_ocpi.storage.opening import make_private
    from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage

    names = kinds(versions)
    is_registered = "sqlalchemy" in app.extensions
    if not is_registered and any(app.config.get(key) for key in _DATABASE_KEYS):
        return _late_storage(app, names, creates_tables=bool(settings.create_tables))
    if not is_registered:
        app.config["SQLALCHEMY_DATABASE_URI"] = EMBEDDED_DATABASE
    engine, tables = _database(app, names)
    if not is_registered:  # otherwise the first connection would create it, readable by every user
        make_private(engine.url)
    storage = SQLAlchemyStorage(engine, tables)
    if settings.create_tables or (settings.create_tables is None and not is_registered):
        storage.setup()
    return storage


def _late_storage(app: Flask, names: tuple[str, ...], *, creates_tables: bool) -> Storage:
    from sqlalchemy import make_url

    from flask_ocpi.storage.opening import check_dialect
    from flask_ocpi.storage.sqlalchemy import LateStorage

    if app.config.get("SQLALCHEMY_DATABASE_URI"):
        check_dialect(make_url(app.config["SQLALCHEMY_DATABASE_URI"]).get_dialect().name)
    storage = LateStorage(lambda: _database(app, names), creates_tables=creates_tables)
    inner = app.wsgi_app

    def find_in_context(app: Flask, **_: Any) -> None:
        if storage.is_found:
            appcontext_pushed.disconnect(find_in_context, app)
        elif "sqlalchemy" in app.extensions:  # its tables belong to its migrations
            with suppress(StorageError):  # Flask does not pop a context whose signal raises; the first use raises
                storage.find()

    def first(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not storage.is_found:  # once Flask has handled a request, no db of ours can be registered any more
            with suppress(StorageError):
                storage.find()
        return inner(environ, start_response)

    appcontext_pushed.connect(find_in_context, app, weak=False)
    app.wsgi_app = first  # type: ignore[method-assign]
    return storage


def _database(app: Flask, names: tuple[str, ...]) -> tuple[Engine, Mapping[str, Table]]:
    """Return the engine and tables of the host's database, or of one that is registered now."""
    from flask_ocpi.storage.tables import define_tables

    db = app.extensions.get("sqlalchemy")
    if db is None:
        from flask_sqlalchemy import SQLAlchemy

        db = SQLAlchemy(app)
    with app.app_context():
        engine: Engine = db.engine
    return engine, define_tables(db.metadata, names)


def shared_session(app: Flask) -> HostSession | None:
    """Return the ``db.session`` of the host's Flask-SQLAlchemy, or None if this context has not used it."""
    db = app.extensions.get("sqlalchemy")
    if db is None or not has_app_context() or current_app != app:
        return None
    session: HostSession = db.session
    return session if db.session.registry.has() else None


def kinds(versions: Iterable[Version]) -> tuple[str, ...]:
    """Return the kinds of records that this platform stores."""
    modules = [module for version in versions for module in version.modules]
    objects = [object_type.kind for module in modules for object_type in module.objects]
    others = [kind for module in modules for kind in module.kinds]
    work = (*outbox.KINDS, *sync.KINDS, *JOURNAL_KINDS, FINDINGS, Contact.KIND, ACTIONS)
    return tuple(dict.fromkeys((*KINDS, *objects, *others, *work)))


def secret_key(app: Flask, settings: Settings) -> str | bytes | None:
    """Return the secret that the encryption key derives from: SECRET_KEY, or one stored in the instance folder.

    The file is made on first use, readable by its owner only, so that a first try needs no configuration.
    """
    if app.config.get("SECRET_KEY"):
        key: str | bytes = app.config["SECRET_KEY"]
        return key
    if settings.encryption_keys:
        return None
    path = Path(app.instance_path) / KEY_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_key(path)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
    return _read_key(path)


def _read_key(path: Path) -> str:
    for _ in range(1000):  # another process may be writing it right now
        key = path.read_text().strip()
        if len(key) == 64:
            return key
    raise OSError(f"{path} holds no key; remove it to have a new one made.")
