"""A platform of ours that deals with a sandbox that misbehaves: everything that a day has, once."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask_ocpi import OCPI
from flask_ocpi import OCPIError
from flask_ocpi import RemoteError
from flask_ocpi.client import Request
from flask_ocpi.client import Response
from flask_ocpi.errors import UnansweredError
from flask_ocpi.outbox import entries
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.sandbox.faults import Faulty
from flask_ocpi.testing.sandbox.faults import FaultyTransport
from flask_ocpi.testing.sandbox.faults import ahead_of
from flask_ocpi.testing.sandbox.faults import chosen
from tests.sandbox.partners import add_sandbox
from tests.sandbox.partners import ocpi_of

PAGES = {"OCPI_PAGE_LIMIT": 1, "OCPI_PAGE_MAX_LIMIT": 2}
TRIES = 6
SECONDS = 5
CARD = token(country_code="DE", party_id="EMS", uid="CARD", contract_id="DE-EMS-1")


class Line(Network):
    """A network on which an answer can be lost. seen: what was answered to which request."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.seen: list[tuple[Request, Response]] = []

    def send(self, request: Request) -> Response:
        try:
            response = super().send(request)
            self.seen.append((request, response))
            return response
        except ConnectionResetError as error:
            raise UnansweredError(str(error)) from error


class Trial:
    """Ours is a provider, DE-EMS, or an operator, NL-ABC; the sandbox is the other one, with the named faults.

    errors: what our calls ended with.
    """

    def __init__(
        self, folder: Path, faults: Sequence[str], *, role: str = "cpo", quirks: Any = None, config: Any = None
    ) -> None:
        self.clock = Clock()
        self.network = Line(clock=self.clock)
        named = chosen(faults)
        transport: Any = FaultyTransport(self.network, named)
        options = {"transport": transport, "clock": ahead_of(self.clock, named), "config": PAGES}
        self.app = add_sandbox(self.network, role, folder, **options)
        self.app.wsgi_app = Faulty(self.app.wsgi_app, named)  # type: ignore[method-assign]
        self.sandbox = ocpi_of(self.app)
        parties = [("DE", "EMS", ["EMSP"])] if role == "cpo" else [("NL", "ABC", ["CPO"])]
        self.ours: OCPI = self.network.add("ours.example", parties, config=config)
        self.errors: list[str] = []
        self.network.connect(self.ours, self.sandbox)
        if quirks:
            self.ours.partners.set_quirks(self.partner, quirks)

    def attempt(self, call: Callable[[], Any]) -> Any:
        """Call until it succeeds, at most so many times, as time goes by; note each error."""
        for _ in range(TRIES):
            try:
                return call()
            except (RemoteError, OCPIError) as error:
                self.errors.append(str(error))
                self.pass_time()
        return None

    def pass_time(self, seconds: float = SECONDS) -> None:
        """Let meters run, and what waits be sent."""
        self.clock.advance(seconds)
        with self.app.app_context():
            self.app.extensions["charge_points"].tick()
        for side in (self.ours, self.sandbox):
            with suppress(RemoteError):
                side.outbox.flush()

    def pull(self, module: str) -> Any:
        return self.attempt(lambda: self.ours.pull(module, self.partner))

    def sync(self, module: str) -> Any:
        """Sync until nothing is wrong, at most so many times; note each error."""
        for _ in range(TRIES):
            (synced,) = self.ours.sync(self.partner, modules=[module])
            if synced.error is None:
                return synced
            self.errors.append(str(synced.error))
            self.pass_time()
        return None

    @property
    def partner(self) -> str:
        (platform,) = self.ours.partners.list()
        return platform.id

    def charge(self) -> str:
        """Start a session at the sandbox, let it run, and stop it; return what the last answer was."""
        self.ours.save("tokens", CARD)
        location = next(iter(self.sandbox.objects.documents("locations")))
        evse = next(each for each in location["evses"] if each["status"] == "AVAILABLE")
        where = {"location_id": location["id"], "evse_uid": evse["uid"]}
        where["connector_id"] = evse["connectors"][0]["id"]
        with self.ours.client(self.partner) as client:
            started = self.attempt(lambda: client.commands.start_session({"token": CARD, **where}))
        for _ in range(5):
            self.pass_time()
        ids = [session["id"] for session in self.sandbox.objects.documents("sessions") if session["status"] == "ACTIVE"]
        with self.ours.client(self.partner) as client:
            for id in ids:
                self.attempt(lambda id=id: client.commands.stop_session(id))  # type: ignore[misc]
        self.settle()
        return started.response["result"] if started is not None else "no answer"

    def settle(self) -> None:
        """Let time pass until nothing waits on either side."""
        for _ in range(40):
            if not any(self.waiting(side) for side in (self.ours, self.sandbox)):
                return
            self.pass_time(60)

    def waiting(self, side: Any) -> list[Any]:
        return [each for platform in side.partners.list() for each in entries.of_platform(side.services, platform.id)]

    def copies(self, module: str, side: Any = None) -> dict[str, dict[str, Any]]:
        found = (side or self.ours).objects.documents(module, copies=True)
        return {document.get("id", document.get("uid")): document for document in found}

    def own(self, module: str, side: Any = None) -> dict[str, dict[str, Any]]:
        found = (side or self.sandbox).objects.documents(module)
        return {document.get("id", document.get("uid")): document for document in found}

    def findings(self) -> set[tuple[str, str]]:
        """Return the kind and the path of each finding of ours."""
        self.ours.findings.flush()
        return {(entry.finding.kind, entry.finding.path) for entry in self.ours.findings.list(limit=1000)}
