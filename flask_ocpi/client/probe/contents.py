"""Checks of the objects in lists, and of the filters by date."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping
from functools import partial
from typing import Any

import marshmallow as ma

from flask_ocpi.client.probe import checks
from flask_ocpi.client.probe.checks import DoubtError
from flask_ocpi.client.probe.checks import Each
from flask_ocpi.client.probe.checks import FlawError
from flask_ocpi.client.probe.checks import NotApplicableError
from flask_ocpi.client.probe.checks import SkippedError
from flask_ocpi.client.probe.checks import counted
from flask_ocpi.client.probe.checks import cut
from flask_ocpi.client.probe.checks import declared
from flask_ocpi.client.probe.checks import instant
from flask_ocpi.client.probe.checks import written
from flask_ocpi.client.probe.lists import LIMIT
from flask_ocpi.client.probe.lists import Listed
from flask_ocpi.client.probe.lists import Window
from flask_ocpi.client.probe.lists import items_of
from flask_ocpi.core.converting import class_in
from flask_ocpi.core.converting import fields_of
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import violations
from flask_ocpi.storage.base import Party
from flask_ocpi.versions.reading.reader import shown

_REQUEST = "Transport and format: Paginated Request"
_SHOWN = 3  # flaws
_AHEAD = 3600 * SECOND

check = partial(checks.check, each=Each.LIST)


@check("date.from", "date_from leaves out what changed before it.", _REQUEST)
def date_from(listed: Listed) -> str:
    begin, found = _asked(listed.later)
    older = [moment for moment in found if moment < begin]
    if older:
        raise FlawError(f"date_from={written(begin)} brings an object of {written(older[0])}.")
    return f"{counted(len(found), 'object')} one second after the newest that was read"


@check("date.inclusive", "date_from includes what changed at that moment.", _REQUEST)
def date_inclusive(listed: Listed) -> str:
    window = listed.window
    if window.begin is None:
        raise SkippedError("All objects that were read changed at one moment.")
    _, found = _asked(window)
    if window.begin not in found and len(found) < LIMIT:
        raise FlawError(f"date_from={written(window.begin)} does not bring the object of that moment.")
    return written(window.begin)


@check("date.exclusive", "date_to leaves out what changed at that moment or later.", _REQUEST)
def date_exclusive(listed: Listed) -> str:
    window = listed.window
    _, found = _asked(window)
    later = [moment for moment in found if window.end is not None and moment >= window.end]
    if later and window.end is not None:
        raise FlawError(f"date_to={written(window.end)} brings an object of {written(later[0])}.")
    return f"{counted(len(found), 'object')} before the newest that was read"


@check("object.class", "The objects are valid by the classes of the version.", "Object description")
def object_class(listed: Listed) -> str:
    items = listed.items
    if not items:
        raise SkippedError("The list is empty.")
    wrong = {position: flaws for position, item in enumerate(items) if (flaws := _violations(listed.schema, item))}
    if wrong:
        position, flaws = next(iter(wrong.items()))
        name = listed.id_of(items[position]) if isinstance(items[position], dict) else f"object {position}"
        raise FlawError(cut(f"{len(wrong)} of {len(items)} are not, such as {name}: {'; '.join(flaws[:_SHOWN])}."))
    return counted(len(items), "object")


@check("object.unknown", "The objects have no properties that the version lacks.", "Object description", advised=True)
def object_unknown(listed: Listed) -> str:
    found = {path for item in listed.some for path in unknown_in(type(listed.schema), item)}
    if found:
        raise FlawError(cut(f"They have {', '.join(shown(path) for path in sorted(found))}."))
    return "none"


@check("object.unique", "No object comes twice.", "Transport and format: Client owned object push")
def object_unique(listed: Listed) -> str:
    keys = [tuple(str(item.get(name)).lower() for name in listed.object.key) for item in listed.some]
    twice = [key for key, number in Counter(keys).items() if number > 1]
    if twice:
        raise FlawError(f"{shown(' '.join(twice[0]))} comes more than once.")
    return counted(len(keys), "different object")


@check(
    "object.owner",
    "The objects belong to the parties of the platform.",
    "Transport and format: Client owned object pull",
)
def object_owner(listed: Listed) -> str:
    session = listed.session
    if not listed.object.is_owned or listed.object.described or "party_id" not in listed.schema.load_fields:
        raise NotApplicableError("The objects name no owner.")
    if session.is_hub or not session.parties:
        raise SkippedError("It is a hub." if session.is_hub else "Its parties are not known.")
    owners = [(item.get("country_code"), item.get("party_id")) for item in listed.some]
    strange = [
        f"{shown(country)}-{shown(party)}"
        for country, party in owners
        if isinstance(country, str) and isinstance(party, str) and Party.of(country, party) not in session.parties
    ]
    if strange:
        raise FlawError(cut(f"They belong to {', '.join(dict.fromkeys(strange))}."))
    return ", ".join(sorted(map(str, session.parties)))


@check("object.future", "No object changed in the future.", "Types: DateTime", advised=True)
def object_future(listed: Listed) -> str:
    newest = listed.moments[-1]
    if newest > listed.first.moment + _AHEAD:
        raise FlawError(f"last_updated is {written(newest)}.")
    return f"the newest is of {written(newest)}"


@check("object.parts", "An object is not older than its parts.", "Locations: Location object")
def object_parts(listed: Listed) -> str:
    if not listed.object.parts:
        raise NotApplicableError("The objects have no parts.")
    pairs = [pair for item in listed.some for pair in _with_parts(listed, item, 0)]
    older = [name for name, whole, part in pairs if whole < part]
    if older:
        raise FlawError(cut(f"last_updated of a part is later in {', '.join(map(shown, older[:_SHOWN]))}."))
    if not pairs:
        raise SkippedError("No object has parts.")
    return counted(len(pairs), "part")


@check("object.get", "An object is the same alone as in the list.", "Locations: GET method")
def object_get(listed: Listed) -> str:
    return _same(listed, 0)


@check("object.get_part", "A part of an object is the same alone as in the object.", "Locations: GET method")
def object_get_part(listed: Listed) -> str:
    return _same(listed, 1)


CHECKS = declared(globals())


def _asked(window: Window) -> tuple[int, list[int]]:
    """Return the begin of a request by dates, and the moments of its objects."""
    seen = window.seen
    seen.demand_success()
    items = [item for item in items_of(seen) if isinstance(item, dict)]
    return window.begin or 0, [m for item in items if (m := instant(item.get("last_updated"))) is not None]


def _violations(schema: Schema, item: Any) -> list[str]:
    try:
        schema.load(item)
    except ma.ValidationError as error:
        return [f"{path} {message}".strip() for path, message in violations(error.messages)]
    return []


def unknown_in(cls: type[Schema], item: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Walk the names of properties that a class lacks, such as ``evses[].colour``."""
    fields = fields_of(cls)
    for name, value in item.items():
        field = fields.get(name)
        if field is None:
            yield f"{path}{name}"
            continue
        inner = class_in(field)
        if inner is None:
            continue
        many = isinstance(value, list)
        for each in value if many else [value]:
            if isinstance(each, dict):
                yield from unknown_in(inner, each, f"{path}{name}{'[]' if many else ''}.")


