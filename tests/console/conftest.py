"""Fixtures: a platform with a console, and visitors of each level."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient

from flask_ocpi.extension import OCPI
from flask_ocpi.testing.network import Network
from tests.console.platform import app_of
from tests.console.platform import platform

Visit = Callable[..., "Visitor"]


class Forms(HTMLParser):
    """Reads the forms of a page: the hidden values, by the path that each is sent to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._current: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and values.get("method") == "post":
            self._current = self.found.setdefault(values["action"], {})
        if tag == "input" and values.get("type") == "hidden":
            self._current[values["name"]] = values["value"]


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

    def post(self, path: str, values: dict[str, str] | None = None, **options):
        return self.client.post(f"/ocpi/console{path}", data=values, **options)

    def send(self, page: str, form: str, **values: str):
        """Open a page, and send one of its forms with some values filled in."""
        forms = Forms()
        forms.feed(self.text(page))
        sent = {**forms.found[f"/ocpi/console{form}"], **values}
        return self.client.post(f"/ocpi/console{form}", data=sent, follow_redirects=True)


@pytest.fixture
def network() -> Network:
    return platform()[0]


@pytest.fixture
def own(network: Network) -> OCPI:
    return network.platforms["cpo.example"]


@pytest.fixture
def visit(network: Network) -> Visit:
    """Make a visitor with a level; None for a stranger."""
    return lambda level=None: Visitor(app_of(network).test_client(), level)
