"""The chargingprofiles module over HTTP: setting, reading and clearing profiles, and hearing of changes (group CHP)."""

from __future__ import annotations

from urllib.parse import parse_qsl
from urllib.parse import quote
from urllib.parse import urlsplit

import orjson
import pytest

from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.errors import StatusCode
from flask_ocpi.errors import abort
from flask_ocpi.exchange.pending import CallState
from flask_ocpi.modules.enums import ChargingProfileResponseType
from flask_ocpi.modules.enums import ChargingProfileResultType
from flask_ocpi.signals import active_charging_profile_received
from flask_ocpi.signals import result_received
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import set_charging_profile
from flask_ocpi.testing.network import PartnerClient
from tests.conformance.asking import RESPONSE_URL
from tests.conformance.asking import Asker
from tests.conformance.asking import at_once
from tests.conformance.asking import heard
from tests.conformance.asking import operator
from tests.conformance.asking import provider
from tests.conformance.sharing import check
from tests.conformance.sharing import shared_network
from tests.conftest import EVERY_STORAGE
from tests.peers import answer
from tests.urls import ocpi_url

RECEIVER = ocpi_url("receiver/chargingprofiles")
SENDER = ocpi_url("sender/chargingprofiles")
NOW = "2026-01-01T12:00:00Z"  # of the clock of the tests
PROFILE = set_charging_profile()["charging_profile"]
ACTIVE = {"start_date_time": NOW, "charging_profile": PROFILE}
QUERY = {"response_url": RESPONSE_URL}
# How each of the three is asked for, what its hook is given, and what comes of it.
REQUESTS = {
    "GET": (
        {"query_string": {**QUERY, "duration": "900"}},
        {"duration": 900},
        {"result": "ACCEPTED", "profile": ACTIVE},
    ),
    "PUT": ({"json": {**QUERY, "charging_profile": PROFILE}}, {"charging_profile": PROFILE}, {"result": "ACCEPTED"}),
    "DELETE": ({"query_string": QUERY}, {}, {"result": "ACCEPTED"}),
}
SEND = {
    "GET": lambda profiles: profiles.get_active("SES1", duration=900),
    "PUT": lambda profiles: profiles.set("SES1", PROFILE),
    "DELETE": lambda profiles: profiles.clear("SES1"),
}
RESULT_PATHS = {"GET": "active_profile", "PUT": "set_profile", "DELETE": "clear_profile"}
each_request = pytest.mark.parametrize("method", REQUESTS)


@pytest.fixture
def network():
    return shared_network()


@pytest.fixture
def cpo(network):
    """The operator NL-ABC with a session of a driver of DE-EMS; it has no hooks yet."""
    return operator(network)


@pytest.fixture
def asker(network, cpo):
    """A hand-made provider, DE-EMS."""
    return Asker(network, cpo)


@pytest.fixture
def emsp(network):
    """The provider DE-EMS, on this package."""
    return provider(network)


@pytest.fixture
def profiles(network, cpo, emsp):
    """The provider's client for charging profiles at the operator."""
    platform, _ = network.connect(emsp, cpo)
    network.requests.clear()
    return emsp.client(platform).chargingprofiles


def hooked(ocpi, method="PUT", response="ACCEPTED"):
    """Have the operator answer requests so, and return what its hook is given."""
    given = []

    @ocpi.charging_profile(method)
    def hook(asked, reply):
        given.append((asked, reply))
        return response

    return given


def ask(asker, method="PUT", session_id="SES1", **options):
    return asker.client.open(method, f"{RECEIVER}/{session_id}", **{**REQUESTS[method][0], **options})


def accepted(asker, ocpi, method="PUT", **options):
    """Make a request that is accepted; return the id under which the operator finishes it."""
    given = hooked(ocpi, method)
    assert ask(asker, method, **options).data["result"] == "ACCEPTED"
    return given[0][1].id


def listening(asker, ocpi):
    """Give a provider an endpoint for active profiles."""
    endpoint = {"identifier": "chargingprofiles", "role": "SENDER", "url": f"https://{asker.host}/profiles"}
    asker.change(ocpi, endpoints=(endpoint,))
    return asker


def pushed(network, host="asker.example"):
    """Return (path, profile) of the active profiles that a host was sent."""
    return [
        (urlsplit(sent.url).path, orjson.loads(sent.body))
        for sent in network.requests
        if sent.method == "PUT" and urlsplit(sent.url).netloc == host
    ]


