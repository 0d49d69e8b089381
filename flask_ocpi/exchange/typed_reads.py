"""How own objects and copies are read, with the types of each module, for type checkers.

Written by scripts/write_types.py: change the schemas instead.
"""

# mypy: disable-error-code="overload-overlap"

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import Literal
from typing import NotRequired
from typing import Protocol
from typing import TypedDict
from typing import Unpack
from typing import overload

if TYPE_CHECKING:
    from flask_ocpi.core import types
    from flask_ocpi.core.enums import ModuleID
    from flask_ocpi.partners.platforms import Platform
    from flask_ocpi.storage.base import Party


class CopyOf(TypedDict):
    """The owner of a copy, its sender and its receiver."""

    owner: Party
    platform: NotRequired[Platform | str | None]
    receiver: NotRequired[Party | None]


class Get(Protocol):
    """Returns an own object, or a part of it."""

    @overload
    def __call__(
        self, module: Literal["locations", ModuleID.LOCATIONS], id: str, /, *, party: Party | None = None
    ) -> types.Location: ...

    @overload
    def __call__(
        self, module: Literal["locations", ModuleID.LOCATIONS], id: str, evse_uid: str, /, *, party: Party | None = None
    ) -> types.EVSE: ...

    @overload
    def __call__(
        self,
        module: Literal["locations", ModuleID.LOCATIONS],
        id: str,
        evse_uid: str,
        connector_id: str,
        /,
        *,
        party: Party | None = None,
    ) -> types.Connector: ...

    @overload
    def __call__(
        self, module: Literal["sessions", ModuleID.SESSIONS], id: str, /, *, party: Party | None = None
    ) -> types.Session: ...

    @overload
    def __call__(
        self, module: Literal["cdrs", ModuleID.CDRS], id: str, /, *, party: Party | None = None
    ) -> types.CDR: ...

    @overload
    def __call__(
        self, module: Literal["tariffs", ModuleID.TARIFFS], id: str, /, *, party: Party | None = None
    ) -> types.Tariff: ...

    @overload
    def __call__(
        self, module: Literal["tokens", ModuleID.TOKENS], uid: str, type: str = ..., /, *, party: Party | None = None
    ) -> types.Token: ...

    @overload
    def __call__(
        self, module: Literal["hubclientinfo", ModuleID.HUBCLIENTINFO], role: str, /, *, party: Party | None = None
    ) -> types.ClientInfo: ...

    @overload
    def __call__(
        self, module: Literal["invoicereconciliation"], id: str, /, *, party: Party | None = None
    ) -> types.InvoiceReconciliationRecord: ...

    @overload
    def __call__(
        self, module: Literal["terminals"], terminal_id: str, /, *, party: Party | None = None
    ) -> types.Terminal: ...

    @overload
    def __call__(
        self, module: Literal["financial-advice-confirmations"], id: str, /, *, party: Party | None = None
    ) -> types.FinancialAdviceConfirmation: ...

    @overload
    def __call__(self, module: Literal["bookings"], id: str, /, *, party: Party | None = None) -> types.Booking: ...

    @overload
    def __call__(
        self, module: Literal["booking_locations"], id: str, /, *, party: Party | None = None
    ) -> types.BookingLocation: ...

    @overload
    def __call__(
        self, module: Literal["booking_locations"], id: str, calendar_id: str, /, *, party: Party | None = None
    ) -> types.Calendar: ...

    @overload
    def __call__(self, module: str, *ids: str, party: Party | None = None) -> dict[str, Any]: ...


class GetCopy(Protocol):
    """Returns the copy of an object of another party."""

    @overload
    def __call__(
        self, module: Literal["locations", ModuleID.LOCATIONS], id: str, /, **copy: Unpack[CopyOf]
    ) -> types.Location: ...

    @overload
    def __call__(
        self, module: Literal["sessions", ModuleID.SESSIONS], id: str, /, **copy: Unpack[CopyOf]
    ) -> types.Session: ...

    @overload
    def __call__(self, module: Literal["cdrs", ModuleID.CDRS], id: str, /, **copy: Unpack[CopyOf]) -> types.CDR: ...

    @overload
    def __call__(
        self, module: Literal["tariffs", ModuleID.TARIFFS], id: str, /, **copy: Unpack[CopyOf]
    ) -> types.Tariff: ...

    @overload
    def __call__(
        self, module: Literal["tokens", ModuleID.TOKENS], uid: str, type: str = ..., /, **copy: Unpack[CopyOf]
    ) -> types.Token: ...

    @overload
    def __call__(
        self, module: Literal["hubclientinfo", ModuleID.HUBCLIENTINFO], role: str, /, **copy: Unpack[CopyOf]
    ) -> types.ClientInfo: ...

    @overload
    def __call__(
        self, module: Literal["invoicereconciliation"], id: str, /, **copy: Unpack[CopyOf]
    ) -> types.InvoiceReconciliationRecord: ...

    @overload
    def __call__(self, module: Literal["terminals"], terminal_id: str, /, **copy: Unpack[CopyOf]) -> types.Terminal: ...

    @overload
    def __call__(
        self, module: Literal["financial-advice-confirmations"], id: str, /, **copy: Unpack[CopyOf]
    ) -> types.FinancialAdviceConfirmation: ...

    @overload
    def __call__(self, module: Literal["bookings"], id: str, /, **copy: Unpack[CopyOf]) -> types.Booking: ...

    @overload
    def __call__(
        self, module: Literal["booking_locations"], id: str, /, **copy: Unpack[CopyOf]
    ) -> types.BookingLocation: ...

    @overload
    def __call__(self, module: str, *ids: str, **copy: Unpack[CopyOf]) -> dict[str, Any]: ...
