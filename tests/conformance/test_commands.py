"""The commands module over HTTP: what a provider asks an operator, and the results (group CMD)."""

from __future__ import annotations

import threading
from dataclasses import replace

import orjson
import pytest

from flask_ocpi.client.addresses import AddressPolicy
from flask_ocpi.client.transport import HTTPTransport
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.errors import StatusCode
from flask_ocpi.errors import UnknownLocationError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.errors import abort
from flask_ocpi.exchange import pending
from flask_ocpi.exchange.pending import IncomingState
from flask_ocpi.modules.enums import CommandResponseType
from flask_ocpi.modules.enums import CommandResultType
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import add_partner
from tests.conformance.asking import RESPONSE_URL
from tests.conformance.asking import Asker
from tests.conformance.asking import operator
from tests.conformance.asking import provider
from tests.conformance.sharing import check
from tests.conformance.sharing import shared_network
from tests.conftest import EVERY_STORAGE
from tests.peers import answer
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/commands")
RECEIVER = ocpi_url("receiver/commands")
NOW = "2026-01-01T12:00:00Z"  # of the clock of the tests
LATER = "2026-01-01T13:00:00Z"
TEXTS = [{"language": "en", "text": "Please wait."}, {"language": "nl", "text": "Even geduld."}]
START = {"token": token(), "location_id": "LOC1", "evse_uid": "EVSE1", "connector_id": "1"}
RESERVE = {"token": token(), "expiry_date": LATER, "reservation_id": "RES1", "location_id": "LOC1"}
COMMANDS = {
    "CANCEL_RESERVATION": {"reservation_id": "RES1"},
    "RESERVE_NOW": RESERVE,
    "START_SESSION": START,
    "STOP_SESSION": {"session_id": "SES1"},
    "UNLOCK_CONNECTOR": {"location_id": "LOC1", "evse_uid": "EVSE1", "connector_id": "1"},
}
every_command = pytest.mark.parametrize("command", COMMANDS)
at_a_place = pytest.mark.parametrize("command", ["RESERVE_NOW", "START_SESSION", "UNLOCK_CONNECTOR"])
with_token = pytest.mark.parametrize("command", ["RESERVE_NOW", "START_SESSION"])


@pytest.fixture
def network():
    return shared_network()


@pytest.fixture
def cpo(network):
    """The operator: it accepts all commands, but gives no results by itself."""
    ocpi = operator(network)
    for command in COMMANDS:
        ocpi.command(command)(lambda body, reply: "ACCEPTED")
    return ocpi


@pytest.fixture
def asker(network, cpo):
    """A hand-made provider, DE-EMS, that is registered with the operator."""
    return Asker(network, cpo)


@pytest.fixture
def emsp(network):
    """The provider DE-EMS, on this package."""
    return provider(network)


@pytest.fixture
def commands(network, cpo, emsp):
    """The provider's client for commands of the operator."""
    platform, _ = network.connect(emsp, cpo)
    network.requests.clear()
    return emsp.client(platform).commands


def hooked(ocpi, command="START_SESSION", response="ACCEPTED"):
    """Have the operator answer a command so, and return what its hook is given."""
    given = []

    @ocpi.command(command)
    def hook(body, reply):
        given.append((body, reply))
        if isinstance(response, Exception):
            raise response
        return response

    return given


def accepted(asker, ocpi, command="START_SESSION", body=None, **options):
    """Send a command that is accepted; return the id under which the operator finishes it."""
    given = hooked(ocpi, command)
    data = asker.command(command, COMMANDS[command] if body is None else body, **options).data
    assert data["result"] == "ACCEPTED"
    return given[0][1].id


def from_party(country_code, party_id):
    return {"OCPI-from-country-code": country_code, "OCPI-from-party-id": party_id}


def response_url(network):
    """Return the response_url in the first request that has one."""
    bodies = [orjson.loads(sent.body) for sent in network.requests if sent.body]
    return next(body["response_url"] for body in bodies if "response_url" in body)


# What is asked, and the immediate answer


@pytest.mark.conformance("CMD-01", "CMD-02", "CMD-04")
@every_command
def test_each_command_is_handed_to_its_hook_without_the_response_url(cpo, asker, command):
    if command == "CANCEL_RESERVATION":
        asker.command("RESERVE_NOW", RESERVE)
    given = hooked(cpo, command)

    response = asker.command(command, COMMANDS[command])

    assert (response.http_status, response.status_code) == (200, 1000)
    assert response.data == {"result": "ACCEPTED", "timeout": 30}
    ((body, reply),) = given
    assert body == COMMANDS[command]
    assert (reply.platform.id, reply.sender, reply.receiver) == (
        asker.client.platform.id,
        Party("DE", "EMS"),
        Party("NL", "ABC"),
    )


@pytest.mark.conformance("CMD-01", "CMD-03", "T-10")
@pytest.mark.parametrize(
    "command", ["start_session", "Start_Session", "START-SESSION", "STARTSESSION", "ACCEPTED", "START_SESSION/1"]
)
def test_other_commands_do_not_exist(asker, command):
    check(asker.command(command, START), 404, 2001)


@pytest.mark.conformance("CMD-02", "T-05")
@every_command
def test_the_body_of_another_command_is_refused(cpo, asker, command):
    needed = set(COMMANDS[command]) - ({"evse_uid", "connector_id"} if command == "START_SESSION" else set())
    others = [body for body in COMMANDS.values() if not needed <= set(body)]
    given = hooked(cpo, command)

    answers = [asker.command(command, body) for body in others]

    assert len(answers) >= 2
    for response in answers:
        check(response, 200, 2001)
        assert "is required" in response.message
    assert given == []


@pytest.mark.conformance("CMD-03", "CMD-04", "CMD-06")
@every_command
def test_a_command_without_a_hook_is_not_supported(network, command):
    cpo = operator(network)
    asker = Asker(network, cpo)

    response = asker.command(command, COMMANDS[command])

    assert (response.http_status, response.status_code) == (200, 1000)
    assert response.data == {"result": "NOT_SUPPORTED", "timeout": 0}
    assert asker.received == []


