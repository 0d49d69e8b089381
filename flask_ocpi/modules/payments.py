"""Payments: the terminals of a PTP, which the CPO assigns to its locations, and the payments captured at them.

OCPI 2.3.0, Payments. One endpoint with two classes of objects below it, neither of which names its owner, the PTP.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
from functools import partial
from typing import Any

from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Handler
from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.enums import PAYMENTS
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import ClientError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import ServerError
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.documents import merge
from flask_ocpi.exchange.documents import replace_record
from flask_ocpi.exchange.handlers import callers_party
from flask_ocpi.exchange.handlers import emit_received
from flask_ocpi.exchange.handlers import find_all_own
from flask_ocpi.exchange.handlers import get_copy
from flask_ocpi.exchange.handlers import is_visible
from flask_ocpi.exchange.patterns import get_objects
from flask_ocpi.exchange.patterns import list_objects
from flask_ocpi.exchange.targets import Target
from flask_ocpi.modules.payments_schemas import FinancialAdviceConfirmation
from flask_ocpi.modules.payments_schemas import NewTerminal
from flask_ocpi.modules.payments_schemas import Terminal
from flask_ocpi.modules.payments_schemas import TerminalChange
from flask_ocpi.modules.types import party_in
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.signals import object_saved
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record

TERMINALS = "terminals"
CONFIRMATIONS = "financial-advice-confirmations"
#: The requests of a CPO about a terminal, by the names of the hooks.
ACTIVATE, DEACTIVATE, UPDATE = "activate", "deactivate", "update"
HOOKS = (ACTIVATE, DEACTIVATE, UPDATE)


@dataclass(frozen=True, slots=True)
class TerminalRequest:
    """The circumstances of a request, for the hook: it gets them with the Terminal that the CPO sent.

    platform: the caller; sender: the calling party, if it is known; receiver: our party, the PTP. terminal: the stored
    Terminal, None for an activation.
    """

    platform: Platform
    sender: Party | None
    receiver: Party
    terminal: Document | None = None


_log = logging.getLogger("flask_ocpi")


def activate(ctx: Context, target: Target, body: Document) -> Result:
    """Let the host application activate a terminal; store the Terminal that it returns, and send it to the CPO.

    OCPI 2.3.0, Payments, "POST Activate Terminal Method".
    """
    made = _hook(ctx, ACTIVATE)(body, _request(ctx, target, None))
    if made is None:  # the host application saves it later
        return Result()
    terminal = {**body, "last_updated": format_date_time(ctx.services.clock()), **made}
    sender = ctx.routing.from_party
    audience = ctx.platform.parties if sender is None else (sender,)
    try:
        ctx.services.save(TERMINALS, terminal, audience=audience)
    except InvalidParametersError as error:
        _log.error("The hook for terminals answered %.500r: %s", made, error)
        raise ServerError("The host application made no valid Terminal.") from error
    return Result()


def deactivate(ctx: Context, target: Target, body: None) -> Result:
    """Let the host application deactivate a terminal. OCPI 2.3.0, Payments, "POST Deactivate Terminal Method"."""
    hook = _hook(ctx, DEACTIVATE)
    record = next(find_all_own(ctx, target), None)
    if record is None:
        raise target.missing()
    hook(record.document, _request(ctx, target, record.document))
    return Result()


def put_terminal(ctx: Context, target: Target, body: Document) -> Result:
    """Replace a terminal of ours on behalf of the CPO; a body without the id changes only the properties that it names.

    OCPI 2.3.0, Payments, "PUT Terminal Method", whose example is such a change.
    """
    if not _check_id(target, body):
        return patch_terminal(ctx, target, body)
    return _change(ctx, target, body, lambda stored: {"last_updated": _now(ctx), **body})


def patch_terminal(ctx: Context, target: Target, body: Document) -> Result:
    """Change a terminal of ours on behalf of the CPO: the locations and EVSEs that drivers pay for at it.

    OCPI 2.3.0, Payments, "PATCH Terminal Method", whose example has no ``last_updated``: the current time is used then.
    """
    _check_id(target, body)
    return _change(ctx, target, body, lambda stored: _merged(ctx, target, stored, body))


def _change(ctx: Context, target: Target, body: Document, change: Callable[[Document], Document]) -> Result:
    """Change a terminal of ours: its CPO stays, and a CPO can name only its own parties."""
    if body.get("country_code") and body.get("party_id"):
        callers_party(ctx, body)
    hook = ctx.services.hooks.calls.get((TERMINALS, UPDATE))

    def make(record: Record | None) -> Record:
        if record is None or not is_visible(ctx, record):
            raise target.missing()
        document = change(record.document)
        if hook is not None:
            hook(document, _request(ctx, target, record.document))
        return Record.of(document, last_updated=to_micros(document["last_updated"]), audience=record.audience)

    (key,) = target.own_keys
    record = replace_record(ctx.storage, target.object_type.kind, key, make)
    ctx.services.emit(object_saved, module=TERMINALS, key=key, document=record.document, created=False)
    return Result()


def _merged(ctx: Context, target: Target, stored: Document, body: Document) -> Document:
    read = partial(ctx.services.read, source=target.source, partial=False)
    changes = {"last_updated": _now(ctx), **body}
    return merge(ctx.services.schemas[Terminal], stored, changes, read=read)


def _check_id(target: Target, body: Document) -> bool:
    """Compare the ids in URL and body; return False if the body has none."""
    named = body.get("terminal_id")
    if named is not None and named.upper() != target.path["terminal_id"].upper():
        raise InvalidParametersError("terminal_id in the body is not that in the URL.")
    return named is not None


def _now(ctx: Context) -> str:
    return format_date_time(ctx.services.clock())


def _hook(ctx: Context, name: str) -> Callable[..., Any]:
    hook = ctx.services.hooks.calls.get((TERMINALS, name))
    if hook is None:
        raise ClientError(f"This platform does not {name} terminals by OCPI.")
    return hook


def _request(ctx: Context, target: Target, terminal: Document | None) -> TerminalRequest:
    return TerminalRequest(ctx.platform, ctx.sender, target.receiver, terminal)


def post_terminal(ctx: Context, target: Target, body: Document) -> Result:
    """Store a terminal of the calling PTP; a body with only an id leaves the stored Terminal unchanged."""
    if "last_updated" in body:
        return _post(ctx, target, lambda stored: body)
    added = {**body, "last_updated": _now(ctx)}
    return _post(ctx, target, lambda stored: added if stored is None else {**stored, **added}, id=body["terminal_id"])


def post_confirmation(ctx: Context, target: Target, body: Document) -> Result:
    """Store the calling PTP's confirmation of a captured payment."""
    return _post(ctx, target, lambda stored: body)


