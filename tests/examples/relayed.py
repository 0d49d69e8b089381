"""Three platforms in a row: a smart charging provider, the relay of the example, and an operator."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy import delete

from examples.relay import RelayedSession
from examples.relay import create_app
from examples.relay import db
from flask_ocpi import OCPI
from flask_ocpi import Call
from flask_ocpi import MemoryStorage
from flask_ocpi import Query
from flask_ocpi import Reply
from flask_ocpi.client.transport import Request
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.network import Network


class RewindableStorage(MemoryStorage):
    """Keeps records in memory, and can go back to what there was at some moment."""

    def mark(self) -> None:
        self._marked = {kind: dict(records) for kind, records in self._kinds.items()}

    def rewind(self) -> None:
        self._kinds = {kind: dict(records) for kind, records in self._marked.items()}


class Chain:
    """The three platforms, of which the operator sent its session SES1 to the relay.

    provider: the relay's record at the smart charging provider. own_id: what the relay calls the session.
    asked: what the operator was asked, with the Reply. answer: what it answers, or a function that does.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.network = Network()
        self.config = config
        self.storages = [RewindableStorage() for _ in range(3)]
        self.asked: list[tuple[dict[str, Any], Reply]] = []
        self.answer: Any = "ACCEPTED"
        self.relay = self.start_relay()
        self.planner = self.network.add("scsp.example", [("NL", "SCP", ["SCSP"])], storage=self.storages[1])
        self.operator = self.network.add("cpo.example", [("NL", "ABC", ["CPO"])], storage=self.storages[2])
        for method in ("GET", "PUT", "DELETE"):
            self.operator.charging_profile(method)(self.carry_out)
        self.provider, _ = self.network.connect(self.planner, self.ocpi)
        self.network.connect(self.ocpi, self.operator)
        self.operator.save("sessions", session())
        self.operator.push("sessions", "SES1")
        (self.own_id,) = own_ids(self.relay)
        self.apps = dict(self.network.apps)
        for storage in self.storages:
            storage.mark()

    def start_relay(self) -> Flask:
        """Start the relay on what it kept before, if there is something."""
        ocpi = OCPI(storage=self.storages[0], transport=self.network, clock=self.network.clock)
        app = create_app(self.config, ocpi=ocpi)
        self.network.apps["emsp.example"] = app
        return app

    def reset(self) -> None:
        """Forget what happened since the beginning."""
        fresh = Network()
        self.network.clock.now = fresh.clock.now
        self.network.before_send, self.network.after_send = fresh.before_send, fresh.after_send
        self.network.requests.clear()
        self.network.apps = dict(self.apps)
        self.asked.clear()
        self.answer = "ACCEPTED"
        for storage in self.storages:
            storage.rewind()
        with self.relay.app_context():
            db.session.execute(delete(RelayedSession).where(RelayedSession.id != self.own_id))
            db.session.commit()

    @property
    def ocpi(self) -> OCPI:
        """The platform of the relay."""
        found: OCPI = self.relay.extensions["ocpi"]
        return found

    @property
    def profiles(self) -> Any:
        """What the smart charging provider calls the relay with."""
        return self.planner.client(self.provider).chargingprofiles

    def carry_out(self, asked: dict[str, Any], reply: Reply) -> Any:
        self.asked.append((asked, reply))
        return self.answer(reply) if callable(self.answer) else self.answer

    def finish(self, result: Any) -> bool:
        """Have the operator give the result of the latest request."""
        return self.operator.finish(self.asked[-1][1].id, result)

    def result_of(self, call: Call) -> Any:
        """Return what the smart charging provider got for a request; raise NoResultError when it got nothing."""
        return self.planner.wait(call.id, timeout=0).result

    def pending(self) -> int:
        """Count what the relay has still to answer."""
        return self.ocpi.storage.list("incoming_requests", Query()).total

    def requests_to(self, host: str) -> list[Request]:
        return [request for request in self.network.requests if urlsplit(request.url).netloc == host]


def own_ids(relay: Flask) -> dict[str, str]:
    """Return the session ids that the relay made up, and what they stand for."""
    output = relay.test_cli_runner().invoke(args=["sessions"]).output
    return dict(line.split(" is ") for line in output.splitlines())
