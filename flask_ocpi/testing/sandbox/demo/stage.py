"""The stage of the demo: what is shown, what goes over the wire, who plays, and what they say to each other."""

from __future__ import annotations

import json
import os
import sys
import textwrap
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi import Call
from flask_ocpi import Client
from flask_ocpi import Party
from flask_ocpi import RemoteError
from flask_ocpi.client import Request
from flask_ocpi.client import Response
from flask_ocpi.client import Transport
from flask_ocpi.outbox import entries
from flask_ocpi.testing.sandbox import app as platform
from flask_ocpi.testing.sandbox.charging import Capacity

Document = dict[str, Any]

BOLD, GREEN, RED, CYAN = "1", "32", "31", "36"
WIDTH = 96
TARGET_WIDTH = 46


class CheckFailedError(Exception):
    """Something is not as the demo says it should be."""


class Screen:
    """Prints the steps of the demo."""

    def __init__(self) -> None:
        self.colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self.title = ""
        self._step = 0

    def step(self, title: str) -> None:
        self._step += 1
        self.title = f"{self._step}  {title}"
        print(f"\n{self.paint(self.title, BOLD)}", flush=True)

    def line(self, text: str = "") -> None:
        print(f"   {text}".rstrip(), flush=True)

    def text(self, text: str) -> None:
        """Show a text of any length."""
        for line in textwrap.wrap(text, WIDTH):
            self.line(line)

    def check(self, holds: bool, claim: str) -> None:
        """Show that a claim holds; raise CheckFailedError when it does not."""
        if not holds:
            raise CheckFailedError(f"not so: {claim}")
        self.line(f"{self.paint('ok', GREEN)} {claim}")

    def exchange(self, sender: str, receiver: str, method: str, target: str, code: int | None, fact: str) -> None:
        """Show a request and its answer in one line."""
        shown = target if len(target) <= TARGET_WIDTH else f"{target[: TARGET_WIDTH - 3]}..."
        who = f"{sender:>4} -> {receiver:4}"
        status = "----" if code is None else str(code)
        painted = self.paint(status, GREEN if code == 1000 else RED)
        self.line(f"{who}  {self.paint(f'{method:6}', CYAN)} {shown:{TARGET_WIDTH}} {painted}  {fact}")

    def location(self, location: Mapping[str, Any]) -> None:
        """Show a location in a few lines."""
        place = location["coordinates"]
        self.line(f"{self.paint(location['id'], BOLD)}  {location.get('name', '')}, {location['address']}")
        self.line(f"  {location.get('postal_code', '')} {location['city']}, {place['latitude']}, {place['longitude']}")
        for evse in location["evses"][:3]:
            sockets = ", ".join(f"{c['standard']} {Capacity.of(c).watts / 1000:.0f} kW" for c in evse["connectors"])
            self.line(f"  {evse['uid']}  {evse['status']:12} {sockets}")
        if len(location["evses"]) > 3:
            self.line(f"  and {len(location['evses']) - 3} more")

    def failed(self, text: str) -> None:
        """Say at which step it ended, and why."""
        print(f"\n{self.paint('FAILED', RED)} at step {self.title}: {text}", file=sys.stderr, flush=True)

    def paint(self, text: str, colour: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self.colours else text


SIDES = ("sender", "receiver")
WAIT_SECONDS = 0.05
WAITS = 2400  # two minutes: a machine may have other work


@dataclass(frozen=True)
class Exchange:
    """A request and its answer. sender: who asked; sent: its body; data: what the answer carries, unless it is a list.

    listed: of a page of a list, "50 of 60"; first: its first object. status_code: None where no OCPI answer came; then
    data is the reason.
    """

    sender: str
    method: str
    url: str
    sent: Any
    status_code: int | None
    data: Any
    listed: str = ""
    first: Any = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def target(self) -> str:
        """What is asked for: the URL from the module on."""
        parts = urlsplit(self.url)
        segments = parts.path.partition("/ocpi/")[2].split("/")
        if len(segments) > 1 and segments[0] in platform.VERSIONS:
            segments.pop(0)
        if segments[0] in SIDES:
            segments.pop(0)
        return "/".join(segments) + (f"?{parts.query}" if parts.query else "")

    def is_about(self, method: str, module: str) -> bool:
        return self.method == method and self.target.partition("/")[0] == module


class Recorder:
    """A transport that passes everything on and adds it to the journal, without the tokens."""

    def __init__(self, transport: Transport, journal: Path, sender: str) -> None:
        self.transport = transport
        self.journal = journal
        self.sender = sender

    def send(self, request: Request) -> Response:
        try:
            response = self.transport.send(request)
        except RemoteError as error:
            self._add(request, None, str(error))
            raise
        try:
            envelope = json.loads(response.body)
        except ValueError:
            envelope = {"status_code": None, "data": f"HTTP {response.status}"}
        data = envelope.get("data")
        listed = f"{len(data)} of {response.headers['X-Total-Count']}" if "X-Total-Count" in response.headers else ""
        if isinstance(data, list):
            self._add(request, envelope["status_code"], None, listed, data[0] if data else None)
        else:
            self._add(request, envelope["status_code"], data, listed)
        return response

    def close(self) -> None:
        self.transport.close()

    def _add(self, request: Request, status_code: int | None, data: Any, listed: str = "", first: Any = None) -> None:
        sent = json.loads(request.body) if request.body else None
        if request.url.endswith("/credentials"):
            sent = data = None
        exchange = Exchange(self.sender, request.method, request.url, sent, status_code, data, listed, first)
        # One write of one line: the processes do not mix theirs.
        with self.journal.open("ab", buffering=0) as file:
            file.write(f"{json.dumps(asdict(exchange))}\n".encode())


def wait_a_little() -> None:
    time.sleep(WAIT_SECONDS)


class Wire:
    """Follows the journal: shows what is new, and waits for what is to come.

    wait: passes some time; it is called ``WAITS`` times at the most.
    """

    def __init__(self, journal: Path, show: Callable[[Exchange], None], wait: Callable[[], None]) -> None:
        self.journal = journal
        self.show = show
        self.wait = wait
        self.hidden: tuple[str, ...] = ()  # targets that are not worth to be shown
        self.seen: list[Exchange] = []
        self._offset = 0

    def take(self) -> None:
        """Show what is new."""
        with self.journal.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                self.seen.append(Exchange(**json.loads(line)))
                if self.seen[-1].target not in self.hidden:
                    self.show(self.seen[-1])

    def forget(self) -> None:
        """Show what is left and begin anew: what was there does not count for :meth:`until` any more."""
        self.take()
        self.seen.clear()

    def until(self, what: str, fits: Callable[[Exchange], bool]) -> Exchange:
        """Wait for an exchange, unless it was there, and return it; raise CheckFailedError unless it succeeded."""
        for _ in range(WAITS):
            self.take()
            found = next((exchange for exchange in self.seen if fits(exchange)), None)
            if found is not None and found.status_code == 1000:
                return found
            if found is not None:
                raise CheckFailedError(f"{what}: {found.status_code or 'no answer'}, {found.data}")
            self.wait()
        raise CheckFailedError(f"{what}: it never came")


PARTIES = {
    "CPO": ("NL", "ABC", "CPO", "Abc Charging"),
    "eMSP": ("DE", "EMS", "EMSP", "Ems Mobility"),
    "Hub": ("BE", "HUB", "HUB", "Crossroads"),
    "Old": ("DE", "EMS", "EMSP", "Ems Billing"),
    "New": ("DE", "EMS", "EMSP", "Ems App"),
}
#: What each of them speaks.
SPOKEN = {"CPO": ["2.1.1", "2.2.1", "2.3.0"], "eMSP": ["2.2.1"], "Hub": ["2.2.1"], "Old": ["2.1.1"], "New": ["2.3.0"]}


@dataclass(frozen=True)
class Side:
    """One of the platforms: the app of its server once more, on the same database, for what its staff does."""

    role: str
    app: Flask
    ocpi: OCPI
    base_url: str

    @property
    def name(self) -> str:
        return PARTIES[self.role][3]

    @property
    def party(self) -> Party:
        return self.ocpi.objects.parties()[0]

    @property
    def roles(self) -> list[str]:
        return [PARTIES[self.role][2]]

    def client(self, peer: Side) -> Client:
        return self.ocpi.client(str(peer.party))

    def own(self, module: str) -> dict[str, Document]:
        return _by_id(self.ocpi.objects.documents(module))

    def copies(self, module: str) -> dict[str, Document]:
        """Return what others sent to this platform."""
        return _by_id(self.ocpi.objects.documents(module, copies=True))


@dataclass(frozen=True)
class Day:
    """What every step needs. visitor: how somebody else calls the platforms."""

    screen: Screen
    wire: Wire
    visitor: Transport
    cpo: Side
    emsp: Side
    hub: Side
    old: Side
    new: Side

    @property
    def now(self) -> datetime:
        return self.cpo.ocpi.services.clock()

    def step(self, title: str, text: str) -> None:
        """Begin a step: its title, and what it is about."""
        self.wire.forget()
        self.screen.step(title)
        self.screen.text(text)

    def check(self, holds: bool, claim: str) -> None:
        """Show what was sent until now, and that a claim holds."""
        self.wire.take()
        self.screen.check(holds, claim)

    def result(self, call: Call) -> Document:
        """Wait for the result of what the eMSP asked a charge point to do, and return it."""
        what = call.operation.upper()
        if not call.is_accepted:
            raise CheckFailedError(f"{what} was answered with {call.response}")
        self.wire.take()
        self.wire.until(f"the result of {what}", lambda e: e.method == "POST" and e.target.endswith(call.id))
        result = self.emsp.ocpi.call(call.id).result or {}
        self.check(result.get("result") == "ACCEPTED", f"{what}: the charge point did it; its result came later")
        return result

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait until something holds; raise CheckFailedError when it takes too long."""
        for _ in range(WAITS):
            if holds():
                return
            self.wire.wait()
        raise CheckFailedError(f"{what}: it never came")

    def seen(self, side: Side) -> None:
        """Wait until everybody has seen what a platform saved."""
        self.until(f"what the {side.role} saved", lambda: not entries.summary(side.ocpi.services))

    def told(
        self, to: Side, what: str, method: str, module: str, fits: Callable[[Document], bool] = lambda sent: True
    ) -> Document:
        """Wait until a platform was sent a fitting document of a module, and return it."""
        found = self.wire.until(
            what, lambda e: e.is_about(method, module) and e.url.startswith(to.base_url) and fits(e.sent)
        )
        document: Document = found.sent
        return document


def make_day(
    screen: Screen,
    journal: Path,
    sides: Mapping[str, Side],
    visitor: Transport,
    *,
    wait: Callable[[], None] = wait_a_little,
) -> Day:
    """Set the stage; ``wait`` lets some time pass."""
    roles = {urlsplit(side.base_url).netloc: role for role, side in sides.items()}

    def show(exchange: Exchange) -> None:
        screen.exchange(
            exchange.sender,
            roles[exchange.host],
            exchange.method,
            exchange.target,
            exchange.status_code,
            fact(exchange),
        )

    return Day(screen, Wire(journal, show, wait), visitor, *(sides[role] for role in PARTIES))


def settings(role: str, base_url: str) -> Document:
    """Return what makes the sandbox one of the platforms."""
    country_code, party_id, name_of_role, name = PARTIES[role]
    party = {"country_code": country_code, "party_id": party_id, "roles": [name_of_role]}
    details = {"name": name, "website": f"https://{name.split()[0].lower()}.example.org"}
    return {
        "OCPI_PARTIES": [{**party, "business_details": details}],
        "OCPI_BASE_URL": base_url,
        "OCPI_VERSIONS": SPOKEN[role],
        # The provider has three systems, which speak for the same party.
        "OCPI_ALLOW_SHARED_PARTIES": role == "CPO",
        # The hub tells who is there; it does not pass on what they say to each other.
        "OCPI_MODULES": ["hubclientinfo:SENDER"] if role == "Hub" else None,
    }


def make_side(role: str, config: Document, ocpi: OCPI) -> Side:
    return Side(role, platform.create_app(config, ocpi=ocpi), ocpi, config["OCPI_BASE_URL"])


def fact(exchange: Exchange) -> str:
    """Pick what an exchange is about."""
    if exchange.listed:
        return exchange.listed
    if isinstance(exchange.data, str):
        return exchange.data
    sent = exchange.sent or {}
    if exchange.is_about("PUT", "sessions"):
        return f"{sent['status']}, {sent['kwh']:.2f} kWh"
    if "total_cost" in sent:
        return f"{sent['total_cost']['excl_vat']:.2f} {sent['currency']}"
    if exchange.is_about("PUT", "locations"):
        latest = max(sent["evses"], key=lambda evse: str(evse["last_updated"]))
        return f"{latest['uid']} {latest['status']}"
    if exchange.is_about("PUT", "hubclientinfo"):
        return f"{sent['role']} {sent['status']}"
    found = ((exchange.data or {}).get(name) or sent.get(name) for name in ("result", "allowed", "status"))
    return next((value for value in found if value), "")


def _by_id(documents: Iterable[Document]) -> dict[str, Document]:
    """A token is known by its uid, a ClientInfo by its party."""
    return {document.get("id") or document.get("uid") or document["party_id"]: document for document in documents}
