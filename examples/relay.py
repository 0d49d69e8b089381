"""A provider that passes charging profiles on: flask --app examples.relay run

Towards a smart charging provider (SCSP) it receives charging profiles, towards the operator (CPO) it sends them. Both
know a session under ids of their own, and each leg has a response_url of its own: neither side learns of the other.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from flask import Blueprint
from flask import Flask
from flask import request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import UniqueConstraint
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from flask_ocpi import OCPI
from flask_ocpi import Call
from flask_ocpi import OCPIError
from flask_ocpi import Party
from flask_ocpi import Platform
from flask_ocpi import Reply
from flask_ocpi import current_ocpi
from flask_ocpi.signals import active_charging_profile_received
from flask_ocpi.signals import object_received
from flask_ocpi.signals import result_received

PARTY = {"country_code": "DE", "party_id": "EMS", "roles": ["EMSP"], "business_details": {"name": "Ems Mobility"}}

db = SQLAlchemy()
relay = Blueprint("relay", __name__, cli_group=None)


class RelayedSession(db.Model):
    """A session of an operator. ``id`` is ours for it: the smart charging provider knows no other."""

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: str(uuid.uuid4()))
    platform: Mapped[str]
    country_code: Mapped[str]
    party_id: Mapped[str]
    session_id: Mapped[str]
    __table_args__ = (UniqueConstraint("platform", "country_code", "party_id", "session_id"),)


def create_app(config: Mapping[str, Any] | None = None, *, ocpi: OCPI | None = None) -> Flask:
    """Make the app. ``config`` overrides what FLASK_* environment variables say; ``ocpi`` is for tests."""
    app = Flask(__name__, instance_path=str(Path(__file__).parent / "instance"))
    app.config.update(OCPI_PARTIES=[PARTY], SQLALCHEMY_DATABASE_URI="sqlite:///relay.sqlite3")
    app.config.from_prefixed_env()
    app.config.update(config or {})
    db.init_app(app)
    ocpi = ocpi or OCPI()
    ocpi.charging_profile("PUT")(set_profile)
    ocpi.charging_profile("GET")(get_profile)
    ocpi.charging_profile("DELETE")(clear_profile)
    ocpi.init_app(app)
    object_received.connect(remember_session, app)
    result_received.connect(pass_result_on, app)
    active_charging_profile_received.connect(pass_active_profile_on, app)
    app.register_blueprint(relay)
    with app.app_context():
        db.create_all()
    if "FLASK_RUN_FROM_CLI" not in os.environ:  # a command does its work and ends
        ocpi.start()
    return app


def set_profile(asked: dict[str, Any], reply: Reply) -> str | dict[str, Any]:
    """Set a charging profile at the operator."""
    profile = asked["charging_profile"]
    return pass_on(asked, reply, lambda profiles, id: profiles.set(id, profile, reference=reply.id))


def get_profile(asked: dict[str, Any], reply: Reply) -> str | dict[str, Any]:
    """Ask the operator for the active profile."""
    duration = asked["duration"]
    return pass_on(asked, reply, lambda profiles, id: profiles.get_active(id, duration=duration, reference=reply.id))


def clear_profile(asked: dict[str, Any], reply: Reply) -> str | dict[str, Any]:
    """Remove the charging profile at the operator."""
    return pass_on(asked, reply, lambda profiles, id: profiles.clear(id, reference=reply.id))


def pass_on(asked: dict[str, Any], reply: Reply, ask: Callable[[Any, str], Call]) -> str | dict[str, Any]:
    """Ask the operator, and answer what it answered; its errors are answered by themselves if they are not caught."""
    session = db.session.get(RelayedSession, asked["session_id"].lower())
    if session is None:
        return "UNKNOWN_SESSION"
    operator = current_ocpi.client(
        session.platform,
        sender=reply.receiver,
        to=Party(session.country_code, session.party_id),
        correlation_id=request.headers.get("X-Correlation-ID"),
    )
    return ask(operator.chargingprofiles, session.session_id).response


def pass_result_on(app: Flask, *, call: Call, result: dict[str, Any], **_: Any) -> None:
    """Give the operator's result to who asked: ``reference`` is the id of its Reply. A listener of result_received."""
    if call.module != "chargingprofiles" or not call.reference:
        return
    try:
        current_ocpi.finish(call.reference, result)
    except OCPIError as error:
        app.logger.warning("The result of %s is of no use to anybody any more: %s", call.operation, error)


def pass_active_profile_on(
    app: Flask, *, session_id: str, profile: dict[str, Any], platform: Platform, **_: Any
) -> None:
    """Tell those who set a profile what the operator told us: a listener of active_charging_profile_received."""
    of_session = func.upper(RelayedSession.session_id) == session_id.upper()
    session = db.session.scalar(select(RelayedSession).where(RelayedSession.platform == platform.id, of_session))
    if session is not None:
        current_ocpi.push_active_profile(session.id, profile)


def remember_session(app: Flask, *, module: str, document: dict[str, Any], platform: Platform, **_: Any) -> None:
    """Give a session that an operator sent an id of our own: a listener of object_received."""
    if module != "sessions":
        return
    owner = Party.of(document["country_code"], document["party_id"])
    known = {"platform": platform.id, "country_code": owner.country_code, "party_id": owner.party_id}
    of_session = func.upper(RelayedSession.session_id) == document["id"].upper()
    if db.session.scalar(select(RelayedSession).filter_by(**known).where(of_session)) is None:
        db.session.add(RelayedSession(**known, session_id=document["id"]))
        db.session.commit()


@relay.cli.command("sessions")
def sessions_command() -> None:
    """List the sessions with the ids to hand to a smart charging provider."""
    for session in db.session.scalars(select(RelayedSession)):
        click.echo(f"{session.id} is {session.session_id} of {session.country_code}-{session.party_id}.")
