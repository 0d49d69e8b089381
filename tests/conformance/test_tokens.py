"""The tokens module over HTTP: Sender, Receiver, and real-time authorization (group TOK)."""

from __future__ import annotations

from functools import partial

import pytest

from flask_ocpi.errors import NotEnoughInformationError
from flask_ocpi.errors import abort
from flask_ocpi.signals import object_received
from flask_ocpi.signals import token_authorized
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import full_token
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import add_partner
from tests.conformance.sharing import LATER
from tests.conformance.sharing import Network221
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import check
from tests.conformance.sharing import shared_network
from tests.conftest import EVERY_STORAGE
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/tokens")
RECEIVER = ocpi_url("receiver/tokens/DE/EMS")
UID = token()["uid"]
COPY = f"{RECEIVER}/{UID}"
AUTHORIZE = f"{SENDER}/{UID}/authorize"
PLACE = {"location_id": "LOC1", "evse_uids": ["EVSE1", "EVSE2"]}
SEVERAL = pytest.mark.parametrize(
    "ocpi_parties",
    [[("NL", "ABC", ["CPO"]), ("NL", "ONE", ["EMSP"]), ("BE", "TWO", ["EMSP"])]],
    ids=["several parties"],
)

own = partial(token, country_code="NL", party_id="ABC")


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


@pytest.fixture
def decide(ocpi):
    """Set what the host application answers: a value, or a function of the token and the location."""

    def decide(answer):
        ocpi.authorizer(answer if callable(answer) else lambda token, location: answer)

    yield decide
    ocpi.services.hooks.authorizer = None


@pytest.fixture
def card(ocpi):
    """A token of ours that may charge."""
    document = own()
    ocpi.save("tokens", document)
    return document


def copies(ocpi):
    return list(ocpi.objects.documents("tokens", copies=True))


def to(party):
    country_code, party_id = party.split("-")
    return {"OCPI-to-country-code": country_code, "OCPI-to-party-id": party_id}


# The Receiver: copies, each known by uid and type.


@pytest.mark.conformance("TOK-01", "TOK-02", "TOK-05", "PUSH-08")
@EVERY_STORAGE
def test_uid_and_type_identify_a_token(ocpi_storage):
    network = Network221(clock=Clock())
    ocpi = network.add("platform.example", [("NL", "ABC", ["CPO", "EMSP"])], storage=ocpi_storage)
    client = add_partner(network.apps["platform.example"], [("DE", "EMS", ["EMSP"])])
    card, app = full_token(), token(type="APP_USER", issuer="App")

    created = [client.put(COPY, card), client.put(f"{COPY}?type=APP_USER", app)]
    replaced = client.put(f"{COPY}?type=APP_USER", {**app, "valid": False})
    patched = client.patch(f"{COPY}?type=RFID", {"valid": False, "last_updated": LATER})

    assert [answer.http_status for answer in (*created, replaced, patched)] == [201, 201, 200, 200]
    assert client.get(COPY).data == {**card, "valid": False, "last_updated": LATER}
    assert client.get(f"{COPY}?type=APP_USER").data == {**app, "valid": False}
    assert len(copies(ocpi)) == 2


@pytest.mark.conformance("TOK-01", "TOK-03")
@pytest.mark.parametrize(
    ("method", "query", "http_status"),
    [
        (method, query, http_status)
        for method in ("GET", "PATCH")
        for query, http_status in (("", 404), ("?type=RFID", 404), ("?type=OTHER", 404), ("?type=APP_USER", 200))
    ],
)
def test_without_a_type_it_is_the_rfid_token(ocpi, ocpi_client, method, query, http_status):
    app = token(type="APP_USER")
    ocpi_client.put(COPY, app)
    body = {"valid": False, "last_updated": LATER} if method == "PATCH" else None

    answered = ocpi_client.open(method, f"{COPY}{query}", json=body)

    if http_status == 404:
        check(answered, 404, 2004)
        assert copies(ocpi) == [app]
    else:
        assert (answered.http_status, answered.status_code) == (200, 1000)


