"""OCPI 9.9 beside 2.2.1 on one app: each partner gets its shape, and all of them send what is stored in one."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.core.converting import Converter
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.storage.base import Party
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1
from tests.conftest import EVERY_STORAGE
from tests.versions.nine import V9_9

BOTH = (V2_2_1, V9_9)
EMS = Party.of("DE", "EMS")
OLD = Party.of("NL", "OLD")
LATER = "2024-06-30T12:00:00Z"


class House:
    """A CPO that speaks both versions, with a partner of each: an eMSP of 9.9 and one of 2.2.1."""

    def __init__(self, network, storage):
        self.network = network
        self.cpo = network.add("cpo.example", [("NL", "ABC", ["CPO"])], storage=storage, versions=BOTH)
        self.ems = network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=(V9_9,))
        self.old = network.add("old.example", [("NL", "OLD", ["EMSP"])], versions=(V2_2_1,))
        self.there, self.here = network.connect(self.ems, self.cpo)
        network.connect(self.old, self.cpo)
        network.requests.clear()

    def sent(self, host, *methods):
        """Return what the CPO, or who is named, sent to a host: method, path and body."""
        found = [request for request in self.network.requests if request.url.startswith(f"https://{host}/")]
        return [request for request in found if not methods or request.method in methods]

    def close(self):
        self.network.requests.clear()


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def house(ocpi_network, ocpi_storage):
    return House(ocpi_network, ocpi_storage)


def body_of(request):
    return orjson.loads(request.body)


def stored_location(**changes):
    return documents.location(
        name="Central Station",
        parking_type="PARKING_GARAGE",
        evses=[documents.evse(physical_reference="P1", connectors=[documents.connector(tariff_ids=["11", "12"])])],
        **changes,
    )


def without(document, *names):
    return {name: value for name, value in document.items() if name not in names}


def as_9_9(location):
    """Return a stored Location of one EVSE with one connector as it comes through 9.9 and back."""
    evse = location["evses"][0]
    connector = {**evse["connectors"][0], "tariff_ids": ["11"]}
    return {**without(location, "parking_type"), "evses": [{**evse, "connectors": [connector]}]}


# The handshake.


@EVERY_STORAGE
@pytest.mark.parametrize("asks", ["ems", "cpo"])
def test_handshake_in_both_directions(ocpi_network, ocpi_storage, asks):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], storage=ocpi_storage, versions=BOTH)
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=(V9_9,))
    client, server = (ems, cpo) if asks == "ems" else (cpo, ems)

    ocpi_network.connect(client, server)

    record, mirror = cpo.partners.find("DE-EMS"), ems.partners.find("NL-ABC")
    assert (record.version, mirror.version) == ("9.9", "9.9")
    assert record.endpoint("locations", InterfaceRole.RECEIVER) == "https://ems.example/ocpi/9.9/receiver/locations"
    assert record.endpoint("locations", InterfaceRole.SENDER) is None
    assert record.endpoint("tokens", InterfaceRole.SENDER) == "https://ems.example/ocpi/9.9/sender/tokens"
    assert mirror.endpoint("commands", InterfaceRole.RECEIVER) == "https://cpo.example/ocpi/9.9/receiver/commands"
    assert {"role", "identifier", "url"} == set(mirror.endpoints[0])


@pytest.mark.parametrize("asks", ["ems", "cpo"])
def test_credentials_are_in_the_shape_of_the_version(ocpi_network, asks):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=BOTH)
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=(V9_9,))
    answers = []
    ocpi_network.after_send = lambda request, response: answers.append((request, response)) or response
    client, server = (ems, cpo) if asks == "ems" else (cpo, ems)

    ocpi_network.connect(client, server)
    client.partners.rotate(client.partners.list()[0])

    handshakes = [(r.method, body_of(r), orjson.loads(a.body)["data"]) for r, a in answers if r.method != "GET"]
    assert [method for method, _, _ in handshakes] == ["POST", "PUT"]
    for _, asked, answered in handshakes:
        assert "roles" not in {**asked, **answered}
        assert {asked["role"], answered["role"]} == {"CPO", "EMSP"}
    assert [role["role"] for role in cpo.partners.find("DE-EMS").roles] == ["EMSP"]


def test_where_both_have_both_versions_the_newer_one_is_spoken(ocpi_network):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=BOTH)
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=BOTH)

    there, here = ocpi_network.connect(ems, cpo)

    assert (there.version, here.version) == ("9.9", "9.9")


def test_token_is_sent_as_the_version_has_it(house):
    house.cpo.save("locations", documents.location())

    (to_ems,), (to_old,) = house.sent("ems.example"), house.sent("old.example")
    token = house.cpo.services.platforms.cipher.decrypt(house.here.token)
    assert to_ems.headers["Authorization"] == f"Token {token}"
    assert to_old.headers["Authorization"].endswith("=")


def test_partner_that_takes_plain_tokens_only_is_found(ocpi_network):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=BOTH)
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=(V9_9,))
    _, token = ems.partners.invite(name="Cpo", roles=["CPO"])
    sent = []

    def before(request):
        sent.append(request)
        if request.url.startswith("https://ems.example/") and request.headers["Authorization"].endswith("="):
            request.headers["Authorization"] = "Token that-nobody-knows"

    ocpi_network.before_send = before
    cpo.partners.register(ems.versions_url, token)

    spoken = {request.headers["Authorization"] for request in sent if request.method == "POST"}
    assert spoken == {f"Token {token}"}


def test_encoding_that_was_said_stays(ocpi_network):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=BOTH)
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=(V9_9,))
    _, token = cpo.partners.invite(name="Ems", encoding="base64")

    ems.partners.register(cpo.versions_url, token)

    called = [request for request in ocpi_network.requests if request.url.startswith("https://ems.example/")]
    assert called
    assert all(request.headers["Authorization"].endswith("=") for request in called)


def test_partner_comes_to_speak_a_newer_version_and_its_copies_stay(ocpi_network):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=(V2_2_1,))
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=BOTH)
    ocpi_network.connect(cpo, ems)
    cpo.save("locations", stored_location())
    newer = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=BOTH, storage=cpo.storage)

    newer.partners.rotate("DE-EMS", version="9.9")
    newer.patch("locations", "LOC1", changes={"city": "Gent"})

    assert newer.partners.find("DE-EMS").version == "9.9"
    assert ems.copies.get("locations", "LOC1", owner=Party.of("NL", "ABC"))["city"] == "Gent"


# What is pushed.


@EVERY_STORAGE
def test_one_object_reaches_each_partner_in_its_shape(house):
    location = stored_location()

    house.cpo.save("locations", location)

    (to_ems,), (to_old,) = house.sent("ems.example"), house.sent("old.example")
    assert to_ems.url.startswith("https://ems.example/ocpi/9.9/")
    assert (body_of(to_ems)["title"], body_of(to_ems)["evses"][0]["bay"]) == ("Central Station", "P1")
    assert not {"name", "parking_type"} & set(body_of(to_ems))
    assert body_of(to_old) == house.cpo.objects.get("locations", "LOC1")


@EVERY_STORAGE
def test_what_arrives_is_stored_in_one_shape(house):
    house.cpo.save("locations", stored_location())

    saved = house.cpo.objects.get("locations", "LOC1")
    assert list(house.old.objects.documents("locations", copies=True)) == [saved]
    assert list(house.ems.objects.documents("locations", copies=True)) == [as_9_9(saved)]


def test_routing_headers_go_to_the_partner_of_2_2_1_only(house):
    house.cpo.save("locations", documents.location())

    (to_ems,), (to_old,) = house.sent("ems.example"), house.sent("old.example")
    assert not [name for name in to_ems.headers if name.startswith("OCPI-")]
    assert to_old.headers["OCPI-to-party-id"] == "OLD"


def test_what_the_version_cannot_say_is_a_finding(house):
    house.cpo.save("locations", stored_location())

    house.cpo.findings.flush()
    found = [entry.finding for entry in house.cpo.findings.list(platform=house.here.id)]
    assert sorted(finding.path for finding in found) == ["evses[].connectors[].tariff_ids[]", "parking_type"]
    assert {finding.kind for finding in found} == {"not_sent"}


@EVERY_STORAGE
def test_change_that_reads_the_same_in_both_versions_is_a_patch_to_both(house):
    house.cpo.save("locations", stored_location())
    house.network.requests.clear()

    house.cpo.patch("locations", "LOC1", "EVSE1", changes={"status": "CHARGING"})

    (to_ems,), (to_old,) = house.sent("ems.example"), house.sent("old.example")
    assert (to_ems.method, to_old.method) == ("PATCH", "PATCH")
    assert body_of(to_ems) == body_of(to_old)
    for partner in (house.ems, house.old):
        (copy,) = partner.objects.documents("locations", copies=True)
        assert copy["evses"][0]["status"] == "CHARGING"


@EVERY_STORAGE
@pytest.mark.parametrize(
    ("ids", "changes"),
    [(("LOC1",), {"name": "Main"}), (("LOC1", "EVSE1"), {"physical_reference": "P2"}), (("LOC1",), {"name": None})],
    ids=["renamed", "renamed in a part", "cleared"],
)
def test_change_that_reads_otherwise_is_the_whole_object_to_one(house, ids, changes):
    house.cpo.save("locations", stored_location())
    house.network.requests.clear()

    house.cpo.patch("locations", *ids, changes=changes)

    (to_ems,), (to_old,) = house.sent("ems.example"), house.sent("old.example")
    assert (to_ems.method, to_old.method) == ("PUT", "PATCH")
    (copy,) = house.ems.objects.documents("locations", copies=True)
    assert copy == as_9_9(house.cpo.objects.get("locations", "LOC1"))


def test_removed_tariff_is_removed_at_both(house):
    house.cpo.save("tariffs", documents.tariff(min_price={"excl_vat": 1, "incl_vat": 1.21}))
    assert body_of(house.sent("ems.example")[0])["min_price"] == {"net": 1, "incl_vat": 1.21}
    (copy,) = house.ems.objects.documents("tariffs", copies=True)
    assert copy == house.cpo.objects.get("tariffs", "TARIFF1")

    house.cpo.delete("tariffs", "TARIFF1")

    for partner in (house.ems, house.old):
        assert list(partner.objects.documents("tariffs", copies=True)) == []


@EVERY_STORAGE
def test_session_goes_to_its_emsp_and_grows_there(house):
    session = documents.session(total_cost={"excl_vat": 1})
    period = {"start_date_time": "2024-05-31T11:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 1}]}

    house.cpo.save("sessions", session)
    house.cpo.patch("sessions", "SES1", changes={"kwh": 13, "charging_periods": [period]})

    assert house.sent("old.example") == []
    first = body_of(house.sent("ems.example")[0])
    assert (first["started"], first["total_cost"]) == ("2024-05-31T10:00:00Z", {"net": 1})
    (copy,) = house.ems.objects.documents("sessions", copies=True)
    assert copy == house.cpo.objects.get("sessions", "SES1")


@EVERY_STORAGE
def test_cdr_is_posted_and_read_again(house):
    cdr = documents.full_cdr()

    house.cpo.save("cdrs", cdr)

    (post,) = house.sent("ems.example", "POST")
    assert body_of(post)["stopped"] == cdr["end_date_time"]
    assert body_of(post)["total_cost"] == {"net": -7.125, "incl_vat": -8.6213}
    assert "country_code" not in body_of(post)
    (copy,) = house.ems.objects.documents("cdrs", copies=True)
    assert copy == cdr
    with house.cpo.client(house.here) as client:
        assert client.cdrs.get_copy(cdr["id"]) == cdr


@EVERY_STORAGE
def test_tokens_are_pushed_to_the_cpo_and_authorized_by_it(house):
    token = documents.full_token()
    house.ems.save("tokens", {**token, "whitelist": "NEVER"})

    (put,) = house.sent("cpo.example", "PUT")
    assert body_of(put)["contract"] == token["contract_id"]
    (copy,) = house.cpo.objects.documents("tokens", copies=True)
    assert copy == {**token, "whitelist": "NEVER"}
    with house.cpo.client(house.here) as client:
        answer = client.tokens.authorize(token["uid"])
    assert answer.is_allowed
    assert answer.info["token"] == copy


def test_changes_alone_are_not_sent_where_they_may_read_otherwise(house):
    with house.cpo.client(house.here) as client, pytest.raises(InvalidParametersError, match="whole"):
        client.locations.patch("LOC1", changes={"name": "Main", "last_updated": LATER})


def test_what_the_version_cannot_say_at_all_is_not_sent(house):
    broken = V9_9.evolve("9.9", converters={own_class("put_location"): _losing("address")})
    cpo = house.network.add("second.example", [("NL", "TWO", ["CPO"])], versions=(V2_2_1, broken))
    house.network.connect(cpo, house.ems)

    with cpo.client("DE-EMS") as client, pytest.raises(InvalidParametersError, match="address"):
        client.locations.put(documents.location(party_id="TWO"))


def own_class(name):
    return V9_9.operation("locations", name).body


def _losing(name):
    return Converter(from_store=lambda document, lose: without(document, name))


# What is asked for.


@EVERY_STORAGE
def test_lists_and_single_objects_are_in_the_shape_of_who_asks(house):
    for number in range(3):
        house.cpo.save("locations", stored_location(id=f"LOC{number}"))
    stored = list(house.cpo.objects.documents("locations"))
    house.network.requests.clear()

    with house.ems.client("NL-ABC") as client:
        listed, got = list(client.locations.list(limit=2)), client.locations.get("LOC1")
        evse = client.locations.get("LOC1", "EVSE1")
        raw = client.locations.call("get_location", "LOC1", role=InterfaceRole.SENDER).data
    with house.old.client("NL-ABC") as client:
        assert list(client.locations.list()) == stored

    assert listed == [as_9_9(location) for location in stored]
    assert got == as_9_9(stored[1])
    assert evse == as_9_9(stored[1])["evses"][0]
    assert raw["title"] == "Central Station"
    assert "name" not in raw


@EVERY_STORAGE
def test_sync_stores_what_a_pull_brings(ocpi_network, ocpi_storage):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=(V9_9,))
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], storage=ocpi_storage, versions=BOTH)
    cpo.save("tariffs", documents.tariff(max_price={"excl_vat": 9}))
    cpo.save("cdrs", documents.cdr())
    ocpi_network.connect(ems, cpo)

    synced = ems.sync()

    assert [(item.module, item.error) for item in synced if item.error] == []
    assert list(ems.objects.documents("tariffs", copies=True)) == [cpo.objects.get("tariffs", "TARIFF1")]
    assert list(ems.objects.documents("cdrs", copies=True)) == [documents.cdr()]


def test_object_that_a_patch_misses_is_fetched(ocpi_network, ocpi_storage):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=(V9_9,))
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], storage=ocpi_storage, versions=BOTH)
    cpo.save("locations", stored_location())
    ocpi_network.connect(ems, cpo)

    cpo.patch("locations", "LOC1", "EVSE1", changes={"status": "CHARGING"})

    assert list(ems.objects.documents("locations", copies=True)) == [as_9_9(cpo.objects.get("locations", "LOC1"))]


# What a partner of 9.9 sends by itself.


@pytest.fixture
def partner(house):
    """The eMSP's side of 9.9 as a bare client: it calls the CPO with its own token, in its own words."""
    token = house.ems.services.platforms.cipher.decrypt(house.there.token)
    return PartnerClient(house.network.apps["cpo.example"], token)


