"""Receiving CDRs: posted once, kept as they are, read again under the URL in Location."""

from __future__ import annotations

from urllib.parse import quote

from flask_ocpi.context import Context
from flask_ocpi.context import Result
from flask_ocpi.context import Target
from flask_ocpi.context import addressed_parties
from flask_ocpi.context import receiving_party
from flask_ocpi.description import Document
from flask_ocpi.documents import save_object
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import ServerError
from flask_ocpi.fields import to_micros
from flask_ocpi.handlers import described_object
from flask_ocpi.handlers import emit_received
from flask_ocpi.handlers import missing
from flask_ocpi.handlers import object_id
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record

_MOST_PARTIES = 20
_LONGEST_URL = 255  # OCPI 2.2.1, Types, "URL"


def post_cdr(ctx: Context, target: Target, body: Document) -> Result:
    """Store a CDR: 201 with its URL in Location; 200 when the very same is here already, 2001 when another one is.

    OCPI 2.2.1, CDRs, "POST Method".
    """
    object_type = described_object(target)
    owner = Party.of(body["country_code"], body["party_id"])
    if not ctx.services.platforms.speaks_for(ctx.platform, owner):
        raise InvalidParametersError(f"country_code and party_id: {owner} is not one of your parties.")
    key = Key.of(*owner, object_type.id_of(body), receiving_party(ctx, target), ctx.platform.id)
    url = _url_of(ctx, target, key)
    record = Record.of(body, last_updated=to_micros(body["last_updated"]))
    created = save_object(ctx.storage, object_type, key, record, body)
    if created:
        emit_received(ctx, target, key, record, created=True)
    return Result(http_status=201 if created else 200, headers={"Location": url})


def get_cdr(ctx: Context, target: Target, body: None) -> Result:
    """Answer the copy of a CDR of the calling platform, for whichever of our parties it came.

    Under its id alone it is that of the party in FROM, or of any of the platform's, if these are few.
    """
    object_type = described_object(target)
    for owner in _owners(ctx, target):
        for receiver in addressed_parties(ctx, target):
            key = Key.of(*owner, object_id(target), receiver, ctx.platform.id)
            record = ctx.storage.get(object_type.kind, key)
            if record is not None:
                return Result(record.text)
    raise missing(target)


def _owners(ctx: Context, target: Target) -> tuple[Party, ...]:
    if "party_id" in target.path:
        return (target.owner,)
    if ctx.routing.from_party is not None:
        return (ctx.routing.from_party,)
    return ctx.platform.parties[:_MOST_PARTIES]


def _url_of(ctx: Context, target: Target, key: Key) -> str:
    """Return where a CDR can be read: the same for every spelling of its id; ServerError where that is no URL."""
    path = "/".join(quote(part, safe="") for part in (*key.owner, key.id))
    url = ctx.url(f"{ctx.version.number}{target.module.path_of(target.interface)}/{path}")
    if len(url) > _LONGEST_URL:
        raise ServerError(
            f"The URL of this CDR would be longer than {_LONGEST_URL} characters: OCPI_BASE_URL is too long."
        )
    return url
