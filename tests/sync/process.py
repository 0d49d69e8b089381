"""Platforms for the tests of syncing between processes: see tests.e2e.processes."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask import Response
from flask import request

from flask_ocpi import OCPI
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.extension import utc_now
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import party_settings
from tests.e2e.processes import launch

HELD_SECONDS = 60


class Lists:
    """The lists that a platform serves: their queries are noted, and those after some number held back."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._served: int | None = None
        self._released = threading.Event()

    def hold_after(self, number: int) -> None:
        self.asked.clear()
        self._served, self._released = number, threading.Event()

    def release(self) -> None:
        self._served = None
        self._released.set()

    def serving(self, wsgi_app: Callable[..., Any]) -> Callable[..., Any]:
        def serve(environ: dict[str, Any], start_response: Any) -> Any:
            if environ["PATH_INFO"].endswith("/sender/locations"):
                self.asked.append(environ["QUERY_STRING"])
                if self._served is not None and len(self.asked) > self._served:
                    self._released.wait(HELD_SECONDS)
            return wsgi_app(environ, start_response)

        return serve


def create_app(settings: dict[str, Any]) -> Flask:
    """Return a platform with the route POST /do/<name>; ``ahead``: the seconds that its clock is fast."""
    app = Flask("platform", instance_path=settings["folder"])
    app.config.update(
        SECRET_KEY="a secret that two processes of one platform share",
        OCPI_PARTIES=[party_settings("NL", settings["party"], settings["roles"])],
        OCPI_BASE_URL=f"http://127.0.0.1:{settings['port']}",
        OCPI_HTTP_ALLOW_PRIVATE=True,
        OCPI_HTTP_TIMEOUT=HELD_SECONDS,
        OCPI_DOCS=False,
        OCPI_PUSH=False,
        OCPI_SYNC_MODULES=["locations"],
        OCPI_SYNC_INTERVAL=settings.get("interval", 0),
        OCPI_DISPATCH_INTERVAL=0.1,
        SQLALCHEMY_DATABASE_URI=settings.get("database") or f"sqlite:///{Path(settings['folder']) / 'ocpi.sqlite3'}",
        OCPI_CREATE_TABLES=True,
    )
    ocpi = OCPI(app, clock=lambda: utc_now() + timedelta(seconds=settings.get("ahead", 0)))
    lists = Lists()
    app.wsgi_app = lists.serving(app.wsgi_app)  # type: ignore[method-assign]

    def sync(**options: Any) -> Any:
        (synced,) = ocpi.sync(**options)
        error = None if synced.error is None else f"{type(synced.error).__name__}: {synced.error}"
        return {"error": error, "whole": synced.whole, "removed": synced.pulled.removed}

    def fill(numbers: list[int], moment: str, city: str) -> int:
        owner = {"country_code": "NL", "party_id": settings["party"], "last_updated": moment, "city": city}
        return ocpi.objects.save_all({"locations": [location(id=f"L{number}", **owner) for number in numbers]})

    def fingerprint(copies: bool) -> Any:
        texts = sorted(repr(sorted(d.items())) for d in ocpi.objects.documents("locations", copies=copies))
        return [len(texts), hashlib.sha256("".join(texts).encode()).hexdigest()]

    deeds: dict[str, Callable[..., Any]] = {
        "invite": lambda: ocpi.partners.invite(name="")[1],
        "register": lambda **arguments: ocpi.partners.register(**arguments).state,
        "start": lambda: ocpi.start(),
        "sync": sync,
        "fill": fill,
        "delete": lambda id: ocpi.delete("locations", id),
        "fingerprint": fingerprint,
        "hold_after": lambda number: lists.hold_after(number),
        "release": lambda: lists.release(),
        "asked": lambda: lists.asked,
    }

    @app.post("/do/<name>")
    def do(name: str) -> Any:
        try:
            return {"done": deeds[name](**request.get_json())}
        except FlaskOCPIError as error:
            return Response(f"{type(error).__name__}: {error}", 409)

    return app


if __name__ == "__main__":
    launch(create_app)
