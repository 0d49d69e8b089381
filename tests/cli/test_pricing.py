"""`flask ocpi price`, `flask ocpi tariffs lint` and `flask ocpi cdrs audit`."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess

import pytest

from flask_ocpi.testing import documents
from flask_ocpi.testing.network import add_partner
from tests.pricing.cdrs import ABSURD
from tests.pricing.cdrs import CPO
from tests.pricing.cdrs import LOCATION
from tests.pricing.cdrs import TARIFF
from tests.pricing.cdrs import cdr
from tests.pricing.cdrs import session
from tests.urls import ocpi_url
from tests.warm import python

BASE = ocpi_url("receiver")


@pytest.fixture
def file(tmp_path):
    """Write a document to a file and return its name."""

    def write(document, name="document.json"):
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return str(path)

    return write


@pytest.fixture
def partner(ocpi_app):
    """A CPO that has sent its tariff, location and session, and a CDR of each kind."""
    partner = add_partner(ocpi_app, [("DE", "CPO", ["CPO"])], name="Cpo")
    partner.put(f"{BASE}/tariffs/DE/CPO/T1", TARIFF)
    partner.put(f"{BASE}/locations/DE/CPO/LOC1", LOCATION)
    partner.put(f"{BASE}/sessions/DE/CPO/SES1", session())
    partner.post(f"{BASE}/cdrs", roaming())
    return partner


def roaming(**changes):
    """Return the CDR for a driver of another eMSP, whose tokens are not here."""
    return cdr(**{"cdr_token": {**cdr()["cdr_token"], "party_id": "XYZ"}, **changes})


def test_price_explains_the_bill(run, ocpi, file):
    result = run(ocpi, "price", file(cdr()))

    assert result.exit_code == 0
    assert "Total cost" in result.stdout
    assert "1.7500" in result.stdout
    assert result.stdout.endswith("The document says the same.\n")


def test_price_tells_the_difference_and_exits_1(run, ocpi, file):
    result = run(ocpi, "price", file(cdr(total_cost={"excl_vat": 325})))

    assert result.exit_code == 1
    assert "The CDR says 325.0000, its tariff makes 1.7500. ($.total_cost.excl_vat)" in result.stdout


def test_price_exits_1_for_a_note_that_weighs(run, ocpi, file):
    document = cdr(total_cost={"excl_vat": 0})
    document["charging_periods"][0]["tariff_id"] = "OTHER"

    result = run(ocpi, "price", file(document))

    assert result.exit_code == 1
    assert "unknown_tariff" in result.stdout


def test_price_as_json(run, ocpi, file):
    result = run(ocpi, "price", "--json", file({"cdrs": [cdr(total_cost={"excl_vat": 2})]}))

    document = json.loads(result.stdout)
    assert document["total_cost"] == {"excl_vat": 1.75, "incl_vat": 2.1175}
    assert [each["id"] for each in document["differences"]] == ["total_cost_differs"]
    assert result.exit_code == 1


def test_price_takes_tariff_and_time_zone(run, ocpi, file):
    night = documents.tariff(**CPO, id="T1")
    night["elements"][0]["restrictions"] = {"start_time": "17:00", "end_time": "18:00"}  # 08:00 UTC in Tokyo

    arguments = ["--tariff", file(night, "tariff.json"), "--time-zone", "Asia/Tokyo"]
    result = run(ocpi, "price", *arguments, file(cdr()))

    assert result.exit_code == 0
    assert "Asia/Tokyo (as it was given)" in result.stdout


def test_price_looks_up_what_the_document_lacks(run, ocpi, partner, file):
    document = cdr()
    del document["tariffs"]

    result = run(ocpi, "price", file(document))

    assert result.exit_code == 0
    assert "Europe/Berlin (of the location)" in result.stdout


def test_price_reads_stdin(run, ocpi):
    assert run(ocpi, "price", "-", input=json.dumps(cdr())).exit_code == 0


def test_files_go_without_an_app(file, tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLASK")}
    for arguments, exit_code in (
        (["price", file(cdr())], 0),
        (["cdrs", "audit", file(cdr(total_energy=7000), "wh.json")], 1),
        (["tariffs", "lint", file(TARIFF, "tariff.json")], 0),
    ):
        command = [python(), "-m", "flask", "ocpi", *arguments]

        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)

        assert done.returncode == exit_code, done.stderr


WRONG_FILES = {
    "no JSON": ("{", "is not valid JSON (line 1, column 2)"),
    "no object": ("[1]", "must hold an object, or a list of them."),
    "nothing": ("[]", "must hold an object, or a list of them."),
    "two": (json.dumps([cdr(), cdr()]), "holds 2 objects. Give one of them."),
    "volume": (json.dumps(cdr(start_date_time="soon")), "has to be a date and time"),
}


@pytest.mark.parametrize(("text", "message"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_wrong_file_is_an_error(run, ocpi, file, text, message):
    result = run(ocpi, "price", file(text))

    assert result.exit_code == 1
    assert message in result.stderr


def test_lint_of_a_file(run, ocpi, file):
    wrong = documents.tariff()
    wrong["elements"][0]["price_components"][0]["vat"] = 0.21

    result = run(ocpi, "tariffs", "lint", file([wrong, TARIFF]))

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "NL-ABC TARIFF1",
        "  error   vat_fraction at $.elements[0].price_components[0].vat: 0.21 is a percentage; 21 % is written as 21.",
        "Looked at 2 tariffs: 1 mistake.",
    ]


def test_lint_of_what_is_stored(run, ocpi, partner):
    result = run(ocpi, "tariffs", "lint")
    document = json.loads(run(ocpi, "tariffs", "lint", "--partner", "cpo", "--json").stdout)

    assert (result.exit_code, result.stdout) == (0, "Looked at 1 tariff: 0 mistakes.\n")
    assert document == [{"platform": "cpo", "country_code": "DE", "party_id": "CPO", "tariff_id": "T1", "findings": []}]


def test_audit_of_a_file_tells_each_reason(run, ocpi, partner, file):
    absurd = [{**document, "cdr_token": roaming()["cdr_token"]} for document, _ in ABSURD.values()]
    run(ocpi, "cdrs", "audit")  # so that the session is known to have a CDR

    result = run(ocpi, "cdrs", "audit", file({"cdrs": absurd}))

    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "Audited 8 CDRs: 0 ok, 0 for review, 8 in dispute."
    for document, reason in ABSURD.values():
        part = result.stdout.split(f"DE-CPO {document['id']}\n")[1].split("dispute")[0]
        assert reason in part


def test_audit_of_what_is_stored(run, ocpi, partner):
    assert run(ocpi, "cdrs", "audit").stdout == "Audited 1 CDR: 1 ok, 0 for review, 0 in dispute.\n"
    partner.post(f"{BASE}/cdrs", roaming(id="=2+3", session_id="NONE"))

    result = run(ocpi, "cdrs", "audit", "--partner", "cpo", "--since", "2026-05-01", "--csv")

    rows = list(csv.reader(io.StringIO(result.stdout)))
    assert result.exit_code == 1
    assert rows[0][:5] == ["platform", "country_code", "party_id", "cdr_id", "verdict"]
    assert rows[1] == ["cpo", "DE", "CPO", "CDR1", "ok", "", "", "", ""]
    assert rows[2][3:7] == ["'=2+3", "dispute", "unknown_session", "dispute"]
    assert ocpi.pricing.result(roaming())["verdict"] == "ok"


def test_audit_as_json(run, ocpi, partner):
    document = json.loads(run(ocpi, "cdrs", "audit", "--json").stdout)
    none = json.loads(run(ocpi, "cdrs", "audit", "--json", "--since", "2026-06-01").stdout)

    assert [(each["cdr_id"], each["verdict"], each["platform"]) for each in document] == [("CDR1", "ok", "cpo")]
    assert none == []


def test_audit_of_a_file_since_a_time(run, ocpi, file):
    result = run(ocpi, "cdrs", "audit", "--since", "2026-06-01", file([cdr()]))

    assert result.stdout == "Audited 0 CDRs: 0 ok, 0 for review, 0 in dispute.\n"


@pytest.mark.parametrize("arguments", [("tariffs", "lint"), ("cdrs", "audit")], ids=["lint", "audit"])
def test_file_and_partner_exclude_each_other(run, ocpi, partner, file, arguments):
    result = run(ocpi, *arguments, "--partner", "cpo", file(TARIFF))

    assert result.exit_code == 2
    assert "Give FILE or --partner, not both." in result.stderr


def test_json_and_csv_exclude_each_other(run, ocpi):
    assert run(ocpi, "cdrs", "audit", "--json", "--csv").exit_code == 2


def test_unknown_partner_is_an_error(run, ocpi):
    assert run(ocpi, "cdrs", "audit", "--partner", "nobody").exit_code == 1


def test_an_audit_is_settled_by_command_and_noted(run, ocpi, partner):
    partner.post(f"{BASE}/cdrs", roaming(id="BAD", session_id="NONE"))
    run(ocpi, "cdrs", "audit")
    assert "BAD" in run(ocpi, "cdrs", "unsettled").stdout

    settled = run(ocpi, "cdrs", "settle", "BAD", "--partner", "cpo")

    assert settled.stdout == "The audit of CDR BAD is dealt with.\n"
    assert run(ocpi, "cdrs", "unsettled").stdout == "0 CDRs not settled.\n"
    (action,) = ocpi.actions.list()
    assert (action.what.split()[-2:], action.object, action.outcome) == (["cdrs", "settle"], "cdrs DE-CPO BAD", "done")


def test_a_cdr_that_is_unknown_or_not_audited_cannot_be_settled(run, ocpi, partner):
    unknown, unaudited = run(ocpi, "cdrs", "settle", "NONE"), run(ocpi, "cdrs", "settle", "CDR1")

    assert unknown.stderr == "Error: There is no cdr NONE here.\n"
    assert "was not audited" in unaudited.stderr
