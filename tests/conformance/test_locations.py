"""The locations module over HTTP: Sender, Receiver, their parts, and what bubbles up (group LOC)."""

from __future__ import annotations

from threading import Thread

import pytest

from flask_ocpi.core.moments import to_micros
from flask_ocpi.modules.locations import driver_view
from flask_ocpi.signals import object_received
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import full_location
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from tests.conftest import EVERY_STORAGE
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/locations")
RECEIVER = ocpi_url("receiver/locations/DE/CPO")
EARLY, LATE = "2024-05-31T12:00:00Z", "2024-06-01T12:00:00Z"


def pushed(**changes):
    """A location of the partner, DE-CPO, with two EVSEs of which the first has two connectors."""
    first = evse(uid="E1", connectors=[connector(id="1"), connector(id="2")])
    return location(country_code="DE", party_id="CPO", id="L1", evses=[first, evse(uid="E2")], **changes)


@pytest.fixture
def stored(ocpi_client):
    """The location above, as the partner pushed it."""
    document = pushed()
    assert ocpi_client.put(f"{RECEIVER}/L1", document).http_status == 201
    return document


def own(ocpi, **changes):
    document = {**full_location(), **changes}
    ocpi.save("locations", document)
    return document


# Sender


@pytest.mark.conformance("LOC-01", "PAG-01")
@EVERY_STORAGE
def test_list_has_complete_locations(ocpi, ocpi_client):
    document = own(ocpi)

    response = ocpi_client.get(SENDER)

    assert response.data == [document]
    assert (response.headers["X-Total-Count"], response.http_status, response.status_code) == ("1", 200, 1000)


@pytest.mark.conformance("LOC-02", "LOC-03")
@EVERY_STORAGE
def test_date_filter_sees_changes_of_a_connector(ocpi, ocpi_client):
    document = own(ocpi)
    uid = document["evses"][0]["uid"]
    ocpi.patch(
        "locations", document["id"], uid, document["evses"][0]["connectors"][0]["id"], changes={"max_amperage": 32}
    )

    response = ocpi_client.get(SENDER, query_string={"date_from": "2026-01-01T12:00:00Z"})

    (found,) = response.data
    assert found["evses"][0]["connectors"][0]["max_amperage"] == 32
    moments = [found["last_updated"], found["evses"][0]["last_updated"]]
    assert moments == [found["evses"][0]["connectors"][0]["last_updated"]] * 2


@pytest.mark.conformance("LOC-03")
def test_own_evse_change_raises_only_its_location(ocpi):
    document = own(ocpi)
    connectors = document["evses"][0]["connectors"]

    changed = ocpi.patch("locations", document["id"], document["evses"][0]["uid"], changes={"status": "CHARGING"})

    assert changed["last_updated"] == changed["evses"][0]["last_updated"] == "2026-01-01T12:00:00.000Z"
    assert changed["evses"][0]["connectors"] == connectors


@pytest.mark.conformance("LOC-04", "T-23")
@pytest.mark.parametrize("level", [0, 1, 2], ids=["location", "evse", "connector"])
def test_one_object_is_an_object_at_each_level(ocpi, ocpi_client, level):
    document = own(ocpi)
    part = document["evses"][0]
    ids = [document["id"], part["uid"], part["connectors"][0]["id"]][: level + 1]

    response = ocpi_client.get("/".join([SENDER, *ids]))

    assert response.data == [document, part, part["connectors"][0]][level]
    assert "X-Total-Count" not in response.headers


@pytest.mark.conformance("LOC-05", "T-08", "T-10")
@pytest.mark.parametrize("path", ["NOPE", "{id}/NOPE", "{id}/{uid}/NOPE", "NOPE/NOPE/NOPE"])
def test_unknown_object_is_404_and_2003(ocpi, ocpi_client, path):
    document = own(ocpi)
    known = {"id": document["id"], "uid": document["evses"][0]["uid"]}

    response = ocpi_client.get(f"{SENDER}/{path.format(**known)}")

    assert (response.http_status, response.status_code) == (404, 2003)
    assert "NOPE" in response.message


