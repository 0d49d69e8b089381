"""What the page on findings shows runs as it is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from flask_ocpi.cli.looking import findings as command
from flask_ocpi.client.paging import OUTCOMES
from flask_ocpi.exchange.findings import REFUSED
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


def test_page_names_every_kind_that_the_code_has():
    page = (ROOT / Path(PAGE)).read_text()
    first = [row.split("|")[1] for row in page.split("## Kinds")[1].splitlines() if row.startswith("| `")]

    assert {kind for cell in first for kind in re.findall(r"`(\w+)`", cell)} == {*OUTCOMES, REFUSED, *kinds_in_code()}


def kinds_in_code() -> set[str]:
    """Return the kinds that are written in the package: of Finding(...), and of the calls that note a flaw."""
    found: set[str] = set()
    for path in (ROOT / "flask_ocpi").rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            called = getattr(call.func, "id", getattr(call.func, "attr", ""))
            named = [option.value for option in call.keywords if option.arg == "kind"]
            if called == "Finding":
                found |= texts([*call.args[1:2], *named])
            elif called in ("note", "found") and path.name in ("wire.py", "incoming.py", "reader.py"):
                found |= texts(call.args[:1])
    return {kind.replace(" ", "_") for kind in found}


def texts(nodes: list[ast.expr]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


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
