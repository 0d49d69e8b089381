"""What the host application does with the objects of its own parties."""

from __future__ import annotations

import re

import pytest

from flask_ocpi import Saved
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.errors import StorageError
from flask_ocpi.errors import UnknownLocationError
from flask_ocpi.signals import object_saved
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import client_info
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from tests.conftest import EVERY_STORAGE
from tests.urls import ocpi_url

TWO_PARTIES = [("NL", "ABC", ["CPO"]), ("NL", "XYZ", ["CPO"])]
EMS, OTH = Party("DE", "EMS"), Party("BE", "OTH")


@EVERY_STORAGE
def test_save_creates_then_replaces(ocpi):
    created = ocpi.save("locations", location(name="One"))
    replaced = ocpi.save("locations", location())
    unchanged = ocpi.save("locations", location())

    assert (created, replaced, unchanged) == (Saved.CREATED, Saved.REPLACED, Saved.UNCHANGED)
    assert all((created, replaced, unchanged))
    assert ocpi.objects.record("locations", "LOC1").revision == 2
    assert ocpi.objects.get("locations", "loc1") == location()


def test_save_normalises_like_a_push(ocpi):
    ocpi.save("locations", location(name=None, evses=[], last_updated="2024-05-31T12:00:00+00:00"))

    assert ocpi.objects.get("locations", "LOC1") == location()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (location(city=None), "city must not be null"),
        (location(evses=[evse(connectors=[])]), "evses\\[0\\].connectors must have at least one element"),
        (location(party_id="XYZ"), "NL-XYZ is not one of our own parties: use one of NL-ABC"),
    ],
    ids=["null", "part", "party"],
)
def test_save_refuses_what_a_partner_would(ocpi, document, message):
    with pytest.raises(InvalidParametersError, match=message):
        ocpi.save("locations", document)

    assert list(ocpi.objects.documents("locations")) == []


@EVERY_STORAGE
def test_save_all_is_all_or_nothing(ocpi):
    good, bad = location(), location(id="LOC2", country="NL")

    with pytest.raises(InvalidParametersError, match=r"locations\[1\]: .*country"):
        ocpi.objects.save_all({"locations": [good, bad]})

    assert list(ocpi.objects.documents("locations")) == []


@EVERY_STORAGE
def test_save_all_rolls_back_when_the_storage_fails(ocpi, monkeypatch):
    create_many = ocpi.storage.create_many

    def fail_midway(kind, records):
        create_many(kind, records[:2])
        raise StorageError("the disk is full")

    monkeypatch.setattr(ocpi.storage, "create_many", fail_midway)
    with pytest.raises(StorageError, match="disk"):
        ocpi.objects.save_all({"locations": [location(id=f"LOC{number}") for number in range(1, 5)]})

    assert list(ocpi.objects.documents("locations")) == []


def test_save_all_tells_progress_and_saved_objects(ocpi, ocpi_app):
    ticks, heard = [], []

    def listen(sender, **payload):
        heard.append((payload["key"].id, payload["created"]))

    with object_saved.connected_to(listen, sender=ocpi_app):
        count = ocpi.objects.save_all(
            {"locations": [location(), location(id="LOC2")]}, progress=lambda: ticks.append(1)
        )

    assert (count, len(ticks), heard) == (2, 2, [("LOC1", True), ("LOC2", True)])


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ({"places": []}, "no module 'places' with objects; there are locations"),
        ({"locations": {}}, "locations must be a list"),
        ({"locations": [7]}, "locations\\[0\\]: .*must be a JSON object"),
    ],
    ids=["module", "list", "object"],
)
def test_save_all_names_what_is_wrong(ocpi, documents, message):
    with pytest.raises(InvalidParametersError, match=message):
        ocpi.objects.save_all(documents)


def test_patch_of_a_part_returns_the_whole(ocpi):
    ocpi.save("locations", location(evses=[evse(connectors=[connector(), connector(id="2")])]))

    changed = ocpi.patch("locations", "LOC1", "EVSE1", "2", changes={"max_amperage": 63})

    assert changed == ocpi.objects.get("locations", "LOC1")
    assert [item["max_amperage"] for item in changed["evses"][0]["connectors"]] == [16, 63]


