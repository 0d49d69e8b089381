"""The example platforms, in this process and registered with each other."""

from __future__ import annotations

from typing import Any

from flask import Flask

from examples import cpo
from examples import emsp
from flask_ocpi import OCPI
from flask_ocpi import MemoryStorage
from flask_ocpi.testing.network import Network

INLINE = {"OCPI_DISPATCHER": "inline"}


def add_cpo(network: Network, host: str = "cpo.example", **settings: Any) -> Flask:
    """Add the example operator at ``https://host``."""
    return _add(network, host, cpo.create_app, settings)


def add_emsp(network: Network, host: str = "emsp.example", **settings: Any) -> Flask:
    """Add the example provider at ``https://host``."""
    return _add(network, host, emsp.create_app, settings)


def _add(network: Network, host: str, make: Any, settings: dict[str, Any]) -> Flask:
    config = {
        "SECRET_KEY": f"secret of {host}",
        "OCPI_BASE_URL": f"https://{host}",
        "TESTING": True,
        **INLINE,
        **settings,
    }
    app: Flask = make(config, ocpi=OCPI(storage=MemoryStorage(), transport=network, clock=network.clock))
    network.apps[host] = app
    return app


def ocpi_of(app: Flask) -> OCPI:
    found: OCPI = app.extensions["ocpi"]
    return found
