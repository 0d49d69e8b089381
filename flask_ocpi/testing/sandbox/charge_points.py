"""Simulated charge points of a CPO: they start and stop sessions, charge on a clock of their own, and bill."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from typing import Any

from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi import OCPIError
from flask_ocpi import Party
from flask_ocpi import RemoteError
from flask_ocpi import Reply
from flask_ocpi.core import forks
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.errors import NotFoundError
from flask_ocpi.testing.sandbox.billing import STANDARD_TARIFF
from flask_ocpi.testing.sandbox.billing import cdr
from flask_ocpi.testing.sandbox.billing import cost
from flask_ocpi.testing.sandbox.billing import folded
from flask_ocpi.testing.sandbox.billing import free_evse
from flask_ocpi.testing.sandbox.billing import identity
from flask_ocpi.testing.sandbox.billing import new_session
from flask_ocpi.testing.sandbox.billing import volume
from flask_ocpi.testing.sandbox.charging import Capacity
from flask_ocpi.testing.sandbox.charging import active_profile
from flask_ocpi.testing.sandbox.charging import is_full
from flask_ocpi.testing.sandbox.charging import measured_until
from flask_ocpi.testing.sandbox.charging import moment_of
from flask_ocpi.testing.sandbox.charging import next_period
from flask_ocpi.testing.sandbox.charging import rate
from flask_ocpi.testing.sandbox.worker import Worker

log = logging.getLogger("flask_ocpi.sandbox")

Document = Any  # as OCPI has it; what is saved is checked

TRAVEL_SECONDS = 0.5  # to a charge point and back
TICK_SECONDS = 1.0  # at the most
METER_INTERVAL = timedelta(minutes=15)  # on the clock of a session
TOLD_SECONDS = 1800  # of the active profile, when it changes

GOING_ON = ("PENDING", "ACTIVE")


@dataclass
class Charging:
    """A session that goes on: where it is and what it costs, as that was when it began, and how fast it may charge.

    planned: somebody set a profile, and hears when what holds changes; told: what they know.
    """

    party: Party
    session_id: str
    location: Document
    evse: Document
    connector: Document
    tariff: Document
    profile: Document | None = None
    planned: bool = False
    told: tuple[str, float] | None = None


@dataclass(frozen=True)
class Reservation:
    """An EVSE that is held for a token."""

    party: Party
    number: int | None
    session_id: str
    location_id: str
    evse_uid: str
    token: tuple[str, ...]
    expires: datetime


class ChargePoints:
    """What happens at the charge points of the own CPOs. The sessions are in the platform's storage.

    speed: how much faster than a real one the clock of a session goes.
    """

    def __init__(self, app: Flask, ocpi: OCPI, *, speed: float) -> None:
        self.ocpi = ocpi
        self.speed = speed
        self.threaded = ocpi.services.settings.dispatcher == "thread"
        every = min(TICK_SECONDS, METER_INTERVAL.total_seconds() / speed)
        self.worker = Worker(app, self.tick, every=every, threaded=self.threaded)
        self.charging: dict[tuple[Party, str], Charging] = {}
        self.reservations: dict[tuple[Party, int | None], Reservation] = {}
        self.resumed = False
        forks.begin(self.begin)

    def begin(self) -> None:
        """Have a lock of one's own, also in a forked process."""
        self.lock = threading.RLock()  # held from reading a document to writing it

    def wake(self) -> None:
        """Start the clock, unless it goes."""
        self.worker.wake()

    def travel(self) -> None:
        """Wait as long as it takes to ask a charge point."""
        if self.threaded:
            time.sleep(TRAVEL_SECONDS)

    def now(self) -> str:
        return format_date_time(self.ocpi.services.clock())

    # What commands ask for. Each returns a CommandResultType.

    def start(self, command: Document, party: Party, *, auth_method: str = "COMMAND") -> str:
        """Start a session at the EVSE, or at any free one of the location."""
        with self.lock:
            held = self._reservation_for(command, party)
            location: Document = self.ocpi.objects.get("locations", command["location_id"], party=party)
            evse = free_evse(location, command.get("evse_uid"), held.evse_uid if held else None)
            if isinstance(evse, str):
                return evse
            session = new_session(command, location, evse, now=self.now())
            session["connector_id"] = command.get("connector_id", evse["connectors"][0]["id"])
            session["auth_method"] = auth_method
            session["status"] = "PENDING"  # until the cable is plugged in
            if held is not None:
                session["id"] = held.session_id
                del self.reservations[party, held.number]
            session["currency"] = self._begin(party, session).tariff["currency"]
            self.ocpi.save("sessions", session)
            self._set_status(party, location["id"], evse["uid"], "CHARGING")
        return "ACCEPTED"

    def stop(self, party: Party, session_id: str) -> str:
        """End a session, unless it is over."""
        with self.lock:
            session = self._going_on(party, session_id)
            if session is None:
                return "REJECTED"
            self._end(self._charging(party, session), session)
        return "ACCEPTED"

    def reserve(self, command: Document, reply: Reply) -> str:
        """Hold an EVSE. What is reserved under that number already is changed."""
        party, number = reply.receiver, reply.reservation
        with self.lock:
            before = self.reservations.get((party, number))
            location: Document = self.ocpi.objects.get("locations", command["location_id"], party=party)
            evse = free_evse(location, command.get("evse_uid"), before.evse_uid if before else None)
            if isinstance(evse, str):
                return evse
            session = new_session(command, location, evse, now=self.now())
            if before is not None:
                session["id"] = before.session_id
                if before.evse_uid != evse["uid"]:
                    self._set_status(party, before.location_id, before.evse_uid, "AVAILABLE")
            self.reservations[party, number] = Reservation(
                party=party,
                number=number,
                session_id=session["id"],
                location_id=location["id"],
                evse_uid=evse["uid"],
                token=identity(command["token"]),
                expires=moment_of(command["expiry_date"]),
            )
            self.ocpi.save("sessions", session)
            self._set_status(party, location["id"], evse["uid"], "RESERVED")
        return "ACCEPTED"

    def cancel(self, reply: Reply) -> str:
        """Give up a reservation."""
        with self.lock:
            reservation = self.reservations.get((reply.receiver, reply.reservation))
            if reservation is None:
                return "UNKNOWN_RESERVATION"
            self._give_up(reservation)
        return "ACCEPTED"

    def unlock(self, command: Document, reply: Reply) -> str:
        """Unlock a connector. A session there ends, if it is one of who asks."""
        wanted = folded(command, "location_id", "evse_uid", "connector_id")
        with self.lock:
            for charging in list(self.charging.values()):
                session = self._going_on(charging.party, charging.session_id)
                if session is None or charging.party != reply.receiver:
                    continue
                if folded(session, "location_id", "evse_uid", "connector_id") == wanted:
                    if Party.of(*identity(session["cdr_token"])[:2]) not in reply.platform.parties:
                        return "REJECTED"
                    self._end(charging, session)
        return "ACCEPTED"

    def is_going_on(self, party: Party, session_id: str) -> bool:
        return self._going_on(party, session_id) is not None

    # What charging profiles ask for. Each returns a ChargingProfileResultType, or the whole result.

    def set_profile(self, party: Party, session_id: str, profile: Document | None) -> str:
        """Limit a session from now on; None ends that."""
        with self.lock:
            session = self._going_on(party, session_id)
            if session is None:
                return "REJECTED"
            charging = self._charging(party, session)
            if session["status"] == "ACTIVE":
                self._change(party, session, self._measured(charging, session))
            charging.profile = profile
            charging.planned = charging.planned or profile is not None
        return "ACCEPTED"

    def get_profile(self, party: Party, session_id: str, duration: int) -> Document:
        """Tell what a session is going to do."""
        with self.lock:
            session = self._going_on(party, session_id)
            if session is None:
                return {"result": "REJECTED"}
            profile = self._active_profile(self._charging(party, session), session, duration)
        return {"result": "ACCEPTED", "profile": profile}

    # What happens by itself.

    def tick(self) -> None:
        """Let time pass: cars are plugged in, meters read, batteries full, reservations over."""
        with self.lock:
            if not self.resumed:
                self._resume()
            for reservation in list(self.reservations.values()):
                if reservation.expires <= self.ocpi.services.clock():
                    self._give_up(reservation)
        for charging in list(self.charging.values()):
            with self.lock:
                session = self._going_on(charging.party, charging.session_id)
                if session is None:
                    self.charging.pop((charging.party, charging.session_id), None)
                else:
                    self._advance(charging, session)

    def _resume(self) -> None:
        """Go on with the sessions that the process before this one left; its reservations are over."""
        reserved = {(each.party, each.session_id) for each in self.reservations.values()}
        for session in list(self.ocpi.objects.documents("sessions")):
            party = Party.of(session["country_code"], session["party_id"])
            try:
                if session["status"] in GOING_ON:
                    self._charging(party, session)
                elif session["status"] == "RESERVATION" and (party, session["id"]) not in reserved:
                    self._change(party, session, {"status": "COMPLETED", "end_date_time": self.now()})
                    self._set_status(party, session["location_id"], session["evse_uid"], "AVAILABLE")
            except OCPIError as error:
                log.warning("Session %s is left as it is: %s", session["id"], error)
        self.resumed = True

    def _advance(self, charging: Charging, session: Document) -> None:
        if session["status"] == "PENDING":
            session = self._change(charging.party, session, {"status": "ACTIVE", "start_date_time": self.now()})
        elif self._time_of(session) - measured_until(session) >= METER_INTERVAL:
            changes = self._measured(charging, session)
            if is_full(changes):
                self._end(charging, session)
                return
            session = self._change(charging.party, session, changes)
        self._tell_planners(charging, session)

    def _measured(self, charging: Charging, session: Document) -> Document:
        """Read the meter: return what a session gains since the last reading, as a PATCH."""
        capacity = Capacity.of(charging.connector)
        period = next_period(session, charging.profile, capacity, self._time_of(session))
        if "id" in charging.tariff:
            period["tariff_id"] = charging.tariff["id"]
        before = session.get("charging_periods", [])
        added = [period] if volume([period], "TIME") or not before else []
        periods = [*before, *added]
        total = cost({**session, "charging_periods": periods}, charging.tariff, charging.location)
        return {"charging_periods": added, "kwh": float(volume(periods, "ENERGY")), "total_cost": total}

    def _end(self, charging: Charging, session: Document) -> None:
        """End a session, free its EVSE, and make its CDR."""
        party = charging.party
        if session["status"] == "PENDING":
            session = {**session, "start_date_time": self.now()}
        changes = self._measured(charging, session)
        periods = [*session.get("charging_periods", []), *changes["charging_periods"]]
        ended = self._change(
            party,
            session,
            {
                **changes,
                "status": "COMPLETED",
                "start_date_time": session["start_date_time"],
                "end_date_time": format_date_time(measured_until({**session, "charging_periods": periods})),
            },
        )
        self.charging.pop((party, session["id"]), None)
        self._set_status(party, session["location_id"], session["evse_uid"], "AVAILABLE")
        self.ocpi.save("cdrs", cdr(ended, charging.tariff, charging.location))

    def _give_up(self, reservation: Reservation) -> None:
        party = reservation.party
        del self.reservations[party, reservation.number]
        session = self.ocpi.objects.get("sessions", reservation.session_id, party=party)
        self._change(party, session, {"status": "COMPLETED", "end_date_time": self.now()})
        self._set_status(party, reservation.location_id, reservation.evse_uid, "AVAILABLE")

    def _tell_planners(self, charging: Charging, session: Document) -> None:
        """Push the active profile to those who set one, when what holds has changed."""
        if not charging.planned:
            return
        capacity = Capacity.of(charging.connector)
        since = moment_of(session["start_date_time"])
        holds = rate(charging.profile, capacity, since, self._time_of(session))
        if holds == charging.told:
            return
        profile = self._active_profile(charging, session, TOLD_SECONDS)
        charging.told = holds

        def tell() -> None:
            try:
                if not self.ocpi.push_active_profile(session["id"], profile, party=charging.party):
                    charging.told = None  # nobody yet: they are told once their result is on the way
            except RemoteError as error:
                log.warning("The active profile of %s was not taken: %s", session["id"], error)

        self.worker.do(tell)

    def _active_profile(self, charging: Charging, session: Document, duration: int) -> Document:
        capacity = Capacity.of(charging.connector)
        since = moment_of(session["start_date_time"])
        now = self._time_of(session)
        return active_profile(charging.profile, capacity, since=since, now=now, duration=duration)

    # Documents.

    def _going_on(self, party: Party, session_id: str) -> Document | None:
        try:
            session = self.ocpi.objects.get("sessions", session_id, party=party)
        except NotFoundError:
            return None
        return session if session["status"] in GOING_ON else None

    def _charging(self, party: Party, session: Document) -> Charging:
        return self.charging.get((party, session["id"])) or self._begin(party, session)

    def _begin(self, party: Party, session: Document) -> Charging:
        location = self.ocpi.objects.get("locations", session["location_id"], party=party)
        evse = self.ocpi.objects.get("locations", session["location_id"], session["evse_uid"], party=party)
        ids = (session["location_id"], session["evse_uid"], session["connector_id"])
        connector = self.ocpi.objects.get("locations", *ids, party=party)
        tariff = self._tariff(party, connector)
        charging = Charging(party, session["id"], location, evse, connector, tariff)
        self.charging[party, session["id"]] = charging
        return charging

    def _tariff(self, party: Party, connector: Document) -> Document:
        for id in connector.get("tariff_ids", []):
            try:
                return self.ocpi.objects.get("tariffs", id, party=party)
            except NotFoundError:
                continue
        return STANDARD_TARIFF

    def _change(self, party: Party, session: Document, changes: Document) -> Document:
        return self.ocpi.patch("sessions", session["id"], changes=changes, party=party)

    def _set_status(self, party: Party, location_id: str, evse_uid: str, status: str) -> None:
        changes: Document = {"status": status}
        try:
            self.ocpi.patch("locations", location_id, evse_uid, changes=changes, party=party)
        except NotFoundError as error:
            log.warning("The status of an EVSE is not told any more: %s", error)

    def _reservation_for(self, command: Document, party: Party) -> Reservation | None:
        """Find what the token that is to start a session has reserved there."""
        for reservation in self.reservations.values():
            wanted = {"evse_uid": reservation.evse_uid, **command}
            here = folded(wanted, "location_id", "evse_uid") == (
                reservation.location_id.upper(),
                reservation.evse_uid.upper(),
            )
            if here and party == reservation.party and identity(command["token"]) == reservation.token:
                return reservation
        return None

    def _time_of(self, session: Document) -> datetime:
        """Return what the clock of a session says: it goes faster from the start on."""
        start = moment_of(session["start_date_time"])
        return start + (self.ocpi.services.clock() - start) * self.speed
