"""The storage interface, the seam that users replace: 18 methods over kinds of records, of which 6 are needed."""

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
#: Why a transaction is not carried out in a process that was forked inside of it.
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

    What belongs to no party has the country code and party id "". Where several properties make up the id, they are
    joined with a line feed: that of a Token is its uid and its type.

    ``receiver`` is "" for an object that is ours (we are its owner); for a copy of another party's object it is the own
    party that received it and the id of the platform that sent it, as ``"NL-ABC de-cpo"`` (see :func:`received`). So
    neither two parties hosted on one platform nor two platforms that come to speak for one party ever share a copy.
    """

    country_code: str
    party_id: str
    id: str
    receiver: str = ""

    @classmethod
    def of(cls, country_code: str, party_id: str, id: str, receiver: Party | None = None, source: str = "") -> Key:
        """Build a key; ``source`` is the id of the platform that sent what ``receiver`` received."""
        at = "" if receiver is None else received(receiver, source)
        return cls(fold(country_code), fold(party_id), fold(id), at)

    @property
    def owner(self) -> Party:
        return Party(self.country_code, self.party_id)

    @property
    def receiving_party(self) -> Party | None:
        """The own party that received a copy; None for an object that is ours."""
        return Party(*self.receiver.partition(" ")[0].split("-", 1)) if self.receiver else None

    @property
    def source(self) -> str:
        """The id of the platform that sent a copy; "" for an object that is ours."""
        return self.receiver.partition(" ")[2]


def received(receiver: Party, source: str) -> str:
    """Return what :attr:`Key.receiver` is of the copies that an own party has of what a platform sent."""
    return f"{receiver} {source}" if source else str(receiver)


@dataclass(frozen=True, slots=True)
class Record:
    """One stored document.

    text: the document as compact JSON (UTF-8), a large one with a line for each part. It is answered as it is, never
    decoded and dumped again.
    last_updated: microseconds since 1970 UTC, of the document's own ``last_updated``; of what is pending, its deadline.
    audience: the parties that may see it on a Sender interface; empty means every party.
    revision: 1 when created, one more with each save; set by the storage.
    created: rises in the order of creation, and no other record of the kind ever has the same; set by the storage.
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
        """Tell whether two records differ in nothing but white space, such as the lines of a large document."""
        if self.text == other.text:
            return True
        is_spaced = any(blank in text for text in (self.text, other.text) for blank in (b"\n", MORE))
        return is_spaced and orjson.dumps(self.document) == orjson.dumps(other.document)


