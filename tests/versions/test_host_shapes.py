"""The host application saves, imports, exports and fetches objects in the shape of a version, where it asks for it."""

from __future__ import annotations

import json

import pytest

from flask_ocpi.core.converting import Converter
from flask_ocpi.core.converting import LeftOutError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.storage.base import Party
from flask_ocpi.testing import documents
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1
from flask_ocpi.versions.v2_2_1 import Location
from tests.conftest import EVERY_STORAGE
from tests.versions.nine import V9_9

NL_ABC = Party.of("NL", "ABC")
BOTH = (V2_2_1, V9_9)


@pytest.fixture
def cpo(ocpi_network, ocpi_storage):
    return ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], storage=ocpi_storage, versions=BOTH)


@pytest.fixture
def two(ocpi_network):
    """A platform with two operators."""
    parties = [("NL", "ABC", ["CPO"]), ("NL", "DEF", ["CPO"])]
    return ocpi_network.add("two.example", parties, versions=BOTH)


@pytest.fixture
def run(ocpi_network):
    def run(ocpi, *args, input=None):
        app = ocpi_network.apps[ocpi.services.settings.base_url.removeprefix("https://")]
        return app.test_cli_runner().invoke(args=["ocpi", *args], input=input)

    return run


def _public(document, lose):
    if not document["publish"]:
        raise LeftOutError("It is not public.")
    return document


class PublicLocation(Location):
    """A Location that everybody may see."""


PUBLIC = V2_2_1.evolve(
    "9.8",
    classes={Location: PublicLocation},
    converters={PublicLocation: Converter(from_store=_public)},
)


def titled(**changes):
    """Return a Location as OCPI 9.9 has it."""
    return {**documents.location(), "title": "Central Station", **changes}


def cdr_of_nine():
    document = documents.cdr(total_cost={"net": 3.125})
    document["stopped"] = document.pop("end_date_time")
    document["cdr_token"] = {**document["cdr_token"]}
    return {name: value for name, value in document.items() if name not in ("country_code", "party_id")}


@EVERY_STORAGE
def test_object_of_a_version_is_stored_as_any_other(cpo):
    cpo.save("locations", titled(), version="9.9")

    assert cpo.objects.get("locations", "LOC1") == documents.location(name="Central Station")


def test_many_objects_of_a_version_are_stored(cpo):
    assert cpo.objects.save_all({"locations": [titled(), titled(id="LOC2")]}, version="9.9") == 2

    assert [stored["name"] for stored in cpo.objects.documents("locations")] == ["Central Station"] * 2


@pytest.mark.parametrize(
    ("module", "document", "version", "said"),
    [
        ("locations", titled(title="x" * 256), "9.9", "title"),
        ("locations", titled(), "3.0", "OCPI 3.0 is not served here; there is 2.2.1, 9.9."),
        (
            "hubclientinfo",
            documents.client_info(),
            "9.9",
            "OCPI 9.9 has no objects of hubclientinfo: use another version.",
        ),
    ],
    ids=["invalid", "unknown version", "module that it lacks"],
)
def test_what_cannot_be_saved_is_refused_with_the_reason(cpo, module, document, version, said):
    with pytest.raises(InvalidParametersError, match=said):
        cpo.save(module, document, version=version)

    assert not list(cpo.objects.documents(module))


def test_objects_that_do_not_say_whose_they_are_are_those_of_the_only_party(cpo):
    cpo.save("cdrs", cdr_of_nine(), version="9.9")

    assert cpo.objects.get("cdrs", "CDR1")["party_id"] == "ABC"


def test_of_several_parties_it_is_said_whose_they_are(two):
    with pytest.raises(InvalidParametersError, match="party="):
        two.save("cdrs", cdr_of_nine(), version="9.9")

    two.save("cdrs", cdr_of_nine(), version="9.9", party=Party.of("NL", "DEF"))

    assert two.objects.get("cdrs", "CDR1", party=Party.of("NL", "DEF"))["party_id"] == "DEF"


# Files.


@EVERY_STORAGE
def test_export_of_a_version_is_imported_again(cpo, run):
    cpo.save("locations", documents.location(name="Central Station"))
    cpo.save("cdrs", documents.cdr(), audience=[Party.of("FR", "OTH")])

    exported = run(cpo, "export", "--version", "9.9")

    written = json.loads(exported.stdout)
    assert written["locations"] == [{**titled(), "_audience": []}]
    assert written["cdrs"] == [{**cdr_of_nine(), "_audience": ["FR-OTH"]}]
    assert "hubclientinfo" not in written
    before = {module: list(cpo.objects.documents(module)) for module in ("locations", "cdrs")}
    cpo.delete("locations", "LOC1")
    assert run(cpo, "import", "-", "--version", "9.9", input=exported.stdout).exit_code == 0
    assert {module: list(cpo.objects.documents(module)) for module in ("locations", "cdrs")} == before