@pytest.mark.conformance("TOK-01")
@pytest.mark.parametrize("type", ["", "rfid", "CARD"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", COPY, None), ("PUT", COPY, token()), ("PATCH", COPY, {"last_updated": LATER}), ("POST", AUTHORIZE, None)],
    ids=["get", "put", "patch", "authorize"],
)
def test_type_that_ocpi_does_not_know_is_refused(ocpi, ocpi_client, method, path, body, type):
    answered = ocpi_client.open(method, path, json=body, query_string={"type": type})

    check(answered, 200, 2001)
    assert "Invalid query parameter: type" in answered.message
    assert copies(ocpi) == []


@pytest.mark.conformance("TOK-04")
@pytest.mark.parametrize("asked", ["RFID", "OTHER"])
def test_put_under_another_type_is_refused(ocpi, ocpi_client, asked):
    answered = ocpi_client.put(f"{COPY}?type={asked}", token(type="APP_USER"))

    check(answered, 200, 2001)
    assert answered.message == f"type in the body is not type in the URL ('{asked}')."
    assert copies(ocpi) == []


@pytest.mark.conformance("TOK-04")
def test_put_without_a_type_goes_by_its_body(ocpi, ocpi_client):
    app = token(type="APP_USER")

    answers = [ocpi_client.put(COPY, app), ocpi_client.put(COPY, app), ocpi_client.put(COPY, token())]

    assert [answer.http_status for answer in answers] == [201, 200, 201]
    assert ocpi_client.get(f"{COPY}?type=APP_USER").data == app
    assert ocpi_client.get(COPY).data == token()


@pytest.mark.conformance("TOK-03", "TOK-04", "TOK-06", "T-20")
@pytest.mark.parametrize(
    ("query", "type", "status_code"),
    [
        ("", "RFID", 1000),
        ("", "APP_USER", 2001),
        ("?type=APP_USER", "APP_USER", 1000),
        ("?type=APP_USER", "RFID", 2001),
    ],
)
def test_patch_never_changes_a_type(ocpi, ocpi_client, query, type, status_code):
    before = [token(), token(type="APP_USER")]
    for document in before:
        ocpi_client.put(COPY, document)

    answered = ocpi_client.patch(f"{COPY}{query}", {"type": type, "issuer": "New", "last_updated": LATER})

    assert (answered.http_status, answered.status_code) == (200, status_code)
    changed = {"RFID": 0, "APP_USER": 1}[type] if status_code == 1000 else None
    assert copies(ocpi) == [
        {**document, "issuer": "New", "last_updated": LATER} if index == changed else document
        for index, document in enumerate(before)
    ]


@pytest.mark.conformance("TOK-05", "PUSH-03", "PUSH-04")
@pytest.mark.parametrize("changes", [{"uid": "1"}, {"country_code": "NL"}, {"party_id": "CPO"}], ids=str)
def test_url_and_body_name_the_same_token(ocpi, ocpi_client, changes):
    answered = ocpi_client.put(COPY, token(**changes))

    check(answered, 200, 2001)
    assert f"{next(iter(changes))} in the body is not " in answered.message
    assert copies(ocpi) == []


@pytest.mark.conformance("TOK-05", "PUSH-08", "TYP-01")
def test_uids_are_compared_without_regard_to_case(ocpi, ocpi_client):
    first = token(uid="aBc")

    created = ocpi_client.put(f"{RECEIVER}/AbC", first)
    replaced = ocpi_client.put(f"{RECEIVER}/ABC", token(uid="ABC", valid=False))

    assert (created.http_status, replaced.http_status) == (201, 200)
    assert ocpi_client.get(f"{RECEIVER}/abc").data == token(uid="ABC", valid=False)
    assert len(copies(ocpi)) == 1


@pytest.mark.conformance("TOK-05", "PUSH-05")
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH"])
def test_tokens_of_foreign_owners_are_not_here(ocpi, ocpi_client, method):
    path = ocpi_url(f"receiver/tokens/FR/XXX/{UID}")
    body = {"GET": None, "PUT": token(country_code="FR", party_id="XXX"), "PATCH": {"last_updated": LATER}}[method]

    check(ocpi_client.open(method, path, json=body), 404, 2001)
    assert copies(ocpi) == []


@pytest.mark.conformance("TOK-06", "T-16")
@pytest.mark.parametrize("changes", [{"valid": False}, {"last_updated": None}], ids=["absent", "null"])
def test_patch_needs_last_updated(ocpi, ocpi_client, changes):
    ocpi_client.put(COPY, token())

    answered = ocpi_client.patch(COPY, changes)

    check(answered, 200, 2001)
    assert answered.message.startswith("Invalid body: last_updated ")
    assert copies(ocpi) == [token()]


@pytest.mark.conformance("TOK-06")
def test_unknown_token_is_not_patched(ocpi, ocpi_client):
    answered = ocpi_client.patch(COPY, {"valid": False, "last_updated": LATER})

    check(answered, 404, 2004)
    assert answered.message == f"There is no token '{UID}' here."
    assert copies(ocpi) == []


@pytest.mark.conformance("TOK-06", "T-17")
def test_patch_clears_what_is_null_and_never_what_is_required(ocpi, ocpi_client):
    ocpi_client.put(COPY, full_token())

    cleared = ocpi_client.patch(COPY, {"group_id": None, "last_updated": LATER})
    refused = ocpi_client.patch(COPY, {"issuer": None, "last_updated": LATER})

    check(refused, 200, 2001)
    assert cleared.status_code == 1000
    left = {**full_token(), "last_updated": LATER}
    del left["group_id"]
    assert copies(ocpi) == [left]


@pytest.mark.conformance("TOK-07")
def test_tokens_are_made_invalid_and_never_deleted(ocpi, ocpi_client):
    ocpi_client.put(COPY, token())

    deleted = ocpi_client.delete(COPY)
    invalid = ocpi_client.patch(COPY, {"valid": False, "last_updated": LATER})

    check(deleted, 405, 2000)
    assert deleted.headers["Allow"] == "GET, PUT, PATCH"
    assert invalid.status_code == 1000
    assert copies(ocpi) == [token(valid=False, last_updated=LATER)]


# The Sender: the list.


@pytest.mark.conformance("TOK-08", "PAG-01")
def test_list_is_paginated_and_filtered_by_date(ocpi, ocpi_client):
    for day in range(1, 6):
        ocpi.save("tokens", own(uid=str(day), last_updated=f"2024-05-0{day}T12:00:00Z"))

    page = ocpi_client.get(f"{SENDER}?limit=2&date_from=2024-05-02T12:00:00Z&date_to=2024-05-05T12:00:00Z")
    rest = ocpi_client.get(page.headers["Link"].split(">")[0][1:].removeprefix("https://platform.example"))

    assert [[item["uid"] for item in answered.data] for answered in (page, rest)] == [["2", "3"], ["4"]]
    assert [answered.headers["X-Total-Count"] for answered in (page, rest)] == ["3", "3"]
    assert "Link" not in rest.headers


@pytest.mark.conformance("TOK-08", "PAG-20")
def test_pull_adds_and_changes_and_removes(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    theirs = partial(token, country_code="FR", party_id="OTH")
    for document in (theirs(uid="1"), theirs(uid="2"), theirs(uid="2", type="APP_USER")):
        ocpi_other.save("tokens", document)
    first = ocpi.pull("tokens", platform)
    ocpi_other.objects.delete("tokens", "1")
    ocpi_other.patch("tokens", "2", "APP_USER", changes={"valid": False, "last_updated": LATER})
    ocpi_other.save("tokens", theirs(uid="3"))

    second = ocpi.pull("tokens", platform)

    assert (first.created, first.total) == (3, 3)
    assert (second.created, second.updated, second.unchanged, second.removed) == (1, 1, 1, 1)
    assert sorted((item["uid"], item["type"], item["valid"]) for item in copies(ocpi)) == [
        ("2", "APP_USER", False),
        ("2", "RFID", True),
        ("3", "RFID", True),
    ]


@pytest.mark.conformance("TOK-20")
def test_tokens_of_apps_are_pushed_with_the_whitelist_that_they_have(ocpi_network, ocpi, ocpi_other):
    ocpi_network.connect(ocpi, ocpi_other)
    ocpi.save("tokens", own(type="APP_USER", whitelist="NEVER"))

    (pushed,) = ocpi.push("tokens", UID, "APP_USER")

    assert pushed.error is None
    assert copies(ocpi_other) == [own(type="APP_USER", whitelist="NEVER")]


# The Sender: real-time authorization.


@pytest.mark.conformance("TOK-09", "TOK-12", "TOK-13", "T-03")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"headers": {"Content-Type": "application/json"}},
        {"data": b""},
        {"headers": {"Content-Type": "text/plain"}},
        {"json": {"location_id": "LOC1"}},
        {"json": PLACE},
        {"json": {"location_id": "LOC1", "evse_uids": []}},
        {"json": {"location_id": "LOC1", "evse_uids": None}},
    ],
    ids=["none", "type only", "empty", "other type", "location", "evses", "no evses", "null"],
)
def test_authorize_takes_a_location_or_nothing(card, ocpi_client, options):
    answered = ocpi_client.open("POST", AUTHORIZE, **options)

    assert (answered.http_status, answered.status_code) == (200, 1000)
    asked = {name: value for name, value in options.get("json", {}).items() if value}
    reference = answered.data["authorization_reference"]
    expected = {"allowed": "ALLOWED", "token": card, "authorization_reference": reference}
    assert answered.data == (expected | {"location": asked} if asked else expected)
    assert 0 < len(reference) <= 36


