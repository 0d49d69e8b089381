"""What each partner gets to see, and nothing of another's: lists, counts, pages, and each way to a single object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import pytest

from flask_ocpi.extension import OCPI
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Storage
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import client_info
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import set_charging_profile
from flask_ocpi.testing.documents import start_session
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import TestResponse
from flask_ocpi.testing.network import add_partner
from tests.conformance.sharing import LATER
from tests.conformance.sharing import Network221
from tests.conformance.sharing import check
from tests.conftest import EVERY_STORAGE
from tests.urls import ocpi_url

BASE = "https://platform.example"
SENDER = ocpi_url("sender")
RECEIVER = ocpi_url("receiver")
URL = "https://partner.example/result"
FUNCTIONAL = ("cdrs", "locations", "sessions", "tariffs", "tokens")
MODULES = (*FUNCTIONAL, "hubclientinfo")
DAYS = 3

# The eMSP and the CPO of each partner; "far" is behind the hub, and "gone" has no partner here any more.
PARTIES = {
    "ann": (Party.of("DE", "EMS"), Party.of("DE", "CPO")),
    "bob": (Party.of("FR", "EMS"), Party.of("FR", "CPO")),
    "nap": (Party.of("BE", "NSP"), Party.of("BE", "NSP")),
    "hub": (Party.of("NL", "HUB"), Party.of("NL", "HUB")),
    "far": (Party.of("AT", "FAR"), Party.of("AT", "FAR")),
    "gone": (Party.of("CH", "OLD"), Party.of("CH", "OLD")),
}
# Whose objects a partner gets to see, "all" being for everybody, and which lists it may call.
SEEN = {"ann": ("all", "ann"), "bob": ("all", "bob"), "nap": ("all", "nap"), "hub": ("all", "hub")}
CALLED = {"ann": MODULES, "bob": MODULES, "nap": ("hubclientinfo", "locations", "tariffs"), "hub": FUNCTIONAL}
ROUTED = {"OCPI-from-country-code": "AT", "OCPI-from-party-id": "FAR"}


@dataclass
class Platform:
    """A platform with objects for everybody, for each partner, and for others."""

    ocpi: OCPI
    partners: dict[str, PartnerClient]
    ids: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def expected(self, module: str, *owners: str, days: range = range(1, DAYS + 1)) -> list[str]:
        """Return the ids of the objects for these, of some days, in the order of their creation."""
        known = self.ids[module]
        return [known[owner][day - 1] for day in days for owner in known if owner in owners]


@pytest.fixture
def platform(ocpi_storage: Storage) -> Platform:
    network = Network221(clock=Clock())
    config = {"OCPI_MODULES": ["commands", "chargingprofiles", *MODULES]}  # hubclientinfo, too: its list
    ocpi = network.add("platform.example", [("NL", "ABC", ["CPO", "EMSP"])], storage=ocpi_storage, config=config)
    app = network.apps["platform.example"]
    partners = {
        name: add_partner(app, [(*emsp, emsp_roles), (*cpo, cpo_roles)], name=name)
        for name, (emsp, cpo), emsp_roles, cpo_roles in (
            ("ann", PARTIES["ann"], ["EMSP"], ["CPO"]),
            ("bob", PARTIES["bob"], ["EMSP"], ["CPO"]),
            ("nap", PARTIES["nap"], ["NSP"], []),
            ("hub", PARTIES["hub"], ["HUB"], []),
        )
    }
    made = Platform(ocpi, partners)
    with ocpi.storage.transaction():  # one is quicker than many
        for module in MODULES:
            _fill(made, module)
    return made


def _fill(platform: Platform, module: str) -> None:
    """Save one object a day for each audience, each with its name in it."""
    audiences = ["all", *PARTIES] if module not in ("sessions", "cdrs") else list(PARTIES)
    platform.ids[module] = {name: [_id(module, name, day) for day in range(1, DAYS + 1)] for name in audiences}
    for day in range(1, DAYS + 1):
        for name in audiences:
            emsp, cpo = PARTIES.get(name, (None, None))
            seen_by = () if name == "all" else (cpo if module == "tokens" else emsp,)
            document = _document(module, _id(module, name, day), emsp)
            document["last_updated"] = f"2024-05-0{day}T12:00:00Z"
            platform.ocpi.save(module, document, audience=() if module in ("sessions", "cdrs") else seen_by)


def _document(module: str, id: str, emsp: Party | None) -> dict[str, Any]:
    if module == "hubclientinfo":
        return client_info(party_id=id)
    if module == "tokens":
        return token(country_code="NL", party_id="ABC", uid=id)
    if module in ("sessions", "cdrs"):
        make = session if module == "sessions" else cdr
        of_emsp = {**session()["cdr_token"], "country_code": emsp.country_code, "party_id": emsp.party_id}
        return make(id=id, cdr_token=of_emsp)
    return location(id=id, evses=[evse()]) if module == "locations" else tariff(id=id)


def _id(module: str, name: str, day: int) -> str:
    """Return an id that tells whose the object is: three characters for a ClientInfo, whose id is a party's."""
    return f"{name[0]}{name[-1]}{day}".upper() if module == "hubclientinfo" else f"{name}-object-{day}"


