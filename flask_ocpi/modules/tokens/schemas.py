"""The classes of the tokens module."""

from __future__ import annotations

from flask_ocpi.codes import LANGUAGES
from flask_ocpi.fields import Boolean
from flask_ocpi.fields import CiString
from flask_ocpi.fields import DateTime
from flask_ocpi.fields import Enum
from flask_ocpi.fields import ListOf
from flask_ocpi.fields import String
from flask_ocpi.modules.sessions.enums import ProfileType
from flask_ocpi.modules.tokens.enums import AllowedType
from flask_ocpi.modules.tokens.enums import TokenType
from flask_ocpi.modules.tokens.enums import WhitelistType
from flask_ocpi.modules.types import DisplayText
from flask_ocpi.modules.types import OwnedObject
from flask_ocpi.schema import Object
from flask_ocpi.schema import Schema
from flask_ocpi.schema import example_of


class EnergyContract(Schema):
    """Whom a driver buys energy from (OCPI 2.2.1, Tokens, "EnergyContract class")."""

    supplier_name = String(
        max=64, required=True, metadata={"description": "The supplier.", "example": "Example Energy"}
    )
    contract_id = String(
        max=64, metadata={"description": "Id of the contract with the supplier.", "example": "0123456789"}
    )


class LocationReferences(Schema):
    """Where a token is to be used (OCPI 2.2.1, Tokens, "LocationReferences class")."""

    location_id = CiString(max=36, required=True, metadata={"description": "Id of the location.", "example": "LOC1"})
    evse_uids = ListOf(
        CiString(max=36),
        max=5000,
        metadata={"description": "The uids of EVSEs of the location.", "example": ["3256"]},
    )


class Token(OwnedObject):
    """What a driver identifies themselves with (OCPI 2.2.1, Tokens, "Token Object")."""

    uid = CiString(
        max=36,
        required=True,
        metadata={
            "description": "Unique with type among those of the owner; of an RFID token, what readers see.",
            "example": "12345678905880",
        },
    )
    type = Enum(TokenType, required=True, metadata={"description": "What kind of token it is.", "example": "RFID"})
    contract_id = CiString(
        max=36,
        required=True,
        metadata={"description": "The driver's contract, best as an eMA id.", "example": "DE8ACC12E46L89"},
    )
    visual_number = String(max=64, metadata={"description": "What is printed on it.", "example": "DF000-2001-8999-1"})
    issuer = String(
        max=64,
        required=True,
        metadata={"description": "Who issued it, as printed on it.", "example": "Example Provider"},
    )
    group_id = CiString(
        max=36,
        metadata={
            "description": (
                "What one token of a group starts another one may stop; OCPP before 2.0 knows at most 20 characters."
            ),
            "example": "FLEET-7",
        },
    )
    valid = Boolean(required=True, metadata={"description": "Whether it is valid.", "example": True})
    whitelist = Enum(
        WhitelistType,
        required=True,
        metadata={"description": "When to ask the owner whether it may charge.", "example": "ALLOWED"},
    )
    language = String(
        min=2,
        max=2,
        codes=LANGUAGES,
        metadata={"description": "ISO 639-1 code of the language that its owner prefers.", "example": "en"},
    )
    default_profile_type = Enum(
        ProfileType,
        metadata={"description": "How to charge where nobody says otherwise.", "example": "GREEN"},
    )
    energy_contract = Object(
        EnergyContract,
        metadata={"description": "The driver's own supplier of energy.", "example": example_of(EnergyContract)},
    )
    last_updated = DateTime(
        required=True, metadata={"description": "When it changed last, UTC.", "example": "2024-05-31T12:00:00Z"}
    )


class AuthorizationInfo(Schema):
    """Whether a token may charge, and where (OCPI 2.2.1, Tokens, "AuthorizationInfo Object")."""

    allowed = Enum(
        AllowedType, required=True, metadata={"description": "Whether it may charge, or why not.", "example": "ALLOWED"}
    )
    token = Object(
        Token, required=True, metadata={"description": "The token asked about, complete.", "example": example_of(Token)}
    )
    location = Object(
        LocationReferences,
        metadata={
            "description": "Where it may charge: only what was asked about.",
            "example": {"location_id": "LOC1", "evse_uids": ["3256"]},
        },
    )
    authorization_reference = CiString(
        max=36,
        metadata={"description": "Comes back in the Session and the CDR.", "example": "AUTH-0001"},
    )
    info = Object(
        DisplayText,
        metadata={
            "description": "What to tell the driver.",
            "example": {"language": "en", "text": "Your credit is low."},
        },
    )


class TokenTypeQuery(Schema):
    """The query parameter that picks a token among those with one uid (OCPI 2.2.1, Tokens, "Request Parameters")."""

    type = Enum(TokenType, metadata={"description": "Type of the token; RFID when left out.", "example": "RFID"})
