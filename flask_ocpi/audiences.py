"""Audiences: the parties that own objects are for, and what becomes of that when an object is replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask_ocpi.description import Document
from flask_ocpi.description import ObjectType
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record

#: The property that names whom an object is for, in exports and imports; it is no part of the object.
AUDIENCE = "_audience"

_PARTY = re.compile(r"(.{2})-(.{1,3})", re.DOTALL)


def audience_of(object_type: ObjectType, document: Document) -> tuple[Party, ...]:
    """Return the parties that an object is for, as far as it tells itself."""
    return () if object_type.audience is None else tuple(Party.of(*party) for party in object_type.audience(document))


def audience_after(
    object_type: ObjectType, stored: Record, record: Record, *, is_given: bool, may_widen: bool = True
) -> tuple[Party, ...]:
    """Return the parties that an object is for when ``record`` replaces what is stored.

    ``is_given``: somebody said whom it is for, and that is ``record.audience``; otherwise that is what the object tells
    itself, and who sees it now goes on to see it, and nobody else: where that was what the object told, what it tells
    by now. Unless it ``may_widen``, nobody sees it who would not without being said.
    """
    kept = stored.audience
    if object_type.audience is not None:
        told = audience_of(object_type, record.document) if is_given else record.audience
        if kept != told and kept == audience_of(object_type, stored.document):
            kept = told
    if not is_given:
        return kept
    is_wider = bool(kept) and not (record.audience and set(record.audience) <= set(kept))
    return kept if is_wider and not may_widen else record.audience


def with_audience(record: Record) -> Document:
    """Return a stored object with whom it is for, as :func:`parted` reads it."""
    return {**record.document, AUDIENCE: [str(party) for party in record.audience]}


def parted(item: Any) -> tuple[Any, tuple[Party, ...] | None]:
    """Return an object of a file and the audience that it names, None where it does not."""
    if not isinstance(item, Mapping) or AUDIENCE not in item:
        return item, None
    texts = item[AUDIENCE] if isinstance(item[AUDIENCE], list) else [None]
    found = [_PARTY.fullmatch(text) if isinstance(text, str) else None for text in texts]
    if None in found:
        raise InvalidParametersError(f'{AUDIENCE} must be a list of parties, such as ["NL-ABC"].')
    document = {name: value for name, value in item.items() if name != AUDIENCE}
    return document, tuple(Party.of(match[1], match[2]) for match in found if match is not None)
