"""What people look at before they run a platform: checks that call nobody, and the settings in force."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from collections.abc import Set
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from flask_ocpi.core.config import KEY_FILE
from flask_ocpi.core.config import SETTINGS
from flask_ocpi.core.config import Settings
from flask_ocpi.errors import StorageError
from flask_ocpi.exchange.copies import UNKNOWN
from flask_ocpi.host.facade import Facade
from flask_ocpi.host.status import Card
from flask_ocpi.host.status import Outcome
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.memory import MemoryStorage

_SHORT_SECRET = 16


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check, with the fix unless the message has it."""

    check: str
    outcome: Outcome
    message: str
    fix: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def checks(ocpi: Facade, config: Mapping[str, Any], instance: Path) -> Iterator[Check]:
    """Check a platform without calling anybody. config, instance: the configuration and instance folder of the app.

    The last ones are about partners; without a working storage they are missing.
    """
    yield _configuration(ocpi)
    yield _base_url(ocpi)
    yield _addresses(ocpi)
    yield _encryption(ocpi, config.get("SECRET_KEY"), instance / KEY_FILE)
    storage = _storage(ocpi.storage)
    yield storage
    if storage.outcome is not Outcome.FAIL:
        yield from _copies(ocpi)


def about_partners(ocpi: Facade) -> Iterator[Check]:
    """Return what the cards of partners say; one line at least for each partner."""
    for card in ocpi.partners.status():
        name = f"platform {card.platform.id}"
        problems = [Check(name, problem.outcome, problem.message, problem.fix) for problem in card.problems]
        yield from problems or [Check(name, Outcome.OK, _state(card))]


def _configuration(ocpi: Facade) -> Check:
    settings = ocpi.services.settings
    parties = ", ".join(f"{p.country_code}-{p.party_id} ({', '.join(p.roles)})" for p in settings.parties)
    versions = ", ".join(settings.versions)
    return Check("configuration", Outcome.OK, f"Serves {parties} at {settings.url_prefix}, OCPI {versions}.")


def _base_url(ocpi: Facade) -> Check:
    url = ocpi.services.settings.base_url
    fix = 'Set OCPI_BASE_URL to the public address of this app, such as "https://ocpi.example.com".'
    if url is None:
        text = "OCPI_BASE_URL is missing: URLs follow each request, and invite, register and rotate are refused."
        return Check("base URL", Outcome.WARN, text, fix)
    if not url.startswith("https://"):
        text = f"{url} is not https: tokens travel readable, and most platforms will refuse it."
        return Check("base URL", Outcome.WARN, text, fix)
    return Check("base URL", Outcome.OK, f"Partners are given {ocpi.versions_url}.")


def _addresses(ocpi: Facade) -> Check:
    if ocpi.services.settings.http_allow_private:
        text = "OCPI_HTTP_ALLOW_PRIVATE is on: partners can make this app call http and internal addresses."
        fix = "Unset it in production; OCPI_HTTP_ALLOWED_HOSTS names single hosts instead."
        return Check("addresses", Outcome.WARN, text, fix)
    return Check("addresses", Outcome.OK, "Other platforms are called over https only, at public addresses.")


def _encryption(ocpi: Facade, secret: str | bytes | None, file: Path) -> Check:
    from flask_ocpi.storage.opening import is_open_to_others  # a third of all imports

    if ocpi.services.settings.encryption_keys:
        return Check("encryption", Outcome.OK, "Stored tokens are encrypted with OCPI_ENCRYPTION_KEYS.")
    if not secret and is_open_to_others(file):
        text = f"{file} is open to every user of this machine: with it the stored tokens can be read."
        return Check("encryption", Outcome.WARN, text, f"chmod o= {file}")
    if not secret:
        text = "The key for stored tokens is a file in the instance folder: without the file they cannot be read."
        fix = "Set OCPI_ENCRYPTION_KEYS or SECRET_KEY where several machines share the storage, and keep a copy."
        return Check("encryption", Outcome.WARN, text, fix)
    if len(secret) < _SHORT_SECRET:
        text = "The key for stored tokens derives from SECRET_KEY, which is short enough to be guessed."
        fix = 'Make one with: python -c "import secrets; print(secrets.token_hex(32))"'
        return Check("encryption", Outcome.WARN, text, fix)
    return Check("encryption", Outcome.OK, "Stored tokens are encrypted with a key derived from SECRET_KEY.")


def _storage(storage: Storage) -> Check:
    from flask_ocpi.storage.opening import is_open_to_others

    try:
        storage.check()
    except StorageError as error:
        return Check("storage", Outcome.FAIL, str(error))
    if isinstance(storage, MemoryStorage):
        text = "MemoryStorage forgets everything when the process ends, and commands do not see what the server has."
        return Check("storage", Outcome.WARN, text, "Use the default storage, or one of your own.")
    file = getattr(storage, "file", None)
    if file is not None and is_open_to_others(file):
        text = f"{file} is open to every user of this machine: it holds what partners sent, drivers' tokens included."
        return Check("storage", Outcome.WARN, text, f"chmod o= {file}*")
    return Check("storage", Outcome.OK, f"{storage} is ready.")


def _copies(ocpi: Facade) -> Iterator[Check]:
    number = sum(kept.number for kept in ocpi.copies.counts(UNKNOWN))
    if number:
        text = f"Who sent {number} of the copies is not known, so no platform can read them."
        fix = "Run `flask ocpi init-db`; what is left then is given away by `flask ocpi copies move - PLATFORM`."
        yield Check("copies", Outcome.WARN, text, fix)


def _state(card: Card) -> str:
    if card.platform.state is PlatformState.INVITED:
        return "Is invited, and has not registered yet."
    if card.platform.state is PlatformState.UNREGISTERED:
        return "Is not registered any more."
    return "Is registered; not called because of --offline."


HIDDEN = "(hidden)"

_SECRET = frozenset({"OCPI_ENCRYPTION_KEYS"})
_ENVIRONMENT = "FLASK_"  # the prefix of app.config.from_prefixed_env()


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """A setting. value, default: as JSON; a secret is hidden. source: "default", "environment" or "configuration".

    kind: the type of its value, for people. meaning: its effect.
    """

    key: str
    value: Any
    default: Any
    source: str
    kind: str
    meaning: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def settings_in_force(settings: Settings, config: Mapping[str, Any]) -> Sequence[SettingInForce]:
    """Return all settings in the order of their declaration. config: the configuration that they were read from.

    The source is "environment" if a variable with the prefix ``FLASK_`` has the configured value.
    """
    found = []
    for item in SETTINGS:
        value = _plain(getattr(settings, item.key.removeprefix("OCPI_").lower()))
        if item.key in _SECRET and value:
            value = [HIDDEN] * len(value)
        source = _source(item.key, config.get(item.key))
        found.append(SettingInForce(item.key, value, _plain(item.default), source, item.kind.type, item.doc))
    return found


def _source(key: str, configured: Any) -> str:
    if configured is None:
        return "default"
    text = os.environ.get(_ENVIRONMENT + key)
    return "environment" if text is not None and configured in (text, _parsed(text)) else "configuration"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(inner) for name, inner in asdict(value).items() if inner is not None}
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, Sequence | Set) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
