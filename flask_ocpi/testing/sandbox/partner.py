"""The sandbox as a partner: who it is in each role, and its app."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi import Party
from flask_ocpi import Storage
from flask_ocpi.client import Transport
from flask_ocpi.extension import utc_now
from flask_ocpi.host.facade import OwnPlatform
from flask_ocpi.testing.sandbox.app import SIMULATION_SPEED
from flask_ocpi.testing.sandbox.app import make_app
from flask_ocpi.testing.sandbox.sample_data import sample_data

VERSIONS = ("2.1.1", "2.2.1", "2.3.0")


@dataclass(frozen=True, slots=True)
class Kind:
    """What the sandbox is in a role: its party, and the modules if not all of the role."""

    role: str
    party: Party
    name: str
    modules: Sequence[str] | None = None


KINDS = {
    "cpo": Kind("CPO", Party.of("NL", "SBX"), "Sandbox Charging"),
    "emsp": Kind("EMSP", Party.of("DE", "SBX"), "Sandbox Mobility"),
    # It tells who is there; it does not pass on what they say to each other.
    "hub": Kind("HUB", Party.of("BE", "SBX"), "Sandbox Hub", ["hubclientinfo:SENDER"]),
}


def make_partner(
    role: str,
    *,
    base_url: str,
    folder: str,
    party: Party | None = None,
    versions: Sequence[str] = VERSIONS,
    speed: float = SIMULATION_SPEED,
    storage: Storage | None = None,
    transport: Transport | None = None,
    clock: Callable[[], datetime] = utc_now,
    config: dict[str, Any] | None = None,
) -> Flask:
    """Make the app of a partner in the role "cpo", "emsp" or "hub".

    folder: where its SQLite file is, unless there is a storage. party: another one than that of the role. config:
    overrides its settings.
    Nothing of the environment counts: the settings there are those of the app that is tried against it.
    """
    kind = KINDS[role]
    own = party or kind.party
    named = {"country_code": own.country_code, "party_id": own.party_id, "roles": [kind.role]}
    settings = {
        "OCPI_PARTIES": [{**named, "business_details": {"name": kind.name}}],
        "OCPI_BASE_URL": base_url,
        "OCPI_VERSIONS": list(versions),
        "OCPI_MODULES": kind.modules,
        "OCPI_HTTP_ALLOW_PRIVATE": True,
        # The same partner may come back with an empty database, as a new platform.
        "OCPI_ALLOW_SHARED_PARTIES": True,
        "SIMULATION_SPEED": speed,
        **(config or {}),
    }
    return make_app(settings, ocpi=OCPI(storage=storage, transport=transport, clock=clock), folder=folder)


def add_sample_data(app: Flask, *, seed: int = 1) -> dict[str, int]:
    """Save objects to begin with, unless there are some; return how many there are of each module."""
    ocpi: OwnPlatform = app.extensions["ocpi"]
    documents = sample_data(ocpi.services.settings.parties, now=ocpi.services.clock(), seed=seed)
    for module, found in documents.items():
        if next(iter(ocpi.objects.documents(module)), None) is None:
            ocpi.objects.save_all({module: found})
    return {module: len(list(ocpi.objects.documents(module))) for module in documents}
