"""Stored objects: lists with filters, one object in full, sending it again, and comparing it with a partner."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime
from typing import Any

from werkzeug.wrappers import Response

from flask_ocpi import Party
from flask_ocpi.contrib.console.desk import SHOWN
from flask_ocpi.contrib.console.desk import Desk
from flask_ocpi.contrib.console.desk import Level
from flask_ocpi.contrib.console.desk import Page
from flask_ocpi.contrib.console.pages import pricing
from flask_ocpi.contrib.console.texts import TEXTS
from flask_ocpi.core.moments import SECOND
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.host import Item


def show_all(desk: Desk) -> Response:
    """Show the objects of a module, own ones or those of a partner, the latest first."""
    modules = desk.ocpi.objects.modules()
    module = desk.text("module") or modules[0]
    partner, text, since, offset = desk.text("partner"), desk.text("text"), desk.text("since"), desk.number("offset")
    found = desk.ocpi.stored.page(
        module, platform=partner or None, text=text, since=_midnight(since), offset=offset, limit=SHOWN
    )
    return desk.page(
        "objects",
        modules=modules,
        module=module,
        partners=desk.ocpi.partners.list(),
        partner=partner,
        text=text,
        since=since,
        found=found,
        rows=[(item, values_of(item), in_short(item)) for item in found.items],
        earlier=offset,
        later=offset + SHOWN if found.more else 0,
    )


def show(desk: Desk) -> Response:
    """Show an object with what belongs to it: its price, its audit, the partners that it may be sent to."""
    item = _item(desk)
    receivers = [] if item.platform else [each for each in desk.ocpi.partners.list() if each.is_registered]
    more = pricing.more_about(desk, item)
    kind = desk.ocpi.objects.object_type(item.module).name
    return desk.page(
        "object",
        item=item,
        values=values_of(item),
        receivers=receivers,
        short=in_short(item),
        story_kind=kind if kind in desk.ocpi.journal.kinds else "",
        **more,
    )


def send(desk: Desk) -> Response:
    """Send the current state of an own object again, to one partner or to all."""
    item, partner = _item(desk), desk.text("to")

    def work() -> None:
        if not desk.ocpi.stored.send(item, partner or None):
            raise InvalidParametersError(TEXTS.nobody_receives)

    return desk.act(TEXTS.did_send, work, back="object", values=values_of(item), partner=partner, object=item.name)


def audit(desk: Desk) -> Response:
    """Audit a CDR again."""
    item = _item(desk)
    return _audited(desk, item, TEXTS.did_audit, lambda: desk.ocpi.pricing.audit(item.document))


def settle(desk: Desk) -> Response:
    """Mark the audit of a CDR as dealt with."""
    item = _item(desk)
    return _audited(desk, item, TEXTS.did_settle, lambda: desk.ocpi.pricing.settle(item.document, desk.visitor.name))


def _audited(desk: Desk, item: Item, what: str, work: Any) -> Response:
    values = values_of(item)
    return desk.act(what, work, back="object", values=values, partner=item.platform, object=item.name)


def values_of(item: Item) -> dict[str, str]:
    """Return what the URL of an object carries."""
    owner = f"{item.owner.country_code}-{item.owner.party_id}"
    return {"module": item.module, "owner": owner, "id": " ".join(item.ids), "partner": item.platform}


def in_short(item: Item) -> str:
    """Return the few values by which people recognise an object."""
    document = item.document
    names = _SHORT.get(item.module, ())
    parts = [_text(document, name) for name in names]
    if item.module == "locations":
        parts.append(TEXTS.evses_of.format(len(document.get("evses") or ())))
    return " · ".join(filter(None, parts))


_SHORT = {
    "locations": ("name", "address", "city", "country"),
    "sessions": ("status", "start_date_time", "kwh", "total_cost", "location_id"),
    "cdrs": ("start_date_time", "total_energy", "total_cost", "session_id"),
    "tariffs": ("type", "currency"),
    "tokens": ("type", "contract_id", "visual_number", "whitelist", "valid"),
    "hubclientinfo": ("role", "status"),
}
_UNITS = {"kwh": "kWh", "total_energy": "kWh"}


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if isinstance(value, dict):  # a price
        value = value.get("incl_vat") or value.get("excl_vat")
    if value is None:
        return ""
    unit = document.get("currency", "") if name == "total_cost" else _UNITS.get(name, "")
    return f"{str(value).lower() if isinstance(value, bool) else value} {unit}".strip()


def _item(desk: Desk) -> Item:
    country_code, _, party_id = desk.text("owner").partition("-")
    module, partner = desk.text("module"), desk.text("partner")
    owner = Party.of(country_code, party_id)
    return desk.ocpi.stored.find(module, *ids_in(module, desk.text("id")), owner=owner, platform=partner or None)


def ids_in(module: str, text: str) -> list[str]:
    """Return the ids of an object: the uid of a Token is followed by its type."""
    return text.rsplit(" ", 1) if module == "tokens" else [text]


def _midnight(day: str) -> int | None:
    """Return the beginning of a day such as 2026-01-31, in microseconds; None for no day."""
    if not day:
        return None
    try:
        return int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) * SECOND
    except ValueError:
        raise InvalidParametersError(TEXTS.no_day.format(day)) from None


DIRECTIONS = ("theirs", "copies")


def compare(desk: Desk) -> Response:
    """Call a partner, and show which objects of a module differ; ``repair`` sends or stores them."""
    partners = desk.ocpi.partners
    partner = partners.find(desk.text("partner"))
    module, ids, owner = desk.text("module"), desk.text("id"), desk.text("owner")
    direction = desk.text("direction") if desk.text("direction") in DIRECTIONS else None
    repair = desk.text("repair") == "yes"
    party = Party.of(*owner.split("-", 1)) if "-" in owner else None
    addressed = ids_in(module, ids) if ids else []
    name = f"{module} {ids}".strip()
    with desk.noted(TEXTS.did_repair, partner=partner.id, object=name) if repair else nullcontext():
        found = partners.diff(partner, module, *addressed, direction=direction, party=party, repair=repair)
    values = {"partner": partner.id, "module": module, "id": ids, "owner": owner, "direction": found.direction}
    return desk.page("compared", partner=partner, diff=found.to_dict(), values=values)


PAGES = (
    Page("/objects", "objects", show_all),
    Page("/object", "object", show),
    Page("/object/send", "send_object", send, Level.OPERATE, "POST"),
    Page("/object/audit", "audit", audit, Level.OPERATE, "POST"),
    Page("/object/settle", "settle", settle, Level.OPERATE, "POST"),
    Page("/compare", "compare", compare, Level.OPERATE, "POST"),
)
