"""The console with partners of several versions, and with objects of modules that only some versions have."""

from __future__ import annotations

import re

import pytest

from flask_ocpi import Party
from flask_ocpi.contrib.console import Console
from flask_ocpi.testing import documents
from flask_ocpi.testing import documents_of
from flask_ocpi.testing.network import Network
from tests.console.pages import Visitor
from tests.console.platform import visitor_of


@pytest.fixture(params=["2.1.1", "2.3.0"])
def visited(request):
    """A visitor of a platform with a partner of one version, and an object of each of its modules."""
    network = Network(config={"OCPI_JOURNAL": "all", "OCPI_VERSIONS": [request.param, "2.2.1"]})
    own = network.add("own.example", [("NL", "ABC", ["CPO"])])
    Console(own.app, authorize=visitor_of)
    partner = network.add("partner.example", [("DE", "EMS", ["EMSP"])], config={"OCPI_VERSIONS": [request.param]})
    _, token = own.partners.invite(name="Partner", version=request.param, own_role="CPO")
    partner.partners.register(own.versions_url, token)
    own.save("locations", documents.full_location())
    own.save("tariffs", documents.full_tariff())
    if request.param == "2.3.0":
        own.save("terminals", documents_of("2.3.0").terminal(), audience=[Party.of("DE", "EMS")])
    own.outbox.flush()
    visitor = Visitor(own.app.test_client(), "admin")
    visitor.own = own
    return visitor


def test_every_page_is_shown(visited):
    own = visited.own
    partner = own.partners.list()[0].id
    lists = [f"/objects?module={module}&partner={of}" for module in own.objects.modules() for of in ("", partner)]

    pages = visited.pages(*lists)

    assert any("/object?" in path for path in pages)
    assert any("/message?" in path for path in pages)
    assert any("/finding?" in path for path in pages) is bool(own.findings.list())
    has_terminals = "terminals" in own.objects.modules()
    assert any("module=terminals&amp;owner" in page for page in pages.values()) is has_terminals


def test_what_a_version_cannot_say_leads_to_our_own_object(visited):
    for entry in visited.own.findings.list():
        page = visited.text(f"/finding?number={entry.number}")

        [link] = re.findall(r'"/ocpi/console(/object\?[^"]+)"', page)
        assert f"module={entry.finding.module}&amp;owner=NL-ABC&amp;id=" in link
        assert "partner=" not in link
