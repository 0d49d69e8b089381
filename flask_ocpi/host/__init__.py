"""The API of the host application: its objects, copies, partners, outbox, journal, findings and prices."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING
from typing import Any

from flask_ocpi.exchange.copies import Copies
from flask_ocpi.exchange.finding_store import Findings
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.host.actions import Action
from flask_ocpi.host.actions import Actions
from flask_ocpi.host.facade import Facade
from flask_ocpi.host.facade import OwnPlatform
from flask_ocpi.host.journal import Journal
from flask_ocpi.host.objects import OwnObjects
from flask_ocpi.host.outbox import Lag
from flask_ocpi.host.outbox import Outbox
from flask_ocpi.host.outbox import Undelivered
from flask_ocpi.host.partners import Partners
from flask_ocpi.host.partners import RoleRequest
from flask_ocpi.host.stored import Item
from flask_ocpi.host.stored import Items
from flask_ocpi.host.stored import Place
from flask_ocpi.host.stored import StoredObjects
from flask_ocpi.outbox.delivery import Pushed
from flask_ocpi.sync.receiving import Pulled
from flask_ocpi.sync.syncing import Synced

if TYPE_CHECKING:
    from flask_ocpi.host.audits import Audited
    from flask_ocpi.host.prices import Prices

__all__ = [
    "Action",
    "Actions",
    "Audited",
    "Copies",
    "Facade",
    "Finding",
    "Findings",
    "Item",
    "Items",
    "Journal",
    "Lag",
    "Outbox",
    "OwnObjects",
    "OwnPlatform",
    "Partners",
    "Place",
    "Prices",
    "Pulled",
    "Pushed",
    "RoleRequest",
    "StoredObjects",
    "Synced",
    "Undelivered",
]

#: These names are imported on first use: serving does not need them.
_LATE = {"Audited": "flask_ocpi.host.audits", "Prices": "flask_ocpi.host.prices"}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATE[name]), name)
