"""What the page on findings shows runs as it is."""

from __future__ import annotations

import re
from pathlib import Path

from flask_ocpi.cli.findings import findings as command
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from tests.snippets import ROOT
from tests.snippets import Page
from tests.urls import ocpi_url

PAGE = "docs/findings.md"


def test_page_runs(ocpi, ocpi_app, capsys, caplog):
    page = Page(PAGE, app=ocpi_app, ocpi=ocpi)
    ocpi.findings.add(Finding("abc-charging", "refused", object="NL ABC 1", outcome="Invalid.", refused=True))
    ocpi.findings.add(Finding("abc-charging", "mended", object="NL ABC 2"))

    page.run(count=len(page.rest))
    partner = add_partner(ocpi_app, [("DE", "CPO", ["CPO"])])
    partner.put(ocpi_url("receiver/locations/DE/CPO/LOC1"), {"id": "LOC1"})

    assert capsys.readouterr().out.startswith("NL ABC 1 Invalid. 1 ")
    assert [entry.finding.object for entry in ocpi.findings.list(platform="abc-charging")] == ["NL ABC 1"]
    assert "partner: Invalid body" in caplog.text


def test_page_names_the_options_that_there_are():
    page = (ROOT / Path(PAGE)).read_text()
    named = set(re.findall(r"^\| `(--[a-z]+)", page, re.MULTILINE))

    assert named == {param.opts[0] for param in command.params if param.opts[0].startswith("--")}


def test_page_names_the_kinds_of_flaws(ocpi, ocpi_app):
    partner = add_partner(ocpi_app, [("DE", "CPO", ["CPO"])])
    document = location(country_code="DE", party_id="CPO", id="LOC1", publish="true", name=5, city=None)
    del document["time_zone"]
    document["images"] = [7]
    partner.put(ocpi_url("receiver/locations/DE/CPO/LOC1"), document)
    partner.put(ocpi_url("receiver/locations/DE/CPO/LOC1"), {})

    kinds = {entry.finding.kind for entry in ocpi.findings.list()}

    page = (ROOT / Path(PAGE)).read_text()
    assert len(kinds) >= 3
    assert all(f"`{kind}`" in page for kind in kinds)
