"""What the app brings along or is given by default: the database and the key that tokens are encrypted with."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from flask import Flask

from flask_ocpi import outbox as push
from flask_ocpi import sync
from flask_ocpi.core.config import Settings
from flask_ocpi.core.description import Version
from flask_ocpi.exchange import journal
from flask_ocpi.exchange.findings import FINDINGS
from flask_ocpi.partners.platforms import KINDS
from flask_ocpi.storage.base import Storage

KEY_FILE = "ocpi_secret_key"
EMBEDDED_DATABASE = "sqlite:///ocpi.sqlite3"  # Flask-SQLAlchemy puts relative paths into the instance folder


def default_storage(app: Flask, settings: Settings, versions: Iterable[Version]) -> Storage:
    """Store in the host's Flask-SQLAlchemy database, or in an own SQLite file in the instance folder."""
    # Not before it is known that they are needed: SQLAlchemy is a third of what there is to import.
    from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
    from flask_ocpi.storage.sqlalchemy import make_private
    from flask_ocpi.storage.tables import define_tables

    embedded = False
    db = app.extensions.get("sqlalchemy")
    if db is None:
        if not app.config.get("SQLALCHEMY_DATABASE_URI") and not app.config.get("SQLALCHEMY_ENGINES"):
            app.config["SQLALCHEMY_DATABASE_URI"] = EMBEDDED_DATABASE
            embedded = True
        from flask_sqlalchemy import SQLAlchemy

        db = SQLAlchemy(app)
    with app.app_context():
        engine = db.engine
    if embedded:  # whoever first connects would make it for everybody
        make_private(engine.url)
    storage = SQLAlchemyStorage(engine, define_tables(db.metadata, kinds(versions)))
    if settings.create_tables or (settings.create_tables is None and embedded):
        storage.setup()
    return storage


def kinds(versions: Iterable[Version]) -> tuple[str, ...]:
    """Return the kinds of records that a platform stores."""
    modules = [module for version in versions for module in version.modules]
    objects = [object_type.kind for module in modules for object_type in module.objects]
    others = [kind for module in modules for kind in module.kinds]
    return tuple(dict.fromkeys((*KINDS, *objects, *others, *push.KINDS, *sync.KINDS, *journal.KINDS, FINDINGS)))


def secret_key(app: Flask, settings: Settings) -> str | bytes | None:
    """Return the secret that the encryption key derives from: SECRET_KEY, or one kept in the instance folder.

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
