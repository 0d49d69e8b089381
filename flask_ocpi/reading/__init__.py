"""Reading what other platforms send: what is certainly meant is kept, and each flaw is noted.

What is valid is loaded as ever. Only an object that does not load is read property by property: values are mended
(:mod:`.values`), an optional property that cannot be read is left out, a list keeps its good elements, and what follows
from other properties is derived (:mod:`.classes`). Only a flaw in what is needed refuses the object.
"""

from __future__ import annotations

import functools
import re
import reprlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from types import MappingProxyType
from typing import Any

import marshmallow as ma

from flask_ocpi.context import Context
from flask_ocpi.context import Target
from flask_ocpi.description import OWNER_KEY
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.fields import NOT_AVAILABLE
from flask_ocpi.fields import Enum
from flask_ocpi.fields import ListOf
from flask_ocpi.findings import Finding
from flask_ocpi.findings import Source
from flask_ocpi.reading import classes
from flask_ocpi.reading.values import mend
from flask_ocpi.schema import Document
from flask_ocpi.schema import Object
from flask_ocpi.schema import Schema
from flask_ocpi.schema import flaw_of
from flask_ocpi.schema import load
from flask_ocpi.schema import violations
from flask_ocpi.storage.base import Party

NOTHING_KNOWN: Mapping[str, Any] = MappingProxyType({})

_MOST_LOST = 500  # elements and properties that are left out of one object, before it is refused as a whole
_MOST_FLAWS = 100  # kinds of flaws that are told of one object
_SHOWN = 100  # characters of what came
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(slots=True)
class Flaw:
    """A flaw in an object that is kept all the same.

    path: where, with ``[]`` for any element of a list. kind: "mended", "left out", "derived" or "kept". came: what
    came, shortened. outcome: a sentence on what was made of it. count: at how many places that path has it.
    """

    path: str
    kind: str
    came: str
    outcome: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Reading:
    """An object as it was understood, and the flaws that it had."""

    document: Document
    flaws: tuple[Flaw, ...] = ()


def read(
    schema: Schema,
    data: Any,
    *,
    where: str = "body",
    partial: bool | None = None,
    known: Mapping[str, Any] = NOTHING_KNOWN,
    strict: bool | Callable[[], bool] = False,
) -> Reading:
    """Read one object that another platform sent; raise InvalidParametersError (2001) that names what is needed.

    known: required properties that the circumstances tell, such as the owner in a URL; ``cdr_token`` is who receives a
    CDR. strict: take what is valid only; a function is asked only about what is not.
    """
    partial = bool(schema.partial if partial is None else partial)
    document = schema.load_valid(data, partial)
    if document is not None:
        return Reading(document)
    if strict() if callable(strict) else strict:
        return Reading(load(schema, data, partial=partial, where=where))
    reader = _Reader(partial)
    try:
        document = reader.object(schema, data, "", known)
    except _LostError as lost:
        path = lost.path or f"The {where}"
        raise InvalidParametersError(f"Invalid {where}: {path} {lost.reason}.") from None
    return Reading(document, tuple(reader.flaws.values()))


@dataclass(frozen=True, slots=True)
class Receiving:
    """Reads what other platforms send to one app, and has each flaw noted. strict: whether a platform's has none."""

    found: Callable[[Finding], None]
    strict: Callable[[str], bool]

    def __call__(
        self,
        schema: Schema,
        data: Any,
        source: Source,
        *,
        where: str = "body",
        partial: bool | None = None,
        known: Mapping[str, Any] = NOTHING_KNOWN,
    ) -> Document:
        """Return the object as :func:`read` does; raise InvalidParametersError when it is refused."""
        strict = functools.partial(self.strict, source.platform)
        try:
            reading = read(schema, data, where=where, partial=partial, known=known, strict=strict)
        except InvalidParametersError as error:
            object_id = source.object or identity_of(data)
            self.found(
                Finding(source.platform, "refused", source.module, object_id, outcome=error.message, refused=True)
            )
            raise
        if reading.flaws:
            object_id = source.object or identity_of(reading.document)
            for flaw in reading.flaws:
                kind = flaw.kind.replace(" ", "_")
                self.found(Finding(source.platform, kind, source.module, object_id, flaw.path, flaw.came, flaw.outcome))
        return reading.document