@pytest.fixture
def cpo_partner(ocpi_network, ocpi_storage):
    """An eMSP of both versions, and a bare CPO of 9.9 that calls it."""
    ems = ocpi_network.add("emsp.example", [("DE", "EMS", ["EMSP"])], storage=ocpi_storage, versions=BOTH)
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=(V9_9,))
    there, _ = ocpi_network.connect(cpo, ems)
    token = cpo.services.platforms.cipher.decrypt(there.token)
    return ems, PartnerClient(ocpi_network.apps["emsp.example"], token)


URL = "/ocpi/9.9/receiver/locations/NL/ABC/LOC1"


def told(**changes):
    """Return a Location as a CPO of 9.9 sends it."""
    connector = {**documents.connector(), "tariff_id": "11"}
    evse = {**documents.evse(connectors=[connector]), "bay": "P1"}
    return {**documents.location(evses=[evse]), "title": "Central Station", "rooms": 4, **changes}


@EVERY_STORAGE
def test_put_is_stored_in_the_shape_of_2_2_1_and_read_again_as_it_came(cpo_partner):
    ems, partner = cpo_partner

    assert partner.put(URL, told()).http_status == 201

    (copy,) = ems.objects.documents("locations", copies=True)
    assert (copy["name"], copy["evses"][0]["physical_reference"]) == ("Central Station", "P1")
    assert copy["evses"][0]["connectors"][0]["tariff_ids"] == ["11"]
    assert partner.get(URL).data == told()
    assert partner.get(f"{URL}/EVSE1").data == told()["evses"][0]


