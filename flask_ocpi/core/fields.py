"""The data types of OCPI as marshmallow fields: they check a value and convert it to its canonical form."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP
from decimal import Decimal
from enum import StrEnum
from typing import Any

import marshmallow as ma

from flask_ocpi.core.advice import listing
from flask_ocpi.core.advice import with_article
from flask_ocpi.core.moments import canonical_date_time

NOT_AVAILABLE = "#NA"  # OCPI 2.2.1, Transport and format, "No data available"
UNKNOWN_TIME = "1970-1-1T00:00:00Z"  # OCPI 2.2.1, CDRs, "CDR Object": no DateTime, but to be accepted there

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # lone surrogates are no characters
_PRINTABLE_ASCII = re.compile(r"[\x20-\x7e]*\Z")
#: The search for violations stops after this number, which is enough for the sender.
MOST = 30
MAX_INTEGER = 2**53 - 1  # every JSON peer can hold these
MAX_NUMBER = sys.float_info.max  # JSON such as 1e400 decodes to infinity, which cannot be written back

URL_PATTERN = (
    r"^[Hh][Tt][Tt][Pp][Ss]?://([A-Za-z0-9._~!$&'()*+,;=:%-]*@)?"
    r"([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
    r"([/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%\[\]|-]*)?$"
)


@dataclass(frozen=True, slots=True)
class Policy:
    """How strictly documents are checked; one per app, from its settings.

    strict_codes: compare country, currency and language codes with the ISO lists.
    open_enums: names of enums whose unknown values are accepted.
    keep_unknown: keep properties that OCPI does not define (else they are dropped).
    max_depth: how deep an unknown property may be nested.
    compiled: check with functions compiled from the schemas; marshmallow checks only the rest.
    list_limits: the largest number of elements by class and property, if it differs from the declared one.
    """

    strict_codes: bool = False
    open_enums: frozenset[str] = frozenset()
    keep_unknown: bool = True
    max_depth: int = 32
    compiled: bool = True
    list_limits: tuple[tuple[str, int], ...] = ()


DEFAULT_POLICY = Policy()


class Violations:
    """The violations in the parts of one value, such as the elements of a list.

    All checks of long values use one of these, and stop when it is full.
    """

    __slots__ = ("_messages", "_number")

    def __init__(self) -> None:
        self._messages: dict[Any, Any] = {}
        self._number = 0

    def add(self, part: str | int, messages: Any) -> bool:
        """Note a violation of a part: a message, or messages by its own parts. True if there are enough."""
        if isinstance(messages, str):
            self._messages.setdefault(part, []).append(messages)
        else:
            self._messages[part] = messages
        self._number += number_of(messages)
        return self._number >= MOST

    def raise_any(self, valid: Any = None) -> None:
        """Raise marshmallow's ValidationError if there are any; ``valid`` are the parts without violations."""
        if self._messages:
            raise ma.ValidationError(self._messages, valid_data=valid)


def number_of(messages: Any) -> int:
    return sum(1 for _ in walk(messages))


def walk(messages: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Walk marshmallow's error messages, each with the names and indexes that lead to it."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            yield from walk(inner, path if name == "_schema" else (*path, name))
    elif isinstance(messages, list):
        for message in messages:
            yield path, str(message)
    else:
        yield path, str(messages)


class Field(ma.fields.Field[Any]):
    """Base of all fields: OCPI's cardinalities.

    ``required=True`` is cardinality 1 (or + for lists). Without it (? and *), null and absent are the same: a
    document does not keep the property, a partial one (PATCH) keeps None, which clears it. ``about`` and ``example``
    describe the property in the OpenAPI document; an object, or a list of objects, is its own example.
    """

    default_error_messages = {"required": "is required", "null": "must not be null"}  # noqa: RUF012
    policy: Policy = DEFAULT_POLICY
    composed: Any = None  # an example made of those of the properties inside, if there are any

    def __init__(self, *, about: str = "", example: Any = None, required: bool = False, **kwargs: Any) -> None:
        super().__init__(required=required, allow_none=not required, **kwargs)
        if about:
            shown = self.composed if example is None else example
            self.metadata = {"description": about} | ({} if shown is None else {"example": shown})

    def _bind_to_schema(self, field_name: str, parent: Any) -> None:
        # Before super(), where a list binds its element, which asks the list for the policy.
        self.policy = getattr(parent, "policy", DEFAULT_POLICY)
        super()._bind_to_schema(field_name, parent)

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **kwargs: Any) -> Any:
        result = super().deserialize(value, attr, data, **kwargs)
        if result is None and not kwargs.get("partial"):
            return ma.missing
        return result

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema keywords of this field's values."""
        return {}


