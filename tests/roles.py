"""Which role has which interface, copied from the specification and not from the code."""

from __future__ import annotations

from collections.abc import Iterable

# OCPI 2.2.1, Terminology, "Typical OCPI implementations per Role", where SCSP has tariffs as well and OTHER has no
# column: S is Sender, R is Receiver.
ROLES = ("CPO", "EMSP", "HUB", "NSP", "NAP", "SCSP", "OTHER")
TABLE = {
    "cdrs": ("S", "R", "SR", "", "", "", ""),
    "chargingprofiles": ("R", "SR", "SR", "", "", "S", ""),
    "commands": ("R", "S", "SR", "", "", "", ""),
    "hubclientinfo": ("R", "R", "S", "R", "R", "R", "R"),
    "locations": ("S", "R", "SR", "R", "SR", "", ""),
    "sessions": ("S", "R", "SR", "", "", "R", ""),
    "tariffs": ("S", "R", "SR", "R", "SR", "SR", ""),
    "tokens": ("R", "S", "SR", "", "", "", ""),
}


def has(roles: Iterable[str], module: str, side: str) -> bool:
    """Tell whether one of the roles has the SENDER or RECEIVER of a module."""
    return any(side[0] in TABLE[module][ROLES.index(role)] for role in roles)


def calls(roles: Iterable[str], module: str, side: str) -> bool:
    """Tell whether one of the roles calls the SENDER or RECEIVER of a module: it has the other side."""
    return has(roles, module, {"SENDER": "RECEIVER", "RECEIVER": "SENDER"}[side])
