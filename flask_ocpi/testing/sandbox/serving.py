"""Serving the sandbox from this process, with the server that comes with Flask."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from werkzeug.serving import WSGIRequestHandler
from werkzeug.serving import make_server

HOST = "127.0.0.1"
TRIES = 20


class QuietHandler(WSGIRequestHandler):
    """Logs no request: the sandbox prints its messages itself."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing."""


class ServerFailedError(RuntimeError):
    """A server did not start."""


@contextmanager
def port_for(wanted: int | None) -> Iterator[int]:
    """Yield the wanted TCP port of the loopback address if it is free, else any free one."""
    candidates = ([] if wanted is None else [wanted]) + [0] * TRIES
    for candidate in candidates:
        # Two programs that start at once find the same port free: its UDP namesake, held to the end, is a claim.
        with socket.socket(type=socket.SOCK_DGRAM) as claim:
            try:
                port = _free(candidate)
                claim.bind((HOST, port))
            except OSError:
                continue
            yield port
            return
    raise ServerFailedError("No free port was found.")


def _free(port: int) -> int:
    with socket.socket() as probe:
        probe.bind((HOST, port))
        chosen: int = probe.getsockname()[1]
        return chosen


@contextmanager
def serving(app: Flask, port: int) -> Iterator[None]:
    """Serve the app, and deliver what it saves, until the end of the block."""
    server = make_server(HOST, port, app, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, name="sandbox", daemon=True)
    thread.start()
    ocpi = app.extensions["ocpi"]
    ocpi.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        ocpi.dispatcher.stop()
        with app.app_context():
            app.extensions["sqlalchemy"].engine.dispose()
