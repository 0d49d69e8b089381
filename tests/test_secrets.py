"""No token and no key is ever readable where it should not be: storage, logs, errors, reprs, OpenAPI, terminal."""

from __future__ import annotations

import base64
import json
import logging
import stat
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet
from flask import Flask
from werkzeug.serving import make_server

from flask_ocpi import OCPI
from flask_ocpi.client.connection import Connection
from flask_ocpi.client.transport import Request
from flask_ocpi.core.config import Settings
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import StorageError
from flask_ocpi.modules import credentials as handlers
from flask_ocpi.partners.auth_tokens import candidates
from flask_ocpi.partners.auth_tokens import hash_token
from flask_ocpi.partners.auth_tokens import new_token
from flask_ocpi.signals import object_received
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import party_settings
from flask_ocpi.web.setup import secret_key
from tests.conftest import EVERY_STORAGE
from tests.peers import CREDENTIALS
from tests.peers import Peer
from tests.peers import dump
from tests.servers import free_port
from tests.urls import ocpi_url

pytestmark = pytest.mark.conformance("A-14")

SENDER = ocpi_url("sender/locations")


def spellings(token: str) -> list[str]:
    """Return the ways in which a text would give the token away."""
    return [token, base64.b64encode(token.encode()).decode().rstrip("=")]


def tokens_in(request: Request, answer: bytes = b"") -> set[str]:
    """Return the tokens that an exchange carries: in its header, in its body, and in the answer."""
    found = set(candidates(request.headers["Authorization"]))
    for body in (request.body, answer):
        document = orjson.loads(body) if body else {}
        for part in (document, document.get("data") or {}):
            if isinstance(part, dict) and isinstance(part.get("token"), str):
                found.add(part["token"])
    return found


def assert_unreadable(text: str, tokens: set[str]) -> None:
    assert len(tokens) > 3
    assert [token for token in tokens if any(spelling in text for spelling in spellings(token))] == []


# At rest.


@EVERY_STORAGE
def test_storage_holds_hashes_of_our_tokens_and_encrypted_ones_of_theirs(ocpi, ocpi_other, ocpi_network, tmp_path):
    tokens: set[str] = set()

    def collect(request: Request, response: Any) -> Any:
        tokens.update(tokens_in(request, response.body))
        return response

    ocpi_network.after_send = collect
    there, here = ocpi_network.connect(ocpi_other, ocpi)
    ocpi_other.partners.rotate(there)
    ocpi.partners.rotate(here.id)
    ocpi_other.partners.invite(name="Somebody", token="an-invitation-token")

    stored = json.dumps([str(dump(platform, journal=True)) for platform in (ocpi, ocpi_other)])
    on_disk = b"".join(path.read_bytes() for path in tmp_path.glob("ocpi.sqlite3*")).decode("latin-1")
    assert_unreadable(stored + on_disk, {*tokens, "an-invitation-token"})
    (platform,) = ocpi.partners.list()
    assert [token.hash for token in platform.issued] == [
        hash_token(ocpi_other.services.platforms.cipher.decrypt(ocpi_other.partners.find("NL-ABC").token))
    ]
    assert ocpi.services.platforms.cipher.decrypt(platform.token) in tokens


def test_sqlite_file_can_be_read_by_nobody_for_a_token(ocpi_network, tmp_path):
    app = Flask("filed", instance_path=str(tmp_path))
    app.config.update(
        OCPI_BASE_URL="https://filed.example", OCPI_PARTIES=[party_settings("NL", "FIL", ["CPO", "EMSP"])]
    )
    ocpi = OCPI(app, transport=ocpi_network)
    ocpi_network.apps["filed.example"] = app
    peer = Peer(ocpi_network)
    _, token = ocpi.partners.invite(name="Peer")

    issued = peer.post(app, token).data["token"]
    PartnerClient(app, issued).put(CREDENTIALS, peer.credentials())

    content = b"".join(path.read_bytes() for path in tmp_path.glob("ocpi.sqlite3*")).decode("latin-1")
    assert hash_token(issued) in content
    assert_unreadable(content, {token, issued, peer.token, (tmp_path / "ocpi_secret_key").read_text()})