@pytest.mark.conformance("TOK-09")
@pytest.mark.parametrize(
    ("options", "http_status"),
    [
        ({"json": {}}, 200),
        ({"json": []}, 200),
        ({"json": {"evse_uids": ["EVSE1"]}}, 200),
        ({"json": {"location_id": "L" * 37}}, 200),
        ({"json": {"location_id": "LOC1", "evse_uids": "EVSE1"}}, 200),
        ({"data": b"{"}, 400),
        ({"data": b" "}, 400),
    ],
    ids=["empty object", "list", "no location", "too long", "one evse", "broken", "blank"],
)
def test_authorize_refuses_what_is_no_location(card, ocpi_client, options, http_status):
    check(ocpi_client.open("POST", AUTHORIZE, **options), http_status, 2001)


@pytest.mark.conformance("TOK-09")
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_authorize_is_a_post(card, ocpi_client, method):
    answered = ocpi_client.open(method, AUTHORIZE, json=None if method == "GET" else {})

    check(answered, 405, 2000)
    assert answered.headers["Allow"] == "POST"


@pytest.mark.conformance("TOK-10")
@pytest.mark.parametrize("body", [None, PLACE], ids=["nothing", "location"])
def test_unknown_token_is_not_found_and_has_no_data(card, ocpi_client, body):
    answered = ocpi_client.post(f"{SENDER}/UNKNOWN/authorize", body)

    check(answered, 404, 2004)
    assert answered.message == "There is no token 'UNKNOWN' here."


