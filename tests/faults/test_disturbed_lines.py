"""Whatever happens on the line, in the end the partner has what we have, and each CDR once."""

from __future__ import annotations

import itertools
import random
import threading
import time

import orjson
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_ocpi.client.transport import Request
from flask_ocpi.client.transport import Response
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.errors import UnansweredError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.testing.backends import sqlalchemy_storage
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import tariff
from tests.faults.networks import DRIVER
from tests.faults.networks import Pair
from tests.selecting import examples

FINE = "fine"
CUT_BEFORE = "cut before the partner got it"
CUT_AFTER = "cut before the answer came"
TWICE = "sent twice by something in between"
BUSY = "refused for now"
BROKEN = "failed after it was stored"
GARBAGE = "answered by something in between"
CHANGED_MEANWHILE = "the object changed while it was under way"
FAULTS = (FINE, CUT_BEFORE, CUT_AFTER, TWICE, BUSY, BROKEN, GARBAGE, CHANGED_MEANWHILE)

SAVE_LOCATION, SET_STATUS, SET_BOTH, ADD_EVSE = "save location", "set status", "set both", "add EVSE"
SAVE_SESSION, UPDATE_SESSION, ADD_PERIOD, SAVE_CDR = "save session", "update session", "add period", "save CDR"
SAVE_TARIFF, DELETE_TARIFF, WAIT = "save tariff", "delete tariff", "wait"
CHANGES = (
    *(SAVE_LOCATION, SET_STATUS, SET_BOTH, ADD_EVSE, SAVE_SESSION, UPDATE_SESSION, ADD_PERIOD, SAVE_CDR),
    *(SAVE_TARIFF, DELETE_TARIFF),
)
STEPS = (*CHANGES, WAIT)
STATUSES = ("AVAILABLE", "CHARGING", "BLOCKED", "OUTOFORDER")


