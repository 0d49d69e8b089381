"""Platforms of one process on loopback sockets, and a line between them that can be made to hang."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from contextlib import suppress
from typing import Any

from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.network import PartySpec
from flask_ocpi.testing.network import party_settings
from tests.servers import free_port
from tests.serving import served

PATIENCE = 120.0


class Line:
    """Forwards connections to a port, until it hangs: from then on it accepts and reads, and nothing comes back."""

    def __init__(self, port: int) -> None:
        self.held: list[bytes] = []  # the beginnings of the requests that hang
        self._target = port
        self._hangs = False
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def hang(self) -> None:
        self._hangs = True

    def close(self) -> None:
        """Close everything: whoever waits for an answer notices it."""
        # Closing alone would not wake up the threads that wait on them.
        for open_socket in (self._listener, *list(self._sockets)):
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
            open_socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.create_connection(("127.0.0.1", self._target))
                self._sockets |= {here, there}
                threading.Thread(target=self._forward, args=(here, there), daemon=True).start()
                threading.Thread(target=self._copy, args=(there, here), daemon=True).start()

    def _forward(self, here: socket.socket, there: socket.socket) -> None:
        holds = False  # what follows on this connection belongs to the same request
        with suppress(OSError):
            while data := here.recv(65536):
                if self._hangs:
                    self.held += [] if holds else [data]
                    holds = True
                else:
                    there.sendall(data)
            there.shutdown(socket.SHUT_WR)

    def _copy(self, there: socket.socket, here: socket.socket) -> None:
        with suppress(OSError):
            while data := there.recv(65536):
                here.sendall(data)
        if not self._hangs:
            self._sockets -= {here, there}
            here.close()
            there.close()


def make_platform(
    party: PartySpec, port: int, *, storage: Storage | None = None, config: dict[str, Any] | None = None
) -> Flask:
    """Return an app that is a platform at a port of 127.0.0.1, and may call others there."""
    app = Flask(f"{party[0]}-{party[1]}")
    app.config.update(
        {
            "SECRET_KEY": f"secret of {party[1]}",
            "OCPI_PARTIES": [party_settings(*party)],
            "OCPI_BASE_URL": f"http://127.0.0.1:{port}",
            "OCPI_HTTP_ALLOW_PRIVATE": True,
            "OCPI_HTTP_TIMEOUT": PATIENCE,
            "OCPI_DOCS": False,
            **(config or {}),
        }
    )
    OCPI(app, storage=storage or MemoryStorage())
    return app


class Neighbours:
    """An operator and some providers on sockets, all registered with it; the line to the last one can hang."""

    def __init__(
        self,
        stack: ExitStack,
        providers: int,
        *,
        storage: Storage | None = None,
        config: dict[str, Any] | None = None,
    ) -> None:
        port = free_port()
        self.app = make_platform(("NL", "ABC", ["CPO"]), port, storage=storage, config=config)
        self.cpo: OCPI = self.app.extensions["ocpi"]
        stack.enter_context(served(self.app, port=port))
        self.providers: list[OCPI] = []
        for number in range(providers):
            port = free_port()
            self.line = Line(port)
            stack.callback(self.line.close)
            provider = make_platform(("DE", f"E{number:02}", ["EMSP"]), self.line.port)
            stack.enter_context(served(provider, port=port))
            self.providers.append(provider.extensions["ocpi"])
            _, token = self.cpo.partners.invite(name=f"E{number:02}")
            self.providers[-1].partners.register(self.cpo.versions_url, token)
