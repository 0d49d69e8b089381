"""The hubclientinfo module: which parties a hub connects. Sender: the hub. Receiver: everybody connected to it."""

from __future__ import annotations

from flask_ocpi.description import OWNER_KEY
from flask_ocpi.description import Interface
from flask_ocpi.description import Module
from flask_ocpi.description import ObjectType
from flask_ocpi.description import Operation
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import ModuleID
from flask_ocpi.modules.hubclientinfo import handlers
from flask_ocpi.modules.hubclientinfo.copies import CLIENT_INFOS
from flask_ocpi.modules.hubclientinfo.schemas import ClientInfo
from flask_ocpi.patterns import OWNER
from flask_ocpi.patterns import list_objects

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
    handler=handlers.get_client_info,
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
    handler=handlers.put_client_info,
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
