"""Quirks: different behaviour for one partner, because its software needs it.

The fields of :class:`Quirks` are the table of them: their names in the configuration have hyphens.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from dataclasses import replace
from typing import Any
from typing import Protocol
from urllib.parse import urlsplit

from flask_ocpi.core.advice import there_are
from flask_ocpi.errors import InvalidParametersError


@dataclass(frozen=True, slots=True)
class Preset:
    """The quirks of partners with some software. reason: why, in one or two sentences."""

    reason: str
    quirks: Mapping[str, Any]


PRESETS: Mapping[str, Preset] = {
    "py-ocpi": Preset(
        "Its prices need incl_vat, and before Python 3.11 it reads no date that ends in Z.",
        {"always-incl-vat": True, "offset-in-dates": True},
    ),
    "extrawest": Preset(
        "Its prices need incl_vat.",
        {"always-incl-vat": True},
    ),
    "elumobility": Preset(
        "It takes no object that lacks an optional property.",
        {"send-nulls": True},
    ),
    "ocpi-mock-hub": Preset(
        "It has the party in the URL of real-time authorization, and CDRs under their id.",
        {"authorize-with-party": True, "cdr-by-id": True},
    ),
    "ocpi-client": Preset(
        "It looks for the credentials endpoint as RECEIVER only.",
        {"credentials-both-roles": True},
    ),
    "gireve": Preset(
        "Its pages have at most 100 locations or tariffs, 1000 tokens or 20 CDRs.",
        {"page-limit": "locations:100,tariffs:100,tokens:1000,cdrs:20"},
    ),
    "e-clearing": Preset(
        "It fills in required properties that are missing with a hyphen, which strict reading refuses.",
        {"receive": "tolerant"},
    ),
    "enapi": Preset(
        "Its hub lists the parties behind it in its credentials, which strict reading refuses.",
        {"receive": "tolerant"},
    ),
}


Values = Mapping[str, Any]

_ON = frozenset({"on", "true", "yes", "1"})
_OFF = frozenset({"off", "false", "no", "0"})
_EACH = "*"


def _boolean(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = value.strip().lower() if isinstance(value, str) else None
    if text is None or text not in _ON | _OFF:
        raise InvalidParametersError(f"The quirk {name} is on or off, not {value!a}.")
    return text in _ON


def _receiving(name: str, value: Any) -> str:
    if value not in ("strict", "tolerant"):
        raise InvalidParametersError(f"The quirk {name} is strict or tolerant, not {value!a}.")
    return str(value)


def _limits(name: str, value: Any) -> dict[str, int]:
    """Read ``100``, ``tokens:1000,cdrs:20`` or a mapping of module ids to numbers; * stands for all other modules."""
    given: dict[str, Any]
    if isinstance(value, Mapping):
        given = {str(module): number for module, number in value.items()}
    elif isinstance(value, str):
        pairs = (part.rpartition(":") for part in value.split(","))
        given = {module.strip() or _EACH: number.strip() for module, _, number in pairs}
    else:
        given = {_EACH: value}
    limits = {}
    for module, number in given.items():
        text = "" if isinstance(number, bool) else str(number)
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
            raise InvalidParametersError(
                f"The quirk {name} is a number above 0, or numbers such as tokens:1000,cdrs:20, not {value!a}."
            )
        limits[module] = int(text)
    return limits


def _quirk(default: Any, doc: str, parse: Callable[[str, Any], Any] = _boolean) -> Any:
    return field(default=default, metadata={"doc": doc, "parse": parse})


@dataclass(frozen=True, slots=True)
class Quirks:
    """The quirks of one partner; by default none."""

    send_nulls: bool = _quirk(False, "Send absent optional properties as null, but not lists, and not in a PATCH.")
    strip_unknown: bool = _quirk(False, "Send only the properties that OCPI defines.")
    integer_prices: bool = _quirk(False, "Send prices as whole numbers, rounded half up: cents are lost.")
    always_incl_vat: bool = _quirk(
        False, "Send prices without incl_vat with one that equals excl_vat, though the VAT is not known."
    )
    offset_in_dates: bool = _quirk(False, "Send dates with +00:00 instead of Z.")
    no_patch: bool = _quirk(False, "Send whole objects by PUT instead of changes by PATCH.")
    page_limit: Mapping[str, int] | None = _quirk(
        None, "Request lists in pages of at most so many objects, for all modules or each.", _limits
    )
    plain_token: bool = _quirk(False, "Send the token as it is, without Base64.")
    no_routing_headers: bool = _quirk(False, "Send no OCPI-to and OCPI-from headers.")
    credentials_both_roles: bool = _quirk(
        False, "List the credentials endpoint in the version details as SENDER and as RECEIVER."
    )
    authorize_with_party: bool = _quirk(
        False, "Ask for real-time authorization under a URL with the party that issued the token."
    )
    cdr_by_id: bool = _quirk(False, "Read a CDR that was posted under its id, where no Location told its URL.")
    receive: str | None = _quirk(
        None,
        "Take valid objects only (strict), or all that can be read (tolerant), whatever OCPI_RECEIVE is.",
        _receiving,
    )

    def page_limit_of(self, module: str) -> int | None:
        """Return the largest number of objects on a page of a module; None: no limit of ours."""
        limits = self.page_limit or {}
        return limits.get(module, limits.get(_EACH))

    @property
    def shape(self) -> bool:
        """Whether objects are sent in another shape."""
        return (
            self.send_nulls or self.strip_unknown or self.integer_prices or self.always_incl_vat or self.offset_in_dates
        )


NO_QUIRKS = Quirks()
TABLE: Mapping[str, Any] = {item.name.replace("_", "-"): item for item in fields(Quirks)}


def checked(values: Values) -> dict[str, Any]:
    """Return quirks by name with their stored values; raise InvalidParametersError for unknown ones."""
    check_names(values)
    return {name: TABLE[name].metadata["parse"](name, value) for name, value in values.items()}


def check_names(names: Iterable[str]) -> None:
    """Raise InvalidParametersError, with the known names, for a name of no quirk."""
    for name in names:
        if name not in TABLE:
            raise InvalidParametersError(f"There is no quirk {name!a}; {there_are(TABLE, name)}")


def written(texts: Iterable[str]) -> dict[str, Any]:
    """Read quirks as people write them: ``NAME``, ``NAME=VALUE``, or ``preset=NAME`` for known software."""
    values: dict[str, Any] = {}
    for text in texts:
        name, given, value = text.partition("=")
        values |= preset(value) if name == "preset" else {name.strip(): value.strip() if given else True}
    return checked(values)


def as_text(value: Any) -> str:
    """Write the value of a quirk so that :func:`written` can read it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Mapping):
        return ",".join(str(number) if module == _EACH else f"{module}:{number}" for module, number in value.items())
    return str(value)


