"""The store of findings: written outside of requests, once for each flaw, limited in number and age."""

from __future__ import annotations

import heapq
import logging
import re
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

import orjson

from flask_ocpi.core import forks
from flask_ocpi.core.config import Settings
from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange import findings
from flask_ocpi.exchange.logs import Ration
from flask_ocpi.exchange.logs import on_a_line
from flask_ocpi.exchange.messages import HIDDEN
from flask_ocpi.exchange.write_behind import BATCH
from flask_ocpi.exchange.write_behind import WriteBehind
from flask_ocpi.signals import finding_made
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.base import fold
from flask_ocpi.storage.base import numbered
from flask_ocpi.storage.base import walk

LONGEST_DOCUMENT = 64 * 1024  # bytes
_USER = re.compile(r"//[^/?#\s]*@")
_LONGEST_NAME = 255
_LONGEST_TEXT = 500
_LONGEST_OUTCOME = 2000


class Hiding:
    """Removes from findings what the journal hides: tokens, and the properties in OCPI_JOURNAL_HIDDEN."""

    def __init__(self, settings: Settings) -> None:
        self._names = {"token", *(name.lower() for name in settings.journal_hidden)}
        spelled = "|".join(map(re.escape, self._names))
        self._in_query = re.compile(rf"([?&](?:{spelled})=)[^&#\s]*", re.IGNORECASE)
        self._quoted = re.compile(rf"['\"](?:{spelled})\\*['\"]", re.IGNORECASE)

    def __call__(self, finding: findings.Finding) -> findings.Finding:
        is_hidden = finding.path.rsplit(".", 1)[-1].split("[", 1)[0].lower() in self._names
        came, outcome = finding.came, finding.outcome
        if is_hidden and not finding.refused and came != HIDDEN:
            came = outcome = HIDDEN
        return replace(
            finding,
            module=on_a_line(finding.module[:_LONGEST_NAME]),
            object=on_a_line(finding.object[:_LONGEST_NAME]),
            path=on_a_line(finding.path[:_LONGEST_NAME]),
            came=self._text(came, _LONGEST_TEXT),
            outcome=self._text(outcome, _LONGEST_OUTCOME),
            document=self._document(finding.document),
        )

    def _text(self, text: str, longest: int) -> str:
        """Return a text without credentials; a text that shows an object with credentials is hidden completely."""
        text = text[: 4 * longest]
        if self._quoted.search(text):
            return HIDDEN
        return on_a_line(self._url(text)[:longest])

    def _url(self, text: str) -> str:
        return self._in_query.sub(rf"\1{HIDDEN}", _USER.sub(f"//{HIDDEN}@", text))

    def _document(self, document: Any) -> Any:
        """Return the refused document; None if it is too large, or nested too deep, to be stored."""
        if document is None:
            return None
        try:
            text = orjson.dumps([[document]])  # at the depth that it has in a record
        except (TypeError, ValueError):
            return None
        if len(text) > LONGEST_DOCUMENT:
            return None
        return self._without_secrets(document, hides=False)

    def _without_secrets(self, value: Any, *, hides: bool) -> Any:
        """Return a copy without secrets; ``hides``: texts and numbers outside of objects are secrets."""
        if isinstance(value, dict):
            values: dict[str, Any] = {}
            for name, inner in value.items():
                values[name] = self._without_secrets(inner, hides=str(name).lower() in self._names)
            return values
        if isinstance(value, list | tuple):
            items: list[Any] = []
            for item in value:
                items.append(self._without_secrets(item, hides=hides))  # a comprehension needs one more frame per level
            return items
        if hides and value is not None:
            return HIDDEN
        return self._url(value) if isinstance(value, str) else value


MOST_WAITING = 2000
MOST_LOGGED = 20  # per minute, module and partner
PURGED_AT_ONCE = 200
_MOST_DOCUMENTS = 8 * 1024 * 1024 // LONGEST_DOCUMENT  # findings that wait to be written
_REMOVED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Search:
    """A filter of findings; None means any. platform: the id of the partner."""

    platform: str | None = None
    module: str | None = None
    kind: str | None = None
    refused: bool | None = None

    def fits(self, finding: findings.Finding) -> bool:
        return all(getattr(self, name) in (None, getattr(finding, name)) for name in self.__slots__)

    @property
    def mark(self) -> bytes:
        """The text in each matching record."""
        return b"" if self.platform is None else orjson.dumps({"platform": self.platform})[1:-1]


