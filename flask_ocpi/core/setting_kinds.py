"""The kinds of settings: each checks a value of the configuration and describes its flaw."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Generic
from typing import TypeVar

from flask_ocpi.core.advice import did_you_mean
from flask_ocpi.core.advice import there_are
from flask_ocpi.core.enums import Role
from flask_ocpi.core.quirks import checked
from flask_ocpi.core.quirks import written
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import InvalidParametersError

T = TypeVar("T")

PARTIES_EXAMPLE = (
    '[{"country_code": "NL", "party_id": "ABC", "roles": ["CPO"], "business_details": {"name": "Abc Charging"}}]'
)

_PARTY_KEYS = ("country_code", "party_id", "roles", "business_details")
_DEEPEST = 128  # orjson writes 254 levels, of which OCPI uses a few
#: A PEM file with certificate and key, or a file of each.
Certificate = str | tuple[str, str]


@dataclass(frozen=True, slots=True)
class OwnParty:
    """A party that this platform speaks for, as configured in OCPI_PARTIES."""

    country_code: str
    party_id: str
    roles: tuple[Role, ...]
    business_details: Mapping[str, Any]

    def credentials_roles(self) -> list[dict[str, Any]]:
        """Return its CredentialsRole objects, one per role."""
        return [
            {
                "role": role.value,
                "business_details": dict(self.business_details),
                "party_id": self.party_id,
                "country_code": self.country_code,
            }
            for role in self.roles
        ]


@dataclass(frozen=True, slots=True)
class PlatformTLS:
    """The TLS settings for one host; None: as for all others. See OCPI_HTTP_PLATFORM_TLS."""

    ca_bundle: str | None = None
    client_certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """The type of a setting. parse: takes key and value, returns the checked value or raises ConfigurationError.

    type: for people, such as "seconds".
    """

    parse: Callable[[str, Any], T]
    type: str


def kind(type: str) -> Callable[[Callable[[str, Any], T]], Kind[T]]:
    """Make a kind from a function that checks a value."""
    return lambda parse: Kind(parse, type)


@kind("bool")
def boolean(key: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ConfigurationError(f"{key} must be True or False, got {value!r}.")


def integer(low: int, type: str = "number") -> Kind[int]:
    @kind(type)
    def parse(key: str, value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value >= low:
            return value
        raise ConfigurationError(f"{key} must be a whole number of at least {low}, got {value!r}.")

    return parse


@kind("number")
def depth(key: str, value: Any) -> int:
    found = integer(1).parse(key, value)
    if found > _DEEPEST:
        raise ConfigurationError(f"{key} must be {_DEEPEST} at the most, got {found}.")
    return found


@kind("seconds")
def seconds(key: str, value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return float(value)
    raise ConfigurationError(f"{key} must be a number of seconds above 0, got {value!r}.")


@kind("path")
def path(key: str, value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    raise ConfigurationError(f"{key} must be a text that is not empty, got {value!r}.")


@kind("list of texts")
def texts(key: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple | set | frozenset) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ConfigurationError(f'{key} must be a list of texts such as ["a", "b"], got {value!r}.')


@kind("list of texts")
def keys(key: str, value: Any) -> tuple[str, ...]:
    try:
        return texts.parse(key, value)
    except ConfigurationError:
        raise ConfigurationError(f"{key} must be a list of Fernet keys.") from None


def choice(*choices: str) -> Kind[str]:
    @kind(f"{', '.join(choices[:-1])} or {choices[-1]}")
    def parse(key: str, value: Any) -> str:
        if value in choices:
            return str(value)
        raise ConfigurationError(
            f"{key} must be one of {', '.join(choices)}, got {value!r}.{did_you_mean(value, choices)}"
        )

    return parse


@kind("mapping")
def quirks(key: str, value: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f'{key} must map platforms to quirks, such as {{"peer.example": ["no-patch"]}}, got {value!r}.'
        )
    found = {}
    for name, given in value.items():
        try:
            found[str(name).lower()] = (
                checked(given) if isinstance(given, Mapping) else written(texts.parse(f"{key}[{name!r}]", given))
            )
        except InvalidParametersError as error:
            raise ConfigurationError(f"{key}[{name!r}]: {error.message}") from None
    return found


@kind("URL")
def base_url(key: str, value: Any) -> str:
    text = path.parse(key, value).rstrip("/")
    if text.startswith(("http://", "https://")):
        return text
    raise ConfigurationError(f'{key} must start with https:// (or http://), such as "https://ocpi.example.com".')


@kind("path")
def prefix(key: str, value: Any) -> str:
    text = path.parse(key, value).rstrip("/")
    if text.startswith("/") and len(text) > 1:
        return text
    raise ConfigurationError(f'{key} must be a path below the root such as "/ocpi", got {value!r}.')


@kind("mapping")
def limits(key: str, value: Any) -> dict[str, int]:
    if isinstance(value, Mapping):
        return {str(name): integer(1).parse(f"{key}[{name!r}]", limit) for name, limit in value.items()}
    raise ConfigurationError(f'{key} must map module ids to numbers, such as {{"cdrs": 20}}, got {value!r}.')


@kind("mapping")
def list_limits(key: str, value: Any) -> tuple[tuple[str, int], ...]:
    found = limits.parse(key, value)
    for name in found:
        if len(name.split(".")) != 2 or not all(name.split(".")):
            raise ConfigurationError(f'{key} must name class and property, such as "Location.evses", got {name!r}.')
    return tuple(sorted(found.items()))


@kind("mapping")
def mapping(key: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise ConfigurationError(f'{key} must be a mapping such as {{"name": "value"}}, got {value!r}.')


@kind("path or list")
def certificate(key: str, value: Any) -> Certificate:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(file, str) and file for file in value):
        return str(value[0]), str(value[1])
    raise ConfigurationError(f"{key} must be a PEM file with certificate and key, or a list of the two, got {value!r}.")


@kind("mapping")
def platform_tls(key: str, value: Any) -> dict[str, PlatformTLS]:
    example = f'{key} must look like {{"ocpi.example.com": {{"ca_bundle": PATH, "client_certificate": PATH}}}}'
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{example}, got {value!r}.")
    parsed: dict[str, PlatformTLS] = {}
    for host, options in value.items():
        if not isinstance(host, str) or not host.isascii() or not host or set(host) & set("/:@ "):
            raise ConfigurationError(f"{key} names {host!r}; write the host as in its URL, without scheme and port.")
        if not isinstance(options, Mapping) or not options or set(options) - {"ca_bundle", "client_certificate"}:
            raise ConfigurationError(f"{example}, got {options!r} for {host}.")
        bundle, client = options.get("ca_bundle"), options.get("client_certificate")
        parsed[host.lower().rstrip(".")] = PlatformTLS(
            None if bundle is None else path.parse(f"{key}[{host!r}]['ca_bundle']", bundle),
            None if client is None else certificate.parse(f"{key}[{host!r}]['client_certificate']", client),
        )
    return parsed


@kind("mapping")
def permissions(key: str, value: Any) -> dict[Role, dict[str, tuple[str, ...]]]:
    example = f'{key} must look like {{"NSP": {{"locations": ["RECEIVER"], "tariffs": []}}}}'
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{example}, got {value!r}.")
    parsed: dict[Role, dict[str, tuple[str, ...]]] = {}
    for role, modules in value.items():
        if role not in set(Role):
            raise ConfigurationError(f"{key} names the role {role!r}; {there_are(list(Role), role)}")
        if not isinstance(modules, Mapping):
            raise ConfigurationError(f"{example}, got {modules!r} for {role}.")
        for module, sides in modules.items():
            if not isinstance(sides, list | tuple) or not set(sides) <= {"SENDER", "RECEIVER"}:
                raise ConfigurationError(f"{example}, got {sides!r} for {role} and {module}.")
            parsed.setdefault(Role(role), {})[str(module)] = tuple(sides)
    return parsed


@kind("list of mappings")
def parties(key: str, value: Any) -> tuple[OwnParty, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ConfigurationError(f"{key} must be a list of your parties, such as {PARTIES_EXAMPLE}.")
    parties = tuple(_party(f"{key}[{index}]", item) for index, item in enumerate(value))
    seen: set[tuple[str, str]] = set()
    for party in parties:
        name = (party.country_code.upper(), party.party_id.upper())
        if name in seen:
            raise ConfigurationError(f"{key} names {'-'.join(name)} twice; put all its roles into one entry.")
        seen.add(name)
    return parties


def _party(where: str, item: Any) -> OwnParty:
    if not isinstance(item, Mapping):
        raise ConfigurationError(f"{where} must be a mapping such as {PARTIES_EXAMPLE[1:-1]}, got {item!r}.")
    unknown = min(map(str, set(item) - set(_PARTY_KEYS)), default=None)
    if unknown is not None:
        near = did_you_mean(unknown, _PARTY_KEYS)
        raise ConfigurationError(f"{where} has an unknown key {unknown!r}; keys are {', '.join(_PARTY_KEYS)}.{near}")
    country_code = _code(f"{where}['country_code']", item.get("country_code"), 2)
    party_id = _code(f"{where}['party_id']", item.get("party_id"), 3)
    roles = item.get("roles")
    if not isinstance(roles, list | tuple) or not roles or not set(roles) <= set(Role) or len(set(roles)) < len(roles):
        raise ConfigurationError(f"{where}['roles'] must list different roles of {', '.join(Role)}, got {roles!r}.")
    details = item.get("business_details")
    if not isinstance(details, Mapping) or not isinstance(details.get("name"), str):
        raise ConfigurationError(
            f"{where}['business_details'] must be a mapping with a name, such as {{'name': 'Abc'}}."
        )
    return OwnParty(country_code, party_id, tuple(Role(role) for role in roles), dict(details))


def _code(where: str, value: Any, length: int) -> str:
    if isinstance(value, str) and len(value) == length and value.isascii() and value.isalnum():
        return value
    raise ConfigurationError(f"{where} must be {length} letters or digits, got {value!r}.")
