"""Flask-OCPI: turns a Flask app into an OCPI platform."""

from __future__ import annotations

from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import NoResultError
from flask_ocpi.errors import NotEnoughInformationError
from flask_ocpi.errors import OCPIError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import StatusCode
from flask_ocpi.errors import StorageError
from flask_ocpi.errors import abort
from flask_ocpi.exchange.documents import Saved
from flask_ocpi.exchange.pending import Call
from flask_ocpi.exchange.pending import Reply
from flask_ocpi.extension import OCPI
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Page
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import ReadOnlyStorage
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.storage.router import RoutedStorage
from flask_ocpi.web.current import current_ocpi
from flask_ocpi.web.current import current_platform

__version__ = "0.1.0"

__all__ = [
    "OCPI",
    "Call",
    "ConfigurationError",
    "ConflictError",
    "FlaskOCPIError",
    "Key",
    "MemoryStorage",
    "NoResultError",
    "NotEnoughInformationError",
    "OCPIError",
    "Page",
    "Party",
    "Query",
    "ReadOnlyStorage",
    "Record",
    "RefusedError",
    "RemoteError",
    "Reply",
    "RoutedStorage",
    "Saved",
    "StatusCode",
    "Storage",
    "StorageError",
    "__version__",
    "abort",
    "current_ocpi",
    "current_platform",
]
