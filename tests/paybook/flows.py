"""What happens between a CPO and a PTP, and between a CPO and an eMSP, whatever carries it.

until: waits for a condition, which is there at once where nothing is between the platforms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_ocpi.testing import documents
from tests.paybook.sharing import CPO
from tests.paybook.sharing import EMS
from tests.paybook.sharing import PTP
from tests.paybook.sharing import booking_location
from tests.paybook.sharing import confirmation
from tests.paybook.sharing import request
from tests.paybook.sharing import slot

Until = Callable[[Callable[[], object], str], None]
REFERENCE = "PAY-0001"
DRIVER = {"country_code": "DE", "party_id": "PTP", "uid": "CARD1", "type": "AD_HOC_USER", "contract_id": "CARD1"}


def copies(ocpi: Any, module: str) -> list[dict[str, Any]]:
    """Return the copies that a platform has of a module."""
    return list(ocpi.copies.documents(module))


def payment(cpo: Any, ptp: Any, until: Until) -> None:
    """Activate and assign a terminal; a driver pays at it, and the invoice gets what was captured."""
    ptp.terminal("activate")(lambda terminal, request: {"terminal_id": "TERM1"})
    cpo.command("START_SESSION")(lambda command, reply: reply.accept(lambda: "ACCEPTED"))
    cpo.command("STOP_SESSION")(lambda command, reply: reply.accept(lambda: "ACCEPTED"))
    cpo.save("tariffs", documents.tariff())
    cpo.save("locations", documents.location(evses=[documents.evse()]))
    until(lambda: copies(ptp, "locations") and copies(ptp, "tariffs"), "The PTP was sent no location and tariff.")

    with cpo.client(str(PTP)) as client:
        client.payments.terminals.activate({"reference": "SERIAL-1", "invoice_creator": "CPO"})
        until(lambda: copies(cpo, "terminals"), "The CPO was sent no terminal.")
        client.payments.terminals.assign("TERM1", location_ids=["LOC1"])
    assert copies(cpo, "terminals")[0]["location_ids"] == ["LOC1"]
    assert ptp.objects.get("terminals", "TERM1") == copies(cpo, "terminals")[0]

    token = documents.token(**DRIVER, whitelist="NEVER")
    with ptp.client(str(CPO)) as client:
        started = client.commands.start_session(
            {"token": token, "location_id": "LOC1", "evse_uid": "EVSE1", "authorization_reference": REFERENCE}
        )
        until(lambda: ptp.call(started.id).result, "The session was not started.")
        session = documents.session(cdr_token=DRIVER, authorization_reference=REFERENCE)
        cpo.save("sessions", session)
        until(lambda: copies(ptp, "sessions") == [session], "The PTP was sent no session.")
        stopped = client.commands.stop_session(session["id"])
        until(lambda: ptp.call(stopped.id).result, "The session was not stopped.")

    cdr = documents.cdr(cdr_token=DRIVER, authorization_reference=REFERENCE, invoice_reference_id="INV1")
    cpo.save("cdrs", cdr)
    until(lambda: copies(ptp, "cdrs") == [cdr], "The PTP was sent no CDR.")

    captured = confirmation(authorization_reference=REFERENCE, total_costs=cdr["total_cost"])
    ptp.save("financial-advice-confirmations", captured, audience=[CPO])
    until(
        lambda: copies(cpo, "financial-advice-confirmations") == [captured], "The CPO was not told what was captured."
    )


def bookings(cpo: Any, ems: Any, until: Until) -> None:
    """Book, change and use a charger; cancel another booking as the driver, and a third one as the CPO."""
    cpo.booking(lambda request, reply: None if reply.kind == "new" else "ACCEPTED")
    cpo.save("booking_locations", booking_location())
    until(lambda: copies(ems, "booking_locations") == [booking_location()], "The eMSP was sent no booking location.")

    def status(id: str) -> str:
        found = {booking["id"]: booking["reservation_status"] for booking in copies(ems, "bookings")}
        return str(found[id])

    with ems.client(str(CPO)) as client:
        made = {id: client.bookings.request(request(id)) for id in ("REQ1", "REQ2", "REQ3")}
        ids = {id: booking["id"] for id, booking in made.items()}
        assert {booking["reservation_status"] for booking in made.values()} == {"PENDING"}
        for id in ids.values():
            cpo.answer_booking(id, "ACCEPTED")
            until(lambda id=id: status(id) == "RESERVED", "The eMSP was not told of the reservation.")

        changed = client.bookings.request(request("REQ1", period=slot(9, 11)))
        assert (changed["reservation_status"], changed["period"]) == ("RESERVED", slot(9, 11))

        cancelled = client.bookings.cancel(cpo.objects.get("bookings", ids["REQ2"]), "TRAFFIC")
        assert (cancelled["reservation_status"], status(ids["REQ2"])) == ("CANCELED", "CANCELED")

    why = {"cancellation_reason": "POWER_OUTAGE", "who_canceled": "CPO"}
    cpo.patch("bookings", ids["REQ3"], changes={"reservation_status": "CANCELED", "canceled": why})
    until(lambda: status(ids["REQ3"]) == "CANCELED", "The eMSP was not told that the CPO cancelled.")

    driver = {**documents.session()["cdr_token"], "country_code": EMS.country_code, "party_id": EMS.party_id}
    session = documents.session(cdr_token=driver, authorization_reference=changed["authorization_reference"])
    cpo.save("sessions", session)
    cpo.patch("bookings", ids["REQ1"], changes={"reservation_status": "FULFILLED"})
    until(lambda: status(ids["REQ1"]) == "FULFILLED", "The eMSP was not told that the booking was used.")
    until(lambda: copies(ems, "sessions") == [session], "The eMSP was sent no session.")
