"""Signals for the host application; the sender is the Flask app."""

from __future__ import annotations

from blinker import Namespace

__all__ = [
    "active_charging_profile_received",
    "cdr_audited",
    "charging_preferences_received",
    "finding_made",
    "message_exchanged",
    "object_pushed",
    "object_received",
    "object_removed",
    "object_saved",
    "platform_registered",
    "platform_unregistered",
    "push_parked",
    "result_received",
    "roles_requested",
    "token_authorized",
]

_signals = Namespace()

#: An object of a partner was stored as a copy. Payload: module, key, document, created, platform.
object_received = _signals.signal("ocpi.object-received")
#: A copy of a partner's object was removed. Payload: module, key, platform.
object_removed = _signals.signal("ocpi.object-removed")
#: A CDR was audited, and the result was stored. Payload: key, document, audit, platform (None for an own CDR).
cdr_audited = _signals.signal("ocpi.cdr-audited")
#: An own object was created or changed. Payload: module, key, document, created.
object_saved = _signals.signal("ocpi.object-saved")
#: A partner requested the real-time authorization of one of our tokens. Payload: token, location, info, platform.
token_authorized = _signals.signal("ocpi.token-authorized")
#: A driver's charging preferences for one of our sessions arrived. Payload: session, preferences, answer, platform.
charging_preferences_received = _signals.signal("ocpi.charging-preferences-received")
#: The result of a command or charging profile of ours arrived. Payload: module, call, result, late, platform.
result_received = _signals.signal("ocpi.result-received")
#: An ActiveChargingProfile arrived by PUT. Payload: session_id, profile, platform.
active_charging_profile_received = _signals.signal("ocpi.active-charging-profile-received")
#: A partner completed its registration, or renewed it. Payload: platform, renewed.
platform_registered = _signals.signal("ocpi.platform-registered")
#: A partner named roles or parties without a grant; you have to approve them. Payload: platform, roles.
roles_requested = _signals.signal("ocpi.roles-requested")
#: A partner's registration ended. Payload: platform.
platform_unregistered = _signals.signal("ocpi.platform-unregistered")
#: A partner's request or one of ours was answered: for journals, numbers and logs. Payload: message.
message_exchanged = _signals.signal("ocpi.message-exchanged")
#: A partner has the current state of an own object. Payload: module, key, platform, party, method.
object_pushed = _signals.signal("ocpi.object-pushed")
#: A partner refused an own object, which is not sent again until it changes. Payload: module, key, platform,
#: party, error.
push_parked = _signals.signal("ocpi.push-parked")
#: A partner sent flawed data, count times since the last signal. Payload: finding, count.
finding_made = _signals.signal("ocpi.finding-made")
