"""The example that serves locations and tokens from the company's own tables."""

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
from examples.custom_storage import models
from examples.custom_storage import tables
from examples.custom_storage.locations import MyLocations
from examples.custom_storage.models import Card
from examples.custom_storage.models import Contract
from examples.custom_storage.tables import chargers
from examples.custom_storage.tokens import MyTokens
from flask_ocpi import OCPI
from flask_ocpi import Key
from flask_ocpi import MemoryStorage
from flask_ocpi import Party
from flask_ocpi import Query
from flask_ocpi import Record
from flask_ocpi import Storage
from flask_ocpi import StorageError
from flask_ocpi.core.schema import load
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.modules.tokens import Token
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from tests.closing import close
from tests.urls import ocpi_url

OWN = Party.of("NL", "OWN")
OTHER = Party.of("NL", "ABC")
SENDER = ocpi_url("sender")
STATIONS = 30
TOKENS = 24
COUNT = {"locations": STATIONS, "tokens": TOKENS}
SERVED = {"locations": (MyLocations, Location, ("id",)), "tokens": (MyTokens, Token, ("uid", "type"))}
# The chip and the app of one customer, and a chip that was lost.
UID = "04a1b2c3000580"
LOST = "04a1b2c3000780"
LATER = datetime(2026, 6, 1, 9)  # noqa: DTZ001 - as the columns have it

EACH_KIND = pytest.mark.parametrize("kind", list(SERVED))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """The company's own database, with 30 stations, and 20 customers of which 4 have an app."""
    engine = create_engine(f"sqlite:///{tmp_path / 'own.sqlite3'}")
    tables.fill(engine, count=STATIONS)
    models.fill(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def app(engine: Engine, tmp_path: Path, network: Network) -> Iterator[Flask]:
    app = create_app(
        {
            "SECRET_KEY": "of this test",
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'ocpi.sqlite3'}",
            "OCPI_BASE_URL": "https://own.example",
            "OCPI_CREATE_TABLES": True,
        },
        engine=engine,
        transport=network,
    )
    network.apps["own.example"] = app
    yield app
    close(app)


@pytest.fixture
def ocpi(app: Flask) -> OCPI:
    found: OCPI = app.extensions["ocpi"]
    return found


@pytest.fixture
def emsp(app: Flask) -> PartnerClient:
    """A partner that reads the locations."""
    return add_partner(app, [("DE", "EMS", ["EMSP"])])


@pytest.fixture
def cpo(app: Flask) -> PartnerClient:
    """A partner that reads the tokens, and asks for authorizations."""
    return add_partner(app, [("DE", "CPO", ["CPO"])], name="Operator")


@pytest.fixture
def storage(engine: Engine, kind: str) -> Storage:
    return SERVED[kind][0](engine, OWN)


@pytest.fixture
def reference(storage: Storage, kind: str) -> MemoryStorage:
    """The same records in the storage whose behaviour is the reference."""
    memory = MemoryStorage()
    for record in records(storage, kind):
        id = "\n".join(record.document[name] for name in SERVED[kind][2])
        memory.save(kind, Key.of(*OWN, id), record)
    return memory


def records(storage: Storage, kind: str) -> list[Record]:
    return list(storage.list(kind, Query(limit=100)).records)


def ids(response: Any) -> list[str]:
    return [document.get("uid") or document["id"] for document in response.data]


def change(engine: Engine, statement: Any) -> None:
    with engine.begin() as connection:
        assert connection.execute(statement).rowcount == 1


def authorize(cpo: PartnerClient, uid: str, **query: str) -> Any:
    return cpo.post(f"{SENDER}/tokens/{uid}/authorize", query_string=query)


@EACH_KIND
def test_every_row_is_a_valid_object(storage: Storage, kind: str) -> None:
    found = records(storage, kind)

    assert len(found) == COUNT[kind]
    for record in found:
        assert load(SERVED[kind][1](), record.document, where=kind) == record.document