@pytest.mark.conformance("TYP-01", "TYP-02")
def test_ids_compare_without_case_and_keep_it(ocpi, ocpi_client):
    document = own(ocpi, id="LoC-x")

    response = ocpi_client.get(f"{SENDER}/lOc-X/{document['evses'][0]['uid'].swapcase()}")

    assert response.data["uid"] == document["evses"][0]["uid"]
    assert ocpi_client.get(f"{SENDER}/loc-x").data["id"] == "LoC-x"


@EVERY_STORAGE
def test_sender_hides_what_is_for_another_partner(ocpi, ocpi_app, ocpi_client):
    stranger = add_partner(ocpi_app, [("BE", "OTH", ["EMSP"])], name="Stranger")
    document = full_location()
    ocpi.save("locations", document, audience=(Party("DE", "EMS"),))

    theirs, others = ocpi_client.get(SENDER), stranger.get(SENDER)

    assert (len(theirs.data), len(others.data)) == (1, 0)
    assert others.headers["X-Total-Count"] == "0"
    assert stranger.get(f"{SENDER}/{document['id']}").http_status == 404


def test_sender_never_lists_what_others_pushed(ocpi_client, stored):
    assert ocpi_client.get(SENDER).data == []
    assert ocpi_client.get(f"{SENDER}/L1").http_status == 404


# Receiver: whole locations


@pytest.mark.conformance("LOC-06", "PUSH-09")
@EVERY_STORAGE
def test_receiver_returns_each_level_as_received(ocpi_client, stored):
    assert ocpi_client.get(f"{RECEIVER}/L1").data == stored
    assert ocpi_client.get(f"{RECEIVER}/L1/E1").data == stored["evses"][0]
    assert ocpi_client.get(f"{RECEIVER}/L1/E1/2").data == stored["evses"][0]["connectors"][1]


@pytest.mark.conformance("LOC-07", "T-11", "T-14", "T-24")
@EVERY_STORAGE
def test_put_creates_then_replaces_the_whole(ocpi_client):
    first = ocpi_client.put(f"{RECEIVER}/L1", pushed(name="One"))
    second = ocpi_client.put(f"{RECEIVER}/L1", location(country_code="DE", party_id="CPO", id="L1", last_updated=LATE))

    assert (first.http_status, second.http_status) == (201, 200)
    assert "data" not in first.envelope
    found = ocpi_client.get(f"{RECEIVER}/L1").data
    assert "name" not in found
    assert "evses" not in found


@pytest.mark.conformance("LOC-13", "LOC-22", "T-05", "T-06")
def test_incomplete_location_is_refused_and_not_stored(ocpi_client):
    document = pushed()
    del document["time_zone"]
    del document["evses"][0]["connectors"][1]["format"]

    response = ocpi_client.put(f"{RECEIVER}/L1", document)

    assert (response.http_status, response.status_code) == (200, 2001)
    assert "time_zone is required" in response.message
    assert "evses[0].connectors[1].format is required" in response.message
    assert ocpi_client.get(f"{RECEIVER}/L1").http_status == 404


@pytest.mark.conformance("LOC-14", "PUSH-03", "PUSH-04")
@pytest.mark.parametrize(
    "changes", [{"country_code": "NL"}, {"party_id": "EMS"}, {"id": "L2"}], ids=["country_code", "party_id", "id"]
)
def test_body_has_to_agree_with_the_url(ocpi_client, changes):
    response = ocpi_client.put(f"{RECEIVER}/L1", {**pushed(), **changes})

    assert (response.http_status, response.status_code) == (200, 2001)
    assert next(iter(changes)) in response.message
    assert ocpi_client.get(f"{RECEIVER}/L1").http_status == 404


@pytest.mark.conformance("LOC-14")
def test_parts_are_compared_by_their_own_id_only(ocpi_client, stored):
    wrong = ocpi_client.put(f"{RECEIVER}/L1/E1", evse(uid="E9"))
    right = ocpi_client.put(f"{RECEIVER}/L1/E1", evse(uid="e1", country_code="XX"))

    assert (wrong.status_code, right.status_code) == (2001, 1000)


