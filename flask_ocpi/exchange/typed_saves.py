"""How own objects are saved and changed, with the types of each module, for type checkers.

Written by scripts/write_types.py: change the schemas instead.
"""

# mypy: disable-error-code="overload-overlap"

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any
from typing import Literal
from typing import Protocol
from typing import TypedDict
from typing import Unpack
from typing import overload

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

    from flask_ocpi.core import types
    from flask_ocpi.core.enums import ModuleID
    from flask_ocpi.exchange.documents import Saved
    from flask_ocpi.exchange.typed import Document
    from flask_ocpi.storage.base import HostSession
    from flask_ocpi.storage.base import Key
    from flask_ocpi.storage.base import Party


class Saving(TypedDict, total=False):
    """The options of a save."""

    audience: Iterable[Party] | None
    session: HostSession | None


class Changing(TypedDict, total=False):
    """The options of a change."""

    party: Party | None
    session: HostSession | None


class Save(Protocol):
    """Creates or replaces an own object."""

    @overload
    def __call__(
        self, module: Literal["locations", ModuleID.LOCATIONS], document: types.Location, **options: Unpack[Saving]
    ) -> Saved: ...

    @overload
    def __call__(
        self, module: Literal["sessions", ModuleID.SESSIONS], document: types.Session, **options: Unpack[Saving]
    ) -> Saved: ...

    @overload
    def __call__(
        self, module: Literal["cdrs", ModuleID.CDRS], document: types.CDR, **options: Unpack[Saving]
    ) -> Saved: ...

    @overload
    def __call__(
        self, module: Literal["tariffs", ModuleID.TARIFFS], document: types.Tariff, **options: Unpack[Saving]
    ) -> Saved: ...

    @overload
    def __call__(
        self, module: Literal["tokens", ModuleID.TOKENS], document: types.Token, **options: Unpack[Saving]
    ) -> Saved: ...

    @overload
    def __call__(
        self,
        module: Literal["hubclientinfo", ModuleID.HUBCLIENTINFO],
        document: types.ClientInfo,
        **options: Unpack[Saving],
    ) -> Saved: ...

    @overload
    def __call__(
        self,
        module: Literal["invoicereconciliation"],
        document: types.InvoiceReconciliationRecord,
        **options: Unpack[Saving],
    ) -> Saved: ...

    @overload
    def __call__(self, module: Literal["terminals"], document: types.Terminal, **options: Unpack[Saving]) -> Saved: ...

    @overload
    def __call__(
        self,
        module: Literal["financial-advice-confirmations"],
        document: types.FinancialAdviceConfirmation,
        **options: Unpack[Saving],
    ) -> Saved: ...

    @overload
    def __call__(self, module: Literal["bookings"], document: types.Booking, **options: Unpack[Saving]) -> Saved: ...

    @overload
    def __call__(
        self, module: Literal["booking_locations"], document: types.BookingLocation, **options: Unpack[Saving]
    ) -> Saved: ...

    @overload
    def __call__(self, module: str, document: Document, **options: Unpack[Saving]) -> Saved: ...

    @overload
    def __call__(
        self,
        module: str,
        document: dict[str, Any],
        *,
        version: str | None,
        party: Party | None = None,
        **options: Unpack[Saving],
    ) -> Saved: ...


