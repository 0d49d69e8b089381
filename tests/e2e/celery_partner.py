"""A provider in a process of its own that notes who sends it which Location, and can keep a sender waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from flask import Response
from flask import request

from flask_ocpi import OCPI
from flask_ocpi.testing.network import party_settings
from tests.e2e.processes import launch

HOLDING_SECONDS = 60
LOCATIONS = "/receiver/locations/"


class Recorder:
    """What arrives about Locations: whose id, and the process group that sends it.

    overlaps: the ids of which two requests were served at a time.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.overlaps: list[str] = []
        self.held = ""
        self._to_hold = ""
        self._under_way: set[str] = set()
        self._released = threading.Event()
        self._lock = threading.Lock()

    def hold(self, id: str) -> None:
        """Let the next request about a Location wait; when it is released, it is answered with 503."""
        self._to_hold = id

    def release(self) -> None:
        self._released.set()

    def serving(self, wsgi_app: Callable[..., Any]) -> Callable[..., Any]:
        def serve(environ: dict[str, Any], start_response: Any) -> Any:
            _, found, rest = environ["PATH_INFO"].partition(LOCATIONS)
            if not found:
                return wsgi_app(environ, start_response)
            id = rest.split("/")[2]
            is_held = self._began(id, environ.get("HTTP_X_PROCESS_GROUP", ""))
            try:
                if is_held:
                    self._released.wait(HOLDING_SECONDS)
                    return Response("Held.", 503)(environ, start_response)
                return wsgi_app(environ, start_response)
            finally:
                with self._lock:
                    self._under_way.discard(id)

        return serve

    def _began(self, id: str, group: str) -> bool:
        with self._lock:
            self.seen.append((id, group))
            if id in self._under_way:
                self.overlaps.append(id)
            self._under_way.add(id)
            if id != self._to_hold:
                return False
            self._to_hold = ""
            self.held = group
            return True


def create_app(settings: dict[str, Any]) -> Flask:
    """Return a provider with the route POST /do/<name>."""
    folder = settings["folder"]
    app = Flask("partner", instance_path=folder)
    app.config.update(
        OCPI_PARTIES=[party_settings("DE", "EMS", ["EMSP"])],
        OCPI_BASE_URL=f"http://127.0.0.1:{settings['port']}",
        OCPI_HTTP_ALLOW_PRIVATE=True,
        OCPI_DOCS=False,
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{Path(folder) / 'partner.sqlite3'}",
        OCPI_CREATE_TABLES=True,
    )
    ocpi = OCPI(app)
    recorder = Recorder()
    app.wsgi_app = recorder.serving(app.wsgi_app)  # type: ignore[method-assign]
    actions: dict[str, Callable[..., Any]] = {
        "invite": lambda: ocpi.partners.invite()[1],
        "hold": recorder.hold,
        "release": recorder.release,
        "noted": lambda: {"seen": recorder.seen, "overlaps": recorder.overlaps, "held": recorder.held},
        "copies": lambda: {copy["id"]: copy for copy in ocpi.objects.documents("locations", copies=True)},
        "stop_session": lambda platform: ocpi.client(platform).commands.stop_session("SES1").id,
        "results": lambda id: [result["result"] for result in ocpi.call(id).results],
    }

    @app.post("/do/<name>")
    def do(name: str) -> Any:
        return {"done": actions[name](**request.get_json())}

    return app


if __name__ == "__main__":
    launch(create_app)
