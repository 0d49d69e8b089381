"""Every OCPI_* setting in one table: its name, type, default and meaning."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_ocpi.core.enums import Role
from flask_ocpi.core.quirks import checked
from flask_ocpi.core.quirks import written
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import InvalidParametersError

_PARTIES_EXAMPLE = (
    '[{"country_code": "NL", "party_id": "ABC", "roles": ["CPO"], "business_details": {"name": "Abc Charging"}}]'
)

_DEEPEST = 128  # orjson writes 254 levels, of which a few are OCPI's own
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
        """Return its CredentialsRole objects, one a role."""
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
    """What TLS to one host goes by; None: as to all others. See OCPI_HTTP_PLATFORM_TLS."""

    ca_bundle: str | None = None
    client_certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """One configuration key. ``parse`` takes (key, value), returns the checked value or raises ConfigurationError."""

    key: str
    parse: Callable[[str, Any], Any]
    default: Any
    doc: str
    type: str


def _boolean(key: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ConfigurationError(f"{key} must be True or False, got {value!r}.")


def _integer(low: int) -> Callable[[str, Any], int]:
    def parse(key: str, value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value >= low:
            return value
        raise ConfigurationError(f"{key} must be a whole number of at least {low}, got {value!r}.")

    return parse


def _depth(key: str, value: Any) -> int:
    depth = _integer(1)(key, value)
    if depth > _DEEPEST:
        raise ConfigurationError(f"{key} must be {_DEEPEST} at the most, got {depth}.")
    return depth


def _seconds(key: str, value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return float(value)
    raise ConfigurationError(f"{key} must be a number of seconds above 0, got {value!r}.")


def _text(key: str, value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    raise ConfigurationError(f"{key} must be a text, got {value!r}.")


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple | set | frozenset) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ConfigurationError(f'{key} must be a list of texts such as ["a", "b"], got {value!r}.')


def _secrets(key: str, value: Any) -> tuple[str, ...]:
    try:
        return _texts(key, value)
    except ConfigurationError:
        raise ConfigurationError(f"{key} must be a list of Fernet keys.") from None


def _choice(*choices: str) -> Callable[[str, Any], str]:
    def parse(key: str, value: Any) -> str:
        if value in choices:
            return str(value)
        raise ConfigurationError(f"{key} must be one of {', '.join(choices)}, got {value!r}.")

    return parse


def _quirks(key: str, value: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f'{key} must map platforms to quirks, such as {{"peer.example": ["no-patch"]}}, got {value!r}.'
        )
    found = {}
    for name, given in value.items():
        try:
            found[str(name).lower()] = (
                checked(given) if isinstance(given, Mapping) else written(_texts(f"{key}[{name!r}]", given))
            )
        except InvalidParametersError as error:
            raise ConfigurationError(f"{key}[{name!r}]: {error.message}") from None
    return found


def _base_url(key: str, value: Any) -> str:
    text = _text(key, value).rstrip("/")
    if text.startswith(("http://", "https://")):
        return text
    raise ConfigurationError(f'{key} must start with https:// (or http://), such as "https://ocpi.example.com".')


def _prefix(key: str, value: Any) -> str:
    text = _text(key, value).rstrip("/")
    if text.startswith("/") and len(text) > 1:
        return text
    raise ConfigurationError(f'{key} must be a path below the root such as "/ocpi", got {value!r}.')


def _limits(key: str, value: Any) -> dict[str, int]:
    if isinstance(value, Mapping):
        return {str(name): _integer(1)(f"{key}[{name!r}]", limit) for name, limit in value.items()}
    raise ConfigurationError(f'{key} must map module ids to numbers, such as {{"cdrs": 20}}, got {value!r}.')


def _list_limits(key: str, value: Any) -> tuple[tuple[str, int], ...]:
    limits = _limits(key, value)
    for name in limits:
        if len(name.split(".")) != 2 or not all(name.split(".")):
            raise ConfigurationError(f'{key} must name class and property, such as "Location.evses", got {name!r}.')
    return tuple(sorted(limits.items()))


def _mapping(key: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise ConfigurationError(f"{key} must be a mapping, got {value!r}.")


def _certificate(key: str, value: Any) -> Certificate:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(file, str) and file for file in value):
        return str(value[0]), str(value[1])
    raise ConfigurationError(f"{key} must be a PEM file with certificate and key, or a list of the two, got {value!r}.")


def _platform_tls(key: str, value: Any) -> dict[str, PlatformTLS]:
    example = f'{key} must look like {{"ocpi.example.com": {{"ca_bundle": PATH, "client_certificate": PATH}}}}'
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{example}, got {value!r}.")
    parsed: dict[str, PlatformTLS] = {}
    for host, options in value.items():
        if not isinstance(host, str) or not host.isascii() or not host or set(host) & set("/:@ "):
            raise ConfigurationError(f"{key} names {host!r}; write the host as in its URL, without scheme and port.")
        if not isinstance(options, Mapping) or not options or set(options) - {"ca_bundle", "client_certificate"}:
            raise ConfigurationError(f"{example}, got {options!r} for {host}.")
        bundle, certificate = options.get("ca_bundle"), options.get("client_certificate")
        parsed[host.lower().rstrip(".")] = PlatformTLS(
            None if bundle is None else _text(f"{key}[{host!r}]['ca_bundle']", bundle),
            None if certificate is None else _certificate(f"{key}[{host!r}]['client_certificate']", certificate),
        )
    return parsed


def _permissions(key: str, value: Any) -> dict[Role, dict[str, tuple[str, ...]]]:
    example = f'{key} must look like {{"NSP": {{"locations": ["RECEIVER"], "tariffs": []}}}}'
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{example}, got {value!r}.")
    parsed: dict[Role, dict[str, tuple[str, ...]]] = {}
    for role, modules in value.items():
        if role not in set(Role):
            raise ConfigurationError(f"{key} names the role {role!r}; roles are {', '.join(Role)}.")
        if not isinstance(modules, Mapping):
            raise ConfigurationError(f"{example}, got {modules!r} for {role}.")
        for module, sides in modules.items():
            if not isinstance(sides, list | tuple) or not set(sides) <= {"SENDER", "RECEIVER"}:
                raise ConfigurationError(f"{example}, got {sides!r} for {role} and {module}.")
            parsed.setdefault(Role(role), {})[str(module)] = tuple(sides)
    return parsed


def _parties(key: str, value: Any) -> tuple[OwnParty, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ConfigurationError(f"{key} must be a list of your parties, such as {_PARTIES_EXAMPLE}.")
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
        raise ConfigurationError(f"{where} must be a mapping such as {_PARTIES_EXAMPLE[1:-1]}, got {item!r}.")
    unknown = set(item) - {"country_code", "party_id", "roles", "business_details"}
    if unknown:
        raise ConfigurationError(
            f"{where} has an unknown key {min(map(str, unknown))!r}; "
            "keys are country_code, party_id, roles, business_details."
        )
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


SETTINGS: tuple[Setting, ...] = (
    Setting("OCPI_PARTIES", _parties, None, "The parties this platform speaks for. Required.", "list of mappings"),
    Setting("OCPI_URL_PREFIX", _prefix, "/ocpi", "Where OCPI is served in the app.", "path"),
    Setting(
        "OCPI_BASE_URL",
        _base_url,
        None,
        "Public address of the app, such as https://example.com. Without it URLs follow the request; commands need it.",
        "URL",
    ),
    Setting(
        "OCPI_MODULES",
        _texts,
        None,
        'Interfaces to serve, such as ["locations:SENDER"]. By default those that the own roles implement.',
        "list of texts",
    ),
    Setting("OCPI_VERSIONS", _texts, ("2.2.1",), "Versions of OCPI to serve.", "list of texts"),
    Setting(
        "OCPI_ROLE_PERMISSIONS",
        _permissions,
        {},
        "Which interfaces a role implements, where it differs from the default matrix; role, then module, then a list.",
        "mapping",
    ),
    Setting(
        "OCPI_REQUIRED_ENDPOINTS",
        _texts,
        (),
        'Endpoints that another platform must offer to register, such as ["locations:SENDER"].',
        "list of texts",
    ),
    Setting(
        "OCPI_NEW_ROLES",
        _choice("ask", "refuse", "accept"),
        "ask",
        "What becomes of roles and parties that a partner names beyond what it was granted: you are asked, it is "
        "refused, or it gets what nobody has; never HUB.",
        "ask, refuse or accept",
    ),
    Setting("OCPI_MAX_PARTIES", _integer(1), 2000, "Parties of a partner at the most.", "number"),
    Setting("OCPI_ALLOW_SHARED_PARTIES", _boolean, False, "Let two platforms register the same party.", "bool"),
    Setting(
        "OCPI_COPIES_AFTER_UNREGISTRATION",
        _choice("keep", "remove"),
        "keep",
        "What becomes of a platform's objects when its registration ends; kept ones are seen by the host alone.",
        "keep or remove",
    ),
    Setting(
        "OCPI_ENCRYPTION_KEYS",
        _secrets,
        (),
        "Fernet keys for the tokens we send; the first encrypts, all decrypt. By default derived from SECRET_KEY.",
        "list of texts",
    ),
    Setting(
        "OCPI_TOKEN_GRACE",
        _integer(0),
        600,
        "Seconds for which a replaced credentials token stays usable until the new one is first used.",
        "seconds",
    ),
    Setting(
        "OCPI_TOKEN_CACHE",
        _integer(0),
        2,
        "Seconds for which a token in use is not looked up again; what other processes change counts then.",
        "seconds",
    ),
    Setting(
        "OCPI_TOKEN_ENCODING",
        _choice("base64", "plain"),
        "base64",
        "How new platforms are sent their token in the Authorization header.",
        "base64 or plain",
    ),
    Setting(
        "OCPI_MAX_UNKNOWN_TOKENS",
        _integer(0),
        20,
        "Unknown tokens an address may try in a minute; further ones are answered with 429. 0 for any number.",
        "number",
    ),
    Setting(
        "OCPI_MAX_HANDSHAKES",
        _integer(1),
        2,
        "Handshakes for which a process calls other platforms back at a time, one a platform; further ones get 429. "
        "Half the threads that serve requests at the most.",
        "number",
    ),
    Setting("OCPI_HANDSHAKE_TIMEOUT", _seconds, 10.0, "Time for all that a handshake fetches.", "seconds"),
    Setting(
        "OCPI_MAX_WAITING",
        _integer(1),
        8,
        "Requests of a process that wait for what hooks pass on to other platforms, half of them for one; further ones "
        "get 4003. Half the threads that serve requests at the most.",
        "number",
    ),
    Setting("OCPI_PAGE_LIMIT", _integer(1), 50, "Objects on a page when the request names no limit.", "number"),
    Setting("OCPI_PAGE_MAX_LIMIT", _integer(1), 1000, "Objects on a page at the most.", "number"),
    Setting("OCPI_PAGE_MODULE_LIMITS", _limits, {}, 'OCPI_PAGE_MAX_LIMIT by module, such as {"cdrs": 20}.', "mapping"),
    Setting(
        "OCPI_MAX_PAGE_BYTES",
        _integer(1),
        8 * 1024 * 1024,
        "Size of the objects on a page at the most, unless the first alone is larger; the Link leads to the others.",
        "bytes",
    ),
    Setting("OCPI_MAX_BODY_BYTES", _integer(1), 4 * 1024 * 1024, "Size of a request body at the most.", "bytes"),
    Setting(
        "OCPI_BODY_TIMEOUT",
        _seconds,
        30.0,
        "Seconds in which a request body has to come, as far as the server lets it be ended.",
        "seconds",
    ),
    Setting(
        "OCPI_BODIES_AT_ONCE",
        _integer(1),
        8,
        "Bodies of one platform that are read at the same time: half of the threads of your server.",
        "number",
    ),
    Setting("OCPI_MAX_DEPTH", _depth, 32, "How deep unknown properties may be nested, 128 at the most.", "number"),
    Setting(
        "OCPI_LIST_LIMITS",
        _list_limits,
        (),
        'Elements that lists in objects may have, such as {"Location.evses": 8000}, where it is not what OpenAPI says.',
        "mapping",
    ),
    Setting(
        "OCPI_UNKNOWN_FIELDS", _choice("keep", "drop"), "keep", "What happens to properties OCPI lacks.", "keep or drop"
    ),
    Setting("OCPI_OPEN_ENUMS", _texts, (), 'Enums whose unknown values are accepted, such as ["Capability"].', "list"),
    Setting("OCPI_STRICT_CODES", _boolean, False, "Compare country, currency and language codes with ISO.", "bool"),
    Setting(
        "OCPI_COMPILED_VALIDATION",
        _boolean,
        True,
        "Check documents with functions compiled from the schemas; False: with marshmallow alone, for the same result.",
        "bool",
    ),
    Setting(
        "OCPI_RECEIVE",
        _choice("tolerant", "strict"),
        "tolerant",
        "What to take of partners: all whose meaning is certain, with its flaws noted, or valid objects only.",
        '"tolerant" or "strict"',
    ),
    Setting(
        "OCPI_QUIRKS",
        _quirks,
        {},
        'What is done differently for partners, by platform id or host, such as {"peer.example": ["no-patch"]}.',
        "mapping",
    ),
    Setting("OCPI_REJECT_STALE", _boolean, False, "Refuse objects older than the stored ones with 2001.", "bool"),
    Setting(
        "OCPI_REQUIRE_DATE_FROM", _boolean, False, "Refuse to list sessions without date_from, as OCPI has it.", "bool"
    ),
    Setting(
        "OCPI_COMMAND_TIMEOUT",
        _integer(1),
        30,
        "Seconds in which a command, or a charging profile, is to have its result.",
        "seconds",
    ),
    Setting(
        "OCPI_COMMAND_RETENTION",
        _integer(1),
        86400,
        "Seconds for which such requests are kept, for late results and questions about them.",
        "seconds",
    ),
    Setting(
        "OCPI_CALLBACK_HOSTS",
        _texts,
        (),
        "Hosts that a response_url may have besides those of the calling platform's endpoints.",
        "list of texts",
    ),
    Setting(
        "OCPI_DISPATCHER",
        _choice("thread", "inline", "none", "celery"),
        "thread",
        "Who sends what is to be pushed, synced or timed out: threads of each process, `flask ocpi worker` (none), "
        "Celery, or (inline, in tests) who saves it, at once.",
        "thread, inline, none or celery",
    ),
    Setting(
        "OCPI_DISPATCH_INTERVAL",
        _seconds,
        5.0,
        "How often a dispatcher looks for work that other processes left it.",
        "seconds",
    ),
    Setting("OCPI_PUSH", _boolean, True, "Send own objects to other platforms when they are saved.", "bool"),
    Setting(
        "OCPI_PUSH_PARTIES",
        _integer(0),
        20,
        "A partner with more parties than this gets what is for everybody once, for the first of them.",
        "number",
    ),
    Setting("OCPI_PUSH_CONCURRENCY", _integer(1), 4, "Messages a process sends to one platform at a time.", "number"),
    Setting(
        "OCPI_PUSH_MAX_BACKOFF",
        _seconds,
        300.0,
        "How long a platform that cannot be reached is left alone at the most, unless it asks for more.",
        "seconds",
    ),
    Setting(
        "OCPI_SYNC_INTERVAL",
        _integer(0),
        0,
        "Seconds between two syncs of the same objects of another platform; 0 syncs only when asked to.",
        "seconds",
    ),
    Setting(
        "OCPI_SYNC_FULL_INTERVAL",
        _integer(0),
        86400,
        "Seconds after which a sync reads the whole list, to find what vanished; 0 does so only when asked to.",
        "seconds",
    ),
    Setting(
        "OCPI_SYNC_OVERLAP",
        _integer(0),
        60,
        "Seconds that a sync asks for again: platforms may show an object later than its last_updated says.",
        "seconds",
    ),
    Setting(
        "OCPI_SYNC_MAX_PAGES",
        _integer(1),
        50_000,
        "Pages that are read of one list; one that goes on after them is taken for endless.",
        "number",
    ),
    Setting(
        "OCPI_SYNC_MAX_SECONDS",
        _seconds,
        1800.0,
        "Time to read one list. A sync goes on with what is left the next time, a pull does not.",
        "seconds",
    ),
    Setting(
        "OCPI_SYNC_MODULES", _texts, (), 'Modules to sync, such as ["locations"]; by default all.', "list of texts"
    ),
    Setting(
        "OCPI_JOURNAL",
        _choice("off", "errors", "all"),
        "errors",
        "Which messages the journal keeps: none, those that failed, or all.",
        "off, errors or all",
    ),
    Setting(
        "OCPI_JOURNAL_BODY_BYTES",
        _integer(0),
        16 * 1024,
        "Up to which size the journal keeps bodies; of longer ones the first 2 KB, and with 0 nothing of any.",
        "bytes",
    ),
    Setting(
        "OCPI_JOURNAL_HIDDEN",
        _texts,
        (),
        'Properties whose texts and numbers are kept out of the journal, such as ["uid", "contract_id"].',
        "list of texts",
    ),
    Setting(
        "OCPI_JOURNAL_MAX_AGE", _integer(1), 30 * 86400, "Seconds for which a message stays in the journal.", "seconds"
    ),
    Setting("OCPI_JOURNAL_MAX_COUNT", _integer(1), 100_000, "Messages in the journal at the most, roughly.", "number"),
    Setting(
        "OCPI_FINDINGS_MAX_AGE",
        _integer(1),
        30 * 86400,
        "Seconds for which a flaw in what partners sent stays in the list of findings after it came last.",
        "seconds",
    ),
    Setting(
        "OCPI_FINDINGS_MAX_COUNT",
        _integer(1),
        1000,
        "Findings that are kept one by one for each module of a partner, and as many refused objects.",
        "number",
    ),
    Setting("OCPI_AUDIT", _boolean, False, "Audit the CDRs of other platforms when they have arrived.", "bool"),
    Setting(
        "OCPI_AUDIT_RULES",
        _mapping,
        {},
        'What an audit goes by, such as {"energy": {"max": 200}, "partners": {"NL-ABC": {"tolerance": 0.05}}}.',
        "mapping",
    ),
    Setting(
        "OCPI_TARIFF_LINT",
        _choice("off", "warn", "refuse"),
        "warn",
        "What comes of mistakes in an own tariff when it is saved: nothing, a warning in the log, or a refusal.",
        "off, warn or refuse",
    ),
    Setting("OCPI_HEALTH", _boolean, True, "Tell anybody at /health below the prefix whether all is well.", "bool"),
    Setting("OCPI_DOCS", _boolean, True, "Serve Swagger UI and the OpenAPI documents.", "bool"),
    Setting(
        "OCPI_CREATE_TABLES",
        _boolean,
        None,
        "Create missing tables at start. By default only for the embedded SQLite file.",
        "bool",
    ),
    Setting(
        "OCPI_HTTP_ALLOW_PRIVATE",
        _boolean,
        False,
        "Call other platforms also over http and at private addresses. For development.",
        "bool",
    ),
    Setting("OCPI_HTTP_ALLOWED_HOSTS", _texts, (), "Host names that may be called whatever their address.", "list"),
    Setting("OCPI_HTTP_CONNECT_TIMEOUT", _seconds, 5.0, "Time to connect to another platform.", "seconds"),
    Setting("OCPI_HTTP_TIMEOUT", _seconds, 30.0, "Time for a whole exchange with another platform.", "seconds"),
    Setting("OCPI_HTTP_MAX_BYTES", _integer(1), 32 * 1024 * 1024, "Size of another platform's answer.", "bytes"),
    Setting("OCPI_HTTP_CA_BUNDLE", _text, None, "File with the certificate authorities to trust.", "path"),
    Setting(
        "OCPI_HTTP_CLIENT_CERTIFICATE",
        _certificate,
        None,
        "File with the client certificate and its key, or the two files; shown to every host that asks for one.",
        "path or list",
    ),
    Setting(
        "OCPI_HTTP_PLATFORM_TLS",
        _platform_tls,
        {},
        "What differs for the host of a platform, such as "
        '{"ocpi.example.com": {"ca_bundle": PATH, "client_certificate": PATH}}.',
        "mapping",
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked settings of one app, one attribute a key of :data:`SETTINGS`."""

    parties: tuple[OwnParty, ...]
    url_prefix: str
    base_url: str | None
    modules: tuple[str, ...] | None
    versions: tuple[str, ...]
    role_permissions: Mapping[Role, Mapping[str, tuple[str, ...]]]
    required_endpoints: tuple[str, ...]
    new_roles: str
    max_parties: int
    allow_shared_parties: bool
    copies_after_unregistration: str
    encryption_keys: tuple[str, ...]
    token_grace: int
    token_cache: int
    token_encoding: str
    max_unknown_tokens: int
    max_handshakes: int
    handshake_timeout: float
    max_waiting: int
    page_limit: int
    page_max_limit: int
    page_module_limits: Mapping[str, int]
    max_page_bytes: int
    max_body_bytes: int
    body_timeout: float
    bodies_at_once: int
    max_depth: int
    list_limits: tuple[tuple[str, int], ...]
    unknown_fields: str
    open_enums: tuple[str, ...]
    strict_codes: bool
    compiled_validation: bool
    receive: str
    quirks: Mapping[str, Mapping[str, Any]]
    reject_stale: bool
    require_date_from: bool
    command_timeout: int
    command_retention: int
    callback_hosts: tuple[str, ...]
    dispatcher: str
    dispatch_interval: float
    push: bool
    push_parties: int
    push_concurrency: int
    push_max_backoff: float
    sync_interval: int
    sync_full_interval: int
    sync_overlap: int
    sync_max_pages: int
    sync_max_seconds: float
    sync_modules: tuple[str, ...]
    journal: str
    journal_body_bytes: int
    journal_hidden: tuple[str, ...]
    journal_max_age: int
    journal_max_count: int
    findings_max_age: int
    findings_max_count: int
    audit: bool
    audit_rules: Mapping[str, Any]
    tariff_lint: str
    health: bool
    docs: bool
    create_tables: bool | None
    http_allow_private: bool
    http_allowed_hosts: tuple[str, ...]
    http_connect_timeout: float
    http_timeout: float
    http_max_bytes: int
    http_ca_bundle: str | None
    http_client_certificate: Certificate | None
    http_platform_tls: Mapping[str, PlatformTLS]

    def __repr__(self) -> str:  # encryption keys stay out of logs
        return f"Settings(parties={', '.join(f'{p.country_code}-{p.party_id}' for p in self.parties)})"

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any]) -> Settings:
        """Read and check the OCPI_* keys of an app's configuration; raise ConfigurationError for a wrong one."""
        known = {setting.key for setting in SETTINGS}
        for key in config:
            if isinstance(key, str) and key.startswith("OCPI_") and key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
                raise ConfigurationError(f"{key} is not a setting of Flask-OCPI. Did you mean {near[0]}?")
        if config.get("OCPI_PARTIES") is None:
            raise ConfigurationError(f"OCPI_PARTIES is missing. Set it to your parties, such as {_PARTIES_EXAMPLE}.")
        values = {}
        for setting in SETTINGS:
            value = config.get(setting.key)
            name = setting.key.removeprefix("OCPI_").lower()
            values[name] = setting.default if value is None else setting.parse(setting.key, value)
        return cls(**values)

    def limit_of(self, module: str) -> int:
        """Return how many objects a page of a module's list has at the most."""
        return self.page_module_limits.get(module, self.page_max_limit)
