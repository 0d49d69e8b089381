"""The storage interface, the seam that users replace: 18 methods over kinds of records, of which 6 are required."""

from __future__ import annotations

import abc
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextlib import nullcontext
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from itertools import accumulate
from itertools import takewhile
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple
from typing import TypeAlias
from typing import TypeVar

import orjson

from flask_ocpi.core.converting import MORE
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import DeadlockError
from flask_ocpi.errors import StorageError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from sqlalchemy.orm import scoped_session

T = TypeVar("T")
#: A SQLAlchemy session of the host application's, such as Flask-SQLAlchemy's ``db.session``.
HostSession: TypeAlias = "Session | scoped_session[Any]"

_WALKED_AT_ONCE = 8 * 1024 * 1024  # bytes
#: The error of a process that was forked inside of a transaction.
FORKED = "This process was forked inside a transaction: only the parent process can finish it."


def fold(text: str) -> str:
    """Fold a CiString for comparison: OCPI's identifiers are ASCII and compare without regard to case."""
    return text.upper()


class Party(NamedTuple):
    """A party: ISO 3166 alpha-2 country code and three-character party id. Build it with :meth:`of`, which folds."""

    country_code: str
    party_id: str

    @classmethod
    def of(cls, country_code: str, party_id: str) -> Party:
        return cls(fold(country_code), fold(party_id))

    def __str__(self) -> str:
        return f"{self.country_code}-{self.party_id}"


#: The owner of records that belong to no party.
NOBODY = Party("", "")


class Key(NamedTuple):
    """Identifies one record of a kind. All parts are folded: build it with :meth:`of`.

    A record of no party has the country code and party id "". Where several properties make up the id, they are joined
    with a line feed: the id of a Token is its uid and its type.

    ``receiver`` is "" for an own object. For a copy of another party's object it names the own party that received it
    and the id of the platform that sent it, as ``"NL-ABC de-cpo"`` (see :func:`received`). So two own parties never
    share a copy, and two platforms that speak for the same party do not either.
    """

    country_code: str
    party_id: str
    id: str
    receiver: str = ""

    @classmethod
    def of(cls, country_code: str, party_id: str, id: str, receiver: Party | None = None, source: str = "") -> Key:
        """Build a key; of a copy, ``source`` is the id of the platform that sent it to ``receiver``."""
        at = "" if receiver is None else received(receiver, source)
        return cls(fold(country_code), fold(party_id), fold(id), at)

    @property
    def owner(self) -> Party:
        return Party(self.country_code, self.party_id)

    @property
    def receiving_party(self) -> Party | None:
        """The own party that received a copy; None for an own object."""
        return Party(*self.receiver.partition(" ")[0].split("-", 1)) if self.receiver else None

    @property
    def source(self) -> str:
        """The id of the platform that sent a copy; "" for an own object."""
        return self.receiver.partition(" ")[2]


def received(receiver: Party, source: str) -> str:
    """Return the :attr:`Key.receiver` of the copies that an own party received from a platform."""
    return f"{receiver} {source}" if source else str(receiver)


@dataclass(frozen=True, slots=True)
class Record:
    """One stored document.

    text: the document as compact JSON (UTF-8); a large one has a line for each part. Answers contain it unchanged: it
    is not decoded and dumped again.
    last_updated: microseconds since 1970 UTC: the document's own ``last_updated``, or the deadline of pending work.
    audience: the parties that may see it on a Sender interface; empty means every party.
    revision: 1 after creation, one more with each save; set by the storage.
    created: rises in the order of creation and is never used again within the kind; set by the storage.
    """

    text: bytes
    last_updated: int = 0
    audience: tuple[Party, ...] = ()
    revision: int = 0
    created: int = 0

    @classmethod
    def of(cls, document: dict[str, Any], *, last_updated: int = 0, audience: tuple[Party, ...] = ()) -> Record:
        return cls(orjson.dumps(document), last_updated, audience)

    @property
    def document(self) -> dict[str, Any]:
        """The decoded document: a new dict on each call."""
        document: dict[str, Any] = orjson.loads(self.text)
        return document

    def has_same_document(self, other: Record) -> bool:
        """Tell whether two records have the same document, apart from white space between its parts."""
        if self.text == other.text:
            return True
        is_spaced = any(blank in text for text in (self.text, other.text) for blank in (b"\n", MORE))
        return is_spaced and orjson.dumps(self.document) == orjson.dumps(other.document)


