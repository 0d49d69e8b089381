"""The generic verbs that most operations use: list, get, put, patch, delete."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson

from flask_ocpi.core.converting import MORE
from flask_ocpi.core.converting import LeftOutError
from flask_ocpi.core.description import OWNER_KEY
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Part
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import is_newer
from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.responses import array
from flask_ocpi.core.responses import make_cursor
from flask_ocpi.core.responses import page_link
from flask_ocpi.core.responses import read_cursor
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Missing
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.documents import Place
from flask_ocpi.exchange.documents import locate
from flask_ocpi.exchange.documents import merge
from flask_ocpi.exchange.documents import open_text
from flask_ocpi.exchange.documents import replace_record
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.exchange.origins import finder
from flask_ocpi.exchange.origins import origin_of
from flask_ocpi.exchange.targets import Target
from flask_ocpi.partners.claims import party_of
from flask_ocpi.signals import object_received
from flask_ocpi.signals import object_removed
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Page
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import fold
from flask_ocpi.storage.base import how_many_fit
from flask_ocpi.storage.base import walk

#: An object that grows part by part may be this many times as large as one request can send.
_LARGEST = 2
#: The parameters of a query that select a page of a list.
OF_PAGES = ("offset", "limit", "cursor")


def list_objects(ctx: Context, target: Target, body: None) -> Result:
    """Answer a page of our own objects that the calling partner may see, as stored text.

    OCPI 2.2.1, Transport and format, "Pagination".
    """
    asked = target.query
    limit, cap = _limits(ctx, target)
    if target.operation.dated and ctx.services.settings.require_date_from and "date_from" not in asked:
        raise InvalidParametersError("Invalid query parameter: date_from is required.")
    offset, most = asked.get("offset", 0), ctx.services.settings.max_page_bytes
    after = read_cursor(asked.get("cursor"), offset)
    query = _selected(ctx, target, offset=offset, limit=limit, after=after, max_bytes=most)
    page = ctx.storage.list(target.object_type.kind, query)
    texts = page.texts
    fitting = how_many_fit(texts, most)
    if fitting < len(texts):  # the storage ignores the length, and its cursor follows the whole page
        page, texts = Page(page.records[:fitting], page.total), texts[:fitting]
    headers = _page_headers(ctx, target, len(texts), page.total, limit, cap, cursor=page.cursor)
    return Result(array(texts), headers=headers, objects=texts)


def list_fitting(ctx: Context, target: Target, fits: Callable[[Document], bool]) -> Result:
    """Answer a page of the matching own objects; no index of the storage finds these."""
    records = walk(ctx.storage, target.object_type.kind, _selected(ctx, target))
    return page_of(ctx, target, (record.text for record in records if fits(record.document)))


def page_of(ctx: Context, target: Target, texts: Iterable[bytes]) -> Result:
    """Answer the requested page of a list of objects."""
    limit, cap = _limits(ctx, target)
    offset = target.query.get("offset", 0)
    chosen: list[bytes] = []
    total = 0
    for text in texts:
        if offset <= total < offset + limit:
            chosen.append(text)
        total += 1
    chosen = chosen[: how_many_fit(chosen, ctx.services.settings.max_page_bytes)]
    headers = _page_headers(ctx, target, len(chosen), total, limit, cap)
    return Result(array(chosen), headers=headers, objects=chosen)


def _limits(ctx: Context, target: Target) -> tuple[int, int]:
    """Return the most objects on the requested page, and on any."""
    settings = ctx.services.settings
    cap = settings.limit_of(target.module.identifier)
    return min(target.query.get("limit", settings.page_limit), cap), cap


def _selected(ctx: Context, target: Target, **page: Any) -> Query:
    """Return the selection of own objects in a list for the caller. page: other fields of the query."""
    return Query(
        owners=None if target.object_type.described else target.owners,
        receiver="",
        audience=ctx.audience,
        date_from=_micros(target.query.get("date_from")),
        date_to=_micros(target.query.get("date_to")),
        **page,
    )


def get_object(ctx: Context, target: Target, body: None) -> Result:
    """Answer one of our own objects, or a part of it, that the calling partner may see."""
    record = next(find_all_own(ctx, target), None)
    if record is None:
        raise target.missing()
    return Result(_text(record, target))


def find_all_own(ctx: Context, target: Target) -> Iterator[Record]:
    """Yield the own objects of our parties with the requested id that the calling partner may see."""
    for key in target.own_keys:
        record = ctx.storage.get(target.object_type.kind, key)
        if record is not None and is_visible(ctx, record):
            yield record


def is_visible(ctx: Context, record: Record) -> bool:
    """Tell whether the calling partner may see one of our own objects."""
    return not record.audience or not set(ctx.audience).isdisjoint(record.audience)


def get_copy(ctx: Context, target: Target, body: None) -> Result:
    """Answer our copy of an object of the calling partner, or of a part of it, as it was received (PUSH-09)."""
    record = ctx.storage.get(target.object_type.kind, target.key)
    if record is None:
        raise target.missing()
    return Result(_text(record, target))


def put_object(ctx: Context, target: Target, body: Document) -> Result:
    """Store a whole object of the calling partner: 201 when it is new, 200 when it replaces one."""
    check_identity(target, body)
    return store_copy(ctx, target, target.key_of(target.object_type.id_of(body)), body)


def post_object(ctx: Context, target: Target, body: Document) -> Result:
    """Store a whole object of the calling partner; only the body names its owner: 201 when it is new."""
    owner = callers_party(ctx, body)
    id = target.object_type.id_of(body)
    return store_copy(ctx, target, Key.of(*owner, id, target.receiver, ctx.platform.id), body)


def store_copy(ctx: Context, target: Target, key: Key, body: Document) -> Result:
    """Store a whole object of the calling partner: 201 when it is new, 200 when it replaces one."""
    kind = target.object_type.kind
    record = Record.of(body, last_updated=to_micros(body["last_updated"]))
    if ctx.services.settings.reject_stale or target.object_type.refused_change is not None:
        created = _replace_older(ctx, target, key, record)
    else:
        created = ctx.services.storage.save(kind, key, record)
    emit_received(ctx, target, key, record, created=created)
    return Result(http_status=201 if created else 200)


def callers_party(ctx: Context, data: Document, where: str = "country_code and party_id") -> Party:
    """Return the party that an object names, which must be one of the caller's; else raise InvalidParametersError."""
    party = party_of(data)
    if not ctx.services.platforms.speaks_for(ctx.platform, party):
        raise InvalidParametersError(f"{where}: {party} is not one of your parties.")
    return party


