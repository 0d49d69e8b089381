"""What becomes of a request whose result comes later: crashes, races and restarts between its states."""

from __future__ import annotations

import threading

import pytest

from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import to_micros
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.exchange import pending
from flask_ocpi.exchange.pending import IncomingState
from flask_ocpi.exchange.pending.records import DEADLINES
from flask_ocpi.exchange.pending.records import INCOMING
from flask_ocpi.exchange.pending.records import every_pending
from flask_ocpi.exchange.pending.records import pending_key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import token
from tests.conformance.asking import Asker
from tests.conformance.asking import at_once
from tests.conformance.asking import operator
from tests.conformance.sharing import shared_network
from tests.conftest import EVERY_STORAGE
from tests.peers import answer

SECONDS = 120
START = {"token": token(), "location_id": "LOC1"}
RESERVE = {**START, "reservation_id": "RES1", "expiry_date": "2026-01-08T12:00:00Z"}


@pytest.fixture
def network():
    return shared_network()


@pytest.fixture
def cpo(network):
    return operator(network)


@pytest.fixture
def asker(network, cpo):
    return Asker(network, cpo)


def accepted(asker, ocpi, command="START_SESSION", body=START):
    """Send a command that is accepted; return the id under which the operator finishes it."""
    ids = []

    @ocpi.command(command)
    def hook(body, reply):
        ids.append(reply.id)
        return "ACCEPTED"

    assert asker.command(command, body).data["result"] == "ACCEPTED"
    return ids[0]


def state(ocpi, id):
    return pending.get_incoming(ocpi.services, id).state


def count(ocpi, kind):
    return ocpi.storage.list(kind, Query()).total


@EVERY_STORAGE
def test_of_many_who_finish_a_request_at_once_one_does(ocpi_network, ocpi):
    asker = Asker(ocpi_network, ocpi)
    ocpi.command("STOP_SESSION")(lambda body, reply: ids.append(reply.id) or "ACCEPTED")
    ocpi.save("sessions", session())
    ids = []
    for _ in range(3):
        asker.command("STOP_SESSION", {"session_id": "SES1"})
    results = ["ACCEPTED", "FAILED", "REJECTED", "EVSE_OCCUPIED"]

    outcomes = [at_once([lambda id=id, result=result: ocpi.finish(id, result) for result in results]) for id in ids]

    for id, outcome, sent in zip(ids, outcomes, asker.results, strict=True):
        (winner,) = [result for result, done in zip(results, outcome, strict=True) if done is True]
        assert sent == {"result": winner}
        assert sum(isinstance(done, InvalidParametersError) for done in outcome) == 3
        assert state(ocpi, id) is IncomingState.SENT


@EVERY_STORAGE
def test_a_result_and_the_time_out_at_the_same_moment_are_one_result(ocpi_network, ocpi, ocpi_clock):
    asker = Asker(ocpi_network, ocpi)
    ocpi.save("sessions", session())
    for number in range(5):
        id = accepted(asker, ocpi, "STOP_SESSION", {"session_id": "SES1"})
        ocpi_clock.advance(30)

        finished, *ended = at_once([lambda id=id: ocpi.finish(id, "ACCEPTED"), ocpi.send_timeouts, ocpi.send_timeouts])

        assert not any(isinstance(outcome, Exception) for outcome in ended)
        (sent,) = asker.results[number:]
        assert sent == {"result": "ACCEPTED" if finished is True else "TIMEOUT"}
        assert finished is True or isinstance(finished, InvalidParametersError)


def test_a_result_that_another_thread_gives_while_the_hook_runs_is_sent_after_the_answer(cpo, asker):
    outcomes = []

    @cpo.command("START_SESSION")
    def start(body, reply):
        other = threading.Thread(target=lambda: outcomes.append(cpo.finish(reply.id, "ACCEPTED")))
        other.start()
        other.join(SECONDS)
        outcomes.append(len(asker.received))
        return "ACCEPTED"

    response = asker.command("START_SESSION", START)

    assert response.data["result"] == "ACCEPTED"
    assert outcomes == [True, 0]
    assert asker.results == [{"result": "ACCEPTED"}]


