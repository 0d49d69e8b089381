"""What a platform imports when it first needs it. Before platforms are forked, or each of them would import it anew."""

from __future__ import annotations

from importlib import import_module

NAMES = (
    "cryptography.fernet",
    "cryptography.hazmat.primitives.kdf.hkdf",
    "flask_ocpi.client.transport",
    "flask_ocpi.storage.sqlalchemy",
    "flask_sqlalchemy",
    "sqlalchemy.dialects.postgresql",
)


def import_all() -> None:
    for name in NAMES:
        import_module(name)
