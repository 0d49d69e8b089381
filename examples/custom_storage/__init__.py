"""A charge point operator whose locations stay in its own tables: flask --app examples.custom_storage run"""

from __future__ import annotations

from examples.custom_storage.app import create_app

__all__ = ["create_app"]
