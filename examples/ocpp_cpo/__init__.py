"""A charge point operator with OCPP charge points: flask --app examples.ocpp_cpo run"""

from __future__ import annotations

from examples.ocpp_cpo.app import create_app

__all__ = ["create_app"]
