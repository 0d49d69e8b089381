"""Objects in the shape for one partner: that of its version, with its quirks."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_HALF_UP
from decimal import Decimal
from typing import Any

import orjson

from flask_ocpi.core.converting import FAILURES
from flask_ocpi.core.converting import MORE
from flask_ocpi.core.converting import Conversion
from flask_ocpi.core.converting import Find
from flask_ocpi.core.converting import LeftOutError
from flask_ocpi.core.converting import Lose
from flask_ocpi.core.converting import Reference
from flask_ocpi.core.converting import nothing
from flask_ocpi.core.converting import unnoted
from flask_ocpi.core.description import Handler
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.quirks import Quirks
from flask_ocpi.core.responses import array
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotSaidError
from flask_ocpi.errors import OCPIError
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.exchange.findings import Source
from flask_ocpi.exchange.findings import name_of
from flask_ocpi.exchange.handlers import OF_PAGES
from flask_ocpi.exchange.handlers import page_of
from flask_ocpi.exchange.origins import finder
from flask_ocpi.exchange.origins import origin_of
from flask_ocpi.exchange.targets import Target
from flask_ocpi.modules.tariffs import PriceComponent
from flask_ocpi.modules.types import Price
from flask_ocpi.storage.base import Party
from flask_ocpi.versions import v2_3_0
from flask_ocpi.versions.lists import SaidList
from flask_ocpi.versions.stored import TaxAmount

_AMOUNTS = {
    Price: ("excl_vat", "incl_vat"),
    PriceComponent: ("price",),
    v2_3_0.Price: ("before_taxes",),
    v2_3_0.PriceComponent: ("price",),
    v2_3_0.PriceLimit: ("before_taxes", "after_taxes"),
    TaxAmount: ("amount",),
}


#: Lists that software for which there is send-nulls declares as one object, so that it wants null for them.
_ONE_FOR_IT = ("status_schedule", "environ_impact")

_MOST_KEPT = 300  # bodies
_LONGEST_KEPT = 16 * 1024  # bytes


def shaped(schema: Schema, document: Any, quirks: Quirks, *, partial: bool = False) -> Any:
    """Return an object as a partner with these quirks gets it; the argument is not changed.

    partial: the object is a PATCH, in which null would remove a property.
    """
    if not isinstance(document, dict):
        return document
    fields = schema.load_fields
    made: Document = {
        name: _value(fields[name], value, quirks) if name in fields else value
        for name, value in document.items()
        if name in fields or not quirks.strip_unknown
    }
    if isinstance(schema, Price) and quirks.always_incl_vat and made.get("incl_vat") is None and "excl_vat" in made:
        made["incl_vat"] = made["excl_vat"]
    for name in _AMOUNTS.get(type(schema), ()) if quirks.integer_prices else ():
        made[name] = _whole(made.get(name))
        if made[name] is None:
            del made[name]
    if quirks.send_nulls and not partial:
        made |= {name: None for name, field in fields.items() if name not in made and _wants_null(name, field)}
    return made


def shaped_text(schema: Schema, text: bytes, quirks: Quirks) -> bytes:
    """Return JSON of an object, or of a list of objects, as a partner with these quirks gets it."""
    data = orjson.loads(text)
    if isinstance(data, list):
        return orjson.dumps([shaped(schema, item, quirks) for item in data])
    return orjson.dumps(shaped(schema, data, quirks))


def handler_of(version: Version, operation: Operation) -> Handler:
    """Return the handler of an operation, for bodies and answers in the shape of the version.

    The handler of the operation takes and returns the stored shape, except for the changes in a PATCH.
    """
    taken = None if operation.partial else version.conversion(operation.body)
    returned = version.conversion(operation.returns)
    if taken is not None and taken.is_marked:
        taken = None  # the body is in the stored shape
    if taken is None and returned is None:
        return operation.handler
    listed = SaidList(returned) if returned is not None and operation.returns_list else None
    whole = None
    if operation.object is not None and operation.part and operation.method == "GET":
        whole = version.whole(operation.object)

    def handle(ctx: Context, target: Target, body: Document | None) -> Result:
        if taken is not None and body is not None:
            body = taken.to_store(body, origin_of(ctx.services, _owner_in(ctx, target), target.only_receiver))
        if whole is not None:
            _check_whole(ctx, target, operation, whole)
        try:
            result: Result = operation.handler(ctx, target, body)
        except OCPIError as error:
            if returned is not None and error.data is not None:
                error.data = returned.text_from_store(error.data)
            raise
        if returned is None or result.data is None or (returned.is_marked and MORE not in result.data):
            return result
        if operation.object is None:
            return replace(result, data=returned.text_from_store(result.data))
        find = _find_for(ctx, target)
        if listed is not None and result.objects is not None:
            return _said_list(ctx, target, version, result, listed, find)
        lose = losing(ctx.services, target.source, version)
        try:
            data = returned.text_from_store(result.data, lose, find)
        except LeftOutError as error:
            lose("", str(error))
            raise target.missing() from error
        return replace(result, data=data)

    return handle


def _check_whole(ctx: Context, target: Target, operation: Operation, whole: Conversion) -> None:
    """Answer a part as the whole object: raise the error for a missing one if the version cannot say it."""
    result: Result = operation.handler(ctx, replace(target, part_ids=()), None)
    try:
        whole.text_from_store(result.data or b"null")
    except LeftOutError as error:
        raise target.missing() from error


def _said_list(ctx: Context, target: Target, version: Version, page: Result, listed: SaidList, find: Find) -> Result:
    """Return a page without the objects that the version cannot express.

    If the whole list is known, offsets and the total count only the objects that are left, else all. A version whose
    lists leave out objects reads the whole list, unless that is too long.
    """
    source, key = target.source, target.object_type.key

    def lose(document: Document) -> Lose:
        named = losing(ctx.services, replace(source, object=name_of(document, key, {})), version)
        alike = losing(ctx.services, source, version)  # all objects of a list lose the same
        return lambda pointer, reason: (alike if pointer else named)(pointer, reason)

    is_whole = "Link" not in page.headers and not target.query.get("offset")
    whole = page if is_whole else None if version.dialect.lists_all else _whole_list(ctx, target, page, listed)
    texts = listed.texts((whole or page).objects or (), lose, find, source.platform)
    return replace(page, data=array(texts)) if whole is None else page_of(ctx, target, texts)


def _whole_list(ctx: Context, target: Target, page: Result, listed: SaidList) -> Result | None:
    """Return the list of a page as one page; None if it is too long."""
    cap = int(page.headers["X-Limit"])
    if int(page.headers["X-Total-Count"]) > listed.most_whole(cap):
        return None
    filters = {name: value for name, value in target.query.items() if name not in OF_PAGES}
    found: Result = target.operation.handler(ctx, replace(target, query={**filters, "limit": cap}), None)
    return None if "Link" in found.headers else found


def said(
    services: Services,
    version: Version,
    cls: type[Schema],
    body: Document,
    *,
    where: str,
    lose: Lose = unnoted,
    find: Find = nothing,
) -> Document:
    """Return a body in the shape of a version.

    Raises NotSaidError if the version cannot express it, InvalidParametersError if the result is not valid.
    """
    conversion = version.conversion(cls)
    if conversion is None or (conversion.is_marked and not conversion.says_more(body)):
        return body
    try:
        sent = conversion.from_store(body, lose, find)
    except LeftOutError as error:
        lose("", str(error))
        refused = NotSaidError(f"{where} cannot be said in OCPI {version.number}: {error}")
        refused.for_now = error.for_now
        raise refused from error
    except FAILURES as error:
        raise InvalidParametersError(f"{where} cannot be said in OCPI {version.number}: {error!r}.") from error
    return load(services.schemas[cls], sent, where=where)


def said_once(
    services: Services,
    version: Version,
    cls: type[Schema],
    body: Document,
    *,
    where: str,
    lose: Lose = unnoted,
    find: Find = nothing,
) -> Document:
    """Return a body as :func:`said` does; one that was just made, for any partner, is not made again.

    Its losses are noted for each partner. One with other objects in it is made anew, since they may have changed.
    """
    conversion = version.conversion(cls)
    if conversion is None or (conversion.is_marked and not conversion.says_more(body)):
        return body
    state = (version.number, cls, orjson.dumps(body))
    known = services.said.get(state)
    if known is not None:
        for loss in known[1]:
            lose(*loss)
        made: Document = orjson.loads(known[0])
        return made
    losses: list[tuple[str, str]] = []
    has_others = False

    def found(kind: str, references: Collection[Reference]) -> Mapping[Reference, Document]:
        nonlocal has_others
        has_others = True
        return find(kind, references)

    def lost(pointer: str, reason: str) -> None:
        losses.append((pointer, reason))
        lose(pointer, reason)

    sent = said(services, version, cls, body, where=where, lose=lost, find=found)
    if not has_others and len(state[2]) <= _LONGEST_KEPT:
        if len(services.said) >= _MOST_KEPT:
            services.said.clear()
        services.said[state] = (orjson.dumps(sent), tuple(losses))
    return sent


def losing(services: Services, source: Source, version: Version) -> Lose:
    """Return a function that notes the losses of an object in a version, as findings of a platform."""

    def lose(pointer: str, reason: str) -> None:
        outcome, path = f"{reason} OCPI {version.number} is spoken.", place_of(pointer)
        services.findings.add(Finding(source.platform, "not_sent", source.module, source.object, path, outcome=outcome))

    return lose


def place_of(pointer: str) -> str:
    """Return a JSON pointer as a path of findings, without positions in lists: ``evses[].status``."""
    path = "".join("[]" if part.isdigit() else f".{part}" for part in pointer.split("/")[1:])
    return path.removeprefix("[]").removeprefix(".")  # the path of an object in a list is that of the object


def _find_for(ctx: Context, target: Target) -> Find:
    """Return a function that finds related objects: own ones, or copies of the caller's."""
    if target.interface.role is InterfaceRole.SENDER:
        return finder(ctx.services)
    return finder(ctx.services, target.only_receiver, ctx.platform.id)


def _owner_in(ctx: Context, target: Target) -> Party | None:
    """Return the owner of the object in a request: the party in its URL, or the only party of the caller."""
    if "party_id" in target.path:
        return target.owner
    return ctx.platform.parties[0] if len(ctx.platform.parties) == 1 else None


def _wants_null(name: str, field: Any) -> bool:
    """Tell whether software that wants null for what is absent wants it here: it refuses null for a list."""
    return not field.required and (not isinstance(field, ListOf) or name in _ONE_FOR_IT)


def _value(field: Any, value: Any, quirks: Quirks) -> Any:
    if isinstance(field, Object):
        nested: Any = field.schema
        return shaped(nested, value, quirks)
    if isinstance(field, ListOf) and isinstance(value, list):
        return [_value(field.inner, item, quirks) for item in value]
    if isinstance(field, DateTime) and quirks.offset_in_dates and isinstance(value, str) and value.endswith("Z"):
        return f"{value[:-1]}+00:00"
    return value


def _whole(amount: Any) -> Any:
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        return amount
    return int(Decimal(repr(amount)).quantize(Decimal(1), ROUND_HALF_UP))
