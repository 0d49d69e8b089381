"""What a hub tells of the parties behind it."""

from __future__ import annotations

from dataclasses import replace

from flask_ocpi.context import Context
from flask_ocpi.context import Result
from flask_ocpi.context import Target
from flask_ocpi.description import Document
from flask_ocpi.errors import NotFoundError
from flask_ocpi.handlers import described_object
from flask_ocpi.handlers import put_object
from flask_ocpi.modules.hubclientinfo.copies import client_infos
from flask_ocpi.modules.hubclientinfo.copies import note_parties
from flask_ocpi.modules.hubclientinfo.copies import told_by


def get_client_info(ctx: Context, target: Target, body: None) -> Result:
    """Answer the ClientInfo of a party that the caller told: of its roles, the one that was changed last (HCI-07)."""
    records = client_infos(ctx.services, ctx.platform, target.owner)
    if not records:
        raise NotFoundError(f"There is no ClientInfo of {target.owner} here.")
    return Result(max(records, key=lambda record: (record.last_updated, record.created)).text)


def put_client_info(ctx: Context, target: Target, body: Document) -> Result:
    """Store what the caller tells of a party in the role that the body names: 201 when it is new, else 200."""
    told = told_by(described_object(target), ctx.platform)
    result = put_object(ctx, replace(target, operation=replace(target.operation, object=told)), body)
    note_parties(ctx.services, ctx.platform, [body])
    return result
