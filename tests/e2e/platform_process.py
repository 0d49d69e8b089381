"""Platforms in processes of their own that end themselves by SIGKILL at a chosen step of the handshake.

Run with ``python -m tests.e2e.platform_process``. Reads one JSON object a line and starts a platform for each, by
forking, since everything is imported by then. Ends, with all platforms, when its input does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from flask import Response
from flask import request
from werkzeug.serving import make_server

from flask_ocpi import OCPI
from flask_ocpi.client.transport import Request
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.testing.network import party_settings
from tests.forking import warm_up


class KillSwitch:
    """Ends this process at the n-th OCPI request it serves or sends, before or after the other side saw its part.

    It is armed with "serve 3 before", "serve 3 after", "send 3 after" and so on; the count begins then.
    """

    def __init__(self) -> None:
        self.side, self.number, self.moment = "", 0, ""
        self.count = 0

    def arm(self, when: str) -> None:
        self.side, number, self.moment = when.split()
        self.number = int(number)
        self.count = 0

    def reached(self, side: str) -> bool:
        """Count a request of this side; tell whether it is the chosen one."""
        self.count += side == self.side
        return side == self.side and self.count == self.number

    def pull(self, moment: str) -> None:
        if moment == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)

    def serving(self, wsgi_app: Callable[..., Any]) -> Callable[..., Any]:
        def serve(environ: dict[str, Any], start_response: Any) -> Any:
            chosen = environ["PATH_INFO"].startswith("/ocpi") and self.reached("serve")
            if chosen:
                self.pull("before")
            answer = wsgi_app(environ, start_response)
            if chosen:
                self.pull("after")
            return answer

        return serve

    def sending(self, send: Callable[[Request], Any]) -> Callable[[Request], Any]:
        def send_one(sent: Request) -> Any:
            chosen = self.reached("send")
            if chosen:
                self.pull("before")
            answer = send(sent)
            if chosen:
                self.pull("after")
            return answer

        return send_one


def create_app(settings: dict[str, Any]) -> Flask:
    """Return a platform with a route of its own, POST /do/{register, rotate, unregister, invite, pull, arm}."""
    app = Flask("platform", instance_path=settings["folder"])
    app.config.update(
        OCPI_PARTIES=[party_settings("NL", settings["party"], ["CPO", "EMSP"])],
        OCPI_BASE_URL=f"http://127.0.0.1:{settings['port']}",
        OCPI_HTTP_ALLOW_PRIVATE=True,
        OCPI_HTTP_TIMEOUT=120,
        OCPI_DOCS=False,
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{Path(settings['folder']) / 'ocpi.sqlite3'}",
        OCPI_CREATE_TABLES=True,
    )
    ocpi = OCPI(app)
    ocpi.storage.check()  # the database is there before the first request
    switch = KillSwitch()
    app.wsgi_app = switch.serving(app.wsgi_app)  # type: ignore[method-assign]
    ocpi.transport.send = switch.sending(ocpi.transport.send)  # type: ignore[method-assign]

    @app.post("/do/<name>")
    def do(name: str) -> Any:
        arguments = request.get_json()
        try:
            if name == "invite":
                return {"token": ocpi.partners.invite(**arguments)[1]}
            if name == "arm":
                return {"armed": switch.arm(*arguments)}
            if name == "pull":
                return {"pulled": ocpi.pull("locations", *arguments).seen}
            done = getattr(ocpi.partners, name)(*arguments)
            return {"state": done.state}
        except FlaskOCPIError as error:
            return Response(str(error), 409)

    return app


def serve(settings: dict[str, Any]) -> None:
    """Serve one platform until it is killed; its parent going away ends it as well."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    app = create_app(settings)
    server = make_server("127.0.0.1", settings["port"], app, threaded=True)
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    server.serve_forever()


def main() -> None:
    warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the platforms
    for line in sys.stdin:
        if os.fork() == 0:
            sys.stdin.close()
            serve(json.loads(line))


if __name__ == "__main__":
    main()
