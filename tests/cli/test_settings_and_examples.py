"""``flask ocpi settings`` and ``flask ocpi example``."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi import MemoryStorage
from flask_ocpi.cli.new import example
from flask_ocpi.core.config import SETTINGS
from flask_ocpi.core.description import Version
from flask_ocpi.testing.network import party_settings
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import VERSIONS

CLASSES = [(version, schema) for version in VERSIONS for schema in version.classes()]


def settings_of(run, platform, *args):
    return {item["key"]: item for item in json.loads(run(platform, "settings", "--json", *args).stdout)}


def printed(*args):
    result = CliRunner().invoke(example, args)
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


def test_settings_lists_each_setting_with_its_meaning(run, ocpi):
    found = settings_of(run, ocpi)
    text = run(ocpi, "settings").stdout

    assert list(found) == [item.key for item in SETTINGS]
    assert all(f"{item.key} = " in text and item.doc in text for item in SETTINGS)


def test_settings_tells_where_a_value_comes_from(monkeypatch):
    monkeypatch.setenv("FLASK_OCPI_PAGE_LIMIT", "20")
    monkeypatch.setenv("FLASK_OCPI_PUSH", "false")
    monkeypatch.setenv("FLASK_OCPI_HTTP_TIMEOUT", "7")
    app = Flask(__name__)
    app.config.from_prefixed_env()
    app.config.update(OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])], OCPI_HTTP_TIMEOUT=9.0)
    OCPI(app, storage=MemoryStorage())

    result = app.test_cli_runner().invoke(args=["ocpi", "settings", "--changed", "--json"])

    found = {item["key"]: (item["value"], item["default"], item["source"]) for item in json.loads(result.stdout)}
    assert found.pop("OCPI_PARTIES")[2] == "configuration"
    assert found == {
        "OCPI_PAGE_LIMIT": (20, 50, "environment"),
        "OCPI_PUSH": (False, True, "environment"),
        "OCPI_HTTP_TIMEOUT": (9.0, 30.0, "configuration"),
    }


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("OCPI_BASE_URL", ["OCPI_BASE_URL"]),
        ("page_limit", ["OCPI_PAGE_LIMIT"]),
        ("page", {"OCPI_PAGE_LIMIT", "OCPI_PAGE_MAX_LIMIT", "OCPI_SYNC_MAX_PAGES"}),
    ],
)
def test_settings_takes_a_name_or_a_part_of_names(run, ocpi, name, keys):
    found = settings_of(run, ocpi, name)

    assert list(found) == keys if isinstance(keys, list) else keys <= found.keys()


def test_settings_names_the_nearest_of_an_unknown_name(run, ocpi):
    result = run(ocpi, "settings", "OCPI_BASEURL")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: There is no setting OCPI_BASEURL.\nDid you mean OCPI_BASE_URL?\n"


def test_settings_hides_keys(run, ocpi_network):
    key = Fernet.generate_key().decode()
    platform = ocpi_network.add("keys.example", [("NL", "ABC", ["CPO"])], config={"OCPI_ENCRYPTION_KEYS": [key]})

    assert key not in run(platform, "settings").stdout + run(platform, "settings", "--json").stdout
    assert settings_of(run, platform, "encryption")["OCPI_ENCRYPTION_KEYS"]["value"] == ["(hidden)"]


@pytest.mark.parametrize(
    ("version", "schema"), CLASSES, ids=lambda each: each.number if isinstance(each, Version) else each.__name__
)
def test_examples_of_every_class_of_every_version_are_valid(version, schema):
    for options in ([], ["--required"]):
        assert schema().validate(printed(schema.__name__, "--version", version.number, *options)) == {}


@pytest.mark.parametrize(
    ("name", "of"),
    [("tariff", "tariffs"), ("Tariff", "tariffs"), ("TARIFFS", "tariffs"), ("client-info", "hubclientinfo")],
)
def test_example_takes_names_in_any_case_and_ids_of_modules(name, of):
    assert list(printed(name, "--wrap")) == [of]


def test_example_has_the_classes_that_only_another_version_has():
    assert printed("terminal")["terminal_id"]
    assert "tax_included" in printed("tariff", "--version", "2.3.0")
    assert "tax_included" not in printed("tariff")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tarrif"], "There is no class tarrif in OCPI 2.2.1, 2.1.1, 2.3.0.\nDid you mean Tariff? `--list` lists all."),
        (["tariff", "--version", "3.0"], "OCPI 3.0 is not known; there is 2.1.1, 2.2.1, 2.3.0."),
        (
            ["EVSE", "--wrap"],
            "EVSE is not imported by itself: use one of Location, Session, CDR, Tariff, Token, ClientInfo.",
        ),
    ],
)
def test_example_says_what_is_wrong(arguments, message):
    result = CliRunner().invoke(example, arguments)

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {message}\n")


def test_example_lists_the_classes():
    listed = CliRunner().invoke(example, ["--list", "--version", "2.2.1"]).stdout.split()

    assert listed == sorted(schema.__name__ for schema in V2_2_1.classes())


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.number)
@pytest.mark.parametrize("name", ["location", "tariff"])
def test_examples_can_be_imported(run, ocpi_network, version, name):
    platform = ocpi_network.add(
        "own.example", [("NL", "OWN", ["CPO"])], config={"OCPI_VERSIONS": [each.number for each in VERSIONS]}
    )
    number = ["--version", version.number]
    document = run(platform, "example", name, "--wrap", "--party", "NL-OWN", *number).stdout

    result = run(platform, "import", "-", *number, input=document)

    assert (result.exit_code, result.stderr) == (0, "")
    assert len(list(platform.objects.documents(f"{name}s"))) == 1
