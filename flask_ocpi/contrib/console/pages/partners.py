"""The partners: a card for each, one partner in full, and what an administrator does with them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from werkzeug.wrappers import Response

from flask_ocpi.contrib.console.desk import Desk
from flask_ocpi.contrib.console.desk import Level
from flask_ocpi.contrib.console.desk import Page
from flask_ocpi.contrib.console.texts import TEXTS
from flask_ocpi.core import quirks
from flask_ocpi.host.actions import without_secrets
from flask_ocpi.host.partners import Partners


def show_all(desk: Desk) -> Response:
    """Show a card for each partner."""
    cards = [card.to_dict() for card in desk.ocpi.partners.status()]
    services = desk.ocpi.services
    return desk.page(
        "partners", cards=cards, versions=services.settings.versions, own_roles=sorted(map(str, services.own_roles))
    )


def show(desk: Desk) -> Response:
    """Show a partner with its roles, endpoints, quirks and pending requests."""
    id = desk.ocpi.partners.find(desk.text("id")).id
    return _partner(desk, id)


def _partner(desk: Desk, id: str, **more: Any) -> Response:
    partners = desk.ocpi.partners
    shown = {"token": None, "versions_url": None, "report": None, **more}
    return desk.page(
        "partner",
        card=partners.card(id).to_dict(),
        requests=partners.requests(id),
        in_force=partners.quirks(id),
        known=quirks.TABLE,
        modules=desk.ocpi.objects.modules(),
        **shown,
    )


def probe(desk: Desk) -> Response:
    """Check the platform of a partner against the specification, and show the results."""
    id = desk.ocpi.partners.find(desk.text("id")).id
    with desk.noted(TEXTS.did_probe, partner=id):
        report = desk.ocpi.partners.probe(id)
    return _partner(desk, id, report=report)


def invite(desk: Desk) -> Response:
    """Invite a partner; the answer shows the token, this once."""
    ocpi, name = desk.ocpi, desk.text("name")
    url = ocpi.versions_url
    with desk.noted(TEXTS.did_invite, object=name):
        partner, token = ocpi.partners.invite(name=name, roles=_listed(desk.text("roles")), **_version(desk))
    return _partner(desk, partner.id, token=token, versions_url=url)


def register(desk: Desk) -> Response:
    """Register with a partner by its versions URL and the token that it gave us."""
    ocpi, url = desk.ocpi, desk.text("url")

    def work() -> None:
        roles = _listed(desk.text("roles"))
        ocpi.partners.register(url, desk.text("token"), name=desk.text("name") or None, roles=roles, **_version(desk))

    return desk.act(TEXTS.did_register, work, back="partners", values={}, object=without_secrets(url))


def suspend(desk: Desk) -> Response:
    """Stop the exchange of messages with a partner."""
    reason = desk.text("reason")
    return _change(desk, TEXTS.did_suspend, lambda id: desk.ocpi.partners.suspend(id, reason=reason), object=reason)


def unregister(desk: Desk) -> Response:
    """End a registration on both sides, or only here."""
    force = desk.text("force") == "yes"
    return _change(desk, TEXTS.did_unregister, lambda id: desk.ocpi.partners.unregister(id, force=force))


def set_quirk(desk: Desk) -> Response:
    """Set a quirk of a partner, or with an empty value let it follow the settings again."""
    name, value = desk.text("name"), desk.text("value")

    def work(id: str) -> object:
        if not value:
            return desk.ocpi.partners.set_quirks(id, unset=[name])
        return desk.ocpi.partners.set_quirks(id, {name: value})

    return _change(desk, TEXTS.did_set_quirk, work, object=f"{name} {value}".strip())


def _doing(what: str, work: Callable[[Partners, str], object]) -> Callable[[Desk], Response]:
    """Return what a form does that only names a partner."""
    return lambda desk: _change(desk, what, partial(work, desk.ocpi.partners))


def _change(desk: Desk, what: str, work: Any, *, object: str = "") -> Response:
    id = desk.ocpi.partners.find(desk.text("id")).id
    return desk.act(what, lambda: work(id), back="partner", values={"id": id}, partner=id, object=object)


def _version(desk: Desk) -> dict[str, Any]:
    """Return the version that a form asks for, and our role in it: 2.1.1 has one role for a platform."""
    return {"version": desk.text("version") or None, "own_role": desk.text("own_role") or None}


def _listed(text: str) -> list[str] | None:
    """Read a list such as "CPO, EMSP"; None if it is empty."""
    return [part.strip().upper() for part in text.split(",") if part.strip()] or None


PAGES = (
    Page("/", "partners", show_all),
    Page("/partner", "partner", show),
    Page("/partners/invite", "invite", invite, Level.ADMIN, "POST"),
    Page("/partners/register", "register", register, Level.ADMIN, "POST"),
    Page("/partner/probe", "probe", probe, Level.OPERATE, "POST"),
    Page("/partner/rotate", "rotate", _doing(TEXTS.did_rotate, Partners.rotate), Level.ADMIN, "POST"),
    Page("/partner/suspend", "suspend", suspend, Level.ADMIN, "POST"),
    Page("/partner/resume", "resume", _doing(TEXTS.did_resume, Partners.resume), Level.ADMIN, "POST"),
    Page("/partner/unregister", "unregister", unregister, Level.ADMIN, "POST"),
    Page("/partner/approve", "approve", _doing(TEXTS.did_approve, Partners.approve), Level.ADMIN, "POST"),
    Page("/partner/reject", "reject", _doing(TEXTS.did_reject, Partners.reject), Level.ADMIN, "POST"),
    Page("/partner/quirk", "set_quirk", set_quirk, Level.ADMIN, "POST"),
)
