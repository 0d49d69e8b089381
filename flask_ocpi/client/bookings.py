"""The calls of the bookings module."""

from __future__ import annotations

from flask_ocpi.client.listing import Listing
from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.core.description import Document
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.moments import to_micros
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.exchange.documents import replace_record
from flask_ocpi.modules.bookings import BOOKING_LOCATIONS
from flask_ocpi.modules.bookings_lifecycle import progress
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record


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
