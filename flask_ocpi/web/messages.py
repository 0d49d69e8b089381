"""Reports each incoming request to the journal and to listeners."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING
from typing import Any
from urllib.parse import quote

from flask import Flask
from flask import Response
from flask import request
from flask import request_finished

from flask_ocpi.exchange.contacts import Failure
from flask_ocpi.exchange.contacts import interface_of
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.logs import CURRENT
from flask_ocpi.exchange.logs import Ration
from flask_ocpi.exchange.messages import KEPT_HEADERS
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.messages import is_failure
from flask_ocpi.partners.auth_tokens import candidates
from flask_ocpi.partners.platforms import Caller
from flask_ocpi.web.answers import Answer
from flask_ocpi.web.answers import SurroundingHeaders
from flask_ocpi.web.headers import CORRELATION_ID
from flask_ocpi.web.headers import ENCODED_MARK
from flask_ocpi.web.headers import REQUEST_ID
from flask_ocpi.web.headers import environ_key
from flask_ocpi.web.headers import mark_encoded_slashes
from flask_ocpi.web.incoming import INCOMING
from flask_ocpi.web.incoming import Draining
from flask_ocpi.web.incoming import Incoming

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("flask_ocpi")
_journal_log = logging.getLogger("flask_ocpi.journal")
_PLAIN = "/!$&'()*+,;=:@~"
_AS_IT_IS = re.compile(rf"[A-Za-z0-9_.\-{_PLAIN}]*")
_LOGGED = 30  # records of a kind about unknown callers, per minute
_KEPT = 10  # messages of unknown callers in the journal, per minute


_HEADERS = [(environ_key(name), name) for name in KEPT_HEADERS]


class RequestWatch:
    """WSGI middleware that follows the requests to our blueprints, until the answer is made.

    It comes before all hooks of the host application, and connects log records to the request.
    modules: the id of the module by the name of its blueprint, None for the one that answers all other paths. routed:
    the names of the blueprints whose messages have routing headers.
    ended: called after each of these requests.
    """

    def __init__(
        self,
        app: Flask,
        services: Services,
        modules: Mapping[str, str | None],
        *,
        routed: Collection[str],
        ended: Callable[[], None],
    ) -> None:
        self._traffic = services.traffic
        self._bodies = services.bodies
        self._modules = dict(modules)
        self._prefix = services.settings.url_prefix
        self._routed = frozenset(routed)
        self._around = {flag: SurroundingHeaders(services, functional=flag) for flag in (True, False)}
        self._logged = Ration(_LOGGED)
        self._kept = Ration(_KEPT)
        self._interfaces: dict[str, str] = {}
        self._ended = ended
        self._wsgi_app = app.wsgi_app
        request_finished.connect(self.end, app)
        app.wsgi_app = self  # type: ignore[method-assign]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(self._prefix):
            return self._wsgi_app(environ, start_response)
        if path.startswith("/", len(self._prefix)):
            mark_encoded_slashes(environ, path)
        incoming = Incoming(
            environ, moment=self._traffic.now(), modules=self._modules, ration=self._logged, bodies=self._bodies
        )
        token = CURRENT.set(incoming)
        try:
            answer = self._wsgi_app(environ, start_response)
            return answer if incoming.rest is None else Draining(answer, environ, incoming.rest, self._bodies)
        finally:
            CURRENT.reset(token)
            self._ended()

    def end(self, app: Flask, *, response: Response, **kwargs: Any) -> None:
        """Add our headers to the host's answer to one of our requests, and report the message; never fails."""
        current = request._get_current_object()  # type: ignore[attr-defined]
        incoming: Incoming | None = current.environ.get(INCOMING)
        if incoming is None:
            return
        if not incoming.is_read:
            incoming.note_rest(current)
        is_done = isinstance(response, Answer) and response.is_done
        endpoint = current.endpoint or ""
        if incoming.caller is not None:
            interface = self._interfaces.get(endpoint)
            if interface is None:
                interface = self._interface_of(endpoint)
            failure = None if is_done else _failure_of(endpoint, response)
            self._traffic.contacts.received(incoming.caller.platform.id, interface, incoming.moment, failure)
        is_brief = False
        if isinstance(response, Answer):
            is_brief = is_done and incoming.caller is not None and self._traffic.is_brief
            if is_done and not (is_brief or self._traffic.is_wanted(failed=False)):
                return
        elif incoming.is_ours:
            is_routed = endpoint.rpartition(".")[0] in self._routed
            response.headers.update(self._around[is_routed].of(incoming))
        if incoming.moment and (is_brief or incoming.is_ours):
            try:
                if is_brief and isinstance(response, Answer) and incoming.caller is not None:
                    self._tell_briefly(incoming, endpoint, incoming.caller, response)
                else:
                    self._tell(incoming, response)
            except Exception:
                path = incoming.environ["PATH_INFO"]
                _log.exception("The journal could not be told of %s %s.", incoming.environ["REQUEST_METHOD"], path)

    def _interface_of(self, endpoint: str) -> str:
        """Return the interface of ours that an endpoint belongs to, as contacts name it, and remember it."""
        blueprint, _, operation = endpoint.rpartition(".")
        found = self._interfaces[endpoint] = interface_of(self._modules.get(blueprint), operation)
        return found

    def _tell(self, incoming: Incoming, response: Response) -> None:
        http_status = response.status_code
        status_code, said = (response.ocpi_status, response.message) if isinstance(response, Answer) else (None, "")
        failed = is_failure(http_status, status_code)
        if not self._traffic.is_wanted(failed=failed):
            return
        body = b"" if response.is_streamed else response.get_data()
        caller, environ, headers = incoming.caller, incoming.environ, response.headers
        blueprint, _, operation = incoming.endpoint.rpartition(".")
        module = self._modules[blueprint]
        message = Message(
            Direction.IN,
            environ["REQUEST_METHOD"],
            _url(environ["PATH_INFO"], environ.get("QUERY_STRING")),
            incoming.moment,
            incoming.duration,
            platform=None if caller is None else caller.platform.id,
            module=module,
            operation=None if module is None else operation,
            request_id=headers.get(REQUEST_ID, ""),
            correlation_id=headers.get(CORRELATION_ID, ""),
            http_status=http_status,
            status_code=status_code,
            error=said if failed else "",
            request_bytes=len(incoming.body) or request.content_length or 0,
            response_bytes=len(body),
            request_headers={name: environ[key] for key, name in _HEADERS if key in environ},
            request_body=incoming.body,
            response_headers=dict([*headers]),
            response_body=body,
        )
        secrets = _secrets(environ.get("HTTP_AUTHORIZATION", ""), caller)
        kept = http_status != 429 and (caller is not None or self._has_room())
        self._traffic.tell(message, secrets=secrets, kept=kept)

    def _tell_briefly(self, incoming: Incoming, endpoint: str, caller: Caller, answer: Answer) -> None:
        """Report a success of which the journal keeps neither headers nor bodies; all else is done in its thread."""
        environ, sent, returned = incoming.environ, incoming.body, answer.body
        seen = (
            environ["REQUEST_METHOD"],
            environ["PATH_INFO"],
            environ.get("QUERY_STRING"),
            incoming.moment,
            incoming.duration,
            caller.platform.id,
            endpoint,
            incoming.answered_ids,
            answer.status_code,
            answer.ocpi_status,
        )
        # What is asked for with GET is in the URL.
        bodies = (b"", b"") if seen[0] == "GET" else (sent, returned)
        make = partial(self._success, seen, (len(sent), len(returned)))
        secrets = (environ["HTTP_AUTHORIZATION"][6:], caller.token)
        self._traffic.tell_briefly(make, url=f"{seen[1]}{seen[2]}", bodies=bodies, secrets=secrets)

    def _success(self, seen: tuple[Any, ...], sizes: tuple[int, int]) -> Message:
        method, path, query, moment, duration, platform, endpoint, ids, http_status, status_code = seen
        blueprint, _, operation = endpoint.rpartition(".")
        return Message(
            Direction.IN,
            method,
            _url(path, query),
            moment,
            duration,
            platform=platform,
            module=self._modules[blueprint],
            operation=operation,
            request_id=ids[REQUEST_ID],
            correlation_id=ids[CORRELATION_ID],
            http_status=http_status,
            status_code=status_code,
            request_bytes=sizes[0],
            response_bytes=sizes[1],
            request_whole=not sizes[0],
            response_whole=not sizes[1],
        )

    def _has_room(self) -> bool:
        """Tell whether the journal keeps one more message of an unknown caller; further ones are counted."""
        left_out = self._kept.take("journal")
        if left_out:
            _journal_log.warning("%s messages of unknown callers were left out of the journal.", left_out)
        return left_out is not None


def _url(path: str, query: str | None) -> str:
    """Return path and query of the request in the spelling of a URL."""
    if _AS_IT_IS.fullmatch(path) is None:
        path = quote(path.encode("latin-1"), safe=_PLAIN).replace(ENCODED_MARK, "%2F")
    return f"{path}?{query}" if query else path


def _failure_of(endpoint: str, response: Response) -> Failure | None:
    """Return the failure of an answer, without its time; None for a success that OCPI has other codes for."""
    status_code = response.ocpi_status if isinstance(response, Answer) else None
    if not is_failure(response.status_code, status_code):
        return None
    return Failure("IN", endpoint.rpartition(".")[2], response.status_code, status_code)


def _secrets(header: str, caller: Caller | None) -> tuple[str, ...]:
    """Return the spellings of the token in an Authorization header."""
    return (header[6:], *(candidates(header) if caller is None else (caller.token,)))
