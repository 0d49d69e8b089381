"""OCPI 2.1.1 by its differences from 2.2.1: classes, converters, and the operations of each side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import flask_ocpi.versions.v2_1_1_classes as own
import flask_ocpi.versions.v2_2_1 as base
from flask_ocpi.core.description import Dialect
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Handler
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.schema import Schema
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.handlers import find_all_own
from flask_ocpi.exchange.patterns import client_owned
from flask_ocpi.exchange.patterns import list_objects
from flask_ocpi.exchange.targets import Target
from flask_ocpi.modules import commands
from flask_ocpi.modules import sessions
from flask_ocpi.modules import tariffs
from flask_ocpi.modules import tokens
from flask_ocpi.modules.enums import TokenType
from flask_ocpi.modules.sessions import SESSION
from flask_ocpi.modules.tariffs import TARIFF
from flask_ocpi.modules.tokens import AUTHORIZE
from flask_ocpi.modules.tokens import TOKEN
from flask_ocpi.versions.v2_1_1_converters import CONVERTERS
from flask_ocpi.versions.v2_1_1_converters import token_type

#: The types that stored Tokens have, RFID first; the last one is of 2.3.0.
_TYPES = (TokenType.RFID, TokenType.OTHER, TokenType.APP_USER, TokenType.AD_HOC_USER, "EMAID")


def _ids(target: Target, types: Iterable[str] = _TYPES) -> list[str]:
    """Return the ids under which the addressed Token may be stored: 2.1.1 knows it by its uid alone."""
    return [TOKEN.id_from({"uid": target.path["token_uid"], "type": kind}) for kind in types]


def _of_any_type(handler: Handler) -> Handler:
    """Return a handler that works on the copy of a Token of any type."""

    def handle(ctx: Context, target: Target, body: Document | None) -> Result:
        keys = {target.key_of(id): id for id in _ids(target)}
        found = ctx.storage.get_many(TOKEN.kind, keys)
        id = next((id for key, id in keys.items() if key in found), target.id)
        at = replace(target, id=id, query={"type": token_type(id.rpartition("\n")[2])})
        result: Result = handler(ctx, at, body)
        return result

    handle.__doc__ = handler.__doc__
    return handle


def authorize(ctx: Context, target: Target, body: Document | None) -> Result:
    """Tell whether a token may be used; a token that we store as APP_USER is OTHER in 2.1.1."""
    asked = target.query.get("type")
    for id in _ids(target, [kind for kind in _TYPES if asked in (None, token_type(kind))]):
        at = replace(target, id=id)
        if next(find_all_own(ctx, at), None) is not None:
            result: Result = AUTHORIZE.handler(ctx, at, body)
            return result
    raise target.missing()


def _with(module: Module, role: InterfaceRole, operations: tuple[Operation, ...]) -> Module:
    """Return a module with other operations on one side."""
    sides = (replace(side, operations=operations) if side.role is role else side for side in module.interfaces)
    return replace(module, interfaces=tuple(sides))


_sessions = _with(sessions.MODULE, InterfaceRole.SENDER, list_objects(SESSION, dated=True))
_tariffs = _with(tariffs.MODULE, InterfaceRole.RECEIVER, client_owned(TARIFF, verbs=("GET", "PUT", "PATCH", "DELETE")))
_tokens = _with(
    _with(tokens.MODULE, InterfaceRole.SENDER, (*list_objects(TOKEN), replace(AUTHORIZE, handler=authorize))),
    InterfaceRole.RECEIVER,
    tuple(
        o if o.method == "PUT" else replace(o, handler=_of_any_type(o.handler))
        for o in client_owned(TOKEN, verbs=("GET", "PUT", "PATCH"))
    ),
)
_commands = _with(
    commands.MODULE, InterfaceRole.RECEIVER, tuple(o for o in commands.COMMANDS if o.name != "cancel_reservation")
)

#: Each class takes the place of the one that it is derived from.
_CLASSES = {
    cls.__mro__[1]: cls
    for cls in vars(own).values()
    if isinstance(cls, type) and issubclass(cls, Schema) and cls.__module__ == own.__name__
}

VERSION: Version = base.VERSION.with_module(_sessions, _tariffs, _tokens, _commands).evolve(
    "2.1.1",
    dialect=Dialect(
        routing=False,
        token_encoding="plain",  # noqa: S106
        patch_has_last_updated=False,
        patch_appends=False,
        lists_all=False,
    ),
    classes=_CLASSES,
    enums=own.ENUMS,
    converters=CONVERTERS,
    parameters={
        "location_id": PathParameter("location_id", own.LONGEST_ID, "Location.id.", "LOC1"),
        "evse_uid": PathParameter("evse_uid", own.LONGEST_ID, "EVSE.uid.", "3256"),
        "cdr_id": PathParameter("cdr_id", 36, "CDR.id.", "12345"),
    },
    drop=[ModuleID.CHARGINGPROFILES, ModuleID.HUBCLIENTINFO],
)
