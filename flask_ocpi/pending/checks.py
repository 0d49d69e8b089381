"""What is refused before the host application is asked: a response_url elsewhere, and a session of somebody else."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask_ocpi.config import Settings
from flask_ocpi.context import Context
from flask_ocpi.context import Target
from flask_ocpi.context import receiving_party
from flask_ocpi.enums import ModuleID
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.pending.records import REJECTED
from flask_ocpi.pending.records import UNKNOWN_SESSION
from flask_ocpi.platforms import Platform
from flask_ocpi.storage.base import Key


def check_response_url(platform: Platform, settings: Settings, url: str) -> None:
    """Refuse a response_url at a host that is not the platform's: it would be sent the token (CMD-10)."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidParametersError("response_url: its host or port cannot be read.") from None
    if parts.scheme.lower() != "https" and not settings.http_allow_private:
        raise InvalidParametersError("response_url must be an https URL.")
    if "@" in parts.netloc:
        raise InvalidParametersError("response_url must not carry a user name or password.")
    urls = [platform.versions_url or "", *(str(endpoint["url"]) for endpoint in platform.endpoints)]
    known = {_host(known_url) for known_url in (*urls, *(f"//{name}" for name in settings.callback_hosts))}
    if _folded(host) not in known - {""}:
        raise InvalidParametersError(
            f"response_url: {host!a} is not a host of your endpoints, so nothing is sent there."
        )


def session_refusal(ctx: Context, target: Target, session_id: str) -> str | None:
    """Return what to answer where one of our sessions is addressed that is not there, or is not for the caller.

    None: it may be asked for, or sessions are not kept here. OCPI 2.2.1, "CommandResponseType" and
    "ChargingProfileResponseType".
    """
    owner = receiving_party(ctx, target)
    if not ctx.services.keeps(ModuleID.SESSIONS, owner):
        return None
    record = ctx.storage.get(ModuleID.SESSIONS, Key.of(*owner, session_id))
    if record is None:
        return UNKNOWN_SESSION
    seen = not record.audience or not set(record.audience).isdisjoint(ctx.audience)
    return None if seen else REJECTED


def _host(url: str) -> str:
    try:
        return _folded(urlsplit(url).hostname)
    except ValueError:
        return ""


def _folded(host: str | None) -> str:
    return (host or "").lower().removesuffix(".")
