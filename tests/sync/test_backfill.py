"""What a partner changes and we do not have is fetched from it: once, in the background, and never what is not its."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from flask_ocpi import Party
from flask_ocpi.core.moments import to_micros
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import StorageError
from flask_ocpi.exchange.context import Missing
from flask_ocpi.signals import object_received
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.sync.backfill import Backfill
from flask_ocpi.sync.backfill import MissingObject
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import token
from tests.conftest import EVERY_STORAGE
from tests.sync.conftest import ABC
from tests.sync.conftest import copies
from tests.sync.conftest import now
from tests.urls import ocpi_url

OTH = Party.of("FR", "OTH")
THEIRS = {"country_code": "FR", "party_id": "OTH"}
OLD = "2024-01-01T00:00:00Z"


@pytest.fixture
def patch(cpo, ocpi_clock):
    """Have the operator change something here; returns the refusal."""

    def patch(*ids, module="locations", **changes):
        changes = {"last_updated": now(ocpi_clock), **changes}
        with pytest.raises(RefusedError) as refused:
            cpo.client("NL-ABC").module(module).patch(*ids, changes=changes)
        return refused.value

    return patch


def fetched(network):
    """Return what we asked the operator for: paths below its Sender interfaces."""
    return [r.url.split("/sender/")[1].split("?")[0] for r in network.requests if "other.example" in r.url]


def waiting(ocpi):
    return ocpi.storage.list(MissingObject.KIND, Query()).total


@pytest.mark.conformance("T-38")
@EVERY_STORAGE
def test_location_that_is_changed_and_not_here_is_fetched(ocpi, save, patch, ocpi_network):
    document = save("Loc A")

    refused = patch("LOC a", city="Elsewhere")

    assert (refused.http_status, refused.status_code) == (404, 2003)
    assert fetched(ocpi_network) == ["locations/LOC%20a"]
    assert copies(ocpi) == {"Loc A": document}
    assert waiting(ocpi) == 0


@pytest.mark.parametrize("ids", [("A", "EVSE1"), ("A", "EVSE1", "1")], ids=["evse", "connector"])
def test_part_of_a_location_that_is_not_here_brings_the_whole(ocpi, save, patch, ids):
    document = save("A", evses=[evse()])

    patch(*ids, last_updated=document["last_updated"])

    assert copies(ocpi) == {"A": document}


def test_part_that_a_location_here_lacks_brings_the_whole(ocpi, cpo, save, patch, ocpi_clock):
    cpo.client("NL-ABC").locations.put(location(**THEIRS, id="A", last_updated=OLD))
    document = save("A", evses=[evse()])

    patch("A", "EVSE1", status="CHARGING")

    assert copies(ocpi) == {"A": document}


def test_new_part_of_a_location_that_is_not_here_brings_the_whole(ocpi, cpo, save):
    document = save("A", evses=[evse()])

    with pytest.raises(RefusedError, match="2003"):
        cpo.client("NL-ABC").locations.put(evse(last_updated=document["last_updated"]), "A", owner=OTH)

    assert copies(ocpi) == {"A": document}


@EVERY_STORAGE
def test_session_that_is_not_here_is_got_by_what_changed_since(ocpi, cpo, patch, ocpi_network, ocpi_clock):
    driver = {**session()["cdr_token"], "country_code": "NL", "party_id": "ABC"}
    old = session(**THEIRS, id="OLD", cdr_token=driver, last_updated=OLD)
    new = session(**THEIRS, id="NEW", cdr_token=driver, last_updated=now(ocpi_clock))
    for document in (old, new):
        cpo.save("sessions", document)

    refused = patch("NEW", module="sessions", kwh=5)

    (request,) = [r for r in ocpi_network.requests if "other.example" in r.url]
    assert refused.http_status == 404
    assert request.url.endswith("/sender/sessions?date_from=2026-01-01T11:59:00Z")
    assert copies(ocpi, "sessions") == {"NEW": new}


def test_token_that_is_not_here_is_fetched_from_the_provider(ocpi, cpo, ocpi_clock, ocpi_network):
    document = token(country_code="NL", party_id="ABC", uid="1", type="APP_USER", last_updated=now(ocpi_clock))
    ocpi.storage.save(*_own_token(ocpi, document))
    changes = {"valid": False, "last_updated": now(ocpi_clock)}

    with pytest.raises(RefusedError) as refused:
        ocpi.client("FR-OTH").tokens.patch("1", "APP_USER", changes=changes)

    assert refused.value.status_code == 2004
    assert list(cpo.objects.documents("tokens", copies=True)) == [document]


def test_host_application_hears_of_it_once(ocpi, save, patch, ocpi_app):
    save("A")
    heard = []

    def hear(app, *, key, created, platform, **_):
        heard.append((key.id, created, platform.id))

    with object_received.connected_to(hear, ocpi_app):
        patch("A")

    assert heard == [("A", True, "other-example")]


def test_many_changes_of_one_object_fetch_it_once(ocpi, save, patch, ocpi_network):
    save("A")
    ocpi_network.after_send = lambda request, response: _refuse(request, response)

    for _ in range(5):
        patch("A")

    assert fetched(ocpi_network) == ["locations/A"]
    assert waiting(ocpi) == 1


def test_one_list_brings_all_that_is_missed_of_a_module(ocpi, cpo, ocpi_clock, ocpi_network):
    driver = {**session()["cdr_token"], "country_code": "NL", "party_id": "ABC"}
    works = []
    services = replace(ocpi.services, background=works.append)
    fetcher = Backfill(lambda: services, ocpi.client)
    for number in range(10):
        cpo.save("sessions", session(**THEIRS, id=f"S{number}", cdr_token=driver, last_updated=now(ocpi_clock)))
        fetcher.missed(_missing(ocpi, "sessions", f"S{number}", ocpi_clock))

    for work in works:
        work()

    assert len(copies(ocpi, "sessions")) == 10
    assert len(fetched(ocpi_network)) == 5  # pages of two
    assert waiting(ocpi) == 0


def test_one_object_of_a_platform_is_fetched_at_a_time(ocpi, save, ocpi_network, ocpi_clock):
    threads, at_once, most = [], [], []

    def background(work):
        threads.append(threading.Thread(target=work))
        threads[-1].start()

    services = replace(ocpi.services, background=background)
    fetcher = Backfill(lambda: services, ocpi.client)
    reached, released = threading.Event(), threading.Event()

    def hold(request):
        at_once.append(None)
        most.append(len(at_once))
        reached.set()
        released.wait(120)
        at_once.pop()

    for id in ("A", "B", "C"):
        save(id)
    ocpi_network.before_send = hold
    for id in ("A", "B", "C"):
        fetcher.missed(_missing(ocpi, "locations", id, ocpi_clock))
    assert reached.wait(120)
    released.set()
    for thread in threads:
        thread.join(120)

    assert max(most) == 1
    assert sorted(copies(ocpi)) == ["A", "B", "C"]


def test_what_could_not_be_fetched_is_tried_again_after_a_pause_that_grows(ocpi, save, patch, ocpi_network, ocpi_clock):
    save("A")
    ocpi_network.after_send = lambda request, response: _refuse(request, response)
    patch("A")
    attempts = []
    for _ in range(8):
        ocpi.outbox.flush()
        attempts.append(len(fetched(ocpi_network)))
        ocpi_clock.advance(60)
    ocpi_network.after_send = lambda request, response: response
    ocpi_clock.advance(3600)
    ocpi.outbox.flush()

    assert attempts == [1, 2, 2, 3, 3, 3, 3, 4]
    assert list(copies(ocpi)) == ["A"]
    assert waiting(ocpi) == 0


def test_what_could_not_be_fetched_for_a_day_is_given_up(ocpi, patch, ocpi_clock, ocpi_network):
    patch("NOWHERE")
    ocpi_clock.advance(86_401)
    before = len(fetched(ocpi_network))

    ocpi.outbox.flush()

    assert (len(fetched(ocpi_network)), waiting(ocpi)) == (before, 0)


def test_object_that_came_by_push_meanwhile_is_not_fetched(ocpi, cpo, save, patch, ocpi_network, ocpi_clock):
    document = save("A")
    ocpi_network.after_send = lambda request, response: _refuse(request, response)
    patch("A")
    ocpi_network.after_send = lambda request, response: response
    cpo.client("NL-ABC").locations.put(document)
    before = len(fetched(ocpi_network))
    ocpi_clock.advance(120)

    ocpi.outbox.flush()

    assert (len(fetched(ocpi_network)), waiting(ocpi)) == (before, 0)


def test_older_state_than_what_is_here_by_then_is_not_stored(ocpi, cpo, save, patch, ocpi_network, ocpi_clock):
    save("A")
    newer = location(**THEIRS, id="A", city="Newer", last_updated="2026-01-01T12:00:09Z")

    def push_first(request, response):
        if request.url.endswith("/sender/locations/A"):
            cpo.client("NL-ABC").locations.put(newer)
        return response

    ocpi_network.after_send = push_first
    patch("A")

    assert copies(ocpi) == {"A": newer}


def test_object_of_somebody_else_is_never_fetched(ocpi, cpo, ocpi_network, ocpi_clock):
    works = []
    services = replace(ocpi.services, background=works.append)
    fetcher = Backfill(lambda: services, ocpi.client)

    fetcher.missed(replace(_missing(ocpi, "locations", "A", ocpi_clock), owner=Party.of("DE", "XYZ")))

    assert (works, waiting(ocpi)) == ([], 0)


def test_answer_that_is_another_object_is_not_stored(ocpi, save, patch, ocpi_network):
    save("A")
    ocpi_network.after_send = lambda request, response: (
        replace(response, body=response.body.replace(b'"party_id":"OTH"', b'"party_id":"XYZ"'))
        if "/sender/" in request.url
        else response
    )

    patch("A")

    assert copies(ocpi) == {}
    assert waiting(ocpi) == 1


def test_partner_without_a_list_is_not_asked(ocpi, ocpi_client, ocpi_network):
    answer = ocpi_client.patch(
        ocpi_url("receiver/locations/DE/CPO/L"), {"city": "X", "last_updated": "2026-01-01T12:00:00Z"}
    )

    assert (answer.http_status, answer.status_code) == (404, 2003)
    assert (ocpi_network.requests, waiting(ocpi)) == ([], 0)


def test_partner_that_unregistered_is_not_asked_any_more(ocpi, cpo, patch, ocpi_network, ocpi_clock):
    patch("A")
    ocpi.partners.unregister("FR-OTH")
    ocpi_network.requests.clear()
    ocpi_clock.advance(120)

    ocpi.outbox.flush()

    assert (ocpi_network.requests, waiting(ocpi)) == ([], 0)


@EVERY_STORAGE
def test_object_of_a_suspended_partner_waits_until_it_is_resumed(
    ocpi, save, patch, ocpi_network, ocpi_clock, monkeypatch, caplog
):
    save("A")
    monkeypatch.setattr(ocpi_network, "before_send", lambda request: "/sender/" in request.url and 1 / 0)
    patch("A")
    monkeypatch.undo()
    ocpi.partners.suspend("FR-OTH")
    ocpi_network.requests.clear()
    caplog.clear()
    for _ in range(60):
        ocpi_clock.advance(3600)
        ocpi.outbox.flush()
    assert (ocpi_network.requests, waiting(ocpi), caplog.messages) == ([], 1, [])

    ocpi.partners.resume("FR-OTH")
    ocpi_clock.advance(3600)
    ocpi.outbox.flush()

    assert (list(copies(ocpi)), waiting(ocpi)) == (["A"], 0)


def test_number_of_objects_missed_is_bounded(ocpi, cpo, ocpi_clock):
    services = replace(ocpi.services, background=lambda work: None)
    fetcher = Backfill(lambda: services, ocpi.client)

    for number in range(1005):
        fetcher.missed(_missing(ocpi, "locations", f"L{number}", ocpi_clock))

    assert waiting(ocpi) == 1000


def test_fault_of_ours_while_fetching_is_tried_again_later(ocpi, save, patch, ocpi_network, ocpi_clock, caplog):
    save("A")

    def fail(request):
        if "/sender/" in request.url:
            raise ZeroDivisionError("A fault.")

    ocpi_network.before_send = fail
    patch("A")
    ocpi_network.before_send = lambda request: None
    before = waiting(ocpi)
    ocpi_clock.advance(61)
    ocpi.outbox.flush()

    assert "Work in the background failed." in caplog.messages
    assert (before, waiting(ocpi), list(copies(ocpi))) == (1, 0, ["A"])


def test_storage_that_fails_after_the_answer_does_no_harm(ocpi, save, patch, monkeypatch, caplog):
    save("A")
    keep = ocpi.storage.save

    def fail(kind, *args, **options):
        if kind == MissingObject.KIND:
            raise StorageError("The disk is full.")
        return keep(kind, *args, **options)

    monkeypatch.setattr(ocpi.storage, "save", fail)
    refused = patch("A")

    assert refused.http_status == 404
    assert "That locations of other-example is missing could not be noted: The disk is full." in caplog.messages


def test_change_that_is_refused_for_another_reason_fetches_nothing(ocpi, save, patch, ocpi_network):
    save("A")

    refused = patch("A", coordinates={"latitude": "north", "longitude": "4.5"})

    assert refused.status_code == 2001
    assert (fetched(ocpi_network), waiting(ocpi)) == ([], 0)


def test_change_in_the_far_future_is_looked_for_from_now_on(ocpi, cpo, patch, ocpi_network):
    patch("NEW", module="sessions", kwh=5, last_updated="2099-01-01T00:00:00Z")

    assert ocpi_network.requests[-1].url.endswith("?date_from=2026-01-01T11:59:00Z")


def _missing(ocpi, module, id, clock):
    platform = ocpi.partners.find("FR-OTH")
    return Missing(platform, module, OTH, id, ABC, to_micros(now(clock)))


def _refuse(request, response):
    """Let the operator fail over what it is asked for."""
    if "/sender/" not in request.url:
        return response
    return replace(response, status=500, body=b'{"status_code":3000,"timestamp":"2026-01-01T12:00:00Z"}')


def _own_token(ocpi, document):
    object_type = ocpi.objects.object_type("tokens")
    key = Key.of("NL", "ABC", object_type.id_of(document))
    return object_type.kind, key, Record.of(document, last_updated=to_micros(document["last_updated"]))


def test_what_is_missed_of_a_platform_that_is_forgotten_leaves_nothing_to_do(ocpi, cpo, patch, ocpi_clock):
    patch("A")
    ocpi.services.platforms.delete(ocpi.partners.find("FR-OTH"))
    ocpi_clock.advance(120)

    ocpi.outbox.flush()

    jobs = {job.name: job for job in ocpi.services.jobs}
    assert (waiting(ocpi), jobs["missing objects"].seconds_left()) == (0, None)
