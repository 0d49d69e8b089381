"""What the demo shows: numbered steps, facts, checks and exchanges; colours only on a terminal."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Mapping
from typing import Any

from flask_ocpi.testing.sandbox.power import Capacity

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
