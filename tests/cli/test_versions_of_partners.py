"""The version in which a partner registers, and what this app is for it there."""

from __future__ import annotations

import json

import pytest

from flask_ocpi.versions.v2_1_1 import VERSION as V2_1_1
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1

ALL = (V2_1_1, V2_2_1)


@pytest.fixture
def both(ocpi_network):
    return ocpi_network.add("both.example", [("NL", "ABC", ["CPO", "EMSP"]), ("NL", "DEF", ["CPO"])], versions=ALL)


@pytest.fixture
def ems(ocpi_network):
    return ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=ALL)


@pytest.fixture
def registered(run, both, ems):
    options = ["--version", "2.1.1", "--as", "CPO", "--as-party", "NL-DEF"]
    token = json.loads(run(both, "invite", "--name", "Ems", *options, "--json").stdout)["token"]
    assert run(ems, "register", both.versions_url, token).exit_code == 0
    return both


def test_partners_show_their_version_and_what_we_are_for_them(run, registered, ems):
    listed = run(registered, "partners").stdout
    shown = run(registered, "partners", "show", "ems").stdout
    there = run(ems, "partners").stdout

    assert "2.1.1, as CPO NL-DEF" in listed
    assert "over OCPI 2.1.1, as CPO NL-DEF, since" in shown
    assert "2.1.1, as EMSP DE-EMS" in there
    for args in (["partners", "--json"], ["partners", "show", "ems", "--json"]):
        found = json.loads(run(registered, *args).stdout)
        found = found[0] if isinstance(found, list) else found
        assert (found["version"], found["own_role"], found["own_party"]) == ("2.1.1", "CPO", "NL-DEF")


def test_register_takes_a_version_and_a_role(run, both, ems):
    token = json.loads(run(ems, "invite", "--name", "Both", "--json").stdout)["token"]

    refused = run(both, "register", ems.versions_url, token, "--version", "2.1.1")
    result = run(both, "register", ems.versions_url, token, "--version", "2.1.1", "--as", "EMSP")

    assert (refused.exit_code, "by --as when inviting it" in refused.stderr) == (1, True)
    assert "over OCPI 2.1.1, as EMSP NL-ABC." in result.stdout


def test_rotate_changes_the_version(run, registered):
    result = run(registered, "rotate", "ems", "--version", "2.2.1", "--yes")
    found = json.loads(run(registered, "partners", "show", "ems", "--json").stdout)

    assert "both sides have new tokens. They speak OCPI 2.2.1 now." in result.stdout
    assert (found["version"], found["own_role"], found["own_party"]) == ("2.2.1", None, None)


def test_rotate_without_a_version_keeps_it(run, registered):
    result = run(registered, "rotate", "ems", "--yes")

    assert "both sides have new tokens.\n" in result.stdout
    assert registered.partners.find("ems").version == "2.1.1"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--version", "2.1.1"], "by --as"),
        (["--version", "2.1.1", "--as", "CPO"], "by --as-party"),
        (["--version", "3.0"], "OCPI 3.0 is not served here; OCPI_VERSIONS has 2.1.1, 2.2.1"),
        (["--as", "HUB"], "it is CPO or EMSP"),
        (["--as-party", "NL-ABC"], "Say also as what NL-ABC deals with the partner"),
        (["--as", "EMSP", "--as-party", "NL-DEF"], "NL-DEF is no own party that is EMSP; there is NL-ABC"),
    ],
    ids=["no role", "no party", "unknown version", "no such role", "party alone", "party of another role"],
)
def test_what_is_missing_or_wrong_is_named(run, both, options, message):
    result = run(both, "invite", "--name", "Ems", *options)

    assert (result.exit_code, message in result.stderr) == (1, True)
    assert both.partners.list() == []


def test_check_finds_the_endpoints_as_they_are(run, registered):
    found = run(registered, "check").stdout

    assert "Offers other endpoints" not in found
    assert "accepts our token" in found