class Host:
    """The operator's own application: it makes changes to a few objects, each of another kind of state."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.numbers = itertools.count(1)

    def do(self, change: str, which: int) -> None:
        """Make a change to one of two objects; what is not there yet is created first."""
        self.pair.clock.advance(0.5)
        cpo, number, now = self.pair.cpo, next(self.numbers), format_date_time(self.pair.clock())
        place, transaction = f"LOC{which}", f"SES{which}"
        if change in (SET_STATUS, SET_BOTH, ADD_EVSE) and not self._has("locations", place):
            change = SAVE_LOCATION
        if change in (UPDATE_SESSION, ADD_PERIOD) and not self._has("sessions", transaction):
            change = SAVE_SESSION
        if change == DELETE_TARIFF and not self._has("tariffs", f"TARIFF{which}"):
            change = SAVE_TARIFF
        if change == SAVE_LOCATION:
            evses = [evse(uid="E0", last_updated=now), evse(uid="E1", last_updated=now)]
            cpo.save("locations", location(id=place, name=f"Name {number}", evses=evses, last_updated=now))
        elif change == SET_STATUS:
            cpo.patch("locations", place, f"E{number % 2}", changes={"status": STATUSES[number % 4]})
        elif change == SET_BOTH:
            for uid in ("E0", "E1"):
                cpo.patch("locations", place, uid, changes={"status": STATUSES[number % 4]})
        elif change == ADD_EVSE:
            before = cpo.objects.get("locations", place)
            added = [*before["evses"], evse(uid=f"N{number}", last_updated=now)]
            cpo.save("locations", {**before, "evses": added, "last_updated": now})
        elif change == SAVE_SESSION:
            cpo.save("sessions", session(id=transaction, cdr_token=DRIVER, kwh=number, last_updated=now))
        elif change == UPDATE_SESSION:
            cpo.patch("sessions", transaction, changes={"kwh": number})
        elif change == ADD_PERIOD:
            period = {"start_date_time": now, "dimensions": [{"type": "ENERGY", "volume": number}]}
            cpo.patch("sessions", transaction, changes={"kwh": number, "charging_periods": [period]})
        elif change == SAVE_CDR:
            cpo.save("cdrs", cdr(id=f"CDR{number}", cdr_token=DRIVER, total_energy=number, last_updated=now))
        elif change == SAVE_TARIFF:
            cpo.save("tariffs", tariff(id=f"TARIFF{which}", min_price={"excl_vat": number}, last_updated=now))
        elif change == DELETE_TARIFF:
            cpo.delete("tariffs", f"TARIFF{which}")
        else:
            self.pair.clock.advance(30)
            cpo.outbox.flush()

    def _has(self, module: str, id: str) -> bool:
        return any(document["id"] == id for document in self.pair.cpo.objects.documents(module))


class Line:
    """The line to the provider: each message meets the next of these faults, later ones none."""

    def __init__(self, pair: Pair, faults: list[str], host: Host | None = None) -> None:
        self.pair = pair
        self.host = host
        self.faults = iter(faults)
        self.met = threading.local()
        self.seen: list[str] = []
        pair.network.before_send = self.before
        pair.network.after_send = self.after

    def before(self, request: Request) -> None:
        fault = FINE if request.method == "GET" else next(self.faults, FINE)
        self.met.fault = fault
        self.seen.append(fault)
        if fault == CUT_BEFORE:
            raise UnreachableError("The line is cut.")
        if fault == TWICE:
            self._deliver(request)
        if fault == CHANGED_MEANWHILE and self.host is not None:
            self.met.fault = FINE  # of this message; those of the change meet faults of their own
            for change in (SET_STATUS, UPDATE_SESSION):
                self.host.do(change, 0)

    def after(self, request: Request, response: Response) -> Response:
        fault, self.met.fault = self.met.fault, FINE
        if fault == CUT_AFTER:
            raise UnansweredError("The answer is lost.")
        if fault == BUSY:
            return _answer(response, 429, 2000, {"Retry-After": "7"})
        if fault == BROKEN:
            return _answer(response, 500, 3000)
        if fault == GARBAGE:
            return Response(200, {"Content-Type": "text/html"}, b"<h1>Please log in</h1>", response.url)
        return response

    def heal(self) -> None:
        self.faults = iter(())

    def _deliver(self, request: Request) -> None:
        app = self.pair.network.apps["emsp.example"]
        client = app.test_client()
        client.open(request.url, method=request.method, headers=dict(request.headers), data=request.body).close()


def _answer(response: Response, http_status: int, status_code: int, headers: dict[str, str] | None = None) -> Response:
    envelope = {"status_code": status_code, "status_message": "No.", "timestamp": "2026-01-01T00:00:00Z"}
    return Response(http_status, headers or {}, orjson.dumps(envelope), response.url)


def play(pair: Pair, steps: list[tuple[str, int]], faults: list[str]) -> Line:
    """Make changes while the line is disturbed, mend it, and dispatch what is left."""
    host = Host(pair)
    line = Line(pair, faults, host)
    for change, which in steps:
        host.do(change, which)
    line.heal()
    pair.settle()
    return line


HISTORIES = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 1)), min_size=1, max_size=25)


@pytest.mark.conformance("T-33", "T-38", "CDR-06")
@given(steps=HISTORIES, faults=st.lists(st.sampled_from(FAULTS), max_size=30))
@settings(max_examples=examples(40), deadline=None)
def test_partner_has_what_we_have_after_any_faults(steps, faults):
    pair = Pair()

    play(pair, steps, faults)

    pair.assert_equal()


@pytest.mark.parametrize("seed", range(4))
def test_partner_has_what_we_have_also_from_a_database(tmp_path, seed):
    chosen = random.Random(seed)
    steps = [(chosen.choice(STEPS), chosen.randrange(2)) for _ in range(40)]
    faults = [chosen.choice(FAULTS) for _ in range(60)]
    with sqlalchemy_storage(f"sqlite:///{tmp_path / 'ocpi.sqlite3'}") as storage:
        pair = Pair(storage=storage)

        line = play(pair, steps, faults)

        assert len(set(line.seen)) > 4, "faults were met"
        pair.assert_equal()


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone_leaves_nothing_behind_of_any_change(fault):
    pair = Pair()
    host = Host(pair)
    for change in (SAVE_LOCATION, SAVE_SESSION, SAVE_TARIFF, *CHANGES):
        line = Line(pair, [fault], host)
        host.do(change, 0)
        line.heal()
        pair.settle()

        assert line.seen[0] == fault
        pair.assert_equal()


@pytest.mark.conformance("CDR-06")
def test_cdr_whose_answer_is_lost_every_time_is_stored_once():
    pair = Pair()
    line = Line(pair, [CUT_AFTER] * 10)
    pair.cpo.save("cdrs", cdr(cdr_token=DRIVER))
    for _ in range(9):
        pair.clock.advance(600)
        pair.cpo.outbox.flush()

    assert line.seen == [CUT_AFTER] * 10
    assert len(pair.waiting()) == 1
    line.heal()
    pair.settle()
    pair.assert_equal()


@pytest.mark.parametrize("seed", range(3))
def test_answers_in_any_order_and_a_slow_partner_change_nothing(seed):
    """Threads send side by side, and the answers of what was sent first may come last."""
    chosen = random.Random(seed)
    pair = Pair(dispatcher="thread")
    delays, drawing = [chosen.uniform(0, 0.03) for _ in range(200)], threading.Lock()
    order: list[str] = []
    overtaken = threading.Event()
    line = Line(pair, [chosen.choice((FINE, FINE, CUT_AFTER, TWICE, BROKEN)) for _ in range(40)])
    judge = line.after

    def slowly(request: Request, response: Response) -> Response:
        with drawing:
            delay = delays.pop() if delays else 0
        if request is pair.network.requests[0]:
            assert overtaken.wait(120)
        time.sleep(delay)
        order.append(request.url)
        overtaken.set()
        return judge(request, response)

    pair.network.after_send = slowly
    for number in range(8):
        pair.cpo.save("locations", location(id=f"LOC{number}", evses=[evse(uid="E0"), evse(uid="E1")]))
    for number in range(80):
        pair.clock.advance(0.2)
        pair.cpo.patch("locations", f"LOC{number % 8}", f"E{number % 2}", changes={"status": STATUSES[number // 8 % 4]})
        if number % 10 == 0:
            pair.cpo.save("cdrs", cdr(id=f"CDR{number}", cdr_token=DRIVER))
    assert overtaken.wait(120)  # before the clock is moved: the first message keeps its lease that long
    line.heal()
    ends = time.monotonic() + 30
    while pair.waiting() and time.monotonic() < ends:
        pair.clock.advance(60)
        pair.cpo.dispatcher.wake()
        time.sleep(0.05)
    assert pair.cpo.dispatcher.stop(30)

    assert order[0] != pair.network.requests[0].url, "an answer overtook another"
    assert pair.waiting() == []
    pair.assert_equal()


class Detour:
    """A line on which the first message takes so long that the sender gives up, and arrives after the second."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.held: Request | None = None
        pair.network.before_send = self.hold

    def hold(self, request: Request) -> None:
        if self.held is None and request.method != "GET":
            self.held = request
            raise UnansweredError("It takes too long.")

    def arrive(self) -> int:
        """Let the message that was held back arrive at last; return the OCPI status it is answered with."""
        assert self.held is not None
        client = self.pair.network.apps["emsp.example"].test_client()
        request = self.held
        answer = client.open(request.url, method=request.method, headers=dict(request.headers), data=request.body)
        return orjson.loads(answer.get_data())["status_code"]


def overtaken(pair: Pair) -> Detour:
    """Bring a Location to the partner whose older state is still on its way."""
    pair.cpo.save("locations", location(name="First", last_updated=format_date_time(pair.clock())))
    detour = Detour(pair)
    pair.clock.advance(1)
    pair.cpo.save("locations", location(name="Older", last_updated=format_date_time(pair.clock())))
    pair.clock.advance(1)
    pair.cpo.save("locations", location(name="Newer", last_updated=format_date_time(pair.clock())))
    pair.settle()
    pair.assert_equal()
    return detour


def test_message_that_arrives_after_a_newer_one_is_mended_by_the_next_sync():
    pair = Pair()
    assert overtaken(pair).arrive() == 1000

    assert all(synced.is_complete for synced in pair.emsp.sync())

    pair.assert_equal()


def test_message_that_arrives_after_a_newer_one_is_refused_where_older_ones_are():
    pair = Pair(provider={"OCPI_REJECT_STALE": True})

    assert overtaken(pair).arrive() >= 2000

    pair.assert_equal()