def put_part(ctx: Context, target: Target, body: Document) -> Result:
    """Add or replace a part (an EVSE, a Connector); ``last_updated`` above it rises (LOC-08, LOC-09)."""
    check_identity(target, body)
    created = False

    def put(document: Document) -> Document:
        nonlocal created
        place = locate(document, target.object_type, target.part_ids)
        if place is None:
            raise target.missing()
        if place.index is None:
            _check_room(ctx, target, place)
        elif ctx.services.settings.reject_stale:
            _refuse_older(ctx, place.siblings[place.index], body)
        created = place.put(body)
        return document

    _change(ctx, target, put, told=body)
    return Result(http_status=201 if created else 200)


def patch_object(ctx: Context, target: Target, body: Document) -> Result:
    """Change the given properties of an object; null clears one, all others stay (T-15 to T-20)."""
    changes = _changes(ctx, target, body)

    def patch(document: Document) -> Document:
        _refuse_older(ctx, document, changes)
        merged = _merged(ctx, target, target.object_type, document, changes)
        _check_change(ctx, target, document, merged)
        return merged

    _change(ctx, target, patch, told=changes)
    return Result()


def patch_part(ctx: Context, target: Target, body: Document) -> Result:
    """Change the given properties of a part, and raise ``last_updated`` of the objects around it (LOC-10)."""
    changes = _changes(ctx, target, body)

    def patch(document: Document) -> Document:
        place = locate(document, target.object_type, target.part_ids)
        if place is None or place.index is None:
            raise target.missing()
        part = place.siblings[place.index]
        _refuse_older(ctx, part, changes)
        place.put(_merged(ctx, target, target.part, part, changes))
        return document

    _change(ctx, target, patch, told=changes)
    return Result()


