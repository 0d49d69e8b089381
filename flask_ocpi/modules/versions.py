"""The classes of the versions module."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import Role
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import Url
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.exchange import sides
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.targets import Target


class Version(Schema):
    """A version that a platform offers (OCPI 2.2.1, Versions, "Version class").

    ``version`` is text, not an enum: a reader of the list of a partner skips versions it does not know, such
    as newer ones. See :class:`~flask_ocpi.core.enums.VersionNumber` for those that OCPI 2.2.1 knows.
    """

    version = String(
        min=1, max=255, required=True, about="Version number: 2.0, 2.1, 2.1.1, 2.2, 2.2.1 or newer.", example="2.2.1"
    )
    url = Url(
        called=True,
        required=True,
        about="URL of the details of this version.",
        example="https://ocpi.example.com/ocpi/2.2.1",
    )


class Endpoint(Schema):
    """One side of a module that a platform serves (OCPI 2.2.1, Versions, "Endpoint class").

    ``identifier`` is text, not an enum: parties may agree on modules of their own, and a reader skips modules it does
    not know. See :class:`~flask_ocpi.core.enums.ModuleID` for the modules of OCPI.
    """

    identifier = String(
        min=1,
        max=255,
        required=True,
        about="Id of the module: one of OCPI's, or a custom one such as nltnm-tokens.",
        example="locations",
    )
    role = Enum(
        InterfaceRole, required=True, about="The served side; without meaning for credentials.", example="SENDER"
    )
    url = Url(
        called=True,
        required=True,
        about="URL of the endpoint.",
        example="https://ocpi.example.com/ocpi/2.2.1/sender/locations",
    )


class VersionDetails(Schema):
    """The endpoints of one version (OCPI 2.2.1, Versions, "Version details endpoint")."""

    version = String(min=1, max=255, required=True, about="Version of these endpoints.", example="2.2.1")
    endpoints = ListOf(Object(Endpoint), required=True, about="One endpoint for each side of each module.")


def get_versions(ctx: Context, target: Target, body: None) -> Result:
    """Answer the versions we serve, with the URLs of their details (VER-01); only one if the invitation is to one."""
    granted = None if ctx.caller.is_registered else ctx.platform.granted_version
    numbers = [version.number for version in ctx.services.versions if granted in (None, version.number)]
    versions = [{"version": number, "url": ctx.url(number)} for number in numbers]
    return Result(orjson.dumps(versions))


def get_version_details(ctx: Context, target: Target, body: None) -> Result:
    """Answer the endpoints of a version; a registered platform sees those that its roles may use (VER-02, VER-17).

    Pending roles count here, so that the platform need not ask again when they are approved.
    """
    both = ctx.services.quirks(ctx.platform).credentials_both_roles and not ctx.version.is_one_sided
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
    side = sides.side_of(ctx.services, ctx.platform, ctx.version)
    permissions = ctx.services.permissions
    roles = ctx.platform.role_names | {Role(role["role"]) for role in ctx.platform.requested}
    for module in ctx.version.modules:
        for interface in module.interfaces:
            if not module.listed or module.within or not ctx.services.serves(module, interface.role):
                continue
            if side is not None and not (module.single or side.offers(permissions, module.id, interface.role)):
                continue
            if module.single or not roles or permissions.may_call(roles, module.id, interface.role):
                yield module, interface


MODULE = Module(
    id="versions",
    description="Which versions of OCPI this platform serves, and the endpoints of one.",
    interfaces=(
        Interface(
            InterfaceRole.SENDER,
            (
                Operation(
                    name="get_versions",
                    method="GET",
                    path="/versions",
                    summary="List the versions",
                    description="The URL to hand to a partner, together with a registration token.",
                    handler=get_versions,
                    returns=Version,
                    returns_list=True,
                    rooted=True,
                ),
                Operation(
                    name="get_version_details",
                    method="GET",
                    path="",
                    summary="List the endpoints of this version",
                    description="A registered platform sees the endpoints that its roles may use.",
                    handler=get_version_details,
                    returns=VersionDetails,
                ),
            ),
        ),
    ),
    configuration=True,
    single=True,
    listed=False,
    path="",
)