@pytest.mark.conformance("TOK-10")
def test_copies_of_other_tokens_are_none_of_ours(ocpi_client):
    ocpi_client.put(COPY, token())

    check(ocpi_client.post(AUTHORIZE), 404, 2004)


@pytest.mark.conformance("TOK-03", "TOK-10")
@pytest.mark.parametrize(
    ("query", "type"), [("", None), ("?type=RFID", None), ("?type=APP_USER", "APP_USER"), ("?type=OTHER", None)]
)
def test_authorize_without_a_type_is_about_the_rfid_token(ocpi, ocpi_client, query, type):
    ocpi.save("tokens", own(type="APP_USER"))

    answered = ocpi_client.post(f"{AUTHORIZE}{query}")

    if type is None:
        check(answered, 404, 2004)
    else:
        assert answered.data["token"] == own(type=type)


@pytest.mark.conformance("TOK-11")
@pytest.mark.parametrize("how", ["raise", "abort"])
def test_authorizer_asks_for_the_location(card, ocpi_client, decide, how):
    def need_location(token, location):
        if location is not None:
            return "ALLOWED"
        if how == "abort":
            abort(2002, "Say where.")
        raise NotEnoughInformationError("Say where.")

    decide(need_location)

    refused, allowed = ocpi_client.post(AUTHORIZE), ocpi_client.post(AUTHORIZE, PLACE)

    check(refused, 200, 2002)
    assert refused.message == "Say where."
    assert allowed.data["allowed"] == "ALLOWED"