def delete_object(ctx: Context, target: Target, body: None) -> Result:
    """Remove our copy of an object of the calling partner."""
    key = target.key
    if not ctx.storage.delete(target.object_type.kind, key):
        raise target.missing()
    ctx.services.emit(object_removed, module=target.module.id, key=key, platform=ctx.platform)
    return Result()


def _text(record: Record, target: Target) -> bytes:
    if not target.part_ids:
        return record.text
    opened = open_text(record.text, target.object_type, target.part_ids)
    place = locate(opened.document, target.object_type, target.part_ids)
    if place is None or place.index is None:
        raise target.missing()
    part = orjson.dumps(place.siblings[place.index])
    return MORE + part if MORE in record.text else part


def _check_room(ctx: Context, target: Target, place: Place) -> None:
    """Refuse a new part if the list has as many parts as a request could send."""
    above: Sequence[ObjectType | Part] = (target.object_type, *target.object_type.parts)
    name = target.part.property
    field = ctx.services.schemas[above[target.operation.part - 1].schema].load_fields[name]
    if isinstance(field, ListOf) and len(place.siblings) >= field.limit:
        raise InvalidParametersError(f"There are {len(place.siblings)} {name} already, and can be no more.")


def _change(ctx: Context, target: Target, change: Callable[[Document], Document], *, told: Document) -> None:
    """Change a copy by the properties in ``told``; a missing object is fetched from the partner after the answer."""
    key, object_type = target.key, target.object_type
    most = _LARGEST * ctx.services.settings.max_body_bytes

    def make(record: Record | None) -> Record:
        if record is None:
            raise target.missing()
        opened = open_text(record.text, object_type, target.part_ids)
        return opened.record(object_type, change(opened.document), audience=record.audience, most=most)

    try:
        record = replace_record(ctx.services.storage, object_type.kind, key, make)
    except NotFoundError as error:
        missed = Missing(
            platform=ctx.platform,
            module=str(target.module.id),
            owner=target.owner,
            id=target.id,
            receiver=target.receiver,
            last_updated=to_micros(told["last_updated"]),
        )
        error.after = (lambda: ctx.services.missed(missed),)
        raise
    emit_received(ctx, target, key, record, created=False)


def _merged(
    ctx: Context, target: Target, changed: ObjectType | Part, document: Document, changes: Document
) -> Document:
    """Return an object or a part with the changes of a PATCH, read as leniently as it was when it came.

    The changes are made in the shape of the caller's version.
    """
    cls = target.operation.body
    if cls is None:
        raise TypeError(f"{target.operation.name} takes no body.")
    read = partial(ctx.services.read, source=target.source, partial=False)
    appended = changed.appended if isinstance(changed, ObjectType) and ctx.version.dialect.patch_appends else ()
    schema, conversion = ctx.services.schemas[cls], ctx.version.conversion(cls)
    if conversion is None or (conversion.is_marked and not conversion.says_more(document)):
        return merge(schema, document, changes, appended=appended, read=read)
    receiver = target.only_receiver
    try:
        before = conversion.from_store(document, find=finder(ctx.services, receiver, ctx.platform.id))
    except LeftOutError as error:
        raise target.missing() from error
    after = merge(schema, before, changes, appended=appended, read=read)
    return conversion.merged(document, before, after, origin_of(ctx.services, target.owner, receiver))


def _replace_older(ctx: Context, target: Target, key: Key, record: Record) -> bool:
    """Store a whole object unless the stored one is newer or does not allow the change; True if it is new."""
    created = False
    stale = ctx.services.settings.reject_stale

    def make(stored: Record | None) -> Record:
        nonlocal created
        created = stored is None
        if stored is not None:
            if stale and is_newer(stored.last_updated, record.last_updated, ctx.services.now()):
                raise _older()
            _check_change(ctx, target, stored.document, record.document)
        return record

    replace_record(ctx.storage, target.object_type.kind, key, make)
    return created


