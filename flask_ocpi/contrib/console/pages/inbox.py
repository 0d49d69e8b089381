"""The inbox: what somebody has to look at, with the document beside the reason."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from werkzeug.wrappers import Response

from flask_ocpi import Party
from flask_ocpi.contrib.console.desk import SHOWN
from flask_ocpi.contrib.console.desk import Desk
from flask_ocpi.contrib.console.desk import Level
from flask_ocpi.contrib.console.desk import Page
from flask_ocpi.contrib.console.pages.objects import ids_in
from flask_ocpi.contrib.console.pages.objects import values_of
from flask_ocpi.contrib.console.shown import path_in
from flask_ocpi.contrib.console.texts import TEXTS
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.host import Finding
from flask_ocpi.host import Undelivered

TABS = ("refused", "parked", "findings", "audits")


def show(desk: Desk) -> Response:
    """Show one of the lists: what we refused, what partners refused, other findings, audits."""
    tab = desk.text("tab") if desk.text("tab") in TABS else TABS[0]
    offset = desk.number("offset")
    lists = {"refused": _refused, "parked": _parked, "findings": _findings, "audits": _audits}
    found = lists[tab](desk, offset, SHOWN + 1)
    later = offset + SHOWN if len(found) > SHOWN else 0
    behind = [lag for lag in desk.ocpi.outbox.lags() if lag.parked] if tab == "parked" else []
    return desk.page("inbox", tab=tab, tabs=TABS, entries=found[:SHOWN], later=later, earlier=offset, behind=behind)


def _refused(desk: Desk, offset: int, limit: int) -> Sequence[Any]:
    return desk.ocpi.findings.list(refused=True, limit=offset + limit)[offset:]


def _findings(desk: Desk, offset: int, limit: int) -> Sequence[Any]:
    return desk.ocpi.findings.list(refused=False, limit=offset + limit)[offset:]


def _parked(desk: Desk, offset: int, limit: int) -> Sequence[Undelivered]:
    """Return a page of them, by partner: one that refuses everything may have many."""
    found: list[Undelivered] = []
    for lag in desk.ocpi.outbox.lags():
        if offset < lag.parked and len(found) < limit:
            found += desk.ocpi.outbox.list(lag.platform, parked=True, offset=offset, limit=limit - len(found))
        offset = max(0, offset - lag.parked)
    return found


def _audits(desk: Desk, offset: int, limit: int) -> Sequence[Mapping[str, Any]]:
    return desk.ocpi.pricing.unsettled(offset=offset, limit=limit)


def show_finding(desk: Desk) -> Response:
    """Show a finding: the document with the place that it is about."""
    entry = _finding(desk)
    return desk.page("finding", entry=entry, finding=entry.finding, stored=_stored(desk, entry.finding))


def _finding(desk: Desk) -> Any:
    entry = desk.ocpi.findings.find(desk.number("number"))
    if entry is None:
        raise NotFoundError(TEXTS.no_finding)
    return entry


def _stored(desk: Desk, finding: Finding) -> Mapping[str, str] | None:
    """Return what the URL of the object that a finding is about carries; None if it is not stored."""
    country_code, _, rest = finding.object.partition(" ")
    party_id, _, id = rest.partition(" ")
    owner = Party.of(country_code, party_id)
    source = None if owner in desk.ocpi.objects.parties() else finding.platform
    with suppress(FlaskOCPIError):
        return values_of(
            desk.ocpi.stored.find(finding.module, *ids_in(finding.module, id), owner=owner, platform=source)
        )
    return None


def remove_finding(desk: Desk) -> Response:
    """Mark a finding as done: it is removed, and comes again if the partner sends the flaw again."""
    entry = _finding(desk)
    finding = entry.finding
    return desk.act(
        TEXTS.did_remove_finding,
        lambda: desk.ocpi.findings.remove(entry.number),
        back="inbox",
        values={"tab": "refused" if finding.refused else "findings"},
        partner=finding.platform,
        object=f"{finding.module} {finding.object}".strip(),
    )


def show_parked(desk: Desk) -> Response:
    """Show what a partner refused: the own object as it is now, and the reason."""
    entry = _entry(desk)
    document = None
    with suppress(NotFoundError):  # it may have been removed
        document = desk.ocpi.stored.find(entry.module, *entry.ids, owner=entry.owner).document
    return desk.page("parked", entry=entry, document=document, path=path_in(entry.error, document))


def retry(desk: Desk) -> Response:
    """Send an entry again."""
    entry = _entry(desk)
    return _settle(desk, entry, TEXTS.did_retry, lambda: desk.ocpi.outbox.retry([entry]))


def retry_all(desk: Desk) -> Response:
    """Send all that a partner refused again."""
    outbox, partner = desk.ocpi.outbox, desk.ocpi.partners.find(desk.text("partner")).id

    def work() -> None:
        outbox.retry(outbox.list(partner, parked=True))

    return desk.act(TEXTS.did_retry_all, work, back="inbox", values={"tab": "parked"}, partner=partner)


def discard(desk: Desk) -> Response:
    """Remove an entry: the partner does not get this change."""
    entry = _entry(desk)
    return _settle(desk, entry, TEXTS.did_discard, lambda: desk.ocpi.outbox.discard([entry]))


def _entry(desk: Desk) -> Undelivered:
    return desk.ocpi.outbox.find(desk.text("partner"), desk.text("entry"))


def _settle(desk: Desk, entry: Undelivered, what: str, work: Any) -> Response:
    name = " ".join((entry.module, str(entry.owner), *entry.ids))
    return desk.act(what, work, back="inbox", values={"tab": "parked"}, partner=entry.platform, object=name)


PAGES = (
    Page("/inbox", "inbox", show),
    Page("/finding", "finding", show_finding),
    Page("/finding/done", "remove_finding", remove_finding, Level.OPERATE, "POST"),
    Page("/parked", "parked", show_parked),
    Page("/parked/retry", "retry", retry, Level.OPERATE, "POST"),
    Page("/parked/retry-all", "retry_all", retry_all, Level.OPERATE, "POST"),
    Page("/parked/discard", "discard", discard, Level.OPERATE, "POST"),
)
