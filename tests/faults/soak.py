"""The crash test in its long form, on both databases: run with ``python -m tests.faults.soak``, or ``make soak``.

SOAK_KILLS says how often something is killed for each database (100), SOAK_SEED which moments and victims are drawn,
SOAK_DATABASES which databases there are.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from tests.faults.crashes import Outcome
from tests.faults.crashes import crashing_platforms
from tests.servers import crashing_postgres

DATABASES = "sqlite,postgresql"
PROGRESS_SECONDS = 10


class Progress:
    """Prints a line now and then."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._next = 0.0

    def __call__(self, line: str) -> None:
        if time.monotonic() >= self._next:
            say(f"{self._database}: {line}")
            self._next = time.monotonic() + PROGRESS_SECONDS


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def soak(database: str, kills: int, seed: int) -> Outcome | None:
    """Run on one database; None where it is not installed."""
    starting = crashing_postgres() if database == "postgresql" else nullcontext()
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-soak-") as folder, starting as server:
        if database == "postgresql" and server is None:
            return None
        with crashing_platforms(Path(folder), server, seed) as crashes:
            return crashes.run(kills, progress=Progress(database))


def main() -> int:
    kills = int(os.environ.get("SOAK_KILLS") or 100)
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1_000_000))
    failed = False
    for database in (os.environ.get("SOAK_DATABASES") or DATABASES).split(","):
        say(f"{database}: {kills} kills, SOAK_SEED={seed}")
        outcome = soak(database, kills, seed)
        say(f"{database}: {'left out, since it is not installed' if outcome is None else outcome}")
        failed = failed or bool(outcome is not None and outcome.complaints)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
