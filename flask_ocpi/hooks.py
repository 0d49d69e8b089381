"""What the host application decides: its answers to authorizations, commands, profiles and preferences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from flask_ocpi.description import Document

Answer = str | Document
#: Called with the Token and the LocationReferences (or None); returns an AllowedType, an AuthorizationInfo, or None.
Authorizer = Callable[[Document, Document | None], Answer | None]
#: Called with the Session and its ChargingPreferences; returns a ChargingPreferencesResponse.
ChargingPreferencesHook = Callable[[Document, Document], str]
#: Called with what is asked and a Reply; returns the immediate response: its result, or the whole of it.
CallHook = Callable[[Document, Any], Answer]
#: Called with a module id, one of our objects and a Platform; returns whether the platform is sent the object.
PushFilter = Callable[[str, Document, Any], bool]
#: Called with a Platform and a CredentialsRole that is new to it; returns "accept", "ask" or "refuse", or None.
RegistrationFilter = Callable[[Any, Document], str | None]


@dataclass(slots=True)
class Hooks:
    """The functions that the host application registered; None or missing where it registered none.

    calls: by module id and operation: ``("commands", "START_SESSION")``, ``("chargingprofiles", "PUT")``.
    """

    authorizer: Authorizer | None = None
    charging_preferences: ChargingPreferencesHook | None = None
    push_filter: PushFilter | None = None
    registration_filter: RegistrationFilter | None = None
    calls: dict[tuple[str, str], CallHook] = field(default_factory=dict)
