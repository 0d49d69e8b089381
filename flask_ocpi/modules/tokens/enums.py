"""The enums of the tokens module."""

from __future__ import annotations

from enum import StrEnum


class AllowedType(StrEnum):
    """Whether a token may charge; only the first value says so (OCPI 2.2.1, Tokens, "AllowedType")."""

    ALLOWED = "ALLOWED"
    BLOCKED = "BLOCKED"
    EXPIRED = "EXPIRED"
    NO_CREDIT = "NO_CREDIT"
    NOT_ALLOWED = "NOT_ALLOWED"


class TokenType(StrEnum):
    """What kind of token it is (OCPI 2.2.1, Tokens, "TokenType")."""

    AD_HOC_USER = "AD_HOC_USER"
    APP_USER = "APP_USER"
    OTHER = "OTHER"
    RFID = "RFID"


class WhitelistType(StrEnum):
    """When to ask the eMSP about a token, be it valid or not (OCPI 2.2.1, Tokens, "WhitelistType").

    ALWAYS: never. ALLOWED: as the CPO likes. ALLOWED_OFFLINE: always, unless the eMSP cannot be reached. NEVER: always.
    """

    ALWAYS = "ALWAYS"
    ALLOWED = "ALLOWED"
    ALLOWED_OFFLINE = "ALLOWED_OFFLINE"
    NEVER = "NEVER"
