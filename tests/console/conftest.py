"""Fixtures: a platform with a console, and visitors of each level."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from flask_ocpi.extension import OCPI
from flask_ocpi.testing.network import Network
from tests.console.pages import forms
from tests.console.pages import links
from tests.console.platform import app_of
from tests.console.platform import fill
from tests.console.platform import platform

Visit = Callable[..., "Visitor"]


class Visitor:
    """A browser without a screen: it keeps cookies, and sends forms as they stand on a page."""

    def __init__(self, client: FlaskClient, level: str | None) -> None:
        self.client = client
        if level is not None:
            client.set_cookie("visitor", f"ann:{level}", domain="localhost")

    def get(self, path: str = "", **options):
        return self.client.get(f"/ocpi/console{path}", **options)

    def text(self, path: str = "") -> str:
        response = self.get(path)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_data(as_text=True)

    def pages(self, *more: str) -> dict[str, str]:
        """Follow every link from the first page on, and from further ones; return all texts by their paths."""
        found: dict[str, str] = {}
        waiting = ["/ocpi/console/", *(f"/ocpi/console{path}" for path in more)]
        while waiting:
            path = waiting.pop()
            response = self.client.get(path)
            assert response.status_code == 200, (path, response.get_data(as_text=True))
            found[path] = response.get_data(as_text=True)
            new = dict.fromkeys(links(found[path]))
            waiting += [each for each in new if each not in found and each not in waiting]
        return found

    def post(self, path: str, values: dict[str, str] | None = None, **options):
        return self.client.post(f"/ocpi/console{path}", data=values, **options)

    def send(self, page: str, form: str, **values: str):
        """Open a page, and send one of its forms with some values filled in."""
        sent = {**forms(self.text(page))[f"/ocpi/console{form}"], **values}
        return self.client.post(f"/ocpi/console{form}", data=sent, follow_redirects=True)


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
