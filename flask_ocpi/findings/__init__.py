"""Findings: what was wrong with what another platform sent, and what was made of it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import orjson

_log = logging.getLogger("flask_ocpi.findings")
_SHOWN = 200
_LONGEST_NAME = 255

#: The kind of findings that an object, or a request, was refused for what is in it.
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Finding:
    """One flaw in what a platform sent.

    platform: its id. kind: which flaw, one of a short list of words ("endless_list"). module, object: where, as far as
    that is known; ``object`` is what identifies the object. path: the JSON path in it. came: what came, as text.
    outcome: one sentence that says what was made of it. refused: True when the object or the request was not taken.
    receiver: the own party that it was for, such as "NL-ABC", where that makes a difference. document: the whole of
    what was refused.
    """

    platform: str
    kind: str
    module: str = ""
    object: str = ""
    path: str = ""
    came: str = ""
    outcome: str = ""
    refused: bool = False
    receiver: str = ""
    document: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """Where an object comes from. platform: its id. module: the id of the module. object: what identifies it.

    key: the properties that identify it, where ``object`` is not known before. receiver: the own party that it is for.
    """

    platform: str
    module: str = ""
    object: str = ""
    key: tuple[str, ...] = ()
    receiver: str = ""


def log_finding(finding: Finding) -> None:
    """Write a finding to the log, with its texts cut and without control characters."""
    _log.warning(
        "%s: %s %s %s %s: %a. %s",
        finding.platform,
        finding.kind,
        finding.module,
        ascii(finding.object[:_SHOWN]),
        finding.path,
        finding.came[:_SHOWN],
        finding.outcome,
    )


def name_of(document: Any, key: tuple[str, ...], known: Mapping[str, Any]) -> str:
    """Return what identifies an object by its key, such as ``NL ABC LOC1``; else "#" and a hash of what it contains.

    known: properties that the circumstances tell.
    """
    values = document if isinstance(document, dict) else {}
    found = [known.get(name) if values.get(name) is None else values[name] for name in key]
    if values and all(isinstance(value, str | int) and not isinstance(value, bool) for value in found):
        name = " ".join(str(value).strip() for value in found)
        if len(name) <= _LONGEST_NAME and name.isprintable() and all(map(str, found)):
            return name
    try:
        text = orjson.dumps(document)
    except (TypeError, ValueError):  # nested too deep
        text = b""
    return f"#{hashlib.sha256(text).hexdigest()[:32]}"
