"""Our requests to partners, and the results that partners post to our response_url."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from dataclasses import replace
from enum import StrEnum

from flask_ocpi.core.description import Document
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.pending import records
from flask_ocpi.exchange.targets import Target
from flask_ocpi.signals import result_received


class CallState(StrEnum):
    """The state of our request to a partner."""

    SENT = "SENT"  # no answer yet, or none at all
    ACCEPTED = "ACCEPTED"  # the result is still to come
    REFUSED = "REFUSED"  # by the immediate response, or by an error
    FINISHED = "FINISHED"  # the result is there


@dataclass(frozen=True, slots=True)
class Call(records.Request):
    """Our request to a partner, such as a command, with its response and results.

    operation: its name in the description, such as "start_session". platform: the id of the partner.
    request: the body. response: the immediate response, None before it. results: the results posted to the
    response_url, in order of arrival. expires: microseconds; no result is expected after it.
    reference: a value of the host application, stored with the request. version: the number of the version of the
    request; "" stands for 2.2.1.
    """

    KIND = records.OUTGOING

    request: Document
    state: CallState = CallState.SENT
    response: Document | None = None
    results: tuple[Document, ...] = ()
    expires: int = 0
    kept_until: int = 0
    reference: str = ""

    @property
    def result(self) -> Document | None:
        """The latest result, or None."""
        return self.results[-1] if self.results else None

    @property
    def is_accepted(self) -> bool:
        """Whether the immediate response was ACCEPTED, so that a result will come."""
        return self.response is not None and self.response["result"] == records.ACCEPTED


def new_call_id() -> str:
    """Return an id that cannot be guessed: it makes the response_url unique (CMD-11)."""
    return secrets.token_hex(16)


def start_call(services: Services, call: Call) -> Call:
    """Store a request before it is sent, since its result may come before its response."""
    records.purge(services, records.OUTGOING)
    expires = records.end_of(services, services.settings.command_timeout)
    started = replace(call, expires=expires, kept_until=records.kept_until(services, call.request, expires))
    _save(services, started)
    return started


def answered_call(services: Services, id: str, response: Document) -> Call:
    """Note the immediate response to a request of ours."""
    expires = records.end_of(services, response["timeout"])
    with services.storage.transaction():
        call = _lock(services, id)
        state = call.state
        if state is CallState.SENT:
            state = CallState.ACCEPTED if response["result"] == records.ACCEPTED else CallState.REFUSED
        kept = max(call.kept_until, records.kept_until(services, call.request, expires))
        changed = replace(call, response=response, state=state, expires=expires, kept_until=kept)
        _save(services, changed)
    return changed


def refused_call(services: Services, id: str) -> None:
    """Note that our request was answered with an error, or not sent: no result will come."""
    with services.storage.transaction():
        call = _lock(services, id)
        if call.state is CallState.SENT:
            _save(services, replace(call, state=CallState.REFUSED))


def get_call(services: Services, id: str) -> Call:
    """Return our request; raise NotFoundError if it is not known (any more)."""
    record = services.storage.get(records.OUTGOING, records.pending_key(id))
    if record is None:
        raise NotFoundError(f"There is no request {id!a} of ours that has, or waits for, a result.")
    return Call.from_record(record)


def receive_result(ctx: Context, target: Target, body: Document) -> Result:
    """Store the result of our request; 404 if there is no such request, or it went to another partner (CMD-12).

    The same result may come twice. Another one is refused, unless it cancels a reservation, or the first was TIMEOUT.
    """
    services = ctx.services
    id = target.path["id"]
    with services.storage.transaction():
        call = records.locked(services, Call, id)
        if call is None or not _is_answer_to(ctx, target, call):
            raise NotFoundError(f"No result is awaited at {target.operation.name} {id!a}.")
        if body in call.results:
            return Result()
        known = None if call.result is None else call.result["result"]
        cancels = call.operation == records.RESERVE_NOW and body["result"] == records.CANCELED_RESERVATION
        if known not in (None, records.TIMEOUT) and not cancels:
            raise InvalidParametersError(f"result: there is a result already, {known}.")
        changed = replace(call, state=CallState.FINISHED, results=(*call.results, body))
        _save(services, changed)
    late = not cancels and (known == records.TIMEOUT or call.expires <= services.now())
    services.emit(result_received, module=call.module, call=changed, result=body, late=late, platform=ctx.platform)
    return Result()


def _is_answer_to(ctx: Context, target: Target, call: Call) -> bool:
    asked = records.operation_of(ctx.services, call)
    segment = target.path.get("command")
    return (
        call.platform == ctx.platform.id
        and call.module == target.module.id
        and call.state is not CallState.REFUSED
        and call.kept_until > ctx.services.now()
        and asked.result is target.operation.body
        and (segment is None or asked.path == f"/{segment}")
    )


def _lock(services: Services, id: str) -> Call:
    call = records.locked(services, Call, id)
    if call is None:
        raise NotFoundError(f"There is no request {id!a} of ours here.")
    return call


def _save(services: Services, call: Call) -> None:
    services.storage.save(records.OUTGOING, call.key, call.to_record(last_updated=call.kept_until))
