"""The versions module: what a platform offers, the starting point of every connection. Both sides serve and call it."""

from __future__ import annotations

from flask_ocpi.description import Interface
from flask_ocpi.description import Module
from flask_ocpi.description import Operation
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.modules.versions import handlers
from flask_ocpi.modules.versions.schemas import Version
from flask_ocpi.modules.versions.schemas import VersionDetails

MODULE = Module(
    id="versions",
    description="Which versions of OCPI this platform serves, and the endpoints of one.",
    interfaces=(
        Interface(
            InterfaceRole.SENDER,
            (
                Operation(
                    name="get_versions",
                    method="GET",
                    path="/versions",
                    summary="List the versions",
                    description="The URL to hand to a partner, together with a registration token.",
                    handler=handlers.get_versions,
                    returns=Version,
                    returns_list=True,
                    rooted=True,
                ),
                Operation(
                    name="get_version_details",
                    method="GET",
                    path="",
                    summary="List the endpoints of this version",
                    description="A registered platform sees the endpoints that its roles may use.",
                    handler=handlers.get_version_details,
                    returns=VersionDetails,
                ),
            ),
        ),
    ),
    configuration=True,
    single=True,
    listed=False,
    path="",
)
