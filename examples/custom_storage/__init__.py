"""A company whose locations and tokens stay in its own tables: flask --app examples.custom_storage run"""

from __future__ import annotations

from examples.custom_storage.app import create_app

__all__ = ["create_app"]
