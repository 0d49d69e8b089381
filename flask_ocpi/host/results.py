"""Results that come later: those that the host application owes, and those that it waits for."""

from __future__ import annotations

import abc
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any
from typing import cast

from flask_ocpi.client import callbacks
from flask_ocpi.client.client import Client
from flask_ocpi.client.connection import only
from flask_ocpi.client.wire import Transport
from flask_ocpi.core.description import Document
from flask_ocpi.core.enums import BOOKINGS
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import to_micros
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NoResultError
from flask_ocpi.errors import RemoteError
from flask_ocpi.exchange import pending
from flask_ocpi.exchange.context import Answer
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.logs import is_answering
from flask_ocpi.exchange.pending import Call
from flask_ocpi.host.objects import OwnObjects
from flask_ocpi.modules.bookings import answer_of
from flask_ocpi.modules.bookings_lifecycle import answered
from flask_ocpi.modules.chargingprofiles import profile_senders
from flask_ocpi.outbox.delivery import Pushed
from flask_ocpi.outbox.delivery import failed
from flask_ocpi.partners.platforms import UnknownPlatformError
from flask_ocpi.storage.base import Party

if TYPE_CHECKING:
    from flask_ocpi.exchange.typed import Booked
    from flask_ocpi.exchange.typed import Outcome

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5


class HostCalls(abc.ABC):
    """Results that come later: of partners' requests, and of our requests."""

    client: Callable[..., Client]

    @property
    @abc.abstractmethod
    def services(self) -> Services:
        """The services of this platform."""

    @property
    @abc.abstractmethod
    def transport(self) -> Transport:
        """The transport to partners."""

    @property
    @abc.abstractmethod
    def objects(self) -> OwnObjects:
        """The objects of the own parties."""

    def finish(self, id: str, result: Outcome) -> bool:
        """Send the result of a command or profile request that was answered with ACCEPTED, from any process.

        id: that of its Reply. result: its type, such as "ACCEPTED", or the whole document: a CommandResult, or the
        result of the charging profile request. It is sent once, now; False if the partner did not accept it. In a hook
        or listener, while a partner waits for the answer, it is sent in the background. Raises NotFoundError for an
        unknown id, InvalidParametersError if there is a result already.
        """
        if not pending.finish(self.services, id, cast("Answer", result)):
            return True
        if is_answering():
            self.services.background(lambda: self.services.deliver(id))
            return True
        return self.services.deliver(id)

    def send_timeouts(self) -> int:
        """End the commands and profile requests whose time is over; return their number.

        A process that dispatches calls it; with OCPI_DISPATCHER = "inline", as in tests, call it yourself.
        """
        return callbacks.send_timeouts(self.services, self.transport)

    def call(self, call_id: str) -> Call:
        """Return the current state of an own command or profile request; raise NotFoundError if there is none."""
        return pending.get_call(self.services, call_id)

    def wait(self, id: str, timeout: float | None = None) -> Call:
        """Wait for the result of an own command or profile request, and return the request.

        The result may arrive in another process. timeout: seconds; defaults to the time that the partner gave. Raises
        NoResultError when it is over. In a hook it raises CrowdedError when too many other requests wait already:
        see OCPI_MAX_WAITING.
        """
        if is_answering():
            with self.services.waits.waiting_for(self.call(id).platform):
                return self._wait(id, timeout)
        return self._wait(id, timeout)

    def _wait(self, id: str, timeout: float | None) -> Call:
        seconds = self._seconds_to(self.call(id).expires) if timeout is None else timeout
        ends = time.monotonic() + seconds
        pause = _FIRST_PAUSE
        while True:
            call = self.call(id)
            if call.result is not None or call.state is pending.CallState.REFUSED:
                return call
            if time.monotonic() >= ends:
                raise NoResultError(f"The result of {call.operation} did not come in time.")
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def answer_booking(self, id: str, answer: Booked, *, party: Party | None = None) -> Document:
        """Answer a PENDING booking request, from any process, and return the Booking.

        id: that of its BookingReply. answer: as a result of the booking hook. The Booking is sent to the eMSP.
        Raises NotFoundError for an unknown booking, InvalidParametersError if it has no PENDING request.
        """
        status, changes = answer_of(answer)
        booking = self.objects.get(BOOKINGS, id, party=party)
        now = format_date_time(self.services.clock())
        after = answered(booking, status, changes=changes, now=now)
        self.objects.save(BOOKINGS, after)
        return after

    def push_active_profile(
        self, session_id: str, profile: dict[str, Any], *, party: Party | None = None
    ) -> list[Pushed]:
        """Send the changed active profile to all partners that set a profile of our session (CHP-12).

        ``party`` is the own party of the session, if there are several. Returns the outcome for each partner; a failure
        of one does not stop the others.
        """
        owner = party or only(self.services.own_parties(ModuleID.CHARGINGPROFILES, InterfaceRole.RECEIVER))
        if owner is None:
            raise InvalidParametersError("Several own parties have sessions: say whose it is with party=.")
        return [
            self._push_active_profile(session_id, profile, platform, owner=owner, to=sender)
            for platform, sender in profile_senders(self.services, session_id, owner)
        ]

    def background(self, work: Callable[[], object]) -> None:
        """Run a function in the background, in the app's context; a failure is logged.

        Use it for long work in a hook or a listener: a partner waits for their return.
        """
        self.services.background(work)

    def _push_active_profile(
        self, session_id: str, profile: dict[str, Any], platform_id: str, *, owner: Party, to: Party | None
    ) -> Pushed:
        what = f"the active profile of session {session_id!a}"
        platform = self.services.platforms.get(platform_id)
        if platform is None:
            return failed(platform_id, to, UnknownPlatformError(f"Platform {platform_id} is gone."), what=what)
        try:
            self.client(platform, sender=owner, to=to).chargingprofiles.put_active(session_id, profile)
        except RemoteError as error:
            return failed(platform_id, to, error, what=what)
        return Pushed(platform_id, party=to)

    def _seconds_to(self, moment: int) -> float:
        return (moment - to_micros(format_date_time(self.services.clock()))) / 1_000_000
