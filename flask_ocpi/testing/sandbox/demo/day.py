"""What the platforms of the demo tell each other: who they are, where one can charge, for how much, and who may."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import Any

from flask_ocpi.client.connection import Connection
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.testing import add_partner
from flask_ocpi.testing.sandbox.app import VERSIONS
from flask_ocpi.testing.sandbox.demo.stage import BOLD
from flask_ocpi.testing.sandbox.demo.stage import Day
from flask_ocpi.testing.sandbox.demo.stage import Document
from flask_ocpi.testing.sandbox.demo.stage import Exchange
from flask_ocpi.testing.sandbox.demo.stage import Side
from flask_ocpi.testing.sandbox.locations import locations
from flask_ocpi.testing.sandbox.locations import status_changes
from flask_ocpi.testing.sandbox.locations import summary

LOCATIONS = 60
CHANGES = 4
#: Euros for a kWh, and for each session.
PRICES = {
    "AC-REGULAR": (0.39, 0.5),
    "AC-ADHOC": (0.49, 0.0),
    "DC-REGULAR": (0.59, 0.5),
    "DC-ADHOC": (0.69, 0.0),
    "DEPOT-REGULAR": (0.29, 0.0),
    "SUMMER-SALE": (0.25, 0.0),
}
CARD = "04A1B2C3D4E580"
BLOCKED_CARD = "04F6E5D4C3B280"


def register(day: Day) -> None:
    day.step(
        "The provider registers with the operator",
        "The operator hands over its versions URL and a registration token. The provider looks up what it speaks "
        "and posts its own credentials. Before the operator answers with its own, it looks back.",
    )
    join(day.emsp, day.cpo)
    for side, peer in ((day.emsp, day.cpo), (day.cpo, day.emsp)):
        record = side.ocpi.partners.find(str(peer.party))
        knows = record.is_registered and record.parties == (peer.party,)
        day.check(
            knows, f"the {side.role} knows the {peer.role} {peer.party} and its {len(record.endpoints)} endpoints"
        )
    day.wire.hidden = ("versions", *VERSIONS)


def join(newcomer: Side, host: Side) -> None:
    """Register one platform with another; each grants the other what it is, and nothing else."""
    _, token = host.ocpi.partners.invite(name=newcomer.name, roles=newcomer.roles, parties=[newcomer.party])
    newcomer.ocpi.partners.register(
        host.ocpi.versions_url, token, name=host.name, roles=host.roles, parties=[host.party]
    )


def open_network(day: Day) -> None:
    day.step("Where to charge", "The operator opens its network.")
    documents = list(locations(count=LOCATIONS, now=day.now))
    day.cpo.ocpi.objects.save_all({"locations": documents})
    counts = summary(documents)
    cities = Counter(document["city"] for document in documents)
    listing = ", ".join(f"{city} {number}" for city, number in sorted(cities.items()))
    day.screen.text(f"{counts['locations']} locations with {counts['evses']} EVSEs: {listing}. One of them:")
    day.screen.location(max(documents[:20], key=lambda document: len(document["evses"])))
    day.check(len(day.cpo.own("locations")) == LOCATIONS, "all are stored")


def share_locations(day: Day) -> None:
    day.step("The provider fetches the network", "It pulls the locations page by page; of changes it is told.")
    pulled = day.emsp.ocpi.pull("locations", str(day.cpo.party))
    day.check(pulled.created == pulled.total == LOCATIONS, f"{pulled.created} of {pulled.total} locations arrived")
    day.check(day.emsp.copies("locations") == day.cpo.own("locations"), "all are equal on both sides")


def change_statuses(day: Day, seed: int = 1) -> None:
    day.step("Cars come and go", "Each change of an EVSE that the operator saves is pushed.")
    network = day.cpo.own("locations")
    changes = list(status_changes(network.values(), seed=seed, count=CHANGES, now=day.now))
    for id, uid, change in changes:
        day.cpo.ocpi.patch("locations", id, uid, changes=dict[str, Any](status=change["status"]))
    day.seen(day.cpo)
    there = [find_evse(day.emsp.copies("locations")[id], uid)["status"] for id, uid, _ in changes]
    day.check(there == [change["status"] for _, _, change in changes], "the provider has each new status")


def find_evse(location: Document, uid: str) -> Document:
    found: Document = next(evse for evse in location["evses"] if evse["uid"] == uid)
    return found


def share_tariffs(day: Day) -> None:
    day.step("For how much", "The operator saves the tariffs that the connectors name, and the provider gets them.")
    for id, prices in PRICES.items():
        day.cpo.ocpi.save("tariffs", tariff(day, id, *prices))
    day.seen(day.cpo)
    day.wire.take()
    day.screen.text(f"Euros for a kWh: {', '.join(f'{id} {energy:.2f}' for id, (energy, _) in PRICES.items())}.")
    same = day.emsp.copies("tariffs") == day.cpo.own("tariffs")
    day.check(same and len(day.cpo.own("tariffs")) == len(PRICES), f"{len(PRICES)} tariffs are equal on both sides")


def tariff(day: Day, id: str, energy: float, fee: float) -> Document:
    """Make a Tariff: euros for a kWh, and for each session."""
    components = [{"type": "ENERGY", "price": energy, "vat": 21.0, "step_size": 1}]
    if fee:
        components.append({"type": "FLAT", "price": fee, "vat": 21.0, "step_size": 1})
    return {
        "country_code": day.cpo.party.country_code,
        "party_id": day.cpo.party.party_id,
        "id": id,
        "currency": "EUR",
        "elements": [{"price_components": components}],
        "last_updated": format_date_time(day.now),
    }


def share_tokens(day: Day) -> None:
    day.step("Who may charge", "The provider saves the tokens of two drivers; the operator checks at night.")
    for uid in (CARD, BLOCKED_CARD):
        day.emsp.ocpi.save("tokens", token(day, uid))
        day.told(day.cpo, f"the card {uid}", "PUT", "tokens", partial(_is_token, uid))
    day.seen(day.emsp)
    day.check(True, f"{CARD} and {BLOCKED_CARD}, which is blocked, were pushed when they were saved")
    pulled = day.cpo.ocpi.pull("tokens", str(day.emsp.party))
    day.check((pulled.seen, pulled.unchanged) == (2, 2), "a pull brings nothing new")
    day.check(day.cpo.copies("tokens") == day.emsp.own("tokens"), "all tokens are equal on both sides")


def _is_token(uid: str, sent: Document) -> bool:
    return bool(sent["uid"] == uid)


def token(day: Day, uid: str) -> Document:
    """Make a Token; NEVER: the operator must ask each time whether it may charge."""
    number = uid[-4:]
    return {
        "country_code": day.emsp.party.country_code,
        "party_id": day.emsp.party.party_id,
        "uid": uid,
        "type": "RFID",
        "contract_id": f"DE-EMS-C0000{number}",
        "issuer": day.emsp.name,
        "valid": uid != BLOCKED_CARD,
        "whitelist": "NEVER",
        "last_updated": format_date_time(day.now),
    }


def authorize(day: Day) -> None:
    day.step(
        "Two cards are held to charge points", "The operator asks the provider in real time whether they may charge."
    )
    where = {"location_id": next(iter(day.cpo.own("locations")))}
    with day.cpo.client(day.emsp) as client:
        answers = [client.tokens.authorize(uid, location=where) for uid in (CARD, BLOCKED_CARD)]
    allowed, blocked = (answer.info["allowed"] if answer.info else "unknown" for answer in answers)
    day.check(allowed == "ALLOWED" and answers[0].is_allowed, f"{CARD} may charge")
    day.check(blocked == "BLOCKED" and not answers[1].is_allowed, f"{BLOCKED_CARD} may not")


def change_tariffs(day: Day) -> None:
    day.step("Prices change", "The operator saves a new price and withdraws an offer.")
    day.cpo.ocpi.save("tariffs", tariff(day, "AC-REGULAR", 0.37, 0.5))
    day.cpo.ocpi.delete("tariffs", "SUMMER-SALE")
    day.seen(day.cpo)
    copies = day.emsp.copies("tariffs")
    price = copies["AC-REGULAR"]["elements"][0]["price_components"][0]["price"]
    day.check(price == 0.37, "AC-REGULAR is 0.37 EUR a kWh at the provider too")
    day.check("SUMMER-SALE" not in copies and copies == day.cpo.own("tariffs"), "SUMMER-SALE is gone")


def join_hub(day: Day) -> None:
    day.step("A hub tells who is there", "Operator and provider register with a hub, which tells everybody about it.")
    join(day.cpo, day.hub)
    join(day.emsp, day.hub)
    hear_of_provider(day, "CONNECTED")
    for side in (day.cpo, day.emsp):
        pulled = side.ocpi.pull("hubclientinfo", str(day.hub.party))
        day.check(pulled.total == 2, f"the {side.role} gets the whole list: {pulled.total} parties")
    known = day.cpo.copies("hubclientinfo") == day.emsp.copies("hubclientinfo") == day.hub.own("hubclientinfo")
    day.check(known, "all three have the same list")
    day.emsp.ocpi.partners.unregister(str(day.hub.party))
    hear_of_provider(day, "SUSPENDED")
    status = day.cpo.copies("hubclientinfo")[day.emsp.party.party_id]["status"]
    day.check(status == "SUSPENDED", "the provider leaves the hub, and the operator hears of it")


def hear_of_provider(day: Day, status: str) -> None:
    """Wait until the hub told the operator of the provider."""

    def fits(sent: Document) -> bool:
        return (sent["party_id"], sent["status"]) == (day.emsp.party.party_id, status)

    day.told(day.cpo, f"the news that the provider is {status}", "PUT", "hubclientinfo", fits)


def speak_other_versions(day: Day, session_id: str) -> None:
    day.step(
        "Old and new versions",
        "Two more systems of the provider register with the operator: its billing speaks OCPI 2.1.1, its new app "
        "2.3.0. They fetch the location, the session and the CDR that the provider has in 2.2.1.",
    )
    for side in (day.old, day.new):
        for uid in (CARD, BLOCKED_CARD):
            side.ocpi.save("tokens", token(day, uid))
        join(side, day.cpo)
        number = side.ocpi.partners.find(str(day.cpo.party)).version
        for module in ("sessions", "cdrs"):
            side.ocpi.pull(module, str(day.cpo.party))
        known = day.emsp.copies("locations")[day.emsp.copies("sessions")[session_id]["location_id"]]
        with side.client(day.cpo) as client:
            location = client.locations.get(known["id"])
        same = _essence(side, session_id, location) == _essence(day.emsp, session_id, known)
        day.check(same, f"{side.name} has the same location, session and CDR in {number}")
        cost = day.wire.until("the CDR", partial(_is_list_of_cdrs, side.role)).first["total_cost"]
        day.screen.text(f"What the CDR costs, in {number}: {json.dumps(cost)}")
        side.ocpi.partners.unregister(str(day.cpo.party))


def _is_list_of_cdrs(fetched_by: str, exchange: Exchange) -> bool:
    return exchange.sender == fetched_by and exchange.is_about("GET", "cdrs")


def _essence(side: Side, session_id: str, location: Document) -> Document:
    """Return what all versions can say of a session, its location and its CDR, as a platform has it."""
    session = side.copies("sessions")[session_id]
    cdrs = side.copies("cdrs").values()
    cdr = next(found for found in cdrs if found["start_date_time"] == session["start_date_time"])
    return {
        "location": (location["name"], {evse["uid"]: evse["status"] for evse in location["evses"]}),
        "session": (session["kwh"], session["status"], session["cdr_token"], _energy(session)),
        "cdr": (cdr["total_energy"], cdr["total_cost"]["excl_vat"], cdr["cdr_token"], _energy(cdr)),
    }


def _energy(document: Document) -> list[float]:
    """Return what was charged in each period."""
    dimensions = (dimension for period in document["charging_periods"] for dimension in period["dimensions"])
    return [dimension["volume"] for dimension in dimensions if dimension["type"] == "ENERGY"]


def invite_visitors(day: Day) -> None:
    """Make a partner on each side whose token may be shown: it can read, or change what is its own."""
    day.step("Try it yourself", "Two visitors have got tokens that may be shown.")
    reader = add_partner(day.cpo.app, [("DE", "NAV", ["NSP"])], name="Visitor").token
    writer = add_partner(day.emsp.app, [("NL", "TRY", ["CPO"])], name="Visitor").token
    listed = Connection(day.visitor, reader).request("GET", f"{day.cpo.base_url}/ocpi/2.2.1/sender/locations?limit=5")
    location = next(iter(day.cpo.own("locations").values()))
    connection, url = Connection(day.visitor, writer), f"{day.emsp.base_url}/ocpi/2.2.1/receiver/locations/NL/TRY/TRY-1"
    connection.request("PUT", url, body={**location, "country_code": "NL", "party_id": "TRY", "id": "TRY-1"})
    copy = connection.request("GET", url)
    day.check(len(listed.data) == 5, "one lists locations of the operator")
    day.check(copy.data["id"] == "TRY-1", "the other has a location at the provider")
    for side, visitor, hint in (
        (day.cpo, reader, "locations SENDER or tariffs SENDER: list them (this token may only read)"),
        (day.emsp, writer, "locations RECEIVER: get NL, TRY, TRY-1, or change it"),
    ):
        day.screen.line()
        day.screen.line(day.screen.paint(f"{side.name} ({side.role}): {side.base_url}/ocpi/docs/", BOLD))
        day.screen.line(f"Press Authorize and paste:  {day.screen.paint(authorization(visitor), BOLD)}")
        day.screen.line(f"Then try {hint}.")
    day.screen.line()
    day.screen.line(day.screen.paint(f"{day.hub.name} ({day.hub.role}): {day.hub.base_url}/ocpi/docs/", BOLD))


def say_goodbye(day: Day) -> None:
    day.step("Everybody goes home", "The provider ends the registration with the operator, the operator with the hub.")
    for side, peer in ((day.emsp, day.cpo), (day.cpo, day.hub)):
        there = peer.ocpi.partners.find(str(side.party)).id
        records = side.ocpi.partners.unregister(str(peer.party)), peer.ocpi.partners.get(there)
        ended = not any(record and record.is_registered for record in records)
        day.check(ended, f"{side.role} and {peer.role} have no tokens of each other any more")
