"""Groups of journal records: they say which messages are about what, and old messages are removed in their order.

Each write makes an open group of its records, which is one row. Many small open groups become a larger one, and in the
end a closed one: rows with the keys of its records, and 512 rows with the hashes of what their messages are about,
divided by the first bits of the hash. So there are few rows for many messages, and a search reads one row of each
closed group. Two references may have the same hash, so the messages of the records that are found are compared with
what is looked for.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from heapq import merge
from itertools import count
from itertools import takewhile
from operator import attrgetter
from typing import Any

import orjson

from flask_ocpi.errors import ConflictError
from flask_ocpi.exchange.journal_records import JOURNAL
from flask_ocpi.exchange.journal_records import Shelf
from flask_ocpi.exchange.journal_records import hash_of
from flask_ocpi.exchange.journal_records import moment_of
from flask_ocpi.exchange.journal_records import number_in
from flask_ocpi.exchange.journal_records import records_of
from flask_ocpi.exchange.journal_records import shelf_of
from flask_ocpi.exchange.messages import Kept
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage

#: The kind of the rows of groups. The receiver in a key is the shelf, so all messages of a group are kept for one time.
REFERENCES = "journal_references"
OPEN = Party("open", "")
CLOSED = Party("closed", "0")
#: The kinds of records that the journal stores.
KINDS = (JOURNAL, REFERENCES)

_PLACE = 16  # bits of the place of a record in its group; before them is the hash, of 32 bits
_ROW = 23  # bits of a hash without those that tell its row
_ROWS = 1 << (32 - _ROW)
_CHUNK = 256  # records in a row of a closed group
#: So many messages in open groups become a closed one.
_LARGE = 8000
#: So many open groups become one; those of so many messages stay as they are.
_MANY = 100
_NOT_SMALL = 250
_ADOPTED_AT_ONCE = 2000  # rows
_PAGE = 200  # rows


def messages_in(group: Key) -> int:
    """Return the number of messages in a group, by its key."""
    return int(group.id[24:], 16)


def newest_in(group: Key) -> int:
    """Return when the latest of its batches began, in microseconds since 1970 UTC, by its key."""
    return int(group.id[:16], 16)


def write(storage: Storage, batch: Sequence[Kept]) -> None:
    """Store messages with what finds them, all or none."""
    records = records_of(batch)
    with storage.transaction():
        storage.create_many(JOURNAL, [(key, record) for key, (record, _) in records.items()])
        storage.create_many(REFERENCES, rows_of({key: hashes for key, (_, hashes) in records.items()}))


def rows_of(records: Mapping[Key, Collection[int]]) -> list[tuple[Key, Record]]:
    """Return the rows of open groups, one on each shelf, for records with the hashes of what they are about."""
    shelves: dict[str, dict[Key, Collection[int]]] = {}
    for key, hashes in records.items():
        shelves.setdefault(shelf_of(key), {})[key] = hashes
    rows = []
    for shelf, some in shelves.items():
        id = _id_of(max(map(moment_of, some)), sum(map(number_in, some)))
        found = sorted(each << _PLACE | place for place, hashes in enumerate(some.values()) for each in hashes)
        document = {"id": id, "records": [(key.id, key.receiver) for key in some], "hashes": found}
        rows.append((Key(*OPEN, id, shelf), Record.of(document)))
    return rows


def groups_on(storage: Storage, state: Party, shelf: str) -> list[Key]:
    """Return the keys of the OPEN or CLOSED groups on a shelf, in the order of their writing."""

    def key_of(record: Record) -> Key:
        return Key(*state, record.document["id"], shelf)

    keys = storage.keys(REFERENCES, Query(owners=(state,), receiver=shelf), key_of=key_of)
    return [key for key, _ in keys]


def records_in(storage: Storage, group: Key, begin: int = 0) -> Iterator[Key]:
    """Walk the keys of the records in a group from a place on, the oldest first; none if it is not there any more."""
    first = begin // _CHUNK if group.owner == CLOSED else 0
    row: Record | None
    for number in count(first):
        row = storage.get(REFERENCES, _chunk(group, number))
        if row is None:
            return
        yield from _keys_in(row)[begin - number * _CHUNK if number == first else 0 :]
        if group.owner == OPEN:
            return


def _keys_in(row: Record) -> list[Key]:
    return [Key("", "", *each) for each in row.document["records"]]


def _chunk(group: Key, number: int) -> Key:
    """Return the key of the row with some records of a group."""
    return group if number == 0 else Key("closed", f"{number}", group.id, group.receiver)


def remove(storage: Storage, group: Key) -> None:
    """Remove the rows of a group, whose records are gone."""
    rows = [group]
    if group.owner == CLOSED:
        rows += (_chunk(group, number) for number in range(1, messages_in(group) // _CHUNK + 1))
        rows += (Key(*_owner_of(row), group.id, group.receiver) for row in range(_ROWS))
    storage.delete_many(REFERENCES, rows)


def combine(storage: Storage, groups: Sequence[Key]) -> None:
    """Make few groups of the open ones on a shelf, which are in the order of time."""
    left = list(groups)
    while sum(map(messages_in, left)) >= _LARGE:
        some: list[Key] = []
        while sum(map(messages_in, some)) < _LARGE:
            some.append(left.pop(0))
        _combine(storage, some, closed=True)
    small = [group for group in left if messages_in(group) < _NOT_SMALL]
    if len(small) >= _MANY:
        _combine(storage, small, closed=False)


def _combine(storage: Storage, groups: Sequence[Key], *, closed: bool) -> None:
    """Make one group; change nothing if another process combines or removes one of these."""
    stored = storage.get_many(REFERENCES, groups)
    records: list[Any] = []
    hashes: list[int] = []
    for key in groups:
        if key not in stored:
            return
        document = stored[key].document
        first = len(records)
        records += document["records"]
        hashes += [each + first for each in document["hashes"]]
    hashes.sort()
    id, shelf = _id_of(max(map(newest_in, groups)), sum(map(messages_in, groups))), groups[0].receiver
    if closed:
        rows = [*_closed(Key(*CLOSED, id, shelf), records, hashes)]
    else:
        rows = [(Key(*OPEN, id, shelf), Record.of({"id": id, "records": records, "hashes": hashes}))]
    _replace(storage, groups, rows)


def _closed(group: Key, records: Sequence[Any], hashes: Sequence[int]) -> Iterator[tuple[Key, Record]]:
    """Walk the rows of a closed group."""
    for begin in range(0, len(records), _CHUNK):
        document = {"id": group.id, "records": records[begin : begin + _CHUNK]}
        yield _chunk(group, begin // _CHUNK), Record.of(document)
    ends = [bisect_left(hashes, row << (_ROW + _PLACE)) for row in range(_ROWS + 1)]
    for row in range(_ROWS):
        if some := hashes[ends[row] : ends[row + 1]]:
            yield Key(*_owner_of(row), group.id, group.receiver), Record.of({"id": group.id, "hashes": some})


def _replace(storage: Storage, old: Collection[Key], new: Sequence[tuple[Key, Record]]) -> bool:
    """Put rows in the place of others; change nothing and return False if not all of these are there."""
    try:
        with storage.transaction():
            if storage.delete_many(REFERENCES, old) != len(old):
                raise ConflictError("Another process replaces the same rows.")
            storage.create_many(REFERENCES, new)
    except ConflictError:
        return False
    return True


def find(storage: Storage, hashes: Collection[int] | None, shelves: Iterable[str] = tuple(Shelf)) -> Iterator[Key]:
    """Yield the keys of records of messages from latest to oldest: those that a hash finds, or all.

    hashes: may become fewer meanwhile.
    """
    return merge(*(_find(storage, hashes, shelf) for shelf in shelves), key=attrgetter("id"), reverse=True)


def _find(storage: Storage, hashes: Collection[int] | None, shelf: str) -> Iterator[Key]:
    known: dict[str, list[Any]] = {}
    places: dict[str, dict[int, set[int]]] = {}
    # The open ones first: one that is combined meanwhile is found in both states.
    for document in _documents(storage, OPEN, shelf):
        known[document["id"]] = document["records"]
        _add_places(places, document, hashes or ())
    if hashes is None:
        yield from _all(storage, known, shelf)
        return
    rows: dict[int, list[int]] = {}
    for each in hashes:
        rows.setdefault(each >> _ROW, []).append(each)
    has_closed = storage.list(REFERENCES, Query(owners=(CLOSED,), receiver=shelf, limit=1, after="0-1")).records
    for row, some in rows.items() if has_closed else ():
        for document in _documents(storage, _owner_of(row), shelf):
            _add_places(places, document, some)
    yielded = set()
    for id in _latest_first(places):
        found = places[id]
        wanted = sorted((place for place in found if not found[place].isdisjoint(hashes)), reverse=True)
        if id in known:
            keys = {place: Key("", "", *known[id][place]) for place in wanted}
        else:
            keys = _keys_at(storage, Key(*CLOSED, id, shelf), wanted)
        for place, key in keys.items():
            if key not in yielded and not found[place].isdisjoint(hashes):
                yielded.add(key)
                yield key


def _keys_at(storage: Storage, group: Key, places: Sequence[int]) -> dict[int, Key]:
    """Return the keys at some places of a closed group, in the same order."""
    chunks = {number: _chunk(group, number) for number in {place // _CHUNK for place in places}}
    rows = storage.get_many(REFERENCES, chunks.values())
    found = {number: rows[key].document["records"] for number, key in chunks.items() if key in rows}
    return {place: Key("", "", *found[place // _CHUNK][place % _CHUNK]) for place in places if place // _CHUNK in found}


def _all(storage: Storage, known: Mapping[str, list[Any]], shelf: str) -> Iterator[Key]:
    closed = {group.id: group for group in groups_on(storage, CLOSED, shelf)}
    yielded = set()
    for id in _latest_first((*closed, *known)):
        keys = [Key("", "", *each) for each in known[id]] if id in known else [*records_in(storage, closed[id])]
        for key in reversed(keys):
            if key not in yielded:
                yielded.add(key)
                yield key


def _latest_first(ids: Collection[str]) -> list[str]:
    return sorted(ids, key=lambda id: id[:16])[::-1]  # those of one moment in the order of writing


def _add_places(places: dict[str, dict[int, set[int]]], document: Mapping[str, Any], hashes: Collection[int]) -> None:
    """Add the places of records that hashes find in a row; the hashes there are sorted."""
    found = document["hashes"]
    if len(found) < len(hashes):
        matching = [each for each in found if each >> _PLACE in hashes]
    else:
        ranges = ((bisect_left(found, each << _PLACE), bisect_left(found, each + 1 << _PLACE)) for each in hashes)
        matching = [each for begin, end in ranges for each in found[begin:end]]
    for each in matching:
        place = each & ((1 << _PLACE) - 1)
        places.setdefault(document["id"], {}).setdefault(place, set()).add(each >> _PLACE)


def _documents(storage: Storage, owner: Party, shelf: str) -> Iterator[dict[str, Any]]:
    query = Query(owners=(owner,), receiver=shelf, limit=_PAGE, after="0-1")  # with a total, so that none are counted
    while True:
        page = storage.list(REFERENCES, query)
        yield from map(orjson.loads, page.texts)
        if len(page.records) < _PAGE:
            return
        query = replace(query, after=page.cursor, offset=query.offset + _PAGE)


def _owner_of(row: int) -> Party:
    return Party("hashes", f"{row}")


def _id_of(newest: int, number: int) -> str:
    return f"{newest:016X}{secrets.token_hex(4).upper()}{number:X}"


def adopt(storage: Storage, *, most: int) -> int:
    """Make groups of the rows of an earlier state, one for each reference of a record; return how many are gone.

    most: about how many it takes. The oldest ones come first, as they do in the table.
    """
    number = 0
    while number < most and (some := _adopt(storage)):
        number += some
    return number


def _adopt(storage: Storage) -> int:
    query = Query(after="0-1", limit=1)  # with a total, so that none are counted
    if not any(map(_is_old, storage.list(REFERENCES, query).records)):
        return 0
    rows = storage.list(REFERENCES, replace(query, limit=_ADOPTED_AT_ONCE)).records
    old = [orjson.loads(row.text) for row in takewhile(_is_old, rows)]
    if len(old) == _ADOPTED_AT_ONCE:  # the last record may have more
        old = [each for each in old if each[2] != old[-1][2]] or old
    records: dict[Key, set[int]] = {}
    keys = []
    for kind, value, id, receiver, *_ in old:
        key = Key("", "", id, receiver)
        keys.append(Key(kind, value, id, shelf_of(key)))
        hashes = records.setdefault(key, set())
        if kind != "failed":
            hashes.add(hash_of((kind, value)))
    return len(keys) if _replace(storage, keys, rows_of(records)) else 0


def _is_old(row: Record) -> bool:
    return row.text.startswith(b"[")
