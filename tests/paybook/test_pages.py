"""docs/payments.md and docs/bookings.md: their code runs, and does what they say."""

from __future__ import annotations

import queue

from flask_ocpi import Party
from tests.paybook.sharing import CPO
from tests.paybook.sharing import EMS
from tests.paybook.sharing import PTP
from tests.paybook.sharing import House
from tests.paybook.sharing import booking_location
from tests.paybook.sharing import confirmation
from tests.paybook.sharing import request
from tests.paybook.sharing import slot
from tests.paybook.sharing import terminal
from tests.paybook.sharing import terms
from tests.snippets import Page


def copies(ocpi, module):
    return list(ocpi.copies.documents(module))


def test_payments_page_runs(ocpi_network):
    house = House(ocpi_network)
    page = Page("docs/payments.md", ocpi=house.ptp, Party=Party, next_terminal_id=lambda reference: "TERM1")

    page.run()
    page.run(terminal=terminal("TERM2"), confirmation=confirmation())
    assert copies(house.cpo, "financial-advice-confirmations") == [confirmation()]
    with house.cpo.client(str(PTP)) as client:
        house.ptp.delete("terminals", "TERM2")
        client.payments.terminals.activate({"reference": "SERIAL-1"})
        client.payments.terminals.deactivate("TERM1")
    assert list(house.ptp.objects.documents("terminals")) == []
    house.cpo.storage.delete("terminals", house.cpo.copies.find("terminals", "TERM2", owner=PTP)[0])
    page.run(ocpi=house.cpo)
    (stored,) = house.ptp.objects.documents("terminals")
    assert (stored["location_ids"], stored["customer_reference"]) == (["LOC1", "LOC2"], "CUSTOMER1")
    page.run()
    assert page.rest == []


def test_bookings_page_runs(ocpi_network):
    house = House(ocpi_network)
    waiting = queue.Queue()
    free = [slot(14, 18)]
    page = Page("docs/bookings.md", ocpi=house.cpo, queue=waiting, is_free=lambda location_id, period: period == slot())

    page.run(booking_location=booking_location(), timeslots=free)
    assert copies(house.ems, "booking_locations")[0]["calendars"][0]["available_timeslots"] == free
    page.run()
    with house.ems.client(str(CPO)) as client:
        declined = client.bookings.request(request("REQ2", period=slot(9, 10)))
        pending = client.bookings.request(request("REQ1"))
    assert [b["reservation_status"] for b in (declined, pending)] == ["REJECTED", "PENDING"]
    page.run(booking_id=waiting.get_nowait())
    page.run()
    assert [b["reservation_status"] for b in copies(house.ems, "bookings")] == ["REJECTED", "FULFILLED"]
    page.run(ocpi=house.ems, booking_request=request("REQ3"))
    assert [place["id"] for place in page.names["places"]] == ["BL1"]
    assert page.names["booking"]["reservation_status"] == "REJECTED"  # it was PENDING
    assert page.rest == []
    assert house.cpo.objects.record("bookings", pending["id"]).audience == (EMS,)
    assert pending["booking_terms"] == terms()
