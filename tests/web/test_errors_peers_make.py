"""Mistakes that implementations of OCPI have been seen to make, each shown not to be made here."""

from __future__ import annotations

from urllib.parse import parse_qs
from urllib.parse import urlsplit

import orjson
import pytest

from flask_ocpi.errors import HubError
from flask_ocpi.errors import MethodNotAllowedError
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from tests.conformance.sharing import COPY
from tests.conformance.sharing import LATER
from tests.conformance.sharing import RECEIVER
from tests.conformance.sharing import SENDER
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.conformance.sharing import theirs
from tests.urls import ocpi_url


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


def copies(ocpi):
    return list(ocpi.objects.documents("locations", copies=True))


def save(ocpi, number):
    for index in range(number):
        ocpi.save("locations", location(id=f"LOC{index}"))


# Objects


def test_an_object_with_the_required_properties_only_is_accepted(ocpi_client):
    answer = ocpi_client.put(COPY, theirs(evses=[evse()]))

    assert (answer.http_status, answer.status_code) == (201, 1000)


@pytest.mark.parametrize("id", ["LOC1", "3e7b39c2-10d0-4138-a8b3-8509a25f9920", "/a/i", "BE-BEC-E041503001", "a_b.c~d"])
def test_usual_identifiers_are_accepted(ocpi_client, id):
    path = f"{RECEIVER}/DE/CPO/{id.replace('/', '%2F')}"

    assert ocpi_client.put(path, theirs(id=id)).http_status == 201
    assert ocpi_client.get(path).data["id"] == id


def test_identifiers_are_not_lower_cased(ocpi, ocpi_client):
    ocpi.save("locations", location(id="LoC-ABC", evses=[evse(uid="Evse-X")]))

    (found,) = ocpi_client.get(SENDER).data

    assert (found["country_code"], found["party_id"], found["id"]) == ("NL", "ABC", "LoC-ABC")
    assert found["evses"][0]["uid"] == "Evse-X"


def test_a_single_object_is_no_list_of_one(ocpi, ocpi_client):
    ocpi.save("locations", location())

    assert ocpi_client.get(f"{SENDER}/LOC1").data == location()


def test_answers_have_no_nulls_and_no_times_as_numbers(ocpi, ocpi_client):
    ocpi.save("locations", location(name=None, evses=[evse(floor_level=None)]))

    answer = ocpi_client.get(SENDER)

    assert b"null" not in answer.body
    assert answer.data[0]["last_updated"] == "2024-05-31T12:00:00Z"
    assert answer.envelope["timestamp"] == "2026-01-01T12:00:00.000Z"


def test_properties_beyond_the_specification_are_not_rejected(ocpi_client):
    assert ocpi_client.put(COPY, theirs(gireve_id="FR*GIR*1")).http_status == 201
    assert ocpi_client.get(COPY).data["gireve_id"] == "FR*GIR*1"


def test_times_without_zone_are_read_as_utc(ocpi_client):
    ocpi_client.put(COPY, theirs(last_updated="2024-05-31T12:00:00"))

    assert ocpi_client.get(COPY).data["last_updated"] == "2024-05-31T12:00:00Z"


def test_coordinates_and_amounts_do_not_change(ocpi_client):
    document = theirs(
        coordinates={"latitude": "52.100000", "longitude": "-5.100000"},
        energy_mix={"is_green_energy": True, "energy_sources": [{"source": "WIND", "percentage": 33.3}]},
    )
    ocpi_client.put(COPY, document)

    assert ocpi_client.get(COPY).data == document


# PUT and PATCH


def test_a_new_object_is_201(ocpi_client):
    assert [ocpi_client.put(COPY, theirs()).http_status for _ in range(2)] == [201, 200]


def test_a_patch_need_not_be_a_whole_object(ocpi_client):
    ocpi_client.put(COPY, theirs(evses=[evse()]))

    assert ocpi_client.patch(COPY, {"name": "East", "last_updated": LATER}).status_code == 1000
    assert ocpi_client.patch(f"{COPY}/EVSE1", {"status": "CHARGING", "last_updated": LATER}).status_code == 1000


def test_a_null_in_a_patch_is_not_dropped(ocpi_client):
    ocpi_client.put(COPY, theirs(name="Central"))

    ocpi_client.patch(COPY, {"name": None, "last_updated": LATER})

    assert "name" not in ocpi_client.get(COPY).data


def test_a_patch_without_last_updated_is_refused(ocpi, ocpi_client):
    ocpi_client.put(COPY, theirs())

    assert ocpi_client.patch(COPY, {"name": "East"}).status_code == 2001
    assert copies(ocpi) == [theirs()]