class Patch(Protocol):
    """Changes an own object, or a part of it, and returns the whole object."""

    @overload
    def __call__(
        self,
        module: Literal["locations", ModuleID.LOCATIONS],
        id: str,
        /,
        *,
        changes: types.LocationChanges,
        **options: Unpack[Changing],
    ) -> types.Location: ...

    @overload
    def __call__(
        self,
        module: Literal["locations", ModuleID.LOCATIONS],
        id: str,
        evse_uid: str,
        /,
        *,
        changes: types.EVSEChanges,
        **options: Unpack[Changing],
    ) -> types.Location: ...

    @overload
    def __call__(
        self,
        module: Literal["locations", ModuleID.LOCATIONS],
        id: str,
        evse_uid: str,
        connector_id: str,
        /,
        *,
        changes: types.ConnectorChanges,
        **options: Unpack[Changing],
    ) -> types.Location: ...

    @overload
    def __call__(
        self,
        module: Literal["sessions", ModuleID.SESSIONS],
        id: str,
        /,
        *,
        changes: types.SessionChanges,
        **options: Unpack[Changing],
    ) -> types.Session: ...

    @overload
    def __call__(
        self,
        module: Literal["tariffs", ModuleID.TARIFFS],
        id: str,
        /,
        *,
        changes: types.TariffChanges,
        **options: Unpack[Changing],
    ) -> types.Tariff: ...

    @overload
    def __call__(
        self,
        module: Literal["tokens", ModuleID.TOKENS],
        uid: str,
        type: str = ...,
        /,
        *,
        changes: types.TokenChanges,
        **options: Unpack[Changing],
    ) -> types.Token: ...

    @overload
    def __call__(
        self,
        module: Literal["hubclientinfo", ModuleID.HUBCLIENTINFO],
        role: str,
        /,
        *,
        changes: types.ClientInfoChanges,
        **options: Unpack[Changing],
    ) -> types.ClientInfo: ...

    @overload
    def __call__(
        self,
        module: Literal["invoicereconciliation"],
        id: str,
        /,
        *,
        changes: types.InvoiceReconciliationRecordChanges,
        **options: Unpack[Changing],
    ) -> types.InvoiceReconciliationRecord: ...

    @overload
    def __call__(
        self,
        module: Literal["terminals"],
        terminal_id: str,
        /,
        *,
        changes: types.TerminalChanges,
        **options: Unpack[Changing],
    ) -> types.Terminal: ...

    @overload
    def __call__(
        self,
        module: Literal["financial-advice-confirmations"],
        id: str,
        /,
        *,
        changes: types.FinancialAdviceConfirmationChanges,
        **options: Unpack[Changing],
    ) -> types.FinancialAdviceConfirmation: ...

    @overload
    def __call__(
        self, module: Literal["bookings"], id: str, /, *, changes: types.BookingChanges, **options: Unpack[Changing]
    ) -> types.Booking: ...

    @overload
    def __call__(
        self,
        module: Literal["booking_locations"],
        id: str,
        /,
        *,
        changes: types.BookingLocationChanges,
        **options: Unpack[Changing],
    ) -> types.BookingLocation: ...

    @overload
    def __call__(
        self,
        module: Literal["booking_locations"],
        id: str,
        calendar_id: str,
        /,
        *,
        changes: types.CalendarChanges,
        **options: Unpack[Changing],
    ) -> types.BookingLocation: ...

    @overload
    def __call__(self, module: str, *ids: str, changes: Document, **options: Unpack[Changing]) -> dict[str, Any]: ...


#: Objects of several modules, to be saved together.
Objects = TypedDict(
    "Objects",
    {
        "locations": "Iterable[types.Location | Document]",
        "sessions": "Iterable[types.Session | Document]",
        "cdrs": "Iterable[types.CDR | Document]",
        "tariffs": "Iterable[types.Tariff | Document]",
        "tokens": "Iterable[types.Token | Document]",
        "hubclientinfo": "Iterable[types.ClientInfo | Document]",
        "invoicereconciliation": "Iterable[types.InvoiceReconciliationRecord | Document]",
        "terminals": "Iterable[types.Terminal | Document]",
        "financial-advice-confirmations": "Iterable[types.FinancialAdviceConfirmation | Document]",
        "bookings": "Iterable[types.Booking | Document]",
        "booking_locations": "Iterable[types.BookingLocation | Document]",
    },
    total=False,
)


class SaveAll(Protocol):
    """Saves many own objects, all or none."""

    def __call__(
        self,
        documents: Objects
        | Mapping[str, Iterable[Document]]
        | Iterable[tuple[str, Iterable[Document]]]
        | Callable[[], Iterable[tuple[str, Iterable[Document]]]],
        *,
        progress: Callable[[], None] = ...,
        may_widen: bool = False,
        withheld: Callable[[str, Key], None] = ...,
        session: HostSession | None = None,
        version: str | None = None,
        party: Party | None = None,
    ) -> int: ...
