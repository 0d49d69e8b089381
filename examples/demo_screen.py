"""What the demo shows: numbered steps, facts, checks and exchanges; colours only on a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask_ocpi.client.transport import Request
from flask_ocpi.client.transport import Response
from flask_ocpi.client.transport import Transport

BOLD, DIM, GREEN, RED, CYAN = "1", "2", "32", "31", "36"


class CheckFailedError(Exception):
    """Something is not as the demo says it should be."""


class Screen:
    """Prints the steps of the demo."""

    def __init__(self) -> None:
        self.colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._step = 0

    def step(self, title: str) -> None:
        self._step += 1
        print(f"\n{self.paint(f'{self._step}  {title}', BOLD)}", flush=True)

    def line(self, text: str = "") -> None:
        print(f"   {text}".rstrip(), flush=True)

    def check(self, holds: bool, claim: str) -> None:
        """Show that a claim holds; raise CheckFailedError when it does not."""
        if not holds:
            raise CheckFailedError(claim)
        self.line(f"{self.paint('ok', GREEN)} {claim}")

    def exchange(self, request: Request, response: Response) -> None:
        """Show a request and its answer in one line."""
        parts = urlsplit(request.url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self.line(f"{self.paint(f'{request.method:5}', CYAN)} {path}  HTTP {response.status}, {_code(response)}")

    def exchange_in_full(self, request: Request, response: Response) -> None:
        """Show a request and its answer with headers and bodies, and without the token."""
        self.line(self.paint(f"{request.method} {request.url}", CYAN))
        for name, value in request.headers.items():
            self.line(f"{name}: {'Token ***' if name.lower() == 'authorization' else value}")
        self.line(self.paint((request.body or b"").decode(), BOLD))
        self.line(self.paint(f"HTTP {response.status}", CYAN))
        self.line(self.paint(response.body.decode(), BOLD))

    def location(self, location: Mapping[str, Any]) -> None:
        """Show a location in a few lines."""
        place = location["coordinates"]
        self.line(f"{self.paint(location['id'], BOLD)}  {location.get('name', '')}, {location['address']}")
        self.line(f"  {location.get('postal_code', '')} {location['city']}, {place['latitude']}, {place['longitude']}")
        for evse in location["evses"][:3]:
            sockets = ", ".join(f"{c['standard']} {_kilowatts(c):.0f} kW" for c in evse["connectors"])
            self.line(f"  {evse['uid']}  {evse['status']:12} {sockets}")
        if len(location["evses"]) > 3:
            self.line(f"  and {len(location['evses']) - 3} more")

    def failed(self, text: str) -> None:
        print(f"\n{self.paint('FAILED', RED)} {text}", file=sys.stderr, flush=True)

    def paint(self, text: str, colour: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self.colours else text


class Recorder:
    """A transport that passes everything on and keeps what was said."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.exchanges: list[tuple[Request, Response]] = []

    def send(self, request: Request) -> Response:
        response = self.transport.send(request)
        self.exchanges.append((request, response))
        return response

    def close(self) -> None:
        self.transport.close()

    def take(self) -> list[tuple[Request, Response]]:
        """Return what was said since the last time."""
        taken, self.exchanges = self.exchanges, []
        return taken


def _code(response: Response) -> str:
    envelope = json.loads(response.body)
    number = f"{len(envelope['data'])} of {response.headers['X-Total-Count']}" if _is_page(response) else ""
    return f"OCPI {envelope['status_code']} {number}".rstrip()


def _is_page(response: Response) -> bool:
    return "X-Total-Count" in response.headers


def _kilowatts(connector: Mapping[str, Any]) -> float:
    phases = {"AC_3_PHASE": 3, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2}.get(connector["power_type"], 1)
    watts: int = connector.get("max_electric_power", connector["max_voltage"] * connector["max_amperage"] * phases)
    return watts / 1000
