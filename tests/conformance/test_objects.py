"""What PUT, PATCH and missing values mean: T-14 to T-21 and T-28 to T-32, T-38 of the requirements."""

from __future__ import annotations

import re
from typing import Any

import marshmallow as ma
import pytest

from flask_ocpi.core.schema import with_defaults
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import full_location
from flask_ocpi.testing.documents import location
from flask_ocpi.versions import VERSIONS
from tests.conformance.sharing import COPY
from tests.conformance.sharing import LATER
from tests.conformance.sharing import SENDER
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import copies
from tests.conformance.sharing import shared_network
from tests.conformance.sharing import theirs


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


@pytest.fixture
def stored(ocpi: Any, ocpi_client: Any) -> dict[str, Any]:
    """A Location of the partner that the platform has a copy of."""
    document = theirs(
        name="Central", parking_type="ON_STREET", directions=[{"language": "nl", "text": "Links"}], evses=[evse()]
    )
    assert ocpi_client.put(COPY, document).http_status == 201
    return document


@pytest.mark.conformance("T-14")
def test_put_replaces_the_whole_object(ocpi, ocpi_client):
    document = {**full_location(), "country_code": "DE", "party_id": "CPO"}
    ocpi_client.put(COPY, document)

    answer = ocpi_client.put(COPY, theirs(last_updated=LATER))

    assert answer.status_code == 1000
    assert copies(ocpi) == [theirs(last_updated=LATER)]


@pytest.mark.conformance("T-14")
@pytest.mark.parametrize("name", ["city", "coordinates", "last_updated", "publish"])
def test_put_needs_every_required_field_even_when_the_object_is_known(ocpi, ocpi_client, stored, name):
    body = {key: value for key, value in theirs(last_updated=LATER).items() if key != name}

    answer = ocpi_client.put(COPY, body)

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert f"{name} is required" in answer.message
    assert copies(ocpi) == [stored]


@pytest.mark.conformance("T-15")
def test_patch_keeps_what_it_does_not_name(ocpi, ocpi_client, stored):
    answer = ocpi_client.patch(COPY, {"name": "East", "last_updated": LATER})

    assert answer.status_code == 1000
    assert copies(ocpi) == [{**stored, "name": "East", "last_updated": LATER}]


@pytest.mark.conformance("T-16")
@pytest.mark.parametrize("body", [{"name": "East"}, {"name": "East", "last_updated": None}], ids=["absent", "null"])
@pytest.mark.parametrize("path", [COPY, f"{COPY}/EVSE1", f"{COPY}/EVSE1/1"], ids=["location", "evse", "connector"])
def test_patch_needs_last_updated(ocpi, ocpi_client, stored, path, body):
    answer = ocpi_client.patch(path, body)

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert answer.message.startswith("Invalid body: last_updated ")
    assert copies(ocpi) == [stored]


@pytest.mark.conformance("T-17")
def test_patch_replaces_objects_and_lists_as_a_whole(ocpi, ocpi_client, stored):
    change = {"directions": [{"language": "de", "text": "Rechts"}], "operator": {"name": "New"}, "last_updated": LATER}

    ocpi_client.patch(COPY, change)

    assert copies(ocpi) == [{**stored, **change}]


@pytest.mark.conformance("T-18")
def test_patch_with_null_clears_an_optional_field(ocpi, ocpi_client, stored):
    answer = ocpi_client.patch(COPY, {"name": None, "evses": None, "directions": [], "last_updated": LATER})

    assert answer.status_code == 1000
    assert copies(ocpi) == [theirs(parking_type="ON_STREET", last_updated=LATER)]


@pytest.mark.conformance("T-18", "T-19")
@pytest.mark.parametrize(
    "change",
    [
        {"city": None},
        {"publish": None},
        {"opening_times": {"twentyfourseven": False}},
        {"publish_allowed_to": [{"type": "RFID"}]},
        {"evses": [evse(connectors=[])]},
        {"coordinates": {"latitude": "52.0"}},
    ],
    ids=["null required", "null flag", "half hours", "half token", "no connectors", "half coordinates"],
)
def test_patch_whose_result_is_invalid_changes_nothing(ocpi, ocpi_client, stored, change):
    answer = ocpi_client.patch(COPY, {**change, "last_updated": LATER})

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert copies(ocpi) == [stored]


@pytest.mark.conformance("T-20")
@pytest.mark.parametrize(
    ("path", "change"),
    [
        (COPY, {"id": "LOC2"}),
        (COPY, {"country_code": "NL"}),
        (COPY, {"party_id": "EMS"}),
        (COPY, {"id": None}),
        (f"{COPY}/EVSE1", {"uid": "EVSE2"}),
        (f"{COPY}/EVSE1/1", {"id": "2"}),
    ],
    ids=["id", "country_code", "party_id", "null id", "uid", "connector id"],
)
def test_patch_does_not_change_identifiers(ocpi, ocpi_client, stored, path, change):
    answer = ocpi_client.patch(path, {**change, "last_updated": LATER})

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert copies(ocpi) == [stored]


@pytest.mark.conformance("T-20")
def test_patch_may_repeat_identifiers_in_another_case(ocpi, ocpi_client, stored):
    answer = ocpi_client.patch(COPY, {"id": "loc1", "country_code": "de", "last_updated": LATER})

    assert answer.status_code == 1000
    assert copies(ocpi) == [{**stored, "last_updated": LATER}]


