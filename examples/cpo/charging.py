"""What happens at the charge points, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask_ocpi import OCPI
from flask_ocpi import RemoteError
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.platforms import Platform


@dataclass(frozen=True)
class Pushed:
    """What became of telling one partner: the OCPI status code of its answer, or why there was none."""

    platform: str
    status_code: int | None
    error: str | None = None


def change_status(ocpi: OCPI, location_id: str, evse_uid: str, status: str) -> tuple[dict[str, Any], list[Pushed]]:
    """Set the status of an EVSE and push it to every partner; return the body of the PATCH and what came of it.

    Raises NotFoundError for an unknown EVSE, InvalidParametersError for a status that OCPI does not have.
    """
    location = ocpi.patch("locations", (location_id, evse_uid), {"status": status})
    evse = ocpi.objects.get("locations", location_id, evse_uid)
    change = {"status": evse["status"], "last_updated": evse["last_updated"]}
    return change, [
        _push(ocpi, platform, change, (location["id"], evse["uid"]), location) for platform in partners(ocpi)
    ]


def partners(ocpi: OCPI) -> Iterator[Platform]:
    """Walk the registered platforms that want to be told about locations."""
    for platform in ocpi.platforms.all():
        if platform.is_registered and platform.endpoint("locations", InterfaceRole.RECEIVER):
            yield platform


def _push(
    ocpi: OCPI, platform: Platform, change: dict[str, Any], ids: tuple[str, str], location: dict[str, Any]
) -> Pushed:
    try:
        with ocpi.client(platform) as client:
            # A partner that does not have the location yet gets the whole of it instead.
            answer = client.locations.update(change, *ids, whole=location)
    except RemoteError as error:  # One partner that is down does not keep the others from being told.
        return Pushed(platform.id, None, str(error))
    return Pushed(platform.id, answer.status_code)
