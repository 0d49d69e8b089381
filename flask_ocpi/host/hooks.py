"""The hooks of the host application: the decorators of :class:`flask_ocpi.OCPI`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING
from typing import Any
from typing import Literal
from typing import TypeVar

from flask_ocpi.core.advice import there_are
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import BOOKINGS
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.exchange.context import Hooks
from flask_ocpi.modules.bookings import REQUEST
from flask_ocpi.modules.payments import HOOKS
from flask_ocpi.modules.payments import TERMINALS
from flask_ocpi.versions import VERSIONS

if TYPE_CHECKING:
    from flask_ocpi.core import types
    from flask_ocpi.exchange.pending import Reply
    from flask_ocpi.exchange.typed import Booked
    from flask_ocpi.exchange.typed import Document as Untyped
    from flask_ocpi.modules.bookings import BookingReply
    from flask_ocpi.modules.payments import TerminalRequest
    from flask_ocpi.partners.platforms import Platform

    # The parameters and results of hooks: the types of OCPI, or dicts without a type.
    Plain = dict[str, Any]
    Authorization = types.AllowedType | types.AuthorizationAnswer | types.AuthorizationInfo | Untyped | None
    Authorizes = (
        Callable[[types.Token, types.LocationReferences | None], Authorization]
        | Callable[[Plain, Plain | None], Authorization]
    )
    Prefers = (
        Callable[[types.Session, types.ChargingPreferences], types.ChargingPreferencesResponse]
        | Callable[[Plain, Plain], types.ChargingPreferencesResponse]
    )
    Decision = Literal["accept", "ask", "refuse"] | None
    Grants = Callable[[Platform, types.CredentialsRole], Decision] | Callable[[Platform, Plain], Decision]
    Filters = Callable[[str, Plain, Platform], bool]
    Response = types.CommandResponseType | types.CommandResponse | types.ChargingProfileResponse | Untyped
    CarriesOut = Callable[[Any, Reply], Response]
    Limits = Callable[[Any, Reply], types.ChargingProfileResponseType | Response]
    Books = Callable[[types.BookingRequest, BookingReply], Booked] | Callable[[Plain, BookingReply], Booked]
    Managed = types.Terminal | types.TerminalChanges | Untyped | None
    Manages = (
        Callable[[types.Terminal, TerminalRequest], Managed]
        | Callable[[types.TerminalChange, TerminalRequest], Managed]
        | Callable[[Plain, TerminalRequest], Managed]
    )

A = TypeVar("A", bound="Authorizes")
C = TypeVar("C", bound="CarriesOut")
F = TypeVar("F", bound="Filters")
G = TypeVar("G", bound="Grants")
B = TypeVar("B", bound="Books")
L = TypeVar("L", bound="Limits")
P = TypeVar("P", bound="Prefers")
R = TypeVar("R", bound=Callable[..., Any])
T = TypeVar("T", bound="Manages")


class HostHooks:
    """The decorators that register the hooks of the host application."""

    def __init__(self, versions: Sequence[Version] | None = None) -> None:
        self._hooks = Hooks()
        self._versions = versions

    def authorizer(self, function: A) -> A:
        """Register the hook for real-time authorizations: ``@ocpi.authorizer``.

        It is called with the stored Token and the LocationReferences (or None). It returns an AllowedType such as
        "NO_CREDIT", an AuthorizationInfo (or a part of it), or None to follow the ``valid`` of the token. It may raise
        NotEnoughInformationError (2002) when it needs the location.
        """
        return self._register("authorizer", function, "token", "location")

    def charging_preferences(self, function: P) -> P:
        """Register the hook for charging preferences: ``@ocpi.charging_preferences``.

        It is called with the Session and the ChargingPreferences, and returns a ChargingPreferencesResponse such as
        "ACCEPTED". Without this hook the answer is NOT_POSSIBLE.
        """
        return self._register("charging_preferences", function, "session", "preferences")

    def push_filter(self, function: F) -> F:
        """Register the hook that limits pushes: ``@ocpi.push_filter``.

        It is called with a module id, an own object and the Platform of a receiver, and returns whether to send the
        object. It does not limit what a partner may read on our Sender interfaces.
        """
        return self._register("push_filter", function, "module", "document", "platform")

    def registration_filter(self, function: G) -> G:
        """Register the hook that decides on new roles in a handshake: ``@ocpi.registration_filter``.

        It is called with the Platform before the handshake (``roles`` are the roles it has) and one CredentialsRole
        that is new to it and that you did not grant by name in an invitation or registration. It returns "accept",
        "ask" (you approve it later), "refuse" (the answer is 2001, and the handshake changes nothing), or None for the
        default decision. It cannot take a role from another partner: "accept" then means "ask". It may be called more
        than once for one handshake, so it must have no side effects; if it raises, the role waits for your approval.
        """
        return self._register("registration_filter", function, "platform", "role")

    def command(self, name: types.CommandType) -> Callable[[C], C]:
        """Register the hook that runs a command: ``@ocpi.command("START_SESSION")``.

        It is called with the command (without response_url) and a :class:`~flask_ocpi.Reply`, and immediately returns
        the CommandResponse, or its result: "ACCEPTED", "REJECTED", ... The later result comes from :meth:`OCPI.finish`,
        from ``reply.finish``, or from the function given to ``reply.accept``.
        """
        known = self._commands()
        if name not in known:
            raise ConfigurationError(f"There is no command {name!r}; {there_are(known, name)}")
        return self._register_call("commands", name, "command")

    def _commands(self) -> list[str]:
        """Return the commands of all versions that can be served."""
        operations = chain.from_iterable(version.operations() for version in self._versions or VERSIONS)
        receiver = (o for m, i, o in operations if m.id == ModuleID.COMMANDS and i.role is InterfaceRole.RECEIVER)
        return list(dict.fromkeys(operation.path.removeprefix("/") for operation in receiver))

    def charging_profile(self, method: Literal["GET", "PUT", "DELETE"]) -> Callable[[L], L]:
        """Register a hook for charging profiles: ``@ocpi.charging_profile("PUT")``, and "GET" and "DELETE".

        It is called with the request and a :class:`~flask_ocpi.Reply`. The request has the ``session_id``, for PUT the
        ``charging_profile``, for GET the ``duration``. The hook answers as a command does; a result ACCEPTED of a GET
        includes the ``profile``.
        """
        if method not in ("GET", "PUT", "DELETE"):
            raise ConfigurationError(f"Charging profiles have the methods GET, PUT and DELETE, not {method!r}.")
        return self._register_call("chargingprofiles", method, "charging_profile")

    def terminal(self, name: Literal["activate", "deactivate", "update"]) -> Callable[[T], T]:
        """Register a hook for a CPO's requests about payment terminals: ``@ocpi.terminal("activate")``.

        It is called with the Terminal and a :class:`~flask_ocpi.TerminalRequest`. "activate": it
        returns the Terminal, which is saved for the CPO and sent to it, or at least its ``terminal_id``; None if you
        save the Terminal later. "deactivate": it returns nothing. "update": it is called with the changed Terminal
        before the change is stored; raise an OCPIError to refuse the change. Without this hook, each change is stored.
        It may be called more than once for one change, so it must have no side effects.
        """
        if name not in HOOKS:
            raise ConfigurationError(f"There is no hook {name!r} of terminals; {there_are(HOOKS, name)}")
        return self._register_call(TERMINALS, name, "terminal", "terminal", "request")

    def booking(self, function: B) -> B:
        """Register the hook that answers booking requests of eMSPs: ``@ocpi.booking``.

        It is called with the BookingRequest and a :class:`~flask_ocpi.BookingReply`, and returns the
        ReservationRequestStatus: "ACCEPTED", "DECLINED", "FAILED", or "PENDING" (None) if you answer later with
        :meth:`OCPI.answer_booking`. A dict with this value as ``request_status`` can set other properties of the
        Booking. The status of the Booking follows from it.
        """
        return self._register_call(BOOKINGS, REQUEST, "booking", "request", "reply")(function)

    def _register(self, hook: str, function: R, *parameters: str) -> R:
        _check(hook, function, *parameters)
        setattr(self._hooks, hook, function)
        return function

    def _register_call(self, module: str, name: str, hook: str, *parameters: str) -> Callable[[R], R]:
        def register(function: R) -> R:
            _check(f'{hook}("{name}")', function, *(parameters or ("asked", "reply")))
            self._hooks.calls[module, name] = function
            return function

        return register


def _check(hook: str, function: Callable[..., Any], *parameters: str) -> None:
    """Raise ConfigurationError if a function cannot be called with these positional parameters."""
    if not callable(function):
        raise ConfigurationError(f"@ocpi.{hook} takes a function, got {function!r}.")
    try:
        signature = inspect.signature(function)
    except ValueError:  # a few functions written in C have no signature
        return
    try:
        signature.bind(*parameters)
    except TypeError:
        name = getattr(function, "__name__", "function")
        raise ConfigurationError(
            f"@ocpi.{hook} calls its function with ({', '.join(parameters)}), which {name}{signature} does not take: "
            f"write def {name}({', '.join(parameters)})."
        ) from None