def poster(network, emsp):
    """Return the function by which the registered operator posts to the provider."""
    cpo = network.apps["cpo.example"].extensions["ocpi"]
    token = cpo.services.platforms.cipher.decrypt(cpo.partners.find("DE-EMS").token)
    return PartnerClient(emsp.app, token).post


# What is asked, and the immediate answer


@pytest.mark.conformance("CHP-01", "CHP-02", "CHP-03", "CHP-05", "CHP-22")
@each_request
def test_each_request_is_handed_to_its_hook_with_the_session(cpo, asker, method):
    given = hooked(cpo, method)

    response = ask(asker, method)

    assert (response.http_status, response.status_code) == (200, 1000)
    assert response.data == {"result": "ACCEPTED", "timeout": 30}
    ((asked, reply),) = given
    assert asked == {"session_id": "SES1", **REQUESTS[method][1]}
    assert (reply.sender, reply.receiver) == (Party("DE", "EMS"), Party("NL", "ABC"))


@pytest.mark.conformance("CHP-05", "CHP-06")
@each_request
@pytest.mark.parametrize("result", list(ChargingProfileResponseType))
def test_the_hook_decides_on_the_answer(cpo, asker, method, result):
    hooked(cpo, method, result)

    response = ask(asker, method)

    assert (response.http_status, response.status_code) == (200, 1000)
    assert response.data == {"result": result, "timeout": 30 if result == "ACCEPTED" else 0}


@pytest.mark.conformance("CHP-06")
@each_request
def test_a_request_without_a_hook_is_not_supported(asker, method):
    assert ask(asker, method, session_id="ANY").data == {"result": "NOT_SUPPORTED", "timeout": 0}


@pytest.mark.conformance("CHP-01", "CHP-03", "CHP-04")
@pytest.mark.parametrize(
    ("method", "query", "message"),
    [
        ("GET", {"duration": "900"}, "response_url is required"),
        ("GET", QUERY, "duration is required"),
        ("GET", {}, "is required"),
        ("GET", {**QUERY, "duration": "15m"}, "duration must be a whole number"),
        ("GET", {**QUERY, "duration": "-1"}, "duration must be at least 0"),
        ("GET", {"response_url": "asker.example", "duration": "900"}, "response_url must be an absolute"),
        ("DELETE", {}, "response_url is required"),
    ],
)
def test_a_query_that_lacks_something_is_refused(cpo, asker, method, query, message):
    given = hooked(cpo, method)

    response = ask(asker, method, query_string=query)

    check(response, 200, 2001)
    assert message in response.message
    assert given == []


@pytest.mark.conformance("CHP-03")
def test_deleting_reads_no_body(cpo, asker):
    hooked(cpo, "DELETE")

    without_url = ask(asker, "DELETE", query_string={}, json=QUERY)

    check(without_url, 200, 2001)


@pytest.mark.conformance("CHP-02", "CHP-18", "T-05")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"charging_profile": PROFILE}, "response_url is required"),
        (QUERY, "charging_profile is required"),
        ({**QUERY, **PROFILE}, "charging_profile is required"),
        (
            {**QUERY, "charging_profile": {**PROFILE, "charging_profile_period": [{"start_period": 5, "limit": 1}]}},
            "charging_profile.charging_profile_period[0].start_period must be 0",
        ),
    ],
    ids=["no response_url", "no profile", "bare profile", "late start"],
)
def test_a_profile_that_is_not_valid_is_refused(cpo, asker, body, message):
    given = hooked(cpo, "PUT")

    response = ask(asker, "PUT", json=body)

    check(response, 200, 2001)
    assert message in response.message
    assert given == []


@pytest.mark.conformance("CHP-04")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_response_url_is_decoded_once(network, cpo, asker, method):
    url = "https://asker.example/r?request_id=5678&x=a%20b&duration=1&response_url=z#end"
    query = f"response_url={quote(url, safe='')}&duration=900"

    cpo.finish(accepted(asker, cpo, method, query_string=query), REQUESTS[method][2])

    assert [sent.url for sent in network.requests] == [url]


