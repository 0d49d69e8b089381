"""Handshakes beside each other, and what other connections see while one is running."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import orjson
import pytest
from sqlalchemy import create_engine
from sqlalchemy import text

from flask_ocpi.client.transport import Request
from flask_ocpi.partners.platforms import PLATFORMS
from flask_ocpi.partners.platforms import Platforms
from flask_ocpi.partners.platforms import TokenUse
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.testing.network import PartnerClient
from tests.conftest import EVERY_STORAGE
from tests.peers import Peer
from tests.peers import dump
from tests.urls import ocpi_url

EVERY_DATABASE = pytest.mark.parametrize("ocpi_storage", ["sqlite", "postgresql"], indirect=True)


def together(*tasks):
    with ThreadPoolExecutor(len(tasks)) as pool:
        futures = [pool.submit(task) for task in tasks]
        return [future.result(timeout=120) for future in futures]


def meet_in_call_backs(network, count, path):
    """Hold the first calls of this path until all of them are there."""
    barrier = threading.Barrier(count)
    waiting = threading.Semaphore(count)

    def wait(request: Request) -> None:
        if urlsplit(request.url).path == path and waiting.acquire(blocking=False):
            barrier.wait(timeout=120)

    network.before_send = wait


@pytest.fixture
def apps(ocpi_app, ocpi_storage, ocpi_parties, ocpi_network):
    """The platform as two processes serve it: one has no second handshake of a platform at the same time."""
    config = {name: ocpi_app.config[name] for name in ("SECRET_KEY", "OCPI_BASE_URL")}
    ocpi_network.add("second.example", ocpi_parties, storage=ocpi_storage, config=config)
    return ocpi_app, ocpi_network.apps["second.example"]


@pytest.mark.conformance("CRED-06", "CRED-12")
@EVERY_STORAGE
def test_two_posts_with_one_token_a_register_one(ocpi, ocpi_app, apps, ocpi_network):
    peers = [Peer(ocpi_network, f"peer{n}.example") for n in range(2)]
    ocpi.partners.invite(name="Peer", token="token-a")
    meet_in_call_backs(ocpi_network, 2, "/2.2.1")

    answers = together(
        *(lambda peer=peer, app=app: peer.post(app, "token-a") for peer, app in zip(peers, apps, strict=True))
    )

    assert sorted(answer.status_code for answer in answers) == [1000, 2000]
    winner = 0 if answers[0].status_code == 1000 else 1
    platform = ocpi.partners.find("DE-PEE")
    assert platform.versions_url == peers[winner].url
    assert ocpi.services.platforms.cipher.decrypt(platform.token) == peers[winner].token
    client = PartnerClient(ocpi_app, answers[winner].data["token"])
    assert client.get(ocpi_url("sender/locations")).http_status == 200
    assert len(dump(ocpi)["credential_tokens"]) == 1


@pytest.mark.conformance("CRED-18", "CRED-12")
@EVERY_STORAGE
def test_two_puts_at_once_renew_once(ocpi, ocpi_app, apps, ocpi_network):
    peer = Peer(ocpi_network)
    ocpi.partners.invite(name="Peer", token="token-a")
    token = peer.post(ocpi_app, "token-a").data["token"]
    PartnerClient(ocpi_app, token).get("/ocpi/versions")
    meet_in_call_backs(ocpi_network, 2, "/2.2.1")

    answers = together(*(lambda app=app: peer.put(app, token) for app in apps))

    assert sorted(answer.status_code for answer in answers) == [1000, 2000]
    (renewed,) = [answer.data["token"] for answer in answers if answer.status_code == 1000]
    assert PartnerClient(ocpi_app, renewed).get("/ocpi/versions").http_status == 200
    assert PartnerClient(ocpi_app, token).get("/ocpi/versions").http_status == 401


@EVERY_STORAGE
def test_two_platforms_that_claim_one_party_at_once(ocpi, ocpi_app, ocpi_network):
    peers = [Peer(ocpi_network, f"peer{n}.example", parties=[("DE", "TKN", ["EMSP"])]) for n in range(2)]
    for number in range(2):
        ocpi.partners.invite(name=f"Peer {number}", token=f"token-{number}")
    meet_in_call_backs(ocpi_network, 2, "/2.2.1")

    answers = together(
        lambda: peers[0].post(ocpi_app, "token-0"),
        lambda: peers[1].post(ocpi_app, "token-1"),
    )

    assert sorted(answer.status_code for answer in answers) == [1000, 2001]
    (refused,) = [answer for answer in answers if answer.status_code == 2001]
    assert "DE-TKN is registered by another platform" in refused.message
    assert sorted(platform.state for platform in ocpi.partners.list()) == ["INVITED", "REGISTERED"]
    (claim,) = dump(ocpi)["platform_parties"]
    assert orjson.loads(claim) == {"platforms": [ocpi.partners.find("DE-TKN").id]}


@EVERY_STORAGE
def test_first_use_of_a_new_token_by_many_at_once(ocpi, ocpi_app, ocpi_network):
    peer = Peer(ocpi_network)
    ocpi.partners.invite(name="Peer", token="token-a")
    token = peer.post(ocpi_app, "token-a").data["token"]

    answers = together(*(lambda: PartnerClient(ocpi_app, token).get("/ocpi/versions") for _ in range(6)))

    assert [answer.http_status for answer in answers] == [200] * 6
    assert PartnerClient(ocpi_app, "token-a").post(ocpi_url("credentials"), peer.credentials()).http_status == 401


class Elsewhere:
    """The same database over a connection of its own, as another process would have it."""

    def __init__(self, ocpi, storage):
        engine = storage._database._engine
        self.engine = create_engine(engine.url)
        self.storage = SQLAlchemyStorage(self.engine, storage._tables)
        self.platforms = Platforms(
            self.storage,
            cipher=ocpi.services.platforms.cipher,
            clock=ocpi.services.platforms.clock,
            grace=0,
            allow_shared_parties=False,
            own_parties=(),
        )

    def assert_no_transaction_is_open(self):
        """On SQLite one would keep us from writing; PostgreSQL tells."""
        with self.storage.transaction():
            self.storage.save(PLATFORMS, Key.of("", "", "probe"), Record.of({}))
            self.storage.delete(PLATFORMS, Key.of("", "", "probe"))
        if self.engine.dialect.name == "postgresql":
            with self.engine.connect() as connection:
                open_ones = text("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")
                assert connection.execute(open_ones).scalar_one() == 0


@pytest.mark.conformance("CRED-14", "CRED-15", "CLI-01")
@EVERY_DATABASE
@pytest.mark.parametrize("operation", ["register", "rotate"])
def test_token_b_is_committed_while_the_request_with_it_is_in_flight(
    ocpi, ocpi_other, ocpi_storage, ocpi_network, operation
):
    elsewhere = Elsewhere(ocpi, ocpi_storage)
    _, token = ocpi_other.partners.invite(name="Us")
    if operation == "rotate":
        ocpi.partners.register(ocpi_other.versions_url, token)
    seen = []

    def look(request: Request) -> None:
        if request.method in ("POST", "PUT"):
            elsewhere.assert_no_transaction_is_open()
            caller = elsewhere.platforms.caller([orjson.loads(request.body)["token"]])
            seen.append((caller.issued.use, caller.is_registered))

    ocpi_network.before_send = look
    if operation == "rotate":
        ocpi.partners.rotate("FR-OTH")
    else:
        ocpi.partners.register(ocpi_other.versions_url, token)

    elsewhere.engine.dispose()
    assert seen == [(TokenUse.PENDING, operation == "rotate")]


@pytest.mark.conformance("CRED-14", "CRED-04")
@EVERY_DATABASE
@pytest.mark.parametrize("operation", ["register", "rotate"])
def test_no_transaction_is_open_while_the_server_calls_back(ocpi, ocpi_other, ocpi_storage, ocpi_network, operation):
    elsewhere = Elsewhere(ocpi, ocpi_storage)
    _, token = ocpi.partners.invite(name="Other")
    if operation == "rotate":
        ocpi_other.partners.register(ocpi.versions_url, token, version="2.2.1")
    called_back = []

    def look(request: Request) -> None:
        if "other.example" in request.url:
            elsewhere.assert_no_transaction_is_open()
            called_back.append(urlsplit(request.url).path)

    ocpi_network.before_send = look
    if operation == "rotate":
        ocpi_other.partners.rotate("NL-ABC")
    else:
        ocpi_other.partners.register(ocpi.versions_url, token, version="2.2.1")

    elsewhere.engine.dispose()
    assert called_back == ["/ocpi/versions", ocpi_url()]


@pytest.mark.conformance("CRED-15")
def test_token_b_opens_versions_and_credentials_only_while_we_register(ocpi, ocpi_app, ocpi_other, ocpi_network):
    _, token = ocpi_other.partners.invite(name="Us")
    paths = ["/ocpi/versions", ocpi_url(), ocpi_url("credentials"), ocpi_url("sender/locations")]
    statuses = []

    def look(request: Request) -> None:
        if request.method == "POST":
            client = PartnerClient(ocpi_app, orjson.loads(request.body)["token"])
            statuses.extend(client.get(path).http_status for path in paths)

    ocpi_network.before_send = look
    ocpi.partners.register(ocpi_other.versions_url, token)

    assert statuses == [200, 200, 200, 401]
