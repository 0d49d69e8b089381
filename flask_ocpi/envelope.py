"""The response format: every answer, also an error, is this JSON object around its data."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import StatusCode
from flask_ocpi.fields import format_date_time

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
    """Decode an answer and check that it is an envelope; only ``status_code`` is insisted on (CLI-08).

    A status_code in text is understood, and a byte order mark passed over, unless ``strict``. Raises
    InvalidResponseError that names ``source``.
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
    """Show the first 200 characters of a foreign body, in one line, to be put behind a sentence; "" for none."""
    text = " ".join(body[:1200].decode("utf-8", "replace").split())
    text = "".join(character if character.isprintable() else "?" for character in text)
    return f": {text[:200]}" if text else ""
