"""What is refused costs no more than what is taken, in work and in memory, and no object grows without end."""

from __future__ import annotations

from functools import cache

import orjson
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_ocpi.core.fields import Policy
from flask_ocpi.core.schema import load
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.storage.base import Query
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.network import Network
from flask_ocpi.versions.reading import read
from tests.conformance.sharing import COPY
from tests.conformance.sharing import check
from tests.conformance.sharing import theirs
from tests.schemas.declarations import SCHEMAS
from tests.security.bodies import broken_bodies
from tests.security.bodies import filled
from tests.security.bodies import lists_in
from tests.security.bodies import placed
from tests.security.bodies import whole
from tests.security.costs import calls_of
from tests.security.costs import peak_of
from tests.selecting import examples

MOST = 30  # times what is valid
SIZE = 10_000
LATER = "2024-06-30T12:00:00Z"
every_class = pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)


class Measured:
    """What it costs to read a body of a class, beside what a valid one of that length does.

    strict: what is not valid is refused; else it is read for what it means.
    """

    def __init__(self, schema, *, strict=True):
        self.strict = strict
        self.schema = schema(policy=Policy())
        small, large = (orjson.dumps(document) for document in (whole(schema), filled(schema, SIZE)))
        assert self.read(small) is None
        assert self.read(large) is None
        self.sizes = len(small), len(large)
        self.usual = {
            measure: (self.cost(small, measure), self.cost(large, measure)) for measure in (calls_of, peak_of)
        }

    def read(self, body):
        try:
            read(self.schema, orjson.loads(body), strict=self.strict)
        except (InvalidParametersError, orjson.JSONDecodeError) as error:
            return str(error)
        return None

    def cost(self, body, measure):
        return measure(lambda: self.read(body))

    def ratio(self, body, measure):
        least, most = self.usual[measure]
        share = max(0.0, (len(body) - self.sizes[0]) / (self.sizes[1] - self.sizes[0]))
        return self.cost(body, measure) / (least + share * (most - least))


@cache
def measured_of(schema, strict):
    """Return a class and what valid bodies of it cost, measured once."""
    return Measured(schema, strict=strict)


