"""`flask ocpi copies`: counting, moving and removing what other platforms sent."""

from __future__ import annotations

import json

import pytest

from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.network import add_partner
from tests.urls import ocpi_url

CPO = {"country_code": "DE", "party_id": "CPO"}
PATH = ocpi_url("receiver/tariffs/DE/CPO")


@pytest.fixture
def ended(ocpi_app):
    """A platform, first, that has sent three tariffs and has unregistered."""
    first = add_partner(ocpi_app, [("DE", "CPO", ["CPO"])], name="First")
    for id in ("A", "B", "C"):
        first.put(f"{PATH}/{id}", tariff(**CPO, id=id))
    first.delete(ocpi_url("credentials"))


@pytest.fixture
def second(ocpi_app, ended):
    """Another platform of the same party, which has sent one of them itself."""
    second = add_partner(ocpi_app, [("DE", "CPO", ["CPO"])], name="Second")
    second.put(f"{PATH}/B", tariff(**CPO, id="B"))
    return second


def test_list_counts_copies(run, ocpi, ended):
    shown, document = run(ocpi, "copies", "list"), run(ocpi, "copies", "list", "--json")

    assert [line.split() for line in shown.stdout.splitlines()] == [
        ["PLATFORM", "STATE", "MODULE", "RECEIVER", "COPIES"],
        ["first", "UNREGISTERED", "tariffs", "NL-ABC", "3"],
    ]
    assert json.loads(document.stdout) == [
        {"platform": "first", "state": "UNREGISTERED", "module": "tariffs", "receiver": "NL-ABC", "number": 3}
    ]


def test_list_says_that_there_are_none(run, ocpi):
    assert run(ocpi, "copies", "list").stdout == "There are no copies.\n"


def test_move_gives_copies_to_another_platform(run, ocpi, second):
    moved = run(ocpi, "copies", "move", "first", "Second", "tariffs")

    assert moved.stdout.splitlines() == [
        "Moved 2 copies to Second (second).",
        "Left 1 copy: second has sent the same objects itself, or does not speak for their party.",
    ]
    assert second.get(f"{PATH}/A").http_status == 200
    again = run(ocpi, "copies", "move", "first", "Second", "--json")
    assert json.loads(again.stdout) == {"from": "first", "to": "second", "moved": 0, "left": 1}


def test_move_refuses_what_makes_no_sense(run, ocpi, second):
    result = run(ocpi, "copies", "move", "first", "first")

    assert (result.exit_code, result.stderr) == (1, "Error: The copies of first are its own already.\n")


def test_remove_asks_first(run, ocpi, ended):
    assert run(ocpi, "copies", "remove", "first", input="n\n").exit_code == 1
    assert len(ocpi.copies.counts()) == 1

    removed = run(ocpi, "copies", "remove", "first", input="y\n")

    assert removed.stdout.endswith("Removed 3 copies.\n")
    assert ocpi.copies.counts() == []
    assert json.loads(run(ocpi, "copies", "remove", "first", "--yes", "--json").stdout)["removed"] == 0


def test_export_tells_the_copies_of_platforms_apart(run, ocpi, second):
    second.put(f"{PATH}/B", tariff(**CPO, id="B", currency="USD"))

    options = (["--partner", "first"], ["--partner", "second"], ["--copies"])
    exports = [run(ocpi, "export", "tariffs", *args) for args in options]

    assert [[(t["id"], t["currency"]) for t in json.loads(export.stdout)["tariffs"]] for export in exports] == [
        [("A", "EUR"), ("B", "EUR"), ("C", "EUR")],
        [("B", "USD")],
        [("A", "EUR"), ("C", "EUR"), ("B", "USD")],
    ]


def test_init_db_names_copies_of_nobody_known(run, ocpi, second):
    for party, id in (("CPO", "OLD"), ("XYZ", "OLD")):
        document = tariff(country_code="DE", party_id=party, id=id)
        ocpi.storage.save("tariffs", Key.of("DE", party, id, Party.of("NL", "ABC")), Record.of(document))

    checked = json.loads(run(ocpi, "check", "--offline", "--json").stdout)["checks"]

    result = run(ocpi, "init-db")

    text = "Who sent 2 of the copies is not known, so no platform can read them."
    assert [(c["outcome"], c["message"]) for c in checked if c["check"] == "copies"] == [("WARN", text)]
    assert "Of copies that did not say who sent them, 1 now belong to the platform of their party." in result.stdout
    assert "Who sent 1 of the copies is not known, so no platform can read them." in result.stderr
    assert second.get(f"{PATH}/OLD").http_status == 200
    assert run(ocpi, "copies", "list").stdout.splitlines()[-1].split() == ["-", "-", "tariffs", "NL-ABC", "1"]
    assert run(ocpi, "copies", "remove", "-", "--yes").stdout == "Removed 1 copy.\n"
