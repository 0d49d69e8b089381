"""The OCPI platform of one app: built once by the wiring, and used by commands and routes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING
from typing import Any

from flask_ocpi.client.addresses import AddressPolicy
from flask_ocpi.client.client import Client
from flask_ocpi.client.wire import Transport
from flask_ocpi.core import forks
from flask_ocpi.core.config import Settings
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.copies import Copies
from flask_ocpi.exchange.journal_writer import Writer
from flask_ocpi.host.actions import Actions
from flask_ocpi.host.journal import Journal
from flask_ocpi.host.objects import OwnObjects
from flask_ocpi.host.outbox import Outbox
from flask_ocpi.host.partners import Partners
from flask_ocpi.host.stored import StoredObjects
from flask_ocpi.outbox.deliveries import Dispatcher
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import HostSession
from flask_ocpi.storage.base import Party

if TYPE_CHECKING:
    from flask_ocpi.host.audits import Audits
    from flask_ocpi.host.prices import Prices
    from flask_ocpi.pricing.rules import RuleBook


class State:
    """The parts of one platform. services, dispatcher and writer are set by :func:`flask_ocpi.host.wiring.wire`.

    shared_session: returns the host's ``db.session``, or None if that was not used.
    """

    services: Services
    dispatcher: Dispatcher
    writer: Writer
    #: The OpenAPI documents by version, each made on first use.
    specs: Mapping[str, Mapping[str, Any]] = {}

    def __init__(
        self, settings: Settings, transport: Transport | None, shared_session: Callable[[], HostSession | None]
    ) -> None:
        self.settings = settings
        self._shared_session = shared_session
        self._transport = transport
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._transport_made = threading.Lock()

    @cached_property
    def objects(self) -> OwnObjects:
        return OwnObjects(self.services, self._shared_session)

    @cached_property
    def copies(self) -> Copies:
        return Copies(self.services)

    @cached_property
    def partners(self) -> Partners:
        return Partners(self.services, lambda: self.transport, lambda: self.versions_url, self.client)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self.services, self.dispatcher)

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.services, self.writer, self.client)

    @cached_property
    def actions(self) -> Actions:
        return Actions(self.services)

    @cached_property
    def stored(self) -> StoredObjects:
        return StoredObjects(self.services)

    @cached_property
    def audits(self) -> Audits:
        from flask_ocpi.host.audits import Audits  # startup does not need the engine

        return Audits(lambda: self.services, audit_rules(self.settings))

    @cached_property
    def pricing(self) -> Prices:
        from flask_ocpi.host.prices import Prices

        return Prices(self.services, self.audits)

    @property
    def transport(self) -> Transport:
        if self._transport is None:
            with self._transport_made:  # threads that push share one transport, and so its connections
                self._transport = self._transport or _http_transport(self.settings)
        return self._transport

    @property
    def versions_url(self) -> str:
        """The URL to give to partners; raises ConfigurationError without OCPI_BASE_URL."""
        if self.settings.base_url is None:
            raise ConfigurationError(
                "OCPI_BASE_URL is missing: set it to the public address of this app, such as https://ocpi.example.com. "
                "For a first try: FLASK_OCPI_BASE_URL=http://127.0.0.1:5000"
            )
        return f"{self.settings.base_url}{self.settings.url_prefix}/versions"

    def client(
        self,
        platform: Platform | str,
        *,
        sender: Party | None = None,
        to: Party | None = None,
        correlation_id: str | None = None,
    ) -> Client:
        """Return a client for a partner; see :meth:`flask_ocpi.host.facade.Facade.client`."""
        found = self.services.platforms.find(platform)
        found.check_open()
        if to is None and isinstance(platform, str):
            others = (party for party in found.parties if party not in found.hub_parties)  # to a hub: a broadcast
            to = next((party for party in others if str(party) == platform.upper()), None)
        return Client(self.services, found, self.transport, sender=sender, to=to, correlation_id=correlation_id)


def audit_rules(settings: Settings) -> RuleBook:
    """Read OCPI_AUDIT_RULES; raise ConfigurationError for wrong ones."""
    from flask_ocpi.pricing.findings import PricingError
    from flask_ocpi.pricing.rules import read_rules

    try:
        return read_rules(settings.audit_rules)
    except PricingError as error:
        raise ConfigurationError(str(error)) from error


def _http_transport(settings: Settings) -> Transport:
    from flask_ocpi.client.transport import HTTPTransport  # only when a partner is called

    return HTTPTransport(
        policy=AddressPolicy(settings.http_allow_private, settings.http_allowed_hosts),
        connect_timeout=settings.http_connect_timeout,
        read_timeout=settings.http_timeout,
        total_timeout=settings.http_timeout,
        max_bytes=settings.http_max_bytes,
        ca_bundle=settings.http_ca_bundle,
        client_certificate=settings.http_client_certificate,
        platform_tls=settings.http_platform_tls,
        pool_size=max(10, settings.push_concurrency),
    )