class String(Field):
    """Printable Unicode of at most ``max`` characters, case-sensitive. OCPI 2.2.1, Types, "string"."""

    def __init__(
        self,
        *,
        max: int,
        min: int = 0,
        pattern: str | None = None,
        pattern_hint: str = "",
        codes: Collection[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max = max
        self.min = min
        self.pattern = pattern
        self.matches = re.compile(pattern).fullmatch if pattern else None
        self._hint = pattern_hint or f"must match {pattern}"
        self.codes = codes

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ma.ValidationError("must be a string")
        if value == NOT_AVAILABLE and self.required:
            return value
        if len(value) > self.max:
            raise ma.ValidationError(f"is longer than {self.max} characters (it has {len(value)})")
        if len(value) < self.min:
            shorter = f"is shorter than {self.min} characters (it has {len(value)})"
            raise ma.ValidationError("must not be empty" if self.min == 1 else shorter)
        self._check_characters(value)
        if self.matches is not None and not self.matches(value):
            raise ma.ValidationError(self._hint)
        if self.codes is not None and self.policy.strict_codes and not self._is_code(value, self.codes):
            raise ma.ValidationError("is not a code of the ISO list")
        return value

    def _check_characters(self, value: str) -> None:
        if CONTROL.search(value):
            raise ma.ValidationError("must not contain control characters or line breaks")

    def _is_code(self, value: str, codes: Collection[str]) -> bool:
        return value in codes

    def json_schema(self) -> dict[str, Any]:
        keywords: dict[str, Any] = {"type": "string", "maxLength": self.max}
        if self.min:
            keywords["minLength"] = self.min
        if self.pattern:
            keywords["pattern"] = f"^(?:{self.pattern})$" if "|" in self.pattern else f"^{self.pattern}$"
        return keywords


class CiString(String):
    """Printable ASCII, compared without regard to case, stored as received. OCPI 2.2.1, Types, "CiString"."""

    def __init__(self, *, max: int, min: int = 1, **kwargs: Any) -> None:
        super().__init__(max=max, min=min, **kwargs)

    def _check_characters(self, value: str) -> None:
        if not _PRINTABLE_ASCII.match(value):
            raise ma.ValidationError("must contain printable ASCII characters only")

    def _is_code(self, value: str, codes: Collection[str]) -> bool:
        return value.upper() in codes

    def json_schema(self) -> dict[str, Any]:
        return {"pattern": "^[ -~]*$", **super().json_schema()}


class Url(Field):
    """An absolute http or https URL of at most 255 characters. OCPI 2.2.1, Types, "URL".

    ``called=True``: messages are sent to it, so an unclear one is not guessed.
    """

    def __init__(self, *, called: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.called = called

    matches = re.compile(f"{URL_PATTERN[:-1]}\\Z").match

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ma.ValidationError("must be a string")
        if len(value) > 255:
            raise ma.ValidationError(f"is longer than 255 characters (it has {len(value)})")
        if not self.matches(value):
            raise ma.ValidationError("must be an absolute http or https URL")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "maxLength": 255, "pattern": URL_PATTERN}


class DateTime(Field):
    """A UTC date and time as text; see :func:`parse_date_time`. OCPI 2.2.1, Types, "DateTime".

    ``or_unknown=True`` also accepts OCPI's spelling of an unknown time, which becomes the start of 1970.
    """

    def __init__(self, *, or_unknown: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.or_unknown = or_unknown

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ma.ValidationError("must be a string")
        if self.or_unknown and value == UNKNOWN_TIME:
            return "1970-01-01T00:00:00Z"
        try:
            return canonical_date_time(value)
        except ValueError as error:
            raise ma.ValidationError(str(error)) from error

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "ocpi-date-time", "maxLength": 25}


class Boolean(Field):
    """JSON true or false, nothing else. ``default`` documents what an absent value means."""

    def __init__(self, *, default: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.default = default

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if value is True or value is False:
            return bool(value)
        raise ma.ValidationError("must be true or false")

    def json_schema(self) -> dict[str, Any]:
        default = {} if self.default is None else {"default": self.default}
        return {"type": "boolean", **default}


class Integer(Field):
    """A JSON integer; also its spelling 16.0, which becomes 16."""

    def __init__(self, *, min: int | None = None, max: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.min = min
        self.max = max
        self.low = -MAX_INTEGER if min is None else min
        self.high = MAX_INTEGER if max is None else max

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ma.ValidationError("must be an integer")
        if not self.low <= value <= self.high:
            raise ma.ValidationError(f"must be between {self.low} and {self.high}")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


class Number(Field):
    """A JSON number with at most four decimals; more are rounded half up. OCPI 2.2.1, Types, "number"."""

    def __init__(self, *, min: float | None = None, max: float | None = None, decimals: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.min = min
        self.max = max
        self.decimals = decimals

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int | float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ma.ValidationError("must be a number")
        if not -MAX_NUMBER <= value <= MAX_NUMBER:
            raise ma.ValidationError("must be a finite number")
        if self.min is not None and value < self.min:
            raise ma.ValidationError(f"must be at least {self.min:g}")
        if self.max is not None and value > self.max:
            raise ma.ValidationError(f"must be at most {self.max:g}")
        return round_half_up(value, self.decimals) if isinstance(value, float) else value

    def json_schema(self) -> dict[str, Any]:
        bounds = {"minimum": self.min, "maximum": self.max}
        return {"type": "number", **{name: bound for name, bound in bounds.items() if bound is not None}}


def round_half_up(value: float, decimals: int) -> float:
    """Round a finite number to ``decimals``, half away from zero; one with no more decimals stays the same."""
    if round(value, decimals) == value:
        return value
    return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


class QueryInteger(Field):
    """A whole number in a query string."""

    DIGITS = 18
    matches = re.compile(rf"[+-]?[0-9]{{1,{DIGITS}}}\Z").match

    def __init__(self, *, min: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.min = min

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        text = str(value)
        if not self.matches(text):
            raise ma.ValidationError("must be a whole number")
        number = int(text)
        if number < self.min:
            raise ma.ValidationError(f"must be at least {self.min}")
        return number

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.min, "maximum": 10**self.DIGITS - 1}


class Enum(Field):
    """A value of a case-sensitive set, closed unless it is ``open`` or OCPI_OPEN_ENUMS names the enum.

    without: values of the enum that this property does not allow, such as those that a version lacks. ``open=True``
    accepts unknown values as well. OCPI 2.3.0, Types, "OpenEnum".
    """

    def __init__(
        self, enum: type[StrEnum], *, without: Collection[str] = (), open: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.enum = enum
        self.open = open
        self.listed = tuple(member.value for member in enum if member.value not in without)
        self.values = frozenset(self.listed)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ma.ValidationError("must be a string")
        if value in self.values or (
            self.is_open_by(self.policy) and 0 < len(value) <= 255 and not CONTROL.search(value)
        ):
            return value
        shown = value if len(value) <= 40 else f"{value[:40]}..."
        known = listing(self.listed, value)
        raise ma.ValidationError(f"{shown!a} is not {with_article(self.enum.__name__)}: use {known}")

    def is_open_by(self, policy: Policy) -> bool:
        """Tell whether it accepts unknown values."""
        return self.open or self.enum.__name__ in policy.open_enums

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.listed)}


class ListOf(Field, ma.fields.List[Any]):
    """A list of values: ``*`` (null, [] and absent are the same), or ``+`` with ``required=True``.

    ``unique`` names a CiString property that must differ between the elements, which are objects. ``max`` is the
    largest number of elements, which OCPI leaves open, and ``limit`` the same by the policy of the app.
    """

    def __init__(self, inner: Field, *, unique: str | None = None, max: int = 1000, **kwargs: Any) -> None:
        self.composed = None if inner.composed is None else [inner.composed]
        super().__init__(cls_or_instance=inner, **kwargs)
        self.unique = unique
        self.limit = self.max = max
        inner.required, inner.allow_none = True, False

    def _bind_to_schema(self, field_name: str, parent: Any) -> None:
        super()._bind_to_schema(field_name, parent)
        self.limit = list_limit(self.policy, type(parent), field_name, self.max)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise ma.ValidationError("must be an array")
        if not value:
            if self.required:
                raise ma.ValidationError("must have at least one element")
            return None
        if len(value) > self.limit:
            raise ma.ValidationError(f"has more than {self.limit} elements (it has {len(value)})")
        elements, found = [], Violations()
        for index, element in enumerate(value):
            try:
                elements.append(self.inner.deserialize(element))
            except ma.ValidationError as error:
                if error.valid_data is not None:
                    elements.append(error.valid_data)
                if found.add(index, error.messages):
                    break
        found.raise_any(elements)
        if self.unique is not None:
            _check_unique(elements, self.unique)
        return elements

    def json_schema(self) -> dict[str, Any]:
        return {**({"minItems": 1} if self.required else {}), "maxItems": self.limit}


def list_limit(policy: Policy, cls: type, name: str, declared: int) -> int:
    """Return the largest number of elements of a list of a class; the limits of a class apply to its subclasses."""
    limits, names = dict(policy.list_limits), (f"{base.__name__}.{name}" for base in cls.__mro__)
    return next((limits[name] for name in names if name in limits), declared)


def _check_unique(elements: list[Any], name: str) -> None:
    first: dict[str, int] = {}
    found = Violations()
    for index, element in enumerate(elements):
        place = first.setdefault(element[name].lower(), index)
        again = {name: [f"is the same as that of element {place}: it must be unique"]}
        if place != index and found.add(index, again):
            break
    found.raise_any()
