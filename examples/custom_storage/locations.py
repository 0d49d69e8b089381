"""A storage that serves OCPI locations from the company's own tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import Row
from sqlalchemy import Select
from sqlalchemy import case
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy.orm import Session

from examples.custom_storage.own_table import OwnTable
from examples.custom_storage.own_table import filled
from examples.custom_storage.own_table import text
from examples.custom_storage.tables import chargers
from examples.custom_storage.tables import stations
from flask_ocpi import Party

STATUS = {"free": "AVAILABLE", "busy": "CHARGING", "broken": "INOPERATIVE"}

# A station is as new as the newest of its chargers.
newest_charger = select(func.max(chargers.c.changed)).where(chargers.c.station_id == stations.c.id).scalar_subquery()
last_updated = case((newest_charger > stations.c.changed, newest_charger), else_=stations.c.changed)


class MyLocations(OwnTable):
    """Serves the stations, with their chargers as EVSEs."""

    def rows(self) -> Select[Any]:
        # The order of creation: no page changes when a station does.
        return select(stations, last_updated.label("last_updated")).order_by(stations.c.id)

    def last_updated(self) -> ColumnElement[datetime]:
        return last_updated

    def has_id(self, id: str) -> ColumnElement[bool]:
        return func.upper(stations.c.code) == id

    def documents(self, session: Session, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        wanted = chargers.c.station_id.in_([row.id for row in rows])
        by_station: dict[int, list[Row[Any]]] = defaultdict(list)
        for charger in session.execute(select(chargers).where(wanted).order_by(chargers.c.id)):
            by_station[charger.station_id].append(charger)
        return [_location(self.party, row, by_station[row.id]) for row in rows]


def _location(party: Party, station: Row[Any], chargers: Sequence[Row[Any]]) -> dict[str, Any]:
    return filled(
        {
            "country_code": party.country_code,
            "party_id": party.party_id,
            "id": station.code,
            "publish": True,
            "name": station.name,
            "address": station.street,
            "city": station.town,
            "country": "NLD",
            "coordinates": {"latitude": f"{station.lat:.6f}", "longitude": f"{station.lon:.6f}"},
            "evses": [_evse(charger) for charger in chargers],
            "time_zone": "Europe/Amsterdam",
            "last_updated": text(station.last_updated),
        }
    )


def _evse(charger: Row[Any]) -> dict[str, Any]:
    fast = charger.kilowatts > 43
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2_COMBO" if fast else "IEC_62196_T2",
        "format": "CABLE" if fast else "SOCKET",
        "power_type": "DC" if fast else "AC_3_PHASE",
        "max_voltage": 920 if fast else 230,
        "max_amperage": 400 if fast else 16,
        "max_electric_power": charger.kilowatts * 1000,
        "last_updated": text(charger.changed),
    }
    return {
        "uid": charger.serial,
        "status": STATUS.get(charger.state, "UNKNOWN"),
        "connectors": [connector],
        "last_updated": text(charger.changed),
    }