@EVERY_STORAGE
def test_a_result_that_was_stored_and_not_sent_is_sent_by_the_end_of_its_time(ocpi_network, ocpi, ocpi_clock):
    asker = Asker(ocpi_network, ocpi)
    ocpi.save("sessions", session())
    id = accepted(asker, ocpi, "STOP_SESSION", {"session_id": "SES1"})
    pending.finish(ocpi.services, id, "FAILED")  # and now the process ends

    ocpi_clock.advance(29)
    too_early = (ocpi.send_timeouts(), asker.results)
    ocpi_clock.advance(1)
    ended = [ocpi.send_timeouts(), ocpi.send_timeouts()]

    assert too_early == (0, [])
    assert ended == [1, 0]
    assert asker.results == [{"result": "FAILED"}]
    assert state(ocpi, id) is IncomingState.SENT


def test_a_result_is_not_sent_again_when_the_process_ended_while_sending_it(network, cpo, asker):
    id = accepted(asker, cpo)
    pending.finish(cpo.services, id, "FAILED")
    assert pending.claim(cpo.services, id) is not None  # and now the process ends

    network.clock.advance(3600)

    assert (cpo.send_timeouts(), asker.results) == (0, [])
    assert state(cpo, id) is IncomingState.SENDING
    with pytest.raises(InvalidParametersError, match="has its result already"):
        cpo.finish(id, "ACCEPTED")


def test_nothing_is_sent_for_a_request_whose_answer_was_never_given(network, cpo, asker):
    ids = []

    @cpo.command("START_SESSION")
    def start(body, reply):
        ids.append(reply.id)
        raise SystemExit

    with pytest.raises(SystemExit):
        asker.command("START_SESSION", START)
    finished = cpo.finish(ids[0], "ACCEPTED")  # by who was asked before the process ended
    network.clock.advance(86_401)
    cpo.send_timeouts()

    assert (finished, asker.results) == (True, [])
    assert state(cpo, ids[0]) is IncomingState.ASKED
    accepted(asker, cpo)
    with pytest.raises(NotFoundError):
        state(cpo, ids[0])


def test_a_reservation_that_is_taken_back_while_its_result_is_sent_is_told_next(cpo, asker):
    id = accepted(asker, cpo, "RESERVE_NOW", RESERVE)
    taken = []

    def take_back():
        if not taken:
            taken.append(None)
            taken[0] = cpo.finish(id, "CANCELED_RESERVATION")
        return answer(None)

    asker.peer.answers["POST /results/1"] = take_back

    made = cpo.finish(id, "ACCEPTED")

    assert (made, taken) == (True, [True])
    assert asker.results == [{"result": "ACCEPTED"}, {"result": "CANCELED_RESERVATION"}]
    assert state(cpo, id) is IncomingState.SENT
    assert count(cpo, DEADLINES) == 0


def test_a_result_that_comes_while_another_is_sent_is_not_taken_for_that(network, cpo, asker):
    id = accepted(asker, cpo, "RESERVE_NOW", RESERVE)

    def take_back():
        pending.finish(cpo.services, id, "CANCELED_RESERVATION")  # by a process that ends before it sends that
        return answer(None)

    asker.peer.answers["POST /results/1"] = take_back
    cpo.finish(id, "ACCEPTED")
    assert state(cpo, id) is IncomingState.FINISHED
    asker.peer.answers.clear()
    network.clock.advance(30)

    cpo.send_timeouts()

    assert asker.results == [{"result": "ACCEPTED"}, {"result": "CANCELED_RESERVATION"}]
    assert state(cpo, id) is IncomingState.SENT


def test_a_result_is_sent_by_one_of_those_who_find_it(network, cpo, asker):
    id = accepted(asker, cpo)
    others = []

    def find_too(request):
        if len(others) < 2:
            others.append(None)
            others[-1] = (cpo.services.deliver(id), cpo.send_timeouts())

    network.before_send = find_too

    cpo.finish(id, "ACCEPTED")

    assert others == [(True, 0)]
    assert cpo.services.deliver(id) is True
    assert asker.results == [{"result": "ACCEPTED"}]