@pytest.mark.conformance("CHP-04")
def test_what_follows_an_ampersand_that_is_not_encoded_is_no_part_of_the_url(network, cpo, asker):
    query = "duration=900&response_url=https://asker.example/r?request_id=5678&x=1"

    cpo.finish(accepted(asker, cpo, "GET", query_string=query), REQUESTS["GET"][2])

    assert [sent.url for sent in network.requests] == ["https://asker.example/r?request_id=5678"]


@pytest.mark.conformance("CHP-07", "CHP-05")
@each_request
def test_an_unknown_session_is_a_result_and_not_an_error(cpo, asker, method):
    given = hooked(cpo, method)

    response = ask(asker, method, session_id="NOPE")

    assert (response.http_status, response.status_code) == (200, 1000)
    assert response.data == {"result": "UNKNOWN_SESSION", "timeout": 0}
    assert (given, asker.received) == ([], [])


@pytest.mark.conformance("CHP-20", "CHP-06")
@each_request
def test_sessions_of_others_are_rejected(network, cpo, asker, method):
    other = Asker(network, cpo, host="other.example", parties=[("FR", "OTH", ["SCSP"])])
    given = hooked(cpo, method)

    response = ask(other, method)

    assert (response.status_code, response.data) == (1000, {"result": "REJECTED", "timeout": 0})
    assert given == []


@pytest.mark.conformance("CHP-20")
def test_an_scsp_with_a_contract_sets_profiles_of_the_sessions_that_it_is_shown(network, cpo):
    scsp = Asker(network, cpo, host="scsp.example", parties=[("FR", "SCS", ["SCSP"])])
    cpo.save("sessions", session(), audience=(Party("DE", "EMS"), Party("FR", "SCS")))
    hooked(cpo)

    assert ask(scsp, json={"response_url": "https://scsp.example/r", "charging_profile": PROFILE}).data["result"] == (
        "ACCEPTED"
    )


@pytest.mark.conformance("CHP-22")
@pytest.mark.parametrize("path", ["NL/ABC/SES1", "SES1/NL", "", "x" * 37])
def test_the_session_is_all_that_the_url_names(cpo, asker, path):
    hooked(cpo)

    response = ask(asker, session_id=path)

    check(response, 404 if len(path) < 37 else 200, 2001)


@pytest.mark.conformance("CHP-22", "TYP-01")
def test_sessions_are_found_in_any_case(cpo, asker):
    given = hooked(cpo)

    assert ask(asker, session_id="ses1").data["result"] == "ACCEPTED"
    assert given[0][0]["session_id"] == "ses1"


@pytest.mark.conformance("ST-02")
def test_a_hook_may_refuse_with_a_status_code(cpo, asker):
    cpo.charging_profile("PUT")(lambda asked, reply: abort(StatusCode.NOT_ENOUGH_INFORMATION, "Which phase?"))

    check(ask(asker), 200, 2002)


@pytest.mark.parametrize("nonsense", [None, "UNKNOWN", "TIMEOUT", {"timeout": 5}], ids=repr)
def test_an_answer_of_the_host_that_is_none_is_our_fault(cpo, asker, nonsense):
    hooked(cpo, "PUT", nonsense)

    check(ask(asker), 200, 3000)


@pytest.mark.conformance("CHP-25", "CMD-10")
@each_request
def test_no_token_goes_to_a_host_that_is_not_the_callers(network, cpo, asker, method):
    given = hooked(cpo, method)
    options = {name: {**value, "response_url": "https://evil.example/"} for name, value in REQUESTS[method][0].items()}

    check(ask(asker, method, **options), 200, 2001)

    assert (given, network.requests) == ([], [])


# The result


@pytest.mark.conformance("CHP-08", "CHP-10", "CHP-11", "CHP-25", "RT-27")
@each_request
def test_the_result_of_each_request_is_posted_to_its_response_url(cpo, asker, method):
    result = REQUESTS[method][2]

    taken = cpo.finish(accepted(asker, cpo, method), result)

    (sent,) = asker.received
    assert taken is True
    assert (sent.method, sent.url, orjson.loads(sent.body)) == ("POST", RESPONSE_URL, result)
    assert asker.peer.seen == [("POST /results/1", "Token dG9rZW4tb2YtdGhlLXBhcnRuZXI=")]
    assert sent.headers["X-Request-ID"] != sent.headers["X-Correlation-ID"]
    assert [sent.headers[f"OCPI-{side}-party-id"] for side in ("to", "from")] == ["EMS", "ABC"]


