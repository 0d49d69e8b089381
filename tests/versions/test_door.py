"""``OCPI(app, versions=...)``: which versions and modules are served, and what is stored of them."""

from __future__ import annotations

import pytest
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.testing.network import party_settings
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import Interface
from flask_ocpi.versions import InterfaceRole
from flask_ocpi.versions import Module
from flask_ocpi.versions import ObjectType
from flask_ocpi.versions import PathParameter
from flask_ocpi.versions import list_objects
from tests.versions.nine import V9_9


class Depot(Schema):
    """A place where vehicles wait."""

    country_code = CiString(max=2, required=True, about="Of the owner.", example="NL")
    party_id = CiString(max=3, required=True, about="Of the owner.", example="ABC")
    id = CiString(max=36, required=True, about="Of the depot.", example="D1")
    last_updated = DateTime(required=True, about="Its change.", example="2026-01-01T00:00:00Z")


DEPOT = ObjectType("depot", "depots", Depot, PathParameter("depot_id", 36))
DEPOTS = Module("nltnm-depots", "Depots.", (Interface(InterfaceRole.SENDER, list_objects(DEPOT)),))
D1 = {"country_code": "NL", "party_id": "ABC", "id": "D1", "last_updated": "2026-01-01T00:00:00Z"}


@pytest.fixture
def make(tmp_path):
    def make(versions, **config):
        app = Flask("door", instance_path=str(tmp_path))
        app.config.update(SECRET_KEY="x", OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])], **config)
        return app, OCPI(app, versions=versions)

    return make


def numbers(ocpi):
    return [version.number for version in ocpi.services.versions]


def test_all_that_are_given_are_served_oldest_first(make):
    assert numbers(make((V9_9, V2_2_1))[1]) == ["2.2.1", "9.9"]


def test_setting_picks_some_of_them(make):
    assert numbers(make((V9_9, V2_2_1), OCPI_VERSIONS=["9.9"])[1]) == ["9.9"]


def test_setting_that_names_another_one_is_told_those_that_there_are(make):
    with pytest.raises(ConfigurationError, match=r"2\.1\.1.*there are 9\.9"):
        make((V9_9,), OCPI_VERSIONS=["2.1.1"])


def test_objects_are_in_the_shape_of_2_2_1_also_where_that_is_not_served(make):
    _, ocpi = make((V9_9,))

    assert ocpi.services.own is V2_2_1
    assert "hubclientinfo" in ocpi.services.object_types


def test_module_of_ones_own_has_its_table(make):
    app, ocpi = make((V2_2_1.with_module(DEPOTS),))

    with app.app_context():
        ocpi.save("nltnm-depots", D1)

        assert ocpi.objects.get("nltnm-depots", "D1") == D1


def test_module_that_only_another_version_has_is_stored_as_that_has_it(make):
    app, ocpi = make((V2_2_1, V9_9.with_module(DEPOTS)), OCPI_MODULES=["locations", "nltnm-depots"])

    with app.app_context():
        ocpi.save("nltnm-depots", D1)

    assert [
        ocpi.specs[number]["paths"].get(f"/ocpi/{number}/sender/nltnm-depots") is not None for number in numbers(ocpi)
    ] == [
        False,
        True,
    ]


def test_command_of_ones_own_version_may_be_hooked(make):
    from dataclasses import replace

    commands = V2_2_1.module("commands")
    sender, receiver = commands.interfaces
    honk = replace(receiver.operations[0], name="honk", path="/HONK")
    louder = V2_2_1.with_module(replace(commands, interfaces=(sender, replace(receiver, operations=(honk,)))))
    _, ocpi = make((louder,))

    ocpi.command("HONK")(lambda request, reply: "ACCEPTED")
    with pytest.raises(ConfigurationError, match="there are HONK"):
        ocpi.command("START_SESSION")


def test_each_version_has_its_document(make):
    _, ocpi = make((V2_2_1, V9_9))
    old, new = ocpi.specs["2.2.1"], ocpi.specs["9.9"]

    assert "OCPI-to-party-id" in old["components"]["parameters"]
    assert "OCPI-to-party-id" not in new["components"]["parameters"]
    assert "Base64" in old["info"]["description"]
    assert "Base64" not in new["info"]["description"]
    assert "timeout" in old["components"]["schemas"]["CommandResponse"]["properties"]
    assert "timeout" not in new["components"]["schemas"]["CommandResponseOf99"]["properties"]
