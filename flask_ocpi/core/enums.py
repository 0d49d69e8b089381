"""Enums of roles, modules and versions, and the interfaces that each role implements."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from enum import StrEnum


class Role(StrEnum):
    """What a party does (OCPI 2.2.1, Types, "Role"; PTP is that of the payments module of 2.3.0)."""

    CPO = "CPO"
    EMSP = "EMSP"
    HUB = "HUB"
    NAP = "NAP"
    NSP = "NSP"
    OTHER = "OTHER"
    PTP = "PTP"
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


#: The modules that separate texts add to 2.3.0.
PAYMENTS = "payments"
BOOKINGS = "bookings"

_S = (InterfaceRole.SENDER,)
_R = (InterfaceRole.RECEIVER,)
_SR = (InterfaceRole.SENDER, InterfaceRole.RECEIVER)

#: OCPI 2.2.1, Terminology, "Typical OCPI implementations per Role", and tariffs for SCSP. OTHER has no row there.
#: PTP, payments and bookings follow the tables in the texts of these modules.
#: Both CPO and eMSP may issue invoices, so both have both sides of invoicereconciliation.
DEFAULT_MATRIX: Mapping[Role, Mapping[str, tuple[InterfaceRole, ...]]] = {
    Role.CPO: {
        BOOKINGS: _S,
        PAYMENTS: _R,
        ModuleID.CDRS: _S,
        ModuleID.CHARGINGPROFILES: _R,
        ModuleID.COMMANDS: _R,
        ModuleID.HUBCLIENTINFO: _R,
        ModuleID.LOCATIONS: _S,
        ModuleID.SESSIONS: _S,
        ModuleID.TARIFFS: _S,
        ModuleID.TOKENS: _R,
        "invoicereconciliation": _SR,
    },
    Role.EMSP: {
        BOOKINGS: _R,
        ModuleID.CDRS: _R,
        ModuleID.CHARGINGPROFILES: _SR,
        ModuleID.COMMANDS: _S,
        ModuleID.HUBCLIENTINFO: _R,
        ModuleID.LOCATIONS: _R,
        ModuleID.SESSIONS: _R,
        ModuleID.TARIFFS: _R,
        ModuleID.TOKENS: _S,
        "invoicereconciliation": _SR,
    },
    Role.HUB: {
        BOOKINGS: _SR,
        ModuleID.CDRS: _SR,
        ModuleID.CHARGINGPROFILES: _SR,
        ModuleID.COMMANDS: _SR,
        ModuleID.HUBCLIENTINFO: _S,
        ModuleID.LOCATIONS: _SR,
        ModuleID.SESSIONS: _SR,
        ModuleID.TARIFFS: _SR,
        ModuleID.TOKENS: _SR,
        "invoicereconciliation": _SR,
    },
    Role.NSP: {ModuleID.HUBCLIENTINFO: _R, ModuleID.LOCATIONS: _R, ModuleID.TARIFFS: _R},
    Role.NAP: {ModuleID.HUBCLIENTINFO: _R, ModuleID.LOCATIONS: _SR, ModuleID.TARIFFS: _SR},
    Role.PTP: {
        PAYMENTS: _S,
        ModuleID.CDRS: _R,
        ModuleID.COMMANDS: _S,
        ModuleID.LOCATIONS: _R,
        ModuleID.SESSIONS: _R,
        ModuleID.TARIFFS: _R,
    },
    Role.SCSP: {
        ModuleID.CHARGINGPROFILES: _S,
        ModuleID.HUBCLIENTINFO: _R,
        ModuleID.SESSIONS: _R,
        ModuleID.TARIFFS: _SR,
    },
    Role.OTHER: {ModuleID.HUBCLIENTINFO: _R},
}


@dataclass(frozen=True, slots=True)
class Permissions:
    """The permissions of one app: the default matrix with the operator's changes."""

    matrix: Mapping[Role, Mapping[str, tuple[InterfaceRole, ...]]]
    _callers: dict[tuple[frozenset[Role], str, InterfaceRole], bool] = field(default_factory=dict, compare=False)

    @classmethod
    def with_overrides(cls, overrides: Mapping[Role, Mapping[str, tuple[str, ...]]]) -> Permissions:
        return cls(
            {
                role: {
                    **modules,
                    **{
                        module: tuple(InterfaceRole(side) for side in sides)
                        for module, sides in overrides.get(role, {}).items()
                    },
                }
                for role, modules in DEFAULT_MATRIX.items()
            }
        )

    def implements(self, roles: Iterable[Role], module: str, interface: InterfaceRole) -> bool:
        """Tell whether one of the roles implements this interface of a module."""
        for role in roles:  # noqa: SIM110 - called for each request, and a generator would take most of its time
            if interface in self.matrix[role].get(module, ()):
                return True
        return False

    def may_call(self, roles: Iterable[Role], module: str, interface: InterfaceRole) -> bool:
        """Tell whether a partner with these roles may call an interface: one of them is on the other side."""
        asked = (frozenset(roles), module, interface)
        may = self._callers.get(asked)
        if may is None:
            may = self._callers[asked] = self.implements(asked[0], module, interface.opposite)
        return may