@pytest.mark.conformance("CHP-11")
@each_request
@pytest.mark.parametrize("result", ["REJECTED", "UNKNOWN"])
def test_the_other_results_are_just_those(cpo, asker, method, result):
    cpo.finish(accepted(asker, cpo, method), ChargingProfileResultType(result))

    assert asker.results == [{"result": result}]


@pytest.mark.conformance("CHP-10", "CHP-11")
@pytest.mark.parametrize(
    ("method", "nonsense", "message"),
    [
        ("GET", "ACCEPTED", "profile is required when result is ACCEPTED"),
        ("GET", {"result": "ACCEPTED", "profile": PROFILE}, "profile.start_date_time is required"),
        ("PUT", "TIMEOUT", "'TIMEOUT' is not a ChargingProfileResultType"),
        ("DELETE", None, "must be a JSON object"),
    ],
)
def test_a_result_that_is_none_is_the_hosts_error_and_leaves_the_request_open(cpo, asker, method, nonsense, message):
    request_id = accepted(asker, cpo, method)

    with pytest.raises(InvalidParametersError, match=message):
        cpo.finish(request_id, nonsense)

    assert asker.received == []
    assert cpo.finish(request_id, REQUESTS[method][2]) is True


@pytest.mark.conformance("CHP-08")
@pytest.mark.parametrize("result", ["REJECTED", "TOO_OFTEN", "UNKNOWN_SESSION", "NOT_SUPPORTED"])
def test_no_result_follows_what_was_not_accepted(cpo, asker, result):
    given = hooked(cpo, "PUT", result)
    ask(asker)

    with pytest.raises(NotFoundError):
        cpo.finish(given[0][1].id, "ACCEPTED")

    assert asker.received == []


@pytest.mark.conformance("CHP-25", "CLI-14")
def test_a_result_that_is_not_taken_is_logged_and_not_sent_again(network, cpo, asker, caplog):
    asker.peer.answers["POST /results/1"] = lambda: answer(None, status_code=3000, http_status=500)
    request_id = accepted(asker, cpo)

    taken = cpo.finish(request_id, "ACCEPTED")
    network.clock.advance(3600)

    assert (taken, cpo.send_timeouts()) == (False, 0)
    assert len(asker.received) == 1
    assert "The result of set_profile" in caplog.text


@pytest.mark.conformance("CHP-08", "CHP-11", "CHP-25")
def test_nothing_is_sent_for_a_time_out_but_a_late_result_is(network, cpo, asker):
    request_id = accepted(asker, cpo)
    network.clock.advance(30)

    ended = [cpo.send_timeouts(), cpo.send_timeouts()]
    before = asker.results
    taken = cpo.finish(request_id, "REJECTED")

    assert (ended, before, taken) == ([1, 0], [], True)
    assert asker.results == [{"result": "REJECTED"}]


@pytest.mark.conformance("CHP-11")
def test_work_that_fails_is_rejected(cpo, asker):
    def fail():
        raise ZeroDivisionError

    cpo.charging_profile("PUT")(lambda asked, reply: reply.accept(fail))

    ask(asker)

    assert asker.results == [{"result": "REJECTED"}]


# Telling that the active profile changed


@pytest.mark.conformance("CHP-12", "CHP-24")
@EVERY_STORAGE
def test_only_who_set_a_profile_with_success_is_told_of_changes(ocpi_network, ocpi):
    asker = listening(Asker(ocpi_network, ocpi), ocpi)
    results = [None, *ChargingProfileResultType]
    for result in results:
        id = f"SES-{result}"
        ocpi.save("sessions", session(id=id))
        request_id = accepted(asker, ocpi, session_id=id)
        if result is not None:
            ocpi.finish(request_id, result)

    for result in results:
        ocpi.push_active_profile(f"SES-{result}", ACTIVE)

    assert pushed(ocpi_network) == [("/profiles/SES-ACCEPTED", ACTIVE)]


@pytest.mark.conformance("CHP-12", "CHP-24")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_reading_and_clearing_a_profile_is_no_reason_to_be_told(network, cpo, asker, method):
    listening(asker, cpo)
    cpo.finish(accepted(asker, cpo, method), REQUESTS[method][2])

    cpo.push_active_profile("SES1", ACTIVE)

    assert pushed(network) == []


