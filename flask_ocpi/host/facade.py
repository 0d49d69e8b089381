"""What a host application calls: the same on OCPI() and on current_ocpi."""

from __future__ import annotations

import abc
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

from flask_ocpi.client.client import Client
from flask_ocpi.client.wire import Transport
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.copies import Copies
from flask_ocpi.exchange.documents import Saved
from flask_ocpi.exchange.finding_store import Findings
from flask_ocpi.exchange.overloads import Patch
from flask_ocpi.exchange.overloads import Save
from flask_ocpi.exchange.overloads import typed_as
from flask_ocpi.host.journal import Journal
from flask_ocpi.host.objects import OwnObjects
from flask_ocpi.host.outbox import Outbox
from flask_ocpi.host.partners import Partners
from flask_ocpi.host.results import HostCalls
from flask_ocpi.host.state import State
from flask_ocpi.outbox.delivery import Pushed
from flask_ocpi.outbox.delivery import push
from flask_ocpi.outbox.dispatcher import Dispatcher
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import HostSession
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Storage
from flask_ocpi.sync.crawling import pull
from flask_ocpi.sync.receiving import Pulled
from flask_ocpi.sync.syncing import Synced
from flask_ocpi.sync.syncing import sync_all

if TYPE_CHECKING:
    from flask_ocpi.host.prices import Prices


class Facade(HostCalls):
    """The groups of one platform, and the short ways to what is used most."""

    @property
    @abc.abstractmethod
    def state(self) -> State:
        """The parts of the platform that is meant."""

    @property
    def services(self) -> Services:
        """What request handlers and the client work with."""
        return self.state.services

    @property
    def storage(self) -> Storage:
        return self.services.storage

    @property
    def transport(self) -> Transport:
        """The way to other platforms; made when it is first needed."""
        return self.state.transport

    @property
    def specs(self) -> Mapping[str, Mapping[str, Any]]:
        """The OpenAPI documents by version, each made when it is first asked for."""
        return self.state.specs

    @property
    def versions_url(self) -> str:
        """The URL to hand to partners; raises ConfigurationError without OCPI_BASE_URL."""
        return self.state.versions_url

    @property
    def objects(self) -> OwnObjects:
        """The objects of the own parties, of every module: save, save_all, patch, get, delete, documents."""
        return self.state.objects

    @property
    def copies(self) -> Copies:
        """The objects that other platforms sent, of every module: get, documents, move, remove."""
        return self.state.copies

    @property
    def findings(self) -> Findings:
        """What was wrong with what other platforms sent, and what was made of it: list, find, remove, remove_all."""
        return self.services.findings

    @property
    def journal(self) -> Journal:
        """The messages that were exchanged with partners: list, find, follow, replay, flush."""
        return self.state.journal

    @property
    def pricing(self) -> Prices:
        """Quotes, prices, audits and lints with what is stored: quote, cost_so_far, build_cdr, audit, lint_all."""
        return self.state.pricing

    @property
    def partners(self) -> Partners:
        """The other platforms: invite, register, rotate, unregister, approve, list, find, status."""
        return self.state.partners

    @property
    def outbox(self) -> Outbox:
        """The changes of own objects that partners have not seen: list, lags, retry, discard, flush."""
        return self.state.outbox

    @property
    def dispatcher(self) -> Dispatcher:
        """What delivers the changes of own objects, and sees to time-outs and scheduled syncs."""
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
        """Create or replace one of our own objects, and tell which it was. See :meth:`OwnObjects.save`."""
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
        """Change one of our own objects, or a part of it. See :meth:`OwnObjects.patch`."""
        return self.objects.patch(module, *ids, changes=changes, party=party, session=session)

    def delete(self, module: str, *ids: str, party: Party | None = None, session: HostSession | None = None) -> None:
        """Remove one of our own objects. See :meth:`OwnObjects.delete`."""
        self.objects.delete(module, *ids, party=party, session=session)

    def client(
        self,
        platform: Platform | str,
        *,
        sender: Party | None = None,
        to: Party | None = None,
        correlation_id: str | None = None,
    ) -> Client:
        """Return a client for a registered platform, given as its record, id, name or party ("NL-ABC").

        Given by a party, that party is addressed, unless ``to`` names another one.
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
        """Fetch a platform's objects of a module and store copies; without dates it is the whole truth (PAG-20)."""
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
        """Fetch what changed at one platform, or at all, since the last time; resume an interrupted sync.

        ``full`` reads the whole lists, and removes copies of what they lack; ``force`` also when a list is empty.
        Returns what became of each module of a platform, for each own party that receives it; the error of one is in
        its result, and does not hold up the others. progress is called with such a result as often as it changes.
        """
        for module in modules:
            self.objects.object_type(module)
        found = self.services.platforms.find(platform) if isinstance(platform, str) else platform
        chosen = list(self.services.platforms.all()) if found is None else [found]
        return sync_all(self.services, self.client, chosen, modules, full=full, force=force, progress=progress)

    def push(self, module: str, *ids: str, party: Party | None = None) -> list[Pushed]:
        """Send the current state of an own object to every registered party that it is for, once.

        Returns what became of it for each party; a failure of one does not hold up the others.
        """
        record = self.objects.record(module, *ids, party=party)
        return push(self.services, self.client, module, record.document, record.audience)

    def start(self) -> None:
        """Start dispatching in this process, rather than with its first need: call it where the app is served.

        So what an earlier process left is sent also when no request comes.
        """
        self.dispatcher.start()


class OwnPlatform(Facade):
    """The platform of one app: ``app.extensions["ocpi"]``, and what current_ocpi stands for."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def state(self) -> State:
        return self._state
