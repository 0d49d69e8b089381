"""Serving the sandbox from this process, with the server that comes with Flask."""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from werkzeug.serving import WSGIRequestHandler
from werkzeug.serving import make_server

from flask_ocpi.errors import ConfigurationError

HOST = "127.0.0.1"
TRIES = 20


class QuietHandler(WSGIRequestHandler):
    """Logs no request: the sandbox prints its messages itself."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing."""


def check_host(host: str) -> None:
    """Raise ConfigurationError if this machine cannot listen on an address."""
    try:
        _free(0, host)
    except OSError as error:
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror or error
        raise ConfigurationError(f"This machine cannot listen on {host}: {reason}. Give another --host.") from None


class ServerFailedError(RuntimeError):
    """A server did not start."""


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def url_of(host: str, port: int) -> str:
    """Return the URL of a server that listens on an address; if that is any address, with the name of this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{port}"
    if address.is_unspecified:
        return f"http://{socket.gethostname()}:{port}"
    return f"http://[{host}]:{port}" if address.version == 6 else f"http://{host}:{port}"


@contextmanager
def port_for(wanted: int | None, host: str = HOST) -> Iterator[int]:
    """Yield the wanted TCP port of an address if it is free, else any free one."""
    candidates = ([] if wanted is None else [wanted]) + [0] * TRIES
    for candidate in candidates:
        # Two programs that start at once find the same port free: its UDP namesake, held to the end, is a claim.
        with socket.socket(_family(host), socket.SOCK_DGRAM) as claim:
            try:
                port = _free(candidate, host)
                claim.bind((host, port))
            except OSError:
                continue
            yield port
            return
    raise ServerFailedError("No free port was found.")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _free(port: int, host: str) -> int:
    # A port whose last connections have just ended is free as well: whoever starts again has the same address.
    with socket.create_server((host, port), family=_family(host)) as probe:
        chosen: int = probe.getsockname()[1]
        return chosen


@contextmanager
def serving(app: Flask, port: int, host: str = HOST) -> Iterator[None]:
    """Serve the app, and deliver what it saves, until the end of the block."""
    server = make_server(host, port, app, threaded=True, request_handler=QuietHandler)
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
