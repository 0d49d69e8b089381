"""OCPI 2.1.1: headers, versions, owners, dates, errors and lists."""

from __future__ import annotations

import pytest

from flask_ocpi.testing import documents
from flask_ocpi.testing.versions import documents_of
from tests.conftest import EVERY_STORAGE

OF = documents_of("2.1.1")
LOCATION = "/ocpi/2.1.1/receiver/locations/NL/ABC/LOC1"
TARIFF = "/ocpi/2.1.1/receiver/tariffs/NL/ABC/TARIFF1"


@pytest.mark.conformance("V211-01")
@pytest.mark.parametrize("sent", ["Token unknown", "Token", None])
def test_token_is_sent_as_it_is_and_needed(cpo, sent):
    assert cpo.partner.get("/ocpi/2.1.1/sender/locations").http_status == 200

    refused = cpo.partner.get("/ocpi/2.1.1/sender/locations", headers={"Authorization": sent})

    assert refused.http_status == 401


@pytest.mark.conformance("V211-02", "V211-03")
def test_message_ids_and_routing_headers_are_not_needed_and_come_back(ems):
    ids = {"X-Request-ID": "R1", "X-Correlation-ID": "C1"}
    sender = {"OCPI-from-country-code": "NL", "OCPI-from-party-id": "ABC"}

    bare = ems.partner.put(LOCATION, OF.location())
    full = ems.partner.put(LOCATION, OF.location(), headers={**ids, **sender})

    assert (bare.status_code, full.status_code) == (1000, 1000)
    assert {name: full.headers[name] for name in ids} == ids
    assert (full.headers["OCPI-to-country-code"], full.headers["OCPI-to-party-id"]) == ("NL", "ABC")


@pytest.mark.conformance("V211-04")
def test_version_details_have_the_modules_of_2_1_1(cpo):
    endpoints = cpo.partner.get("/ocpi/2.1.1").data["endpoints"]

    names = {"cdrs", "commands", "credentials", "locations", "sessions", "tariffs", "tokens"}
    assert {endpoint["identifier"] for endpoint in endpoints} == names
    assert all(set(endpoint) == {"identifier", "url"} for endpoint in endpoints)
    for path in ("sender/hubclientinfo", "receiver/chargingprofiles/SES1"):
        assert cpo.partner.get(f"/ocpi/2.1.1/{path}").http_status == 404


@pytest.mark.conformance("V211-05")
def test_objects_of_another_party_do_not_exist(ems):
    for party in ("NL/XYZ", "DE/ABC", "DE/EMS"):
        url = f"/ocpi/2.1.1/receiver/locations/{party}/LOC1"
        assert ems.partner.put(url, OF.location()).http_status == 404
    assert ems.copies("locations") == []


@pytest.mark.conformance("V211-06")
def test_id_has_to_be_that_of_the_url(ems):
    answer = ems.partner.put(LOCATION, OF.location(id="LOC2"))

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert ems.copies("locations") == []


@EVERY_STORAGE
@pytest.mark.conformance("V211-07")
def test_owner_of_an_object_is_the_party_of_the_connection(ems):
    ems.partner.put(LOCATION, OF.location())
    ems.partner.put(TARIFF, OF.tariff())
    ems.partner.post("/ocpi/2.1.1/receiver/cdrs", OF.cdr())

    for module in ("locations", "tariffs", "cdrs"):
        (copy,) = ems.copies(module)
        assert (copy["country_code"], copy["party_id"]) == ("NL", "ABC")
    for url in (LOCATION, TARIFF):
        assert {"country_code", "party_id"}.isdisjoint(ems.partner.get(url).data)


@pytest.mark.conformance("V211-08")
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2015-06-29T20:39:09Z", "2015-06-29T20:39:09Z"),
        ("2015-06-29T20:39:09", "2015-06-29T20:39:09Z"),
        ("2015-06-29T20:39:09.123Z", "2015-06-29T20:39:09.123Z"),
    ],
)
def test_moments_are_utc_with_or_without_a_zone(ems, sent, kept):
    ems.partner.put(LOCATION, OF.location(last_updated=sent))

    assert ems.partner.get(LOCATION).data["last_updated"] == kept


@pytest.mark.conformance("V211-08")
@pytest.mark.parametrize("sent", ["2015-06-29", "2015-06-29T20:39:09+02:00", "2015-06-29T20:39:09.123456Z"])
def test_what_is_no_moment_is_refused(ems, sent):
    answer = ems.partner.put(LOCATION, OF.location(last_updated=sent))

    assert answer.status_code == 2001
    assert "last_updated" in answer.message