def test_a_put_of_an_evse_keeps_the_order_and_raises_last_updated(ocpi_client):
    ocpi_client.put(COPY, theirs(evses=[evse(uid=uid) for uid in ("A", "B", "C")]))

    ocpi_client.put(f"{COPY}/A", evse(uid="A", status="CHARGING", last_updated=LATER))

    found = ocpi_client.get(COPY).data
    assert [item["uid"] for item in found["evses"]] == ["A", "B", "C"]
    assert found["last_updated"] == LATER


def test_a_patch_of_a_connector_raises_last_updated_of_evse_and_location(ocpi_client):
    ocpi_client.put(COPY, theirs(evses=[evse(), evse(uid="EVSE2")]))

    ocpi_client.patch(f"{COPY}/EVSE1/1", {"max_amperage": 32, "last_updated": LATER})

    found = ocpi_client.get(COPY).data
    assert found["last_updated"] == LATER
    assert [item["last_updated"] for item in found["evses"]] == [LATER, "2024-05-31T12:00:00Z"]
    assert found["evses"][0]["connectors"] == [connector(max_amperage=32, last_updated=LATER)]


def test_a_put_whose_url_and_body_name_two_objects_is_refused(ocpi, ocpi_client):
    answers = [
        ocpi_client.put(f"{RECEIVER}/DE/CPO/OTHER", location(country_code="NL", party_id="TNM")),
        ocpi_client.put(f"{RECEIVER}/DE/XXX/OTHER", theirs()),
    ]

    assert [(answer.http_status, answer.status_code) for answer in answers] == [(200, 2001), (404, 2001)]
    assert copies(ocpi) == []


def test_one_operator_does_not_overwrite_the_objects_of_another(ocpi, ocpi_app, ocpi_client):
    ocpi_client.put(COPY, theirs())
    other = add_partner(ocpi_app, [("BE", "CPO", ["CPO"])], name="Other")

    assert other.put(COPY, theirs(city="Gent")).http_status == 404
    assert copies(ocpi) == [theirs()]


# Who may call


@pytest.mark.parametrize("header", [None, "Token d3Jvbmc=", "Token wrong", "Token %%", "Bearer x"])
def test_nothing_is_stored_without_the_right_token(ocpi, ocpi_client, header):
    answer = ocpi_client.put(COPY, theirs(), headers={"Authorization": header})

    assert (answer.http_status, answer.status_code) == (401, 2000)  # not 403, not 400, not 2002
    assert copies(ocpi) == []


@pytest.mark.parametrize("path", ["/ocpi/versions", ocpi_url()])
def test_the_versions_are_not_public(ocpi_client, path):
    assert ocpi_client.get(path, headers={"Authorization": None}).http_status == 401


def test_routing_headers_and_message_ids_are_not_demanded(ocpi_client):
    assert ocpi_client.get(SENDER).status_code == 1000


# Lists


def test_every_parameter_of_a_list_is_optional(ocpi, ocpi_client):
    save(ocpi, 3)

    for query in ({}, {"limit": 2}, {"offset": 1}, {"date_from": "2024-01-01T00:00:00Z"}, {"date_to": LATER}):
        assert ocpi_client.get(SENDER, query_string=query).status_code == 1000


@pytest.mark.parametrize("query", [{}, {"limit": 2}, {"limit": 100_000}], ids=["none", "small", "large"])
@pytest.mark.parametrize("ocpi_config", [{"OCPI_PAGE_MAX_LIMIT": 5, "OCPI_PAGE_LIMIT": 5}], ids=[""])
def test_x_limit_is_what_the_server_can_do_not_what_was_asked(ocpi, ocpi_client, query):
    save(ocpi, 6)

    answer = ocpi_client.get(SENDER, query_string=query)

    assert answer.headers["X-Limit"] == "5"
    assert len(answer.data) == min(query.get("limit", 5), 5)


@pytest.mark.parametrize("ocpi_config", [{"OCPI_PAGE_LIMIT": 2}], ids=[""])
def test_a_link_is_there_although_no_limit_was_asked(ocpi, ocpi_client):
    save(ocpi, 3)

    link = urlsplit(ocpi_client.get(SENDER).headers["Link"][1:].split(">")[0])

    assert f"{link.scheme}://{link.netloc}{link.path}" == f"https://platform.example{SENDER}"
    assert {"date_from", "date_to", "from", "to"} & set(parse_qs(link.query)) == set()
    assert "None" not in link.query


def test_a_full_last_page_has_no_link(ocpi, ocpi_client):
    save(ocpi, 4)

    assert "Link" not in ocpi_client.get(SENDER, query_string={"limit": 2, "offset": 2}).headers


def test_filters_come_through_the_link_unharmed(ocpi, ocpi_client):
    save(ocpi, 3)
    query = {"date_from": "2024-01-01T00:00:00+00:00", "date_to": "2034-01-01T00:00:00.5", "limit": 2}

    link = ocpi_client.get(SENDER, query_string=query).headers["Link"][1:].split(">")[0]
    following = ocpi_client.get(link.removeprefix("https://platform.example"))

    assert [item["id"] for item in following.data] == ["LOC2"]
    assert following.headers["X-Total-Count"] == "3"


