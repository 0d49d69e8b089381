"""The class of the hubclientinfo module."""

from __future__ import annotations

from flask_ocpi.codes import COUNTRIES_ALPHA2
from flask_ocpi.enums import Role
from flask_ocpi.fields import CiString
from flask_ocpi.fields import DateTime
from flask_ocpi.fields import Enum
from flask_ocpi.modules.hubclientinfo.enums import ConnectionStatus
from flask_ocpi.schema import Schema


class ClientInfo(Schema):
    """A party behind a Hub in one of its roles (OCPI 2.2.1, HubClientInfo, "ClientInfo Object")."""

    party_id = CiString(min=3, max=3, required=True, metadata={"description": "Id of the party.", "example": "XYZ"})
    country_code = CiString(
        min=2,
        max=2,
        codes=COUNTRIES_ALPHA2,
        required=True,
        metadata={"description": "ISO 3166-1 alpha-2 code of the party's country.", "example": "DE"},
    )
    role = Enum(
        Role,
        required=True,
        metadata={"description": "What the party does; one that does two things is two objects.", "example": "EMSP"},
    )
    status = Enum(
        ConnectionStatus,
        required=True,
        metadata={"description": "Whether the party can be reached.", "example": "CONNECTED"},
    )
    last_updated = DateTime(
        required=True, metadata={"description": "When it changed last, UTC.", "example": "2024-05-31T12:00:00Z"}
    )
