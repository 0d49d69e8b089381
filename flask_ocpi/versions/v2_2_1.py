"""OCPI 2.2.1."""

from __future__ import annotations

from flask_ocpi.description import Version
from flask_ocpi.modules.cdrs.module import MODULE as CDRS
from flask_ocpi.modules.chargingprofiles.module import MODULE as CHARGINGPROFILES
from flask_ocpi.modules.commands.module import MODULE as COMMANDS
from flask_ocpi.modules.credentials.module import MODULE as CREDENTIALS
from flask_ocpi.modules.hubclientinfo.module import MODULE as HUBCLIENTINFO
from flask_ocpi.modules.locations.module import MODULE as LOCATIONS
from flask_ocpi.modules.sessions.module import MODULE as SESSIONS
from flask_ocpi.modules.tariffs.module import MODULE as TARIFFS
from flask_ocpi.modules.tokens.module import MODULE as TOKENS
from flask_ocpi.modules.versions.module import MODULE as VERSIONS

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
