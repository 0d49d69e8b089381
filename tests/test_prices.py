"""The group ``ocpi.pricing``: tariff, location and time zone looked up, ours or a partner's."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from flask_ocpi import Party
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.pricing import Charging
from flask_ocpi.pricing import Parking
from flask_ocpi.pricing import PricingError
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import add_partner
from tests.urls import ocpi_url

BASE = ocpi_url("receiver")
NIGHT = {"start_time": "23:00", "end_time": "07:00"}


def tariff(id, price, **changes):
    """Return a tariff by which the night costs half."""
    elements = [
        {
            "price_components": [{"type": "ENERGY", "price": price / 2, "vat": 21, "step_size": 1}],
            "restrictions": NIGHT,
        },
        {"price_components": [{"type": "ENERGY", "price": price, "vat": 21, "step_size": 1}]},
    ]
    return documents.tariff(id=id, elements=elements, **changes)


def location(*tariff_ids, **changes):
    evse = documents.evse(connectors=[documents.connector(tariff_ids=list(tariff_ids))])
    return documents.location(evses=[evse], **changes)


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def cpo(network):
    """A CPO with a location in Amsterdam and a night tariff."""
    ocpi = network.add("cpo.example", [("NL", "ABC", ["CPO"])])
    ocpi.save("tariffs", tariff("T1", 0.4))
    ocpi.save("locations", location("T1"))
    return ocpi


def quote(ocpi, **changes):
    arguments = {"start": "2026-05-04T20:30:00Z", "kwh": 20, "minutes": 60, **changes}
    return ocpi.pricing.quote("LOC1", "EVSE1", "1", **arguments)


def test_quote_finds_tariff_location_and_time_zone(cpo):
    report = quote(cpo)  # 22:30 to 23:30 in Amsterdam

    assert report.total_cost.excl_vat == Fraction(6)
    assert (report.time_zone, report.time_zone_source) == ("Europe/Amsterdam", "location")


def test_quote_takes_phases_or_parking(cpo):
    phases = [Charging(minutes=30, kwh=10), Parking(minutes=5)]

    assert quote(cpo, phases=phases).total_cost.excl_vat == Fraction(4)
    assert quote(cpo, parking=30).total_parking_time == Fraction(1, 2)


def test_quote_takes_a_datetime(cpo):
    assert quote(cpo, start=datetime(2026, 5, 4, 20, 30, tzinfo=UTC)).total_cost == quote(cpo).total_cost


def test_quote_at_a_partner(network):
    emsp = network.add("emsp.example", [("DE", "EMS", ["EMSP"])])
    partner = add_partner(network.apps["emsp.example"], [("NL", "ABC", ["CPO"])])
    partner.put(f"{BASE}/tariffs/NL/ABC/T1", tariff("T1", 0.4))
    partner.put(f"{BASE}/locations/NL/ABC/LOC1", location("T1"))

    assert quote(emsp).total_cost.excl_vat == Fraction(6)
    assert quote(emsp, owner=Party("NL", "ABC")).total_cost.excl_vat == Fraction(6)


def test_quote_demands_the_owner_where_it_is_not_clear(network):
    emsp = network.add("emsp.example", [("DE", "EMS", ["EMSP"])])
    for party in ("ABC", "DEF"):
        partner = add_partner(network.apps["emsp.example"], [("NL", party, ["CPO"])], name=party)
        own = {"party_id": party}
        partner.put(f"{BASE}/tariffs/NL/{party}/T1", tariff("T1", 0.4, **own))
        partner.put(f"{BASE}/locations/NL/{party}/LOC1", location("T1", **own))

    with pytest.raises(InvalidParametersError, match="NL-ABC, NL-DEF have a location 'LOC1'"):
        quote(emsp)

    assert quote(emsp, owner=Party("NL", "DEF")).total_cost.excl_vat == Fraction(6)


CHOICES = {
    "one that is valid then": (
        [
            tariff("OLD", 1, end_date_time="2026-05-01T00:00:00Z"),
            tariff("NEW", 2, start_date_time="2026-05-01T00:00:00Z"),
        ],
        "NEW",
    ),
    "a regular one": ([tariff("ADHOC", 1, type="AD_HOC_PAYMENT"), tariff("REG", 2, type="REGULAR")], "REG"),
    "one for all sessions": ([tariff("CHEAP", 1, type="PROFILE_CHEAP"), tariff("ALL", 2)], "ALL"),
    "the first of none that fits": ([tariff("A", 1, type="PROFILE_CHEAP"), tariff("B", 2, type="PROFILE_FAST")], "A"),
}


@pytest.mark.parametrize(("tariffs", "chosen"), CHOICES.values(), ids=CHOICES)
def test_quote_chooses_among_tariffs(network, tariffs, chosen):
    ocpi = network.add("cpo.example", [("NL", "ABC", ["CPO"])])
    for each in tariffs:
        ocpi.save("tariffs", each)
    ocpi.save("locations", location(*(each["id"] for each in tariffs)))

    assert {segment.tariff_id for segment in quote(ocpi).segments} == {chosen}
    other = next(each["id"] for each in tariffs if each["id"] != chosen)
    assert {segment.tariff_id for segment in quote(ocpi, tariff_id=other).segments} == {other}


def test_quote_says_what_is_missing(cpo):
    pricing, when = cpo.pricing, {"start": "2026-05-04T20:30:00Z", "kwh": 1, "minutes": 1}
    cpo.save("locations", location("GONE", id="LOC2"))
    cpo.save("locations", location(id="LOC3"))

    for ids, text in (
        (("NONE", "EVSE1", "1"), "no location 'NONE' here"),
        (("LOC1", "E9", "1"), "no connector '1' at an EVSE 'E9'"),
        (("LOC1", "EVSE1", "9"), "no connector '9'"),
        (("LOC2", "EVSE1", "1"), "names 'GONE'"),
        (("LOC3", "EVSE1", "1"), "names none"),
    ):
        with pytest.raises(NotFoundError, match=text):
            pricing.quote(*ids, **when)


def session(**changes):
    period = {
        "start_date_time": "2026-05-04T20:30:00Z",
        "dimensions": [
            {"type": "ENERGY", "volume": 10},
            {"type": "TIME", "volume": 0.5},
            {"type": "POWER", "volume": 20},
        ],
        "tariff_id": "T1",
    }
    document = documents.session(
        start_date_time="2026-05-04T20:30:00Z",
        kwh=10,
        charging_periods=[period],
        last_updated="2026-05-04T21:00:00Z",
    )
    return {**document, **changes}


def test_cost_so_far_of_a_session_that_goes_on(cpo):
    report = cpo.pricing.cost_so_far(session())

    assert report.total_cost.excl_vat == Fraction(4)
    assert report.time_zone_source == "location"
    assert [note.id for note in report.notes] == ["session_running"]


def test_cost_so_far_goes_by_the_tariff_of_the_connector(cpo):
    unnamed = session()
    unnamed["charging_periods"] = [{**unnamed["charging_periods"][0]}]
    del unnamed["charging_periods"][0]["tariff_id"]

    assert cpo.pricing.cost_so_far(unnamed).total_cost.excl_vat == Fraction(4)
    unnamed["location_id"] = "NONE"
    assert cpo.pricing.cost_so_far(unnamed).weighs


def test_cost_so_far_of_a_partners_session(network):
    emsp = network.add("emsp.example", [("DE", "EMS", ["EMSP"])])
    partner = add_partner(network.apps["emsp.example"], [("NL", "ABC", ["CPO"])])
    partner.put(f"{BASE}/tariffs/NL/ABC/T1", tariff("T1", 0.4))
    partner.put(f"{BASE}/locations/NL/ABC/LOC1", location("T1"))

    assert emsp.pricing.cost_so_far(session()).total_cost.excl_vat == Fraction(4)


def test_built_cdr_can_be_saved_and_is_right(cpo):
    ended = session(status="COMPLETED", end_date_time="2026-05-04T21:00:00Z", authorization_reference="R1")
    cpo.save("sessions", ended)

    cdr = cpo.pricing.build_cdr(ended, id="CDR9")

    assert cpo.save("cdrs", cdr)
    assert cdr["total_cost"] == {"excl_vat": 4, "incl_vat": 4.84}
    assert cdr["total_energy_cost"] == cdr["total_cost"]
    assert (cdr["total_energy"], cdr["total_time"]) == (10, 0.5)
    assert (cdr["id"], cdr["session_id"], cdr["authorization_reference"]) == ("CDR9", "SES1", "R1")
    assert [d["type"] for d in cdr["charging_periods"][0]["dimensions"]] == ["ENERGY", "TIME"]
    assert [each["id"] for each in cdr["tariffs"]] == ["T1"]
    assert cdr["cdr_location"]["evse_id"] == "EVSE1"
    assert cpo.pricing.audit({**cdr, "last_updated": "2026-05-04T21:05:00Z"}).findings == ()


def test_built_cdr_of_a_session_that_parked(cpo):
    parked = session(status="COMPLETED", end_date_time="2026-05-04T22:00:00Z")
    parked["charging_periods"] = [
        *parked["charging_periods"],
        {
            "start_date_time": "2026-05-04T21:00:00Z",
            "dimensions": [{"type": "PARKING_TIME", "volume": 1}],
            "tariff_id": "T1",
        },
        {"start_date_time": "2026-05-04T21:59:00Z", "dimensions": [{"type": "STATE_OF_CHARGE", "volume": 90}]},
    ]

    cdr = cpo.pricing.build_cdr(parked)

    assert (cdr["total_time"], cdr["total_parking_time"]) == (1.5, 1)
    assert len(cdr["charging_periods"]) == 2


def test_no_cdr_is_built_of_what_is_not_over_or_nowhere(cpo):
    with pytest.raises(PricingError, match="once the session has ended"):
        cpo.pricing.build_cdr(session())
    ended = session(end_date_time="2026-05-04T21:00:00Z")
    with pytest.raises(NotFoundError, match="no location 'NONE' of NL-ABC"):
        cpo.pricing.build_cdr({**ended, "location_id": "NONE"})
    with pytest.raises(PricingError, match="evse_uid names 'E9', which is not in the location"):
        cpo.pricing.build_cdr({**ended, "evse_uid": "E9"})


def test_lint_all_looks_at_connectors(cpo, network):
    cpo.save("tariffs", documents.tariff(id="FAST", elements=_only_fast()))
    cpo.save("locations", location("FAST", id="LOC2"))
    partner = add_partner(network.apps["cpo.example"], [("DE", "XYZ", ["CPO", "EMSP"])], name="Xyz")

    found = {each.document["id"]: {f.rule for f in each.findings} for each in cpo.pricing.lint_all()}

    assert found == {"T1": set(), "FAST": {"gap", "no_price_for_connector"}}
    assert list(cpo.pricing.lint_all(platform=partner.platform.id)) == []


def _only_fast():
    component = {"type": "ENERGY", "price": 0.5, "vat": 21, "step_size": 1}
    return [{"price_components": [component], "restrictions": {"min_power": 50}}]


def test_price_of_a_cdr_by_given_tariffs(cpo):
    cdr = cpo.pricing.build_cdr(session(end_date_time="2026-05-04T21:00:00Z"))

    assert cpo.pricing.price(cdr).total_cost.excl_vat == Fraction(4)
    assert cpo.pricing.price(cdr, [tariff("T1", 1)]).total_cost.excl_vat == Fraction(10)
    assert cpo.pricing.price(cdr).to_dict()["total_cost"]["excl_vat"] == Decimal("4.0000")
