"""Fixtures that run commands."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import MetaData
from sqlalchemy import create_engine

from flask_ocpi import OCPI
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import define_tables
from flask_ocpi.testing.network import Network
from flask_ocpi.versions import VERSIONS
from flask_ocpi.web.setup import kinds

Run = Callable[..., Result]


@pytest.fixture
def run(ocpi_network: Network) -> Run:
    """Run ``flask ocpi`` on a platform: ``run(ocpi, "invite", "--name", "Partner")``."""

    def invoke(platform: OCPI, *args: str, input: Any = None) -> Result:
        app = ocpi_network.apps[platform.services.settings.base_url.removeprefix("https://")]
        result = app.test_cli_runner().invoke(args=["ocpi", *args], input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def connected(ocpi: OCPI, ocpi_other: OCPI, ocpi_network: Network) -> OCPI:
    """The platform at platform.example, registered with the one at other.example."""
    ocpi_network.connect(ocpi, ocpi_other)
    return ocpi


@pytest.fixture
def without_tables(ocpi_network: Network, tmp_path: Path) -> Iterator[OCPI]:
    """A platform whose SQLite database has no tables yet."""
    engine = create_engine(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    storage = SQLAlchemyStorage(engine, define_tables(MetaData(), kinds(VERSIONS)))
    config = {"OCPI_CREATE_TABLES": False}
    yield ocpi_network.add("empty.example", [("NL", "ABC", ["CPO"])], storage=storage, config=config)
    engine.dispose()
