"""Processes, and the database, killed at random moments: nothing that was answered is lost, and both sides agree.

``make soak`` does the same with a hundred kills.
"""

from __future__ import annotations

import random
from contextlib import nullcontext

import pytest

from tests.faults.crashes import crashing_platforms
from tests.servers import POSTGRESQL
from tests.servers import crashing_postgres
from tests.servers import left_out

KILLS = 8


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_is_lost_or_doubled_when_processes_and_the_database_are_killed(tmp_path, database):
    seed = random.SystemRandom().randrange(1_000_000)
    with crashing_postgres() if database == "postgresql" else nullcontext() as server:
        if database == "postgresql" and server is None:
            reason = "its server programs are not installed"
            left_out(POSTGRESQL, reason)
            pytest.skip(reason)
        with crashing_platforms(tmp_path, server, seed) as crashes:
            outcome = crashes.run(KILLS)

    assert outcome.kills.total() == KILLS
    assert outcome.answers > KILLS
    assert outcome.complaints == [], str(outcome)
