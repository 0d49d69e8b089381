"""Pushing at once: send an own object to everybody that it is for, and say what became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from flask_ocpi.client.client import Client
from flask_ocpi.context import Services
from flask_ocpi.description import Document
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.push.recipients import recipients
from flask_ocpi.storage.base import Party

_log = logging.getLogger("flask_ocpi.client")


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a push to one party; ``error`` None: it was taken.

    platform: the id of the platform it was sent to. party: for whom; None where a hub spreads it.
    """

    platform: str
    error: FlaskOCPIError | None = None
    party: Party | None = None


def push(
    services: Services,
    connect: Callable[..., Client],
    module: str,
    document: Document,
    audience: tuple[Party, ...],
) -> list[Pushed]:
    """Send an object once to each party that is to have it.

    A failure is logged and does not hold up the others; nothing is repeated (T-33, CLI-12). ``connect`` makes a client
    of a platform, and of its party ``to``.
    """
    pushed = []
    for recipient in list(recipients(services, services.platforms.partners(), module, audience)):
        platform, party = recipient.platform, recipient.party
        try:
            connect(platform, to=party).module(module).push(document)
        except FlaskOCPIError as error:
            names = services.object_type(module).id_key
            what = f"{module} {' '.join(str(document.get(name)) for name in names)!a}"
            pushed.append(failed(platform.id, party, error, what=what))
        else:
            pushed.append(Pushed(platform.id, party=party))
    return pushed


def failed(platform: str, party: Party | None, error: FlaskOCPIError, *, what: str) -> Pushed:
    """Log and return that a party of a platform did not take what was pushed, or was not sent it."""
    outcome = "was not sent" if isinstance(error, InvalidParametersError) else "did not take"
    _log.warning("%s %s %s: %s", platform if party is None else f"{platform} ({party})", outcome, what, error)
    return Pushed(platform, error, party)
