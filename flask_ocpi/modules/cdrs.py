"""CDRs: posted once, read by their URL, never changed."""

from __future__ import annotations

from urllib.parse import quote

from flask_ocpi.core.description import Alias
from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.schema import Document
from flask_ocpi.errors import ServerError
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.documents import save_object
from flask_ocpi.exchange.handlers import callers_party
from flask_ocpi.exchange.handlers import emit_received
from flask_ocpi.exchange.patterns import OWNER
from flask_ocpi.exchange.patterns import list_objects
from flask_ocpi.exchange.targets import Target
from flask_ocpi.modules.cdrs_schemas import CDR
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record

_MOST_PARTIES = 20
_LONGEST_URL = 255  # OCPI 2.2.1, Types, "URL"


def post_cdr(ctx: Context, target: Target, body: Document) -> Result:
    """Store a CDR: 201 with its URL in Location; 200 if the same CDR is stored already, 2001 if a different one is.

    OCPI 2.2.1, CDRs, "POST Method".
    """
    object_type = target.object_type
    owner = callers_party(ctx, body)
    key = Key.of(*owner, object_type.id_of(body), target.receiver, ctx.platform.id)
    url = _url_of(ctx, target, key)
    record = Record.of(body, last_updated=to_micros(body["last_updated"]))
    created = save_object(ctx.storage, object_type, key, record, body)
    if created:
        emit_received(ctx, target, key, record, created=True)
    return Result(http_status=201 if created else 200, headers={"Location": url})


def get_cdr(ctx: Context, target: Target, body: None) -> Result:
    """Answer the copy of a CDR of the calling platform, for any of our parties.

    With the id alone, the owner is the party in FROM, or any party of the platform if it has few.
    """
    object_type = target.object_type
    for owner in _owners(ctx, target):
        for receiver in target.parties:
            key = Key.of(*owner, target.id, receiver, ctx.platform.id)
            record = ctx.storage.get(object_type.kind, key)
            if record is not None:
                return Result(record.text)
    raise target.missing()


def _owners(ctx: Context, target: Target) -> tuple[Party, ...]:
    if "party_id" in target.path:
        return (target.owner,)
    if ctx.routing.from_party is not None:
        return (ctx.routing.from_party,)
    return ctx.platform.parties[:_MOST_PARTIES]


def _url_of(ctx: Context, target: Target, key: Key) -> str:
    """Return the URL of a CDR, the same for every spelling of its id; raise ServerError if that is no valid URL."""
    path = "/".join(quote(part, safe="") for part in (*key.owner, key.id))
    url = ctx.url(f"{ctx.version.number}{target.module.path_of(target.interface)}/{path}")
    if len(url) > _LONGEST_URL:
        raise ServerError(
            f"The URL of this CDR would be longer than {_LONGEST_URL} characters: OCPI_BASE_URL is too long."
        )
    return url


#: The URL of a CDR that we sent: the Location header of the answer.
CDR_URLS = "cdr_urls"
#: The result of the audit of a CDR, under the key of the CDR.
CDR_AUDITS = "cdr_audits"
#: The CDRs of a session in the order of their audits, under the key of the session.
SESSION_CDRS = "session_cdrs"

CDR_ID = PathParameter("cdr_id", 39, "CDR.id.", "12345")


def token_party(document: Document) -> tuple[tuple[str, str], ...]:
    """Return the eMSP that a Session or CDR is for: the party that issued its token."""
    token = document["cdr_token"]
    return ((token["country_code"], token["party_id"]),)


def told_content(document: Document) -> Document:
    """Return what the sender of a CDR told about it.

    One of 2.1.1 has the Location as it is at present beside it, and names a contract, whose token we found ourselves.
    """
    if "location" not in document:
        return document
    told = {name: value for name, value in document.items() if name != "location"}
    return {**told, "cdr_token": {"contract_id": document["cdr_token"]["contract_id"]}}


CDR_OBJECT = ObjectType(
    name="cdr",
    kind="cdrs",
    schema=CDR,
    parameter=CDR_ID,
    final=True,
    content=told_content,
    audience=token_party,
)

POST_CDR = Operation(
    name="post_cdr",
    method="POST",
    path="",
    summary="Send a CDR",
    description="The Location header of the answer is where the CDR can be read again. A CDR never changes.",
    handler=post_cdr,
    body=CDR,
    object=CDR_OBJECT,
    created=True,
    located=True,
)

GET_CDR = Operation(
    name="get_cdr",
    method="GET",
    path="/{country_code}/{party_id}/{cdr_id}",
    summary="Get the stored copy of a CDR",
    description="This is where the Location header of the answer to the POST leads.",
    handler=get_cdr,
    parameters=(*OWNER, CDR_ID),
    returns=CDR,
    object=CDR_OBJECT,
    owned=True,
    alias=Alias("/{cdr_id}", (CDR_ID,)),
)

MODULE = Module(
    id=ModuleID.CDRS,
    description="What was charged, and what it costs.",
    interfaces=(
        Interface(InterfaceRole.SENDER, list_objects(CDR_OBJECT)),
        Interface(InterfaceRole.RECEIVER, (POST_CDR, GET_CDR)),
    ),
    kinds=(CDR_URLS, CDR_AUDITS, SESSION_CDRS),
)
