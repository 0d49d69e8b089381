"""Tools to test an application that uses this extension."""

from __future__ import annotations

from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import TestResponse
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from flask_ocpi.testing.versions import documents_of

__all__ = [
    "Clock",
    "Network",
    "PartnerClient",
    "TestResponse",
    "add_partner",
    "documents_of",
    "party_settings",
]
