"""Objects that were checked and wait to be stored: on disk, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self

import orjson

from flask_ocpi.errors import StorageError
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record

_IN_MEMORY = 1024 * 1024  # bytes, before a file is made
_MOST_AT_ONCE = 500
_LARGEST_AT_ONCE = 2 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Checked:
    """An object that may be stored. module: its id. index: its place among those of the module that were given.

    is_given: its audience was said; otherwise it is what the object tells itself.
    """

    module: str
    index: int
    key: Key
    record: Record
    is_given: bool = False


class CheckedObjects:
    """Keeps objects in a temporary file, from which they are read as often as needed. Use it in a ``with`` block."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, item: Checked) -> None:
        """Keep an object behind all others."""
        record = item.record
        audience = [list(party) for party in record.audience]
        head = [item.module, item.index, list(item.key), record.last_updated, audience, item.is_given, len(record.text)]
        try:
            self._file.write(orjson.dumps(head) + b"\n" + record.text)
        except OSError as error:
            raise StorageError(f"The temporary file for what is to be stored cannot be written: {error}.") from error
        self.count += 1

    def __iter__(self) -> Iterator[Checked]:
        self._file.seek(0)
        while line := self._file.readline():
            module, index, key, last_updated, audience, is_given, size = orjson.loads(line)
            seen_by = tuple(Party(*party) for party in audience)
            record = Record(self._file.read(size), last_updated, seen_by)
            yield Checked(module, index, Key(*key), record, is_given)

    def batches(self) -> Iterator[list[Checked]]:
        """Walk the objects some at a time, those of one module each; few, where they are large."""
        batch: list[Checked] = []
        size = 0
        for item in self:
            is_full = len(batch) >= _MOST_AT_ONCE or size >= _LARGEST_AT_ONCE
            if batch and (is_full or item.module != batch[0].module):
                yield batch
                batch, size = [], 0
            batch.append(item)
            size += len(item.record.text)
        if batch:
            yield batch
