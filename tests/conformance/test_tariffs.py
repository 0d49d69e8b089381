"""The tariffs module over HTTP: Sender, Receiver, and what a removed tariff leaves behind (group TAR)."""

from __future__ import annotations

import pytest

from flask_ocpi.signals import object_removed
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import full_tariff
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.network import add_partner
from tests.conftest import EVERY_STORAGE
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/tariffs")
RECEIVER = ocpi_url("receiver/tariffs/DE/CPO")
LATE = "2024-06-01T12:00:00Z"


def theirs(**changes):
    """Return a Tariff of the partner, DE-CPO."""
    return tariff(country_code="DE", party_id="CPO", **changes)


@pytest.fixture
def stored(ocpi_client):
    """The partner's tariff, as it pushed it."""
    document = {**full_tariff(), "country_code": "DE", "party_id": "CPO"}
    assert ocpi_client.put(f"{RECEIVER}/TARIFF1", document).http_status == 201
    return document


# Sender


@pytest.mark.conformance("TAR-01", "PAG-01")
@EVERY_STORAGE
def test_list_is_paginated(ocpi, ocpi_client):
    documents = [{**full_tariff(), "id": f"TARIFF{number}"} for number in range(3)]
    for document in documents:
        ocpi.save("tariffs", document)

    first = ocpi_client.get(SENDER, query_string={"limit": 2})
    second = ocpi_client.get(first.headers["Link"].split(">")[0].removeprefix("<"))

    assert (first.http_status, first.status_code, first.headers["X-Total-Count"]) == (200, 1000, "3")
    assert first.data + second.data == documents
    assert "Link" not in second.headers


@pytest.mark.conformance("TAR-01")
@EVERY_STORAGE
def test_list_has_what_was_updated_between_the_dates(ocpi, ocpi_client):
    for day in (1, 2, 3):
        ocpi.save("tariffs", tariff(id=f"TARIFF{day}", last_updated=f"2024-06-0{day}T00:00:00Z"))

    between = {"date_from": "2024-06-02T00:00:00Z", "date_to": "2024-06-03T00:00:00Z"}

    assert [document["id"] for document in ocpi_client.get(SENDER, query_string=between).data] == ["TARIFF2"]


@pytest.mark.conformance("TAR-01")
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_sender_has_a_list_only(ocpi, ocpi_client, method):
    ocpi.save("tariffs", tariff())

    whole = ocpi_client.open(method, SENDER, json={})
    single = [ocpi_client.open(verb, f"{SENDER}/TARIFF1", json={}).http_status for verb in (method, "GET")]

    assert (whole.http_status, whole.headers["Allow"]) == (405, "GET")
    assert single == [404, 404]


@EVERY_STORAGE
def test_tariff_is_for_its_audience_only(ocpi, ocpi_app, ocpi_client):
    stranger = add_partner(ocpi_app, [("BE", "OTH", ["EMSP"])], name="Stranger")
    ocpi.save("tariffs", tariff(id="ALL"))
    ocpi.save("tariffs", tariff(id="DISCOUNT"), audience=(Party("DE", "EMS"),))

    listed = {client: [item["id"] for item in client.get(SENDER).data] for client in (ocpi_client, stranger)}

    assert listed == {ocpi_client: ["ALL", "DISCOUNT"], stranger: ["ALL"]}


def test_push_of_a_tariff_goes_to_its_audience_only(ocpi, ocpi_other, ocpi_network):
    third = ocpi_network.add("third.example", [("BE", "EXT", ["EMSP"])])
    ocpi_network.connect(third, ocpi)
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    ocpi.save("tariffs", tariff(id="ALL"))
    ocpi.save("tariffs", tariff(id="DISCOUNT"), audience=(Party("FR", "OTH"),))

    everywhere, once = ocpi.push("tariffs", "ALL"), ocpi.push("tariffs", "DISCOUNT")

    assert (len(everywhere), [push.platform for push in once]) == (2, [there.id])
    assert [item["id"] for item in ocpi_other.objects.documents("tariffs", copies=True)] == ["ALL", "DISCOUNT"]
    assert [item["id"] for item in third.objects.documents("tariffs", copies=True)] == ["ALL"]


