"""Signals a host application can listen to; the sender is the Flask app."""

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

#: An object of another party arrived and is stored. Payload: module, key, document, created, platform.
object_received = _signals.signal("ocpi.object-received")
#: An object of another party was removed. Payload: module, key, platform.
object_removed = _signals.signal("ocpi.object-removed")
#: A CDR was audited, and the result is stored. Payload: key, document, audit, platform (None for an own CDR).
cdr_audited = _signals.signal("ocpi.cdr-audited")
#: An own object was created or changed. Payload: module, key, document, created.
object_saved = _signals.signal("ocpi.object-saved")
#: A token of ours was asked for in real time. Payload: token, location, info, platform.
token_authorized = _signals.signal("ocpi.token-authorized")
#: A driver's charging preferences for one of our sessions arrived. Payload: session, preferences, answer, platform.
charging_preferences_received = _signals.signal("ocpi.charging-preferences-received")
#: The result of a command or charging profile of ours arrived. Payload: module, call, result, late, platform.
result_received = _signals.signal("ocpi.result-received")
#: An ActiveChargingProfile arrived by PUT. Payload: session_id, profile, platform.
active_charging_profile_received = _signals.signal("ocpi.active-charging-profile-received")
#: A platform completed its registration, or renewed it. Payload: platform, renewed.
platform_registered = _signals.signal("ocpi.platform-registered")
#: A platform names roles or parties that it was not granted, and that you are to approve. Payload: platform, roles.
roles_requested = _signals.signal("ocpi.roles-requested")
#: A platform's registration ended. Payload: platform.
platform_unregistered = _signals.signal("ocpi.platform-unregistered")
#: A request of another platform was answered, or one of ours: for journals, numbers and logs. Payload: message.
message_exchanged = _signals.signal("ocpi.message-exchanged")
#: Another platform has the current state of an own object. Payload: module, key, platform, party, method.
object_pushed = _signals.signal("ocpi.object-pushed")
#: Another platform refused an own object, and is not sent it again until it changes. Payload: module, key, platform,
#: party, error.
push_parked = _signals.signal("ocpi.push-parked")
#: A flaw was found in what another platform sent, count times since the last time. Payload: finding, count.
finding_made = _signals.signal("ocpi.finding-made")
