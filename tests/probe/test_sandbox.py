"""The probe of a sandbox: no flaw without faults, and with each fault the checks that docs/probe.md names."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from flask_ocpi.client.probe import commanding
from flask_ocpi.client.probe.checks import Outcome
from flask_ocpi.client.probe.report import Report
from flask_ocpi.client.probe.session import Session
from flask_ocpi.errors import RemoteError
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.sandbox.faults import FAULTS
from flask_ocpi.testing.sandbox.faults import Faulty
from flask_ocpi.testing.sandbox.faults import FaultyTransport
from flask_ocpi.testing.sandbox.faults import ahead_of
from flask_ocpi.testing.sandbox.faults import answers
from flask_ocpi.testing.sandbox.faults import chosen
from tests.probe.conftest import fill
from tests.probe.conftest import told
from tests.sandbox.partners import add_sandbox
from tests.sandbox.partners import ocpi_of
from tests.sandbox.trials import Line

PAGE = (Path(__file__).parents[2] / "docs" / "probe.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(?P<fault>[a-z-]+)` \| (?P<checks>[^|]*) \| (?P<why>[^|]*) \|$", re.MULTILINE)
ROWS = {match["fault"]: match for match in ROW.finditer(PAGE.partition("\n## Faults of the sandbox\n")[2])}
SECONDS = 5
OWNERS = {"cpo": ("NL", "SBX"), "emsp": ("DE", "SBX"), "hub": ("BE", "SBX")}
MODULES = {"cpo": ("locations", "tariffs", "sessions", "cdrs"), "emsp": ("tokens",)}
OURS = {"cpo": ("DE", "EMS", ["EMSP"]), "emsp": ("NL", "ABC", ["CPO"]), "hub": ("DE", "EMS", ["EMSP"])}


@pytest.fixture(autouse=True)
def passing(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time of an answer is what a fault sleeps; while the probe waits for a result, the sandbox goes on."""
    time = SimpleNamespace(now=0.0, go_on=lambda: None)
    monkeypatch.setattr(answers, "sleep", lambda seconds: setattr(time, "now", time.now + 2 * seconds))
    monkeypatch.setattr(Session, "timer", lambda self: time.now)
    monkeypatch.setattr(Session, "pause", lambda self, seconds: None)
    monkeypatch.setattr(commanding, "_WAITING", 2)
    monkeypatch.setattr(commanding, "time", SimpleNamespace(sleep=lambda seconds: time.go_on()))
    return time


def probed(
    folder: Path, role: str, *faults: str, passing: SimpleNamespace, write: bool = True, version: str = "2.2.1"
) -> Report:
    """Probe a sandbox with faults, from the platform on the other side."""
    clock, named = Clock(datetime.now(UTC).replace(microsecond=0)), chosen(faults)
    network = Line(clock=clock)
    transport = FaultyTransport(network, named)
    app = add_sandbox(network, role, folder, transport=transport, clock=ahead_of(clock, named), versions=[version])
    app.wsgi_app = Faulty(app.wsgi_app, named)  # type: ignore[method-assign]
    quirks = {f"sandbox-{role}.example": {"credentials-both-roles": "credentials-by-role" in faults}}
    ours = network.add("ours.example", [OURS[role]], config={"OCPI_VERSIONS": [version], "OCPI_QUIRKS": quirks})
    network.connect(ours, ocpi_of(app))
    if role in MODULES:
        host, audience = f"sandbox-{role}.example", OURS[role][:2]
        fill(network, host, OWNERS[role], audience=audience, modules=MODULES[role])

    def go_on() -> None:
        clock.advance(SECONDS)
        with app.app_context(), suppress(RemoteError):
            app.extensions["charge_points"].tick()
            ocpi_of(app).outbox.flush()

    if role == "cpo":
        passing.go_on = go_on
    (partner,) = ours.partners.list()
    with network.apps["ours.example"].app_context():
        return ours.partners.probe(partner, write=write)


def found(report: Report) -> set[str]:
    return {result.check.id for result in report.results if result.outcome in (Outcome.FAIL, Outcome.WARN)}


@pytest.mark.parametrize(
    ("role", "version"),
    [
        *((role, version) for role in ("cpo", "emsp") for version in ("2.1.1", "2.2.1", "2.3.0")),
        ("hub", "2.2.1"),
        ("hub", "2.3.0"),
    ],
)
def test_a_sandbox_without_faults_has_no_flaw(tmp_path, passing, role, version):
    report = probed(tmp_path, role, passing=passing, version=version)

    assert told(report, Outcome.FAIL, Outcome.WARN) == []
    assert report.version == version


@pytest.mark.parametrize("fault", FAULTS)
def test_the_checks_of_the_page_find_a_fault(tmp_path, passing, fault):
    wanted = set(re.findall(r"`([^`]+)`", ROWS[fault]["checks"]))

    role = "emsp" if "authorize.unknown" in wanted else "cpo"

    seen = found(probed(tmp_path, role, fault, passing=passing, write="--write" in ROWS[fault]["why"]))

    assert wanted <= seen
    assert wanted or not seen
    assert wanted or ROWS[fault]["why"]


def test_the_page_lists_all_faults_of_the_sandbox():
    assert list(ROWS) == list(FAULTS)
