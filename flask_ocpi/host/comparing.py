"""What a comparison finds: the objects that differ, and for each the properties that do, by JSON pointer."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from enum import StrEnum
from typing import Any

from flask_ocpi.core.description import Document
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Part
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import to_micros
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import fold

#: The value of a property that one side lacks.
ABSENT: Any = object()
_MOST_LISTED = 1000
_EMPTY: tuple[Any, ...] = (ABSENT, None, [])


@dataclass(frozen=True, slots=True)
class Change:
    """A property that differs. path: the JSON pointer in our object, or in theirs for a part that ours lacks.

    ours, theirs: the values, ABSENT where a side lacks it.
    """

    path: str
    ours: Any
    theirs: Any

    def to_dict(self) -> dict[str, Any]:
        values = {"ours": self.ours, "theirs": self.theirs}
        return {"path": self.path, **{side: value for side, value in values.items() if value is not ABSENT}}


class State(StrEnum):
    """How the state of an object at its receiver differs from that at its owner."""

    MISSING = "MISSING"  # the receiver lacks it
    OLDER = "OLDER"  # the receiver has an earlier state
    DIFFERENT = "DIFFERENT"  # the receiver has another state, which is not an earlier one
    EXTRA = "EXTRA"  # the receiver has a copy that the owner does not list
    UNKNOWN = "UNKNOWN"  # it could not be compared


@dataclass(frozen=True, slots=True)
class Difference:
    """An object that differs. party: the addressed party, or the own party that has the copy.

    changes: the properties that differ. reason: why it could not be compared.
    """

    state: State
    owner: Party
    ids: tuple[str, ...]
    party: Party | None
    changes: tuple[Change, ...] = ()
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {
            "state": self.state.value,
            "owner": str(self.owner),
            "ids": list(self.ids),
            "party": None if self.party is None else str(self.party),
            "changes": [change.to_dict() for change in self.changes],
            "reason": self.reason,
        }


@dataclass(slots=True)
class Diff:
    """The differences of a module between us and a partner.

    direction: "theirs" compares what the partner has of our objects, "copies" what we have of its objects. same: the
    number of equal objects. listed: the first thousand that differ; counts: the number of all by state. repaired: how
    many were put into the outbox, or stored. left: the number of objects that were not compared, None if it is not
    known. error: why the comparison ended early. notes: what it could not tell.
    """

    platform: str
    module: str
    direction: str
    same: int = 0
    listed: list[Difference] = field(default_factory=list)
    counts: dict[State, int] = field(default_factory=dict)
    repaired: int = 0
    left: int | None = 0
    error: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Tell whether all objects were compared."""
        return not self.error and self.left == 0

    @property
    def is_equal(self) -> bool:
        """Tell whether all objects were compared, and all are equal."""
        return self.is_complete and not self.counts

    @property
    def compared(self) -> int:
        """The number of objects that were looked at."""
        return self.same + sum(self.counts.values())

    def add(self, difference: Difference | None) -> None:
        """Count an object that differs, or is equal (None)."""
        if difference is None:
            self.same += 1
            return
        self.counts[difference.state] = self.counts.get(difference.state, 0) + 1
        if len(self.listed) < _MOST_LISTED:
            self.listed.append(difference)

    def to_dict(self) -> dict[str, Any]:
        return {
            "platform": self.platform,
            "module": self.module,
            "direction": self.direction,
            "equal": self.is_equal,
            "same": self.same,
            "counts": {state.value: self.counts.get(state, 0) for state in State},
            "differences": [difference.to_dict() for difference in self.listed],
            "repaired": self.repaired,
            "not_compared": self.left,
            "error": self.error,
            "notes": self.notes,
        }


def differences(object_type: ObjectType, ours: Document, theirs: Document) -> list[Change]:
    """Compare an object of ours, or our copy, with theirs, both in the stored shape.

    Parts, such as EVSEs, are compared by their ids, and lists of texts and numbers without their order. A missing
    property, null and an empty list are equal, and so are two moments within a second of which one is a whole second.
    """
    return list(_objects(object_type.parts, object_type.key, ours, theirs, ""))


def _objects(
    parts: Sequence[Part], key: Sequence[str], ours: Mapping[str, Any], theirs: Mapping[str, Any], path: str
) -> Iterator[Change]:
    """Compare all properties but the key, which found the object, and which has no case."""
    for name in {**ours, **theirs}:
        place = f"{path}/{_escaped(name)}"
        mine, other = ours.get(name, ABSENT), theirs.get(name, ABSENT)
        if parts and name == parts[0].property and isinstance(mine, list) and isinstance(other, list):
            yield from _parts(parts, mine, other, place)
        elif name not in key:
            yield from _values(mine, other, place)


def _parts(parts: Sequence[Part], ours: Sequence[Document], theirs: Sequence[Document], path: str) -> Iterator[Change]:
    key = parts[0].key
    others = {fold(str(item.get(key))): (index, item) for index, item in enumerate(theirs)}
    for index, item in enumerate(ours):
        found = others.pop(fold(str(item.get(key))), None)
        if found is None:
            yield Change(f"{path}/{index}", item, ABSENT)
        else:
            yield from _objects(parts[1:], (key,), item, found[1], f"{path}/{index}")
    for index, item in others.values():
        yield Change(f"{path}/{index}", ABSENT, item)


def _values(ours: Any, theirs: Any, path: str) -> Iterator[Change]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        yield from _objects((), (), ours, theirs, path)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs) and not _are_plain(ours):
        for index, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _values(mine, other, f"{path}/{index}")
    elif not _are_equal(ours, theirs):
        yield Change(path, ours, theirs)


def _are_equal(ours: Any, theirs: Any) -> bool:
    if ours == theirs or (ours in _EMPTY and theirs in _EMPTY):
        return True
    if isinstance(ours, list) and isinstance(theirs, list) and _are_plain(ours) and _are_plain(theirs):
        return sorted(map(repr, ours)) == sorted(map(repr, theirs))
    if isinstance(ours, str) and isinstance(theirs, str):
        mine, other = _moment(ours), _moment(theirs)
        if mine is not None and other is not None:
            return mine == other or (abs(mine - other) < SECOND and not (mine % SECOND and other % SECOND))
    return False


def _moment(text: str) -> int | None:
    """Return the moment of a DateTime; None for another text."""
    if len(text) < 19 or text[10] != "T":
        return None
    try:
        return to_micros(text)
    except ValueError:
        return None


def _are_plain(values: Sequence[Any]) -> bool:
    return not any(isinstance(value, dict | list) for value in values)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def judged(
    about: tuple[Party, tuple[str, ...], Party | None], changes: Sequence[Change], *, have: Document, should: Document
) -> Difference | None:
    """Return how the state that the receiver has differs from the one that it should have, None if they are equal."""
    if not changes:
        return None
    is_older = any(change.path == "/last_updated" for change in changes)
    is_older = is_older and to_micros(have["last_updated"]) < to_micros(should["last_updated"])
    return Difference(State.OLDER if is_older else State.DIFFERENT, *about, changes=tuple(changes))
