"""What the steps of the demo notice: the same day with all platforms in this process, and one thing that goes wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flask_ocpi import OCPI
from flask_ocpi import FlaskOCPIError
from flask_ocpi import Key
from flask_ocpi import MemoryStorage
from flask_ocpi import Record
from flask_ocpi.client.transport import Request
from flask_ocpi.client.transport import Response
from flask_ocpi.errors import UnreachableError
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.sandbox import billing
from flask_ocpi.testing.sandbox import charge_points
from flask_ocpi.testing.sandbox.demo import day as steps
from flask_ocpi.testing.sandbox.demo import play
from flask_ocpi.testing.sandbox.demo.stage import PARTIES
from flask_ocpi.testing.sandbox.demo.stage import CheckFailedError
from flask_ocpi.testing.sandbox.demo.stage import Day
from flask_ocpi.testing.sandbox.demo.stage import Exchange
from flask_ocpi.testing.sandbox.demo.stage import Recorder
from flask_ocpi.testing.sandbox.demo.stage import Screen
from flask_ocpi.testing.sandbox.demo.stage import Side
from flask_ocpi.testing.sandbox.demo.stage import make_day
from flask_ocpi.testing.sandbox.demo.stage import make_side
from flask_ocpi.testing.sandbox.demo.stage import settings


@dataclass
class Line:
    """The transport of all platforms in this process, on which something may go wrong.

    Requests of ``method`` for what begins with ``target`` are lost; or what is ``old`` in the request, or else in its
    answer, becomes ``new``; or they are sent with the method ``instead``.
    """

    network: Network
    method: str = ""
    target: str = ""
    old: bytes = b""
    new: bytes = b""
    instead: str = ""

    def send(self, request: Request) -> Response:
        asked = Exchange("", request.method, request.url, None, None, None).target
        if self.method != request.method or not asked.startswith(self.target):
            return self.network.send(request)
        if self.instead:
            return self.network.send(replace(request, method=self.instead))
        if not self.old:
            raise UnreachableError("The line is cut.")
        if request.body is not None and self.old in request.body:
            return self.network.send(replace(request, body=request.body.replace(self.old, self.new)))
        response = self.network.send(request)
        return replace(response, body=response.body.replace(self.old, self.new))

    def close(self) -> None:
        """Nothing is held open."""


def stored(side: Side) -> dict[str, dict[Key, Record]]:
    """Return all that a platform has stored."""
    storage = side.ocpi.storage
    assert isinstance(storage, MemoryStorage)
    return storage._kinds


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> tuple[Line, dict[str, Side], Path]:
    """The line, and the platforms on it, which note in the journal what they send."""
    journal = tmp_path_factory.mktemp("demo") / "journal"
    line, sides = Line(Network()), {}
    for role in PARTIES:
        host = f"{role.lower()}.example"
        config = {
            **settings(role, f"https://{host}"),
            "SECRET_KEY": f"secret of {host}",
            "OCPI_DISPATCHER": "inline",
            "SIMULATION_SPEED": play.SPEED,
            "TESTING": True,
        }
        transport = Recorder(line, journal, role)
        sides[role] = make_side(
            role, config, OCPI(storage=MemoryStorage(), transport=transport, clock=line.network.clock)
        )
        line.network.apps[host] = sides[role].app
    return line, sides, journal


@pytest.fixture
def line(stage: tuple[Line, dict[str, Side], Path]) -> Iterator[Line]:
    line = stage[0]
    yield line
    line.method = line.target = line.instead = ""
    line.old = line.new = b""


@pytest.fixture
def day(stage: tuple[Line, dict[str, Side], Path], line: Line, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    """A new day; the clock goes on when somebody waits."""
    monkeypatch.setattr(steps, "LOCATIONS", 9)
    monkeypatch.setattr("flask_ocpi.testing.sandbox.demo.stage.WAITS", 8)
    _, sides, journal = stage
    journal.write_bytes(b"")
    points = sides["CPO"].app.extensions["charge_points"]

    def wait() -> None:
        line.network.clock.advance(1)
        points.tick()

    before = {role: {kind: dict(records) for kind, records in stored(side).items()} for role, side in sides.items()}
    yield make_day(Screen(), journal, sides, Recorder(line, journal, "you"), wait=wait)
    for role, side in sides.items():
        stored(side).clear()
        stored(side).update(before[role])
    points.charging.clear()
    points.reservations.clear()


def broken(day: Day) -> str:
    """Play the day; return the title of the step that failed, and what it says."""
    with pytest.raises((CheckFailedError, FlaskOCPIError)) as failure:
        play.play(day)
    return f"{day.screen.title.split('  ')[1]}: {failure.value}"


def test_day_goes_well_in_one_process(day: Day, capsys: pytest.CaptureFixture[str]) -> None:
    play.play(day)
    steps.say_goodbye(day)

    assert "kWh at 0.39 by AC-REGULAR" in capsys.readouterr().out


def test_life_goes_on_after_the_day(
    day: Day, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pauses = iter([None, None])
    monkeypatch.setattr(time, "sleep", lambda seconds: next(pauses))
    play.play(day)
    capsys.readouterr()

    with pytest.raises(StopIteration):
        play.live(day)

    shown = capsys.readouterr().out
    assert "the provider has each new status" in shown
    assert "kWh at 0.37 by AC-REGULAR" in shown
    assert shown.count("Swagger UI: CPO https://cpo.example/ocpi/docs/") == 2


@pytest.mark.parametrize(
    ("message", "failure"),
    [
        ("POST credentials", "The provider registers with the operator: The line is cut."),
        ("GET locations", "The provider fetches the network: The line is cut."),
        ("PATCH locations", "Cars come and go: what the CPO saved: it never came"),
        ("PUT tariffs", "For how much: what the CPO saved: it never came"),
        ("PUT tokens", "Who may charge: the card 04A1B2C3D4E580: no answer"),
        ("GET tokens", "Who may charge: The line is cut."),
        ("POST tokens/04A1B2C3D4E580/authorize", "Two cards are held to charge points: The line is cut."),
        ("POST commands/RESERVE_NOW", "A driver reserves and thinks better of it: The line is cut."),
        (
            "POST commands/RESERVE_NOW/",
            "A driver reserves and thinks better of it: the result of RESERVE_NOW: no answer",
        ),
        ("POST commands/CANCEL_RESERVATION", "A driver reserves and thinks better of it: The line is cut."),
        ("POST commands/START_SESSION", "The driver plugs in: The line is cut."),
        ("POST commands/START_SESSION/", "The driver plugs in: the result of START_SESSION: no answer"),
        ("PUT sessions/NL", "A driver reserves and thinks better of it: AMS-0001-1 being RESERVED: it never came"),
        ("POST commands/STOP_SESSION", "The driver leaves: The line is cut."),
        ("POST commands/STOP_SESSION/", "The driver leaves: the result of STOP_SESSION: no answer"),
        ("POST cdrs", "The driver leaves: the CDR: no answer"),
        ("GET cdrs", "The driver leaves: The line is cut."),
        ("PUT chargingprofiles", "The grid is busy: The line is cut."),
        ("GET chargingprofiles", "The grid is busy: The line is cut."),
        ("POST chargingprofiles/set_profile", "The grid is busy: the result of SET_PROFILE: no answer"),
        ("POST chargingprofiles/active_profile", "The grid is busy: the result of GET_ACTIVE_PROFILE: no answer"),
        ("DELETE tariffs", "Prices change: what the CPO saved: it never came"),
        ("PUT hubclientinfo/DE/EMS", "A hub tells who is there: the news that the provider is CONNECTED: no answer"),
        ("GET hubclientinfo", "A hub tells who is there: The line is cut."),
        ("GET sessions", "Old and new versions: The line is cut."),
        ("PUT locations/NL/TRY", "Try it yourself: The line is cut."),
        ("DELETE credentials", "A hub tells who is there: The line is cut."),
    ],
)
def test_lost_message_is_noticed(day: Day, line: Line, message: str, failure: str) -> None:
    line.method, line.target = message.split()

    assert broken(day).startswith(failure)


@pytest.mark.parametrize(
    ("message", "old", "new", "failure"),
    [
        ("GET locations", b'"publish":true', b'"publish":false', "The provider fetches: not so: all are equal"),
        ("PATCH locations", b'"AVAILABLE"', b'"BLOCKED"', "Cars come and go: not so: the provider has each new status"),
        ("PUT tariffs", b"0.49", b"0.48", "For how much: not so: 6 tariffs are equal"),
        (
            "GET tokens",
            b'"status_code"',
            b"status_code",
            "Who may charge: GET https://emsp.example/ocpi/2.2.1/sender/tokens",
        ),
        ("PUT tokens", b'"valid":true', b'"valid":false', "Who may charge: not so: a pull brings nothing new"),
        ("GET tokens", b'"valid":false', b'"valid":true', "Who may charge: not so: a pull brings nothing new"),
        ("POST tokens/04A1B2C3D4E580", b'"ALLOWED"', b'"EXPIRED"', "Two cards: not so: 04A1B2C3D4E580 may charge"),
        ("POST tokens/04F6E5D4C3B280", b'"BLOCKED"', b'"ALLOWED"', "Two cards: not so: 04F6E5D4C3B280 may not"),
        ("POST commands/RESERVE_NOW", b'"ACCEPTED"', b'"REJECTED"', "A driver reserves: RESERVE_NOW was answered with"),
        ("POST commands/RESERVE_NOW/", b'"ACCEPTED"', b'"FAILED"', "A driver reserves: not so: RESERVE_NOW"),
        (
            "PATCH locations",
            b'"RESERVED"',
            b'"BLOCKED"',
            "A driver reserves: AMS-0001-1 being RESERVED: it never came",
        ),
        (
            "POST commands/CANCEL_RESERVATION/",
            b'"ACCEPTED"',
            b'"FAILED"',
            "A driver reserves: not so: CANCEL_RESERVATION",
        ),
        ("POST commands/START_SESSION/", b'"ACCEPTED"', b'"FAILED"', "The driver plugs in: not so: START_SESSION"),
        (
            "PATCH locations",
            b'"CHARGING"',
            b'"BLOCKED"',
            "The driver plugs in: AMS-0001-1 being CHARGING: it never came",
        ),
        ("PUT sessions/NL", b'"kwh":', b'"kwh":0.0,"real_kwh":', "The car charges: not so: the session grew"),
        ("PUT sessions/NL", b'"ENERGY"', b'"CURRENT"', "The car charges: not so: the provider has each of them"),
        ("PUT sessions/", b'"ACCEPTED"', b'"NOT_POSSIBLE"', "The driver has time: not so: the operator sees to that"),
        ("POST chargingprofiles/set_profile", b'"ACCEPTED"', b'"UNKNOWN"', "The grid is busy: not so: SET_PROFILE"),
        ("PUT chargingprofiles", b'"limit":8', b'"limit":9', "The grid is busy: not so: the operator tells that 8 A"),
        (
            "POST chargingprofiles/active_profile",
            b'"limit":8',
            b'"limit":9',
            "The grid is busy: not so: for the next hour",
        ),
        ("POST commands/STOP_SESSION/", b'"ACCEPTED"', b'"FAILED"', "The driver leaves: not so: STOP_SESSION"),
        ("POST cdrs", b'"total_energy":', b'"total_energy":1', "The driver leaves: not so: the provider has the CDR"),
        ("PUT sessions/NL", b'"COMPLETED"', b'"INVALID"', "The driver leaves: not so: it is about the"),
        ("PUT tariffs", b"0.37", b"0.39", "Prices change: not so: AC-REGULAR is 0.37"),
        ("PUT hubclientinfo/DE/EMS", b'"SUSPENDED"', b'"OFFLINE"', "A hub tells: not so: the provider leaves the hub"),
        ("GET hubclientinfo", b'"EMSP"', b'"NSP"', "A hub tells: not so: all three have the same list"),
        ("GET sessions", b'"kwh":', b'"kwh":1', "Old and new: not so: Ems Billing has the same"),
        ("GET cdrs", b'"before_taxes":', b'"before_taxes":9', "Old and new: not so: Ems App has the same"),
        ("GET locations/NL/TRY", b'"TRY-1"', b'"TRY-2"', "Try it yourself: not so: the other has a location"),
    ],
)
def test_wrong_message_is_noticed(day: Day, line: Line, message: str, old: bytes, new: bytes, failure: str) -> None:
    line.method, line.target = message.split()
    line.old, line.new = old, new
    step, _, claim = failure.partition(": ")

    noticed = broken(day)

    assert noticed.startswith(step)
    assert f": {claim}" in noticed


def test_tariff_that_is_not_deleted_is_noticed(day: Day, line: Line) -> None:
    line.method, line.target, line.instead = "DELETE", "tariffs", "GET"

    assert broken(day) == "Prices change: not so: SUMMER-SALE is gone"


def test_registration_that_does_not_end_is_noticed(day: Day, line: Line) -> None:
    steps.register(day)
    line.method, line.target, line.instead = "DELETE", "credentials", "GET"

    with pytest.raises(CheckFailedError, match="not so: eMSP and CPO have no tokens of each other any more"):
        steps.say_goodbye(day)


def test_wrong_cost_is_noticed(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    def dear_cdr(*arguments: Any) -> dict[str, Any]:
        return {**billing.cdr(*arguments), "total_cost": {"excl_vat": 99.0}}

    monkeypatch.setattr(charge_points, "cdr", dear_cdr)

    assert re.search(
        r"The driver leaves: not so: that is a fee of 0.50 and [\d.]+ kWh at 0.39 by AC-REGULAR: 99.00 EUR",
        broken(day),
    )


def test_message_that_never_comes_is_noticed(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day.cpo.app.extensions["charge_points"], "_set_status", lambda *arguments: None)

    assert broken(day) == "A driver reserves and thinks better of it: AMS-0001-1 being RESERVED: it never came"
