"""A line to a database server that can be cut at a certain moment."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress

_AT_ONCE = 65536
_SECONDS = 60


class Line:
    """Passes bytes on between clients on loopback and a server.

    cut_after: when a client sends these bytes, they are delivered, and the connection is cut before the answer is.
    """

    def __init__(self, server: tuple[str, int]) -> None:
        self.cut_after: bytes | None = None
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()
        self._start(self._accept)

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        self._closed.set()
        for thread in self._threads:
            thread.join(_SECONDS)
        self._listener.close()

    def _start(self, task, *arguments) -> None:
        thread = threading.Thread(target=task, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            if select.select([self._listener], [], [], 0.05)[0]:
                self._start(self._pass_on, self._listener.accept()[0])

    def _pass_on(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._server) as server:
            while not self._closed.is_set():
                for ready in select.select([client, server], [], [], 0.05)[0]:
                    data = ready.recv(_AT_ONCE)
                    if not data:
                        return
                    (server if ready is client else client).sendall(data)
                    if ready is client and self.cut_after is not None and self.cut_after in data:
                        self.cut_after = None
                        server.settimeout(_SECONDS)
                        server.recv(_AT_ONCE)  # so the server has done it
                        return
