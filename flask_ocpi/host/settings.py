"""The settings in force, for people: what each is set to, where that comes from, and what it means."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from collections.abc import Sequence
from collections.abc import Set
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import is_dataclass
from typing import Any

from flask_ocpi.core.config import SETTINGS
from flask_ocpi.core.config import Settings

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
