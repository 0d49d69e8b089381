"""`flask ocpi quote`: what a charge would cost, by a file, a stored tariff, or at a connector."""

from __future__ import annotations

import json

import pytest

from flask_ocpi.testing import documents
from flask_ocpi.testing.network import add_partner
from tests.pricing.cdrs import LOCATION
from tests.pricing.cdrs import TARIFF
from tests.urls import ocpi_url

BASE = ocpi_url("receiver")
CHARGE = ("--start", "2026-05-04T12:00:00Z", "--kwh", "20", "--minutes", "60")


@pytest.fixture
def partner(ocpi_app):
    """A CPO that has sent its tariff and location."""
    partner = add_partner(ocpi_app, [("DE", "CPO", ["CPO"])], name="Cpo")
    assert partner.put(f"{BASE}/tariffs/DE/CPO/T1", TARIFF).http_status == 201
    evse = documents.evse(connectors=[documents.connector(tariff_ids=["T1"])])
    assert partner.put(f"{BASE}/locations/DE/CPO/LOC1", {**LOCATION, "evses": [evse]}).http_status == 201
    return partner


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tariff.json"
    path.write_text(json.dumps(TARIFF))
    return str(path)


def total(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["total_cost"]


def test_a_file_a_stored_tariff_and_a_connector_have_the_same_price(run, ocpi, partner, file):
    of_file = total(run(ocpi, "quote", file, *CHARGE, "--json"))
    of_tariff = total(run(ocpi, "quote", "--tariff", "T1", *CHARGE, "--json"))
    of_connector = total(run(ocpi, "quote", "--connector", "LOC1", "EVSE1", "1", *CHARGE, "--json"))

    assert of_file == of_tariff == of_connector
    assert of_file["excl_vat"] > 0


def test_the_bill_has_its_reasons(run, ocpi, file):
    result = run(ocpi, "quote", file, *CHARGE, "--parking", "30")

    assert result.exit_code == 0
    assert "Total cost" in result.stdout


def test_a_file_needs_no_app(file):
    from click.testing import CliRunner

    from flask_ocpi.cli.pricing import quote_charge

    result = CliRunner().invoke(quote_charge, [file, *CHARGE])

    assert result.exit_code == 0, result.output
    assert "Total cost" in result.stdout


@pytest.mark.parametrize("arguments", [[], ["--tariff", "T1", "--connector", "L", "E", "C"]], ids=["none", "two"])
def test_one_of_the_ways_to_name_a_tariff_is_needed(run, ocpi, arguments):
    result = run(ocpi, "quote", *arguments)

    assert result.exit_code == 2
    assert "Give one of FILE, --tariff and --connector." in result.stderr


def test_an_unknown_tariff_and_one_that_several_have_are_refused(run, ocpi, ocpi_app, partner):
    other = add_partner(ocpi_app, [("FR", "TWO", ["CPO"])], name="Two")
    other.put(f"{BASE}/tariffs/FR/TWO/T1", {**TARIFF, "country_code": "FR", "party_id": "TWO"})

    unknown = run(ocpi, "quote", "--tariff", "NONE", *CHARGE)
    several = run(ocpi, "quote", "--tariff", "T1", *CHARGE)

    assert (unknown.exit_code, several.exit_code) == (1, 1)
    assert unknown.stderr == "Error: There is no tariff NONE here.\n"
    assert "cpo (DE-CPO), two (FR-TWO). Name one with --partner." in several.stderr
    assert run(ocpi, "quote", "--tariff", "T1", "--partner", "FR-TWO", *CHARGE).exit_code == 0


def test_numbers_that_are_none_are_named(run, ocpi, file):
    result = run(ocpi, "quote", file, "--kwh", "many")

    assert result.exit_code == 1
    assert "many" in result.stderr
