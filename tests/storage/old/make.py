"""Make the stored databases anew, with the code of the release that they are of.

Run ``python make.py URL facts.json`` with that revision as PYTHONPATH, and dump the database: ``sqlite3 FILE .dump`` or
``pg_dump --inserts --no-owner --no-privileges --no-comments``. It stores records of every kind that the release knew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from flask_ocpi.testing.backends import sqlalchemy_storage
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import client_info
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import set_charging_profile
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import add_partner

RECEIVER = "/ocpi/2.2.1/receiver"
THEIRS = {"country_code": "DE", "party_id": "CPO"}
DRIVER = {**cdr()["cdr_token"], "country_code": "DE", "party_id": "EMS"}


def fill(storage):
    """Live through a day of a platform; return what a partner knows of it."""
    network = Network()
    ocpi = network.add("platform.example", [("NL", "ABC", ["CPO", "EMSP"])], storage=storage)
    other = network.add("other.example", [("DE", "EMS", ["EMSP"]), ("DE", "CPO", ["CPO"])])
    there, here = network.connect(other, ocpi)
    app = network.apps["platform.example"]
    hub = add_partner(app, [("DE", "HUB", ["HUB"])], name="Hub")
    ocpi.command("START_SESSION")(lambda body, reply: "ACCEPTED")
    ocpi.command("RESERVE_NOW")(lambda body, reply: "ACCEPTED")
    profiles = []
    ocpi.charging_profile("PUT")(lambda body, reply: profiles.append(reply.id) or "ACCEPTED")
    other.command("START_SESSION")(lambda body, reply: "ACCEPTED")

    save_own(ocpi)
    ocpi.push("cdrs", "CDR1")
    partner = other.client(there)
    copies(partner)
    answered = hub.put(f"{RECEIVER}/hubclientinfo/DE/XYZ", client_info(country_code="DE", party_id="XYZ", role="CPO"))
    assert answered.http_status in (200, 201), answered.body

    other.save("tokens", token(country_code="DE", party_id="EMS"))
    for_driver = {"token": token(country_code="DE", party_id="EMS"), "location_id": "LOC1"}
    partner.commands.start_session(for_driver)
    reservation = {"expiry_date": "2026-01-01T20:00:00Z", "reservation_id": "RES1"}
    partner.commands.reserve_now({**for_driver, **reservation})
    partner.chargingprofiles.set("SES1", set_charging_profile()["charging_profile"])
    ocpi.finish(profiles[0], "ACCEPTED")
    other.save("locations", location(**THEIRS))
    ours = {"token": token(country_code="NL", party_id="ABC"), "location_id": "LOC1"}
    ocpi.client(here).commands.start_session(ours)
    return {
        "hub_token": hub.token,
        "partner_token": other.services.platforms.cipher.decrypt(there.token),
        "our_token": ocpi.services.platforms.cipher.decrypt(here.token),
        "partner": here.id,
    }


def save_own(ocpi):
    for number in range(1, 4):
        ocpi.save("locations", location(id=f"LOC{number}", name="Zürich ⚡"))
    ocpi.save("tariffs", tariff())
    ocpi.save("tokens", token(country_code="NL", party_id="ABC"))
    ocpi.save("sessions", session(cdr_token=DRIVER))
    ocpi.save("cdrs", cdr(cdr_token=DRIVER))
    ocpi.save("hubclientinfo", client_info(country_code="DE", party_id="XYZ", role="EMSP"))
    ocpi.patch("locations", ["LOC1"], {"name": "Renamed"})


def copies(partner):
    driver = {**DRIVER, "country_code": "NL", "party_id": "ABC"}
    partner.locations.put(location(**THEIRS, id="LOC9"))
    partner.tariffs.put(tariff(**THEIRS))
    partner.sessions.put(session(**THEIRS, id="SES9", cdr_token=driver))
    partner.cdrs.post(cdr(**THEIRS, id="CDR9", cdr_token=driver))
    partner.tokens.put(token(country_code="DE", party_id="EMS", uid="DRIVER9"))


def main():
    url, facts = sys.argv[1:]
    with sqlalchemy_storage(url) as storage:
        known = fill(storage)
    Path(facts).write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
