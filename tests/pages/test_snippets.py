"""Pieces of code that no test of their subject runs: they do what their pages say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_ocpi import OCPI
from flask_ocpi import MemoryStorage
from flask_ocpi import Party
from flask_ocpi.contrib.console import Console
from flask_ocpi.contrib.console import Tiles
from flask_ocpi.contrib.console import Visitor
from flask_ocpi.core.compiled import source_of
from flask_ocpi.core.config import Settings
from flask_ocpi.pricing import price
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import party_settings
from tests.snippets import ROOT
from tests.snippets import blocks
from tests.snippets import run

pytest_plugins = ["pytester"]

#: A tariff whose costs have more than two decimals.
SEVENTHS = documents.tariff(
    id="T", elements=[{"price_components": [{"type": "ENERGY", "price": 0.1237, "vat": 21, "step_size": 1}]}]
)


def block(page: str, containing: str) -> str:
    """Return the piece of code of a page that has a text in it."""
    found = [each for each in blocks((ROOT / "docs" / f"{page}.md").read_text(), "python") if containing in each]
    assert len(found) == 1
    return found[0]


def names_of(page: str, containing: str, **names: Any) -> dict[str, Any]:
    run(block(page, containing), names, where=f"docs/{page}.md")
    return names


@pytest.mark.parametrize(
    ("page", "key", "given"),
    [
        ("security", "OCPI_ROLE_PERMISSIONS", {}),
        ("security", "OCPI_HTTP_PLATFORM_TLS", {}),
        ("how-to-rotate", "OCPI_ENCRYPTION_KEYS", {"NEW_KEY": "n" * 43 + "=", "OLD_KEY": "o" * 43 + "="}),
    ],
)
def test_settings_of_the_pages_on_security_are_taken(page: str, key: str, given: dict[str, str]) -> None:
    names = names_of(page, f"{key} = ", **given)

    settings = Settings.from_mapping({"OCPI_PARTIES": [party_settings("NL", "ABC", ["CPO"])], key: names[key]})
    assert getattr(settings, key.removeprefix("OCPI_").lower())


def test_the_rounding_of_the_page_on_readings_is_that_of_the_total() -> None:
    cdr = {**documents.cdr(), "tariffs": [SEVENTHS]}
    cdr["charging_periods"] = [{**period, "tariff_id": "T"} for period in cdr["charging_periods"]]
    names = names_of("pricing-readings", "Policy(rounding=", cdr=cdr, tariffs=[SEVENTHS])

    exact = price(cdr, [SEVENTHS], time_zone="Europe/Amsterdam").total_cost.excl_vat
    assert exact != round(exact, 2) == names["report"].total_cost.excl_vat


def test_a_schema_with_hooks_is_not_compiled_as_the_page_on_validation_says() -> None:
    names = names_of("validation", "class Note(Schema)", source_of=source_of)

    assert names["Note"]().load({"text": "  a note "}) == {"text": "a note"}


def test_the_console_takes_tiles_as_its_page_says() -> None:
    app = Flask("host", root_path=".")
    app.config.update(SECRET_KEY="a secret", OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])])
    OCPI(app, storage=MemoryStorage())
    names_of(
        "console", "tiles=", app=app, Console=Console, Tiles=Tiles, authorize=lambda request: Visitor("a", "admin")
    )

    answer = app.test_client().get("/ocpi/console/")

    assert answer.status_code == 200
    assert "https://tiles.example.com" in answer.headers["Content-Security-Policy"]


def test_keys_and_copies_are_as_the_page_on_storage_says(capsys: pytest.CaptureFixture[str]) -> None:
    network = Network()
    ours = network.add("ours.example", [("NL", "ABC", ["EMSP"])])
    partner = network.add("partner.example", [("DE", "XYZ", ["CPO"])])
    _, token = ours.partners.invite(name="de-xyz")
    partner.partners.register(ours.versions_url, token)
    partner.save("locations", documents.location(country_code="DE", party_id="XYZ", id="LOC9"))
    partner.save("tariffs", documents.tariff(country_code="DE", party_id="XYZ", id="DAY"))

    names_of("storage", 'Key.of("nl", "abc", "LOC1")')
    names_of("storage", 'ocpi.copies.get("locations", "LOC9"', ocpi=ours, Party=Party)

    assert capsys.readouterr().out == "DAY\n"


def test_a_storage_is_tested_as_the_page_says(pytester: pytest.Pytester) -> None:
    mine = "from flask_ocpi import MemoryStorage\n\ndef MyStorage(path):\n    return MemoryStorage()\n\n"
    pytester.makeconftest(f"import pytest\n{block('storage', 'pytest.register_assert_rewrite')}")
    pytester.makepyfile(mine + block("storage", "class TestMyStorage"))

    outcome = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "-k", "got_by_their_keys or any_characters")

    outcome.assert_outcomes(passed=2)


def test_an_object_is_saved_with_the_transaction_of_the_host_as_the_page_on_storage_says(tmp_path: Path) -> None:
    app = Flask("host", root_path=str(tmp_path))
    app.config.update(
        SECRET_KEY="a secret",
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])],
        OCPI_CREATE_TABLES=True,
        OCPI_DISPATCHER="none",
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/host.sqlite3",
    )
    db = SQLAlchemy(app)

    class Charger(db.Model):  # type: ignore[name-defined,misc]
        name = db.Column(db.String, primary_key=True)

    ocpi = OCPI(app)
    with app.app_context():
        db.create_all()
        names_of("storage", "db.session.add(Charger", db=db, Charger=Charger, ocpi=ocpi, location=documents.location())
        db.session.add(Charger(name="LOC2"))
        ocpi.save("locations", documents.location(id="LOC2"))
        db.session.rollback()
        chargers = [charger.name for charger in db.session.query(Charger)]
        db.session.remove()
        db.engine.dispose()

    assert chargers == ["LOC1"]
    assert [each["id"] for each in ocpi.objects.documents("locations")] == ["LOC1"]
