"""Sessions: what a driver wishes for one that goes on."""

from __future__ import annotations

from typing import Any

from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.description import Document
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.findings import Finding
from flask_ocpi.modules.sessions.enums import ChargingPreferencesResponse
from flask_ocpi.modules.sessions.schemas import ChargingPreferences
from flask_ocpi.reading.reader import shown
from flask_ocpi.schema import load


class SessionsClient(ModuleClient):
    """The sessions module, with charging preferences."""

    def put_charging_preferences(self, session_id: str, preferences: Document) -> ChargingPreferencesResponse:
        """Ask the operator of a session to charge as the driver prefers, and return what it makes of that.

        OCPI 2.2.1, Sessions, "Set: Charging Preferences". Raises RefusedError with HTTP 404 where the operator does not
        know the session, or its EVSE takes no preferences.
        """
        operation = self.find(InterfaceRole.SENDER, lambda o: o.name == "put_charging_preferences")
        checked = load(self.client.services.schemas[ChargingPreferences], preferences, where="charging preferences")
        answer = self.send(operation, InterfaceRole.SENDER, (session_id,), body=checked)
        try:
            return ChargingPreferencesResponse(answer.data)
        except ValueError as error:
            understood = (
                None if self.client.services.settings.receive == "strict" else _understood(answer.data, checked)
            )
            if understood is None:
                raise InvalidResponseError(
                    f"{self.client.platform.id} answered no ChargingPreferencesResponse: {answer.data!a:.100}."
                ) from error
        outcome = f"It was taken for the answer {understood}."
        came = shown(answer.data)
        self.client.services.found(
            Finding(self.client.platform.id, "mended", str(self.module.id), session_id, came=came, outcome=outcome)
        )
        return understood


def _understood(data: Any, asked: Document) -> ChargingPreferencesResponse | None:
    """Read an answer that is not to the letter; None: it says nothing certain.

    Some platforms answer with the preferences as they set them, and some with a list of one.
    """
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if isinstance(data, dict):
        is_set = data.get("profile_type") == asked["profile_type"]
        return ChargingPreferencesResponse.ACCEPTED if is_set else None
    if not isinstance(data, str):
        return None
    text = "_".join(data.upper().split())
    return next((member for member in ChargingPreferencesResponse if member.value == text), None)
