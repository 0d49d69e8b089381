"""Who plays in the demo: the platforms, as their staff sees them, and what they say to each other."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
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
from flask_ocpi.client import Transport
from flask_ocpi.outbox import entries
from flask_ocpi.testing.sandbox import app as platform
from flask_ocpi.testing.sandbox.demo import wire
from flask_ocpi.testing.sandbox.demo.screen import CheckFailedError
from flask_ocpi.testing.sandbox.demo.screen import Screen
from flask_ocpi.testing.sandbox.demo.wire import Exchange
from flask_ocpi.testing.sandbox.demo.wire import Wire
from flask_ocpi.testing.sandbox.demo.wire import wait_a_little

Document = dict[str, Any]

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
        for _ in range(wire.WAITS):
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
