"""Databases for tests, prepared once a process: a SQLite file is copied, a PostgreSQL schema is emptied.

To create all tables and triggers takes longer than most tests do. Setting up itself is tested on databases that have
nothing in them: ``postgres_url`` of tests/conftest.py, and files of the test's own.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import MetaData
from sqlalchemy import create_engine
from sqlalchemy import make_url
from sqlalchemy import text

from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import define_tables
from flask_ocpi.versions import VERSIONS
from flask_ocpi.web.setup import kinds

METADATA = MetaData()
TABLES = define_tables(METADATA, kinds(VERSIONS))
#: A connection that somebody left open may hold a lock on a table: then that is said, and nobody waits for ever.
LOCK_TIMEOUT = "10s"


class PreparedStorage(SQLAlchemyStorage):
    """One whose tables are there: apps that would create them find nothing to do."""

    def setup(self) -> None:
        """Leave the tables as they are."""


@contextmanager
def storage_on(url: str) -> Iterator[Storage]:
    """Make a storage on a database that has the tables, and close its connections afterwards."""
    engine = create_engine(url)
    try:
        yield PreparedStorage(engine, TABLES)
    finally:
        engine.dispose()


class SQLiteFile:
    """A file with all tables and nothing in them."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "prepared.sqlite3"
        _set_up(f"sqlite:///{self._path}")

    def copy(self, path: Path) -> str:
        """Copy it; return the URL of the copy."""
        shutil.copy(self._path, path)
        return f"sqlite:///{path}"


class PostgresSchema:
    """A schema with all tables, for one test after the other."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT")
        _set_up(url)

    def empty(self) -> None:
        """Empty its tables."""
        names = [table.name for table in METADATA.sorted_tables]
        look = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (TABLE {name})" for name in names)
        with self._engine.connect() as connection:
            filled = connection.execute(text(look)).scalars().all()
            if filled:
                connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
                connection.execute(text(f"TRUNCATE {', '.join(filled)} RESTART IDENTITY"))

    def close(self) -> None:
        """Close the connection that empties it."""
        self._engine.dispose()


@contextmanager
def new_schema(server: str) -> Iterator[str]:
    """Create a schema with nothing in it, far quicker than a database; yield the URL that leads into it."""
    name = f"test_{uuid.uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    yield make_url(server).update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    admin.dispose()


def _set_up(url: str) -> None:
    engine = create_engine(url)
    SQLAlchemyStorage(engine, TABLES).setup()
    engine.dispose()
