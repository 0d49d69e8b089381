"""The sites of the demo network and their EVSEs, before the Location document is put together."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from typing import Any

from flask_ocpi.testing.sandbox import site_data as data

METRES_PER_DEGREE = 111_320
PLANNED_EVERY = 50
DAY = 86_400


@dataclass(frozen=True)
class Site:
    """What is settled about a location before its document is written."""

    index: int
    id: str
    country_code: str
    party_id: str
    city: data.City
    kind: data.SiteKind
    street: str
    latitude: float
    longitude: float
    now: datetime
    rng: random.Random

    @property
    def planned(self) -> bool:
        """Tell whether the site is still being built."""
        return self.index % PLANNED_EVERY == PLANNED_EVERY - 1

    def happens(self, chance: float) -> bool:
        """Draw whether something with this chance (0..1) is so."""
        return self.rng.random() < chance


def site(index: int, *, country_code: str, party_id: str, seed: int, now: datetime) -> Site:
    """Settle the site of this index (from 0): it depends on nothing but the index, the seed and `now`."""
    rng = random.Random(f"{seed}:{index}")
    city = data.CITIES[index % len(data.CITIES)]
    kind = data.SITES[index % len(data.SITES)]
    # The root spreads the sites evenly over the circle.
    distance = kind.radius * 1000 * math.sqrt(rng.random())
    latitude, longitude = moved(rng, city.latitude, city.longitude, metres=distance)
    return Site(
        index=index,
        id=f"{city.code}-{index // len(data.CITIES) + 1:04d}",
        country_code=country_code,
        party_id=party_id,
        city=city,
        kind=kind,
        street=rng.choice(city.streets),
        latitude=latitude,
        longitude=longitude,
        now=now,
        rng=rng,
    )


def evses(site: Site) -> list[dict[str, Any]]:
    """Write the EVSE objects of the site, with their connectors."""
    number = site.rng.randint(*site.kind.evses)
    return [_evse(site, position) for position in range(1, number + 1)]


def _evse(site: Site, position: int) -> dict[str, Any]:
    charger = site.rng.choice(site.kind.chargers)
    status = _status(site, position)
    reservable = ("RESERVABLE",) if status == "RESERVED" or site.happens(0.25) else ()
    updated = site.now - timedelta(seconds=site.rng.randint(60, 5 * DAY))
    picture = image(f"{site.id.lower()}/charger-{position}", "CHARGER", type_="jpeg", size=(1200, 1600))
    return compact(
        {
            "uid": f"{site.id}-{position}",
            "evse_id": _evse_id(site, position, status),
            "status": status,
            "status_schedule": _status_schedule(site, status),
            "capabilities": [*charger.capabilities, *reservable],
            "connectors": [_connector(site, charger, number, updated) for number in range(1, len(charger.sockets) + 1)],
            **_place(site),
            "parking_restrictions": list(site.rng.choice(site.kind.restrictions)),
            "images": [picture] if site.happens(0.1) else [],
            "last_updated": text(updated),
        }
    )


def _evse_id(site: Site, position: int, status: str) -> str | None:
    # An operator may give up the public id of a removed EVSE.
    if status == "REMOVED" and site.happens(0.5):
        return None
    return f"{site.country_code}*{site.party_id}*E{site.id.replace('-', '')}{position}"


def _place(site: Site) -> dict[str, Any]:
    """Say where on the site an EVSE is."""
    bay = f"{site.rng.choice('ABCD')}{site.rng.randint(1, 60)}"
    if site.kind.floors:
        floor = site.rng.choice(site.kind.floors)
        directions = display_texts(site, data.BAY_DIRECTIONS, floor=floor, bay=bay)
        return {"floor_level": floor, "physical_reference": f"P {bay}", "directions": directions}
    place: dict[str, Any] = {}
    if site.kind.evse_coordinates:
        metres = site.rng.uniform(3, 40)
        place["coordinates"] = coordinates(*moved(site.rng, site.latitude, site.longitude, metres=metres))
    if site.happens(0.3):
        place["physical_reference"] = f"P {bay}"
    return place


def _connector(site: Site, charger: data.Charger, number: int, evse_updated: datetime) -> dict[str, Any]:
    socket = charger.sockets[number - 1]
    household = socket.standard == data.HOUSEHOLD
    # Who pays without a contract must be able to read the terms.
    adhoc = any(tariff_id.endswith("-ADHOC") for tariff_id in charger.tariff_ids)
    terms = f"https://www.example.com/{site.city.languages[0]}/terms"
    return compact(
        {
            "id": str(number),
            "standard": site.city.country.household_socket if household else socket.standard,
            "format": socket.format,
            "power_type": socket.power_type,
            "max_voltage": socket.voltage,
            "max_amperage": socket.amperage,
            "max_electric_power": socket.limit,
            "tariff_ids": list(charger.tariff_ids),
            "terms_and_conditions": terms if adhoc else None,
            "last_updated": text(evse_updated - timedelta(seconds=site.rng.randint(0, 300 * DAY))),
        }
    )


def _status(site: Site, position: int) -> str:
    if site.planned:
        return "PLANNED"
    status = site.rng.choices(list(data.STATUSES), weights=list(data.STATUSES.values()))[0]
    # The first EVSE stays, or nothing valid might be left of the location.
    return "AVAILABLE" if status == "REMOVED" and position == 1 else status


def _status_schedule(site: Site, status: str) -> list[dict[str, str]]:
    hour = site.now.replace(minute=0, second=0)
    later = hour + timedelta(days=site.rng.randint(2, 20))
    if status == "PLANNED":
        return [{"period_begin": text(later), "status": "AVAILABLE"}]
    if status == "INOPERATIVE":
        return _maintenance(hour - timedelta(days=1), later)
    if status == "AVAILABLE" and site.happens(0.05):
        return _maintenance(later, later + timedelta(hours=site.rng.randint(2, 8)))
    return []


def _maintenance(begin: datetime, end: datetime) -> list[dict[str, str]]:
    return [
        {"period_begin": text(begin), "period_end": text(end), "status": "INOPERATIVE"},
        {"period_begin": text(end), "status": "AVAILABLE"},
    ]


def display_texts(site: Site, texts: dict[str, str] | None, **values: str) -> list[dict[str, str]]:
    """Write a text as DisplayText objects in the languages of the city."""
    if texts is None:
        return []
    languages = site.city.languages
    return [{"language": language, "text": texts[language].format(**values)} for language in languages]


def image(name: str, category: str, *, type_: str, size: tuple[int, int] | None = None) -> dict[str, Any]:
    """Write an Image; one with a size in pixels has a thumbnail too."""
    url = f"https://images.example.com/{name}"
    return compact(
        {
            "url": f"{url}.{type_}",
            "thumbnail": f"{url}-small.{type_}" if size else None,
            "category": category,
            "type": type_,
            "width": size[0] if size else None,
            "height": size[1] if size else None,
        }
    )


def moved(rng: random.Random, latitude: float, longitude: float, *, metres: float) -> tuple[float, float]:
    """Move a point by so many metres in any direction."""
    bearing = rng.uniform(0, 2 * math.pi)
    north = metres * math.cos(bearing) / METRES_PER_DEGREE
    east = metres * math.sin(bearing) / (METRES_PER_DEGREE * math.cos(math.radians(latitude)))
    return latitude + north, longitude + east


def coordinates(latitude: float, longitude: float) -> dict[str, str]:
    """Write a GeoLocation: strings, here with six decimals (about 0.1 m)."""
    return {"latitude": f"{latitude:.6f}", "longitude": f"{longitude:.6f}"}


def compact(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is absent: None and empty lists."""
    return {name: value for name, value in document.items() if value is not None and value != []}


def text(moment: datetime) -> str:
    """Write an aware UTC time as an OCPI DateTime in whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
