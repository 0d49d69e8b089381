"""The operator and a provider on this machine: a web process and a central system, and a provider in this process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any
from typing import TypeVar

from flask import Flask

from examples import emsp
from examples.ocpp_cpo.app import create_app
from flask_ocpi import OCPI
from flask_ocpi.host.facade import OwnPlatform
from flask_ocpi.testing.sandbox.serving import port_for
from flask_ocpi.testing.sandbox.serving import serving

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 60  # at the most, until something that has to happen has happened
CHARGE_POINTS = {"CP-16": "1=QUAY/QUAY-1/1", "CP-201": "1=QUAY/QUAY-2/1"}

T = TypeVar("T")


@dataclass
class Stage:
    """What a scene needs. passwords: of the charge points. central_url: without the id of a charge point."""

    folder: Path
    settings: dict[str, str]
    central_port: int
    cpo: Flask
    provider: Flask
    passwords: dict[str, str] = field(default_factory=dict)
    central: subprocess.Popen[bytes] | None = None

    @property
    def central_url(self) -> str:
        return f"ws://127.0.0.1:{self.central_port}/ocpp"

    @property
    def emsp(self) -> OwnPlatform:
        found: OwnPlatform = self.provider.extensions["ocpi"]
        return found

    def status(self, evse_uid: str) -> str:
        """Return the status of an EVSE that the provider sees."""
        location = self.copies("locations")[0]
        return next(str(evse["status"]) for evse in location["evses"] if evse["uid"] == evse_uid)

    def copies(self, module: str) -> list[dict[str, Any]]:
        """Return what the operator sent to the provider."""
        return list(self.emsp.copies.documents(module))

    def add_token(self, uid: str, **changes: Any) -> dict[str, Any]:
        """Save a token at the provider, and wait until the operator has it."""
        token = {
            "country_code": "DE",
            "party_id": "EMS",
            "uid": uid,
            "type": "RFID",
            "contract_id": f"DEEMSC{uid[-9:]:0>9}",
            "issuer": "Ems Mobility",
            "valid": True,
            "whitelist": "ALLOWED_OFFLINE",
            "last_updated": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            **changes,
        }
        self.emsp.save("tokens", token)
        wait_for(lambda: not self.emsp.outbox.lags(), "the operator has the token")
        return token

    def command(self, name: str, *arguments: Any) -> dict[str, Any]:
        """Have the provider send a command, and return the result, or the response if it is refused."""
        with self.emsp.client("NL-ABC") as client:
            call = getattr(client.commands, name)(*arguments)
        return dict(call.response if not call.is_accepted else self.emsp.wait(call.id, WAIT_SECONDS).result or {})

    def start_central(self) -> None:
        """Start the central system, and wait until charge points can connect."""
        self.central = _central(self.central_port, self.settings, self.folder)

    @contextmanager
    def another_central(self) -> Iterator[str]:
        """Run one more central system; yield its URL."""
        with port_for(None) as port:
            process = _central(port, self.settings, self.folder)
            try:
                yield f"ws://127.0.0.1:{port}/ocpp"
            finally:
                _end(process)

    def end_central(self, number: int = signal.SIGTERM) -> None:
        """End the central system by a signal."""
        if self.central is not None:
            self.central.send_signal(number)
            self.central.wait(WAIT_SECONDS)


@contextmanager
def opened(folder: Path, **settings: str) -> Iterator[Stage]:
    """Start everything, and register the two platforms with each other. settings: of the operator, such as FLASK_..."""
    with ExitStack() as stack:
        web_port, central_port, provider_port = (stack.enter_context(port_for(None)) for _ in range(3))
        environment = {
            "FLASK_INSTANCE_PATH": str(folder / "cpo"),
            "FLASK_SECRET_KEY": "of the operator",
            "FLASK_OCPI_BASE_URL": f"http://127.0.0.1:{web_port}",
            "FLASK_OCPI_HTTP_ALLOW_PRIVATE": "true",
            **settings,
        }
        cpo = _operator(environment)
        stack.callback(_dispose, cpo)
        run = cpo.test_cli_runner().invoke
        run(args=["set-up"], catch_exceptions=False)
        stage = Stage(folder, environment, central_port, cpo, _provider(folder, provider_port))
        for id, place in CHARGE_POINTS.items():
            added = run(args=["add-charge-point", id, place], catch_exceptions=False)
            stage.passwords[id] = added.output.strip()
        web = _start("web", ("run", "--port", str(web_port)), environment, folder)
        stack.callback(_end, web)
        stage.start_central()
        stack.callback(stage.end_central)
        stack.enter_context(serving(stage.provider, provider_port))
        _wait_for_port(web_port, web)
        ocpi: OCPI = cpo.extensions["ocpi"]
        _, token = ocpi.partners.invite(name="Ems Mobility")
        stage.emsp.partners.register(ocpi.versions_url, token)
        stage.emsp.pull("locations", "NL-ABC")
        yield stage


def wait_for(found: Callable[[], T], what: str) -> T:
    """Return what a function finds once it finds something; raise TimeoutError with what was to happen."""
    ends = time.monotonic() + WAIT_SECONDS
    while not (result := found()):
        if time.monotonic() > ends:
            raise TimeoutError(f"It did not happen that {what}.")
        time.sleep(0.02)
    return result


async def until(found: Callable[[], T], what: str) -> T:
    """Do the same while charge points go on."""
    return await asyncio.to_thread(wait_for, found, what)


def _operator(environment: dict[str, str]) -> Flask:
    """Make the operator's app in this process, for what its staff does."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        return create_app({"OCPI_DISPATCHER": "none"})
    finally:
        os.environ.clear()
        os.environ.update(before)


def _provider(folder: Path, port: int) -> Flask:
    app = emsp.create_app(
        {
            "SECRET_KEY": "of the provider",
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / 'provider.sqlite3'}",
            "OCPI_CREATE_TABLES": True,
            "OCPI_BASE_URL": f"http://127.0.0.1:{port}",
            "OCPI_HTTP_ALLOW_PRIVATE": True,
        }
    )
    return app


def _central(port: int, settings: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    process = _start("central", ("central-system", "--port", str(port)), settings, folder)
    _wait_for_port(port, process)
    return process


def _start(name: str, arguments: tuple[str, ...], settings: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "flask", "--app", "examples.ocpp_cpo", *arguments]
    environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT)}
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)


def _wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    def answers() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}; see its log.")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(answers, f"something listens at port {port}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(WAIT_SECONDS)


def _dispose(app: Flask) -> None:
    app.extensions["ocpi"].dispatcher.stop()
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()
