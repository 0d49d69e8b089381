"""What a platform says of itself: its versions, the endpoints of one of them, and its Credentials."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from flask_ocpi.client.client import Client
from flask_ocpi.client.connection import Connection
from flask_ocpi.client.operations import answer_of
from flask_ocpi.client.wire import Answer
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Version
from flask_ocpi.core.description import version_order
from flask_ocpi.core.enums import BOOKINGS
from flask_ocpi.core.enums import PAYMENTS
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import UnsupportedVersionError
from flask_ocpi.exchange import sides
from flask_ocpi.exchange.context import Discovery
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.findings import Source
from flask_ocpi.exchange.handshake import check_endpoints
from flask_ocpi.exchange.handshake import unreadable
from flask_ocpi.exchange.handshake import with_roles
from flask_ocpi.exchange.logs import working_for
from flask_ocpi.modules.versions import Endpoint
from flask_ocpi.partners.auth_tokens import is_token
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.versions.reading.reader import shown
from flask_ocpi.versions.shaping import said
from flask_ocpi.versions.shaping import shaped

_log = logging.getLogger("flask_ocpi.client")
#: The specification of bookings prints its id as Booking.
_MODULES = {**{str(id): str(id) for id in (*ModuleID, PAYMENTS, BOOKINGS)}, "booking": BOOKINGS}
_ROLES = frozenset(InterfaceRole)
_MOST_ENTRIES = 1000  # entries of a list of versions or endpoints
_MOST_FLAWED = 100  # invalid entries that are read
_MOST_LOGGED = 10  # ignored entries
_MOST_NAMED = 20  # versions, or entries that cannot be read


def discover(
    connection: Connection,
    services: Services,
    versions_url: str,
    *,
    versions: Sequence[str],
    preferred: str | None = None,
) -> Discovery:
    """Fetch a platform's versions, and the details of the latest one of ``versions`` that it offers (VER-14, VER-15).

    preferred: a version to take if the platform offers it.
    Raises RemoteError if that fails, and UnsupportedVersionError if no version is common. Unknown versions and modules
    are skipped; entries that cannot be read are left out.
    """
    entries = _Entries(services, Source(connection.platform_id or urlsplit(versions_url).netloc, "versions"))
    with _calling("versions"):
        answer = connection.request("GET", versions_url, module="versions", operation="get_versions")
        offered = entries.read(answer_of(services.own, "versions", "get_versions"), answer.data, versions_url)
    urls = {item["version"].strip(): item["url"] for item in offered}
    mutual = sorted(set(versions) & set(urls), key=version_order)
    if not mutual:
        names = [name[:_MOST_NAMED] for name in sorted(urls)[:_MOST_NAMED]]
        raise UnsupportedVersionError(
            f"{versions_url} offers the versions {', '.join(names) or 'none'}; needed is {', '.join(versions)}."
            + unreadable(entries.unreadable)
        )
    entries.unreadable.clear()
    with _calling("version details"):
        chosen = preferred if preferred in mutual else mutual[-1]
        url = urls[chosen]
        details = connection.request("GET", url, module="versions", operation="get_version_details").data
        if isinstance(details, list) and len(details) == 1:
            details = details[0]
        if not isinstance(details, dict):
            raise InvalidResponseError(f"{url} did not answer with version details.")
        spoken = services.version(chosen) or services.own
        cls = spoken.endpoint or Endpoint
        endpoints = entries.read(cls, details.get("endpoints"), url)
        conversion = spoken.conversion(cls)
        if conversion is not None:
            endpoints = [conversion.to_store(dict(endpoint)) for endpoint in endpoints]
    return Discovery(chosen, tuple(endpoints), tuple(entries.unreadable))


class _Entries:
    """Reads lists of versions and endpoints; ``unreadable`` has the reasons for the first entries that are left out."""

    def __init__(self, services: Services, source: Source) -> None:
        self.services = services
        self.source = source
        self.unreadable: list[str] = []
        self._flawed = 0

    def read(self, schema: type[Schema], items: Any, url: str) -> list[Mapping[str, Any]]:
        """Return the entries that can be read; only the beginning of a very long list is read."""
        items = [items] if isinstance(items, dict) and "url" in items else items
        if not isinstance(items, list):
            raise InvalidResponseError(f"{url} did not answer with a list.")
        found: list[Mapping[str, Any]] = []
        ignored = max(0, len(items) - _MOST_ENTRIES)
        for item in items[:_MOST_ENTRIES]:
            try:
                found.append(self._entry(schema, item))
            except InvalidParametersError as error:
                if len(self.unreadable) < _MOST_LOGGED:
                    reason = error.message.removeprefix("Invalid entry: ").rstrip(".")[:100]
                    self.unreadable.append(f"{_name_of(item)} ({reason})")
                    _log.warning("An entry of %s is ignored. %s", url, error)
                else:
                    ignored += 1
        if ignored:
            _log.warning("%d more entries of %s are ignored.", ignored, url)
        return found

    def _entry(self, schema: type[Schema], item: Any) -> Mapping[str, Any]:
        checks = self.services.schemas[schema]
        item = _canonical(item)
        entry = checks.load_valid(item)
        if entry is not None:
            return entry
        self._flawed += 1  # each is a finding
        if self._flawed > _MOST_FLAWED:
            raise InvalidParametersError("Invalid entry: too many before it were not valid.")
        return self.services.read(checks, item, self.source, where="entry")


def _canonical(item: Any) -> Any:
    """Return the entry of an endpoint with OCPI's module ids in lower case, and with a role for credentials.

    That role has no meaning in OCPI (VER-05), so it may be missing or have any value.
    """
    identifier = item.get("identifier") if isinstance(item, dict) else None
    bare = identifier.strip().lower() if isinstance(identifier, str) else ""
    if bare not in _MODULES:
        return item
    bare = _MODULES[bare]
    role = item.get("role")
    if bare == ModuleID.CREDENTIALS and not (isinstance(role, str) and role in _ROLES):
        return {**item, "identifier": bare, "role": InterfaceRole.SENDER.value}
    return {**item, "identifier": bare}


def _name_of(item: Any) -> str:
    if not isinstance(item, dict):
        return shown(item)[:_MOST_NAMED]
    names = (item.get(name) for name in ("version", "identifier", "role"))
    return ":".join(shown(name)[:_MOST_NAMED] for name in names if isinstance(name, str)) or "one without a name"


@contextmanager
def _calling(endpoint: str) -> Iterator[None]:
    try:
        yield
    except RemoteError as error:
        error.endpoint = endpoint
        raise


_TRIES = 3
_PAUSE = 60.0  # seconds


class Refetching:
    """The job that fetches endpoints again, once for each platform; it retries a failure a few times.

    The platform's record has the time, so another process takes over when one ends. connect: makes a client.
    """

    def __init__(self, services: Callable[[], Services], connect: Callable[..., Client]) -> None:
        self._services = services
        self._connect = connect

    def seconds_left(self) -> float | None:
        """Return the seconds until the endpoints of a platform are due; None if there are none to fetch."""
        services = self._services()
        due = [platform.endpoints_due for platform in services.platforms.partners().awaiting_endpoints]
        first = min((moment for moment in due if moment is not None), default=None)
        return None if first is None else max(0.0, (first - self._services().now()) / SECOND)

    def run(self) -> None:
        for platform in self._services().platforms.partners().awaiting_endpoints:
            if (platform.endpoints_due or 0) <= self._services().now():
                with working_for(platform.id):
                    self._refetch(platform)

    def _refetch(self, platform: Platform) -> None:
        services = self._services()
        taken = self._take(platform)
        if taken is None:
            return
        try:
            versions = [taken.version or ""]
            found = discover(self._connect(taken), services, taken.versions_url or "", versions=versions)
            check_endpoints(found, ())
            endpoints = with_roles(services, taken, found.endpoints)
            done = replace(taken, endpoints=endpoints, endpoints_due=None, endpoints_tries=0)
            services.platforms.save(done, before=taken)
        except ConflictError:  # the platform changed meanwhile: its new record has the time, if any
            _log.info("%s changed while its endpoints were fetched.", taken.id)
        except FlaskOCPIError as error:
            _log.warning("The endpoints of %s could not be fetched again: %s", taken.id, error)
            if taken.endpoints_due is None:
                _log.warning("They stay as they were in the handshake: `flask ocpi rotate %s` fetches them.", taken.id)

    def _take(self, platform: Platform) -> Platform | None:
        """Note a try and the time of the next one; return None if another process was faster."""
        tries = platform.endpoints_tries + 1
        pause = 2 * self._services().settings.http_timeout + _PAUSE  # the longest time of a try, and some more
        due = None if tries >= _TRIES else self._services().now() + int(pause * SECOND)
        try:
            return self._services().platforms.save(
                replace(platform, endpoints_due=due, endpoints_tries=tries), before=platform
            )
        except ConflictError:
            return None


def own_credentials(services: Services, platform: Platform, version: Version, *, token: str, url: str) -> Any:
    """Return our Credentials for a platform. token: the one that it must send; url: that of our versions."""
    cls = _class_of(version)
    roles = sides.credentials_roles(services, platform, version)
    body = said(services, version, cls, {"token": token, "url": url, "roles": roles}, where="credentials")
    return shaped(services.schemas[cls], body, services.quirks(platform))


def read_credentials(services: Services, answer: Answer, platform: Platform, version: Version) -> Document:
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
