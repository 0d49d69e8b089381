"""Flask-OCPI: turns a Flask app into an OCPI platform."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING
from typing import Any

from flask_ocpi.client.client import Client
from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.enums import Role
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NoResultError
from flask_ocpi.errors import NotEnoughInformationError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.errors import OCPIError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import StatusCode
from flask_ocpi.errors import StorageError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.errors import abort
from flask_ocpi.exchange.documents import Saved
from flask_ocpi.exchange.pending import Call
from flask_ocpi.exchange.pending import CallState
from flask_ocpi.exchange.pending import Reply
from flask_ocpi.extension import OCPI
from flask_ocpi.modules.bookings import BookingReply
from flask_ocpi.modules.payments import TerminalRequest
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Page
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import ReadOnlyStorage
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.storage.router import RoutedStorage
from flask_ocpi.versions import V2_1_1
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import V2_3_0
from flask_ocpi.web.current import current_ocpi
from flask_ocpi.web.current import current_platform

if TYPE_CHECKING:
    from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage

__version__ = "1.0.0rc1"

__all__ = [
    "OCPI",
    "V2_1_1",
    "V2_2_1",
    "V2_3_0",
    "BookingReply",
    "Call",
    "CallState",
    "Client",
    "ConfigurationError",
    "ConflictError",
    "FlaskOCPIError",
    "Interface",
    "InterfaceRole",
    "InvalidParametersError",
    "Key",
    "MemoryStorage",
    "Module",
    "ModuleID",
    "NoResultError",
    "NotEnoughInformationError",
    "NotFoundError",
    "OCPIError",
    "ObjectType",
    "Operation",
    "Page",
    "Party",
    "Platform",
    "Query",
    "ReadOnlyStorage",
    "Record",
    "RefusedError",
    "RemoteError",
    "Reply",
    "Role",
    "RoutedStorage",
    "SQLAlchemyStorage",
    "Saved",
    "StatusCode",
    "Storage",
    "StorageError",
    "TerminalRequest",
    "UnreachableError",
    "Version",
    "__version__",
    "abort",
    "current_ocpi",
    "current_platform",
]

#: What is imported when it is asked for: serving does not need it.
_LATE = {
    "SQLAlchemyStorage": "flask_ocpi.storage.sqlalchemy",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATE[name]), name)
