"""Calls to other platforms."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from flask_ocpi.client.addresses import AddressPolicy
from flask_ocpi.client.authorizing import Authorization
from flask_ocpi.client.authorizing import TokensClient
from flask_ocpi.client.calling import CdrsClient
from flask_ocpi.client.calling import ChargingProfilesClient
from flask_ocpi.client.calling import CommandsClient
from flask_ocpi.client.calling import SessionsClient
from flask_ocpi.client.client import Client
from flask_ocpi.client.listing import Listing
from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.client.wire import Answer
from flask_ocpi.client.wire import Request
from flask_ocpi.client.wire import Response
from flask_ocpi.client.wire import Transport

if TYPE_CHECKING:
    from flask_ocpi.client.transport import HTTPTransport

__all__ = [
    "AddressPolicy",
    "Answer",
    "Authorization",
    "CdrsClient",
    "ChargingProfilesClient",
    "Client",
    "CommandsClient",
    "HTTPTransport",
    "Listing",
    "ModuleClient",
    "Request",
    "Response",
    "SessionsClient",
    "TokensClient",
    "Transport",
]


def __getattr__(name: str) -> Any:
    if name != "HTTPTransport":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flask_ocpi.client.transport import HTTPTransport  # serving does not need it

    return HTTPTransport
