"""What the README and the documentation say can be typed in as it is."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi import MemoryStorage
from flask_ocpi import RoutedStorage
from flask_ocpi.extension import utc_now
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import Network
from tests.snippets import ROOT
from tests.snippets import blocks
from tests.snippets import run

README = (ROOT / "README.md").read_text()
QUICKSTART = (ROOT / "docs" / "quickstart.md").read_text()
BASE_URL = "https://ocpi.example.com"


def flask(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    return subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        cwd=folder,
        env={**own, "PYTHONPATH": str(ROOT), "FLASK_OCPI_BASE_URL": BASE_URL},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("text", [README, QUICKSTART], ids=["README", "quickstart"])
def test_app_starts_and_invites_as_written(tmp_path: Path, text: str) -> None:
    (tmp_path / "app.py").write_text(blocks(text, "python")[0])
    command = re.findall(r'^flask (ocpi invite --name "[^"]+")', text, re.MULTILINE)[0]

    outcome = flask(tmp_path, *command.replace('"Ems Mobility"', "Ems_Mobility").split())

    assert outcome.returncode == 0, outcome.stderr
    assert f"{BASE_URL}/ocpi/versions" in outcome.stdout
    assert (tmp_path / "instance" / "ocpi.sqlite3").exists()


def test_objects_are_exchanged_as_written() -> None:
    network = Network()
    ours = network.add("ours.example", [("NL", "ABC", ["CPO", "EMSP"])])
    partner = network.add("partner.example", [("DE", "EMS", ["CPO", "EMSP"])])
    network.connect(partner, ours)
    partner.save("tokens", token())
    document = location(evses=[evse()])

    run(blocks(README, "python")[1], {"ocpi": ours, "location": document})

    assert list(partner.objects.documents("locations", copies=True)) == [ours.objects.get("locations", "LOC1")]
    assert ours.objects.get("locations", "LOC1", "EVSE1")["status"] == "CHARGING"
    assert list(ours.objects.documents("tokens", copies=True)) == [token()]


def test_hooks_and_commands_work_as_written() -> None:
    network = Network(clock=utc_now)  # a clock that stands still would have us wait forever
    ours = network.add("ours.example", [("NL", "ABC", ["CPO", "EMSP"])])
    partner = network.add("partner.example", [("DE", "XYZ", ["CPO", "EMSP"])])
    _, registration = ours.partners.invite(name="Xyz Charging")
    us = partner.partners.register(ours.versions_url, registration)
    partner.save("locations", location(country_code="DE", party_id="XYZ"))
    partner.command("START_SESSION")(lambda command, reply: reply.accept(lambda: "ACCEPTED"))
    ours.save("locations", location())
    card = token(country_code="NL", party_id="ABC", whitelist="NEVER")
    ours.save("tokens", card)
    names = {"ask_charge_point": lambda command: "EVSE_OCCUPIED", "balance": lambda token: 0}

    run(blocks(README, "python")[2], {"ocpi": ours, "token": card, **names})
    with partner.client(us) as client:
        place = {"token": token(country_code="DE", party_id="XYZ"), "location_id": "LOC1"}
        call = client.commands.start_session(place)
        answer = client.tokens.authorize(card["uid"])

    assert partner.call(call.id).result == {"result": "EVSE_OCCUPIED"}
    assert answer.info is not None
    assert answer.info["allowed"] == "NO_CREDIT"


def test_storage_is_replaced_as_written(tmp_path: Path) -> None:
    app = Flask("readme", instance_path=str(tmp_path))
    party = {"country_code": "NL", "party_id": "ABC", "roles": ["CPO"], "business_details": {"name": "Abc"}}
    app.config["OCPI_PARTIES"] = [party]
    names: dict[str, Any] = {"app": app, "OCPI": OCPI, "RoutedStorage": RoutedStorage, "MyLocations": MemoryStorage}

    run(blocks(README, "python")[3], names)
    app.extensions["ocpi"].save("locations", location())
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
    with engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT count(*) FROM ocpi_locations").scalar()
    engine.dispose()

    assert len(list(app.extensions["ocpi"].objects.documents("locations"))) == 1
    assert stored == 0


def test_readme_fits_one_screen_and_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    local = [link for link in links if not link.startswith("https://")]

    assert len(README.splitlines()) < 90
    assert [link for link in local if not (ROOT / link).exists()] == []
    assert local


def test_apps_that_are_named_are_there() -> None:
    text = README + (ROOT / "examples" / "README.md").read_text()
    named = set(re.findall(r"(?:--app |FLASK_APP=)(\S+)|--factory (\S+):create_app", text))
    modules = {"".join(app).removesuffix(".py").replace("/", ".") for app in named}

    assert {"flask_ocpi.testing.sandbox", "examples.quickstart", "examples.relay"} < modules
    assert [module for module in modules if importlib.util.find_spec(module) is None] == []
