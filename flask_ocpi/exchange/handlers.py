"""The generic verbs that most operations use: list, get, put, patch, delete."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator

import orjson

from flask_ocpi.core.description import OWNER_KEY
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Part
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import format_date_time
from flask_ocpi.core.fields import to_micros
from flask_ocpi.core.moments import is_newer
from flask_ocpi.core.responses import array
from flask_ocpi.core.responses import make_cursor
from flask_ocpi.core.responses import page_link
from flask_ocpi.core.responses import read_cursor
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Missing
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.context import Target
from flask_ocpi.exchange.context import addressed_parties
from flask_ocpi.exchange.context import receiving_party
from flask_ocpi.exchange.documents import Place
from flask_ocpi.exchange.documents import locate
from flask_ocpi.exchange.documents import merge
from flask_ocpi.exchange.documents import open_text
from flask_ocpi.exchange.documents import replace_record
from flask_ocpi.exchange.documents import update
from flask_ocpi.signals import object_received
from flask_ocpi.signals import object_removed
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Page
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import fold
from flask_ocpi.storage.base import how_many_fit

#: An object that is changed piece by piece grows to so many times what it could be sent with at once.
_LARGEST = 2


def list_objects(ctx: Context, target: Target, body: None) -> Result:
    """Answer a page of our own objects that the calling platform may see, as stored text.

    OCPI 2.2.1, Transport and format, "Pagination".
    """
    asked = target.query
    cap = ctx.services.settings.limit_of(target.module.id)
    default = min(ctx.services.settings.default_limit, cap)
    limit = min(asked.get("limit", default), cap)
    if target.operation.dated and ctx.services.settings.require_date_from and "date_from" not in asked:
        raise InvalidParametersError("Invalid query parameter: date_from is required.")
    offset, most = asked.get("offset", 0), ctx.services.settings.max_page_bytes
    page = ctx.storage.list(
        described_object(target).kind,
        Query(
            owners=None if described_object(target).described else addressed_parties(ctx, target),
            receiver="",
            audience=ctx.audience,
            date_from=_micros(asked.get("date_from")),
            date_to=_micros(asked.get("date_to")),
            offset=offset,
            limit=limit,
            after=read_cursor(asked.get("cursor"), offset),
            max_bytes=most,
        ),
    )
    texts = page.texts
    fitting = how_many_fit(texts, most)
    if fitting < len(texts):  # the storage does not look at the length, and its cursor is for what it answered
        page, texts = Page(page.records[:fitting], page.total), texts[:fitting]
    return Result(array(texts), headers=_page_headers(ctx, target, page, limit, cap))


def get_object(ctx: Context, target: Target, body: None) -> Result:
    """Answer one of our own objects, or a part of it, that the calling platform may see."""
    record = next(find_all_own(ctx, target, described_object(target), object_id(target)), None)
    if record is None:
        raise missing(target)
    return Result(_text(record, target))


def find_all_own(ctx: Context, target: Target, object_type: ObjectType, id: str) -> Iterator[Record]:
    """Walk the objects with that id that our addressed parties have, as far as the calling platform may see them."""
    for owner in addressed_parties(ctx, target):
        record = ctx.storage.get(object_type.kind, Key.of(*owner, id))
        if record is not None and is_visible(ctx, record):
            yield record


def is_visible(ctx: Context, record: Record) -> bool:
    """Tell whether the calling platform may see one of our own objects."""
    return not record.audience or not set(ctx.audience).isdisjoint(record.audience)


def get_copy(ctx: Context, target: Target, body: None) -> Result:
    """Answer our copy of an object of the calling platform, or of a part of it, as it was received (PUSH-09)."""
    record = ctx.storage.get(described_object(target).kind, _copy_key(ctx, target))
    if record is None:
        raise missing(target)
    return Result(_text(record, target))


def put_object(ctx: Context, target: Target, body: Document) -> Result:
    """Store a whole object of the calling platform: 201 when it is new, 200 when it replaces one."""
    object_type = described_object(target)
    kind = object_type.kind
    _check_identity(target, body)
    key = Key.of(*target.owner, object_type.id_of(body), receiving_party(ctx, target), ctx.platform.id)
    record = Record.of(body, last_updated=to_micros(body["last_updated"]))
    if ctx.services.settings.refuse_older:
        created = _replace_older(ctx, kind, key, record)
    else:
        created = ctx.storage.save(kind, key, record)
    emit_received(ctx, target, key, record, created=created)
    return Result(http_status=201 if created else 200)


def put_part(ctx: Context, target: Target, body: Document) -> Result:
    """Add or replace a part (an EVSE, a Connector); ``last_updated`` above it rises (LOC-08, LOC-09)."""
    _check_identity(target, body)
    created = False

    def put(document: Document) -> Document:
        nonlocal created
        place = _place(document, target)
        if place.index is not None:
            _refuse_older(ctx, place.siblings[place.index], body)
        else:
            _check_room(ctx, target, place)
        created = place.put(body)
        return document

    _update(ctx, target, put, told=body)
    return Result(http_status=201 if created else 200)


def patch_object(ctx: Context, target: Target, body: Document) -> Result:
    """Change the given properties of an object; null clears one, everything left out stays (T-15 to T-20)."""
    changes = _changes(target, body)
    schema = ctx.services.schemas[described_object(target).schema]
    read = _reading(ctx, target)

    def patch(document: Document) -> Document:
        _refuse_older(ctx, document, changes)
        return merge(schema, document, changes, appended=described_object(target).appended, read=read)

    _update(ctx, target, patch, told=changes)
    return Result()


def patch_part(ctx: Context, target: Target, body: Document) -> Result:
    """Change the given properties of a part, and raise ``last_updated`` of what it belongs to (LOC-10)."""
    changes = _changes(target, body)
    schema = ctx.services.schemas[_part(target).schema]
    read = _reading(ctx, target)

    def patch(document: Document) -> Document:
        place = _place(document, target)
        if place.index is None:
            raise missing(target)
        _refuse_older(ctx, place.siblings[place.index], changes)
        place.put(merge(schema, place.siblings[place.index], changes, read=read))
        return document

    _update(ctx, target, patch, told=changes)
    return Result()


def _reading(ctx: Context, target: Target) -> Callable[..., Document]:
    """Return what checks the result of a PATCH: what was understood when it came is understood again."""

    def read(schema: Schema, document: Document, *, where: str) -> Document:
        return ctx.services.read(schema, document, ctx.source(target), where=where, partial=False)

    return read


def delete_object(ctx: Context, target: Target, body: None) -> Result:
    """Remove our copy of an object of the calling platform."""
    key = _copy_key(ctx, target)
    if not ctx.storage.delete(described_object(target).kind, key):
        raise missing(target)
    ctx.services.emit(object_removed, module=target.module.id, key=key, platform=ctx.platform)
    return Result()


def described_object(target: Target) -> ObjectType:
    """Return the class of stored objects that an operation works on."""
    if target.operation.object is None:
        raise TypeError(f"{target.operation.name} describes no object.")
    return target.operation.object


def _part(target: Target) -> Part:
    return described_object(target).parts[target.operation.part - 1]


def _part_ids(target: Target) -> list[str]:
    return [target.path[part.parameter.name] for part in described_object(target).parts[: target.operation.part]]


def _copy_key(ctx: Context, target: Target) -> Key:
    return Key.of(*target.owner, object_id(target), receiving_party(ctx, target), ctx.platform.id)


def object_id(target: Target) -> str:
    """Return the id under which the addressed object is stored, by the path and what of its key is in the query."""
    object_type = described_object(target)
    first, *others = object_type.id_key
    values = {name: target.query.get(name) for name in others}
    if object_type.parameter is not None:
        values[first] = target.path[object_type.parameter.name]
    return object_type.id_from(values)


def missing(target: Target) -> Exception:
    """Return the error for an object, or a part of it, that is not here."""
    segments = [target.path[p.name] for p in target.operation.parameters if p.name not in OWNER_KEY]
    object_type = described_object(target)
    names = [object_type.name, *(part.name for part in object_type.parts)][: len(segments)]
    shown = " ".join(f"{name} {segment!a}" for name, segment in zip(names, segments, strict=True))
    return object_type.missing(f"There is no {shown} here.")


def _text(record: Record, target: Target) -> bytes:
    if not target.operation.part:
        return record.text
    place = _place(open_text(record.text, described_object(target), _part_ids(target)).document, target)
    if place.index is None:
        raise missing(target)
    return orjson.dumps(place.siblings[place.index])


def _place(document: Document, target: Target) -> Place:
    place = locate(document, described_object(target), _part_ids(target))
    if place is None:
        raise missing(target)
    return place


def _check_room(ctx: Context, target: Target, place: Place) -> None:
    """Refuse one more part where there are as many as the whole object could be sent with."""
    above: list[ObjectType | Part] = [described_object(target), *described_object(target).parts]
    name = _part(target).property
    field = ctx.services.schemas[above[target.operation.part - 1].schema].load_fields[name]
    if isinstance(field, ListOf) and len(place.siblings) >= field.limit:
        raise InvalidParametersError(f"There are {len(place.siblings)} {name} already, and can be no more.")


def _update(ctx: Context, target: Target, change: Callable[[Document], Document], *, told: Document) -> None:
    """Change a copy by what the platform ``told``; one that is not here is fetched from it after the answer."""
    key = _copy_key(ctx, target)
    object_type, part_ids = described_object(target), _part_ids(target)
    most = _LARGEST * ctx.services.settings.max_body_bytes
    try:
        record = update(
            ctx.storage, object_type, key, change, missing=lambda: missing(target), part_ids=part_ids, most=most
        )
    except NotFoundError as error:
        missed = Missing(
            platform=ctx.platform,
            module=str(target.module.id),
            owner=target.owner,
            id=object_id(target),
            receiver=receiving_party(ctx, target),
            last_updated=to_micros(told["last_updated"]),
        )
        error.after = (lambda: ctx.services.missed(missed),)
        raise
    emit_received(ctx, target, key, record, created=False)


def _replace_older(ctx: Context, kind: str, key: Key, record: Record) -> bool:
    """Store a whole object unless the stored one is newer; True when there is none yet."""
    created = False

    def make(stored: Record | None) -> Record:
        nonlocal created
        created = stored is None
        if stored is not None and is_newer(stored.last_updated, record.last_updated, _now(ctx)):
            raise _older()
        return record

    replace_record(ctx.storage, kind, key, make)
    return created


def _check_identity(target: Target, body: Document) -> None:
    """Compare what URL and body say of the object's identity (PUSH-03, PUSH-04, T-20)."""
    operation = target.operation
    object_type = described_object(target)
    if operation.part:
        named = {_part(target).key: _part(target).parameter.name}
    else:
        named = {name: name for name in OWNER_KEY}
        if object_type.parameter is not None:
            named[object_type.id_key[0]] = object_type.parameter.name
    in_url = {name: (parameter, target.path[parameter]) for name, parameter in named.items()}
    for name, default in object_type.defaults:
        asked = target.query.get(name)
        if asked is not None or operation.partial:  # a PUT that does not say goes by its body (TOK-04)
            in_url[name] = (name, asked or default)
    for name, (parameter, value) in in_url.items():
        if body.get(name) is not None and fold(str(body[name])) != fold(value):
            raise InvalidParametersError(f"{name} in the body is not {parameter} in the URL ({value!a}).")


