"""The tokens module: what drivers identify themselves with. Sender: who issued them. Receiver: who charges."""

from __future__ import annotations

from flask_ocpi.description import OWNER_KEY
from flask_ocpi.description import Alias
from flask_ocpi.description import Interface
from flask_ocpi.description import Module
from flask_ocpi.description import ObjectType
from flask_ocpi.description import Operation
from flask_ocpi.description import PathParameter
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import ModuleID
from flask_ocpi.errors import StatusCode
from flask_ocpi.errors import UnknownTokenError
from flask_ocpi.modules.tokens import handlers
from flask_ocpi.modules.tokens.enums import TokenType
from flask_ocpi.modules.tokens.schemas import AuthorizationInfo
from flask_ocpi.modules.tokens.schemas import LocationReferences
from flask_ocpi.modules.tokens.schemas import Token
from flask_ocpi.modules.tokens.schemas import TokenTypeQuery
from flask_ocpi.patterns import OWNER
from flask_ocpi.patterns import client_owned
from flask_ocpi.patterns import list_objects

TOKEN_UID = PathParameter("token_uid", 36, "Token.uid.", "012345678")

TOKEN = ObjectType(
    name="token",
    kind="tokens",
    schema=Token,
    parameter=TOKEN_UID,
    key=(*OWNER_KEY, "uid", "type"),
    defaults=(("type", TokenType.RFID),),
    missing=UnknownTokenError,
)

AUTHORIZE = Operation(
    name="authorize",
    method="POST",
    path="/{token_uid}/authorize",
    summary="Authorize a token in real time",
    description="The body, which may be left out, says where the driver wants to charge.",
    handler=handlers.authorize,
    parameters=(TOKEN_UID,),
    query=TokenTypeQuery,
    body=LocationReferences,
    body_required=False,
    returns=AuthorizationInfo,
    object=TOKEN,
    errors=(StatusCode.NOT_ENOUGH_INFORMATION, StatusCode.UNKNOWN_TOKEN),
    alias=Alias("/{country_code}/{party_id}/{token_uid}/authorize", (*OWNER, TOKEN_UID)),
)

MODULE = Module(
    id=ModuleID.TOKENS,
    description="What drivers identify themselves with, and whether they may charge.",
    interfaces=(
        Interface(InterfaceRole.SENDER, (*list_objects(TOKEN), AUTHORIZE)),
        Interface(InterfaceRole.RECEIVER, client_owned(TOKEN, verbs=("GET", "PUT", "PATCH"), query=TokenTypeQuery)),
    ),
)
