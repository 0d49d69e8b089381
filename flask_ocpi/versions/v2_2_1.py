"""OCPI 2.2.1."""

from __future__ import annotations

from flask_ocpi.core.description import Version
from flask_ocpi.modules.cdrs import MODULE as CDRS
from flask_ocpi.modules.chargingprofiles import MODULE as CHARGINGPROFILES
from flask_ocpi.modules.commands import MODULE as COMMANDS
from flask_ocpi.modules.credentials import MODULE as CREDENTIALS
from flask_ocpi.modules.hubclientinfo import MODULE as HUBCLIENTINFO
from flask_ocpi.modules.locations import MODULE as LOCATIONS
from flask_ocpi.modules.sessions import MODULE as SESSIONS
from flask_ocpi.modules.tariffs import MODULE as TARIFFS
from flask_ocpi.modules.tokens import MODULE as TOKENS
from flask_ocpi.modules.versions import MODULE as VERSIONS

VERSION = Version(
    "2.2.1",
    (
        VERSIONS,
        CREDENTIALS,
        LOCATIONS,
        SESSIONS,
        CDRS,
        TARIFFS,
        TOKENS,
        COMMANDS,
        CHARGINGPROFILES,
        HUBCLIENTINFO,
    ),
)
