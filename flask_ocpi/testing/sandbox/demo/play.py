"""A roaming day, told step by step: flask ocpi demo

An operator (CPO), a provider (eMSP) with two more systems, and a hub run as five servers. The demo does what their
staff and a driver would do: it works on the same databases, so what it starts goes from one server to another; the
operator's server simulates charge points.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from typing import NoReturn

from flask_ocpi import OCPI
from flask_ocpi import FlaskOCPIError
from flask_ocpi.exchange.write_behind import flush_all
from flask_ocpi.testing.sandbox.demo import day as platforms
from flask_ocpi.testing.sandbox.demo import driver
from flask_ocpi.testing.sandbox.demo.servers import Server
from flask_ocpi.testing.sandbox.demo.servers import program
from flask_ocpi.testing.sandbox.demo.servers import recorder
from flask_ocpi.testing.sandbox.demo.servers import running
from flask_ocpi.testing.sandbox.demo.servers import wait_until_ready
from flask_ocpi.testing.sandbox.demo.stage import BOLD
from flask_ocpi.testing.sandbox.demo.stage import CheckFailedError
from flask_ocpi.testing.sandbox.demo.stage import Day
from flask_ocpi.testing.sandbox.demo.stage import Screen
from flask_ocpi.testing.sandbox.demo.stage import Side
from flask_ocpi.testing.sandbox.demo.stage import make_day
from flask_ocpi.testing.sandbox.demo.stage import make_side
from flask_ocpi.testing.sandbox.demo.stage import settings
from flask_ocpi.testing.sandbox.serving import ServerFailedError
from flask_ocpi.testing.sandbox.serving import port_for

PORTS = {"CPO": 5001, "eMSP": 5002, "Hub": 5003, "Old": 5004, "New": 5005}
SPEED = 600  # a charged hour in 6 seconds
PAUSE_SECONDS = 5
LOG_LINES = 20
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(*, once: bool) -> int:
    """Run the demo and return its exit code: 1 when something is not as it should be.

    once: end after the last check; otherwise life goes on until Ctrl-C.
    """
    screen = Screen()
    for number in SIGNALS:
        signal.signal(number, _leave)
    for name in [name for name in os.environ if name.startswith("FLASK_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-demo-") as folder, ExitStack() as stack:
        try:
            day = open_day(stack, screen, Path(folder), PORTS if not once else {})
            play(day)
            code = 0 if once else stay(day)
            platforms.say_goodbye(day)
        except (CheckFailedError, ServerFailedError, FlaskOCPIError) as error:
            screen.failed(str(error))
            show_logs(Path(folder))
            return 1
    return code


def open_day(stack: ExitStack, screen: Screen, folder: Path, ports: dict[str, int]) -> Day:
    """Start the platforms; they end with the stack."""
    screen.step(f"Five platforms start, each in a process of its own ({program()})")
    journal = folder / "journal"
    journal.touch()
    sides, servers = {}, {}
    for role in PORTS:
        port = stack.enter_context(port_for(ports.get(role)))
        sides[role], servers[role] = stack.enter_context(open_side(role, port, folder, journal))
    for role, server in servers.items():
        wait_until_ready(server)
        name = screen.paint(f"{sides[role].name:13}", BOLD)
        screen.line(f"{name} {role:4} {sides[role].party}: {server.url}, process {server.process.pid}")
    screen.line()
    screen.line("Each message they send is shown: who -> whom, method, module, the OCPI status (1000: success).")
    visitor = recorder(journal, "you")
    stack.callback(visitor.close)
    return make_day(screen, journal, sides, visitor)


@contextmanager
def open_side(role: str, port: int, folder: Path, journal: Path) -> Iterator[tuple[Side, Server]]:
    """Start a platform with a database of its own."""
    config: dict[str, Any] = {
        **settings(role, f"http://127.0.0.1:{port}"),
        "SECRET_KEY": f"demo {secrets.token_hex(16)}",
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / role}.sqlite3",
        "OCPI_CREATE_TABLES": True,
        "OCPI_HTTP_ALLOW_PRIVATE": True,
        "SIMULATION_SPEED": SPEED,
    }
    environment = {f"FLASK_{key}": json.dumps(value) for key, value in config.items()}
    transport = recorder(journal, role)
    side = make_side(role, config, OCPI(transport=transport))
    try:
        with running(role, port, journal, settings=environment, log=folder / f"{role}.log") as server:
            yield side, server
    finally:
        side.ocpi.dispatcher.stop()
        flush_all()  # at the end of the process the database would be gone
        transport.close()
        with side.app.app_context():
            side.app.extensions["sqlalchemy"].engine.dispose()


def play(day: Day) -> None:
    """Go through the day; raise CheckFailedError when something is not as it should be."""
    platforms.open_network(day)
    platforms.register(day)
    platforms.share_locations(day)
    platforms.change_statuses(day)
    platforms.share_tariffs(day)
    platforms.share_tokens(day)
    platforms.authorize(day)
    where = driver.choose_evse(day)
    driver.reserve(day, where)
    session_id = driver.start(day, where)
    driver.watch(day, session_id)
    driver.wish(day, session_id)
    driver.limit(day, session_id)
    driver.stop(day, session_id)
    platforms.change_tariffs(day)
    platforms.join_hub(day)
    platforms.speak_other_versions(day, session_id)
    platforms.invite_visitors(day)


def stay(day: Day) -> int:
    """Go on until Ctrl-C, and return the exit code for that."""
    try:
        live(day)
    except SystemExit as left:
        return int(left.code or 0)


def live(day: Day) -> NoReturn:
    """Let cars come and go, and a driver charge now and then."""
    docs = ", ".join(f"{side.role} {side.base_url}/ocpi/docs/" for side in (day.cpo, day.emsp))
    number = 1  # the day was the first
    while True:
        number += 1
        day.screen.line()
        day.screen.line(f"Swagger UI: {docs}")
        day.screen.line(day.screen.paint("Ctrl-C ends the platforms.", BOLD))
        time.sleep(PAUSE_SECONDS)
        platforms.change_statuses(day, seed=number)
        time.sleep(PAUSE_SECONDS)
        session_id = driver.start(day, driver.choose_evse(day))
        driver.watch(day, session_id, count=4)
        driver.stop(day, session_id)


def show_logs(folder: Path) -> None:
    """Print the end of what each server wrote."""
    for log in sorted(folder.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        if lines:
            print(f"\nThe server of the {log.stem} wrote:", *lines, sep="\n   ", file=sys.stderr)


def _leave(number: int, frame: FrameType | None) -> None:
    # Once is enough: whatever comes while the servers are being ended must not leave one behind.
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)