def _check_change(ctx: Context, target: Target, before: Document, after: Document) -> None:
    """Refuse a change that the object does not allow; without strict reading accept it and add a finding."""
    refused = target.object_type.refused_change
    reason = None if refused is None else refused(before, after)
    if reason is None:
        return
    if ctx.services.receives_strictly(ctx.platform):
        raise InvalidParametersError(reason)
    source = target.source
    outcome = f"{reason} It was changed all the same."
    ctx.services.findings.add(Finding(source.platform, "kept", source.module, source.object, outcome=outcome))


def check_identity(target: Target, body: Document) -> None:
    """Compare the identity of the object in URL and body (PUSH-03, PUSH-04, T-20)."""
    operation, object_type = target.operation, target.object_type
    if operation.part:
        part = target.part
        _check_same(body, part.key, part.parameter.name, target.path[part.parameter.name])
    else:
        for name in OWNER_KEY:
            _check_same(body, name, name, target.path[name])
        if object_type.parameter is not None:
            parameter = object_type.parameter.name
            _check_same(body, object_type.id_key[0], parameter, target.path[parameter])
    for name, default in object_type.defaults:
        asked = target.query.get(name)
        if asked is not None or operation.partial:  # a PUT without it uses its body (TOK-04)
            _check_same(body, name, name, asked or default)


def _check_same(body: Document, name: str, parameter: str, value: str) -> None:
    told = body.get(name)
    if told is not None and told != value and fold(str(told)) != fold(value):
        raise InvalidParametersError(f"{name} in the body is not {parameter} in the URL ({value!a}).")


def _changes(ctx: Context, target: Target, body: Document) -> Document:
    if body.get("last_updated") is None:
        if not ctx.version.dialect.patch_has_last_updated:
            return _changes(ctx, target, {**body, "last_updated": format_date_time(ctx.services.clock())})
        raise InvalidParametersError("Invalid body: last_updated is required in a PATCH.")
    check_identity(target, body)
    identity = (target.part.key,) if target.operation.part else target.object_type.key
    for name in identity:
        if name in body and body[name] is None:
            raise InvalidParametersError(f"Invalid body: {name} must not be null.")
    return {name: value for name, value in body.items() if name not in identity}


def _refuse_older(ctx: Context, stored: Document, body: Document) -> None:
    if not ctx.services.settings.reject_stale:
        return
    if is_newer(to_micros(stored["last_updated"]), to_micros(body["last_updated"]), ctx.services.now()):
        raise _older()


def _older() -> InvalidParametersError:
    return InvalidParametersError("last_updated is older than that of the stored object, which is kept.")


def emit_received(ctx: Context, target: Target, key: Key, record: Record, *, created: bool) -> None:
    """Announce a stored copy to the host application; decode it only if there are listeners."""
    if object_received.receivers:
        told = {"module": target.module.id, "key": key, "document": record.document, "created": created}
        ctx.services.emit(object_received, **told, platform=ctx.platform)


def _micros(text: str | None) -> int | None:
    return None if text is None else to_micros(text)


def _page_headers(
    ctx: Context, target: Target, number: int, total: int, limit: int, cap: int, *, cursor: str | None = None
) -> dict[str, str]:
    """Return the headers of a page with so many objects. cursor: that of the storage, behind the page."""
    headers = {"X-Total-Count": str(total), "X-Limit": str(cap)}
    offset = target.query.get("offset", 0) + number
    if number and offset < total:
        path = f"{ctx.version.number}{target.module.path_of(target.interface)}"
        declared = () if target.operation.query is None else target.operation.query._declared_fields
        filters = {name: value for name, value in target.query.items() if name in declared and name not in OF_PAGES}
        here = make_cursor(offset, cursor)
        headers["Link"] = page_link(ctx.url(path), filters, offset=offset, limit=limit, cursor=here)
    return headers
