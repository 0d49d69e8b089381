"""Objects to begin with: locations, all invented, the same for the same seed and moment; tariffs and tokens."""

from __future__ import annotations

import copy
import random
import unicodedata
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.setting_kinds import OwnParty
from flask_ocpi.testing.sandbox import site_data as data
from flask_ocpi.testing.sandbox.sites import Site
from flask_ocpi.testing.sandbox.sites import compact
from flask_ocpi.testing.sandbox.sites import coordinates
from flask_ocpi.testing.sandbox.sites import display_texts
from flask_ocpi.testing.sandbox.sites import evses
from flask_ocpi.testing.sandbox.sites import image
from flask_ocpi.testing.sandbox.sites import moved
from flask_ocpi.testing.sandbox.sites import site
from flask_ocpi.testing.sandbox.sites import text

CHRISTMAS = (12, 25)
# All cities keep Central European Time, in December one hour ahead of UTC.
WINTER_OFFSET = timedelta(hours=1)
SAMPLES = 3  # locations of a party
POSTAL_LETTERS = "ABCDEGHJKLNPRTVWXZ"


def locations(
    *, country_code: str = "NL", party_id: str = "ABC", count: int = 300, seed: int = 1, now: datetime
) -> Iterator[dict[str, Any]]:
    """Yield `count` OCPI 2.2.1 Location documents of the party, all last updated before `now`.

    A smaller count yields the beginning of a larger one. `now` must be aware; all times are in UTC.
    """
    moment = _whole_second(now)
    for index in range(count):
        yield _location(site(index, country_code=country_code, party_id=party_id, seed=seed, now=moment))