@pytest.mark.conformance("CHP-12", "CHP-13", "CHP-24")
def test_who_set_a_profile_once_is_told_ever_after_also_that_none_is_left(network, cpo, asker):
    listening(asker, cpo)
    for result in ("ACCEPTED", "REJECTED", "ACCEPTED"):
        cpo.finish(accepted(asker, cpo), result)
    cpo.finish(accepted(asker, cpo, "DELETE"), "ACCEPTED")
    most = {"charging_rate_unit": "A", "charging_profile_period": [{"start_period": 0, "limit": 32}], "duration": 3600}

    answers = cpo.push_active_profile("SES1", {"start_date_time": NOW, "charging_profile": most})

    assert len(answers) == 1
    assert pushed(network) == [("/profiles/SES1", {"start_date_time": NOW, "charging_profile": most})]


@pytest.mark.conformance("CHP-12", "CHP-22", "CHP-24")
def test_each_session_has_those_who_set_its_profile(network, cpo, asker):
    scsp = Asker(network, cpo, host="scsp.example", parties=[("FR", "SCS", ["SCSP"])])
    for id in ("SES1", "SES2"):
        cpo.save("sessions", session(id=id), audience=(Party("DE", "EMS"), Party("FR", "SCS")))
    for who in (asker, scsp):
        listening(who, cpo)
    by_scsp = {"response_url": "https://scsp.example/r", "charging_profile": PROFILE}
    cpo.finish(accepted(asker, cpo), "ACCEPTED")
    cpo.finish(accepted(scsp, cpo, json=by_scsp), "ACCEPTED")
    cpo.finish(accepted(scsp, cpo, json=by_scsp, session_id="SES2"), "ACCEPTED")

    for id in ("SES1", "SES2", "SES3"):
        cpo.push_active_profile(id, ACTIVE)

    assert pushed(network) == [("/profiles/SES1", ACTIVE)]
    assert pushed(network, "scsp.example") == [("/profiles/SES1", ACTIVE), ("/profiles/SES2", ACTIVE)]


@pytest.mark.conformance("CHP-12", "CLI-12")
def test_one_that_cannot_be_told_does_not_hold_up_the_others(network, cpo, asker):
    other = Asker(network, cpo, host="other.example", parties=[("FR", "OTH", ["EMSP"])])
    cpo.save("sessions", session(), audience=(Party("DE", "EMS"), Party("FR", "OTH")))
    for who in (asker, other):
        by_them = {"response_url": f"https://{who.host}/r", "charging_profile": PROFILE}
        cpo.finish(accepted(who, cpo, json=by_them), "ACCEPTED")
    listening(other, cpo)  # the first one has no such endpoint

    outcomes = cpo.push_active_profile("SES1", ACTIVE)

    assert [(outcome.platform, outcome.error is None) for outcome in outcomes] == [
        (asker.client.platform.id, False),
        (other.client.platform.id, True),
    ]
    assert pushed(network, "other.example") == [("/profiles/SES1", ACTIVE)]


@pytest.mark.conformance("CHP-14")
def test_a_schedule_of_a_quarter_of_an_hour(network, cpo, asker):
    listening(asker, cpo)
    cpo.finish(accepted(asker, cpo), "ACCEPTED")
    periods = [{"start_period": start, "limit": 32 - start / 60} for start in range(0, 900, 60)]
    schedule = {"charging_rate_unit": "A", "duration": 900, "charging_profile_period": periods}

    cpo.push_active_profile("SES1", {"start_date_time": NOW, "charging_profile": schedule})

    ((_, sent),) = pushed(network)
    assert 5 * 60 <= sent["charging_profile"]["duration"] <= 60 * 60
    assert sent["charging_profile"]["charging_profile_period"] == periods


@pytest.mark.conformance("CHP-12")
def test_a_changed_profile_that_is_not_valid_is_not_sent(network, cpo, asker):
    listening(asker, cpo)
    cpo.finish(accepted(asker, cpo), "ACCEPTED")

    with pytest.raises(InvalidParametersError, match="start_date_time is required"):
        cpo.push_active_profile("SES1", {"charging_profile": PROFILE})

    assert pushed(network) == []


