"""HTTP, JSON, methods and objects: group T of the requirements."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from flask_ocpi.client.transport import AddressPolicy
from flask_ocpi.client.transport import HTTPTransport
from flask_ocpi.client.transport import Request
from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import BlockedAddressError
from flask_ocpi.errors import NotEnoughInformationError
from flask_ocpi.errors import RefusedError
from flask_ocpi.exchange.context import Result
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.versions import V2_2_1
from tests.conformance.operations import EXAMPLES
from tests.conformance.operations import every
from tests.conformance.sharing import COPY
from tests.conformance.sharing import LATER
from tests.conformance.sharing import RECEIVER
from tests.conformance.sharing import SENDER
from tests.conformance.sharing import VERSION_LIST
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import copies
from tests.conformance.sharing import shared_network
from tests.conformance.sharing import theirs
from tests.urls import ocpi_url

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


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


FAILING = Module(
    id="failing",
    description="An operation that fails in one way or another.",
    interfaces=(
        Interface(
            InterfaceRole.SENDER,
            (
                Operation(
                    name="fail",
                    method="GET",
                    path="/{how}",
                    summary="Fail",
                    handler=lambda ctx, target, body: fail(target.path["how"]),
                    parameters=(PathParameter("how", 36),),
                ),
            ),
        ),
    ),
)


WITH_FAILING = (V2_2_1.with_module(FAILING),)


def fail(how: str) -> Result:
    if how == "crash":
        raise RuntimeError("password hunter2")
    raise NotEnoughInformationError("Say more.")


@pytest.fixture
def failing(ocpi_network: Any) -> Any:
    """A partner's client of a platform that serves one more module."""
    permissions = {"CPO": {"failing": ["SENDER"]}, "EMSP": {"failing": ["RECEIVER"]}}
    ocpi_network.add(
        "failing.example",
        [("NL", "ABC", ["CPO"])],
        config={"OCPI_ROLE_PERMISSIONS": permissions, "PROPAGATE_EXCEPTIONS": False},
        versions=WITH_FAILING,
    )
    return add_partner(ocpi_network.apps["failing.example"], [("DE", "EMS", ["EMSP"])])


@pytest.mark.conformance("T-01")
@pytest.mark.parametrize("url", ["http://partner.example/ocpi", "ftp://partner.example/ocpi"], ids=["http", "ftp"])
def test_platforms_are_called_over_https_only(url):
    transport = HTTPTransport(policy=AddressPolicy())

    with pytest.raises(BlockedAddressError, match="https"):
        transport.send(Request("GET", url))

    transport.close()


@pytest.mark.conformance("T-01")
def test_urls_of_the_platform_are_those_of_the_configured_https_address(ocpi_client):
    answer = ocpi_client.get("/ocpi/versions")

    assert answer.data == VERSION_LIST


@pytest.mark.conformance("T-02")
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8", "application/json ; a=b"],
)
def test_json_is_accepted_with_parameters(ocpi_client, content_type):
    answer = ocpi_client.put(COPY, theirs(), headers={"Content-Type": content_type})

    assert (answer.http_status, answer.status_code) == (201, 1000)


@pytest.mark.conformance("T-02")
def test_the_client_sends_json(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    with ocpi.client(platform) as client:
        client.locations.put(location())

    sent = ocpi_network.requests[-1]
    assert (sent.method, sent.headers["Content-Type"]) == ("PUT", "application/json")
    assert orjson.loads(sent.body)["id"] == "LOC1"


@pytest.mark.conformance("T-03")
@pytest.mark.parametrize("content_type", [None, "", "text/plain"], ids=["absent", "empty", "text"])
@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [("GET", SENDER, 200), ("GET", COPY, 404), ("DELETE", ocpi_url("credentials"), 200)],
    ids=["list", "missing object", "unregister"],
)
def test_requests_without_body_need_no_content_type(ocpi_client, method, path, expected, content_type):
    answer = ocpi_client.open(method, path, headers={"Content-Type": content_type})

    assert answer.http_status == expected


@pytest.mark.conformance("T-03")
@pytest.mark.parametrize("content_type", [None, "", "application/json"], ids=["absent", "empty", "json"])
@every([example for example in EXAMPLES if example.body is not None and not example.operation.body_required])
def test_an_optional_body_may_be_left_out(everything, example, content_type):
    answer = everything.send(example, data=b"", headers={"Content-Type": content_type})

    assert example.operation.name == "authorize"
    assert (answer.http_status, answer.status_code) == (200, 1000)


