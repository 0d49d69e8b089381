"""Tells load balancers and supervisors whether this process works: ``GET /health`` below the prefix."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from time import monotonic

import orjson
from flask import Blueprint
from flask import Flask
from flask import Response

from flask_ocpi.core import forks
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.logs import Ration
from flask_ocpi.outbox.circuits import Circuit
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Record
from flask_ocpi.web.pages import protect

OK = "ok"
FAILING = "failing"
ELSEWHERE = "elsewhere"

_log = logging.getLogger("flask_ocpi")

_FRESH = 1.0  # seconds for which an answer of the storage is valid
_WRITTEN = 30.0  # seconds after which a write is tested again: a full disk can still be read
_WRITE_PATIENCE = 0.5  # seconds; a write may have to wait for others, which is no failure
_PATIENCE = 2.0  # seconds in which the storage has to answer
_GIVEN_UP = 30.0  # seconds after which a check and its connection count as lost


def register_health(app: Flask, services: Services, dispatcher_is_alive: Callable[[], bool]) -> None:
    """Serve ``/health`` below the prefix to every caller: it answers only "ok" or "failing"."""
    health = Health(app, services, dispatcher_is_alive)
    blueprint = Blueprint("ocpi_health", __name__, url_prefix=services.settings.url_prefix)

    def answer() -> Response:
        report = health.report()
        status = 200 if report["status"] == OK else 503
        headers = {"Cache-Control": "no-store"}
        return protect(Response(orjson.dumps(report), status, headers, mimetype="application/json"))

    answer.provide_automatic_options = False  # type: ignore[attr-defined]  # as for all other paths below the prefix
    blueprint.add_url_rule("/health", "health", answer, strict_slashes=False, merge_slashes=False)
    app.register_blueprint(blueprint)


class Health:
    """Checks the storage at most once a second, for any number of calls, and never waits long for it."""

    def __init__(self, app: Flask, services: Services, dispatcher_is_alive: Callable[[], bool]) -> None:
        self._app = app
        self._services = services
        self._dispatcher_is_alive = dispatcher_is_alive
        self._known_to_fail = False
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._check: _Check | None = None
        self._writing: _Check | None = None
        self._logged = Ration(1)

    def report(self) -> dict[str, str]:
        """Return the overall ``status``, and that of ``storage`` and ``dispatcher``: "ok" or "failing".

        The dispatcher is "elsewhere" if other processes dispatch.
        """
        storage = OK if self._storage_answers() else FAILING
        dispatcher = ELSEWHERE
        if self._services.settings.dispatcher in ("thread", "inline"):
            dispatcher = OK if self._dispatcher_is_alive() else FAILING
        status = FAILING if FAILING in (storage, dispatcher) else OK
        return {"status": status, "storage": storage, "dispatcher": dispatcher}

    def _storage_answers(self) -> bool:
        with self._lock:
            check = self._check
            if check is None or check.is_stale():
                check = self._check = _Check(self._ask)
            writing = self._writing
            if writing is None or writing.is_stale(_FRESH if writing.error else _WRITTEN):
                writing = self._writing = _Check(self._write)
        answers = check.wait()
        write_error = writing.error_within(_WRITE_PATIENCE)
        self._note(answers and not write_error, check.error or write_error)
        return answers and not write_error

    def _write(self) -> None:
        key = Key("", "", f"HEALTH-{secrets.token_hex(8)}".upper(), "")
        storage = self._services.storage
        with self._app.app_context(), storage.transaction():
            storage.save(Circuit.KIND, key, Record.of({"health": True}, last_updated=0))
            storage.delete(Circuit.KIND, key)

    def _ask(self) -> None:
        with self._app.app_context():
            self._services.storage.check()

    def _note(self, answers: bool, error: str) -> None:
        """Log when the storage stops and resumes working, each at most once a minute."""
        with self._lock:
            changed, self._known_to_fail = self._known_to_fail is answers, not answers
        if not changed or self._logged.take(answers) is None:
            return
        if answers:
            _log.info("The storage answers again.")
        else:
            _log.error("The storage does not answer: %s", error or f"nothing came within {_PATIENCE:g} seconds")


class _Check:
    """One check of the storage, in a thread of its own, because a driver may block without a time-out."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self.error = ""
        self._ask = ask
        self._answers = False
        self._over = threading.Event()
        self._began = monotonic()
        self._ended: float | None = None
        forks.thread(self._run, "ocpi-health").start()

    def error_within(self, seconds: float) -> str:
        """Wait for its end and return the reason of a failure; "" if it did not fail, or still runs."""
        self._over.wait(seconds)
        return self.error

    def is_stale(self, fresh: float = _FRESH) -> bool:
        """Tell whether to check again. A silent storage is not checked at once, so that threads do not pile up."""
        if self._ended is None:
            return monotonic() - self._began >= _GIVEN_UP
        return monotonic() - self._ended >= fresh

    def wait(self) -> bool:
        """Wait until it ends, or takes too long; tell whether the storage answered."""
        return self._over.wait(max(0.0, self._began + _PATIENCE - monotonic())) and self._answers

    def _run(self) -> None:
        try:
            self._ask()
            self._answers = True
        except Exception as error:
            self.error = str(error) or type(error).__name__
        finally:
            self._ended = monotonic()
            self._over.set()
