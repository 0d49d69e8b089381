"""Modules that 2.2.1 lacks: stored, pushed, synced and asked for as those that it has, by who speaks the version."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from flask_ocpi import ModuleID
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import ForbiddenError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.testing.network import add_partner
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import CiString
from flask_ocpi.versions import DateTime
from flask_ocpi.versions import Interface
from flask_ocpi.versions import Module
from flask_ocpi.versions import ObjectType
from flask_ocpi.versions import PathParameter
from flask_ocpi.versions import Schema
from flask_ocpi.versions import client_owned
from flask_ocpi.versions import list_objects
from tests.versions.nine import V9_9


def example(text):
    return {"description": "For the test.", "example": text}


class Depot(Schema):
    """A place where vehicles wait."""

    country_code = CiString(max=2, required=True, metadata=example("NL"))
    party_id = CiString(max=3, required=True, metadata=example("ABC"))
    id = CiString(max=36, required=True, metadata=example("D1"))
    last_updated = DateTime(required=True, metadata=example("2026-01-01T00:00:00Z"))


class Gate(Depot):
    """A way into a depot."""


VERBS = ("GET", "PUT", "PATCH", "DELETE")
DEPOT = ObjectType("depot", "depots", Depot, PathParameter("depot_id", 36))
GATE = ObjectType("gate", "gates", Gate, PathParameter("gate_id", 36))


def both_sides(object_type):
    return (
        Interface(InterfaceRole.SENDER, list_objects(object_type)),
        Interface(InterfaceRole.RECEIVER, client_owned(object_type, verbs=VERBS)),
    )


DEPOTS = Module("depots", "Depots.", both_sides(DEPOT))
GATES = Module("gates", "The gates of depots.", both_sides(GATE), within="depots")
NEW = V9_9.with_module(DEPOTS).with_module(GATES)
BOTH = (V2_2_1, NEW)
ROLES = {"OCPI_ROLE_PERMISSIONS": {"CPO": {"depots": ["SENDER"]}, "EMSP": {"depots": ["RECEIVER"]}}}


def unreachable(request):
    raise UnreachableError("The line is cut.")


def thing(id="D1", **changes):
    return {"country_code": "NL", "party_id": "ABC", "id": id, "last_updated": "2026-01-01T00:00:00Z", **changes}


class House:
    """A CPO of both versions, an eMSP of each; only the newer version has depots and gates."""

    def __init__(self, network, storage):
        self.network = network
        self.cpo = network.add("cpo.example", [("NL", "ABC", ["CPO"])], storage=storage, versions=BOTH, config=ROLES)
        self.new = network.add("new.example", [("DE", "NEW", ["EMSP"])], versions=(NEW,), config=ROLES)
        self.old = network.add("old.example", [("NL", "OLD", ["EMSP"])], versions=(V2_2_1,), config=ROLES)
        network.connect(self.new, self.cpo)
        network.connect(self.old, self.cpo)
        network.requests.clear()


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def house(ocpi_network, ocpi_storage):
    return House(ocpi_network, ocpi_storage)


@pytest.mark.parametrize("module", ["depots", "gates"])
def test_saved_object_is_pushed_to_those_that_speak_the_version(house, module):
    house.cpo.save(module, thing())
    house.cpo.patch(module, "D1", changes={"last_updated": "2026-02-01T00:00:00Z"})

    sent = [(request.method, request.url) for request in house.network.requests]
    assert [method for method, _ in sent] == ["PUT", "PATCH"]
    assert {url for _, url in sent} == {
        {
            "depots": "https://new.example/ocpi/9.9/receiver/depots/NL/ABC/D1",
            "gates": "https://new.example/ocpi/9.9/receiver/depots/gates/NL/ABC/D1",
        }[module]
    }
    assert list(house.new.copies.documents(module)) == [house.cpo.objects.get(module, "D1")]

    house.cpo.delete(module, "D1")

    assert list(house.new.copies.documents(module)) == []


@pytest.mark.parametrize("module", ["depots", "gates"])
def test_objects_are_listed_synced_and_removed_with_the_list(house, module):
    house.network.config["OCPI_PUSH"] = False
    late = house.network.add("late.example", [("FR", "LTE", ["EMSP"])], versions=BOTH, config=ROLES)
    house.cpo.save(module, thing("D1"))
    house.cpo.save(module, thing("D2"))
    house.network.connect(late, house.cpo)

    late.sync("NL-ABC", [module])
    with late.client("NL-ABC") as client:
        assert list(client.module(module).list()) == [thing("D1"), thing("D2")]
    assert list(late.copies.documents(module)) == [thing("D1"), thing("D2")]

    house.cpo.delete(module, "D1")
    late.sync("NL-ABC", [module], full=True)

    assert list(late.copies.documents(module)) == [thing("D2")]


def test_modules_are_known_to_groups_and_storage(house):
    assert {"depots", "gates"} <= set(house.cpo.objects.modules())
    house.cpo.objects.save_all({"depots": [thing()], "gates": [thing()]})

    assert [house.cpo.objects.get(module, "D1") for module in ("depots", "gates")] == [thing(), thing()]


def test_details_of_the_version_list_the_endpoint_once(house):
    endpoints = house.new.partners.find("NL-ABC").endpoints

    assert [e["identifier"] for e in endpoints if "depots" in e["url"]] == ["depots"]
    assert "gates" not in {e["identifier"] for e in endpoints}


def test_permissions_are_those_of_the_module_in_whose_endpoint_it_is(house):
    partner = add_partner(house.network.apps["new.example"], [("NL", "TWO", ["EMSP"])])

    response = partner.put("/ocpi/9.9/receiver/depots/gates/NL/TWO/D1", thing(party_id="TWO"))

    assert response.http_status == ForbiddenError.http_status
    assert house.new.services.own_parties("gates", InterfaceRole.RECEIVER) == (
        house.new.services.own_parties("depots", InterfaceRole.RECEIVER)
    )


def test_setting_names_the_endpoint(ocpi_network):
    config = {"OCPI_MODULES": ["depots"]}
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=(NEW,), config=config)

    for module in (DEPOTS, GATES):
        assert cpo.services.serves(module, InterfaceRole.SENDER)
    with pytest.raises(ConfigurationError, match="'gates'"):
        ocpi_network.add("two.example", [("NL", "TWO", ["CPO"])], versions=(NEW,), config={"OCPI_MODULES": ["gates"]})


def test_entries_for_a_module_that_the_partner_lacks_by_now_are_needless(house):
    house.network.before_send = unreachable
    house.cpo.save("gates", thing())
    assert [found.module for found in house.cpo.outbox.list("DE-NEW")] == ["gates"]
    house.network.before_send = lambda request: None
    record = house.cpo.partners.find("DE-NEW")
    house.cpo.services.platforms.save(replace(record, version="2.2.1"), before=record)
    house.network.requests.clear()

    house.cpo.outbox.retry(house.cpo.outbox.list("DE-NEW"))
    house.cpo.outbox.flush()

    assert house.cpo.outbox.list("DE-NEW") == ()
    assert house.network.requests == []


def test_export_and_import_have_them(house, tmp_path):
    runner = house.network.apps["cpo.example"].test_cli_runner()
    house.cpo.save("gates", thing())
    house.cpo.save("depots", thing())
    file = tmp_path / "objects.json"

    result = runner.invoke(args=["ocpi", "export", "--output", str(file)])
    assert result.exit_code == 0, result.output
    assert {"depots", "gates"} <= set(orjson.loads(file.read_bytes()))
    assert ModuleID.LOCATIONS in orjson.loads(file.read_bytes())
