"""What is known of the request that is being handled, beyond what Flask knows."""

from __future__ import annotations

from typing import IO
from typing import TYPE_CHECKING

from flask_ocpi.context import Context
from flask_ocpi.messages import Started
from flask_ocpi.platforms import Caller

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_KEY = "flask_ocpi.incoming"


class Incoming:
    """A request: whose it is, and what its handler is given, as soon as that is known.

    started: when it began; None where nobody looks. body: what was read of it, for the journal.
    is_read: nothing of the body is left to read. rest: what is, once it is known that nobody is going to read it.
    """

    __slots__ = ("body", "caller", "context", "environ", "is_read", "rest", "started")

    def __init__(self, environ: WSGIEnvironment, started: Started | None = None) -> None:
        self.environ = environ
        self.started = started
        self.caller: Caller | None = None
        self.context: Context | None = None
        self.body = b""
        self.is_read = False
        self.rest: IO[bytes] | None = None
        environ[_KEY] = self

    @classmethod
    def of(cls, environ: WSGIEnvironment) -> Incoming:
        """Return what is known of a request."""
        found: Incoming | None = environ.get(_KEY)
        return cls(environ) if found is None else found