def test_keys_are_changed_without_losing_a_token(tmp_path):
    old, new, other = (Fernet.generate_key().decode() for _ in range(3))
    network, storage = Network(), MemoryStorage()

    @cache
    def build(*keys: str) -> OCPI:
        app = Flask("keyed", instance_path=str(tmp_path))
        app.config.update(
            OCPI_BASE_URL="https://keyed.example",
            OCPI_PARTIES=[party_settings("NL", "KEY", ["CPO", "EMSP"])],
            OCPI_ENCRYPTION_KEYS=list(keys),
        )
        return OCPI(app, storage=storage, transport=network)

    def start(*keys: str) -> OCPI:
        ocpi = build(*keys)
        network.apps["keyed.example"] = ocpi.app
        return ocpi

    peer = network.add("peer.example", [("DE", "PEE", ["CPO", "EMSP"])])
    network.connect(start(old), peer)
    first = start(new, old).pull("locations", "DE-PEE").seen
    with pytest.raises(StorageError, match="put the old key back, at the end of OCPI_ENCRYPTION_KEYS"):
        start(new).pull("locations", "DE-PEE")

    start(new, old).partners.rotate("DE-PEE")
    second = start(new).pull("locations", "DE-PEE").seen

    assert first == second == 0
    with pytest.raises(StorageError):
        start(other).partners.unregister("DE-PEE")
    assert start(other).partners.unregister("DE-PEE", force=True).token is None


def unkeyed_app(folder: Path, **config: Any) -> Flask:
    app = Flask("unkeyed", instance_path=str(folder))
    app.config.update(OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])], **config)
    return app


def test_key_is_made_in_the_instance_folder_for_its_owner_only(tmp_path):
    folder = tmp_path / "instance"
    first = OCPI(unkeyed_app(folder), storage=MemoryStorage())
    encrypted = first.services.platforms.cipher.encrypt("token")

    second = OCPI(unkeyed_app(folder), storage=MemoryStorage())

    assert stat.S_IMODE((folder / "ocpi_secret_key").stat().st_mode) == 0o600
    assert len((folder / "ocpi_secret_key").read_text()) == 64
    assert second.services.platforms.cipher.decrypt(encrypted) == "token"


@pytest.mark.parametrize(
    "config",
    [{"SECRET_KEY": "secret"}, {"OCPI_ENCRYPTION_KEYS": [Fernet.generate_key().decode()]}],
    ids=["SECRET_KEY", "OCPI_ENCRYPTION_KEYS"],
)
def test_no_key_is_made_where_there_is_one(tmp_path, config):
    OCPI(unkeyed_app(tmp_path / "instance", **config), storage=MemoryStorage())

    assert not (tmp_path / "instance" / "ocpi_secret_key").exists()


def test_key_file_is_made_once_by_many_at_once(tmp_path):
    app = unkeyed_app(tmp_path)
    settings = Settings.from_mapping(app.config)
    barrier = threading.Barrier(8)

    def read() -> Any:
        barrier.wait(timeout=120)
        return secret_key(app, settings)

    with ThreadPoolExecutor(8) as pool:
        keys = {future.result(timeout=120) for future in [pool.submit(read) for _ in range(8)]}

    assert len(keys) == 1


@pytest.mark.parametrize("content", ["", "half a key"])
def test_broken_key_file_is_named(tmp_path, content):
    (tmp_path / "ocpi_secret_key").write_text(content)

    with pytest.raises((OSError, FlaskOCPIError), match="ocpi_secret_key holds no key; remove it"):
        OCPI(unkeyed_app(tmp_path), storage=MemoryStorage())