def known_of(ctx: Context, target: Target) -> Mapping[str, Any]:
    """Return what the circumstances of a request tell of the object in its body: owner and id, and who receives it."""
    described = target.operation.object
    known: dict[str, Any] = {name: target.path[name] for name in OWNER_KEY if name in target.path}
    if described is None:
        return known
    if target.operation.part:
        part = described.parts[target.operation.part - 1]
        return {part.key: target.path[part.parameter.name]}
    if described.parameter is not None and described.parameter.name in target.path:
        known[described.id_key[0]] = target.path[described.parameter.name]
    if described.audience is not None:
        receiver = only(ctx.services.own_parties(target.module.id, target.interface.role), ctx.routing.to_party)
        if receiver is not None:
            known["cdr_token"] = {"country_code": receiver.country_code, "party_id": receiver.party_id}
    return known


def only(hosted: Sequence[Party], wanted: Party | None) -> Party | None:
    """Return the own party that receives, where that is certain."""
    if wanted in hosted:
        return wanted
    return hosted[0] if len(hosted) == 1 else None


def identity_of(document: Any) -> str:
    """Return what identifies an object, as far as it can be read: ``NL ABC LOC1``; "" when nothing does."""
    if not isinstance(document, dict):
        return ""
    names = ("country_code", "party_id", "id", "uid")
    values = (document.get(name) for name in names)
    return " ".join(shown(value) for value in values if isinstance(value, str | int))


