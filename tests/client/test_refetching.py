"""The endpoints of a platform are fetched again, once, when the registration with it is complete."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from time import monotonic
from time import sleep

import pytest
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.errors import UnreachableError
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import party_settings
from tests.closing import end_threads
from tests.serving import served

#: Listed to a caller whose roles are not known, and not to a CPO.
UNKNOWN = "hubclientinfo:RECEIVER"
PATIENCE = 120.0  # seconds; waited for only where something is broken
PAUSE = 200.0  # longer than that before the next try


@pytest.fixture
def shared() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def inviter(ocpi_network: Network, shared: MemoryStorage) -> OCPI:
    return ocpi_network.add("inviter.example", [("NL", "CPO", ["CPO"])], storage=shared)


@pytest.fixture
def client(ocpi_network: Network) -> OCPI:
    return ocpi_network.add("client.example", [("DE", "EMS", ["EMSP"])])


@pytest.fixture
def partner(ocpi_network: Network, inviter: OCPI, client: OCPI) -> Platform:
    """What the inviter knows of who registered with it, before it fetched the endpoints again."""
    _, partner = ocpi_network.connect(client, inviter, refetch=False)
    ocpi_network.requests.clear()
    return partner


def modules(ocpi: OCPI, id: str) -> set[str]:
    return {f"{endpoint['identifier']}:{endpoint['role']}" for endpoint in ocpi.partners.get(id).endpoints}


def asked(network: Network) -> list[str]:
    return [request.url.removeprefix("https://client.example/ocpi/") for request in network.requests]


def warnings_of(ocpi: OCPI) -> list[str]:
    """Return what the check says of other platforms that is not OK."""
    app = ocpi.app
    assert app is not None
    checks = json.loads(app.test_cli_runner().invoke(args=["ocpi", "check", "--json"]).stdout)["checks"]
    found = [check for check in checks if check["check"].startswith("platform ")]
    assert found
    return [check["message"] for check in found if check["outcome"] != "OK"]


def test_the_endpoints_are_fetched_with_what_the_partner_knows_now(ocpi_network, inviter, client, partner):
    before = modules(inviter, partner.id)

    inviter.outbox.flush()

    after = modules(inviter, partner.id)
    assert before - after == {UNKNOWN, "chargingprofiles:RECEIVER"}
    assert {"locations:RECEIVER", "cdrs:RECEIVER", "tokens:SENDER"} <= after
    assert asked(ocpi_network) == ["versions", "2.3.0"]


def test_check_has_no_false_alarm_on_either_side_at_any_time(inviter, client, partner):
    at_once = warnings_of(inviter), warnings_of(client)

    inviter.outbox.flush()
    client.outbox.flush()

    assert at_once == ([], [])
    assert (warnings_of(inviter), warnings_of(client)) == ([], [])


def test_check_still_tells_of_endpoints_that_changed_later(inviter, partner):
    inviter.outbox.flush()
    known = inviter.partners.get(partner.id)
    inviter.services.platforms.save(replace(known, endpoints=known.endpoints[:1]), before=known)

    assert warnings_of(inviter) == ["Offers other endpoints than when they were fetched."]


def test_it_is_done_once(ocpi_network, inviter, partner):
    for _ in range(3):
        inviter.outbox.flush()
        ocpi_network.clock.advance(PAUSE)

    assert asked(ocpi_network) == ["versions", "2.3.0"]
    assert inviter.partners.get(partner.id).endpoints_due is None


def test_a_renewal_has_them_fetched_again(ocpi_network, inviter, client, partner):
    inviter.outbox.flush()
    client.partners.rotate(client.partners.list()[0])
    ocpi_network.requests.clear()

    inviter.outbox.flush()

    assert asked(ocpi_network) == ["versions", "2.3.0"]


def test_a_partner_that_cannot_be_reached_is_tried_a_few_times(ocpi_network, inviter, partner, caplog):
    before = modules(inviter, partner.id)

    def cut(request):
        raise UnreachableError("client.example could not be connected to.")

    ocpi_network.before_send = cut
    counts = []
    for _ in range(5):
        inviter.outbox.flush()
        inviter.outbox.flush()
        counts.append(len(ocpi_network.requests))
        ocpi_network.clock.advance(PAUSE)

    assert counts == [1, 2, 3, 3, 3]
    assert modules(inviter, partner.id) == before
    assert f"flask ocpi rotate {partner.id}" in caplog.text
    assert inviter.partners.get(partner.id).is_registered


def test_the_next_try_brings_them(ocpi_network, inviter, partner):
    def cut(request):
        ocpi_network.before_send = lambda request: None
        raise UnreachableError("client.example could not be connected to.")

    ocpi_network.before_send = cut
    inviter.outbox.flush()
    ocpi_network.clock.advance(PAUSE)
    inviter.outbox.flush()

    assert UNKNOWN not in modules(inviter, partner.id)


def test_what_a_killed_process_left_is_done_by_another(ocpi_network, inviter, partner, shared):
    def kill(request):
        ocpi_network.before_send = lambda request: None
        raise SystemExit

    another = ocpi_network.add("inviter.example", [("NL", "CPO", ["CPO"])], storage=shared)
    ocpi_network.before_send = kill
    with pytest.raises(SystemExit):
        inviter.outbox.flush()
    another.outbox.flush()
    before = modules(another, partner.id)
    ocpi_network.clock.advance(PAUSE)
    another.outbox.flush()

    assert UNKNOWN in before
    assert UNKNOWN not in modules(another, partner.id)


def test_of_two_processes_one_does_it(ocpi_network, inviter, partner, shared):
    another = ocpi_network.add("inviter.example", [("NL", "CPO", ["CPO"])], storage=shared)

    def meanwhile(request):
        ocpi_network.before_send = lambda request: None
        another.outbox.flush()

    ocpi_network.before_send = meanwhile
    inviter.outbox.flush()

    assert asked(ocpi_network) == ["versions", "2.3.0"]


def test_one_that_another_process_took_since_it_was_read_is_left_to_it(ocpi_network, inviter, partner):
    [job] = [job for job in inviter.services.jobs if job.name == "endpoints"]
    known = inviter.services.platforms.partners()
    inviter.services.platforms.save(inviter.partners.get(partner.id), before=inviter.partners.get(partner.id))
    inviter.services.platforms.partners = lambda: known

    job.run()

    assert asked(ocpi_network) == []


@pytest.mark.parametrize("change", ["ends", "renews"])
def test_a_registration_that_changes_meanwhile_stays_as_it_is_then(ocpi_network, inviter, client, partner, change):
    def meanwhile(request):
        ocpi_network.before_send = lambda request: None
        there = client.partners.list()[0]
        client.partners.unregister(there) if change == "ends" else client.partners.rotate(there)

    ocpi_network.before_send = meanwhile
    inviter.outbox.flush()

    now = inviter.partners.get(partner.id)
    assert now.is_registered is (change == "renews")
    assert (now.endpoints == ()) is (change == "ends")
    if change == "renews":
        inviter.outbox.flush()
        assert UNKNOWN not in modules(inviter, partner.id)


def test_one_that_ended_before_is_not_called(ocpi_network, inviter, client, partner):
    client.partners.unregister(client.partners.list()[0])
    ocpi_network.requests.clear()

    inviter.outbox.flush()

    assert asked(ocpi_network) == []


@pytest.fixture
def sockets() -> Iterator[tuple[OCPI, OCPI]]:
    """An inviter and a client that are served, each with a dispatcher in threads."""
    found = []
    with ExitStack() as stack:
        for name, party in (("inviter", ("NL", "CPO", ["CPO"])), ("client", ("DE", "EMS", ["EMSP"]))):
            app = Flask(name, root_path=".")
            app.config.update(
                SECRET_KEY="s",
                OCPI_PARTIES=[party_settings(*party)],
                OCPI_HTTP_ALLOW_PRIVATE=True,
                OCPI_BASE_URL="http://127.0.0.1:1",
            )
            ocpi = OCPI(app, storage=MemoryStorage())
            object.__setattr__(ocpi.services.settings, "base_url", stack.enter_context(served(app)))
            found.append(ocpi)
        yield found[0], found[1]
        end_threads()
        for ocpi in found:
            ocpi.transport.close()


def test_it_happens_by_itself_over_sockets(sockets):
    inviter, client = sockets
    invited, token = inviter.partners.invite(name="Client")

    client.partners.register(inviter.versions_url, token)

    ends = monotonic() + PATIENCE
    while UNKNOWN in modules(inviter, invited.id) and monotonic() < ends:
        sleep(0.01)
    assert UNKNOWN not in modules(inviter, invited.id)
    assert warnings_of(inviter) == warnings_of(client) == []
