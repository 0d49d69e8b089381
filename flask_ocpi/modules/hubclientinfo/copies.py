"""What hubs told of the parties behind them; kept apart for each hub, since a party may be behind several."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
from typing import Any

from flask_ocpi.claims import party_of
from flask_ocpi.context import Services
from flask_ocpi.description import ObjectType
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import ModuleID
from flask_ocpi.enums import Role
from flask_ocpi.findings import Finding
from flask_ocpi.modules.hubclientinfo.enums import ConnectionStatus
from flask_ocpi.platforms import Platform
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record

CLIENT_INFOS = "client_infos"
_MOST_FINDINGS = 10


@dataclass(frozen=True, slots=True)
class ToldObjectType(ObjectType):
    """A class of objects as one platform tells them: its id is part of theirs."""

    platform: str = ""

    def id_of(self, document: Mapping[str, Any]) -> str:
        return _id(ObjectType.id_of(self, document), self.platform)


def told_by(object_type: ObjectType, platform: Platform) -> ToldObjectType:
    """Return a class of objects as that platform tells them."""
    values = {field.name: getattr(object_type, field.name) for field in fields(ObjectType)}
    return ToldObjectType(**values, platform=platform.id)


def note_parties(services: Services, platform: Platform, told: Sequence[Mapping[str, Any]]) -> None:
    """Note for which parties a hub stands by the ClientInfos that it told, which are stored; another's are a finding.

    Of a page of a list the first of those are noted.
    A party that the hub told to be SUSPENDED in all its roles left it: another hub may stand for it.
    """
    if not platform.is_hub or not told:
        return
    claims = services.platforms.claims
    parties = {party_of(info) for info in told}
    for party, hub in sorted(claims.told(platform.id, parties).items())[:_MOST_FINDINGS]:
        services.found(
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
    """Return the ClientInfos of a party that a hub told, one a role."""
    receiver = services.own_parties(ModuleID.HUBCLIENTINFO, InterfaceRole.RECEIVER)[0]
    keys = [Key.of(*party, _id(role, hub.id), receiver, hub.id) for role in Role]
    return [record for key in keys if (record := services.storage.get(CLIENT_INFOS, key)) is not None]


def connection_status(
    services: Services, hub: Platform, party: Party, module: str, interface: InterfaceRole
) -> ConnectionStatus | None:
    """Return the state of a party at a hub, or None: the hub did not tell.

    Of its roles those count that implement the interface; all of them, where none does.
    """
    told = [record.document for record in client_infos(services, hub, party)]
    fitting = [info for info in told if services.permissions.implements((Role(info["role"]),), module, interface)]
    states = [ConnectionStatus(info["status"]) for info in fitting or told]
    if ConnectionStatus.CONNECTED in states:
        return ConnectionStatus.CONNECTED
    return states[0] if states else None


def _id(role: str, platform: str) -> str:
    return f"{role}\n{platform}"