def _post(
    ctx: Context, target: Target, document_of: Callable[[Document | None], Document], *, id: str | None = None
) -> Result:
    """Store a copy: 201 if it is new, 200 if it replaces one."""
    created = False
    object_type = target.object_type

    def make(stored: Record | None) -> Record:
        nonlocal created
        created = stored is None
        document = document_of(None if stored is None else stored.document)
        return Record.of(document, last_updated=to_micros(document["last_updated"]))

    key = target.key_of(object_type.id_of(document_of(None)) if id is None else id)
    record = replace_record(ctx.storage, object_type.kind, key, make)
    emit_received(ctx, target, key, record, created=created)
    return Result(http_status=201 if created else 200)


TERMINAL_ID = PathParameter("terminal_id", 36, "Terminal.terminal_id.", "TERM1")

TERMINAL = ObjectType(
    name="terminal",
    kind="terminals",
    schema=Terminal,
    parameter=TERMINAL_ID,
    key=("terminal_id",),
    audience=party_in,  # its CPO
    private=True,
)

CONFIRMATION = ObjectType(
    name="financial_advice_confirmation",
    kind="financial_advice_confirmations",
    schema=FinancialAdviceConfirmation,
    parameter=PathParameter("financial_advice_confirmation_id", 36, "FinancialAdviceConfirmation.id.", "FAC1"),
    key=("id",),
    private=True,
)


def _asked(name: str, method: str, path: str, summary: str, handler: Handler, **more: Any) -> Operation:
    """An operation of a CPO on a terminal of the PTP."""
    return Operation(
        name=name,
        method=method,
        path=path,
        summary=summary,
        handler=handler,
        parameters=(TERMINAL_ID,) if "{" in path else (),
        object=TERMINAL,
        **more,
    )


def _received(object_type: ObjectType, body: type[Schema], handler: Handler) -> Interface:
    """The Receiver interface of objects that a PTP posts."""
    (get,) = get_objects(object_type)
    post = Operation(
        name=f"post_{object_type.name}",
        method="POST",
        path="",
        summary=f"Send a {object_type.schema.__name__}",
        description="One that is stored already is replaced.",
        handler=handler,
        body=body,
        object=object_type,
        created=True,
    )
    stored = replace(get, summary=f"Get the stored copy of a {object_type.schema.__name__}", handler=get_copy)
    return Interface(InterfaceRole.RECEIVER, (post, stored))


_OF_TERMINALS = (
    *list_objects(TERMINAL),
    *get_objects(TERMINAL),
    _asked("activate_terminal", "POST", "/activate", "Activate a terminal", activate, body=TerminalChange),
    _asked("deactivate_terminal", "POST", "/{terminal_id}/deactivate", "Deactivate a terminal", deactivate),
    _asked("put_terminal", "PUT", "/{terminal_id}", "Replace a terminal's data", put_terminal, body=TerminalChange),
    _asked(
        "patch_terminal", "PATCH", "/{terminal_id}", "Assign a terminal", patch_terminal, body=Terminal, partial=True
    ),
)

MODULES = (
    Module(
        id=PAYMENTS,
        description="Payment terminals: the endpoint of terminals and financial advice confirmations.",
        interfaces=(Interface(InterfaceRole.SENDER, ()), Interface(InterfaceRole.RECEIVER, ())),
    ),
    Module(
        id=TERMINALS,
        description="Payment terminals of a PTP, and the locations that one pays for at them.",
        interfaces=(
            Interface(InterfaceRole.SENDER, _OF_TERMINALS),
            _received(TERMINAL, NewTerminal, post_terminal),
        ),
        within=PAYMENTS,
    ),
    Module(
        id=CONFIRMATIONS,
        description="What a PTP captured for sessions.",
        interfaces=(
            Interface(InterfaceRole.SENDER, (*list_objects(CONFIRMATION), *get_objects(CONFIRMATION))),
            _received(CONFIRMATION, FinancialAdviceConfirmation, post_confirmation),
        ),
        within=PAYMENTS,
    ),
)
