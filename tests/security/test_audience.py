"""What is for some parties stays for them: whoever saves, exports, imports or changes it without saying so."""

from __future__ import annotations

import json

import pytest

from flask_ocpi import Saved
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.storage.router import RoutedStorage
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import client_info
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import add_partner
from tests.conftest import EVERY_STORAGE
from tests.urls import ocpi_url

EMS, OTH, SCS = Party.of("DE", "EMS"), Party.of("FR", "OTH"), Party.of("FR", "SCS")
SENDER = ocpi_url("sender")
OTHER_TOKEN = {**session()["cdr_token"], "country_code": "FR", "party_id": "OTH"}

#: A private object of each module, by its ids, and the same with another property.
PRIVATE = {
    "locations": (["LOC1"], location(), location(name="New")),
    "tariffs": (["TARIFF1"], tariff(), tariff(currency="USD")),
    "tokens": ([token()["uid"]], token(country_code="NL", party_id="ABC"), None),
    "sessions": (["SES1"], session(), session(kwh=99.5)),
    "hubclientinfo": ([client_info()["role"]], client_info(), None),
}
EVERY_MODULE = pytest.mark.parametrize("module", PRIVATE)


@pytest.fixture
def run(ocpi_app):
    """Run ``flask ocpi``: ``run("export")``."""

    def invoke(*args, input=None, app=ocpi_app):
        result = app.test_cli_runner().invoke(args=["ocpi", *args], input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def save(ocpi):
    """Save the object of a module for the given parties."""

    def save(module, *parties):
        _, document, _ = PRIVATE[module]
        ocpi.save(module, document, audience=parties)

    return save


def audience(ocpi, module, *ids):
    info = client_info()
    party = Party.of(info["country_code"], info["party_id"]) if module == "hubclientinfo" else None
    return ocpi.objects.record(module, *(ids or PRIVATE[module][0]), party=party).audience


def changed(module):
    _, document, other = PRIVATE[module]
    return other or {**document, "last_updated": "2026-05-05T00:00:00Z"}


def file_of(module, *documents, **more):
    return json.dumps({module: [{**document, **more} for document in documents]})


@EVERY_STORAGE
@EVERY_MODULE
def test_saving_without_an_audience_keeps_it(ocpi, save, module):
    save(module, EMS, SCS)

    ocpi.save(module, changed(module))
    saved = audience(ocpi, module)
    ocpi.objects.save_all({module: [changed(module), PRIVATE[module][1]]})

    assert (saved, audience(ocpi, module)) == ((EMS, SCS), (EMS, SCS))


@EVERY_STORAGE
def test_audience_that_is_said_counts(ocpi, save):
    save("tariffs", EMS)

    ocpi.save("tariffs", tariff(), audience=(SCS,))
    other = audience(ocpi, "tariffs")
    ocpi.save("tariffs", tariff(), audience=())

    assert (other, audience(ocpi, "tariffs")) == ((SCS,), ())


@EVERY_STORAGE
def test_session_follows_its_token_unless_somebody_said_whom_it_is_for(ocpi):
    ocpi.save("sessions", session())
    ocpi.save("sessions", session(id="SES2"), audience=(SCS,))
    moved = [session(cdr_token=OTHER_TOKEN), session(id="SES2", cdr_token=OTHER_TOKEN)]

    for document in moved:
        ocpi.save("sessions", document)
    saved = [audience(ocpi, "sessions", id) for id in ("SES1", "SES2")]
    ocpi.objects.save_all({"sessions": [session(), session(id="SES2")]})

    assert saved == [(OTH,), (SCS,)]
    assert [audience(ocpi, "sessions", id) for id in ("SES1", "SES2")] == [(EMS,), (SCS,)]


@EVERY_STORAGE
@EVERY_MODULE
def test_export_and_import_into_the_same_database_keep_it(ocpi, run, save, module):
    save(module, EMS, SCS)

    exported = run("export", module)
    imported = run("import", "-", input=exported.stdout)

    assert json.loads(exported.stdout)[module][0]["_audience"] == ["DE-EMS", "FR-SCS"]
    assert (imported.exit_code, imported.stderr) == (0, "")
    assert audience(ocpi, module) == (EMS, SCS)


@EVERY_MODULE
def test_export_and_import_into_another_database_keep_it(ocpi, ocpi_network, run, save, module):
    save(module, EMS, SCS)
    copy = ocpi_network.add("copy.example", [("NL", "ABC", ["CPO", "EMSP"])])

    run("import", "-", input=run("export", module).stdout, app=ocpi_network.apps["copy.example"])

    assert audience(copy, module) == (EMS, SCS)
    assert "_audience" not in next(copy.objects.documents(module))


@EVERY_STORAGE
def test_a_file_of_before_changes_nobodys_sight(ocpi, ocpi_app, ocpi_client, run, save):
    save("tariffs", SCS)

    imported = run("import", "-", input=file_of("tariffs", tariff(currency="USD"), tariff(id="NEW")))

    assert (imported.exit_code, imported.stderr) == (0, "")
    assert (audience(ocpi, "tariffs"), audience(ocpi, "tariffs", "NEW")) == ((SCS,), ())
    assert [document["id"] for document in ocpi_client.get(f"{SENDER}/tariffs").data] == ["NEW"]
    scs = add_partner(ocpi_app, [("FR", "SCS", ["EMSP"])], name="Scs")
    assert [document["id"] for document in scs.get(f"{SENDER}/tariffs").data] == ["TARIFF1", "NEW"]


@EVERY_STORAGE
@pytest.mark.parametrize(
    "wider", [[], ["DE-EMS", "FR-SCS"], ["FR-SCS"]], ids=["everybody", "one more", "somebody else"]
)
def test_import_widens_nothing_unless_it_is_told_to(ocpi, run, save, wider):
    save("tariffs", EMS)
    file = file_of("tariffs", tariff(currency="USD"), _audience=wider)

    kept = run("import", "-", input=file)
    audience_then = audience(ocpi, "tariffs")
    answered = run("import", "-", "--json", input=file)
    widened = run("import", "-", "--audience", input=file)

    assert audience_then == (EMS,)
    assert ocpi.objects.get("tariffs", "TARIFF1")["currency"] == "USD"
    assert "1 object stayed for those who see it now, unless you add --audience." in kept.stderr
    assert "  tariffs NL-ABC TARIFF1" in kept.stderr
    assert json.loads(answered.stdout)["withheld"] == ["tariffs NL-ABC TARIFF1"]
    assert (widened.stderr, [str(party) for party in audience(ocpi, "tariffs")]) == ("", wider)


def test_many_that_are_not_widened_are_listed_in_part(ocpi, run):
    tariffs = [tariff(id=f"T{number}") for number in range(25)]
    for document in tariffs:
        ocpi.save("tariffs", document, audience=(EMS,))

    result = run("import", "-", input=file_of("tariffs", *tariffs, _audience=[]))

    assert "25 objects stayed for those who see them now" in result.stderr
    assert "and 5 more; --json lists them all" in result.stderr


@EVERY_STORAGE
def test_import_narrows(ocpi, run, save):
    save("tariffs", EMS, SCS)
    ocpi.save("tariffs", tariff(id="OPEN"))

    result = run("import", "-", input=file_of("tariffs", tariff(), tariff(id="OPEN"), _audience=["de-ems"]))

    assert (result.exit_code, result.stderr) == (0, "")
    assert (audience(ocpi, "tariffs"), audience(ocpi, "tariffs", "OPEN")) == ((EMS,), (EMS,))


@EVERY_STORAGE
def test_object_that_is_twice_in_a_file_is_not_widened_by_the_second(ocpi, run):
    first, second = tariff(_audience=["DE-EMS"]), tariff(currency="USD", _audience=[])

    result = run("import", "-", input=file_of("tariffs", first, second))

    assert ocpi.objects.get("tariffs", "TARIFF1")["currency"] == "USD"
    assert audience(ocpi, "tariffs") == (EMS,)
    assert "1 object stayed" in result.stderr


def test_imported_session_is_for_its_token_where_the_file_says_so(ocpi, run):
    ocpi.save("sessions", session())
    exported = json.loads(run("export", "sessions").stdout)["sessions"][0]

    moved = {**exported, "cdr_token": OTHER_TOKEN, "_audience": ["FR-OTH"]}
    result = run("import", "-", input=file_of("sessions", moved))
    everybody = run("import", "-", "--audience", input=file_of("sessions", moved, _audience=[]))

    assert (result.stderr, everybody.stderr, audience(ocpi, "sessions")) == ("", "", (OTH,))


def test_cdr_is_imported_for_whom_it_was_exported(ocpi, ocpi_network, run):
    ocpi.save("cdrs", cdr(), audience=(EMS, SCS))
    copy = ocpi_network.add("copy.example", [("NL", "ABC", ["CPO"])])

    exported = run("export", "cdrs").stdout
    again = run("import", "-", input=exported)
    run("import", "-", input=exported, app=ocpi_network.apps["copy.example"])

    assert (again.exit_code, audience(ocpi, "cdrs", "CDR1"), audience(copy, "cdrs", "CDR1")) == (
        0,
        (EMS, SCS),
        (EMS, SCS),
    )


@pytest.mark.parametrize("value", ["DE-EMS", ["DEEMS"], [1], [None], ["DE-TOOLONG"], {}, None], ids=repr)
def test_audience_that_cannot_be_read_stores_nothing(ocpi, run, value):
    result = run("import", "-", input=file_of("tariffs", tariff(), _audience=value))

    assert result.exit_code == 1
    assert 'tariffs[0]: _audience must be a list of parties, such as ["NL-ABC"].' in result.stderr
    assert list(ocpi.objects.documents("tariffs")) == []


@EVERY_STORAGE
def test_patch_keeps_it(ocpi, save):
    for module in ("locations", "tariffs", "sessions"):
        save(module, EMS, SCS)

        ocpi.patch(module, *PRIVATE[module][0], changes={"last_updated": "2026-05-05T00:00:00Z"})

        assert audience(ocpi, module) == (EMS, SCS)


@EVERY_STORAGE
def test_object_made_by_another_process_at_the_same_moment_stays_for_whom_it_is(ocpi, monkeypatch):
    get, get_many = ocpi.storage.get, ocpi.storage.get_many
    hidden = [True]

    def miss(kind, key, *, for_update=False):
        if kind == "tariffs" and hidden[0]:
            hidden[0] = False
            return None
        return get(kind, key, for_update=for_update)

    def miss_many(kind, keys, *, for_update=False):
        if kind == "tariffs" and hidden[0]:
            hidden[0] = False
            return {}
        return get_many(kind, keys, for_update=for_update)

    ocpi.save("tariffs", tariff(), audience=(EMS,))
    monkeypatch.setattr(ocpi.storage, "get", miss)
    monkeypatch.setattr(ocpi.storage, "get_many", miss_many)

    assert ocpi.save("tariffs", tariff(currency="USD")) is Saved.REPLACED
    saved = audience(ocpi, "tariffs")
    hidden[0] = True
    ocpi.objects.save_all({"tariffs": [tariff()]})

    assert (saved, audience(ocpi, "tariffs")) == ((EMS,), (EMS,))


@pytest.mark.parametrize("roles", [["EMSP"], ["HUB"]], ids=["partner", "hub"])
def test_operator_does_not_push_it_to_others_by_mistake(ocpi, ocpi_app, ocpi_network, run, save, roles):
    save("tariffs", EMS)
    add_partner(ocpi_app, [("FR", "OTH", roles)], name="Other")

    for to in ("other", "FR-OTH"):
        result = run("push", "tariffs", "TARIFF1", "--partner", to)

        assert (result.exit_code, ocpi_network.requests) == (1, [])
        assert result.stderr == "Error: tariff TARIFF1 is for DE-EMS, so it is not sent to other.\n"


def test_routed_storages_keep_it(ocpi_network, run):
    storage = RoutedStorage({"tariffs": MemoryStorage(), "*": MemoryStorage()})
    ocpi = ocpi_network.add("routed.example", [("NL", "ABC", ["CPO"])], storage=storage)
    app = ocpi_network.apps["routed.example"]
    ocpi.save("tariffs", tariff(), audience=(EMS,))

    ocpi.save("tariffs", tariff(currency="USD"))
    ocpi.objects.changed("tariffs", "TARIFF1")
    run("import", "-", input=run("export", app=app).stdout, app=app)

    assert audience(ocpi, "tariffs") == (EMS,)
    others = add_partner(app, [("FR", "OTH", ["EMSP"])])
    answer = others.get(f"{SENDER}/tariffs")
    assert (answer.data, answer.headers["X-Total-Count"]) == ([], "0")


def test_copy_that_a_partner_sends_has_no_audience_of_its_own(ocpi, ocpi_client):
    document = tariff(country_code="DE", party_id="CPO", _audience=["DE-CPO"])
    ocpi_client.put(ocpi_url("receiver/tariffs/DE/CPO/TARIFF1"), document)

    key = Key.of("DE", "CPO", "TARIFF1", Party.of("NL", "ABC"), ocpi_client.platform.id)

    assert ocpi.storage.get("tariffs", key).audience == ()


def test_save_all_refuses_what_is_no_audience(ocpi):
    with pytest.raises(InvalidParametersError, match="_audience must be a list"):
        ocpi.objects.save_all({"tariffs": [tariff(_audience="everybody")]})
