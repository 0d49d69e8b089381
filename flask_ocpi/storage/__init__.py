"""Where documents live: the interface that users replace, and the storages that come with the package."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING
from typing import Any

from flask_ocpi.storage.base import HostSession
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Page
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import ReadOnlyStorage
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.base import received
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.storage.router import RoutedStorage

if TYPE_CHECKING:
    from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
    from flask_ocpi.storage.tables import define_tables

__all__ = [
    "HostSession",
    "Key",
    "MemoryStorage",
    "Page",
    "Party",
    "Query",
    "ReadOnlyStorage",
    "Record",
    "RoutedStorage",
    "SQLAlchemyStorage",
    "Storage",
    "define_tables",
    "received",
]

#: Imported on first use: serving does not need these.
_LATE = {
    "SQLAlchemyStorage": "flask_ocpi.storage.sqlalchemy",
    "define_tables": "flask_ocpi.storage.tables",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATE[name]), name)
