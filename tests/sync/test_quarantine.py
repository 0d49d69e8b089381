"""Objects that cannot be stored are kept apart until they can; they stop neither the rest nor the watermark."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import location
from tests.conftest import EVERY_STORAGE
from tests.sync.conftest import ABC
from tests.sync.conftest import asked
from tests.sync.conftest import copies
from tests.sync.conftest import spoil

NOON = "2026-01-01T12:00:00.000Z"


def sync(ocpi, **options):
    (synced,) = ocpi.sync("FR-OTH", ["locations"], **options)
    assert synced.error is None
    return synced


def kept(ocpi):
    return [entry for entry in ocpi.findings.list(refused=True) if entry.finding.kind == "refused"]


def list_also(network, *items):
    """Let the first page of lists have more items."""

    def after_send(request, response):
        body = orjson.loads(response.body)
        if isinstance(body.get("data"), list) and "offset" not in request.url:
            body["data"] += items
        return replace(response, body=orjson.dumps(body))

    network.after_send = after_send


@pytest.mark.conformance("T-37")
@EVERY_STORAGE
def test_broken_object_is_kept_with_the_reason_and_stops_nothing(ocpi, save, ocpi_network, ocpi_clock):
    for id in ("A", "B", "C"):
        save(id)
    spoil(ocpi_network, "B")

    synced = sync(ocpi)

    (item,) = (entry.to_dict() for entry in kept(ocpi))
    assert (synced.pulled.created, len(synced.pulled.broken)) == (2, 1)
    assert (item["platform"], item["module"], item["receiver"]) == ("other-example", "locations", str(ABC))
    assert (item["object"], item["kind"], item["refused"]) == ("FR OTH B", "refused", True)
    assert item["outcome"] == "Invalid object: coordinates is required."
    assert item["document"]["id"] == "B"
    assert (item["first"], item["last"], item["count"]) == (NOON, NOON, 1)


def test_broken_object_that_comes_again_is_counted(ocpi, save, ocpi_network, ocpi_clock):
    save("A")
    spoil(ocpi_network, "A")
    sync(ocpi)
    ocpi_clock.advance(3600)
    spoil(ocpi_network, "A", name="last_updated")

    sync(ocpi, full=True)

    (item,) = (entry.to_dict() for entry in kept(ocpi))
    assert (item["first"], item["last"], item["count"]) == (NOON, "2026-01-01T13:00:00.000Z", 2)
    assert item["outcome"] == "Invalid object: last_updated is required."


@EVERY_STORAGE
def test_object_that_is_valid_later_leaves_the_quarantine(ocpi, save, ocpi_network, ocpi_clock):
    for id in ("A", "B"):
        save(id)
    spoil(ocpi_network, "A", "B")
    sync(ocpi)
    spoil(ocpi_network, "B")
    ocpi_clock.advance(3600)
    mended = save("A", city="Mended")

    sync(ocpi)

    assert copies(ocpi) == {"A": mended}
    assert [item.finding.object for item in kept(ocpi)] == ["FR OTH B"]


def test_broken_object_does_not_hold_the_watermark(ocpi, save, ocpi_network):
    save("A", last_updated="2025-01-01T01:00:00Z")
    save("B", last_updated="2025-02-02T02:00:00Z")
    spoil(ocpi_network, "B")
    sync(ocpi)

    sync(ocpi)

    assert asked(ocpi_network)[-1] == "date_from=2025-02-02T01:59:00Z"


def test_what_the_whole_list_has_no_more_leaves_the_quarantine(ocpi, cpo, save, ocpi_network, ocpi_clock):
    save("A")
    save("B")
    spoil(ocpi_network, "A")
    list_also(ocpi_network, 7)
    sync(ocpi)
    before = len(kept(ocpi))
    spoil(ocpi_network)
    cpo.objects.delete("locations", "A")
    ocpi_clock.advance(3600)

    sync(ocpi, full=True)

    assert (before, kept(ocpi)) == (1, [])


@EVERY_STORAGE
def test_whatever_a_list_has_is_kept_apart(ocpi, save, ocpi_network):
    items = [
        None,
        7,
        "text",
        [],
        {},
        {"id": "X"},
        {"country_code": "FR", "party_id": "OTH", "id": "\0"},
        {"country_code": "FR", "party_id": "OTH", "id": "L" * 10_000},
        {"country_code": "FR", "party_id": "OTH", "id": {"a": 1}},
        {"country_code": "FR", "party_id": "OTH", "id": "big", "last_updated": "x" * 100_000},
        {"country_code": "FR", "party_id": "OTH", "id": "moment", "last_updated": 7},
    ]
    save("A")
    list_also(ocpi_network, *items)

    synced = sync(ocpi)

    found = kept(ocpi)
    assert (synced.pulled.created, len(synced.pulled.broken)) == (1, len(items))
    assert len(found) == len(items)
    assert {"" if item.finding.object.startswith("#") else item.finding.object for item in found} == {
        "FR OTH X",
        "FR OTH big",
        "FR OTH moment",
        "",
    }
    assert next(item.finding.document for item in found if item.finding.object == "FR OTH big") is None


def test_object_nested_too_deep_to_be_kept_is_noted(ocpi, save, ocpi_network):
    text = b"[" * 400 + b"]" * 400
    save("A")
    ocpi_network.after_send = lambda request, response: replace(
        response, body=response.body.replace(b'"data":[{', b'"data":[' + text + b",{")
    )

    synced = sync(ocpi)

    (item,) = kept(ocpi)
    assert (synced.pulled.created, item.finding.document, item.finding.object[0]) == (1, None, "#")


def test_list_that_is_broken_as_a_whole_fills_no_storage(ocpi, save, ocpi_network):
    list_also(ocpi_network, *range(1200))

    synced = sync(ocpi)
    again = sync(ocpi)

    assert synced.pulled.left_out.number == again.pulled.left_out.number == 1200
    found = kept(ocpi)
    assert len([entry for entry in found if entry.finding.object]) == 1000
    assert sum(entry.count for entry in found) == 2 * 1000


def test_reason_and_id_of_peers_are_bounded(ocpi, ocpi_network, save):
    save("A")
    list_also(ocpi_network, location(country_code="FR", party_id="OTH", id="B", **{"x" * 50: {"y" * 100_000: 1}}))

    sync(ocpi)

    for item in kept(ocpi):
        assert len(item.finding.outcome) <= 2000


@EVERY_STORAGE
def test_cdr_with_other_content_is_kept_apart(ocpi, cpo, ocpi_network):
    driver = {**cdr()["cdr_token"], "country_code": "NL", "party_id": "ABC"}
    document = cdr(country_code="FR", party_id="OTH", cdr_token=driver)
    cpo.client("NL-ABC").cdrs.post(document)
    cpo.save("cdrs", {**document, "remark": "Changed."})

    (synced,) = ocpi.sync(modules=["cdrs"])

    (item,) = kept(ocpi)
    assert (synced.error, len(synced.pulled.broken)) == (None, 1)
    assert "with other content" in item.finding.outcome
    assert copies(ocpi, "cdrs") == {"CDR1": document}


def test_pull_uses_the_same_quarantine(ocpi, save, ocpi_network):
    save("A")
    spoil(ocpi_network, "A")
    ocpi.pull("locations", "FR-OTH")
    broken = [item.finding.object for item in kept(ocpi)]
    ocpi_network.after_send = lambda request, response: response

    ocpi.pull("locations", "FR-OTH")

    assert (broken, kept(ocpi)) == (["FR OTH A"], [])
