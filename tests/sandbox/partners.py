"""Sandboxes in this process: their clock goes when a test moves it, and what they save is sent at once."""

from __future__ import annotations

from typing import Any

from flask import Flask

from flask_ocpi import MemoryStorage
from flask_ocpi.host.facade import OwnPlatform
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.sandbox.app import add_sample_data
from flask_ocpi.testing.sandbox.app import make_partner
from flask_ocpi.testing.sandbox.drivers import Drivers

ROUND = 5  # seconds between two rounds of the drivers


def add_sandbox(network: Network, role: str, folder: Any, **options: Any) -> Flask:
    """Add a sandbox with its sample data at ``https://sandbox-{role}.example``."""
    host = f"sandbox-{role}.example"
    config = {"TESTING": True, "OCPI_DISPATCHER": "inline", "OCPI_HANDSHAKE_TIMEOUT": 600, **options.pop("config", {})}
    settings = {"transport": network, "clock": network.clock, "storage": MemoryStorage(), **options}
    app = make_partner(role, base_url=f"https://{host}", folder=str(folder / role), config=config, **settings)
    network.apps[host] = app
    add_sample_data(app)
    return app


def ocpi_of(app: Flask) -> OwnPlatform:
    found: OwnPlatform = app.extensions["ocpi"]
    return found


def pass_rounds(network: Network, apps: list[Flask], drivers: list[Drivers], rounds: int) -> None:
    """Let meters run and drivers come and go for some rounds."""
    for _ in range(rounds):
        network.clock.advance(ROUND)
        for app in apps:
            with app.app_context():
                app.extensions["charge_points"].tick()
        for each in drivers:
            each.round()
