"""An app on a loopback socket, for tests of what talks HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from typing import Any
from typing import BinaryIO

from flask import Flask
from werkzeug.serving import WSGIRequestHandler
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Keep the requests out of the report."""

    def make_environ(self) -> WSGIEnvironment:
        # Werkzeug's server leaves a file open when the browser hangs up while it is sent: files are read at once.
        return {**super().make_environ(), "wsgi.file_wrapper": _read_and_close}


def _read_and_close(file: BinaryIO, size: int = 0) -> list[bytes]:
    with file:
        return [file.read()]


@contextmanager
def served(app: Flask, *, port: int = 0) -> Iterator[str]:
    """Serve an app, a thread a request, until the block ends; yield its URL. port: 0 for a free one."""
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
