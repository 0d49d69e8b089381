"""A process that starts imports what it needs to serve, and nothing else before somebody asks for it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

#: What has its own extra, or is for tests.
EXTRAS = frozenset(
    (
        "celery",
        "flask_limiter",
        "flask_migrate",
        "granian",
        "hypothesis",
        "jsonschema",
        "matplotlib",
        "prometheus_client",
        "psycopg",
        "pytest",
        "redis",
        "schemathesis",
    )
)
#: What is for calls to other platforms, for commands, for the OpenAPI document, and for tests.
LATER = frozenset(
    (
        "cryptography",
        "flask_ocpi.cli.about",
        "flask_ocpi.cli.calls",
        "flask_ocpi.cli.check",
        "flask_ocpi.client.sockets",
        "flask_ocpi.client.transport",
        "flask_ocpi.outbox.celery",
        "flask_ocpi.testing",
        "flask_ocpi.web.limiter",
        "flask_ocpi.web.openapi",
        "flask_ocpi.web.prometheus",
        "sqlalchemy.dialects.postgresql",
        "sqlalchemy.dialects.mysql",
        "urllib3",
    )
)
DATABASE = frozenset(("flask_sqlalchemy", "flask_ocpi.storage.sqlalchemy", "sqlalchemy"))

PROGRAM = """
import base64, json, sys
from flask import Flask
from flask_ocpi import OCPI, MemoryStorage

seen = {}
app = Flask("starting", instance_path=sys.argv[1])
app.config.from_mapping(json.loads(sys.argv[2]))
ocpi = OCPI(app, **({"storage": MemoryStorage()} if sys.argv[3] == "memory" else {}))
seen["start"] = sorted(sys.modules)
_, token = ocpi.partners.invite()
header = "Token " + base64.b64encode(token.encode()).decode()
answer = app.test_client().get("/ocpi/versions", headers={"Authorization": header})
assert answer.json["status_code"] == 1000, answer.json
seen["request"] = sorted(sys.modules)
exec(sys.argv[4])
seen["end"] = sorted(sys.modules)
print(json.dumps(seen))
"""

CONFIG = {
    "SECRET_KEY": "of this test",
    "OCPI_BASE_URL": "https://starting.example",
    "OCPI_PARTIES": [
        {"country_code": "NL", "party_id": "ABC", "roles": ["CPO", "EMSP"], "business_details": {"name": "ABC"}}
    ],
}


def imported(folder: Path, storage: str = "default", last: str = "", **config: object) -> dict[str, set[str]]:
    """Start an app in a process of its own, and return what is imported then, after a request, and after ``last``."""
    arguments = [str(folder), json.dumps({**CONFIG, **config}), storage, last]
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return {moment: set(names) for moment, names in json.loads(ended.stdout).items()}


@pytest.mark.parametrize("name", sorted(EXTRAS | LATER | DATABASE))
def test_what_is_looked_for_can_be_imported(name):
    assert importlib.util.find_spec(name) is not None


@pytest.mark.parametrize("storage", ["default", "memory"])
def test_nothing_optional_is_imported_to_start_or_to_answer(tmp_path, storage):
    seen = imported(tmp_path, storage)

    assert seen["start"] & (EXTRAS | LATER) == set()
    assert seen["request"] & (EXTRAS | LATER) == set()


def test_no_database_is_imported_where_the_storage_is_another(tmp_path):
    seen = imported(tmp_path, "memory")

    assert seen["request"] & DATABASE == set()


def test_database_is_imported_for_the_default_storage(tmp_path):
    seen = imported(tmp_path)

    assert seen["start"] >= DATABASE


def test_swagger_ui_is_imported_only_where_there_are_docs(tmp_path):
    assert "flask_swagger_ui" in imported(tmp_path, "memory")["end"]
    assert "flask_swagger_ui" not in imported(tmp_path, "memory", OCPI_DOCS=False)["end"]


@pytest.mark.parametrize(
    ("last", "then"),
    [
        ("ocpi.transport", {"urllib3", "flask_ocpi.client.transport"}),
        ("ocpi.services.platforms.cipher.encrypt('token')", {"cryptography"}),
        ("list(ocpi.specs['2.2.1'])", {"flask_ocpi.web.openapi"}),
        ("app.test_cli_runner().invoke(args=['ocpi', '--help'])", {"flask_ocpi.cli.check", "flask_ocpi.cli.calls"}),
    ],
    ids=["call", "token", "document", "command"],
)
def test_what_is_asked_for_is_imported(tmp_path, last, then):
    seen = imported(tmp_path, "memory", last)

    assert seen["request"] & then == set()
    assert seen["end"] >= then


def test_keys_given_are_read_at_once(tmp_path):
    key = "bm90IGEgc2VjcmV0LCBidXQgbG9uZyBlbm91Z2ggISE="

    assert "cryptography" in imported(tmp_path, "memory", OCPI_ENCRYPTION_KEYS=[key])["start"]
