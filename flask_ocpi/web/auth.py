"""Authentication and authorisation of incoming requests."""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING

import orjson

from flask_ocpi.core import forks
from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.errors import ClientError
from flask_ocpi.errors import ForbiddenError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.errors import TooManyRequestsError
from flask_ocpi.errors import UnauthorizedError
from flask_ocpi.exchange.context import NOT_ROUTED
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Routing
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.handshake import confirm
from flask_ocpi.exchange.sides import side_of
from flask_ocpi.exchange.targets import party_named
from flask_ocpi.partners.auth_tokens import candidates
from flask_ocpi.partners.platforms import Caller
from flask_ocpi.partners.platforms import Platforms
from flask_ocpi.partners.platforms import TokenUse
from flask_ocpi.web.headers import parse_routing
from flask_ocpi.web.incoming import Incoming

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("flask_ocpi")

_WINDOW = 60.0  # seconds
_MOST = 10_000  # addresses


class RefusedTokens:
    """Counts the refused tokens of each address, for a minute from the first; ``limit`` 0 counts nothing.

    Only senders of unknown tokens have to wait: a token in use is looked up first, so another caller behind the same
    proxy cannot lock out a partner. The latest ten thousand addresses are counted.
    """

    def __init__(self, limit: int, *, clock: Callable[[], datetime]) -> None:
        self._limit = limit
        self._clock = clock
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def note(self, address: str | None) -> int:
        """Count a refused token; return the seconds that its sender has to wait, or 0."""
        if not self._limit:
            return 0
        network, now = network_of(address), self._clock().timestamp()
        with self._lock:
            began, count = self._seen.pop(network, (now, 0))
            if not 0 <= now - began < _WINDOW:  # expired, or the clock was set back
                began, count = now, 0
            self._seen[network] = (began, count + 1)
            if len(self._seen) > _MOST:
                self._seen.popitem(last=False)
        if count < self._limit:
            return 0
        if count == self._limit:
            _log.warning("%s has sent more than %s unknown tokens within a minute.", network, self._limit)
        return max(1, ceil(began + _WINDOW - now))


