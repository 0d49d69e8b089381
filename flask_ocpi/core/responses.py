"""Offset pagination as OCPI defines it: Link, X-Total-Count, X-Limit."""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import quote
from urllib.parse import unquote_plus
from urllib.parse import urlencode
from urllib.parse import urlsplit
from urllib.parse import urlunsplit

import orjson

from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import QueryInteger
from flask_ocpi.core.fields import String
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import Violation
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import StatusCode

SUCCESS_MESSAGE = "Success"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SUCCESS = f'"status_code":{int(StatusCode.SUCCESS)},"status_message":"{SUCCESS_MESSAGE}"'.encode()


def envelope(
    data: bytes | None,
    *,
    now: datetime,
    status_code: int = StatusCode.SUCCESS,
    message: str = SUCCESS_MESSAGE,
) -> bytes:
    """Put JSON text into the envelope without decoding it; None leaves ``data`` out.

    OCPI 2.2.1, Transport and format, "Response format".
    """
    if status_code == StatusCode.SUCCESS and message == SUCCESS_MESSAGE:
        said = _SUCCESS
    else:
        said = f'"status_code":{int(status_code)},"status_message":'.encode() + orjson.dumps(message)
    moment = f',"timestamp":"{format_date_time(now)}"}}'.encode()
    if data is None:
        return b"{" + said + moment
    return b"".join((b'{"data":', data, b",", said, moment))  # in one piece: it may be long


def array(texts: list[bytes]) -> bytes:
    """Splice documents into a JSON array."""
    if not texts:
        return b"[]"
    first, *others = texts
    others = [b"[" + first, *others]
    others[-1] += b"]"
    return b",".join(others)


def parse_envelope(body: bytes, *, source: str, strict: bool = False) -> dict[str, Any]:
    """Decode an answer and check that it is an envelope; only ``status_code`` is required (CLI-08).

    Unless ``strict``, a status_code in text is accepted, and a byte order mark ignored. Raises InvalidResponseError
    that names ``source``.
    """
    try:
        answer = orjson.loads(body if strict else body.removeprefix(BYTE_ORDER_MARK))
    except orjson.JSONDecodeError as error:
        raise InvalidResponseError(f"{source} did not answer with JSON.") from error
    code = answer.get("status_code") if isinstance(answer, dict) else None
    if not strict and isinstance(code, str) and code.isascii() and code.strip().isdigit() and len(code) <= 9:
        code = answer["status_code"] = int(code)
    if not isinstance(code, int) or isinstance(code, bool):
        raise InvalidResponseError(f"{source} did not answer with an OCPI envelope (no status_code).")
    envelope_: dict[str, Any] = answer
    return envelope_


def excerpt(body: bytes) -> str:
    """Return the first 200 characters of a foreign body on one line, to follow a sentence; "" for none."""
    text = " ".join(body[:1200].decode("utf-8", "replace").split())
    text = "".join(character if character.isprintable() else "?" for character in text)
    return f": {text[:200]}" if text else ""


# The parts of a Link header (RFC 8288). Each is read once, without backtracking: a header may be long and hostile.
_TARGET = re.compile(r"[\s,]*+(?:<([^<>]*+)>|([^\s;<>\"]++)|.)", re.DOTALL)
_PARAMETER = re.compile(
    r"""\s*+;[\s;]*+([^\s=;,<>"]*+)\s*+(?:=\s*+(?:"((?:[^"\\]|\\.)*+)"?|([^\s;,"<>]*+)))?""", re.DOTALL
)
_JUNK = re.compile(r"[^,;<]*+")
_RELATIONS = re.compile(r"[^\s,;'\"\\]+")
_ESCAPES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'))
_NO_VALUE = frozenset({"", "none", "null", "undefined"})
_MOST_PARAMETERS = 100
_TOTAL = re.compile(r'"?\+?([0-9]{1,18})(?:\.0{1,18})?"?', re.ASCII)
_COUNT = re.compile(r"[0-9]{1,18}", re.ASCII)
_CURSOR = re.compile(r"([0-9]{1,18})\.(.+)\Z", re.ASCII)


def _not_inverted(query: Document) -> Any:
    if "date_from" in query and "date_to" in query and to_micros(query["date_from"]) > to_micros(query["date_to"]):
        violation: Violation = ("date_from", "must not be later than date_to")
        yield violation


