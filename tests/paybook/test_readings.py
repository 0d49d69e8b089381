"""What is read although it goes by other names, or breaks the tables. OCPI 2.3.0, Bookings 1.1 and 1.0."""

from __future__ import annotations

import pytest

from flask_ocpi.core.schema import load
from flask_ocpi.modules.bookings_schemas import Booking
from flask_ocpi.modules.bookings_schemas import BookingLocation
from flask_ocpi.modules.bookings_schemas import BookingRequest
from flask_ocpi.modules.bookings_schemas import BookingToken
from flask_ocpi.modules.bookings_schemas import Calendar
from flask_ocpi.modules.bookings_schemas import Cancellation
from flask_ocpi.versions.reading import read
from tests.paybook.sharing import EARLIER
from tests.paybook.sharing import LATER
from tests.paybook.sharing import House
from tests.paybook.sharing import booking
from tests.paybook.sharing import booking_location
from tests.paybook.sharing import calendar
from tests.paybook.sharing import request
from tests.paybook.sharing import slot
from tests.paybook.sharing import terms

RECEIVER = "/ocpi/2.3.0/receiver/bookings"
TOKEN = {"country_code": "DE", "party_id": "EMS", "uid": "T1", "type": "RFID", "contract_id": "C1"}
#: The slot of the other documents, by the names of 1.0.
SLOT_1_0 = {"start_from": slot()["start_date_time"], "end_before": slot()["end_date_time"]}
#: As the text has it: no minute has so many seconds.
LATE_SECONDS = "2025-03-23T08:59:99Z"


def strictly(schema, data):
    return load(schema(), data)


def tolerantly(schema, data):
    return read(schema(), data).document


def without(document, *names):
    return {name: value for name, value in document.items() if name not in names}


@pytest.fixture(params=[strictly, tolerantly], ids=["strict", "tolerant"])
def reading(request):
    return request.param


@pytest.mark.conformance("BOOK-19")
def test_booking_location_of_1_0(reading):
    option = {"format": "CABLE", "evse_position": "LEFT", "vehicle_types": ["VAN"], "parking_space_length": 1000}
    older = without(booking_location(), "booking_option", "tariff_ids", "booking_terms", "calendars") | {
        "evse_uid": "3256",
        "connector_id": "1",
        "bookable_parking_options": [option, {"format": "SOCKET", "vehicle_types": ["BUS"]}],
        "bookable": {"reservation_required": True, "ad_hoc": 2},
        "tariff_id": ["11"],
        "booking_terms": [without(terms(), "rfid_auth_required") | {"RFID_auth_required": True}],
        "calendars": [
            without(calendar(), "available_timeslots") | {"step_size": 15, "available_timeslots": [SLOT_1_0]}
        ],
    }

    found = reading(BookingLocation, older)

    assert found == without(booking_location(), "booking_option", "booking_terms", "calendars") | {
        "booking_option": {
            "evse_uid": "3256",
            "connector_id": "1",
            "evse_position": ["LEFT"],
            "vehicle_types": ["VAN"],
            "connector_format": ["CABLE"],
            "min_parking_space_length": 1000,
        },
        "policy": {"reservation_required": True, "ad_hoc": 2},
        "booking_terms": terms(rfid_auth_required=True),
        "calendars": [calendar(timeslot_increment=15)],
    }


@pytest.mark.conformance("BOOK-19")
def test_booking_of_1_0(reading):
    older = without(booking(), "booking_option", "period") | {
        "bookable_parking_option": {"format": "CABLE", "vehicle_types": ["VAN"]},
        "parking_id": "P1",
        "evse_uid": "3256",
        "connector_id": "#NA",
        "tariff_id": ["11"],
        "access_methods": [{"location_access": "LICENSE_PLATE", "value": "ABC12D"}],
        "booking_tokens": [TOKEN | {"type": "LICENSE_PLATE", "license_plate": "ABC12D"}],
        "period": SLOT_1_0,
    }

    found = reading(Booking, older)

    assert found == booking(
        booking_option={
            "parking_id": "P1",
            "evse_uid": "3256",
            "connector_id": "#NA",
            "vehicle_types": ["VAN"],
            "connector_format": ["CABLE"],
        },
        tariff_ids=["11"],
        access_information=[{"method": "LICENSE_PLATE", "value": "ABC12D"}],
        booking_tokens=[TOKEN | {"type": "OTHER", "license_plate": "ABC12D"}],
    )


@pytest.mark.conformance("BOOK-19")
def test_request_of_1_0_names_no_booking_location():
    older = without(request(), "booking_option", "booking_location_id", "period") | {
        "bookable_parking_option": {"format": "CABLE"},
        "evse_uid": "3256",
        "period": SLOT_1_0,
    }

    found = tolerantly(BookingRequest, older)

    option = {"evse_uid": "3256", "connector_format": ["CABLE"]}
    assert found == request(booking_option=option, booking_location_id="#NA")


@pytest.mark.conformance("BOOK-19")
def test_request_of_1_0_is_answered(ocpi_network):
    house = House(ocpi_network)
    house.cpo.booking(lambda request, reply: {"request_status": "ACCEPTED", "booking_terms": terms()})
    emsp = house.partner("cpo", "OTH", "EMSP")

    response = emsp.post("/ocpi/2.3.0/sender/bookings", without(request(party_id="OTH"), "booking_location_id"))

    assert (response.status_code, response.data["reservation_status"]) == (1000, "RESERVED")
    (item,) = response.data["booking_requests"]
    assert item["booking_request"]["booking_location_id"] == "#NA"