@pytest.mark.conformance("LOC-15", "T-13")
@pytest.mark.parametrize("method", ["DELETE", "POST"])
@pytest.mark.parametrize("path", ["L1", "L1/E1", "L1/E1/1"])
def test_nothing_of_a_location_is_deleted_or_posted(ocpi_client, stored, method, path):
    response = ocpi_client.open(method, f"{RECEIVER}/{path}")

    assert response.http_status == 405
    assert response.headers["Allow"] == "GET, PUT, PATCH"


@pytest.mark.conformance("LOC-15", "LOC-16", "LOC-17")
def test_removed_evse_stays_stored_and_is_hidden_from_drivers(ocpi_client, stored):
    ocpi_client.patch(f"{RECEIVER}/L1/E1", {"status": "REMOVED", "last_updated": LATE})

    found = ocpi_client.get(f"{RECEIVER}/L1").data

    assert [item["status"] for item in found["evses"]] == ["REMOVED", "AVAILABLE"]
    assert [item["uid"] for item in driver_view(found)["evses"]] == ["E2"]


@pytest.mark.conformance("LOC-18", "LOC-39")
def test_unpublished_location_is_exchanged_and_hidden_from_drivers(ocpi_client):
    entry = {"uid": "04AB", "type": "RFID"}
    ocpi_client.put(f"{RECEIVER}/L1", pushed(publish=False, publish_allowed_to=[entry]))

    found = ocpi_client.get(f"{RECEIVER}/L1").data

    assert driver_view(found) is None
    assert driver_view(found, entry)["id"] == "L1"


@pytest.mark.conformance("T-28")
def test_unknown_properties_are_kept_at_each_level(ocpi_client):
    document = pushed(gireve_id="G1", x={"y": [None, 1.5]})
    document["evses"][0]["vendor.note"] = None
    document["evses"][0]["connectors"][0]["z"] = [[]]

    ocpi_client.put(f"{RECEIVER}/L1", document)

    assert ocpi_client.get(f"{RECEIVER}/L1").data == document


# Receiver: parts


@pytest.mark.conformance("LOC-08", "LOC-11", "T-11")
@EVERY_STORAGE
def test_put_evse_adds_then_replaces_and_raises_the_location(ocpi_client, stored):
    added = ocpi_client.put(f"{RECEIVER}/L1/E3", evse(uid="E3", last_updated=LATE))
    replaced = ocpi_client.put(f"{RECEIVER}/L1/e3", evse(uid="E3", status="BLOCKED", last_updated=EARLY))

    assert (added.http_status, replaced.http_status) == (201, 200)
    found = ocpi_client.get(f"{RECEIVER}/L1").data
    assert [item["uid"] for item in found["evses"]] == ["E1", "E2", "E3"]
    assert found["evses"][2]["status"] == "BLOCKED"
    assert found["last_updated"] == LATE  # never backwards


@pytest.mark.conformance("LOC-09")
@EVERY_STORAGE
def test_put_connector_raises_evse_and_location(ocpi_client, stored):
    added = ocpi_client.put(f"{RECEIVER}/L1/E1/3", connector(id="3", last_updated=LATE))

    found = ocpi_client.get(f"{RECEIVER}/L1").data
    assert added.http_status == 201
    assert [item["id"] for item in found["evses"][0]["connectors"]] == ["1", "2", "3"]
    assert (found["last_updated"], found["evses"][0]["last_updated"]) == (LATE, LATE)
    assert found["evses"][1]["last_updated"] == EARLY


@pytest.mark.conformance("LOC-10", "T-12")
@pytest.mark.parametrize(
    ("path", "changes"),
    [("L1", {"name": "New"}), ("L1/E1", {"status": "CHARGING"}), ("L1/E1/2", {"tariff_ids": ["T1"]})],
    ids=["location", "evse", "connector"],
)
@EVERY_STORAGE
def test_patch_changes_one_level_and_raises_those_above(ocpi_client, stored, path, changes):
    before = ocpi_client.get(f"{RECEIVER}/{path}").data

    response = ocpi_client.patch(f"{RECEIVER}/{path}", {**changes, "last_updated": LATE})

    assert (response.http_status, response.status_code) == (200, 1000)
    assert ocpi_client.get(f"{RECEIVER}/{path}").data == {**before, **changes, "last_updated": LATE}
    levels = path.split("/")
    for depth in range(1, len(levels)):
        assert ocpi_client.get(f"{RECEIVER}/{'/'.join(levels[:depth])}").data["last_updated"] == LATE