@EVERY_STORAGE
@pytest.mark.parametrize(
    ("path", "changes", "expected"),
    [
        ("", {"title": "Main", "last_updated": LATER}, told(title="Main", last_updated=LATER)),
        ("", {"title": None, "last_updated": LATER}, without(told(last_updated=LATER), "title")),
        ("", {"city": "Gent"}, told(city="Gent", last_updated="2026-01-01T12:00:00.000Z")),
    ],
    ids=["renamed", "cleared", "without last_updated"],
)
def test_patch_is_in_the_words_of_the_version(cpo_partner, path, changes, expected):
    _, partner = cpo_partner
    partner.put(URL, told())

    response = partner.patch(f"{URL}{path}", changes)

    assert (response.http_status, response.status_code) == (200, 1000)
    assert partner.get(URL).data == expected


@EVERY_STORAGE
def test_patch_of_a_part_keeps_what_the_version_cannot_say(cpo_partner):
    ems, partner = cpo_partner
    partner.put(URL, told())
    _lose(ems, evses=lambda evse: {**evse, "connectors": [{**evse["connectors"][0], "tariff_ids": ["11", "12"]}]})

    partner.patch(f"{URL}/EVSE1", {"bay": "P2", "last_updated": LATER})
    partner.patch(f"{URL}/EVSE1/1", {"format": "CABLE", "last_updated": LATER})
    partner.patch(URL, {"title": "Main", "last_updated": LATER})

    (copy,) = ems.objects.documents("locations", copies=True)
    assert (copy["name"], copy["parking_type"]) == ("Main", "ON_STREET")
    assert copy["evses"][0]["physical_reference"] == "P2"
    assert copy["evses"][0]["connectors"][0]["format"] == "CABLE"
    assert copy["evses"][0]["connectors"][0]["tariff_ids"] == ["11", "12"]