OLDER = "2024-01-01T00:00:00Z"


OLDER_REQUESTS = pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", COPY, theirs(last_updated=OLDER)),
        ("PATCH", COPY, {"name": "East", "last_updated": OLDER}),
        ("PUT", f"{COPY}/EVSE1", evse(last_updated=OLDER, status="BLOCKED")),
        ("PATCH", f"{COPY}/EVSE1", {"status": "BLOCKED", "last_updated": OLDER}),
    ],
    ids=["put location", "patch location", "put evse", "patch evse"],
)


@pytest.mark.conformance("T-21")
@OLDER_REQUESTS
def test_older_objects_are_accepted_by_default(ocpi, ocpi_client, stored, method, path, body):
    answer = ocpi_client.open(method, path, json=body)

    assert (answer.http_status, answer.status_code) == (200, 1000)
    assert copies(ocpi) != [stored]


@pytest.mark.conformance("T-21")
@pytest.mark.parametrize("ocpi_config", [{"OCPI_REJECT_STALE": True}], ids=[""])
@OLDER_REQUESTS
def test_older_objects_are_refused_when_configured(ocpi, ocpi_client, stored, method, path, body):
    answer = ocpi_client.open(method, path, json=body)

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert copies(ocpi) == [stored]


@pytest.mark.conformance("T-28")
def test_unknown_fields_are_kept_in_their_place(ocpi_client):
    document = theirs(gireve_id="G1", evses=[evse(x_power={"kw": [1, None]}, connectors=[connector(plug="blue")])])

    answer = ocpi_client.put(COPY, document)

    assert answer.status_code == 1000
    assert ocpi_client.get(COPY).data == document


@pytest.mark.conformance("T-28")
@pytest.mark.parametrize("ocpi_config", [{"OCPI_UNKNOWN_FIELDS": "drop"}], ids=[""])
def test_unknown_fields_are_dropped_when_configured(ocpi_client):
    answer = ocpi_client.put(COPY, theirs(gireve_id="G1", evses=[evse(kw=1)]))

    assert answer.status_code == 1000
    assert ocpi_client.get(COPY).data == theirs(evses=[evse()])


def _schemas(schema: type[ma.Schema], found: set[type[ma.Schema]]) -> set[type[ma.Schema]]:
    found.add(schema)
    for field in schema._declared_fields.values():
        inner = getattr(field, "inner", field)
        nested = getattr(inner, "nested", None)
        if isinstance(nested, type) and nested not in found:
            _schemas(nested, found)
    return found


@pytest.mark.conformance("T-29")
def test_all_names_are_snake_case():
    named = {s for v in VERSIONS for _, _, o in v.operations() for s in (o.body, o.returns, o.query, o.result)}
    roots = [root for root in named if root is not None and issubclass(root, ma.Schema)]
    classes = set().union(*(_schemas(root, set()) for root in roots))

    names = {name for schema in classes for name in schema._declared_fields}

    known = {"country_code", "evses", "cdr_token", "charging_profile_period", "x"}
    assert known & names == known - {"x"}
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)] == []
    assert {schema: dict(schema._declared_fields) for schema in classes if _renamed(schema)} == {}


def _renamed(schema: type[ma.Schema]) -> bool:
    return any(field.data_key not in (None, name) for name, field in schema._declared_fields.items())


@pytest.mark.conformance("T-30")
def test_null_and_absent_are_the_same(ocpi_client):
    answer = ocpi_client.put(COPY, theirs(name=None, evses=[], images=None, operator=None, charging_when_closed=None))

    assert answer.status_code == 1000
    assert ocpi_client.get(COPY).data == theirs()


@pytest.mark.conformance("T-30")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"evses": [evse(connectors=[])]}, "evses[0].connectors must have at least one element"),
        ({"evses": [evse(connectors=None)]}, "evses[0].connectors must not be null"),
        ({"time_zone": None}, "time_zone must not be null"),
    ],
    ids=["empty list", "null list", "null"],
)
def test_required_values_are_insisted_on(ocpi_client, changes, message):
    answer = ocpi_client.put(COPY, theirs(**changes))

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert message in answer.message


@pytest.mark.conformance("T-31")
def test_defaults_apply_to_what_is_absent(ocpi, ocpi_client):
    schema = ocpi.services.schemas[Location]
    ocpi.save("locations", location())

    assert with_defaults(schema, location())["charging_when_closed"] is True
    assert with_defaults(schema, location(charging_when_closed=False))["charging_when_closed"] is False
    assert ocpi_client.get(SENDER).data == ocpi_client.get(SENDER, query_string={"offset": 0}).data


@pytest.mark.conformance("T-32")
@pytest.mark.parametrize("name", ["address", "city", "country", "time_zone"])
def test_not_available_is_accepted_for_required_strings(ocpi_client, name):
    answer = ocpi_client.put(COPY, theirs(**{name: "#NA"}))

    assert answer.status_code == 1000
    assert ocpi_client.get(COPY).data[name] == "#NA"


@pytest.mark.conformance("T-38")
def test_a_patch_of_an_unknown_object_is_followed_by_a_put(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    ocpi_network.requests.clear()

    with ocpi.client(platform) as client:
        client.locations.update("LOC1", changes={"name": "East", "last_updated": LATER}, whole=location(name="East"))

    told = [request.method for request in ocpi_network.requests if "other.example" in request.url]
    assert told == ["PATCH", "PUT"]
    assert copies(ocpi_other) == [location(name="East")]
