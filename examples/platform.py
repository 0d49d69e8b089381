"""The simulated platform of the package, for deployments: ``flask --app examples/platform.py run``.

It is configured by FLASK_* environment variables: see :mod:`flask_ocpi.testing.sandbox.app`.
"""

from __future__ import annotations

from flask_ocpi.testing.sandbox.app import create_app

__all__ = ["create_app"]