def test_a_reservation_that_was_taken_back_and_not_told_is_told_after_a_restart(network, cpo, asker):
    id = accepted(asker, cpo, "RESERVE_NOW", RESERVE)
    cpo.finish(id, "ACCEPTED")
    network.clock.advance(3600)
    pending.finish(cpo.services, id, "CANCELED_RESERVATION")  # and now the process ends

    assert cpo.send_timeouts() == 1

    assert asker.results == [{"result": "ACCEPTED"}, {"result": "CANCELED_RESERVATION"}]


def test_an_error_that_nobody_expects_is_an_attempt_all_the_same(network, cpo, asker):
    def fail(request):
        raise ZeroDivisionError

    id = accepted(asker, cpo)
    network.before_send = fail
    with pytest.raises(ZeroDivisionError):
        cpo.finish(id, "ACCEPTED")
    network.clock.advance(3600)

    assert cpo.send_timeouts() == 0
    assert state(cpo, id) is IncomingState.FAILED


def test_one_error_that_nobody_expects_does_not_hold_up_the_other_time_outs(network, cpo, asker, caplog):
    other = Asker(network, cpo, host="other.example", parties=[("FR", "OTH", ["EMSP"])])
    theirs = {"token": token(country_code="FR", party_id="OTH"), "response_url": "https://other.example/r"}
    accepted(asker, cpo)
    accepted(other, cpo, body={**START, **theirs})

    def fail(request):
        if "asker.example" in request.url:
            raise ZeroDivisionError

    network.before_send = fail
    network.clock.advance(30)

    assert cpo.send_timeouts() == 2
    assert other.results == [{"result": "TIMEOUT"}]
    assert "ZeroDivisionError" in caplog.text


def test_all_that_is_overdue_is_found_and_what_is_gone_is_forgotten(network, cpo, asker):
    for number in range(1001):
        cpo.storage.save(DEADLINES, pending_key(f"gone{number}"), Record.of({"id": f"gone{number}"}))
    accepted(asker, cpo)
    network.clock.advance(30)

    assert cpo.send_timeouts() == 1

    assert count(cpo, DEADLINES) == 0
    assert asker.results == [{"result": "TIMEOUT"}]


@EVERY_STORAGE
def test_the_next_deadline_is_that_of_what_is_open(ocpi_network, ocpi, ocpi_clock):
    asker = Asker(ocpi_network, ocpi)
    ocpi.save("sessions", session())
    begin = int(ocpi_clock().timestamp())
    answers = iter([{"result": "ACCEPTED", "timeout": timeout} for timeout in (90, 30, 60)])
    ids = []
    ocpi.command("STOP_SESSION")(lambda body, reply: ids.append(reply.id) or next(answers))
    deadlines = [pending.next_deadline(ocpi.services)]
    for _ in range(3):
        asker.command("STOP_SESSION", {"session_id": "SES1"})
        deadlines.append(pending.next_deadline(ocpi.services))

    for id in (ids[1], ids[0], ids[2]):
        ocpi.finish(id, "ACCEPTED")
        deadlines.append(pending.next_deadline(ocpi.services))

    seconds = [None if moment is None else moment / 1_000_000 - begin for moment in deadlines]
    assert seconds == [None, 90, 30, 30, 60, 60, None]


def test_a_timeout_without_measure_is_kept_within_it(network, cpo, asker):
    cpo.command("START_SESSION")(lambda body, reply: {"result": "ACCEPTED", "timeout": 2**53 - 1})

    response = asker.command("START_SESSION", START)

    assert response.data == {"result": "ACCEPTED", "timeout": 2**53 - 1}
    network.clock.advance(366 * 86_400)
    assert cpo.send_timeouts() == 1


def test_each_new_request_forgets_old_ones_but_none_that_is_open(network, cpo, asker):
    for _ in range(3):
        cpo.finish(accepted(asker, cpo), "ACCEPTED")
    cpo.command("START_SESSION")(lambda body, reply: {"result": "ACCEPTED", "timeout": 200_000})
    asker.command("START_SESSION", START)
    network.clock.advance(100_000)

    newest = accepted(asker, cpo)

    records = cpo.storage.list(INCOMING, every_pending()).records
    assert [record.document["state"] for record in records] == ["OPEN", "OPEN"]
    assert records[-1].document["id"] == newest


