"""One OCPI() serves any number of apps: hooks and options are its own, all else is of each app."""

from __future__ import annotations

import gc
import weakref

import pytest
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi import ConfigurationError
from flask_ocpi import MemoryStorage
from flask_ocpi import Party
from flask_ocpi import Query
from flask_ocpi import current_ocpi
from flask_ocpi.errors import NotFoundError
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from tests.urls import ocpi_url

AUTHORIZE = ocpi_url("sender/tokens/T1/authorize")
TOKEN = {"country_code": "NL", "party_id": "ABC", "uid": "T1", "contract_id": "NL-ABC-1", "whitelist": "NEVER"}


def make_app(name: str, **config: object) -> Flask:
    app = Flask(name)
    app.testing = True
    app.config.from_mapping(
        {
            "SECRET_KEY": f"secret of {name}",
            "OCPI_BASE_URL": f"https://{name}.example",
            "OCPI_PARTIES": [party_settings("NL", "ABC", ["CPO", "EMSP"])],
            "OCPI_DISPATCHER": "inline",
            "OCPI_JOURNAL": "all",
            **config,
        }
    )
    return app


@pytest.fixture
def shared() -> OCPI:
    return OCPI(storage=MemoryStorage, clock=Clock(), transport=Network())


@pytest.fixture
def one(shared: OCPI) -> Flask:
    app = make_app("one")
    shared.init_app(app)
    return app


@pytest.fixture
def two(shared: OCPI) -> Flask:
    app = make_app("two", OCPI_URL_PREFIX="/roaming")
    shared.init_app(app)
    return app


def save_token(ocpi: OCPI) -> None:
    ocpi.save("tokens", documents.token(**TOKEN))


def test_each_app_has_its_own_settings_and_storage(shared, one, two):
    with one.app_context():
        shared.save("locations", documents.location(id="LOC1"))
        assert shared.versions_url == "https://one.example/ocpi/versions"
        assert len(list(shared.objects.documents("locations"))) == 1

    with two.app_context():
        assert shared.versions_url == "https://two.example/roaming/versions"
        assert list(shared.objects.documents("locations")) == []
        with pytest.raises(NotFoundError):
            shared.objects.get("locations", "LOC1")


def test_each_app_has_its_own_journal_and_partners(shared, one, two):
    partner = add_partner(one, [("DE", "EMS", ["EMSP"])])

    assert partner.get(ocpi_url("sender/locations")).status_code == 1000

    with one.app_context():
        shared.journal.flush()
        assert shared.storage.list("journal", Query()).total == 1
    with two.app_context():
        shared.journal.flush()
        assert shared.storage.list("journal", Query()).total == 0
        assert shared.partners.list() == []


@pytest.mark.parametrize("is_late", [False, True], ids=["before init_app", "after init_app"])
def test_hooks_hold_for_every_app_whenever_they_are_registered(shared, is_late):
    apps = [make_app("one"), make_app("two")]
    if is_late:
        for app in apps:
            shared.init_app(app)

    @shared.authorizer
    def authorize(token, location):
        return {"allowed": "NO_CREDIT", "info": {"language": "en", "text": current_ocpi.versions_url}}

    if not is_late:
        for app in apps:
            shared.init_app(app)

    for app in apps:
        with app.app_context():
            save_token(shared)
        answer = add_partner(app, [("DE", "CPO", ["CPO"])]).post(AUTHORIZE)
        assert answer.data["allowed"] == "NO_CREDIT"
        assert answer.data["info"]["text"] == f"https://{app.name}.example/ocpi/versions"


def test_an_object_is_used_outside_of_a_context_where_it_serves_one_app(shared, one):
    save_token(shared)

    assert shared.app is one
    assert shared.objects.get("tokens", "T1")["contract_id"] == "NL-ABC-1"


def test_outside_of_a_context_two_apps_are_told_how_to_be_told_apart(shared, one, two):
    with pytest.raises(RuntimeError, match="serves 2 apps, and none of them is the current one"):
        shared.services  # noqa: B018


def test_the_context_of_another_app_does_not_count(shared, one):
    other = make_app("other")
    OCPI(other, storage=MemoryStorage)

    with other.app_context():
        assert shared.versions_url == "https://one.example/ocpi/versions"
        assert current_ocpi.versions_url == "https://other.example/ocpi/versions"


def test_an_object_without_an_app_says_so(shared):
    with pytest.raises(RuntimeError, match=r"has no app yet: call init_app\(app\) first"):
        shared.save("tokens", {})


def test_the_same_app_twice_is_refused(shared, one):
    with pytest.raises(ConfigurationError, match="has an OCPI platform already"):
        shared.init_app(one)


def test_apps_of_a_factory_are_not_kept_alive(shared):
    def make() -> weakref.ref[Flask]:
        app = make_app("short")
        shared.init_app(app)
        return weakref.ref(app)

    found = make()
    gc.collect()

    assert found() is None
    shared.init_app(make_app("next"))


def test_current_ocpi_has_what_the_object_has(shared, one):
    with one.app_context():
        current_ocpi.save("locations", documents.location(id="LOC1"))

        assert shared.objects.get("locations", "LOC1", party=Party.of("NL", "ABC"))["id"] == "LOC1"
        assert current_ocpi.services is shared.services
