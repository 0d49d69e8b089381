"""Fixtures: a platform with a console, and visitors of each level."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flask_ocpi.extension import OCPI
from flask_ocpi.testing.network import Network
from tests.console.pages import Visitor
from tests.console.platform import app_of
from tests.console.platform import fill
from tests.console.platform import platform

Visit = Callable[..., Visitor]


@pytest.fixture
def network() -> Network:
    return platform()[0]


@pytest.fixture
def own(network: Network) -> OCPI:
    return network.platforms["cpo.example"]


@pytest.fixture
def filled(network: Network, own: OCPI) -> OCPI:
    """The platform with hostile objects of every kind, findings, refused changes and audits."""
    fill(network, own)
    return own


@pytest.fixture
def visit(network: Network) -> Visit:
    """Make a visitor with a level; None for a stranger."""
    return lambda level=None: Visitor(app_of(network).test_client(), level)
