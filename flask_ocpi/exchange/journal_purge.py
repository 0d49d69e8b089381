"""Removes messages from the journal that are too old or too many; failed ones have bounds of their own."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange.journal_records import JOURNAL
from flask_ocpi.exchange.journal_records import REFERENCES
from flask_ocpi.exchange.journal_records import Shelf
from flask_ocpi.exchange.journal_records import key_of
from flask_ocpi.exchange.journal_records import key_of_reference
from flask_ocpi.exchange.journal_records import moment_of
from flask_ocpi.exchange.journal_records import number_in
from flask_ocpi.exchange.journal_records import shelf_of
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage

#: The most records of messages that one call removes.
PURGED_AT_ONCE = 5000
_IN_ONE_TRANSACTION = 500
_REFERENCES_AT_ONCE = 2000
_MOST_OF_STRANGERS = 1000
_LATE = 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Bound:
    """before: messages that began before this moment are too old, microseconds. most: the most messages to keep."""

    before: int
    most: int


class _Group:
    """The messages on a shelf, with their bound.

    number: how many there are. stays: when the batch began that the oldest one is of that stays; None if not known yet.
    """

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self.number = 0
        self.stays: int | None = None

    def drops(self, key: Key) -> bool:
        """Tell whether the messages of a record go: the oldest one that was not asked for yet."""
        left, moment = self.number - number_in(key), moment_of(key)
        if left < self._bound.most and moment >= self._bound.before:
            self.stays = moment
            return False
        self.number = left
        return True


class Purge:
    """Removes messages of a storage, the oldest first, and then what finds them.

    It remembers where the references begin that are still there: of those on one shelf the oldest go first.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._begins = {shelf.value: 0 for shelf in Shelf}

    def run(self, succeeded: Bound, *, failed: Bound) -> int:
        """Remove what a bound does not allow; return the number of messages. One call removes a limited number.

        Of failed messages of unknown callers fewer stay: a twentieth of the failed ones, and never more than a
        thousand.
        """
        strangers = Bound(failed.before, min(failed.most // 20, _MOST_OF_STRANGERS))
        bounds = {Shelf.SUCCEEDED: succeeded, Shelf.FAILED: failed, Shelf.STRANGERS: strangers}
        groups = {shelf.value: _Group(bound) for shelf, bound in bounds.items()}
        for key in self._keys():
            groups[shelf_of(key)].number += number_in(key)
        keys: list[Key] = []
        for key in self._surplus(groups):
            if len(keys) >= PURGED_AT_ONCE and moment_of(key) != moment_of(keys[-1]):
                break
            keys.append(key)
        for start in range(0, len(keys), _IN_ONE_TRANSACTION):
            self._storage.delete_many(JOURNAL, keys[start : start + _IN_ONE_TRANSACTION])
        for shelf, group in groups.items():
            gone = {moment_of(key) for key in keys if shelf_of(key) == shelf}
            self._remove_references(shelf, {moment for moment in gone if moment != group.stays})
        return sum(map(number_in, keys))

    def _keys(self) -> Iterator[Key]:
        """Walk the keys of all records of messages, the oldest first."""
        return (key for key, _ in self._storage.keys(JOURNAL, Query(), key_of=key_of))

    def _surplus(self, groups: Mapping[str, _Group]) -> Iterator[Key]:
        """Walk the keys of what is to go."""
        for key in self._keys():
            group = groups[shelf_of(key)]
            if group.stays is None and group.drops(key):
                yield key
            if all(each.stays is not None or not each.number for each in groups.values()):
                return

    def _remove_references(self, shelf: str, moments: set[int]) -> None:
        """Remove what finds the messages of batches that began then, and what finds others that are gone long since.

        The references of a batch go when all of it on this shelf is gone.
        """
        if not moments:
            return
        before = min(moments) - _LATE

        def is_gone(record: Record) -> bool:
            return record.last_updated in moments or record.last_updated < before

        while True:
            # With a total in the cursor, so that none are counted.
            query = Query(receiver=shelf, after=f"{self._begins[shelf]}-1", limit=_REFERENCES_AT_ONCE)
            gone = [*takewhile(is_gone, self._storage.list(REFERENCES, query).records)]
            if gone:
                # By their keys: another process may remove the same ones now, and a page would be the next ones then.
                self._storage.delete_many(REFERENCES, [*map(key_of_reference, gone)])
                self._begins[shelf] = gone[-1].created
            if len(gone) < _REFERENCES_AT_ONCE:
                return