def _lose(ems, evses):
    """Store what only 2.2.1 can say in the copy, as it is when a partner spoke that before."""
    from flask_ocpi.storage.base import Record

    key, record = ems.copies.find("locations", "LOC1", owner=Party.of("NL", "ABC"))
    document = record.document
    document |= {"parking_type": "ON_STREET", "evses": [evses(evse) for evse in document["evses"]]}
    ems.storage.save("locations", key, Record.of(document, last_updated=record.last_updated))


def test_put_of_parts(cpo_partner):
    ems, partner = cpo_partner
    partner.put(URL, told())
    evse = {**documents.evse(uid="EVSE2", last_updated=LATER), "bay": "P9"}

    assert partner.put(f"{URL}/EVSE2", evse).http_status == 201
    assert (
        partner.put(f"{URL}/EVSE2/1", {**documents.connector(last_updated=LATER), "tariff_id": "7"}).http_status == 200
    )

    (copy,) = ems.objects.documents("locations", copies=True)
    assert copy["evses"][1]["physical_reference"] == "P9"
    assert copy["evses"][1]["connectors"][0]["tariff_ids"] == ["7"]


def test_what_lacks_something_that_is_needed_is_refused(cpo_partner):
    _, partner = cpo_partner

    response = partner.put(URL, told(coordinates=None))

    assert response.status_code == 2001
    assert "coordinates" in response.message


