"""Registration with partners, and their grants."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any

from flask_ocpi.client.client import Client
from flask_ocpi.client.connection import Connection
from flask_ocpi.client.registration import Registrar
from flask_ocpi.client.wire import Transport
from flask_ocpi.core import quirks
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange import grants
from flask_ocpi.exchange import handshake
from flask_ocpi.exchange import sides
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.grants import Documents
from flask_ocpi.exchange.sides import Side
from flask_ocpi.host.comparing import Diff
from flask_ocpi.host.diff import compare
from flask_ocpi.host.status import Card
from flask_ocpi.host.status import cards
from flask_ocpi.partners.claims import party_of
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.partners.platforms import Terms
from flask_ocpi.storage.base import Party

if TYPE_CHECKING:
    from flask_ocpi.client.probe.checks import Result
    from flask_ocpi.client.probe.report import Report
    from flask_ocpi.client.probe.session import Session

#: The record of an invited partner before it is known.
_NOBODY = Platform("", "", PlatformState.INVITED)
_PREFERENCES = ("first", "each", None)


@dataclass(frozen=True, slots=True)
class RoleRequest:
    """A role that a partner named and that needs an answer. held_by: the ids of the platforms that have its party.

    role: the CredentialsRole.
    """

    platform: Platform
    role: Mapping[str, Any]
    held_by: tuple[str, ...]

    @property
    def party(self) -> Party:
        return party_of(self.role)

    def to_dict(self) -> dict[str, Any]:
        return {"platform": self.platform.id, "role": dict(self.role), "held_by": list(self.held_by)}


class Partners:
    """Invites partners, registers with them, grants roles, and lists them: ``ocpi.partners``.

    Give a partner as its Platform, or as a text: its id, its name, or a party such as "NL-ABC".
    """

    def __init__(
        self,
        services: Services,
        transport: Callable[[], Transport],
        versions_url: Callable[[], str],
        connect: Callable[..., Client],
    ) -> None:
        self.services = services
        self._connect = connect
        self._transport = transport
        self._versions_url = versions_url

    def list(self) -> Sequence[Platform]:
        """Return the records of all partners, registered or not, in the order of creation."""
        return list(self.services.platforms.all())

    def find(self, platform: Platform | str) -> Platform:
        """Return the record of a partner; raise UnknownPlatformError if there is none, or several have the name."""
        return self.services.platforms.find(platform)

    def get(self, id: str) -> Platform | None:
        """Return the record of the partner with an id, or None."""
        return self.services.platforms.get(id)

    def status(self) -> Sequence[Card]:
        """Return a card about each partner: its state, the last contacts, what waits, what lags, what is wrong."""
        return cards(self.services, self.list())

    def card(self, platform: Platform | str) -> Card:
        """Return the card about a partner; ``to_dict`` makes plain data of it, without tokens."""
        return cards(self.services, [self.find(platform)])[0]

    def diff(
        self,
        platform: Platform | str,
        module: str,
        *ids: str,
        direction: str | None = None,
        party: Party | None = None,
        repair: bool = False,
        limit: int | None = None,
    ) -> Diff:
        """Compare the objects of a module with a partner, in the stored shape; the partner is called for it.

        direction: "theirs" compares what the partner has of our objects with what it would be sent in its version, one
        request an object; "copies" compares our copies with its list. By default the one that fits the module. ids:
        only this object; ``party`` is its own party, if several have the module. repair: put what differs into the
        outbox for this partner, or store it as it is in the list; copies that the list lacks stay. limit: the most
        objects to compare, by default 500 of ours or 100,000 of the list.
        """
        partner, services = self.find(platform), self.services
        partner.check_open()
        return compare(
            services, self._connect, partner, module, ids, direction=direction, party=party, repair=repair, limit=limit
        )

    def side(self, platform: Platform | str) -> Side | None:
        """Return our side for a partner that is registered in a version with one role, such as 2.1.1."""
        return sides.known_side(self.services, self.find(platform))

    def invite(
        self,
        *,
        name: str = "",
        token: str | None = None,
        platform: str | None = None,
        encoding: str | None = None,
        roles: Iterable[str] | None = None,
        parties: Iterable[Party] | None = None,
        version: str | None = None,
        own_role: str | None = None,
        own_party: Party | None = None,
    ) -> tuple[Platform, str]:
        """Create a registration token for a partner, new or (``platform``) known; it is shown only once (CRED-32).

        version: the number of the only version in which the partner can register. own_role, own_party: our role for it
        in a version with one role, such as 2.1.1: "CPO" or "EMSP", and the own party, if several have that role.
        roles, parties: its grants, such as ``["CPO"]`` and ``[Party.of("NL", "ABC")]``; other roles that it names wait
        for :meth:`approve`. Without them it gets the roles that it names first, if no other partner has them; HUB is
        granted by ``roles`` only.
        """
        known = None if platform is None else self.services.platforms.find(platform)
        terms = self._terms(encoding, roles, parties, own_role, own_party)
        if known is not None:
            terms = replace(terms, token_encoding=encoding or known.token_encoding)
            if known.is_registered:
                kept = sides.meant(self.services, known, terms)
                terms = replace(terms, own_role=kept.own_role, own_party=kept.own_party)
        if version is not None:
            terms = replace(terms, granted_version=version)
            sides.side_of(self.services, terms.on(known or _NOBODY), handshake.served(self.services, version))
        return self.services.platforms.invite(name=name, token=token, known=known, terms=terms)

    def register(
        self,
        versions_url: str,
        token: str,
        *,
        name: str | None = None,
        encoding: str | None = None,
        roles: Iterable[str] | None = None,
        parties: Iterable[Party] | None = None,
        version: str | None = None,
        own_role: str | None = None,
        own_party: Party | None = None,
    ) -> Platform:
        """Register with a partner by its versions URL and the registration token that it gave us.

        roles, parties: the grants among the roles in its answer, as in :meth:`invite`. version: defaults to the newest
        common one. own_role, own_party: as in :meth:`invite`.
        """
        terms = self._terms(encoding, roles, parties, own_role, own_party)
        return self._registrar().register(versions_url, token, name=name, version=version, terms=terms)

    def rotate(
        self,
        platform: Platform | str,
        *,
        version: str | None = None,
        own_role: str | None = None,
        own_party: Party | None = None,
    ) -> Platform:
        """Renew a registration: new tokens in both directions, endpoints fetched again.

        version: the version to change to; copies and outbox entries stay. own_role, own_party: as in :meth:`invite`, if
        that version needs them.
        """
        terms = self._terms(None, None, None, own_role, own_party)
        return self._registrar().rotate(self.find(platform), version=version, terms=terms)

    def unregister(self, platform: Platform | str, *, force: bool = False) -> Platform:
        """End a registration on both sides; ``force`` ends it here even if the partner cannot be told."""
        return self._registrar().unregister(self.find(platform), force=force)

    def suspend(self, platform: Platform | str, *, reason: str = "") -> Platform:
        """Stop the exchange of messages with a partner, without ending its registration; return its record.

        Its requests get HTTP 403, except versions and credentials; changes for it wait in the outbox, lists are not
        synced, and calls raise NotConnectedError. Results of earlier commands still pass. reason: for the operators of
        this platform.
        """
        found = self.find(platform)
        return self._change(found, suspended=found.suspended or self.services.now(), suspension=reason)

    def resume(self, platform: Platform | str) -> Platform:
        """Let messages pass again after :meth:`suspend`; what waits in the outbox is sent now."""
        resumed = self._change(platform, suspended=None, suspension="")
        self.services.registered(resumed)
        self.services.wake([resumed.id])
        return resumed

    def requests(self, platform: Platform | str | None = None) -> Sequence[RoleRequest]:
        """Return the roles beyond their grants that one partner, or each partner, names."""
        asking = self.list() if platform is None else [self.find(platform)]
        named = [(each, role) for each in asking for role in each.requested]
        claims = self.services.platforms.claims.of_many({party_of(role) for _, role in named})
        found = []
        for each, role in named:
            claim = claims.get(party_of(role))
            holders = () if claim is None else claim.platforms or ((claim.hub,) if claim.hub else ())
            found.append(RoleRequest(each, role, tuple(id for id in holders if id != each.id)))
        return found

    def approve(
        self,
        platform: Platform | str,
        *,
        roles: Iterable[str] | None = None,
        parties: Iterable[Party] | None = None,
        move: bool = False,
    ) -> Documents:
        """Grant the pending roles of a partner, all or only these roles and parties; return them.

        move: take parties from the platforms that have them.
        """
        chosen = None if parties is None else set(parties)
        found = self.find(platform)
        wanted = grants.checked_roles(roles)
        return grants.approve(self.services, found, roles=wanted, parties=chosen, move=move)[1]

    def reject(
        self,
        platform: Platform | str,
        *,
        roles: Iterable[str] | None = None,
        parties: Iterable[Party] | None = None,
    ) -> Documents:
        """Drop pending roles of a partner until it names them again; return them."""
        chosen = None if parties is None else set(parties)
        wanted = grants.checked_roles(roles)
        return grants.reject(self.services, self.find(platform), roles=wanted, parties=chosen)[1]

    def probe(
        self,
        partner: Platform | str,
        *,
        token: str | None = None,
        encoding: str | None = None,
        version: str | None = None,
        write: bool = False,
        progress: Callable[[Result], None] = lambda result: None,
    ) -> Report:
        """Check the platform of a registered partner, or the one at a versions URL, against the specification.

        token, encoding: what an address without a record accepts. version: by default that of the partner, or else the
        newest common one. progress: called with each result. It sends at most 80 requests, which change nothing at the
        partner; the journal has them. write: for test partners only: also write objects named PROBE-..., send commands
        and renew the registration, with at most 200 requests.
        """
        from flask_ocpi.client.probe.report import run  # serving does not need it

        return run(self._session(partner, token, encoding, version, write=write), progress=progress)

    def _session(
        self, partner: Platform | str, token: str | None, encoding: str | None, version: str | None, *, write: bool
    ) -> Session:
        from flask_ocpi.client.probe.session import Session

        services, number = self.services, None if version is None else handshake.served(self.services, version).number
        if isinstance(partner, str) and "://" in partner:
            if write:
                raise InvalidParametersError("Only a partner that is registered can be written to.")
            if token is None:
                raise InvalidParametersError("An address needs the token that it accepts.")
            spelling = encoding or services.settings.token_encoding
            bare = Connection(self._transport(), token, encoding=spelling, traffic=services.traffic)
            return Session(services, bare, partner, token, encoding=spelling, number=number)
        if token is not None:
            raise InvalidParametersError("Give a token only with a versions URL: that of a partner is known.")
        found = self.find(partner)
        client = Client(services, found, self._transport())
        return Session(
            services,
            client,
            found.versions_url or "",
            services.platforms.cipher.decrypt(str(found.token)),
            encoding=encoding or handshake.token_encoding(services, found),
            platform=found,
            number=number,
            renew=(lambda: self.rotate(found)) if write else None,
        )

    def push_parties(self, platform: Platform | str, which: str | None) -> Platform:
        """Send objects for all parties to the "first" party of a partner or to "each"; None: the default."""
        if which not in _PREFERENCES:
            raise InvalidParametersError(f"which must be first, each or None, not {which!a}.")
        return self._change(platform, push_parties=which)

    def set_quirks(
        self, platform: Platform | str, values: Mapping[str, Any] | None = None, *, unset: Iterable[str] = ()
    ) -> Platform:
        """Set quirks of a partner, such as ``{"no-patch": True, "page-limit": 50}``.

        unset: names of quirks that follow OCPI_QUIRKS again. See :data:`flask_ocpi.core.quirks.TABLE`.
        """
        gone = set(unset)
        quirks.check_names(gone)
        new = quirks.checked(values or {})

        def changed(current: Platform) -> Platform:
            kept = {name: value for name, value in current.quirks.items() if name not in gone}
            return replace(current, quirks={**kept, **new})

        return self.services.platforms.change(self.find(platform), changed)

    def quirks(self, platform: Platform | str) -> dict[str, Any]:
        """Return the quirks of a partner by name, including those of the settings."""
        in_force = self.services.quirks(self.find(platform))
        found = {name: getattr(in_force, item.name) for name, item in quirks.TABLE.items()}
        return {name: value for name, value in found.items() if value != quirks.TABLE[name].default}

    def stand_for(self, hub: Platform | str, party: Party) -> None:
        """Make a hub represent a party, in place of any other hub."""
        found = self.find(hub)
        if not found.is_hub:
            raise InvalidParametersError(
                f"Platform {found.id} is not a hub: only a partner with the role HUB has parties behind it."
            )
        claims = self.services.platforms.claims
        claims.check(party, claims.of(party).platforms)
        claims.assign(found.id, party)

    def _change(self, platform: Platform | str, **changes: Any) -> Platform:
        return self.services.platforms.change(self.find(platform), lambda current: replace(current, **changes))

    def _terms(
        self,
        encoding: str | None,
        roles: Iterable[str] | None,
        parties: Iterable[Party] | None,
        own_role: str | None,
        own_party: Party | None,
    ) -> Terms:
        role, party = sides.checked(self.services, own_role, own_party)
        return Terms(
            token_encoding=encoding,
            granted_roles=grants.checked_roles(roles),
            granted_parties=grants.checked_parties(self.services, parties),
            own_role=role,
            own_party=party,
        )

    def _registrar(self) -> Registrar:
        return Registrar(self.services, self._transport(), self._versions_url())