def test_locations_are_served_from_the_own_tables(emsp: PartnerClient) -> None:
    response = emsp.get(f"{SENDER}/locations")

    assert response.status_code == 1000
    assert response.headers["X-Total-Count"] == "30"
    assert ids(response) == [f"ST-{number:03d}" for number in range(1, STATIONS + 1)]
    assert "Link" not in response.headers


def test_tokens_are_served_from_the_own_models(cpo: PartnerClient) -> None:
    response = cpo.get(f"{SENDER}/tokens")

    assert response.status_code == 1000
    assert response.headers["X-Total-Count"] == "24"
    assert response.data[3] == {
        "country_code": "NL",
        "party_id": "OWN",
        "uid": "04a1b2c3000480",
        "type": "RFID",
        "contract_id": "NLOWNC00000004",
        "visual_number": "NL-OWN-000004",
        "issuer": "Own Tables",
        "group_id": "FLEET-7",
        "valid": True,
        "whitelist": "ALLOWED",
        "last_updated": "2026-02-01T12:01:00.000Z",
    }


def test_whitelist_goes_by_how_customers_are_trusted(cpo: PartnerClient) -> None:
    tokens = cpo.get(f"{SENDER}/tokens").data

    assert [token["whitelist"] for token in tokens[:4]] == ["ALWAYS", "ALLOWED_OFFLINE", "NEVER", "ALLOWED"]
    assert {token["uid"] for token in tokens if not token["valid"]} == {
        *(LOST, "04a1b2c3000e80"),
        *("04a1b2c3000a80", "04a1b2c3001480"),
    }


def test_uid_and_type_together_identify_a_token(cpo: PartnerClient, ocpi: OCPI) -> None:
    same = [token for token in cpo.get(f"{SENDER}/tokens").data if token["uid"] == UID]

    assert [token["type"] for token in same] == ["RFID", "APP_USER"]
    assert ocpi.objects.get("tokens", UID.upper()) == same[0]
    assert ocpi.objects.get("tokens", UID, "APP_USER") == same[1]


@pytest.mark.parametrize("kind", ["locations", "tokens"])
def test_pages_follow_each_other(request: pytest.FixtureRequest, kind: str) -> None:
    partner: PartnerClient = request.getfixturevalue("emsp" if kind == "locations" else "cpo")
    found: list[str] = []
    url = f"{SENDER}/{kind}?limit=7"
    while url:
        response = partner.get(url)
        assert response.headers["X-Total-Count"] == str(COUNT[kind])
        found += ids(response)
        link = response.headers.get("Link")
        url = link.split(">")[0].removeprefix("<").removeprefix("https://own.example") if link else ""

    assert found == ids(partner.get(f"{SENDER}/{kind}"))
    assert len(found) == COUNT[kind]


def test_dates_select(emsp: PartnerClient, cpo: PartnerClient) -> None:
    # A station is as new as its second charger: two minutes after the full hour. A chip is of one minute after.
    stations = {"date_from": "2026-01-01T11:02:00Z", "date_to": "2026-01-01T13:02:00Z"}
    tokens = {"date_from": "2026-02-01T12:01:00Z", "date_to": "2026-02-01T13:02:00Z"}

    of_stations = emsp.get(f"{SENDER}/locations", query_string=stations)
    of_tokens = cpo.get(f"{SENDER}/tokens", query_string=tokens)

    assert (ids(of_stations), of_stations.headers["X-Total-Count"]) == (["ST-003", "ST-004"], "2")
    assert (ids(of_tokens), of_tokens.headers["X-Total-Count"]) == (["04a1b2c3000480", UID], "2")


