"""The enums that describe OCPI itself: who takes part, and which modules, interfaces and versions there are."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a party does (OCPI 2.2.1, Types, "Role")."""

    CPO = "CPO"
    EMSP = "EMSP"
    HUB = "HUB"
    NAP = "NAP"
    NSP = "NSP"
    OTHER = "OTHER"
    SCSP = "SCSP"


class InterfaceRole(StrEnum):
    """The side of a module: SENDER is the owner of the data (OCPI 2.2.1, Versions, "InterfaceRole")."""

    SENDER = "SENDER"
    RECEIVER = "RECEIVER"

    @property
    def opposite(self) -> InterfaceRole:
        return InterfaceRole.RECEIVER if self is InterfaceRole.SENDER else InterfaceRole.SENDER


class ModuleID(StrEnum):
    """The modules (OCPI 2.2.1, Versions, "ModuleID")."""

    CDRS = "cdrs"
    CHARGINGPROFILES = "chargingprofiles"
    COMMANDS = "commands"
    CREDENTIALS = "credentials"
    HUBCLIENTINFO = "hubclientinfo"
    LOCATIONS = "locations"
    SESSIONS = "sessions"
    TARIFFS = "tariffs"
    TOKENS = "tokens"


class VersionNumber(StrEnum):
    """The versions of OCPI that 2.2.1 knows (OCPI 2.2.1, Versions, "VersionNumber")."""

    V2_0 = "2.0"
    V2_1 = "2.1"
    V2_1_1 = "2.1.1"
    V2_2 = "2.2"
    V2_2_1 = "2.2.1"
