"""Servers that import the app, with its dispatcher started, before they fork their processes; both databases."""

from __future__ import annotations

import pytest

from tests.e2e.preloaded_app import prepare
from tests.faults.forks import SERVERS
from tests.faults.forks import fork_once
from tests.faults.forks import serve_once


@pytest.fixture
def database(request, tmp_path) -> str:
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path / 'ocpi.sqlite3'}"
    return request.getfixturevalue("postgres_url")


BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
ALL = [pytest.param("sqlite", kind, id=f"sqlite-{kind}") for kind in SERVERS]


@pytest.mark.parametrize(("database", "kind"), [*ALL, ("postgresql", "preload")], indirect=["database"])
def test_every_process_of_a_server_answers_partners(database, kind):
    token = prepare(database)

    assert serve_once(kind, database, token)


@BOTH
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_children_serve_and_dispatch_whenever_they_are_forked(database):
    token = prepare(database)

    assert [fork_once(database, token, delay) for delay in (0, 0.003, 0.01, 0.03)] == [True] * 4