def test_change_of_a_charger_is_served_at_once(emsp: PartnerClient, engine: Engine) -> None:
    change(engine, update(chargers).where(chargers.c.serial == "SN0041").values(state="busy", changed=LATER))

    newer = emsp.get(f"{SENDER}/locations", query_string={"date_from": "2026-06-01T00:00:00Z"})
    evse = emsp.get(f"{SENDER}/locations/ST-004/SN0041")

    assert ids(newer) == ["ST-004"]
    assert newer.data[0]["last_updated"] == evse.data["last_updated"] == "2026-06-01T09:00:00.000Z"
    assert evse.data["status"] == "CHARGING"


def test_change_of_a_contract_is_one_of_all_its_tokens(cpo: PartnerClient, engine: Engine) -> None:
    change(engine, update(Contract).where(Contract.number == "NLOWNC00000005").values(paid=False, changed=LATER))

    newer = cpo.get(f"{SENDER}/tokens", query_string={"date_from": "2026-06-01T00:00:00Z"})

    assert [(token["uid"], token["type"], token["valid"]) for token in newer.data] == [
        (UID, "RFID", False),
        (UID, "APP_USER", False),
    ]
    assert {token["last_updated"] for token in newer.data} == {"2026-06-01T09:00:00.000Z"}


@pytest.mark.parametrize("path", ["/ST-007", "/st-007", "/ST-007/SN0071", "/ST-007/SN0071/1"])
def test_single_locations_are_served(emsp: PartnerClient, path: str) -> None:
    response = emsp.get(f"{SENDER}/locations{path}")

    assert (response.http_status, response.status_code) == (200, 1000)


@pytest.mark.parametrize("path", ["/ST-999", "/ST-007/NONE"])
def test_unknown_locations_are_not_found(emsp: PartnerClient, path: str) -> None:
    response = emsp.get(f"{SENDER}/locations{path}")

    assert (response.http_status, response.status_code) == (404, 2003)


def test_authorization_goes_by_the_own_models(cpo: PartnerClient, engine: Engine) -> None:
    change(engine, update(Card).where(Card.uid == UID, Card.kind == "chip").values(lost=True))

    chip, app, lost = authorize(cpo, UID), authorize(cpo, UID, type="APP_USER"), authorize(cpo, LOST)

    assert [answer.data["allowed"] for answer in (chip, app, lost)] == ["BLOCKED", "ALLOWED", "BLOCKED"]
    assert [answer.data["token"]["type"] for answer in (chip, app, lost)] == ["RFID", "APP_USER", "RFID"]
    assert app.data["token"]["contract_id"] == "NLOWNC00000005"


@pytest.mark.parametrize(("uid", "type"), [(LOST, "APP_USER"), (UID, "OTHER"), ("NONE", "RFID")])
def test_authorization_of_an_unknown_token_is_answered_2004(cpo: PartnerClient, uid: str, type: str) -> None:
    response = authorize(cpo, uid, type=type)

    assert (response.http_status, response.status_code) == (404, 2004)


def test_tokens_are_pushed_and_asked_for_by_another_platform(network: Network, ocpi: OCPI) -> None:
    operator = network.add("cpo.example", [("DE", "CPO", ["CPO"])])
    own, here = network.connect(operator, ocpi)

    pushed = [*ocpi.push("tokens", UID), *ocpi.push("tokens", UID, "APP_USER")]

    assert [(one.platform, one.error) for one in pushed] == [(here.id, None)] * 2
    received = list(operator.objects.documents("tokens", copies=True))
    assert received == [ocpi.objects.get("tokens", UID), ocpi.objects.get("tokens", UID, "APP_USER")]
    assert operator.client(own).tokens.authorize(LOST).info["allowed"] == "BLOCKED"
    assert operator.pull("tokens", own).total == TOKENS


def test_objects_of_others_are_not_taken(emsp: PartnerClient, cpo: PartnerClient) -> None:
    endpoints = [*emsp.get(ocpi_url()).data["endpoints"], *cpo.get(ocpi_url()).data["endpoints"]]

    offered = {(endpoint["identifier"], endpoint["role"]) for endpoint in endpoints}
    assert {pair for pair in offered if pair[0] in SERVED} == {("locations", "SENDER"), ("tokens", "SENDER")}
    assert emsp.put(ocpi_url("receiver/tokens/DE/EMS/1"), json={}).http_status == 404


