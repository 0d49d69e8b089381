"""Reads one object property by property, if it does not load as it came."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from types import MappingProxyType
from typing import Any

import marshmallow as ma

from flask_ocpi.core.fields import MOST
from flask_ocpi.core.fields import NOT_AVAILABLE
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import Violation
from flask_ocpi.core.schema import flaw_of
from flask_ocpi.core.schema import violations
from flask_ocpi.exchange.messages import HIDDEN
from flask_ocpi.versions.reading import classes
from flask_ocpi.versions.reading.values import mend

NOTHING_KNOWN: Mapping[str, Any] = MappingProxyType({})

#: The number of parts that may be left out of one object, or mended in its lists, and the addition for each object in
#: these. Beyond it the object is refused: a broken object costs no more than a small multiple of a valid one.
_MOST_BAD = 50
_BAD_FOR_EACH = 10
_MOST_FLAWS = 100  # kinds of flaws reported for one object
_SHOWN = 100  # characters of the received value
_INDEX = re.compile(r"\[\d+\]")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(slots=True)
class Flaw:
    """A flaw in an object that is kept all the same.

    path: the place, with ``[]`` for any element of a list. kind: "mended", "left out", "derived" or "kept". came: the
    received value, shortened. outcome: a sentence about the result. count: the number of places with that path.
    """

    path: str
    kind: str
    came: str
    outcome: str
    count: int = 1


class LostError(Exception):
    """A value that cannot be read. flaws: (path, reason) of it, or of each needed part that cannot be read."""

    def __init__(self, *flaws: Violation) -> None:
        super().__init__(*flaws)
        self.flaws = flaws


class TooManyError(LostError):
    """Too many parts cannot be read: the object is refused as a whole."""


@dataclass(slots=True)
class Reader:
    """Reads one object.

    guessing: read also without NEEDED properties. held_back: a part was not read because guessing is off.
    taken: the readable objects in lists so far. bad: the parts left out, or mended in lists.
    """

    partial: bool
    flaws: dict[tuple[str, str], Flaw] = field(default_factory=dict)
    lost: list[Violation] = field(default_factory=list)
    guessing: bool = False
    held_back: bool = False
    taken: int = 0
    bad: int = 0

    def note(self, kind: str, path: str, came: Any, outcome: str) -> None:
        place = _INDEX.sub("[]", path) if "[" in path else path
        flaw = self.flaws.get((place, kind))
        if flaw is not None:
            flaw.count += 1
        elif len(self.flaws) < _MOST_FLAWS:
            if came is not None and place.rsplit(".", 1)[-1] == "token":  # the token itself, or an object around it
                came, outcome = HIDDEN, "It was mended."
            elif isinstance(came, list | dict) and not place:
                came = None  # the whole body, tokens included
            self.flaws[place, kind] = Flaw(place, kind, shown(came), outcome)

    def leave_out(self, path: str, came: Any, reason: str) -> None:
        self.lost.append((path, reason))
        self._count(path, reason)
        self.note("left out", path, came, f"It {reason}, and was left out.")

    def _count(self, path: str, reason: str) -> None:
        self.bad += 1
        if self.bad > _MOST_BAD + _BAD_FOR_EACH * self.taken:
            raise TooManyError(*(self.lost or [(path, f"{reason}, as too much else in it")]))

    def object(self, schema: Schema, data: Any, path: str, known: Mapping[str, Any] = NOTHING_KNOWN) -> Document:
        """Read an object; raise LostError if a needed part cannot be read."""
        data = schema.named(self._as_object(schema, data, path))
        if known.get("last_updated") and data.get("last_updated") is None and path:
            data = {**data, "last_updated": known["last_updated"]}
            self.note("derived", f"{path}.last_updated", None, "It is missing; that of what it belongs to was taken.")
        data, changed = classes.prepared(schema, data)
        if changed:
            self.note("mended", path, None, changed)
        partial = self.partial and not path
        document: Document = {}
        needed: list[Violation] = []
        for name, declared in schema.load_fields.items():
            try:
                self._property(schema, name, declared, data, document, path, known, partial)
            except TooManyError:
                raise
            except LostError as error:
                needed += error.flaws
                if "[" in path or len(needed) >= MOST:  # one flaw is reported for an element
                    break
        if needed:
            raise LostError(*needed)
        self._keep_unknown(schema, data, document, path)
        if not partial:
            self._check_rules(schema, data, document, path)
        return document

    def _as_object(self, schema: Schema, data: Any, path: str) -> Document:
        if isinstance(data, list) and len(data) == 1 and isinstance(data[0], dict):
            self.note("mended", path, data, "The one element of a list was taken for the object.")
            return dict(data[0])
        if isinstance(data, dict):
            return data
        made = classes.of(classes.FROM_VALUE, schema)
        if made is None or not isinstance(data, str | int | float) or isinstance(data, bool):
            raise LostError((path, "must be a JSON object"))
        if path.endswith("]"):
            self._count(path, "must be a JSON object")
        self.note("mended", path, data, "The object was made of the one value that came.")
        return made(data)

    def _property(
        self,
        schema: Schema,
        name: str,
        declared: Any,
        data: Document,
        document: Document,
        path: str,
        known: Mapping[str, Any],
        partial: bool,
    ) -> None:
        place = f"{path}.{name}" if path else name
        value = data.get(name)
        lost = None
        if value is not None:
            try:
                document[name] = self._value(declared, value, place, data, known.get(name) if not path else None)
                return
            except TooManyError:
                raise
            except LostError as error:
                lost = error
        elif partial:
            if name in data and not declared.required:
                document[name] = None
            elif name in data:
                self.leave_out(place, None, "must not be null")
            return
        if not declared.required:
            if lost is None:
                return
            if _is_empty(value):
                if value != [] or not isinstance(declared, ListOf):  # an empty list is no flaw
                    self.note("left out", place, value, "It is empty, and was left out.")
                return
            if name in (classes.of(classes.NEEDED, schema) or ()) and not self.guessing:
                self.held_back = True
                raise lost
            first_place, reason = lost.flaws[0]
            self.leave_out(first_place, value, reason)
        elif partial and lost is not None:
            raise lost
        else:
            self._derive(schema, name, declared, data, document, place, known, lost)

    def _derive(
        self,
        schema: Schema,
        name: str,
        declared: Any,
        data: Document,
        document: Document,
        place: str,
        known: Mapping[str, Any],
        lost: LostError | None,
    ) -> None:
        """Fill in a required property that is missing or cannot be read, or raise LostError."""
        came = data.get(name)
        made = known.get(name)
        if made is None:
            derive = (classes.of(classes.DERIVED, schema) or {}).get(name)
            made = None if derive is None else derive({**data, **document})
        if made is not None:
            try:
                document[name] = self._value(declared, made, place, data, None)
            except LostError:
                made = None
            else:
                self.note(
                    "derived", place, came, f"It is missing or cannot be read; {shown(document[name])} was derived."
                )
                return
        if name in (classes.of(classes.UNKNOWN_TEXTS, schema) or ()):
            document[name] = NOT_AVAILABLE
            self.note("derived", place, came, f"It is missing or cannot be read; {NOT_AVAILABLE} stands for it.")
        elif name in (classes.of(classes.DISPENSABLE, schema) or ()):
            self.note("kept", place, came, "It is missing or cannot be read; the object was kept without it.")
        elif isinstance(declared, ListOf) and classes.may_be_empty(schema, name, data):
            document[name] = []
            self.note("kept", place, came, "It has no elements; the object was kept.")
        else:
            raise lost or LostError((place, "is required"))

    def _value(self, declared: Any, value: Any, place: str, parent: Document, known: Any) -> Any:
        if isinstance(declared, Object):
            return self._nested(declared, value, place, parent, known)
        if isinstance(declared, ListOf):
            return self._list(declared, value, place, parent)
        try:
            return declared.deserialize(value)
        except ma.ValidationError as error:
            reason = _reason(error)
        made = mend(declared, value)
        if made is None or (made == value and type(made) is type(value)):
            raise LostError((place, reason))
        try:
            checked = declared.deserialize(made)
        except ma.ValidationError as error:
            raise LostError((place, _reason(error))) from None
        if place.endswith("]"):
            self._count(place, reason)
        self.note("mended", place, value, f"{shown(checked)} was made of it.")
        return checked

    def _nested(self, declared: Object, value: Any, place: str, parent: Document, known: Any = None) -> Document:
        schema: Any = declared.schema
        document: Document | None = schema.load_valid(value, False)
        if document is not None:
            return document
        inherited = {"last_updated": parent.get("last_updated")} if "last_updated" in schema.load_fields else {}
        return self.object(schema, value, place, {**inherited, **(known if isinstance(known, Mapping) else {})})

    def _list(self, declared: ListOf, value: Any, place: str, parent: Document) -> list[Any]:
        if not isinstance(value, list):
            items = _as_list(declared.inner, value)
            self.note("mended", place, value, "The one value that came was taken for a list.")
        else:
            items = value
        if len(items) > declared.limit:
            raise TooManyError((place, f"has more than {declared.limit} elements (it has {len(items)})"))
        before, flaws, self.held_back = len(self.lost), dict(self.flaws), False
        elements = list(self._elements(declared, items, place, parent))
        if not elements and declared.required and self.held_back and not self.guessing:
            del self.lost[before:]
            self.flaws, self.guessing = flaws, True
            try:
                elements = list(self._elements(declared, items, place, parent))
            finally:
                self.guessing = False
        if not elements:
            why = self.lost[before : before + MOST] or [(place, "must have at least one element")]
            del self.lost[before:]
            raise LostError(*why)
        return elements

    def _elements(self, declared: ListOf, items: list[Any], place: str, parent: Document) -> Iterator[Any]:
        seen: dict[str, int] = {}
        for index, item in enumerate(items):
            path = f"{place}[{index}]"
            try:
                if isinstance(declared.inner, Object):
                    element = self._nested(declared.inner, item, path, parent)
                else:
                    element = self._value(declared.inner, item, path, parent, None)
                if declared.unique is not None:
                    first = seen.setdefault(element[declared.unique].lower(), index)
                    if first != index:
                        raise LostError((f"{path}.{declared.unique}", f"is the same as that of element {first}"))
            except TooManyError:
                raise
            except LostError as error:
                first_place, reason = error.flaws[0]
                self.leave_out(first_place, item, reason)
                continue
            self.taken += type(item) is dict
            yield element

    def _keep_unknown(self, schema: Schema, data: Document, document: Document, path: str) -> None:
        others = {name: value for name, value in data.items() if name not in schema.load_fields}
        if not schema.policy.keep_unknown:
            return
        if flaw_of(others, schema.policy.max_depth) is not None:
            for name, value in list(others.items()):
                flaw = flaw_of({name: value}, schema.policy.max_depth)
                if flaw is not None:
                    self.leave_out(f"{path}.{name}" if path else name, None, flaw)
                    del others[name]
        document.update(others)

    def _check_rules(self, schema: Schema, data: Document, document: Document, path: str) -> None:
        for rule in schema.rules:
            for place, reason in sorted(rule(document), reverse=True, key=lambda violation: _steps(violation[0])):
                full = f"{path}.{place}" if path and place else path or place
                if classes.is_forgiven(rule, data, document):
                    self.note("kept", full, None, f"It {reason}; the object was kept.")
                elif rule in classes.REMOVING and _remove(schema, document, _steps(place)):
                    self.leave_out(full, None, reason)
                else:
                    raise LostError((full, reason))


def _reason(error: ma.ValidationError) -> str:
    messages: Any = error.messages
    return str(messages[0]) if type(messages) is list else next(violations(messages))[1]


def _as_list(inner: Any, value: Any) -> list[Any]:
    if isinstance(inner, Enum) and isinstance(value, str):
        return re.split(r"[,;|]", value[:4096])
    return [value]


def _is_empty(value: Any) -> bool:
    """Tell whether a value stands for a missing one."""
    return value in ([], {}) or (isinstance(value, str) and not value.strip())


def _steps(path: str) -> tuple[tuple[str, int], ...]:
    """Split a path into names and indexes, each as a pair that can be compared."""
    return tuple((name, 0) if name else ("", int(index)) for name, index in _STEP.findall(path))


def _remove(schema: Schema, document: Document, steps: tuple[tuple[str, int], ...]) -> bool:
    """Remove the property, or else the innermost element of a list, from a document; return False if it is needed."""
    if len(steps) == 1 and not schema.load_fields[steps[0][0]].required:
        return document.pop(steps[0][0], None) is not None
    lists: list[tuple[list[Any], int]] = []
    value: Any = document
    for name, index in steps:
        if name:
            value = value.get(name) if isinstance(value, dict) else None
        else:
            lists.append((value, index))
            value = value[index]
    for items, index in reversed(lists):
        if len(items) > 1:
            del items[index]
            return True
    return False


def shown(value: Any) -> str:
    """Return a value as a finding shows it: short, in one line of ASCII."""
    text = value[: 2 * _SHOWN] if isinstance(value, str) else _REPR.repr(value)
    text = ascii(text)[1:-1]
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


_REPR = reprlib.Repr()  # cuts long or deep values
_REPR.maxstring = _REPR.maxother = 60