@pytest.mark.conformance("TOK-12", "TOK-13", "TOK-14")
@pytest.mark.parametrize("refusal", ["BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED"])
@pytest.mark.parametrize("form", ["word", "object"])
def test_refusal_is_a_normal_answer(card, ocpi_client, decide, refusal, form):
    info = {"language": "en", "text": "Sorry."}
    decide(refusal if form == "word" else {"allowed": refusal, "info": info, "location": PLACE})

    answered = ocpi_client.post(AUTHORIZE, PLACE)

    assert (answered.http_status, answered.status_code) == (200, 1000)
    assert answered.data == {"allowed": refusal, "token": card, **({"info": info} if form == "object" else {})}


@pytest.mark.conformance("TOK-12", "TOK-18")
@pytest.mark.parametrize("whitelist", ["ALWAYS", "ALLOWED", "ALLOWED_OFFLINE", "NEVER"])
@pytest.mark.parametrize(("valid", "allowed"), [(True, "ALLOWED"), (False, "BLOCKED")], ids=["valid", "invalid"])
@pytest.mark.parametrize("undecided", [False, True], ids=["no authorizer", "authorizer answers None"])
def test_stored_token_answers_for_itself(ocpi, ocpi_client, decide, whitelist, valid, allowed, undecided):
    ocpi.save("tokens", own(whitelist=whitelist, valid=valid))
    if undecided:
        decide(None)

    answered = ocpi_client.post(AUTHORIZE)

    assert (answered.http_status, answered.data["allowed"]) == (200, allowed)
    assert ("authorization_reference" in answered.data) is valid


@pytest.mark.conformance("TOK-13", "TOK-25")
def test_authorizer_may_give_the_whole_answer(card, ocpi_client, decide):
    info = {"language": "nl", "text": "Welkom."}
    fresh = {**card, "language": "nl", "last_updated": LATER}
    given = {"allowed": "ALLOWED", "token": fresh, "authorization_reference": "AUTH-1", "info": info}
    decide(given)

    assert ocpi_client.post(AUTHORIZE).data == given


@pytest.mark.conformance("TOK-09", "TOK-12")
def test_authorizer_gets_the_token_and_the_location(card, ocpi_client, decide):
    asked = []
    decide(lambda token, location: asked.append((token, location)))

    ocpi_client.post(AUTHORIZE)
    ocpi_client.post(AUTHORIZE, PLACE)

    assert asked == [(card, None), (card, PLACE)]


@pytest.mark.conformance("TOK-14")
@pytest.mark.parametrize(
    ("asked", "given", "answered"),
    [
        (None, {"location": PLACE}, None),
        (PLACE, {}, PLACE),
        (PLACE, {"location": None}, None),
        (PLACE, {"location": {"location_id": "LOC1"}}, PLACE),
        (PLACE, {"location": {"location_id": "loc1", "evse_uids": None}}, PLACE),
        (PLACE, {"location": {"location_id": "LOC1", "evse_uids": ["evse2"]}}, {**PLACE, "evse_uids": ["EVSE2"]}),
        (PLACE, {"location": {**PLACE, "evse_uids": ["EVSE3", "EVSE1"]}}, {**PLACE, "evse_uids": ["EVSE1"]}),
        (PLACE, {"location": {"location_id": "LOC1", "evse_uids": ["EVSE3"]}}, None),
        (PLACE, {"location": {"location_id": "LOC1", "evse_uids": []}}, None),
        (PLACE, {"location": {"location_id": "LOC2"}}, None),
        ({"location_id": "LOC1"}, {}, {"location_id": "LOC1"}),
        ({"location_id": "LOC1"}, {"location": {**PLACE, "evse_uids": ["EVSE9"]}}, {**PLACE, "evse_uids": ["EVSE9"]}),
        ({"location_id": "LOC1"}, {"location": {"location_id": "LOC1", "evse_uids": []}}, None),
    ],
    ids=[
        "not asked",
        "nothing said",
        "nowhere",
        "whole location",
        "other case",
        "one of them",
        "one of them and another",
        "only another",
        "none",
        "other location",
        "location",
        "one of the location",
        "none of the location",
    ],
)
def test_location_is_answered_as_far_as_it_was_asked_for_and_allowed(card, ocpi_client, decide, asked, given, answered):
    decide({"allowed": "ALLOWED", **given})

    found = ocpi_client.post(AUTHORIZE, asked)

    assert found.status_code == 1000
    assert found.data.get("location") == answered


