"""Every OCPI_* setting in one table: its name, type, default and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from typing import Any

from flask_ocpi.core import setting_kinds as kinds
from flask_ocpi.core.advice import nearest
from flask_ocpi.core.enums import Role
from flask_ocpi.core.setting_kinds import Kind
from flask_ocpi.core.setting_kinds import OwnParty
from flask_ocpi.core.setting_kinds import PlatformTLS
from flask_ocpi.errors import ConfigurationError

#: The file in the instance folder with the key for tokens, where no setting has one.
KEY_FILE = "ocpi_secret_key"


@dataclass(frozen=True, slots=True)
class Setting:
    """One configuration key. doc: one or two sentences about its effect."""

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
    url_prefix: str = setting(kinds.prefix, "/ocpi", "The path in the app under which OCPI is served.")
    base_url: str | None = setting(
        kinds.base_url,
        None,
        "Public address of the app, such as https://example.com. Without it URLs follow the request. Commands need it.",
    )
    modules: tuple[str, ...] | None = setting(
        kinds.texts,
        None,
        'Interfaces to serve, such as ["locations:SENDER"]. By default those of the own roles.',
    )
    versions: tuple[str, ...] = setting(kinds.texts, ("2.2.1", "2.3.0"), "Versions of OCPI to serve.")
    role_permissions: Mapping[Role, Mapping[str, tuple[str, ...]]] = setting(
        kinds.permissions,
        {},
        "Changes to the matrix of roles: role, then module, then a list of interfaces.",
    )
    required_endpoints: tuple[str, ...] = setting(
        kinds.texts, (), 'Endpoints that a partner must offer to register, such as ["locations:SENDER"].'
    )
    new_roles: str = setting(
        kinds.choice("ask", "refuse", "accept"),
        "ask",
        "What to do when a partner names more roles and parties than it was granted: ask you, refuse, or accept free "
        "ones; HUB is never accepted.",
    )
    max_parties: int = setting(kinds.integer(1), 2000, "Maximum number of parties of a partner.")
    allow_shared_parties: bool = setting(kinds.boolean, False, "Allow two platforms to register the same party.")
    copies_after_unregistration: str = setting(
        kinds.choice("keep", "remove"),
        "keep",
        "Keep or remove the copies of a partner when its registration ends; only the host sees kept ones.",
    )
    encryption_keys: tuple[str, ...] = setting(
        kinds.keys,
        (),
        "Fernet keys for the tokens that are sent; the first encrypts, all decrypt. By default derived from "
        "SECRET_KEY.",
    )
    token_grace: int = setting(
        kinds.integer(0, "seconds"),
        600,
        "Seconds for which a replaced credentials token stays valid, unless the new one is used before.",
    )
    token_cache: int = setting(
        kinds.integer(0, "seconds"),
        2,
        "Seconds to cache a verified token. A token revoked in another process works for that long.",
    )
    token_encoding: str = setting(
        kinds.choice("base64", "plain"),
        "base64",
        "The encoding of the token in the Authorization header for new partners.",
    )
    max_unknown_tokens: int = setting(
        kinds.integer(0),
        20,
        "Unknown tokens that an address may try in a minute; further ones get 429. 0 for any number.",
    )
    max_handshakes: int = setting(
        kinds.integer(1),
        2,
        "Parallel handshakes of a process, one for each platform; further ones get 429. At most half of the threads "
        "that serve requests.",
    )
    handshake_timeout: float = setting(kinds.seconds, 10.0, "Time limit for all requests of a handshake.")
    max_waiting: int = setting(
        kinds.integer(1),
        8,
        "Requests of a process that may wait for calls of hooks to partners, half of them for one partner; further "
        "calls fail with 4003. At most half of the threads that serve requests.",
    )
    page_limit: int = setting(kinds.integer(1), 50, "Default number of objects on a page.")
    page_max_limit: int = setting(kinds.integer(1), 1000, "Maximum number of objects on a page.")
    page_module_limits: Mapping[str, int] = setting(
        kinds.limits, {}, 'OCPI_PAGE_MAX_LIMIT by module, such as {"cdrs": 20}.'
    )
    max_page_bytes: int = setting(
        kinds.integer(1, "bytes"),
        8 * 1024 * 1024,
        "Maximum size of the objects on a page, unless the first object is larger; the Link leads to the others.",
    )
    max_body_bytes: int = setting(kinds.integer(1, "bytes"), 4 * 1024 * 1024, "Maximum size of a request body.")
    body_timeout: float = setting(
        kinds.seconds, 30.0, "Time limit for receiving a request body, if the server allows reading to be ended."
    )
    bodies_at_once: int = setting(
        kinds.integer(1),
        8,
        "Bodies of one partner that are read at the same time: set it to half of the threads of your server.",
    )
    max_depth: int = setting(kinds.depth, 32, "Maximum nesting of unknown properties, up to 128.")
    list_limits: tuple[tuple[str, int], ...] = setting(
        kinds.list_limits,
        (),
        'Maximum lengths of lists that differ from the OpenAPI document, such as {"Location.evses": 8000}.',
    )
    unknown_fields: str = setting(
        kinds.choice("keep", "drop"), "keep", "Keep or drop properties that OCPI does not define."
    )
    open_enums: tuple[str, ...] = setting(
        kinds.texts, (), 'Enums whose unknown values are accepted, such as ["Capability"].'
    )
    strict_codes: bool = setting(
        kinds.boolean, False, "Check country, currency and language codes against the ISO lists."
    )
    receive: str = setting(
        kinds.choice("tolerant", "strict"),
        "tolerant",
        "Accept everything with a certain meaning, and record flaws as findings, or accept only valid objects.",
    )
    quirks: Mapping[str, Mapping[str, Any]] = setting(
        kinds.quirks,
        {},
        'Quirks of partners, by platform id or host, such as {"peer.example": ["no-patch"]}.',
    )
    reject_stale: bool = setting(kinds.boolean, False, "Refuse objects that are older than the stored ones, with 2001.")
    require_date_from: bool = setting(
        kinds.boolean, False, "Refuse requests for sessions without date_from, as OCPI demands."
    )
    command_timeout: int = setting(
        kinds.integer(1, "seconds"), 30, "Seconds until the result of a command or charging profile is due."
    )
    command_retention: int = setting(
        kinds.integer(1, "seconds"),
        86400,
        "Seconds for which such requests are kept, for late results and look-ups.",
    )
    callback_hosts: tuple[str, ...] = setting(
        kinds.texts, (), "Permitted hosts of a response_url besides those of the partner's endpoints."
    )
    dispatcher: str = setting(
        kinds.choice("thread", "inline", "none", "celery"),
        "thread",
        "The dispatcher of pushes, syncs and time-outs: threads of each process, `flask ocpi worker` (none), Celery, "
        "or the caller at once (inline, in tests).",
    )
    dispatch_interval: float = setting(kinds.seconds, 5.0, "Seconds between two looks for work from other processes.")
    push: bool = setting(kinds.boolean, True, "Push own objects to partners when they are saved.")
    push_parties: int = setting(
        kinds.integer(0),
        20,
        "A partner with more parties gets objects without audience once, addressed to its first party.",
    )
    push_concurrency: int = setting(kinds.integer(1), 4, "Parallel messages of a process to one partner.")
    push_max_backoff: float = setting(
        kinds.seconds,
        300.0,
        "Longest back-off from an unreachable partner, unless it asks for more.",
    )
    sync_interval: int = setting(
        kinds.integer(0, "seconds"),
        0,
        "Seconds between two syncs of a list of a partner; 0 turns scheduled syncs off.",
    )
    sync_full_interval: int = setting(
        kinds.integer(0, "seconds"),
        86400,
        "Seconds after which a sync reads the whole list, to find vanished objects; 0 does this only on request.",
    )
    sync_overlap: int = setting(
        kinds.integer(0, "seconds"),
        60,
        "Overlap of two syncs in seconds: partners may list an object later than its last_updated says.",
    )
    sync_max_pages: int = setting(
        kinds.integer(1), 50_000, "Maximum number of pages of a list; a longer list counts as endless."
    )
    sync_max_seconds: float = setting(
        kinds.seconds, 1800.0, "Time limit for reading one list. The next sync resumes there, a pull does not."
    )
    sync_modules: tuple[str, ...] = setting(kinds.texts, (), 'Modules to sync, such as ["locations"]; by default all.')
    journal: str = setting(
        kinds.choice("off", "errors", "compact", "all"),
        "compact",
        "The messages that the journal keeps: none, failed ones, all but successes without bodies (compact), or all.",
    )
    journal_body_bytes: int = setting(
        kinds.integer(0, "bytes"),
        16 * 1024,
        "Maximum size of bodies in the journal; of longer ones it keeps the first 2 KB, and with 0 nothing.",
    )
    journal_hidden: tuple[str, ...] = setting(
        kinds.texts,
        (),
        'Properties whose texts and numbers the journal hides, such as ["uid", "contract_id"].',
    )
    journal_max_age: int = setting(
        kinds.integer(1, "seconds"), 30 * 86400, "Seconds for which a message that succeeded stays in the journal."
    )
    journal_max_count: int = setting(
        kinds.integer(1), 300_000, "Approximate maximum number of messages in the journal that succeeded."
    )
    journal_failed_max_age: int = setting(
        kinds.integer(1, "seconds"), 90 * 86400, "Seconds for which a failed message stays in the journal."
    )
    journal_failed_max_count: int = setting(
        kinds.integer(1), 50_000, "Approximate maximum number of failed messages in the journal."
    )
    findings_max_age: int = setting(
        kinds.integer(1, "seconds"),
        30 * 86400,
        "Seconds for which a finding stays after its last occurrence.",
    )
    findings_max_count: int = setting(
        kinds.integer(1),
        1000,
        "Maximum number of findings for each module of a partner, and as many about refused objects.",
    )
    audit: bool = setting(kinds.boolean, False, "Audit CDRs of partners when they arrive.")
    audit_rules: Mapping[str, Any] = setting(
        kinds.mapping,
        {},
        'Rules of audits, such as {"energy": {"max": 200}, "partners": {"NL-ABC": {"tolerance": 0.05}}}.',
    )
    tariff_lint: str = setting(
        kinds.choice("off", "warn", "refuse"),
        "warn",
        "What to do about mistakes in an own tariff when it is saved: nothing, log a warning, or refuse it.",
    )
    health: bool = setting(kinds.boolean, True, "Serve an unauthenticated health check at /health below the prefix.")
    docs: bool = setting(kinds.boolean, True, "Serve Swagger UI and the OpenAPI documents.")
    create_tables: bool | None = setting(
        kinds.boolean,
        None,
        "Create missing tables before their first use. By default only for the embedded SQLite file.",
    )
    http_allow_private: bool = setting(
        kinds.boolean, False, "Also call partners over http and at private addresses. For development."
    )
    http_allowed_hosts: tuple[str, ...] = setting(kinds.texts, (), "Host names that may be called at any address.")
    http_connect_timeout: float = setting(kinds.seconds, 5.0, "Time limit for connecting to a partner.")
    http_timeout: float = setting(kinds.seconds, 30.0, "Time limit for a whole exchange with a partner.")
    http_max_bytes: int = setting(kinds.integer(1, "bytes"), 32 * 1024 * 1024, "Maximum size of a partner's answer.")
    http_ca_bundle: str | None = setting(kinds.path, None, "File with the certificate authorities to trust.")
    http_client_certificate: str | tuple[str, str] | None = setting(
        kinds.certificate,
        None,
        "File with the client certificate and its key, or the two files; sent to every host that asks for one.",
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
                near = nearest(key, known)
                raise ConfigurationError(
                    f"{key} is not a setting of Flask-OCPI. Did you mean {near}? `flask ocpi settings` lists all."
                )
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
        """Return the largest number of objects on a page of a module's list."""
        return self.page_module_limits.get(module, self.page_max_limit)


SETTINGS = tuple(Setting(f"OCPI_{item.name.upper()}", **item.metadata) for item in fields(Settings))
