"""A platform for servers in processes of their own: granian tests.e2e.socket_app:app

The token of its partner, DE-EMS and DE-CPO, is written to the file that TOKEN_FILE names.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings


def make_platform(settings: dict[str, Any] | None = None) -> PartnerClient:
    """Make a platform with the own Locations A/B and LOC1 and the Session SES1; return a client of its partner.

    It accepts the command START_SESSION, and to read a charging profile; the result follows.
    """
    app = Flask("socket")
    app.config.update(
        SECRET_KEY="secret",
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO", "EMSP"])],
        OCPI_DOCS=False,
        OCPI_HTTP_ALLOW_PRIVATE=True,
        OCPI_CALLBACK_HOSTS=["127.0.0.1"],
        OCPI_DISPATCHER="inline",  # so that the result is sent by the thread that answers the command
        **(settings or {}),
    )
    ocpi = OCPI(app, storage=MemoryStorage())
    ocpi.command("START_SESSION")(lambda request, reply: reply.accept(lambda: "ACCEPTED"))
    ocpi.charging_profile("GET")(lambda request, reply: reply.accept(lambda: "REJECTED"))
    for id in ("LOC1", "A/B"):
        ocpi.save("locations", location(id=id, evses=[evse()]))
    ocpi.save("sessions", session())
    return add_partner(app, [("DE", "EMS", ["EMSP"]), ("DE", "CPO", ["CPO"])])


if "TOKEN_FILE" in os.environ:
    partner = make_platform(json.loads(os.environ.get("SETTINGS", "{}")))
    app = partner.app
    Path(os.environ["TOKEN_FILE"]).write_text(partner.token)
