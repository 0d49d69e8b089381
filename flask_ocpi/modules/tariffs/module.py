"""The tariffs module: what charging costs. Sender: the operator. Receiver: who shows prices or checks invoices."""

from __future__ import annotations

from flask_ocpi.description import Interface
from flask_ocpi.description import Module
from flask_ocpi.description import ObjectType
from flask_ocpi.description import PathParameter
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import ModuleID
from flask_ocpi.modules.tariffs.schemas import Tariff
from flask_ocpi.patterns import client_owned
from flask_ocpi.patterns import list_objects

TARIFF = ObjectType(
    name="tariff",
    kind="tariffs",
    schema=Tariff,
    parameter=PathParameter("tariff_id", 36, "Tariff.id.", "12"),
)

MODULE = Module(
    id=ModuleID.TARIFFS,
    description="What charging costs.",
    interfaces=(
        Interface(InterfaceRole.SENDER, list_objects(TARIFF)),
        Interface(InterfaceRole.RECEIVER, client_owned(TARIFF, verbs=("GET", "PUT", "DELETE"))),
    ),
)
