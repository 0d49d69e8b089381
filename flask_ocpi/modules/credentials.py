"""The handshake as a server: another platform registers, renews or ends its registration with us."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterator
from functools import partial
from math import ceil

import orjson

from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.enums import Role
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import Url
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import Violation
from flask_ocpi.errors import ClientError
from flask_ocpi.errors import CrowdedError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import MethodNotAllowedError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import StatusCode
from flask_ocpi.errors import TooManyRequestsError
from flask_ocpi.errors import UnableToUseClientAPIError
from flask_ocpi.exchange import grants
from flask_ocpi.exchange import handshake
from flask_ocpi.exchange import logs
from flask_ocpi.exchange import sides
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Discovery
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.copies import registration_ended
from flask_ocpi.exchange.targets import Target
from flask_ocpi.modules.types import BusinessDetails
from flask_ocpi.modules.types import CountryCode
from flask_ocpi.modules.types import PartyId
from flask_ocpi.partners.auth_tokens import same_hash
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import TokenUse
from flask_ocpi.signals import platform_registered
from flask_ocpi.signals import platform_unregistered


def roles_are_unique(credentials: Document) -> Iterator[Violation]:
    """Refuse two roles that have the same role, country code and party id."""
    first: dict[tuple[str, ...], int] = {}
    for index, role in enumerate(credentials["roles"]):
        identity = (role["role"], role["country_code"].lower(), role["party_id"].lower())
        if first.setdefault(identity, index) != index:
            yield f"roles[{index}]", f"repeats role, country_code and party_id of roles[{first[identity]}]"


def hub_has_no_other_role(credentials: Document) -> Iterator[Violation]:
    """Refuse other roles beside that of a hub."""
    names = [role["role"] for role in credentials["roles"]]
    if Role.HUB in names:
        for index, name in enumerate(names):
            if name != Role.HUB:
                yield f"roles[{index}].role", "must be HUB as well: a Hub does not list the parties behind it"


class CredentialsRole(Schema):
    """A party of a platform in one of its roles (OCPI 2.2.1, Credentials, "CredentialsRole class")."""

    role = Enum(Role, without=(Role.PTP,), required=True, about="The role of the party.", example="CPO")
    business_details = Object(BusinessDetails, required=True, about="Name and website of the party.")
    party_id = PartyId(required=True, about="Party id, unique in the country.", example="ABC")
    country_code = CountryCode(required=True, about="ISO 3166-1 alpha-2 code of the party's country.", example="NL")


class Credentials(Schema):
    """The token, URL and roles by which a platform can be called (OCPI 2.2.1, Credentials, "Credentials object").

    No message about ``token`` repeats it.
    """

    rules = (roles_are_unique, hub_has_no_other_role)

    token = String(
        min=1,
        max=64,
        pattern="[!-~]+",
        pattern_hint="must be printable ASCII without blanks",
        required=True,
        about="The token with which the receiver of this object calls its sender; case-sensitive.",
        example="example-token-not-a-secret",
    )
    url = Url(
        called=True,
        required=True,
        about="URL of the versions endpoint of the sender.",
        example="https://ocpi.example.com/ocpi/versions",
    )
    roles = ListOf(
        Object(CredentialsRole),
        max=2000,
        required=True,
        about="The parties of the platform; each combination of role and ids is unique.",
    )


_log = logging.getLogger("flask_ocpi")


def get_credentials(ctx: Context, target: Target, body: None) -> Result:
    """Answer our credentials, with the token that the caller uses (CRED-02, CRED-03)."""
    return Result(_credentials(ctx, ctx.caller.token))


def post_credentials(ctx: Context, target: Target, body: Document) -> Result:
    """Register the calling platform: fetch its versions and endpoints, then issue its token (CRED-04 to CRED-12)."""
    return _accept(ctx, body, renewed=False)


def put_credentials(ctx: Context, target: Target, body: Document) -> Result:
    """Renew the registration: new credentials, endpoints fetched again, a new token issued (CRED-17 to CRED-20)."""
    return _accept(ctx, body, renewed=True)


def delete_credentials(ctx: Context, target: Target, body: None) -> Result:
    """End the registration: none of the tokens works any more, in either direction (CRED-21, CRED-22)."""
    ended = _change(ctx, partial(handshake.unregistered, now=ctx.services.now(), by="partner"))
    ctx.services.emit(platform_unregistered, platform=ctx.platform)
    remove = partial(registration_ended, ctx.services, ended)
    return Result(after=(lambda: ctx.services.background(remove),))


def check_unregistered(ctx: Context) -> None:
    """Raise MethodNotAllowedError if the token belongs to a registered platform already (CRED-08)."""
    if ctx.caller.issued.use not in (TokenUse.REGISTRATION, TokenUse.SPENT):
        message = "This platform is registered already; use PUT to renew the registration."
        raise MethodNotAllowedError(message, headers={"Allow": "GET, PUT, DELETE"})
    granted = ctx.platform.granted_version
    if granted not in (None, ctx.version.number):
        raise InvalidParametersError(f"You are invited to register in OCPI {granted}, not in {ctx.version.number}.")


def check_registered(ctx: Context) -> None:
    """Raise MethodNotAllowedError if there is no registration yet (CRED-20, CRED-21)."""
    if not ctx.caller.is_registered:
        message = "This platform is not registered yet; use POST first."
        raise MethodNotAllowedError(message, headers={"Allow": "GET, POST"})


def _accept(ctx: Context, body: Document, *, renewed: bool) -> Result:
    platforms = ctx.services.platforms
    before = ctx.platform
    body = sides.with_role(ctx.services, before, ctx.version, body)
    decision = grants.decide(ctx.services, before, body["roles"], version=ctx.version)
    discovery = _call_back(ctx, body)  # no transaction is open here: the other platform calls us meanwhile
    issued, token = platforms.issue(TokenUse.ACTIVE)
    old = handshake.retire(platforms, (ctx.caller.issued,), version=before.version)

    def registered(current: Platform) -> Platform:
        # A token of our own handshake that runs at the same time stays: the platform may get it at any moment.
        pending = (
            t for t in current.issued if t.use is TokenUse.PENDING and not same_hash(t.hash, ctx.caller.issued.hash)
        )
        decided = (
            decision if current is before else grants.decide(ctx.services, current, body["roles"], version=ctx.version)
        )
        tokens = (*old, *pending, issued)
        return handshake.registered(ctx.services, current, body, decision=decided, discovery=discovery, issued=tokens)

    after = _change(ctx, registered)
    ctx.services.emit(platform_registered, platform=after, renewed=renewed)
    grants.announce(ctx.services, before, after)
    resume = partial(ctx.services.registered, after)
    return Result(_credentials(ctx, token), after=(lambda: ctx.services.background(resume),))


def _call_back(ctx: Context, body: Document) -> Discovery:
    try:
        with ctx.services.handshakes.waiting_for(ctx.platform.id):
            discovery = ctx.services.discover(
                body["url"],
                body["token"],
                version=ctx.version.number,
                encoding=handshake.token_encoding(ctx.services, ctx.platform, ctx.version),
                platform=ctx.platform.id,
            )
    except CrowdedError as error:
        raise _busy(ctx, error) from error
    except RemoteError as error:
        raise _unusable(ctx, error) from error
    handshake.check_endpoints(discovery, ctx.services.settings.required_endpoints)
    return discovery


def _unusable(ctx: Context, error: RemoteError) -> UnableToUseClientAPIError:
    """Log why an endpoint could not be used, and return the answer, which is the same for every reason.

    The other platform chose the URL: the reason would tell it which hosts and ports there are around us.
    """
    about = logs.current()
    id = about.request_id if about is not None else ""
    endpoint = error.endpoint or "versions"
    where = f"{endpoint} endpoint of platform {ctx.platform.id}"
    _log.warning("The %s could not be used (request %s): %s", where, id, error)
    return UnableToUseClientAPIError(
        f"Your {endpoint} endpoint could not be used. It has to answer at a public https address, with a valid "
        "certificate, in time, and accept the token in your credentials. The operator of this platform finds the "
        f"reason in the log, by X-Request-ID {id or '(none)'}."
    )


def _busy(ctx: Context, error: CrowdedError) -> TooManyRequestsError:
    """Answer when to try again. Not with a server error (5xx or 3000): it is certain that nothing was changed."""
    seconds = ceil(ctx.services.settings.handshake_timeout)
    running = "A handshake of this platform is" if error.is_about_platform else "Other handshakes are"
    return TooManyRequestsError(
        f"{running} under way; nothing was changed by this one: repeat it in {seconds} seconds.",
        headers={"Retry-After": str(seconds)},
    )


def _change(ctx: Context, make: Callable[[Platform], Platform]) -> Platform:
    """Save the changed platform, with what others changed meanwhile; of two handshakes by one token the first wins."""
    used = ctx.caller.issued

    def checked(current: Platform) -> Platform:
        if not any(same_hash(token.hash, used.hash) and token.use is used.use for token in current.issued):
            raise ClientError("Another handshake of this platform was faster; nothing was changed by this one.")
        return make(current)

    return ctx.services.platforms.change(ctx.platform, checked)


def _credentials(ctx: Context, token: str) -> bytes:
    roles = sides.credentials_roles(ctx.services, ctx.platform, ctx.version)
    return orjson.dumps({"token": token, "url": ctx.url("versions"), "roles": roles})


HANDSHAKE_ERRORS = (
    StatusCode.UNABLE_TO_USE_CLIENT_API,
    StatusCode.UNSUPPORTED_VERSION,
    StatusCode.NO_MATCHING_ENDPOINTS,
)

MODULE = Module(
    id=ModuleID.CREDENTIALS,
    description="How two platforms register with each other and exchange their tokens.",
    interfaces=(
        Interface(
            InterfaceRole.SENDER,
            (
                Operation(
                    name="get_credentials",
                    method="GET",
                    path="",
                    summary="Get our credentials",
                    handler=get_credentials,
                    returns=Credentials,
                ),
                Operation(
                    name="post_credentials",
                    method="POST",
                    path="",
                    summary="Register",
                    description="Needs a registration token. The answer holds the token to use from now on.",
                    handler=post_credentials,
                    admits=check_unregistered,
                    body=Credentials,
                    returns=Credentials,
                    errors=HANDSHAKE_ERRORS,
                ),
                Operation(
                    name="put_credentials",
                    method="PUT",
                    path="",
                    summary="Renew the registration",
                    description="New token, parties, version or endpoints. The answer holds a new token.",
                    handler=put_credentials,
                    admits=check_registered,
                    body=Credentials,
                    returns=Credentials,
                    errors=HANDSHAKE_ERRORS,
                ),
                Operation(
                    name="delete_credentials",
                    method="DELETE",
                    path="",
                    summary="Unregister",
                    handler=delete_credentials,
                    admits=check_registered,
                ),
            ),
        ),
    ),
    configuration=True,
    single=True,
)
