"""Finding out what a platform offers: its versions, and the endpoints of one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from flask_ocpi.client.client import Caller
from flask_ocpi.context import Discovery
from flask_ocpi.context import Services
from flask_ocpi.description import version_order
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import ModuleID
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import UnsupportedVersionError
from flask_ocpi.findings import Source
from flask_ocpi.modules.credentials.handlers import unreadable
from flask_ocpi.modules.versions.schemas import Endpoint
from flask_ocpi.modules.versions.schemas import Version
from flask_ocpi.reading.reader import shown
from flask_ocpi.schema import Schema

_log = logging.getLogger("flask_ocpi.client")
_MODULES = frozenset(ModuleID)
_ROLES = frozenset(InterfaceRole)
_MOST_ENTRIES = 1000  # of a list of versions or endpoints
_MOST_FLAWED = 100  # entries that are read although they are not valid
_MOST_LOGGED = 10  # of the entries that are ignored
_MOST_NAMED = 20  # versions, or entries that cannot be read


def discover(caller: Caller, services: Services, versions_url: str, *, versions: Sequence[str]) -> Discovery:
    """Fetch a platform's versions and the details of the latest one of ``versions`` that it offers (VER-14, VER-15).

    Raises RemoteError when that fails and UnsupportedVersionError when there is none in common. Versions and modules
    that we do not know are passed over; entries that cannot be read are left out.
    """
    entries = _Entries(services, Source(caller.platform_id or urlsplit(versions_url).netloc, "versions"))
    with _calling("versions"):
        answer = caller.request("GET", versions_url, module="versions", operation="get_versions")
        offered = entries.read(Version, answer.data, versions_url)
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
        url = urls[mutual[-1]]
        details = caller.request("GET", url, module="versions", operation="get_version_details").data
        if isinstance(details, list) and len(details) == 1:
            details = details[0]
        if not isinstance(details, dict):
            raise InvalidResponseError(f"{url} did not answer with version details.")
        endpoints = entries.read(Endpoint, details.get("endpoints"), url)
    return Discovery(mutual[-1], tuple(endpoints), tuple(entries.unreadable))


class _Entries:
    """Reads lists of versions and endpoints; ``unreadable`` says of the first entries that are left out why."""

    def __init__(self, services: Services, source: Source) -> None:
        self.services = services
        self.source = source
        self.unreadable: list[str] = []
        self._flawed = 0

    def read(self, schema: type[Schema], items: Any, url: str) -> list[Mapping[str, Any]]:
        """Return the entries that can be read; of a very long list only the beginning is looked at."""
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
                    self.unreadable.append(f"{_name_of(item)} ({_reason(error)})")
                    _log.warning("An entry of %s is ignored. %s", url, error)
                else:
                    ignored += 1
        if ignored:
            _log.warning("%d more entries of %s are ignored.", ignored, url)
        return found

    def _entry(self, schema: type[Schema], item: Any) -> Mapping[str, Any]:
        checks = self.services.schemas[schema]
        item = _canonical(item) if schema is Endpoint else item
        entry = checks.load_valid(item)
        if entry is not None:
            return entry
        self._flawed += 1  # each is a finding
        if self._flawed > _MOST_FLAWED:
            raise InvalidParametersError("Invalid entry: too many before it were not valid.")
        return self.services.read(checks, item, self.source, where="entry")


def _canonical(item: Any) -> Any:
    """Return the entry of an endpoint with one of OCPI's module ids in lower case, and a role for credentials.

    OCPI gives that one no meaning (VER-05), so it may be missing or anything.
    """
    identifier = item.get("identifier") if isinstance(item, dict) else None
    bare = identifier.strip().lower() if isinstance(identifier, str) else ""
    if bare not in _MODULES:
        return item
    role = item.get("role")
    if bare == ModuleID.CREDENTIALS and not (isinstance(role, str) and role in _ROLES):
        role = InterfaceRole.SENDER.value
    return {**item, "identifier": bare, "role": role}


def _name_of(item: Any) -> str:
    """Return what an entry is about, shortened, as far as that can be told."""
    if not isinstance(item, dict):
        return shown(item)[:_MOST_NAMED]
    names = (item.get(name) for name in ("version", "identifier", "role"))
    return ":".join(shown(name)[:_MOST_NAMED] for name in names if isinstance(name, str)) or "one without a name"


def _reason(error: InvalidParametersError) -> str:
    return error.message.removeprefix("Invalid entry: ").rstrip(".")[:100]


@contextmanager
def _calling(endpoint: str) -> Iterator[None]:
    """Say in errors which endpoint of the other platform they are about."""
    try:
        yield
    except RemoteError as error:
        error.endpoint = endpoint
        raise
