"""The outbound side: calls a partner's interfaces by the descriptions of their modules."""

from __future__ import annotations

import abc
from copy import copy
from types import TracebackType
from typing import Self

from flask_ocpi.client.added import BookingLocationsClient
from flask_ocpi.client.added import BookingsClient
from flask_ocpi.client.added import InvoiceReconciliationClient
from flask_ocpi.client.added import PaymentsClient
from flask_ocpi.client.added import PostedClient
from flask_ocpi.client.added import TerminalsClient
from flask_ocpi.client.authorizing import TokensClient
from flask_ocpi.client.calling import CdrsClient
from flask_ocpi.client.calling import ChargingProfilesClient
from flask_ocpi.client.calling import CommandsClient
from flask_ocpi.client.calling import SessionsClient
from flask_ocpi.client.connection import PlatformConnection
from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.core.advice import did_you_mean
from flask_ocpi.core.description import Module
from flask_ocpi.core.enums import BOOKINGS
from flask_ocpi.core.enums import PAYMENTS
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import RemoteError
from flask_ocpi.modules.bookings import BOOKING_LOCATIONS
from flask_ocpi.modules.payments import CONFIRMATIONS
from flask_ocpi.modules.payments import TERMINALS


class _Modules(abc.ABC):
    """Has the module clients as attributes."""

    def __getattr__(self, name: str) -> ModuleClient:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self.module(name)
        except InvalidParametersError as error:
            if name in _MODULE_CLIENTS:  # a module of OCPI that the version of the platform lacks
                raise
            raise AttributeError(error.message) from error

    @abc.abstractmethod
    def module(self, id: str) -> ModuleClient:
        """Return the client of one module of the platform's version."""


class Client(_Modules, PlatformConnection):
    """Calls one registered platform. ``client.locations`` and so on are its modules; use it in a ``with`` block."""

    #: The tokens module, with real-time authorization.
    tokens: TokensClient
    #: The sessions module, with charging preferences.
    sessions: SessionsClient
    #: The cdrs module: CDRs are posted.
    cdrs: CdrsClient
    #: The commands module, with one method for each command.
    commands: CommandsClient
    #: The chargingprofiles module: setting, clearing and requesting profiles.
    chargingprofiles: ChargingProfilesClient
    #: The payments module of 2.3.0: terminals, and the payments captured at them.
    payments: PaymentsClient
    #: The bookings module of 2.3.0: locations that can be booked, and bookings.
    bookings: BookingsClient
    #: The invoicereconciliation module of 2.3.0: new records are posted.
    invoicereconciliation: InvoiceReconciliationClient

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: the transport belongs to the app and is shared."""

    def module(self, id: str) -> ModuleClient:
        """Return the client of one module of the platform's version."""
        return _MODULE_CLIENTS.get(id, ModuleClient)(self, self.described(id))

    @property
    def raw(self) -> RawClient:
        """The modules in the shape of the platform's version, without conversion."""
        return RawClient(self)

    def is_alive(self) -> bool:
        """Tell whether the platform answers at its versions endpoint (HCI-12); use it after a long silence."""
        if self.platform.versions_url is None:
            return False
        try:
            self.request("GET", self.platform.versions_url, module="versions", operation="get_versions")
        except RemoteError:
            return False
        return True

    def described(self, id: str) -> Module:
        """Return a module as the platform's version describes it; raise InvalidParametersError if it has none."""
        module = self.version.module(id)
        if module is None:
            known = ", ".join(m.id for m in self.version.modules if m.listed)
            near = did_you_mean(id, (m.id for m in self.version.modules))
            raise InvalidParametersError(
                f"OCPI {self.version.number} has no module {id!r} here; there are {known}.{near}"
            )
        return module


class RawClient(_Modules):
    """The plain calls of each module, with documents as the platform's version has them: ``client.raw.tariffs.list()``.

    If objects of the version do not name their owner, ``put`` and ``patch`` take it as ``owner``.
    """

    def __init__(self, client: Client) -> None:
        self._client = copy(client)
        self._client.version = client.version.unconverted

    def module(self, id: str) -> ModuleClient:
        return ModuleClient(self._client, self._client.described(id))


_MODULE_CLIENTS: dict[str, type[ModuleClient]] = {
    ModuleID.TOKENS: TokensClient,
    ModuleID.SESSIONS: SessionsClient,
    ModuleID.CDRS: CdrsClient,
    ModuleID.COMMANDS: CommandsClient,
    ModuleID.CHARGINGPROFILES: ChargingProfilesClient,
    PAYMENTS: PaymentsClient,
    TERMINALS: TerminalsClient,
    CONFIRMATIONS: PostedClient,
    BOOKINGS: BookingsClient,
    BOOKING_LOCATIONS: BookingLocationsClient,
    "invoicereconciliation": InvoiceReconciliationClient,
}