@pytest.mark.conformance("LOC-12", "T-09")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "L9/E1", evse(uid="E1")),
        ("PUT", "L1/E9/1", connector()),
        ("PUT", "L9/E1/1", connector()),
        ("PATCH", "L9", {"last_updated": LATE}),
        ("PATCH", "L1/E9", {"last_updated": LATE}),
        ("PATCH", "L1/E1/9", {"last_updated": LATE}),
    ],
)
def test_part_of_something_unknown_is_404_and_2003(ocpi_client, stored, method, path, body):
    response = ocpi_client.open(method, f"{RECEIVER}/{path}", json=body)

    assert (response.http_status, response.status_code) == (404, 2003)
    assert ocpi_client.get(f"{RECEIVER}/L1").data == stored


@pytest.mark.conformance("LOC-42", "T-17")
def test_patch_of_evses_replaces_the_list(ocpi_client, stored):
    ocpi_client.patch(f"{RECEIVER}/L1", {"evses": [evse(uid="E7")], "last_updated": LATE})

    assert [item["uid"] for item in ocpi_client.get(f"{RECEIVER}/L1").data["evses"]] == ["E7"]


@pytest.mark.conformance("LOC-29", "T-19")
def test_patch_may_not_leave_an_evse_without_connectors(ocpi_client, stored):
    response = ocpi_client.patch(f"{RECEIVER}/L1/E1", {"connectors": [], "last_updated": LATE})

    assert response.status_code == 2001
    assert "connectors must have at least one element" in response.message
    assert ocpi_client.get(f"{RECEIVER}/L1").data == stored


@pytest.mark.conformance("LOC-30", "T-20")
@pytest.mark.parametrize(
    ("path", "body"),
    [("L1", {"id": "L2"}), ("L1", {"party_id": "ABC"}), ("L1/E1", {"uid": "E2"}), ("L1/E1/1", {"id": "9"})],
)
def test_identifiers_never_change(ocpi_client, stored, path, body):
    response = ocpi_client.patch(f"{RECEIVER}/{path}", {**body, "last_updated": LATE})

    assert (response.http_status, response.status_code) == (200, 2001)
    assert ocpi_client.get(f"{RECEIVER}/L1").data == stored


@pytest.mark.conformance("LOC-31")
def test_evse_id_may_go_with_the_evse(ocpi_client):
    document = pushed()
    document["evses"][0]["evse_id"] = "DE*CPO*E1"
    ocpi_client.put(f"{RECEIVER}/L1", document)

    ocpi_client.patch(f"{RECEIVER}/L1/E1", {"status": "REMOVED", "evse_id": None, "last_updated": LATE})

    assert "evse_id" not in ocpi_client.get(f"{RECEIVER}/L1/E1").data


@pytest.mark.conformance("LOC-34")
def test_unknown_tariffs_are_no_reason_to_refuse(ocpi_client, stored):
    response = ocpi_client.put(f"{RECEIVER}/L1/E1/1", connector(tariff_ids=["UNHEARD-OF"]))

    assert response.status_code == 1000


@pytest.mark.conformance("LOC-35")
def test_start_session_connector_required_is_a_capability(ocpi_client, stored):
    ocpi_client.put(f"{RECEIVER}/L1/E1", evse(uid="E1", capabilities=["START_SESSION_CONNECTOR_REQUIRED"]))

    assert ocpi_client.get(f"{RECEIVER}/L1/E1").data["capabilities"] == ["START_SESSION_CONNECTOR_REQUIRED"]


@pytest.mark.conformance("LOC-36")
def test_operator_falls_back_on_the_owners_business_details(ocpi_client, stored):
    found = ocpi_client.get(f"{RECEIVER}/L1").data
    details = ocpi_client.platform.roles[0]["business_details"]

    assert driver_view(found, operator=details)["operator"] == {"name": "Partner"}