@dataclass(frozen=True, slots=True)
class Query:
    """Selects a page of the records of a kind, in the order of their creation.

    owners: only records of these parties; None means of any party.
    receiver: only copies with this :attr:`Key.receiver`, of one own party and platform; "" means own ones; None both.
    audience: only records that one of these parties may see; None means no such filter.
    date_from, date_to: microseconds; ``date_from <= last_updated < date_to``.
    offset: records to skip, counted after all filters. limit: at most so many (at least 1).
    after: an opaque cursor of an earlier :class:`Page`; a storage that cannot use one ignores it and uses the offset.
    max_bytes: the page ends before the record with which its texts are longer than that, but not before the first. A
    storage that ignores it only reads more than is answered.
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

    total counts exactly the records that the query's filters let through, whatever the offset and limit. On
    a page after a cursor it may be the total of an earlier page, if it still tells whether more records follow.
    cursor: opaque, where the next page starts; None where the storage has no cursors.
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
    """Tell how many of some texts are no longer than that in all, but 1 at least where there are any."""
    if max_bytes is None or sum(map(len, texts)) <= max_bytes:
        return len(texts)
    ends = accumulate(map(len, texts))
    return max(sum(1 for _ in takewhile(lambda end: end <= max_bytes, ends)), min(len(texts), 1))


class Storage(abc.ABC):
    """Keeps records of several kinds ("locations", "platforms", ...).

    Every verb is safe to call from several threads. Outside :meth:`transaction` each call stands for itself.
    ``flask_ocpi.testing.storage_contract`` holds the tests that every implementation has to pass.
    """

    def __str__(self) -> str:
        """Name the storage for people, and without secrets; implementations may add where it is."""
        return type(self).__name__

    @abc.abstractmethod
    def get(self, kind: str, key: Key, *, for_update: bool = False) -> Record | None:
        """Return the record, or None. With ``for_update`` (inside a transaction) nobody else changes it meanwhile."""

    def get_many(self, kind: str, keys: Collection[Key], *, for_update: bool = False) -> Mapping[Key, Record]:
        """Return the records that there are with these keys; with ``for_update`` as :meth:`get`, in order of the keys.

        Implementations may do better than this one, which gets one after another.
        """
        found = ((key, self.get(kind, key, for_update=for_update)) for key in sorted(set(keys)))
        return {key: record for key, record in found if record is not None}

    @abc.abstractmethod
    def list(self, kind: str, query: Query) -> Page:
        """Return the page that the query selects, oldest creation first."""

    def keys(self, kind: str, query: Query, *, key_of: Callable[[Record], Key]) -> Iterator[tuple[Key, int]]:
        """Walk the keys and revisions of all records that the query's filters let through, oldest creation first.

        Implementations may do better than this one, which reads the records. ``key_of`` tells the key of a record.
        """
        return ((key_of(record), record.revision) for record in walk(self, kind, query))

    @abc.abstractmethod
    def save(self, kind: str, key: Key, record: Record, *, expected: int | None = None) -> bool:
        """Create or replace the record; True when it was created.

        ``expected`` guards the write: 0 means that no such record may exist yet, any other number is the revision that
        the stored one must have; and where ``record`` says when it was created, the stored one must be the same record,
        not one that was made anew since. Raises ConflictError when that does not hold, and then has written nothing.
        """

    def save_many(self, kind: str, records: Sequence[tuple[Key, Record]]) -> Sequence[bool]:
        """Create or replace many records, all or none; tells for each of them whether it was created.

        They are saved in their order: what is created is numbered in it, and of several with one key the last stays.
        Implementations may do better than this one, which saves one after another.
        """
        with self.transaction():
            return [self.save(kind, key, record) for key, record in records]

    def create_many(self, kind: str, records: Sequence[tuple[Key, Record]]) -> Sequence[bool]:
        """Create those of many records that do not exist yet, all or none; tells for each whether it was created.

        What exists stays as it is; of several with one key the first is created. Implementations may do better than
        this one, which tries one after another.
        """
        with self.transaction():
            return [self._creates(kind, key, record) for key, record in records]

    def _creates(self, kind: str, key: Key, record: Record) -> bool:
        try:
            return self.save(kind, key, record, expected=0)
        except ConflictError:
            return False

    @abc.abstractmethod
    def delete(self, kind: str, key: Key) -> bool:
        """Remove the record; True when there was one."""

    def delete_many(self, kind: str, keys: Collection[Key]) -> int:
        """Remove the records that there are with these keys, all or none; return how many.

        Implementations may do better than this one, which removes one after another.
        """
        with self.transaction():
            return sum(self.delete(kind, key) for key in sorted(set(keys)))

    def delete_page(self, kind: str, query: Query, *, key_of: Callable[[Record], Key]) -> int:
        """Remove the records of the first page that the query selects; return how many.

        Implementations may do better than this one, which reads them and removes one after another. ``key_of`` tells
        the key of a record.
        """
        with self.transaction():
            return sum(self.delete(kind, key_of(record)) for record in self.list(kind, query).records)

    @abc.abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Run a block whose writes happen all or not at all.

        Blocks may be nested: the outermost decides. A transaction belongs to the thread that opened it; writers in
        other threads and processes wait for it or fail, they never see half of it.
        """

    def join(self, session: HostSession) -> AbstractContextManager[None]:
        """Run a block whose writes are part of a SQLAlchemy session's transaction, and are all or not made there.

        The host application commits it, or rolls it back. Raises StorageError where the storage does not write to the
        database of the session, or this thread writes to it on another connection.
        """
        raise StorageError(f"{self} cannot write in the transaction of a session: it is not on the session's engine.")

    def joins(self, session: HostSession) -> bool:
        """Tell whether a session holds writes that are not committed, in a transaction that :meth:`join` takes."""
        return False

    def after_commit(self, work: Callable[[], None], session: HostSession | None = None) -> None:
        """Do some work once the transaction of this thread, or of a session, is committed; not when it is rolled back.

        Where there is no transaction, it is done at once. Storages that do not implement it do it at once as well.
        """
        work()

    def run(self, work: Callable[[], T], *, attempts: int = 3) -> T:
        """Run a function in a transaction, and again from its beginning when that was ended in favour of another one.

        So it does nothing but read and write this storage. Raises DeadlockError when the last attempt fails as well.
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
        """Make the storage ready for use (create tables, ...); harmless when it is ready already."""

    def claim(self, kind: str, query: Query, *, until: int, key_of: Callable[[Record], Key]) -> Sequence[Record]:
        """Take records that the query selects, each for one caller only, and return them as they are now.

        Taking a record moves its ``last_updated`` to ``until``, microseconds, and its revision by one; its text and
        audience stay. So a query with ``date_to`` finds it again only when this lease is over. Records that
        another caller is taking at the moment are skipped, so there may be fewer than match.

        At most ``limit`` are taken; which ones, where more match, is up to the storage. They are returned in the order
        of their creation. The query has no offset and no cursor.

        Implementations may do better than this one, which looks and then takes one record after another. ``key_of``
        tells the key of a record.
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
        """Raise StorageError with the reason when the storage cannot be reached."""
        try:
            self.list("platforms", Query(limit=1))
        except StorageError:
            raise
        except Exception as error:
            raise StorageError(f"{type(self).__name__} does not answer: {error}") from error


def walk(storage: Storage, kind: str, query: Query, *, page_size: int = 500) -> Iterator[Record]:
    """Walk all records that a query selects, page by page; fewer at a time where they are large."""
    query = replace(query, limit=page_size, max_bytes=_WALKED_AT_ONCE)
    offset, after = query.offset, query.after
    while True:
        page = storage.list(kind, replace(query, offset=offset, after=after))
        yield from page.records
        offset, after = offset + len(page.records), page.cursor
        if not page.records or offset >= page.total:
            return


def numbered(storage: Storage, kind: str, number: int) -> Record | None:
    """Return the record that was created under a number, None when there is none (any more)."""
    page = storage.list(kind, Query(after=str(number - 1), limit=1))
    first = next(iter(page.records), None)
    if first is None or first.created >= number:
        return first if first is not None and first.created == number else None
    # A storage that knows no such cursor answered its first record.
    return next((record for record in walk(storage, kind, Query()) if record.created == number), None)


class ReadOnlyStorage(Storage):
    """Base of storages that serve a host's own tables: implement get and list, the rest refuses with a message."""

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
