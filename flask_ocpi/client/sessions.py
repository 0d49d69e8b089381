"""Sessions: what a driver wishes for one that goes on."""

from __future__ import annotations

from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.description import Document
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.modules.sessions.enums import ChargingPreferencesResponse
from flask_ocpi.modules.sessions.schemas import ChargingPreferences
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
            raise InvalidResponseError(
                f"{self.client.platform.id} answered no ChargingPreferencesResponse: {answer.data!a:.100}."
            ) from error
