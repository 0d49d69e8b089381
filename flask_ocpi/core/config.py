"""Every OCPI_* setting in one table: its name, type, default and meaning."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from typing import Any

from flask_ocpi.core import setting_kinds as kinds
from flask_ocpi.core.enums import Role
from flask_ocpi.core.setting_kinds import Kind
from flask_ocpi.core.setting_kinds import OwnParty
from flask_ocpi.core.setting_kinds import PlatformTLS
from flask_ocpi.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Setting:
    """One configuration key. doc: a sentence or two that say what it does."""

    key: str
    kind: Kind[Any]
    default: Any
    doc: str


def setting(kind: Kind[Any], default: Any, doc: str) -> Any:
    """Declare a setting; its key is ``OCPI_`` and the name of the attribute in capitals."""
    return field(metadata={"kind": kind, "default": default, "doc": doc})


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked settings of one app, one attribute a key of :data:`SETTINGS`."""

    parties: tuple[OwnParty, ...] = setting(kinds.parties, None, "The parties this platform speaks for. Required.")
    url_prefix: str = setting(kinds.prefix, "/ocpi", "Where OCPI is served in the app.")
    base_url: str | None = setting(
        kinds.base_url,
        None,
        "Public address of the app, such as https://example.com. Without it URLs follow the request; commands need it.",
    )
    modules: tuple[str, ...] | None = setting(
        kinds.texts,
        None,
        'Interfaces to serve, such as ["locations:SENDER"]. By default those that the own roles implement.',
    )
    versions: tuple[str, ...] = setting(kinds.texts, ("2.2.1",), "Versions of OCPI to serve.")
    role_permissions: Mapping[Role, Mapping[str, tuple[str, ...]]] = setting(
        kinds.permissions,
        {},
        "Which interfaces a role implements, where it differs from the default matrix; role, then module, then a list.",
    )
    required_endpoints: tuple[str, ...] = setting(
        kinds.texts, (), 'Endpoints that another platform must offer to register, such as ["locations:SENDER"].'
    )
    new_roles: str = setting(
        kinds.choice("ask", "refuse", "accept"),
        "ask",
        "What becomes of roles and parties that a partner names beyond what it was granted: you are asked, it is "
        "refused, or it gets what nobody has; never HUB.",
    )
    max_parties: int = setting(kinds.integer(1), 2000, "Parties of a partner at the most.")
    allow_shared_parties: bool = setting(kinds.boolean, False, "Let two platforms register the same party.")
    copies_after_unregistration: str = setting(
        kinds.choice("keep", "remove"),
        "keep",
        "What becomes of a platform's objects when its registration ends; kept ones are seen by the host alone.",
    )
    encryption_keys: tuple[str, ...] = setting(
        kinds.keys,
        (),
        "Fernet keys for the tokens we send; the first encrypts, all decrypt. By default derived from SECRET_KEY.",
    )
    token_grace: int = setting(
        kinds.integer(0, "seconds"),
        600,
        "Seconds for which a replaced credentials token stays usable until the new one is first used.",
    )
    token_cache: int = setting(
        kinds.integer(0, "seconds"),
        2,
        "Seconds for which a token in use is not looked up again; what other processes change counts then.",
    )
    token_encoding: str = setting(
        kinds.choice("base64", "plain"), "base64", "How new platforms are sent their token in the Authorization header."
    )
    max_unknown_tokens: int = setting(
        kinds.integer(0),
        20,
        "Unknown tokens an address may try in a minute; further ones are answered with 429. 0 for any number.",
    )
    max_handshakes: int = setting(
        kinds.integer(1),
        2,
        "Handshakes for which a process calls other platforms back at a time, one a platform; further ones get 429. "
        "Half the threads that serve requests at the most.",
    )
    handshake_timeout: float = setting(kinds.seconds, 10.0, "Time for all that a handshake fetches.")
    max_waiting: int = setting(
        kinds.integer(1),
        8,
        "Requests of a process that wait for what hooks pass on to other platforms, half of them for one; further "
        "ones get 4003. Half the threads that serve requests at the most.",
    )
    page_limit: int = setting(kinds.integer(1), 50, "Objects on a page when the request names no limit.")
    page_max_limit: int = setting(kinds.integer(1), 1000, "Objects on a page at the most.")
    page_module_limits: Mapping[str, int] = setting(
        kinds.limits, {}, 'OCPI_PAGE_MAX_LIMIT by module, such as {"cdrs": 20}.'
    )
    max_page_bytes: int = setting(
        kinds.integer(1, "bytes"),
        8 * 1024 * 1024,
        "Size of the objects on a page at the most, unless the first alone is larger; the Link leads to the others.",
    )
    max_body_bytes: int = setting(kinds.integer(1, "bytes"), 4 * 1024 * 1024, "Size of a request body at the most.")
    body_timeout: float = setting(
        kinds.seconds, 30.0, "Seconds in which a request body has to come, as far as the server lets it be ended."
    )
    bodies_at_once: int = setting(
        kinds.integer(1),
        8,
        "Bodies of one platform that are read at the same time: half of the threads of your server.",
    )
    max_depth: int = setting(kinds.depth, 32, "How deep unknown properties may be nested, 128 at the most.")
    list_limits: tuple[tuple[str, int], ...] = setting(
        kinds.list_limits,
        (),
        'Elements that lists in objects may have, such as {"Location.evses": 8000}, where it is not what OpenAPI says.',
    )
    unknown_fields: str = setting(kinds.choice("keep", "drop"), "keep", "What happens to properties OCPI lacks.")
    open_enums: tuple[str, ...] = setting(
        kinds.texts, (), 'Enums whose unknown values are accepted, such as ["Capability"].'
    )
    strict_codes: bool = setting(kinds.boolean, False, "Compare country, currency and language codes with ISO.")
    receive: str = setting(
        kinds.choice("tolerant", "strict"),
        "tolerant",
        "What to take of partners: all whose meaning is certain, with its flaws noted, or valid objects only.",
    )
    quirks: Mapping[str, Mapping[str, Any]] = setting(
        kinds.quirks,
        {},
        'What is done differently for partners, by platform id or host, such as {"peer.example": ["no-patch"]}.',
    )
    reject_stale: bool = setting(kinds.boolean, False, "Refuse objects older than the stored ones with 2001.")
    require_date_from: bool = setting(
        kinds.boolean, False, "Refuse to list sessions without date_from, as OCPI has it."
    )
    command_timeout: int = setting(
        kinds.integer(1, "seconds"), 30, "Seconds in which a command, or a charging profile, is to have its result."
    )
    command_retention: int = setting(
        kinds.integer(1, "seconds"),
        86400,
        "Seconds for which such requests are kept, for late results and questions about them.",
    )
    callback_hosts: tuple[str, ...] = setting(
        kinds.texts, (), "Hosts that a response_url may have besides those of the calling platform's endpoints."
    )
    dispatcher: str = setting(
        kinds.choice("thread", "inline", "none", "celery"),
        "thread",
        "Who sends what is to be pushed, synced or timed out: threads of each process, `flask ocpi worker` (none), "
        "Celery, or (inline, in tests) who saves it, at once.",
    )
    dispatch_interval: float = setting(
        kinds.seconds, 5.0, "How often a dispatcher looks for work that other processes left it."
    )
    push: bool = setting(kinds.boolean, True, "Send own objects to other platforms when they are saved.")
    push_parties: int = setting(
        kinds.integer(0),
        20,
        "A partner with more parties than this gets what is for everybody once, for the first of them.",
    )
    push_concurrency: int = setting(kinds.integer(1), 4, "Messages a process sends to one platform at a time.")
    push_max_backoff: float = setting(
        kinds.seconds,
        300.0,
        "How long a platform that cannot be reached is left alone at the most, unless it asks for more.",
    )
    sync_interval: int = setting(
        kinds.integer(0, "seconds"),
        0,
        "Seconds between two syncs of the same objects of another platform; 0 syncs only when asked to.",
    )
    sync_full_interval: int = setting(
        kinds.integer(0, "seconds"),
        86400,
        "Seconds after which a sync reads the whole list, to find what vanished; 0 does so only when asked to.",
    )
    sync_overlap: int = setting(
        kinds.integer(0, "seconds"),
        60,
        "Seconds that a sync asks for again: platforms may show an object later than its last_updated says.",
    )
    sync_max_pages: int = setting(
        kinds.integer(1), 50_000, "Pages that are read of one list; one that goes on after them is taken for endless."
    )
    sync_max_seconds: float = setting(
        kinds.seconds, 1800.0, "Time to read one list. A sync goes on with what is left the next time, a pull does not."
    )
    sync_modules: tuple[str, ...] = setting(kinds.texts, (), 'Modules to sync, such as ["locations"]; by default all.')
    journal: str = setting(
        kinds.choice("off", "errors", "all"),
        "errors",
        "Which messages the journal keeps: none, those that failed, or all.",
    )
    journal_body_bytes: int = setting(
        kinds.integer(0, "bytes"),
        16 * 1024,
        "Up to which size the journal keeps bodies; of longer ones the first 2 KB, and with 0 nothing of any.",
    )
    journal_hidden: tuple[str, ...] = setting(
        kinds.texts,
        (),
        'Properties whose texts and numbers are kept out of the journal, such as ["uid", "contract_id"].',
    )
    journal_max_age: int = setting(
        kinds.integer(1, "seconds"), 30 * 86400, "Seconds for which a message stays in the journal."
    )
    journal_max_count: int = setting(kinds.integer(1), 100_000, "Messages in the journal at the most, roughly.")
    findings_max_age: int = setting(
        kinds.integer(1, "seconds"),
        30 * 86400,
        "Seconds for which a flaw in what partners sent stays in the list of findings after it came last.",
    )
    findings_max_count: int = setting(
        kinds.integer(1),
        1000,
        "Findings that are kept one by one for each module of a partner, and as many refused objects.",
    )
    audit: bool = setting(kinds.boolean, False, "Audit the CDRs of other platforms when they have arrived.")
    audit_rules: Mapping[str, Any] = setting(
        kinds.mapping,
        {},
        'What an audit goes by, such as {"energy": {"max": 200}, "partners": {"NL-ABC": {"tolerance": 0.05}}}.',
    )
    tariff_lint: str = setting(
        kinds.choice("off", "warn", "refuse"),
        "warn",
        "What comes of mistakes in an own tariff when it is saved: nothing, a warning in the log, or a refusal.",
    )
    health: bool = setting(kinds.boolean, True, "Tell anybody at /health below the prefix whether all is well.")
    docs: bool = setting(kinds.boolean, True, "Serve Swagger UI and the OpenAPI documents.")
    create_tables: bool | None = setting(
        kinds.boolean, None, "Create missing tables at start. By default only for the embedded SQLite file."
    )
    http_allow_private: bool = setting(
        kinds.boolean, False, "Call other platforms also over http and at private addresses. For development."
    )
    http_allowed_hosts: tuple[str, ...] = setting(
        kinds.texts, (), "Host names that may be called whatever their address."
    )
    http_connect_timeout: float = setting(kinds.seconds, 5.0, "Time to connect to another platform.")
    http_timeout: float = setting(kinds.seconds, 30.0, "Time for a whole exchange with another platform.")
    http_max_bytes: int = setting(kinds.integer(1, "bytes"), 32 * 1024 * 1024, "Size of another platform's answer.")
    http_ca_bundle: str | None = setting(kinds.path, None, "File with the certificate authorities to trust.")
    http_client_certificate: str | tuple[str, str] | None = setting(
        kinds.certificate,
        None,
        "File with the client certificate and its key, or the two files; shown to every host that asks for one.",
    )
    http_platform_tls: Mapping[str, PlatformTLS] = setting(
        kinds.platform_tls,
        {},
        'What differs for the host of a platform, such as {"ocpi.example.com": {"ca_bundle": PATH, '
        '"client_certificate": PATH}}.',
    )

    def __repr__(self) -> str:  # encryption keys stay out of logs
        return f"Settings(parties={', '.join(f'{p.country_code}-{p.party_id}' for p in self.parties)})"

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any]) -> Settings:
        """Read and check the OCPI_* keys of an app's configuration; raise ConfigurationError for a wrong one."""
        known = {item.key for item in SETTINGS}
        for key in config:
            if isinstance(key, str) and key.startswith("OCPI_") and key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
                raise ConfigurationError(f"{key} is not a setting of Flask-OCPI. Did you mean {near[0]}?")
        if config.get("OCPI_PARTIES") is None:
            raise ConfigurationError(
                f"OCPI_PARTIES is missing. Set it to your parties, such as {kinds.PARTIES_EXAMPLE}."
            )
        values = {}
        for item in SETTINGS:
            value = config.get(item.key)
            name = item.key.removeprefix("OCPI_").lower()
            values[name] = item.default if value is None else item.kind.parse(item.key, value)
        return cls(**values)

    def limit_of(self, module: str) -> int:
        """Return how many objects a page of a module's list has at the most."""
        return self.page_module_limits.get(module, self.page_max_limit)


SETTINGS = tuple(Setting(f"OCPI_{item.name.upper()}", **item.metadata) for item in fields(Settings))