@pytest.mark.conformance("TOK-15")
def test_nobody_judges_opening_hours_or_the_status_of_an_evse(ocpi, card, ocpi_client):
    closed = {"twentyfourseven": False, "exceptional_closings": [{"period_begin": "2000-01-01T00:00:00Z"}]}
    closed["exceptional_closings"][0]["period_end"] = "2099-01-01T00:00:00Z"
    document = location(opening_times=closed, evses=[evse(status="OUTOFORDER"), evse(uid="EVSE2", status="REMOVED")])
    ocpi_client.put(ocpi_url("receiver/locations/DE/CPO/LOC1"), {**document, "country_code": "DE", "party_id": "CPO"})

    answered = ocpi_client.post(AUTHORIZE, PLACE)

    assert (answered.data["allowed"], answered.data["location"]) == ("ALLOWED", PLACE)


@pytest.mark.conformance("TOK-16")
def test_location_need_not_be_known(card, ocpi_client):
    answered = ocpi_client.post(AUTHORIZE, {"location_id": "NEVER-HEARD-OF"})

    assert answered.data["allowed"] == "ALLOWED"
    assert answered.data["location"] == {"location_id": "NEVER-HEARD-OF"}


@pytest.mark.conformance("TOK-17", "RT-22")
@SEVERAL
@pytest.mark.parametrize(("party", "found"), [("NL-ONE", "NL"), ("be-two", "BE"), ("NL-ABC", None), ("FR-XXX", None)])
def test_to_tells_whose_token_it_is(ocpi, ocpi_client, party, found):
    ocpi.save("tokens", token(country_code="NL", party_id="ONE"))
    ocpi.save("tokens", token(country_code="BE", party_id="TWO"))

    answered = ocpi_client.post(AUTHORIZE, headers=to(party))

    if found is None:  # no eMSP of ours
        check(answered, 200, 2001)
    else:
        assert answered.data["token"]["country_code"] == found


@pytest.mark.conformance("TOK-26", "TOK-17")
@SEVERAL
def test_without_to_the_token_of_any_party_is_found_unless_there_are_several(ocpi, ocpi_client):
    ocpi.save("tokens", token(country_code="BE", party_id="TWO"))
    found = ocpi_client.post(AUTHORIZE)
    ocpi.save("tokens", token(country_code="NL", party_id="ONE"))
    ambiguous = ocpi_client.post(AUTHORIZE)
    absent = ocpi_client.post(f"{AUTHORIZE}?type=OTHER")

    assert found.data["token"]["party_id"] == "TWO"
    check(ambiguous, 404, 2004)
    check(absent, 404, 2004)


@pytest.mark.conformance("TOK-10", "TOK-26")
@SEVERAL
def test_token_for_others_is_as_if_it_were_not_there(ocpi, ocpi_client):
    ocpi.save("tokens", token(country_code="BE", party_id="TWO"), audience=(Party.of("FR", "XXX"),))
    hidden = [ocpi_client.post(AUTHORIZE), ocpi_client.post(AUTHORIZE, headers=to("BE-TWO"))]
    ocpi.save("tokens", token(country_code="NL", party_id="ONE"), audience=(Party.of("DE", "CPO"),))

    shown = ocpi_client.post(AUTHORIZE)

    for answered in hidden:
        check(answered, 404, 2004)
    assert shown.data["token"]["party_id"] == "ONE"


@pytest.mark.conformance("TOK-23")
def test_authorization_costs_the_same_however_many_tokens_there_are(ocpi, card, ocpi_client, ocpi_network, monkeypatch):
    for number in range(50):
        ocpi.save("tokens", own(uid=f"T{number}"))
    ocpi_network.requests.clear()
    read = []
    get = MemoryStorage.get
    monkeypatch.setattr(MemoryStorage, "get", lambda self, kind, *a, **k: read.append(kind) or get(self, kind, *a, **k))
    monkeypatch.setattr(MemoryStorage, "list", lambda self, kind, query: pytest.fail(f"{kind} was searched"))

    answered = ocpi_client.post(AUTHORIZE)

    assert answered.data["allowed"] == "ALLOWED"
    assert read.count("tokens") == 1
    assert ocpi_network.requests == []