def test_patch_clears_with_none_and_keeps_the_given_moment(ocpi):
    ocpi.save("locations", location(name="One"))

    changed = ocpi.patch("locations", "LOC1", changes={"name": None, "last_updated": "2030-01-01T00:00:00Z"})

    assert changed == location(last_updated="2030-01-01T00:00:00Z")


@pytest.mark.parametrize("ids", [("NOPE",), ("LOC1", "NOPE"), ("LOC1", "EVSE1", "NOPE"), ("LOC1", "NOPE", "1")])
def test_unknown_objects_are_named(ocpi, ids):
    ocpi.save("locations", location(evses=[evse()]))

    with pytest.raises(UnknownLocationError, match=" ".join(ids)):
        ocpi.patch("locations", *ids, changes={"x": 1})
    with pytest.raises(NotFoundError, match=" ".join(ids)):
        ocpi.objects.get("locations", *ids)


def test_delete_removes_once(ocpi):
    ocpi.save("locations", location())

    ocpi.objects.delete("locations", "loc1")

    with pytest.raises(NotFoundError):
        ocpi.objects.delete("locations", "LOC1")


@pytest.mark.parametrize("ocpi_parties", [TWO_PARTIES], ids=["two parties"])
def test_several_parties_have_to_be_told_apart(ocpi):
    ocpi.save("locations", location())
    ocpi.save("locations", location(party_id="XYZ", name="Other"))

    assert ocpi.objects.get("locations", "LOC1", party=Party("NL", "XYZ"))["name"] == "Other"
    with pytest.raises(InvalidParametersError, match="say which one"):
        ocpi.objects.get("locations", "LOC1")


def test_a_third_id_below_a_connector_is_refused(ocpi):
    ocpi.save("locations", location(evses=[evse()]))

    with pytest.raises(InvalidParametersError, match="addressed by 1 to 3 ids, not 4"):
        ocpi.patch("locations", "LOC1", "EVSE1", "1", "X", changes={})


def test_identifiers_never_change(ocpi):
    ocpi.save("locations", location(evses=[evse()]))

    for ids, changes in ((("LOC1",), {"party_id": "ABC"}), (("LOC1", "EVSE1"), {"uid": "EVSE2"})):
        with pytest.raises(InvalidParametersError, match=f"{next(iter(changes))} identifies"):
            ocpi.patch("locations", *ids, changes=changes)

    assert ocpi.objects.get("locations", "LOC1") == location(evses=[evse()])


@pytest.mark.parametrize("ocpi_parties", [[("NL", "ABC", ["CPO"]), ("NL", "XYZ", ["EMSP"])]], ids=["a party a side"])
def test_party_goes_without_saying_where_only_one_has_the_module(ocpi):
    ocpi.save("locations", location())
    ocpi.save("tokens", token(country_code="NL", party_id="XYZ"))

    assert ocpi.objects.get("locations", "LOC1") == location()
    assert ocpi.patch("tokens", token()["uid"], changes={"valid": False})["party_id"] == "XYZ"


# Lists that a PATCH adds to


