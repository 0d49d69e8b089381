"""The company's own tables, made long before OCPI: stations, and the chargers on them."""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta

from sqlalchemy import Column
from sqlalchemy import DateTime
from sqlalchemy import Engine
from sqlalchemy import Float
from sqlalchemy import ForeignKey
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import String
from sqlalchemy import Table
from sqlalchemy import func
from sqlalchemy import insert
from sqlalchemy import select

metadata = MetaData()

# `changed` is UTC without an offset, as so many tables have it.
stations = Table(
    "stations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("code", String(36), nullable=False, unique=True),
    Column("name", String(255)),
    Column("street", String(45), nullable=False),
    Column("town", String(45), nullable=False),
    Column("lat", Float, nullable=False),
    Column("lon", Float, nullable=False),
    Column("changed", DateTime, nullable=False),
)

chargers = Table(
    "chargers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("station_id", ForeignKey("stations.id"), nullable=False, index=True),
    Column("serial", String(36), nullable=False, unique=True),
    Column("kilowatts", Integer, nullable=False),
    Column("state", String(10), nullable=False),
    Column("changed", DateTime, nullable=False),
)

TOWNS = (("Utrecht", 52.0907, 5.1214), ("Gouda", 52.0116, 4.7105), ("Zwolle", 52.5168, 6.0830))
STATES = ("free", "busy", "broken", "free")
START = datetime(2026, 1, 1, 8)  # noqa: DTZ001 - as the column has it


def fill(engine: Engine, *, count: int = 30) -> None:
    """Create the tables, and put so many stations with two chargers each into them if there are none."""
    metadata.create_all(engine)
    with engine.begin() as connection:
        if connection.scalar(select(func.count()).select_from(stations)):
            return
        for number in range(1, count + 1):
            town, lat, lon = TOWNS[number % len(TOWNS)]
            changed = START + timedelta(hours=number)
            station = {
                "id": number,
                "code": f"ST-{number:03d}",
                "name": f"{town} {number}",
                "street": f"Stationsweg {number}",
                "town": town,
                "lat": lat + number / 1000,
                "lon": lon,
                "changed": changed,
            }
            connection.execute(insert(stations), station)
            for position in (1, 2):
                charger = {
                    "station_id": number,
                    "serial": f"SN{number:03d}{position}",
                    "kilowatts": 150 if number % 5 == 0 else 11,
                    "state": STATES[(number + position) % len(STATES)],
                    "changed": changed + timedelta(minutes=position),
                }
                connection.execute(insert(chargers), charger)
