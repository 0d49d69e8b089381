"""Platforms for the tests of what is asynchronous, which can be told to misbehave: see tests.e2e.processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from flask import Response
from flask import request

from flask_ocpi import OCPI
from flask_ocpi.client.transport import Request
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.exchange.pending import Call
from flask_ocpi.signals import result_received
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.network import party_settings
from tests.e2e.processes import launch

HANGING_SECONDS = 60


class Trouble:
    """What goes wrong with the commands and results that this platform is sent, and with what it sends.

    mode: "" (nothing), "500", "hang" (until :meth:`release`), "die" (when it would send something).
    served: the paths of commands and results that arrived.
    """

    def __init__(self) -> None:
        self.mode = ""
        self.served: list[str] = []
        self._released = threading.Event()

    def make(self, mode: str) -> None:
        self.release()
        self._released = threading.Event()
        self.mode = mode

    def release(self) -> None:
        self.mode = ""
        self._released.set()

    def serving(self, wsgi_app: Callable[..., Any]) -> Callable[..., Any]:
        def serve(environ: dict[str, Any], start_response: Any) -> Any:
            path = environ["PATH_INFO"]
            if not path.startswith("/ocpi") or "/commands/" not in path:
                return wsgi_app(environ, start_response)
            self.served.append(path)
            if self.mode == "hang":
                self._released.wait(HANGING_SECONDS)
            if self.mode == "500":
                return Response("<h1>Internal Server Error</h1>", 500)(environ, start_response)
            return wsgi_app(environ, start_response)

        return serve

    def sending(self, send: Callable[[Request], Any]) -> Callable[[Request], Any]:
        def send_one(sent: Request) -> Any:
            if self.mode == "die":
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(HANGING_SECONDS)
            return send(sent)

        return send_one


class Host:
    """The host application: it answers STOP_SESSION as it is told, and notes what it is asked and hears."""

    def __init__(self, ocpi: OCPI, trouble: Trouble) -> None:
        self.ocpi = ocpi
        self.trouble = trouble
        self.answer: Any = "ACCEPTED"
        self.asked: list[str] = []
        self.heard: list[dict[str, Any]] = []

    def stop_session(self, body: dict[str, Any], reply: Any) -> Any:
        self.asked.append(reply.id)
        if self.answer == "work":
            return reply.accept(lambda: "ACCEPTED")
        return self.answer

    def hear(self, app: Flask, *, call: Call, result: dict[str, Any], late: bool, **payload: Any) -> None:
        self.heard.append({"id": call.id, "result": result["result"], "late": late})

    def do(self, name: str, **arguments: Any) -> Any:
        return getattr(self, f"_{name}")(**arguments)

    def _invite(self) -> Any:
        return self.ocpi.partners.invite(name="")[1]

    def _register(self, versions_url: str, token: str) -> Any:
        return self.ocpi.partners.register(versions_url, token).state

    def _answer(self, answer: Any) -> None:
        self.answer = answer

    def _trouble(self, mode: str) -> None:
        self.trouble.make(mode)

    def _noted(self) -> Any:
        return {"asked": self.asked, "heard": self.heard, "served": self.trouble.served}

    def _stop_session(self, platform: str) -> Any:
        return _shown(self.ocpi.client(platform).commands.stop_session("SES1"))

    def _call(self, id: str) -> Any:
        return _shown(self.ocpi.call(id))

    def _wait(self, id: str) -> Any:
        return _shown(self.ocpi.wait(id, timeout=HANGING_SECONDS))

    def _finish(self, id: str, result: str) -> Any:
        return self.ocpi.finish(id, result)

    def _send_timeouts(self) -> Any:
        return self.ocpi.send_timeouts()

    def _post(self, platform: str, path: str, result: str) -> Any:
        """Post a result by hand, whatever the state of the command is."""
        client = self.ocpi.client(platform)
        base = client.platform.versions_url or ""
        url = base.replace("/ocpi/versions", path)
        return client.request("POST", url, body={"result": result}).http_status


def create_app(settings: dict[str, Any]) -> Flask:
    """Return a platform with the session SES1, or without, and the route POST /do/<name>."""
    folder = settings["folder"]
    app = Flask("platform", instance_path=folder)
    app.config.update(
        OCPI_PARTIES=[party_settings("NL", settings["party"], settings["roles"])],
        OCPI_BASE_URL=f"http://127.0.0.1:{settings['port']}",
        OCPI_HTTP_ALLOW_PRIVATE=True,
        OCPI_HTTP_TIMEOUT=settings.get("http_timeout", 20),
        OCPI_DOCS=False,
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{Path(folder) / 'ocpi.sqlite3'}",
        OCPI_CREATE_TABLES=True,
    )
    ocpi = OCPI(app)
    trouble = Trouble()
    app.wsgi_app = trouble.serving(app.wsgi_app)  # type: ignore[method-assign]
    ocpi.transport.send = trouble.sending(ocpi.transport.send)  # type: ignore[method-assign]
    host = Host(ocpi, trouble)
    if "CPO" in settings["roles"]:
        ocpi.command("STOP_SESSION")(host.stop_session)
        of_driver = {**session()["cdr_token"], "country_code": "NL", "party_id": "EMS"}
        ocpi.save("sessions", session(party_id=settings["party"], cdr_token=of_driver))
    result_received.connect(host.hear, app)

    @app.post("/do/<name>")
    def do(name: str) -> Any:
        try:
            return {"done": host.do(name, **request.get_json())}
        except FlaskOCPIError as error:
            return Response(f"{type(error).__name__}: {error}", 409)

    ocpi.start()
    return app


def _shown(call: Call) -> dict[str, Any]:
    return {"id": call.id, "state": call.state, "results": [result["result"] for result in call.results]}


if __name__ == "__main__":
    launch(create_app)
