"""A CPO with a payment terminal provider and an eMSP, all of OCPI 2.3.0, and documents for them."""

from __future__ import annotations

from typing import Any

import orjson

from flask_ocpi.storage.base import Party
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import V2_3_0

CPO, PTP, EMS = Party.of("NL", "ABC"), Party.of("DE", "PTP"), Party.of("DE", "EMS")
NOW = "2026-01-01T12:00:00.000Z"
EARLIER, LATER = "2025-12-01T12:00:00Z", "2026-02-01T12:00:00Z"


BOTH = (V2_2_1, V2_3_0)


class House:
    """The three platforms, registered with the CPO. storage: that of the one named by storage_of."""

    def __init__(self, network: Network, storage: Any = None, *, storage_of: str = "cpo") -> None:
        self.network = network
        self.cpo = self._add("cpo", [(*CPO, ["CPO"])], storage, storage_of)
        self.ptp = self._add("ptp", [(*PTP, ["PTP"])], storage, storage_of)
        self.ems = self._add("ems", [(*EMS, ["EMSP"])], storage, storage_of)
        network.connect(self.ptp, self.cpo)
        network.connect(self.ems, self.cpo)
        network.requests.clear()

    def _add(self, name: str, parties: Any, storage: Any, storage_of: str) -> Any:
        kept = storage if name == storage_of else None
        return self.network.add(f"{name}.example", parties, versions=BOTH, storage=kept)

    def sent(self, host: str) -> list[tuple[str, str, Any]]:
        """Return what was sent to a platform since the beginning: method, path and body."""
        prefix = f"https://{host}.example/ocpi/2.3.0"
        return [
            (request.method, request.url.removeprefix(prefix), orjson.loads(request.body or b"null"))
            for request in self.network.requests
            if request.url.startswith(prefix)
        ]

    def partner(self, host: str, party_id: str, role: str) -> PartnerClient:
        """Return a partner of a platform that calls it by hand."""
        app = self.network.apps[f"{host}.example"]
        return add_partner(app, [("DE", party_id, [role])], name=party_id, version=V2_3_0.number)


def terminal(id: str = "TERM1", **changes: Any) -> dict[str, Any]:
    """Return a Terminal of the PTP for the CPO."""
    return {
        "terminal_id": id,
        "customer_reference": "CUSTOMER1",
        "reference": "SERIAL-1",
        "location_ids": ["LOC1"],
        "last_updated": EARLIER,
        **changes,
    }


def on_the_wire(confirmation: dict[str, Any]) -> dict[str, Any]:
    """Return a FinancialAdviceConfirmation in the shape of OCPI 2.3.0."""
    costs = confirmation["total_costs"]
    return {**confirmation, "total_costs": {"before_taxes": costs["excl_vat"], "taxes": costs["taxes"]}}


def confirmation(id: str = "FAC1", **changes: Any) -> dict[str, Any]:
    """Return a FinancialAdviceConfirmation."""
    return {
        "id": id,
        "authorization_reference": "AUTH-0001",
        "total_costs": {"excl_vat": 4, "incl_vat": 4.4, "taxes": [{"name": "VAT", "amount": 0.4}]},
        "currency": "EUR",
        "eft_data": ["Mastercard", "Nr: **** 1234"],
        "capture_status_code": "SUCCESS",
        "last_updated": EARLIER,
        **changes,
    }


def terms(**changes: Any) -> dict[str, Any]:
    """Return BookingTerms."""
    return {
        "supported_access_methods": ["OPEN"],
        "change_until_minutes": 60,
        "cancel_until_minutes": 120,
        **changes,
    }


def slot(begin: int = 8, end: int = 12, **changes: Any) -> dict[str, Any]:
    """Return a Timeslot of a day, from hour to hour."""
    return {
        "start_date_time": f"2026-03-01T{begin:02}:00:00Z",
        "end_date_time": f"2026-03-01T{end:02}:00:00Z",
        **changes,
    }


def calendar(id: str = "CAL1", *slots: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a Calendar of that day."""
    return {
        "id": id,
        "begin_from": "2026-03-01T00:00:00Z",
        "end_before": "2026-03-02T00:00:00Z",
        "available_timeslots": list(slots) or [slot()],
        "last_updated": EARLIER,
        **changes,
    }


def booking_location(id: str = "BL1", **changes: Any) -> dict[str, Any]:
    """Return a BookingLocation of the CPO."""
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": id,
        "location_id": "LOC1",
        "booking_option": {"evse_uid": "3256", "vehicle_types": ["VAN"]},
        "tariff_ids": ["11"],
        "booking_terms": terms(),
        "calendars": [calendar()],
        "last_updated": EARLIER,
        **changes,
    }


def request(id: str = "REQ1", **changes: Any) -> dict[str, Any]:
    """Return a BookingRequest of the eMSP."""
    return {
        "country_code": "DE",
        "party_id": "EMS",
        "request_id": id,
        "booking_option": {"evse_uid": "3256"},
        "location_id": "LOC1",
        "booking_location_id": "BL1",
        "tokens": [
            {"country_code": "DE", "party_id": "EMS", "uid": "T1", "type": "RFID", "contract_id": "DE8ACC12E46L89"}
        ],
        "period": slot(),
        "authorization_reference": "AUTH-0001",
        **changes,
    }


def booking(id: str = "B1", status: str = "RESERVED", **changes: Any) -> dict[str, Any]:
    """Return a Booking of the CPO for the eMSP."""
    asked = {"request_status": "ACCEPTED", "booking_request": request(), "request_received": EARLIER}
    return {
        "id": id,
        "country_code": "NL",
        "party_id": "ABC",
        "request_id": "REQ1",
        "booking_option": {"evse_uid": "3256", "connector_id": "1"},
        "location_id": "LOC1",
        "period": slot(),
        "reservation_status": status,
        "authorization_reference": "AUTH-0001",
        "booking_terms": terms(),
        "booking_requests": [asked],
        "last_updated": EARLIER,
        **changes,
    }
