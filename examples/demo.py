"""Two platforms register with each other and exchange charging locations: python -m examples.demo

An operator (CPO) and a provider (eMSP) run as two servers. The demo does what their staff would do with commands: it
works on the same two databases, so what it starts goes from one server to the other. With DEMO_ONCE=1 it ends after the
last check, otherwise with Ctrl-C. It exits with 1 when something is not as it should be.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import tempfile
import textwrap
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from flask import Flask

from examples import cpo
from examples import emsp
from examples.cpo.charging import change_status
from examples.demo_screen import BOLD
from examples.demo_screen import CheckFailedError
from examples.demo_screen import Recorder
from examples.demo_screen import Screen
from examples.demo_servers import Server
from examples.demo_servers import ServerFailedError
from examples.demo_servers import port_for
from examples.demo_servers import program
from examples.demo_servers import running
from examples.network import locations
from examples.network import status_changes
from examples.network import summary
from flask_ocpi import OCPI
from flask_ocpi.auth_tokens import authorization
from flask_ocpi.client.addresses import AddressPolicy
from flask_ocpi.client.transport import RequestsTransport
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.platforms import Platform
from flask_ocpi.testing.network import add_partner

LOCATIONS = 300
CHANGES = 12
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DRIVER = "04A1B2C3D4E580"

Documents = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Side:
    """One of the two platforms: its server, and the same app on the same database in this process."""

    app: Flask
    ocpi: OCPI
    recorder: Recorder
    base_url: str
    server: Server

    @property
    def name(self) -> str:
        name: str = self.ocpi.services.settings.parties[0].business_details["name"]
        return name

    def own(self) -> Documents:
        return {document["id"]: document for document in self.ocpi.objects.documents("locations")}

    def copies(self) -> Documents:
        return {document["id"]: document for document in self.ocpi.objects.documents("locations", copies=True)}

    def page(self, path: str) -> Any:
        """Get one of the app's own pages, as JSON, from its server."""
        with urllib.request.urlopen(f"{self.base_url}{path}") as response:
            return json.load(response)


@contextmanager
def side(make: Callable[..., Flask], name: str, port: int, folder: Path) -> Iterator[Side]:
    """Start a platform with a database of its own."""
    base_url = f"http://127.0.0.1:{port}"
    secret = f"demo {secrets.token_hex(16)}"
    database = f"sqlite:///{folder / name}.sqlite3"
    settings: dict[str, Any] = {
        "SECRET_KEY": secret,
        "SQLALCHEMY_DATABASE_URI": database,
        "OCPI_BASE_URL": base_url,
        "OCPI_CREATE_TABLES": True,
        "OCPI_HTTP_ALLOW_PRIVATE": True,
    }
    environment = {f"FLASK_{key}": json.dumps(value) for key, value in settings.items()}
    recorder = Recorder(RequestsTransport(policy=AddressPolicy(allow_private=True)))
    ocpi = OCPI(transport=recorder)
    app = make(settings, ocpi=ocpi)
    try:
        with running(f"examples.{name}:create_app", port, settings=environment, log=folder / f"{name}.log") as server:
            yield Side(app, ocpi, recorder, base_url, server)
    finally:
        recorder.close()
        with app.app_context():
            app.extensions["sqlalchemy"].engine.dispose()


def main() -> int:
    """Run the demo and return its exit code."""
    once = os.environ.get("DEMO_ONCE", "") not in ("", "0")
    screen = Screen()
    for number in SIGNALS:
        signal.signal(number, _leave)
    for name in [name for name in os.environ if name.startswith("FLASK_")]:
        del os.environ[name]
    try:
        with tempfile.TemporaryDirectory(prefix="flask-ocpi-demo-") as folder, ExitStack() as stack:
            screen.step(f"Two platforms start, each in a process of its own ({program()})")
            sides = []
            for make, name, port in ((cpo.create_app, "cpo", 5001), (emsp.create_app, "emsp", 5002)):
                chosen = stack.enter_context(port_for(None if once else port))
                sides.append(stack.enter_context(side(make, name, chosen, Path(folder))))
            play(screen, *sides)
            if not once:
                screen.line("Ctrl-C ends both platforms.")
                threading.Event().wait()
    except (CheckFailedError, ServerFailedError) as error:
        screen.failed(str(error))
        return 1
    return 0


