"""What a fault is made of: a visit, its answer, and functions that change them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any

import orjson
from werkzeug.datastructures import Headers

from flask_ocpi.client import Request
from flask_ocpi.client import Response

Document = dict[str, Any]

ABOUT_ITSELF = ("versions", "details", "credentials")


@dataclass(slots=True)
class Answer:
    """An answer to a partner."""

    status: int
    headers: Headers
    body: bytes

    def envelope(self) -> Document | None:
        """Return the envelope; None where the body is none."""
        try:
            found = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None
        return found if isinstance(found, dict) and "status_code" in found else None

    def write(self, envelope: Document) -> Answer:
        """Replace the envelope."""
        self.body = orjson.dumps(envelope)
        return self


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of a partner.

    path: without the prefix, with version and side: ``2.2.1/sender/locations``. module: of OCPI, or "versions" or
    "details". number: how many requests for modules came, this one included; 0 for those that are about the platform
    itself. notes: what the faults remember from one request to the next.
    """

    environ: dict[str, Any]
    path: str
    module: str
    number: int
    notes: dict[str, Any]

    @property
    def method(self) -> str:
        return str(self.environ["REQUEST_METHOD"])

    @property
    def is_write(self) -> bool:
        return self.method != "GET" and self.number > 0

    @property
    def is_list(self) -> bool:
        """Tell whether a whole list is asked for."""
        return self.method == "GET" and self.number > 0 and len(self.path.strip("/").split("/")) == 3

    def body(self) -> Document:
        """Return the object in the request, {} if there is none; the platform can still read it."""
        text = self.environ["wsgi.input"].read(int(self.environ.get("CONTENT_LENGTH") or 0))
        self.environ["wsgi.input"] = BytesIO(text)
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}

    def every(self, count: int) -> bool:
        """Tell whether it is the last of so many requests for modules."""
        return self.number > 0 and self.number % count == 0


Serve = Callable[[], Answer]
Send = Callable[[Request], Response]


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to misbehave. sentence: what the sandbox does then, for people.

    serve: answers a visit; it may ask the platform for its answer, or not. change: changes an object, or another
    document of a module, that the sandbox serves or sends, and returns it. send: sends a request of its own. ahead: how
    far its clock is ahead.
    """

    name: str
    sentence: str
    serve: Callable[[Visit, Serve], Answer] | None = None
    change: Callable[[str, Document], Document] | None = None
    send: Callable[[Request, Send], Response] | None = None
    ahead: timedelta = timedelta()


def module_of(path: str) -> str:
    """Return the module of a path without the prefix: ``2.2.1/sender/locations/...`` is about locations."""
    first, *others = path.strip("/").split("/")
    if not first or first == "versions":
        return "versions"
    if not others:
        return "details"
    return others[1] if others[0] in ("sender", "receiver") and len(others) > 1 else others[0]


def changed(document: Any, change: Callable[[str, Any], Any]) -> Any:
    """Change each value in a document by its name; lists and dicts are walked through."""
    if isinstance(document, dict):
        return {name: changed(change(name, value), change) for name, value in document.items()}
    if isinstance(document, list):
        return [changed(each, change) for each in document]
    return document