# Receiver


@pytest.mark.conformance("TAR-02", "PUSH-09", "T-11", "T-14")
@EVERY_STORAGE
def test_put_creates_then_replaces_the_whole(ocpi_client):
    document = {**full_tariff(), "country_code": "DE", "party_id": "CPO"}

    first = ocpi_client.put(f"{RECEIVER}/TARIFF1", document)
    found = ocpi_client.get(f"{RECEIVER}/tariff1").data
    second = ocpi_client.put(f"{RECEIVER}/TARIFF1", theirs())

    assert (first.http_status, second.http_status) == (201, 200)
    assert "data" not in first.envelope
    assert found == document
    assert ocpi_client.get(f"{RECEIVER}/TARIFF1").data == theirs()


@pytest.mark.conformance("TAR-02", "PUSH-03", "PUSH-04")
@pytest.mark.parametrize("changes", [{"country_code": "NL"}, {"party_id": "TNM"}, {"id": "TARIFF2"}], ids=str)
def test_body_has_to_agree_with_the_url(ocpi_client, changes):
    response = ocpi_client.put(f"{RECEIVER}/TARIFF1", {**theirs(), **changes})

    assert (response.http_status, response.status_code) == (200, 2001)
    assert next(iter(changes)) in response.message
    assert ocpi_client.get(f"{RECEIVER}/TARIFF1").http_status == 404


@pytest.mark.conformance("TAR-03", "T-13")
@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_tariff_is_replaced_as_a_whole_only(ocpi_client, stored, method):
    response = ocpi_client.open(method, f"{RECEIVER}/TARIFF1", json={"currency": "USD", "last_updated": LATE})

    assert (response.http_status, response.headers["Allow"]) == (405, "GET, PUT, DELETE")
    assert ocpi_client.get(f"{RECEIVER}/TARIFF1").data == stored


@pytest.mark.conformance("TAR-04", "TAR-05")
@EVERY_STORAGE
def test_deleted_tariff_is_gone_and_may_come_again(ocpi, ocpi_app, ocpi_client, stored):
    removed = []

    def listen(sender, **payload):
        removed.append((payload["module"], payload["key"], payload["platform"].id))

    with object_removed.connected_to(listen, sender=ocpi_app):
        deleted = ocpi_client.delete(f"{RECEIVER}/tariff1")
    after = ocpi_client.get(f"{RECEIVER}/TARIFF1")
    again = ocpi_client.put(f"{RECEIVER}/TARIFF1", theirs())

    assert (deleted.http_status, deleted.status_code) == (200, 1000)
    assert "data" not in deleted.envelope
    assert removed == [("tariffs", Key("DE", "CPO", "TARIFF1", "NL-ABC partner"), ocpi_client.platform.id)]
    assert (after.http_status, after.status_code, again.http_status) == (404, 2001, 201)
    assert list(ocpi.objects.documents("tariffs", copies=True)) == [theirs()]


@pytest.mark.conformance("TAR-05")
def test_deleting_an_unknown_tariff_is_404(ocpi_client, stored):
    unknown = ocpi_client.delete(f"{RECEIVER}/NOPE")
    ocpi_client.delete(f"{RECEIVER}/TARIFF1")
    twice = ocpi_client.delete(f"{RECEIVER}/TARIFF1")

    assert [(answer.http_status, answer.status_code) for answer in (unknown, twice)] == [(404, 2001)] * 2
    assert "NOPE" in unknown.message


@pytest.mark.conformance("TAR-04", "PUSH-05")
def test_nobody_deletes_the_tariffs_of_others(ocpi_app, ocpi_client, stored):
    other = add_partner(ocpi_app, [("FR", "CPO", ["CPO"])], name="Other")

    response = other.delete(f"{RECEIVER}/TARIFF1")

    assert (response.http_status, response.status_code) == (404, 2001)
    assert ocpi_client.get(f"{RECEIVER}/TARIFF1").data == stored


