"""Requests of partners, and the results that we owe them.

A request is ASKED until the host application answers. Accepted, it is OPEN until it has its result: FINISHED. A sender
first changes it to SENDING, so that the result is sent only once, even if processes end or start. A request that is
OPEN or FINISHED also has a record in DEADLINES.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING
from typing import Any
from typing import cast

import orjson

from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Operation
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.schema import load
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.errors import ServerError
from flask_ocpi.exchange.context import Answer
from flask_ocpi.exchange.context import CallHook
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.pending import records
from flask_ocpi.exchange.targets import Target
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import walk

if TYPE_CHECKING:
    from flask_ocpi.exchange.typed import Outcome

_log = logging.getLogger("flask_ocpi")


class IncomingState(StrEnum):
    """The state of a partner's request."""

    ASKED = "ASKED"  # not answered yet
    OPEN = "OPEN"  # ACCEPTED; the result is still to come
    FINISHED = "FINISHED"  # the result is there, and not sent yet
    SENDING = "SENDING"
    SENT = "SENT"
    FAILED = "FAILED"  # sent once, and not accepted; OCPI wants no retries
    TIMED_OUT = "TIMED_OUT"  # nothing is sent for it, except a result that comes after all


_TO_SEND = (IncomingState.OPEN, IncomingState.FINISHED)
_FIRST_LOOK = SECOND  # ahead
_FARTHEST_LOOK = 3600 * SECOND


@dataclass(frozen=True, slots=True)
class IncomingRequest(records.Request):
    """A partner's request, and its result.

    receiver: our party. sender: that of the partner, if that is clear. request: the body, without the response_url.
    expires: the end of its time, in microseconds; 0 before the answer. result: the result of the host application.
    """

    KIND = records.INCOMING

    receiver: Party
    sender: Party | None
    response_url: str
    request: Document
    state: IncomingState = IncomingState.ASKED
    expires: int = 0
    result: Document | None = None


@dataclass(slots=True)
class Reply:
    """The answer of the host application to a partner's request, now or later.

    id: identifies the request for :meth:`OCPI.finish`, from any thread or process. platform: the partner; sender: the
    party that sends the request, if that is clear; receiver: our party.
    timeout: seconds that the partner will wait, unless the response gives another number.
    reservation: for RESERVE_NOW and CANCEL_RESERVATION our own number of the reservation, different for each eMSP.
    """

    id: str
    platform: Platform
    sender: Party | None
    receiver: Party
    timeout: int
    services: Services = field(repr=False)
    reservation: int | None = None
    work: Callable[[], Answer] | None = field(default=None, repr=False)

    def accept(self, work: Callable[[], Outcome], *, timeout: int | None = None) -> Document:
        """Return the response ACCEPTED, and call ``work`` in the background after it is sent.

        The return value of ``work`` is the result. If it raises, the result is FAILED (for profiles: REJECTED).
        """
        self.work = cast("Callable[[], Answer]", work)
        return {"result": records.ACCEPTED, "timeout": self.timeout if timeout is None else timeout}

    def finish(self, result: Outcome) -> None:
        """Give the result: its value, or the whole object. It is sent in the background."""
        if finish(self.services, self.id, cast("Answer", result)):
            self.services.background(lambda: self.services.deliver(self.id))


def respond(result: str) -> Result:
    """Answer a request at once, without a later result."""
    return Result(orjson.dumps({"result": result, "timeout": 0}))


def receive(ctx: Context, target: Target, asked: Document, hook: CallHook | None) -> Result:
    """Answer a request with the hook of the host application, and store its result. Without a hook: NOT_SUPPORTED.

    asked: the request, and the response_url, which the hook does not get.
    """
    services = ctx.services
    response_url = asked["response_url"]
    request = {name: value for name, value in asked.items() if name != "response_url"}
    records.check_response_url(ctx.platform, services.settings, response_url)
    if hook is None:
        return respond(records.NOT_SUPPORTED)
    incoming = IncomingRequest(
        id=secrets.token_hex(16),
        module=str(target.module.id),
        operation=target.operation.name,
        platform=ctx.platform.id,
        receiver=target.receiver,
        sender=ctx.sender,
        response_url=response_url,
        request=request,
        version=ctx.version.number,
    )
    records.purge(services, records.INCOMING)
    _save(services, incoming)
    timeout = services.settings.command_timeout
    reply = Reply(incoming.id, ctx.platform, incoming.sender, incoming.receiver, timeout, services)
    try:
        response = _response(ctx, target.operation, hook(request, reply), timeout)
        finished = _answered(services, incoming, response)
    except Exception:
        _forget(services, incoming.id)
        raise
    after: tuple[Callable[[], None], ...] = ()
    if finished:
        after = (lambda: services.background(lambda: services.deliver(incoming.id)),)
    elif reply.work is not None and response["result"] == records.ACCEPTED:
        work = reply.work
        after = (lambda: services.background(lambda: _work(reply, work)),)
    return Result(orjson.dumps(response), after=after)