def _changes(target: Target, body: Document) -> Document:
    if body.get("last_updated") is None:
        raise InvalidParametersError("Invalid body: last_updated is required in a PATCH.")
    _check_identity(target, body)
    operation = target.operation
    identity = (_part(target).key,) if operation.part else described_object(target).key
    for name in identity:
        if name in body and body[name] is None:
            raise InvalidParametersError(f"Invalid body: {name} must not be null.")
    return {name: value for name, value in body.items() if name not in identity}


def _refuse_older(ctx: Context, stored: Document, body: Document) -> None:
    if not ctx.services.settings.refuse_older:
        return
    if is_newer(to_micros(stored["last_updated"]), to_micros(body["last_updated"]), _now(ctx)):
        raise _older()


def _older() -> InvalidParametersError:
    return InvalidParametersError("last_updated is older than that of the stored object, which is kept.")


def emit_received(ctx: Context, target: Target, key: Key, record: Record, *, created: bool) -> None:
    """Tell the host application that an object of another party is stored; decode it only for who listens."""
    if object_received.receivers:
        told = {"module": target.module.id, "key": key, "document": record.document, "created": created}
        ctx.services.emit(object_received, **told, platform=ctx.platform)


def _now(ctx: Context) -> int:
    return to_micros(format_date_time(ctx.services.clock()))


def _micros(text: str | None) -> int | None:
    return None if text is None else to_micros(text)


def _page_headers(ctx: Context, target: Target, page: Page, limit: int, cap: int) -> dict[str, str]:
    headers = {"X-Total-Count": str(page.total), "X-Limit": str(cap)}
    offset = target.query.get("offset", 0) + len(page.records)
    if page.records and offset < page.total:
        path = f"{ctx.version.number}{target.module.path_of(target.interface)}"
        cursor = make_cursor(offset, page.cursor)
        headers["Link"] = page_link(ctx.url(path), target.query, offset=offset, limit=limit, cursor=cursor)
    return headers