class Findings(WriteBehind[tuple[Key, findings.Entry]]):
    """The flaws in partners' data, once for each flaw of an object: ``ocpi.findings``.

    Adding a finding does not access the storage: a thread writes new findings, added up. OCPI_FINDINGS_MAX_COUNT
    findings of a partner and module are stored one by one, and as many refused objects; further ones are counted by
    kind, under the object "". emit: calls the listeners of a signal. inline: there is no thread; readers and the end of
    a request write findings.
    """

    title = "list of findings"
    noun = "finding"
    log = logging.getLogger("flask_ocpi.findings")

    def __init__(
        self,
        storage: Storage,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        emit: Callable[..., None],
        in_context: Callable[[], AbstractContextManager[object]],
        inline: bool,
    ) -> None:
        self._emit = emit
        self._hide = Hiding(settings)
        self._ration = Ration(MOST_LOGGED)
        self._most = settings.findings_max_count
        self._max_age = settings.findings_max_age * SECOND
        super().__init__(storage, clock=clock, in_context=in_context, inline=inline)

    def add(self, finding: findings.Finding) -> None:
        """Note a finding; does not access the storage, returns at once and never fails."""
        forks.look_for_fork()
        now = self._now()
        entry = findings.Entry(self._hide(finding), now, now)
        with self._lock:
            if entry.key not in self._waiting and len(self._waiting) >= MOST_WAITING:
                entry = entry.merged()
            if entry.finding.document is not None and self._documents >= _MOST_DOCUMENTS:
                entry = replace(entry, finding=replace(entry.finding, document=None))
            self._documents += entry.finding.document is not None
            self._waiting[entry.key] = entry.after(self._waiting.get(entry.key))
        if not self._inline:
            self._have_written(len(self._waiting))

    def write_inline(self) -> None:
        """Write the waiting findings if there is no thread; for the end of a request."""
        if self._inline and self._waiting:
            self.flush()

    def list(
        self,
        *,
        platform: str | None = None,
        module: str | None = None,
        kind: str | None = None,
        refused: bool | None = None,
        limit: int | None = None,
    ) -> Sequence[findings.Entry]:
        """Return findings, latest first. platform: the id of the partner. None means any, for each argument."""
        found = (entry for _, entry in self._walk(Search(platform, module, kind, refused)))
        if limit is None:
            return sorted(found, key=_recency, reverse=True)
        return heapq.nlargest(limit, found, key=_recency)

    def counts(self) -> Mapping[str, tuple[int, int]]:
        """Return the number of findings by the id of the partner: all of them, and those about refused objects."""
        found: dict[str, tuple[int, int]] = {}
        for _, entry in self._walk(Search()):
            number, refused = found.get(entry.finding.platform, (0, 0))
            found[entry.finding.platform] = (number + 1, refused + entry.finding.refused)
        return found

    def find(self, number: int) -> findings.Entry | None:
        """Return the finding with a number, or None."""
        self.flush()
        record = numbered(self._storage, findings.FINDINGS, number)
        return None if record is None else findings.read_entry(record)

    def remove(self, *numbers: int) -> int:
        """Remove the findings with these numbers; return how many existed."""
        found = (self.find(number) for number in numbers)
        return sum(self._storage.delete(findings.FINDINGS, entry.key) for entry in found if entry is not None)

    def remove_all(
        self,
        *,
        platform: str | None = None,
        module: str | None = None,
        kind: str | None = None,
        refused: bool | None = None,
    ) -> int:
        """Remove the findings that :meth:`list` would return; return their number."""
        keys = iter([key for key, _ in self._walk(Search(platform, module, kind, refused))])
        number = 0
        while some := list(islice(keys, _REMOVED_AT_ONCE)):
            number += self._storage.delete_many(findings.FINDINGS, some)
        return number

    def settle(self, finding: findings.Finding) -> None:
        """Remove a finding that no longer applies; joins the transaction of the caller."""
        key = findings.key_of_finding(finding)
        with self._lock:
            self._waiting.pop(key, None)
        self._storage.delete(findings.FINDINGS, key)

    def objects_in(self, group: str) -> set[str]:
        """Return the folded names of the objects of a group; see :func:`.findings.group_of`."""
        self.flush()
        records = walk(self._storage, findings.FINDINGS, Query(owners=(NOBODY,), receiver=group))
        return {fold(findings.read_entry(record).finding.object) for record in records}

    def settle_all(self, group: str, *, before: int) -> None:
        """Remove the findings of a group whose last occurrence is before a moment, in microseconds."""
        with self._storage.transaction():
            old = walk(self._storage, findings.FINDINGS, Query(owners=(NOBODY,), receiver=group, date_to=before))
            self._storage.delete_many(findings.FINDINGS, [*map(findings.key_of, old)])

    def _walk(self, search: Search) -> Iterator[tuple[Key, findings.Entry]]:
        self.flush()
        mark = search.mark
        for record in walk(self._storage, findings.FINDINGS, Query(owners=(NOBODY,))):
            if mark in record.text and search.fits((entry := findings.read_entry(record)).finding):
                yield entry.key, entry

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Key, findings.Entry] = {}
        self._documents = 0

    def _take(self) -> Sequence[tuple[Key, findings.Entry]]:
        with self._lock:
            batch = [*islice(self._waiting.items(), BATCH)]
            for key, _ in batch:
                del self._waiting[key]
            self._documents = sum(entry.finding.document is not None for entry in self._waiting.values())
        return sorted(batch, key=lambda item: item[0])

    def _save(self, batch: Sequence[tuple[Key, findings.Entry]]) -> None:
        try:
            for entry in self._storage.run(lambda: self._add_up(batch)):
                left_out = self._ration.take(entry.key.receiver)
                if left_out:
                    self.log.warning("%s: %d more findings are in the list only.", entry.finding.platform, left_out)
                if left_out is not None:
                    findings.log_finding(entry.finding)
        finally:
            for _, entry in batch:
                self._emit(finding_made, finding=entry.finding, count=entry.count)

    def _add_up(self, batch: Sequence[tuple[Key, findings.Entry]]) -> Sequence[findings.Entry]:
        """Add new occurrences to the stored findings, in a transaction; return the new findings."""
        kept = self._read([key for key, _ in batch])
        room: dict[str, int] = {}
        merged: dict[Key, findings.Entry] = {}
        changed: dict[Key, findings.Entry] = {}
        for key, entry in batch:
            group = key.receiver
            if group not in room:
                here = self._storage.list(findings.FINDINGS, Query(owners=(NOBODY,), receiver=group, limit=1)).total
                room[group] = self._most - here
            if key not in kept and entry.finding.object and room[group] <= 0:
                other = entry.merged()
                merged[other.key] = other.after(merged.get(other.key))
                continue
            room[group] -= key not in kept
            changed[key] = entry
        kept |= self._read([key for key in merged if key not in kept])
        for key, entry in merged.items():
            changed[key] = entry.after(changed.get(key))
        written = [(key, findings.new_record(changed[key].after(kept.get(key)))) for key in sorted(changed)]
        self._storage.save_many(findings.FINDINGS, written)
        return [entry for key, entry in changed.items() if key not in kept]

    def _read(self, keys: Sequence[Key]) -> dict[Key, findings.Entry]:
        found = self._storage.get_many(findings.FINDINGS, keys, for_update=True) if keys else {}
        return {key: findings.read_entry(record) for key, record in found.items()}

    def _remove_old(self) -> None:
        purge(self._storage, before=self._now() - self._max_age)


def purge(storage: Storage, *, before: int) -> int:
    """Remove findings that last occurred before a moment (microseconds), some at a time; return their number."""
    return storage.delete_page(findings.FINDINGS, Query(date_to=before, limit=PURGED_AT_ONCE), key_of=findings.key_of)


def _recency(entry: findings.Entry) -> tuple[int, int]:
    return entry.last, entry.number
