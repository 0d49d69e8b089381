"""Fixtures of the tests of pushing."""

from __future__ import annotations

import pytest


@pytest.fixture
def ocpi_push() -> bool:
    """What is saved is sent."""
    return True
