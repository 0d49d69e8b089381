"""What the how-to guides show runs as it is, and does what they say."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from flask import Flask

from flask_ocpi import InvalidParametersError
from flask_ocpi import Party
from flask_ocpi.client.wire import Response
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import Network
from tests.closing import close
from tests.snippets import Page


def module_of(path: Path, code: str) -> dict[str, Any]:
    """Write a module, import it, and return its names."""
    path.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


def copies(ocpi: Any, module: str) -> list[dict[str, Any]]:
    return list(ocpi.objects.documents(module, copies=True))


def test_own_tables_are_served_and_their_changes_pushed(tmp_path: Path) -> None:
    network = Network()
    partner = network.add("ems.example", [("DE", "EMS", ["EMSP"])])
    page = Page("docs/how-to-own-tables.md")
    names = page.names = module_of(tmp_path / "own.py", "\n".join(page.rest[:4]))
    del page.rest[:4]
    config = {
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'own.sqlite3'}",
        "OCPI_BASE_URL": "https://own.example",
        "OCPI_CREATE_TABLES": True,
        "OCPI_DISPATCHER": "inline",
        "SECRET_KEY": "only for tests",
    }
    original = names["OCPI"]
    names["OCPI"] = lambda app, **options: original(app, transport=network, clock=network.clock, **options)
    app = names["app"] = network.apps["own.example"] = names["create_app"](config)
    ocpi = app.extensions["ocpi"]
    with app.app_context():
        names["db"].create_all()
        sites = [
            names["Site"](
                code=f"Loc{n}", street="Square 1", town="Utrecht", lat=52.1, lon=5.1, free=False, changed=when
            )
            for n, when in enumerate([datetime(2026, 1, 1, 9), datetime(2026, 1, 1, 10)], start=1)  # noqa: DTZ001
        ]
        names["db"].session.add_all(sites)
        names["db"].session.commit()
    there, _ = network.connect(partner, ocpi)

    with app.app_context():
        changed = partner.pull("locations", there, date_from="2026-01-01T09:30:00Z")
        partner.pull("locations", there)
        page.run()
        names["release"]("Loc2")

    assert changed.counts["created"] == 1
    statuses = {each["id"]: each["evses"][0]["status"] for each in copies(partner, "locations")}
    assert statuses == {"Loc1": "CHARGING", "Loc2": "AVAILABLE"}
    page.run()  # the key of a token
    assert page.rest == []
    close(app)


def test_several_parties_save_and_call_in_their_own_name() -> None:
    network = Network()
    provider = network.add("ems.example", [("DE", "EMS", ["EMSP"])])
    provider.save("tokens", documents.token(uid="012345678"))
    page = Page("docs/how-to-several-parties.md", location=documents.location(evses=[documents.evse()]))
    parties = [("NL", "ABC", ["CPO", "EMSP"]), ("BE", "ABC", ["CPO"])]
    ocpi = network.add("abc.example", parties)
    network.connect(provider, ocpi)
    page.rest.pop(0)  # the app, whose parties these are

    page.run(ocpi=ocpi)
    with pytest.raises(InvalidParametersError, match="party"):
        ocpi.objects.get("locations", "LOC1")
    page.run()

    assert copies(provider, "locations")[0]["evses"][0]["status"] == "CHARGING"
    assert copies(provider, "locations")[0]["country_code"] == "BE"
    assert page.names["answer"].info["allowed"] == "ALLOWED"
    assert network.requests[-1].headers["OCPI-from-country-code"] == "BE"
    assert page.rest == []


def test_parties_of_the_guide_are_parties(tmp_path: Path) -> None:
    page = Page("docs/how-to-several-parties.md", __name__="several")
    page.names["Flask"] = Flask
    code = page.rest[0].replace("Flask(__name__)", f"Flask('several', instance_path={str(tmp_path)!r})")
    page.rest[0] = code

    page.run()

    assert page.names["ocpi"].objects.parties() == (Party.of("NL", "ABC"), Party.of("BE", "ABC"))
    close(page.names["app"])


def test_all_tokens_are_rotated_by_one_command() -> None:
    network = Network()
    ocpi = network.add("abc.example", [("NL", "ABC", ["CPO"])])
    partner = network.add("ems.example", [("DE", "EMS", ["EMSP"])])
    there, _ = network.connect(ocpi, partner)
    before = ocpi.partners.find(there.id).token
    page = Page("docs/how-to-rotate.md")
    page.run()
    command = page.names["rotate_all"]

    with network.apps["abc.example"].app_context():
        told = CliRunner().invoke(command)

    assert told.output == f"{there.id} has new tokens.\n"
    assert ocpi.partners.find(there.id).token != before
    page.run()
    page.run(OLD_KEY=page.names["NEW_KEY"])
    assert page.names["OCPI_ENCRYPTION_KEYS"] == [page.names["NEW_KEY"]] * 2
    assert page.rest == []


def test_a_quirk_is_set_and_what_was_refused_is_sent_again(capsys: pytest.CaptureFixture[str]) -> None:
    network = Network()
    ocpi = network.add("abc.example", [("NL", "ABC", ["CPO"])])
    partner = network.add("ems.example", [("DE", "EMS", ["EMSP"])])
    _, token = ocpi.partners.invite(name="Ems Mobility")
    partner.partners.register(ocpi.versions_url, token)
    network.after_send = lambda request, response: refusal(response) if request.method == "PUT" else response
    ocpi.save("locations", documents.location())
    network.after_send = lambda request, response: response
    parked = ocpi.outbox.list("ems-mobility", parked=True)
    page = Page("docs/how-to-quirks.md", ocpi=ocpi)

    page.run(count=3)
    ocpi.outbox.flush()

    assert len(parked) == 1
    assert ocpi.outbox.list("ems-mobility") == ()
    assert capsys.readouterr().out == "{'send-nulls': True, 'no-patch': True}\n"
    assert page.names["OCPI_QUIRKS"] == {"ems.example": ["plain-token"]}
    assert page.rest == []


def refusal(response: Response) -> Response:
    body = {"status_code": 2001, "status_message": "No.", "timestamp": "2026-01-01T12:00:00Z"}
    return replace(response, body=orjson.dumps(body))


def test_hooks_take_the_place_of_actions() -> None:
    network = Network()
    ocpi = network.add("abc.example", [("NL", "ABC", ["CPO", "EMSP"])])
    partner = network.add("xyz.example", [("DE", "XYZ", ["CPO", "EMSP"])])
    network.connect(partner, ocpi)
    ocpi.save("tokens", documents.token(country_code="NL", party_id="ABC", whitelist="NEVER"))
    asked: list[str] = []

    def ask_charge_point(session_id: str) -> str:
        asked.append(session_id)
        return "ACCEPTED"

    page = Page("docs/how-to-migrate.md", ocpi=ocpi, credit_of=lambda contract: 0, ask_charge_point=ask_charge_point)
    page.run()
    ocpi.save(
        "sessions",
        documents.session(cdr_token={**documents.session()["cdr_token"], "country_code": "DE", "party_id": "XYZ"}),
    )

    with partner.client("NL-ABC") as client:
        answer = client.tokens.authorize(documents.token()["uid"], ask=True)
        client.commands.stop_session("SES1")

    assert answer.info is not None
    assert answer.info["allowed"] == "NO_CREDIT"
    assert asked == ["SES1"]
    assert page.rest == []
