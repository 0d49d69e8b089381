"""OCPI 2.2.1."""

from __future__ import annotations

from flask_ocpi.description import Version
from flask_ocpi.modules.credentials.module import MODULE as CREDENTIALS
from flask_ocpi.modules.locations.module import MODULE as LOCATIONS
from flask_ocpi.modules.versions.module import MODULE as VERSIONS

VERSION = Version("2.2.1", (VERSIONS, CREDENTIALS, LOCATIONS))
