"""Stored: a dataclass that is a record of one kind. The fields are written and read here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any
from typing import ClassVar
from typing import Self
from typing import cast
from typing import get_args
from typing import get_origin
from typing import get_type_hints

import orjson

from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record

#: Fields that are columns of the record, not properties of its document.
_COLUMNS = frozenset({"due", "revision"})
_Read = Callable[[Any], Any]
_fields: dict[Any, dict[str, _Read | None]] = {}


class Stored:
    """A frozen dataclass that is kept as a record of ``KIND``; each field is a property of the document.

    Parties, text enums and tuples of them are read as such; all else is JSON. A property that is missing has the
    default of its field, and one that no field has is ignored: an earlier or later release wrote it.
    due: a field of that name is the record's ``last_updated``, in microseconds. revision: the record's, 0 before it is
    stored.
    """

    __slots__ = ()
    KIND: ClassVar[str]

    @property
    def key(self) -> Key:
        """The key of the record."""
        raise NotImplementedError

    def to_record(self, *, last_updated: int | None = None) -> Record:
        """Return the record. last_updated: its moment, where that is not ``due``."""
        document = {name: getattr(self, name) for name in _fields_of(type(self))}
        moment = getattr(self, "due", 0) if last_updated is None else last_updated
        return Record(orjson.dumps(document, default=_as_list), moment)

    @classmethod
    def from_record(cls, record: Record) -> Self:
        document = record.document
        columns = {"due": record.last_updated, "revision": record.revision}
        values: dict[str, Any] = {name: value for name, value in columns.items() if hasattr(cls, name)}
        for name, read in _fields_of(cls).items():
            if name in document:
                value = document[name]
                values[name] = value if read is None or value is None else read(value)
        return cast(Any, cls)(**values)  # type: ignore[no-any-return]


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, tuple):  # a Party: orjson writes no named tuples
        return list(value)
    raise TypeError(f"{value!r} cannot be stored.")


def _fields_of(cls: Any) -> dict[str, _Read | None]:
    """Return what is kept in the document, and how each property is read."""
    fields = _fields.get(cls)
    if fields is None:
        hints = {name: hint for name, hint in get_type_hints(cls).items() if get_origin(hint) is not ClassVar}
        fields = {name: _reader(hint) for name, hint in hints.items() if name not in _COLUMNS}
        _fields[cls] = fields
    return fields


def _reader(hint: Any) -> _Read | None:
    if hint is Party:
        return lambda value: Party(*value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    inner = [argument for argument in get_args(hint) if argument is not type(None)]
    if get_origin(hint) is tuple:
        read = _reader(inner[0])
        return tuple if read is None else lambda value: tuple(map(read, value))
    if type(None) in get_args(hint) and len(inner) == 1:
        return _reader(inner[0])
    return None
