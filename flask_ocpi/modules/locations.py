"""The view of a location for drivers, and its visibility; for platforms that show locations to drivers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Part
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.schema import Document
from flask_ocpi.errors import UnknownLocationError
from flask_ocpi.exchange.patterns import client_owned
from flask_ocpi.exchange.patterns import get_objects
from flask_ocpi.exchange.patterns import list_objects
from flask_ocpi.modules.enums import Status
from flask_ocpi.modules.locations_schemas import EVSE
from flask_ocpi.modules.locations_schemas import Connector
from flask_ocpi.modules.locations_schemas import Location

_CASE_INSENSITIVE = ("uid", "group_id")  # CiString
_CASE_SENSITIVE = ("type", "visual_number", "issuer")


def is_visible_to(location: Mapping[str, Any], token: Mapping[str, Any] | None = None) -> bool:
    """Tell whether a driver with that token, or without one, may see a location.

    ``token`` is a Token object, or the known part of it: uid, type, visual_number, issuer, group_id. It must match
    every property of an entry of ``publish_allowed_to``.
    OCPI 2.2.1, Locations, "Location Object" and "PublishTokenType class".
    """
    if location["publish"]:
        return True
    if token is None:
        return False
    return any(_matches(entry, token) for entry in location.get("publish_allowed_to") or ())


def driver_view(
    location: Mapping[str, Any],
    token: Mapping[str, Any] | None = None,
    *,
    operator: Mapping[str, Any] | None = None,
) -> Document | None:
    """Return a location as a driver may see it, or None.

    It is None if the location is not visible to the token, or has no EVSE left. REMOVED EVSEs are hidden, and so is
    ``publish_allowed_to``, which identifies other drivers. ``operator``: the ``business_details`` of the owner's role
    in its platform's credentials, used if the location names no operator. The given location is not changed.
    OCPI 2.2.1, Locations, "Flow and Lifecycle" and "Location Object".
    """
    evses = [evse for evse in location.get("evses") or () if evse["status"] != Status.REMOVED]
    if not evses or not is_visible_to(location, token):
        return None
    view = {name: value for name, value in location.items() if name != "publish_allowed_to"}
    view["evses"] = evses
    if operator is not None and not view.get("operator"):
        view["operator"] = dict(operator)
    return view


def _matches(entry: Mapping[str, Any], token: Mapping[str, Any]) -> bool:
    folded = [name for name in _CASE_INSENSITIVE if entry.get(name) is not None]
    exact = [name for name in _CASE_SENSITIVE if entry.get(name) is not None]
    return (
        bool(folded or exact)
        and all((token.get(name) or "").lower() == entry[name].lower() for name in folded)
        and all(token.get(name) == entry[name] for name in exact)
    )


LOCATION = ObjectType(
    name="location",
    kind="locations",
    schema=Location,
    parameter=PathParameter("location_id", 36, "Location.id.", "LOC1"),
    parts=(
        Part("evse", EVSE, "evses", "uid", PathParameter("evse_uid", 36, "EVSE.uid.", "3256")),
        Part("connector", Connector, "connectors", "id", PathParameter("connector_id", 36, "Connector.id.", "1")),
    ),
    missing=UnknownLocationError,
)

MODULE = Module(
    id=ModuleID.LOCATIONS,
    description="Where one can charge: Locations with their EVSEs and Connectors.",
    interfaces=(
        Interface(InterfaceRole.SENDER, (*list_objects(LOCATION), *get_objects(LOCATION))),
        Interface(InterfaceRole.RECEIVER, client_owned(LOCATION, verbs=("GET", "PUT", "PATCH"))),
    ),
    requires=(ModuleID.TARIFFS,),
)
