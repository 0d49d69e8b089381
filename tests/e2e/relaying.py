"""An operator, a provider, and a platform between them that speaks the version of each, all on loopback sockets."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import ExitStack
from contextlib import contextmanager
from typing import Any

from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.signals import object_received
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.network import party_settings
from flask_ocpi.versions import Version
from tests.servers import free_port
from tests.serving import served

OPERATOR = {"country_code": "NL", "party_id": "CPO"}
PROVIDER = {"country_code": "DE", "party_id": "EMS"}
MIDDLE = {"country_code": "FR", "party_id": "MID"}


class Relay:
    """The three platforms, of which the middle one is a provider to the operator, and an operator to the provider.

    What one of the others sends it makes its own, so that the third one gets it. It asks the provider whether a driver
    may charge, and passes commands on to the operator.
    """

    def __init__(self, operator: OCPI, middle: OCPI, provider: OCPI) -> None:
        self.operator, self.middle, self.provider = operator, middle, provider
        middle.authorizer(self._authorize)
        middle.command("START_SESSION")(self._start)
        middle.command("STOP_SESSION")(self._stop)

    def speaks(self, number: str) -> bool:
        """Tell whether a version is spoken on one of the two lines."""
        return self.middle.services.version(number) is not None

    def pass_on(self, app: Flask, *, module: str, document: dict[str, Any], **_: Any) -> None:
        """Save a received object as an own one: a listener of object_received."""
        made = {**document, **MIDDLE}
        if "cdr_token" in document:  # its driver to the operator, the provider's to the provider
            made["cdr_token"] = {**document["cdr_token"], **PROVIDER}
        if "tariffs" in document:
            made["tariffs"] = [{**tariff, **MIDDLE} for tariff in document["tariffs"]]
        self.middle.save(module, made)

    def _authorize(self, token: dict[str, Any], location: dict[str, Any] | None) -> str:
        with self.middle.client("DE-EMS") as client:
            answer = client.tokens.authorize(token["uid"], location=location, ask=True)
        return "BLOCKED" if answer.info is None else str(answer.info["allowed"])

    def _start(self, command: dict[str, Any], reply: Any) -> Any:
        asked = {**command, "token": {**command["token"], **MIDDLE}}
        return reply.accept(lambda: self._asked(lambda commands: commands.start_session(asked)))

    def _stop(self, command: dict[str, Any], reply: Any) -> Any:
        return reply.accept(lambda: self._asked(lambda commands: commands.stop_session(command["session_id"])))

    def _asked(self, ask: Callable[[Any], Any]) -> Any:
        with self.middle.client("NL-CPO") as client:
            call = ask(client.commands)
        return self.middle.wait(call.id).result


@contextmanager
def relay(operators: Version, providers: Version) -> Iterator[Relay]:
    """Serve the three until the block ends, registered in the operator's version and in the provider's."""
    with ExitStack() as stack:
        operator, _ = serving_platform(stack, OPERATOR, ["CPO"], (operators,))
        middle, app = serving_platform(stack, MIDDLE, ["CPO", "EMSP"], tuple(dict.fromkeys((operators, providers))))
        provider, _ = serving_platform(stack, PROVIDER, ["EMSP"], (providers,))
        made = Relay(operator, middle, provider)
        object_received.connect(made.pass_on, app)
        stack.callback(object_received.disconnect, made.pass_on, app)
        for other, own_role in ((operator, "EMSP"), (provider, "CPO")):
            _, token = middle.partners.invite(name="", own_role=own_role)
            other.partners.register(middle.versions_url, token)
        for job in middle.services.jobs:  # it may have been told fewer endpoints during the handshake
            if job.name == "endpoints":
                job.run()
        yield made


def serving_platform(
    stack: ExitStack, party: dict[str, str], roles: Sequence[str], versions: Sequence[Version]
) -> tuple[OCPI, Flask]:
    """Serve a platform of one party on a loopback socket, as long as the stack is open."""
    port = free_port()
    app = Flask(party["party_id"], root_path=".")
    app.config.update(
        SECRET_KEY=f"secret of {party['party_id']}",
        OCPI_PARTIES=[party_settings(**party, roles=roles)],
        OCPI_BASE_URL=f"http://127.0.0.1:{port}",
        OCPI_HTTP_ALLOW_PRIVATE=True,
        OCPI_VERSIONS=[version.number for version in versions],
        OCPI_DOCS=False,
    )
    ocpi = OCPI(app, storage=MemoryStorage(), versions=versions)
    stack.enter_context(served(app, port=port))
    stack.callback(ocpi.outbox.stop)
    return ocpi, app
