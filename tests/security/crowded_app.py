"""A provider for a server in a process of its own: granian tests.security.crowded_app:app

Its partners: NL-CPO, and NL-BAD at the address in HOSTILE, which its authorizer asks for every token. The tokens of
both, and registration tokens of two more, are written as JSON to the file that TOKEN_FILE names.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings

HOSTILE = os.environ.get("HOSTILE", "")


def make_app() -> tuple[Flask, dict[str, str]]:
    """Return the app, and the tokens of its partners by name."""
    app = Flask("crowded")
    app.config.update(
        SECRET_KEY="secret",
        OCPI_PARTIES=[party_settings("DE", "EMS", ["CPO", "EMSP"])],
        OCPI_DOCS=False,
        OCPI_HTTP_ALLOW_PRIVATE=True,
        OCPI_HTTP_TIMEOUT=120,
        OCPI_HANDSHAKE_TIMEOUT=120,  # what hangs does so until the test lets it go
    )
    ocpi = OCPI(app, storage=MemoryStorage())
    ocpi.save("tokens", token(uid="1"))
    ocpi.save("locations", location(country_code="DE", party_id="EMS", id="LOC1"))
    healthy = add_partner(app, [("NL", "CPO", ["CPO", "EMSP"])], name="Healthy")
    hostile = add_partner(app, [("NL", "BAD", ["CPO", "EMSP"])], name="Hostile")
    endpoint = {"identifier": "tokens", "role": "SENDER", "url": f"{HOSTILE}/tokens"}
    ocpi.services.platforms.save(replace(hostile.platform, endpoints=(endpoint,)), before=hostile.platform)

    @ocpi.authorizer
    def ask(document: Any, place: Any) -> str:
        asked = ocpi.client("hostile").tokens.authorize(document["uid"])
        return "ALLOWED" if asked.is_allowed else "BLOCKED"

    tokens = {"healthy": healthy.token, "hostile": hostile.token}
    tokens |= {name: ocpi.partners.invite(name=name)[1] for name in ("invited", "late")}
    return app, tokens


if "TOKEN_FILE" in os.environ:
    app, tokens = make_app()
    Path(os.environ["TOKEN_FILE"]).write_bytes(orjson.dumps(tokens))
