"""The enums of the hubclientinfo module."""

from __future__ import annotations

from enum import StrEnum


class ConnectionStatus(StrEnum):
    """Whether a party can be reached (OCPI 2.2.1, HubClientInfo, "ConnectionStatus").

    Only CONNECTED parties may be sent requests; SUSPENDED stands for deletion.
    """

    CONNECTED = "CONNECTED"
    OFFLINE = "OFFLINE"
    PLANNED = "PLANNED"
    SUSPENDED = "SUSPENDED"
