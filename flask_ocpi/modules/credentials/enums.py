"""The enums of the credentials module."""

from __future__ import annotations

from flask_ocpi.enums import Role

__all__ = ["Role"]