@pytest.mark.parametrize("value", [5, "not-a-key", ["not-a-key"], {"key": "not-a-key"}], ids=str)
def test_wrong_keys_are_named_and_not_shown(tmp_path, value):
    with pytest.raises(ConfigurationError, match="OCPI_ENCRYPTION_KEYS must") as caught:
        OCPI(unkeyed_app(tmp_path, OCPI_ENCRYPTION_KEYS=value), storage=MemoryStorage())

    assert "not-a-key" not in "".join(traceback.format_exception(caught.value))


# In motion: everything that is said while two platforms work and fail over sockets.

LOGGERS = ["", "flask_ocpi", "flask_ocpi.client", "werkzeug", "urllib3", "sqlalchemy.engine", "sqlalchemy.pool"]


class Side:
    """A platform behind a socket; ``tokens`` gathers every token it sent or was sent in an answer."""

    def __init__(self, folder: Path, party: str, tokens: set[str]) -> None:
        self.port = free_port()
        self.secret = f"secret-key-of-{party}"
        self.key = Fernet.generate_key().decode()
        self.app = Flask(f"side-{party}", instance_path=str(folder))
        self.app.config.update(
            SECRET_KEY=self.secret,
            OCPI_ENCRYPTION_KEYS=[self.key],
            OCPI_PARTIES=[party_settings("NL", party, ["CPO", "EMSP"])],
            OCPI_BASE_URL=f"http://127.0.0.1:{self.port}",
            OCPI_HTTP_ALLOW_PRIVATE=True,
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder / 'ocpi.sqlite3'}",
            OCPI_CREATE_TABLES=True,
        )
        folder.mkdir()
        self.ocpi = OCPI(self.app)
        send = self.ocpi.transport.send

        def collecting(request: Request) -> Any:
            tokens.update(tokens_in(request))
            response = send(request)
            is_json = response.headers.get("Content-Type") == "application/json"
            tokens.update(tokens_in(request, response.body if is_json else b""))
            return response

        self.ocpi.transport.send = collecting  # type: ignore[method-assign]

    @contextmanager
    def serving(self) -> Iterator[None]:
        server = make_server("127.0.0.1", self.port, self.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(timeout=120)
            server.server_close()
            self.ocpi.transport.close()


def failing(call: Any) -> str:
    """Run a call that has to fail and return all that its error says."""
    try:
        call()
    except FlaskOCPIError as error:
        return repr(error) + "".join(traceback.format_exception(error))
    raise AssertionError("The call did not fail.")


def work_and_fail(one: Side, two: Side, tokens: set[str]) -> list[str]:
    """Register, push, pull, renew and end, with failures of every kind in between; return what errors said."""
    said = []
    client, server = one.ocpi, two.ocpi
    invited, token = server.partners.invite(name="One")
    tokens.add(token)
    # Tracebacks show lines of this file, so no token is written in one.
    unknown, broken_one, blank, split = (new_token() for _ in range(4))
    tokens |= {unknown, broken_one, blank, split}
    said.append(failing(lambda: client.partners.register(server.versions_url, unknown)))
    there = client.partners.register(server.versions_url, token)
    said.append(failing(lambda: client.partners.register(server.versions_url, token)))
    client.client(there).locations.put(location(country_code="NL", party_id="ONE"))
    client.pull("locations", there)
    said.append(failing(lambda: client.client(there).locations.get("MISSING")))
    stale = client.client(there)
    there = client.partners.rotate(there)
    server.partners.rotate(invited.id)
    list(stale.locations.list())  # it goes on with the token that took the place of its own
    connection = Connection(
        client.transport, server.services.platforms.cipher.decrypt(server.partners.get(invited.id).token)
    )
    credentials = f"{two.app.config['OCPI_BASE_URL']}{CREDENTIALS}"
    broken = {"token": broken_one, "url": "nowhere", "roles": []}
    said.append(failing(lambda: connection.request("POST", credentials, body=broken)))
    live = client.client(client.partners.get(there.id))
    said.append(failing(lambda: live.request("PUT", credentials, body=broken)))
    said.append(failing(lambda: live.request("PUT", credentials, body={**broken, "token": f"{blank} {blank}"})))
    crash_while(server, lambda: said.append(failing(lambda: list(live.locations.list()))))
    with object_received.connected_to(raise_with_context, two.app):
        live.locations.put(location(country_code="NL", party_id="ONE"))
    nobody = f"http://127.0.0.1:{free_port()}/"
    said.append(failing(lambda: Connection(client.transport, live_token(client, there.id)).request("GET", nobody)))
    impossible = Connection(client.transport, f"{split}\n{split}", encoding="plain")
    said.append(failing(lambda: impossible.request("GET", credentials)))
    client.partners.unregister(there.id)
    said.append(failing(lambda: list(live.locations.list())))
    return said


def live_token(ocpi: OCPI, platform: str) -> str:
    return ocpi.services.platforms.cipher.decrypt(ocpi.partners.get(platform).token)


def raise_with_context(app: Flask, **payload: Any) -> None:
    raise RuntimeError(f"A listener failed over {payload!r}.")


def crash_while(ocpi: OCPI, run: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(ocpi.storage), "list", lambda *arguments: 1 / 0)
        run()


@pytest.mark.conformance("CRED-29", "CRED-32")
def test_nothing_that_is_logged_said_or_shown_holds_a_token(tmp_path, caplog, capfd):
    for name in LOGGERS:
        caplog.set_level(logging.DEBUG, logger=name)
    tokens: set[str] = set()
    one, two = Side(tmp_path / "one", "ONE", tokens), Side(tmp_path / "two", "TWO", tokens)

    with one.serving(), two.serving():
        there = one.ocpi.partners.register(two.ocpi.versions_url, two.ocpi.partners.invite(name="Shown")[1])
        shown = [repr_of_everything(side) for side in (one, two)]
        one.ocpi.partners.unregister(there)
        said = work_and_fail(one, two, tokens)
        listed = [side.app.test_cli_runner().invoke(args=["ocpi", "partners", "--json"]).output for side in (one, two)]

    out, err = capfd.readouterr()
    documents = json.dumps([dict(side.ocpi.specs) for side in (one, two)])
    everything = "\n".join([*said, *shown, *listed, caplog.text, out, err, documents])
    assert "sqlalchemy" in {record.name.split(".")[0] for record in caplog.records}
    assert "A listener failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "UNREGISTERED" in listed[0]
    assert len(tokens) > 10
    assert_unreadable(everything, {*tokens, one.key, two.key, one.secret, two.secret})


def repr_of_everything(side: Side) -> str:
    """Return the repr of whatever holds a token or a key, and of what is in there."""
    ocpi = side.ocpi
    (platform,) = [platform for platform in ocpi.partners.list() if platform.is_registered]
    with ocpi.client(platform) as client:
        fetched = client.request("GET", platform.endpoint("credentials", None))
        things = [
            platform,
            *platform.issued,
            client,
            client.locations,
            fetched,
            ocpi,
            ocpi.services,
            ocpi.services.settings,
            ocpi.services.platforms,
            ocpi.services.platforms.cipher,
            ocpi.transport,
            ocpi.objects,
            Request("POST", platform.versions_url, {"Authorization": "Token x"}, b"body"),
            *request_internals(side, client),
        ]
    return "\n".join(map(repr, things)) + repr(vars(ocpi))


def request_internals(side: Side, client: Any) -> list[Any]:
    """Return the caller, context and result of a request for credentials, taken while it was handled."""
    taken: list[Any] = []
    original = handlers._credentials

    def take(ctx: Any, token: str) -> bytes:
        taken.extend([ctx, ctx.caller, ctx.platform])
        return original(ctx, token)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handlers, "_credentials", take)
        client.request("GET", client.platform.endpoint("credentials", None))
    assert len(taken) == 3
    return taken
