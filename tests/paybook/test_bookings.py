"""Bookings between a CPO and an eMSP. OCPI 2.3.0, Bookings 1.1."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import ClientError
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.errors import RefusedError
from flask_ocpi.signals import object_saved
from flask_ocpi.storage.base import Party
from tests.conftest import EVERY_STORAGE
from tests.paybook.sharing import CPO
from tests.paybook.sharing import EMS
from tests.paybook.sharing import LATER
from tests.paybook.sharing import NOW
from tests.paybook.sharing import House
from tests.paybook.sharing import booking
from tests.paybook.sharing import booking_location
from tests.paybook.sharing import calendar
from tests.paybook.sharing import request
from tests.paybook.sharing import slot

SENDER = "/ocpi/2.3.0/sender/bookings"
RECEIVER = "/ocpi/2.3.0/receiver/bookings"
CANCEL = {"cancellation_reason": "TRAFFIC", "who_canceled": "EMSP"}


@pytest.fixture
def emsp(house):
    """An eMSP, DE-OTH, as it calls the CPO by hand."""
    return house.partner("cpo", "OTH", "EMSP")


@pytest.fixture
def ems_house(ocpi_network, ocpi_storage):
    """As ``house``, with the copies of the eMSP in the storage that the test wants."""
    return House(ocpi_network, ocpi_storage, storage_of="ems")


@pytest.fixture
def cpo(ems_house):
    """A CPO, DE-OTH, as it calls the eMSP by hand."""
    return ems_house.partner("ems", "OTH", "CPO")


def answering(house, *answers):
    """Have the CPO answer what it is asked, one after another; return what it was asked."""
    asked, left = [], list(answers)

    @house.cpo.booking
    def book(request, reply):
        asked.append((request, reply))
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    house.cpo.save("booking_locations", booking_location())
    house.network.requests.clear()
    return asked


def book(house, document=None):
    with house.ems.client(str(CPO)) as client:
        return client.bookings.request(request() if document is None else document)


def of_cpo(**changes):
    return booking(country_code="DE", party_id="OTH", **changes)


# Asking


@pytest.mark.conformance("BOOK-04", "BOOK-26")
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("ACCEPTED", "RESERVED"),
        ("DECLINED", "REJECTED"),
        ("FAILED", "FAILED"),
        ("PENDING", "PENDING"),
        (None, "PENDING"),
    ],
)
def test_request_is_answered_with_the_booking(house, answer, expected):
    asked = answering(house, answer)

    made = book(house)

    ((given, reply),) = asked
    assert given == request()
    assert (reply.id, reply.sender, reply.receiver, reply.before, reply.kind) == (made["id"], EMS, CPO, None, "new")
    assert (made["country_code"], made["party_id"], made["request_id"]) == ("NL", "ABC", "REQ1")
    assert made["reservation_status"] == expected
    assert (made["booking_terms"], made["tariff_ids"]) == (booking_location()["booking_terms"], ["11"])
    assert house.cpo.objects.get("bookings", made["id"]) == made
    assert house.cpo.objects.record("bookings", made["id"]).audience == (EMS,)
    assert list(house.ems.copies.documents("bookings")) == [made]
    assert house.sent("ems") == []  # who asked was answered


@pytest.mark.conformance("BOOK-04")
def test_host_sets_other_properties_of_the_booking(house):
    answering(
        house,
        {
            "request_status": "ACCEPTED",
            "booking_option": {"evse_uid": "3256", "connector_id": "2"},
            "access_information": [{"method": "ACCESS_CODE", "value": "1224"}],
        },
    )

    made = book(house)

    assert made["booking_option"] == {"evse_uid": "3256", "connector_id": "2"}
    assert made["access_information"] == [{"method": "ACCESS_CODE", "value": "1224"}]


@pytest.mark.conformance("BOOK-05", "BOOK-26")
@EVERY_STORAGE
def test_host_answers_later_and_the_booking_is_sent(house):
    answering(house, None)
    made = book(house)

    settled = house.cpo.answer_booking(made["id"], {"request_status": "ACCEPTED", "tariff_ids": ["12"]})

    assert (settled["reservation_status"], settled["tariff_ids"]) == ("RESERVED", ["12"])
    assert [item["request_status"] for item in settled["booking_requests"]] == ["ACCEPTED"]
    assert [(method, path) for method, path, _ in house.sent("ems")] == [
        ("PATCH", f"/receiver/bookings/NL/ABC/{made['id']}")
    ]
    assert list(house.ems.copies.documents("bookings")) == [settled]
    with pytest.raises(InvalidParametersError, match="PENDING"):
        house.cpo.answer_booking(made["id"], "ACCEPTED")
    with pytest.raises(NotFoundError):
        house.cpo.answer_booking("B2", "ACCEPTED")
    with pytest.raises(InvalidParametersError, match="request_status: 'RESERVED' is none of PENDING, ACCEPTED"):
        house.cpo.answer_booking(made["id"], "RESERVED")


def test_answer_that_the_host_gives_within_the_hook_is_answered(house):
    house.cpo.save("booking_locations", booking_location())

    @house.cpo.booking
    def book_at_once(request, reply):
        house.cpo.answer_booking(reply.id, "ACCEPTED")

    assert book(house)["reservation_status"] == "RESERVED"


def test_what_was_pushed_before_the_answer_came_is_kept(house):
    answering(house, None)

    def answer_first(sent, response):
        if sent.method == "POST" and sent.url.endswith("/sender/bookings"):
            (pending,) = house.cpo.objects.documents("bookings")
            house.cpo.answer_booking(pending["id"], "ACCEPTED")
        return response

    house.network.after_send = answer_first
    made = book(house)

    assert made["reservation_status"] == "RESERVED"
    assert list(house.ems.copies.documents("bookings")) == [made]


@pytest.mark.conformance("BOOK-06")
@EVERY_STORAGE
def test_same_request_id_changes_the_booking(house):
    asked = answering(house, "ACCEPTED", None, "DECLINED")
    made = book(house)

    pending = book(house, request(period=slot(9, 10)))
    house.cpo.answer_booking(made["id"], "ACCEPTED")
    declined = book(house, request("req1", period=slot(10, 11)))

    assert [reply.kind for _, reply in asked] == ["new", "change", "change"]
    assert asked[1][1].before == made
    assert {booking["id"] for booking in (made, pending, declined)} == {made["id"]}
    assert (pending["reservation_status"], pending["period"]) == ("RESERVED", slot())
    assert (declined["reservation_status"], declined["period"]) == ("RESERVED", slot(9, 10))
    assert [item["request_status"] for item in declined["booking_requests"]] == ["ACCEPTED", "ACCEPTED", "DECLINED"]
    assert list(house.ems.copies.documents("bookings")) == [declined]


@pytest.mark.conformance("BOOK-07")
@EVERY_STORAGE
def test_request_with_canceled_cancels(house):
    asked = answering(house, "ACCEPTED", "ACCEPTED")
    made = book(house)

    with house.ems.client(str(CPO)) as client:
        cancelled = client.bookings.cancel(made, "TRAFFIC")

    assert (asked[1][1].kind, asked[1][0]["canceled"]) == ("cancel", CANCEL)
    assert (cancelled["reservation_status"], cancelled["canceled"]) == ("CANCELED", CANCEL)
    assert list(house.ems.copies.documents("bookings")) == [cancelled]


def test_what_was_not_booked_is_not_cancelled(house):
    answering(house)

    with pytest.raises(RefusedError, match="request_id: there is no booking 'REQ1'"):
        book(house, request(canceled=CANCEL))


@pytest.mark.conformance("BOOK-08")
def test_very_same_request_again_asks_nobody(house):
    asked = answering(house, "ACCEPTED")

    first, second = book(house), book(house)

    assert first == second
    assert len(asked) == 1


@pytest.mark.conformance("BOOK-13")
def test_booking_that_has_ended_is_not_changed(house):
    answering(house, "DECLINED")
    made = book(house)

    with pytest.raises(RefusedError, match=r"REQ1.*REJECTED"):
        book(house, request(period=slot(9, 10)))

    assert house.cpo.objects.get("bookings", made["id"]) == made


def test_booking_takes_no_more_than_100_requests(house):
    answering(house, *[None] * 100)
    made = [book(house, request(power_required=number)) for number in range(100)]

    with pytest.raises(RefusedError, match="100 requests"):
        book(house, request(power_required=100))

    assert len(made[-1]["booking_requests"]) == 100


def test_booking_of_another_cpo_is_no_answer(house):
    answering(house, "ACCEPTED")
    house.network.after_send = lambda sent, response: replace(
        response, body=response.body.replace(b'"party_id":"ABC"', b'"party_id":"XYZ"')
    )

    with pytest.raises(InvalidResponseError, match="NL-XYZ"):
        book(house)

    assert list(house.ems.copies.documents("bookings")) == []


@pytest.mark.conformance("BOOK-09")
def test_nobody_books_for_another(house, emsp):
    answering(house)

    refused = emsp.post(SENDER, request())

    assert (refused.status_code, "DE-EMS" in refused.message) == (2001, True)
    with pytest.raises(InvalidParametersError, match="DE-OTH"):
        book(house, request(party_id="OTH"))


@pytest.mark.conformance("BOOK-10")
@pytest.mark.parametrize(
    "changes", [{"booking_location_id": "BL2"}, {"location_id": "LOC2"}], ids=["unknown", "elsewhere"]
)
def test_unknown_place_is_2003(house, changes):
    answering(house)

    with pytest.raises(RefusedError) as caught:
        book(house, request(**changes))

    assert (caught.value.status_code, caught.value.http_status) == (2003, 200)
    assert list(house.cpo.objects.documents("bookings")) == []


def test_place_that_is_for_others_is_unknown(house):
    answering(house)
    house.cpo.save("booking_locations", booking_location(), audience=[Party.of("DE", "OTH")])

    with pytest.raises(RefusedError, match="BL1"):
        book(house)


def test_nothing_is_booked_without_a_hook(house):
    house.cpo.save("booking_locations", booking_location())

    with pytest.raises(RefusedError) as caught:
        book(house)

    assert caught.value.status_code == ClientError.status_code


@pytest.mark.parametrize("answer", [ClientError("We are closed."), RuntimeError("broken"), "RESERVED", {"period": 1}])
def test_request_that_the_host_does_not_answer_leaves_nothing(house, answer):
    answering(house, answer, "ACCEPTED", answer, "ACCEPTED")

    with pytest.raises(RefusedError):
        book(house)
    assert list(house.cpo.objects.documents("bookings")) == []

    made = book(house)
    with pytest.raises(RefusedError):
        book(house, request(period=slot(9, 10)))
    assert house.cpo.objects.get("bookings", made["id"]) == made
    assert book(house, request(period=slot(9, 10)))["period"] == slot(9, 10)


def test_terms_are_needed_of_the_place_or_the_host(house):
    place = booking_location()
    del place["booking_terms"]
    answering(house, "ACCEPTED", {"request_status": "ACCEPTED", "booking_terms": booking_location()["booking_terms"]})
    house.cpo.save("booking_locations", place)

    with pytest.raises(RefusedError, match="booking_terms") as caught:
        book(house)
    assert caught.value.status_code == 3000
    assert book(house)["reservation_status"] == "RESERVED"


def test_hook_of_bookings_has_two_parameters(house):
    with pytest.raises(ConfigurationError, match=r"@ocpi.booking.*\(request, reply\)"):
        house.cpo.booking(lambda request: None)


def test_host_hears_of_bookings(house):
    heard = []
    answering(house, "ACCEPTED", "DECLINED")

    def note(app, *, module, created, document, **rest):
        heard.append((module, created, document["reservation_status"]))

    with object_saved.connected_to(note, house.network.apps["cpo.example"]):
        book(house)
        book(house, request(period=slot(9, 10)))

    assert heard == [("bookings", True, "RESERVED"), ("bookings", False, "RESERVED")]


# What the CPO has


@pytest.mark.conformance("BOOK-01", "BOOK-02")
@pytest.mark.parametrize("identifier", ["bookings", "Booking", "Bookings"])
def test_endpoint_goes_by_bookings_and_is_taken_as_booking(ocpi_network, identifier):
    ocpi_network.after_send = lambda request, response: replace(
        response, body=response.body.replace(b'"bookings"', f'"{identifier}"'.encode())
    )
    house = House(ocpi_network)

    at_cpo = house.ems.partners.find(str(CPO))
    at_ems = house.cpo.partners.find(str(EMS))

    assert at_cpo.endpoint("bookings", InterfaceRole.SENDER) == f"https://cpo.example{SENDER}"
    assert at_ems.endpoint("bookings", InterfaceRole.RECEIVER) == f"https://ems.example{RECEIVER}"
    assert at_cpo.endpoint("booking_locations", InterfaceRole.SENDER) is None


@pytest.mark.conformance("BOOK-03")
@EVERY_STORAGE
def test_bookings_are_listed_for_their_emsp_alone(house, emsp):
    for number in range(3):
        house.cpo.save("bookings", booking(f"B{number}", last_updated=f"2026-01-0{number + 1}T00:00:00Z"))
    theirs = booking("B9")
    theirs["booking_requests"][0]["booking_request"]["party_id"] = "OTH"
    house.cpo.save("bookings", theirs)

    listed = emsp.get(SENDER, query_string={"limit": 1})

    assert [item["id"] for item in listed.data] == ["B9"]
    assert listed.headers["X-Total-Count"] == "1"
    with house.ems.client(str(CPO)) as client:
        assert [item["id"] for item in client.bookings.list(limit=2)] == ["B0", "B1", "B2"]
        assert [item["id"] for item in client.bookings.list(date_from="2026-01-02T00:00:00Z")] == ["B1", "B2"]


@pytest.mark.conformance("BOOK-11")
@EVERY_STORAGE
def test_own_booking_follows_the_lifecycle(house):
    house.cpo.save("bookings", booking())

    with pytest.raises(InvalidParametersError, match="RESERVED does not become PENDING"):
        house.cpo.save("bookings", booking(status="PENDING"))
    fulfilled = house.cpo.patch("bookings", "B1", changes={"reservation_status": "FULFILLED"})
    with pytest.raises(InvalidParametersError, match="FULFILLED has ended"):
        house.cpo.patch("bookings", "B1", changes={"reservation_status": "RESERVED"})
    with pytest.raises(InvalidParametersError, match=r"bookings\[0\].*FULFILLED has ended"):
        house.cpo.objects.save_all({"bookings": [booking()]})

    assert house.cpo.objects.get("bookings", "B1") == fulfilled
    assert list(house.ems.copies.documents("bookings")) == [fulfilled]


@pytest.mark.conformance("BOOK-14")
@EVERY_STORAGE
def test_booking_locations_are_listed_and_got_with_their_calendars(house, emsp):
    house.cpo.save("booking_locations", booking_location())

    assert emsp.get(f"{SENDER}/booking_locations").data == [booking_location()]
    assert emsp.get(f"{SENDER}/booking_locations/bl1").data == booking_location()
    assert emsp.get(f"{SENDER}/booking_locations/BL1/CAL1").data == calendar()
    for path, status in (("BL2", 2003), ("BL1/CAL2", 2003)):
        missing = emsp.get(f"{SENDER}/booking_locations/{path}")
        assert (missing.http_status, missing.status_code) == (404, status)


@pytest.mark.conformance("BOOK-14")
def test_booking_locations_are_synced(house):
    house.network.config["OCPI_PUSH"] = False
    house.cpo.save("booking_locations", booking_location())
    late = house.network.add("late.example", [("FR", "LTE", ["EMSP"])], versions=house.cpo.services.versions)
    house.network.connect(late, house.cpo)
    theirs = booking("B9")
    theirs["booking_requests"][0]["booking_request"].update(country_code="FR", party_id="LTE")
    house.cpo.save("bookings", theirs)

    late.sync(str(CPO), ["bookings", "booking_locations"])

    assert list(late.copies.documents("booking_locations")) == [booking_location()]
    assert list(late.copies.documents("bookings")) == [theirs]


@pytest.mark.conformance("BOOK-14")
def test_enums_that_2_3_0_has_open_take_what_is_not_known(house):
    option = {"connector_types": ["MCS", "NEXT"], "vehicle_types": ["TRAM"]}
    house.cpo.save("booking_locations", booking_location(booking_option=option))

    assert list(house.ems.copies.documents("booking_locations")) == [booking_location(booking_option=option)]


@pytest.mark.conformance("BOOK-15")
@EVERY_STORAGE
@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (("11", None), ["EARLY", "ALL", "LATE"]),
        (("12", None), ["ALL", "LATE"]),
        ((None, "08"), ["ALL"]),
        ((None, "09"), ["EARLY", "ALL"]),
        (("12", "14"), ["ALL"]),
        (("12", "15"), ["ALL", "LATE"]),
        (("23", None), []),
    ],
    ids=str,
)
def test_timeslots_pick_booking_locations(house, emsp, hours, expected):
    for id, slots in (("EARLY", [slot(8, 12)]), ("ALL", [slot(6, 7), slot(7, 20)]), ("LATE", [slot(14, 18)])):
        house.cpo.save("booking_locations", booking_location(id, calendars=[calendar("C", *slots)]))
    house.cpo.save("booking_locations", booking_location("NONE", calendars=None))
    names = zip(("timeslot_from", "timeslot_to"), hours, strict=True)
    asked = {name: f"2026-03-01T{hour}:00:00Z" for name, hour in names if hour is not None}

    listed = emsp.get(f"{SENDER}/booking_locations", query_string=asked)
    last = emsp.get(f"{SENDER}/booking_locations", query_string={**asked, "limit": 1, "offset": 1})

    assert [item["id"] for item in listed.data] == expected
    assert listed.headers["X-Total-Count"] == last.headers["X-Total-Count"] == str(len(expected))
    assert [item["id"] for item in last.data] == expected[1:2]
    with house.ems.client(str(CPO)) as client:
        assert [item["id"] for item in client.bookings.locations.available(**asked)] == expected


@pytest.mark.conformance("BOOK-15")
def test_pages_of_a_filtered_list_keep_the_filter(house, emsp):
    for number in range(3):
        house.cpo.save("booking_locations", booking_location(f"BL{number}"))

    page = emsp.get(
        f"{SENDER}/booking_locations",
        query_string={"timeslot_from": "2026-03-01T11:00:00Z", "limit": 2, "other": "x y"},
    )

    link = page.headers["Link"]
    assert f"{SENDER}/booking_locations?timeslot_from=2026-03-01T11:00:00Z&offset=2&limit=2>" in link


@pytest.mark.conformance("BOOK-16")
@EVERY_STORAGE
def test_booking_location_and_calendar_are_pushed(house):
    house.cpo.save("booking_locations", booking_location())
    changed = house.cpo.patch("booking_locations", "BL1", "CAL1", changes={"timeslot_increment": 15})

    assert house.sent("ems") == [
        ("PUT", "/receiver/bookings/NL/ABC/booking_locations/BL1", booking_location()),
        (
            "PATCH",
            "/receiver/bookings/NL/ABC/booking_locations/BL1/CAL1",
            {"timeslot_increment": 15, "last_updated": NOW},
        ),
    ]
    assert list(house.ems.copies.documents("booking_locations")) == [changed]
    with house.cpo.client(str(EMS)) as client:
        assert client.bookings.locations.get_copy("BL1") == changed
        assert client.bookings.locations.get_copy("BL1", "CAL1") == changed["calendars"][0]


# What the eMSP takes


@pytest.mark.conformance("BOOK-16", "BOOK-25")
@EVERY_STORAGE
@pytest.mark.parametrize("path", ["DE/OTH/booking_locations", "bookinglocations/DE/OTH"])
def test_cpo_keeps_booking_locations_at_the_emsp(ems_house, cpo, path):
    document = booking_location(country_code="DE", party_id="OTH")
    url = f"{RECEIVER}/{path}/BL1"

    created = cpo.put(url, document)
    added = cpo.put(f"{url}/CAL2", calendar("CAL2", last_updated=LATER))
    unlike = cpo.put(f"{url}/CAL2", calendar("CAL3"))
    patched = cpo.patch(f"{url}/CAL1", {"timeslot_increment": 30, "last_updated": "2026-03-01T12:00:00Z"})
    undated = cpo.patch(url, {"tariff_ids": ["12"]})

    assert (created.http_status, added.http_status, patched.http_status) == (201, 201, 200)
    assert (unlike.status_code, undated.status_code) == (2001, 2001)
    stored = cpo.get(url).data
    assert [(item["id"], item.get("timeslot_increment")) for item in stored["calendars"]] == [
        ("CAL1", 30),
        ("CAL2", None),
    ]
    assert stored["last_updated"] == "2026-03-01T12:00:00Z"
    assert cpo.get(f"{url}/CAL2").data == calendar("CAL2", last_updated=LATER)
    assert list(ems_house.ems.copies.documents("booking_locations")) == [stored]


@pytest.mark.conformance("BOOK-20")
@pytest.mark.parametrize("path", ["NL/ABC/booking_locations/BL1", "bookinglocations/NL/ABC/BL1", "NL/ABC/B1"])
def test_cpo_keeps_nothing_of_another(ems_house, cpo, path):
    document = booking() if path.endswith("B1") and "BL1" not in path else booking_location()

    assert cpo.put(f"{RECEIVER}/{path}", document).http_status == 404
    assert cpo.get(f"{RECEIVER}/{path}").http_status == 404


@pytest.mark.conformance("BOOK-20")
def test_other_paths_are_not_documented(ems_house):
    paths = ems_house.ems.specs["2.3.0"]["paths"]

    assert f"{RECEIVER}/{{country_code}}/{{party_id}}/booking_locations/{{booking_location_id}}" in paths
    assert not any("bookinglocations" in path for path in paths)


@pytest.mark.conformance("BOOK-17")
@EVERY_STORAGE
def test_cpo_keeps_bookings_at_the_emsp(ems_house, cpo):
    created = cpo.put(f"{RECEIVER}/DE/OTH/B1", of_cpo(status="PENDING"))
    patched = cpo.patch(f"{RECEIVER}/DE/OTH/B1", {"reservation_status": "RESERVED", "last_updated": LATER})

    assert (created.http_status, patched.http_status) == (201, 200)
    assert cpo.get(f"{RECEIVER}/DE/OTH/b1").data == of_cpo(last_updated=LATER)
    assert cpo.delete(f"{RECEIVER}/DE/OTH/B1").http_status == 405
    assert list(ems_house.ems.copies.documents("bookings")) == [of_cpo(last_updated=LATER)]


@pytest.mark.conformance("BOOK-18")
def test_put_of_a_booking_may_name_its_request(ems_house, cpo):
    created = cpo.put(f"{RECEIVER}/DE/OTH/REQ1", of_cpo())
    replaced = cpo.put(f"{RECEIVER}/DE/OTH/B1", of_cpo(last_updated=LATER))
    wrong = cpo.put(f"{RECEIVER}/DE/OTH/B2", of_cpo())

    assert (created.http_status, replaced.http_status, wrong.status_code) == (201, 200, 2001)
    assert list(ems_house.ems.copies.documents("bookings")) == [of_cpo(last_updated=LATER)]


@pytest.mark.conformance("BOOK-12")
@EVERY_STORAGE
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_change_beyond_the_lifecycle_is_believed_and_noted(ems_house, cpo, method):
    url = f"{RECEIVER}/DE/OTH/B1"
    cpo.put(url, of_cpo(status="FULFILLED"))
    changes = {"reservation_status": "RESERVED", "last_updated": LATER}

    response = cpo.open(method, url, json=of_cpo(last_updated=LATER) if method == "PUT" else changes)

    assert response.status_code == 1000
    assert cpo.get(url).data["reservation_status"] == "RESERVED"
    (entry,) = ems_house.ems.findings.list()
    assert (entry.finding.kind, entry.finding.module) == ("kept", "bookings")
    assert "FULFILLED has ended" in entry.finding.outcome


class TestStrictly:
    @pytest.fixture
    def ocpi_receive(self):
        return "strict"

    @pytest.mark.conformance("BOOK-12")
    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    def test_change_beyond_the_lifecycle_is_refused(self, ems_house, cpo, method):
        url = f"{RECEIVER}/DE/OTH/B1"
        cpo.put(url, of_cpo(status="FULFILLED"))
        changes = {"reservation_status": "RESERVED", "last_updated": LATER}

        response = cpo.open(method, url, json=of_cpo(last_updated=LATER) if method == "PUT" else changes)

        assert (response.status_code, "reservation_status" in response.message) == (2001, True)
        assert cpo.get(url).data == of_cpo(status="FULFILLED")
        assert cpo.put(url, of_cpo(status="FULFILLED", last_updated=LATER)).http_status == 200


@pytest.mark.conformance("BOOK-22")
def test_evse_beside_the_option_is_changed_in_it(ems_house, cpo):
    url = f"{RECEIVER}/DE/OTH/B1"
    cpo.put(url, of_cpo())

    response = cpo.patch(url, {"evse_uid": "EVS1234", "last_updated": LATER})

    assert response.status_code == 1000
    assert cpo.get(url).data == of_cpo(booking_option={"evse_uid": "EVS1234", "connector_id": "1"}, last_updated=LATER)


def test_partners_without_the_role_are_refused(house):
    ptp = house.partner("cpo", "OTH", "PTP")

    assert ptp.get(SENDER).http_status == 403
    assert ptp.get(f"{SENDER}/booking_locations").http_status == 403
