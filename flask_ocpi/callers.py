"""Whose a credentials token is, remembered for a moment, so that not every request reads it from the storage."""

from __future__ import annotations

import hashlib
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask_ocpi.platforms import Caller

_MOST = 1000


class Callers:
    """The callers behind Authorization headers that were looked up less than ``seconds`` ago; 0 remembers none.

    A header is kept as its hash. Whoever changed a platform forgets all of them: in this process a revoked token opens
    nothing from then on, in others for so many seconds at the most.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._changes = 0

    @property
    def changes(self) -> int:
        """How often all were forgotten: what was read before the last time is not remembered."""
        return self._changes

    def get(self, header: str) -> Caller | None:
        """Return the caller that sent this header a moment ago."""
        found = self._known.get(_hashed(header))
        return found[1] if found is not None and monotonic() < found[0] else None

    def remember(self, header: str, caller: Caller, *, changes: int) -> None:
        """Remember a caller, as it was read when there had been so many ``changes``."""
        if not self._seconds or changes != self._changes:
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[_hashed(header)] = (monotonic() + self._seconds, caller)

    def forget(self) -> None:
        """Forget all: a platform changed."""
        self._changes += 1
        self._known = {}


def _hashed(header: str) -> bytes:
    return hashlib.sha256(header.encode("utf-8", "surrogateescape")).digest()
