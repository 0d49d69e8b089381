"""A payment and a booking from the beginning to the end, between platforms in one process."""

from __future__ import annotations

import pytest

from flask_ocpi.versions import V2_2_1
from tests.conftest import EVERY_STORAGE
from tests.paybook import flows
from tests.paybook.sharing import PTP
from tests.paybook.sharing import House


def at_once(condition, text):
    assert condition(), text


@pytest.mark.conformance("PAY-06", "PAY-09", "PAY-14")
@EVERY_STORAGE
@pytest.mark.parametrize("storage_of", ["cpo", "ptp"])
def test_driver_pays_at_a_terminal(ocpi_network, ocpi_storage, storage_of):
    house = House(ocpi_network, ocpi_storage, storage_of=storage_of)

    flows.payment(house.cpo, house.ptp, at_once)

    for ocpi in (house.cpo, house.ptp):
        assert list(ocpi.findings.list()) == []


@pytest.mark.conformance("BOOK-05", "BOOK-06", "BOOK-07", "BOOK-11")
@EVERY_STORAGE
@pytest.mark.parametrize("storage_of", ["cpo", "ems"])
def test_driver_books_a_charger(ocpi_network, ocpi_storage, storage_of):
    house = House(ocpi_network, ocpi_storage, storage_of=storage_of)

    flows.bookings(house.cpo, house.ems, at_once)

    for ocpi in (house.cpo, house.ems):
        assert list(ocpi.findings.list()) == []


@pytest.mark.conformance("PAY-03")
def test_ptp_is_another_role_to_who_speaks_2_2_1(ocpi_network):
    house = House(ocpi_network)
    old = ocpi_network.add("old.example", [("FR", "OLD", ["CPO"])], versions=(V2_2_1,))
    _, token = old.partners.invite(name="Terminals", roles=["OTHER"], parties=[PTP])
    house.ptp.partners.register(old.versions_url, token)

    assert [role["role"] for role in old.partners.find(str(PTP)).roles] == ["OTHER"]
    assert [role["role"] for role in house.cpo.partners.find(str(PTP)).roles] == ["PTP"]
