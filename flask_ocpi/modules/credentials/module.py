"""The credentials module: how two platforms register with each other. Both sides serve and call it."""

from __future__ import annotations

from flask_ocpi.description import Interface
from flask_ocpi.description import Module
from flask_ocpi.description import Operation
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import ModuleID
from flask_ocpi.errors import StatusCode
from flask_ocpi.modules.credentials import handlers
from flask_ocpi.modules.credentials.schemas import Credentials

HANDSHAKE_ERRORS = (
    StatusCode.UNABLE_TO_USE_CLIENT_API,
    StatusCode.UNSUPPORTED_VERSION,
    StatusCode.NO_MATCHING_ENDPOINTS,
)

MODULE = Module(
    id=ModuleID.CREDENTIALS,
    description="How two platforms register with each other and exchange their tokens.",
    interfaces=(
        Interface(
            InterfaceRole.SENDER,
            (
                Operation(
                    name="get_credentials",
                    method="GET",
                    path="",
                    summary="Get our credentials",
                    handler=handlers.get_credentials,
                    returns=Credentials,
                ),
                Operation(
                    name="post_credentials",
                    method="POST",
                    path="",
                    summary="Register",
                    description="Needs a registration token. The answer holds the token to use from now on.",
                    handler=handlers.post_credentials,
                    admits=handlers.check_unregistered,
                    body=Credentials,
                    returns=Credentials,
                    errors=HANDSHAKE_ERRORS,
                ),
                Operation(
                    name="put_credentials",
                    method="PUT",
                    path="",
                    summary="Renew the registration",
                    description="New token, parties, version or endpoints. The answer holds a new token.",
                    handler=handlers.put_credentials,
                    admits=handlers.check_registered,
                    body=Credentials,
                    returns=Credentials,
                    errors=HANDSHAKE_ERRORS,
                ),
                Operation(
                    name="delete_credentials",
                    method="DELETE",
                    path="",
                    summary="Unregister",
                    handler=handlers.delete_credentials,
                    admits=handlers.check_registered,
                ),
            ),
        ),
    ),
    configuration=True,
    single=True,
)
