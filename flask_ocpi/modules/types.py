"""The classes of OCPI's Types section, which several modules use."""

from __future__ import annotations

from flask_ocpi.core.codes import COUNTRIES_ALPHA2
from flask_ocpi.core.codes import LANGUAGES
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import String
from flask_ocpi.core.schema import Schema


class DisplayText(Schema):
    """A text to show to people, in one language (OCPI 2.2.1, Types, "DisplayText class")."""

    language = String(
        min=2,
        max=2,
        codes=LANGUAGES,
        required=True,
        metadata={"description": "ISO 639-1 code of the language.", "example": "en"},
    )
    text = String(
        max=512,
        required=True,
        metadata={"description": "Plain text, no markup.", "example": "Enter behind the supermarket."},
    )


class Price(Schema):
    """An amount of money (OCPI 2.2.1, Types, "Price class")."""

    excl_vat = Number(
        required=True,
        metadata={"description": "Without VAT; negative in a credit CDR.", "example": 10.0},
    )
    incl_vat = Number(
        metadata={"description": "With VAT; left out where no VAT is known, never a copy.", "example": 12.1}
    )


class OwnedObject(Schema):
    """What every class begins with whose objects have an owner (PUSH-08)."""

    country_code = CiString(
        min=2,
        max=2,
        codes=COUNTRIES_ALPHA2,
        required=True,
        metadata={"description": "ISO 3166-1 alpha-2 code of the owner's country.", "example": "NL"},
    )
    party_id = CiString(min=3, max=3, required=True, metadata={"description": "Id of the owner.", "example": "ABC"})
