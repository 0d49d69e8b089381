"""The enums of the versions module."""

from __future__ import annotations

from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import ModuleID
from flask_ocpi.enums import VersionNumber

__all__ = ["InterfaceRole", "ModuleID", "VersionNumber"]
