"""Several storages behind one: each kind of record goes to the storage that keeps it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import ExitStack
from contextlib import contextmanager
from functools import wraps
from typing import Any
from typing import TypeVar
from typing import cast

from flask_ocpi.errors import StorageError
from flask_ocpi.storage.base import HostSession
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Storage

F = TypeVar("F", bound=Callable[..., Any])


def _forwarded(method: F) -> F:
    """Make a method that calls the storage of its kind."""
    name = method.__name__

    @wraps(method, updated=())  # the mark of an abstract method is not copied
    def forward(self: Any, kind: str, *arguments: Any, **options: Any) -> Any:
        return getattr(self._storage(kind), name)(kind, *arguments, **options)

    return cast("F", forward)


class RoutedStorage(Storage):
    """Send each kind to its own storage, and every other kind to the one under ``"*"``.

    ``RoutedStorage({"locations": MyLocations(), "*": default})`` replaces the locations alone.

    A transaction spans all storages; each of them commits all of it or nothing. They commit one after another:
    those of single kinds first, the last one named first, and ``"*"`` at the end. When one of them fails to commit,
    those after it roll back; those before it have committed.
    """

    def __init__(self, routes: Mapping[str, Storage]) -> None:
        self._routes = dict(routes)

    get = _forwarded(Storage.get)
    get_many = _forwarded(Storage.get_many)
    list = _forwarded(Storage.list)
    keys = _forwarded(Storage.keys)
    save = _forwarded(Storage.save)
    save_many = _forwarded(Storage.save_many)
    create_many = _forwarded(Storage.create_many)
    delete = _forwarded(Storage.delete)
    delete_many = _forwarded(Storage.delete_many)
    delete_page = _forwarded(Storage.delete_page)
    claim = _forwarded(Storage.claim)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with ExitStack() as stack:
            for storage in self._distinct():
                stack.enter_context(storage.transaction())
            yield

    @contextmanager
    def join(self, session: HostSession) -> Iterator[None]:
        with ExitStack() as stack:
            for storage in self._distinct():
                stack.enter_context(storage.join(session))
            yield

    def joins(self, session: HostSession) -> bool:
        return all(storage.joins(session) for storage in self._distinct())

    def after_commit(self, work: Callable[[], None], session: HostSession | None = None) -> None:
        self._distinct()[0].after_commit(work, session)

    def setup(self) -> None:
        for storage in self._distinct():
            storage.setup()

    def check(self) -> None:
        """Raise StorageError if a storage does not answer for the kinds that are routed to it."""
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
        """Return each storage once, the one under "*" first: the first one opened is the last one closed."""
        default = [self._routes["*"]] if "*" in self._routes else []
        return tuple({id(storage): storage for storage in [*default, *self._routes.values()]}.values())


def _check_kind(kind: str, storage: Storage) -> None:
    # Not storage.check(): it may ask for kinds that are not routed there.
    try:
        storage.list(kind, Query(limit=1))
    except StorageError:
        raise
    except Exception as error:
        raise StorageError(f"{type(storage).__name__} does not answer for {kind}: {error}") from error
