"""A platform with partners, objects and messages, and a console; names and texts are as hostile as they may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from flask import Flask
from flask import Request as FlaskRequest

from flask_ocpi.client.wire import Request
from flask_ocpi.client.wire import Response
from flask_ocpi.contrib.console import Console
from flask_ocpi.contrib.console import Visitor
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.extension import OCPI
from flask_ocpi.storage.base import Storage
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import Network

#: A text that runs, leaves its element, turns the direction, and has characters of four bytes.
HOSTILE = "<script>document.title='run'</script>\"'>&amp; \u202eמחנה 🚗{{7*7}}"
#: Texts that stand under "token" in what a partner sent.
SECRETS = ("a-secret-token",)
#: An id that would be an element, if it were not escaped.
ID = "<b>L1</b>&amp;"


def visitor_of(request: FlaskRequest) -> Visitor | None:
    """Let in who says a level in a cookie, as "ann:operate"."""
    name, _, level = request.cookies.get("visitor", "").partition(":")
    return Visitor(name, level) if level else None


def platform(*, storage: Storage | None = None, config: dict[str, Any] | None = None) -> tuple[Network, OCPI]:
    """Return a network of an operator with a console, and its two partners; the second one is no longer registered."""
    network = Network(config={"OCPI_JOURNAL": "all", "OCPI_PUSH": True, **(config or {})})
    own = network.add("cpo.example", [("NL", "ABC", ["CPO", "EMSP"])], storage=storage)
    ems = network.add("ems.example", [("DE", "EMS", ["EMSP", "CPO"])])
    former = network.add("former.example", [("FR", "OLD", ["EMSP"])])
    Console(network.apps["cpo.example"], authorize=visitor_of)
    invited, token = own.partners.invite(name=HOSTILE)
    ems.partners.register(own.versions_url, token)
    invited, token = own.partners.invite(name="Former")
    former.partners.register(own.versions_url, token)
    own.partners.unregister(invited.id)
    return network, own


def fill(network: Network, own: OCPI) -> None:
    """Give both sides objects of every kind, findings, refused changes and audits, with hostile texts in them."""
    ems = network.platforms["ems.example"]
    theirs = {"country_code": "DE", "party_id": "EMS"}
    ours = {"country_code": "NL", "party_id": "ABC"}
    card = documents.token(**ours, uid=ID, contract_id="NL-ABC-C1", visual_number=HOSTILE[:64], issuer=HOSTILE[:64])
    cdr_token = {name: card[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")}
    own.save("tokens", card)
    for ocpi, party in ((own, ours), (ems, theirs)):
        tariff = {
            **documents.full_tariff(),
            **party,
            "id": "T1",
            "tariff_alt_text": [{"language": "en", "text": HOSTILE}],
        }
        ocpi.save("tariffs", tariff)
        connector = documents.connector(tariff_ids=["T1"])
        evse = documents.evse(uid="E1", physical_reference=HOSTILE[:16], connectors=[connector])
        for id in (ID, "L2"):
            ocpi.save("locations", documents.location(**party, id=id, name=HOSTILE, city=HOSTILE[:45], evses=[evse]))
        session = (
            documents.full_session() | party | {"id": "S1", "location_id": ID, "evse_uid": "E1", "cdr_token": cdr_token}
        )
        ocpi.save("sessions", session)
        cdr = documents.full_cdr() | party | {"id": "C1", "session_id": "S1", "remark": HOSTILE, "cdr_token": cdr_token}
        ocpi.save("cdrs", cdr)
    ems.outbox.flush()
    own.outbox.flush()
    list(own.pricing.audit_all())
    partner = own.partners.find("DE-EMS").id
    document = {"id": ID, "name": HOSTILE, "evses": [{"uid": HOSTILE, "status": HOSTILE}], "token": SECRETS[0]}
    for refused in (True, False):
        own.findings.add(
            Finding(
                partner,
                HOSTILE[:20],
                "locations",
                f"DE EMS {ID}",
                path="evses[0].status",
                came=HOSTILE,
                outcome=HOSTILE,
                refused=refused,
                document=document if refused else None,
            )
        )
    own.findings.flush()
    refuse(network, f"evses[0].status is wrong. {HOSTILE}")
    own.patch("locations", "L2", changes={"name": f"Changed {HOSTILE}"})
    own.outbox.flush()
    network.after_send = lambda request, response: response


def refuse(network: Network, message: str) -> None:
    """Have partners refuse everything that is written to them."""

    def after_send(request: Request, response: Response) -> Response:
        if request.method == "GET":
            return response
        body = {"status_code": 2001, "status_message": message, "timestamp": "2026-01-01T12:00:00Z"}
        return replace(response, body=orjson.dumps(body))

    network.after_send = after_send


def app_of(network: Network) -> Flask:
    """Return the app with the console."""
    return network.apps["cpo.example"]