def failing(*args):
    raise KeyError("nothing like that")


def test_object_that_a_converter_fails_over_does_not_hold_up_a_list(ocpi_network):
    conversion = {own_class("put_location"): Converter(to_store=failing)}
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=(V9_9,))
    ems = ocpi_network.add(
        "ems.example", [("DE", "EMS", ["EMSP"])], versions=(V9_9.evolve("9.9", converters=conversion),)
    )
    cpo.save("locations", documents.location())
    ocpi_network.connect(ems, cpo)

    with ems.client("NL-ABC") as client:
        listing = client.locations.list()
        assert list(listing) == []

    assert "nothing like that" in listing.broken[0].reason


def test_object_that_a_converter_fails_over_is_not_pushed(ocpi_network):
    conversion = {own_class("put_location"): Converter(from_store=failing)}
    cpo = ocpi_network.add(
        "cpo.example", [("NL", "ABC", ["CPO"])], versions=(V9_9.evolve("9.9", converters=conversion),)
    )
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=(V9_9,))
    ocpi_network.connect(ems, cpo)

    cpo.save("locations", documents.location())
    (pushed,) = cpo.push("locations", "LOC1")

    assert "cannot be said in OCPI 9.9" in str(pushed.error)


def test_what_a_list_cannot_say_is_a_finding_about_its_objects(house):
    house.cpo.save("locations", stored_location())
    house.cpo.findings.flush()
    house.cpo.findings.remove_all(kind="not_sent")

    with house.ems.client("NL-ABC") as client:
        list(client.locations.list())

    house.cpo.findings.flush()
    found = [entry.finding for entry in house.cpo.findings.list(platform=house.here.id)]
    assert sorted(finding.path for finding in found) == ["evses[].connectors[].tariff_ids[]", "parking_type"]


