"""Which role implements, and so may call, which interface."""

from __future__ import annotations

import pytest

from flask_ocpi.core.config import Settings
from flask_ocpi.core.enums import DEFAULT_MATRIX
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.enums import Permissions
from flask_ocpi.core.enums import Role
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.testing.network import party_settings
from tests.roles import ROLES
from tests.roles import TABLE

CELLS = [
    (role, module, side, letter in cell)
    for module, cells in TABLE.items()
    for role, cell in zip(ROLES, cells, strict=True)
    for side, letter in ((InterfaceRole.SENDER, "S"), (InterfaceRole.RECEIVER, "R"))
]
EVERY_CELL = pytest.mark.parametrize(
    ("role", "module", "side", "has"), CELLS, ids=[f"{role}-{module}-{side}" for role, module, side, _ in CELLS]
)
DEFAULT = Permissions.with_overrides({})


def parsed(overrides):
    config = {"OCPI_PARTIES": [party_settings("NL", "ABC", ["CPO"])], "OCPI_ROLE_PERMISSIONS": overrides}
    return Permissions.with_overrides(Settings.from_mapping(config).role_permissions)


@pytest.mark.conformance("ROLE-01", "ROLE-02", "ROLE-05")
@EVERY_CELL
def test_default_matrix_is_that_of_the_specification(role, module, side, has):
    assert DEFAULT.implements([Role(role)], module, side) is has


@pytest.mark.conformance("ROLE-01", "ROLE-05")
@EVERY_CELL
def test_an_interface_is_called_by_those_that_implement_its_other_side(role, module, side, has):
    assert DEFAULT.may_call([Role(role)], module, side.opposite) is has


@pytest.mark.conformance("ROLE-01")
def test_matrix_and_table_name_the_same_roles_and_modules():
    assert set(DEFAULT_MATRIX) == set(Role) == {*ROLES, "PTP"}
    beyond = {"payments", "bookings", "invoicereconciliation"}
    assert {module for modules in DEFAULT_MATRIX.values() for module in modules} == {*TABLE, *beyond}
    assert set(TABLE) == set(ModuleID) - {ModuleID.CREDENTIALS}


# OCPI 2.3.0 with payments and with bookings, Terminology, "Typical OCPI implementations per Role".
@pytest.mark.parametrize(
    ("role", "senders", "receivers"),
    [
        ("PTP", {"payments", "commands"}, {"cdrs", "locations", "sessions", "tariffs"}),
        ("CPO", {"bookings"}, {"payments"}),
        ("EMSP", set(), {"bookings"}),
        ("HUB", {"bookings"}, {"bookings"}),
        ("NSP", set(), set()),
    ],
)
def test_roles_in_payments_and_bookings(role, senders, receivers):
    asked = TABLE if role == "PTP" else ()
    for side, expected in (("SENDER", senders), ("RECEIVER", receivers)):
        has = {m for m in (*asked, "payments", "bookings") if DEFAULT.implements([Role(role)], m, InterfaceRole(side))}
        assert has == expected


@pytest.mark.conformance("ROLE-03")
def test_one_of_several_roles_is_enough():
    assert DEFAULT.may_call([Role.OTHER, Role.CPO], "locations", InterfaceRole.RECEIVER)
    assert not DEFAULT.may_call([Role.OTHER, Role.EMSP], "locations", InterfaceRole.RECEIVER)
    assert not DEFAULT.may_call([], "locations", InterfaceRole.RECEIVER)


def test_unknown_modules_are_nobodys():
    assert not any(DEFAULT.may_call([role], "nltnm-tokens", side) for role in Role for side in InterfaceRole)


@pytest.mark.parametrize("sides", [[], ["SENDER"], ["RECEIVER"], ["SENDER", "RECEIVER"]], ids="+".join)
def test_overrides_replace_one_cell_of_the_matrix(sides):
    permissions = parsed({"NSP": {"locations": sides}})

    assert [side for side in InterfaceRole if permissions.implements([Role.NSP], "locations", side)] == sides
    changed = {
        (role, module)
        for role in Role
        for module in TABLE
        if permissions.matrix[role].get(module, ()) != DEFAULT.matrix[role].get(module, ())
    }
    assert changed <= {(Role.NSP, "locations")}


def test_overrides_add_custom_modules():
    permissions = parsed({"CPO": {"nltnm-tokens": ["RECEIVER"]}})

    assert permissions.may_call([Role.CPO], "nltnm-tokens", InterfaceRole.SENDER)
    assert not permissions.may_call([Role.EMSP], "nltnm-tokens", InterfaceRole.SENDER)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["NSP"], "must look like"),
        ({"MSP": {}}, "names the role 'MSP'; there are CPO, EMSP"),
        ({"NSP": ["locations"]}, "must look like"),
        ({"NSP": {"locations": "SENDER"}}, "must look like"),
        ({"NSP": {"locations": ["BOTH"]}}, "must look like"),
    ],
)
def test_wrong_overrides_are_named(overrides, message):
    with pytest.raises(ConfigurationError, match=f"OCPI_ROLE_PERMISSIONS {message}"):
        parsed(overrides)