@pytest.mark.conformance("V211-09")
def test_errors_are_those_of_2_2_1(ems):
    incomplete = ems.partner.put(LOCATION, {"id": "LOC1"})
    broken = ems.partner.put(LOCATION, data=b"{")
    unknown = ems.partner.get(LOCATION)

    assert (incomplete.http_status, incomplete.status_code) == (200, 2001)
    assert all(name in incomplete.message for name in ("type", "address", "postal_code"))
    assert (broken.http_status, broken.status_code) == (400, 2001)
    assert (unknown.http_status, unknown.status_code) == (404, 2003)
    assert ems.partner.post(LOCATION, OF.location()).http_status == 405


@pytest.mark.conformance("V211-10", "V211-11")
def test_texts_have_any_characters_and_ids_any_case(ems):
    ems.partner.put(LOCATION, OF.location(name="Straße Öst"))
    ems.partner.put(LOCATION.replace("LOC1", "loc1"), OF.location(id="loc1", name="Gare du Nord"))

    assert [copy["name"] for copy in ems.copies("locations")] == ["Gare du Nord"]


@EVERY_STORAGE
@pytest.mark.conformance("V211-12")
def test_patch_needs_no_last_updated(ems, ocpi_clock):
    ems.partner.put(LOCATION, OF.location())

    answer = ems.partner.patch(LOCATION, {"city": "Gent"})

    assert answer.status_code == 1000
    changed = ems.partner.get(LOCATION).data
    assert (changed["city"], changed["last_updated"]) == ("Gent", "2026-01-01T12:00:00.000Z")


@EVERY_STORAGE
@pytest.mark.conformance("V211-13")
def test_lists_have_pages(cpo):
    for number in range(3):
        cpo.ocpi.save("tariffs", documents.tariff(id=f"T{number}"))

    first = cpo.partner.get("/ocpi/2.1.1/sender/tariffs?limit=2")
    second = cpo.partner.get(first.headers["Link"].split(";")[0].strip("<>").removeprefix("https://ours.example"))

    assert [tariff["id"] for tariff in (*first.data, *second.data)] == ["T0", "T1", "T2"]
    assert (first.headers["X-Total-Count"], "Link" in second.headers) == ("3", False)
    assert int(first.headers["X-Limit"]) >= 2
    assert [t["id"] for t in cpo.partner.get("/ocpi/2.1.1/sender/tariffs?date_from=2030-01-01T00:00:00Z").data] == []


def crawled(partner, query):
    """Return the ids on each page of a list of locations, and the totals that the pages have."""
    pages, totals = [], []
    url = f"/ocpi/2.1.1/sender/locations?{query}"
    while url:
        page = partner.get(url)
        pages.append([location["id"] for location in page.data])
        totals.append(int(page.headers["X-Total-Count"]))
        url = page.headers.get("Link", "").partition(">")[0].removeprefix("<https://ours.example")
    return pages, totals


def save_locations(cpo, *published):
    for number, publish in enumerate(published):
        moment = f"2025-01-01T00:00:{number:02}Z"
        cpo.ocpi.save("locations", documents.location(id=f"L{number}", publish=publish, last_updated=moment))


@EVERY_STORAGE
@pytest.mark.conformance("V211-13")
def test_total_and_offset_count_what_2_1_1_can_express(cpo):
    save_locations(cpo, False, True, True, False, True, False)

    assert crawled(cpo.partner, "") == ([["L1", "L2", "L4"]], [3])
    assert crawled(cpo.partner, "limit=2") == ([["L1", "L2"], ["L4"]], [3, 3])
    assert crawled(cpo.partner, "limit=1&offset=1") == ([["L2"], ["L4"]], [3, 3])
    assert crawled(cpo.partner, "offset=3") == ([[]], [3])
    assert crawled(cpo.partner, "offset=9") == ([[]], [3])
    dates = "date_from=2025-01-01T00:00:02Z&date_to=2025-01-01T00:00:05Z"
    assert crawled(cpo.partner, f"{dates}&limit=1") == ([["L2"], ["L4"]], [2, 2])


@pytest.fixture
def small_pages(ocpi_network):
    """No page has more than four objects."""
    ocpi_network.config["OCPI_PAGE_MAX_LIMIT"] = 4


@EVERY_STORAGE
@pytest.mark.usefixtures("small_pages")
@pytest.mark.conformance("V211-13")
def test_total_of_a_list_that_the_largest_page_has_no_room_for_is_the_same_on_each_page(cpo):
    save_locations(cpo, False, True, True, False, True, False)

    assert crawled(cpo.partner, "") == ([["L1", "L2"], ["L4"]], [6, 6])
    assert crawled(cpo.partner, "limit=2") == ([["L1"], ["L2"], ["L4"]], [6, 6, 6])