@pytest.mark.conformance("CMD-04", "CMD-06")
@pytest.mark.parametrize("result", list(CommandResponseType))
def test_the_timeout_is_in_every_answer_and_only_accepted_is_followed_by_a_result(network, cpo, asker, result):
    given = hooked(cpo, response=result)

    response = asker.command("START_SESSION", START)

    reply = given[0][1]
    assert response.data == {"result": result, "timeout": reply.timeout if result == "ACCEPTED" else 0}
    if result == "ACCEPTED":
        assert cpo.finish(reply.id, "ACCEPTED") is True
        assert asker.results == [{"result": "ACCEPTED"}]
    else:
        with pytest.raises(NotFoundError, match=reply.id):
            cpo.finish(reply.id, "ACCEPTED")
        assert asker.received == []


@pytest.mark.conformance("CMD-04", "CMD-05")
def test_the_hook_may_answer_with_texts_and_a_timeout_of_its_own(cpo, asker):
    hooked(cpo, response={"result": "ACCEPTED", "timeout": 120, "message": TEXTS})

    response = asker.command("START_SESSION", START)

    assert response.data == {"result": "ACCEPTED", "timeout": 120, "message": TEXTS}


@pytest.mark.conformance("CMD-04", "ST-03")
@pytest.mark.parametrize(
    "nonsense",
    [None, 5, [], "YES", "TIMEOUT", {}, {"result": "ACCEPTED", "timeout": -1}, {"result": "REJECTED", "message": "No"}],
    ids=repr,
)
def test_an_answer_of_the_host_that_is_none_is_our_fault(cpo, asker, nonsense, caplog):
    given = hooked(cpo, response=nonsense)

    check(asker.command("START_SESSION", START), 200, 3000)

    assert "start_session" in caplog.text
    with pytest.raises(NotFoundError):
        cpo.finish(given[0][1].id, "ACCEPTED")
    assert asker.received == []


@pytest.mark.conformance("T-26", "CMD-06")
def test_a_hook_that_fails_is_answered_500_and_owes_nothing(cpo, asker, caplog):
    given = hooked(cpo, response=ZeroDivisionError("secret"))

    response = asker.command("START_SESSION", START)

    check(response, 500, 3000)
    assert "secret" not in response.body.decode()
    with pytest.raises(NotFoundError):
        cpo.finish(given[0][1].id, "ACCEPTED")


@pytest.mark.conformance("ST-02")
def test_a_hook_may_refuse_with_a_status_code(cpo, asker):
    @cpo.command("STOP_SESSION")
    def stop(body, reply):
        abort(StatusCode.NOT_ENOUGH_INFORMATION, "Which one?")

    response = asker.command("STOP_SESSION", COMMANDS["STOP_SESSION"])

    check(response, 200, 2002)
    assert response.message == "Which one?"


# Where the result goes


@pytest.mark.conformance("CMD-06", "CMD-09")
@pytest.mark.parametrize(
    "url",
    [
        "https://asker.example/",
        "https://asker.example",
        "https://asker.example/ocpi/emsp/2.2.1/commands/START_SESSION/1234",
        "https://asker.example/elsewhere?request=1&part=a%2Fb%20c&again=1&empty=",
        "https://asker.example:8443/x//y/../z;p=1?a[]=1|2#part",
        "HTTPS://ASKER.example/Mixed/Case",
    ],
)
def test_the_response_url_is_used_to_the_letter(network, cpo, asker, url):
    network.apps["asker.example:8443"] = network.apps["ASKER.example"] = network.apps["asker.example"]

    cpo.finish(accepted(asker, cpo, body={**START, "response_url": url}), "ACCEPTED")

    assert [(sent.method, sent.url) for sent in network.requests] == [("POST", url)]


@pytest.mark.conformance("CMD-10", "T-05")
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/results/1",
        "http://asker.example/results/1",
        "https://asker.example@evil.example/",
        "https://asker.example:secret@evil.example/",
        "https://evil.example@asker.example/",
        "https://:@asker.example/",
        "https://evil.example/https://asker.example/",
        "https://evil.example?asker.example",
        "https://evil.example#@asker.example/",
        "https://asker.example.evil.example/",
        "https://evilasker.example/",
        "https://results.asker.example/",
        "https://asker.example../",
        "https://example/",
        "https://[1:2]/",
        "https://[::1]/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://asker.example:99999/",
        "https://cpo.example/ocpi/2.2.1/sender/commands/START_SESSION/1",
    ],
)
@pytest.mark.parametrize("supported", [True, False], ids=["hook", "no hook"])
def test_no_result_and_no_token_goes_to_a_host_that_is_not_the_callers(network, url, supported):
    cpo = operator(network)
    asker = Asker(network, cpo)
    given = hooked(cpo) if supported else []

    response = asker.command("START_SESSION", {**START, "response_url": url})

    check(response, 200, 2001)
    assert "response_url" in response.message
    assert given == []
    assert network.requests == []


@pytest.mark.conformance("CMD-10", "TYP-05")
@pytest.mark.parametrize(
    "url",
    ["https://asker.example\\@evil.example/", "https:/asker.example/", "//asker.example/", "ftp://asker.example/"],
)
def test_a_response_url_that_is_no_url_is_refused(network, asker, url):
    check(asker.command("START_SESSION", {**START, "response_url": url}), 200, 2001)

    assert network.requests == []


@pytest.mark.conformance("CMD-10")
@pytest.mark.parametrize("url", ["https://ASKER.example/", "https://asker.example./", "https://asker.example:444/"])
def test_a_host_is_compared_as_a_host(network, cpo, asker, url):
    response = asker.command("START_SESSION", {**START, "response_url": url})

    assert response.data["result"] == "ACCEPTED"


