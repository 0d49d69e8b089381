"""What we offer: the versions, and the endpoints of one that the calling platform may use."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from flask_ocpi.context import Context
from flask_ocpi.context import Result
from flask_ocpi.context import Target
from flask_ocpi.description import Interface
from flask_ocpi.description import Module
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import Role


def get_versions(ctx: Context, target: Target, body: None) -> Result:
    """Answer the versions we serve and where their details are (VER-01)."""
    versions = [{"version": version.number, "url": ctx.url(version.number)} for version in ctx.services.versions]
    return Result(orjson.dumps(versions))


def get_version_details(ctx: Context, target: Target, body: None) -> Result:
    """Answer the endpoints of a version; a registered platform sees those that its roles may use (VER-02, VER-17).

    Roles that are pending count here, so that it need not ask again when they are approved.
    """
    both = ctx.services.quirks(ctx.platform).credentials_both_roles
    endpoints = [
        {
            "identifier": module.id,
            "role": role.value,
            "url": ctx.url(f"{ctx.version.number}{module.path_of(interface)}"),
        }
        for module, interface in _usable(ctx)
        for role in (InterfaceRole if both and module.single else (interface.role,))
    ]
    return Result(orjson.dumps({"version": ctx.version.number, "endpoints": endpoints}))


def _usable(ctx: Context) -> Iterator[tuple[Module, Interface]]:
    roles = ctx.platform.role_names | {Role(role["role"]) for role in ctx.platform.requested}
    for module in ctx.version.modules:
        for interface in module.interfaces:
            if not module.listed or not ctx.services.serves(module, interface.role):
                continue
            if module.single or not roles or ctx.services.permissions.may_call(roles, module.id, interface.role):
                yield module, interface