@pytest.mark.conformance("LOC-38")
def test_schedule_does_not_change_the_status(ocpi_client, stored):
    schedule = [{"period_begin": EARLY, "status": "CHARGING"}]
    ocpi_client.patch(f"{RECEIVER}/L1/E1", {"status_schedule": schedule, "last_updated": LATE})

    assert ocpi_client.get(f"{RECEIVER}/L1/E1").data["status"] == "AVAILABLE"


@pytest.mark.conformance("T-21")
@pytest.mark.parametrize("ocpi_config", [{"OCPI_REJECT_STALE": True}], ids=["refuse"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "L1", {**pushed(), "last_updated": "2024-01-01T00:00:00Z"}),
        ("PATCH", "L1", {"name": "Old", "last_updated": "2024-01-01T00:00:00Z"}),
        ("PUT", "L1/E1", evse(uid="E1", status="BLOCKED", last_updated="2024-01-01T00:00:00Z")),
        ("PATCH", "L1/E1", {"status": "BLOCKED", "last_updated": "2024-01-01T00:00:00Z"}),
    ],
)
def test_older_objects_are_refused_where_configured(ocpi_client, stored, method, path, body):
    response = ocpi_client.open(method, f"{RECEIVER}/{path}", json=body)

    assert (response.http_status, response.status_code) == (200, 2001)
    assert "older" in response.message
    assert ocpi_client.get(f"{RECEIVER}/L1").data == stored


@pytest.mark.conformance("T-21")
def test_older_objects_are_accepted_by_default(ocpi_client, stored):
    response = ocpi_client.put(f"{RECEIVER}/L1", {**stored, "last_updated": "2024-01-01T00:00:00Z"})

    assert response.status_code == 1000
    assert ocpi_client.get(f"{RECEIVER}/L1").data["last_updated"] == "2024-01-01T00:00:00Z"