@pytest.mark.conformance("T-04")
@pytest.mark.parametrize("body", [b"{", b"", b"not json", b'{"a":1}}'], ids=["open", "empty", "words", "trailing"])
def test_a_body_that_is_no_json_is_answered_400_in_the_envelope(ocpi, ocpi_client, body):
    answer = ocpi_client.put(COPY, data=body)

    assert (answer.http_status, answer.status_code) == (400, 2001)
    assert answer.data is None
    assert copies(ocpi) == []


@pytest.mark.conformance("T-05", "T-06")
@pytest.mark.parametrize("known", [True, False], ids=["known object", "new object"])
def test_json_that_breaks_the_schema_is_answered_200_with_2001(ocpi, ocpi_client, known):
    if known:
        ocpi_client.put(COPY, theirs())
    before = copies(ocpi)

    answer = ocpi_client.put(COPY, theirs(city=None, evses=[evse(status="BROKEN")], last_updated=LATER))

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert "city must not be null" in answer.message
    assert "evses[0].status" in answer.message
    assert copies(ocpi) == before


@pytest.mark.conformance("T-07")
@pytest.mark.parametrize("body", [b"[]", b"[{}]", b'"LOC1"', b"1", b"true", b"null"])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_json_of_the_wrong_shape_is_answered_200_with_2001(ocpi, ocpi_client, stored, method, body):
    answer = ocpi_client.open(method, COPY, data=body)

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert answer.message == "Invalid body: The body must be a JSON object."
    assert copies(ocpi) == [stored]


