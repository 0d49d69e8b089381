"""A complete OCPI platform in any set of roles, with simulated charge points.

Try it with ``flask --app flask_ocpi.testing.sandbox run``, or serve it with
``granian --interface wsgi --factory flask_ocpi.testing.sandbox:create_app``. The charge points live in the process
that serves it, so there must be one only.

FLASK_* environment variables configure everything: FLASK_OCPI_PARTIES='[{...}]' and the other settings of Flask-OCPI;
FLASK_SQLALCHEMY_DATABASE_URI for another database (FLASK_OCPI_CREATE_TABLES=true makes its tables); FLASK_INSTANCE_PATH
for another folder than ``instance`` to keep the default one in; and FLASK_SIMULATION_SPEED for how much faster than a
real one the clock of a session goes, from its start on: by default 180, so that an hour takes 20 seconds.

``flask sample-data`` saves a few objects to begin with: locations and their tariffs for CPOs, tokens for eMSPs.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click
from flask import Blueprint
from flask import Config
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi import Party
from flask_ocpi import Platform
from flask_ocpi import Reply
from flask_ocpi import Storage
from flask_ocpi import current_ocpi
from flask_ocpi.client import Transport
from flask_ocpi.extension import utc_now
from flask_ocpi.host.facade import OwnPlatform
from flask_ocpi.signals import platform_registered
from flask_ocpi.signals import platform_unregistered
from flask_ocpi.testing.sandbox.charge_points import ChargePoints
from flask_ocpi.testing.sandbox.locations import sample_data

PARTY = {"country_code": "NL", "party_id": "ABC", "roles": ["CPO"], "business_details": {"name": "Abc Charging"}}
SIMULATION_SPEED = 180

Document = Any  # as OCPI has it; what is saved is checked
log = logging.getLogger("flask_ocpi.sandbox")

staff = Blueprint("staff", __name__, cli_group=None)


def create_app(config: Mapping[str, Any] | None = None, *, ocpi: OCPI | None = None) -> Flask:
    """Make the app. ``config`` overrides what the environment says; ``ocpi`` is for tests."""
    settings = Config(os.getcwd(), {"OCPI_PARTIES": [PARTY]})
    settings.from_prefixed_env()
    settings.update(config or {})
    app = make_app(settings, ocpi=ocpi, folder=os.environ.get("FLASK_INSTANCE_PATH", "instance"))
    if "FLASK_RUN_FROM_CLI" not in os.environ:  # a command does its work and ends
        app.extensions["ocpi"].start()
    return app


def make_app(config: Mapping[str, Any], *, ocpi: OCPI | None = None, folder: str) -> Flask:
    """Make the app of these settings alone. folder: where it keeps its database, unless they name one."""
    app = Flask(__name__, instance_path=os.path.abspath(folder))
    app.config.update(SIMULATION_SPEED=SIMULATION_SPEED)
    app.config.update(config)
    ocpi = ocpi or OCPI()
    ocpi.init_app(app)
    points = ChargePoints(app, ocpi, speed=app.config["SIMULATION_SPEED"])
    app.extensions["charge_points"] = points
    app.before_request(points.wake)
    app.register_blueprint(staff)
    serve_drivers(ocpi, points)
    serve_profiles(ocpi, points)
    tell_of_clients(app, ocpi, points)
    return app


def serve_drivers(ocpi: OCPI, points: ChargePoints) -> None:
    """Carry out what eMSPs ask for in the name of their drivers.

    Whether the token is valid is their business: it is not asked for again.
    """

    @ocpi.command("START_SESSION")
    def start_session(command: Document, reply: Reply) -> Document:
        return passed_on(reply, points, lambda: points.start(command, reply.receiver))

    @ocpi.command("STOP_SESSION")
    def stop_session(command: Document, reply: Reply) -> Document:
        return about_session(reply, points, command, points.stop)

    @ocpi.command("RESERVE_NOW")
    def reserve_now(command: Document, reply: Reply) -> Document:
        return passed_on(reply, points, lambda: points.reserve(command, reply))

    @ocpi.command("CANCEL_RESERVATION")
    def cancel_reservation(command: Document, reply: Reply) -> Document:
        return passed_on(reply, points, lambda: points.cancel(reply))

    @ocpi.command("UNLOCK_CONNECTOR")
    def unlock_connector(command: Document, reply: Reply) -> Document:
        return passed_on(reply, points, lambda: points.unlock(command, reply))

    @ocpi.charging_preferences
    def charging_preferences(session: Document, preferences: Document) -> Document:
        return "ACCEPTED"


def serve_profiles(ocpi: OCPI, points: ChargePoints) -> None:
    """Let others plan the load."""

    @ocpi.charging_profile("PUT")
    def set_profile(asked: Document, reply: Reply) -> Document:
        return about_session(
            reply, points, asked, lambda party, id: points.set_profile(party, id, asked["charging_profile"])
        )

    @ocpi.charging_profile("DELETE")
    def clear_profile(asked: Document, reply: Reply) -> Document:
        return about_session(reply, points, asked, lambda party, id: points.set_profile(party, id, None))

    @ocpi.charging_profile("GET")
    def get_profile(asked: Document, reply: Reply) -> Document:
        return about_session(reply, points, asked, lambda party, id: points.get_profile(party, id, asked["duration"]))


def about_session(
    reply: Reply, points: ChargePoints, asked: Document, work: Callable[[Party, str], Document]
) -> Document:
    """Pass on what is asked for about a session, unless it is over."""
    party, id = reply.receiver, asked["session_id"]
    return passed_on(reply, points, lambda: work(party, id)) if points.is_going_on(party, id) else "REJECTED"


def passed_on(reply: Reply, points: ChargePoints, work: Callable[[], Document]) -> Document:
    """Answer that the charge point is being asked; what it says is sent as the result, about a second later."""

    def answered() -> Document:
        points.travel()
        return work()

    return reply.accept(answered)


def tell_of_clients(app: Flask, ocpi: OCPI, points: ChargePoints) -> None:
    """As a hub: keep the list of the connected parties; the others are told when it changes."""
    if not any("HUB" in party.roles for party in ocpi.services.settings.parties):
        return

    def tell(platform: Platform, status: str) -> None:
        for role in platform.roles:
            info = {name: role[name] for name in ("country_code", "party_id", "role")}
            info |= {"status": status, "last_updated": points.now()}
            ocpi.save("hubclientinfo", info)

    @ocpi.push_filter
    def is_news(module: str, document: Document, platform: Platform) -> bool:
        """Send a ClientInfo to all but whom it is about, who may not have finished registering yet."""
        if module != "hubclientinfo":
            return True
        return Party.of(document["country_code"], document["party_id"]) not in platform.parties

    @platform_registered.connect_via(app, weak=False)
    def registered(sender: Flask, platform: Platform, **payload: Any) -> None:
        tell(platform, "CONNECTED")

    @platform_unregistered.connect_via(app, weak=False)
    def unregistered(sender: Flask, platform: Platform, **payload: Any) -> None:
        tell(platform, "SUSPENDED")


@staff.cli.command("sample-data")
def save_sample_data() -> None:
    """Save some objects of the own parties, so that there is something to ask for."""
    documents = sample_data(current_ocpi.services.settings.parties, now=current_ocpi.services.clock())
    current_ocpi.objects.save_all(documents)
    click.echo(f"Saved {', '.join(f'{len(items)} {module}' for module, items in documents.items()) or 'nothing'}.")


VERSIONS = ("2.1.1", "2.2.1", "2.3.0")


@dataclass(frozen=True, slots=True)
class Kind:
    """What the sandbox is in a role: its party, and the modules if not all of the role."""

    role: str
    party: Party
    name: str
    modules: Sequence[str] | None = None


KINDS = {
    "cpo": Kind("CPO", Party.of("NL", "SBX"), "Sandbox Charging"),
    "emsp": Kind("EMSP", Party.of("DE", "SBX"), "Sandbox Mobility"),
    # It tells who is there; it does not pass on what they say to each other.
    "hub": Kind("HUB", Party.of("BE", "SBX"), "Sandbox Hub", ["hubclientinfo:SENDER"]),
}


def make_partner(
    role: str,
    *,
    base_url: str,
    folder: str,
    party: Party | None = None,
    versions: Sequence[str] = VERSIONS,
    speed: float = SIMULATION_SPEED,
    storage: Storage | None = None,
    transport: Transport | None = None,
    clock: Callable[[], datetime] = utc_now,
    config: dict[str, Any] | None = None,
) -> Flask:
    """Make the app of a partner in the role "cpo", "emsp" or "hub".

    folder: where its SQLite file is, unless there is a storage. party: another one than that of the role. config:
    overrides its settings.
    Nothing of the environment counts: the settings there are those of the app that is tried against it.
    """
    kind = KINDS[role]
    own = party or kind.party
    named = {"country_code": own.country_code, "party_id": own.party_id, "roles": [kind.role]}
    settings = {
        "OCPI_PARTIES": [{**named, "business_details": {"name": kind.name}}],
        "OCPI_BASE_URL": base_url,
        "OCPI_VERSIONS": list(versions),
        "OCPI_MODULES": kind.modules,
        "OCPI_HTTP_ALLOW_PRIVATE": True,
        # The same partner may come back with an empty database, as a new platform.
        "OCPI_ALLOW_SHARED_PARTIES": True,
        "SIMULATION_SPEED": speed,
        **(config or {}),
    }
    return make_app(settings, ocpi=OCPI(storage=storage, transport=transport, clock=clock), folder=folder)


def add_sample_data(app: Flask, *, seed: int = 1) -> dict[str, int]:
    """Save objects to begin with, unless there are some; return how many there are of each module."""
    ocpi: OwnPlatform = app.extensions["ocpi"]
    documents = sample_data(ocpi.services.settings.parties, now=ocpi.services.clock(), seed=seed)
    for module, found in documents.items():
        if next(iter(ocpi.objects.documents(module)), None) is None:
            ocpi.objects.save_all({module: found})
    return {module: len(list(ocpi.objects.documents(module))) for module in documents}
