"""Stored: dataclasses that are records of one kind. Only this module writes and reads their fields."""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import is_dataclass
from enum import StrEnum
from typing import Any
from typing import ClassVar
from typing import Self
from typing import get_args
from typing import get_origin
from typing import get_type_hints

import orjson

from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record

#: Fields of the record that are not properties of its document.
_COLUMNS = {"due": "last_updated", "revision": "revision"}
_Read = Callable[[Any], Any]


class Stored(ABC):
    """A frozen dataclass that is kept as a record of ``KIND``; each field is a property of the document.

    Parties, text enums, dataclasses and tuples of them keep their types; all else is JSON. A missing property gets the
    default of its field, and a property without a field is ignored: an earlier or later release wrote it.
    due: a field of this name is the record's ``last_updated``, in microseconds. revision: that of the record, 0 before
    it is stored.
    """

    __slots__ = ()
    KIND: ClassVar[str]

    @property
    @abstractmethod
    def key(self) -> Key:
        """The key of the record."""

    def to_record(self, *, last_updated: int | None = None) -> Record:
        """Return the record. last_updated: its moment, for classes without ``due``."""
        document = {name: getattr(self, name) for name in _plan_of(type(self)).names}
        moment = getattr(self, "due", 0) if last_updated is None else last_updated
        return Record(orjson.dumps(document, default=_as_json), moment)

    @classmethod
    def from_record(cls, record: Record) -> Self:
        document = record.document
        plan = _plan_of(cls)
        stored: Self = _read(cls, plan, document, {name: getattr(record, own) for name, own in plan.columns})
        return stored


def _as_json(value: Any) -> Any:
    if isinstance(value, tuple):  # a Party: orjson writes no named tuples
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r} cannot be stored.")


@dataclass(frozen=True, slots=True)
class _Plan:
    """The properties of the document, the readers of some of them, and the fields of the record."""

    names: dict[str, None]
    reads: tuple[tuple[str, _Read], ...]
    columns: tuple[tuple[str, str], ...]


_plans: dict[Any, _Plan] = {}


def _plan_of(cls: Any) -> _Plan:
    plan = _plans.get(cls)
    if plan is None:
        hints = {name: hint for name, hint in get_type_hints(cls).items() if get_origin(hint) is not ClassVar}
        names = dict.fromkeys(name for name in hints if name not in _COLUMNS)
        reads = tuple((name, read) for name in names if (read := _reader(hints[name])) is not None)
        plan = _plans[cls] = _Plan(names, reads, tuple((n, own) for n, own in _COLUMNS.items() if n in hints))
    return plan


def _read(cls: Any, plan: _Plan, document: dict[str, Any], columns: dict[str, int]) -> Any:
    if not document.keys() <= plan.names.keys():
        document = {name: value for name, value in document.items() if name in plan.names}
    for name, read in plan.reads:
        value = document.get(name)
        if value is not None:
            document[name] = read(value)
    return cls(**document, **columns)


def _reader(hint: Any) -> _Read | None:
    if hint is Party:
        return lambda value: Party(*value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    inner = [argument for argument in get_args(hint) if argument is not type(None)]
    if is_dataclass(hint):
        return lambda value: _read(hint, _plan_of(hint), value, {})
    if get_origin(hint) is tuple:
        read = _reader(inner[0])
        return tuple if read is None else lambda value: tuple(map(read, value))
    if type(None) in get_args(hint) and len(inner) == 1:
        return _reader(inner[0])
    return None
