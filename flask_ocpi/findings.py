"""Findings: what was wrong with what another platform sent, and what was made of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

_log = logging.getLogger("flask_ocpi.findings")
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One flaw in what a platform sent.

    platform: its id. kind: which flaw, one of a short list of words ("endless_list"). module, object: where, as far as
    that is known; ``object`` is what identifies the object. path: the JSON path in it. came: what came, as text.
    outcome: one sentence that says what was made of it. refused: True when the object or the request was not taken.
    """

    platform: str
    kind: str
    module: str = ""
    object: str = ""
    path: str = ""
    came: str = ""
    outcome: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """Where an object comes from. platform: its id. module: the id of the module. object: what identifies it."""

    platform: str
    module: str = ""
    object: str = ""


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
