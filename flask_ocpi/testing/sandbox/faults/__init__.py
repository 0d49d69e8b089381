"""Faults: the ways in which the sandbox misbehaves on request, each a kind that partners have shown.

:data:`FAULTS` is the table of them. :class:`Faulty` is the WSGI middleware that answers with them, and
:class:`FaultyTransport` sends with them.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from inspect import isfunction
from itertools import count
from types import ModuleType
from typing import Any

import orjson
from werkzeug.datastructures import Headers
from werkzeug.test import run_wsgi_app

from flask_ocpi.client import Request
from flask_ocpi.client import Response
from flask_ocpi.client import Transport
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.testing.sandbox.faults import answers
from flask_ocpi.testing.sandbox.faults import sending
from flask_ocpi.testing.sandbox.faults import values
from flask_ocpi.testing.sandbox.faults.base import ABOUT_ITSELF
from flask_ocpi.testing.sandbox.faults.base import Answer
from flask_ocpi.testing.sandbox.faults.base import Fault
from flask_ocpi.testing.sandbox.faults.base import Send
from flask_ocpi.testing.sandbox.faults.base import Serve
from flask_ocpi.testing.sandbox.faults.base import Visit
from flask_ocpi.testing.sandbox.faults.base import module_of

__all__ = ["FAULTS", "Fault", "Faulty", "FaultyTransport", "ahead_of", "chosen"]

PREFIX = "/ocpi/"
AHEAD = {"clock-skew": answers.AHEAD}


def _faults(module: ModuleType, part: str) -> Iterator[Fault]:
    """Make a fault of each public function of a module: its name and its docstring are those of the fault."""
    for name, function in vars(module).items():
        if isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_"):
            shown = name.replace("_", "-")
            parts: dict[str, Any] = {part: function}
            yield Fault(shown, str(function.__doc__), ahead=AHEAD.get(shown, timedelta()), **parts)


FAULTS = {
    fault.name: fault for fault in (*_faults(answers, "serve"), *_faults(values, "change"), *_faults(sending, "send"))
}


def chosen(names: Iterable[str]) -> list[Fault]:
    """Return the faults of these names; raise ConfigurationError for an unknown one."""
    found = []
    for name in names:
        if name not in FAULTS:
            raise ConfigurationError(f"There is no fault {name!r}: see flask ocpi sandbox --list-faults.")
        found.append(FAULTS[name])
    return found


def ahead_of(clock: Callable[[], datetime], faults: Iterable[Fault]) -> Callable[[], datetime]:
    """Return the clock of a sandbox with these faults."""
    ahead = sum((fault.ahead for fault in faults), timedelta())
    return lambda: clock() + ahead


class Faulty:
    """A WSGI middleware around a platform that answers with faults; the first one is the outermost."""

    def __init__(self, app: Any, faults: Sequence[Fault]) -> None:
        self.app = app
        self.faults = faults
        self.numbers = count(1)
        self.notes: dict[str, Any] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "").partition(PREFIX)[2]
        module = module_of(path)
        number = 0
        if module not in ABOUT_ITSELF:
            number = next(self.numbers)
        visit = Visit(environ, path, module, number, self.notes)
        serve: Serve = partial(self._serve, visit)
        for fault in reversed(self.faults):
            if fault.serve is not None:
                serve = partial(fault.serve, visit, serve)
        answer = serve()
        answer.headers["Content-Length"] = str(len(answer.body))
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", answer.headers.to_wsgi_list())
        return [answer.body]

    def _serve(self, visit: Visit) -> Answer:
        body, status, headers = run_wsgi_app(self.app, visit.environ, buffered=True)
        answer = Answer(int(status.partition(" ")[0]), Headers(headers), b"".join(body))
        found = answer.envelope()
        if found is not None and isinstance(found.get("data"), dict | list):
            answer.write({**found, "data": said(self.faults, visit.module, found["data"])})
        return answer


class FaultyTransport:
    """A transport that sends with faults."""

    def __init__(self, transport: Transport, faults: Sequence[Fault]) -> None:
        self.transport = transport
        self.faults = faults

    def send(self, request: Request) -> Response:
        """Send a request, changed."""
        send: Send = self.transport.send
        for fault in reversed(self.faults):
            if fault.send is not None:
                send = _through(fault.send, send)
        if request.body and request.method in ("POST", "PUT"):
            module = module_of(request.url.partition(PREFIX)[2].partition("?")[0])
            body = orjson.dumps(said(self.faults, module, orjson.loads(request.body)))
            request = replace(request, body=body)
        return send(request)

    def close(self) -> None:
        """Close the kept connections."""
        self.transport.close()


def _through(function: Callable[[Request, Send], Response], send: Send) -> Send:
    return lambda request: function(request, send)


def said(faults: Iterable[Fault], module: str, data: Any) -> Any:
    """Return an object, or a list of objects, of a module with the faults in each of them."""
    if isinstance(data, list):
        return [said(faults, module, each) for each in data]
    if not isinstance(data, dict):
        return data
    for fault in faults:
        if fault.change is not None:
            data = fault.change(module, data)
    return data
