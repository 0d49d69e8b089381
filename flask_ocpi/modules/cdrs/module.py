"""The cdrs module: what was charged, for the invoice. Sender: the operator. Receiver: who pays."""

from __future__ import annotations

from flask_ocpi.description import Alias
from flask_ocpi.description import Document
from flask_ocpi.description import Interface
from flask_ocpi.description import Module
from flask_ocpi.description import ObjectType
from flask_ocpi.description import Operation
from flask_ocpi.description import PathParameter
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import ModuleID
from flask_ocpi.modules.cdrs import handlers
from flask_ocpi.modules.cdrs.schemas import CDR
from flask_ocpi.patterns import OWNER
from flask_ocpi.patterns import list_objects

#: Where a CDR that we sent can be read again: the Location header of the answer.
CDR_URLS = "cdr_urls"
#: What the audit of a CDR found, under the key of the CDR.
CDR_AUDITS = "cdr_audits"
#: Which CDRs there are of a session, in the order in which they were audited, under the key that the session has.
SESSION_CDRS = "session_cdrs"

CDR_ID = PathParameter("cdr_id", 39, "CDR.id.", "12345")


def token_party(document: Document) -> tuple[tuple[str, str], ...]:
    """Return the eMSP that a Session or CDR is for: the party that issued its token."""
    token = document["cdr_token"]
    return ((token["country_code"], token["party_id"]),)


CDR_OBJECT = ObjectType(
    name="cdr",
    kind="cdrs",
    schema=CDR,
    parameter=CDR_ID,
    final=True,
    audience=token_party,
)

POST_CDR = Operation(
    name="post_cdr",
    method="POST",
    path="",
    summary="Send a CDR",
    description="The Location header of the answer is where the CDR can be read again. A CDR never changes.",
    handler=handlers.post_cdr,
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
    handler=handlers.get_cdr,
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