@pytest.mark.conformance("BOOK-19")
def test_names_of_1_1_come_first(reading):
    both = calendar(timeslot_increment=15, step_size=30)

    assert reading(Calendar, both) == both
    assert reading(Booking, booking(evse_uid="9999"))["booking_option"] == booking()["booking_option"]


@pytest.mark.conformance("BOOK-19")
def test_partners_see_the_names_of_1_1_alone(ocpi_network):
    house = House(ocpi_network)
    cpo = house.partner("ems", "OTH", "CPO")
    older = without(booking_location(country_code="DE", party_id="OTH"), "tariff_ids") | {"tariff_id": ["11"]}

    cpo.put(f"{RECEIVER}/DE/OTH/booking_locations/BL1", older)
    cpo.patch(f"{RECEIVER}/DE/OTH/booking_locations/BL1/CAL1", {"step_size": 5, "last_updated": LATER})

    found = cpo.get(f"{RECEIVER}/DE/OTH/booking_locations/BL1").data
    assert found["tariff_ids"] == ["11"]
    assert "tariff_id" not in found
    assert found["calendars"][0] == calendar(timeslot_increment=5, last_updated=LATER)
    assert "bookable_parking_options" not in str(house.ems.specs["2.3.0"])


@pytest.mark.conformance("BOOK-24")
@pytest.mark.parametrize("name", ["reservation_status", "status"])
def test_spellings_of_a_status(reading, name):
    document = without(booking(), "reservation_status") | {name: "FULLFILLED"}

    assert reading(Booking, document) == booking(status="FULFILLED")


@pytest.mark.conformance("BOOK-23")
@pytest.mark.parametrize(("who", "expected"), [("SENDER", "CPO"), ("RECEIVER", "EMSP"), ("EMSP", "EMSP")])
def test_side_of_the_module_is_a_role(reading, who, expected):
    document = {"cancellation_reason": "FULL", "who_canceled": who}

    assert reading(Cancellation, document) == {"cancellation_reason": "FULL", "who_canceled": expected}


def test_token_keeps_what_1_1_lacks(reading):
    assert reading(BookingToken, TOKEN | {"license_plate": "X"}) == TOKEN | {"license_plate": "X"}


# The examples of the text, rebuilt: their flaws as they are there.


@pytest.mark.conformance("BOOK-21")
def test_example_of_a_booking_has_long_party_ids_and_no_booking_location():
    asked = without(request(party_id="INF12", country_code="NL"), "booking_location_id", "tokens")
    document = booking(party_id="INF12", booking_tokens=[TOKEN | {"party_id": "INFOO"}])
    document["booking_requests"] = [
        {"request_status": status, "booking_request": asked, "request_received": EARLIER}
        for status in ("ACCEPTED", "PENDING")
    ]

    found = read(Booking(), document, known={"country_code": "NL", "party_id": "ABC"}).document

    assert (found["party_id"], found["booking_tokens"]) == ("ABC", [without(TOKEN, "party_id")])
    expected = without(asked, "party_id") | {"booking_location_id": "#NA"}
    assert [item["booking_request"] for item in found["booking_requests"]] == [expected] * 2


@pytest.mark.conformance("BOOK-21")
def test_example_of_a_booking_is_stored_under_its_url(ocpi_network):
    house = House(ocpi_network)
    cpo = house.partner("ems", "OTH", "CPO")

    response = cpo.put(f"{RECEIVER}/DE/OTH/B1", booking(country_code="DE", party_id="OTH12"))

    assert response.http_status == 201
    assert cpo.get(f"{RECEIVER}/DE/OTH/B1").data == booking(country_code="DE", party_id="OTH")


@pytest.mark.conformance("BOOK-21")
def test_example_of_a_booking_location_has_single_values_seconds_and_one_calendar_twice():
    late = slot() | {"end_date_time": LATE_SECONDS}
    option = {"evse_uid": "6583", "evse_position": "LEFT", "formats": ["SOCKET"], "connector_types": ["CHADEMO"]}
    document = booking_location(
        booking_option=option,
        calendars=[calendar("CA112", late, end_before="2025-03-23T23:59:99Z"), calendar("CA112", late)],
    )

    found = tolerantly(BookingLocation, document)

    assert found["booking_option"] == {
        "evse_uid": "6583",
        "evse_position": ["LEFT"],
        "connector_format": ["SOCKET"],
        "connector_types": ["CHADEMO"],
    }
    (kept,) = found["calendars"]
    assert kept["end_before"] == "2025-03-24T00:00:00.000Z"
    assert kept["available_timeslots"][0]["end_date_time"] == "2025-03-23T09:00:00.000Z"


@pytest.mark.conformance("BOOK-21")
def test_example_of_a_changed_calendar_has_names_with_blanks(ocpi_network):
    house = House(ocpi_network)
    cpo = house.partner("ems", "OTH", "CPO")
    url = f"{RECEIVER}/DE/OTH/booking_locations/BL1"
    cpo.put(url, booking_location(country_code="DE", party_id="OTH"))
    timeslot = {"start_date_time ": "2025-03-23T00:00:00Z", "end_date_time ": LATE_SECONDS, "min_power": 12}

    response = cpo.patch(
        f"{url}/CAL1", {"timeslot_increment": 1, "available_timeslots": [timeslot], "last_updated": LATER}
    )

    assert response.status_code == 1000
    assert cpo.get(f"{url}/CAL1").data["available_timeslots"] == [
        {"start_date_time": "2025-03-23T00:00:00Z", "end_date_time": "2025-03-23T09:00:00.000Z", "min_power": 12}
    ]
