"""How a finding is kept: one record for each flaw of an object, with how often it came."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from typing import Any

from flask_ocpi.fields import format_date_time
from flask_ocpi.findings import Finding
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import fold

FINDINGS = "findings"
#: The owner of findings: they belong to no party.
NOBODY = Party("", "")

_MICROS = 1_000_000
_MORE = "There were more of these than are kept one by one."


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding as it is kept.

    first, last: when it came, microseconds since 1970 UTC. count: how often. number: by which people call it; 0 before
    it is stored. The texts of the finding are those of the last time.
    """

    finding: Finding
    first: int
    last: int
    count: int = 1
    number: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return it for machines: the fields of the finding, its number, when it came and how often."""
        return {
            "id": self.number,
            **_values(self.finding),
            "first": format_date_time(datetime.fromtimestamp(self.first / _MICROS, UTC)),
            "last": format_date_time(datetime.fromtimestamp(self.last / _MICROS, UTC)),
            "count": self.count,
        }

    @property
    def key(self) -> Key:
        return key_of_finding(self.finding)

    def after(self, earlier: Entry | None) -> Entry:
        """Return this one and an earlier one of the same flaw as one."""
        if earlier is None:
            return self
        last = max(self.last, earlier.last)
        return replace(self, first=min(self.first, earlier.first), last=last, count=self.count + earlier.count)

    def merged(self) -> Entry:
        """Return this one as it is kept where there is no room for it: with others of its kind."""
        finding = replace(self.finding, object="", path="", came="", outcome=_MORE, document=None)
        return replace(self, finding=finding)


def group_of(platform: str, module: str, *, receiver: str = "", refused: bool = False) -> str:
    """Return what stands in a key for the receiver: findings that have it in common share a bound."""
    return "\n".join((platform, module, receiver, "refused" if refused else ""))


def key_of_finding(finding: Finding) -> Key:
    """Return the key of the one record of a flaw; what is refused is so once, whatever the path."""
    parts = (finding.kind, "" if finding.refused else finding.path, fold(finding.object))
    id = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32].upper()
    group = group_of(finding.platform, finding.module, receiver=finding.receiver, refused=finding.refused)
    return Key("", "", id, group)


def new_record(entry: Entry) -> Record:
    """Return a finding as it is kept; its record's ``last_updated`` is when it came last."""
    document = {**_values(entry.finding), "first": entry.first, "count": entry.count}
    return Record.of(document, last_updated=entry.last)


def read_entry(record: Record) -> Entry:
    """Return the finding in a record."""
    document = record.document
    first, count = document.pop("first"), document.pop("count")
    return Entry(Finding(**document), first, record.last_updated, count, record.created)


def key_of(record: Record) -> Key:
    """Return the key that a record is kept under."""
    return read_entry(record).key


def _values(finding: Finding) -> dict[str, Any]:
    return {field.name: getattr(finding, field.name) for field in fields(finding)}