@pytest.mark.conformance("CMD-10")
@pytest.mark.parametrize(
    "url", ["https://endpoints.example/r", "https://[2001:db8::1]/r", "https://callbacks.example/r"]
)
def test_the_hosts_of_endpoints_and_those_that_the_operator_names_are_known(network, url):
    config = {"OCPI_CALLBACK_HOSTS": ["Callbacks.Example.", "other.example:8443"]}
    cpo = operator(network, **config)
    asker = Asker(network, cpo)
    endpoints = [
        {"identifier": "commands", "role": "SENDER", "url": "https://endpoints.example/ocpi"},
        {"identifier": "tokens", "role": "SENDER", "url": "https://[2001:DB8::1]:8443/ocpi"},
    ]
    asker.change(cpo, endpoints=tuple(endpoints))
    hooked(cpo)

    response = asker.command("START_SESSION", {**START, "response_url": url})

    assert response.data["result"] == "ACCEPTED"


@pytest.mark.conformance("CMD-10")
@pytest.mark.parametrize("ocpi_config", [{"OCPI_HTTP_ALLOW_PRIVATE": True}], ids=["private"])
def test_http_is_for_development(ocpi_network, ocpi, ocpi_app):
    asker = Asker(ocpi_network, ocpi)
    ocpi.save("locations", location(evses=[evse()]))
    hooked(ocpi)

    response = asker.command("START_SESSION", {**START, "response_url": "http://asker.example/results/1"})

    assert response.data["result"] == "ACCEPTED"


@pytest.mark.conformance("CMD-10")
def test_nothing_is_sent_to_a_host_that_the_platform_has_left_meanwhile(network, cpo, asker, caplog):
    command_id = accepted(asker, cpo)
    asker.change(cpo, versions_url="https://new.example/versions")

    assert cpo.finish(command_id, "ACCEPTED") is False

    assert network.requests == []
    assert "'asker.example' is not a host of your endpoints" in caplog.text


@pytest.mark.conformance("CMD-10")
def test_nothing_is_sent_for_a_platform_that_only_has_the_name_of_the_one_that_asked(network, cpo, asker, caplog):
    command_id = accepted(asker, cpo)
    cpo.services.platforms.delete(cpo.partners.get(asker.client.platform.id))
    other = add_partner(
        cpo.app, [("FR", "OTH", ["EMSP"])], name="asker-example", versions_url="https://asker.example/v"
    )
    change_id = cpo.partners.get(other.platform.id)
    cpo.services.platforms.delete(change_id)
    cpo.services.platforms.save(replace(change_id, id="another", revision=0), before=None)

    assert cpo.finish(command_id, "ACCEPTED") is False

    assert network.requests == []
    assert "is gone" in caplog.text


@pytest.mark.conformance("CMD-10", "CLI-14")
def test_the_guard_of_the_transport_holds_for_results_too(monkeypatch, network, cpo, caplog):
    asker = Asker(network, cpo, host="localhost")
    command_id = accepted(asker, cpo, body={**START, "response_url": "https://localhost:1/results"})
    monkeypatch.setattr(cpo.state, "_transport", HTTPTransport(policy=AddressPolicy()))

    assert cpo.finish(command_id, "ACCEPTED") is False

    assert "which is not public" in caplog.text


# The result


@pytest.mark.conformance("CMD-07")
@pytest.mark.parametrize("result", list(CommandResultType))
def test_each_result_is_sent_without_a_timeout(cpo, asker, result):
    cpo.finish(accepted(asker, cpo), result)

    assert asker.results == [{"result": result}]


@pytest.mark.conformance("CMD-05", "CMD-07")
def test_a_result_may_have_texts(cpo, asker):
    cpo.finish(accepted(asker, cpo), {"result": "EVSE_OCCUPIED", "message": TEXTS})

    assert asker.results == [{"result": "EVSE_OCCUPIED", "message": TEXTS}]


@pytest.mark.conformance("CMD-07")
@pytest.mark.parametrize("nonsense", ["UNKNOWN_SESSION", "accepted", "", None, 5, [], {}, {"result": None}], ids=repr)
def test_a_result_that_is_none_is_the_hosts_error_and_leaves_the_command_open(cpo, asker, nonsense):
    command_id = accepted(asker, cpo)

    with pytest.raises(InvalidParametersError, match=r"^Invalid result: "):
        cpo.finish(command_id, nonsense)

    assert asker.received == []
    assert cpo.finish(command_id, "ACCEPTED") is True
    assert asker.results == [{"result": "ACCEPTED"}]


@pytest.mark.conformance("CMD-08", "RT-27", "MID-09")
def test_the_result_is_a_message_of_its_own_with_our_token_and_the_routing_turned_round(cpo, asker):
    ids = {"X-Request-ID": "r-1", "X-Correlation-ID": "c-1"}
    routing = {
        "OCPI-to-country-code": "NL",
        "OCPI-to-party-id": "ABC",
        "OCPI-from-country-code": "DE",
        "OCPI-from-party-id": "EMS",
    }

    cpo.finish(accepted(asker, cpo, headers={**ids, **routing}), "ACCEPTED")

    (sent,) = asker.received
    assert asker.peer.seen == [("POST /results/1", "Token dG9rZW4tb2YtdGhlLXBhcnRuZXI=")]  # what it gave us
    assert {name: value for name, value in sent.headers.items() if name.startswith("OCPI-")} == {
        "OCPI-to-country-code": "DE",
        "OCPI-to-party-id": "EMS",
        "OCPI-from-country-code": "NL",
        "OCPI-from-party-id": "ABC",
    }
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["X-Request-ID"] not in ("", "r-1")
    assert sent.headers["X-Correlation-ID"] not in ("", "c-1")


@pytest.mark.conformance("RT-27", "RT-06")
def test_the_result_of_a_command_through_a_hub_is_for_the_party_behind_it(network, cpo):
    hub = Asker(network, cpo, host="hub.example", parties=[("DE", "HUB", ["HUB"])])
    body = {**START, "token": token(country_code="FR", party_id="FAR")}

    cpo.finish(accepted(hub, cpo, body=body, headers=from_party("FR", "FAR")), "ACCEPTED")

    (sent,) = hub.received
    assert (sent.headers["OCPI-to-country-code"], sent.headers["OCPI-to-party-id"]) == ("FR", "FAR")
    assert (sent.headers["OCPI-from-country-code"], sent.headers["OCPI-from-party-id"]) == ("NL", "ABC")