def id_of(module: str, document: dict[str, Any]) -> str:
    return document[{"hubclientinfo": "party_id", "tokens": "uid"}.get(module, "id")]


def crawl(client: PartnerClient, module: str, query: str, **options: Any) -> Iterator[TestResponse]:
    """Follow the Links from page to page."""
    url: str | None = f"{SENDER}/{module}?{query}"
    while url is not None:
        answered = client.get(url, **options)
        yield answered
        link = answered.headers.get("Link")
        url = None if link is None else link.split(">")[0][1:].removeprefix(BASE)


def others(module: str, owners: tuple[str, ...]) -> list[bytes]:
    """Return what only objects of others have in them."""
    return [_id(module, name, day).encode() for name in PARTIES if name not in owners for day in range(1, DAYS + 1)]


# Lists, their counts and pages.


@pytest.mark.conformance("PAG-09", "PAG-22", "SES-01", "CDR-01", "TOK-08", "TAR-01", "HCI-03")
@EVERY_STORAGE
@pytest.mark.parametrize("limit", [1, 4])
def test_lists_show_each_partner_what_is_for_it_and_count_nothing_else(platform, limit):
    for name, client in platform.partners.items():
        for module in CALLED[name]:
            expected = platform.expected(module, *SEEN[name])

            pages = list(crawl(client, module, f"limit={limit}&date_from=2024-01-01T00:00:00Z"))

            found = [id_of(module, document) for page in pages for document in page.data]
            assert found == expected, (name, module)
            assert {page.headers["X-Total-Count"] for page in pages} == {str(len(expected))}
            assert len(pages) == max(1, -(-len(expected) // limit))
            for page in pages:
                answered = page.body + str(page.headers).encode()
                assert not [text for text in others(module, SEEN[name]) if text in answered], (name, module)


@pytest.mark.conformance("PAG-03", "PAG-09", "PAG-22")
@EVERY_STORAGE
def test_dates_and_offsets_filter_what_is_for_the_partner(platform):
    dates = "date_from=2024-05-02T12:00:00Z&date_to=2024-05-03T12:00:00Z"
    for name, client in platform.partners.items():
        for module in CALLED[name]:
            expected = platform.expected(module, *SEEN[name], days=range(2, 3))

            pages = list(crawl(client, module, f"{dates}&limit=1"))
            beyond = client.get(f"{SENDER}/{module}?{dates}&offset={len(expected)}")

            assert [id_of(module, document) for page in pages for document in page.data] == expected, (name, module)
            assert {page.headers["X-Total-Count"] for page in (*pages, beyond)} == {str(len(expected))}
            assert (beyond.data, "Link" in beyond.headers) == ([], False)


@pytest.mark.conformance("PAG-22")
@EVERY_STORAGE
def test_link_of_one_partner_shows_another_only_its_own(platform):
    ann, bob = platform.partners["ann"], platform.partners["bob"]
    for module in MODULES:
        (first, *_) = crawl(ann, module, "limit=1&date_from=2024-01-01T00:00:00Z")
        link = first.headers["Link"].split(">")[0][1:].removeprefix(BASE)

        answered = bob.get(link)

        assert id_of(module, answered.data[0]) in platform.expected(module, *SEEN["bob"])
        assert answered.headers["X-Total-Count"] == str(len(platform.expected(module, *SEEN["bob"])))


@pytest.mark.conformance("ROLE-02", "PAG-22")
@EVERY_STORAGE
def test_lists_that_are_not_for_a_role_tell_nothing(platform):
    for module in set(MODULES) - set(CALLED["nap"]):
        answered = platform.partners["nap"].get(f"{SENDER}/{module}?date_from=2024-01-01T00:00:00Z")

        check(answered, 403, 2000)
        assert "X-Total-Count" not in answered.headers


@pytest.mark.conformance("PAG-22", "RT-23", "PUSH-06")
@EVERY_STORAGE
def test_hub_sees_what_is_for_the_party_that_it_calls_for(platform):
    hub = platform.partners["hub"]
    for module in FUNCTIONAL:
        expected = platform.expected(module, "all", "hub", "far")

        pages = list(crawl(hub, module, "limit=2&date_from=2024-01-01T00:00:00Z", headers=ROUTED))
        without = hub.get(f"{SENDER}/{module}?date_from=2024-01-01T00:00:00Z")

        assert [id_of(module, document) for page in pages for document in page.data] == expected, module
        assert {page.headers["X-Total-Count"] for page in pages} == {str(len(expected))}
        assert without.headers["X-Total-Count"] == str(len(platform.expected(module, "all", "hub")))


@pytest.mark.conformance("RT-23", "PUSH-06")
@EVERY_STORAGE
def test_hub_sees_nothing_of_who_is_registered_here(platform):
    for party in (PARTIES["ann"][0], PARTIES["bob"][1], Party.of("NL", "ABC")):
        headers = {"OCPI-from-country-code": party.country_code, "OCPI-from-party-id": party.party_id}
        for module in ("sessions", "cdrs", "tokens"):
            answered = platform.partners["hub"].get(
                f"{SENDER}/{module}?date_from=2024-01-01T00:00:00Z", headers=headers
            )

            check(answered, 200, 2001)
            assert "X-Total-Count" not in answered.headers


@pytest.mark.conformance("RT-23", "PAG-22")
@EVERY_STORAGE
def test_from_of_another_partner_opens_nothing(platform):
    bob_emsp, _ = PARTIES["bob"]
    headers = {"OCPI-from-country-code": bob_emsp.country_code, "OCPI-from-party-id": bob_emsp.party_id}

    check(platform.partners["ann"].get(f"{SENDER}/cdrs", headers=headers), 200, 2001)


@EVERY_STORAGE
def test_object_that_changes_hands_changes_lists(platform):
    """A Session is for who its token is of, also after it was changed."""
    changed = _document("sessions", "ann-object-1", PARTIES["bob"][0])

    platform.ocpi.patch("sessions", "ann-object-1", changes={"cdr_token": changed["cdr_token"], "last_updated": LATER})

    found = {}
    for name in ("ann", "bob"):
        pages = crawl(platform.partners[name], "sessions", "limit=2&date_from=2024-01-01T00:00:00Z")
        found[name] = {document["id"] for page in pages for document in page.data}
    assert "ann-object-1" in found["bob"] - found["ann"]
    assert (len(found["ann"]), len(found["bob"])) == (DAYS - 1, DAYS + 1)


# Single objects: what is another's is answered as what is not there.


def same_but_for_ids(answers: list[TestResponse], ids: list[str]) -> bool:
    """Tell whether answers differ in nothing but the ids that were asked for."""
    shown = []
    for answered, id in zip(answers, ids, strict=True):
        envelope = {name: value for name, value in answered.envelope.items() if name != "timestamp"}
        shown.append((answered.http_status, str(envelope).replace(id, "ID")))
    return len(set(shown)) == 1


@pytest.mark.conformance("PAG-22")
@EVERY_STORAGE
def test_location_of_others_is_not_there(platform):
    ids = ["bob-object-1", "far-object-1", "gone-object-1", "NEVER-WAS"]
    for name in ("ann", "nap", "hub"):
        client = platform.partners[name]
        for below in ("", "/EVSE1", "/EVSE1/1"):
            answers = [client.get(f"{SENDER}/locations/{id}{below}") for id in ids]

            check(answers[0], 404, 2003)
            assert same_but_for_ids(answers, ids)
        assert client.get(f"{SENDER}/locations/{name}-object-1").data["id"] == f"{name}-object-1"
    far = platform.partners["hub"].get(f"{SENDER}/locations/far-object-1/EVSE1", headers=ROUTED)
    assert far.data["uid"] == "EVSE1"


@pytest.mark.conformance("TOK-10")
@EVERY_STORAGE
def test_token_of_others_is_not_there(platform):
    asked = []
    platform.ocpi.authorizer(lambda token, location: asked.append(token["uid"]))
    ids = ["bob-object-1", "far-object-1", "gone-object-1", "NEVER-WAS"]
    for name in ("ann", "hub"):
        client = platform.partners[name]
        answers = [client.post(f"{SENDER}/tokens/{id}/authorize") for id in ids]
        own = client.post(f"{SENDER}/tokens/{name}-object-1/authorize")

        check(answers[0], 404, 2004)
        assert same_but_for_ids(answers, ids)
        assert own.data["token"]["uid"] == f"{name}-object-1"
    assert platform.partners["hub"].post(f"{SENDER}/tokens/far-object-1/authorize", headers=ROUTED).status_code == 1000
    assert asked == ["ann-object-1", "hub-object-1", "far-object-1"]


@pytest.mark.conformance("SES-06")
@EVERY_STORAGE
def test_charging_preferences_for_a_session_of_others(platform):
    asked = []
    platform.ocpi.charging_preferences(lambda session, preferences: asked.append(session["id"]) or "ACCEPTED")
    body = {"profile_type": "REGULAR"}
    ids = ["bob-object-1", "far-object-1", "NEVER-WAS"]
    ann = platform.partners["ann"]

    answers = [ann.put(f"{SENDER}/sessions/{id}/charging_preferences", body) for id in ids]
    own = ann.put(f"{SENDER}/sessions/ann-object-1/charging_preferences", body)

    check(answers[0], 404, 2001)
    assert same_but_for_ids(answers, ids)
    assert (own.data, asked) == ("ACCEPTED", ["ann-object-1"])


@pytest.mark.conformance("CMD-17", "CHP-07")
@EVERY_STORAGE
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "commands/STOP_SESSION", lambda id: {"session_id": id, "response_url": URL}),
        ("PUT", "chargingprofiles/{id}", lambda id: set_charging_profile(response_url=URL)),
        ("GET", "chargingprofiles/{id}?duration=60&response_url=" + URL, None),
        ("DELETE", "chargingprofiles/{id}?response_url=" + URL, None),
    ],
    ids=["stop", "set", "get", "clear"],
)
def test_session_of_others_is_neither_stopped_nor_limited(platform, method, path, body):
    asked = []

    def accept(document, reply):
        asked.append(document["session_id"])
        return "REJECTED"

    platform.ocpi.command("STOP_SESSION")(accept)
    for name in ("GET", "PUT", "DELETE"):
        platform.ocpi.charging_profile(name)(accept)

    def call(name, id, **options):
        sent = None if body is None else body(id)
        return platform.partners[name].open(method, f"{RECEIVER}/{path.format(id=id)}", json=sent, **options)

    for name, id in (
        ("ann", "bob-object-1"),
        ("bob", "ann-object-1"),
        ("ann", "far-object-1"),
        ("hub", "ann-object-1"),
    ):
        answered = call(name, id)
        assert answered.data == {"result": "REJECTED", "timeout": 0}, (name, id)  # as OCPI has it
    assert call("ann", "NEVER-WAS").data["result"] == "UNKNOWN_SESSION"
    assert asked == []
    call("ann", "ann-object-1")
    call("hub", "far-object-1", headers=ROUTED)
    assert asked == ["ann-object-1", "far-object-1"]


