"""The classes of the credentials module."""

from __future__ import annotations

from collections.abc import Iterator

from flask_ocpi.codes import COUNTRIES_ALPHA2
from flask_ocpi.enums import Role
from flask_ocpi.fields import CiString
from flask_ocpi.fields import Enum
from flask_ocpi.fields import ListOf
from flask_ocpi.fields import String
from flask_ocpi.fields import Url
from flask_ocpi.modules.locations.schemas import BusinessDetails
from flask_ocpi.schema import Document
from flask_ocpi.schema import Object
from flask_ocpi.schema import Schema
from flask_ocpi.schema import Violation
from flask_ocpi.schema import example_of


def roles_are_unique(credentials: Document) -> Iterator[Violation]:
    """No two roles agree in role and both ids."""
    first: dict[tuple[str, ...], int] = {}
    for index, role in enumerate(credentials["roles"]):
        identity = (role["role"], role["country_code"].lower(), role["party_id"].lower())
        if first.setdefault(identity, index) != index:
            yield f"roles[{index}]", f"repeats role, country_code and party_id of roles[{first[identity]}]"


def hub_has_no_other_role(credentials: Document) -> Iterator[Violation]:
    """A hub names itself alone."""
    names = [role["role"] for role in credentials["roles"]]
    if Role.HUB in names:
        for index, name in enumerate(names):
            if name != Role.HUB:
                yield f"roles[{index}].role", "must be HUB as well: a Hub does not list the parties behind it"


class CredentialsRole(Schema):
    """A party of a platform in one of its roles (OCPI 2.2.1, Credentials, "CredentialsRole class")."""

    role = Enum(Role, required=True, metadata={"description": "What the party does.", "example": "CPO"})
    business_details = Object(
        BusinessDetails,
        required=True,
        metadata={"description": "Who the party is.", "example": example_of(BusinessDetails)},
    )
    party_id = CiString(
        min=3,
        max=3,
        required=True,
        metadata={"description": "Id of the party, unique in its country.", "example": "ABC"},
    )
    country_code = CiString(
        min=2,
        max=2,
        codes=COUNTRIES_ALPHA2,
        required=True,
        metadata={"description": "ISO 3166-1 alpha-2 code of the party's country.", "example": "NL"},
    )


class Credentials(Schema):
    """What a platform gives another one to be called with (OCPI 2.2.1, Credentials, "Credentials object").

    No message about ``token`` repeats it.
    """

    rules = (roles_are_unique, hub_has_no_other_role)

    token = String(
        min=1,
        max=64,
        pattern="[!-~]+",
        pattern_hint="must be printable ASCII without blanks",
        required=True,
        metadata={
            "description": "What the receiver of this object authorises itself with; case-sensitive.",
            "example": "example-token-not-a-secret",
        },
    )
    url = Url(
        called=True,
        required=True,
        metadata={
            "description": "The versions endpoint of the sender of this object.",
            "example": "https://ocpi.example.com/ocpi/versions",
        },
    )
    roles = ListOf(
        Object(CredentialsRole),
        max=2000,
        required=True,
        metadata={
            "description": "The parties on the platform; no two agree in role and both ids.",
            "example": [example_of(CredentialsRole)],
        },
    )
