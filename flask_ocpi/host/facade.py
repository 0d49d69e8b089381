"""The API of OCPI() and current_ocpi for the host application."""

from __future__ import annotations

import abc
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from contextlib import nullcontext
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
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NoResultError
from flask_ocpi.errors import RemoteError
from flask_ocpi.exchange import pending
from flask_ocpi.exchange.context import Answer
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.copies import Copies
from flask_ocpi.exchange.documents import Saved
from flask_ocpi.exchange.finding_store import Findings
from flask_ocpi.exchange.logs import is_answering
from flask_ocpi.exchange.pending import Call
from flask_ocpi.exchange.typed import typed_as
from flask_ocpi.exchange.typed_saves import Patch
from flask_ocpi.exchange.typed_saves import Save
from flask_ocpi.host.actions import Actions
from flask_ocpi.host.journal import Journal
from flask_ocpi.host.objects import OwnObjects
from flask_ocpi.host.outbox import Outbox
from flask_ocpi.host.partners import Partners
from flask_ocpi.host.state import State
from flask_ocpi.host.stored import StoredObjects
from flask_ocpi.modules.bookings import answer_of
from flask_ocpi.modules.bookings_lifecycle import answered
from flask_ocpi.modules.chargingprofiles import profile_senders
from flask_ocpi.outbox.deliveries import Dispatcher
from flask_ocpi.outbox.delivery import Pushed
from flask_ocpi.outbox.delivery import failed
from flask_ocpi.outbox.delivery import push
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import UnknownPlatformError
from flask_ocpi.storage.base import HostSession
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Storage
from flask_ocpi.sync.crawling import pull
from flask_ocpi.sync.receiving import Pulled
from flask_ocpi.sync.syncing import Synced
from flask_ocpi.sync.syncing import sync_all

if TYPE_CHECKING:
    from flask_ocpi.exchange.typed import Booked
    from flask_ocpi.exchange.typed import Outcome
    from flask_ocpi.host.prices import Prices

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5


