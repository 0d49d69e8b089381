"""Pytest fixtures for applications built on Flask-OCPI.

Enable them in the top-level conftest.py: ``pytest_plugins = ["flask_ocpi.testing.plugin"]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_ocpi.extension import OCPI
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.backends import sqlalchemy_storage
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner

HOST = "platform.example"
OTHER_HOST = "other.example"


@pytest.fixture
def ocpi_clock() -> Clock:
    """The time of all platforms in a test; it stands still until it is advanced."""
    return Clock()


@pytest.fixture
def ocpi_network(ocpi_clock: Clock) -> Network:
    """Platforms in this process that call each other without sockets."""
    return Network(clock=ocpi_clock)


@pytest.fixture
def ocpi_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """The storage of the platform: "memory", or another one by indirect parametrisation.

    "sqlite" is a file; a SQLAlchemy URL is used unchanged, and its tables are emptied.
    """
    backend = getattr(request, "param", "memory")
    if backend == "memory":
        yield MemoryStorage()
        return
    url = f"sqlite:///{tmp_path / 'ocpi.sqlite3'}" if backend == "sqlite" else backend
    with sqlalchemy_storage(url) as storage:
        yield storage


@pytest.fixture
def ocpi_parties() -> list[tuple[str, str, list[str]]]:
    """The parties of the platform: (country code, party id, roles). Override it to test others."""
    return [("NL", "ABC", ["CPO", "EMSP"])]


@pytest.fixture
def ocpi_config() -> dict[str, Any]:
    """Configuration of the platform's app beyond the defaults. Override it to test settings."""
    return {}


@pytest.fixture
def ocpi_app(
    ocpi_network: Network,
    ocpi_storage: Storage,
    ocpi_parties: list[tuple[str, str, list[str]]],
    ocpi_config: dict[str, Any],
) -> Flask:
    """A Flask app that is an OCPI platform at https://platform.example."""
    ocpi_network.add(HOST, ocpi_parties, storage=ocpi_storage, config=ocpi_config)
    return ocpi_network.apps[HOST]


@pytest.fixture
def ocpi(ocpi_app: Flask, ocpi_network: Network) -> OCPI:
    """The OCPI object of the app."""
    return ocpi_network.platforms[HOST]


@pytest.fixture
def ocpi_client(ocpi_app: Flask) -> PartnerClient:
    """A registered partner, DE-EMS (EMSP) and DE-CPO (CPO), that calls the platform with its token."""
    return add_partner(ocpi_app, [("DE", "EMS", ["EMSP"]), ("DE", "CPO", ["CPO"])])


@pytest.fixture
def ocpi_other(ocpi_network: Network) -> OCPI:
    """A second platform in the same process, FR-OTH (CPO and EMSP) at https://other.example, not registered yet."""
    return ocpi_network.add(OTHER_HOST, [("FR", "OTH", ["CPO", "EMSP"])])