@EVERY_STORAGE
def test_nobody_starts_a_session_at_a_location_that_it_cannot_see(platform):
    asked = []
    platform.ocpi.command("START_SESSION")(lambda document, reply: asked.append(document["location_id"]) or "REJECTED")
    ids = ["bob-object-1", "NEVER-WAS"]
    of_ann = {**token(), "country_code": "DE", "party_id": "EMS"}

    def start(id):
        body = start_session(response_url=URL, token=of_ann, location_id=id, evse_uid="EVSE1")
        return platform.partners["ann"].post(f"{RECEIVER}/commands/START_SESSION", body)

    answers = [start(id) for id in ids]
    start("ann-object-1")

    assert answers[0].status_code == 2003
    assert same_but_for_ids(answers, ids)
    assert asked == ["ann-object-1"]


# Copies: only who sent one reads it again, and it is in nobody's list.


@pytest.mark.conformance("PUSH-05", "PUSH-09", "CDR-05")
@EVERY_STORAGE
def test_copies_are_for_who_sent_them(platform):
    ann = platform.partners["ann"]
    emsp, cpo = PARTIES["ann"]
    ours = {**session()["cdr_token"], "country_code": "NL", "party_id": "ABC"}
    owner = {"country_code": "DE", "party_id": "CPO"}
    for module, document in (
        ("locations", location(**owner, id="COPY")),
        ("tariffs", tariff(**owner, id="COPY")),
        ("sessions", session(**owner, id="COPY", cdr_token=ours)),
        ("tokens", token(uid="COPY")),
    ):
        party = emsp if module == "tokens" else cpo
        path = f"{RECEIVER}/{module}/{party.country_code}/{party.party_id}/COPY"
        assert ann.put(path, document).http_status == 201
        _only_for_ann(platform, path, module)
    posted = ann.post(f"{RECEIVER}/cdrs", cdr(**owner, id="COPY", cdr_token=ours))
    _only_for_ann(platform, posted.headers["Location"].removeprefix(BASE), "cdrs")


def _only_for_ann(platform: Platform, path: str, module: str) -> None:
    assert id_of(module, platform.partners["ann"].get(path).data) == "COPY"
    for name in ("bob", "hub"):
        check(platform.partners[name].get(path), 404, 2001)
        for headers in ({}, ROUTED if name == "hub" else {}):
            pages = crawl(platform.partners[name], module, "date_from=2024-01-01T00:00:00Z", headers=headers)
            assert not [page for page in pages if b"COPY" in page.body]


@pytest.mark.conformance("PUSH-05")
@EVERY_STORAGE
def test_own_objects_are_no_copies_of_anybody(platform):
    for module in FUNCTIONAL:
        for name in ("ann", "hub"):
            path = f"{RECEIVER}/{module}/NL/ABC/{name}-object-1"

            check(platform.partners[name].get(path), 404, 2001)
