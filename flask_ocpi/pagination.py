"""Offset pagination as OCPI defines it: Link, X-Total-Count, X-Limit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import urlencode
from urllib.parse import urljoin
from urllib.parse import urlsplit
from urllib.parse import urlunsplit

from flask_ocpi.fields import DateTime
from flask_ocpi.fields import QueryInteger
from flask_ocpi.fields import String
from flask_ocpi.fields import to_micros
from flask_ocpi.schema import Document
from flask_ocpi.schema import Schema
from flask_ocpi.schema import Violation

_NEXT = re.compile(
    r'<([^<>]*)>\s*;[^,<]*?\brel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?=\s*(?:[;,]|\Z)))', re.IGNORECASE
)
_COUNT = re.compile(r"[0-9]{1,18}", re.ASCII)
_CURSOR = re.compile(r"([0-9]{1,18})\.(.+)\Z", re.ASCII)


def _not_inverted(query: Document) -> Any:
    if "date_from" in query and "date_to" in query and to_micros(query["date_from"]) > to_micros(query["date_to"]):
        violation: Violation = ("date_from", "must not be later than date_to")
        yield violation


class PageQuery(Schema):
    """Query parameters of a list (OCPI 2.2.1, Transport and format, "Paginated Request")."""

    date_from = DateTime(
        metadata={
            "description": "Only objects whose last_updated is at or after this moment.",
            "example": "2024-01-01T00:00:00Z",
        }
    )
    date_to = DateTime(
        metadata={
            "description": "Only objects whose last_updated is before this moment.",
            "example": "2034-01-01T00:00:00Z",
        }
    )
    offset = QueryInteger(min=0, metadata={"description": "Objects to skip; 0 by default.", "example": 0})
    limit = QueryInteger(min=1, metadata={"description": "Objects on a page at the most.", "example": 10})
    cursor = String(
        max=255,
        metadata={"description": "Part of the Link of a page; speeds up the next one and may be left out."},
    )
    rules = (_not_inverted,)


def make_cursor(offset: int, after: str | None) -> str | None:
    """Join a storage's cursor with the offset at which it holds."""
    return None if after is None else f"{offset}.{after}"


def read_cursor(cursor: str | None, offset: int) -> str | None:
    """Return the storage's cursor, or None when the client moved to another offset than the one it belongs to."""
    match = _CURSOR.match(cursor or "")
    return match[2] if match and int(match[1]) == offset else None


def page_link(url: str, query: Mapping[str, Any], *, offset: int, limit: int, cursor: str | None) -> str:
    """Build the Link header value of the next page; the filters of the request stay as they are.

    OCPI 2.2.1, Transport and format, "Paginated Response".
    """
    kept = {name: query[name] for name in ("date_from", "date_to") if query.get(name) is not None}
    parameters = {**kept, "offset": offset, "limit": limit, **({"cursor": cursor} if cursor else {})}
    return f'<{url}?{urlencode(parameters, safe=":")}>; rel="next"'


def next_url(link: str | None, *, base: str) -> str | None:
    """Read the URL of the next page from a Link header; a relative one is resolved against ``base``."""
    match = _NEXT.search(link or "")
    return urljoin(base, match[1].strip()) if match else None


def with_offset(url: str, offset: int) -> str:
    """Return the URL with another offset and without a cursor that would contradict it."""
    parts = urlsplit(url)
    parameters = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k not in ("offset", "cursor")]
    return urlunsplit(parts._replace(query=urlencode([*parameters, ("offset", str(offset))], safe=":")))


def offset_of(url: str) -> int:
    """Return the offset in a page's URL; 0 when there is none."""
    values = [v for k, v in parse_qsl(urlsplit(url).query) if k == "offset"]
    return (read_count(values[-1]) if values else None) or 0


def read_count(text: str) -> int | None:
    """Read a number of objects as a peer wrote it; None when it is none."""
    return int(text) if _COUNT.fullmatch(text) else None
