"""What payments and bookings add to tariffs and CDRs of 2.3.0, and what partners of 2.2.1 get of it."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.pricing import price
from flask_ocpi.testing import documents
from flask_ocpi.versions import V2_2_1
from tests.paybook.sharing import EMS
from tests.paybook.sharing import House

FEE = {"price_components": [{"type": "FLAT", "price": 5, "step_size": 1}], "restrictions": {"booking": "BOOKING"}}
ENERGY = {"price_components": [{"type": "ENERGY", "price": 0.25, "step_size": 1}]}
OLD = ("FR", "OLD")
PERIODS = [
    {
        "start_date_time": "2024-05-31T10:00:00Z",
        "dimensions": [{"type": "RESERVATION_EXPIRES", "volume": 0.5}, {"type": "ENERGY", "volume": 12.5}],
    },
    {
        "start_date_time": "2024-05-31T11:00:00Z",
        "dimensions": [{"type": "RESERVATION_OVERTIME", "volume": 0.25}, {"type": "TIME", "volume": 0.25}],
    },
]


@pytest.fixture
def house(ocpi_network, ocpi_storage):
    """As elsewhere, with an eMSP beside that speaks 2.2.1."""
    house = House(ocpi_network, ocpi_storage)
    house.old = ocpi_network.add("old.example", [(*OLD, ["EMSP"])], versions=(V2_2_1,))
    ocpi_network.connect(house.old, house.cpo)
    ocpi_network.requests.clear()
    return house


def sent_to(house, host):
    return [orjson.loads(r.body) for r in house.network.requests if r.url.startswith(f"https://{host}.example/")]


@pytest.mark.conformance("PAY-21", "BOOK-27", "BOOK-28")
def test_tariff_has_them_in_2_3_0_alone(house):
    house.cpo.save("tariffs", documents.tariff(elements=[FEE, ENERGY], preauthorize_amount=50))

    (new,), (old,) = sent_to(house, "ems"), sent_to(house, "old")

    assert (new["elements"], new["preauthorize_amount"]) == ([FEE, ENERGY], 50)
    assert old == documents.tariff(elements=[ENERGY])
    assert next(house.ems.copies.documents("tariffs"))["elements"] == [FEE, ENERGY]
    assert {(e.finding.kind, e.finding.path) for e in house.cpo.findings.list()} == {
        ("not_sent", "elements[]"),
        ("not_sent", "preauthorize_amount"),
    }


@pytest.mark.conformance("BOOK-28")
def test_tariff_of_bookings_alone_is_not_for_2_2_1(house):
    house.cpo.save("tariffs", documents.tariff(elements=[FEE]))

    assert len(sent_to(house, "ems")) == 1
    assert sent_to(house, "old") == []
    with house.old.client("NL-ABC") as client:
        assert list(client.tariffs.list()) == []


@pytest.mark.conformance("BOOK-27")
def test_only_fees_and_time_price_bookings(house):
    with pytest.raises(InvalidParametersError, match=r"elements\[0\].*FLAT or TIME where booking"):
        house.cpo.save("tariffs", documents.tariff(elements=[{**ENERGY, "restrictions": {"booking": "BOOKING"}}]))


@pytest.mark.conformance("BOOK-27")
@pytest.mark.parametrize("party", [tuple(EMS), OLD], ids=["2.3.0", "2.2.1"])
def test_cdr_names_its_booking_in_2_3_0(house, party):
    token = {**documents.cdr()["cdr_token"], **dict(zip(("country_code", "party_id"), party, strict=True))}
    document = documents.cdr(cdr_token=token, charging_periods=PERIODS, booking_id="B1")
    house.cpo.save("cdrs", document)

    (cdr,) = sent_to(house, "old" if party == OLD else "ems")
    kinds = [[dimension["type"] for dimension in period["dimensions"]] for period in cdr["charging_periods"]]

    if party == OLD:
        assert "booking_id" not in cdr
        assert kinds == [["RESERVATION_TIME", "ENERGY"], ["TIME"]]
    else:
        assert cdr["booking_id"] == "B1"
        assert kinds == [["RESERVATION_EXPIRES", "ENERGY"], ["RESERVATION_OVERTIME", "TIME"]]
        assert list(house.ems.copies.documents("cdrs")) == [document]


@pytest.mark.conformance("BOOK-27")
def test_session_is_priced_without_what_only_bookings_have():
    tariff = documents.tariff(elements=[FEE, ENERGY])
    cdr = documents.cdr(charging_periods=PERIODS, tariffs=[tariff])

    assert price(cdr, [tariff]).total_cost.excl_vat == 12.5 / 4


@pytest.mark.conformance("BOOK-28")
def test_element_is_not_kept_without_a_restriction_that_cannot_be_read(house):
    cpo = house.partner("ems", "OTH", "CPO")
    fee = {**FEE, "restrictions": {"booking": "MAYBE"}}
    document = documents.tariff(country_code="DE", party_id="OTH", elements=[fee, ENERGY], tax_included="NO")

    response = cpo.put("/ocpi/2.3.0/receiver/tariffs/DE/OTH/TARIFF1", document)

    assert response.http_status == 201
    assert next(house.ems.copies.documents("tariffs"))["elements"] == [ENERGY]
