"""Message routing headers: group RT of the requirements, without what only a hub does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_ocpi.errors import HubError
from flask_ocpi.errors import HubTimeoutError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import ReceiverNotConnectedError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import StatusCode
from flask_ocpi.errors import UnknownReceiverError
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/locations")
RECEIVER = ocpi_url("receiver/locations")
COPY = f"{RECEIVER}/DE/CPO/LOC1"
THEIRS = location(country_code="DE", party_id="CPO")
NAMES = ("OCPI-to-country-code", "OCPI-to-party-id", "OCPI-from-country-code", "OCPI-from-party-id")
SEVERAL = pytest.mark.parametrize(
    "ocpi_parties",
    [[("NL", "ABC", ["CPO"]), ("NL", "ONE", ["EMSP"]), ("BE", "TWO", ["EMSP"])]],
    ids=["several parties"],
)


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


def routing(to=None, sender=None):
    """Write routing headers; parties as in "NL-ABC"."""
    to_pair = (to or "-").split("-")
    from_pair = (sender or "-").split("-")
    headers = dict(zip(NAMES, (*to_pair, *from_pair), strict=True))
    return {name: value for name, value in headers.items() if value}


def routed(headers):
    return {name: headers[name] for name in NAMES if name in headers}


def stored_for(ocpi):
    """Tell which own parties have which copies."""
    keys = [key for key in ocpi.services.storage._kinds.get("locations", {}) if key.receiver]
    return sorted((str(key.receiving_party), key.id) for key in keys)


@pytest.mark.conformance("RT-01", "RT-03", "RT-05")
@pytest.mark.parametrize(
    ("method", "path", "options", "http_status"),
    [
        ("GET", SENDER, {}, 200),
        ("GET", f"{SENDER}/NOPE", {}, 404),
        ("PUT", COPY, {"json": THEIRS}, 201),
        ("PUT", COPY, {"json": {}}, 200),
        ("PUT", COPY, {"data": b"{"}, 400),
        ("GET", SENDER, {"headers": {"Authorization": None}}, 401),
    ],
    ids=["list", "missing", "put", "2001", "400", "401"],
)
def test_the_answer_swaps_to_and_from(ocpi_client, method, path, options, http_status):
    sent = {**routing("NL-ABC", "DE-CPO"), **options.get("headers", {})}

    answer = ocpi_client.open(method, path, **{**options, "headers": sent})

    assert answer.http_status == http_status
    assert routed(answer.headers) == routing("DE-CPO", "NL-ABC")


@pytest.mark.conformance("RT-03")
def test_the_answer_names_the_only_party_where_the_request_names_none(ocpi_client):
    answer = ocpi_client.get(SENDER, headers=routing(None, "DE-EMS"))

    assert routed(answer.headers) == routing("DE-EMS", "NL-ABC")


@pytest.mark.conformance("RT-02", "MID-06")
@pytest.mark.parametrize("path", ["/ocpi/versions", ocpi_url(), ocpi_url("credentials")])
@pytest.mark.parametrize(
    "headers",
    [routing("NL-ABC", "DE-EMS"), routing("FR-XXX", "FR-YYY"), dict.fromkeys(NAMES, "far too long"), {NAMES[0]: "NL"}],
    ids=["good", "foreign", "malformed", "half"],
)
def test_configuration_modules_ignore_routing_headers(ocpi_client, path, headers):
    answer = ocpi_client.get(path, headers=headers)

    assert (answer.http_status, answer.status_code) == (200, 1000)
    assert routed(answer.headers) == {}


@pytest.mark.conformance("RT-02")
def test_the_handshake_sends_no_routing_headers(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    ocpi.partners.rotate(platform)
    ocpi.partners.unregister(platform.id)

    assert len(ocpi_network.requests) > 8
    assert [routed(request.headers) for request in ocpi_network.requests if routed(request.headers)] == []


@pytest.mark.conformance("RT-04")
def test_routing_headers_may_be_left_out(ocpi, ocpi_client):
    answers = [ocpi_client.get(SENDER), ocpi_client.put(COPY, THEIRS)]

    assert [answer.status_code for answer in answers] == [1000, 1000]
    assert [routed(answer.headers) for answer in answers] == [{}, {}]
    assert stored_for(ocpi) == [("NL-ABC", "LOC1")]


@pytest.mark.conformance("RT-05", "RT-26", "RT-01")
@SEVERAL
def test_the_client_names_the_party_that_calls_and_the_one_that_is_called(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    ocpi_network.requests.clear()

    with ocpi.client(platform) as client:
        client.locations.put(location())
    with ocpi.client(platform, sender=Party.of("BE", "TWO")) as client:
        list(client.locations.list())

    assert [routed(request.headers) for request in ocpi_network.requests] == [
        routing("FR-OTH", "NL-ABC"),
        routing("FR-OTH", "BE-TWO"),
    ]


@pytest.mark.conformance("RT-26")
def test_a_push_is_sent_in_the_name_of_the_owner(ocpi_network, ocpi_other):
    ocpi = ocpi_network.add("twocpos.example", [("NL", "ABC", ["CPO"]), ("NL", "XYZ", ["CPO"])])
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    ocpi_network.requests.clear()

    with ocpi.client(platform) as client:
        for party_id in ("ABC", "XYZ"):
            client.locations.put(location(party_id=party_id))
            client.locations.patch(
                "LOC1", changes={"last_updated": "2024-06-30T12:00:00Z"}, owner=Party.of("NL", party_id)
            )

    senders = [request.headers["OCPI-from-party-id"] for request in ocpi_network.requests]
    assert senders == ["ABC", "ABC", "XYZ", "XYZ"]


@pytest.mark.conformance("RT-06", "RT-23", "PUSH-06")
def test_a_hub_names_the_end_parties(ocpi, ocpi_app):
    hub = add_partner(ocpi_app, [("DE", "HUB", ["HUB"])])

    answer = hub.put(COPY, THEIRS, headers=routing("NL-ABC", "DE-CPO"))

    assert (answer.http_status, answer.status_code) == (201, 1000)
    assert routed(answer.headers) == routing("DE-CPO", "NL-ABC")
    assert stored_for(ocpi) == [("NL-ABC", "LOC1")]


@pytest.mark.conformance("RT-19", "T-21")
@pytest.mark.parametrize("moment", ["2001-01-01T00:00:00Z", "2099-12-31T23:59:59.999Z"], ids=["past", "future"])
def test_last_updated_stays_as_it_was_sent(ocpi_client, moment):
    ocpi_client.put(COPY, {**THEIRS, "last_updated": moment})

    assert ocpi_client.get(COPY).data["last_updated"] == moment


@pytest.mark.conformance("RT-20", "RT-21", "ST-04")
@pytest.mark.parametrize(
    ("error", "code"),
    [(HubError, 4000), (UnknownReceiverError, 4001), (HubTimeoutError, 4002), (ReceiverNotConnectedError, 4003)],
    ids=["4000", "4001", "4002", "4003"],
)
def test_the_codes_of_hubs_exist_and_go_with_http_200(error, code):
    assert (error.status_code, error.http_status) == (code, 200)
    assert StatusCode(code) == code


@pytest.mark.conformance("RT-14", "ST-07")
@pytest.mark.parametrize("code", [2003, 3001, 4001, 4002, 4003, 4999])
def test_the_client_hands_on_the_code_that_a_hub_answers(ocpi_network, ocpi, ocpi_other, code):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    body = b'{"status_code":%d,"timestamp":"2026-01-01T12:00:00Z"}' % code
    ocpi_network.after_send = lambda request, response: replace(response, body=body)

    with ocpi.client(platform) as client, pytest.raises(RefusedError) as refused:
        client.locations.put(location())

    assert refused.value.status_code == code


@pytest.mark.conformance("RT-22")
@SEVERAL
def test_to_selects_the_party_whose_copy_it_is(ocpi, ocpi_client):
    ocpi_client.put(COPY, THEIRS, headers=routing("NL-ONE"))
    changed = {**THEIRS, "city": "Arnhem"}
    ocpi_client.put(COPY, changed, headers=routing("BE-TWO"))

    copies = [ocpi_client.get(COPY, headers=routing(to)).data for to in ("NL-ONE", "BE-TWO")]

    assert stored_for(ocpi) == [("BE-TWO", "LOC1"), ("NL-ONE", "LOC1")]
    assert copies == [THEIRS, changed]


@pytest.mark.conformance("RT-22", "PAG-22")
def test_to_selects_the_party_whose_objects_are_listed(ocpi_network):
    ocpi = ocpi_network.add("twocpos.example", [("NL", "ABC", ["CPO"]), ("NL", "XYZ", ["CPO"])])
    client = add_partner(ocpi_network.apps["twocpos.example"], [("DE", "EMS", ["EMSP"])])
    for party_id, id in (("ABC", "LOC1"), ("ABC", "LOC2"), ("XYZ", "LOC3")):
        ocpi.save("locations", location(party_id=party_id, id=id))

    answers = [client.get(SENDER, headers=routing(to)) for to in ("NL-ABC", "NL-XYZ", None)]

    assert [[item["id"] for item in answer.data] for answer in answers] == [
        ["LOC1", "LOC2"],
        ["LOC3"],
        ["LOC1", "LOC2", "LOC3"],
    ]
    assert [answer.headers["X-Total-Count"] for answer in answers] == ["2", "1", "3"]
    assert client.get(f"{SENDER}/LOC3", headers=routing("NL-ABC")).http_status == 404


@pytest.mark.conformance("RT-22")
@pytest.mark.parametrize("to", ["NL-XXX", "FR-ABC"])
@pytest.mark.parametrize(
    ("method", "path", "body"), [("GET", SENDER, None), ("PUT", COPY, THEIRS)], ids=["list", "put"]
)
def test_to_that_is_not_hosted_here_is_answered_2001(ocpi, ocpi_client, method, path, body, to):
    answer = ocpi_client.open(method, path, json=body, headers=routing(to, "DE-CPO"))

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert f"OCPI-to: {to}" in answer.message
    assert stored_for(ocpi) == []


@pytest.mark.conformance("RT-22")
def test_to_that_names_the_caller_counts_as_absent(ocpi, ocpi_client):
    answer = ocpi_client.put(COPY, THEIRS, headers=routing("DE-CPO", "DE-CPO"))

    assert (answer.http_status, answer.status_code) == (201, 1000)
    assert stored_for(ocpi) == [("NL-ABC", "LOC1")]


@pytest.mark.conformance("RT-22", "RT-25")
@SEVERAL
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"OCPI-to-country-code": "NL"},
        {"OCPI-to-party-id": "ONE"},
        {"OCPI-to-party-id": "", "OCPI-to-country-code": "NL"},
    ],
    ids=["absent", "country only", "party only", "empty party"],
)
def test_an_object_for_one_of_several_parties_needs_both_to_headers(ocpi, ocpi_client, headers):
    answer = ocpi_client.put(COPY, THEIRS, headers=headers)

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert "OCPI-to-country-code and OCPI-to-party-id are needed" in answer.message
    assert stored_for(ocpi) == []


@pytest.mark.conformance("RT-25")
@pytest.mark.parametrize("headers", [{"OCPI-to-country-code": "NL"}, {"OCPI-from-party-id": "EMS"}], ids=["to", "from"])
def test_half_a_pair_counts_as_none_where_none_is_needed(ocpi_client, headers):
    answer = ocpi_client.get(SENDER, headers=headers)

    assert (answer.http_status, answer.status_code) == (200, 1000)
    assert routed(answer.headers) == {}


@pytest.mark.conformance("RT-23")
@pytest.mark.parametrize("sender", ["FR-XXX", "DE-XXX", "FR-CPO"])
@pytest.mark.parametrize(
    ("method", "path", "body"), [("GET", SENDER, None), ("PUT", COPY, THEIRS)], ids=["list", "put"]
)
def test_from_that_is_not_a_party_of_the_caller_is_answered_2001(ocpi, ocpi_client, method, path, body, sender):
    answer = ocpi_client.open(method, path, json=body, headers=routing("NL-ABC", sender))

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert f"OCPI-from: {sender} is not one of your parties" in answer.message
    assert stored_for(ocpi) == []


@pytest.mark.conformance("RT-24", "TYP-01", "TYP-02")
def test_parties_in_headers_are_compared_without_regard_to_case(ocpi, ocpi_client):
    sent = routing("nl-abc", "de-Cpo")

    answer = ocpi_client.put(COPY, THEIRS, headers=sent)

    assert (answer.http_status, answer.status_code) == (201, 1000)
    assert routed(answer.headers) == routing("de-Cpo", "nl-abc")
    assert stored_for(ocpi) == [("NL-ABC", "LOC1")]


@pytest.mark.conformance("RT-01")
@pytest.mark.parametrize(
    "headers",
    [
        routing("NLD-ABC"),
        routing("NL-ABCD"),
        routing("N-ABC"),
        routing("NL-A"),
        routing("NL-A\u00e9B"),
        routing(None, "D-C"),
    ],
    ids=["country long", "party long", "country short", "party short", "not ASCII", "from"],
)
def test_parties_of_a_wrong_form_are_answered_2001(ocpi_client, headers):
    answer = ocpi_client.get(SENDER, headers=headers)

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert "must have" in answer.message


@pytest.mark.conformance("RT-27")
def test_a_call_in_answer_to_another_turns_the_parties_round(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    ocpi_network.requests.clear()

    with ocpi.client(platform, sender=Party.of("NL", "ABC"), to=Party.of("FR", "OTH")) as client:
        list(client.locations.list())

    request = ocpi_network.requests[-1]
    assert routed(request.headers) == routing("FR-OTH", "NL-ABC")
    assert {"Authorization", "X-Request-ID", "X-Correlation-ID"} < set(request.headers)


@pytest.mark.conformance("RT-26")
def test_the_client_asks_for_the_party_where_it_cannot_know(ocpi_network, ocpi_other):
    ocpi = ocpi_network.add("twocpos.example", [("NL", "ABC", ["CPO"]), ("NL", "XYZ", ["CPO"])])
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)

    with ocpi.client(platform) as client, pytest.raises(InvalidParametersError, match="name one with owner="):
        client.locations.get_copy("LOC1")