def test_date_from_is_inclusive_and_date_to_is_not(ocpi, ocpi_client):
    ocpi.save("locations", location(last_updated="2024-02-01T00:00:00Z"))

    found = [
        len(ocpi_client.get(SENDER, query_string={name: "2024-02-01T00:00:00Z"}).data)
        for name in ("date_from", "date_to")
    ]

    assert found == [1, 0]


def test_objects_newer_than_the_process_are_listed(ocpi, ocpi_client):
    ocpi.save("locations", location(last_updated="2034-01-01T00:00:00Z"))

    assert len(ocpi_client.get(SENDER).data) == 1


def test_the_total_is_that_of_the_filtered_list(ocpi, ocpi_client):
    save(ocpi, 3)
    ocpi.save("locations", location(id="NEW", last_updated="2025-01-01T00:00:00Z"))

    answer = ocpi_client.get(SENDER, query_string={"date_from": "2024-12-31T00:00:00Z"})

    assert answer.headers["X-Total-Count"] == "1"


def test_nothing_is_skipped_when_objects_change_during_a_crawl(ocpi, ocpi_client):
    save(ocpi, 4)
    seen = []
    path = f"{SENDER}?limit=1"
    while path:
        page = ocpi_client.get(path)
        seen += [item["id"] for item in page.data]
        ocpi.save("locations", location(id=seen[-1], last_updated=f"2025-01-0{len(seen)}T00:00:00Z"))
        path = page.headers.get("Link", "")[1:].split(">")[0].removeprefix("https://platform.example")

    assert seen == ["LOC0", "LOC1", "LOC2", "LOC3"]


# Errors and URLs


def test_an_unknown_object_is_404_not_500(ocpi_client):
    for path in (f"{SENDER}/NOPE", f"{SENDER}/NOPE/1", f"{SENDER}/NOPE/1/1", COPY, f"{COPY}/1"):
        answer = ocpi_client.get(path)

        assert (answer.http_status, answer.status_code) == (404, 2003)


def test_flaws_are_2001_with_http_200_not_400_or_422(ocpi_client):
    answer = ocpi_client.put(COPY, theirs(evses=[{"uid": 1}]))

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert set(answer.envelope) == {"status_code", "status_message", "timestamp"}


def test_a_failure_of_the_server_is_3000_and_keeps_its_secrets(ocpi, ocpi_client, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("database password hunter2")

    monkeypatch.setattr(ocpi.services.storage, "list", fail)

    answer = ocpi_client.get(SENDER)

    assert (answer.http_status, answer.status_code) == (500, 3000)
    assert b"hunter2" not in answer.body


@pytest.mark.parametrize("path", [SENDER, f"{SENDER}/", "/ocpi/versions/", COPY, f"{COPY}/"])
def test_no_path_is_redirected(ocpi_client, path):
    ocpi_client.put(COPY, theirs())

    answer = ocpi_client.get(path)

    assert answer.http_status == 200
    assert "Location" not in answer.headers


def test_versions_are_an_array_of_clean_urls(ocpi_client):
    versions = ocpi_client.get("/ocpi/versions")
    details = ocpi_client.get(ocpi_url())

    urls = [item["url"] for item in [*versions.data, *details.data["endpoints"]]]
    assert [url for url in urls if "//" in url.removeprefix("https://")] == []
    assert [url for url in urls if "VersionNumber" in url or "ModuleID" in url] == []


def test_every_listed_endpoint_is_mounted_and_the_reverse(ocpi, ocpi_app):
    client = add_partner(ocpi_app, [("FR", "ALL", ["CPO", "EMSP", "HUB"])])
    endpoints = client.get(ocpi_url()).data["endpoints"]
    listed = {e["url"].removeprefix("https://platform.example") for e in endpoints}

    served = {p for p in ocpi.specs["2.2.1"]["paths"] if any(p.startswith(url) for url in listed)}
    assert set(ocpi.specs["2.2.1"]["paths"]) - served == {"/ocpi/versions", ocpi_url()}
    assert all(any(path.startswith(url) for path in served) for url in listed)


def test_codes_of_errors_are_not_mixed_up():
    assert HubError.status_code == 4000
    assert (MethodNotAllowedError.status_code, MethodNotAllowedError.http_status) == (2000, 405)


def test_umlauts_are_sent_as_utf_8(ocpi_client):
    ocpi_client.put(COPY, theirs(city="K\u00f6ln \u26a1"))

    answer = ocpi_client.get(COPY)

    assert orjson.loads(answer.body)["data"]["city"] == "K\u00f6ln \u26a1"
    assert "K\u00f6ln \u26a1".encode() in answer.body
