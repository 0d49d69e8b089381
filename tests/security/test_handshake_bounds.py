"""A platform that lets our calls hang, while its own wait for them, stops nobody else."""

from __future__ import annotations

import http.client
import importlib.util
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer

import orjson
import pytest

from flask_ocpi.client.transport import AddressPolicy
from flask_ocpi.client.transport import HTTPTransport
from flask_ocpi.client.transport import Request
from flask_ocpi.errors import CrowdedError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import UnansweredError
from flask_ocpi.exchange import logs
from flask_ocpi.exchange.bounds import Waits
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.signals import token_authorized
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from tests.conformance.asking import Asker
from tests.peers import Peer
from tests.peers import answer
from tests.peers import dump
from tests.servers import free_port
from tests.snippets import ROOT
from tests.urls import ocpi_url

PATIENCE = 60.0  # seconds; only something that hangs takes as long
CREDENTIALS = ocpi_url("credentials")
AUTHORIZE = ocpi_url("sender/tokens/1/authorize")
ROLE = {"role": "CPO", "business_details": {"name": "Bad"}, "country_code": "NL"}


class Hanging:
    """A platform that answers nothing before it is released; ``held`` counts the requests that hang."""

    def __init__(self):
        self.held = threading.Semaphore(0)
        self.released = threading.Event()
        hanging = self

        class Handler(BaseHTTPRequestHandler):
            def hang(self):
                hanging.held.release()
                hanging.released.wait(2 * PATIENCE)
                with suppress(OSError):  # nobody may be there any more
                    self.send_error(500)

            do_GET = do_POST = hang

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def ocpi_config():
    return {"OCPI_HANDSHAKE_TIMEOUT": 10}


@pytest.fixture
def hostile():
    with closing(Hanging()) as hostile:
        yield hostile


