"""Each version has an OpenAPI document of its own, whose examples are of that version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from flask_ocpi.extension import OCPI
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.versions import VERSIONS
from tests.golden import ROLES
from tests.versions.nine import V9_9

ALL = (*VERSIONS, V9_9)
JSON = "application/json"


def make_app() -> Flask:
    """Make a platform that serves every module of every version."""
    app = Flask("versions", root_path=".")
    modules = sorted({module.identifier for version in ALL for module in version.modules if not module.single})
    party = {"country_code": "NL", "party_id": "ABC", "roles": ROLES, "business_details": {"name": "Abc"}}
    numbers = [version.number for version in ALL]
    app.config.update(SECRET_KEY="a secret", OCPI_MODULES=modules, OCPI_PARTIES=[party], OCPI_VERSIONS=numbers)
    OCPI(app, storage=MemoryStorage(), versions=ALL)
    return app


APP = make_app()
EVERY_VERSION = pytest.mark.parametrize("number", [version.number for version in ALL])


def served(number: str) -> dict[str, Any]:
    found: dict[str, Any] = APP.test_client().get(f"/ocpi/openapi-{number}.json").get_json()
    return found


def contents(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk the bodies of all requests, answers and callbacks of a document: where, and schema with examples."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            expressions = operation.get("callbacks", {}).values()
            callbacks = [called["post"] for expression in expressions for called in expression.values()]
            for each in (operation, *callbacks):
                bodies = [each.get("requestBody", {}), *each["responses"].values()]
                yield from ((f"{method} {path}", body["content"][JSON]) for body in bodies if "content" in body)


@EVERY_VERSION
def test_document_is_valid(number):
    validate(served(number))


@EVERY_VERSION
def test_examples_of_bodies_fit_their_schemas(number):
    document = served(number)
    flaws = []

    for where, content in contents(document):
        validator = Draft202012Validator({**content["schema"], "components": document["components"]})
        for name, example in content.get("examples", {}).items():
            errors = [error.message[:200] for error in validator.iter_errors(example["value"])]
            flaws += [f"{where} {name}: {error}" for error in errors]

    assert not flaws


@EVERY_VERSION
def test_examples_of_properties_fit_their_schemas(number):
    components = served(number)["components"]
    flaws = []

    for name, schema in components["schemas"].items():
        for property_, described in schema.get("properties", {}).items():
            if "example" in described:
                validator = Draft202012Validator({**described, "components": components})
                errors = [error.message[:200] for error in validator.iter_errors(described["example"])]
                flaws += [f"{name}.{property_}: {error}" for error in errors]

    assert not flaws


@EVERY_VERSION
def test_document_names_the_paths_of_its_version_only(number):
    paths = set(served(number)["paths"]) - {"/ocpi/versions"}

    assert paths
    assert all(path.startswith(f"/ocpi/{number}") for path in paths)


def test_swagger_ui_offers_the_document_of_each_version_the_newest_first():
    page = APP.test_client().get("/ocpi/docs/").get_data(as_text=True)

    offered = [f"openapi-{version.number}.json" for version in reversed(ALL)]
    places = [page.index(name) for name in offered]
    assert places == sorted(places)
    assert json.dumps(f"OCPI {VERSIONS[0].number}") in page