PERIODS = [
    {"start_date_time": f"2024-05-31T{hour}:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 1.5}]}
    for hour in (10, 11)
]


@EVERY_STORAGE
def test_patch_appends_periods_and_save_replaces_them(ocpi):
    ocpi.save("sessions", session(charging_periods=PERIODS[:1]))

    patched = ocpi.patch("sessions", "SES1", changes={"charging_periods": PERIODS})
    stored = ocpi.objects.get("sessions", "SES1")
    ocpi.save("sessions", session(charging_periods=PERIODS[1:]))

    assert patched == stored
    assert stored["charging_periods"] == PERIODS  # what it has already is not added again
    assert ocpi.objects.get("sessions", "SES1") == session(charging_periods=PERIODS[1:])


@pytest.mark.parametrize("periods", [None, []], ids=repr)
def test_patch_clears_no_periods(ocpi, periods):
    ocpi.save("sessions", session(charging_periods=PERIODS))

    patched = ocpi.patch("sessions", "SES1", changes={"charging_periods": periods, "meter_id": "M1"})

    assert (patched["charging_periods"], patched["meter_id"]) == (PERIODS, "M1")


# What never changes


@EVERY_STORAGE
def test_final_object_is_saved_once(ocpi):
    first = ocpi.save("cdrs", cdr())
    again = ocpi.save("cdrs", cdr(id="cdr1"))

    with pytest.raises(InvalidParametersError, match="cdr 'CDR1' is stored already"):
        ocpi.save("cdrs", cdr(remark="Changed."))
    with pytest.raises(InvalidParametersError, match="A cdr never changes"):
        ocpi.patch("cdrs", "CDR1", changes={"remark": "Changed."})

    assert (first, again) == (Saved.CREATED, Saved.UNCHANGED)
    assert ocpi.objects.get("cdrs", "CDR1") == cdr()
    assert ocpi.objects.record("cdrs", "CDR1").revision == 1


@EVERY_STORAGE
def test_save_all_is_nothing_when_a_final_object_differs(ocpi):
    ocpi.save("cdrs", cdr())

    with pytest.raises(InvalidParametersError, match=r"cdrs\[1\]: The cdr 'CDR1' is stored already"):
        ocpi.objects.save_all({"sessions": [session()], "cdrs": [cdr(id="CDR2"), cdr(remark="Changed.")]})

    assert list(ocpi.objects.documents("cdrs")) == [cdr()]
    assert list(ocpi.objects.documents("sessions")) == []


def test_save_all_takes_a_final_object_again(ocpi):
    ocpi.objects.save_all({"cdrs": [cdr()]})

    assert ocpi.objects.save_all({"cdrs": [cdr(), cdr(id="CDR2")]}) == 2
    assert list(ocpi.objects.documents("cdrs")) == [cdr(), cdr(id="CDR2")]


# Keys of several properties


def ours(**changes):
    """Return a Token of our own eMSP."""
    return token(country_code="NL", party_id="ABC", **changes)


@EVERY_STORAGE
def test_type_tells_tokens_with_one_uid_apart_and_is_rfid_by_default(ocpi):
    for kind in ("RFID", "APP_USER"):
        ocpi.save("tokens", ours(uid="Uid1", type=kind))
    ocpi.patch("tokens", "uid1", changes={"valid": False})
    ocpi.patch("tokens", "uid1", "app_user", changes={"language": "nl"})

    rfid, app = ocpi.objects.get("tokens", "UID1"), ocpi.objects.get("tokens", "UID1", "APP_USER")
    ocpi.objects.delete("tokens", "UID1")

    assert rfid == ours(uid="Uid1", valid=False, last_updated=rfid["last_updated"])
    assert app == ours(uid="Uid1", type="APP_USER", language="nl", last_updated=app["last_updated"])
    assert list(ocpi.objects.documents("tokens")) == [app]
    with pytest.raises(NotFoundError, match="UID1"):
        ocpi.objects.get("tokens", "UID1", "RFID")


@pytest.mark.parametrize("name", ["uid", "type", "country_code"])
def test_no_property_of_a_key_is_patched(ocpi, name):
    ocpi.save("tokens", ours())

    with pytest.raises(InvalidParametersError, match=f"{name} identifies"):
        ocpi.patch("tokens", ours()["uid"], changes={name: ours()[name]})


@pytest.mark.parametrize(
    ("module", "ids", "message"),
    [
        ("tokens", (), "addressed by 1 to 2 ids, not 0"),
        ("tokens", ("UID1", "RFID", "X"), "addressed by 1 to 2 ids, not 3"),
        ("cdrs", (), "addressed by 1 id, not 0"),
        ("cdrs", ("CDR1", "X"), "addressed by 1 id, not 2"),
        ("locations", (), "addressed by 1 to 3 ids, not 0"),
    ],
)
def test_wrong_number_of_ids_is_refused(ocpi, module, ids, message):
    with pytest.raises(InvalidParametersError, match=message):
        ocpi.objects.get(module, *ids)


@pytest.mark.parametrize(
    ("call", "form"),
    [
        (lambda o: o.get("locations", ("LOC1", "EVSE1")), 'Each id is a text, not a tuple. Write get("locations", id)'),
        (lambda o: o.get("locations", location()), 'Each id is a text, not a dict. Write get("locations", id)'),
        (lambda o: o.delete("tokens", ["UID1"]), 'Each id is a text, not a list. Write delete("tokens", uid, type).'),
        (lambda o: o.changed("cdrs", 1), 'Each id is a text, not a int. Write changed("cdrs", id).'),
        (
            lambda o: o.patch("locations", ("LOC1",), {"name": "New"}),
            'or for a part patch("locations", id, evse_uid, connector_id, changes={...})',
        ),
        (lambda o: o.patch("locations", "LOC1", {"name": "New"}), 'Write patch("locations", id, changes={...})'),
        (
            lambda o: o.patch("locations", "LOC1"),
            'The changes are missing. Write patch("locations", id, changes={...})',
        ),
    ],
    ids=["tuple", "document", "list", "number", "old form", "changes as an id", "no changes"],
)
def test_a_wrong_form_shows_the_right_one(ocpi, call, form):
    with pytest.raises(InvalidParametersError, match=re.escape(form)):
        call(ocpi.objects)


def test_only_whole_objects_are_deleted(ocpi):
    ocpi.save("locations", location(evses=[evse()]))

    with pytest.raises(InvalidParametersError, match="Only a whole location"):
        ocpi.objects.delete("locations", "LOC1", "EVSE1")

    assert ocpi.objects.get("locations", "LOC1", "EVSE1") == evse()


# Objects that describe others


@EVERY_STORAGE
def test_described_party_need_not_be_ours_and_is_named(ocpi):
    created = ocpi.save("hubclientinfo", client_info())
    changed = ocpi.patch("hubclientinfo", "EMSP", changes={"status": "OFFLINE"}, party=EMS)

    assert created is Saved.CREATED
    assert changed["status"] == "OFFLINE"
    assert ocpi.objects.get("hubclientinfo", "emsp", party=EMS) == changed
    with pytest.raises(InvalidParametersError, match="party= whom the client_info describes"):
        ocpi.objects.get("hubclientinfo", "EMSP")
    with pytest.raises(NotFoundError):
        ocpi.objects.get("hubclientinfo", "EMSP", party=OTH)


# Audiences


def audience(ocpi, module, id):
    return ocpi.objects.record(module, id).audience


def issued_by(party):
    return {**session()["cdr_token"], "country_code": party.country_code, "party_id": party.party_id}


@EVERY_STORAGE
def test_sessions_and_cdrs_are_for_the_emsp_of_their_driver_and_others_for_all(ocpi):
    for module, document in (("sessions", session()), ("cdrs", cdr()), ("tariffs", tariff())):
        ocpi.save(module, document)

    assert audience(ocpi, "sessions", "SES1") == audience(ocpi, "cdrs", "CDR1") == (EMS,)
    assert audience(ocpi, "tariffs", "TARIFF1") == ()


@EVERY_STORAGE
def test_audience_follows_the_driver(ocpi):
    ocpi.save("sessions", session())

    ocpi.save("sessions", session(cdr_token=issued_by(OTH)))
    saved = audience(ocpi, "sessions", "SES1")
    ocpi.patch("sessions", "SES1", changes={"kwh": 20})
    kept = audience(ocpi, "sessions", "SES1")
    ocpi.patch("sessions", "SES1", changes={"cdr_token": issued_by(EMS)})

    assert (saved, kept) == ((OTH,), (OTH,))
    assert audience(ocpi, "sessions", "SES1") == (EMS,)


@pytest.mark.parametrize(
    ("module", "document", "id", "changes"),
    [
        ("sessions", session(), "SES1", {"cdr_token": issued_by(OTH)}),
        ("tariffs", tariff(), "TARIFF1", {"currency": "USD"}),
    ],
    ids=["sessions", "tariffs"],
)
def test_audience_that_was_given_stays(ocpi, module, document, id, changes):
    ocpi.save(module, document, audience=(("de", "ems"), Party("FR", "SCS")))

    ocpi.patch(module, id, changes=changes)
    patched = audience(ocpi, module, id)
    ocpi.save(module, document)

    assert patched == (EMS, Party("FR", "SCS"))
    saved = audience(ocpi, module, id)
    ocpi.save(module, document, audience=())
    assert saved == (EMS, Party("FR", "SCS"))
    assert audience(ocpi, module, id) == ((EMS,) if module == "sessions" else ())


def test_copies_have_no_audience(ocpi, ocpi_client):
    url = ocpi_url("receiver/sessions/DE/CPO/SES1")
    ocpi_client.put(url, session(country_code="DE", party_id="CPO"))

    ocpi_client.patch(url, {"cdr_token": issued_by(OTH), "last_updated": "2024-06-01T12:00:00Z"})

    record = ocpi.storage.get("sessions", Key.of("DE", "CPO", "SES1", Party("NL", "ABC"), "partner"))
    assert record.document["cdr_token"] == issued_by(OTH)
    assert record.audience == ()
