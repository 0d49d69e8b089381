"""The page of errors: the classes and codes of flask_ocpi.errors, each with what to do. reference_pages writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flask_ocpi import errors
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import OCPIError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import StatusCode

#: What each status code of an answer means, and what the caller does about it.
CODES = {
    StatusCode.SUCCESS: ("The request was carried out.", "Nothing."),
    StatusCode.CLIENT_ERROR: (
        "The request cannot be served, and no narrower code fits.",
        "Read `status_message`. With HTTP 401, 403 or 405 see the table below.",
    ),
    StatusCode.INVALID_PARAMETERS: (
        "Something in the request is missing or wrong.",
        "`status_message` names it. Correct the object and save it: that sends it again. "
        "`flask ocpi outbox list --parked` shows what partners refused.",
    ),
    StatusCode.NOT_ENOUGH_INFORMATION: (
        "Information is missing that the answer depends on.",
        "Ask again with more of it. For an authorization that is the location and EVSE.",
    ),
    StatusCode.UNKNOWN_LOCATION: (
        "The Location, EVSE or Connector is unknown there, or not for you.",
        "For a command, sync the locations and compare the id. A push sends the whole Location by itself.",
    ),
    StatusCode.UNKNOWN_TOKEN: (
        "The Token is unknown there, or not for you.",
        "Compare uid and type; send the Token with `flask ocpi push tokens UID --partner PARTNER`.",
    ),
    StatusCode.SERVER_ERROR: (
        "The request was fine, and the server failed.",
        "Pushes are retried. If it stays, give the partner the `X-Request-ID`: `flask ocpi journal --failed` has it.",
    ),
    StatusCode.UNABLE_TO_USE_CLIENT_API: (
        "In a handshake, the other platform could not call back.",
        "Open your versions URL from outside: address, certificate and time of the answer. "
        "The other platform has the reason in its log.",
    ),
    StatusCode.UNSUPPORTED_VERSION: (
        "The platforms have no version in common, or not this one.",
        "Add the version to `OCPI_VERSIONS`, or agree on another one.",
    ),
    StatusCode.NO_MATCHING_ENDPOINTS: (
        "Endpoints are missing that one of the platforms needs.",
        "Compare both version details with the roles; `OCPI_REQUIRED_ENDPOINTS` is what you demand.",
    ),
    StatusCode.HUB_ERROR: ("The hub could not deliver the message.", "Pushes are retried. Ask the hub."),
    StatusCode.UNKNOWN_RECEIVER: (
        "The hub does not know the party that the message is for.",
        "Compare the party with the hub's [ClientInfos](hubclientinfo.md).",
    ),
    StatusCode.HUB_TIMEOUT: ("The party behind the hub did not answer in time.", "Pushes are retried."),
    StatusCode.RECEIVER_NOT_CONNECTED: (
        "The party behind the hub is not connected.",
        "Wait; pushes are retried. Its ClientInfo shows when it is back.",
    ),
}

#: What to do about the exceptions that bring no advice of their own.
ADVICE = {
    "FlaskOCPIError": "Catch it to catch all of these.",
    "ConfigurationError": "Change the setting that it names. `flask ocpi settings` shows where values come from.",
    "OCPIError": "In a hook, raise one with `flask_ocpi.abort(code, message)` to refuse a request.",
}


def error_page() -> Iterator[str]:
    """Return the lines of docs/errors.md below its heading."""
    yield (
        "An OCPI answer has an HTTP status and, in its envelope, a `status_code` with a `status_message`. In Python, "
        "`flask_ocpi.errors` has an exception for each kind of failure; [the API](api.md#errors) has the attributes.\n"
    )
    yield "## Status codes\n"
    yield "| Code | Name | Meaning | If a partner answers this |"
    yield "|---|---|---|---|"
    for code in StatusCode:
        meaning, advice = CODES[code]
        yield f"| {code.value} | `{code.name}` | {meaning} | {advice} |"
    yield (
        "\nCodes from 1900, 2900, 3900 and 4900 on are a platform's own; Flask-OCPI reads an unknown code by its first "
        "digit, and sends none.\n"
    )
    yield "## Exceptions in your application\n"
    yield "| Exception | Meaning | What to do |"
    yield "|---|---|---|"
    for kind in _classes():
        if kind in (OCPIError, RemoteError) or not issubclass(kind, OCPIError):
            advice = kind.advice or ADVICE[kind.__name__]
            yield f"| {'&emsp;' * _depth(kind)}`{kind.__name__}` | {_meaning(kind)} | {advice} |"
    yield "\n## Answers to partners\n"
    yield (
        "The exceptions that become an answer of your platform. `flask_ocpi.abort` raises the one of a code; the HTTP "
        "status is 200 where OCPI wants a refusal in the envelope alone.\n"
    )
    yield "| Exception | HTTP status | Code | Meaning |"
    yield "|---|---|---|---|"
    for kind in _classes():
        if issubclass(kind, OCPIError) and kind is not OCPIError:
            yield f"| `{kind.__name__}` | {kind.http_status} | {int(kind.status_code)} | {_meaning(kind)} |"


def _classes() -> Iterator[type[FlaskOCPIError]]:
    """Yield the classes, each before those that derive from it."""

    def below(kind: type[FlaskOCPIError]) -> Iterator[type[FlaskOCPIError]]:
        yield kind
        for each in vars(errors).values():
            if isinstance(each, type) and each.__base__ is kind:
                yield from below(each)

    return below(FlaskOCPIError)


def _depth(kind: type[FlaskOCPIError]) -> int:
    return kind.__mro__.index(FlaskOCPIError)


def _meaning(kind: type[FlaskOCPIError]) -> str:
    first = str(kind.__doc__).partition("\n\n")[0]
    text = re.sub(r"^(HTTP \d+)?(, )?(\d{4})?: ", "", " ".join(first.split())).replace("``", "`")
    return text[0].upper() + text[1:]