GARBAGE = [
    "allowed",
    "",
    True,
    False,
    0,
    3.5,
    ["ALLOWED"],
    ...,
    {"allowed": "YES"},
    {"allowed": None},
    {"token": {"uid": UID}},
    {"token": None},
    {"token": own(uid="OTHER")},
    {"token": own(type="APP_USER")},
    {"location": {}},
    {"location": "LOC1"},
    {"location": {"location_id": "LOC1", "evse_uids": "EVSE1"}},
    {"authorization_reference": "x" * 37},
    {"info": "Welcome"},
]


@pytest.mark.conformance("TOK-12", "ST-03")
@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda value: repr(value)[:30])
def test_garbage_of_the_authorizer_is_our_failure_and_never_a_yes(card, ocpi_client, decide, caplog, garbage):
    decide(garbage)

    answered = ocpi_client.post(AUTHORIZE, PLACE)

    check(answered, 200, 3000)
    assert answered.message == "The host application gave no valid answer about this token."
    assert "The authorizer answered" in caplog.text


@pytest.mark.conformance("TOK-12", "ST-03")
def test_authorizer_that_fails_is_our_failure(card, ocpi_client, decide, caplog):
    def fail(token, location):
        raise RuntimeError("No connection to the billing system.")

    decide(fail)

    answered = ocpi_client.post(AUTHORIZE)

    check(answered, 500, 3000)
    assert "billing" not in answered.message
    assert "No connection to the billing system." in caplog.text


def test_signal_tells_of_each_decision(ocpi_app, card, ocpi_client, decide):
    heard = []

    def listen(app, **payload):
        heard.append(payload)
        raise RuntimeError("A listener fails.")

    decide("NO_CREDIT")
    with token_authorized.connected_to(listen, ocpi_app):
        answered = ocpi_client.post(AUTHORIZE, PLACE)

    assert answered.data["allowed"] == "NO_CREDIT"
    (payload,) = heard
    assert payload.pop("platform").id == ocpi_client.platform.id
    assert payload == {"token": card, "location": PLACE, "info": answered.data}


# What follows from an answer.


@pytest.mark.conformance("TOK-25")
def test_authorization_reference_comes_back_in_session_and_cdr(ocpi_network):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])])
    emsp = ocpi_network.add("emsp.example", [("DE", "EMS", ["EMSP"])])
    there, _ = ocpi_network.connect(cpo, emsp)
    emsp.save("tokens", token(whitelist="NEVER"))
    handed_out = []

    def note(app, info, **payload):
        handed_out.append(info["authorization_reference"])

    with token_authorized.connected_to(note, ocpi_network.apps["emsp.example"]):
        reference = cpo.client(there).tokens.authorize(UID).info["authorization_reference"]
    cpo.save("sessions", session(authorization_reference=reference))
    cpo.save("cdrs", cdr(authorization_reference=reference))
    pushed = [*cpo.push("sessions", "SES1"), *cpo.push("cdrs", "CDR1")]

    copies = [next(emsp.objects.documents(module, copies=True)) for module in ("sessions", "cdrs")]
    assert [push.error for push in pushed] == [None, None]
    assert [copy["authorization_reference"] for copy in copies] == handed_out * 2


@pytest.mark.conformance("TOK-25")
def test_every_authorization_has_a_reference_of_its_own(card, ocpi_client):
    answers = [ocpi_client.post(AUTHORIZE), ocpi_client.post(AUTHORIZE)]

    assert len({answered.data["authorization_reference"] for answered in answers}) == 2


def test_copy_that_arrives_is_told_by_signal(ocpi_app, ocpi_client):
    heard = []

    def listen(app, module, key, document, created, platform):
        heard.append((module, key.id, document, created, platform.id))

    with object_received.connected_to(listen, ocpi_app):
        ocpi_client.put(COPY, token())

    assert heard == [("tokens", f"{UID}\nRFID", token(), True, ocpi_client.platform.id)]