class Facade(abc.ABC):
    """The groups of one platform, and shortcuts for the most frequent calls."""

    @property
    @abc.abstractmethod
    def state(self) -> State:
        """The parts of the current platform."""

    @property
    def services(self) -> Services:
        """The services of request handlers and the client."""
        return self.state.services

    @property
    def storage(self) -> Storage:
        return self.services.storage

    @property
    def transport(self) -> Transport:
        """The transport to partners, made on first use."""
        return self.state.transport

    @property
    def specs(self) -> Mapping[str, Mapping[str, Any]]:
        """The OpenAPI documents by version, each made on first use."""
        return self.state.specs

    @property
    def versions_url(self) -> str:
        """The URL to hand to partners; raises ConfigurationError without OCPI_BASE_URL."""
        return self.state.versions_url

    @property
    def objects(self) -> OwnObjects:
        """The objects of the own parties, in every module: save, save_all, patch, get, delete, documents."""
        return self.state.objects

    @property
    def copies(self) -> Copies:
        """The copies of partners' objects, in every module: get, documents, move, remove."""
        return self.state.copies

    @property
    def findings(self) -> Findings:
        """The findings about partners' data and their outcomes: list, find, remove, remove_all."""
        return self.services.findings

    @property
    def journal(self) -> Journal:
        """The messages exchanged with partners: list, find, follow, story, replay, flush."""
        return self.state.journal

    @property
    def actions(self) -> Actions:
        """The actions of people in the console: list, find, noted."""
        return self.state.actions

    @property
    def stored(self) -> StoredObjects:
        """All stored objects, own ones and copies, as people look for them: page, find, with_id, send."""
        return self.state.stored

    @property
    def pricing(self) -> Prices:
        """Quotes, prices, audits and lints of stored objects: quote, cost_so_far, build_cdr, audit, lint_all."""
        return self.state.pricing

    @property
    def partners(self) -> Partners:
        """The partners: invite, register, rotate, unregister, approve, list, find, status, card."""
        return self.state.partners

    @property
    def outbox(self) -> Outbox:
        """The changes of own objects that partners have not received yet: list, lags, retry, discard, flush."""
        return self.state.outbox

    @property
    def dispatcher(self) -> Dispatcher:
        """Delivers the changes of own objects, and runs time-outs and scheduled syncs."""
        return self.state.dispatcher

    @typed_as[Save]()
    def save(
        self,
        module: str,
        document: dict[str, Any],
        *,
        audience: tuple[Party, ...] | None = None,
        session: HostSession | None = None,
        version: str | None = None,
        party: Party | None = None,
    ) -> Saved:
        """Create or replace an own object, and return which of these it did. See :meth:`OwnObjects.save`."""
        return self.objects.save(module, document, audience=audience, session=session, version=version, party=party)

    @typed_as[Patch]()
    def patch(
        self,
        module: str,
        *ids: str,
        changes: Any = None,
        party: Party | None = None,
        session: HostSession | None = None,
    ) -> dict[str, Any]:
        """Change an own object, or a part of it. See :meth:`OwnObjects.patch`."""
        return self.objects.patch(module, *ids, changes=changes, party=party, session=session)

    def delete(self, module: str, *ids: str, party: Party | None = None, session: HostSession | None = None) -> None:
        """Remove an own object. See :meth:`OwnObjects.delete`."""
        self.objects.delete(module, *ids, party=party, session=session)

    def client(
        self,
        platform: Platform | str,
        *,
        sender: Party | None = None,
        to: Party | None = None,
        correlation_id: str | None = None,
    ) -> Client:
        """Return a client for a registered partner, given as its record, id, name or party ("NL-ABC").

        A client for a party addresses that party, unless ``to`` names another one.
        """
        return self.state.client(platform, sender=sender, to=to, correlation_id=correlation_id)

    def pull(
        self,
        module: str,
        platform: Platform | str,
        *,
        date_from: str | None = None,
        date_to: str | None = None,
        receiver: Party | None = None,
        progress: Callable[[Pulled], None] = lambda _: None,
    ) -> Pulled:
        """Fetch a partner's objects of a module and store copies; without dates the list is complete (PAG-20)."""
        client = self.client(platform, sender=receiver)
        return pull(client, module, date_from=date_from, date_to=date_to, receiver=receiver, progress=progress)

    def sync(
        self,
        platform: Platform | str | None = None,
        modules: Collection[str] = (),
        *,
        full: bool = False,
        force: bool = False,
        progress: Callable[[Synced], None] = lambda _: None,
    ) -> list[Synced]:
        """Fetch the changes at one partner, or at all, since the last sync; resume an interrupted sync.

        ``full`` reads the complete lists and removes copies that are missing from them; ``force`` does so for empty
        lists too. Returns the outcome for each module of a partner and each own party that receives it. An error is
        part of its result and does not stop the other syncs. progress is called with a result each time it changes.
        """
        for module in modules:
            self.objects.object_type(module)
        if platform is None:
            chosen = list(self.services.platforms.all())
        else:
            chosen = [self.services.platforms.find(platform)]
            chosen[0].check_open()
        return sync_all(self.services, self.client, chosen, modules, full=full, force=force, progress=progress)

    def push(self, module: str, *ids: str, party: Party | None = None) -> list[Pushed]:
        """Send the current state of an own object once to every registered party in its audience.

        Returns the outcome for each party; a failure of one does not stop the others.
        """
        record = self.objects.record(module, *ids, party=party)
        return push(self.services, self.client, module, record.document, record.audience)

    def start(self) -> None:
        """Start dispatching in this process now, not on first use. Call it where the app is served.

        It also sends the outbox entries of an earlier process when no request comes.
        """
        self.dispatcher.start()

    # Results that come later: those that the host application owes, and those that it waits for.

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
        call = self.call(id)
        seconds = (call.expires - self.services.now()) / SECOND if timeout is None else timeout
        ends, pause = time.monotonic() + seconds, _FIRST_PAUSE
        with self.services.waits.waiting_for(call.platform) if is_answering() else nullcontext():
            while call.result is None and call.state is not pending.CallState.REFUSED:
                if time.monotonic() >= ends:
                    raise NoResultError(f"The result of {call.operation} did not come in time.")
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                call = self.call(id)
        return call

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
        what, pushed = f"the active profile of session {session_id!a}", []
        for platform, sender in profile_senders(self.services, session_id, owner):
            try:
                self.client(platform, sender=owner, to=sender).chargingprofiles.put_active(session_id, profile)
            except (RemoteError, UnknownPlatformError) as error:
                pushed.append(failed(platform, sender, error, what=what))
            else:
                pushed.append(Pushed(platform, party=sender))
        return pushed

    def background(self, work: Callable[[], object]) -> None:
        """Run a function in the background, in the app's context; a failure is logged.

        Use it for long work in a hook or a listener: a partner waits for their return.
        """
        self.services.background(work)


class OwnPlatform(Facade):
    """The platform of one app, in ``app.extensions["ocpi"]``; current_ocpi refers to it."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def state(self) -> State:
        return self._state
