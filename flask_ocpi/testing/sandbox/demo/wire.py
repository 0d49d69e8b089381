"""What goes over the wire: every platform of the demo notes what it sent in one journal, and the demo reads along."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask_ocpi import RemoteError
from flask_ocpi.client import Request
from flask_ocpi.client import Response
from flask_ocpi.client import Transport
from flask_ocpi.testing.sandbox.demo.screen import CheckFailedError

VERSIONS = ("2.1.1", "2.2.1", "2.3.0")
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
        if len(segments) > 1 and segments[0] in VERSIONS:
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
