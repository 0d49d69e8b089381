"""How own objects are saved, read and changed, with the types of each module, for type checkers.

Written by scripts/write_types.py: change the schemas instead.

A dict that is written in a call has to be what OCPI says, a variable of type ``dict[str, Any]`` is taken as it is.
mypy names ``Unchecked`` where a dict that is written is neither: give it its type, as in ``tariff: Tariff = {...}``,
and mypy names the property.
"""
# mypy: disable-error-code="overload-overlap"

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any
from typing import Generic
from typing import Literal
from typing import Protocol
from typing import TypedDict
from typing import TypeVar
from typing import cast
from typing import final
from typing import overload

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

    from flask_ocpi.core import types
    from flask_ocpi.core.enums import ModuleID
    from flask_ocpi.exchange.documents import Saved
    from flask_ocpi.partners.platforms import Platform
    from flask_ocpi.storage.base import HostSession
    from flask_ocpi.storage.base import Key
    from flask_ocpi.storage.base import Party

    #: What ends a command or charging profile request: its result, or the whole object.
    Outcome = (
        types.CommandResultType
        | types.ChargingProfileResultType
        | types.CommandResult
        | types.ActiveChargingProfileResult
        | types.ChargingProfileResult
        | types.ClearProfileResult
        | dict[str, "Unchecked"]
    )

F = TypeVar("F")


@final
class Unchecked:
    """A property of a document whose type says nothing of its properties."""


Document = dict[str, Unchecked]


class typed_as(Generic[F]):
    """Gives a method the type of a protocol: ``@typed_as[Save]()``; the method stays what it is."""

    def __call__(self, method: Callable[..., Any]) -> F:
        return cast(F, method)


class Save(Protocol):
    """Creates or replaces an own object."""

    @overload
    def __call__(
        self,
        module: Literal["locations", ModuleID.LOCATIONS],
        document: types.Location,
        *,
        audience: Iterable[Party] | None = None,
        session: HostSession | None = None,
    ) -> Saved: ...

    @overload
    def __call__(
        self,
        module: Literal["sessions", ModuleID.SESSIONS],
        document: types.Session,
        *,
        audience: Iterable[Party] | None = None,
        session: HostSession | None = None,
    ) -> Saved: ...

    @overload
    def __call__(
        self,
        module: Literal["cdrs", ModuleID.CDRS],
        document: types.CDR,
        *,
        audience: Iterable[Party] | None = None,
        session: HostSession | None = None,
    ) -> Saved: ...

    @overload
    def __call__(
        self,
        module: Literal["tariffs", ModuleID.TARIFFS],
        document: types.Tariff,
        *,
        audience: Iterable[Party] | None = None,
        session: HostSession | None = None,
    ) -> Saved: ...

    @overload
    def __call__(
        self,
        module: Literal["tokens", ModuleID.TOKENS],
        document: types.Token,
        *,
        audience: Iterable[Party] | None = None,
        session: HostSession | None = None,
    ) -> Saved: ...

    @overload
    def __call__(
        self,
        module: Literal["hubclientinfo", ModuleID.HUBCLIENTINFO],
        document: types.ClientInfo,
        *,
        audience: Iterable[Party] | None = None,
        session: HostSession | None = None,
    ) -> Saved: ...

    @overload
    def __call__(
        self,
        module: str,
        document: Document,
        *,
        audience: Iterable[Party] | None = None,
        session: HostSession | None = None,
    ) -> Saved: ...

    @overload
    def __call__(
        self,
        module: str,
        document: dict[str, Any],
        *,
        version: str | None,
        party: Party | None = None,
        audience: Iterable[Party] | None = None,
        session: HostSession | None = None,
    ) -> Saved: ...


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
    def __call__(self, module: str, *ids: str, party: Party | None = None) -> dict[str, Any]: ...


class GetCopy(Protocol):
    """Returns the copy of an object of another party."""

    @overload
    def __call__(
        self,
        module: Literal["locations", ModuleID.LOCATIONS],
        id: str,
        /,
        *,
        owner: Party,
        platform: Platform | str | None = None,
        receiver: Party | None = None,
    ) -> types.Location: ...

    @overload
    def __call__(
        self,
        module: Literal["sessions", ModuleID.SESSIONS],
        id: str,
        /,
        *,
        owner: Party,
        platform: Platform | str | None = None,
        receiver: Party | None = None,
    ) -> types.Session: ...

    @overload
    def __call__(
        self,
        module: Literal["cdrs", ModuleID.CDRS],
        id: str,
        /,
        *,
        owner: Party,
        platform: Platform | str | None = None,
        receiver: Party | None = None,
    ) -> types.CDR: ...

    @overload
    def __call__(
        self,
        module: Literal["tariffs", ModuleID.TARIFFS],
        id: str,
        /,
        *,
        owner: Party,
        platform: Platform | str | None = None,
        receiver: Party | None = None,
    ) -> types.Tariff: ...

    @overload
    def __call__(
        self,
        module: Literal["tokens", ModuleID.TOKENS],
        uid: str,
        type: str = ...,
        /,
        *,
        owner: Party,
        platform: Platform | str | None = None,
        receiver: Party | None = None,
    ) -> types.Token: ...

    @overload
    def __call__(
        self,
        module: Literal["hubclientinfo", ModuleID.HUBCLIENTINFO],
        role: str,
        /,
        *,
        owner: Party,
        platform: Platform | str | None = None,
        receiver: Party | None = None,
    ) -> types.ClientInfo: ...

    @overload
    def __call__(
        self,
        module: str,
        *ids: str,
        owner: Party,
        platform: Platform | str | None = None,
        receiver: Party | None = None,
    ) -> dict[str, Any]: ...


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
        party: Party | None = None,
        session: HostSession | None = None,
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
        party: Party | None = None,
        session: HostSession | None = None,
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
        party: Party | None = None,
        session: HostSession | None = None,
    ) -> types.Location: ...

    @overload
    def __call__(
        self,
        module: Literal["sessions", ModuleID.SESSIONS],
        id: str,
        /,
        *,
        changes: types.SessionChanges,
        party: Party | None = None,
        session: HostSession | None = None,
    ) -> types.Session: ...

    @overload
    def __call__(
        self,
        module: Literal["tariffs", ModuleID.TARIFFS],
        id: str,
        /,
        *,
        changes: types.TariffChanges,
        party: Party | None = None,
        session: HostSession | None = None,
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
        party: Party | None = None,
        session: HostSession | None = None,
    ) -> types.Token: ...

    @overload
    def __call__(
        self,
        module: Literal["hubclientinfo", ModuleID.HUBCLIENTINFO],
        role: str,
        /,
        *,
        changes: types.ClientInfoChanges,
        party: Party | None = None,
        session: HostSession | None = None,
    ) -> types.ClientInfo: ...

    @overload
    def __call__(
        self, module: str, *ids: str, changes: Document, party: Party | None = None, session: HostSession | None = None
    ) -> dict[str, Any]: ...


class Objects(TypedDict, total=False):
    """Objects of several modules, to be saved together."""

    locations: Iterable[types.Location | Document]
    sessions: Iterable[types.Session | Document]
    cdrs: Iterable[types.CDR | Document]
    tariffs: Iterable[types.Tariff | Document]
    tokens: Iterable[types.Token | Document]
    hubclientinfo: Iterable[types.ClientInfo | Document]


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