def finish(services: Services, id: str, result: Answer) -> bool:
    """Store the result of a request; True to send it now, False if the request still runs and will send it.

    Raises NotFoundError for an id that is not known (any more), InvalidParametersError for a result that is not valid
    or comes second. Only a reservation that was made may be followed by CANCELED_RESERVATION (CMD-14).
    """
    with services.storage.transaction():
        incoming = _lock(services, id)
        checked = _checked(services, incoming, result)
        if incoming.result is not None and not _cancels(incoming, checked):
            raise InvalidParametersError(
                f"Request {id} has its result already, {incoming.result['result']}: there is only one."
            )
        if incoming.state is IncomingState.ASKED:
            _save(services, replace(incoming, result=checked), was=incoming)
            return False
        finished = replace(incoming, state=IncomingState.FINISHED, result=checked)
        _save(services, finished, was=incoming)
        _after_finish(services, finished)
    return True


def claim(services: Services, id: str) -> IncomingRequest | None:
    """Take a result to send it, once; None if there is none to send, or another process sends it."""
    with services.storage.transaction():
        incoming = records.locked(services, IncomingRequest, id)
        if incoming is None or incoming.state is not IncomingState.FINISHED:
            return None
        _save(services, replace(incoming, state=IncomingState.SENDING), was=incoming)
    return incoming


def delivered(services: Services, incoming: IncomingRequest, *, taken: bool) -> None:
    """Note the outcome of sending a result, unless there is another result by now (CMD-14)."""
    with services.storage.transaction():
        current = _lock(services, incoming.id)
        if current.state is IncomingState.SENDING and current.result == incoming.result:
            _save(services, replace(current, state=IncomingState.SENT if taken else IncomingState.FAILED), was=current)


def get_incoming(services: Services, id: str) -> IncomingRequest:
    """Return a partner's request; raise NotFoundError if it is not known (any more)."""
    record = services.storage.get(records.INCOMING, records.pending_key(id))
    if record is None:
        raise _unknown(id)
    return IncomingRequest.from_record(record)


def overdue(services: Services) -> list[str]:
    """Return the ids of the requests whose time is over and that still need a result to be sent."""
    query = records.every_pending(date_to=services.now() + 1)
    return [record.document["id"] for record in walk(services.storage, records.DEADLINES, query)]


def expire(services: Services, id: str) -> IncomingRequest | None:
    """End a request that is :func:`overdue`, and return it in its new state; None if another process ended it.

    FINISHED: a result has to be sent now, usually TIMEOUT (CMD-33), or one that was not sent because the process ended.
    TIMED_OUT: nothing is sent, because the results of charging profiles have no such value.
    """
    with services.storage.transaction():
        incoming = records.locked(services, IncomingRequest, id)
        if incoming is None or incoming.state not in _TO_SEND:
            services.storage.delete(records.DEADLINES, records.pending_key(id))
            return None
        ended = incoming
        if incoming.state is IncomingState.OPEN and records.TIMEOUT in _result_values(services, incoming):
            ended = replace(incoming, state=IncomingState.FINISHED, result={"result": records.TIMEOUT})
        elif incoming.state is IncomingState.OPEN:
            ended = replace(incoming, state=IncomingState.TIMED_OUT)
        _save(services, ended, was=incoming)
    return ended


def next_deadline(services: Services) -> int | None:
    """Return when the first request is overdue, in microseconds, or None; with many open ones, an earlier time."""
    storage = services.storage
    page = storage.list(records.DEADLINES, records.every_pending())
    if page.total <= len(page.records):
        return min((record.last_updated for record in page.records), default=None)
    now = services.now()
    reached = now + _FIRST_LOOK
    first = min(
        (r.last_updated for r in walk(storage, records.DEADLINES, records.every_pending(date_to=reached))), default=None
    )
    while first is None and reached < now + _FARTHEST_LOOK:
        farther = now + 4 * (reached - now)
        first = reached if storage.list(records.DEADLINES, records.every_pending(date_to=farther)).records else None
        reached = farther
    return reached if first is None else first