@dataclass
class Platform:
    """A platform in a process of its own, and the tokens of its partners by name."""

    port: int
    tokens: dict[str, str]

    def ask(self, method, path, name, body=None):
        """Return HTTP status, headers and envelope of an answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=2 * PATIENCE)) as connection:
            headers = {"Authorization": authorization(self.tokens[name]), "Content-Type": "application/json"}
            connection.request(method, path, orjson.dumps(body) if body is not None else None, headers)
            got = connection.getresponse()
            return got.status, got.headers, orjson.loads(got.read())


@pytest.fixture
def platform(hostile, tmp_path, request):
    """A platform behind granian with as many threads as the test says."""
    if importlib.util.find_spec("granian") is None:
        pytest.skip("granian is not installed.")
    port, file = free_port(), tmp_path / "tokens"
    command = ["-m", "granian", "--interface", "wsgi", "--no-ws", "--blocking-threads", str(request.param)]
    process = subprocess.Popen(
        ["timeout", "300", sys.executable, *command, "--port", str(port), "tests.security.crowded_app:app"],
        cwd=ROOT,
        env={**os.environ, "TOKEN_FILE": str(file), "HOSTILE": hostile.url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port, process)
        yield Platform(port, orjson.loads(file.read_bytes()))
    finally:
        hostile.released.set()
        process.terminate()
        process.wait(PATIENCE)


def wait_for(port, process):
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends and process.poll() is None:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
                connection.request("GET", "/ocpi")
                connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"No server came up on port {port}.")


@pytest.fixture
def pool():
    """Threads that ask, which end before the platform does."""
    with ThreadPoolExecutor(64) as pool:
        yield pool


def assert_served(platform, pool, hostile):
    """Health and lists are answered while what hangs still does."""
    asked = [pool.submit(platform.ask, "GET", path, "healthy") for path in ("/ocpi/health", ocpi_url()) * 8]
    asked += [pool.submit(platform.ask, "GET", ocpi_url("sender/locations"), "healthy") for _ in range(16)]
    answers = [future.result(PATIENCE) for future in asked]
    assert [status for status, _, _ in answers] == [200] * 32
    assert len(answers[-1][2]["data"]) == 1
    assert not hostile.released.is_set()


def ended(futures, number):
    """Wait for some of the answers; return those."""
    ends = time.monotonic() + PATIENCE
    while sum(future.done() for future in futures) < number:
        assert time.monotonic() < ends, "too few were answered"
        time.sleep(0.02)
    return [future.result() for future in futures if future.done()]


def credentials(hostile, party="BAD"):
    return {"token": "b" * 20, "url": f"{hostile.url}/versions", "roles": [{**ROLE, "party_id": party}]}


@pytest.mark.parametrize("platform", [4, 16], indirect=True, ids=["4 threads", "16 threads"])
def test_handshakes_that_hang_leave_threads_for_everybody_else(platform, hostile, pool):
    puts = [pool.submit(platform.ask, "PUT", CREDENTIALS, "hostile", credentials(hostile)) for _ in range(16)]
    assert hostile.held.acquire(timeout=PATIENCE)
    refused = ended(puts, 15)
    assert_served(platform, pool, hostile)
    body = credentials(hostile, "NEW")
    posts = [pool.submit(platform.ask, "POST", CREDENTIALS, "invited", body) for _ in range(16)]
    assert hostile.held.acquire(timeout=PATIENCE)
    refused += ended(posts, 15)
    assert_served(platform, pool, hostile)
    refused.append(platform.ask("POST", CREDENTIALS, "late", credentials(hostile, "LAT")))

    assert [(status, headers["Retry-After"]) for status, headers, _ in refused] == [(429, "120")] * 31
    assert {envelope["status_code"] for _, _, envelope in refused} == {2000}
    assert "A handshake of this platform is under way" in refused[0][2]["status_message"]
    assert "Other handshakes are under way" in refused[-1][2]["status_message"]
    assert not hostile.held.acquire(blocking=False), "two call back, no more"
    hostile.released.set()
    held = [future.result(PATIENCE) for future in (*puts, *posts) if future.result(PATIENCE)[0] != 429]
    assert [envelope["status_code"] for _, _, envelope in held] == [3001, 3001]


@pytest.mark.parametrize("platform", [16], indirect=True, ids=["16 threads"])
def test_what_a_hook_passes_on_leaves_threads_for_everybody_else(platform, hostile, pool):
    asked = [pool.submit(platform.ask, "POST", AUTHORIZE, "healthy") for _ in range(32)]
    for _ in range(4):
        assert hostile.held.acquire(timeout=PATIENCE)
    refused = ended(asked, 28)
    assert_served(platform, pool, hostile)

    assert {envelope["status_code"] for _, _, envelope in refused} == {4003}
    assert not hostile.held.acquire(blocking=False)
    hostile.released.set()
    assert [future.result(PATIENCE)[0] for future in asked] == [200] * 32


def test_a_refused_handshake_changes_nothing_and_the_next_one_works(ocpi, ocpi_app, ocpi_network):
    peer = Peer(ocpi_network)
    ocpi.partners.invite(name="Peer", token="token-a")
    second = []

    def come_again():
        if not second:
            before = dump(ocpi)
            second.append(peer.post(ocpi_app, "token-a"))
            assert dump(ocpi) == before
        return answer(peer.versions)

    peer.answers["GET /versions"] = come_again

    first = peer.post(ocpi_app, "token-a")

    assert (first.status_code, second[0].http_status, second[0].status_code) == (1000, 429, 2000)
    assert second[0].headers["Retry-After"] == "10"
    assert peer.put(ocpi_app, first.data["token"]).status_code == 1000


def test_the_time_of_a_handshake_is_one_for_all_that_it_fetches(ocpi, ocpi_app, ocpi_network):
    peer = Peer(ocpi_network)
    ocpi.partners.invite(name="Peer", token="token-a")

    assert peer.post(ocpi_app, "token-a").status_code == 1000

    first, second = (request.timeout for request in ocpi_network.requests)
    assert second < first <= 10


def test_a_handshake_whose_time_is_over_calls_nobody(ocpi_network):
    ocpi = ocpi_network.add("hurried.example", [("NL", "HUR", ["CPO"])], config={"OCPI_HANDSHAKE_TIMEOUT": 1e-9})
    peer = Peer(ocpi_network)
    ocpi.partners.invite(name="Peer", token="token-a")

    refused = peer.post(ocpi_network.apps["hurried.example"], "token-a")

    assert (refused.status_code, peer.seen) == (3001, [])


def test_a_request_may_have_less_time_than_the_transport_and_not_more(hostile):
    allowed = {"connect_timeout": PATIENCE, "read_timeout": PATIENCE}
    for most, timeout in ((2 * PATIENCE, 0.05), (0.05, 2 * PATIENCE)):
        transport = HTTPTransport(policy=AddressPolicy(True, ()), total_timeout=most, **allowed)
        with closing(transport), pytest.raises(UnansweredError):
            transport.send(Request("GET", hostile.url, timeout=timeout))

    assert not hostile.released.is_set()


def test_handshakes_of_two_platforms_that_cross_do_not_refuse_each_other_for_being_under_way(
    ocpi, ocpi_other, ocpi_network
):
    ocpi_network.connect(ocpi, ocpi_other)
    crossed = []

    def cross(request):
        if request.url.startswith("https://platform.example") and not crossed:  # the call back for our own rotation
            crossed.append(request)
            ocpi_other.partners.rotate("NL-ABC")

    ocpi_network.before_send = cross
    with pytest.raises(RefusedError, match="was faster"):
        ocpi.partners.rotate("FR-OTH")

    assert crossed
    for one, other in ((ocpi, "FR-OTH"), (ocpi_other, "NL-ABC")):
        assert one.client(other).is_alive()


def test_each_platform_and_all_together_have_a_bound():
    waits = Waits(3, each=2)

    with waits.waiting_for("a"), waits.waiting_for("a"):
        with pytest.raises(CrowdedError) as of_one, waits.waiting_for("a"):
            pass
        with waits.waiting_for("b"), pytest.raises(CrowdedError) as of_all, waits.waiting_for("c"):
            pass
    with pytest.raises(ValueError, match="ends"), waits.waiting_for("a"):
        raise ValueError("This one ends badly.")
    with waits.waiting_for("a"), waits.waiting_for("a"), waits.waiting_for("b"):
        pass

    assert (of_one.value.is_about_platform, of_all.value.is_about_platform) == (True, False)


def test_a_forked_process_waits_for_nobody():
    waits = Waits(1, each=1)

    with waits.waiting_for("a"):
        waits._lock.acquire()
        waits._begin()  # what a forked process begins with
        with waits.waiting_for("a"), pytest.raises(CrowdedError), waits.waiting_for("b"):
            pass
    with waits.waiting_for("b"):
        pass


@pytest.fixture
def provider(ocpi_network):
    """A provider whose hooks may wait for one platform at a time, and the client of an operator."""
    config = {"OCPI_MAX_WAITING": 1, "OCPI_DISPATCHER": "thread"}
    provider = ocpi_network.add("provider.example", [("DE", "EMS", ["EMSP"])], config=config)
    provider.save("tokens", token(uid="1"))
    app = ocpi_network.apps["provider.example"]
    return provider, add_partner(app, [("NL", "CPO", ["CPO"])], name="Operator")


def full(provider):
    """Take the place of a request that waits."""
    return provider.services.waits.waiting_for("somebody")


def test_nobody_is_called_for_a_request_when_enough_of_them_wait(provider, ocpi_network):
    provider, operator = provider
    asked = add_partner(operator.app, [("NL", "TWO", ["CPO", "EMSP"])], name="Two").platform

    @provider.authorizer
    def ask(document, place):
        return "ALLOWED" if provider.client(asked).is_alive() else "BLOCKED"

    with full(provider):
        refused = operator.post(AUTHORIZE)
        provider.client(asked).is_alive()  # for nobody who waits

    assert refused.data["allowed"] == "BLOCKED"
    assert [request.url for request in ocpi_network.requests] == ["https://partner.example/v"]


def test_a_hook_does_not_wait_for_a_result_when_enough_of_them_wait(provider, monkeypatch):
    provider, operator = provider
    monkeypatch.setattr(provider, "call", lambda id: type("Call", (), {"platform": "two", "expires": 0}))
    provider.authorizer(lambda document, place: provider.wait("1").result)

    with full(provider):
        refused = operator.post(AUTHORIZE)

    assert (refused.status_code, refused.http_status) == (4003, 200)
    assert "Too many requests wait" in refused.message


def test_a_command_that_is_not_passed_on_waits_for_no_result_and_a_list_is_not_fetched_ahead(provider):
    provider, operator = provider
    endpoints = tuple(
        {"identifier": module, "role": role, "url": f"https://partner.example/{module}"}
        for module, role in (("commands", "RECEIVER"), ("locations", "SENDER"))
    )
    provider.services.platforms.save(replace(operator.platform, endpoints=endpoints), before=operator.platform)
    client = provider.client("operator")

    with full(provider), logs.within(logs.Exchange(is_answering=True)):
        with pytest.raises(CrowdedError):
            client.commands.stop_session("S")
        within = client.locations.pages(prefetch=True)
    (call,) = dump(provider)["outgoing_requests"]

    assert orjson.loads(call)["state"] == "REFUSED"
    assert within._background is None
    assert client.locations.pages(prefetch=True)._background is not None


def test_a_result_that_is_finished_within_a_request_is_sent_behind_it(provider, monkeypatch):
    provider, _ = provider
    sent = []
    monkeypatch.setattr("flask_ocpi.host.facade.pending.finish", lambda *_: True)
    monkeypatch.setattr("flask_ocpi.client.callbacks.deliver", lambda *_: sent.append(threading.current_thread()))

    with logs.within(logs.Exchange(is_answering=True)):
        assert provider.finish("1", "ACCEPTED")
    for thread in threading.enumerate():
        if thread.name == "ocpi-background":
            thread.join(PATIENCE)
    provider.finish("1", "ACCEPTED")

    assert [thread is threading.current_thread() for thread in sent] == [False, True]


def test_results_for_a_platform_that_hangs_hold_up_those_of_no_other(ocpi_network):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], config={"OCPI_DISPATCHER": "none"})
    cpo.command("STOP_SESSION")(lambda body, reply: "ACCEPTED")
    hostile, healthy = (
        Asker(ocpi_network, cpo, host=f"{party.lower()}.example", parties=[("DE", party, ["EMSP"])])
        for party in ("BAD", "EMS")
    )
    for asker, number in ((hostile, 40), (healthy, 2)):
        party = asker.client.platform.parties[0].party_id
        cpo.save("sessions", session(id=party, cdr_token={**session()["cdr_token"], "party_id": party}))
        for _ in range(number):
            body = {"session_id": party, "response_url": f"https://{asker.host}/r"}
            assert asker.command("STOP_SESSION", body).data["result"] == "ACCEPTED"
    released, sent = threading.Event(), []

    def send(request):
        sent.append(request.url)
        if "bad.example" in request.url:
            released.wait(PATIENCE)
            raise UnansweredError("Nothing came.")

    ocpi_network.before_send = send
    ocpi_network.clock.advance(60)
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(cpo.send_timeouts)
        ends = time.monotonic() + PATIENCE
        while len(healthy.results) < 2 and time.monotonic() < ends:
            time.sleep(0.02)
        before = list(healthy.results)
        released.set()
        assert job.result(PATIENCE) == 42
    first = [url for url in sent if "bad.example" in url]
    cpo.send_timeouts()

    assert before == [{"result": "TIMEOUT"}] * 2
    assert len(first) <= 16
    assert len([url for url in sent if "bad.example" in url]) > len(first), "the next run tries again"


def test_what_a_listener_calls_counts_as_part_of_the_request(ocpi, ocpi_app, ocpi_client):
    seen = []

    @token_authorized.connect_via(ocpi_app)
    def listen(app, **payload):
        seen.append(logs.is_answering())

    ocpi.save("tokens", token(country_code="NL", party_id="ABC", uid="1"))
    PartnerClient(ocpi_app, ocpi_client.token).post(AUTHORIZE)

    assert (seen, logs.is_answering()) == ([True], False)
