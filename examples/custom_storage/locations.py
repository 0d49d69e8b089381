"""A storage that serves OCPI locations from the operator's own tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import Row
from sqlalchemy import Select
from sqlalchemy import func
from sqlalchemy import select

from examples.custom_storage.tables import chargers
from examples.custom_storage.tables import stations
from flask_ocpi import Key
from flask_ocpi import Page
from flask_ocpi import Party
from flask_ocpi import Query
from flask_ocpi import ReadOnlyStorage
from flask_ocpi import Record
from flask_ocpi.fields import format_date_time
from flask_ocpi.fields import to_micros

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATUS = {"free": "AVAILABLE", "busy": "CHARGING", "broken": "INOPERATIVE"}

# A station is as new as the newest of its chargers. (SQLite's max of two values; elsewhere it is "greatest".)
newest_charger = select(func.max(chargers.c.changed)).where(chargers.c.station_id == stations.c.id).scalar_subquery()
last_updated = func.max(
    stations.c.changed, func.coalesce(newest_charger, stations.c.changed), type_=stations.c.changed.type
)


class MyLocations(ReadOnlyStorage):
    """Serves the stations of one party; they are changed where they always were, in the operator's own software."""

    def __init__(self, engine: Engine, party: Party) -> None:
        self.engine = engine
        self.party = party

    def get(self, kind: str, key: Key, *, for_update: bool = False) -> Record | None:
        if key.owner != self.party or key.receiver:  # a receiver would make it a copy of somebody else's
            return None
        with self.engine.connect() as connection:
            records = self._records(connection, _stations().where(func.upper(stations.c.code) == key.id))
        return records[0] if records else None

    def list(self, kind: str, query: Query) -> Page:
        if query.receiver or (query.owners is not None and self.party not in query.owners):
            return Page()
        found = _stations()
        if query.date_from is not None:
            found = found.where(last_updated >= _moment(query.date_from))
        if query.date_to is not None:
            found = found.where(last_updated < _moment(query.date_to))
        with self.engine.connect() as connection:
            total = connection.scalar(select(func.count()).select_from(found.subquery()))
            # The order of creation: no page changes when a station does.
            page = found.order_by(stations.c.id).offset(query.offset).limit(query.limit)
            return Page(self._records(connection, page), total or 0)

    def _records(self, connection: Connection, found: Select[Any]) -> Sequence[Record]:
        rows = connection.execute(found).all()
        wanted = chargers.c.station_id.in_([row.id for row in rows])
        by_station: dict[int, list[Row[Any]]] = defaultdict(list)
        for charger in connection.execute(select(chargers).where(wanted).order_by(chargers.c.id)):
            by_station[charger.station_id].append(charger)
        return [_record(_location(self.party, row, by_station[row.id])) for row in rows]


def _stations() -> Select[Any]:
    return select(stations, last_updated.label("last_updated"))


def _record(location: dict[str, Any]) -> Record:
    return Record.of(location, last_updated=to_micros(location["last_updated"]))


def _location(party: Party, station: Row[Any], chargers: Sequence[Row[Any]]) -> dict[str, Any]:
    location = {
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
        "last_updated": _text(station.last_updated),
    }
    # OCPI leaves out what there is nothing of.
    return {name: value for name, value in location.items() if value not in (None, [])}


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
        "last_updated": _text(charger.changed),
    }
    return {
        "uid": charger.serial,
        "status": STATUS.get(charger.state, "UNKNOWN"),
        "connectors": [connector],
        "last_updated": _text(charger.changed),
    }


def _moment(micros: int) -> datetime:
    """Turn the microseconds of a Query into what the columns hold: UTC without an offset."""
    return (EPOCH + timedelta(microseconds=micros)).replace(tzinfo=None)


def _text(changed: datetime) -> str:
    return format_date_time(changed.replace(tzinfo=UTC))