def play(screen: Screen, operator: Side, provider: Side) -> None:
    """Go through the steps; raise CheckFailedError when one does not do what it should."""
    for each, what in ((operator, "operator (CPO)"), (provider, "provider (eMSP)")):
        parties = ", ".join(map(str, each.ocpi.objects.parties()))
        screen.line(
            f"{screen.paint(each.name, BOLD)}, {what} {parties}: {each.base_url}, process {each.server.process.pid}"
        )
    open_network(screen, operator)
    register(screen, operator, provider)
    pull(screen, operator, provider)
    push(screen, operator, provider)
    show_drivers(screen, provider)
    invite_visitors(screen, operator, provider)


def open_network(screen: Screen, operator: Side) -> None:
    screen.step("The operator opens its network")
    documents = list(locations(count=LOCATIONS, now=datetime.now(UTC)))
    saved = operator.ocpi.objects.save_all({"locations": documents})
    counts = summary(documents)
    cities = Counter(document["city"] for document in documents)
    screen.line(f"{counts['locations']} locations, {counts['evses']} EVSEs and {counts['connectors']} connectors in")
    for line in textwrap.wrap(", ".join(f"{city} {number}" for city, number in sorted(cities.items())), 90):
        screen.line(line)
    screen.line()
    screen.location(max(documents[:20], key=lambda document: len(document["evses"])))
    screen.line()
    screen.check(saved == LOCATIONS, f"{saved} locations are saved")
    screen.check(
        operator.own() == {document["id"]: document for document in documents}, "each is stored as it was given"
    )
    screen.check(operator.page("/") == {"network": counts}, "the operator's own start page counts the same")


def register(screen: Screen, operator: Side, provider: Side) -> None:
    screen.step("The provider registers with the operator")
    _, token = operator.ocpi.invite(name=provider.name)
    screen.line(f"{operator.name} invites: its versions URL {operator.ocpi.versions_url} and a registration token.")
    screen.line(f"{provider.name} registers with them:")
    there = provider.ocpi.register(operator.ocpi.versions_url, token)
    for exchange in provider.recorder.take():
        screen.exchange(*exchange)
    here = operator.ocpi.platforms.find(str(provider.ocpi.objects.parties()[0]))
    screen.line(
        f"While that POST was open, {operator.name} called {provider.name} back for its versions and endpoints."
    )
    screen.line()
    _check_record(screen, there, operator, InterfaceRole.SENDER)
    _check_record(screen, here, provider, InterfaceRole.RECEIVER)


def _check_record(screen: Screen, record: Platform, peer: Side, role: InterfaceRole) -> None:
    url = record.endpoint("locations", role) or ""
    knows = record.is_registered and record.parties == peer.ocpi.objects.parties() and url.startswith(peer.base_url)
    screen.check(knows, f"{peer.name} is registered: OCPI {record.version}, locations {role} at {url}")


def pull(screen: Screen, operator: Side, provider: Side) -> None:
    screen.step("The provider pulls all locations")
    pulled = provider.ocpi.pull("locations", str(operator.ocpi.objects.parties()[0]))
    for exchange in provider.recorder.take():
        screen.exchange(*exchange)
    screen.line()
    screen.check(pulled.created == pulled.total == LOCATIONS, f"{pulled.created} of {pulled.total} locations arrived")
    screen.check(not pulled.broken and not pulled.foreign, "none was left out")
    screen.check(provider.copies() == operator.own(), "all documents are equal on both sides")


