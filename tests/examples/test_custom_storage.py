"""The example that serves locations from the operator's own tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy import create_engine
from sqlalchemy import update

from examples.custom_storage import create_app
from examples.custom_storage.locations import MyLocations
from examples.custom_storage.tables import chargers
from examples.custom_storage.tables import fill
from flask_ocpi import OCPI
from flask_ocpi import ConfigurationError
from flask_ocpi import Key
from flask_ocpi import MemoryStorage
from flask_ocpi import Party
from flask_ocpi import Query
from flask_ocpi import RoutedStorage
from flask_ocpi import Storage
from flask_ocpi import StorageError
from flask_ocpi.fields import to_micros
from flask_ocpi.modules.locations.schemas import Location
from flask_ocpi.schema import load
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner

OWN = Party.of("NL", "OWN")
OTHER = Party.of("NL", "ABC")
LIST = "/ocpi/2.2.1/sender/locations"
COUNT = 30


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """The operator's own database, with 30 stations."""
    engine = create_engine(f"sqlite:///{tmp_path / 'stations.sqlite3'}")
    fill(engine, count=COUNT)
    yield engine
    engine.dispose()


@pytest.fixture
def app(engine: Engine, tmp_path: Path) -> Iterator[Flask]:
    app = create_app(
        {
            "SECRET_KEY": "of this test",
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'ocpi.sqlite3'}",
            "OCPI_CREATE_TABLES": True,
        },
        engine=engine,
    )
    yield app
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


@pytest.fixture
def partner(app: Flask) -> PartnerClient:
    return add_partner(app, [("DE", "EMS", ["EMSP"])])


@pytest.fixture
def storage(engine: Engine) -> MyLocations:
    return MyLocations(engine, OWN)


@pytest.fixture
def reference(storage: MyLocations) -> MemoryStorage:
    """The same records in the storage whose behaviour is the reference."""
    memory = MemoryStorage()
    for record in storage.list("locations", Query(limit=COUNT)).records:
        memory.save("locations", Key.of(*OWN, record.document["id"]), record)
    return memory


def ids(response: Any) -> list[str]:
    return [location["id"] for location in response.data]


def test_every_station_is_a_valid_location(storage: MyLocations) -> None:
    records = storage.list("locations", Query(limit=COUNT)).records

    assert len(records) == COUNT
    for record in records:
        assert load(Location(), record.document, where="location") == record.document


def test_list_is_served_from_the_own_tables(partner: PartnerClient) -> None:
    response = partner.get(LIST)

    assert response.status_code == 1000
    assert response.headers["X-Total-Count"] == "30"
    assert ids(response) == [f"ST-{number:03d}" for number in range(1, COUNT + 1)]
    assert "Link" not in response.headers


def test_pages_follow_each_other(partner: PartnerClient) -> None:
    found: list[str] = []
    url = f"{LIST}?limit=7"
    while url:
        response = partner.get(url)
        assert response.headers["X-Total-Count"] == "30"
        found += ids(response)
        link = response.headers.get("Link")
        url = link.split(">")[0].removeprefix("<").removeprefix("http://localhost") if link else ""

    assert found == [f"ST-{number:03d}" for number in range(1, COUNT + 1)]


def test_dates_select(partner: PartnerClient) -> None:
    # A station is as new as its second charger: two minutes after the full hour.
    between = {"date_from": "2026-01-01T11:02:00Z", "date_to": "2026-01-01T13:02:00Z"}

    response = partner.get(LIST, query_string=between)

    assert ids(response) == ["ST-003", "ST-004"]
    assert response.headers["X-Total-Count"] == "2"


def test_change_in_the_own_tables_is_served_at_once(partner: PartnerClient, engine: Engine) -> None:
    changed = datetime(2026, 6, 1, 9)  # noqa: DTZ001 - as the column has it
    with engine.begin() as connection:
        connection.execute(update(chargers).where(chargers.c.serial == "SN0041").values(state="busy", changed=changed))

    newer = partner.get(LIST, query_string={"date_from": "2026-06-01T00:00:00Z"})
    evse = partner.get(f"{LIST}/ST-004/SN0041")

    assert ids(newer) == ["ST-004"]
    assert newer.data[0]["last_updated"] == evse.data["last_updated"] == "2026-06-01T09:00:00.000Z"
    assert evse.data["status"] == "CHARGING"


@pytest.mark.parametrize("path", ["/ST-007", "/st-007", "/ST-007/SN0071", "/ST-007/SN0071/1"])
def test_single_objects_are_served(partner: PartnerClient, path: str) -> None:
    response = partner.get(f"{LIST}{path}")

    assert (response.http_status, response.status_code) == (200, 1000)


@pytest.mark.parametrize("path", ["/ST-999", "/ST-007/NONE"])
def test_unknown_objects_are_not_found(partner: PartnerClient, path: str) -> None:
    response = partner.get(f"{LIST}{path}")

    assert (response.http_status, response.status_code) == (404, 2003)


def test_everything_else_is_in_the_default_storage(app: Flask, partner: PartnerClient, tmp_path: Path) -> None:
    assert [platform.name for platform in app.extensions["ocpi"].platforms.all()] == ["Partner"]
    assert (tmp_path / "ocpi.sqlite3").exists()


