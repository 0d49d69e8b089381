"""A charge point operator: flask --app examples.cpo run"""

from __future__ import annotations

from examples.cpo.app import create_app

__all__ = ["create_app"]
