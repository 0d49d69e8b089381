"""The operator with charge points, for the tests of what they report and of what partners want."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

import pytest

from flask_ocpi import Version
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
def versions() -> Sequence[Version] | None:
    """The versions of the provider: as by default."""
    return None


@pytest.fixture
def quay(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    prepared: Path,
    database: str,
    versions: Sequence[Version] | None,
) -> Iterator[Quay]:
    if database == "sqlite":
        quay = Quay(f"sqlite:///{shutil.copy(prepared, tmp_path)}", versions)
    else:
        quay = Quay(request.getfixturevalue("postgres_url"), versions)
        quay.set_up()
    quay.register()
    yield quay
    close(quay.app)
