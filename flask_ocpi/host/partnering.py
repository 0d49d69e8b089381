"""Registering with other platforms, and what they are granted: the part of :class:`OCPI` that is about partners."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask_ocpi.client.registration import Registrar
from flask_ocpi.client.wire import Transport
from flask_ocpi.core import quirks
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange import grants
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.grants import Documents
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Party

_PREFERENCES = ("first", "each", None)


class Partnering(abc.ABC):
    """How other platforms become partners, and what they may be."""

    @property
    @abc.abstractmethod
    def services(self) -> Services:
        """What this platform is made of."""

    @property
    @abc.abstractmethod
    def transport(self) -> Transport:
        """The way to other platforms."""

    @property
    @abc.abstractmethod
    def versions_url(self) -> str:
        """The URL to hand to partners."""

    def invite(
        self,
        *,
        name: str = "",
        token: str | None = None,
        platform: str | None = None,
        encoding: str | None = None,
        roles: Iterable[str] | None = None,
        parties: Iterable[Party] | None = None,
    ) -> tuple[Platform, str]:
        """Create a registration token for a partner, new or (``platform``) known; it is shown this once (CRED-32).

        roles, parties: what it is granted, such as ``["CPO"]`` and ``[Party.of("NL", "ABC")]``; what it names beyond
        that waits for :meth:`approve`. Without them it gets what it names first, as far as nobody else has it; HUB is
        granted by ``roles`` only.
        """
        known = None if platform is None else self.services.platforms.find(platform)
        default = None if known is None else known.token_encoding
        return self.services.platforms.invite(
            name=name,
            token=token,
            known=known,
            encoding=encoding or default,
            roles=grants.checked_roles(roles),
            parties=grants.checked_parties(self.services, parties),
        )

    def register(
        self,
        versions_url: str,
        token: str,
        *,
        name: str | None = None,
        encoding: str | None = None,
        roles: Iterable[str] | None = None,
        parties: Iterable[Party] | None = None,
    ) -> Platform:
        """Register with another platform by its versions URL and the registration token it gave us.

        roles, parties: what it is granted of what it answers, as in :meth:`invite`.
        """
        return self._registrar().register(
            versions_url,
            token,
            name=name,
            encoding=encoding,
            roles=grants.checked_roles(roles),
            parties=grants.checked_parties(self.services, parties),
        )

    def rotate(self, platform: Platform | str) -> Platform:
        """Renew a registration: new tokens in both directions, endpoints fetched again."""
        return self._registrar().rotate(self._found(platform))

    def unregister(self, platform: Platform | str, *, force: bool = False) -> Platform:
        """End a registration on both sides; ``force`` ends it here even when the other side cannot be told."""
        return self._registrar().unregister(self._found(platform), force=force)

    def approve(
        self,
        platform: Platform | str,
        *,
        roles: Iterable[str] | None = None,
        parties: Iterable[Party] | None = None,
        move: bool = False,
    ) -> Documents:
        """Grant what a platform names and waits for, all or what is of these roles and parties; return it.

        move: take parties from the platforms that have them.
        """
        chosen = None if parties is None else set(parties)
        found = self._found(platform)
        wanted = grants.checked_roles(roles)
        return grants.approve(self.services, found, roles=wanted, parties=chosen, move=move)[1]

    def reject(
        self,
        platform: Platform | str,
        *,
        roles: Iterable[str] | None = None,
        parties: Iterable[Party] | None = None,
    ) -> Documents:
        """Drop what a platform names and waits for, until it names it again; return it."""
        chosen = None if parties is None else set(parties)
        wanted = grants.checked_roles(roles)
        return grants.reject(self.services, self._found(platform), roles=wanted, parties=chosen)[1]

    def push_parties(self, platform: Platform | str, which: str | None) -> Platform:
        """Say whether what is for everybody goes to the "first" party of a platform or to "each"; None: by default."""
        if which not in _PREFERENCES:
            raise InvalidParametersError(f"Say first, each or None, not {which!a}.")
        found = self._found(platform)
        return self.services.platforms.save(replace(found, push_parties=which), before=found)

    def set_quirks(
        self, platform: Platform | str, values: Mapping[str, Any] | None = None, *, unset: Iterable[str] = ()
    ) -> Platform:
        """Say what is done differently for a platform, such as ``{"no-patch": True, "page-limit": 50}``.

        unset: names for which what OCPI_QUIRKS says counts again. See :data:`flask_ocpi.core.quirks.TABLE`.
        """
        found = self._found(platform)
        gone = set(unset)
        quirks.check_names(gone)
        kept = {name: value for name, value in found.quirks.items() if name not in gone}
        changed = replace(found, quirks={**kept, **quirks.checked(values or {})})
        return self.services.platforms.save(changed, before=found)

    def stand_for(self, hub: Platform | str, party: Party) -> None:
        """Have a hub stand for a party, whichever hub did before."""
        found = self._found(hub)
        if not found.is_hub:
            raise InvalidParametersError(f"Platform {found.id} is no hub.")
        claims = self.services.platforms.claims
        claims.check(party, claims.of(party).platforms)
        claims.assign(found.id, party)

    def _found(self, platform: Platform | str) -> Platform:
        return self.services.platforms.find(platform) if isinstance(platform, str) else platform

    def _registrar(self) -> Registrar:
        return Registrar(self.services, self.transport, self.versions_url)
