"""What is on a page of the console: its links, and the values that its forms carry."""

from __future__ import annotations

from html.parser import HTMLParser


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
