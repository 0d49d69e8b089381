"""What may be given to OCPI(storage=...): a storage, its class, or a function that makes one, of the default or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi import ConfigurationError
from flask_ocpi import MemoryStorage
from flask_ocpi import RoutedStorage
from flask_ocpi import Storage
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.network import add_partner
from tests.closing import close


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
    close(app)

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
        close(app)
        return prepared.ready

    assert (ready(True), ready(None), ready(False)) == (True, False, False)


@pytest.mark.parametrize("source", [lambda: None, lambda default: None, 5], ids=["made", "made of default", "given"])
def test_storage_that_is_none_is_refused(tmp_path: Path, source: Any) -> None:
    app = plain_app(tmp_path, OCPI_CREATE_TABLES=False)

    with pytest.raises(ConfigurationError, match=r"OCPI\(storage=...\) needs a flask_ocpi.Storage"):
        OCPI(app, storage=source)


def test_copies_that_do_not_say_who_sent_them_get_their_platform_when_the_embedded_database_is_opened(
    tmp_path: Path,
) -> None:
    app = plain_app(tmp_path)
    ocpi = OCPI(app)
    add_partner(app, [("DE", "CPO", ["CPO"])], name="Partner")
    document = tariff(country_code="DE", party_id="CPO")
    ocpi.storage.save("tariffs", Key.of("DE", "CPO", "TARIFF1", Party.of("NL", "OWN")), Record.of(document))
    close(app)

    again = plain_app(tmp_path)
    counts = OCPI(again).copies.counts()
    close(again)

    assert [(kept.source, kept.number) for kept in counts] == [("partner", 1)]