@every_class
@pytest.mark.parametrize("measure", [calls_of, peak_of])
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "tolerant"])
def test_what_is_broken_costs_at_most_thirty_times_what_is_valid(schema, measure, strict):
    measured = measured_of(schema, strict)

    ratios = {kind: measured.ratio(body, measure) for kind, body in broken_bodies(schema, SIZE)}

    assert {kind: ratio for kind, ratio in ratios.items() if ratio > MOST} == {}
    assert len(ratios) > 10


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PLACES = [(cls, path) for cls in SCHEMAS.values() for path, _ in lists_in(cls)]


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.sampled_from(PLACES), element=JSON, size=st.integers(2_000, 200_000), strict=st.booleans())
def test_lists_of_anything_cost_no_more_than_what_is_valid(place, element, size, strict):
    schema, path = place
    elements = [element] * (size // (len(orjson.dumps(element)) + 1) + 1)
    body = orjson.dumps(placed(whole(schema), path, elements))

    assert measured_of(schema, strict).ratio(body, calls_of) <= MOST


@pytest.mark.parametrize(
    "body",
    [
        orjson.dumps(theirs(evses=[{}] * 4_999)),
        orjson.dumps(theirs(evses=[[]] * 100_000)),
        orjson.dumps(theirs(evses=[{**evse(), "uid": str(index), "status": "x"} for index in range(400)])),
        orjson.dumps(theirs(evses=[evse()] * 400)),
        orjson.dumps(theirs(evses=[{**evse(), "connectors": [{}] * 900}] * 40)),
        orjson.dumps(theirs(publish=7, **{f"x{number}": [] for number in range(20_000)})),
    ],
    ids=["objects", "lists", "status", "same", "nested", "unknown"],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("ocpi_receive", ["strict", "tolerant"])
def test_a_request_with_a_broken_body_costs_what_its_bytes_cost(ocpi_client, ocpi_receive, method, body):
    ocpi_client.put(COPY, theirs())
    valid = orjson.dumps(
        filled(Location, len(body)) | {name: theirs()[name] for name in ("country_code", "party_id", "id")}
    )
    taken = calls_of(lambda: ocpi_client.put(COPY, data=valid))
    answers = []

    broken = calls_of(lambda: answers.append(ocpi_client.open(method, COPY, data=body)))

    if ocpi_receive == "strict":
        check(answers[0], 200, 2001)
    assert answers[0].http_status in (200, 201)
    assert broken <= MOST * taken * max(1.0, len(body) / len(valid))


def test_of_many_violations_a_few_are_said_and_that_there_are_more(ocpi_client):
    answer = ocpi_client.put(COPY, theirs(evses=[{"uid": 7}] * 4_000))

    assert answer.message.count("evses[") == 8
    assert answer.message.endswith("; and more.")


@pytest.mark.parametrize("shown", [1, 8, 9, 29])
def test_of_fewer_violations_the_number_is_said(shown):
    with pytest.raises(InvalidParametersError) as caught:
        load(Location(), theirs(facilities=["x"] * shown))

    assert caught.value.message.count("facilities[") == min(shown, 8)
    assert caught.value.message.endswith(f"; and {shown - 8} more." if shown > 8 else "values).")


def test_the_journal_keeps_little_of_what_was_refused(ocpi_app, ocpi, ocpi_client):
    ocpi_client.put(COPY, theirs(evses=[{"uid": 7}] * 100_000))

    (record,) = ocpi.services.storage.list("journal", Query()).records
    assert len(record.text) < 10_000


# Lists.


def test_a_list_may_be_as_long_as_the_document_says(ocpi_client):
    codes = [str(number) for number in range(1_001)]
    ids = {"evses": [evse(connectors=[connector(tariff_ids=codes)])]}

    answer = ocpi_client.put(COPY, theirs(**ids))

    check(answer, 200, 2001)
    assert "tariff_ids has more than 1000 elements (it has 1001)" in answer.message
    ids["evses"][0]["connectors"][0]["tariff_ids"].pop()
    assert ocpi_client.put(COPY, theirs(**ids)).http_status == 201


@pytest.mark.parametrize("compiled", [True, False])
def test_another_length_can_be_set_by_class(compiled):
    schema = Location(policy=Policy(compiled=compiled, list_limits=(("EVSE.connectors", 1), ("Location.evses", 2))))
    two = theirs(evses=[evse(uid="1"), evse(uid="2")])

    assert schema.load(two) == two
    with pytest.raises(InvalidParametersError, match="evses has more than 2 elements"):
        load(schema, theirs(evses=[evse(uid=uid) for uid in "123"]))
    with pytest.raises(InvalidParametersError, match=r"evses\[0\]\.connectors has more than 1 elements"):
        load(schema, theirs(evses=[evse(connectors=[connector(id=id) for id in "12"])]))


def test_a_derived_class_has_the_lengths_of_its_base():
    class Site(Location):
        """A Location of the host application."""

    with pytest.raises(InvalidParametersError, match="evses has more than 1 elements"):
        load(Site(policy=Policy(list_limits=(("Location.evses", 1),))), theirs(evses=[evse(uid=uid) for uid in "12"]))


@pytest.mark.parametrize("value", [7, {"evses": 5}, {"Location.evses": 0}, {"Location.": 5}, {"a.b.c": 5}])
def test_lengths_are_checked(value):
    with pytest.raises(ConfigurationError, match="OCPI_LIST_LIMITS"):
        Network().add("limits.example", [("NL", "ABC", ["CPO"])], config={"OCPI_LIST_LIMITS": value})


@pytest.mark.parametrize("ocpi_config", [{"OCPI_LIST_LIMITS": {"Location.evses": 3, "EVSE.connectors": 2}}])
def test_the_openapi_document_says_what_is_set(ocpi, ocpi_client):
    schemas = orjson.loads(ocpi_client.app.test_client().get("/ocpi/openapi-2.2.1.json").data)["components"]["schemas"]

    assert schemas["Location"]["properties"]["evses"]["maxItems"] == 3
    assert schemas["EVSE"]["properties"]["connectors"]["maxItems"] == 2
    assert schemas["CDR"]["properties"]["charging_periods"]["maxItems"] == 10_000


@pytest.mark.parametrize("ocpi_config", [{"OCPI_LIST_LIMITS": {"Location.evses": 2, "EVSE.connectors": 2}}])
def test_parts_are_no_more_than_a_whole_object_may_have(ocpi, ocpi_client):
    ocpi_client.put(COPY, theirs(evses=[evse(uid="1", connectors=[connector(id="1"), connector(id="2")])]))

    assert ocpi_client.put(f"{COPY}/2", evse(uid="2")).http_status == 201
    check(ocpi_client.put(f"{COPY}/3", evse(uid="3")), 200, 2001)
    check(ocpi_client.put(f"{COPY}/1/3", connector(id="3")), 200, 2001)
    assert ocpi_client.put(f"{COPY}/1/2", connector(id="2")).http_status == 200
    (stored,) = ocpi.objects.documents("locations", copies=True)
    assert [len(part["connectors"]) for part in stored["evses"]] == [2, 1]


@pytest.mark.parametrize("ocpi_config", [{"OCPI_MAX_BODY_BYTES": 20_000}])
def test_an_object_does_not_grow_without_end_by_its_parts(ocpi, ocpi_client):
    ocpi_client.put(COPY, theirs())

    answers = [ocpi_client.put(f"{COPY}/{uid}", {**evse(uid=str(uid)), "x": "x" * 15_000}) for uid in range(4)]

    assert [answer.status_code for answer in answers] == [1000, 1000, 2001, 2001]
    assert "it has 40000 at most" in answers[2].message
    assert ocpi_client.patch(f"{COPY}/1", {"status": "BLOCKED", "last_updated": LATER}).status_code == 1000


@pytest.mark.parametrize("ocpi_config", [{"OCPI_MAX_BODY_BYTES": 20_000}])
def test_an_object_does_not_grow_without_end_by_properties_that_ocpi_lacks(ocpi_client):
    ocpi_client.put(COPY, theirs())

    answers = [ocpi_client.patch(COPY, {f"x{number}": "x" * 15_000, "last_updated": LATER}) for number in range(4)]

    assert [answer.status_code for answer in answers] == [1000, 1000, 2001, 2001]
    assert ocpi_client.patch(COPY, {"x0": None, "last_updated": LATER}).status_code == 1000
