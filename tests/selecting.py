"""Which tests are slow, which come first, and which a quick look leaves out: the hooks of tests/conftest.py.

``make test`` runs everything. ``make test-fast`` leaves out what is marked ``slow`` or ``database``, and runs the first
cases of each parametrised test and fewer examples of each property. ``make thorough`` runs everything with three times
the examples, and all boundary values for the API (``--hypothesis-profile=thorough``). With ``--cov``, coverage is
measured in the first cases alone: the others take the same lines with other values, and measuring doubles what they
cost.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from scripts import conformance_table

#: Folders and files whose tests start processes or take long, the longest first: so that all workers end together.
SLOW = (
    "web/test_schemathesis.py",
    "faults",
    "e2e",
    "examples/test_deploy.py",
    "examples/test_deploy_databases.py",
    "examples/test_ocpp_sockets.py",
    "examples/test_tutorials.py",
    "sandbox/test_command.py",
    "sandbox/test_demo.py",
    "examples/test_quickstart.py",
    "cli/test_new.py",
    "benchmarks",
    "browser",
    "storage/test_processes.py",
    "storage/test_migrations.py",
    "storage/test_old_databases.py",
    "storage/test_claims.py",
    "storage/test_counts.py",
    "storage/test_lost_connections.py",
    "storage/test_sqlite.py",
    "conformance/test_parallel_writers.py",
    "sync/test_processes.py",
    "security/test_slow_callers.py",
    "security/test_fork.py",
    "security/test_bounded_work.py",
    "security/test_handshake_bounds.py",
    "contrib",
    "outbox/test_threads.py",
    "examples/test_custom_storage.py",
    "property",
    "reading/test_spoilt.py",
    "reading/test_feeds.py",
    "security/test_hostile_input.py",
    "test_docs.py",
    "test_types.py",
    "pricing/test_simulation.py",
    "web/test_unicode.py",
    "test_plugin.py",
    "test_readme.py",
    "test_servers.py",
    "test_start.py",
)
#: What works in other processes, or computes for long on lines that others take as well.
UNMEASURED = (
    "benchmarks",
    "browser",
    "e2e",
    "examples",
    "faults",
    "sandbox/test_command.py",
    "sandbox/test_demo.py",
    "web/test_schemathesis.py",
    "conformance/test_parallel_writers.py",
    "conformance/test_round_trip.py",
    "sync/test_changing_lists.py",
    "sync/test_processes.py",
    "property",
    "pricing/test_simulation.py",
    "reading/test_feeds.py",
    "reading/test_spoilt.py",
    "security/test_bounded_work.py",
    "test_types.py",
)
DATABASES = ("sqlite", "postgresql", "routed")
MEASURED_CASES = 2
MEASURED = pytest.StashKey[bool]()
#: The tests of each requirement, or None where this run has not collected all tests.
COVERED = pytest.StashKey[dict[str, list[str]] | None]()
TESTS = Path(__file__).parent

#: By which part of its examples a property is tried.
PARTS = {"thorough": 1, "ci": 3, "dev": 10}

settings.register_profile("thorough", deadline=None, print_blob=True)
# On a machine of CI a change is judged by the same examples as the one before.
settings.register_profile("ci", deadline=None, print_blob=True, max_examples=40, derandomize="CI" in os.environ)
settings.register_profile("dev", deadline=None, max_examples=10)
settings.load_profile("ci")


def examples(count: int) -> int:
    """Return how many examples a property of some cost has: so many in a thorough run, otherwise a part of them."""
    return max(count // PARTS[settings.get_current_profile_name()], min(count, 5))


def add_option(parser: pytest.Parser) -> None:
    parser.addoption("--cases", type=int, help="run the first cases of each parametrised test only, so many")


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark, order and leave out tests."""
    missing = set(TESTS.rglob("test_*.py")) - {item.path for item in items}
    config.stash[COVERED] = None if missing else conformance_table.covered(items)
    for item in items:
        if _slowness(item.path) < len(SLOW):
            item.add_marker(pytest.mark.slow)
        if _uses_database(item):
            item.add_marker(pytest.mark.database)
    items.sort(key=lambda item: _slowness(item.path))
    most = config.getoption("--cases")
    if most:
        items[:], left_out = _first_cases(items, most)
        config.hook.pytest_deselected(items=left_out)
    if config.pluginmanager.hasplugin("_cov"):
        measured, _ = _first_cases((item for item in items if not _is_among(item.path, UNMEASURED)), MEASURED_CASES)
        for item in measured:
            item.stash[MEASURED] = True


@contextmanager
def measuring(item: pytest.Item) -> Iterator[None]:
    """Measure coverage in a test and its fixtures, or in neither: pytest-cov's own mark leaves out the test alone."""
    plugin = item.config.pluginmanager.getplugin("_cov")
    controller = plugin.cov_controller if plugin and not item.stash.get(MEASURED, False) else None
    if controller is None:
        yield
        return
    controller.pause()
    yield
    controller.resume()


@cache
def _slowness(path: Path) -> int:
    """Return the place of a test in SLOW, or its length."""
    return next((place for place, slow in enumerate(SLOW) if _is_among(path, (slow,))), len(SLOW))


@cache
def _is_among(path: Path, names: tuple[str, ...]) -> bool:
    """Tell whether a test is in one of these folders and files."""
    place = path.relative_to(TESTS).as_posix()
    return any(place == name or place.startswith(f"{name}/") for name in names)


def _uses_database(item: pytest.Item) -> bool:
    case = item.name.partition("[")[2]
    return "postgres_server" in getattr(item, "fixturenames", ()) or any(name in case for name in DATABASES)


def _first_cases(items: Iterable[pytest.Item], most: int) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Part the first cases of each test from the others."""
    seen: Counter[str] = Counter()
    first, others = [], []
    for item in items:
        test = item.nodeid.partition("[")[0]
        seen[test] += 1
        (first if seen[test] <= most else others).append(item)
    return first, others
