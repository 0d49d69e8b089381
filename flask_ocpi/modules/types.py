"""The classes that several modules use: those of the section Types, businesses, pictures and the origin of energy."""

from __future__ import annotations

from functools import partial

from flask_ocpi.core.codes import COUNTRIES_ALPHA2
from flask_ocpi.core.codes import COUNTRIES_ALPHA3
from flask_ocpi.core.codes import CURRENCIES
from flask_ocpi.core.codes import LANGUAGES
from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import Url
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.modules.enums import EnergySourceCategory
from flask_ocpi.modules.enums import EnvironmentalImpactCategory
from flask_ocpi.modules.enums import ImageCategory

HOUR_MINUTE = "([0-1][0-9]|2[0-3]):[0-5][0-9]"

CountryCode = partial(CiString, min=2, max=2, codes=COUNTRIES_ALPHA2)
Country = partial(
    String, min=3, max=3, codes=COUNTRIES_ALPHA3, about="ISO 3166-1 alpha-3 code of the country.", example="NLD"
)
Currency = partial(String, min=3, max=3, codes=CURRENCIES, about="ISO 4217 code of the currency.", example="EUR")
LanguageCode = partial(String, min=2, max=2, codes=LANGUAGES)
LocalTime = partial(String, max=5, pattern=HOUR_MINUTE, pattern_hint="must be a time from 00:00 to 23:59")
PartyId = partial(CiString, min=3, max=3)


class DisplayText(Schema):
    """A text to show to people, in one language (OCPI 2.2.1, Types, "DisplayText class")."""

    language = LanguageCode(required=True, about="ISO 639-1 code of the language.", example="en")
    text = String(max=512, required=True, about="Plain text without markup.", example="Enter behind the supermarket.")


class Price(Schema):
    """An amount of money (OCPI 2.2.1, Types, "Price class")."""

    excl_vat = Number(required=True, about="Amount without VAT; negative in a credit CDR.", example=10.0)
    incl_vat = Number(about="Amount with VAT; absent if the VAT is unknown.", example=12.1)


class Image(Schema):
    """A reference to a picture (OCPI 2.2.1, Locations, "Image class")."""

    url = Url(required=True, about="URL of the image.", example="https://www.example.com/logo.png")
    thumbnail = Url(about="URL of a small version.", example="https://www.example.com/logo-small.png")
    category = Enum(ImageCategory, required=True, about="Subject of the image.", example="OPERATOR")
    type = CiString(max=4, required=True, about="Format, such as gif, jpeg, png or svg.", example="png")
    width = Integer(min=0, max=99999, about="Width of the full size, in pixels.", example=512)
    height = Integer(min=0, max=99999, about="Height of the full size, in pixels.", example=512)


class BusinessDetails(Schema):
    """A company (OCPI 2.2.1, Locations, "BusinessDetails class")."""

    name = String(max=100, required=True, about="Name of the company.", example="Abc Charging")
    website = Url(about="URL of its website.", example="https://www.example.com")
    logo = Object(Image, about="Its logo.")


class EnergySource(Schema):
    """A part of the energy (OCPI 2.2.1, Locations, "EnergySource class")."""

    source = Enum(EnergySourceCategory, required=True, about="Type of the source.", example="WIND")
    percentage = Number(
        min=0, max=100, required=True, about="Share in percent; all shares should add up to 100.", example=100
    )


class EnvironmentalImpact(Schema):
    """An impact of the energy on the environment (OCPI 2.2.1, Locations, "EnvironmentalImpact class")."""

    category = Enum(
        EnvironmentalImpactCategory, required=True, about="Type of the emission or waste.", example="CARBON_DIOXIDE"
    )
    amount = Number(required=True, about="Amount, in g/kWh.", example=372)


class EnergyMix(Schema):
    """The sources of the energy (OCPI 2.2.1, Locations, "EnergyMix class").

    Shares that do not add up to 100, say by rounding, are tolerated.
    """

    is_green_energy = Boolean(required=True, about="Whether all energy is from regenerative sources.", example=True)
    energy_sources = ListOf(Object(EnergySource), about="The sources with their shares.")
    environ_impact = ListOf(Object(EnvironmentalImpact), about="Emissions and waste.")
    supplier_name = String(max=64, about="Name of the energy supplier.", example="Example Energy")
    energy_product_name = String(max=64, about="Name of the energy product.", example="Example Wind")


def party_in(document: Document) -> tuple[tuple[str, str], ...]:
    """Return the country code and party id that an object names; none if it names no party."""
    if "country_code" in document and "party_id" in document:
        return ((document["country_code"], document["party_id"]),)
    return ()


class OwnedObject(Schema):
    """The first properties of every class of objects with an owner (PUSH-08)."""

    country_code = CountryCode(required=True, about="ISO 3166-1 alpha-2 code of the owner's country.", example="NL")
    party_id = PartyId(required=True, about="Party id of the owner.", example="ABC")
