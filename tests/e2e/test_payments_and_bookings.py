"""A payment and a booking from the beginning to the end, over sockets."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.e2e.processes import until
from tests.e2e.relaying import serving_platform
from tests.paybook import flows
from tests.paybook.sharing import BOTH
from tests.paybook.sharing import CPO
from tests.paybook.sharing import EMS
from tests.paybook.sharing import PTP


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


def connected(stack, other, role):
    """Serve a CPO and another platform, registered with each other."""
    platforms = [
        serving_platform(stack, dict(zip(("country_code", "party_id"), party, strict=True)), roles, BOTH)[0]
        for party, roles in ((CPO, ["CPO"]), (other, [role]))
    ]
    cpo, partner = platforms
    _, token = cpo.partners.invite(name="", roles=[role], parties=[other])
    partner.partners.register(cpo.versions_url, token)
    for job in cpo.services.jobs:
        if job.name == "endpoints":
            job.run()
    return cpo, partner


def test_driver_pays_at_a_terminal(stack):
    flows.payment(*connected(stack, PTP, "PTP"), until)


def test_driver_books_a_charger(stack):
    flows.bookings(*connected(stack, EMS, "EMSP"), until)
