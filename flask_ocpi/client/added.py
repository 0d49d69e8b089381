"""The calls of the modules that 2.3.0 adds: payments, bookings and invoicereconciliation."""

from __future__ import annotations

from collections.abc import Sequence

from flask_ocpi.client.listing import Listing
from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.client.wire import Answer
from flask_ocpi.core.description import Document
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import to_micros
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RefusedError
from flask_ocpi.exchange.documents import merge
from flask_ocpi.exchange.documents import replace_record
from flask_ocpi.modules.bookings import BOOKING_LOCATIONS
from flask_ocpi.modules.bookings_lifecycle import progress
from flask_ocpi.modules.payments import CONFIRMATIONS
from flask_ocpi.modules.payments import TERMINALS
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record


class PostedClient(ModuleClient):
    """Objects that their owner posts, such as terminals and financial advice confirmations."""

    def post(self, document: Document) -> Answer:
        """Post an object to the platform's Receiver interface."""
        return self.posted(document)[1]

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
        return self.call("deactivate_terminal", terminal_id, role=InterfaceRole.SENDER)

    def assign(self, terminal_id: str, *, location_ids: Sequence[str] = (), evse_uids: Sequence[str] = ()) -> Answer:
        """Set the locations and EVSEs of a terminal; both lists apply together, and replace the former ones."""
        return self.change(terminal_id, {"location_ids": list(location_ids), "evse_uids": list(evse_uids)})

    def change(self, terminal_id: str, changes: Document) -> Answer:
        """Change properties of a terminal at the PTP with PATCH, and in our copy of it; None clears one."""
        sent = self._dated(changes)
        operation = self.find(InterfaceRole.SENDER, lambda o: o.name == "patch_terminal")
        answer = self.send(operation, InterfaceRole.SENDER, (terminal_id,), body=sent)
        self._keep(terminal_id, sent)
        return answer

    def replace(self, terminal: Document) -> Answer:
        """Replace the data of a terminal at the PTP with PUT, and our copy of it."""
        checked = self.checked(self.find(InterfaceRole.RECEIVER, lambda o: o.method == "POST"), terminal)
        sent = self._dated(checked)
        answer = self._ask("put_terminal", (sent["terminal_id"],), sent)
        self._keep(sent["terminal_id"], sent, is_whole=True)
        return answer

    def _ask(self, name: str, segments: Sequence[str], terminal: Document) -> Answer:
        operation = self.find(InterfaceRole.SENDER, lambda o: o.name == name)
        checked = self.checked(operation, self._dated(terminal))
        return self.send(operation, InterfaceRole.SENDER, segments, body=checked)

    def _dated(self, document: Document) -> Document:
        return {"last_updated": format_date_time(self.client.services.clock()), **document}

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


class BookingLocationsClient(ModuleClient):
    """The locations and times that can be booked at a CPO."""

    def available(self, *, timeslot_from: str | None = None, timeslot_to: str | None = None) -> Listing:
        """Walk the BookingLocations with a free timeslot that overlaps these DateTimes."""
        given = {"timeslot_from": timeslot_from, "timeslot_to": timeslot_to}
        return Listing(self.pages(filters={name: value for name, value in given.items() if value is not None}))


class BookingsClient(ModuleClient):
    """Bookings at a CPO: requests make, change and cancel them."""

    @property
    def locations(self) -> BookingLocationsClient:
        """The locations and times that can be booked."""
        return BookingLocationsClient(self.client, self.sibling(BOOKING_LOCATIONS))

    def request(self, request: Document) -> Document:
        """Book with a BookingRequest and return the Booking, which is kept as a copy.

        The same ``request_id`` again changes the booking. The CPO sends a PENDING booking again after its decision.
        Raises RefusedError if the CPO refuses the request itself.
        """
        operation = self.find(InterfaceRole.SENDER, lambda o: o.name == "post_booking_request")
        checked = self.checked(operation, request)
        asker = Party.of(checked["country_code"], checked["party_id"])
        services = self.client.services
        if asker not in services.own_parties(self.module.id, InterfaceRole.RECEIVER):
            raise InvalidParametersError(
                f"country_code and party_id: {asker} is not one of our own parties that book. Use one that is an EMSP."
            )
        answer = self.send(operation, InterfaceRole.SENDER, (), body=checked, owner=asker)
        booking = self.loaded(operation, answer, object=checked["request_id"])
        object_type = self.module.objects[0]
        owner = Party.of(*object_type.owner_of(booking))
        if not services.platforms.speaks_for(self.client.platform, owner):
            raise InvalidResponseError(f"{self.client.platform.id} answered with a booking of {owner}.")
        key = Key.of(*owner, object_type.id_of(booking), asker, self.client.platform.id)
        record = Record.of(booking, last_updated=to_micros(booking["last_updated"]))

        def newest(stored: Record | None) -> Record:  # a pushed booking may be faster than the answer
            return record if stored is None or progress(stored.document) < progress(booking) else stored

        return replace_record(services.storage, object_type.kind, key, newest).document

    def cancel(self, booking: Document, reason: str = "UNKNOWN", *, by: str = "EMSP") -> Document:
        """Cancel a requested booking, and return it. reason: a CanceledReason."""
        asked = booking["booking_requests"][-1]["booking_request"]
        return self.request({**asked, "canceled": {"cancellation_reason": reason, "who_canceled": by}})


class InvoiceReconciliationClient(PostedClient):
    """The invoicereconciliation module."""

    pushes_new_only = True

    def push(self, document: Document, *parents: str, owner: Party | None = None) -> Answer:
        """Post a record as new; put it if the platform refuses that."""
        try:
            return self.post(document)
        except RefusedError as error:
            is_about_it = 400 <= error.http_status < 500 or 2000 <= error.status_code < 3000
            if error.is_about_us or not is_about_it:
                raise
        return super().put(document)

    def put(self, document: Document, *parents: str, owner: Party | None = None) -> Answer:
        """Put a record that the platform has; post it if the platform does not have it."""
        try:
            return super().put(document)
        except RefusedError as error:
            if error.http_status != 404:
                raise
        return self.post(document)
