"""Tests of the classes of the versions module."""

from __future__ import annotations

import pytest

from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.versions import Endpoint
from flask_ocpi.modules.versions import Version
from flask_ocpi.modules.versions import VersionDetails

ENDPOINT = {"identifier": "locations", "role": "SENDER", "url": "https://e.com/ocpi/2.2.1/sender/locations"}


@pytest.mark.conformance("VER-07")
@pytest.mark.parametrize("number", ["2.0", "2.1", "2.1.1", "2.2", "2.2.1", "2.3.0", "3.0-draft"])
def test_versions_that_nobody_knows_can_be_read(number):
    document = {"version": number, "url": "https://e.com/ocpi"}

    assert load(Version(), document) == document


@pytest.mark.conformance("VER-09")
@pytest.mark.parametrize("identifier", ["locations", "credentials", "nltnm-tokens", "Payments"])
def test_modules_that_nobody_knows_can_be_read(identifier):
    document = {**ENDPOINT, "identifier": identifier}

    assert load(Endpoint(), document) == document


@pytest.mark.conformance("VER-02", "VER-04")
def test_details_list_both_sides_of_a_module():
    details = {"version": "2.2.1", "endpoints": [ENDPOINT, {**ENDPOINT, "role": "RECEIVER"}]}

    assert load(VersionDetails(), details) == details


@pytest.mark.conformance("VER-02", "VER-03")
@pytest.mark.parametrize(
    ("details", "message"),
    [
        ({"version": "2.2.1"}, "endpoints is required"),
        ({"version": "2.2.1", "endpoints": []}, "endpoints must have at least one element"),
        ({"endpoints": [ENDPOINT]}, "version is required"),
        ({"version": "", "endpoints": [ENDPOINT]}, "version must not be empty"),
        ({"version": 2.2, "endpoints": [ENDPOINT]}, "version must be a string, not a number"),
        (
            {"version": "2.2.1", "endpoints": [{**ENDPOINT, "role": "CPO"}]},
            "endpoints[0].role 'CPO' is not an InterfaceRole: use SENDER, RECEIVER",
        ),
        (
            {"version": "2.2.1", "endpoints": [{**ENDPOINT, "url": "/locations"}]},
            "endpoints[0].url must be an absolute http or https URL",
        ),
        (
            {"version": "2.2.1", "endpoints": [{**ENDPOINT, "url": "https://e.com/" + "x" * 242}]},
            "endpoints[0].url is longer than 255 characters (it has 256)",
        ),
        (
            {"version": "2.2.1", "endpoints": [{**ENDPOINT, "identifier": ""}]},
            "endpoints[0].identifier must not be empty",
        ),
    ],
    ids=[
        "absent",
        "empty",
        "no-version",
        "empty-version",
        "number",
        "role",
        "relative",
        "long",
        "identifier",
    ],
)
def test_details_that_cannot_be_used_are_refused(details, message):
    with pytest.raises(InvalidParametersError) as caught:
        load(VersionDetails(), details)

    assert caught.value.message == f"Invalid body: {message}."