@pytest.mark.conformance("RT-27", "HCI-09")
def test_no_result_goes_to_a_party_that_left_the_hub(network, cpo, caplog):
    hub = Asker(network, cpo, host="hub.example", parties=[("DE", "HUB", ["HUB"])])
    body = {**START, "token": token(country_code="FR", party_id="FAR")}
    command_id = accepted(hub, cpo, body=body, headers=from_party("FR", "FAR"))
    info = {"country_code": "FR", "party_id": "FAR", "role": "EMSP", "status": "OFFLINE", "last_updated": NOW}
    assert hub.client.put(ocpi_url("receiver/hubclientinfo/FR/FAR"), info).status_code == 1000

    assert cpo.finish(command_id, "ACCEPTED") is False

    assert hub.received == []
    assert "FR-FAR is OFFLINE" in caplog.text


@pytest.mark.conformance("CMD-13", "CLI-14")
@pytest.mark.parametrize("http_status", [200, 404, 500])
def test_a_result_that_is_not_taken_is_logged_and_not_sent_again(network, cpo, asker, http_status, caplog):
    asker.peer.answers["POST /results/1"] = lambda: answer(None, status_code=3000, http_status=http_status)
    command_id = accepted(asker, cpo)

    taken = cpo.finish(command_id, "ACCEPTED")
    network.clock.advance(3600)
    cpo.send_timeouts()

    assert taken is False
    assert len(asker.received) == 1
    assert f"The result of start_session for {asker.client.platform.id} could not be delivered" in caplog.text
    assert pending.get_incoming(cpo.services, command_id).state is IncomingState.FAILED
    with pytest.raises(InvalidParametersError, match="has its result already, ACCEPTED"):
        cpo.finish(command_id, "FAILED")


@pytest.mark.conformance("CMD-13", "CLI-14")
def test_a_provider_that_cannot_be_reached_is_tried_once(network, cpo, asker):
    command_id = accepted(asker, cpo)

    def cut(request):
        raise UnreachableError("The line is cut.")

    network.before_send = cut

    assert cpo.finish(command_id, "ACCEPTED") is False
    assert len(asker.received) == 1


@pytest.mark.conformance("CMD-13")
def test_a_platform_that_unregistered_gets_no_result(network, cpo, emsp, commands):
    given = hooked(cpo)
    commands.start_session(START)
    emsp.partners.unregister("cpo-example")
    network.requests.clear()

    assert cpo.finish(given[0][1].id, "ACCEPTED") is False
    assert network.requests == []


@pytest.mark.conformance("CMD-06")
def test_there_is_one_result(cpo, asker):
    command_id = accepted(asker, cpo)
    cpo.finish(command_id, "ACCEPTED")

    for second in ("ACCEPTED", "FAILED", "CANCELED_RESERVATION"):
        with pytest.raises(InvalidParametersError, match="has its result already, ACCEPTED: there is only one"):
            cpo.finish(command_id, second)

    assert asker.results == [{"result": "ACCEPTED"}]


def test_a_result_for_an_unknown_command_is_an_error(cpo):
    with pytest.raises(NotFoundError, match="There is no request 'nope' of another platform here"):
        cpo.finish("nope", "ACCEPTED")


@pytest.mark.conformance("CMD-06")
@EVERY_STORAGE
def test_a_result_that_comes_before_the_answer_is_sent_after_it(ocpi_network, ocpi):
    asker = Asker(ocpi_network, ocpi)
    ocpi.save("sessions", session())
    moments = []

    @ocpi.command("STOP_SESSION")
    def stop(body, reply):
        reply.finish("ACCEPTED")
        moments.append(len(asker.received))
        return {"result": "ACCEPTED", "timeout": 5}

    response = asker.command("STOP_SESSION", {"session_id": "SES1"})

    assert response.data == {"result": "ACCEPTED", "timeout": 5}
    assert moments == [0]
    assert asker.results == [{"result": "ACCEPTED"}]


@pytest.mark.conformance("CMD-06")
@pytest.mark.parametrize("response", ["REJECTED", ZeroDivisionError(), {"result": "NO_SUCH"}], ids=repr)
def test_a_result_is_not_sent_when_the_command_is_not_accepted_after_all(cpo, asker, response):
    replies = []

    @cpo.command("START_SESSION")
    def start(body, reply):
        replies.append(reply)
        reply.finish("ACCEPTED")
        if isinstance(response, Exception):
            raise response
        return response

    asker.command("START_SESSION", START)

    assert asker.received == []
    with pytest.raises(NotFoundError):
        cpo.finish(replies[0].id, "ACCEPTED")


@pytest.mark.conformance("CMD-31")
def test_the_answer_does_not_wait_for_the_charge_point(ocpi_network, ocpi_storage):
    cpo = operator(ocpi_network, OCPI_DISPATCHER="thread")
    asker = Asker(ocpi_network, cpo)
    charge_point = threading.Event()
    sent = threading.Event()
    asker.peer.answers["POST /results/1"] = lambda: sent.set() or answer(None)

    @cpo.command("START_SESSION")
    def start(body, reply):
        return reply.accept(lambda: "ACCEPTED" if charge_point.wait(120) else "FAILED")

    response = asker.command("START_SESSION", START)

    assert response.data == {"result": "ACCEPTED", "timeout": 30}
    assert asker.received == []
    charge_point.set()
    assert sent.wait(120)
    assert asker.results == [{"result": "ACCEPTED"}]


@pytest.mark.conformance("CMD-06", "CMD-31")
@pytest.mark.parametrize(
    ("outcome", "result"),
    [("EVSE_OCCUPIED", "EVSE_OCCUPIED"), (ZeroDivisionError(), "FAILED"), (None, "FAILED"), ("NO_SUCH", "FAILED")],
    ids=repr,
)
def test_work_gives_the_result_and_failed_when_it_fails(cpo, asker, outcome, result, caplog):
    def work():
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    cpo.command("START_SESSION")(lambda body, reply: reply.accept(work, timeout=7))

    response = asker.command("START_SESSION", START)

    assert response.data == {"result": "ACCEPTED", "timeout": 7}
    assert asker.results == [{"result": result}]
    assert ("The work for request" in caplog.text) == (result == "FAILED")