def test_flaws_are_mended_as_in_2_2_1(cpo_partner):
    ems, partner = cpo_partner
    flawed = told()
    del flawed["evses"][0]["last_updated"]
    flawed["title"] = ["not", "a", "text"]

    assert partner.put(URL, flawed).http_status == 201

    (copy,) = ems.objects.documents("locations", copies=True)
    assert copy["evses"][0]["last_updated"] == documents.evse()["last_updated"]
    assert "name" not in copy


def test_cdr_without_owner_is_of_who_posts_it(cpo_partner):
    ems, partner = cpo_partner
    cdr = without(documents.cdr(), "country_code", "party_id", "end_date_time")
    cdr |= {"stopped": "2024-05-31T11:30:00Z", "total_cost": {"net": 3.125}}

    response = partner.post("/ocpi/9.9/receiver/cdrs", cdr)

    assert response.http_status == 201
    assert list(ems.objects.documents("cdrs", copies=True)) == [documents.cdr()]
    path = response.headers["Location"].removeprefix("https://emsp.example")
    assert partner.get(path).data == cdr


def test_routing_headers_are_not_needed_not_read_and_come_back(cpo_partner):
    _, partner = cpo_partner
    sent = {"OCPI-from-country-code": "XX", "OCPI-from-party-id": "XXX"}

    bare, routed = partner.put(URL, told()), partner.put(URL, told(), headers=sent)

    assert (bare.http_status, routed.http_status) == (201, 200)
    assert not [name for name, _ in bare.headers if name.startswith("OCPI-")]
    assert (routed.headers["OCPI-to-country-code"], routed.headers["OCPI-to-party-id"]) == ("XX", "XXX")


def test_details_of_the_version_have_no_roles(cpo_partner):
    _, partner = cpo_partner

    details = partner.get("/ocpi/9.9").data

    assert {"identifier": "locations", "url": "https://emsp.example/ocpi/9.9/receiver/locations"} in details[
        "endpoints"
    ]
    assert partner.get("/ocpi/versions").data[1] == {"version": "9.9", "url": "https://emsp.example/ocpi/9.9"}
    assert partner.get("/ocpi/9.9/receiver/clientinfo").http_status == 404
