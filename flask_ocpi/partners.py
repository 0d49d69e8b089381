"""The registered platforms, decoded once until one changes, and found by what they receive and whom they speak for."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from flask_ocpi.enums import InterfaceRole
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage

if TYPE_CHECKING:
    from flask_ocpi.platform_records import Platform

#: For how long platforms are believed to be as they were when nothing says that they changed, in seconds: for those who
#: change the records in another way than by :class:`flask_ocpi.platforms.Platforms`.
LONGEST_AGE = 10.0

_LAST_CHANGE = Key.of("", "", "last change")


class Partners:
    """The registered platforms of one moment.

    hubs: those of them that are hubs. awaiting_endpoints: those whose endpoints are to be fetched again.
    """

    def __init__(self, platforms: Iterable[Platform] = ()) -> None:
        self._places: dict[str, int] = {}
        self._by_party: dict[Party, list[Platform]] = {}
        self._receiving: dict[str, Sequence[Platform]] = {}
        self._registered = tuple(platform for platform in platforms if platform.is_registered)
        self.hubs = tuple(platform for platform in self._registered if platform.is_hub)
        self.awaiting_endpoints = tuple(p for p in self._registered if p.endpoints_due is not None)
        for place, platform in enumerate(self._registered):
            self._places[platform.id] = place
            for party in platform.parties:
                self._by_party.setdefault(party, []).append(platform)

    def speaking_for(self, party: Party) -> Sequence[Platform]:
        """Return the platforms that have a party themselves."""
        return self._by_party.get(party, ())

    def receiving(self, module: str) -> Sequence[Platform]:
        """Return the platforms that offer the Receiver interface of a module."""
        found = self._receiving.get(module)
        if found is None:
            found = tuple(platform for platform in self._registered if _receives(platform, module))
            self._receiving[module] = found
        return found

    def reached(self, module: str, audience: Sequence[Party]) -> Sequence[Platform]:
        """Return those that receive a module and may be for an audience, in the order in which they were added.

        audience: empty for everybody. Others are not looked at, however many there are.
        """
        if not audience:
            return self.receiving(module)
        near = {platform.id: platform for party in audience for platform in self.speaking_for(party)}
        near.update((hub.id, hub) for hub in self.hubs)
        found = (platform for platform in near.values() if _receives(platform, module))
        return sorted(found, key=lambda platform: self._places[platform.id])


@dataclass(frozen=True, slots=True)
class _Remembered:
    change: bytes
    until: float
    partners: Partners


class RememberedPartners:
    """The partners, read again when any platform changed, in this process or another.

    kind: the kind of records among which, of no party, the last change is noted. read: walks all platforms.
    """

    def __init__(self, storage: Storage, kind: str, read: Callable[[], Iterable[Platform]]) -> None:
        self._storage = storage
        self._kind = kind
        self._read = read
        self._remembered: _Remembered | None = None

    def note_change(self) -> None:
        """Have all processes see that a platform changes in the transaction that is open."""
        # Never the same twice, also after a rollback.
        change = Record.of({"platforms": [], "change": secrets.token_hex(8)})
        self._storage.save(self._kind, _LAST_CHANGE, change)

    def get(self) -> Partners:
        """Return the partners as they are now."""
        change = self._last_change()
        known = self._remembered
        if known is not None and change and known.change == change and monotonic() < known.until:
            return known.partners
        with self._storage.transaction():  # also where lists outside of one come from a replica, which may be behind
            change, partners = self._last_change(), Partners(self._read())
        self._remembered = _Remembered(change, monotonic() + LONGEST_AGE, partners)
        return partners

    def _last_change(self) -> bytes:
        record = self._storage.get(self._kind, _LAST_CHANGE)
        return b"" if record is None else record.text


def _receives(platform: Platform, module: str) -> bool:
    return platform.endpoint(module, InterfaceRole.RECEIVER) is not None
