"""The Credentials of a handshake, as the client sends and reads them in the shape of a version."""

from __future__ import annotations

from typing import Any

from flask_ocpi.client.operations import answer_of
from flask_ocpi.client.wire import Answer
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.exchange import sides
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.findings import Source
from flask_ocpi.partners.auth_tokens import is_token
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.versions.shaping import said
from flask_ocpi.versions.shaping import shaped


def own(services: Services, platform: Platform, version: Version, *, token: str, url: str) -> Any:
    """Return our Credentials for a platform. token: the one that it must send; url: that of our versions."""
    cls = _class_of(version)
    roles = sides.credentials_roles(services, platform, version)
    body = said(services, version, cls, {"token": token, "url": url, "roles": roles}, where="credentials")
    return shaped(services.schemas[cls], body, services.quirks(platform))


def read(services: Services, answer: Answer, platform: Platform, version: Version) -> Document:
    """Return the Credentials in a platform's answer, in the stored shape.

    Raises InvalidResponseError if they cannot be used.
    """
    cls = _class_of(version)
    source, known = Source(platform.id, ModuleID.CREDENTIALS), {"url": platform.versions_url}
    conversion = version.conversion(cls)
    try:
        found = services.read(services.schemas[cls], answer.data, source, where="credentials", known=known)
        stored = found if conversion is None else conversion.to_store(found)
        return sides.with_role(services, platform, version, stored)
    except InvalidParametersError as error:
        raise InvalidResponseError(
            f"{platform.id} accepted the {answer.method} but answered broken credentials. {error}"
        ) from error


def token_in(answer: Answer) -> str | None:
    """Return the token in an answer that has no other use; None if there is none that can be sent."""
    data = answer.data[0] if isinstance(answer.data, list) and len(answer.data) == 1 else answer.data
    token = data.get("token") if isinstance(data, dict) else None
    return token.strip() if isinstance(token, str) and is_token(token.strip()) else None


def _class_of(version: Version) -> type[Schema]:
    return answer_of(version, ModuleID.CREDENTIALS, "get_credentials")
