"""Several storages behind one: each kind of record goes to the storage that keeps it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import ExitStack
from contextlib import contextmanager

from flask_ocpi.errors import StorageError
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Page
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage


class RoutedStorage(Storage):
    """Send each kind to its own storage, and every other kind to the one under ``"*"``.

    ``RoutedStorage({"locations": MyLocations(), "*": default})`` replaces the locations alone.

    A transaction spans all storages and is all or nothing in each of them. They commit one after another:
    those of single kinds first, the last one named first, and ``"*"`` at the very end. When one of them fails
    to commit, those after it roll back, while those before it have already committed.
    """

    def __init__(self, routes: Mapping[str, Storage]) -> None:
        self._routes = dict(routes)

    def get(self, kind: str, key: Key, *, for_update: bool = False) -> Record | None:
        return self._storage(kind).get(kind, key, for_update=for_update)

    def list(self, kind: str, query: Query) -> Page:
        return self._storage(kind).list(kind, query)

    def save(self, kind: str, key: Key, record: Record, *, expected: int | None = None) -> bool:
        return self._storage(kind).save(kind, key, record, expected=expected)

    def get_many(self, kind: str, keys: Collection[Key], *, for_update: bool = False) -> Mapping[Key, Record]:
        return self._storage(kind).get_many(kind, keys, for_update=for_update)

    def save_many(self, kind: str, records: Sequence[tuple[Key, Record]]) -> Sequence[bool]:
        return self._storage(kind).save_many(kind, records)

    def create_many(self, kind: str, records: Sequence[tuple[Key, Record]]) -> Sequence[bool]:
        return self._storage(kind).create_many(kind, records)

    def save_new(self, kind: str, records: Sequence[tuple[Key, Record]]) -> None:
        self._storage(kind).save_new(kind, records)

    def delete(self, kind: str, key: Key) -> bool:
        return self._storage(kind).delete(kind, key)

    def delete_page(self, kind: str, query: Query, *, key_of: Callable[[Record], Key]) -> int:
        return self._storage(kind).delete_page(kind, query, key_of=key_of)

    def claim(self, kind: str, query: Query, *, until: int, key_of: Callable[[Record], Key]) -> Sequence[Record]:
        return self._storage(kind).claim(kind, query, until=until, key_of=key_of)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with ExitStack() as stack:
            for storage in self._distinct():
                stack.enter_context(storage.transaction())
            yield

    def setup(self) -> None:
        for storage in self._distinct():
            storage.setup()

    def check(self) -> None:
        """Raise StorageError when one of the storages does not answer for the kinds routed to it."""
        for kind, storage in self._routes.items():
            if kind == "*":
                storage.check()
            else:
                _check_kind(kind, storage)

    def _storage(self, kind: str) -> Storage:
        storage = self._routes.get(kind, self._routes.get("*"))
        if storage is None:
            raise StorageError(f"No storage for {kind!r}: give RoutedStorage a route for it, or one for '*'.")
        return storage

    def _distinct(self) -> tuple[Storage, ...]:
        """Return each storage once, the one under "*" first: what is opened first is closed last."""
        default = [self._routes["*"]] if "*" in self._routes else []
        return tuple({id(storage): storage for storage in [*default, *self._routes.values()]}.values())


def _check_kind(kind: str, storage: Storage) -> None:
    # Not storage.check(): that may ask for kinds which are not routed there.
    try:
        storage.list(kind, Query(limit=1))
    except StorageError:
        raise
    except Exception as error:
        raise StorageError(f"{type(storage).__name__} does not answer for {kind}: {error}") from error
