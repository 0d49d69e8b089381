"""The operator with charge points, for the tests of what they report and of what partners want."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.closing import close
from tests.examples.plugged import Quay


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables and charge points, to be copied: to make them takes longer than most tests do."""
    path = tmp_path_factory.mktemp("prepared") / "cpo.sqlite3"
    quay = Quay(f"sqlite:///{path}")
    quay.set_up()
    close(quay.app)
    return path


@pytest.fixture
def quay(request: pytest.FixtureRequest, tmp_path: Path, prepared: Path, database: str) -> Iterator[Quay]:
    if database == "sqlite":
        quay = Quay(f"sqlite:///{shutil.copy(prepared, tmp_path)}")
    else:
        quay = Quay(request.getfixturevalue("postgres_url"))
        quay.set_up()
    quay.register()
    yield quay
    close(quay.app)
