"""Lists from a replica of the database, everything else from the database itself.

``OCPI(app, storage=lambda default: ReplicaStorage(default, replica_at("postgresql+psycopg://...")))``
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager

from sqlalchemy import MetaData
from sqlalchemy import create_engine

from flask_ocpi import Key
from flask_ocpi import Page
from flask_ocpi import Query
from flask_ocpi import Record
from flask_ocpi import SQLAlchemyStorage
from flask_ocpi import Storage
from flask_ocpi import StorageError
from flask_ocpi.storage import HostSession
from flask_ocpi.storage import define_tables

LISTED = ("locations", "sessions", "cdrs", "tariffs", "tokens", "client_infos")

_log = logging.getLogger(__name__)


def replica_at(uri: str, *, pool_size: int = 16) -> Storage:
    """Return a storage on a replica, which has the tables that the database itself has."""
    engine = create_engine(uri, pool_size=pool_size, pool_pre_ping=True, connect_args={"connect_timeout": 2})
    return SQLAlchemyStorage(engine, define_tables(MetaData(), LISTED))


class ReplicaStorage(Storage):
    """Reads the lists of some kinds from a replica; where it does not answer, from the database itself.

    A replica is a moment behind. So only lists are read there, which partners fetch and nothing depends on: single
    records, what is read in a transaction, and all bookkeeping come from the database itself.
    """

    def __init__(self, primary: Storage, replica: Storage, kinds: Collection[str] = LISTED) -> None:
        self._primary = primary
        self._replica = replica
        self._kinds = frozenset(kinds)
        self._local = threading.local()

    def __str__(self) -> str:
        return f"{self._primary}, lists from {self._replica}"

    def list(self, kind: str, query: Query) -> Page:
        if kind in self._kinds and not self._in_transaction:
            try:
                return self._replica.list(kind, query)
            except StorageError as error:
                _log.warning("The replica does not list %s; the database itself does: %s", kind, error)
        return self._primary.list(kind, query)

    def get(self, kind: str, key: Key, *, for_update: bool = False) -> Record | None:
        return self._primary.get(kind, key, for_update=for_update)

    def save(self, kind: str, key: Key, record: Record, *, expected: int | None = None) -> bool:
        return self._primary.save(kind, key, record, expected=expected)

    def get_many(self, kind: str, keys: Collection[Key], *, for_update: bool = False) -> Mapping[Key, Record]:
        return self._primary.get_many(kind, keys, for_update=for_update)

    def save_many(self, kind: str, records: Sequence[tuple[Key, Record]]) -> Sequence[bool]:
        return self._primary.save_many(kind, records)

    def create_many(self, kind: str, records: Sequence[tuple[Key, Record]]) -> Sequence[bool]:
        return self._primary.create_many(kind, records)

    def claim(self, kind: str, query: Query, *, until: int, key_of: Callable[[Record], Key]) -> Sequence[Record]:
        return self._primary.claim(kind, query, until=until, key_of=key_of)

    def delete(self, kind: str, key: Key) -> bool:
        return self._primary.delete(kind, key)

    def delete_page(self, kind: str, query: Query, *, key_of: Callable[[Record], Key]) -> int:
        return self._primary.delete_page(kind, query, key_of=key_of)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        outer = self._in_transaction
        self._local.in_transaction = True
        try:
            with self._primary.transaction():
                yield
        finally:
            self._local.in_transaction = outer

    @contextmanager
    def join(self, session: HostSession) -> Iterator[None]:
        outer = self._in_transaction
        self._local.in_transaction = True
        try:
            with self._primary.join(session):
                yield
        finally:
            self._local.in_transaction = outer

    def joins(self, session: HostSession) -> bool:
        return self._primary.joins(session)

    def after_commit(self, work: Callable[[], None], session: HostSession | None = None) -> None:
        self._primary.after_commit(work, session)

    def setup(self) -> None:
        self._primary.setup()

    def check(self) -> None:
        self._primary.check()

    @property
    def _in_transaction(self) -> bool:
        return bool(getattr(self._local, "in_transaction", False))