@EVERY_STORAGE
def test_parallel_patches_of_different_evses_lose_nothing(ocpi_app, ocpi_client):
    uids = [f"E{number}" for number in range(8)]
    document = location(country_code="DE", party_id="CPO", id="L1", evses=[evse(uid=uid) for uid in uids])
    ocpi_client.put(f"{RECEIVER}/L1", document)

    def patch(uid):
        for floor in range(5):
            body = {"floor_level": str(floor), "status": "CHARGING", "last_updated": LATE}
            assert ocpi_client.patch(f"{RECEIVER}/L1/{uid}", body).status_code == 1000

    threads = [Thread(target=patch, args=(uid,)) for uid in uids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = ocpi_client.get(f"{RECEIVER}/L1").data["evses"]
    assert [(item["uid"], item["status"], item["floor_level"]) for item in found] == [
        (u, "CHARGING", "4") for u in uids
    ]


# As a client


@pytest.mark.conformance("LOC-40")
def test_client_pushes_whole_objects_and_changes(ocpi, ocpi_other, ocpi_network):
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    document = own(ocpi)
    uid = document["evses"][0]["uid"]

    with ocpi.client(there) as client:
        created = client.locations.put(document)
        changed = ocpi.patch("locations", document["id"], uid, changes={"status": "CHARGING"})
        change = {"status": "CHARGING", "last_updated": changed["last_updated"]}
        client.locations.patch(document["id"], uid, changes=change)

        assert created.http_status == 201
        assert client.locations.get_copy(document["id"]) == changed
    body = ocpi_network.requests[-2].body
    assert body is not None
    assert sorted(change) == ["last_updated", "status"]
    assert b"connectors" not in body


@pytest.mark.conformance("LOC-41", "T-38")
def test_client_puts_the_whole_where_a_patch_finds_nothing(ocpi, ocpi_other, ocpi_network):
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    document = own(ocpi)
    uid = document["evses"][0]["uid"]

    with ocpi.client(there) as client:
        changes = {"status": "CHARGING", "last_updated": LATE}
        answer = client.locations.update(document["id"], uid, changes=changes, whole=document)

        # It is not new any more: after its 404 the receiver fetched it.
        assert (answer.method, answer.http_status) == ("PUT", 200)
        assert client.locations.get_copy(document["id"]) == document


def test_client_puts_the_whole_where_a_patch_is_refused_for_another_reason(ocpi, ocpi_other, ocpi_network):
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    document = own(ocpi)

    with ocpi.client(there) as client:
        client.locations.put(document)
        answer = client.locations.update(
            document["id"], "X", changes={"status": "?", "last_updated": LATE}, whole=document
        )

    assert (answer.method, answer.http_status) == ("PUT", 200)


@pytest.mark.conformance("PAG-20", "LOC-16")
@EVERY_STORAGE
def test_pull_makes_the_copies_equal_to_the_list(ocpi, ocpi_other, ocpi_network):
    there, _ = ocpi_network.connect(ocpi_other, ocpi)
    for number in range(120):
        ocpi.save("locations", location(id=f"L{number}", evses=[evse(uid=f"E{number}")]))

    first = ocpi_other.pull("locations", there)
    ocpi.objects.delete("locations", "L7")
    ocpi.patch("locations", "L8", "E8", changes={"status": "CHARGING"})
    second = ocpi_other.pull("locations", there)

    assert (first.created, first.total, first.seen) == (120, 120, 120)
    assert (second.created, second.updated, second.unchanged, second.removed) == (0, 1, 118, 1)
    copies = list(ocpi_other.objects.documents("locations", copies=True))
    assert copies == list(ocpi.objects.documents("locations"))


def test_pull_of_a_delta_removes_nothing(ocpi, ocpi_other, ocpi_network):
    there, _ = ocpi_network.connect(ocpi_other, ocpi)
    for number in range(3):
        ocpi.save("locations", location(id=f"L{number}"))
    ocpi_other.pull("locations", there)
    ocpi.objects.delete("locations", "L0")
    ocpi.patch("locations", "L1", changes={"name": "New"})

    pulled = ocpi_other.pull("locations", there, date_from="2026-01-01T00:00:00Z")

    assert (pulled.updated, pulled.removed, pulled.total) == (1, 0, 1)


def test_listeners_hear_of_every_change_and_may_fail(ocpi_app, ocpi_client, caplog):
    heard = []

    def listen(sender, **payload):
        heard.append((payload["module"], payload["key"].id, payload["created"], payload["platform"].id))
        raise ValueError("the listener is broken")

    with object_received.connected_to(listen, sender=ocpi_app):
        ocpi_client.put(f"{RECEIVER}/L1", pushed())
        response = ocpi_client.patch(f"{RECEIVER}/L1/E1", {"status": "CHARGING", "last_updated": LATE})

    assert heard == [("locations", "L1", True, "partner"), ("locations", "L1", False, "partner")]
    assert response.status_code == 1000
    assert ocpi_client.get(f"{RECEIVER}/L1/E1").data["status"] == "CHARGING"
    assert "ocpi.object-received" in caplog.text


def test_last_updated_decides_by_moment_not_by_text(ocpi_client, stored):
    ocpi_client.patch(f"{RECEIVER}/L1/E1", {"status": "CHARGING", "last_updated": "2024-05-31T12:00:00.5"})

    found = ocpi_client.get(f"{RECEIVER}/L1").data

    assert found["last_updated"] == "2024-05-31T12:00:00.5Z"
    assert to_micros(found["last_updated"]) - to_micros(EARLY) == 500_000


def test_pull_keeps_what_is_pushed_meanwhile(ocpi, ocpi_other, ocpi_network):
    there, here = ocpi_network.connect(ocpi_other, ocpi)
    ocpi.save("locations", location())

    def push_behind_the_last_page(request, response):
        if "/sender/locations" in request.url:
            ocpi.save("locations", location(id="NEW"))
            with ocpi.client(here) as client:
                client.locations.put(location(id="NEW"))
        return response

    ocpi_network.after_send = push_behind_the_last_page
    pulled = ocpi_other.pull("locations", there)

    assert (pulled.created, pulled.removed) == (1, 0)
    assert {item["id"] for item in ocpi_other.objects.documents("locations", copies=True)} == {"LOC1", "NEW"}