@pytest.mark.conformance("T-08", "T-09", "T-10")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"{SENDER}/NOPE", None),
        ("GET", f"{SENDER}/NOPE/1/1", None),
        ("GET", f"{RECEIVER}/DE/CPO/NOPE", None),
        ("GET", f"{COPY}/NOPE", None),
        ("GET", f"{COPY}/EVSE1/NOPE", None),
        ("PATCH", f"{RECEIVER}/DE/CPO/NOPE", {"last_updated": LATER}),
        ("PATCH", f"{COPY}/NOPE", {"last_updated": LATER}),
        ("PATCH", f"{COPY}/EVSE1/NOPE", {"last_updated": LATER}),
        ("PUT", f"{RECEIVER}/DE/CPO/NOPE/EVSE1", evse()),
        ("PUT", f"{COPY}/NOPE/1", connector()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_exist_is_answered_404_with_2003(ocpi, ocpi_client, stored, method, path, body):
    answer = ocpi_client.open(method, path, json=body)

    assert (answer.http_status, answer.status_code) == (404, 2003)
    assert answer.headers["Content-Type"] == "application/json"
    assert copies(ocpi) == [stored]


@pytest.mark.conformance("T-10")
def test_unknown_paths_are_answered_404_with_2001(ocpi_client):
    answer = ocpi_client.get(ocpi_url("nothing"))

    assert (answer.http_status, answer.status_code) == (404, 2001)


@pytest.mark.conformance("T-11")
def test_put_answers_201_for_a_new_object_and_200_for_a_replaced_one(ocpi_client):
    levels = [(COPY, theirs()), (f"{COPY}/EVSE1", evse()), (f"{COPY}/EVSE1/2", connector(id="2"))]

    statuses = [[ocpi_client.put(path, body).http_status for _ in range(2)] for path, body in levels]

    assert statuses == [[201, 200], [201, 200], [201, 200]]


@pytest.mark.conformance("T-12")
def test_calls_that_create_nothing_answer_200(ocpi_client, stored):
    answers = [ocpi_client.patch(COPY, {"last_updated": LATER}), ocpi_client.delete(ocpi_url("credentials"))]

    assert [answer.http_status for answer in answers] == [200, 200]


def _paths() -> dict[str, set[str]]:
    """Return the methods of every URL in the description, with examples for the variables."""
    found: dict[str, set[str]] = {}
    for module, interface, operation in V2_2_1.operations():
        below = f"/{V2_2_1.number}{module.path_of(interface)}" if not operation.rooted else ""
        path = operation.path.format(**{p.name: p.example for p in operation.parameters})
        found.setdefault(f"/ocpi{below}{path}", set()).add(operation.method)
    return found


@pytest.mark.conformance("T-13", "PUSH-02", "PUSH-10", "SES-20", "CDR-07", "TAR-03", "TOK-07", "HCI-08", "CHP-23")
@pytest.mark.parametrize("slash", ["", "/"], ids=["bare", "slash"])
@pytest.mark.parametrize(("path", "offered"), _paths().items(), ids=_paths())
def test_methods_that_are_not_offered_are_answered_405_with_allow(everything, path, offered, slash):
    for method in {*METHODS, "OPTIONS", "TRACE"} - offered:
        answer = everything.partner.open(method, path + slash, json={} if method in ("POST", "PUT", "PATCH") else None)

        assert (answer.http_status, answer.status_code) == (405, 2000)
        assert set(answer.headers["Allow"].split(", ")) == offered


@pytest.mark.conformance("T-22", "TYP-09", "TYP-10")
def test_the_envelope_has_its_fields_and_types(ocpi_client):
    answer = ocpi_client.get(SENDER)

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.envelope == {
        "data": [],
        "status_code": 1000,
        "status_message": "Success",
        "timestamp": "2026-01-01T12:00:00.000Z",
    }


@pytest.mark.conformance("T-23")
def test_lists_are_arrays_and_single_objects_are_objects(ocpi, ocpi_client):
    empty = ocpi_client.get(SENDER).data
    ocpi.save("locations", location(evses=[evse()]))

    assert empty == []
    assert ocpi_client.get(SENDER).data == [location(evses=[evse()])]
    assert ocpi_client.get(f"{SENDER}/LOC1").data == location(evses=[evse()])
    assert ocpi_client.get(f"{SENDER}/LOC1/EVSE1").data == evse()
    assert ocpi_client.get(f"{SENDER}/LOC1/EVSE1/1").data == connector()


@pytest.mark.conformance("T-24")
def test_data_is_left_out_where_nothing_is_defined(ocpi_client):
    answers = [
        ocpi_client.put(COPY, theirs()),
        ocpi_client.patch(COPY, {"last_updated": LATER}),
        ocpi_client.delete(ocpi_url("credentials")),
    ]

    assert [(answer.status_code, "data" in answer.envelope) for answer in answers] == [(1000, False)] * 3


@pytest.mark.conformance("T-24")
@pytest.mark.parametrize("data", [b"", b'"data":null,', b'"data":[],', b'"data":{"a":1},'])
def test_the_client_does_not_care_for_data_where_nothing_is_defined(ocpi_network, ocpi, ocpi_other, data):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    body = b"{" + data + b'"status_code":1000,"timestamp":"2026-01-01T12:00:00Z"}'
    ocpi_network.after_send = lambda request, response: replace(response, body=body)

    with ocpi.client(platform) as client:
        assert client.locations.put(location()).status_code == 1000


@pytest.mark.conformance("T-26")
@pytest.mark.parametrize(
    ("method", "path", "options", "http_status"),
    [
        ("PUT", COPY, {"data": b"{"}, 400),
        ("GET", SENDER, {"headers": {"Authorization": None}}, 401),
        ("GET", ocpi_url("receiver/nothing"), {}, 404),
        ("GET", "/ocpi", {}, 404),
        ("POST", SENDER, {"json": {}}, 405),
        ("PUT", COPY, {"data": b"x" * 5_000_000}, 413),
        ("PUT", COPY, {"data": b"<a/>", "headers": {"Content-Type": "application/xml"}}, 415),
    ],
    ids=["400", "401", "404", "root", "405", "413", "415"],
)
def test_http_errors_are_json_envelopes(ocpi_client, method, path, options, http_status):
    answer = ocpi_client.open(method, path, **options)

    assert answer.http_status == http_status
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.envelope) == {"status_code", "status_message", "timestamp"}
    assert 2000 <= answer.status_code < 3000


