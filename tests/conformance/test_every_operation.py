"""What holds for each operation of every module, whatever it is about."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import Url
from flask_ocpi.core.schema import Object
from flask_ocpi.testing.strategies import mutations
from tests.conformance.operations import EXAMPLES
from tests.conformance.operations import HANDSHAKE
from tests.conformance.operations import LATER
from tests.conformance.operations import as_new
from tests.conformance.operations import every
from tests.conformance.operations import everything_anew
from tests.conformance.sharing import check
from tests.selecting import examples

WORKING = [example for example in EXAMPLES if example not in HANDSHAKE]
FUNCTIONAL = [example for example in EXAMPLES if not example.module.configuration]
CONFIGURATION = [example for example in WORKING if example.module.configuration]
WITH_BODY = [example for example in EXAMPLES if example.body is not None]
WHOLE = [example for example in WITH_BODY if not example.operation.partial]
PATCHES = [example for example in WITH_BODY if example.operation.partial]
WITH_QUERY = [example for example in EXAMPLES if example.operation.query is not None]
WITH_PATH = [example for example in EXAMPLES if example.operation.parameters]
CREATING = [example for example in EXAMPLES if example.operation.created]
LOOKS = [example for example in WORKING if example.method == "GET" and example.operation.result is None]
ASKING = [example for example in WORKING if example.operation.result is not None]
MEGABYTE = 1024 * 1024
IDS = {"X-Request-ID": "r-1", "X-Correlation-ID": "c-1"}
ROUTING = {
    "OCPI-to-country-code": "NL",
    "OCPI-to-party-id": "ABC",
    "OCPI-from-country-code": "DE",
    "OCPI-from-party-id": "EMS",
}
EXCHANGED = {
    "OCPI-to-country-code": "DE",
    "OCPI-to-party-id": "EMS",
    "OCPI-from-country-code": "NL",
    "OCPI-from-party-id": "ABC",
}
WRONG = {
    Boolean: "true",
    Integer: "1",
    Number: "1.5",
    DateTime: "2024-05-31",
    Enum: "NO_SUCH_VALUE",
    String: 5,
    Url: "example.com",
    ListOf: {},
    Object: [],
}
# Generating a large document takes time, which says nothing about us.
generated = settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def every_field(examples, *, required=(True, False)):
    """Parametrise a test with each property of each body."""
    pairs = [
        (example, name)
        for example in examples
        for name, field in example.operation.body().load_fields.items()
        if field.required in required
    ]
    return pytest.mark.parametrize(("example", "name"), pairs, ids=[f"{example.id}-{name}" for example, name in pairs])


def wrong_value(field):
    return next(value for kind, value in WRONG.items() if isinstance(field, kind))


def routed(headers):
    return {name: headers[name] for name in ROUTING if name in headers}


# What is right


@pytest.mark.conformance("T-22", "T-23", "T-24", "T-25", "ST-01", "SES-03", "CHP-15")
@every(WORKING)
def test_answers_have_data_where_ocpi_defines_some(everything, example):
    answer = everything.send(example)

    operation = example.operation
    assert (answer.http_status, answer.status_code) == (200, 1000), answer.message
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.envelope) - {"data"} == {"status_code", "status_message", "timestamp"}
    assert ("data" in answer.envelope) == (operation.returns is not None)
    if operation.returns is not None:
        expected = list if operation.returns_list else str if operation.name == "put_charging_preferences" else dict
        assert type(answer.data) is expected


@pytest.mark.conformance("T-11", "T-12", "LOC-07", "SES-11", "CDR-03", "TAR-02", "TOK-05", "HCI-04")
def test_objects_are_created_by_these_operations_only():
    assert [example.id for example in EXAMPLES if example.operation.created] == [
        "locations receiver put_location",
        "locations receiver put_evse",
        "locations receiver put_connector",
        "sessions receiver put_session",
        "cdrs receiver post_cdr",
        "tariffs receiver put_tariff",
        "tokens receiver put_token",
        "hubclientinfo receiver put_client_info",
    ]


@pytest.mark.conformance("T-11", "T-12", "LOC-07", "SES-11", "CDR-03", "TAR-02", "TOK-05", "HCI-04")
@every(CREATING)
def test_what_is_new_is_answered_201_and_what_is_known_200(everything, example):
    path, body = as_new(example)

    answers = [everything.client(example).open(example.method, path, json=body) for _ in range(2)]

    assert [(answer.http_status, answer.status_code) for answer in answers] == [(201, 1000), (200, 1000)]


@pytest.mark.conformance("T-40")
@every(WORKING)
def test_a_trailing_slash_is_no_other_address(everything, example):
    answer = everything.client(example).open(
        example.method, f"{example.path}/", json=example.body, query_string=dict(example.query)
    )

    assert (answer.http_status, answer.status_code) == (200, 1000)


@pytest.mark.conformance("T-28")
@every([example for example in WITH_BODY if example in WORKING])
def test_properties_that_ocpi_does_not_define_are_accepted(everything, example):
    answer = everything.send(example, json={**example.body, "x_future": [1, None, {"a": "b"}]})

    if example.operation.name == "post_cdr":  # a CDR never changes
        answer = everything.send(example, json={**example.body, "id": "CDR2", "x_future": [1, None, {"a": "b"}]})
    assert answer.status_code == 1000


@pytest.mark.conformance("T-30")
@every([example for example in WHOLE if example in WORKING])
def test_null_is_the_same_as_absent(everything, example):
    fields = example.operation.body().load_fields
    absent = {name: None for name, field in fields.items() if not field.required and name not in example.body}

    answer = everything.send(example, json={**example.body, **absent})

    assert answer.status_code == 1000


# Who asks, and for whom


@pytest.mark.conformance("A-01", "A-06", "A-11", "A-13", "T-26")
@every(EXAMPLES)
def test_no_token_no_answer(everything, example):
    before = everything.stored()

    answer = everything.send(example, headers={"Authorization": None})

    check(answer, 401, 2000)
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert everything.stored() == before


@pytest.mark.conformance("A-07")
@every([example for example in EXAMPLES if example.module.id not in ("versions", "credentials")])
def test_a_registration_token_does_not_open_what_comes_after(everything, example):
    before = everything.stored()

    answer = everything.send(example, client=everything.newcomer)

    check(answer, 401, 2000)
    assert everything.stored() == before


@pytest.mark.conformance("MID-01", "MID-02", "MID-03", "MID-06")
@every(EXAMPLES)
@pytest.mark.parametrize("token", [True, False], ids=["answered", "401"])
def test_message_ids_come_back(everything, example, token):
    headers = IDS if token else {**IDS, "Authorization": None}

    answer = everything.send(example, headers=headers)

    assert {name: answer.headers[name] for name in IDS} == IDS


@pytest.mark.conformance("RT-01", "RT-03", "RT-22", "RT-23")
@every(FUNCTIONAL)
def test_routing_headers_come_back_exchanged(everything, example):
    answer = everything.send(example, headers=ROUTING)

    assert answer.status_code == 1000
    assert routed(answer.headers) == EXCHANGED


@pytest.mark.conformance("RT-02", "MID-06", "HCI-01", "VER-10")
@every(CONFIGURATION)
@pytest.mark.parametrize("headers", [ROUTING, dict.fromkeys(ROUTING, "far too long")], ids=["good", "bad"])
def test_configuration_modules_know_no_routing_headers(everything, example, headers):
    answer = everything.send(example, headers=headers)

    assert answer.status_code == 1000
    assert routed(answer.headers) == {}


@pytest.mark.conformance("RT-22", "RT-23")
@every(FUNCTIONAL)
@pytest.mark.parametrize("side", ["to", "from"])
def test_parties_in_headers_that_are_nobody_here_are_answered_2001(everything, example, side):
    headers = {f"OCPI-{side}-country-code": "FR", f"OCPI-{side}-party-id": "XXX"}
    before = everything.stored()

    answer = everything.send(example, headers=headers)

    check(answer, 200, 2001)
    assert "FR-XXX" in answer.message
    assert everything.stored() == before


# What is wrong


@pytest.mark.conformance("T-04", "TYP-13", "TYP-25")
@every(WITH_BODY)
@pytest.mark.parametrize("body", [b"", b"{", b"{}{}", b'{"a":NaN}', b"\xef\xbb\xbf{}", b'{"a":"\xff"}'])
def test_what_is_not_json_is_answered_400(everything, example, body):
    before = everything.stored()

    answer = everything.send(example, data=body)

    if body or example.operation.body_required:
        check(answer, 400, 2001)
    else:
        assert answer.status_code == 1000
    assert everything.stored() == before


@pytest.mark.conformance("T-07")
@every(WITH_BODY)
@pytest.mark.parametrize("body", [b"[]", b"[{}]", b"1", b'"x"', b"true", b"null"])
def test_json_that_is_no_object_is_answered_2001(everything, example, body):
    before = everything.stored()

    answer = everything.send(example, data=body)

    check(answer, 200, 2001)
    assert answer.message == "Invalid body: The body must be a JSON object."
    assert everything.stored() == before


@pytest.mark.conformance("T-02", "T-26")
@every(WITH_BODY)
@pytest.mark.parametrize(
    ("options", "http_status"),
    [({"headers": {"Content-Type": "text/plain"}}, 415), ({"data": b" " * 5 * MEGABYTE}, 413)],
    ids=["text", "too large"],
)
def test_bodies_that_are_not_read(everything, example, options, http_status):
    before = everything.stored()

    answer = everything.send(example, **options)

    check(answer, http_status, 2001)
    assert everything.stored() == before


@pytest.mark.conformance("T-05", "T-06", "T-14")
@every_field(WHOLE, required=(True,))
def test_required_properties_are_named(everything, example, name):
    before = everything.stored()
    rest = {key: value for key, value in example.body.items() if key != name}

    for body, flaw in ((rest, "is required"), ({**rest, name: None}, "must not be null")):
        answer = everything.send(example, json=body)

        check(answer, 200, 2001)
        assert answer.message == f"Invalid body: {name} {flaw}."
    assert everything.stored() == before


@pytest.mark.conformance("T-05", "T-06", "TYP-08", "TYP-11", "TYP-14", "TYP-15", "TYP-16", "TYP-17")
@every_field(WITH_BODY)
def test_wrong_values_are_named(everything, example, name):
    before = everything.stored()

    answer = everything.send(
        example, json={**example.body, name: wrong_value(example.operation.body().load_fields[name])}
    )

    check(answer, 200, 2001)
    assert answer.message.startswith(f"Invalid body: {name} ")
    assert everything.stored() == before


@pytest.mark.conformance("T-05", "T-06", "TYP-04")
@every(WHOLE)
@generated
@given(data=st.data())
def test_what_is_wrong_anywhere_in_a_body_is_named_by_its_path(example, data):
    everything = everything_anew()
    before = everything.stored()
    body, path = data.draw(mutations(example.operation.body).filter(lambda mutation: is_json(mutation[0])))

    answer = everything.send(example, json=body)

    check(answer, 200, 2001)
    assert answer.message.startswith(f"Invalid body: {path} ")
    assert everything.stored() == before


def is_json(value):
    """Tell whether JSON can say it: infinity and what is no number cannot be sent."""
    if isinstance(value, float):
        return value == value and abs(value) != float("inf")
    if isinstance(value, dict):
        return all(map(is_json, value.values()))
    return all(map(is_json, value)) if isinstance(value, list) else True


@pytest.mark.conformance("T-16", "SES-14", "TOK-06")
@every(PATCHES)
@pytest.mark.parametrize("body", [{}, {"last_updated": None}, {"x_future": 1}], ids=["empty", "null", "other"])
def test_a_patch_without_last_updated_is_answered_2001(everything, example, body):
    before = everything.stored()

    answer = everything.send(example, json=body)

    check(answer, 200, 2001)
    assert answer.message.startswith("Invalid body: last_updated ")
    assert everything.stored() == before


@pytest.mark.conformance("T-18", "T-19", "T-20")
@every_field(PATCHES, required=(True,))
def test_a_patch_clears_no_required_property(everything, example, name):
    before = everything.stored()

    answer = everything.send(example, json={"last_updated": LATER, name: None})

    check(answer, 200, 2001)
    assert name in answer.message
    assert everything.stored() == before


@pytest.mark.conformance("T-18")
@every_field(PATCHES, required=(False,))
def test_a_patch_clears_any_other_property(everything, example, name):
    answer = everything.send(example, json={"last_updated": LATER, name: None})

    assert (answer.http_status, answer.status_code) == (200, 1000)


@pytest.mark.conformance("PAG-16", "CHP-01", "CHP-03", "TOK-01")
@every(WITH_QUERY)
def test_wrong_queries_are_named(everything, example):
    fields = example.operation.query().load_fields
    before = everything.stored()

    for name in set(fields) - {"cursor"}:
        answer = everything.send(example, query_string={**example.query, name: "x y"})

        check(answer, 200, 2001)
        assert answer.message.startswith(f"Invalid query parameter: {name} ")
    assert everything.stored() == before


@pytest.mark.conformance("CHP-01", "CHP-03")
@every([example for example in WITH_QUERY if example.query])
def test_required_query_parameters_are_named(everything, example):
    before = everything.stored()

    for name in example.query:
        rest = {key: value for key, value in example.query.items() if key != name}
        answer = everything.send(example, query_string=rest)

        check(answer, 200, 2001)
        assert answer.message == f"Invalid query parameter: {name} is required."
    assert everything.stored() == before


@pytest.mark.conformance("T-42", "TYP-01", "TYP-04")
@every(WITH_PATH)
@pytest.mark.parametrize("segment", ["x" * 65, "%C3%96", "a%0Ab"], ids=["long", "not ASCII", "line feed"])
def test_identifiers_in_the_url_are_checked(everything, example, segment):
    before = everything.stored()

    for parameter in example.operation.parameters:
        path = example.path_with({parameter.name: segment})
        answer = everything.client(example).open(
            example.method, path, json=example.body, query_string=dict(example.query)
        )

        check(answer, 200, 2001)
        assert f"{parameter.name} in the URL" in answer.message
    assert everything.stored() == before


# HEAD


@pytest.mark.conformance("T-13")
@every(LOOKS)
def test_head_is_a_get_without_body(everything, example):
    get = everything.send(example)
    before = everything.stored()

    head = everything.client(example).open("HEAD", example.path, query_string=dict(example.query))

    assert (head.http_status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(get.body))
    assert everything.stored() == before


@pytest.mark.conformance("T-13", "CHP-01")
@every(ASKING)
def test_head_asks_no_charge_point(everything, example):
    before = everything.stored()

    head = everything.client(example).open("HEAD", example.path, query_string=dict(example.query))

    assert (head.http_status, head.body) == (405, b"")
    assert example.method in head.headers["Allow"].split(", ")
    assert "HEAD" not in head.headers["Allow"]
    assert everything.stored() == before
