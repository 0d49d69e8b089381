"""Storages for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import MetaData
from sqlalchemy import create_engine

from flask_ocpi.exchange.write_behind import flush_all
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import define_tables
from flask_ocpi.versions import VERSIONS
from flask_ocpi.web.setup import kinds


@contextmanager
def sqlalchemy_storage(url: str) -> Iterator[Storage]:
    """Make a storage with empty tables in a database, and close its connections afterwards."""
    tables = define_tables(MetaData(), kinds(VERSIONS))
    engine = create_engine(url)
    try:
        storage = SQLAlchemyStorage(engine, tables)
        storage.setup()
        with engine.begin() as connection:
            for table in tables.values():
                connection.execute(table.delete())
        yield storage
    finally:
        flush_all()  # or they would be written on a connection that nobody closes
        engine.dispose()
