"""The classes of the versions module."""

from __future__ import annotations

from flask_ocpi.enums import InterfaceRole
from flask_ocpi.fields import Enum
from flask_ocpi.fields import ListOf
from flask_ocpi.fields import String
from flask_ocpi.fields import Url
from flask_ocpi.schema import Object
from flask_ocpi.schema import Schema
from flask_ocpi.schema import example_of


class Version(Schema):
    """A version that a platform offers (OCPI 2.2.1, Versions, "Version class").

    ``version`` is text, not an enum: whoever reads the list of a peer skips versions it does not know, such
    as newer ones. See :class:`~flask_ocpi.enums.VersionNumber` for those that OCPI 2.2.1 knows.
    """

    version = String(
        min=1,
        max=255,
        required=True,
        metadata={"description": "Version number: 2.0, 2.1, 2.1.1, 2.2, 2.2.1 or newer.", "example": "2.2.1"},
    )
    url = Url(
        called=True,
        required=True,
        metadata={"description": "Where its details are.", "example": "https://ocpi.example.com/ocpi/2.2.1"},
    )


class Endpoint(Schema):
    """One side of a module that a platform serves (OCPI 2.2.1, Versions, "Endpoint class").

    ``identifier`` is text, not an enum: parties may agree on modules of their own, and whoever does not know
    one skips it. See :class:`~flask_ocpi.enums.ModuleID` for the modules of OCPI.
    """

    identifier = String(
        min=1,
        max=255,
        required=True,
        metadata={
            "description": "Id of the module: one of OCPI's, or a custom one such as nltnm-tokens.",
            "example": "locations",
        },
    )
    role = Enum(
        InterfaceRole,
        required=True,
        metadata={
            "description": "The side that is served; says nothing for credentials.",
            "example": "SENDER",
        },
    )
    url = Url(
        called=True,
        required=True,
        metadata={
            "description": "Where it is served.",
            "example": "https://ocpi.example.com/ocpi/2.2.1/sender/locations",
        },
    )


class VersionDetails(Schema):
    """The endpoints of one version (OCPI 2.2.1, Versions, "Version details endpoint")."""

    version = String(
        min=1,
        max=255,
        required=True,
        metadata={"description": "The version that these endpoints speak.", "example": "2.2.1"},
    )
    endpoints = ListOf(
        Object(Endpoint),
        required=True,
        metadata={"description": "One for each side of each module.", "example": [example_of(Endpoint)]},
    )
