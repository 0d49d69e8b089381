"""Signals a host application can listen to; the sender is the Flask app."""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

#: An object of another party arrived and is stored. Payload: module, key, document, created, platform.
object_received = _signals.signal("ocpi.object-received")
#: An object of another party was removed. Payload: module, key, platform.
object_removed = _signals.signal("ocpi.object-removed")
#: An own object was created or changed. Payload: module, key, document, created.
object_saved = _signals.signal("ocpi.object-saved")
#: A platform completed its registration, or renewed it. Payload: platform, renewed.
platform_registered = _signals.signal("ocpi.platform-registered")
#: A platform's registration ended. Payload: platform.
platform_unregistered = _signals.signal("ocpi.platform-unregistered")