def preset(name: str) -> dict[str, Any]:
    """Return the quirks of known software; raise InvalidParametersError with the known names."""
    known = PRESETS.get(name)
    if known is None:
        raise InvalidParametersError(f"There is no preset {name!a}; {there_are(PRESETS, name)}")
    return checked(known.quirks)


class _Partner(Protocol):
    """The part of a platform's record that quirks need."""

    @property
    def id(self) -> str: ...

    @property
    def versions_url(self) -> str | None: ...

    @property
    def quirks(self) -> Values: ...


class Known:
    """The quirks of all partners. configured: by the id of a platform, or the host of its versions URL."""

    def __init__(self, configured: Mapping[str, Values]) -> None:
        self._configured = configured

    def __call__(self, platform: _Partner) -> Quirks:
        """Return the quirks of a partner: those of its record come first, then those by id, then those by host."""
        if not platform.quirks and not self._configured:
            return NO_QUIRKS
        by_host = self._configured.get(_host_of(platform.versions_url), {})
        return _made({**by_host, **self._configured.get(platform.id, {}), **platform.quirks})

    def of_host(self, versions_url: str) -> Quirks:
        """Return the quirks of a partner without a record."""
        return _made(self._configured.get(_host_of(versions_url), {}))


def _made(values: Values) -> Quirks:
    return replace(NO_QUIRKS, **{name.replace("-", "_"): value for name, value in values.items() if name in TABLE})


def _host_of(url: str | None) -> str:
    try:
        return urlsplit(url or "").netloc.lower()
    except ValueError:
        return ""
