"""The calls of the payments module."""

from __future__ import annotations

from collections.abc import Sequence

from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.client.wire import Answer
from flask_ocpi.core.description import Document
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import to_micros
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.documents import merge
from flask_ocpi.modules.payments import CONFIRMATIONS
from flask_ocpi.modules.payments import TERMINALS
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record


class PostedClient(ModuleClient):
    """Objects that their owner posts but that do not name it: terminals and financial advice confirmations."""

    def post(self, document: Document) -> Answer:
        """Post an object to the platform's Receiver interface; it replaces one with the same id."""
        operation = self.find(InterfaceRole.RECEIVER, lambda o: o.method == "POST")
        return self.send(operation, InterfaceRole.RECEIVER, (), body=self.checked(operation, document))

    def push(self, document: Document, *parents: str, owner: Party | None = None) -> Answer:
        """Send an object with POST."""
        if parents:
            raise InvalidParametersError(f"A {self.module.objects[0].name} has no parts.")
        return self.post(document)


class TerminalsClient(PostedClient):
    """The terminals of a PTP; the CPO that uses them activates, assigns and changes them."""

    def activate(self, terminal: Document) -> Answer:
        """Ask the PTP to activate a terminal; it posts the Terminal, with an id of its own, later."""
        return self._ask("activate_terminal", (), terminal)

    def deactivate(self, terminal_id: str) -> Answer:
        """Ask the PTP to deactivate a terminal."""
        operation = self.find(InterfaceRole.SENDER, lambda o: o.name == "deactivate_terminal")
        return self.send(operation, InterfaceRole.SENDER, (terminal_id,))

    def assign(self, terminal_id: str, *, location_ids: Sequence[str] = (), evse_uids: Sequence[str] = ()) -> Answer:
        """Set the locations and EVSEs of a terminal; both lists apply together, and replace the former ones."""
        return self.change(terminal_id, {"location_ids": list(location_ids), "evse_uids": list(evse_uids)})

    def change(self, terminal_id: str, changes: Document) -> Answer:
        """Change properties of a terminal at the PTP with PATCH, and in our copy of it; None clears one."""
        sent = {"last_updated": format_date_time(self.client.services.clock()), **changes}
        operation = self.find(InterfaceRole.SENDER, lambda o: o.name == "patch_terminal")
        answer = self.send(operation, InterfaceRole.SENDER, (terminal_id,), body=sent)
        self._keep(terminal_id, sent)
        return answer

    def replace(self, terminal: Document) -> Answer:
        """Replace the data of a terminal at the PTP with PUT, and our copy of it."""
        checked = self.checked(self.find(InterfaceRole.RECEIVER, lambda o: o.method == "POST"), terminal)
        sent = {"last_updated": format_date_time(self.client.services.clock()), **checked}
        answer = self._ask("put_terminal", (sent["terminal_id"],), sent)
        self._keep(sent["terminal_id"], sent, is_whole=True)
        return answer

    def _ask(self, name: str, segments: Sequence[str], terminal: Document) -> Answer:
        operation = self.find(InterfaceRole.SENDER, lambda o: o.name == name)
        sent = {"last_updated": format_date_time(self.client.services.clock()), **terminal}
        return self.send(operation, InterfaceRole.SENDER, segments, body=self.checked(operation, sent))

    def _keep(self, terminal_id: str, changes: Document, *, is_whole: bool = False) -> None:
        """Change our copies of a terminal as its owner did; a missing copy comes with the next list."""
        services, object_type = self.client.services, self.module.objects[0]
        for receiver in services.own_parties(self.module.id, InterfaceRole.RECEIVER):
            key = Key.of(*NOBODY, terminal_id, receiver, self.client.platform.id)
            with services.storage.transaction():
                record = services.storage.get(object_type.kind, key, for_update=True)
                if record is not None:
                    schema = services.schemas[object_type.schema]
                    document = merge(schema, {} if is_whole else record.document, changes)
                    made = Record.of(document, last_updated=to_micros(document["last_updated"]))
                    services.storage.save(object_type.kind, key, made)


class PaymentsClient(ModuleClient):
    """The payments module: terminals, and the payments captured at them."""

    @property
    def terminals(self) -> TerminalsClient:
        """The terminals."""
        return TerminalsClient(self.client, self.sibling(TERMINALS))

    @property
    def confirmations(self) -> PostedClient:
        """The financial advice confirmations."""
        return PostedClient(self.client, self.sibling(CONFIRMATIONS))