def test_old_requests_are_looked_for_once_a_minute_and_until_none_is_left(network, cpo, asker, monkeypatch):
    monkeypatch.setattr(pending.records, "_PURGED_AT_ONCE", 3)
    accepted(asker, cpo)
    for number in range(7):
        old = {"id": f"old{number}"}
        cpo.storage.save(INCOMING, pending_key(old["id"]), Record.of(old, last_updated=1))
    left = []

    for seconds in (1, 60, 1, 1, 1):
        network.clock.advance(seconds)
        accepted(asker, cpo)
        left.append(sum("state" not in r.document for r in cpo.storage.list(INCOMING, every_pending()).records))

    assert left == [7, 4, 1, 0, 0]


def test_an_accepted_request_is_stored_twice_and_its_deadline_once(cpo, asker, monkeypatch):
    accepted(asker, cpo)
    calls = []
    for verb in ("get", "list", "save", "delete", "delete_page"):
        original = getattr(cpo.storage, verb)

        def noted(kind, *args, original=original, verb=verb, **kwargs):
            calls.append((verb, kind))
            return original(kind, *args, **kwargs)

        monkeypatch.setattr(cpo.storage, verb, noted)

    accepted(asker, cpo)

    assert [call for call in calls if call[1] in (INCOMING, DEADLINES)] == [
        ("save", INCOMING),
        ("save", INCOMING),
        ("save", DEADLINES),
    ]


@EVERY_STORAGE
def test_a_deadline_is_there_for_as_long_as_something_is_to_be_sent(ocpi_network, ocpi, ocpi_clock):
    asker = Asker(ocpi_network, ocpi)
    ocpi.save("sessions", session())
    there = []
    inside = []

    def hook(body, reply):
        inside.append((reply.id, count(ocpi, DEADLINES)))
        return "ACCEPTED"

    ocpi.command("STOP_SESSION")(hook)
    for _ in range(2):
        asker.command("STOP_SESSION", {"session_id": "SES1"})
        there.append(count(ocpi, DEADLINES))
    ocpi.finish(inside[0][0], "ACCEPTED")
    there.append(count(ocpi, DEADLINES))
    ocpi_clock.advance(30)
    ocpi.send_timeouts()
    there.append(count(ocpi, DEADLINES))

    assert [number for _, number in inside] == [0, 1]
    assert there == [1, 2, 1, 0]
    assert asker.results == [{"result": "ACCEPTED"}, {"result": "TIMEOUT"}]


def test_the_next_deadline_of_very_many_is_never_told_too_late(network, cpo, asker):
    def open_until(seconds):
        id = f"{seconds}-{count(cpo, DEADLINES)}"
        moment = to_micros(format_date_time(network.clock())) + int(seconds * 1_000_000)
        cpo.storage.save(DEADLINES, pending_key(id), Record.of({"id": id}, last_updated=moment))

    def seconds_left():
        now = to_micros(format_date_time(network.clock()))
        return (pending.next_deadline(cpo.services) - now) / 1_000_000

    found = {}
    for _ in range(60):
        open_until(100_000)
    for first in (100_000, 3000, 100, 30, 3, 0.7, -5):
        open_until(first)
        found[first] = seconds_left()

    assert found == {100_000: 4096, 3000: 1024, 100: 64, 30: 16, 3: 1, 0.7: 0.7, -5: -5}


def test_a_platform_of_several_parties_is_answered_whole(network, cpo):
    asker = Asker(network, cpo, parties=[("DE", "EMS", ["EMSP"]), ("DE", "EMT", ["EMSP"])])
    replies = []
    cpo.command("START_SESSION")(lambda body, reply: replies.append(reply) or "ACCEPTED")
    asker.command("START_SESSION", START)

    cpo.finish(replies[0].id, "ACCEPTED")

    assert replies[0].sender is None
    assert "OCPI-to-party-id" not in asker.received[0].headers
    assert asker.received[0].headers["OCPI-from-party-id"] == "ABC"
