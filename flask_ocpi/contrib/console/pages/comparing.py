"""What a partner has of our objects, and what we have of its objects, against what it should be."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from flask_ocpi import Party
from flask_ocpi.contrib.console.access import Level
from flask_ocpi.contrib.console.desk import Desk
from flask_ocpi.contrib.console.desk import Page
from flask_ocpi.contrib.console.texts import TEXTS

DIRECTIONS = ("theirs", "copies")


def compare(desk: Desk) -> Response:
    """Call a partner, and show which objects of a module differ; ``repair`` sends or stores them."""
    partners = desk.ocpi.partners
    partner = partners.find(desk.text("partner"))
    module, ids, owner = desk.text("module"), desk.text("id"), desk.text("owner")
    direction = desk.text("direction") if desk.text("direction") in DIRECTIONS else None
    repair = desk.text("repair") == "yes"
    party = Party.of(*owner.split("-", 1)) if "-" in owner else None
    addressed = (ids.rsplit(" ", 1) if module == "tokens" else [ids]) if ids else []
    found: list[Any] = []

    def work() -> None:
        found.append(partners.diff(partner, module, *addressed, direction=direction, party=party, repair=repair))

    if repair:
        name = f"{module} {ids}".strip()
        done = desk.ocpi.actions.run(desk.visitor.name, TEXTS.did_repair, work, partner=partner.id, object=name)
        if not done.is_done:
            return desk.page("problem", status=400, message=done.outcome)
    else:
        work()
    values = {"partner": partner.id, "module": module, "id": ids, "owner": owner, "direction": found[0].direction}
    return desk.page("compared", partner=partner, diff=found[0].to_dict(), values=values)


PAGES = (Page("/compare", "compare", compare, Level.OPERATE, "POST"),)
