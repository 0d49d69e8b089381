"""The Receiver interfaces of a platform, which take our objects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from flask_ocpi.client.addresses import joined
from flask_ocpi.client.operations import path_of
from flask_ocpi.client.probe.checks import SkippedError
from flask_ocpi.client.probe.seen import Seen
from flask_ocpi.client.probe.session import Session
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.storage.base import Party

_UNKNOWN = "PROBE-UNKNOWN"


class Receiver:
    """One Receiver interface with objects of ours. read: its GET of a whole object."""

    def __init__(self, session: Session, module: Module, url: str, read: Operation) -> None:
        self.session = session
        self.module = module
        self.url = url
        self.read = read

    @property
    def name(self) -> str:
        return self.module.id

    @property
    def party(self) -> Party:
        """Our party that owns the objects; raises SkippedError if there is none."""
        found = self.session.own_party(self.module, InterfaceRole.SENDER)
        if found is None:
            raise SkippedError("No party of ours has such objects.")
        return found

    def ask(self, operation: Operation, *ids: str, body: bytes | None = None) -> Seen:
        """Call an operation on an object of ours."""
        path = path_of(operation, [self.party.country_code, self.party.party_id, *ids])
        return self.session.ask(
            operation.method,
            joined(self.url, path),
            module=self.module,
            operation=self.module.view_name(InterfaceRole.RECEIVER, operation),
            headers=self.session.routing(self.module, InterfaceRole.RECEIVER),
            body=body,
        )

    @cached_property
    def unknown(self) -> Seen:
        """The answer to the request of an object that it never got."""
        return self.ask(self.read, *[_UNKNOWN] * (len(self.read.parameters) - 2))


def receivers_of(session: Session) -> Sequence[Receiver]:
    """Return the Receiver interfaces of the platform for objects that we own."""
    found = []
    for module in session.modules(InterfaceRole.RECEIVER):
        interface = module.interface(InterfaceRole.RECEIVER)
        operations = () if interface is None else interface.operations
        read = next((o for o in operations if o.owned and o.method == "GET" and not o.part), None)
        url, certain = session.endpoint(module, InterfaceRole.RECEIVER)
        if read is not None and url is not None and certain and not module.single:
            found.append(Receiver(session, module, url, read))
    return found