def test_export_says_what_the_version_cannot(cpo, run, tmp_path):
    cpo.save("locations", documents.location(parking_type="ON_STREET"))
    cpo.save("locations", documents.location(id="LOC2", parking_type="ON_STREET"))

    result = run(cpo, "export", "locations", "--version", "9.9", "--output", str(tmp_path / "own.json"), "--json")

    reason = "locations parking_type: This version has no such property: it was left out."
    assert json.loads(result.stdout)["lost"] == {reason: 2}
    assert f"{reason}: 2 times" in result.stderr


def test_export_is_without_objects_that_the_version_cannot_say(ocpi_network, run):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=(V2_2_1, PUBLIC))
    cpo.save("locations", documents.location(publish=False))
    cpo.save("locations", documents.location(id="LOC2"))

    result = run(cpo, "export", "locations", "--version", "9.8")

    assert [exported["id"] for exported in json.loads(result.stdout)["locations"]] == ["LOC2"]
    assert "locations: It is not public.: 1 time" in result.stderr


def test_export_of_a_module_that_the_version_lacks_is_refused(cpo, run):
    result = run(cpo, "export", "hubclientinfo", "--version", "9.9")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "OCPI 9.9 has no objects of hubclientinfo: use another version." in result.stderr


def test_import_says_where_the_object_is_that_is_not_of_the_version(cpo, run):
    result = run(cpo, "import", "-", "--version", "9.9", input=json.dumps({"locations": [titled(), titled(title=1)]}))

    assert result.exit_code == 1
    assert "locations[1]: Invalid LocationOf99: title must be a string" in result.stderr
    assert not list(cpo.objects.documents("locations"))


def test_import_takes_the_party_of_objects_that_do_not_say_it(two, run):
    text = json.dumps({"cdrs": [cdr_of_nine()]})

    assert "--party" in run(two, "import", "-", "--version", "9.9", input=text).stderr
    assert run(two, "import", "-", "--version", "9.9", "--party", "NL-DEF", input=text).exit_code == 0

    assert two.objects.get("cdrs", "CDR1", party=Party.of("NL", "DEF"))["party_id"] == "DEF"


@pytest.mark.parametrize("verbose", [[], ["--verbose"]], ids=["short", "verbose"])
def test_modules_of_one_version_are_listed(cpo, run, verbose):
    result = run(cpo, "modules", "--version", "9.9", *verbose)

    assert "OCPI 9.9" in result.stdout
    assert "2.2.1" not in result.stdout
    assert "hubclientinfo" not in result.stdout
    assert ("LocationOf99" in result.stdout) is bool(verbose)


def test_modules_of_a_version_that_is_not_served_are_refused(cpo, run):
    assert "OCPI 3.0 is not served here; there is 2.2.1, 9.9." in run(cpo, "modules", "--version", "3.0").stderr


# The client.


@pytest.fixture
def client(ocpi_network, cpo):
    """The client of an eMSP that speaks 9.9 with the CPO."""
    emsp = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=(V9_9,))
    ocpi_network.connect(emsp, cpo)
    with emsp.client("NL-ABC") as client:
        yield client


def test_raw_objects_are_in_the_shape_of_the_version(client, cpo):
    cpo.save("locations", documents.location(name="Central Station"))

    assert list(client.raw.locations.list()) == [client.raw.locations.get("LOC1")] == [titled()]
    assert client.locations.get("LOC1") == documents.location(name="Central Station")


def test_raw_objects_are_put_in_the_shape_of_the_version(client, cpo):
    token = documents.token(contract="DE-EMS-1")
    del token["contract_id"]

    client.raw.tokens.put(token)

    assert client.raw.tokens.get_copy("12345678905880") == token
    assert [stored["contract_id"] for stored in cpo.objects.documents("tokens", copies=True)] == ["DE-EMS-1"]


def test_raw_objects_in_the_stored_shape_are_refused(client):
    with pytest.raises(InvalidParametersError, match="contract is required"):
        client.raw.tokens.put(documents.token())


def test_module_that_the_version_lacks_is_none_of_the_raw_ones(client):
    with pytest.raises(AttributeError, match="no module 'hubclientinfo'"):
        _ = client.raw.hubclientinfo