class _LostError(Exception):
    """A value that cannot be read."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


class _TooManyError(_LostError):
    """So much cannot be read that the object is refused as a whole."""


@dataclass(slots=True)
class _Reader:
    """Reads one object. guessing: read also what NEEDED says is not to be guessed, as nothing else would be left."""

    partial: bool
    flaws: dict[tuple[str, str], Flaw] = field(default_factory=dict)
    lost: int = 0
    guessing: bool = False

    def note(self, kind: str, path: str, came: Any, outcome: str) -> None:
        place = re.sub(r"\[\d+\]", "[]", path)
        flaw = self.flaws.get((place, kind))
        if flaw is not None:
            flaw.count += 1
        elif len(self.flaws) < _MOST_FLAWS:
            secret = isinstance(came, str) and place.rsplit(".", 1)[-1] == "token"
            if secret:
                came, outcome = "***", "Blanks were removed."
            self.flaws[place, kind] = Flaw(place, kind, shown(came), outcome)

    def leave_out(self, path: str, came: Any, reason: str) -> None:
        self.lost += 1
        if self.lost > _MOST_LOST:
            raise _TooManyError(path, f"{reason}, and so much else cannot be read that nothing is taken")
        self.note("left out", path, came, f"It {reason}, and was left out.")

    def object(self, schema: Schema, data: Any, path: str, known: Mapping[str, Any] = NOTHING_KNOWN) -> Document:
        """Read an object; raise _LostError when something that is needed cannot be read."""
        data = self._as_object(schema, data, path)
        if known.get("last_updated") and data.get("last_updated") is None and path:
            data = {**data, "last_updated": known["last_updated"]}
            self.note("derived", f"{path}.last_updated", None, "It is missing; that of what it belongs to was taken.")
        data, changed = classes.prepared(schema, data)
        if changed:
            self.note("mended", path, None, changed)
        partial = self.partial and not path
        document: Document = {}
        for name, declared in schema.load_fields.items():
            self._property(schema, name, declared, data, document, path, known, partial)
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
        made = classes.FROM_VALUE.get(type(schema))
        if made is None or not isinstance(data, str | int | float) or isinstance(data, bool):
            raise _LostError(path, "must be a JSON object")
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
            except _TooManyError:
                raise
            except _LostError as error:
                lost = error
        elif partial:
            if name in data and not declared.required:
                document[name] = None
            elif name in data:
                self.leave_out(place, None, "must not be null")
            return
        if not declared.required:
            if lost is None or _is_empty(value):
                return
            if name in classes.NEEDED.get(type(schema), ()) and not self.guessing:
                raise lost
            self.leave_out(lost.path, value, lost.reason)
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
        lost: _LostError | None,
    ) -> None:
        """Fill in a required property that is missing or cannot be read, or raise _LostError."""
        came = data.get(name)
        made = known.get(name)
        if made is None:
            derive = classes.DERIVED.get(type(schema), {}).get(name)
            made = None if derive is None else derive({**data, **document})
        if made is not None:
            try:
                document[name] = self._value(declared, made, place, data, None)
            except _LostError:
                made = None
            else:
                self.note(
                    "derived", place, came, f"It is missing or cannot be read; {shown(document[name])} was derived."
                )
                return
        if name in classes.UNKNOWN_TEXTS.get(type(schema), ()):
            document[name] = NOT_AVAILABLE
            self.note("derived", place, came, f"It is missing or cannot be read; {NOT_AVAILABLE} stands for it.")
        elif name in classes.DISPENSABLE.get(type(schema), ()):
            self.note("kept", place, came, "It is missing or cannot be read; the object was kept without it.")
        elif isinstance(declared, ListOf) and classes.may_be_empty(schema, name, data):
            document[name] = []
            self.note("kept", place, came, "It has no elements; the object was kept.")
        else:
            raise lost or _LostError(place, "is required")

    def _value(self, declared: Any, value: Any, place: str, parent: Document, known: Any) -> Any:
        if isinstance(declared, Object):
            return self._nested(declared, value, place, parent, known)
        if isinstance(declared, ListOf):
            return self._list(declared, value, place, parent)
        try:
            return declared.deserialize(value)
        except ma.ValidationError as error:
            reason = next(violations(error.messages))[1]
        made = mend(declared, value)
        if made is None or (made == value and type(made) is type(value)):
            raise _LostError(place, reason)
        try:
            checked = declared.deserialize(made)
        except ma.ValidationError as error:
            raise _LostError(place, next(violations(error.messages))[1]) from None
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
            raise _TooManyError(place, f"has more than {declared.limit} elements (it has {len(items)})")
        lost, flaws = self.lost, dict(self.flaws)
        elements = list(self._elements(declared, items, place, parent))
        if not elements and declared.required and items and not self.guessing:
            self.lost, self.flaws, self.guessing = lost, flaws, True
            try:
                elements = list(self._elements(declared, items, place, parent))
            finally:
                self.guessing = False
        if not elements:
            raise _LostError(place, "must have at least one element")
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
                        raise _LostError(f"{path}.{declared.unique}", f"is the same as that of element {first}")
            except _TooManyError:
                raise
            except _LostError as error:
                self.leave_out(error.path, item, error.reason)
                continue
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
                if classes.is_forgiven(rule, data):
                    self.note("kept", full, None, f"It {reason}; the object was kept.")
                elif rule in classes.REMOVING and _remove(schema, document, _steps(place)):
                    self.leave_out(full, None, reason)
                else:
                    raise _LostError(full, reason)


def _as_list(inner: Any, value: Any) -> list[Any]:
    if isinstance(inner, Enum) and isinstance(value, str):
        return re.split(r"[,;|]", value[:4096])
    return [value]


def _is_empty(value: Any) -> bool:
    """Tell whether a value is another way to say that there is none."""
    return value in ([], {}) or (isinstance(value, str) and not value.strip())


def _steps(path: str) -> tuple[tuple[str, int], ...]:
    """Split a path into names and indexes, each as a pair that can be compared."""
    return tuple((name, 0) if name else ("", int(index)) for name, index in _STEP.findall(path))


def _remove(schema: Schema, document: Document, steps: tuple[tuple[str, int], ...]) -> bool:
    """Take the property, or else the innermost element of a list, out of a document; False when it is needed."""
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
    """Show a value in a finding: short, in one line of ASCII."""
    text = value[: 2 * _SHOWN] if isinstance(value, str) else _REPR.repr(value)
    text = ascii(text)[1:-1]
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


_REPR = reprlib.Repr()  # cuts what is long or deep
_REPR.maxstring = _REPR.maxother = 60