def test_everything_else_is_in_the_default_storage(ocpi: OCPI, emsp: PartnerClient, tmp_path: Path) -> None:
    assert [platform.name for platform in ocpi.partners.list()] == ["Partner"]
    assert (tmp_path / "ocpi.sqlite3").exists()


@EACH_KIND
def test_own_objects_are_not_changed_through_ocpi(ocpi: OCPI, storage: Storage, kind: str) -> None:
    document = {**records(storage, kind)[0].document, "last_updated": "2031-01-01T00:00:00Z"}

    with pytest.raises(StorageError, match=f"{type(storage).__name__} is read-only: {kind}"):
        ocpi.save(kind, document)


@EACH_KIND
@pytest.mark.parametrize("owners", [None, (OWN,), (OTHER, OWN), (OTHER,), ()])
def test_filters_let_through_what_the_contract_says(
    storage: Storage, reference: MemoryStorage, kind: str, owners: Any
) -> None:
    for receiver in (None, "", "NL-OWN"):
        for audience in (None, (), (OTHER,)):
            query = Query(owners=owners, receiver=receiver, audience=audience, limit=100)
            assert texts(storage, kind, query) == texts(reference, kind, query)


@EACH_KIND
def test_pages_are_what_the_contract_says(storage: Storage, reference: MemoryStorage, kind: str) -> None:
    moment = records(storage, kind)[11].last_updated
    # Right at the date of a record, the smallest step of OCPI beside it, and some other one.
    moments = [None, moment - 1000, moment, moment + 1000, records(storage, kind)[4].last_updated]
    pages = [(0, 1), (3, 5), (22, 5), (30, 5), (99, 5), (0, 1000)]

    for date_from in moments:
        for date_to in moments:
            for offset, limit in pages:
                query = Query(date_from=date_from, date_to=date_to, offset=offset, limit=limit)
                assert texts(storage, kind, query) == texts(reference, kind, query)


LOCATION_KEYS = [
    Key.of("nl", "own", "st-001"),
    Key.of("NL", "OWN", "ST-031"),
    Key.of("NL", "ABC", "ST-001"),
    Key.of("NL", "OWN", "ST-001", OWN),
    Key.of("NL", "OWN", "%"),
    Key.of("NL", "OWN", "'; --"),
]
TOKEN_KEYS = [
    Key.of("nl", "own", f"{UID}\nrfid"),
    Key.of("NL", "OWN", f"{UID}\nAPP_USER"),
    Key.of("NL", "OWN", f"{UID}\nOTHER"),
    Key.of("NL", "OWN", f"{LOST}\nAPP_USER"),
    Key.of("NL", "OWN", UID),
    Key.of("NL", "OWN", f"{UID}\n"),
    Key.of("NL", "OWN", f"{UID}\nRFID\n"),
    Key.of("NL", "ABC", f"{UID}\nRFID"),
    Key.of("NL", "OWN", f"{UID}\nRFID", OWN),
    Key.of("NL", "OWN", "%\nRFID"),
    Key.of("NL", "OWN", "'; --\nRFID"),
]


@pytest.mark.parametrize(
    ("kind", "key"),
    [*(("locations", key) for key in LOCATION_KEYS), *(("tokens", key) for key in TOKEN_KEYS)],
    ids=ascii,
)
def test_get_is_what_the_contract_says(storage: Storage, reference: MemoryStorage, kind: str, key: Key) -> None:
    found, expected = storage.get(kind, key), reference.get(kind, key)

    assert (found and found.text) == (expected and expected.text)
    assert (found and found.last_updated) == (expected and expected.last_updated)


def texts(storage: Storage, kind: str, query: Query) -> tuple[list[bytes], int]:
    page = storage.list(kind, query)
    return [record.text for record in page.records], page.total
