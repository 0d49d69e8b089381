"""The enums of the tokens module."""

from __future__ import annotations

from enum import StrEnum


class TokenType(StrEnum):
    """What kind of token it is (OCPI 2.2.1, Tokens, "TokenType")."""

    AD_HOC_USER = "AD_HOC_USER"
    APP_USER = "APP_USER"
    OTHER = "OTHER"
    RFID = "RFID"