def test_work_is_not_begun_when_the_command_is_not_accepted_after_all(cpo, asker):
    worked = []

    @cpo.command("START_SESSION")
    def start(body, reply):
        reply.accept(lambda: worked.append(1) or "ACCEPTED")
        return "REJECTED"

    assert asker.command("START_SESSION", START).data == {"result": "REJECTED", "timeout": 0}
    assert worked == []


def test_the_result_of_work_that_is_late_is_dropped_with_a_word(network, cpo, asker, caplog):
    def work():
        network.clock.advance(31)
        cpo.send_timeouts()
        return "ACCEPTED"

    cpo.command("START_SESSION")(lambda body, reply: reply.accept(work))

    asker.command("START_SESSION", START)

    assert asker.results == [{"result": "TIMEOUT"}]
    assert "is not sent: Request" in caplog.text


@pytest.mark.conformance("CMD-33")
@EVERY_STORAGE
def test_timeout_is_sent_when_no_result_came_in_time(ocpi_network, ocpi, ocpi_clock):
    asker = Asker(ocpi_network, ocpi)
    ocpi.command("UNLOCK_CONNECTOR")(lambda body, reply: {"result": "ACCEPTED", "timeout": 10})
    ocpi.save("locations", location(evses=[evse()]))
    for number in range(3):
        asker.command("UNLOCK_CONNECTOR", COMMANDS["UNLOCK_CONNECTOR"], headers={"X-Request-ID": str(number)})

    ocpi_clock.advance(9.999)
    before = (ocpi.send_timeouts(), asker.results)
    ocpi_clock.advance(0.001)
    ended = [ocpi.send_timeouts(), ocpi.send_timeouts()]

    assert before == (0, [])
    assert ended == [3, 0]
    assert asker.results == [{"result": "TIMEOUT"}] * 3


@pytest.mark.conformance("CMD-33")
def test_a_result_that_comes_after_timeout_was_sent_is_the_hosts_error(network, cpo, asker):
    command_id = accepted(asker, cpo)
    network.clock.advance(30)
    cpo.send_timeouts()

    with pytest.raises(InvalidParametersError, match="has its result already, TIMEOUT"):
        cpo.finish(command_id, "ACCEPTED")

    assert asker.results == [{"result": "TIMEOUT"}]


@pytest.mark.conformance("CMD-33")
def test_a_result_in_time_is_followed_by_no_timeout(network, cpo, asker):
    cpo.finish(accepted(asker, cpo), "FAILED")
    network.clock.advance(3600)

    assert cpo.send_timeouts() == 0
    assert asker.results == [{"result": "FAILED"}]


@pytest.mark.conformance("CMD-33")
def test_a_late_result_before_timeout_was_sent_is_sent(network, cpo, asker):
    command_id = accepted(asker, cpo)
    network.clock.advance(3600)

    cpo.finish(command_id, "ACCEPTED")

    assert (cpo.send_timeouts(), asker.results) == (0, [{"result": "ACCEPTED"}])


# What is checked before


@pytest.mark.conformance("CMD-15", "CMD-30", "ST-02")
@pytest.mark.parametrize(
    ("command", "place", "message"),
    [
        ("START_SESSION", {"location_id": "NOPE"}, "no location 'NOPE'"),
        ("START_SESSION", {"evse_uid": "NOPE"}, "no EVSE 'NOPE'"),
        ("START_SESSION", {"connector_id": "9"}, "no connector '9'"),
        ("RESERVE_NOW", {"location_id": "NOPE"}, "no location 'NOPE'"),
        ("RESERVE_NOW", {"evse_uid": "NOPE"}, "no EVSE 'NOPE'"),
        ("UNLOCK_CONNECTOR", {"location_id": "NOPE"}, "no location 'NOPE'"),
        ("UNLOCK_CONNECTOR", {"evse_uid": "NOPE"}, "no EVSE 'NOPE'"),
        ("UNLOCK_CONNECTOR", {"connector_id": "9"}, "no connector '9'"),
    ],
)
def test_an_unknown_place_is_answered_2003_and_rejected(cpo, asker, command, place, message):
    given = hooked(cpo, command)

    response = asker.command(command, {**COMMANDS[command], **place})

    assert (response.http_status, response.status_code) == (200, 2003)
    assert response.data == {"result": "REJECTED", "timeout": 0}
    assert message in response.message
    assert (given, asker.received) == ([], [])


@pytest.mark.conformance("CMD-15")
@at_a_place
def test_a_location_that_is_not_for_the_caller_is_unknown_to_it(cpo, asker, command):
    cpo.save("locations", location(evses=[evse()]), audience=(Party("FR", "OTH"),))

    response = asker.command(command, COMMANDS[command])

    assert (response.status_code, response.data) == (2003, {"result": "REJECTED", "timeout": 0})


@pytest.mark.conformance("CMD-15")
@at_a_place
@pytest.mark.parametrize("refusal", [UnknownLocationError("Not here."), None], ids=["UnknownLocationError", "abort"])
def test_a_host_that_knows_the_places_itself_refuses_with_the_status_code(cpo, asker, command, refusal):
    @cpo.command(command)
    def hook(body, reply):
        if refusal is not None:
            raise refusal
        abort(StatusCode.UNKNOWN_LOCATION, "Not here.")

    response = asker.command(command, COMMANDS[command])

    assert (response.http_status, response.status_code, response.message) == (200, 2003, "Not here.")
    assert response.data == {"result": "REJECTED", "timeout": 0}


@pytest.mark.conformance("TYP-01", "CMD-27")
@at_a_place
def test_places_are_found_in_any_case(cpo, asker, command):
    body = {**COMMANDS[command], "location_id": "loc1", "evse_uid": "evse1"}

    assert asker.command(command, body).data["result"] == "ACCEPTED"


@pytest.mark.conformance("CMD-27")
@pytest.mark.parametrize("name", ["location_id", "evse_uid", "connector_id"])
def test_unlocking_needs_the_whole_place(cpo, asker, name):
    body = {key: value for key, value in COMMANDS["UNLOCK_CONNECTOR"].items() if key != name}

    response = asker.command("UNLOCK_CONNECTOR", body)

    check(response, 200, 2001)
    assert f"{name} is required" in response.message


