"""A visitor of the console without a screen; and what is on a page: its links, the values that its forms carry."""

from __future__ import annotations

from html.parser import HTMLParser

from flask.testing import FlaskClient


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: dict[str, dict[str, str]] = {}
        self._form: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "a" and values["href"].startswith("/ocpi/console"):
            self.links.append(values["href"])
        if tag == "form" and values.get("method") == "post":
            self._form = self.forms.setdefault(values["action"], {})
        if tag == "input" and values.get("type") == "hidden":
            self._form[values["name"]] = values["value"]


def links(text: str) -> list[str]:
    """Return the links of a page to others of the console."""
    return _read(text).links


def forms(text: str) -> dict[str, dict[str, str]]:
    """Return the hidden values of the forms of a page, by the path that each is sent to."""
    return _read(text).forms


def _read(text: str) -> _Reader:
    reader = _Reader()
    reader.feed(text)
    return reader


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