@pytest.mark.conformance("T-27")
def test_the_client_hands_on_the_data_of_a_refusal(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    body = b'{"data":{"hint":"x"},"status_code":2002,"timestamp":"2026-01-01T12:00:00Z"}'
    ocpi_network.after_send = lambda request, response: replace(response, body=body)

    with ocpi.client(platform) as client, pytest.raises(RefusedError) as refused:
        client.locations.get("LOC1")

    assert (refused.value.status_code, refused.value.data) == (2002, {"hint": "x"})


@pytest.mark.conformance("T-33")
@pytest.mark.parametrize("code", [2000, 3000])
def test_a_failed_push_is_sent_once(ocpi_network, ocpi, ocpi_other, code):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    body = b'{"status_code":%d,"timestamp":"2026-01-01T12:00:00Z"}' % code
    ocpi_network.after_send = lambda request, response: replace(response, body=body)
    ocpi_network.requests.clear()

    with ocpi.client(platform) as client, pytest.raises(RefusedError):
        client.locations.put(location())

    assert len(ocpi_network.requests) == 1


@pytest.mark.conformance("T-34", "PAG-01", "LOC-01", "SES-01", "CDR-01", "TAR-01", "TOK-08", "HCI-03")
@pytest.mark.parametrize(
    ("role", "partner", "modules"),
    [
        ("CPO", "EMSP", ["locations", "sessions", "cdrs", "tariffs"]),
        ("EMSP", "CPO", ["tokens"]),
        ("HUB", "CPO", ["hubclientinfo"]),
    ],
)
def test_owners_serve_the_list_of_what_they_own(ocpi_network, role, partner, modules):
    ocpi_network.add("owner.example", [("NL", "ABC", [role])])
    client = add_partner(ocpi_network.apps["owner.example"], [("DE", "PEE", [partner])])

    endpoints = {(e["identifier"], e["role"]): e["url"] for e in client.get(ocpi_url()).data["endpoints"]}

    for module in modules:
        answer = client.get(endpoints[module, "SENDER"].removeprefix("https://owner.example"))
        assert (answer.http_status, answer.data, answer.headers["X-Total-Count"]) == (200, [], "0")


@pytest.mark.conformance("T-35")
def test_pulling_can_ask_for_what_changed_since_the_last_time(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi_other, ocpi)
    ocpi.save("locations", location(id="OLD", last_updated="2024-01-01T00:00:00Z"))
    ocpi.save("locations", location(id="NEW", last_updated="2024-03-01T00:00:00Z"))
    ocpi_network.requests.clear()

    pulled = ocpi_other.pull("locations", platform, date_from="2024-02-01T00:00:00Z")

    assert (pulled.created, pulled.total) == (1, 1)
    assert [r.url for r in ocpi_network.requests] == [
        "https://platform.example/ocpi/2.2.1/sender/locations?date_from=2024-02-01T00:00:00Z"
    ]


@pytest.mark.conformance("T-36", "PAG-22")
def test_a_platform_sees_only_what_it_may_see(ocpi, ocpi_app, ocpi_client):
    other = add_partner(ocpi_app, [("FR", "EMS", ["EMSP"])], name="Other")
    ocpi.save("locations", location(id="ALL"))
    ocpi.save("locations", location(id="MINE"), audience=ocpi_client.platform.parties[:1])

    seen = [(c.get(SENDER).headers["X-Total-Count"], c.get(f"{SENDER}/MINE").http_status) for c in (ocpi_client, other)]

    assert seen == [("2", 200), ("1", 404)]


@pytest.mark.conformance("T-39", "T-40")
@pytest.mark.parametrize("slash", ["", "/"], ids=["bare", "slash"])
def test_the_client_goes_by_the_discovered_endpoint(ocpi_network, ocpi, ocpi_other, slash):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    moved = f"https://other.example/elsewhere/loc{slash}"
    endpoints = ({"identifier": "locations", "role": "RECEIVER", "url": moved},)
    ocpi_network.after_send = lambda request, response: replace(
        response, status=200, body=b'{"status_code":1000,"timestamp":"2026-01-01T12:00:00Z"}'
    )

    with ocpi.client(replace(platform, endpoints=endpoints)) as client:
        client.locations.put(location())

    assert ocpi_network.requests[-1].url == "https://other.example/elsewhere/loc/NL/ABC/LOC1"


@pytest.mark.conformance("T-39")
def test_the_version_is_part_of_every_endpoint(ocpi_client):
    endpoints = ocpi_client.get(ocpi_url()).data["endpoints"]

    assert endpoints
    assert all(e["url"].startswith("https://platform.example/ocpi/2.2.1/") for e in endpoints)


@pytest.mark.conformance("T-40")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/ocpi/versions", None),
        ("GET", ocpi_url(), None),
        ("GET", ocpi_url("credentials"), None),
        ("GET", SENDER, None),
        ("GET", f"{SENDER}/LOC1", None),
        ("GET", f"{SENDER}/LOC1/EVSE1/1", None),
        ("PUT", f"{RECEIVER}/DE/CPO/LOC2", theirs(id="LOC2")),
        ("PATCH", COPY, {"last_updated": LATER}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_trailing_slash_makes_no_difference(ocpi, ocpi_client, stored, method, path, body):
    ocpi.save("locations", location(evses=[evse()]))

    answers = [ocpi_client.open(method, path + slash, json=body) for slash in ("/", "")]

    assert [answer.status_code for answer in answers] == [1000, 1000]
    assert answers[0].http_status in (200, 201)
    assert answers[0].data == answers[1].data


@pytest.mark.conformance("T-41")
def test_sender_and_receiver_have_urls_of_their_own(ocpi_client):
    endpoints = ocpi_client.get(ocpi_url()).data["endpoints"]

    urls = [e["url"] for e in endpoints if e["identifier"] == "locations"]
    assert sorted(urls) == [f"https://platform.example{RECEIVER}", f"https://platform.example{SENDER}"]


@pytest.mark.conformance("T-42", "TYP-01")
@pytest.mark.parametrize(
    ("id", "segment"),
    [
        ("A/B", "A%2FB"),
        ("/", "%2f"),
        ("A//B", "A%2F%2FB"),
        ("*56#7", "*56%237"),
        ("a?b", "a%3Fb"),
        ("a b", "a%20b"),
        ("100%", "100%25"),
        ("a%2Fb", "a%252Fb"),
        ("..", "%2E%2E"),
        ("a+b", "a+b"),
        ("a;b=c", "a;b=c"),
    ],
)
def test_identifiers_are_percent_decoded(ocpi, ocpi_client, id, segment):
    put = ocpi_client.put(f"{RECEIVER}/DE/CPO/{segment}", theirs(id=id, evses=[evse(uid=id)]))
    ocpi.save("locations", location(id=id, evses=[evse(uid=id, connectors=[connector(id=id)])]))

    assert (put.http_status, put.status_code) == (201, 1000)
    assert ocpi_client.get(f"{RECEIVER}/DE/CPO/{segment}/{segment}").data == evse(uid=id)
    assert ocpi_client.get(f"{SENDER}/{segment}").data["id"] == id
    assert ocpi_client.get(f"{SENDER}/{segment}/{segment}/{segment}/").data == connector(id=id)


@pytest.mark.conformance("T-42")
@pytest.mark.parametrize("id", ["A/B", "*56#7", "a?b", "a b", "100%", "a%2Fb", "a+b"])
def test_the_client_encodes_identifiers(ocpi_network, ocpi, ocpi_other, id):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)

    with ocpi.client(platform) as client:
        client.locations.put(location(id=id))

        assert client.locations.get_copy(id) == location(id=id)


@pytest.mark.conformance("T-43")
def test_objects_live_under_their_version_only(ocpi, ocpi_client):
    ocpi.save("locations", location())

    answer = ocpi_client.get(f"{SENDER}/LOC1".replace("2.2.1", "2.2"))

    assert (answer.http_status, answer.status_code) == (404, 2001)


@pytest.mark.conformance("T-44", "T-05")
def test_a_crash_is_answered_500_with_3000_and_tells_nothing(failing, caplog):
    answer = failing.get(ocpi_url("sender/failing/crash"), headers={"X-Request-ID": "R1"})

    assert (answer.http_status, answer.status_code) == (500, 3000)
    assert b"hunter2" not in answer.body
    assert answer.headers["X-Request-ID"] == "R1"
    assert "hunter2" in caplog.text


@pytest.mark.conformance("T-05")
def test_a_refusal_is_answered_200_with_its_code(failing):
    answer = failing.get(ocpi_url("sender/failing/more"))

    assert (answer.http_status, answer.status_code, answer.message) == (200, 2002, "Say more.")
