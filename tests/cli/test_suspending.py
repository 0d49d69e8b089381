"""Suspending and resuming a partner by command, and who did what by which command."""

from __future__ import annotations

import getpass
import json

import pytest

from flask_ocpi.testing.documents import location


@pytest.fixture
def ocpi_push():
    return True


def noted(ocpi):
    return [(action.what, action.partner, action.object, action.outcome) for action in ocpi.actions.list()]


def test_a_partner_is_suspended_with_a_reason_and_resumed(run, connected, ocpi_other):
    suspended = run(connected, "partners", "suspend", "FR-OTH", "--reason", "wrong prices")
    connected.save("locations", location())
    status = run(connected, "status").stdout
    resumed = run(connected, "partners", "resume", "FR-OTH")

    assert suspended.stdout.endswith(" is suspended; `flask ocpi partners resume other-example` ends that.\n")
    assert "REGISTERED, suspended, OCPI 2.3.0" in status
    assert "It is suspended for 0 seconds (wrong prices): no messages are exchanged with it." in status
    assert "pass again" in resumed.stdout
    assert [document["id"] for document in ocpi_other.copies.documents("locations")] == ["LOC1"]
    assert noted(connected) == [
        ("flask ocpi partners resume", "other-example", "", "done"),
        ("flask ocpi partners suspend", "other-example", "wrong prices", "done"),
    ]


def test_as_json_it_is_the_card_of_the_partner(run, connected):
    card = json.loads(run(connected, "partners", "suspend", "FR-OTH", "--json").stdout)

    assert (card["state"], card["suspended"], card["outcome"]) == ("REGISTERED", "2026-01-01T12:00:00.000Z", "WARN")
    assert json.loads(run(connected, "partners", "resume", "FR-OTH", "--json").stdout)["suspended"] is None


def test_a_check_does_not_call_a_suspended_partner_and_says_so(run, connected, ocpi_network):
    run(connected, "partners", "suspend", "FR-OTH")
    ocpi_network.requests.clear()

    result = run(connected, "check")

    assert "It is suspended" in result.stdout
    assert ocpi_network.requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("outbox", "retry", "--partner", "FR-OTH"),
        ("sync", "--partner", "FR-OTH"),
        ("pull", "locations", "--partner", "FR-OTH"),
    ],
    ids=["retry", "sync", "pull"],
)
def test_commands_that_need_a_suspended_partner_end_with_what_to_do(run, connected, arguments):
    run(connected, "partners", "suspend", "FR-OTH")

    result = run(connected, *arguments)

    assert result.exit_code == 1
    assert "`flask ocpi partners resume other-example` lets messages pass again." in result.stderr


def test_each_change_by_a_command_is_noted_with_the_account(run, connected, monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "ann")
    run(connected, "invite", "--name", "Nova")
    run(connected, "partners", "set", "FR-OTH", "--quirk", "no-patch")
    run(connected, "rotate", "FR-OTH", "--yes")
    run(connected, "outbox", "retry", "--partner", "FR-OTH")
    run(connected, "unregister", "FR-OTH", "--yes")

    assert {action.who for action in connected.actions.list()} == {"ann (shell)"}
    assert [(what.removeprefix("flask ocpi "), *rest) for what, *rest in reversed(noted(connected))] == [
        ("invite", "", "Nova", "done"),
        ("partners set", "other-example", "no-patch", "done"),
        ("rotate", "other-example", "", "done"),
        ("outbox retry", "other-example", "", "done"),
        ("unregister", "other-example", "", "done"),
    ]


def test_a_comparison_is_noted_if_it_changes_what_differs(run, connected):
    run(connected, "diff", "FR-OTH", "locations")
    assert noted(connected) == []

    run(connected, "diff", "FR-OTH", "locations", "--send")

    assert noted(connected) == [("flask ocpi diff", "other-example", "locations", "done")]


def test_a_command_that_fails_is_noted_with_the_reason(run, connected):
    run(connected, "partners", "set", "FR-OTH", "--quirk", "no-patch=maybe")
    result = run(connected, "register", "https://ann:secret@gone.example/v?token=secret", "x" * 20)

    assert result.exit_code == 1
    action = connected.actions.list()[0]
    assert action.object == "https://***@gone.example/v"
    assert "There is no platform at" in action.outcome
    assert "secret" not in f"{action.object}{action.what}"


def test_an_account_without_a_name_is_the_shell(run, connected, monkeypatch):
    def nameless():
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    run(connected, "partners", "suspend", "FR-OTH")

    assert [action.who for action in connected.actions.list()] == ["shell"]