def summary(documents: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Count the cities, locations, evses and connectors of Location documents."""
    counts = Counter({"locations": 0, "evses": 0, "connectors": 0})
    cities = set()
    for document in documents:
        cities.add((document["country"], document["city"]))
        found = [len(evse["connectors"]) for evse in document.get("evses", [])]
        counts.update(locations=1, evses=len(found), connectors=sum(found))
    return {"cities": len(cities), **counts}


def status_changes(
    documents: Iterable[dict[str, Any]], *, seed: int, count: int, now: datetime
) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield `count` plausible changes as (location id, EVSE uid, body of a PATCH of that EVSE).

    The EVSEs come in rounds, each once a round. A change is stamped `now`, or one second after the last one
    of its EVSE where that is later. Nothing comes when every EVSE is REMOVED. The documents stay as they are.
    """
    moment = _whole_second(now)
    rng = random.Random(f"{seed}:status")
    living = [
        (document["id"], evse)
        for document in documents
        for evse in document.get("evses", [])
        if evse["status"] != "REMOVED"
    ]
    latest = {evse["uid"]: (evse["status"], evse["last_updated"]) for _, evse in living}
    left = count
    while living and left > 0:
        for location_id, evse in rng.sample(living, k=min(left, len(living))):
            status, last_updated = latest[evse["uid"]]
            stamp = max(moment, datetime.fromisoformat(last_updated) + timedelta(seconds=1))
            change = {"status": _next_status(rng, evse, status), "last_updated": text(stamp)}
            latest[evse["uid"]] = (change["status"], change["last_updated"])
            left -= 1
            yield location_id, evse["uid"], change


def _next_status(rng: random.Random, evse: dict[str, Any], status: str) -> str:
    weights = dict(data.NEXT_STATUS[status])
    if "RESERVABLE" not in evse.get("capabilities", []):
        weights.pop("RESERVED", None)
    return rng.choices(list(weights), weights=list(weights.values()))[0]


def _location(site: Site) -> dict[str, Any]:
    kind, country = site.kind, site.city.country
    name = site.rng.choice(kind.names[site.city.languages[0]])
    parts = evses(site)
    return compact(
        {
            "country_code": site.country_code,
            "party_id": site.party_id,
            "id": site.id,
            "publish": kind.publish,
            "publish_allowed_to": _publish_allowed_to(site),
            "name": name.format(street=site.street, city=site.city.name),
            "address": _address(site),
            "city": site.city.name,
            "postal_code": _postal_code(site),
            "state": site.city.state if site.happens(0.8) else None,
            "country": country.alpha_3,
            "coordinates": coordinates(site.latitude, site.longitude),
            "related_locations": _related_locations(site),
            "parking_type": site.rng.choice(kind.parking_types),
            "evses": parts,
            "directions": display_texts(site, kind.directions),
            **_businesses(site),
            "facilities": _facilities(site),
            "time_zone": country.time_zone,
            "opening_times": _opening_times(site),
            "charging_when_closed": kind.charging_when_closed,
            "images": _images(site),
            "energy_mix": copy.deepcopy(site.rng.choice(data.ENERGY_MIXES)) if site.happens(0.6) else None,
            "last_updated": _last_updated(site, parts),
        }
    )


def _publish_allowed_to(site: Site) -> list[dict[str, str]]:
    if site.kind.publish:
        return []
    turn = site.index // len(data.SITES)
    return copy.deepcopy(data.PUBLISH_ALLOWED_TO[turn % len(data.PUBLISH_ALLOWED_TO)])


def _address(site: Site) -> str:
    if "ALONG_MOTORWAY" in site.kind.parking_types:
        return f"{site.city.motorway}, km {site.rng.randint(3, 98)}"
    return f"{site.street} {site.rng.randint(1, 240)}"


def _postal_code(site: Site) -> str:
    stem = site.rng.choice(site.city.postal_stems)
    if not site.city.country.postal_letters:
        return stem
    return f"{stem} {''.join(site.rng.choices(POSTAL_LETTERS, k=2))}"


def _related_locations(site: Site) -> list[dict[str, Any]]:
    if site.kind.landmark is None:
        return []
    point: dict[str, Any] = coordinates(*moved(site.rng, site.latitude, site.longitude, metres=120))
    language = site.city.languages[0]
    if site.happens(0.7):
        point["name"] = {"language": language, "text": site.kind.landmark[language]}
    return [point]


def _businesses(site: Site) -> dict[str, Any]:
    """Name operator, suboperator and owner; without operator the party's credentials say who operates."""
    operator = _business(f"{site.party_id.title()} Charging", "OPERATOR")
    suboperator = _business(site.rng.choice(data.SUBOPERATORS), None)
    owner = _business(site.rng.choice(data.OWNERS), "OWNER")
    return {
        "operator": operator if site.happens(0.7) else None,
        "suboperator": suboperator if site.happens(0.15) else None,
        "owner": owner if site.kind.has_owner else None,
    }


def _business(name: str, logo_category: str | None) -> dict[str, Any]:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = plain.lower().replace(" ", "-")
    logo = image(f"logos/{slug}", logo_category, type_="svg") if logo_category else None
    return compact({"name": name, "website": f"https://{slug}.example.org", "logo": logo})


def _facilities(site: Site) -> list[str]:
    nearby = site.kind.nearby
    return [*site.kind.facilities, *site.rng.sample(nearby, k=min(len(nearby), site.rng.randint(0, 3)))]


def _opening_times(site: Site) -> dict[str, Any] | None:
    if site.kind.hours:
        return _shop_hours(site)
    if site.happens(0.3):
        return None
    closings = [_night_works(site)] if site.happens(0.15) else []
    return compact({"twentyfourseven": True, "exceptional_closings": closings})


def _shop_hours(site: Site) -> dict[str, Any]:
    hours = [
        {"weekday": weekday, "period_begin": begin, "period_end": end}
        for weekdays, begin, end in site.kind.hours
        for weekday in weekdays
    ]
    christmas = _next_christmas(site.now)
    last_sunday = christmas - timedelta(days=christmas.isoweekday() % 7 or 7)
    shopping = _period(last_sunday + timedelta(hours=12) - WINTER_OFFSET, hours=6)
    return compact(
        {
            "twentyfourseven": False,
            "regular_hours": sorted(hours, key=lambda entry: (entry["weekday"], entry["period_begin"])),
            "exceptional_openings": [shopping] if "MALL" in site.kind.facilities else [],
            "exceptional_closings": [_period(christmas - WINTER_OFFSET, hours=24)],
        }
    )


def _next_christmas(now: datetime) -> datetime:
    """Return the local midnight Christmas Day opens with, as if local time were UTC."""
    christmas = datetime(now.year, *CHRISTMAS, tzinfo=UTC)
    return christmas if now < christmas else christmas.replace(year=now.year + 1)


def _night_works(site: Site) -> dict[str, str]:
    evening = site.now.replace(hour=21, minute=0, second=0)
    return _period(evening + timedelta(days=site.rng.randint(2, 30)), hours=7)


def _period(begin: datetime, *, hours: int) -> dict[str, str]:
    """Write an ExceptionalPeriod, which unlike regular hours is in UTC."""
    return {"period_begin": text(begin), "period_end": text(begin + timedelta(hours=hours))}


def _images(site: Site) -> list[dict[str, Any]]:
    if site.happens(0.6):
        return []
    categories = site.rng.sample(["LOCATION", "ENTRANCE", "NETWORK", "OTHER"], k=site.rng.randint(1, 3))
    return [_photo(site, category) for category in categories]


def _photo(site: Site, category: str) -> dict[str, Any]:
    name = f"{site.id.lower()}/{category.lower()}"
    if category == "NETWORK":
        return image(name, category, type_="svg")
    size = site.rng.choice([(1600, 1200), (800, 600)])
    return image(name, category, type_=site.rng.choice(["jpeg", "png"]), size=size)


def _last_updated(site: Site, parts: list[dict[str, Any]]) -> str:
    newest = max(datetime.fromisoformat(evse["last_updated"]) for evse in parts)
    if site.happens(0.2):
        # Something else than an EVSE changed since.
        newest += (site.now - newest) // 2
    return text(newest)


def _whole_second(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("now must be an aware datetime, for example datetime.now(UTC).")
    return moment.astimezone(UTC).replace(microsecond=0)


def sample_data(parties: Iterable[OwnParty], *, now: datetime, seed: int = 1) -> dict[str, list[dict[str, Any]]]:
    """Return objects of the parties by module: of CPOs locations and their tariffs, of eMSPs tokens.

    now: they are not newer. The same seed makes the same locations.
    """
    documents: dict[str, list[dict[str, Any]]] = {}
    for party in parties:
        owner = {"country_code": party.country_code, "party_id": party.party_id, "last_updated": format_date_time(now)}
        if "CPO" in party.roles:
            owned = {"country_code": party.country_code, "party_id": party.party_id}
            found = list(locations(**owned, count=SAMPLES, seed=seed, now=now))
            documents.setdefault("locations", []).extend(found)
            documents.setdefault("tariffs", []).extend({**owner, **tariff} for tariff in _tariffs(found))
        if "EMSP" in party.roles:
            documents.setdefault("tokens", []).extend({**owner, **token} for token in _tokens(party))
    return documents


def _tariffs(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Price each tariff that the connectors name: energy and a fee, and time where it charges fast."""
    connectors = [c for location in found for evse in location.get("evses", []) for c in evse["connectors"]]
    ids = sorted({id for connector in connectors for id in connector.get("tariff_ids", [])})
    energy = {"type": "ENERGY", "price": 0.39, "vat": 21.0, "step_size": 1}
    fee = {"type": "FLAT", "price": 0.5, "vat": 21.0, "step_size": 1}
    return [{"id": id, "currency": "EUR", "elements": [{"price_components": [energy, fee]}]} for id in ids]


def _tokens(party: OwnParty) -> list[dict[str, Any]]:
    """Make a card for each whitelist policy, and one that is blocked."""
    contract = f"{party.country_code}-{party.party_id}-C0000000"
    cards = [("ALWAYS", True), ("ALLOWED", True), ("ALLOWED_OFFLINE", True), ("NEVER", True), ("ALLOWED", False)]
    return [
        {
            "uid": f"CARD{number}",
            "type": "RFID",
            "contract_id": f"{contract}{number}",
            "issuer": party.business_details["name"],
            "valid": valid,
            "whitelist": whitelist,
        }
        for number, (whitelist, valid) in enumerate(cards, start=1)
    ]
