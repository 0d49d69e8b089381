"""A simulated partner: a whole platform with charge points and drivers, to try a platform against.

``flask --app flask_ocpi.testing.sandbox run`` serves it like any app.
"""

from __future__ import annotations

from flask_ocpi.testing.sandbox.app import create_app

__all__ = ["create_app"]
