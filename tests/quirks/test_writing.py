"""How quirks are written, and the presets of known software."""

from __future__ import annotations

import pytest

from flask_ocpi.core.config import Settings
from flask_ocpi.core.quirks import PRESETS
from flask_ocpi.core.quirks import TABLE
from flask_ocpi.core.quirks import Quirks
from flask_ocpi.core.quirks import as_text
from flask_ocpi.core.quirks import checked
from flask_ocpi.core.quirks import preset
from flask_ocpi.core.quirks import written
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import InvalidParametersError

PARTIES = [{"country_code": "NL", "party_id": "ABC", "roles": ["CPO"], "business_details": {"name": "Abc"}}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no-patch", True),
        ("no-patch=on", True),
        ("no-patch= Off ", False),
        ("no-patch=0", False),
        ("page-limit=50", {"*": 50}),
        ("page-limit=tokens:1000,cdrs:20", {"tokens": 1000, "cdrs": 20}),
        ("page-limit=tokens:1000, 20", {"tokens": 1000, "*": 20}),
        ("receive=strict", "strict"),
    ],
)
def test_quirks_as_people_write_them(text, value):
    name = text.partition("=")[0]

    assert written([text]) == {name: value}
    assert written([f"{name}={as_text(value)}"]) == {name: value}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "patch",
        "no-patch=",
        "no-patch=maybe",
        "page-limit",
        "page-limit=",
        "page-limit=0",
        "page-limit=-5",
        "page-limit=many",
        "page-limit=tokens:",
        "page-limit=9999999999",
        "receive",
        "receive=lax",
        "preset=",
        "preset=nobody",
        "preset",
    ],
)
def test_what_is_no_quirk_is_refused(text):
    with pytest.raises(InvalidParametersError, match=r"quirk|preset"):
        written([text])


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("value", [None, 1.5, ["on"], {"cdrs": True}, {"cdrs": None}, 5.0, b"on"], ids=str)
def test_values_of_the_wrong_type_are_refused(name, value):
    with pytest.raises(InvalidParametersError, match=f"The quirk {name} is"):
        checked({name: value})


def test_later_ones_win_over_a_preset():
    assert written(["preset=gireve", "page-limit=5"]) == {"page-limit": {"*": 5}}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_name_quirks_and_say_why(name):
    quirks = preset(name)

    assert quirks
    assert set(quirks) <= set(TABLE)
    assert PRESETS[name].reason.endswith(".")


def test_each_quirk_has_a_default_that_does_nothing_and_a_sentence():
    for item in TABLE.values():
        assert item.default in (False, None)
        assert item.metadata["doc"].endswith(".")
    assert not Quirks().shape


@pytest.mark.parametrize(
    ("value", "quirks"),
    [
        ({"Peer.Example": "no-patch, page-limit=10"}, {"peer.example": {"no-patch": True, "page-limit": {"*": 10}}}),
        ({"peer": ["preset=ocpi-client"]}, {"peer": {"credentials-both-roles": True}}),
        ({"peer": {"page-limit": {"cdrs": 20}}}, {"peer": {"page-limit": {"cdrs": 20}}}),
        ({"peer": {"page-limit": 20}}, {"peer": {"page-limit": {"*": 20}}}),
        ({}, {}),
    ],
)
def test_quirks_in_the_configuration(value, quirks):
    assert Settings.from_mapping({"OCPI_PARTIES": PARTIES, "OCPI_QUIRKS": value}).quirks == quirks


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (["no-patch"], "must map platforms to quirks"),
        ({"peer": 5}, r"OCPI_QUIRKS\['peer'\] must be a list"),
        ({"peer": ["no-pach"]}, r"OCPI_QUIRKS\['peer'\]: There is no quirk 'no-pach'"),
        ({"peer": {"no-patch": 5}}, "no-patch is on or off"),
        ({"peer": ["preset=x"]}, "There is no preset 'x'; there are py-ocpi"),
    ],
)
def test_flawed_configuration_is_refused_at_the_start(value, named):
    with pytest.raises(ConfigurationError, match=named):
        Settings.from_mapping({"OCPI_PARTIES": PARTIES, "OCPI_QUIRKS": value})
