"""Claims on parties: by the platforms that registered them, or by the first hub that represents them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage

PARTIES = "platform_parties"

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Claim:
    """The claim on a party.

    platforms: the ids of the platforms that registered it; they have priority over the hub. hub: the id of the hub that
    represents it. released: that hub reported that the party left.
    """

    platforms: tuple[str, ...] = ()
    hub: str | None = None
    released: bool = False
    revision: int = 0

    @classmethod
    def of(cls, record: Record) -> Claim:
        document = record.document
        return cls(tuple(document["platforms"]), document.get("hub"), document.get("released", False), record.revision)

    def to_record(self) -> Record:
        more = {"hub": self.hub, "released": self.released}
        known = {name: value for name, value in more.items() if value}
        return Record.of({"platforms": sorted(self.platforms), **known})


_NOBODY = Claim()


class Claims:
    """The claims of all partners. is_hub: tells whether the platform with an id is registered as a hub."""

    def __init__(self, storage: Storage, *, own: Iterable[Party], shared: bool, is_hub: Callable[[str], bool]) -> None:
        self.storage = storage
        self.own = frozenset(own)
        self.shared = shared
        self._is_hub = is_hub

    def of(self, party: Party) -> Claim:
        record = self.storage.get(PARTIES, _key(party))
        return _NOBODY if record is None else Claim.of(record)

    def of_many(self, parties: Collection[Party]) -> dict[Party, Claim]:
        found = self.storage.get_many(PARTIES, [_key(party) for party in parties])
        return {key.owner: Claim.of(record) for key, record in found.items()}

    def check(self, party: Party, others: Collection[str]) -> None:
        """Raise InvalidParametersError if a party that a platform names is ours, or is claimed by ``others``."""
        if self.shared:
            return
        if party in self.own:
            raise InvalidParametersError(f"roles: {party} is a party of this platform; it cannot register here.")
        if others:
            raise InvalidParametersError(
                f"roles: {party} is registered by another platform. It has to unregister first, "
                "or the operator of this platform has to allow it."
            )

    def change(
        self,
        platform: str,
        *,
        before: Collection[Party],
        after: Collection[Party],
        beside: Callable[[str], bool] = lambda id: False,
    ) -> None:
        """Release the parties that a platform no longer has and claim its new ones, in the caller's transaction.

        beside: tells whether the platform with an id may have the same parties. Raises InvalidParametersError if a
        party is taken.
        """
        new, gone = set(after) - set(before), set(before) - set(after)
        if not new and not gone:
            return
        # All callers lock in the same order, so that two claims on the same parties never wait for each other.
        here = dict(self.storage.get_many(PARTIES, [_key(party) for party in new | gone], for_update=True))
        here |= self._create(platform, sorted(party for party in new if _key(party) not in here))
        changed = []
        for key, record in here.items():
            claim = Claim.of(record)
            others = set(claim.platforms) - {platform}
            if key.owner in new:
                # Checked under the lock: an earlier check may be out of date.
                self.check(key.owner, {id for id in others if not beside(id)})
                others |= {platform}
            elif not others and claim.hub is None:
                self.storage.delete(PARTIES, key)
                continue
            changed.append((key, replace(claim, platforms=tuple(others)).to_record()))
        if changed:
            self.storage.save_many(PARTIES, changed)

    def _create(self, platform: str, parties: Iterable[Party]) -> dict[Key, Record]:
        """Claim free parties; return the claims, locked, on those that another platform took at this moment."""
        records = []
        for party in parties:
            self.check(party, ())
            records.append((_key(party), Claim((platform,)).to_record()))
        if not records:
            return {}
        made = self.storage.create_many(PARTIES, records)
        late = [key for (key, _), new in zip(records, made, strict=True) if not new]
        return dict(self.storage.get_many(PARTIES, late, for_update=True)) if late else {}

    # Parties behind hubs.

    def is_behind(self, hub: str, party: Party) -> bool:
        """Tell whether a hub represents a party, or may: no other hub does, and this one never sent ClientInfos."""
        claim = self.of(party)
        if claim.platforms or party in self.own:
            return False
        return claim.hub == hub or (self._standing(claim) is None and not self.tells(hub))

    def speaks(self, hub: str, party: Party) -> bool:
        """Tell whether a hub may speak for a party; a hub without ClientInfos claims the party by speaking for it."""
        if self.shared:
            return True
        claim = self.of(party)
        if claim.platforms or party in self.own:
            return False
        return claim.hub == hub or (not self.tells(hub) and self._take(hub, party) == hub)

    def told(self, hub: str, parties: Collection[Party]) -> dict[Party, str]:
        """Note that a hub reported the parties behind it; return those that another hub represents, with its id.

        No hub represents own parties, or parties of registered platforms.
        """
        marker = _marker(hub)
        if self.storage.get(PARTIES, marker) is None:
            self.storage.create_many(PARTIES, [(marker, _NOBODY.to_record())])
        here = self.of_many(parties)
        standing = {id: self._is_hub(id) for id in {claim.hub for claim in here.values() if claim.hub is not None}}
        free = sorted({party for party in parties if party not in here and party not in self.own})
        made = self.storage.create_many(PARTIES, [(_key(party), Claim(hub=hub).to_record()) for party in free])
        contested = {party: self._take(hub, party) for party, new in zip(free, made, strict=True) if not new}
        for party, claim in here.items():
            if claim.released or (claim.hub != hub and not standing.get(claim.hub or "")):
                contested[party] = self._take(hub, party)
            elif not claim.platforms:
                contested[party] = claim.hub
        return {party: other for party, other in contested.items() if other not in (None, hub)}

    def tells(self, hub: str) -> bool:
        """Tell whether a hub has sent ClientInfos."""
        return self.storage.get(PARTIES, _marker(hub)) is not None

    def release(self, hub: str, party: Party) -> None:
        """Release a party that this hub reported as gone; another hub's party stays."""
        self._change(party, lambda claim: replace(claim, released=True) if claim.hub == hub else None)

    def assign(self, hub: str, party: Party) -> None:
        """Make a hub represent a party, in place of any other hub."""
        self._change(party, lambda claim: replace(claim, hub=hub, released=False))

    def forget(self, hub: str) -> None:
        """Release all parties of a platform that is no longer a hub."""
        self.storage.delete(PARTIES, _marker(hub))

    def _take(self, hub: str, party: Party) -> str | None:
        """Let a hub represent a party if no other hub does; return the hub that does, None for a registered party."""

        def taken(claim: Claim) -> Claim | None:
            free = claim.released or self._standing(claim) is None
            return replace(claim, hub=hub, released=False) if free and not claim.platforms else None

        claim = self._change(party, taken)
        return None if claim.platforms else claim.hub

    def _standing(self, claim: Claim) -> str | None:
        """Return the hub that represents a party; None if that platform is no longer a hub."""
        return claim.hub if claim.hub is not None and self._is_hub(claim.hub) else None

    def _change(self, party: Party, change: Callable[[Claim], Claim | None]) -> Claim:
        """Change a claim in a transaction and return it; a change of None leaves it as it is."""
        for _ in range(_ATTEMPTS):
            claim = self.of(party)
            changed = change(claim)
            if changed is None or changed == claim:
                return claim
            try:
                self.storage.save(PARTIES, _key(party), changed.to_record(), expected=claim.revision)
            except ConflictError:
                continue
            return changed
        raise ConflictError(f"The claim on {party} changes too often; try again.")


def party_of(role: Mapping[str, Any]) -> Party:
    """Return the party that a document names, such as a CredentialsRole or a Token."""
    return Party.of(role["country_code"], role["party_id"])


def _key(party: Party) -> Key:
    return Key.of(party.country_code, party.party_id, "")


def _marker(hub: str) -> Key:
    """Return the key of the record of a hub that has sent ClientInfos."""
    return Key.of("", "", hub)
