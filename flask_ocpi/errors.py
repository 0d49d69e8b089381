"""Status codes and the exception tree: what can go wrong, with its OCPI code and its HTTP code."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from enum import IntEnum
from typing import ClassVar
from typing import NoReturn

__all__ = [
    "BlockedAddressError",
    "ClientError",
    "ConfigurationError",
    "ConflictError",
    "CrowdedError",
    "DeadlockError",
    "EndlessListError",
    "FlaskOCPIError",
    "ForbiddenError",
    "HubError",
    "HubTimeoutError",
    "IncompleteListError",
    "InvalidJSONError",
    "InvalidParametersError",
    "InvalidResponseError",
    "LongListError",
    "MethodNotAllowedError",
    "MissingEndpointError",
    "NoMatchingEndpointsError",
    "NoResultError",
    "NotConnectedError",
    "NotEnoughInformationError",
    "NotFoundError",
    "NotSaidError",
    "OCPIError",
    "PayloadTooLargeError",
    "ReceiverNotConnectedError",
    "RefusedError",
    "RemoteError",
    "RemovalWarning",
    "RequestTimeoutError",
    "ServerError",
    "StatusCode",
    "StorageError",
    "TooManyRequestsError",
    "UnableToUseClientAPIError",
    "UnansweredError",
    "UnauthorizedError",
    "UnknownLocationError",
    "UnknownReceiverError",
    "UnknownTokenError",
    "UnreachableError",
    "UnsupportedMediaTypeError",
    "UnsupportedVersionError",
    "abort",
    "is_success",
]


class StatusCode(IntEnum):
    """OCPI status codes (OCPI 2.2.1, "Status codes")."""

    SUCCESS = 1000
    CLIENT_ERROR = 2000
    INVALID_PARAMETERS = 2001
    NOT_ENOUGH_INFORMATION = 2002
    UNKNOWN_LOCATION = 2003
    UNKNOWN_TOKEN = 2004
    SERVER_ERROR = 3000
    UNABLE_TO_USE_CLIENT_API = 3001
    UNSUPPORTED_VERSION = 3002
    NO_MATCHING_ENDPOINTS = 3003
    HUB_ERROR = 4000
    UNKNOWN_RECEIVER = 4001
    HUB_TIMEOUT = 4002
    RECEIVER_NOT_CONNECTED = 4003


def is_success(status_code: int) -> bool:
    """Tell whether an OCPI status code means success: its first digit decides (1000 to 1999)."""
    return 1000 <= status_code < 2000


class RemovalWarning(FutureWarning):
    """Something works for now; the message names the version of its removal, and what to do before."""


class FlaskOCPIError(Exception):
    """Base of every exception this package raises on purpose.

    ``advice``: what to do about errors of this kind, for developers and operators, if the message does not say it. A
    traceback shows it below the message, and commands print it; partners never get it.
    """

    advice: ClassVar[str] = ""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        if self.advice:
            self.add_note(self.advice)


class ConfigurationError(FlaskOCPIError):
    """A setting is missing or wrong; the message names the key and shows the fix."""


class StorageError(FlaskOCPIError):
    """The storage failed or refused an operation."""

    advice = "`flask ocpi check` tests the storage, and `flask ocpi init-db` creates missing tables."


class DeadlockError(StorageError):
    """The database aborted a transaction in favour of another one: nothing was written, and it can run again."""

    advice = "Repeat the call."


class ConflictError(StorageError):
    """A record does not have the revision that the caller expected; nothing was written."""

    advice = "Read the record again, then repeat the call."


class OCPIError(FlaskOCPIError):
    """An error with an answer in the OCPI envelope.

    ``status_code`` is the OCPI code, ``http_status`` the HTTP code that goes with it. OCPI answers a well-formed
    request to an existing resource with HTTP 200 even when it refuses it, so 200 is the default. ``data`` is JSON text
    for the envelope, usually none. ``after`` takes functions to call once the answer is sent.
    """

    status_code: int = StatusCode.SERVER_ERROR
    http_status: int = 200
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        http_status: int | None = None,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.data = data
        if status_code is not None:
            self.status_code = status_code
        if http_status is not None:
            self.http_status = http_status
        self.extra_headers: Mapping[str, str] = {**self.headers, **(headers or {})}
        self.after: tuple[Callable[[], None], ...] = ()


class ClientError(OCPIError):
    """2000: the request cannot be served, and no narrower code fits."""

    status_code = StatusCode.CLIENT_ERROR


class InvalidParametersError(ClientError):
    """2001: something in the request is missing or wrong; the message names it."""

    status_code = StatusCode.INVALID_PARAMETERS


class NotSaidError(InvalidParametersError):
    """2001: the partner's version of OCPI has no way to say an object; the message gives the reason.

    for_now: it has one once a related object is stored.
    """

    for_now = False


class NotEnoughInformationError(ClientError):
    """2002: the request lacks information that the answer needs."""

    status_code = StatusCode.NOT_ENOUGH_INFORMATION


class InvalidJSONError(InvalidParametersError):
    """HTTP 400, 2001: the body is not JSON."""

    http_status = 400


class UnauthorizedError(ClientError):
    """HTTP 401, 2000: no credentials token, or one without access here."""

    http_status = 401
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": "Token"}


class ForbiddenError(ClientError):
    """HTTP 403, 2000: the roles of the calling partner do not use this interface."""

    http_status = 403


class NotFoundError(InvalidParametersError):
    """HTTP 404, 2001: no such resource, or none that the caller may see."""

    http_status = 404


class UnknownLocationError(NotFoundError):
    """HTTP 404, 2003: no such Location, EVSE or Connector."""

    status_code = StatusCode.UNKNOWN_LOCATION


class UnknownTokenError(NotFoundError):
    """HTTP 404, 2004: no such Token."""

    status_code = StatusCode.UNKNOWN_TOKEN


class MethodNotAllowedError(ClientError):
    """HTTP 405, 2000: this interface lacks the method, or does not allow it in this state of the registration."""

    http_status = 405


class RequestTimeoutError(ClientError):
    """HTTP 408: the body took longer than OCPI_BODY_TIMEOUT."""

    http_status = 408


class TooManyRequestsError(ClientError):
    """HTTP 429: the caller must wait; ``Retry-After`` gives the seconds."""

    http_status = 429


class PayloadTooLargeError(InvalidParametersError):
    """HTTP 413, 2001: the body is larger than OCPI_MAX_BODY_BYTES."""

    http_status = 413


class UnsupportedMediaTypeError(InvalidParametersError):
    """HTTP 415, 2001: the body has another format than JSON."""

    http_status = 415


class ServerError(OCPIError):
    """3000: the request was fine, the server failed."""


class UnableToUseClientAPIError(ServerError):
    """3001: a call back to the partner failed."""

    status_code = StatusCode.UNABLE_TO_USE_CLIENT_API


class UnsupportedVersionError(ServerError):
    """3002: the partner does not offer the version of this endpoint."""

    status_code = StatusCode.UNSUPPORTED_VERSION


class NoMatchingEndpointsError(ServerError):
    """3003: the partner lacks endpoints that this platform needs."""

    status_code = StatusCode.NO_MATCHING_ENDPOINTS


class HubError(OCPIError):
    """4000: the hub failed to deliver a message."""

    status_code = StatusCode.HUB_ERROR


class UnknownReceiverError(HubError):
    """4001: the party in the OCPI-to headers is unknown to the hub."""

    status_code = StatusCode.UNKNOWN_RECEIVER


class HubTimeoutError(HubError):
    """4002: the party that the hub forwarded to did not answer in time."""

    status_code = StatusCode.HUB_TIMEOUT


class ReceiverNotConnectedError(HubError):
    """4003: the party that the hub would forward to is not connected."""

    status_code = StatusCode.RECEIVER_NOT_CONNECTED


class RemoteError(FlaskOCPIError):
    """A call to a partner failed.

    endpoint: the called endpoint, in a handshake. call_id: the id of the command or charging profile whose result may
    still come; else None.
    """

    advice = "`flask ocpi journal` shows the request and the answer."
    endpoint: str | None = None
    call_id: str | None = None


class UnreachableError(RemoteError):
    """The partner could not be reached: network, TLS or time-out."""

    advice = "Check that it is up, with `flask ocpi status`, and its URL and certificate; the outbox is retried."


class UnansweredError(UnreachableError):
    """The partner did not answer in time; it is unknown whether it got the request."""

    advice = "Look whether it took effect before you repeat it; OCPI_HTTP_TIMEOUT is the time limit."


class NotConnectedError(RemoteError):
    """A hub says that a party behind it is not connected (HCI-09), or a partner is suspended: nothing is sent to it."""

    advice = (
        "Resume a suspended partner. For a party behind a hub, wait until the hub says that it is CONNECTED; "
        "`flask ocpi pull hubclientinfo` asks it."
    )


class CrowdedError(UnreachableError):
    """Nothing was sent: too many requests wait already, for partners or for this platform.

    ``is_about_platform``: they wait for the same partner.
    """

    advice = "Repeat it later, call less at the same time, or raise OCPI_MAX_WAITING."

    def __init__(self, message: str, *, is_about_platform: bool) -> None:
        super().__init__(message)
        self.is_about_platform = is_about_platform


class NoResultError(RemoteError):
    """The result of a command or charging profile did not come in time; it may still come."""

    advice = "`flask ocpi result ID` shows it, and the signal result_received reports it, once it is there."


class BlockedAddressError(RemoteError):
    """The address may not be called: not https, or not public (see OCPI_HTTP_ALLOW_PRIVATE)."""

    advice = (
        "Partners need a public https address. OCPI_HTTP_ALLOWED_HOSTS allows single hosts, and "
        "OCPI_HTTP_ALLOW_PRIVATE all of them, for development."
    )


class InvalidResponseError(RemoteError):
    """The answer of the partner is not an OCPI response."""

    advice = "Open the URL by hand: a proxy or a login page may answer. `flask ocpi probe` tells more."


class EndlessListError(InvalidResponseError):
    """A list of the partner does not end: its pages repeat, add nothing new, or are too many."""

    advice = "Report it to the partner. What was read is stored; OCPI_SYNC_MAX_PAGES is the most that is read."


class IncompleteListError(InvalidResponseError):
    """A list of the partner ended before the number of objects that it announced."""

    advice = "Sync again; if it stays, report it to the partner. What was read is stored, and no copy is removed."


class LongListError(RemoteError):
    """A list of the partner took longer than allowed (see OCPI_SYNC_MAX_SECONDS)."""

    advice = "Sync again: it resumes there. Or raise OCPI_SYNC_MAX_SECONDS."


class MissingEndpointError(RemoteError):
    """The partner does not offer the endpoint that a call needs."""

    advice = "`flask ocpi partners show PARTNER` lists what it offers; `flask ocpi rotate PARTNER` reads it again."


_ABOUT_US = frozenset({401, 408, 425, 429, 503})


class RefusedError(RemoteError):
    """The partner answered with an error in the envelope; ``status_message`` is its text.

    ``retry_after``: the seconds to wait before the next call, None without a Retry-After.
    """

    advice = (
        "`flask ocpi journal` shows the request and the answer. If it refuses our token, `flask ocpi check` says more."
    )

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        http_status: int,
        data: object = None,
        status_message: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status_message = status_message
        self.status_code = status_code
        self.http_status = http_status
        self.data = data

    @property
    def is_about_us(self) -> bool:
        """Tell whether the partner refused our token or the time of the call, not the content."""
        return self.http_status in _ABOUT_US or (self.http_status == 403 and not self.status_code)


_BY_CODE: dict[int, type[OCPIError]] = {
    error.status_code: error
    for error in (
        ClientError,
        InvalidParametersError,
        NotEnoughInformationError,
        ServerError,
        UnableToUseClientAPIError,
        UnsupportedVersionError,
        NoMatchingEndpointsError,
        HubError,
        UnknownReceiverError,
        HubTimeoutError,
        ReceiverNotConnectedError,
    )
}


def abort(status_code: int, message: str, *, http_status: int = 200) -> NoReturn:
    """Stop handling the request and answer with an OCPI status code, from any depth below a view.

    ``status_code`` may be a :class:`StatusCode` or a custom one (1900-1999, 2900-2999, ...).
    """
    error = _BY_CODE.get(status_code, OCPIError)
    raise error(message, status_code=status_code, http_status=http_status)