@dataclass(frozen=True, slots=True)
class Query:
    """Selects a page of the records of a kind, in the order of their creation.

    owners: only records of these parties; None means any party.
    receiver: only copies with this :attr:`Key.receiver`; "" means own objects; None means both.
    audience: only records that one of these parties may see; None means no filter.
    date_from, date_to: microseconds; ``date_from <= last_updated < date_to``.
    offset: records to skip, after all filters. limit: the most records to return (at least 1).
    after: an opaque cursor of an earlier :class:`Page`; a storage without cursors ignores it and uses the offset.
    max_bytes: the page ends before its texts exceed this length, but has at least one record. A storage may ignore it:
    then it reads more than is answered.
    """

    owners: tuple[Party, ...] | None = None
    receiver: str | None = None
    audience: tuple[Party, ...] | None = None
    date_from: int | None = None
    date_to: int | None = None
    offset: int = 0
    limit: int = 50
    after: str | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of records, and how many records match the query in all.

    total counts exactly the records that match the query's filters; offset and limit do not change it. On a page after
    a cursor it may be the total of an earlier page, if it still tells whether more records follow.
    cursor: opaque, the start of the next page; None if the storage has no cursors.
    """

    records: Sequence[Record] = field(default_factory=tuple)
    total: int = 0
    cursor: str | None = None

    @property
    def texts(self) -> list[bytes]:
        """The documents of the records."""
        records: Any = self.records
        texts: list[bytes] | None = getattr(records, "texts", None)
        return [record.text for record in records] if texts is None else texts


def how_many_fit(texts: Sequence[bytes], max_bytes: int | None) -> int:
    """Return how many of the first texts fit into ``max_bytes`` together; at least 1 if there are any."""
    if max_bytes is None or sum(map(len, texts)) <= max_bytes:
        return len(texts)
    ends = accumulate(map(len, texts))
    return max(sum(1 for _ in takewhile(lambda end: end <= max_bytes, ends)), min(len(texts), 1))


class Storage(abc.ABC):
    """Keeps records of several kinds ("locations", "platforms", ...).

    Every method is safe to call from several threads. Outside :meth:`transaction` each call commits by itself.
    ``flask_ocpi.testing.storage_contract`` has the tests that every implementation must pass.

    Methods on many records handle one after another here, by means of the abstract methods; implementations may be
    faster. ``key_of`` returns the key of a record.
    """

    def __str__(self) -> str:
        """Name the storage for people, without secrets; implementations may add its location."""
        return type(self).__name__

    @abc.abstractmethod
    def get(self, kind: str, key: Key, *, for_update: bool = False) -> Record | None:
        """Return the record, or None. ``for_update`` locks it until the end of the transaction."""

    def get_many(self, kind: str, keys: Collection[Key], *, for_update: bool = False) -> Mapping[Key, Record]:
        """Return the existing records of these keys; ``for_update`` locks them like :meth:`get`, in order of keys."""
        found = ((key, self.get(kind, key, for_update=for_update)) for key in sorted(set(keys)))
        return {key: record for key, record in found if record is not None}

    @abc.abstractmethod
    def list(self, kind: str, query: Query) -> Page:
        """Return the page that the query selects, oldest creation first."""

    def keys(self, kind: str, query: Query, *, key_of: Callable[[Record], Key]) -> Iterator[tuple[Key, int]]:
        """Walk the keys and revisions of all records that match the query's filters, oldest creation first."""
        return ((key_of(record), record.revision) for record in walk(self, kind, query))

    @abc.abstractmethod
    def save(self, kind: str, key: Key, record: Record, *, expected: int | None = None) -> bool:
        """Create or replace the record; return True if it was created.

        ``expected`` guards the write: 0 means that the record must not exist yet, any other number is the revision that
        the stored record must have. If ``record.created`` is set, the stored record must have the same: a record that
        was deleted and created again does not match. Otherwise raises ConflictError and writes nothing.
        """

    def save_many(self, kind: str, records: Sequence[tuple[Key, Record]]) -> Sequence[bool]:
        """Create or replace many records, all or none; return for each whether it was created.

        They are saved and numbered in the given order; of several with the same key the last one stays.
        """
        with nullcontext() if len(records) == 1 else self.transaction():
            return [self.save(kind, key, record) for key, record in records]

    def create_many(self, kind: str, records: Sequence[tuple[Key, Record]]) -> Sequence[bool]:
        """Create the records that do not exist yet, all or none; return for each whether it was created.

        Existing records stay unchanged; of several with the same key the first one is created.
        """
        with nullcontext() if len(records) == 1 else self.transaction():
            return [self._creates(kind, key, record) for key, record in records]

    def _creates(self, kind: str, key: Key, record: Record) -> bool:
        try:
            return self.save(kind, key, record, expected=0)
        except ConflictError:
            return False

    @abc.abstractmethod
    def delete(self, kind: str, key: Key) -> bool:
        """Remove the record; return True if it existed."""

    def delete_many(self, kind: str, keys: Collection[Key]) -> int:
        """Remove the existing records of these keys, all or none; return their number."""
        with self.transaction():
            return sum(self.delete(kind, key) for key in sorted(set(keys)))

    def delete_page(self, kind: str, query: Query, *, key_of: Callable[[Record], Key]) -> int:
        """Remove the records of the first page that the query selects; return their number."""
        with self.transaction():
            return sum(self.delete(kind, key_of(record)) for record in self.list(kind, query).records)

    @abc.abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Run a block whose writes are all made, or none.

        Blocks may be nested: the outermost one commits. A transaction belongs to the thread that opened it; writers in
        other threads and processes wait for it or fail, and never see a part of it.
        """

    def join(self, session: HostSession) -> AbstractContextManager[None]:
        """Run a block whose writes are all made, or none, in the transaction of a SQLAlchemy session.

        The host application commits it or rolls it back. Raises StorageError if the storage does not write to the
        database of the session, or if this thread writes to it on another connection.
        """
        raise StorageError(f"{self} cannot write in the transaction of a session: it is not on the session's engine.")

    def joins(self, session: HostSession) -> bool:
        """Tell whether a session has uncommitted writes in a transaction that :meth:`join` can use."""
        return False

    def after_commit(self, work: Callable[[], None], session: HostSession | None = None) -> None:
        """Call ``work`` after the transaction of this thread, or of a session, commits; not after a rollback.

        Without a transaction it is called at once. Storages that do not implement this call it at once as well.
        """
        work()

    def run(self, work: Callable[[], T], *, attempts: int = 3) -> T:
        """Run a function in a transaction; run it again if the database ended that in favour of another one.

        So the function must only read and write this storage. Raises DeadlockError if the last attempt fails as well.
        """
        while True:
            attempts -= 1
            try:
                with self.transaction():
                    return work()
            except DeadlockError:
                if attempts <= 0:
                    raise

    @abc.abstractmethod
    def setup(self) -> None:
        """Make the storage ready for use (create tables, ...); calling it again does no harm."""

    def claim(self, kind: str, query: Query, *, until: int, key_of: Callable[[Record], Key]) -> Sequence[Record]:
        """Lease records that the query selects, each to one caller only, and return their new state.

        A lease sets ``last_updated`` to ``until``, microseconds, and raises the revision by one; text and audience
        stay. So a query with ``date_to`` finds the record again only after the lease. Records that another caller is
        taking at the moment are skipped, so fewer than match may be returned.

        At most ``limit`` are taken; if more match, the storage chooses. They are returned in the order of their
        creation. The query has no offset and no cursor.
        """
        taken = []
        for record in self.list(kind, query).records:
            moved = replace(record, last_updated=until)
            try:
                self.save(kind, key_of(record), moved, expected=record.revision)
            except ConflictError:
                continue
            taken.append(replace(moved, revision=record.revision + 1))
        return taken

    def check(self) -> None:
        """Raise StorageError, with the reason, if the storage cannot be reached."""
        try:
            self.list("platforms", Query(limit=1))
        except StorageError:
            raise
        except Exception as error:
            raise StorageError(f"{type(self).__name__} does not answer: {error}") from error


def walk(storage: Storage, kind: str, query: Query, *, page_size: int = 500) -> Iterator[Record]:
    """Walk all records that a query selects, page by page; pages of large records are smaller."""
    query = replace(query, limit=page_size, max_bytes=_WALKED_AT_ONCE)
    offset, after = query.offset, query.after
    while True:
        page = storage.list(kind, replace(query, offset=offset, after=after))
        yield from page.records
        offset, after = offset + len(page.records), page.cursor
        if not page.records or offset >= page.total:
            return


def latest_first(
    storage: Storage, kind: str, query: Query = Query(), *, skip: int = 0, at_once: int = 200
) -> Iterator[Record]:
    """Walk the records that a query selects from the latest created to the first; ``skip`` so many."""
    end = storage.list(kind, replace(query, limit=1)).total - skip
    while end > 0:
        start = max(0, end - at_once)
        yield from reversed(storage.list(kind, replace(query, offset=start, limit=end - start)).records)
        end = start


def numbered(storage: Storage, kind: str, number: int) -> Record | None:
    """Return the record with this ``created``, or None if it does not exist (any more)."""
    page = storage.list(kind, Query(after=f"{number - 1}-1", limit=1))  # with a total, so that none are counted
    first = next(iter(page.records), None)
    if first is None or first.created >= number:
        return first if first is not None and first.created == number else None
    # A storage without such cursors returned its first record.
    return next((record for record in walk(storage, kind, Query()) if record.created == number), None)


class ReadOnlyStorage(Storage):
    """Base of storages that serve a host's own tables: implement get and list; all other methods raise an error."""

    def save(self, kind: str, key: Key, record: Record, *, expected: int | None = None) -> bool:
        raise self._refusal(kind)

    def delete(self, kind: str, key: Key) -> bool:
        raise self._refusal(kind)

    def _refusal(self, kind: str) -> StorageError:
        name = type(self).__name__
        return StorageError(f"{name} is read-only: {kind} are changed in the host application's own tables.")

    def transaction(self) -> AbstractContextManager[None]:
        return nullcontext()

    def join(self, session: HostSession) -> AbstractContextManager[None]:
        return nullcontext()

    def joins(self, session: HostSession) -> bool:
        return True

    def setup(self) -> None:
        """Nothing to do: the tables are the host application's."""