def test_own_locations_are_not_changed_through_ocpi(app: Flask, storage: MyLocations) -> None:
    document = storage.list("locations", Query(limit=1)).records[0].document

    with pytest.raises(StorageError, match="MyLocations is read-only"):
        app.extensions["ocpi"].save("locations", document)


MOMENTS = [None, *map(to_micros, ("2026-01-01T09:02:00Z", "2026-01-01T20:02:00Z", "2026-01-01T20:02:00.001Z"))]


@pytest.mark.parametrize("owners", [None, (OWN,), (OTHER, OWN), (OTHER,), ()])
@pytest.mark.parametrize("receiver", [None, "", "NL-OWN"])
@pytest.mark.parametrize("audience", [None, (), (OTHER,)])
def test_filters_let_through_what_the_contract_says(
    storage: MyLocations, reference: MemoryStorage, owners: Any, receiver: Any, audience: Any
) -> None:
    query = Query(owners=owners, receiver=receiver, audience=audience, limit=COUNT)

    assert documents(storage, query) == documents(reference, query)


@pytest.mark.parametrize("date_from", MOMENTS)
@pytest.mark.parametrize("date_to", MOMENTS)
@pytest.mark.parametrize(("offset", "limit"), [(0, 1), (3, 5), (28, 5), (30, 5), (99, 5), (0, 1000)])
def test_pages_are_what_the_contract_says(
    storage: MyLocations, reference: MemoryStorage, date_from: Any, date_to: Any, offset: int, limit: int
) -> None:
    query = Query(date_from=date_from, date_to=date_to, offset=offset, limit=limit)

    assert documents(storage, query) == documents(reference, query)


@pytest.mark.parametrize(
    "key",
    [
        Key.of("nl", "own", "st-001"),
        Key.of("NL", "OWN", "ST-031"),
        Key.of("NL", "ABC", "ST-001"),
        Key.of("NL", "OWN", "ST-001", OWN),
        Key.of("NL", "OWN", "%"),
        Key.of("NL", "OWN", "'; --"),
    ],
    ids=["any case", "unknown", "another owner", "a copy", "percent", "quote"],
)
def test_get_is_what_the_contract_says(storage: MyLocations, reference: MemoryStorage, key: Key) -> None:
    found, expected = storage.get("locations", key), reference.get("locations", key)

    assert (found and found.text) == (expected and expected.text)


def documents(storage: Any, query: Query) -> tuple[list[bytes], int]:
    page = storage.list("locations", query)
    return [record.text for record in page.records], page.total


def plain_app(tmp_path: Path, **settings: Any) -> Flask:
    app = Flask("plain", instance_path=str(tmp_path))
    party = {"country_code": "NL", "party_id": "OWN", "roles": ["CPO"], "business_details": {"name": "Own"}}
    app.config.update(SECRET_KEY="of this test", OCPI_PARTIES=[party], **settings)
    return app


def make_memory(prepared: list[str] | None = None) -> MemoryStorage:
    assert prepared is None
    return MemoryStorage()


@pytest.mark.parametrize("source", [MemoryStorage, MemoryStorage(), make_memory, lambda *_, **__: MemoryStorage()])
def test_storage_that_asks_for_no_default_gets_none(tmp_path: Path, source: Any) -> None:
    app = plain_app(tmp_path)

    ocpi = OCPI(app, storage=source)

    assert isinstance(ocpi.storage, MemoryStorage)
    assert "sqlalchemy" not in app.extensions


@pytest.mark.parametrize("create_tables", [None, True], ids=["by default", "wanted"])
def test_function_with_a_parameter_gets_the_default_storage_ready_for_use(tmp_path: Path, create_tables: Any) -> None:
    app = plain_app(tmp_path, OCPI_CREATE_TABLES=create_tables)
    given: list[Storage] = []

    def route(default: Storage) -> Storage:
        given.append(default)
        return RoutedStorage({"locations": MemoryStorage(), "*": default})

    ocpi = OCPI(app, storage=route)
    ocpi.storage.check()
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()

    assert isinstance(ocpi.storage, RoutedStorage)
    assert [type(storage) for storage in given] == [SQLAlchemyStorage]
    assert (tmp_path / "ocpi.sqlite3").exists()


def test_what_the_function_returns_is_set_up_where_tables_are_to_be_created(tmp_path: Path) -> None:
    class Prepared(MemoryStorage):
        ready = False

        def setup(self) -> None:
            self.ready = True

    def ready(create_tables: bool | None) -> bool:
        app = plain_app(tmp_path, OCPI_CREATE_TABLES=create_tables)
        prepared = Prepared()
        OCPI(app, storage=lambda default: prepared)
        with app.app_context():
            app.extensions["sqlalchemy"].engine.dispose()
        return prepared.ready

    assert (ready(True), ready(None), ready(False)) == (True, False, False)


@pytest.mark.parametrize("source", [lambda: None, lambda default: None, 5], ids=["made", "made of default", "given"])
def test_storage_that_is_none_is_refused(tmp_path: Path, source: Any) -> None:
    app = plain_app(tmp_path, OCPI_CREATE_TABLES=False)

    with pytest.raises(ConfigurationError, match=r"OCPI\(storage=...\) needs a flask_ocpi.Storage"):
        OCPI(app, storage=source)
