"""The lists of a platform, and the few pages of each that the probe reads."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from flask_ocpi.client.addresses import joined
from flask_ocpi.client.operations import object_of
from flask_ocpi.client.operations import operations_of
from flask_ocpi.client.operations import path_of
from flask_ocpi.client.operations import schema_of
from flask_ocpi.client.paging import FROM_THE_BEGINNING
from flask_ocpi.client.probe.checks import FlawError
from flask_ocpi.client.probe.checks import NotApplicableError
from flask_ocpi.client.probe.checks import Seen
from flask_ocpi.client.probe.checks import SkippedError
from flask_ocpi.client.probe.checks import instant
from flask_ocpi.client.probe.checks import written
from flask_ocpi.client.probe.session import Session
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.responses import next_target
from flask_ocpi.core.responses import read_total

#: The number of objects that the probe requests in a page, and the most that it looks at.
LIMIT = 5
_MOST_ITEMS = 50


@dataclass(frozen=True)
class Window:
    """A request by dates: its answer, and the moments that it asked for, in microseconds; ``begin`` may be None."""

    seen: Seen
    begin: int | None
    end: int | None


@dataclass(eq=False)
class Listed:
    """One list. is_certain: the endpoint is certainly that of a Sender, which 2.1.1 does not tell."""

    session: Session
    module: Module
    operation: Operation
    url: str
    is_certain: bool
    routing_refused: Seen | None = None

    def __post_init__(self) -> None:
        self.name, self.object = self.module.id, object_of(self.operation)
        self.schema = self.session.services.schemas[schema_of(self.operation)]

    def address(self, **parameters: Any) -> str:
        """Return the URL of the list with query parameters; None leaves one out."""
        if self.operation.dated and "date_from" not in parameters:
            parameters = {"date_from": FROM_THE_BEGINNING, **parameters}  # OCPI requires it here
        given = {name: value for name, value in parameters.items() if value is not None}
        return joined(self.url, query=urlencode(given, safe=":"))

    def ask(self, url: str) -> Seen:
        is_routed = self.routing_refused is None
        headers = self.session.routing(self.module, InterfaceRole.SENDER) if is_routed else {}
        operation = self.module.view_name(InterfaceRole.SENDER, self.operation)
        return self.session.ask("GET", url, module=self.module, operation=operation, headers=headers)

    @cached_property
    def first(self) -> Seen:
        """The first page, asked without routing headers if they are refused."""
        seen = self.ask(self.address(limit=LIMIT))
        is_routed = any(name.startswith("OCPI-") for name in seen.headers)
        if seen.succeeded or seen.status in (0, 401) or not is_routed:
            return seen
        self.routing_refused = seen
        again = self.ask(self.address(limit=LIMIT))
        self.routing_refused = seen if again.succeeded else None
        return again if again.succeeded else seen

    @cached_property
    def items(self) -> Sequence[Any]:
        """The objects of the first page, as they came; raises SkippedError if there is no list."""
        return items_of(self.first)

    @property
    def some(self) -> Sequence[Mapping[str, Any]]:
        """The JSON objects on the first page, at least one; raises SkippedError without one."""
        found = [item for item in self.items if isinstance(item, dict)]
        if not found:
            raise SkippedError("The list is empty.")
        return found

    @property
    def total(self) -> int | None:
        """The X-Total-Count of the first page; None if it is no number."""
        self.first.needed()
        return read_total(self.first.header("X-Total-Count") or "")

    @cached_property
    def paged(self) -> tuple[Seen, int]:
        """The first page that another one should follow, and its limit.

        A short list is requested again with a smaller limit. Raises SkippedError if it has less than two objects.
        """
        number = len(self.items)
        if next_target(self.first.header("Link")) is not None or (self.total or 0) > number:
            return self.first, LIMIT
        if number < 2:
            raise SkippedError("There is one page only.")
        limit = min(number, LIMIT + 1) - 1
        return self.ask(self.address(limit=limit)), limit

    @property
    def link(self) -> str | None:
        """The target of the next page in the Link header of a page that another one should follow."""
        seen, _ = self.paged
        seen.needed()
        return next_target(seen.header("Link"))

    @cached_property
    def second(self) -> Seen:
        target = self.link
        if target is None:
            raise SkippedError("There is one page only.")
        if not target.startswith(("http://", "https://")) or not self.session.is_at_home(target):
            raise SkippedError("The Link leads to another server, which does not get our token.")
        return self.ask(target)

    @cached_property
    def last(self) -> Seen:
        """The page that begins with the last object."""
        if not self.total:
            raise SkippedError("The list is empty, or its total is not known.")
        return self.ask(self.address(limit=LIMIT, offset=self.total - 1))

    @cached_property
    def moments(self) -> Sequence[int]:
        """The moments of the latest changes on the first page, in microseconds; raises SkippedError without any."""
        found = [moment for item in self.some if (moment := instant(item.get("last_updated"))) is not None]
        if not found:
            raise SkippedError("No object tells when it changed.")
        return sorted(found)

    @cached_property
    def later(self) -> Window:
        """What changed from one second after the newest object that was read."""
        begin = max(self.moments[-1], *self._later_moments()) + SECOND
        return Window(self.ask(self.address(limit=LIMIT, date_from=written(begin))), begin, None)

    def _later_moments(self) -> Iterator[int]:
        """Walk the moments of the changes on the second and on the last page."""
        yield 0
        for name in ("second", "last"):
            with suppress(SkippedError):
                for item in items_of(getattr(self, name)):
                    yield (instant(item.get("last_updated")) if isinstance(item, dict) else None) or 0

    @cached_property
    def window(self) -> Window:
        """What changed from the oldest object on the first page until before the newest one."""
        begin, end = self.moments[0], self.moments[-1]
        asked = {"date_to": written(end)}
        if begin == end:
            return Window(self.ask(self.address(limit=LIMIT, **asked)), None, end)
        return Window(self.ask(self.address(limit=LIMIT, date_from=written(begin), **asked)), begin, end)

    def one(self, part: int) -> tuple[Seen, Mapping[str, Any]]:
        """Request an object of the first page by itself, or (part 1) its first part; return it and what it should be.

        Raises SkippedError if the list has none, or the module no such operation.
        """
        operations = operations_of(self.module, InterfaceRole.SENDER)
        single = (o for o in operations if o.method == "GET" and o.object is not None and not o.returns_list)
        operation = next((o for o in single if o.part == part), None)
        if operation is None:
            raise NotApplicableError("The module has no such request.")
        for item in self.some:
            ids, expected = [item.get(self.object.id_key[-1])], item
            if part:
                inner = item.get(self.object.parts[0].property)
                if not isinstance(inner, list) or not inner or not isinstance(inner[0], dict):
                    continue
                expected = inner[0]
                ids.append(expected.get(self.object.parts[0].key))
            if all(isinstance(id, str) and id not in ("", ".", "..") for id in ids):
                return self._single(operation, [str(id) for id in ids]), expected
        raise SkippedError("No object of the first page can be requested.")

    @property
    def unknown_operation(self) -> Operation | None:
        """The request of a single object, if the module has one."""
        operations = operations_of(self.module, InterfaceRole.SENDER)
        return next((o for o in operations if len(o.parameters) == 1 and o.method == "GET"), None)

    @cached_property
    def unknown(self) -> Seen:
        """The answer to the request of an object that does not exist."""
        if self.unknown_operation is None:
            raise NotApplicableError("The module has no such request.")
        return self._single(self.unknown_operation, ["PROBE-UNKNOWN"])

    def _single(self, operation: Operation, ids: Sequence[str]) -> Seen:
        return self.ask(joined(self.url, path_of(operation, ids)))

    def id_of(self, item: Mapping[str, Any]) -> str:
        return " ".join(str(item.get(name, "?"))[:40] for name in self.object.id_key)


def lists_of(session: Session) -> Sequence[Listed]:
    """Return the lists that we may read: those of the platform's Sender interfaces."""
    found = []
    for module in session.modules(InterfaceRole.SENDER):
        listing = next((o for o in operations_of(module, InterfaceRole.SENDER) if o.returns_list), None)
        url, certain = session.endpoint(module, InterfaceRole.SENDER)
        if listing is not None and listing.object is not None and url is not None and not module.single:
            found.append(Listed(session, module, listing, url, certain))
    return found


def items_of(seen: Seen) -> Sequence[Any]:
    """Return the objects of a page, the first ones of a very long one; raise SkippedError if it is no list."""
    data = seen.needed()
    if not isinstance(data, list | None):
        raise SkippedError("The answer has no list.")
    return (data or [])[:_MOST_ITEMS]


def number_in(seen: Seen) -> int:
    data = seen.needed()
    if not isinstance(data, list | None):
        raise FlawError(f"{seen.name} has no list in data.")
    return len(data or ())
