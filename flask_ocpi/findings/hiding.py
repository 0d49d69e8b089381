"""What is kept of what other platforms sent: no credentials, no control characters, and nothing without an end."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson

from flask_ocpi.config import Settings
from flask_ocpi.findings import Finding
from flask_ocpi.messages import HIDDEN

LONGEST_DOCUMENT = 64 * 1024  # bytes
_USER = re.compile(r"//[^/?#\s]*@")
_LONGEST_NAME = 255
_LONGEST_TEXT = 500
_LONGEST_OUTCOME = 2000


class Hiding:
    """Takes out of findings what the journal hides too: tokens, and the properties in OCPI_JOURNAL_HIDDEN."""

    def __init__(self, settings: Settings) -> None:
        self._names = {"token", *(name.lower() for name in settings.journal_hidden)}
        spelled = "|".join(map(re.escape, self._names))
        self._in_query = re.compile(rf"([?&](?:{spelled})=)[^&#\s]*", re.IGNORECASE)
        self._quoted = re.compile(rf"['\"](?:{spelled})\\*['\"]", re.IGNORECASE)

    def __call__(self, finding: Finding) -> Finding:
        """Return a finding as it may be kept."""
        is_hidden = finding.path.rsplit(".", 1)[-1].split("[", 1)[0].lower() in self._names
        came, outcome = finding.came, finding.outcome
        if is_hidden and not finding.refused and came != HIDDEN:
            came = outcome = HIDDEN
        return replace(
            finding,
            module=_plain(finding.module, _LONGEST_NAME),
            object=_plain(finding.object, _LONGEST_NAME),
            path=_plain(finding.path, _LONGEST_NAME),
            came=self._text(came, _LONGEST_TEXT),
            outcome=self._text(outcome, _LONGEST_OUTCOME),
            document=self._document(finding.document),
        )

    def _text(self, text: str, longest: int) -> str:
        """Return a text without credentials: all of it, where it shows an object that has some."""
        text = text[: 4 * longest]
        if self._quoted.search(text):
            return HIDDEN
        return _plain(self._url(text), longest)

    def _url(self, text: str) -> str:
        """Return a text without the credentials that a URL in it may have."""
        return self._in_query.sub(rf"\1{HIDDEN}", _USER.sub(f"//{HIDDEN}@", text))

    def _document(self, document: Any) -> Any:
        """Return what was refused; None where that is too large, or nested too deep, to be kept."""
        if document is None:
            return None
        try:
            text = orjson.dumps([[document]])  # at the depth that it has in a record of it
        except (TypeError, ValueError):
            return None
        if len(text) > LONGEST_DOCUMENT:
            return None
        return self._without_secrets(document, hides=False)

    def _without_secrets(self, value: Any, *, hides: bool) -> Any:
        """Return a copy of a document; ``hides``: texts and numbers in it, but for those of objects, are secrets."""
        if isinstance(value, dict):
            values: dict[str, Any] = {}
            for name, inner in value.items():
                values[name] = self._without_secrets(inner, hides=str(name).lower() in self._names)
            return values
        if isinstance(value, list | tuple):
            items: list[Any] = []
            for item in value:
                items.append(self._without_secrets(item, hides=hides))  # a comprehension is a frame more for each level
            return items
        if hides and value is not None:
            return HIDDEN
        return self._url(value) if isinstance(value, str) else value


def _plain(text: str, longest: int) -> str:
    """Return a text that steers no terminal and that every database takes."""
    text = str(text[:longest])
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)