def push(screen: Screen, operator: Side, provider: Side) -> None:
    screen.step("Cars come and go: the operator pushes each change")
    before = operator.own()
    now = datetime.now(UTC)
    wanted = list(status_changes(before.values(), seed=1, count=CHANGES, now=now))
    codes = []
    for location_id, evse_uid, change in wanted:
        was = next(evse["status"] for evse in before[location_id]["evses"] if evse["uid"] == evse_uid)
        _, pushed = change_status(operator.ocpi, location_id, evse_uid, change["status"])
        codes += [push.status_code for push in pushed]
        screen.line(f"{before[location_id]['city']:10} {evse_uid:12} {was:11} -> {change['status']}")
    exchanges = operator.recorder.take()
    screen.line()
    screen.line("The last one in full:")
    screen.exchange_in_full(*exchanges[-1])
    screen.line()
    screen.check(codes == [1000] * CHANGES, f"{CHANGES} changes were pushed and accepted")
    stored = [_status(provider.copies(), location_id, uid) for location_id, uid, _ in wanted]
    screen.check(stored == [change["status"] for _, _, change in wanted], f"{provider.name} has each new status")
    screen.check(provider.copies() == operator.own(), "all documents are equal again")
    news = provider.page("/news.json")
    screen.check(
        len(news) == CHANGES, f"the provider's app was told of {len(news)} objects by the signal object_received"
    )


def _status(documents: Documents, location_id: str, evse_uid: str) -> str:
    evse: dict[str, Any] = next(e for e in documents[location_id]["evses"] if e["uid"] == evse_uid)
    status: str = evse["status"]
    return status


def show_drivers(screen: Screen, provider: Side) -> None:
    screen.step("The provider shows drivers what they may see")
    copies = provider.copies()
    published = {id for id, location in copies.items() if location["publish"]}
    public = provider.page("/locations.json")
    private = provider.page(f"/locations.json?driver={DRIVER}")
    screen.line(f"{len(copies)} locations are stored; {len(copies) - len(published)} of them are not for everybody.")
    screen.check({location["id"] for location in public} == published, f"anybody sees {len(public)}")
    extra = {location["id"] for location in private} - published
    allowed = {id for id in extra if any(t.get("uid") == DRIVER for t in copies[id]["publish_allowed_to"])}
    screen.check(bool(extra) and extra == allowed, f"the driver with card {DRIVER} sees {len(extra)} more")


def invite_visitors(screen: Screen, operator: Side, provider: Side) -> None:
    """Make a partner on each side whose token may be shown: it can read, or change what is its own."""
    screen.step("Try it yourself")
    reader = add_partner(operator.app, [("DE", "NAV", ["NSP"])], name="Visitor")
    writer = add_partner(provider.app, [("NL", "TRY", ["CPO"])], name="Visitor")
    first = next(iter(operator.own().values()))
    path = "/ocpi/2.2.1/receiver/locations/NL/TRY/TRY-1"
    stored = writer.put(path, {**first, "country_code": "NL", "party_id": "TRY", "id": "TRY-1"})
    listed = _get(f"{operator.base_url}/ocpi/2.2.1/sender/locations?limit=5", reader.token)
    copy = _get(f"{provider.base_url}{path}", writer.token)
    screen.check(len(listed["data"]) == 5, "the visitor's token lists locations of the operator")
    screen.check(stored.http_status == 201 and copy["data"]["id"] == "TRY-1", "and has a location at the provider")
    for side, token, hint in (
        (operator, reader.token, "locations SENDER: list them (this token may only read)"),
        (provider, writer.token, "locations RECEIVER: get NL, TRY, TRY-1, or change it"),
    ):
        screen.line()
        screen.line(screen.paint(f"{side.name}: {side.base_url}/ocpi/docs/", BOLD))
        screen.line(f"Press Authorize and paste:  {screen.paint(authorization(token), BOLD)}")
        screen.line(f"Then try {hint}.")
    screen.line()
    screen.line(f"What drivers see: {provider.base_url}/ or {provider.base_url}/?driver={DRIVER}")


def _get(url: str, token: str) -> Any:
    request = urllib.request.Request(url, headers={"Authorization": authorization(token)})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def _leave(number: int, frame: FrameType | None) -> None:
    # Once is enough: whatever comes while the servers are being ended must not leave one behind.
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
