"""OCPI 2.3.0 beside 2.2.1 on one app: what each partner is sent, and what it may send."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.core.converting import MORE
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.context import Schemas
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import add_partner
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import V2_3_0
from tests.conftest import EVERY_STORAGE

BOTH = (V2_2_1, V2_3_0)
LATER = "2024-06-30T12:00:00Z"
CPO = Party.of("NL", "ABC")
PARKING = {"id": "P1", "vehicle_types": ["VAN"], "restricted_to_type": False, "reservation_required": True}
TAXES = [{"name": "GST", "percentage": 5, "amount": 0.05}, {"name": "QST", "amount": 0.1}]
#: What 2.2.1 lacks, of each class of a location.
MORE_OF_CONNECTOR = {"capabilities": ["ISO_15118_2_PLUG_AND_CHARGE"]}
MORE_OF_EVSE = {
    "parking": [{"parking_id": "P1", "evse_position": "LEFT"}],
    "accepted_service_providers": ["Example Provider"],
    "parking_restrictions": ["EV_ONLY", "TAXIS"],
}
MORE_OF_LOCATION = {"parking_places": [PARKING], "help_phone": "+31201234567"}


def location(**changes):
    connector = documents.connector(**MORE_OF_CONNECTOR)
    evse = documents.evse(connectors=[connector], **MORE_OF_EVSE)
    return documents.location(**{"evses": [evse], **MORE_OF_LOCATION, **changes})


def as_2_2_1():
    return documents.location(evses=[documents.evse(parking_restrictions=["EV_ONLY"])])


class House:
    """A CPO that speaks both versions, with an eMSP of each."""

    def __init__(self, network, storage):
        self.network = network
        self.cpo = network.add("cpo.example", [(*CPO, ["CPO"])], storage=storage, versions=BOTH)
        self.new = network.add("new.example", [("DE", "EMS", ["EMSP"])], versions=BOTH)
        self.old = network.add("old.example", [("NL", "OLD", ["EMSP"])], versions=(V2_2_1,))
        network.connect(self.new, self.cpo)
        network.connect(self.old, self.cpo)
        network.requests.clear()

    def sent(self, host):
        """Return what was sent to a platform: method and body, in order."""
        prefix = f"https://{host}.example/"
        found = [request for request in self.network.requests if request.url.startswith(prefix)]
        return [(request.method, orjson.loads(request.body or b"null")) for request in found]

    def losses(self):
        """Return the paths of what could not be said to a partner."""
        self.cpo.findings.flush()
        return sorted({entry.finding.path for entry in self.cpo.findings.list(kind="not_sent")})


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def house(ocpi_network, ocpi_storage):
    return House(ocpi_network, ocpi_storage)


@pytest.fixture
def partner(house):
    """A CPO that speaks 2.3.0 and calls the eMSP."""
    return add_partner(house.network.apps["new.example"], [("DE", "CPO", ["CPO"])], name="Theirs", version="2.3.0")


def copies(ocpi, module):
    return list(ocpi.copies.documents(module))


@pytest.mark.conformance("V230-06", "V230-07")
@EVERY_STORAGE
def test_location_reaches_each_partner_with_what_its_version_can_say(house):
    house.cpo.save("locations", location())

    assert house.sent("new") == [("PUT", location())]
    assert house.sent("old") == [("PUT", as_2_2_1())]
    assert copies(house.new, "locations") == [location()]
    assert house.losses() == [
        "evses[].accepted_service_providers",
        "evses[].connectors[].capabilities",
        "evses[].parking",
        "evses[].parking_restrictions[]",
        "help_phone",
        "parking_places",
    ]


@pytest.mark.conformance("V230-07", "V230-14")
@EVERY_STORAGE
def test_lists_and_single_objects_are_those_of_the_version_that_asks(house):
    house.cpo.save("locations", location())
    house.cpo.save("locations", documents.location(id="LOC2"))

    with house.new.client("NL-ABC") as client:
        assert list(client.locations.list()) == [location(), documents.location(id="LOC2")]
        assert client.locations.get("LOC1", "EVSE1") == location()["evses"][0]
    with house.old.client("NL-ABC") as client:
        assert list(client.locations.list()) == [as_2_2_1(), documents.location(id="LOC2")]
        assert client.locations.get("LOC1") == as_2_2_1()
        assert client.locations.get("LOC1", "EVSE1", "1") == documents.connector()


@pytest.mark.conformance("V230-14")
def test_only_objects_that_say_more_are_marked(house):
    storage = house.cpo.storage

    def text(id):
        return storage.get("locations", Key.of(*CPO, id)).text

    house.cpo.save("locations", location())
    house.cpo.save("locations", documents.location(id="LOC2"))
    assert [MORE in text("LOC1"), MORE in text("LOC2")] == [True, False]

    house.cpo.patch("locations", "LOC2", changes={"help_phone": "112"})
    assert MORE in text("LOC2")
    house.cpo.patch("locations", "LOC2", changes={"help_phone": None})
    assert MORE not in text("LOC2")


@EVERY_STORAGE
def test_large_location_stays_marked_when_a_part_changes(house):
    directions = documents.full_location()["directions"]
    evses = [documents.evse(uid=f"EVSE{number}", directions=directions) for number in range(60)]
    house.cpo.save("locations", {**location(), "evses": [location()["evses"][0], *evses[2:]]})
    for _ in range(3):
        house.cpo.patch("locations", "LOC1", "EVSE9", changes={"status": "CHARGING"})

    with house.old.client("NL-ABC") as client:
        (got,) = client.locations.list()
    assert "parking_places" not in got
    assert "parking" not in got["evses"][0]


@EVERY_STORAGE
def test_change_of_what_both_know_is_a_patch_to_both(house):
    house.cpo.save("locations", location())
    house.network.requests.clear()

    house.cpo.patch("locations", "LOC1", "EVSE1", changes={"status": "CHARGING"})

    assert [method for method, _ in house.sent("new") + house.sent("old")] == ["PATCH", "PATCH"]


def test_change_of_what_one_lacks_is_sent_to_the_other(house):
    house.cpo.save("locations", location())
    house.network.requests.clear()

    house.cpo.patch("locations", "LOC1", changes={"help_phone": "112"})

    ((method, body),) = house.sent("new")
    assert (method, body["help_phone"]) == ("PATCH", "112")
    assert all("help_phone" not in body for _, body in house.sent("old"))


@pytest.mark.conformance("V230-08")
def test_evse_that_the_older_version_cannot_say_is_not_there_for_its_partner(house):
    truck = documents.evse(uid="TRUCK", connectors=[documents.connector(standard="MCS")])
    house.cpo.save("locations", documents.location(evses=[documents.evse(), truck]))

    with house.old.client("NL-ABC") as client:
        assert [evse["uid"] for evse in client.locations.get("LOC1")["evses"]] == ["EVSE1"]
    old = add_partner(house.network.apps["cpo.example"], [("FR", "OLD", ["EMSP"])], name="Other")
    response = old.get("/ocpi/2.2.1/sender/locations/LOC1/TRUCK")
    assert (response.http_status, response.status_code) == (404, 2003)
    house.network.requests.clear()

    house.cpo.patch("locations", "LOC1", "TRUCK", changes={"status": "CHARGING"})

    assert house.sent("old") == []
    assert [method for method, _ in house.sent("new")] == ["PATCH"]


@pytest.mark.conformance("V230-01", "V230-02")
@EVERY_STORAGE
def test_cdr_and_session_have_prices_with_taxes(house):
    cdr = documents.cdr(total_cost={"excl_vat": 1, "incl_vat": 1.15, "taxes": TAXES})
    session = documents.session(total_cost={"excl_vat": 10, "incl_vat": 12.1})

    house.cpo.save("cdrs", cdr)
    house.cpo.save("sessions", session)

    (_, sent_cdr), (_, sent_session) = house.sent("new")
    assert sent_cdr["total_cost"] == {"before_taxes": 1, "taxes": TAXES}
    assert sent_session["total_cost"] == {"before_taxes": 10, "taxes": [{"name": "VAT", "amount": 2.1}]}
    assert copies(house.new, "cdrs") == [cdr]
    (copy,) = copies(house.new, "sessions")
    assert copy["total_cost"] == {
        "excl_vat": 10,
        "incl_vat": 12.1,
        "taxes": [{"name": "VAT", "amount": 2.1}],
    }


@pytest.mark.conformance("V230-03", "V230-04", "V230-05")
@EVERY_STORAGE
def test_tariff_with_taxes_in_its_prices_reaches_each_in_its_way(house):
    tariff = documents.tariff(
        tax_included="YES",
        min_price={"excl_vat": 0.5, "incl_vat": 0.605},
        elements=[{"price_components": [{"type": "ENERGY", "price": 0.3025, "vat": 21, "step_size": 1}]}],
    )

    house.cpo.save("tariffs", tariff)

    ((_, new),), ((_, old),) = house.sent("new"), house.sent("old")
    assert (new["tax_included"], new["min_price"]) == ("YES", {"before_taxes": 0.5, "after_taxes": 0.605})
    assert new["elements"] == tariff["elements"]
    assert old["elements"][0]["price_components"] == [{"type": "ENERGY", "price": 0.25, "vat": 21, "step_size": 1}]
    assert old["min_price"] == tariff["min_price"]
    assert copies(house.new, "tariffs") == [tariff]
    for number, document in (("2.3.0", new), ("2.2.1", old)):
        version = {"2.3.0": V2_3_0, "2.2.1": V2_2_1}[number]
        assert Schemas()[version.operation("tariffs", "put_tariff").body].load(document) == document


URL = "/ocpi/2.3.0/receiver/locations/DE/CPO/LOC1"
THEIRS = {"country_code": "DE", "party_id": "CPO"}


@pytest.mark.conformance("V230-09", "V230-11")
def test_values_of_open_enums_and_unknown_properties_are_kept_as_they_came(house, partner):
    sent = location(**THEIRS, facilities=["SAUNA"], x_height=3)
    sent["evses"][0]["connectors"][0] |= {"standard": "NEW_PLUG", "capabilities": ["TELEPATHY"]}

    assert partner.put(URL, sent).http_status == 201

    assert copies(house.new, "locations") == [sent]
    assert partner.get(URL).data == sent
    house.new.findings.flush()
    assert list(house.new.findings.list()) == []


@pytest.mark.conformance("V230-15")
def test_patch_of_a_part_keeps_what_2_2_1_lacks(house, partner):
    partner.put(URL, location(**THEIRS))

    response = partner.patch(f"{URL}/EVSE1", {"parking": [{"parking_id": "P1"}], "last_updated": LATER})

    assert response.status_code == 1000
    (copy,) = copies(house.new, "locations")
    assert copy["evses"][0]["parking"] == [{"parking_id": "P1"}]
    assert copy["evses"][0]["accepted_service_providers"] == ["Example Provider"]
    assert copy["parking_places"] == [PARKING]


def test_patch_of_a_price_is_made_in_the_shape_of_2_3_0(house, partner):
    token = {**documents.session()["cdr_token"], "country_code": "DE", "party_id": "EMS"}
    url = "/ocpi/2.3.0/receiver/sessions/DE/CPO/SES1"
    partner.put(url, {**documents.session(**THEIRS, cdr_token=token), "total_cost": {"before_taxes": 1}})

    response = partner.patch(url, {"total_cost": {"before_taxes": 2, "taxes": TAXES}, "last_updated": LATER})

    assert response.status_code == 1000
    (copy,) = copies(house.new, "sessions")
    assert copy["total_cost"] == {"excl_vat": 2, "incl_vat": 2.15, "taxes": TAXES}


@pytest.mark.parametrize(
    ("module", "document", "named"),
    [
        ("locations", location(parking_places=[{**PARKING, "vehicle_types": ["ROCKET"]}]), "vehicle_types"),
        ("locations", location(parking_places=[PARKING, PARKING]), "parking_places"),
        ("locations", documents.location(help_phone="1" * 26), "help_phone"),
        ("tariffs", documents.tariff(tax_included="MAYBE"), "tax_included"),
        ("sessions", documents.session(total_cost={"excl_vat": 1, "taxes": [{"name": "x"}]}), "taxes[0].amount"),
    ],
    ids=["enum", "unique", "length", "tax", "amount"],
)
def test_host_cannot_save_what_would_not_be_valid_for_partners_of_2_3_0(house, module, document, named):
    with pytest.raises(InvalidParametersError) as raised:
        house.cpo.save(module, document)

    assert named in raised.value.message


def test_token_of_a_vehicle_is_no_token_of_2_2_1(ocpi_network):
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=BOTH)
    for name, versions in (("new", BOTH), ("old", (V2_2_1,))):
        cpo = ocpi_network.add(f"{name}.example", [("NL", name.upper(), ["CPO"])], versions=versions)
        ocpi_network.connect(cpo, ems)
    ocpi_network.requests.clear()

    ems.save("tokens", documents.token(type="EMAID"))

    assert [request.url.split("/")[2] for request in ocpi_network.requests] == ["new.example"]


def test_changes_that_convert_by_themselves_are_patched_in_the_shape_of_the_partner(house):
    driver = {**documents.session()["cdr_token"], "country_code": "DE", "party_id": "EMS"}
    house.cpo.save("sessions", documents.session(cdr_token=driver))
    changes = {"total_cost": {"excl_vat": 1.0, "incl_vat": 1.21}, "kwh": 4, "last_updated": LATER}

    house.cpo.client("DE-EMS").sessions.patch("SES1", changes=changes)

    method, body = house.sent("new")[-1]
    assert (method, body["total_cost"]) == (
        "PATCH",
        {"before_taxes": 1.0, "taxes": [{"name": "VAT", "amount": 0.21}]},
    )
    (copy,) = house.new.objects.documents("sessions", copies=True)
    assert (copy["kwh"], copy["total_cost"]["incl_vat"]) == (4, 1.21)
