"""ClientInfos of the parties behind hubs; kept apart for each hub, since a party may be behind several."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from flask_ocpi.core.description import OWNER_KEY
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Operation
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.enums import Role
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import NotFoundError
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.copies import copy_key
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.exchange.handlers import check_identity
from flask_ocpi.exchange.handlers import store_copy
from flask_ocpi.exchange.patterns import OWNER
from flask_ocpi.exchange.patterns import list_objects
from flask_ocpi.exchange.targets import Target
from flask_ocpi.modules.enums import ConnectionStatus
from flask_ocpi.modules.types import CountryCode
from flask_ocpi.modules.types import PartyId
from flask_ocpi.partners.claims import party_of
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record


class ClientInfo(Schema):
    """A party behind a Hub in one of its roles (OCPI 2.2.1, HubClientInfo, "ClientInfo Object")."""

    party_id = PartyId(required=True, about="Party id.", example="XYZ")
    country_code = CountryCode(required=True, about="ISO 3166-1 alpha-2 code of the party's country.", example="DE")
    role = Enum(
        Role,
        without=(Role.PTP,),
        required=True,
        about="The role of the party; a party with two roles has two objects.",
        example="EMSP",
    )
    status = Enum(ConnectionStatus, required=True, about="Whether the party can be reached.", example="CONNECTED")
    last_updated = DateTime(required=True, about="Time of the last change, in UTC.", example="2024-05-31T12:00:00Z")


CLIENT_INFOS = "client_infos"
_MOST_FINDINGS = 10


def note_parties(services: Services, platform: Platform, told: Sequence[Mapping[str, Any]]) -> None:
    """Note the parties of a hub by its stored ClientInfos; a party of another hub is a finding.

    Of a page of a list, only the first of these findings are noted.
    A party that the hub reports as SUSPENDED in all its roles has left it: another hub may stand for it.
    """
    if not platform.is_hub or not told:
        return
    claims = services.platforms.claims
    parties = {party_of(info) for info in told}
    for party, hub in sorted(claims.told(platform.id, parties).items())[:_MOST_FINDINGS]:
        services.findings.add(
            Finding(
                platform=platform.id,
                kind="party_of_another_hub",
                module=ModuleID.HUBCLIENTINFO,
                object=str(party),
                came=str(party),
                outcome=f"The hub {hub} stands for it; this one does not.",
            )
        )
    for party in {party_of(info) for info in told if info["status"] == ConnectionStatus.SUSPENDED}:
        states = {record.document["status"] for record in client_infos(services, platform, party)}
        if states == {ConnectionStatus.SUSPENDED.value}:
            claims.release(platform.id, party)


def client_infos(services: Services, hub: Platform, party: Party) -> list[Record]:
    """Return the ClientInfos that a hub sent of a party, one a role."""
    receiver = services.own_parties(ModuleID.HUBCLIENTINFO, InterfaceRole.RECEIVER)[0]
    keys = [copy_key(CLIENT_INFO, party, role, receiver, hub.id) for role in Role]
    return [record for key in keys if (record := services.storage.get(CLIENT_INFOS, key)) is not None]


def connection_status(
    services: Services, hub: Platform, party: Party, module: str, interface: InterfaceRole
) -> ConnectionStatus | None:
    """Return the state of a party at a hub; None if the hub did not report one.

    Only its roles that implement the interface count; all roles, if none does.
    """
    told = [record.document for record in client_infos(services, hub, party)]
    fitting = [info for info in told if services.permissions.implements((Role(info["role"]),), module, interface)]
    states = [ConnectionStatus(info["status"]) for info in fitting or told]
    if ConnectionStatus.CONNECTED in states:
        return ConnectionStatus.CONNECTED
    return states[0] if states else None


def get_client_info(ctx: Context, target: Target, body: None) -> Result:
    """Answer the ClientInfo that the caller sent of a party: of several roles, the one changed last (HCI-07)."""
    records = client_infos(ctx.services, ctx.platform, target.owner)
    if not records:
        raise NotFoundError(f"There is no ClientInfo of {target.owner} here.")
    return Result(max(records, key=lambda record: (record.last_updated, record.created)).text)


def put_client_info(ctx: Context, target: Target, body: Document) -> Result:
    """Store the caller's ClientInfo of a party in the role that the body names: 201 if it is new, else 200."""
    check_identity(target, body)
    key = copy_key(CLIENT_INFO, target.owner, body["role"], target.receiver, ctx.platform.id)
    result = store_copy(ctx, target, key, body)
    note_parties(ctx.services, ctx.platform, [body])
    return result


CLIENT_INFO = ObjectType(
    name="client_info",
    kind=CLIENT_INFOS,
    schema=ClientInfo,
    key=(*OWNER_KEY, "role"),
    described=True,
)

GET_CLIENT_INFO = Operation(
    name="get_client_info",
    method="GET",
    path="/{country_code}/{party_id}",
    summary="Get the stored copy of a ClientInfo",
    description="As the calling hub put it; of a party with several roles, the ClientInfo that changed last.",
    handler=get_client_info,
    parameters=OWNER,
    returns=ClientInfo,
    object=CLIENT_INFO,
)

PUT_CLIENT_INFO = Operation(
    name="put_client_info",
    method="PUT",
    path="/{country_code}/{party_id}",
    summary="Create or replace a ClientInfo",
    description="The URL names the party that it tells of; the role in the body says which of its ClientInfos it is.",
    handler=put_client_info,
    parameters=OWNER,
    body=ClientInfo,
    object=CLIENT_INFO,
    created=True,
)

MODULE = Module(
    id=ModuleID.HUBCLIENTINFO,
    description="Which parties a hub connects, and whether they can be reached.",
    interfaces=(
        Interface(InterfaceRole.SENDER, list_objects(CLIENT_INFO)),
        Interface(InterfaceRole.RECEIVER, (GET_CLIENT_INFO, PUT_CLIENT_INFO), hidden=True),
    ),
    configuration=True,
)
