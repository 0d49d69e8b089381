"""Pages that we answer, and lists that other platforms do: bounded in work, memory, and what is logged and kept."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

import orjson
import pytest

from flask_ocpi.core.schema import Schema
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import walk
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.storage.router import RoutedStorage
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import add_partner
from tests.conformance.sharing import SENDER
from tests.conftest import EVERY_STORAGE
from tests.peers import Peer
from tests.security.costs import calls_of
from tests.security.costs import peak_of

# Pages.


def save_large(ocpi, number=12, size=3_000):
    ids = [f"LOC{index}" for index in range(number)]
    for id in ids:
        ocpi.save("locations", location(id=id, name="é", address="x" * 40, **{"x": "é" * (size // 2)}))
    return ids


def read_all(ocpi_client, **query):
    """Follow the links; return the ids of each page and what the pages say how many there are."""
    pages, totals, url = [], set(), f"{SENDER}?{'&'.join(f'{name}={value}' for name, value in query.items())}"
    while url is not None:
        answer = ocpi_client.get(url)
        pages.append([document["id"] for document in answer.data])
        totals.add(answer.headers["X-Total-Count"])
        link = answer.headers.get("Link")
        url = None if link is None else link[1:].split(">")[0].removeprefix("https://platform.example")
        assert len(pages) < 50
    return pages, totals


@EVERY_STORAGE
@pytest.mark.parametrize("ocpi_config", [{"OCPI_MAX_PAGE_BYTES": 8_000}])
@pytest.mark.parametrize("query", [{"limit": 100}, {"limit": 100, "date_from": "2020-01-01T00:00:00Z"}, {"limit": 2}])
def test_a_page_ends_by_its_bytes_and_the_link_goes_on(ocpi, ocpi_client, query):
    ids = save_large(ocpi)

    pages, totals = read_all(ocpi_client, **query)

    assert [id for page in pages for id in page] == ids
    assert totals == {"12"}
    assert {len(page) for page in pages} == {min(2, query["limit"])}


@EVERY_STORAGE
@pytest.mark.parametrize("ocpi_config", [{"OCPI_MAX_PAGE_BYTES": 1}])
def test_a_page_has_one_object_at_least(ocpi, ocpi_client):
    ids = save_large(ocpi, 3)

    assert read_all(ocpi_client) == ([[id] for id in ids], {"3"})


@EVERY_STORAGE
def test_a_storage_reads_no_more_than_what_is_answered(ocpi, ocpi_storage):
    save_large(ocpi)
    sizes = [len(record.text) for record in ocpi_storage.list("locations", Query()).records]

    for dates in ({}, {"date_from": 0}):
        page = ocpi_storage.list("locations", Query(receiver="", limit=1_000, max_bytes=sum(sizes[:5]), **dates))

        assert (len(page.records), page.total) == (5, 12)


@pytest.mark.parametrize("ocpi_storage", ["sqlite"], indirect=True)
@pytest.mark.parametrize("ocpi_config", [{"OCPI_MAX_PAGE_BYTES": 200_000}])
def test_a_page_takes_the_memory_of_what_is_answered(ocpi, ocpi_client):
    save_large(ocpi, number=200, size=40_000)
    fetch = partial(ocpi_client.get, SENDER, query_string={"limit": 1_000})
    fetch()

    assert peak_of(fetch) < 8_000_000 / 2  # half of what there is, with what the client makes of its answer


@EVERY_STORAGE
def test_a_walk_reads_few_large_objects_at_a_time(ocpi, ocpi_storage, monkeypatch):
    ids, pages, list_page = save_large(ocpi), [], type(ocpi_storage).list
    monkeypatch.setattr("flask_ocpi.storage.base._WALKED_AT_ONCE", 8_000)

    def watched(storage, kind, query):
        pages.append(list_page(storage, kind, query))
        return pages[-1]

    monkeypatch.setattr(type(ocpi_storage), "list", watched)

    assert [record.document["id"] for record in walk(ocpi_storage, "locations", Query())] == ids
    assert [len(page.records) for page in pages] == [2] * 6


class Heedless(MemoryStorage):
    """A storage of the host application that knows nothing of the bytes of a page."""

    def list(self, kind, query):
        return super().list(kind, replace(query, max_bytes=None))


@pytest.mark.parametrize("make", [Heedless, lambda: RoutedStorage({"locations": Heedless(), "*": MemoryStorage()})])
@pytest.mark.parametrize("limit", [3, 100])
def test_a_storage_that_does_not_look_at_the_bytes_ends_up_right(make, limit):
    ocpi = Network().add(
        "platform.example", [("NL", "ABC", ["CPO"])], storage=make(), config={"OCPI_MAX_PAGE_BYTES": 7_000}
    )
    partner = add_partner(ocpi.app, [("DE", "EMS", ["EMSP"])])
    ids = save_large(ocpi, 7)

    assert read_all(partner, limit=limit) == ([ids[0:2], ids[2:4], ids[4:6], ids[6:]], {"7"})


# What other platforms answer.


@pytest.fixture
def lists(ocpi_network, ocpi, ocpi_other):
    """Have the operator FR-OTH list these objects beside its own, in JSON."""
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    ocpi_other.save("locations", location(country_code="FR", party_id="OTH"))

    def lists(text):
        ocpi_network.after_send = lambda request, response: replace(
            response, body=response.body.replace(b'"data":[{', b'"data":[' + text + b",{")
        )
        return platform

    return lists


@pytest.mark.parametrize("text", [b"[]", b"{}", b"1", b'{"evses":[{},{},{}]}'])
def test_a_list_of_broken_objects_is_read_in_bounds(ocpi, lists, caplog, text):
    platform = lists(b",".join([text] * 20_000))
    caplog.set_level(logging.WARNING, "flask_ocpi")
    results = []

    calls = calls_of(lambda: results.append(ocpi.pull("locations", platform)))

    (pulled,) = results
    assert (pulled.created, pulled.left_out.number, len(pulled.broken)) == (1, 20_000, 1_000)
    assert pulled.seen == 20_001
    assert len(caplog.records) <= 25
    assert len(ocpi.findings.list()) <= 1_002
    assert calls < 100 * 20_000


@pytest.mark.parametrize("compiled", [True, False])
def test_the_valid_objects_among_thousands_of_broken_ones_are_stored(ocpi, lists, monkeypatch, compiled):
    if not compiled:
        monkeypatch.setattr(Schema, "_loader", lambda self, partial: None)
    many = [orjson.dumps(location(country_code="FR", party_id="OTH", id=f"L{number}")) for number in range(50)]
    platform = lists(b",".join([b"{}", b"[]", b"7"] * 400 + many))

    pulled = ocpi.pull("locations", platform)

    assert (pulled.created, pulled.left_out.number) == (51, 1_200)


def test_large_broken_objects_are_not_all_kept(ocpi, lists):
    platform = lists(b",".join([b'{"x":"' + b"x" * 2_000_000 + b'"}'] * 15))
    for _ in range(2):
        pulled = ocpi.pull("locations", platform)

    assert (pulled.left_out.number, len(pulled.broken)) == (15, 15)
    pulled.left_out.add(pulled.broken)
    assert (pulled.left_out.number, len(pulled.broken)) == (30, 16)


def test_foreign_objects_are_logged_in_bounds(ocpi, lists, caplog):
    foreign = [orjson.dumps(location(country_code="FR", party_id="XXX", id=str(number))) for number in range(300)]
    platform = lists(b",".join(foreign))
    caplog.set_level(logging.WARNING, "flask_ocpi")

    assert ocpi.pull("locations", platform).foreign == 300
    assert len(caplog.records) == 21


@pytest.mark.parametrize("what", ["versions", "endpoints"])
def test_broken_entries_of_a_handshake_are_read_and_logged_in_bounds(ocpi, ocpi_app, ocpi_network, caplog, what):
    _, token = ocpi.partners.invite(name="Peer")
    peer = Peer(ocpi_network)
    getattr(peer, what).extend([{"role": 7}] * 20_000)
    caplog.set_level(logging.WARNING, "flask_ocpi")
    answers = []

    calls = calls_of(lambda: answers.append(peer.post(ocpi_app, token)))

    assert answers[0].status_code == 1000
    assert len(caplog.records) <= 15
    assert calls < 300_000


def test_very_many_versions_are_not_repeated(ocpi, ocpi_app, ocpi_network):
    _, token = ocpi.partners.invite(name="Peer")
    peer = Peer(ocpi_network, versions=[f"3.{number}{'x' * 200}" for number in range(500)])

    answer = peer.post(ocpi_app, token)

    assert answer.status_code == 3002
    assert len(answer.body) < 2_000


def test_very_many_roles_are_refused(ocpi, ocpi_app, ocpi_network):
    _, token = ocpi.partners.invite(name="Peer")
    peer = Peer(ocpi_network)

    answer = peer.post(ocpi_app, token, roles=peer.roles * 2_001)

    assert "roles has more than 2000 elements" in answer.message
