"""Commands about the platform itself."""

from __future__ import annotations

import json
import linecache
from pathlib import Path

import pytest
from openapi_spec_validator import validate
from sqlalchemy import MetaData
from sqlalchemy import create_engine

import flask_ocpi
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import define_tables
from tests.urls import ocpi_url

SOURCES = Path(flask_ocpi.__file__).parent.parent


def test_commands_stand_in_the_order_of_their_use(run, ocpi):
    listing = run(ocpi, "--help").stdout.split("Commands:")[1]

    names = [line.split()[0] for line in listing.strip().splitlines()]
    assert names[:4] == ["init-db", "invite", "register", "rotate"]
    charging = names.index("authorize")
    assert names[charging : charging + 5] == ["authorize", "command", "profile", "result", "story"]
    assert names[charging + 5 : charging + 7] == ["journal", "replay"]
    assert names.index("findings") < names.index("check")
    assert "..." not in listing


def test_init_db_creates_the_tables(run, without_tables, tmp_path):
    before = run(without_tables, "partners")

    result = run(without_tables, "init-db")

    assert before.exit_code == 1
    assert before.stderr.startswith(
        "Error: A table is missing (no such table: ocpi_platforms): run `flask ocpi init-db`"
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(
        f"SQLAlchemyStorage at sqlite:///{tmp_path}/empty.sqlite3 is ready.\nIt keeps platforms"
    )
    assert run(without_tables, "partners").exit_code == 0


def test_init_db_answers_json_and_may_be_repeated(run, ocpi):
    run(ocpi, "init-db")

    result = run(ocpi, "init-db", "--json")

    found = json.loads(result.stdout)
    assert found["storage"] == "MemoryStorage"
    assert {"platforms", "locations", "sessions", "cdrs", "tariffs", "tokens", "client_infos"} <= set(found["kinds"])
    assert len(set(found["kinds"])) == len(found["kinds"])


def test_storage_is_named_without_secrets():
    engine = create_engine("postgresql+psycopg://ocpi:hidden@db.example/ocpi?sslpassword=hidden")

    name = str(SQLAlchemyStorage(engine, define_tables(MetaData(), ["locations"])))

    assert name == "SQLAlchemyStorage at postgresql+psycopg://ocpi:***@db.example/ocpi"


@pytest.fixture
def operator(ocpi_network):
    return ocpi_network.add("cpo.example", [("NL", "CPO", ["CPO"])])


def test_modules_lists_the_interfaces_that_are_served(run, ocpi, operator):
    both, one = run(ocpi, "modules").stdout, run(operator, "modules").stdout

    served = {tuple(line.split()[:2]) for line in one.splitlines() if line.startswith("  ")}
    assert "  locations         SENDER, RECEIVER  Where one can charge" in both
    assert "  locations         SENDER      Where one can charge" in one
    assert {("cdrs", "SENDER"), ("tokens", "RECEIVER"), ("commands", "RECEIVER"), ("credentials", "both")} <= served


@pytest.mark.conformance("VER-16")
def test_modules_names_what_a_module_goes_with(run, ocpi):
    text, found = run(ocpi, "modules").stdout, json.loads(run(ocpi, "modules", "--json").stdout)

    assert "EVSEs and Connectors. Goes with tariffs." in text
    requires = {module["id"]: module["requires"] for module in found["2.2.1"]}
    assert (requires["versions"], requires["locations"]) == ([], ["tariffs"])


def test_modules_answers_json(run, operator):
    found = json.loads(run(operator, "modules", "--json").stdout)

    assert {module["id"]: module["interfaces"] for module in found["2.2.1"]} == {
        "versions": ["SENDER", "RECEIVER"],
        "credentials": ["SENDER", "RECEIVER"],
        "locations": ["SENDER"],
        "sessions": ["SENDER"],
        "cdrs": ["SENDER"],
        "tariffs": ["SENDER"],
        "tokens": ["RECEIVER"],
        "commands": ["RECEIVER"],
        "chargingprofiles": ["RECEIVER"],
        "hubclientinfo": ["RECEIVER"],
    }
    assert "operations" not in found["2.2.1"][0]


def test_modules_verbose_shows_an_operation_in_three_lines(run, ocpi):
    lines = run(ocpi, "modules", "-v").stdout.splitlines()

    start = lines.index("  PUT    /ocpi/2.2.1/receiver/locations/{country_code}/{party_id}/{location_id}/{evse_uid}")
    assert lines[start + 1].strip() == "put_evse: takes EVSE"
    assert lines[start + 2].split()[0].startswith("flask_ocpi/exchange/handlers.py:")
    assert lines[start + 2].split()[1] == "ocpi_2_2_1_locations.receiver_put_evse"


def test_modules_verbose_shows_what_is_sent_later(run, ocpi):
    lines = run(ocpi, "modules", "-v").stdout.splitlines()

    start = lines.index("  POST   /ocpi/2.2.1/receiver/commands/START_SESSION")
    assert (
        lines[start + 1].strip()
        == "start_session: takes StartSession, returns CommandResponse, later sends CommandResult"
    )


def test_modules_names_handlers_urls_and_views_that_exist(run, ocpi, ocpi_app):
    found = json.loads(run(ocpi, "modules", "-v", "--json").stdout)

    operations = [operation for module in found["2.2.1"] for operation in module["operations"]]
    rules = {(rule.endpoint, method) for rule in ocpi_app.url_map.iter_rules() for method in rule.methods or ()}
    assert {(operation["view"], operation["method"]) for operation in operations} <= rules
    for operation in operations:
        file, line = operation["handler"].split(":")
        assert linecache.getline(str(SOURCES / file), int(line)).startswith("def ")
    urls = {operation["url"] for operation in operations}
    assert {"/ocpi/versions", ocpi_url("credentials"), ocpi_url("sender/locations")} <= urls


def test_openapi_prints_the_document_for_the_base_url(run, ocpi):
    result = run(ocpi, "openapi")

    document = json.loads(result.stdout)
    validate(document)
    assert document["servers"] == [{"url": "https://platform.example"}]
    assert document["paths"].keys() == ocpi.specs["2.3.0"]["paths"].keys()


def test_openapi_is_for_this_host_without_a_base_url(ocpi_app, ocpi):
    object.__setattr__(ocpi.services.settings, "base_url", None)

    result = ocpi_app.test_cli_runner().invoke(args=["ocpi", "openapi", "--version", "2.2.1"])

    assert json.loads(result.stdout)["servers"] == [{"url": "/"}]


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_openapi_writes_a_file(run, ocpi, tmp_path, as_json):
    file = tmp_path / "openapi.json"

    result = run(ocpi, "openapi", "--output", str(file), *["--json"] * as_json)

    assert json.loads(file.read_text())["openapi"].startswith("3.1")
    if as_json:
        assert json.loads(result.stdout) == {"output": str(file), "version": "2.3.0"}
    else:
        assert result.stdout == f"Wrote the OpenAPI document of OCPI 2.3.0 to {file}.\n"


def test_openapi_knows_only_versions_that_are_served(run, ocpi):
    result = run(ocpi, "openapi", "--version", "2.1.1")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: OCPI 2.1.1 is not served here; there is 2.2.1, 2.3.0.\n"


def test_crashes_are_no_polite_errors(run, ocpi, monkeypatch):
    def crash():
        raise ZeroDivisionError

    monkeypatch.setattr(ocpi.storage, "setup", crash)

    with pytest.raises(ZeroDivisionError):
        run(ocpi, "init-db")