class PageQuery(Schema):
    """Query parameters of a list (OCPI 2.2.1, Transport and format, "Paginated Request")."""

    date_from = DateTime(
        about="Only objects whose last_updated is at or after this moment.", example="2024-01-01T00:00:00Z"
    )
    date_to = DateTime(about="Only objects whose last_updated is before this moment.", example="2034-01-01T00:00:00Z")
    offset = QueryInteger(min=0, about="Objects to skip; 0 by default.", example=0)
    limit = QueryInteger(min=1, about="Objects on a page at the most.", example=10)
    cursor = String(max=255, about="Part of the Link of a page; speeds up the next one and may be left out.")
    rules = (_not_inverted,)


def make_cursor(offset: int, after: str | None) -> str | None:
    """Join a storage's cursor with the offset at which it holds."""
    return None if after is None else f"{offset}.{after}"


def read_cursor(cursor: str | None, offset: int) -> str | None:
    """Return the storage's cursor, or None if the client moved to another offset than that of the cursor."""
    match = _CURSOR.match(cursor) if cursor else None
    return match[2] if match and int(match[1]) == offset else None


def page_link(url: str, filters: Mapping[str, str], *, offset: int, limit: int, cursor: str | None) -> str:
    """Build the Link header value of the next page; the filters of the request stay, with canonical dates.

    OCPI 2.2.1, Transport and format, "Paginated Response".
    """
    parameters = [f"{name}={value}&" for name, value in filters.items()]
    following = f"&cursor={quote(cursor, safe=':')}" if cursor else ""
    return f'<{url}?{"".join(parameters)}offset={offset}&limit={limit}{following}>; rel="next"'


def next_target(link: str | None) -> str | None:
    """Return the target of the next page in a Link header, as it is written; None if there is none.

    Any form of RFC 8288 is read, and the usual mistakes: no angle brackets, missing or unbalanced quotes, escapes of
    HTML. A link without any relation is the next page if it is the only link.
    """
    text = (link or "").strip()
    if text.lower() in _NO_VALUE:
        return None
    for escape, character in _ESCAPES:
        text = text.replace(escape, character)
    number, unrelated, place = 0, None, 0
    while place < len(text) and (found := _TARGET.match(text, place)) is not None:
        target = found[1] if found[1] is not None else (found[2] or "").rstrip(",") or None
        relations, place = _relations(text, found.end())
        if target is None:
            continue
        number += 1
        if relations is None:
            unrelated = target
        elif "next" in relations:
            return target.strip()
    return unrelated.strip() if number == 1 and unrelated is not None else None


def _relations(text: str, place: int) -> tuple[list[str] | None, int]:
    """Read the parameters of a link; return its relations, None if it has none, and the beginning of the next link."""
    relations = None
    while True:
        while (found := _PARAMETER.match(text, place)) is not None:
            place = found.end()
            if found[1].lower() == "rel" and relations is None:  # RFC 8288: only the first counts
                relations = _RELATIONS.findall((found[2] or found[3] or "").lower()) or None
        place = _JUNK.match(text, place).end()  # type: ignore[union-attr]  # it matches anything
        if not text.startswith(";", place):
            return relations, place


def parameters_of(target: str, own: Collection[str]) -> list[str]:
    """Return the query parameters, as written, of a target that names the next page; [] if it does not.

    ``own`` are the names of our parameters: they are left out, as are values without meaning.
    """
    query = re.sub("&(?:amp;|#38;)+", "&", target.partition("#")[0].partition("?")[2])
    offset, limit, others = "", "", []
    for piece in query.split("&", _MOST_PARAMETERS)[:_MOST_PARAMETERS]:
        name, _, value = (unquote_plus(part).strip() for part in piece.partition("="))
        if name == "offset":
            offset = f"offset={int(value)}" if _COUNT.fullmatch(value) else offset
        elif name == "limit":
            is_limit = name not in own and _COUNT.fullmatch(value) and int(value)
            limit = f"limit={int(value)}" if is_limit else limit
        elif name and value.lower() not in _NO_VALUE and name.lower() not in own:
            others.append(quote(piece.strip(), safe="%:/?@!$'()*+,;=~"))
    return [*filter(None, (offset, limit)), *others] if offset or others else []


def names_in(url: str) -> set[str]:
    """Return the names of the parameters in a URL, in lower case."""
    return {name.lower() for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}


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
    """Read a number of objects as a peer wrote it; None if it is none."""
    return int(text) if _COUNT.fullmatch(text) else None


def read_total(text: str) -> int | None:
    """Read an X-Total-Count; None if it is no number, or if several differ."""
    found = {int(match[1]) if (match := _TOTAL.fullmatch(part.strip())) else None for part in text.split(",")}
    return found.pop() if len(found) == 1 else None
