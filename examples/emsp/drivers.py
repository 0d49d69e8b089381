"""What drivers are shown of the locations that operators sent."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from flask_ocpi import OCPI
from flask_ocpi import InterfaceRole
from flask_ocpi import Party
from flask_ocpi import Role
from flask_ocpi.host import Pulled
from flask_ocpi.modules.locations import driver_view

# Who may charge: the Tokens this provider gave out. A real one keeps them in a table.
DRIVERS = (
    {"uid": "04A1B2C3D4E580", "type": "RFID", "issuer": "Ems Mobility"},
    {"uid": "DE-EMS-C00000042", "type": "APP_USER", "issuer": "Ems Mobility"},
)


def find_driver(uid: str | None) -> Mapping[str, Any] | None:
    """Return the token of a driver, or None for somebody unknown."""
    return next((driver for driver in DRIVERS if driver["uid"] == uid), None)


def visible_locations(ocpi: OCPI, driver: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Walk what a driver may see: only published locations, and those that name the driver's token."""
    operators = _operators(ocpi)
    for location in ocpi.objects.documents("locations", copies=True):
        owner = Party.of(location["country_code"], location["party_id"])
        view = driver_view(location, driver, operator=operators.get(owner))
        if view is not None:
            yield view


def pull_everything(ocpi: OCPI) -> Iterator[tuple[str, Pulled]]:
    """Fetch the locations of every registered platform that has some: what to do once a day, beside being pushed to."""
    for platform in ocpi.partners.list():
        if platform.is_registered and platform.endpoint("locations", InterfaceRole.SENDER):
            yield platform.id, ocpi.pull("locations", platform)


def _operators(ocpi: OCPI) -> dict[Party, Mapping[str, Any]]:
    """Return the business details of the operators: they stand in where a location names no operator."""
    return {
        Party.of(role["country_code"], role["party_id"]): role["business_details"]
        for platform in ocpi.partners.list()
        for role in platform.roles
        if role["role"] == Role.CPO
    }
