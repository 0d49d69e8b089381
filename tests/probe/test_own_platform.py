"""Our own platform has no flaws for the probe."""

from __future__ import annotations

import pytest

from flask_ocpi.client.probe.checks import Outcome
from flask_ocpi.client.probe.report import CHECKS
from tests.conftest import EVERY_STORAGE
from tests.probe.conftest import OURS
from tests.probe.conftest import THEIRS
from tests.probe.conftest import VERSIONS
from tests.probe.conftest import fill
from tests.probe.conftest import register
from tests.probe.conftest import told


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
def test_own_platform_has_no_flaw(pair, version):
    report = pair.probe()

    assert told(report, Outcome.FAIL, Outcome.WARN) == []
    assert report.version == version
    assert report.ok


@pytest.mark.parametrize("own_role", ["CPO", "EMSP"])
def test_own_platform_has_no_flaw_in_2_1_1_in_either_role(ocpi_network, own_role):
    ocpi_network.config["OCPI_VERSIONS"] = VERSIONS
    ours = ocpi_network.add("ours.example", [(*OURS, ["CPO", "EMSP"])])
    theirs = ocpi_network.add("theirs.example", [(*THEIRS, ["CPO", "EMSP"])])
    register(ours, theirs, version="2.1.1", own_role=own_role)
    fill(ocpi_network, "theirs.example", THEIRS, audience=OURS)

    with ocpi_network.apps["ours.example"].app_context():
        report = ours.partners.probe("theirs-example")

    assert [line.partition(" ")[0] for line in told(report, Outcome.FAIL, Outcome.WARN)] == ["versions.newest"]
    assert report.version == "2.1.1"


def test_own_platform_has_no_flaw_if_its_lists_leave_out_objects(ocpi_network):
    ocpi_network.config["OCPI_VERSIONS"] = VERSIONS
    ours, theirs = (
        ocpi_network.add("ours.example", [(*OURS, ["EMSP"])]),
        ocpi_network.add("theirs.example", [(*THEIRS, ["CPO"])]),
    )
    register(ours, theirs, version="2.1.1", own_role="EMSP")
    fill(ocpi_network, "theirs.example", THEIRS, audience=OURS)
    with ocpi_network.apps["theirs.example"].app_context():
        for number in (1, 2, 7, 12):
            theirs.patch("locations", f"LOC{number}", changes={"publish": False})

    with ocpi_network.apps["ours.example"].app_context():
        report = ours.partners.probe("theirs-example")

    assert [line.partition(" ")[0] for line in told(report, Outcome.FAIL, Outcome.WARN)] == ["versions.newest"]


@EVERY_STORAGE
def test_own_platform_has_no_flaw_on_any_storage(ocpi_network, ocpi, ocpi_client, ocpi_other):
    ocpi_network.connect(ocpi_other, ocpi)
    fill(ocpi_network, "platform.example", ("NL", "ABC"), audience=("FR", "OTH"))

    with ocpi_network.apps["other.example"].app_context():
        report = ocpi_other.partners.probe("NL-ABC")

    assert told(report, Outcome.FAIL, Outcome.WARN) == []


def test_each_check_is_made_once_for_each_subject(pair):
    report = pair.probe(write=True)

    made = [(result.check.id, result.subject) for result in report.results]
    assert len(made) == len(set(made))
    assert {id for id, _ in made} == {check.id for check in CHECKS}
    assert len({check.id for check in CHECKS if not check.writes}) == len([c for c in CHECKS if not c.writes]) >= 45


def test_checks_of_a_full_platform_all_find_something_to_look_at(pair):
    report = pair.probe()

    looked_at = {result.check.id for result in report.results if result.outcome is not Outcome.SKIP}
    assert {check.id for check in CHECKS if not check.writes} == looked_at
