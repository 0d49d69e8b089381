"""Reading the objects of partners: certain meaning is kept, and each flaw is noted.

Valid objects are loaded directly. Only an object that does not load is read property by property: values are mended
(:mod:`.values`), an unreadable optional property is left out, a list keeps its good elements, and a property that
follows from others is derived (:mod:`.classes`). Only a flaw in a needed property refuses the object.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_ocpi.core.description import OWNER_KEY
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import load
from flask_ocpi.core.schema import refusal
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.findings import REFUSED
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.exchange.findings import Source
from flask_ocpi.exchange.findings import name_of
from flask_ocpi.exchange.targets import Target
from flask_ocpi.versions.reading.reader import NOTHING_KNOWN
from flask_ocpi.versions.reading.reader import Flaw
from flask_ocpi.versions.reading.reader import LostError
from flask_ocpi.versions.reading.reader import Reader
from flask_ocpi.versions.reading.reader import shown


@dataclass(frozen=True, slots=True)
class Reading:
    """An object as it was read, and its flaws."""

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
    """Read one object of a partner; raise InvalidParametersError (2001) with the needed properties.

    known: required properties that the request tells, such as the owner in a URL; ``cdr_token`` is the receiver of a
    CDR. strict: accept only valid objects; a function is called only for invalid ones.
    """
    partial = bool(schema.partial if partial is None else partial)
    document = schema.load_valid(data, partial)
    if document is not None:
        return Reading(document)
    if strict() if callable(strict) else strict:
        return Reading(load(schema, data, partial=partial, where=where))
    reader = Reader(partial)
    try:
        document = reader.object(schema, data, "", known)
    except LostError as lost:
        raise refusal(lost.flaws, len(lost.flaws), where, data=data) from None
    return Reading(document, tuple(reader.flaws.values()))


@dataclass(frozen=True, slots=True)
class Receiving:
    """Reads the objects that one app receives, and notes each flaw. strict: tells whether a platform may have none."""

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
        """Return the object as :func:`read` does; raise InvalidParametersError if it is refused."""
        strict = functools.partial(self.strict, source.platform)
        try:
            reading = read(schema, data, where=where, partial=partial, known=known, strict=strict)
        except InvalidParametersError as error:
            self.found(
                Finding(
                    source.platform,
                    REFUSED,
                    source.module,
                    _named(data, source, known),
                    outcome=error.message,
                    refused=True,
                    receiver=source.receiver,
                    document=data,
                )
            )
            raise
        if reading.flaws:
            object_id = _named(reading.document, source, known)
            for flaw in reading.flaws:
                kind = flaw.kind.replace(" ", "_")
                self.found(Finding(source.platform, kind, source.module, object_id, flaw.path, flaw.came, flaw.outcome))
        return reading.document


def known_of(target: Target) -> Mapping[str, Any]:
    """Return what a request tells of the object in its body: owner, id and receiver."""
    described = target.operation.object
    known: dict[str, Any] = {name: target.path[name] for name in OWNER_KEY if name in target.path}
    if described is None:
        return known
    if target.operation.part:
        return {target.part.key: target.path[target.part.parameter.name]}
    if described.parameter is not None and described.parameter.name in target.path:
        known[described.id_key[0]] = target.path[described.parameter.name]
    if described.audience is not None and len(target.parties) == 1:
        country_code, party_id = target.parties[0]
        known["cdr_token"] = {"country_code": country_code, "party_id": party_id}
    return known


def _named(document: Any, source: Source, known: Mapping[str, Any]) -> str:
    if source.object or not source.key:
        return source.object or identity_of(document)
    return name_of(document, source.key, known)


def identity_of(document: Any) -> str:
    """Return the identifiers of an object, as far as they can be read: ``NL ABC LOC1``; "" if there are none."""
    if not isinstance(document, dict):
        return ""
    names = ("country_code", "party_id", "id", "uid")
    values = (document.get(name) for name in names)
    return " ".join(shown(value) for value in values if isinstance(value, str | int))
