"""What becomes of a booking: requests, answers, and the states that follow each other. OCPI 2.3.0, Bookings."""

from __future__ import annotations

import pytest

from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.bookings_lifecycle import answered
from flask_ocpi.modules.bookings_lifecycle import id_of
from flask_ocpi.modules.bookings_lifecycle import is_over
from flask_ocpi.modules.bookings_lifecycle import refused_change
from flask_ocpi.modules.bookings_lifecycle import requested
from flask_ocpi.modules.enums import ReservationRequestStatus
from flask_ocpi.modules.enums import ReservationStatus
from tests.paybook.sharing import EARLIER
from tests.paybook.sharing import LATER
from tests.paybook.sharing import request
from tests.paybook.sharing import slot

KNOWN = {"id": "B1", "country_code": "NL", "party_id": "ABC"}
CANCEL = {"cancellation_reason": "TRAFFIC", "who_canceled": "EMSP"}
ALLOWED = {
    ("PENDING", "RESERVED"),
    ("PENDING", "REJECTED"),
    ("PENDING", "FAILED"),
    ("RESERVED", "FULFILLED"),
    ("RESERVED", "CANCELED"),
    ("RESERVED", "NO_SHOW"),
}
STATUSES = [str(status) for status in ReservationStatus if status is not ReservationStatus.UNKNOWN]


def new(**changes):
    return requested(None, request(**changes), known=KNOWN, now=EARLIER)


def answer(booking, status, **changes):
    return answered(booking, ReservationRequestStatus(status), changes=changes, now=LATER)


def statuses(booking):
    return booking["reservation_status"], [item["request_status"] for item in booking["booking_requests"]]


@pytest.mark.conformance("BOOK-11")
@pytest.mark.parametrize("old", STATUSES)
@pytest.mark.parametrize("new", STATUSES)
def test_states_follow_each_other_as_the_lifecycle_says(old, new):
    refused = refused_change({"reservation_status": old}, {"reservation_status": new})

    assert (refused is None) is (old == new or (old, new) in ALLOWED)
    assert refused is None or (old in refused and new in refused)


@pytest.mark.parametrize("status", STATUSES)
def test_what_is_unknown_may_be_anything(status):
    assert refused_change({"reservation_status": "UNKNOWN"}, {"reservation_status": status}) is None
    assert refused_change({"reservation_status": status}, {"reservation_status": "UNKNOWN"}) is None


@pytest.mark.parametrize("status", list(ReservationStatus))
def test_booking_is_over_in_its_last_state(status):
    assert is_over({"reservation_status": str(status)}) is (status not in ("PENDING", "RESERVED", "UNKNOWN"))


def test_id_is_that_of_the_request_in_any_case():
    assert id_of("p", request("req1")) == id_of("p", request("REQ1", period=slot(9, 10)))
    assert len({id_of("p", request()), id_of("q", request()), id_of("p", request("REQ2"))}) == 3
    assert len(id_of("p", request())) <= 36


@pytest.mark.conformance("BOOK-04")
def test_new_booking_has_what_was_asked_for():
    booking = new()

    assert statuses(booking) == ("PENDING", ["PENDING"])
    assert booking["booking_tokens"] == request()["tokens"]
    assert (booking["period"], booking["booking_option"]) == (slot(), {"evse_uid": "3256"})
    assert booking["booking_requests"][0] == {
        "request_status": "PENDING",
        "booking_request": request(),
        "request_received": EARLIER,
    }


@pytest.mark.conformance("BOOK-04")
@pytest.mark.parametrize(
    ("status", "expected"),
    [("ACCEPTED", "RESERVED"), ("DECLINED", "REJECTED"), ("FAILED", "FAILED"), ("PENDING", "PENDING")],
)
def test_answer_to_the_first_request_is_that_of_the_booking(status, expected):
    booking = answer(new(), status, tariff_ids=["12"])

    assert statuses(booking) == (expected, [status])
    assert (booking["tariff_ids"], booking["last_updated"]) == (["12"], LATER)


@pytest.mark.conformance("BOOK-06")
def test_accepted_change_takes_the_place_of_what_was_booked():
    reserved = answer(new(), "ACCEPTED", period=slot(min_power=11000))

    asked = requested(reserved, request(period=slot(9, 10)), known=KNOWN, now=LATER)
    changed = answer(asked, "ACCEPTED")

    assert statuses(asked) == ("RESERVED", ["ACCEPTED", "PENDING"])
    assert asked["period"] == slot(min_power=11000)
    assert statuses(changed) == ("RESERVED", ["ACCEPTED", "ACCEPTED"])
    assert changed["period"] == slot(9, 10, min_power=11000)


@pytest.mark.conformance("BOOK-06")
@pytest.mark.parametrize("status", ["DECLINED", "FAILED"])
def test_change_that_is_not_accepted_leaves_the_booking(status):
    reserved = answer(new(), "ACCEPTED")

    asked = requested(reserved, request(period=slot(9, 10)), known=KNOWN, now=LATER)
    after = answer(asked, status)

    assert statuses(after) == ("RESERVED", ["ACCEPTED", status])
    assert after["period"] == slot()


def test_latest_request_takes_the_place_of_one_that_is_pending():
    asked = requested(new(), request(period=slot(9, 10)), known=KNOWN, now=LATER)

    assert statuses(answer(asked, "DECLINED")) == ("PENDING", ["PENDING", "DECLINED"])
    assert statuses(answer(asked, "ACCEPTED")) == ("RESERVED", ["DECLINED", "ACCEPTED"])


@pytest.mark.conformance("BOOK-07")
@pytest.mark.parametrize(("was", "expected"), [("ACCEPTED", "CANCELED"), ("PENDING", "REJECTED")])
def test_booking_that_is_cancelled(was, expected):
    booking = answer(new(), was)

    asked = requested(booking, request(canceled=CANCEL), known=KNOWN, now=LATER)
    cancelled = answer(asked, "ACCEPTED")

    assert "canceled" not in asked
    assert (cancelled["reservation_status"], cancelled["canceled"]) == (expected, CANCEL)
    assert refused_change(booking, cancelled) is None


def test_nothing_pending_is_nothing_to_answer():
    with pytest.raises(InvalidParametersError, match="B1"):
        answer(answer(new(), "ACCEPTED"), "ACCEPTED")
