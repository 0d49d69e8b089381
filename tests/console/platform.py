"""A platform with partners, objects and messages, and a console; names and texts are as hostile as they may be."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask import Request

from flask_ocpi.contrib.console import Console
from flask_ocpi.contrib.console import Visitor
from flask_ocpi.extension import OCPI
from flask_ocpi.storage.base import Storage
from flask_ocpi.testing.network import Network

#: A text that runs, leaves its element, turns the direction, and has characters of four bytes.
HOSTILE = "<script>document.title='run'</script>\"'>&amp; \u202eמחנה 🚗{{7*7}}"


def visitor_of(request: Request) -> Visitor | None:
    """Let in who says a level in a cookie, as "ann:operate"."""
    name, _, level = request.cookies.get("visitor", "").partition(":")
    return Visitor(name, level) if level else None


def platform(*, storage: Storage | None = None, config: dict[str, Any] | None = None) -> tuple[Network, OCPI]:
    """Return a network of an operator with a console, and its two partners; the second one is no longer registered."""
    network = Network(config={"OCPI_JOURNAL": "all", "OCPI_PUSH": True, **(config or {})})
    own = network.add("cpo.example", [("NL", "ABC", ["CPO", "EMSP"])], storage=storage)
    ems = network.add("ems.example", [("DE", "EMS", ["EMSP", "CPO"])])
    former = network.add("former.example", [("FR", "OLD", ["EMSP"])])
    Console(network.apps["cpo.example"], authorize=visitor_of)
    invited, token = own.partners.invite(name=HOSTILE)
    ems.partners.register(own.versions_url, token)
    invited, token = own.partners.invite(name="Former")
    former.partners.register(own.versions_url, token)
    own.partners.unregister(invited.id)
    return network, own


def app_of(network: Network) -> Flask:
    """Return the app with the console."""
    return network.apps["cpo.example"]
