"""Removes messages from the journal that are too old or too many; failed ones have bounds of their own."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass

from flask_ocpi.exchange.journal_groups import CLOSED
from flask_ocpi.exchange.journal_groups import OPEN
from flask_ocpi.exchange.journal_groups import adopt
from flask_ocpi.exchange.journal_groups import combine
from flask_ocpi.exchange.journal_groups import groups_on
from flask_ocpi.exchange.journal_groups import messages_in
from flask_ocpi.exchange.journal_groups import newest_in
from flask_ocpi.exchange.journal_groups import records_in
from flask_ocpi.exchange.journal_groups import remove
from flask_ocpi.exchange.journal_records import JOURNAL
from flask_ocpi.exchange.journal_records import Shelf
from flask_ocpi.exchange.journal_records import moment_of
from flask_ocpi.exchange.journal_records import number_in
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Storage

#: One call removes about so many records of messages at most; it ends after the group in which they are reached.
PURGED_AT_ONCE = 5000
_IN_ONE_TRANSACTION = 500
_MOST_OF_STRANGERS = 1000
_ADOPTED = 20_000  # rows


@dataclass(frozen=True, slots=True)
class Bound:
    """before: messages that began before this moment are too old, microseconds. most: the most messages to keep."""

    before: int
    most: int


class Purge:
    """Removes messages of a storage, the oldest first, group by group; open groups are combined.

    It remembers what it has removed of the oldest group on each shelf: the number of records, and of their messages.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._gone: dict[str, tuple[Key, int, int]] = {}

    def run(self, succeeded: Bound, *, failed: Bound) -> int:
        """Remove what a bound does not allow; return the number of messages. One call removes a limited number.

        Of failed messages of unknown callers fewer stay: a twentieth of the failed ones, and never more than a
        thousand.
        """
        adopt(self._storage, most=_ADOPTED)
        strangers = Bound(failed.before, min(failed.most // 20, _MOST_OF_STRANGERS))
        bounds = {Shelf.SUCCEEDED: succeeded, Shelf.FAILED: failed, Shelf.STRANGERS: strangers}
        return sum(self._tidy(shelf.value, bound) for shelf, bound in bounds.items())

    def _tidy(self, shelf: str, bound: Bound) -> int:
        """Remove messages of a shelf, and combine its open groups; return the number of messages."""
        opened = sorted(groups_on(self._storage, OPEN, shelf), key=newest_in)
        groups = sorted((*groups_on(self._storage, CLOSED, shelf), *opened), key=newest_in)
        stored = sum(map(messages_in, groups))
        removed: list[Key] = []
        for group in groups:
            known, place, number = self._gone.get(shelf, (group, 0, 0))
            if known != group:
                place, number = 0, 0
            surplus, is_whole = _surplus(records_in(self._storage, group, place), stored - number, bound)
            self._remove(surplus)
            removed += surplus
            if not is_whole:
                self._gone[shelf] = group, place + len(surplus), number + sum(map(number_in, surplus))
                break
            remove(self._storage, group)
            opened = [each for each in opened if each != group]
            stored -= messages_in(group)
            if len(removed) >= PURGED_AT_ONCE:
                break
        combine(self._storage, opened)
        return sum(map(number_in, removed))

    def _remove(self, records: Sequence[Key]) -> None:
        for start in range(0, len(records), _IN_ONE_TRANSACTION):
            self._storage.delete_many(JOURNAL, records[start : start + _IN_ONE_TRANSACTION])


def _surplus(records: Iterable[Key], stored: int, bound: Bound) -> tuple[list[Key], bool]:
    """Return the first records that go, with the number of messages that are stored, and whether all of them go."""
    found: list[Key] = []
    for key in records:
        stored -= number_in(key)
        if stored < bound.most and moment_of(key) >= bound.before:
            return found, False
        found.append(key)
    return found, True
