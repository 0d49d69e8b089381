"""flask ocpi partners set and quirks: what is done differently for a partner."""

from __future__ import annotations

import json

import pytest

from flask_ocpi.core.quirks import PRESETS
from flask_ocpi.core.quirks import TABLE


def test_quirks_are_set_listed_and_taken_back(run, ocpi):
    platform, _ = ocpi.partners.invite(name="Peer")
    assert run(ocpi, "partners", "quirks", "peer").stdout == "Nothing is done differently for peer.\n"

    said = run(ocpi, "partners", "set", "peer", "--preset", "gireve", "--quirk", "no-patch", "--quirk", "page-limit=5")

    assert "no-patch    on" in said.stdout
    assert run(ocpi, "partners", "quirks", "peer").stdout == said.stdout
    assert ocpi.partners.get(platform.id).quirks == {"no-patch": True, "page-limit": {"*": 5}}
    left = run(ocpi, "partners", "set", "peer", "--unset", "page-limit", "--json")
    assert json.loads(left.stdout) == {"platform": "peer", "quirks": {"no-patch": True}}


def test_a_quirk_that_is_turned_off_is_not_listed(run, ocpi):
    ocpi.partners.invite(name="Peer")

    said = run(ocpi, "partners", "set", "peer", "--quirk", "no-patch=off")

    assert "Nothing is done differently" in said.stdout
    assert ocpi.partners.get("peer").quirks == {"no-patch": False}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "Give --quirk, --preset or --unset"),
        (["--quirk", "no-pach"], "There is no quirk 'no-pach'; there are send-nulls"),
        (["--quirk", "no-patch=maybe"], "no-patch is on or off, not 'maybe'"),
        (["--preset", "nobody"], "There is no preset 'nobody'; there are py-ocpi"),
        (["--unset", "no-pach"], "There is no quirk 'no-pach'"),
        (["--quirk", "page-limit"], "page-limit is a number above 0"),
    ],
)
def test_what_cannot_be_set_is_refused_and_changes_nothing(run, ocpi, arguments, named):
    ocpi.partners.invite(name="Peer")

    result = run(ocpi, "partners", "set", "peer", *arguments)

    assert result.exit_code != 0
    assert named in result.stderr
    assert ocpi.partners.get("peer").quirks == {}


def test_everything_that_can_be_set_is_listed(run, ocpi):
    said = run(ocpi, "partners", "quirks").stdout
    data = json.loads(run(ocpi, "partners", "quirks", "--json").stdout)

    assert all(name in said for name in (*TABLE, *PRESETS))
    assert (list(data["quirks"]), list(data["presets"])) == (list(TABLE), list(PRESETS))


def test_a_platform_shows_its_quirks(run, ocpi):
    ocpi.partners.invite(name="Peer")
    run(ocpi, "partners", "set", "peer", "--quirk", "no-patch")

    assert json.loads(run(ocpi, "partners", "show", "peer", "--json").stdout)["quirks"] == {"no-patch": True}
