"""docs/versions.md: its version and its module are used as it says."""

from __future__ import annotations

import pytest

from flask_ocpi import versions
from flask_ocpi.testing import documents
from flask_ocpi.versions import v2_2_1
from tests.snippets import Page

PERMISSIONS = {"CPO": {"nltnm-depots": ["SENDER"]}, "EMSP": {"nltnm-depots": ["RECEIVER"]}}
DEPOT = {"country_code": "NL", "party_id": "ABC", "id": "D1", "last_updated": "2026-01-01T00:00:00Z"}


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def page(ocpi_network):
    config = {"OCPI_ROLE_PERMISSIONS": PERMISSIONS}

    def make(app, versions):
        ocpi_network.add(app.replace("cpo", "ems"), [("DE", "EMS", ["EMSP"])], versions=versions, config=config)
        return ocpi_network.add(app, [("NL", "ABC", ["CPO"])], versions=versions, config=config)

    page = Page("docs/versions.md", OCPI=make, app="cpo.example")
    page.run(count=len(page.rest))
    return page.names


def partner_of(ocpi_network, ocpi):
    ems = ocpi_network.apps["ems.example"].extensions["ocpi"]
    ocpi_network.connect(ocpi, ems)
    ocpi_network.requests.clear()
    return ems


def test_version_of_the_page_is_spoken(ocpi_network, page):
    ems = partner_of(ocpi_network, page["ocpi"])

    page["ocpi"].save("locations", documents.location(name="Central Station"))

    (put,) = ocpi_network.requests
    assert put.url.startswith("https://ems.example/ocpi/9.10/receiver/locations/")
    assert b'"title":"Central Station"' in (put.body or b"")
    assert list(ems.objects.documents("locations", copies=True)) == [documents.location(name="Central Station")]


def test_module_of_the_page_is_served_documented_and_pushed(ocpi_network, page):
    newest = page["NETWORK"].with_module(page["DEPOTS"])
    ocpi = page["OCPI"]("cpo.example", versions=(newest,))
    ems = partner_of(ocpi_network, ocpi)

    ocpi.save("nltnm-depots", DEPOT)

    assert list(ems.objects.documents("nltnm-depots", copies=True)) == [DEPOT]
    assert "/ocpi/9.10/sender/nltnm-depots" in ocpi.specs["9.10"]["paths"]
    with ems.client("NL-ABC") as client:
        assert list(client.module("nltnm-depots").list()) == [DEPOT]


@pytest.mark.parametrize("module", [versions, v2_2_1], ids=["versions", "2.2.1"])
def test_what_is_exported_is_there(module):
    assert len(set(module.__all__)) == len(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