def network_of(address: str | None) -> str:
    """Return the network that counts as one caller: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:  # of a socket file, or text from a proxy
        return address or ""
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((int(ip), 64), strict=False))


_SHOWN = 20


def authenticate(services: Services, incoming: Incoming, address: str | None) -> Caller:
    """Return the calling partner by its credentials token; raise UnauthorizedError (A-06).

    Raises TooManyRequestsError if the partner calls too often, or if an address tries many unknown tokens.
    """
    header = incoming.environ.get("HTTP_AUTHORIZATION")
    caller = None if header is None else services.platforms.caller_by(header)
    if caller is not None:
        incoming.caller = caller
        incoming.platform = caller.platform.id
    for check in services.limits:
        check()
    if caller is None:
        raise _unauthorized(services, header, address)
    if caller.issued.use is TokenUse.ACTIVE and not caller.issued.used:
        caller = incoming.caller = confirm(services.platforms, caller)
        services.wake()  # its endpoints are due
    return caller


def _unauthorized(services: Services, header: str | None, address: str | None) -> ClientError:
    if header is None:
        return UnauthorizedError(
            "The Authorization header is missing. Send: Authorization: Token <your token in Base64>."
        )
    if not candidates(header):
        return UnauthorizedError("The Authorization header is not of the form: Token <your token in Base64>.")
    seconds = services.refused(address)
    if seconds:  # the address has tried too many unknown tokens
        return TooManyRequestsError(
            f"Too many tokens that are not in use here were sent from your address; wait for {seconds} seconds.",
            headers={"Retry-After": str(seconds)},
        )
    return UnauthorizedError("The token in the Authorization header is not in use here.")


def authorize(
    services: Services,
    caller: Caller,
    version: Version,
    module: Module,
    interface: Interface | None,
    method: str,
    *,
    url: Callable[[str], str],
    is_result: bool,
) -> None:
    """Check that the caller's token and roles open an interface (A-07, and the permissions of the roles).

    A partner speaks one version at a time: the functional modules of others are closed to it, and all of them while it
    is suspended. is_result: the request brings the result of an earlier one, in the version of that one.
    """
    if caller.issued.use is TokenUse.SPENT and not (module.id == ModuleID.CREDENTIALS and method == "POST"):
        raise UnauthorizedError(
            "This token was for the registration, which is done: use the token it returned. "
            "Only if that got lost, repeat the POST now.",
            data=_where_to_repeat(caller, url),
        )
    if module.configuration and module.single:
        return
    if caller.issued.use is not TokenUse.ACTIVE and not caller.is_registered:
        raise UnauthorizedError("This token opens versions and credentials only: register first.")
    if caller.platform.is_suspended and not is_result:
        raise ForbiddenError("The operator of this platform has stopped the exchange with you for now: ask them.")
    if caller.version != version.number and not is_result:
        raise ForbiddenError(
            f"You are registered with OCPI {caller.version} here, and this is OCPI {version.number}: "
            "to change to it, PUT its credentials."
        )
    roles = caller.platform.role_names
    if interface is not None and not services.permissions.may_call(roles, module.identifier, interface.role):
        if interface.hidden:
            raise NotFoundError(f"There is no {module.id} {interface.role} here for you.")
        if not roles:
            raise ForbiddenError("Your roles and parties are to be approved by the operator of this platform first.")
        listing = ", ".join(sorted(roles))
        raise ForbiddenError(f"Platforms with the roles {listing} may not call {module.id} {interface.role}.")
    side = side_of(services, caller.platform, version)
    if (
        side is not None
        and interface is not None
        and not side.offers(services.permissions, module.identifier, interface.role)
    ):
        raise ForbiddenError(f"This platform is {side.role} for you: it has no {module.id} {interface.role}.")


def _where_to_repeat(caller: Caller, url: Callable[[str], str]) -> bytes:
    """Return the part of the version details that a client needs after it lost the answer to its POST (CRED-31)."""
    version = str(caller.platform.version)
    endpoint = {
        "identifier": ModuleID.CREDENTIALS,
        "role": InterfaceRole.SENDER,
        "url": url(f"{version}/{ModuleID.CREDENTIALS}"),
    }
    return orjson.dumps({"version": version, "endpoints": [endpoint]})


def check_path(operation: Operation, path: dict[str, str], ctx: Context) -> None:
    """Check the identifiers in the URL, and that the caller may act for the owner it names (PUSH-05, PUSH-06)."""
    for parameter in operation.parameters:
        value = path[parameter.name]
        if not (parameter.min <= len(value) <= parameter.max and value.isascii() and value.isprintable()):
            raise _wrong_segment(parameter, value)
    if operation.owned:
        owner = party_named(path["country_code"], path["party_id"])
        if owner != ctx.routing.from_party and not ctx.services.platforms.speaks_for(ctx.caller.platform, owner):
            raise NotFoundError(f"{owner} in the URL is {_foreign(ctx.caller)}.")


def routing_of(
    version: Version, module: Module, caller: Caller, platforms: Platforms, environ: WSGIEnvironment
) -> Routing:
    """Return the parties in the routing headers; configuration modules ignore them (RT-02), and versions without.

    Raises InvalidParametersError when the caller may not act for the party in FROM (RT-23).
    """
    if not version.routes(module):
        return NOT_ROUTED
    routing = parse_routing(environ)
    sender = routing.from_party
    if sender is not None and not platforms.speaks_for(caller.platform, sender):
        raise InvalidParametersError(f"OCPI-from: {sender} is {_foreign(caller)}.")
    return routing


def _foreign(caller: Caller) -> str:
    if caller.platform.is_hub:
        return (
            "registered here directly, behind another hub, or in none of your ClientInfos, so a hub cannot act for it"
        )
    parties = caller.platform.parties
    more = f" and {len(parties) - _SHOWN} more" if len(parties) > _SHOWN else ""
    return f"not one of your parties, which are {', '.join(map(str, parties[:_SHOWN]))}{more}"


def _wrong_segment(parameter: PathParameter, value: str) -> InvalidParametersError:
    if len(value) > parameter.max:
        return InvalidParametersError(f"{parameter.name} in the URL is longer than {parameter.max} characters.")
    if len(value) < parameter.min:
        return InvalidParametersError(f"{parameter.name} in the URL is shorter than {parameter.min} characters.")
    return InvalidParametersError(f"{parameter.name} in the URL must be printable ASCII.")