@pytest.mark.conformance("CHP-24")
@EVERY_STORAGE
def test_all_who_set_a_profile_at_the_same_moment_are_remembered(ocpi_network, ocpi):
    askers = [
        listening(Asker(ocpi_network, ocpi, host=f"e{i}.example", parties=[("FR", f"E{i}X", ["EMSP"])]), ocpi)
        for i in range(6)
    ]
    ocpi.save("sessions", session(), audience=tuple(Party("FR", f"E{i}X") for i in range(6)))
    given = hooked(ocpi)
    for asker in askers:
        ask(asker, json={"response_url": f"https://{asker.host}/r", "charging_profile": PROFILE})

    at_once([lambda id=reply.id: ocpi.finish(id, "ACCEPTED") for _, reply in given])
    ocpi.push_active_profile("SES1", ACTIVE)

    assert [pushed(ocpi_network, asker.host) for asker in askers] == [[("/profiles/SES1", ACTIVE)]] * 6


@pytest.mark.conformance("CHP-24")
def test_sessions_of_long_ago_are_forgotten(network, cpo, asker):
    cpo.save("sessions", session(id="SES2"))
    cpo.finish(accepted(asker, cpo), "ACCEPTED")
    network.clock.advance(367 * 86_400)

    cpo.finish(accepted(asker, cpo, session_id="SES2"), "ACCEPTED")

    records = cpo.storage.list("profiled_sessions", Query()).records
    assert [record.document["key"][2] for record in records] == ["SES2"]


# The Sender interface


@pytest.mark.conformance("CHP-12", "CHP-15", "CHP-23")
def test_a_changed_profile_is_heard_of(network, cpo, emsp, profiles):
    cpo.charging_profile("PUT")(lambda asked, reply: reply.accept(lambda: "ACCEPTED"))
    profiles.set("SES1", PROFILE)
    heard_of = []

    def hear(app, **payload):
        heard_of.append(payload)

    with active_charging_profile_received.connected_to(hear, emsp.app):
        (taken,) = cpo.push_active_profile("SES1", ACTIVE)

    assert (taken.error, taken.party) == (None, Party("DE", "EMS"))
    (payload,) = heard_of
    assert (payload["session_id"], payload["profile"]) == ("SES1", ACTIVE)
    assert payload["platform"].parties == (Party("NL", "ABC"),)


@pytest.mark.conformance("CHP-15", "CHP-23", "T-25")
def test_the_answer_to_a_changed_profile_has_no_data(ocpi, ocpi_client):
    response = ocpi_client.put(f"{SENDER}/SES1", ACTIVE)
    broken = ocpi_client.put(f"{SENDER}/SES1", {"charging_profile": PROFILE})

    assert (response.http_status, response.status_code) == (200, 1000)
    assert "data" not in response.envelope
    check(broken, 200, 2001)


@pytest.mark.conformance("CHP-23", "T-13")
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_session_on_the_sender_interface_is_only_put(ocpi_client, method):
    response = ocpi_client.open(method, f"{SENDER}/SES1", json={})

    check(response, 405, 2000)
    assert response.headers["Allow"] == "PUT"


@pytest.mark.conformance("CHP-05", "CHP-08", "CHP-10")
@each_request
def test_each_request_between_two_platforms(network, cpo, emsp, profiles, method):
    result = REQUESTS[method][2]
    cpo.charging_profile(method)(lambda asked, reply: reply.accept(lambda: result))

    with heard(emsp) as payloads:
        call = SEND[method](profiles)

    assert (call.response, call.result) == ({"result": "ACCEPTED", "timeout": 30}, result)
    assert call.request == {"session_id": "SES1", **REQUESTS[method][1]}
    assert emsp.wait(call.id) == call
    assert [(payload["module"], payload["result"], payload["late"]) for payload in payloads] == [
        ("chargingprofiles", result, False)
    ]


@pytest.mark.conformance("CHP-01", "CHP-02", "CHP-03", "CHP-04", "CHP-09")
@each_request
def test_the_response_url_says_which_result_it_takes(network, cpo, profiles, method):
    hooked(cpo, method)

    call = SEND[method](profiles)

    (sent,) = network.requests
    url = f"https://emsp.example{SENDER}/{RESULT_PATHS[method]}/{call.id}"
    assert (sent.method, urlsplit(sent.url).path) == (method, f"{RECEIVER}/SES1")
    if method == "PUT":
        assert orjson.loads(sent.body)["response_url"] == url
        assert urlsplit(sent.url).query == ""
    else:
        query = urlsplit(sent.url).query
        assert f"response_url={quote(url, safe='')}" in query
        assert dict(parse_qsl(query)) == {"response_url": url} | ({"duration": "900"} if method == "GET" else {})
        assert sent.body is None


