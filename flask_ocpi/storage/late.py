"""A storage that finds its database on first use: the host application may register its own until then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine
from sqlalchemy import Table

from flask_ocpi.core import forks
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage


class LateStorage(SQLAlchemyStorage):
    """Become a complete :class:`SQLAlchemyStorage` on access to the first attribute that is missing.

    find: returns engine and tables. creates_tables: create missing tables then.
    """

    def __init__(self, find: Callable[[], tuple[Engine, Mapping[str, Table]]], *, creates_tables: bool) -> None:
        self.is_found = False
        self._find = find
        self._creates_tables = creates_tables
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._finding = threading.RLock()
        self._is_at_it = False

    def find(self) -> None:
        """Find the database now, unless that was done; wait if another thread does it. A failure can be retried."""
        with self._finding:
            if self.is_found or self._is_at_it:
                return
            storage = self._made(creates_tables=self._creates_tables)
            self.__dict__.update(storage.__dict__)
            self.is_found = True

    def _made(self, *, creates_tables: bool) -> SQLAlchemyStorage:
        self._is_at_it = True  # the functions called here may use the storage
        try:
            storage = SQLAlchemyStorage(*self._find())
            if creates_tables:
                storage.setup()
            return storage
        finally:
            self._is_at_it = False

    def __str__(self) -> str:
        """Name the database without connecting: a worker that starts while it is down reports that and waits."""
        if not self.is_found:
            with self._finding:
                return type(self).__name__ if self._is_at_it else str(self._made(creates_tables=False))
        return super().__str__()

    def __getattr__(self, name: str) -> Any:
        """Find the database, which sets the missing attribute."""
        if "_finding" not in self.__dict__:
            raise AttributeError(name)
        self.find()
        return object.__getattribute__(self, name)
