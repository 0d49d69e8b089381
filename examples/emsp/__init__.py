"""An e-mobility service provider: flask --app examples.emsp run"""

from __future__ import annotations

from examples.emsp.app import create_app

__all__ = ["create_app"]
