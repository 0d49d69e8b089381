"""What a driver does in the demo: reserve, charge, have wishes, and pay."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

from flask_ocpi.core.moments import format_date_time
from flask_ocpi.pricing import Report
from flask_ocpi.pricing import differences
from flask_ocpi.testing.sandbox.demo.day import CARD
from flask_ocpi.testing.sandbox.demo.day import find_evse
from flask_ocpi.testing.sandbox.demo.stage import CheckFailedError
from flask_ocpi.testing.sandbox.demo.stage import Day
from flask_ocpi.testing.sandbox.demo.stage import Document

NEEDED = {"RESERVABLE", "REMOTE_START_STOP_CAPABLE", "CHARGING_PREFERENCES_CAPABLE", "CHARGING_PROFILE_CAPABLE"}
RESERVATION = "RES-1"
LIMIT = 8.0  # A on each phase


def choose_evse(day: Day) -> Document:
    """Return where the driver goes, as commands name it: a free EVSE that can do everything, a slow one."""
    free = [
        (evse["connectors"][0]["max_amperage"], location["id"], evse["uid"])
        for location in day.emsp.copies("locations").values()
        for evse in location["evses"]
        if evse["status"] == "AVAILABLE" and set(evse.get("capabilities", ())) >= NEEDED
    ]
    if not free:
        raise CheckFailedError("no EVSE is free that can be reserved and steered")
    _, location_id, evse_uid = min(free)
    return {"location_id": location_id, "evse_uid": evse_uid}


def reserve(day: Day, where: Document) -> None:
    day.step("A driver reserves and thinks better of it", _place(day, where))
    expiry = format_date_time(day.now + timedelta(hours=1))
    reservation = {"token": day.emsp.own("tokens")[CARD], "reservation_id": RESERVATION, "expiry_date": expiry}
    with day.emsp.client(day.cpo) as client:
        call = client.commands.reserve_now({**reservation, **where})
        sent = day.told(day.cpo, "the command", "POST", "commands")
        day.screen.text(f"The whole message: {json.dumps(sent)}")
        day.result(call)
        see_status(day, where, "RESERVED")
        day.result(client.commands.cancel_reservation(RESERVATION))
    see_status(day, where, "AVAILABLE")


def see_status(day: Day, where: Document, status: str) -> None:
    """Wait until the provider hears of the status of the EVSE."""

    def is_there() -> bool:
        location = day.emsp.copies("locations")[where["location_id"]]
        return bool(find_evse(location, where["evse_uid"])["status"] == status)

    day.until(f"{where['evse_uid']} being {status}", is_there)
    day.check(True, f"drivers see that {where['evse_uid']} is {status}")


def start(day: Day, where: Document) -> str:
    """Start a session and return its id."""
    day.step("The driver plugs in", _place(day, where))
    with day.emsp.client(day.cpo) as client:
        day.result(client.commands.start_session({"token": day.emsp.own("tokens")[CARD], **where}))

    def active() -> list[str]:
        return [id for id, session in day.emsp.copies("sessions").items() if session["status"] == "ACTIVE"]

    day.until("the session", lambda: bool(active()))
    (id,) = active()
    uid = day.emsp.copies("sessions")[id]["cdr_token"]["uid"]
    day.check(uid == CARD, f"the provider sees that session {id} of card {CARD} is ACTIVE")
    see_status(day, where, "CHARGING")
    return id


def watch(day: Day, session_id: str, count: int = 2) -> None:
    day.step("The car charges", "Every now and then the operator tells the provider what the meter says.")
    seen: list[Document] = [{"kwh": 0}]
    while len(seen) <= count:
        seen.append(see_more(day, session_id, seen[-1]))
    periods = seen[-1]["charging_periods"]
    growing = all(earlier["kwh"] < later["kwh"] for earlier, later in pairwise(seen))
    day.check(growing, f"the session grew to {seen[-1]['kwh']:.2f} kWh in {len(periods)} charging periods")
    measured = day.cpo.own("sessions")[session_id]["charging_periods"]
    day.check(measured[: len(periods)] == periods, "the provider has each of them as it was measured")


def see_more(day: Day, session_id: str, before: Document) -> Document:
    """Wait until the provider was told of more charging periods than before, and return its copy of the session."""
    known = len(before.get("charging_periods", ()))

    def copy() -> Document:
        return day.emsp.copies("sessions")[session_id]

    day.until(f"charging period {known + 1}", lambda: len(copy().get("charging_periods", ())) > known)
    day.wire.take()
    return copy()


def wish(day: Day, session_id: str) -> None:
    day.step("The driver has time", "So it may be cheap; the provider passes that on.")
    departure = format_date_time(day.now + timedelta(hours=8))
    wishes = {"profile_type": "CHEAP", "departure_time": departure, "energy_need": 20}
    with day.emsp.client(day.cpo) as client:
        answer = client.sessions.put_charging_preferences(session_id, wishes)
    day.check(answer == "ACCEPTED", "the operator sees to that")


def limit(day: Day, session_id: str) -> None:
    day.step("The grid is busy", f"The provider sets a charging profile of {LIMIT:.0f} A, and reads what is active.")
    profile = {"charging_rate_unit": "A", "charging_profile_period": [{"start_period": 0, "limit": LIMIT}]}
    with day.emsp.client(day.cpo) as client:
        day.result(client.chargingprofiles.set(session_id, profile))
        told = day.told(day.emsp, "the active charging profile", "PUT", "chargingprofiles")
        day.check(_limits(told) == [LIMIT], f"the operator tells that {LIMIT:.0f} A hold now")
        active = day.result(client.chargingprofiles.get_active(session_id, duration=3600))
    day.check(_limits(active["profile"]) == [LIMIT], f"for the next hour it is {LIMIT:.0f} A")


def _limits(active: Document) -> list[float]:
    return [period["limit"] for period in active["charging_profile"]["charging_profile_period"]]


def stop(day: Day, session_id: str) -> None:
    day.step("The driver leaves", "The session ends, and the operator bills the provider with a CDR.")
    with day.emsp.client(day.cpo) as client:
        day.result(client.commands.stop_session(session_id))
    day.told(day.emsp, "the CDR", "POST", "cdrs")
    day.seen(day.cpo)
    cdr = day.cpo.own("cdrs")[session_id]
    with day.cpo.client(day.emsp) as client:
        copy = client.cdrs.get_copy(cdr["id"])
    day.check(copy == cdr == day.emsp.copies("cdrs")[cdr["id"]], "the provider has the CDR, at the URL that it gave")
    session = day.emsp.copies("sessions")[session_id]
    same = (session["status"], session["kwh"]) == ("COMPLETED", cdr["total_energy"])
    day.check(same, f"it is about the {cdr['total_energy']:.2f} kWh of the session")
    report = day.emsp.ocpi.pricing.price(cdr)
    day.check(not differences(cdr, report), f"that is {bill(cdr, report)}")
    day.check(day.emsp.ocpi.pricing.audit(cdr).verdict == "ok", "an audit finds nothing that is wrong with it")


def bill(cdr: Document, report: Report) -> str:
    """Explain the cost of a CDR by the lines of the engine's report."""
    billed: Counter[tuple[str, Fraction]] = Counter()
    for each in report.segments:
        if each.component:
            billed[each.dimension, each.component.price] += each.billed  # type: ignore[assignment]  # not only integers
    parts = [_line(dimension, volume, price) for (dimension, price), volume in billed.items()]
    total = cdr["total_cost"]
    return f"{' and '.join(parts)} by {cdr['tariffs'][0]['id']}: {total['excl_vat']:.2f} {cdr['currency']}"


def _line(dimension: str, billed: int | Fraction, price: Fraction) -> str:
    if dimension == "FLAT":
        return f"a fee of {float(price):.2f}"
    return f"{float(billed):.2f} {'kWh' if dimension == 'ENERGY' else 'h'} at {float(price):.2f}"


def _place(day: Day, where: Document) -> str:
    location = day.emsp.copies("locations")[where["location_id"]]
    return f"{where['evse_uid']}: {location.get('name', location['address'])}, {location['city']}."
