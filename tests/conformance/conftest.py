"""Fixtures of the conformance tests."""

from __future__ import annotations

import pytest

from flask_ocpi.testing.network import Clock
from tests.conformance.operations import Everything
from tests.conformance.operations import everything_anew
from tests.conformance.sharing import Network221


@pytest.fixture
def ocpi_receive() -> str:
    """The letter of OCPI, both ways."""
    return "strict"


@pytest.fixture
def ocpi_network(ocpi_clock: Clock, ocpi_push: bool, ocpi_receive: str) -> Network221:
    """Platforms that serve every version: this suite holds for partners of 2.2.1 whatever else is served."""
    return Network221(clock=ocpi_clock, config={"OCPI_PUSH": ocpi_push, "OCPI_RECEIVE": ocpi_receive})


@pytest.fixture
def everything() -> Everything:
    """A platform on which each request of tests.conformance.operations succeeds."""
    return everything_anew()
