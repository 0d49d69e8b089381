"""Mending single values: spellings of certain meaning become the spelling of OCPI."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from decimal import Decimal
from decimal import InvalidOperation
from enum import StrEnum
from functools import cache
from typing import Any
from urllib.parse import quote
from urllib.parse import urlsplit
from urllib.parse import urlunsplit

from flask_ocpi.core.codes import ALPHA3_OF
from flask_ocpi.core.codes import COUNTRIES_ALPHA2
from flask_ocpi.core.codes import COUNTRIES_ALPHA3
from flask_ocpi.core.codes import COUNTRY_NAMES
from flask_ocpi.core.codes import CURRENCIES
from flask_ocpi.core.codes import LANGUAGES
from flask_ocpi.core.fields import CONTROL
from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Field
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import QueryInteger
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import Url
from flask_ocpi.core.fields import round_half_up
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.modules.locations_schemas import LATITUDE
from flask_ocpi.modules.locations_schemas import LATITUDE_6
from flask_ocpi.modules.locations_schemas import LONGITUDE
from flask_ocpi.modules.locations_schemas import LONGITUDE_6
from flask_ocpi.modules.locations_schemas import known_time_zone
from flask_ocpi.modules.tariffs import DATE
from flask_ocpi.modules.types import HOUR_MINUTE

_LONGEST = 4096  # a longer text is not mended; only signed data is longer in OCPI
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt _]{1,3}(\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,12}))?)?)?"
    r"\s?(Z|z|UTC|utc|GMT|gmt|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_LOST_PLUS = re.compile(r"(:\d\d(?:[.,]\d{1,12})?) (\d\d:?\d\d)\Z", re.ASCII)  # in a query it means a blank
_TIME = re.compile(r"T?(\d{1,2})(?::|\.|h|)(\d\d)(?::\d\d(?:\.\d+)?)?\s?(Z|[AaPp]\.?[Mm]\.?)?", re.ASCII)
_DAY = re.compile(r"(\d{4})[-/.]?(\d\d)[-/.]?(\d\d)(?:[T ].*)?", re.ASCII)
_DEGREES = re.compile(r"([+-]?)(\d{1,3})(?:[.,](\d{0,40}))?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,20}(?:[.,]\d{1,40})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_SCHEMELESS = re.compile(r"(?://)?(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?:[:/?#].*)?", re.ASCII)
_NOT_ALPHANUMERIC = re.compile(r"[^A-Z0-9]")
_TRUE = frozenset({"true", "1", "yes", "y", "on", "t"})
_FALSE = frozenset({"false", "0", "no", "n", "off", "f"})
_SIGNS = {"€": "EUR", "£": "GBP"}
_WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_END_OF_DAY = "23:59"
_DECIMALS = {LATITUDE: (5, 7), LONGITUDE: (5, 7), LATITUDE_6: (6, 6), LONGITUDE_6: (6, 6)}


def mend(field: Field, value: Any) -> Any:
    """Return the value that is certainly meant; None if there is none. The field checks it again."""
    mender = _mender_of(type(field))  # type: ignore[arg-type]  # a class can be hashed
    return None if mender is None else mender(field, value)


@cache
def _mender_of(kind: type[Field]) -> Callable[[Any, Any], Any] | None:
    return next((mender for base, mender in _MENDERS if issubclass(kind, base)), None)


def read_instant(value: Any) -> str | None:
    """Return the DateTime, in UTC with milliseconds, of an RFC 3339 instant, a day or a Unix time; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _unix_time(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    if len(text) in (10, 13) and text.isascii() and text.isdigit():
        return _unix_time(int(text))
    match = _INSTANT.fullmatch(_LOST_PLUS.sub(r"\1+\2", text) if len(text) <= _LONGEST else text)
    if match is None:
        return None
    day, hour, minute, second, fraction, zone = match.groups()
    past_midnight = hour == "24" and int(minute) == int(second or 0) == 0
    leap = second in ("60", "99")  # as the text of bookings writes the end of a minute
    try:
        naive = datetime.fromisoformat(
            f"{day}T{'00' if past_midnight else hour or '00'}:{minute or '00'}:{'59' if leap else second or '00'}+00:00"
        )
        moment = naive + timedelta(days=past_midnight, seconds=leap, microseconds=_micros(fraction)) - _offset(zone)
    except (ValueError, OverflowError):
        return None
    return format_date_time(moment)


def hour_minute(value: Any) -> str | None:
    """Return a time of the day as ``hh:mm``, 24:00 included; None if it is no time."""
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    hour, minute = int(match[1]), int(match[2])
    half = (match[3] or "")[:1].lower()
    if half in ("a", "p"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    if minute > 59 or hour > 24 or (hour == 24 and minute):
        return None
    return f"{hour:02}:{minute:02}"


def weekday_of(value: Any) -> int | None:
    """Return the number of a day of the week, 1 (Monday) to 7, by number or English name; None if it is no day."""
    text = value.strip().upper() if isinstance(value, str) else value
    if text in _WEEKDAYS:
        return _WEEKDAYS.index(text) + 1
    number = as_number(text) if isinstance(text, str) else text
    return int(number) if number is not None and number in range(1, 8) else None


def degrees(value: Any, *, longitude: bool, decimals: tuple[int, int] = (5, 7)) -> str | None:
    """Return degrees as text with 5 to 7 decimals, or so many, padded or rounded; None if they are out of range."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = format(Decimal(repr(value)), "f")
    match = _DEGREES.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    number = Decimal(f"{match[1]}{match[2]}.{match[3] or '0'}")
    if abs(number) > (180 if longitude else 90):
        return None
    least, most = decimals
    rounded = number.quantize(Decimal(1).scaleb(-min(most, max(least, len(match[3] or "")))))
    return format(abs(rounded) if rounded == 0 else rounded, "f")


def as_number(value: Any) -> float | int | None:
    """Return the number that a text spells, with a point or one comma; None if it spells no number."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value.strip()):
        return None
    try:
        number = Decimal(value.strip().replace(",", "."))
    except InvalidOperation:
        return None
    if number == number.to_integral_value() and abs(number) < 2**53:
        return int(number)
    return float(number)


def plain_text(value: Any) -> str | None:
    """Return a text without line breaks, control characters and surrounding blanks; numbers become their digits."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
        return str(int(value)) if whole else str(value)
    if not isinstance(value, str):
        return None
    return CONTROL.sub(" ", value.replace("\r\n", " ")).strip()


def _string(field: String, value: Any) -> Any:
    if field.pattern in _DECIMALS:
        return degrees(value, longitude=field.pattern in (LONGITUDE, LONGITUDE_6), decimals=_DECIMALS[field.pattern])
    if field.pattern == HOUR_MINUTE:
        time = hour_minute(value)
        return {"24:00": _END_OF_DAY if field.name == "period_end" else "00:00"}.get(time or "", time)
    text = plain_text(value)
    if text is None:
        return None
    if field.pattern == DATE:
        match = _DAY.fullmatch(text)
        return f"{match[1]}-{match[2]}-{match[3]}" if match else None
    if field.codes is not None:
        return _code(field, text)
    if field.validate is not None:
        return known_time_zone(text)
    if isinstance(field, CiString):
        return text if field.max > 4 or "/" not in text else text.rsplit("/", 1)[1]  # image/png is png
    return text[: field.max].rstrip() if field.pattern is None else text


def _code(field: String, text: str) -> str | None:
    """Return a code in the case of the field's list."""
    upper = text.upper()
    codes = field.codes
    if codes is COUNTRIES_ALPHA3:
        return ALPHA3_OF.get(upper) or COUNTRY_NAMES.get(text.casefold()) or _only(upper, COUNTRIES_ALPHA3)
    if codes is COUNTRIES_ALPHA2:
        return _ALPHA2_OF.get(upper) or _only(upper, COUNTRIES_ALPHA2)
    if codes is CURRENCIES:
        return _SIGNS.get(text) or _only(upper, CURRENCIES)
    if codes is LANGUAGES:
        return _only(re.split("[-_]", text.lower())[0], LANGUAGES)
    return text


def _only(text: str, codes: Any) -> str | None:
    return text if text in codes else None


def _url(field: Url, value: Any) -> str | None:
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    text = CONTROL.sub("", value).strip()
    if not field.called and _SCHEMELESS.fullmatch(text):
        text = f"https://{text.removeprefix('//')}"
    try:
        parts = urlsplit(text)
        host = parts.netloc.encode("ascii" if parts.netloc.isascii() else "idna").decode()
    except ValueError:
        return None
    if not host:
        return None
    path, query, fragment = (
        quote(part, safe="%/:?@!$&'()*+,;=~|[]-._") for part in (parts.path, parts.query, parts.fragment)
    )
    return urlunsplit((parts.scheme, host, path, query, fragment))


def _boolean(field: Boolean, value: Any) -> bool | None:
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    return True if text in _TRUE else False if text in _FALSE else None


def _integer(field: Integer, value: Any) -> int | None:
    if isinstance(value, str):
        value = weekday_of(value) if field.name == "weekday" else as_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**53:
        return None
    if field.max is not None and value != int(value):  # a number of something, not a measure
        return None
    return int(round_half_up(float(value), 0))


def _query_integer(field: QueryInteger, value: Any) -> str | None:
    number = as_number(str(value))
    return str(number) if isinstance(number, int) else None


def _enum(field: Enum, value: Any) -> str | None:
    if isinstance(value, str) and len(value) <= _LONGEST:
        found = _by_bare_name(field.enum).get(_bare(value))
        if found is not None:
            return found
    return "UNKNOWN" if "UNKNOWN" in field.values and isinstance(value, str) and value.strip() else None


@cache
def _by_bare_name(enum: type[StrEnum]) -> dict[str, str]:
    return {_bare(member.value): member.value for member in reversed(enum)}


def _bare(text: str) -> str:
    return _NOT_ALPHANUMERIC.sub("", text.upper())


def _unix_time(value: float) -> str | None:
    """Read seconds (10 digits) or milliseconds (13 digits) since 1970: dates from 2001 to 2286."""
    if not 1e9 <= value < 1e13 or 1e10 <= value < 1e12:
        return None
    return format_date_time(datetime.fromtimestamp(value if value < 1e10 else value / 1000, UTC))


def _micros(fraction: str | None) -> int:
    return int((fraction or "0")[:6].ljust(6, "0"))


def _offset(zone: str | None) -> timedelta:
    if not zone or zone[0] not in "+-":
        return timedelta()
    digits = zone[1:].replace(":", "")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    if size > timedelta(hours=18):
        raise ValueError(zone)
    return -size if zone[0] == "-" else size


_ALPHA2_OF = {alpha3: alpha2 for alpha2, alpha3 in ALPHA3_OF.items()}

_MENDERS: tuple[tuple[type[Field], Callable[[Any, Any], Any]], ...] = (
    (DateTime, lambda field, value: read_instant(value)),
    (String, _string),
    (Url, _url),
    (Boolean, _boolean),
    (Integer, _integer),
    (Number, lambda field, value: as_number(value)),
    (QueryInteger, _query_integer),
    (Enum, _enum),
)
