"""What the tests of payments and bookings have in common."""

from __future__ import annotations

import pytest

from tests.paybook.sharing import House


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def house(ocpi_network, ocpi_storage):
    return House(ocpi_network, ocpi_storage)
