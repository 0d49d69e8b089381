"""Counting tokens that are not in use, by the address they come from: who guesses is told to wait."""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from math import ceil

from flask_ocpi import forks

_log = logging.getLogger("flask_ocpi")

_WINDOW = 60.0  # seconds
_MOST = 10_000  # addresses


class RefusedTokens:
    """Counts the refused tokens of each address, for a minute from the first; ``limit`` 0 counts nothing.

    Only who sends an unknown token is ever told to wait: a token in use is looked up first, so no partner can be locked
    out by somebody else behind the same proxy. Of the addresses the latest ten thousand are known.
    """

    def __init__(self, limit: int, *, clock: Callable[[], datetime]) -> None:
        self._limit = limit
        self._clock = clock
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def note(self, address: str | None) -> int:
        """Count a refused token; return for how many seconds its sender has to wait, or 0."""
        if not self._limit:
            return 0
        network, now = network_of(address), self._clock().timestamp()
        with self._lock:
            began, count = self._seen.pop(network, (now, 0))
            if not 0 <= now - began < _WINDOW:  # over, or the clock was put back
                began, count = now, 0
            self._seen[network] = (began, count + 1)
            if len(self._seen) > _MOST:
                self._seen.popitem(last=False)
        if count < self._limit:
            return 0
        if count == self._limit:
            _log.warning("%s has sent more than %s unknown tokens within a minute.", network, self._limit)
        return max(1, ceil(began + _WINDOW - now))


def network_of(address: str | None) -> str:
    """Return whose an address is: an IPv4 address itself, of IPv6 the /64, since that much is everybody's at once."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:  # of a socket file, or what a proxy wrote
        return address or ""
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((int(ip), 64), strict=False))