@pytest.mark.conformance("TAR-06", "CDR-18", "LOC-34")
def test_deleting_a_tariff_leaves_connectors_and_cdrs_alone(ocpi_client, stored):
    owner = {"country_code": "DE", "party_id": "CPO"}
    place = location(**owner, evses=[evse(connectors=[connector(tariff_ids=["TARIFF1"])])])
    bill = cdr(**owner, tariffs=[stored])
    ocpi_client.put(ocpi_url("receiver/locations/DE/CPO/LOC1"), place)
    where = ocpi_client.post(ocpi_url("receiver/cdrs"), bill).headers["Location"]

    deleted = ocpi_client.delete(f"{RECEIVER}/TARIFF1")

    assert deleted.status_code == 1000
    assert ocpi_client.get(ocpi_url("receiver/locations/DE/CPO/LOC1")).data == place
    assert ocpi_client.get(where).data == bill


@pytest.mark.parametrize("ocpi_parties", [[("NL", "ABC", ["EMSP"]), ("NL", "XYZ", ["EMSP"])]], ids=["two eMSPs"])
def test_copies_of_two_emsps_are_deleted_one_by_one(ocpi, ocpi_client):
    to = {id: {"OCPI-to-country-code": "NL", "OCPI-to-party-id": id} for id in ("ABC", "XYZ")}
    for id, headers in to.items():
        ocpi_client.put(f"{RECEIVER}/TARIFF1", theirs(tariff_alt_url=f"https://{id}.example"), headers=headers)

    unclear = ocpi_client.delete(f"{RECEIVER}/TARIFF1")
    deleted = ocpi_client.delete(f"{RECEIVER}/TARIFF1", headers=to["ABC"])

    assert (unclear.http_status, unclear.status_code, deleted.status_code) == (200, 2001, 1000)
    (left,) = ocpi.objects.documents("tariffs", copies=True)
    assert left["tariff_alt_url"] == "https://XYZ.example"


# Between an operator (NL-ABC) and an eMSP (FR-OTH)


@pytest.mark.conformance("TAR-04", "TAR-05")
def test_owner_deletes_what_it_pushed(ocpi, ocpi_other, ocpi_network):
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    ocpi.save("tariffs", tariff())
    ocpi.push("tariffs", "TARIFF1")
    pushed = list(ocpi_other.objects.documents("tariffs", copies=True))

    ocpi.objects.delete("tariffs", "TARIFF1")
    answer = ocpi.client(there).tariffs.delete("TARIFF1")

    assert pushed == [tariff()]
    assert (answer.http_status, answer.status_code, answer.data) == (200, 1000, None)
    assert list(ocpi_other.objects.documents("tariffs", copies=True)) == []


@pytest.mark.conformance("TAR-07", "PAG-20")
@EVERY_STORAGE
def test_only_a_whole_pull_shows_that_a_tariff_is_gone(ocpi, ocpi_other, ocpi_network):
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    for number in range(3):
        ocpi_other.save("tariffs", tariff(country_code="FR", party_id="OTH", id=f"TARIFF{number}"))
    first = ocpi.pull("tariffs", there)
    ocpi_other.objects.delete("tariffs", "TARIFF1")

    newer = ocpi.pull("tariffs", there, date_from="2024-01-01T00:00:00Z")
    kept = [item["id"] for item in ocpi.objects.documents("tariffs", copies=True)]
    whole = ocpi.pull("tariffs", there)

    assert (first.created, newer.unchanged, newer.removed, kept) == (3, 2, 0, ["TARIFF0", "TARIFF1", "TARIFF2"])
    assert (whole.unchanged, whole.removed) == (2, 1)
    assert [item["id"] for item in ocpi.objects.documents("tariffs", copies=True)] == ["TARIFF0", "TARIFF2"]