@pytest.mark.conformance("CHP-09", "CHP-15")
@each_request
def test_each_result_is_taken_at_its_own_url_only(network, cpo, emsp, profiles, method):
    hooked(cpo, method)
    call = SEND[method](profiles)
    post = poster(network, emsp)

    for other in set(RESULT_PATHS) - {method}:
        check(post(f"{SENDER}/{RESULT_PATHS[other]}/{call.id}", REQUESTS[other][2]), 404, 2001)
    taken = post(f"{SENDER}/{RESULT_PATHS[method]}/{call.id}", REQUESTS[method][2])

    assert (taken.http_status, taken.status_code, "data" in taken.envelope) == (200, 1000, False)
    assert emsp.call(call.id).state is CallState.FINISHED


@pytest.mark.conformance("CHP-10")
def test_an_accepted_active_profile_result_has_the_profile(network, cpo, emsp, profiles):
    hooked(cpo, "GET")
    call = SEND["GET"](profiles)

    response = poster(network, emsp)(f"{SENDER}/active_profile/{call.id}", {"result": "ACCEPTED"})

    check(response, 200, 2001)
    assert emsp.call(call.id).result is None


@pytest.mark.conformance("CHP-06", "CHP-08")
@each_request
@pytest.mark.parametrize("result", ["REJECTED", "TOO_OFTEN", "UNKNOWN_SESSION", "NOT_SUPPORTED"])
def test_a_refusal_ends_the_request(cpo, emsp, profiles, method, result):
    hooked(cpo, method, result)

    call = SEND[method](profiles)

    assert (call.state, call.response["result"], call.is_accepted) == (CallState.REFUSED, result, False)
    assert emsp.wait(call.id) == call


@pytest.mark.conformance("CHP-19", "CHP-01")
@pytest.mark.parametrize(
    ("send", "message"),
    [
        (lambda profiles: profiles.set("SES1", {**PROFILE, "charging_rate_unit": "kW"}), "charging_rate_unit"),
        (lambda profiles: profiles.get_active("SES1", duration=-1), "duration must be at least 0"),
    ],
    ids=["unit", "duration"],
)
def test_what_is_not_valid_is_not_sent(network, profiles, send, message):
    with pytest.raises(InvalidParametersError, match=message):
        send(profiles)

    assert network.requests == []


# In the middle


@pytest.mark.conformance("CHP-21", "ROLE-06", "CHP-22")
@each_request
def test_a_provider_relays_between_an_scsp_and_the_operator_with_ids_of_its_own(network, cpo, emsp, profiles, method):
    scsp = network.add("scsp.example", [("FR", "SCS", ["SCSP"])], config={"OCPI_DOCS": False})
    at_provider, _ = network.connect(scsp, emsp)
    result = REQUESTS[method][2]
    at_operator = []
    cpo.charging_profile(method)(
        lambda asked, reply: at_operator.append(asked) or reply.accept(lambda: result, timeout=9)
    )

    @emsp.charging_profile(method)
    def relay(asked, reply):
        sent = {"GET": "get_active_profile", "PUT": "set_profile", "DELETE": "clear_profile"}[method]
        rest = {name: value for name, value in asked.items() if name != "session_id"}
        assert asked["session_id"] == "OWN-7"
        call = profiles.start(sent, "SES1", asked=rest, body=method == "PUT", reference=reply.id)
        return call.response

    def hand_on(app, *, call, result, **payload):
        emsp.finish(call.reference, result)

    network.requests.clear()
    with result_received.connected_to(hand_on, emsp.app), heard(scsp) as payloads:
        call = {
            "GET": lambda client: client.get_active("OWN-7", duration=900),
            "PUT": lambda client: client.set("OWN-7", PROFILE),
            "DELETE": lambda client: client.clear("OWN-7"),
        }[method](scsp.client(at_provider).chargingprofiles)

    assert at_operator == [{"session_id": "SES1", **REQUESTS[method][1]}]
    assert (call.response, call.result) == ({"result": "ACCEPTED", "timeout": 9}, result)
    assert [payload["result"] for payload in payloads] == [result]
    assert [urlsplit(sent.url).netloc for sent in network.requests] == [
        "emsp.example",
        "cpo.example",
        "emsp.example",
        "scsp.example",
    ]
