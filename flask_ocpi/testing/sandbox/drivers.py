"""Drivers who charge by themselves: guests at the own charge points, and own drivers at those of partners."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from typing import Any

from flask import Flask

from flask_ocpi import OCPIError
from flask_ocpi import Party
from flask_ocpi import Platform
from flask_ocpi import RemoteError
from flask_ocpi.host.facade import OwnPlatform
from flask_ocpi.sync.scopes import scopes_of
from flask_ocpi.testing.sandbox.charge_points import GOING_ON
from flask_ocpi.testing.sandbox.charge_points import ChargePoints
from flask_ocpi.testing.sandbox.worker import Worker

log = logging.getLogger("flask_ocpi.sandbox")

Document = Any

FETCHED = ("locations", "tariffs", "tokens")
GUESTS = 2  # at a time
PERIODS = 3  # after so many a driver leaves
PATIENCE = 12  # rounds to wait for a session that was asked for
TRIES = 5


@dataclass
class Ride:
    """A session that was asked for at a partner: for whom, how long ago in rounds, and its id once it is there."""

    token: Document
    rounds: int = 0
    session_id: str = ""


class Drivers:
    """What drivers do in each round; the charge points and the partners do the rest.

    seed: decides where they go.
    """

    def __init__(self, app: Flask, *, seed: int, every: float) -> None:
        self.ocpi: OwnPlatform = app.extensions["ocpi"]
        self.points: ChargePoints = app.extensions["charge_points"]
        self.rng = random.Random(seed)
        threaded = self.ocpi.services.settings.dispatcher == "thread"
        self.worker = Worker(app, self.round, every=every, threaded=threaded)
        self.fetched: set[tuple[str, str]] = set()
        self.rides: dict[str, Ride] = {}

    def start(self) -> None:
        """Let them drive from now on."""
        self.worker.wake()

    def round(self) -> None:
        """Fetch what new partners offer, and let drivers come and go."""
        for platform in self.ocpi.partners.list():
            if not platform.is_registered:
                continue
            try:
                self._fetch(platform)
                if self._receives(platform, "tokens"):
                    self._welcome(platform)
                if self._receives(platform, "locations"):
                    self._ride(platform)
            except (RemoteError, OCPIError) as error:
                log.warning("%s: %s", platform.name or platform.id, error)

    def _fetch(self, platform: Platform) -> None:
        for module in FETCHED:
            if (platform.id, module) not in self.fetched and self._receives(platform, module):
                self.ocpi.pull(module, platform)
                self.fetched.add((platform.id, module))

    def _receives(self, platform: Platform, module: str) -> bool:
        """Tell whether the partner offers a module that this platform receives."""
        return any(scopes_of(self.ocpi.services, platform, [module]))

    # Guests at the own charge points.

    def _welcome(self, platform: Platform) -> None:
        """Let a driver of the partner hold a card to a charge point, unless enough are charging."""
        (party,) = self.ocpi.objects.parties()
        charging = [each for each in self.ocpi.objects.documents("sessions") if each["status"] in GOING_ON]
        cards = [
            token
            for token in self.ocpi.objects.documents("tokens", copies=True)
            if Party.of(token["country_code"], token["party_id"]) in platform.parties and token["type"] == "RFID"
        ]
        if len(charging) >= GUESTS or not cards:
            return
        token = self.rng.choice(cards)
        where = self.rng.choice(list(self.ocpi.objects.documents("locations")))
        with self.ocpi.client(platform) as client:
            answer = client.tokens.authorize(token["uid"], location={"location_id": where["id"]})
        if not answer.is_allowed:
            return
        command = {"token": token, "location_id": where["id"]}
        self.points.start(command, party, auth_method="AUTH_REQUEST" if answer.realtime else "WHITELIST")

    # Own drivers at the charge points of a partner.

    def _ride(self, platform: Platform) -> None:
        """Ask for a session of an own driver at the partner, or end the one that went on for long enough."""
        ride = self.rides.get(platform.id)
        if ride is None:
            self._ask(platform)
            return
        ride.rounds += 1
        session = self._session_of(platform, ride)
        if session is None:
            if ride.rounds > PATIENCE:
                del self.rides[platform.id]
            return
        ride.session_id = session["id"]
        if session["status"] not in (*GOING_ON, "RESERVATION"):
            del self.rides[platform.id]
        elif len(session.get("charging_periods", ())) >= PERIODS:
            with self.ocpi.client(platform) as client:
                client.commands.stop_session(session["id"])
            ride.rounds = 0

    def _ask(self, platform: Platform) -> None:
        free = [
            {"location_id": location["id"], "evse_uid": evse["uid"], "connector_id": evse["connectors"][0]["id"]}
            for location in self.ocpi.objects.documents("locations", copies=True)
            if Party.of(location["country_code"], location["party_id"]) in platform.parties
            for evse in location.get("evses", ())
            if evse["status"] == "AVAILABLE"
        ]
        cards = [token for token in self.ocpi.objects.documents("tokens") if token["valid"]]
        if not free or not cards:
            return
        token = self.rng.choice(cards)
        with self.ocpi.client(platform) as client:
            for _ in range(TRIES):
                call = client.commands.start_session({"token": token, **self.rng.choice(free)})
                if call.is_accepted:
                    self.rides[platform.id] = Ride(token)
                    return

    def _session_of(self, platform: Platform, ride: Ride) -> Document | None:
        """Find the session of a ride among those that the partner sent."""
        for session in self.ocpi.objects.documents("sessions", copies=True):
            if Party.of(session["country_code"], session["party_id"]) not in platform.parties:
                continue
            if session["id"] == ride.session_id:
                return session
            going_on = session["status"] in (*GOING_ON, "RESERVATION")
            if not ride.session_id and going_on and session["cdr_token"]["uid"] == ride.token["uid"]:
                return session
        return None
