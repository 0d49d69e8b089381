"""The locations module: where one can charge. Sender: the operator. Receiver: who shows it to drivers."""

from __future__ import annotations

from flask_ocpi.description import Interface
from flask_ocpi.description import Module
from flask_ocpi.description import ObjectType
from flask_ocpi.description import Part
from flask_ocpi.description import PathParameter
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import ModuleID
from flask_ocpi.errors import UnknownLocationError
from flask_ocpi.modules.locations.schemas import EVSE
from flask_ocpi.modules.locations.schemas import Connector
from flask_ocpi.modules.locations.schemas import Location
from flask_ocpi.patterns import client_owned
from flask_ocpi.patterns import get_objects
from flask_ocpi.patterns import list_objects

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
