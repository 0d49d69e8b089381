"""Fixtures of the conformance tests."""

from __future__ import annotations

import pytest

from tests.conformance.operations import Everything
from tests.conformance.operations import everything_anew


@pytest.fixture
def ocpi_receive() -> str:
    """The letter of OCPI, both ways."""
    return "strict"


@pytest.fixture
def everything() -> Everything:
    """A platform on which each request of tests.conformance.operations succeeds."""
    return everything_anew()
