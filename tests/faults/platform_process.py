"""An operator or a provider as real processes that are killed: what serves it, and its ``flask ocpi worker``.

Run with ``python -m tests.faults.platform_process``. Reads one JSON object of settings a line and starts a process for
each, by forking, since everything is imported by then. Ends, with all of them, when its input does.
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
from flask.cli import ScriptInfo
from werkzeug.serving import make_server

from flask_ocpi import OCPI
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.outbox import entries
from flask_ocpi.signals import object_received
from flask_ocpi.testing.network import party_settings
from tests.forking import warm_up

#: Seconds. Whoever took an entry is given up after twice that and ten.
HTTP_TIMEOUT = 3


class Host:
    """The host application: it makes the changes that it is told of, and notes each CDR that arrives as a new one."""

    def __init__(self, ocpi: OCPI, folder: Path) -> None:
        self.ocpi = ocpi
        self.invoices = folder / "invoices"

    def do(self, name: str, **arguments: Any) -> Any:
        return getattr(self, f"_{name}")(**arguments)

    def note(self, app: Flask, *, module: str, key: Any, created: bool, **payload: Any) -> None:
        if module == "cdrs" and created:
            with self.invoices.open("a") as file:
                file.write(f"{key.id}\n")

    def _invite(self) -> Any:
        return self.ocpi.partners.invite(name="")[1]

    def _register(self, versions_url: str, token: str) -> Any:
        return self.ocpi.partners.register(versions_url, token).state

    def _save(self, module: str, document: dict[str, Any]) -> Any:
        return self.ocpi.save(module, document)

    def _patch(self, module: str, ids: list[str], changes: dict[str, Any]) -> Any:
        """Change an object, or a part of it, and return what it was before."""
        before = self.ocpi.objects.get(module, *ids)
        self.ocpi.patch(module, *ids, changes=changes)
        return before

    def _entries(self) -> Any:
        """Return what other platforms have not seen, and why; parked is what they refused."""
        services = self.ocpi.services
        found = [
            entry for platform in self.ocpi.partners.list() for entry in entries.of_platform(services, platform.id)
        ]
        return [f"{m.module} {' '.join(m.ids)}{' (parked)' if m.is_parked else ''}: {m.error}" for m in found]

    def _sync(self) -> Any:
        """Sync everything once; return what did not come to its end."""
        done = self.ocpi.sync()
        broken = [f"{synced.module}: {item}" for synced in done for item in synced.pulled.broken]
        return broken + [f"{synced.module}: {synced.error}" for synced in done if not synced.is_complete]

    def _documents(self, module: str, copies: bool) -> Any:
        return list(self.ocpi.objects.documents(module, copies=copies))

    def _invoices(self) -> Any:
        return self.invoices.read_text().split() if self.invoices.exists() else []


def create_app(settings: dict[str, Any]) -> Flask:
    """Return a platform with the route POST /do/<name>, which answers 200 when what it did is committed."""
    folder = Path(settings["folder"])
    app = Flask("platform", instance_path=str(folder))
    country_code, party_id = settings["party"]
    app.config.update(
        OCPI_PARTIES=[party_settings(country_code, party_id, settings["roles"])],
        OCPI_BASE_URL=f"http://127.0.0.1:{settings['port']}",
        OCPI_HTTP_ALLOW_PRIVATE=True,
        OCPI_HTTP_TIMEOUT=HTTP_TIMEOUT,
        OCPI_DISPATCHER=settings["dispatcher"],
        OCPI_DISPATCH_INTERVAL=0.5,
        OCPI_PUSH_MAX_BACKOFF=2,
        # What a killed process had sent may arrive after what was sent next.
        OCPI_REJECT_STALE=True,
        OCPI_DOCS=False,
        SQLALCHEMY_DATABASE_URI=settings["database"],
        OCPI_CREATE_TABLES=True,
    )
    app.config.update(settings.get("config", {}))
    ocpi = OCPI(app)
    host = Host(ocpi, folder)
    object_received.connect(host.note, app)
    app.extensions["host"] = host

    @app.post("/do/<name>")
    def do(name: str) -> Any:
        try:
            return {"status_code": 1000, "done": host.do(name, **request.get_json())}
        except FlaskOCPIError as error:
            return Response(f"{type(error).__name__}: {error}", 409)

    return app


def serve(app: Flask, settings: dict[str, Any]) -> None:
    if settings["dispatcher"] == "thread":
        app.extensions["ocpi"].start()
    server = make_server("127.0.0.1", settings["port"], app, threaded=True)
    _say_ready()
    server.serve_forever()


def work(app: Flask) -> None:
    """Be ``flask ocpi worker``."""
    _say_ready()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    app.cli.main(["ocpi", "worker"], obj=ScriptInfo(create_app=lambda: app), standalone_mode=False)


def _say_ready() -> None:
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def launch(create_app: Callable[[dict[str, Any]], Flask]) -> None:
    """Start a process for each line of input, by forking."""
    warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes
    for line in sys.stdin:
        parent = os.getpid()
        if os.fork() == 0:
            sys.stdin.close()
            threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
            settings = json.loads(line)
            app = create_app(settings)
            if settings["kind"] == "worker":
                work(app)
            else:
                serve(app, settings)
            os._exit(0)


if __name__ == "__main__":
    launch(create_app)
