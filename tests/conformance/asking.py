"""An operator that is asked for something, and those who ask it: what the tests of commands and profiles share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import orjson

from flask_ocpi.client.transport import Request
from flask_ocpi.extension import OCPI
from flask_ocpi.signals import result_received
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartySpec
from flask_ocpi.testing.network import TestResponse
from flask_ocpi.testing.network import add_partner
from tests.conformance.sharing import SharedNetwork
from tests.peers import Peer
from tests.urls import ocpi_url

OPERATOR = "cpo.example"
PROVIDER = "emsp.example"
RESPONSE_URL = "https://asker.example/results/1"
EMSP = (("DE", "EMS", ["EMSP"]),)
SECONDS = 60


def operator(network: Network, **config: Any) -> OCPI:
    """Return the operator NL-ABC with LOC1, where there is EVSE1, and SES1 of a driver of DE-EMS; it has no hooks."""
    ocpi = _platform(network, OPERATOR, [("NL", "ABC", ["CPO"])], config)
    ocpi.save("locations", location(evses=[evse()]))
    ocpi.save("sessions", session())
    return ocpi


def provider(network: Network, **config: Any) -> OCPI:
    """Return the provider DE-EMS."""
    return _platform(network, PROVIDER, EMSP, config)


def _platform(network: Network, host: str, parties: Sequence[PartySpec], config: dict[str, Any]) -> OCPI:
    ocpi = network.add(host, parties, config={"OCPI_DOCS": False, **config})
    if isinstance(network, SharedNetwork):  # it keeps its apps
        ocpi._hooks.calls.clear()
    return ocpi


class Asker:
    """A hand-made provider, registered with a platform, that takes results at any path of ``https://{host}``."""

    def __init__(
        self, network: Network, ocpi: OCPI, *, host: str = "asker.example", parties: Sequence[PartySpec] = EMSP
    ) -> None:
        self.host = host
        self.network = network
        self.peer = Peer(network, host)
        self.client = add_partner(ocpi.app, parties, name=host, versions_url=self.peer.url)

    def change(self, ocpi: OCPI, **changes: Any) -> None:
        """Change the platform's record of it."""
        record = ocpi.partners.get(self.client.platform.id)
        ocpi.services.platforms.save(replace(record, **changes), before=record)

    def command(self, name: str, body: dict[str, Any], **options: Any) -> TestResponse:
        """Send a command, with a response_url unless it has one."""
        sent = {"response_url": f"https://{self.host}/results/1", **body}
        return self.client.post(ocpi_url(f"receiver/commands/{name}"), sent, **options)

    @property
    def received(self) -> list[Request]:
        """What was sent to it."""
        return [sent for sent in self.network.requests if urlsplit(sent.url).netloc == self.host]

    @property
    def results(self) -> list[Any]:
        """The bodies of what was sent to it."""
        return [orjson.loads(sent.body or b"null") for sent in self.received]


@contextmanager
def heard(ocpi: OCPI) -> Iterator[list[dict[str, Any]]]:
    """Collect the payloads of result_received in the block."""
    payloads: list[dict[str, Any]] = []

    def hear(app: Any, **payload: Any) -> None:
        payloads.append(payload)

    with result_received.connected_to(hear, ocpi.app):
        yield payloads


def at_once(actions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run functions in threads that begin together; return what they returned or raised, in their order."""
    begin = threading.Barrier(len(actions))
    outcomes: list[Any] = [None] * len(actions)

    def run(index: int) -> None:
        begin.wait(SECONDS)
        try:
            outcomes[index] = actions[index]()
        except Exception as error:
            outcomes[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()
    return outcomes
