"""The actions of people are noted before and after they are carried out, bounded, and listed."""

from __future__ import annotations

import json
import logging

import pytest

from flask_ocpi import InvalidParametersError
from flask_ocpi.host import actions
from tests.conftest import EVERY_STORAGE

NOON = "2026-01-01T12:00:00.000Z"


def refuse():
    raise InvalidParametersError("The partner is not known.")


@EVERY_STORAGE
def test_an_action_is_noted_with_who_and_what_came_of_it(ocpi):
    done = ocpi.actions.run("ann", "renewed the registration", lambda: None, partner="abc", object="locations LOC1")

    assert ocpi.actions.list() == [done]
    assert ocpi.actions.find(done.number) == done
    assert done.to_dict() == {
        "time": NOON,
        "who": "ann",
        "what": "renewed the registration",
        "partner": "abc",
        "object": "locations LOC1",
        "outcome": "done",
        "number": done.number,
    }
    assert ocpi.actions.find(done.number + 1) is None


def test_an_action_is_stored_before_it_begins(ocpi):
    seen = []

    ocpi.actions.run("ann", "pushed", lambda: seen.extend(ocpi.actions.list()))

    assert [(action.what, action.outcome) for action in seen] == [("pushed", "")]


def test_what_is_refused_is_the_outcome(ocpi):
    failed = ocpi.actions.run("ann", "pushed", refuse)

    assert (failed.is_done, failed.outcome) == (False, "The partner is not known.")
    assert ocpi.actions.list() == [failed]


def test_a_programming_error_is_noted_and_passes_on(ocpi):
    with pytest.raises(ZeroDivisionError):
        ocpi.actions.run("ann", "pushed", lambda: 1 // 0)

    assert [action.outcome for action in ocpi.actions.list()] == ["ZeroDivisionError"]


@EVERY_STORAGE
def test_the_latest_actions_come_first_page_by_page(ocpi):
    for number in range(5):
        ocpi.actions.run("ann", f"action {number}", lambda: None)

    assert [action.what for action in ocpi.actions.list(limit=2)] == ["action 4", "action 3"]
    assert [action.what for action in ocpi.actions.list(limit=2, offset=4)] == ["action 0"]
    assert ocpi.actions.list(offset=5) == []


@EVERY_STORAGE
def test_the_oldest_actions_are_removed_beyond_a_number(ocpi, monkeypatch):
    monkeypatch.setattr(actions, "MOST", 3)

    for number in range(5):
        ocpi.actions.run("ann", f"action {number}", lambda: None)

    assert [action.what for action in ocpi.actions.list()] == ["action 4", "action 3", "action 2"]


@EVERY_STORAGE
def test_old_actions_are_removed(ocpi, ocpi_clock):
    ocpi.actions.run("ann", "long ago", lambda: None)
    ocpi_clock.advance(actions.MAX_AGE + 1)

    ocpi.actions.run("ann", "now", lambda: None)

    assert [action.what for action in ocpi.actions.list()] == ["now"]


@EVERY_STORAGE
def test_texts_are_cut_and_lose_control_characters(ocpi):
    done = ocpi.actions.run("a\x00nn\n", "pushed", lambda: None, object="x" * 9999)

    assert (done.who, len(done.object)) == ("a?nn?", 500)


def test_an_action_is_logged_on_one_line(ocpi, caplog):
    with caplog.at_level(logging.INFO, "flask_ocpi.actions"):
        ocpi.actions.run("ann\nroot", "pushed", lambda: None, object="LOC1\u202e")

    assert [record.getMessage() for record in caplog.records] == ["'ann?root': pushed 'LOC1?': 'done'"]


def test_the_command_lists_actions(ocpi, ocpi_app):
    run = ocpi_app.test_cli_runner().invoke
    empty = run(args=["ocpi", "actions"]).stdout
    ocpi.actions.run("ann", "pushed", refuse, partner="abc")

    text, document = run(args=["ocpi", "actions"]).stdout, run(args=["ocpi", "actions", "--json"]).stdout

    assert empty == "Nobody changed anything.\n"
    assert text.splitlines()[1].split() == f"1 {NOON} ann pushed abc - The partner is not known.".split()
    assert [action["who"] for action in json.loads(document)["actions"]] == ["ann"]