def _with_parts(listed: Listed, whole: Mapping[str, Any], level: int) -> Iterator[tuple[str, int, int]]:
    """Walk the parts of an object: the id of the part, and both moments."""
    if level == len(listed.object.parts):
        return
    part = listed.object.parts[level]
    moment, inner = instant(whole.get("last_updated")), whole.get(part.property)
    for each in inner if isinstance(inner, list) else []:
        own = instant(each.get("last_updated")) if isinstance(each, dict) else None
        if own is not None and moment is not None:
            yield f"{part.name} {each.get(part.key)}", moment, own
        if isinstance(each, dict):
            yield from _with_parts(listed, each, level + 1)


def _same(listed: Listed, part: int) -> str:
    seen, expected = listed.one(part)
    if not seen.succeeded and not listed.is_certain:
        raise SkippedError(f"The endpoint may be that of a Receiver: {seen.summary}")
    seen.demand_success()
    if not isinstance(seen.data, dict):
        raise FlawError(f"{seen.name} has no object in data.")
    differing = [n for n in {**expected, **seen.data} if expected.get(n) != seen.data.get(n)]
    if "last_updated" in differing:
        raise DoubtError("It changed meanwhile, or last_updated differs.")
    if differing:
        raise FlawError(cut(f"It differs in {', '.join(map(shown, differing))}."))
    return seen.name