@pytest.mark.conformance("CMD-16", "CMD-04")
def test_stopping_an_unknown_session(cpo, asker):
    given = hooked(cpo, "STOP_SESSION")

    response = asker.command("STOP_SESSION", {"session_id": "NOPE"})

    assert (response.http_status, response.status_code) == (200, 1000)
    assert response.data == {"result": "UNKNOWN_SESSION", "timeout": 0}
    assert given == []


@pytest.mark.conformance("CMD-17", "CMD-04")
def test_stopping_the_session_of_another_providers_driver(network, cpo, asker):
    other = Asker(network, cpo, host="other.example", parties=[("FR", "OTH", ["EMSP"])])
    given = hooked(cpo, "STOP_SESSION")

    refused, stopped = (who.command("STOP_SESSION", {"session_id": "ses1"}) for who in (other, asker))

    assert (refused.status_code, refused.data) == (1000, {"result": "REJECTED", "timeout": 0})
    assert stopped.data["result"] == "ACCEPTED"
    assert [reply.platform.id for _, reply in given] == [asker.client.platform.id]


@pytest.mark.conformance("CMD-15", "CMD-16")
@pytest.mark.parametrize("ocpi_config", [{"OCPI_MODULES": ["commands:RECEIVER"]}], ids=["commands"])
def test_what_is_not_kept_here_is_for_the_host_to_check(ocpi_network, ocpi):
    asker = Asker(ocpi_network, ocpi)
    for command in ("START_SESSION", "STOP_SESSION", "UNLOCK_CONNECTOR"):
        hooked(ocpi, command, "REJECTED")

        response = asker.command(command, {**COMMANDS[command], "session_id": "NOPE", "location_id": "NOPE"})

        assert (response.status_code, response.data) == (1000, {"result": "REJECTED", "timeout": 0})


@pytest.mark.conformance("CMD-18")
def test_an_evse_may_need_the_connector_to_start(cpo, asker):
    required = evse(capabilities=["START_SESSION_CONNECTOR_REQUIRED"])
    cpo.save("locations", location(evses=[required, evse(uid="EVSE2")]))
    at_evse = {name: START[name] for name in ("token", "location_id", "evse_uid")}

    without = asker.command("START_SESSION", at_evse)
    others = [
        asker.command("START_SESSION", body)
        for body in (START, {**at_evse, "evse_uid": "EVSE2"}, {"token": token(), "location_id": "LOC1"})
    ]

    check(without, 200, 2001)
    assert "connector_id is required for EVSE 'EVSE1'" in without.message
    assert [response.data["result"] for response in others] == ["ACCEPTED"] * 3


@pytest.mark.conformance("CMD-18")
def test_a_connector_needs_its_evse(asker):
    response = asker.command("START_SESSION", {"token": token(), "location_id": "LOC1", "connector_id": "1"})

    check(response, 200, 2001)
    assert "evse_uid is required" in response.message


@pytest.mark.conformance("CMD-19")
@with_token
def test_a_token_has_to_be_whole_and_the_callers(cpo, asker, command):
    given = hooked(cpo, command)
    partial = {name: value for name, value in token().items() if name != "contract_id"}
    foreign = token(country_code="FR", party_id="OTH")

    answers = [asker.command(command, {**COMMANDS[command], "token": sent}) for sent in (partial, foreign)]

    for response in answers:
        check(response, 200, 2001)
    assert "token.contract_id is required" in answers[0].message
    assert "token: FR-OTH is not one of your parties" in answers[1].message
    assert given == []


@pytest.mark.conformance("CMD-20", "CMD-21", "CMD-32")
@with_token
def test_a_token_is_taken_as_it_is_and_not_stored(cpo, asker, command):
    blocked = token(valid=False, whitelist="NEVER")
    copy = ocpi_url(f"receiver/tokens/DE/EMS/{blocked['uid']}")
    asker.client.put(copy, blocked)
    adhoc = token(uid="ADHOC", type="AD_HOC_USER", valid=False)
    given = hooked(cpo, command)

    answers = [
        asker.command(command, {**COMMANDS[command], "token": sent, "authorization_reference": "AUTH-1"})
        for sent in (blocked, adhoc)
    ]

    assert [response.data["result"] for response in answers] == ["ACCEPTED"] * 2
    assert [body["token"] for body, _ in given] == [blocked, adhoc]
    assert [body["authorization_reference"] for body, _ in given] == ["AUTH-1"] * 2
    assert list(cpo.objects.documents("tokens", copies=True)) == [blocked]
    assert asker.client.get(ocpi_url("receiver/tokens/DE/EMS/ADHOC?type=AD_HOC_USER")).http_status == 404
    assert asker.received == []  # nothing asked for an authorization