def _response(ctx: Context, operation: Operation, answer: Answer, timeout: int) -> Document:
    """Complete the host's answer; raise ServerError for an invalid one, because the caller did nothing wrong."""
    cls: Any = operation.returns
    given = {"result": answer} if isinstance(answer, str) else answer
    if isinstance(given, dict):
        given = {"timeout": timeout if given.get("result") == records.ACCEPTED else 0, **given}
    try:
        return load(ctx.services.schemas[ctx.version.stored(cls)], given, where="response")
    except InvalidParametersError as error:
        raise ServerError(
            f"The host application answered {operation.name} with something that is no response. {error.message}"
        ) from error


def _answered(services: Services, asked: IncomingRequest, response: Document) -> bool:
    """Note the response to a new request; True if its result came earlier and has to be sent now."""
    expires = records.end_of(services, response["timeout"])
    if response["result"] == records.ACCEPTED:
        try:
            with services.storage.transaction():
                _save(services, replace(asked, state=IncomingState.OPEN, expires=expires), was=asked, expected=1)
        except ConflictError:  # its result came first
            pass
        else:
            services.wake(within=_seconds_to(services, expires))
            return False
    with services.storage.transaction():
        incoming = _lock(services, asked.id)
        finished = incoming.result is not None
        if response["result"] != records.ACCEPTED:
            if finished:
                _log.warning("Request %s was finished, and then not accepted: its result is not sent.", incoming.id)
            _forget(services, incoming.id)
            return False
        answered = replace(incoming, state=IncomingState.FINISHED if finished else IncomingState.OPEN, expires=expires)
        _save(services, answered, was=incoming)
        if finished:
            _after_finish(services, answered)
    if not finished:
        services.wake(within=_seconds_to(services, expires))
    return finished


def _seconds_to(services: Services, moment: int) -> float:
    return (moment - services.now()) / SECOND


def _after_finish(services: Services, incoming: IncomingRequest) -> None:
    finished = records.operation_of(services, incoming).finished
    if finished is not None:
        finished(services, incoming)


def _work(reply: Reply, work: Callable[[], Answer]) -> None:
    services = reply.services
    incoming = get_incoming(services, reply.id)
    try:
        result: Answer = _checked(services, incoming, work())
    except Exception:
        _log.exception("The work for request %s failed.", reply.id)
        result = records.FAILED if records.FAILED in _result_values(services, incoming) else records.REJECTED
    try:
        reply.finish(cast("Outcome", result))
    except InvalidParametersError as error:
        _log.warning("The result of the work for request %s is not sent: %s", reply.id, error)


def _checked(services: Services, incoming: IncomingRequest, result: Answer) -> Document:
    given = {"result": result} if isinstance(result, str) else result
    return load(services.schemas[records.result_class(services, incoming)], given, where="result")


def _result_values(services: Services, incoming: IncomingRequest) -> frozenset[str]:
    schema = services.schemas[records.result_class(services, incoming)]
    return frozenset(schema.load_fields["result"].enum)  # type: ignore[attr-defined]


def _lock(services: Services, id: str) -> IncomingRequest:
    incoming = records.locked(services, IncomingRequest, id)
    if incoming is None:
        raise _unknown(id)
    return incoming


def _save(
    services: Services, incoming: IncomingRequest, *, was: IncomingRequest | None = None, expected: int | None = None
) -> None:
    """Store a request and, if it changes, its deadline; ``was`` is the stored request."""
    storage, key = services.storage, records.pending_key(incoming.id)
    moment = records.kept_until(services, incoming.request, incoming.expires)
    storage.save(records.INCOMING, key, incoming.to_record(last_updated=moment), expected=expected)
    waits, waited = incoming.state in _TO_SEND, was is not None and was.state in _TO_SEND
    if waits and not waited:
        storage.save(records.DEADLINES, key, Record.of({"id": incoming.id}, last_updated=incoming.expires))
    elif waited and not waits:
        storage.delete(records.DEADLINES, key)


def _forget(services: Services, id: str) -> None:
    for kind in (records.INCOMING, records.DEADLINES):
        services.storage.delete(kind, records.pending_key(id))


def _unknown(id: str) -> NotFoundError:
    return NotFoundError(f"There is no request {id!a} of another platform here.")


def _cancels(incoming: IncomingRequest, result: Document) -> bool:
    """Tell whether a result cancels a successful reservation: it may come as a second result (CMD-14)."""
    made = incoming.result is not None and incoming.result["result"] == records.ACCEPTED
    return incoming.operation == records.RESERVE_NOW and made and result["result"] == records.CANCELED_RESERVATION
