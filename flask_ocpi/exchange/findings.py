"""Findings as records: one for each flaw of an object, with a count."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from dataclasses import replace
from typing import Any

import orjson

from flask_ocpi.core.moments import moment_text
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import fold

_log = logging.getLogger("flask_ocpi.findings")
_SHOWN = 200
_LONGEST_NAME = 255

#: The kind of findings about a refused object or request.
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Finding:
    """One flaw in a partner's data.

    platform: its id. kind: the kind of flaw, such as "endless_list". module, object: the place, as far as known;
    ``object`` contains the ids of the object. path: the JSON path in it. came: the received value, as text. outcome:
    one sentence about what happened to it. refused: True if the object or the request was refused. receiver: the
    receiving own party, such as "NL-ABC", if that matters. document: the refused document.
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
    """The source of an object. platform: its id. module: the id of the module. object: the ids of the object.

    key: the properties of the ids, if ``object`` is not known before. receiver: the own party that receives the object.
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
    """Return the ids of an object by its key, such as ``NL ABC LOC1``; without ids "#" and a hash of its content.

    known: properties of the key that the request gives.
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


FINDINGS = "findings"

_MORE = "There were more of these than are kept one by one."


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored finding.

    first, last: the times of the first and last occurrence, in microseconds since 1970 UTC. count: the number of
    occurrences. number: identifies it for people; 0 before it is stored. Its texts are those of the last occurrence.
    """

    finding: Finding
    first: int
    last: int
    count: int = 1
    number: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain data, with number, times and count."""
        return {
            "id": self.number,
            **_values(self.finding),
            "first": moment_text(self.first),
            "last": moment_text(self.last),
            "count": self.count,
        }

    @property
    def key(self) -> Key:
        return key_of_finding(self.finding)

    def after(self, earlier: Entry | None) -> Entry:
        """Return the sum of this finding and an earlier one of the same flaw."""
        if earlier is None:
            return self
        last = max(self.last, earlier.last)
        return replace(self, first=min(self.first, earlier.first), last=last, count=self.count + earlier.count)

    def merged(self) -> Entry:
        """Return this finding as part of the sum of its kind, for a full list."""
        finding = replace(self.finding, object="", path="", came="", outcome=_MORE, document=None)
        return replace(self, finding=finding)


def group_of(platform: str, module: str, *, receiver: str = "", refused: bool = False) -> str:
    """Return the receiver in the key of a record; findings with the same receiver share a bound."""
    return "\n".join((platform, module, receiver, "refused" if refused else ""))


def key_of_finding(finding: Finding) -> Key:
    """Return the key of the one record of a flaw; a refused object has one record, whatever the path."""
    parts = (finding.kind, "" if finding.refused else finding.path, fold(finding.object))
    id = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32].upper()
    group = group_of(finding.platform, finding.module, receiver=finding.receiver, refused=finding.refused)
    return Key("", "", id, group)


def new_record(entry: Entry) -> Record:
    """Return the record of a finding; its ``last_updated`` is the time of the last occurrence."""
    document = {**_values(entry.finding), "first": entry.first, "count": entry.count}
    return Record.of(document, last_updated=entry.last)


def read_entry(record: Record) -> Entry:
    document = record.document
    first, count = document.pop("first"), document.pop("count")
    return Entry(Finding(**document), first, record.last_updated, count, record.created)


def key_of(record: Record) -> Key:
    return read_entry(record).key


def _values(finding: Finding) -> dict[str, Any]:
    return {field.name: getattr(finding, field.name) for field in fields(finding)}