@pytest.mark.conformance("CMD-21", "CMD-25", "CMD-26", "CMD-32")
def test_the_data_of_a_token_goes_into_the_session_and_the_cdr(network, cpo, emsp, commands):
    adhoc = token(uid="ADHOC", type="AD_HOC_USER")
    of_token = {name: adhoc[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")}

    @cpo.command("RESERVE_NOW")
    def reserve(body, reply):
        used = {"cdr_token": of_token, "authorization_reference": body["authorization_reference"]}
        return reply.accept(lambda: begin(used))

    def begin(used):
        reserved = session(id="SES7", status="RESERVATION", auth_method="COMMAND", kwh=0, **used)
        cpo.save("sessions", reserved)
        cpo.push("sessions", "SES7")
        return "ACCEPTED"

    @cpo.command("CANCEL_RESERVATION")
    def cancel(body, reply):
        unused = {"total_energy": 0, "total_reservation_cost": {"excl_vat": 2.5}}
        cpo.save("cdrs", cdr(id="CDR7", session_id="SES7", cdr_token=of_token, auth_method="COMMAND", **unused))
        cpo.push("cdrs", "CDR7")
        return reply.accept(lambda: "ACCEPTED")

    commands.reserve_now({**RESERVE, "token": adhoc, "authorization_reference": "AUTH-1"})
    commands.cancel_reservation("RES1")

    (received,) = emsp.objects.documents("sessions", copies=True)
    assert (received["status"], received["cdr_token"]) == ("RESERVATION", of_token)
    assert received["authorization_reference"] == "AUTH-1"
    (charged,) = emsp.objects.documents("cdrs", copies=True)
    assert (charged["cdr_token"], charged["total_reservation_cost"]) == (of_token, {"excl_vat": 2.5})


@pytest.mark.conformance("CMD-22")
@pytest.mark.parametrize(
    ("type", "minutes", "asked"),
    [("AD_HOC_USER", 60, 0), ("APP_USER", 60, 0), ("RFID", 14, 0), ("RFID", 16, 1)],
)
def test_a_host_can_tell_when_a_token_was_authorized_by_a_command(network, cpo, emsp, commands, type, minutes, asked):
    used = token(uid="USED", type=type, whitelist="NEVER")
    emsp.save("tokens", used)
    started = {}

    @cpo.command("START_SESSION")
    def start(body, reply):
        started[body["token"]["uid"], body["token"]["type"]] = network.clock(), reply.platform
        return "ACCEPTED"

    def authorize(uid, type):
        """What the charge point asks of the operator."""
        moment, platform = started[uid, type]
        if type != "RFID" or (network.clock() - moment).total_seconds() < 15 * 60:
            return True
        return cpo.client(platform).tokens.authorize(uid, type=type).is_allowed

    commands.start_session({**START, "token": used})
    network.clock.advance(minutes * 60)
    network.requests.clear()

    assert authorize("USED", type) is True
    assert [sent.url.rpartition("/")[2] for sent in network.requests] == [f"authorize?type={type}"] * asked


# Reservations


@pytest.mark.conformance("CMD-23")
def test_providers_do_not_get_at_each_others_reservations(network, cpo, asker):
    other = Asker(network, cpo, host="other.example", parties=[("FR", "OTH", ["EMSP"])])
    reserved, cancelled = hooked(cpo, "RESERVE_NOW"), hooked(cpo, "CANCEL_RESERVATION")

    asker.command("RESERVE_NOW", RESERVE)
    unknown = other.command("CANCEL_RESERVATION", {"reservation_id": "RES1"})
    other.command("RESERVE_NOW", {**RESERVE, "token": token(country_code="FR", party_id="OTH")})
    for who in (asker, other):
        assert who.command("CANCEL_RESERVATION", {"reservation_id": "res1"}).data["result"] == "ACCEPTED"

    numbers = [reply.reservation for _, reply in reserved]
    assert unknown.data == {"result": "REJECTED", "timeout": 0}
    assert len(set(numbers)) == 2
    assert [reply.reservation for _, reply in cancelled] == numbers


@pytest.mark.conformance("CMD-23")
def test_parties_of_one_platform_do_not_get_at_each_others_reservations(network, cpo):
    asker = Asker(network, cpo, parties=[("DE", "EMS", ["EMSP"]), ("DE", "EMT", ["EMSP"])])
    reserved, cancelled = hooked(cpo, "RESERVE_NOW"), hooked(cpo, "CANCEL_RESERVATION")
    cancel = {"reservation_id": "RES1"}

    asker.command("RESERVE_NOW", RESERVE, headers=from_party("DE", "EMS"))
    foreign = asker.command("CANCEL_RESERVATION", cancel, headers=from_party("DE", "EMT"))
    only = asker.command("CANCEL_RESERVATION", cancel)
    asker.command("RESERVE_NOW", {**RESERVE, "token": token(party_id="EMT")})
    unclear = asker.command("CANCEL_RESERVATION", cancel)
    clear = asker.command("CANCEL_RESERVATION", cancel, headers=from_party("DE", "EMT"))

    assert foreign.data["result"] == "REJECTED"
    assert (only.data["result"], clear.data["result"]) == ("ACCEPTED", "ACCEPTED")
    check(unclear, 200, 2001)
    assert "OCPI-from-party-id are needed" in unclear.message
    assert [reply.reservation for _, reply in cancelled] == [reply.reservation for _, reply in reserved]


@pytest.mark.conformance("CMD-24")
@EVERY_STORAGE
def test_the_same_reservation_at_the_same_location_is_changed(ocpi_network, ocpi):
    asker = Asker(ocpi_network, ocpi)
    for id in ("LOC1", "LOC2"):
        ocpi.save("locations", location(id=id, evses=[evse()]))
    given = hooked(ocpi, "RESERVE_NOW")

    answers = []
    for change in ({}, {"expiry_date": "2026-01-01T14:00:00Z"}, {"evse_uid": "EVSE1"}, {"location_id": "LOC2"}):
        answers.append(asker.command("RESERVE_NOW", {**RESERVE, **change}).data["result"])
        if answers[-1] == "ACCEPTED":
            ocpi.finish(given[-1][1].id, "ACCEPTED")

    assert answers == ["ACCEPTED", "ACCEPTED", "ACCEPTED", "REJECTED"]
    assert len({reply.reservation for _, reply in given}) == 1
    assert [body["expiry_date"] for body, _ in given[:2]] == [LATER, "2026-01-01T14:00:00Z"]


@pytest.mark.conformance("CMD-24")
@pytest.mark.parametrize("end", ["cancelled", "taken back", "over", "failed"])
def test_an_id_may_be_used_elsewhere_once_the_reservation_is_over(network, cpo, asker, end):
    cpo.save("locations", location(id="LOC2", evses=[evse()]))
    reserved = accepted(asker, cpo, "RESERVE_NOW")
    cpo.finish(reserved, "FAILED" if end == "failed" else "ACCEPTED")
    if end == "cancelled":
        cpo.finish(accepted(asker, cpo, "CANCEL_RESERVATION"), "ACCEPTED")
    elif end == "taken back":
        cpo.finish(reserved, "CANCELED_RESERVATION")
    elif end == "over":
        network.clock.advance(3600)
    given = hooked(cpo, "RESERVE_NOW")

    response = asker.command("RESERVE_NOW", {**RESERVE, "location_id": "LOC2", "expiry_date": "2026-01-02T12:00:00Z"})

    assert response.data["result"] == "ACCEPTED"
    assert given[0][0]["location_id"] == "LOC2"


@pytest.mark.conformance("CMD-24", "CMD-29")
@pytest.mark.parametrize("result", ["REJECTED", "FAILED", "UNKNOWN_RESERVATION"])
def test_a_cancellation_that_fails_leaves_the_reservation(cpo, asker, result):
    cpo.finish(accepted(asker, cpo, "RESERVE_NOW"), "ACCEPTED")
    cpo.finish(accepted(asker, cpo, "CANCEL_RESERVATION"), result)

    again = asker.command("CANCEL_RESERVATION", {"reservation_id": "RES1"})

    assert asker.results[-1] == {"result": result}
    assert again.data["result"] == "ACCEPTED"


@pytest.mark.conformance("CMD-29")
@pytest.mark.parametrize("before", ["nothing", "refused", "failed hook", "bad url", "cancelled", "over"])
def test_cancelling_what_is_not_reserved_is_rejected_at_once(network, cpo, asker, before):
    if before == "refused":
        hooked(cpo, "RESERVE_NOW", "REJECTED")
        asker.command("RESERVE_NOW", RESERVE)
    elif before == "failed hook":
        hooked(cpo, "RESERVE_NOW", ZeroDivisionError())
        asker.command("RESERVE_NOW", RESERVE)
    elif before == "bad url":
        asker.command("RESERVE_NOW", {**RESERVE, "response_url": "https://evil.example/"})
    elif before == "cancelled":
        accepted(asker, cpo, "RESERVE_NOW")
        cpo.finish(accepted(asker, cpo, "CANCEL_RESERVATION"), "ACCEPTED")
    elif before == "over":
        accepted(asker, cpo, "RESERVE_NOW")
        network.clock.advance(3600)
    given = hooked(cpo, "CANCEL_RESERVATION")

    response = asker.command("CANCEL_RESERVATION", {"reservation_id": "RES1"})

    assert (response.status_code, response.data) == (1000, {"result": "REJECTED", "timeout": 0})
    assert given == []


@pytest.mark.conformance("CMD-23", "CMD-24")
def test_a_change_that_is_refused_leaves_the_reservation(cpo, asker):
    number = hooked(cpo, "RESERVE_NOW")
    asker.command("RESERVE_NOW", RESERVE)
    hooked(cpo, "RESERVE_NOW", "REJECTED")
    asker.command("RESERVE_NOW", {**RESERVE, "expiry_date": "2026-01-01T14:00:00Z"})
    cancelled = hooked(cpo, "CANCEL_RESERVATION")

    response = asker.command("CANCEL_RESERVATION", {"reservation_id": "RES1"})

    assert response.data["result"] == "ACCEPTED"
    assert cancelled[0][1].reservation == number[0][1].reservation


@pytest.mark.conformance("CMD-23")
def test_reservations_are_forgotten_a_while_after_they_ended(network, cpo, asker):
    for number in range(3):
        asker.command("RESERVE_NOW", {**RESERVE, "reservation_id": f"RES{number}"})
    network.clock.advance(3600 + 86_400 + 1)

    asker.command("RESERVE_NOW", {**RESERVE, "reservation_id": "NEW", "expiry_date": "2026-02-01T12:00:00Z"})

    records = cpo.storage.list("reservations", Query()).records
    assert [record.document["key"][2] for record in records] == ["NEW"]


@pytest.mark.conformance("CMD-14")
@EVERY_STORAGE
def test_a_reservation_can_be_taken_back_until_it_is_over(ocpi_network, ocpi, ocpi_clock):
    asker = Asker(ocpi_network, ocpi)
    ocpi.save("locations", location(evses=[evse()]))
    body = {**RESERVE, "expiry_date": "2026-01-08T12:00:00Z"}
    command_id = accepted(asker, ocpi, "RESERVE_NOW", body)
    ocpi.finish(command_id, "ACCEPTED")
    ocpi_clock.advance(7 * 86_400 - 60)
    accepted(asker, ocpi, "RESERVE_NOW", {**body, "reservation_id": "NEW", "expiry_date": "2026-02-01T12:00:00Z"})

    taken = ocpi.finish(command_id, "CANCELED_RESERVATION")

    assert taken is True
    assert asker.results == [{"result": "ACCEPTED"}, {"result": "CANCELED_RESERVATION"}]
    assert {sent.url for sent in asker.received} == {RESPONSE_URL}
    with pytest.raises(InvalidParametersError, match="has its result already, CANCELED_RESERVATION"):
        ocpi.finish(command_id, "CANCELED_RESERVATION")


@pytest.mark.conformance("CMD-14")
@pytest.mark.parametrize("first", ["FAILED", "REJECTED", "EVSE_OCCUPIED"])
def test_what_was_not_reserved_cannot_be_taken_back(cpo, asker, first):
    command_id = accepted(asker, cpo, "RESERVE_NOW")
    cpo.finish(command_id, first)

    with pytest.raises(InvalidParametersError, match=f"has its result already, {first}"):
        cpo.finish(command_id, "CANCELED_RESERVATION")


@pytest.mark.conformance("CMD-14")
def test_a_reservation_that_is_taken_back_before_the_answer_is_told_once(cpo, asker):
    @cpo.command("RESERVE_NOW")
    def reserve(body, reply):
        reply.finish("ACCEPTED")
        reply.finish("CANCELED_RESERVATION")
        return "ACCEPTED"

    asker.command("RESERVE_NOW", RESERVE)

    assert asker.results == [{"result": "CANCELED_RESERVATION"}]


@pytest.mark.conformance("CMD-13", "CMD-14")
def test_commands_are_forgotten_in_the_end(network, cpo, asker):
    old = accepted(asker, cpo)
    cpo.finish(old, "ACCEPTED")
    network.clock.advance(86_400 + 31)
    asker.command("START_SESSION", START)

    with pytest.raises(NotFoundError):
        cpo.finish(old, "FAILED")
